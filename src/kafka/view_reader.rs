//! The reader behind the recent view: all partitions of `decisions`, read committed, from the start of the window on.
//!
//! Before a partition is triaged, the reader must have read everything that its previous owner decided. That is
//! proved in this order: the group's committed position is *stable* (the broker answers only when no transaction of
//! the group is open); the log's uncommitted end is taken; the last stable offset reaches it; the reader, sent back to
//! its own position, meets the end of the partition.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

use crate::config::settings::{KafkaSettings, TriageSettings};
use crate::domain::time::UtcMillis;
use crate::policy::recent_view::Remembered;
use crate::policy::view::WindowState;
use crate::wire::decision::DecisionRecord;
use crate::wire::output::OutputRecord;

use super::client::{self, Isolation};
use super::fault::Fault;
use super::own::OwnTransactions;
use super::patience::{Patience, Signs};

/// Below this many records the start of the window is not searched for: reading them is quicker.
const BISECT_RECORDS_MIN: i64 = 2_000;
/// One look at one offset while searching.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// A consumer context that only logs.
#[derive(Debug, Default)]
pub struct QuietContext;

impl ClientContext for QuietContext {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        super::session::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is asked for, and comes back as an error of the client as well.
        if !reason.contains("reached end of partition") {
            tracing::warn!(%error, reason, "kafka reader");
        }
    }
}

impl rdkafka::consumer::ConsumerContext for QuietContext {}

/// A consumer of our own topics without a group.
pub type Reader = BaseConsumer<QuietContext>;

/// Builds a reader.
///
/// # Errors
/// A property that librdkafka refuses.
pub fn open_reader(settings: &KafkaSettings, isolation: Isolation) -> Result<Reader, Fault> {
    let config: ClientConfig = client::reader(settings, isolation);
    config
        .create_with_context(QuietContext)
        .map_err(|error| Fault::Fatal(format!("creating a reader of {}: {error}", settings.topics.decisions)))
}

/// The tail of `decisions`.
pub struct ViewReader {
    committed: Reader,
    uncommitted: Reader,
    topic: String,
    tickets: String,
    /// Next offset to read, per partition.
    next: BTreeMap<i32, i64>,
    request_timeout: Duration,
    own: OwnTransactions,
}

/// What one look at the tail brought.
#[derive(Debug)]
pub enum Tail {
    /// An outcome.
    Outcome(i32, Box<Remembered>),
    /// An outcome that this session has committed itself: the view has it already.
    Known(i32),
    /// The end of a partition.
    End(i32),
    /// An outcome of another input topic: its offsets say nothing about ours.
    Foreign(i32),
    /// A record that this version cannot read: skipped, counted.
    Unreadable(i32, i64, String),
}

