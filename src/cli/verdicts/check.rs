//! `noctriage verdicts check`: whether verdicts arrive, whose they are, what becomes of each, and who is right how often.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::settings::{Settings, TruthSource};
use crate::domain::verdict::VerdictOrigin;
use crate::kafka::evidence_reader::{Gathered, gather};
use crate::rollout::accuracy::{ALL_SLICES, AccuracyWindow, Answerer, Row, Score, SliceAccuracy, live_accuracy};
use crate::rollout::log::EvidenceTopic;
use crate::rollout::ratings::{Ratings, ratings};
use crate::rollout::report::FeedReport;
use crate::rollout::standing::{VerdictStanding, VerdictTally, tally};
use crate::statistics::wilson::interval_95;

use super::super::progress::Progress;
use super::super::settings_file::SettingsFile;
use super::super::span::span;
use super::super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, EXIT_TOO_LITTLE_DATA, Failure};

/// People that are listed by pseudonym; more are summed up.
const REVIEWERS_LISTED_MAX: usize = 10;

/// Arguments of `verdicts check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// How far back: 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    from: Duration,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `verdicts check`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let now = Clock::Real.operating_now();
    let from = now.plus_ms(-i64::try_from(arguments.from.as_millis()).unwrap_or(i64::MAX));
    let mut progress: Option<(&'static str, Progress)> = None;
    let gathered = gather(settings, from, |what, done| {
        if progress.as_ref().is_none_or(|(showing, _)| *showing != what) {
            progress = Some((what, Progress::new(what)));
        }
        if let Some((_, bar)) = &mut progress {
            bar.at(done.done, done.total);
        }
    })
    .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    drop(progress);
    let deadline_ms = i64::try_from(settings.verdicts.deadline.as_millis()).unwrap_or(i64::MAX);
    let window = AccuracyWindow { from, now, deadline_ms };
    let found = Found {
        feed: FeedReport::of(&gathered.evidence),
        tally: tally(&gathered.evidence, deadline_ms, settings.verdicts.rating_scale),
        ratings: ratings(&gathered.evidence, settings.verdicts.rating_scale),
        slices: live_accuracy(&gathered.evidence, window).into_iter().collect(),
        problems: problems(settings, &gathered),
        gathered,
        deadline_hours: deadline_ms / 3_600_000,
    };
    if arguments.json {
        println!("{:#}", found.to_json());
    } else {
        print!("{}", found.to_text());
    }
    Ok(found.exit_code())
}

/// What keeps verdicts from counting, each with what to do.
fn problems(settings: &Settings, gathered: &Gathered) -> Vec<String> {
    let mut problems = Vec::new();
    if settings.verdicts.truth == TruthSource::Undecided {
        problems.push(
            "verdicts.truth is undecided: nothing counts for a stage. hint: set ticket_system or explicit".into(),
        );
    }
    for topic in &gathered.missing_topics {
        let is_needed =
            settings.verdicts.truth != TruthSource::TicketSystem || *topic != settings.kafka.topics.verdicts;
        if is_needed {
            problems.push(format!(
                "topic {topic} does not exist. hint: `noctriage topics create --verdicts-partitions 3`, or set \
                 kafka.topics.verdicts"
            ));
        }
    }
    let unreadable: u64 = gathered.unreadable.values().sum();
    if unreadable > 0 {
        problems.push(format!("{unreadable} records are no verdicts, so that nobody's answer is in them:"));
        problems.extend(gathered.unreadable_examples.iter().map(|example| format!("  {example}")));
    }
    if gathered.unreadable_decisions > 0 {
        let count = gathered.unreadable_decisions;
        problems.push(format!("{count} decisions are not readable by this version: a newer one wrote them"));
    }
    problems
}

/// Everything that the command says.
struct Found {
    gathered: Gathered,
    feed: FeedReport,
    tally: VerdictTally,
    ratings: Ratings,
    slices: Vec<(std::sync::Arc<str>, SliceAccuracy)>,
    problems: Vec<String>,
    deadline_hours: i64,
}

impl Found {
    fn exit_code(&self) -> u8 {
        if !self.problems.is_empty() {
            EXIT_DOES_NOT_HOLD
        } else if self.feed.verdicts == 0 {
            EXIT_TOO_LITTLE_DATA
        } else {
            EXIT_OK
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            writeln!(text, "{line}").expect("writing to a String does not fail");
        };
        let feed = &self.feed;
        let read = |topic| self.gathered.records.get(&topic).copied().unwrap_or_default();
        line(format!(
            "read: {} decisions, {} records of verdicts, {} events of the ticket system ({} without a statement)",
            read(EvidenceTopic::Decisions),
            read(EvidenceTopic::Verdicts),
            read(EvidenceTopic::Events),
            self.gathered.without_statement
        ));
        if feed.verdicts == 0 {
            line(
                "verdicts: none yet. hint: `noctriage verdicts add TICKET --severity low --reviewer LOGIN --reason …`"
                    .into(),
            );
        } else {
            self.verdict_lines(&mut line);
        }
        line(format!(
            "tickets: {} decided, {} drawn, {} of those with a verdict; never touched by a person: {}",
            feed.tickets,
            feed.drawn,
            feed.drawn_with_verdict,
            of(feed.never_touched, feed.ended, "that have ended")
        ));
        for (slice, accuracy) in &self.slices {
            // One slice and all of them are the same rows twice.
            if self.slices.len() > 2 || slice.as_ref() == ALL_SLICES {
                slice_lines(slice, accuracy, &mut line);
            }
        }
        for problem in &self.problems {
            line(format!("problem: {problem}"));
        }
        text
    }

