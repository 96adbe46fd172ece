//! `noctriage dataset export`: what a trainer reads, and a manifest that says exactly what that was.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde_json::{Value, json};

use super::files::{Tickets, check_new, digest_of, make_directory, near, print_json, write_document, write_lines};
use super::plan::PLAN_SCHEMA;
use crate::cli::progress::Progress;
use crate::cli::{CommandResult, EXIT_OK, EXIT_TOO_LITTLE_DATA, Failure};
use crate::domain::labelled::{LabelledTicket, Split};
use crate::evaluation::data::near::NEAR;
use crate::evaluation::data::overlap::TrainingTexts;
use crate::evaluation::data::strata::slice_of;
use crate::evaluation::data::training::{Choice, Leaky, choose};
use crate::policy::identity::input_digest;

mod form;

use form::{Form, FormName};

/// Schema of the manifest.
const MANIFEST_SCHEMA: &str = "noctriage.training_manifest/v1";
/// Most copies of one ticket that a plan may ask for.
const COPIES_MAX: u64 = 100;

/// Arguments of `dataset export`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files of labelled tickets; their `split` says what trains and what is for validation.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Every test set there is: none of its tickets, nor a twin of one, is written.
    #[arg(long, value_name = "FILE", required = true)]
    test: Vec<PathBuf>,
    /// text: one text and its labels a line; chat: messages with role and content, the answer last.
    #[arg(long = "format", value_enum, default_value = "text")]
    form: FormName,
    /// Model directory whose card has the template: `text`, or the table [chat].
    #[arg(long, value_name = "DIR", conflicts_with = "card")]
    model: Option<PathBuf>,
    /// A card by itself, for a model that is yet to be made; without either, the text of the bundled models.
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
    /// Copies of tickets, as `dataset plan --manifest` wrote them.
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Write a ticket as often as its copies say, for trainers that know no weights.
    #[arg(long)]
    repeat: bool,
    /// Only these slices; several with commas.
    #[arg(long, value_name = "SLICE", value_delimiter = ',')]
    slice: Vec<String>,
    /// From which similarity of their texts on tickets are near-duplicates of test tickets, 0.6 to 1.
    #[arg(long, value_name = "JACCARD", default_value_t = NEAR, value_parser = near)]
    near: f64,
    /// Train also on tickets of which nobody says that they are as they were at their creation.
    #[arg(long)]
    accept_leakage: bool,
    /// Where train.jsonl, validation.jsonl and manifest.json go; none of them may exist.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `dataset export`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let outputs =
        [Split::Train, Split::Validation].map(|split| arguments.into.join(format!("{}.jsonl", split.as_str())));
    let manifest_path = arguments.into.join("manifest.json");
    check_new(outputs.iter().chain([&manifest_path]).map(PathBuf::as_path))?;
    let card = arguments.model.as_deref().map(|model| model.join(crate::inference::files::CARD));
    let form = Form::read(card.as_deref().or(arguments.card.as_deref()), arguments.form)?;
    let copies = arguments.weights.as_deref().map(read_copies).transpose()?.unwrap_or_default();
    let (tickets, test) = (Tickets::read(&arguments.files)?, Tickets::read(&arguments.test)?);
    let (texts, test_texts) = (tickets.texts(), test.texts());
    let leaky = if arguments.accept_leakage { Leaky::Taken } else { Leaky::LeftOut };
    let choices = choose(&tickets.labelled, &texts, &TrainingTexts::new(&test_texts), arguments.near, leaky);
    let chosen =
        Chosen { tickets: &tickets, choices, copies, slices: arguments.slice.iter().map(String::as_str).collect() };
    if chosen.of(Choice::Train).next().is_none() {
        let counts = chosen.counts();
        let error = anyhow!("nothing is left to train with: {}", serde_json::to_string(&counts).context("counts")?);
        return Err(Failure::new(EXIT_TOO_LITTLE_DATA, error));
    }
    make_directory(&arguments.into)?;
    let mut written = Vec::new();
    for (choice, path) in [Choice::Train, Choice::Validation].into_iter().zip(&outputs) {
        if chosen.of(choice).next().is_some() {
            written.push(write(&chosen, choice, &form, arguments.repeat, path)?);
        }
    }
    let report = manifest(arguments, &chosen, &form, &test, written);
    write_document(&manifest_path, &report)?;
    if arguments.json {
        print_json(&report);
    } else {
        print(&report, &arguments.into);
    }
    Ok(EXIT_OK)
}

/// Copies by ticket.
fn read_copies(path: &Path) -> Result<BTreeMap<String, u64>, Failure> {
    let shown = path.display();
    let text =
        std::fs::read_to_string(path).with_context(|| format!("{shown} cannot be read")).map_err(Failure::usage)?;
    let document: Value =
        serde_json::from_str(&text).with_context(|| format!("{shown} is no JSON")).map_err(Failure::usage)?;
    if document["schema"] != PLAN_SCHEMA {
        return Err(Failure::usage(anyhow!("{shown} is no {PLAN_SCHEMA}: `dataset plan --manifest` writes one")));
    }
    let mut copies = BTreeMap::new();
    for (id, value) in document["copies"].as_object().into_iter().flatten() {
        let count = value.as_u64().filter(|count| (1..=COPIES_MAX).contains(count));
        let count = count.ok_or_else(|| {
            Failure::usage(anyhow!("{shown}: copies of {id}: a number from 1 to {COPIES_MAX} is expected"))
        })?;
        copies.insert(id.clone(), count);
    }
    Ok(copies)
}

