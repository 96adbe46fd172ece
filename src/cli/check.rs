//! `noctriage check`: what would stop a start, what is probably not meant, and what real tickets become.

mod models;
mod sample;
mod tickets;

use std::path::PathBuf;

use serde_json::json;

use crate::clock::Clock;
use crate::config::sanity::{self, Finding, Weight};
use crate::config::{Origin, Settings};
use crate::domain::ticket::Ticket;
use crate::kafka::topics;

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_CONFIGURATION, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

use models::Models;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Ask no broker
    #[arg(long)]
    offline: bool,
    /// Read tickets from a file, one record value per line, and say what they become
    #[arg(long, value_name = "FILE", conflicts_with = "sample")]
    file: Option<PathBuf>,
    /// Read N records from the input topic and say what they become
    #[arg(long, value_name = "N", conflicts_with = "offline")]
    sample: Option<usize>,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// Runs `check`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments { file_of_settings, offline, file, sample, json } = arguments;
    let loaded = file_of_settings.load()?;
    let settings = &loaded.settings;
    let clock = Clock::Real;

    let mut findings = sanity::findings(settings, clock.operating_now());
    let mut models = Models::load(settings, &mut findings);
    let is_sampling_file = file.is_some();
    let broker = if offline || is_sampling_file { Broker::NotAsked } else { ask_broker(settings, &mut findings) };
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight));

    let records = match (&file, sample) {
        (Some(path), _) => Some(tickets::read_lines(path)?),
        (None, Some(wanted)) => {
            Some(sample::read(&settings.kafka, wanted).map_err(|fault| Failure::new(EXIT_TEMPORARY, fault))?)
        }
        (None, None) => None,
    };
    let acting = models.acting();
    let model_lines = models.lines();
    let mut answer = |ticket: &Ticket| models.answer(ticket);
    let report = records.map(|records| {
        let source = acting.map(|acting| tickets::AnswerSource { acting, answer: &mut answer });
        tickets::examine(records, settings, source, &clock)
    });

    if json {
        let findings: Vec<_> = findings.iter().map(as_json).collect();
        let tickets = report.as_ref().map(tickets::Report::to_json);
        println!("{:#}", json!({ "findings": findings, "broker": broker.as_str(), "tickets": tickets }));
    } else {
        let changed = loaded.values.below("").filter(|(_, entry)| entry.origin != Origin::Default).count();
        println!("configuration: holds, {changed} keys set, digest {}", settings.config_digest.short());
        println!("broker: {}", broker.as_str());
        let findings = findings.iter().map(as_line);
        let tickets = report.iter().flat_map(tickets::Report::lines);
        for line in model_lines.into_iter().chain(findings).chain(tickets) {
            println!("{line}");
        }
    }
    Ok(exit_code(&findings, broker, report.as_ref()))
}

fn exit_code(findings: &[Finding], broker: Broker, report: Option<&tickets::Report>) -> u8 {
    if findings.iter().any(|finding| finding.weight == Weight::Mistake) {
        EXIT_CONFIGURATION
    } else if broker == Broker::Unreachable {
        EXIT_TEMPORARY
    } else if report.is_some_and(|report| !report.has_tickets()) {
        EXIT_DOES_NOT_HOLD
    } else {
        EXIT_OK
    }
}

fn as_line(finding: &Finding) -> String {
    format!("{}: {}: {}", finding.weight.as_str(), finding.about, finding.sentence)
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({ "weight": finding.weight.as_str(), "about": finding.about, "sentence": finding.sentence })
}

/// What the broker said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Broker {
    /// `--offline` or `--file`.
    NotAsked,
    /// No answer, or a refusal that passes.
    Unreachable,
    /// It answered; what is wrong with the topics is among the findings.
    Answered,
}

impl Broker {
    const fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "not asked",
            Self::Unreachable => "did not answer",
            Self::Answered => "answered",
        }
    }
}

fn ask_broker(settings: &Settings, findings: &mut Vec<Finding>) -> Broker {
    match topics::inspect(&settings.kafka, settings.rollout.mode) {
        Ok(report) => {
            let sentences = report.sentences().into_iter();
            findings.extend(sentences.map(|sentence| Finding::new(Weight::Mistake, "kafka.topics", sentence)));
            Broker::Answered
        }
        Err(error) => {
            findings.push(Finding::new(Weight::Warning, "kafka.brokers", error.to_string()));
            Broker::Unreachable
        }
    }
}
