//! `noctriage evaluate`: is a model better than what was there before, where does it fail, what comes next? Files in,
//! reports out; no Kafka.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, anyhow};

use self::answerer::{Answerer, Judging, Named, linear_answers, trained};
use self::tickets::{Keep, LabelledFile, readings};
use super::progress::Progress;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TOO_LITTLE_DATA, Failure};
use crate::config::settings::DeviceChoice;
use crate::domain::digest::Digest;
use crate::evaluation::answer::{Column, ColumnKind};
use crate::evaluation::compare::Comparison;
use crate::evaluation::cost::CostMatrix;
use crate::evaluation::diagnosis::{Scores, Tried};
use crate::evaluation::document::compose::composed;
use crate::evaluation::document::{Redaction, html, markdown, terminal};
use crate::evaluation::facet::Dimension;
use crate::evaluation::ledger::tried;
use crate::evaluation::mix::Mix;
use crate::evaluation::report::{Inputs, Report, Settings};
use crate::evaluation::requirement::{Holds, Requirement, critical_missed_at_most};
use crate::evaluation::test_set::Leakage;
use crate::evaluation::value::Minutes;
use crate::evaluation::words::Words;
use crate::statistics::tally::ErrorLimit;
use crate::statistics::wilson::Share;
use crate::wire::evaluation::record;

pub(super) mod answerer;
pub(super) mod ledger;
mod saved;
pub(super) mod tickets;

/// Arguments of `evaluate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 everything demanded holds, 1 it does not, 2 usage or an unreadable file, 3 too little \
                        data to tell."
)]
pub struct Arguments {
    /// Test tickets with labels, one noctriage.labelled/v1 a line: in neither training nor validation.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// A model: NAME=DIRECTORY, NAME=predictions:FILE, or NAME=tfidf:FILE (TF-IDF trained on FILE). In order of age: the
    /// last one is what the report is about.
    #[arg(long = "model", value_name = "NAME=WHAT")]
    models: Vec<Named>,
    /// Training tickets with labels: TF-IDF is trained on them, and what they hold is compared.
    #[arg(long, value_name = "FILE")]
    train: Option<PathBuf>,
    /// Validation tickets with labels, for the diagnosis.
    #[arg(long, value_name = "FILE")]
    validation: Option<PathBuf>,
    /// Live tickets with labels that were given blind, for the diagnosis.
    #[arg(long, value_name = "FILE")]
    live: Option<PathBuf>,
    /// Labelled tickets whose mix is the live desk's; without it, that of --live.
    #[arg(long, value_name = "FILE")]
    live_mix: Option<PathBuf>,
    /// What engineers said on their own, one JSON a line: ticket_id, reviewer, severity.
    #[arg(long, value_name = "FILE")]
    humans: Option<PathBuf>,
    /// By what composition and live mix are read: slice, category, vendor, device_type, region, channel.
    #[arg(long, default_value = "category", value_parser = by_word)]
    by: Dimension,
    /// The share of right answers that is wished for, which the diagnosis reads.
    #[arg(long, value_name = "SHARE", default_value_t = 0.8, value_parser = wished)]
    wish: f64,
    /// The error allowed among tickets taken without a look, for the reach.
    #[arg(long, value_name = "RATE", default_value_t = 0.02)]
    error_limit: f64,
    /// Cost of a wrong answer, TRUTH:ANSWER=NUMBER, as critical:low=200. May be given several times.
    #[arg(long = "cost", value_name = "COST")]
    costs: Vec<String>,
    /// Minutes that triage by hand takes.
    #[arg(long, value_name = "MINUTES", requires_all = ["minutes_review", "minutes_repair"])]
    minutes_manual: Option<f64>,
    /// Minutes that looking at an answer takes.
    #[arg(long, value_name = "MINUTES", requires = "minutes_manual")]
    minutes_review: Option<f64>,
    /// Minutes that mending a wrong answer takes.
    #[arg(long, value_name = "MINUTES", requires = "minutes_manual")]
    minutes_repair: Option<f64>,
    /// Take tickets that may hold what was written after triage, and those that were trained on.
    #[arg(long)]
    accept_leakage: bool,
    /// Fail unless it holds: "v2 >= v1" (right on as many tickets; fewer is too little data until it is shown to be worse)
    /// or "v2 > v1" (shown to be better). May be given several times.
    #[arg(long, value_name = "REQUIREMENT")]
    fail_unless: Vec<String>,
    /// Fail if the last model misses more critical tickets than this.
    #[arg(long, value_name = "N")]
    max_critical_missed: Option<u64>,
    /// Fail where there is nothing to compare with.
    #[arg(long)]
    require_baseline: bool,
    /// Print the report as JSON.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print the report as Markdown.
    #[arg(long)]
    markdown: bool,
    /// Also write it as one page with pictures that fetches nothing.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Leave out ids of tickets and their words: for sharing.
    #[arg(long)]
    redact: bool,
    /// Keep what models answer in this folder, NAME.jsonl each: an evaluation that is stopped (Ctrl-C) goes on where it was.
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// The ledger of versions (JSON Lines): what it says was tried is read, and a line for the last model is added.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Seed of everything that is drawn: the same seed gives the same report.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where models run: auto, cpu or cuda:N.
    #[arg(long, default_value = "auto", value_parser = super::model::device)]
    device: DeviceChoice,
}

