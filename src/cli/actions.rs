//! `noctriage actions list`: what was done without a person, newest last.

use std::time::Duration;

use anyhow::Context as _;

use crate::clock::Clock;
use crate::kafka::scan::{ScanFrom, scan};
use crate::wire::command::CommandRecord;
use crate::wire::values::Instant;

use super::progress::Progress;
use super::settings_file::SettingsFile;
use super::span::span;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Commands of `actions`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List automatic actions that were commanded. Whether each was carried out is said by whoever writes to the ticket
    /// system.
    List(ListArguments),
}

/// Arguments of `actions list`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// How far back: 90m, 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = span)]
    since: Duration,
    /// Only this slice.
    #[arg(long, value_name = "SLICE")]
    slice: Option<String>,
    /// One command record per line, as it stands in Kafka.
    #[arg(long)]
    json: bool,
}

/// Runs a command of `actions`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::List(arguments) => list(&arguments),
    }
}

fn list(arguments: &ListArguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let kafka = &loaded.settings.kafka;
    let length_ms = i64::try_from(arguments.since.as_millis()).unwrap_or(i64::MAX);
    let since = Clock::Real.operating_now().plus_ms(-length_ms);
    let (mut actions, mut unreadable) = (Vec::new(), 0_u64);
    let mut progress = Progress::new("reading commands");
    scan(
        kafka,
        &kafka.topics.commands,
        ScanFrom::Since(since),
        |scanned| match serde_json::from_slice::<CommandRecord>(scanned.record.value.as_deref().unwrap_or_default()) {
            Ok(command) if arguments.slice.as_ref().is_none_or(|slice| *slice == command.slice) => {
                actions.push((scanned.record.timestamp.unwrap_or_default(), command));
            }
            Ok(_) => {}
            Err(_) => unreadable += 1,
        },
        |done| progress.at(done.done, done.total),
    )
    .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    drop(progress);
    actions.sort_by_key(|(at, _)| *at);
    for (at, command) in &actions {
        if arguments.json {
            println!("{}", serde_json::to_string(command).context("writing a command")?);
        } else {
            println!("{}", line(Instant(*at), command));
        }
    }
    if unreadable > 0 {
        eprintln!("{unreadable} records of {} are not readable by this version", kafka.topics.commands);
    }
    if actions.is_empty() {
        eprintln!("noctriage: no automatic action since {}", Instant(since));
        return Ok(EXIT_DOES_NOT_HOLD);
    }
    Ok(EXIT_OK)
}

fn line(at: Instant, command: &CommandRecord) -> String {
    let queue = command.queue.as_ref().map(|queue| format!(" to {queue}")).unwrap_or_default();
    let cause = command.root_cause.as_ref().map(|cause| format!(" because of {cause}")).unwrap_or_default();
    format!(
        "{at} {} {} as {}{queue}{cause}, slice {}, rollout revision {}",
        command.ticket_id,
        command.action.0.as_str(),
        command.severity.0.as_str(),
        command.slice,
        command.rollout_revision
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::severity::Severity;
    use crate::domain::stage::AutoAction;
    use crate::domain::time::UtcMillis;
    use crate::wire::command::COMMAND_SCHEMA;
    use crate::wire::values::HexDigest;
    use crate::wire::words::Word;

    #[test]
    fn an_action_is_one_line_with_all_that_a_shift_lead_asks_for() {
        let digest = HexDigest(Digest([1; 32]));
        let command = CommandRecord {
            schema: COMMAND_SCHEMA.to_owned(),
            ticket_id: "INC1".to_owned(),
            action: Word(AutoAction::Resolve),
            severity: Word(Severity::Low),
            queue: Some("field".to_owned()),
            root_cause: Some("power".to_owned()),
            idempotency_key: digest,
            expected_revision: None,
            not_after: Instant(UtcMillis(0)),
            decision_id: digest,
            policy_digest: digest,
            rollout_revision: 7,
            slice: "wireless".to_owned(),
        };
        assert_eq!(
            line(Instant(UtcMillis(1_764_000_000_000)), &command),
            "2025-11-24T16:00:00.000Z INC1 auto_resolve as low to field because of power, slice wireless, rollout revision 7"
        );
    }
}
