//! `noctriage policy try FILE`: the recorded decisions under another configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::Clock;
use crate::config::{self, Sources};
use crate::kafka::evidence_reader::gather;
use crate::kafka::scan::{ScanFrom, scan};
use crate::policy::loosened::loosened;
use crate::statistics::wilson::interval_95;
use crate::wire::decision::DecisionRecord;

use super::super::progress::Progress;
use super::super::settings_file::SettingsFile;
use super::super::span::span;
use super::super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, EXIT_TOO_LITTLE_DATA, Failure};
use super::comparison::{Change, Comparison};

/// What is never read again, said with every answer.
const LEFT_OUT: &str = "not read again, for want of text and names in decisions: guards, protected hosts and circuits, \
                        maintenance of devices (they hold as recorded); caps, storms, halts and who had the ticket are left \
                        aside";

/// Arguments of `policy try`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The other configuration, whole, as `run --config` would read it.
    #[arg(value_name = "FILE")]
    other: PathBuf,
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// How far back: 12h, 14d
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = span)]
    from: Duration,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `policy try`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let now = arguments.file_of_settings.load()?.settings;
    let other = config::load(&Sources::of_process(Some(&arguments.other))).map_err(Failure::configuration)?.settings;
    let loosened = loosened(&now.policy, &other.policy).into_iter().map(|limit| limit.sentence).collect();
    let since = Clock::Real.operating_now();
    let since = since.plus_ms(-i64::try_from(arguments.from.as_millis()).unwrap_or(i64::MAX));
    let mut comparison = Comparison::new(&now.policy, &other.policy, now.draw_key);
    let mut unreadable = 0_u64;
    let mut progress = Progress::new("reading decisions");
    scan(
        &now.kafka,
        &now.kafka.topics.decisions,
        ScanFrom::Since(since),
        |scanned| match DecisionRecord::from_json(scanned.record.value.as_deref().unwrap_or_default()) {
            Ok(record) => comparison.add(&record),
            Err(_) => unreadable += 1,
        },
        |done| progress.at(done.done, done.total),
    )
    .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    drop(progress);
    let mut progress = Progress::new("reading verdicts");
    let gathered = gather(&now, since, |_, done| progress.at(done.done, done.total))
        .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    drop(progress);
    let tried = Tried {
        changes: comparison.changes(&gathered.evidence),
        loosened,
        told: comparison.told,
        untold: comparison.untold + unreadable,
    };
    if arguments.json {
        println!("{:#}", tried.to_json());
    } else {
        print!("{}", tried.to_text());
    }
    Ok(tried.exit_code())
}

/// What the command says.
struct Tried {
    changes: BTreeMap<(String, &'static str), Change>,
    /// Safety limits that the other configuration loosens, in sentences.
    loosened: Vec<String>,
    told: u64,
    untold: u64,
}

impl Tried {
    /// 1: people judged one of the tickets otherwise; 3: a slice and action gains tickets of which nobody judged any, or there
    /// is nothing to read. A verdict on one slice says nothing of another.
    fn exit_code(&self) -> u8 {
        let is_unjudged = self.changes.values().any(|change| change.gained > 0 && change.judged == 0);
        if self.changes.values().any(|change| change.wrong > 0) {
            EXIT_DOES_NOT_HOLD
        } else if self.told == 0 || is_unjudged {
            EXIT_TOO_LITTLE_DATA
        } else {
            EXIT_OK
        }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| writeln!(text, "{line}").expect("writing to a String does not fail");
        line(format!("read: {} decisions with an answer, {} not readable again", self.told, self.untold));
        for sentence in &self.loosened {
            line(format!("looser: {sentence}"));
        }
        for ((slice, action), change) in &self.changes {
            if *change == Change::default() {
                continue;
            }
            let Change { eligible_now, eligible_then, gained, lost, judged, wrong, named, acted } = change;
            line(format!(
                "{slice}, {action}: {eligible_now} eligible tickets now, {eligible_then} then: {gained} more, {lost} fewer; \
                 acted on at the stages and shares of the time: {} now, {} then",
                acted[0], acted[1]
            ));
            if *gained == 0 {
                continue;
            }
            match interval_95(*wrong, *judged) {
                None => line(format!("  of the {gained} more nobody has judged any: unknown, not harmless")),
                Some(interval) => line(format!(
                    "  of the {gained} more {judged} are judged, {wrong} otherwise ({:.1} to {:.1} %)",
                    100.0 * interval.low,
                    100.0 * interval.high
                )),
            }
            for ticket in named {
                let (id, why) = (ticket.ticket_id.as_str(), ticket.why.as_str());
                line(format!("  {id}: {why}, confidence {:.3}", ticket.confidence));
            }
            if *wrong > named.len() as u64 {
                line(format!("  and {} more", wrong - named.len() as u64));
            }
        }
        if self.changes.values().all(|change| change.gained == 0 && change.lost == 0) {
            line("no ticket would be eligible that is not, and none would cease to be".to_owned());
        }
        line(LEFT_OUT.to_owned());
        text
    }

    fn to_json(&self) -> Value {
        let changes: Vec<Value> = self
            .changes
            .iter()
            .map(|((slice, action), change)| {
                let named: Vec<Value> = change.named.iter().map(|ticket| json!({
                "ticket_id": ticket.ticket_id.as_str(), "wrong": ticket.why.as_str(), "confidence": ticket.confidence,
            })).collect();
                json!({
                    "slice": slice, "action": action, "eligible_now": change.eligible_now,
                    "eligible_then": change.eligible_then, "gained": change.gained, "lost": change.lost,
                    "judged": change.judged, "wrong": change.wrong, "acted_now": change.acted[0],
                    "acted_then": change.acted[1], "tickets": named,
                })
            })
            .collect();
        json!({ "decisions": self.told, "not_readable": self.untold, "loosened": self.loosened, "changes": changes,
            "left_out": LEFT_OUT })
    }
}

#[cfg(test)]
mod tests;