impl ViewReader {
    /// Opens the tail of every partition at the start of its window.
    ///
    /// # Errors
    /// Brokers that do not answer, or a missing topic.
    pub(super) fn open(
        settings: &KafkaSettings,
        triage: &TriageSettings,
        now: UtcMillis,
        signs: Signs<'_>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, Fault> {
        let mut committed = open_reader(settings, Isolation::Committed)?;
        let uncommitted = open_reader(settings, Isolation::Uncommitted)?;
        let topic = settings.topics.decisions.clone();
        let metadata = Patience::new(signs, settings.request_timeout)
            .ask(|| format!("{topic}: asking for metadata"), |slice| committed.fetch_metadata(Some(&topic), slice))?;
        let partitions: Vec<i32> = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic && found.error().is_none())
            .flat_map(|found| found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id))
            .collect();
        if partitions.is_empty() {
            return Err(Fault::Refused(format!(
                "topic {topic} does not exist. hint: `noctriage topics create` makes what is missing"
            )));
        }
        let window_ms = i64::try_from(triage.view_window.as_millis()).unwrap_or(i64::MAX);
        let records_max = i64::try_from(triage.view_records_max).unwrap_or(i64::MAX);
        let since = now.plus_ms(window_ms.saturating_neg());
        let mut next = BTreeMap::new();
        for partition in partitions {
            let patience = Patience::new(signs, settings.request_timeout);
            let (low, high) = ends(&uncommitted, &topic, partition, &patience)?;
            let start = low.max(high.saturating_sub(records_max));
            let start = window_start(&committed, &topic, partition, start..high, since)?;
            next.insert(partition, start);
        }
        assign(&committed, &topic, &next)?;
        committed.set_nonempty_callback(wake);
        let tickets = settings.topics.tickets.clone();
        let (request_timeout, own) = (settings.request_timeout, OwnTransactions::default());
        Ok(Self { committed, uncommitted, topic, tickets, next, request_timeout, own })
    }

    /// These records of ours are committed: they need not be read when the tail brings them.
    pub fn committed_by_us(&mut self, records: &[OutputRecord]) {
        self.own.add(records);
    }

    /// The next thing in the tail, waiting at most `timeout`.
    ///
    /// # Errors
    /// A fatal error of the client.
    pub fn next(&mut self, timeout: Duration) -> Result<Option<Tail>, Fault> {
        match self.committed.poll(timeout) {
            None => Ok(None),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Tail::End(partition))),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                Err(Fault::of_fatal(code, format!("{}: reading the tail: {code}", self.topic)))
            }
            Some(Err(error)) => {
                tracing::warn!(topic = self.topic, %error, "reading the tail of decisions");
                Ok(None)
            }
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                self.next.insert(partition, offset + 1);
                if self.own.cover(&message) {
                    return Ok(Some(Tail::Known(partition)));
                }
                let payload = message.payload().unwrap_or_default();
                let read = DecisionRecord::from_json(payload).map_err(|error| error.to_string()).and_then(|record| {
                    let is_ours = record.source.topic == self.tickets;
                    record.remembered().map(|remembered| (is_ours, remembered)).map_err(|error| error.to_string())
                });
                Ok(Some(match read {
                    Ok((true, remembered)) => Tail::Outcome(partition, Box::new(remembered)),
                    Ok((false, _)) => Tail::Foreign(partition),
                    Err(reason) => Tail::Unreadable(partition, offset, reason),
                }))
            }
        }
    }

    /// Reads until everything that could be committed by a previous owner is read, at most until the deadline.
    ///
    /// # Errors
    /// A fatal error of the client.
    pub(super) fn catch_up(
        &mut self,
        partitions: &[i32],
        deadline: Duration,
        signs: Signs<'_>,
        mut sink: impl FnMut(Tail),
    ) -> Result<BTreeMap<i32, WindowState>, Fault> {
        let until = Instant::now() + deadline;
        let mut waiting: BTreeMap<i32, Wait> = BTreeMap::new();
        for partition in partitions {
            if !self.next.contains_key(partition) {
                // The topic has grown since the tail was opened: opened anew, it has the partition.
                return Err(Fault::Fatal(format!("{}[{partition}]: a new partition", self.topic)));
            }
            let (_, end) = self.ends(&self.uncommitted, *partition, signs)?;
            waiting.insert(*partition, Wait::Stable { end });
        }
        while !waiting.is_empty() && Instant::now() < until {
            (signs.beat)();
            let unstable: Vec<(i32, i64)> = waiting
                .iter()
                .filter_map(|(partition, wait)| match wait {
                    Wait::Stable { end } => Some((*partition, *end)),
                    Wait::End => None,
                })
                .collect();
            for (partition, end) in unstable {
                let (_, stable) = self.ends(&self.committed, partition, signs)?;
                if stable >= end {
                    // Sent back to its own position, so that the end is met anew and not remembered from before.
                    let mut position = TopicPartitionList::new();
                    add(&mut position, &self.topic, partition, self.next.get(&partition).copied().unwrap_or_default())?;
                    Patience::new(signs, self.request_timeout).ask(
                        || format!("{}[{partition}]: seek", self.topic),
                        |slice| self.committed.seek_partitions(position.clone(), slice),
                    )?;
                    waiting.insert(partition, Wait::End);
                }
            }
            while let Some(tail) = self.next(Duration::from_millis(50))? {
                (signs.beat)();
                if let Tail::End(partition) = tail {
                    if waiting.get(&partition) == Some(&Wait::End) {
                        waiting.remove(&partition);
                    }
                    break;
                }
                sink(tail);
                if Instant::now() >= until {
                    break;
                }
            }
        }
        let state =
            |partition: &i32| if waiting.contains_key(partition) { WindowState::Partial } else { WindowState::Whole };
        Ok(partitions.iter().map(|partition| (*partition, state(partition))).collect())
    }

    fn ends(&self, reader: &Reader, partition: i32, signs: Signs<'_>) -> Result<(i64, i64), Fault> {
        ends(reader, &self.topic, partition, &Patience::new(signs, self.request_timeout))
    }
}

fn ends(reader: &Reader, topic: &str, partition: i32, patience: &Patience<'_>) -> Result<(i64, i64), Fault> {
    patience.ask(
        || format!("{topic}[{partition}]: asking for its ends"),
        |slice| reader.fetch_watermarks(topic, partition, slice),
    )
}

/// How far the proof of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    /// Until the last stable offset reaches the end that was taken.
    Stable { end: i64 },
    /// Until the reader meets the end.
    End,
}

fn assign(reader: &Reader, topic: &str, positions: &BTreeMap<i32, i64>) -> Result<(), Fault> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in positions {
        add(&mut list, topic, *partition, *offset)?;
    }
    reader.assign(&list).map_err(|error| Fault::Fatal(format!("{topic}: assign: {error}")))
}

fn add(list: &mut TopicPartitionList, topic: &str, partition: i32, offset: i64) -> Result<(), Fault> {
    list.add_partition_offset(topic, partition, Offset::Offset(offset))
        .map_err(|error| Fault::Fatal(format!("{topic}[{partition}]: offset {offset}: {error}")))
}

/// Finds the first offset of the window by halving on record times; close enough is `BISECT_RECORDS_MIN` too early.
fn window_start(
    reader: &Reader,
    topic: &str,
    partition: i32,
    range: std::ops::Range<i64>,
    since: UtcMillis,
) -> Result<i64, Fault> {
    let (mut early, mut late) = (range.start, range.end);
    while late - early > BISECT_RECORDS_MIN {
        let middle = early + (late - early) / 2;
        match time_at(reader, topic, partition, middle)? {
            Some(time) if time < since => early = middle,
            Some(_) | None => late = middle,
        }
    }
    Ok(early)
}

/// Time of the first record at or after an offset; `None` when there is none.
fn time_at(reader: &Reader, topic: &str, partition: i32, offset: i64) -> Result<Option<UtcMillis>, Fault> {
    assign(reader, topic, &BTreeMap::from([(partition, offset)]))?;
    let until = Instant::now() + PROBE_TIMEOUT;
    while Instant::now() < until {
        match reader.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => return Ok(message.timestamp().to_millis().map(UtcMillis)),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(error)) => return Err(Fault::Fatal(format!("{topic}[{partition}]@{offset}: {error}"))),
        }
    }
    // A start that is too early costs time, one that is too late costs memory of what was done: be early.
    Ok(Some(UtcMillis(i64::MIN)))
}