    fn verdict_lines(&self, line: &mut impl FnMut(String)) {
        let feed = &self.feed;
        let counts = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
            counts.map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        let origins = counts(&mut feed.origins.iter().map(|(origin, count)| (origin.as_str(), *count)));
        let kinds = counts(&mut feed.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)));
        line(format!("verdicts: {} ({origins}; {kinds})", feed.verdicts));
        let mut people: Vec<_> = feed.reviewers.iter().collect();
        people.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
        let rest: u64 = people.iter().skip(REVIEWERS_LISTED_MAX).map(|(_, count)| **count).sum();
        let listed =
            counts(&mut people.iter().take(REVIEWERS_LISTED_MAX).map(|(name, count)| (name.as_str(), **count)));
        let rest = if rest > 0 { format!(", others {rest}") } else { String::new() };
        line(format!("by: {} people ({listed}{rest})", feed.reviewers.len()));
        let delay = |share| feed.delay_ms_at(share).map_or_else(|| "no data".to_owned(), duration);
        line(format!(
            "after the first decision of a ticket: half within {}, 95 % within {} (verdicts.deadline_hours = {})",
            delay(0.5),
            delay(0.95),
            self.deadline_hours
        ));
        line("what became of them:".into());
        for standing in VerdictStanding::ALL {
            let count = self.tally.of(standing);
            if count > 0 {
                line(format!("  {:<15} {count:>7}  {}", standing.as_str(), standing.meaning()));
            }
        }
        if self.tally.ours > 0 {
            line(format!("  {:<15} {:>7}  our own writes that came back; never verdicts", "ours", self.tally.ours));
        }
        if !self.tally.disputes.is_empty() {
            let disputes = counts(&mut self.tally.disputes.iter().map(|(why, count)| (why.as_str(), *count)));
            line(format!("disputed tickets: {disputes}. hint: an adjudicator settles them with kind adjudication"));
        }
        let derived = feed.origins.get(&VerdictOrigin::Derived).copied().unwrap_or_default();
        if derived == feed.verdicts {
            line("all of them are derived: nobody has stated anything, and nothing counts for promotion".into());
        }
        if !self.ratings.decisions.is_empty() {
            line(self.ratings_line());
        }
    }

    /// Counts alone: a mean of few ratings would say more than they do.
    fn ratings_line(&self) -> String {
        let mut counts: BTreeMap<u8, u64> = BTreeMap::new();
        for value in self.ratings.decisions.values().flat_map(|rated| &rated.values) {
            *counts.entry(*value).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(value, count)| format!("{count} × {value}")).collect();
        format!("root causes: {} rated; ratings: {}", self.ratings.decisions.len(), counts.join(", "))
    }

    fn to_json(&self) -> Value {
        let named = |counts: &mut dyn Iterator<Item = (&str, u64)>| {
            Value::Object(counts.map(|(name, count)| (name.to_owned(), Value::from(count))).collect())
        };
        let feed = &self.feed;
        json!({
            "records": {
                "decisions": self.gathered.records.get(&EvidenceTopic::Decisions).copied().unwrap_or_default(),
                "verdicts": self.gathered.records.get(&EvidenceTopic::Verdicts).copied().unwrap_or_default(),
                "events": self.gathered.records.get(&EvidenceTopic::Events).copied().unwrap_or_default(),
                "without_statement": self.gathered.without_statement,
                "unreadable": named(&mut self.gathered.unreadable.iter().map(|(class, count)| (class.as_str(), *count))),
                "unreadable_decisions": self.gathered.unreadable_decisions,
            },
            "verdicts": feed.verdicts,
            "origins": named(&mut feed.origins.iter().map(|(origin, count)| (origin.as_str(), *count))),
            "kinds": named(&mut feed.kinds.iter().map(|(kind, count)| (kind.as_str(), *count))),
            "reviewers": named(&mut feed.reviewers.iter().map(|(name, count)| (name.as_str(), *count))),
            "delay_s": { "p50": feed.delay_ms_at(0.5).map(|ms| ms / 1000), "p95": feed.delay_ms_at(0.95).map(|ms| ms / 1000) },
            "standings": named(&mut VerdictStanding::ALL.into_iter().map(|standing| (standing.as_str(), self.tally.of(standing)))),
            "ours": self.tally.ours,
            "disputed_tickets": named(&mut self.tally.disputes.iter().map(|(why, count)| (why.as_str(), *count))),
            "tickets": {
                "decided": feed.tickets, "drawn": feed.drawn, "drawn_with_verdict": feed.drawn_with_verdict,
                "ended": feed.ended, "never_touched": feed.never_touched,
            },
            "accuracy": Value::Object(
                self.slices.iter().map(|(slice, accuracy)| (slice.to_string(), accuracy_json(accuracy))).collect()
            ),
            "problems": self.problems,
        })
    }
}