/// What is written and what is not.
struct Chosen<'export> {
    tickets: &'export Tickets,
    choices: Vec<Choice>,
    copies: BTreeMap<String, u64>,
    /// Slices that are wanted; empty: all.
    slices: BTreeSet<&'export str>,
}

impl Chosen<'_> {
    fn is_wanted(&self, labelled: &LabelledTicket) -> bool {
        let slice = || slice_of(labelled.slice.as_deref(), &labelled.ticket);
        self.slices.is_empty() || self.slices.contains(slice().as_str())
    }

    /// Positions of the tickets of a choice.
    fn of(&self, choice: Choice) -> impl Iterator<Item = usize> {
        (0..self.choices.len())
            .filter(move |&at| self.choices[at] == choice && self.is_wanted(&self.tickets.labelled[at]))
    }

    /// Only what trains is repeated: a validation set with copies would count them twice.
    fn copies_of(&self, at: usize) -> u64 {
        let id = self.tickets.labelled[at].ticket.ticket_id.as_str();
        match self.choices[at] {
            Choice::Train => self.copies.get(id).copied().unwrap_or(1),
            Choice::Validation | Choice::IsTest | Choice::LikeTest(_) | Choice::Disputed | Choice::AsOfUnknown => 1,
        }
    }

    /// Tickets of the weights that are not among these: the weights are of other files, or the ids were changed.
    fn weights_of_none(&self) -> usize {
        let ids: BTreeSet<&str> =
            self.tickets.labelled.iter().map(|labelled| labelled.ticket.ticket_id.as_str()).collect();
        self.copies.keys().filter(|id| !ids.contains(id.as_str())).count()
    }

    fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (choice, labelled) in self.choices.iter().zip(&self.tickets.labelled) {
            let word = if self.is_wanted(labelled) { choice.as_str() } else { "another_slice" };
            *counts.entry(word).or_default() += 1;
        }
        counts
    }
}

fn write(chosen: &Chosen<'_>, choice: Choice, form: &Form, repeat: bool, path: &Path) -> Result<Value, Failure> {
    let total = chosen.of(choice).count() as u64;
    let mut progress = Progress::new("writing");
    let (mut done, mut lines) = (0, 0);
    let records = chosen.of(choice).flat_map(|at| {
        let copies = chosen.copies_of(at);
        let (times, weight) = if repeat { (copies, 1) } else { (1, copies) };
        let record = form.record(&chosen.tickets.labelled[at], weight);
        done += 1;
        lines += times;
        progress.at(done, total);
        std::iter::repeat_n(record, times as usize)
    });
    write_lines(path, records)?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    Ok(json!({ "name": name, "sha256": digest_of(path)?.to_string(), "tickets": total, "lines": lines }))
}

fn manifest(arguments: &Arguments, chosen: &Chosen<'_>, form: &Form, test: &Tickets, written: Vec<Value>) -> Value {
    let mut slices: BTreeMap<String, u64> = BTreeMap::new();
    let mut severities: BTreeMap<&str, u64> = BTreeMap::new();
    let mut tickets = Vec::new();
    for at in chosen.of(Choice::Train).chain(chosen.of(Choice::Validation)) {
        let labelled = &chosen.tickets.labelled[at];
        let weight = chosen.copies_of(at);
        if chosen.choices[at] == Choice::Train {
            *slices.entry(slice_of(labelled.slice.as_deref(), &labelled.ticket)).or_default() += weight;
            *severities.entry(labelled.label.severity.as_str()).or_default() += weight;
        }
        tickets.push(json!({
            "ticket_id": labelled.ticket.ticket_id.as_str(), "split": chosen.choices[at].as_str(), "weight": weight,
            "input": input_digest(&labelled.ticket).to_string(),
        }));
    }
    json!({
        "schema": MANIFEST_SCHEMA,
        "form": form.to_json(),
        "files": written,
        "test": { "tickets": test.labelled.len(), "digest": test.digest().to_string() },
        "near": arguments.near,
        "weights_are": if arguments.repeat { "repeated lines" } else { "the field `weight`" },
        "weights_of_no_ticket": chosen.weights_of_none(),
        "choices": chosen.counts(),
        "training_by_slice": slices,
        "training_by_severity": severities,
        "tickets": tickets,
    })
}

fn print(report: &Value, into: &Path) {
    for file in report["files"].as_array().into_iter().flatten() {
        let name = file["name"].as_str().unwrap_or_default();
        println!("written: {} ({} tickets, {} lines)", into.join(name).display(), file["tickets"], file["lines"]);
    }
    println!("written: {}", into.join("manifest.json").display());
    let without = report["weights_of_no_ticket"].as_u64().unwrap_or(0);
    if without > 0 {
        println!("note: {without} tickets of --weights are not in these files: were they planned for others?");
    }
    let written = [Choice::Train.as_str(), Choice::Validation.as_str()];
    for (word, count) in report["choices"].as_object().into_iter().flatten() {
        if !written.contains(&word.as_str()) {
            println!("  not written: {count} × {word}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::labelled;

    #[test]
    fn weights_of_tickets_that_are_not_there_are_counted() {
        let tickets = Tickets { labelled: vec![labelled("T1", Severity::Low)], native: Vec::new() };
        let copies = ["T1", "T2", "T3"].map(|id| (id.to_owned(), 2)).into();
        let chosen = Chosen { tickets: &tickets, choices: vec![Choice::Train], copies, slices: BTreeSet::new() };
        assert_eq!((chosen.weights_of_none(), chosen.copies_of(0)), (2, 2));
    }
}
