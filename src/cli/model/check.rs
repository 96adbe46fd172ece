//! `noctriage model check`: what a start would find, and how fast it would be.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::ModelArguments;
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::domain::prediction::Purpose;
use crate::domain::ticket::Ticket;
use crate::inference::batch::classify_all;
use crate::inference::classifier::Classifier;
use crate::inference::model::{LoadOptions, LoadedModel, Strictness};
use crate::inference::ticket_line;

/// How long tickets per second are measured.
const MEASURED: Duration = Duration::from_secs(1);
/// Tickets of one measured round.
const ROUND: usize = 64;
/// Tokens of one pass, padding included: the daemon's default.
const BATCH_TOKENS_MAX: usize = 4096;

/// The ticket that is rendered; every field that a template can name is there.
const SAMPLE: &str = r#"{"ticket_id": "SAMPLE-1", "created_at": "2026-01-05T08:00:00Z",
    "title": "BGP session to upstream down", "description": "Peer 192.0.2.1 unreachable since 07:58, traffic on backup.",
    "category": "routing", "site": "FRA1", "severity": {"reported": {"value": "high", "native": "P2", "set_by": "system"}},
    "device": {"name": "edge-1", "vendor": "Cisco", "type": "router"},
    "alarms": [{"name": "bgpBackwardTransition", "probable_cause": {"text": "loss of signal"}, "perceived_severity": "major"}],
    "notes": [{"author_kind": "human", "text": "Carrier informed."}]}"#;

/// Arguments of `model check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `model check`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let ModelArguments { directory, root_cause_model, device } = &arguments.model;
    let options =
        LoadOptions { strictness: Strictness::Run, device: *device, root_cause_model: root_cause_model.as_deref() };
    let mut model = match LoadedModel::load(directory, options) {
        Ok(model) => model,
        Err(error) => {
            let error = format!("{:#}", anyhow::Error::from(error));
            if arguments.json {
                println!("{}", json!({"holds": false, "error": error}));
            } else {
                println!("does not hold: {error}");
            }
            return Ok(EXIT_DOES_NOT_HOLD);
        }
    };
    let ticket =
        ticket_line::read(SAMPLE).map_err(|error| Failure::usage(anyhow::anyhow!("sample ticket: {error}")))?;
    let report = report(&mut model, &ticket);
    if arguments.json {
        println!("{report}");
    } else {
        print_report(&report);
    }
    Ok(EXIT_OK)
}

fn report(model: &mut LoadedModel, ticket: &Ticket) -> Value {
    let text = model.render(ticket).text;
    let tickets_per_second = speed(model, ticket);
    let tokens = model.encode(ticket).map_or(0, |encoded| encoded.ids.len());
    let info = model.info();
    json!({
        "holds": true,
        "name": info.identity.name,
        "version": info.identity.version,
        "purpose": match info.identity.purpose { Purpose::Production => "production", Purpose::Demo => "demo" },
        "architecture": info.architecture,
        "digest": info.identity.digest.to_string(),
        "calibration_digest": info.identity.calibration_digest.to_string(),
        "device": info.device,
        "tokens_max": info.tokens_max,
        "root_causes": info.causes.iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        "probes_recomputed": model.probes_checked,
        "sample_text": text,
        "sample_tokens": tokens,
        "tickets_per_second": tickets_per_second,
    })
}

/// Copies of the sample in full batches for about a second.
fn speed(model: &mut LoadedModel, ticket: &Ticket) -> f64 {
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < MEASURED {
        let tickets = std::iter::repeat_n(ticket, ROUND);
        answered += classify_all(model, tickets, BATCH_TOKENS_MAX, || true, |_| ()).map_or(0, |results| results.len());
    }
    (answered as f64 / begun.elapsed().as_secs_f64() * 10.0).round() / 10.0
}

fn print_report(report: &Value) {
    let Some(fields) = report.as_object() else { return };
    println!("holds: every file is what the card says, and the model computes what its trainer saw");
    for (name, value) in fields.iter().filter(|(name, _)| *name != "holds") {
        let name = name.replace('_', " ");
        match value {
            Value::String(text) => println!("  {name:<20} {text}"),
            Value::Array(words) => {
                let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
                println!("  {name:<20} {}", if words.is_empty() { "none".into() } else { words.join(", ") });
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => println!("  {name:<20} {value}"),
        }
    }
    if fields.get("probes_recomputed").and_then(Value::as_u64) == Some(0) {
        println!("  there are no probes: nothing shows that this machine computes what the trainer saw");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::render::{DEFAULT_TEMPLATE, Template};

    #[test]
    fn a_directory_that_is_no_model_does_not_hold() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = ModelArguments {
            directory: directory.path().to_owned(),
            root_cause_model: None,
            device: crate::config::settings::DeviceChoice::Cpu,
        };
        let code = run(&Arguments { model, json: true }).expect("a verdict, no failure");
        assert_eq!(code, EXIT_DOES_NOT_HOLD);
    }

    #[test]
    fn the_sample_fills_the_default_template() {
        let ticket = ticket_line::read(SAMPLE).expect("a native ticket");
        let text = Template::parse(DEFAULT_TEMPLATE).expect("a template").render(&ticket).text;
        for part in [
            "reported high",
            "routing Cisco router",
            "BGP session",
            "bgpBackwardTransition loss of signal high",
            "Carrier",
        ] {
            assert!(text.contains(part), "`{text}` does not hold `{part}`");
        }
    }
}