/// k of n with its share and 95 % interval; n alone where it is 0.
fn of(count: u64, all: u64, what: &str) -> String {
    match interval_95(count, all) {
        None => format!("0 of 0 {what}"),
        Some(interval) => format!(
            "{count} of {all} {what} ({:.0} %, 95 % from {:.0} to {:.0} %)",
            100.0 * count as f64 / all as f64,
            100.0 * interval.low,
            100.0 * interval.high
        ),
    }
}

fn duration(milliseconds: i64) -> String {
    let minutes = milliseconds / 60_000;
    if minutes < 120 { format!("{minutes} min") } else { format!("{} h", minutes / 60) }
}

fn slice_lines(slice: &str, accuracy: &SliceAccuracy, line: &mut impl FnMut(String)) {
    let SliceAccuracy { drawn, judged, waiting, missing, disputed, late_decision, no_verdict_due, rows, engineers } =
        accuracy;
    line(format!(
        "slice {slice}: {drawn} drawn, {judged} with a final severity, {waiting} waiting, {missing} missing, {disputed} disputed, \
         {late_decision} late decisions, {no_verdict_due} without a verdict due"
    ));
    for (answerer, Row { score, against_acting }) in rows {
        let beside = match answerer {
            Answerer::Acting(_) => String::new(),
            Answerer::Source | Answerer::Baseline(_) | Answerer::Candidate(_) => {
                format!("; alone right {}, acting alone {}", against_acting.second, against_acting.first)
            }
        };
        line(format!("  {:<28} {}{beside}", name_of(answerer), score_text(score)));
    }
    if !engineers.read_twice.is_empty() {
        line(format!("  {:<28} {}", "engineers, read twice", score_text(&engineers.readings)));
    }
    if let Some((among, with_acting)) = engineers.agreement() {
        line(format!(
            "  agreement on {} tickets read twice: engineers with each other {among:.2}, model with engineers {with_acting:.2}",
            engineers.read_twice.len()
        ));
    }
}

fn name_of(answerer: &Answerer) -> String {
    match answerer.model() {
        None => answerer.as_str().to_owned(),
        Some(model) => format!("{} {} {}", answerer.as_str(), model.name, model.version),
    }
}

fn score_text(score: &Score) -> String {
    let Score { right, of: all, unanswered, too_low, too_high } = score;
    let unanswered = if *unanswered > 0 { format!(", {unanswered} without an answer") } else { String::new() };
    format!("{}; {too_low} too low, {too_high} too high{unanswered}", of(*right, *all, "right"))
}

fn accuracy_json(accuracy: &SliceAccuracy) -> Value {
    let score = |score: &Score| {
        let interval = score.interval().map(|interval| json!([interval.low, interval.high]));
        json!({ "right": score.right, "of": score.of, "unanswered": score.unanswered, "too_low": score.too_low,
            "too_high": score.too_high, "interval_95": interval })
    };
    let row = |(answerer, row): (&Answerer, &Row)| {
        json!({ "role": answerer.as_str(), "model": answerer.model().map(|model| &model.name),
            "version": answerer.model().map(|model| &model.version),
            "digest": answerer.model().map(|model| model.digest.to_string()), "score": score(&row.score),
            "alone_right": row.against_acting.second, "acting_alone_right": row.against_acting.first })
    };
    let agreement = accuracy.engineers.agreement();
    json!({ "drawn": accuracy.drawn, "judged": accuracy.judged, "waiting": accuracy.waiting, "missing": accuracy.missing,
        "disputed": accuracy.disputed, "late_decision": accuracy.late_decision, "no_verdict_due": accuracy.no_verdict_due,
        "rows": accuracy.rows.iter().map(row).collect::<Vec<_>>(),
        "engineers": { "readings": score(&accuracy.engineers.readings),
            "tickets_read_twice": accuracy.engineers.read_twice.len(),
            "agreement_among_readers": agreement.map(|pair| pair.0), "agreement_with_acting": agreement.map(|pair| pair.1) } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_always_stands_with_its_count_and_its_interval() {
        assert_eq!(of(38, 50, "right"), "38 of 50 right (76 %, 95 % from 63 to 86 %)");
        assert_eq!(of(0, 0, "right"), "0 of 0 right");
    }
}
