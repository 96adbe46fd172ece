//! `noctriage verdicts add` and `import`: verdicts into their topic. Whatever is sent has been read by the reader that
//! everybody uses, so that what is written is a verdict.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use rdkafka::error::KafkaError;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};

use crate::clock::Clock;
use crate::config::settings::Settings;
use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{
    Closable, Reviewer, ReviewerId, ReviewerRole, StatedCause, Verdict, VerdictId, VerdictKind,
};
use crate::kafka::client;
use crate::wire::intake::RawRecord;
use crate::wire::verdict::{self, VerdictIntake, VerdictRecord, VerdictSource};
use crate::wire::words::ClosedWord;

use super::super::bounded_lines::RECORD_BYTES_MAX;
use super::super::json_lines::each_line;
use super::super::progress::Progress;
use super::super::settings_file::SettingsFile;
use super::super::{CommandResult, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Longest wait for a broker to take a verdict.
const DELIVERY_WAIT: Duration = Duration::from_secs(30);

/// Most verdicts of one file: they are held in memory until all of them are known to be verdicts.
const IMPORT_MAX: usize = 1_000_000;

/// Arguments of `verdicts add`.
#[derive(Debug, clap::Args)]
pub struct AddArguments {
    /// Id of the ticket in its source.
    ticket: String,
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// The person's severity: critical, high, medium, low
    #[arg(long, value_parser = word::<Severity>)]
    severity: Option<Severity>,
    /// Login of the person; written as a pseudonym.
    #[arg(long, value_name = "LOGIN")]
    reviewer: String,
    /// engineer, senior, adjudicator
    #[arg(long, default_value = "engineer", value_parser = word::<ReviewerRole>)]
    role: ReviewerRole,
    /// triage, second_reading, adjudication, reopen
    #[arg(long, default_value = "triage", value_parser = word::<VerdictKind>)]
    kind: VerdictKind,
    /// Would closing it unseen have been right: yes, no, unknown
    #[arg(long, value_parser = word::<Closable>)]
    closable: Option<Closable>,
    /// Queue that the person sent it to.
    #[arg(long)]
    queue: Option<String>,
    /// Code of the root cause.
    #[arg(long, value_name = "CODE")]
    root_cause: Option<String>,
    /// The person had seen the model's answer: such a verdict is no evidence.
    #[arg(long)]
    saw_model: bool,
    /// Id of the verdict that this one corrects.
    #[arg(long, value_name = "VERDICT_ID")]
    supersedes: Option<String>,
    /// Why; goes into the verdict as its comment.
    #[arg(long)]
    reason: String,
    /// Only say what would be written.
    #[arg(long)]
    dry_run: bool,
}

/// Arguments of `verdicts import`.
#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// File of noctriage.verdict/v1, one JSON object per line.
    file: PathBuf,
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Why; goes into the line that this command prints.
    #[arg(long)]
    reason: String,
    /// Only say what would be written.
    #[arg(long)]
    dry_run: bool,
}

/// A word of a closed list, as clap wants it.
pub(super) fn word<T: ClosedWord>(text: &str) -> Result<T, String> {
    T::from_word(text).ok_or_else(|| {
        let words: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
        format!("none of {}", words.join(", "))
    })
}

/// Runs `verdicts add`.
pub fn add(arguments: &AddArguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let verdict = stated(arguments, settings, Clock::Real.operating_now()).map_err(Failure::usage)?;
    let outgoing = Outgoing::of(&verdict, settings).map_err(Failure::usage)?;
    let topic = &settings.kafka.topics.verdicts;
    if arguments.dry_run {
        println!("would write to {topic}: {}", String::from_utf8_lossy(&outgoing.value));
        return Ok(EXIT_OK);
    }
    send(settings, &[outgoing])?;
    println!("written to {topic}: {} about ticket {}", verdict.verdict_id, verdict.ticket_id);
    println!("to correct it: noctriage verdicts add {} --supersedes {} …", verdict.ticket_id, verdict.verdict_id);
    Ok(EXIT_OK)
}

fn stated(arguments: &AddArguments, settings: &Settings, now: UtcMillis) -> anyhow::Result<Verdict> {
    let pseudonym = settings.verdicts.reader.pseudonym_key.pseudonym_of(&arguments.reviewer);
    // Of the person and the instant: a second statement is another one, the same command run twice by mistake too.
    let digest = Digest::of_parts([arguments.ticket.as_bytes(), pseudonym.as_bytes(), &now.0.to_be_bytes()]);
    let name: String = digest.to_string().chars().take(16).collect();
    let ticket_id = TicketId::try_new(&arguments.ticket).context("the ticket")?;
    let reviewer = Reviewer { id: ReviewerId::try_new(&pseudonym)?, role: arguments.role, group: None };
    let base = Verdict::bare(VerdictId::try_new(&format!("cli-{name}"))?, ticket_id, reviewer, now);
    Ok(Verdict {
        severity: arguments.severity,
        kind: arguments.kind,
        closable: arguments.closable,
        queue: arguments.queue.as_deref().map(std::sync::Arc::from),
        root_cause: arguments
            .root_cause
            .as_deref()
            .map(|code| StatedCause { code: Some(std::sync::Arc::from(code)), text: None }),
        saw_model: arguments.saw_model.then_some(true),
        supersedes: arguments.supersedes.as_deref().map(VerdictId::try_new).transpose().context("--supersedes")?,
        comment: Some(std::sync::Arc::from(arguments.reason.as_str())),
        ..base
    })
}