/// A dimension that mixes are counted by. Patterns of messages are no such one: their values are words of tickets.
pub(super) fn by_word(word: &str) -> Result<Dimension, String> {
    let is_counted = |dimension: &Dimension| !dimension.is_ticket_text();
    Dimension::from_word(word).filter(is_counted).ok_or_else(|| {
        let words = Dimension::ALL.iter().filter(|dimension| is_counted(dimension)).map(|dimension| dimension.as_str());
        format!("is not one of {}", words.collect::<Vec<_>>().join(", "))
    })
}

fn wished(text: &str) -> Result<f64, String> {
    let share = text.parse::<f64>().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| "is no share above 0 and at most 1".to_owned())
}

/// Runs `evaluate`.
pub fn run(arguments: Arguments) -> CommandResult {
    let settings = settings(&arguments)?;
    let requirements = arguments.fail_unless.iter().map(|text| Requirement::parse(text)).collect::<Result<Vec<_>, _>>();
    let requirements = requirements.map_err(Failure::usage)?;
    check_names(&arguments, &requirements)?;
    let files = Files::read(&arguments)?;
    let Answers { columns, elsewhere, in_training, model } = answers(&arguments, &files)?;
    check_asked(&columns, &requirements)?;
    let readings = arguments.humans.as_ref().map(|path| readings(path, &files.test.set)).transpose()?;
    let pairs: Vec<(String, String)> =
        requirements.iter().map(|requirement| (requirement.right.clone(), requirement.left.clone())).collect();
    let live = files.live_mix(arguments.by);
    let inputs = Inputs {
        set: &files.test.set,
        columns: &columns,
        words: Some(&files.words),
        readings: readings.as_ref(),
        training: files.train.as_ref().map(|file| &file.set),
        in_training: &in_training,
        live: live.as_ref(),
        elsewhere,
        pairs: &pairs,
        settings: &settings,
    };
    let mut progress = Progress::new("comparing");
    let report = Report::of(&inputs, &mut |done, of| progress.at(done, of));
    drop(progress);
    let outcomes = outcomes(&arguments, &requirements, &report);
    show(&arguments, &report, &outcomes)?;
    if let (Some(path), Some(last)) = (&arguments.ledger, arguments.models.last()) {
        let training = files.train.as_ref().map(|file| &file.set);
        if let Some(entry) = ledger::entry(&report, &last.what, model, training, arguments.by) {
            ledger::append(path, &entry)?;
        }
    }
    Ok(match outcomes.iter().map(|(_, holds)| *holds).max() {
        None | Some(Holds::Yes) => EXIT_OK,
        Some(Holds::Unknown) => EXIT_TOO_LITTLE_DATA,
        Some(Holds::No) => EXIT_DOES_NOT_HOLD,
    })
}

fn settings(arguments: &Arguments) -> Result<Settings, Failure> {
    let Arguments { minutes_manual, minutes_review, minutes_repair, .. } = arguments;
    let minutes = match (minutes_manual, minutes_review, minutes_repair) {
        (Some(manual), Some(review), Some(repair)) => {
            Some(Minutes::try_new(*manual, *review, *repair).map_err(Failure::usage)?)
        }
        (_, _, _) => None,
    };
    let tried =
        arguments.ledger.as_ref().map_or(Ok(Tried::default()), |path| ledger::read(path).map(|all| tried(&all)))?;
    Ok(Settings {
        costs: CostMatrix::with(&arguments.costs).map_err(Failure::usage)?,
        minutes,
        wished: arguments.wish,
        error_limit: ErrorLimit::try_new(arguments.error_limit).map_err(Failure::usage)?,
        by: arguments.by,
        tried,
        seed: arguments.seed,
    })
}

