//! `noctriage explain`: everything that was decided about one ticket, by which rules, and what stands in the way of more.
//! Read from `decisions`: it says what was recorded at the time, not what today's configuration would do. Where stages are
//! earned, the audit trail says why the slice had its stage, and a daemon, where one answers, what the next step waits for.

mod stages;

use std::collections::BTreeSet;

use anyhow::Context as _;

use crate::config::Settings;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::kafka::scan::{ScanFrom, scan};
use crate::policy::decided::Rule;
use crate::wire::decision::{AnswerRecord, Basis, DecisionRecord, EligibilityRecord};

use super::progress::Progress;
use super::rollout::trail;
use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Id of the ticket in its source.
    ticket: String,
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// How many of the newest decisions of each partition are searched.
    #[arg(long, value_name = "N", default_value_t = 200_000)]
    last: u64,
    /// One decision record per line, as it stands in Kafka.
    #[arg(long)]
    json: bool,
}

/// Runs `explain`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments { ticket, file_of_settings, last, json } = arguments;
    let loaded = file_of_settings.load()?;
    let kafka = &loaded.settings.kafka;
    let mut found: Vec<DecisionRecord> = Vec::new();
    let mut progress = Progress::new("reading decisions");
    scan(
        kafka,
        &kafka.topics.decisions,
        ScanFrom::Last(last),
        |scanned| {
            if scanned.record.key.as_deref() == Some(ticket.as_bytes())
                && let Ok(record) = DecisionRecord::from_json(scanned.record.value.as_deref().unwrap_or_default())
            {
                found.push(record);
            }
        },
        |done| progress.at(done.done, done.total),
    )
    .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    drop(progress);
    if found.is_empty() {
        eprintln!(
            "noctriage: no decision about ticket {ticket} among the last {last} of each partition of {}. hint: is the id \
             written as in the source? a record that was no ticket is in `noctriage dead-letters list`",
            kafka.topics.decisions
        );
        return Ok(EXIT_DOES_NOT_HOLD);
    }
    for record in &found {
        if json {
            println!("{}", serde_json::to_string(record).context("writing a decision")?);
        } else {
            print(record);
        }
    }
    if !json {
        print_stages(&loaded.settings, &found);
    }
    Ok(EXIT_OK)
}

/// Why each slice had its stage when it decided, each revision once.
fn print_stages(settings: &Settings, found: &[DecisionRecord]) {
    let bases = found.iter().filter_map(|record| record.basis.as_ref());
    let places: BTreeSet<(&str, u64)> = bases
        .map(|basis| (basis.slice.as_str(), basis.rollout_revision))
        .filter(|(_, revision)| *revision > 0)
        .collect();
    if places.is_empty() {
        return;
    }
    let trail = match trail(&settings.kafka, ScanFrom::Start) {
        Ok((records, _)) => records,
        Err(failure) => {
            println!("the audit trail cannot be read: {:#}", failure.error);
            Vec::new()
        }
    };
    for (slice, revision) in &places {
        println!("slice {slice} at revision {revision}:");
        for line in stages::story(slice, *revision, &trail) {
            println!("  {line}");
        }
    }
    let Ok(status) = super::status::of_daemon(settings) else {
        println!("no daemon answers here: `noctriage status --slice S` on its host says what the next step waits for");
        return;
    };
    let slices: BTreeSet<&str> = places.iter().map(|(slice, _)| *slice).collect();
    for slice in slices {
        println!("slice {slice} now:");
        for line in stages::present(slice, &status) {
            println!("  {line}");
        }
    }
}

fn print(record: &DecisionRecord) {
    let source = &record.source;
    let revision = record.revision.map_or_else(|| "no revision".to_owned(), |revision| format!("revision {revision}"));
    println!(
        "{} {revision}, {}[{}]@{}, decided {}",
        record.ticket_id.as_deref().unwrap_or("(no ticket)"),
        source.topic,
        source.partition,
        source.offset,
        record.decided_at()
    );
    let action = record.action.map(|action| format!(", action {}", action.0.as_str())).unwrap_or_default();
    println!("  outcome {}{action}, decision {}", record.outcome.0.as_str(), record.decision_id.0.short());
    if let Some(original) = record.duplicate_of {
        println!("  repeats decision {}", original.0.short());
    }
    if let Some(review) = &record.review {
        let (state, reason) = (review.state.0, review.reason.0.as_str());
        println!("  review item {state:?}: {reason}, priority {}", review.priority);
    }
    if let Some(basis) = &record.basis {
        print_basis(basis);
    }
    if !record.rules.is_empty() {
        println!("  rules that fired:");
        for word in &record.rules {
            println!("    {word}: {}", meaning(word));
        }
    }
    println!();
}

fn print_basis(basis: &Basis) {
    println!(
        "  slice {}, stage {}, share {:.0} % triage and {:.0} % resolve, rollout revision {}",
        basis.slice,
        basis.stage.0.as_str(),
        basis.shares.auto_triage * 100.0,
        basis.shares.auto_resolve * 100.0,
        basis.rollout_revision
    );
    let drawn = if basis.draws.evidence.drawn { "drawn: people decide it blind" } else { "not drawn" };
    println!("  evidence draw of {:.0} %: {drawn}", basis.draws.evidence.rate * 100.0);
    for answer in &basis.answers {
        println!("  {}", describe(answer));
    }
    if let Some(eligibility) = &basis.eligibility {
        for (action, entry) in AutoAction::ALL.iter().zip([&eligibility.auto_triage, &eligibility.auto_resolve]) {
            println!("  {} {}", action.as_str(), describe_eligibility(entry));
            for word in &entry.forbidden_by {
                println!("    {word}: {}", meaning(word));
            }
        }
    }
}

fn describe(answer: &AnswerRecord) -> String {
    let name = format!("{} model {} {}", answer.role.0.as_str(), answer.model, answer.version);
    let Some(prediction) = &answer.prediction else {
        return format!("{name}: no answer ({})", answer.missing.as_deref().unwrap_or("unknown"));
    };
    let of = |severity: Severity| match severity {
        Severity::Critical => prediction.distribution.critical,
        Severity::High => prediction.distribution.high,
        Severity::Medium => prediction.distribution.medium,
        Severity::Low => prediction.distribution.low,
    };
    let all: Vec<String> = Severity::ALL.iter().map(|severity| format!("{severity} {:.3}", of(*severity))).collect();
    let cause = prediction
        .causes
        .first()
        .map(|cause| format!(", cause {} {:.2}", cause.cause, cause.probability))
        .unwrap_or_default();
    format!("{name}: {} ({}){cause}", prediction.severity.0, all.join(", "))
}

fn describe_eligibility(entry: &EligibilityRecord) -> String {
    if !entry.forbidden_by.is_empty() {
        return format!("forbidden at any threshold by {}", entry.forbidden_by.join(", "));
    }
    match entry.reached.last() {
        None => "not eligible: the confidence reaches no threshold of the grid".to_owned(),
        Some(greatest) => format!("eligible up to threshold {greatest}"),
    }
}

/// What a rule of a record means, in a sentence that needs nothing but the record.
fn meaning(word: &str) -> &'static str {
    Rule::ALL
        .into_iter()
        .find(|rule| rule.as_str() == word)
        .map_or("a rule that this version does not know", Rule::meaning)
}