/// Runs `verdicts import`.
pub fn import(arguments: &ImportArguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let verdicts = verdicts_of(&arguments.file, settings)?;
    let topic = &settings.kafka.topics.verdicts;
    if arguments.dry_run {
        println!("would write {} verdicts to {topic}", verdicts.len());
        return Ok(EXIT_OK);
    }
    send(settings, &verdicts)?;
    println!("written to {topic}: {} verdicts; reason given: {}", verdicts.len(), arguments.reason);
    Ok(EXIT_OK)
}

/// The verdicts of a file, one a line: all of them, or every line that is none.
fn verdicts_of(path: &Path, settings: &Settings) -> Result<Vec<Outgoing>, Failure> {
    let mut verdicts = Vec::new();
    let read = each_line(path, RECORD_BYTES_MAX, |line| {
        if verdicts.len() == IMPORT_MAX {
            return Err(format!("more than {IMPORT_MAX} verdicts; split the file"));
        }
        let verdict = Outgoing::read(line.as_bytes().to_vec(), settings).map_err(|error| error.to_string())?;
        verdicts.push(verdict);
        Ok(())
    });
    read.map_err(|failure| failure.context("nothing was written"))?;
    Ok(verdicts)
}

/// A verdict on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    ticket_id: TicketId,
    value: Vec<u8>,
}

impl Outgoing {
    /// A verdict as its record, read once more as everybody will.
    pub(super) fn of(verdict: &Verdict, settings: &Settings) -> anyhow::Result<Self> {
        let record = serde_json::to_string(&VerdictRecord::from(verdict)).context("writing the verdict")?;
        Self::read(record.into_bytes(), settings)
    }

    /// Reads a record as everybody will.
    fn read(value: Vec<u8>, settings: &Settings) -> anyhow::Result<Self> {
        let raw = RawRecord { value: Some(value.clone()), ..RawRecord::default() };
        match verdict::read(&raw, VerdictSource::Verdicts, &settings.verdicts.reader) {
            VerdictIntake::Verdict(verdict) => Ok(Self { ticket_id: verdict.ticket_id.clone(), value }),
            VerdictIntake::Ours(_) | VerdictIntake::NoStatement => {
                Err(anyhow!("an event in which no person states anything"))
            }
            VerdictIntake::DeadLetter(reason) => Err(anyhow!("{}", reason.detail)),
        }
    }
}

/// Writes verdicts and waits until the broker has all of them.
pub(super) fn send(settings: &Settings, verdicts: &[Outgoing]) -> Result<(), Failure> {
    let topic = &settings.kafka.topics.verdicts;
    let failed = |error: KafkaError, done: u64| {
        let brokers = &settings.kafka.brokers;
        let hint = "hint: is kafka.brokers right, and is the broker up? Does the topic exist? `noctriage topics create \
                    --verdicts-partitions 3` makes it";
        Failure::new(EXIT_TEMPORARY, anyhow!("sending to {topic} at {brokers}: {error}; {done} were written. {hint}"))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let mut progress = Progress::new("writing verdicts");
    runtime.block_on(async {
        let producer: FutureProducer =
            client::verdict_producer(&settings.kafka).create().context("creating a producer")?;
        let mut done = 0_u64;
        // In pieces, so that neither the queue of the client nor that of reports grows with the file.
        for piece in verdicts.chunks(1_000) {
            let queued: Result<Vec<_>, Failure> = piece
                .iter()
                .map(|verdict| {
                    let record = FutureRecord::to(topic).key(verdict.ticket_id.as_str().as_bytes());
                    let queued = producer.send_result(record.payload(verdict.value.as_slice()));
                    queued.map_err(|(error, _)| failed(error, done))
                })
                .collect();
            for delivery in queued? {
                match delivery.await {
                    Ok(Ok(_)) => done += 1,
                    Ok(Err((error, _))) => return Err(failed(error, done)),
                    Err(_) => return Err(failed(KafkaError::Canceled, done)),
                }
            }
            progress.at(done, verdicts.len() as u64);
        }
        producer.flush(DELIVERY_WAIT).context("waiting for the broker")?;
        Ok::<(), Failure>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load};
    use crate::policy::ruling::DrawKey;

    const VERDICT: &str = r#"{"verdict_id":"v-1","ticket_id":"INC1","decided_at":"2025-11-24T10:00:00Z","reviewer":{"id":"p-1","role":"engineer"},"kind":"triage","severity":"low"}"#;

    fn read(text: &[u8]) -> Result<Vec<String>, String> {
        let settings = load(&Sources::built_in(&[], DrawKey([7; 16]))).expect("the configuration holds").settings;
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("can be written");
        let verdicts = verdicts_of(file.path(), &settings).map_err(|failure| format!("{failure:?}"))?;
        Ok(verdicts.iter().map(|verdict| verdict.ticket_id.to_string()).collect())
    }

    #[test]
    fn a_file_is_verdicts_line_by_line_and_blank_ones_are_none() {
        assert_eq!(read(format!("{VERDICT}\r\n\n{VERDICT}").as_bytes()), Ok(vec!["INC1".to_owned(); 2]));
        assert_eq!(read(b""), Ok(Vec::new()));
    }

    #[test]
    fn one_line_that_is_no_verdict_lets_nothing_be_written_and_is_named() {
        let mut text = format!("{VERDICT}\n{{}}\n").into_bytes();
        text.extend(b"\xff\n");
        text.extend(vec![b' '; RECORD_BYTES_MAX + 1]);
        let refused = read(&text).expect_err("three lines are none");
        for part in ["nothing was written", "line 2: ", "line 3: the line is no UTF-8", "line 4: the line is longer"] {
            assert!(refused.contains(part), "{refused}");
        }
    }
}