/// Before anything is read: names are given once, and a requirement names somebody who can be there.
fn check_names(arguments: &Arguments, requirements: &[Requirement]) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    for Named { name, .. } in &arguments.models {
        if !names.insert(name.as_str()) {
            return Err(Failure::usage(anyhow!("--model {name}: the name is given twice")));
        }
    }
    if arguments.max_critical_missed.is_some() && names.is_empty() {
        return Err(Failure::usage(anyhow!("--max-critical-missed is about the last --model: name one")));
    }
    names.extend([ColumnKind::Source, ColumnKind::Majority].map(ColumnKind::as_str));
    if arguments.train.is_some() {
        names.insert(ColumnKind::Linear.as_str());
    }
    let mut asked = requirements.iter().flat_map(|requirement| [&requirement.left, &requirement.right]);
    match asked.find(|name| !names.contains(name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let names: Vec<&str> = names.into_iter().collect();
            Err(Failure::usage(anyhow!("--fail-unless: nobody is called `{name}`; there are {}", names.join(", "))))
        }
    }
}

fn check_asked(columns: &[Column], requirements: &[Requirement]) -> Result<(), Failure> {
    let is_there = |name: &String| columns.iter().any(|column| column.name == *name);
    match requirements.iter().flat_map(|one| [&one.left, &one.right]).find(|name| !is_there(name)) {
        None => Ok(()),
        Some(name) => Err(Failure::usage(anyhow!("--fail-unless: `{name}` has no column in this report"))),
    }
}

/// The labelled files.
struct Files {
    test: LabelledFile,
    words: Words,
    train: Option<LabelledFile>,
    validation: Option<LabelledFile>,
    live: Option<LabelledFile>,
    live_mix: Option<LabelledFile>,
    /// Positions of test tickets that stand in the training file too, or whose words do.
    in_training: BTreeSet<usize>,
}

fn leakage(arguments: &Arguments) -> Leakage {
    if arguments.accept_leakage { Leakage::Accepted } else { Leakage::Refused }
}

impl Files {
    fn read(arguments: &Arguments) -> Result<Self, Failure> {
        let leakage = leakage(arguments);
        let models_read = arguments.models.iter().any(|named| named.what.needs() == Keep::Tickets);
        let keep = if models_read { Keep::Tickets } else { Keep::Nothing };
        let for_linear = if arguments.train.is_some() { Keep::Tickets } else { keep };
        let read = |path: &Option<PathBuf>, leakage, keep| {
            path.as_ref().map(|path| LabelledFile::read(path, leakage, keep)).transpose()
        };
        let (test, words) = LabelledFile::read_with_words(&arguments.test, leakage, for_linear)?;
        let train = read(&arguments.train, Leakage::Accepted, Keep::Tickets)?;
        let in_training = train.as_ref().map(|train| test.known_from(train, leakage)).transpose()?.unwrap_or_default();
        Ok(Self {
            in_training,
            test,
            words,
            train,
            validation: read(&arguments.validation, Leakage::Accepted, keep)?,
            live: read(&arguments.live, leakage, keep)?,
            live_mix: read(&arguments.live_mix, Leakage::Accepted, Keep::Nothing)?,
        })
    }

    fn live_mix(&self, by: Dimension) -> Option<Mix> {
        self.live_mix.as_ref().or(self.live.as_ref()).map(|file| Mix::of(&file.set, by))
    }
}

/// What everybody answers.
struct Answers {
    columns: Vec<Column>,
    /// What the last model scores on other tickets.
    elsewhere: Scores,
    /// Positions of test tickets that somebody was trained on, or whose words.
    in_training: BTreeSet<usize>,
    /// Which model the last one is; `None`: not known to the last bit.
    model: Option<Digest>,
}

