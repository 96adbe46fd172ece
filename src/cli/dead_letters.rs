//! `noctriage dead-letters`: what was no ticket, and sending it again.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};

use crate::config::settings::Settings;
use crate::kafka::client;
use crate::kafka::scan::{ScanFrom, scan};
use crate::wire::dead_letter::DeadLetterRecord;

use super::progress::Progress;
use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Header that a retried record carries: the decision that made it a dead letter.
const RETRY_HEADER: &str = "noctriage_retry_of";

/// Commands of `dead-letters`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List dead letters: where the record lies, why it is no ticket, and what to do. No ticket text.
    List(ListArguments),
    /// Write the original records to the input topic again, for example after the mapping was mended.
    Retry(RetryArguments),
}

/// Arguments of `dead-letters list`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Only the newest of each partition.
    #[arg(long, value_name = "N", default_value_t = 100)]
    last: u64,
    /// Only this class, for example `not_json`.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// One JSON object per line.
    #[arg(long)]
    json: bool,
}

/// Arguments of `dead-letters retry`.
#[derive(Debug, clap::Args)]
pub struct RetryArguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Which: decision ids (or their first digits) as `list` prints them.
    #[arg(value_name = "DECISION_ID", required_unless_present = "class")]
    decision_ids: Vec<String>,
    /// All of this class instead.
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,
    /// Why; goes into the log line of this command.
    #[arg(long)]
    reason: String,
    /// Only say what would be sent.
    #[arg(long)]
    dry_run: bool,
}

/// Runs a command of `dead-letters`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::List(arguments) => list(&arguments),
        Command::Retry(arguments) => retry(&arguments),
    }
}

fn letters(settings: &Settings, from: ScanFrom) -> Result<Vec<DeadLetterRecord>, Failure> {
    let mut letters = Vec::new();
    let mut unreadable = 0_u64;
    let mut progress = Progress::new("reading dead letters");
    scan(
        &settings.kafka,
        &settings.kafka.topics.dead_letters,
        from,
        |scanned| match serde_json::from_slice(scanned.record.value.as_deref().unwrap_or_default()) {
            Ok(letter) => letters.push(letter),
            Err(_) => unreadable += 1,
        },
        |done| progress.at(done.done, done.total),
    )
    .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    if unreadable > 0 {
        eprintln!("{unreadable} records of {} are not readable by this version", settings.kafka.topics.dead_letters);
    }
    Ok(letters)
}

fn list(arguments: &ListArguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let mut shown = 0_usize;
    for letter in letters(&loaded.settings, ScanFrom::Last(arguments.last))? {
        if arguments.class.as_deref().is_some_and(|class| class != letter.class.0.as_str()) {
            continue;
        }
        shown += 1;
        if arguments.json {
            println!("{}", serde_json::to_string(&letter).context("writing a dead letter")?);
        } else {
            println!(
                "{} {}[{}]@{} {} {}",
                letter.decision_id.0.short(),
                letter.origin.topic,
                letter.origin.partition,
                letter.origin.offset,
                letter.class.0.as_str(),
                letter.detail
            );
        }
    }
    if shown == 0 && !arguments.json {
        println!("no dead letters in {}", loaded.settings.kafka.topics.dead_letters);
    }
    Ok(EXIT_OK)
}

fn retry(arguments: &RetryArguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let is_wanted = |letter: &DeadLetterRecord| {
        let id = letter.decision_id.0.to_string();
        arguments.decision_ids.iter().any(|wanted| wanted.len() >= 6 && id.starts_with(wanted.as_str()))
            || arguments.class.as_deref() == Some(letter.class.0.as_str())
    };
    let wanted: Vec<DeadLetterRecord> =
        letters(settings, ScanFrom::Start)?.into_iter().filter(|letter| is_wanted(letter)).collect();
    if wanted.is_empty() {
        return Err(Failure::usage(anyhow!("no dead letter matches. hint: `noctriage dead-letters list`")));
    }
    let producer: BaseProducer = client::plain_producer(&settings.kafka).create().context("creating a producer")?;
    let topic = &settings.kafka.topics.tickets;
    let mut left_out = 0_usize;
    for letter in &wanted {
        let name = letter.decision_id.0.short();
        if letter.raw_truncated {
            left_out += 1;
            let origin = &letter.origin;
            println!(
                "left out {name}: only its beginning was kept; the whole record is {}[{}]@{}",
                origin.topic, origin.partition, origin.offset
            );
            continue;
        }
        if arguments.dry_run {
            println!("would send {name} to {topic}");
            continue;
        }
        send(&producer, topic, letter)?;
        println!("sent {name} to {topic}");
    }
    producer.flush(Duration::from_secs(30)).context("waiting for the broker")?;
    eprintln!("reason given: {}", arguments.reason);
    Ok(if left_out > 0 { EXIT_DOES_NOT_HOLD } else { EXIT_OK })
}

fn send(producer: &BaseProducer, topic: &str, letter: &DeadLetterRecord) -> Result<(), Failure> {
    let mut headers = OwnedHeaders::new();
    for header in &letter.headers {
        let value = header.value.bytes().context("a header of the dead letter")?;
        headers = headers.insert(Header { key: &header.name, value: Some(&value) });
    }
    let retry_of = letter.decision_id.0.to_string();
    headers = headers.insert(Header { key: RETRY_HEADER, value: Some(retry_of.as_bytes()) });
    let key = letter.key.as_ref().and_then(crate::wire::values::BoundedBytes::bytes);
    let raw = letter.raw.as_ref().and_then(crate::wire::values::BoundedBytes::bytes);
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
    if let Some(key) = &key {
        record = record.key(key);
    }
    if let Some(raw) = &raw {
        record = record.payload(raw);
    }
    producer.send(record).map_err(|(error, _)| anyhow!("sending to {topic}: {error}"))?;
    producer.poll(Duration::ZERO);
    Ok(())
}