fn answers(arguments: &Arguments, files: &Files) -> Result<Answers, Failure> {
    let set = &files.test.set;
    let labels = files.train.as_ref().map_or(set, |train| &train.set).tickets().iter().map(|ticket| ticket.truth);
    // A source that states no severity has nothing to be compared with.
    let mut columns: Vec<Column> = [Column::source(set)].into_iter().filter(|source| source.answered() > 0).collect();
    columns.push(Column::majority(set, labels));
    if let (Some(train), Some(path)) = (&files.train, &arguments.train) {
        let answers = linear_answers(&trained(path, train)?, &files.test.tickets);
        let kind = ColumnKind::Linear;
        columns.push(Column { name: kind.as_str().to_owned(), kind, answers, elsewhere: 0 });
    }
    let (mut elsewhere, mut in_training, mut model) = (Scores::default(), files.in_training.clone(), None);
    let judging = Judging { file: &files.test, leakage: leakage(arguments) };
    for (at, named) in arguments.models.iter().enumerate() {
        let mut answerer = Answerer::open(named, arguments.device, arguments.save.as_deref(), judging)?;
        in_training.extend(answerer.known());
        let mut progress = Progress::new("predicting");
        columns.push(answerer.column(named, &files.test, &mut progress)?);
        if at + 1 == arguments.models.len() {
            model = answerer.digest();
            let mut score = |file: &Option<LabelledFile>| match file {
                None => Ok(None),
                Some(file) => score_of(&mut answerer, file, &mut progress),
            };
            elsewhere = Scores {
                train: score(&files.train)?,
                validation: score(&files.validation)?,
                test: Share::default(),
                live: score(&files.live)?,
            };
        }
    }
    Ok(Answers { columns, elsewhere, in_training, model })
}

/// Right answers among those that there are: a file of predictions need not cover other tickets. `None`: there is none.
fn score_of(answerer: &mut Answerer, file: &LabelledFile, progress: &mut Progress) -> Result<Option<Share>, Failure> {
    let mut share = Share::default();
    for (answer, ticket) in answerer.answers(file, progress)?.iter().zip(file.set.tickets()) {
        if let Some(answer) = answer {
            share.add(answer.severity == ticket.truth);
        }
    }
    Ok((share.of > 0).then_some(share))
}

/// What was demanded, and whether it holds.
fn outcomes(arguments: &Arguments, requirements: &[Requirement], report: &Report) -> Vec<(String, Holds)> {
    let judge = |requirement: &Requirement| {
        let comparison: Option<&Comparison> = report.comparison(&requirement.right, &requirement.left);
        comparison.map_or(Holds::Unknown, |comparison| requirement.judge(comparison))
    };
    let mut outcomes: Vec<(String, Holds)> =
        arguments.fail_unless.iter().zip(requirements).map(|(text, one)| (text.clone(), judge(one))).collect();
    if let (Some(allowed), Some(subject)) = (arguments.max_critical_missed, report.subject()) {
        let holds = critical_missed_at_most(subject.score.critical_missed(), allowed);
        outcomes.push((format!("{} misses at most {allowed} critical tickets", subject.name), holds));
    }
    if arguments.require_baseline {
        let holds = if report.has_baseline() { Holds::Yes } else { Holds::No };
        outcomes.push(("there is a baseline".to_owned(), holds));
    }
    outcomes
}

fn show(arguments: &Arguments, report: &Report, outcomes: &[(String, Holds)]) -> Result<(), Failure> {
    let redaction = if arguments.redact { Redaction::Tickets } else { Redaction::None };
    let mut document = composed(report, redaction);
    document.demanded(outcomes.iter().map(said).collect());
    if let Some(path) = &arguments.html {
        let written = std::fs::write(path, html::rendered(&document));
        written.with_context(|| format!("{}", path.display())).map_err(Failure::usage)?;
    }
    if arguments.json {
        println!("{:#}", record(report, outcomes, redaction));
    } else if arguments.markdown {
        print!("{}", markdown::rendered(&document));
    } else {
        print!("{}", terminal::rendered(&document));
    }
    for unmet in outcomes.iter().filter(|(_, holds)| *holds != Holds::Yes) {
        eprintln!("noctriage: {}", said(unmet));
    }
    Ok(())
}

fn said((text, holds): &(String, Holds)) -> String {
    format!("{text}: {}", holds_sentence(*holds))
}

const fn holds_sentence(holds: Holds) -> &'static str {
    match holds {
        Holds::Yes => "holds",
        Holds::Unknown => "too little data to tell",
        Holds::No => "DOES NOT HOLD",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_are_counted_by_everything_but_the_words_of_tickets() {
        assert_eq!(by_word("vendor"), Ok(Dimension::Vendor));
        let refused = by_word("message").unwrap_err();
        assert_eq!(refused, "is not one of slice, category, vendor, device_type, region, channel");
    }

    #[test]
    fn people_read_in_words_whether_it_holds_and_never_what_programs_read() {
        let said = |holds| said(&("v2 > v1".to_owned(), holds));
        assert_eq!(said(Holds::Unknown), "v2 > v1: too little data to tell");
        assert_eq!((said(Holds::Yes).as_str(), said(Holds::No).as_str()), ("v2 > v1: holds", "v2 > v1: DOES NOT HOLD"));
    }
}
