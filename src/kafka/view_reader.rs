//! The reader behind the recent view: all partitions of `decisions`, read committed, from the start of the window on.
//!
//! Before a partition is triaged, the reader must have read everything that its previous owner decided. That is
//! proved in this order: the group's committed position is *stable* (the broker answers only when no transaction of
//! the group is open); the log's uncommitted end is taken; the last stable offset reaches it; the reader, sent back to
//! its own position, meets the end of the partition.
//!
//! Partitions that were taken over are read alone until then. What the others say counts for caps and storms, and is read
//! afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext, Message, Offset, TopicPartitionList};

use crate::config::settings::{KafkaSettings, TriageSettings};
use crate::domain::time::UtcMillis;
use crate::policy::recent_view::Remembered;
use crate::wire::output::OutputRecord;
use crate::wire::remembered::read_back;

use super::client::{self, Isolation};
use super::fault::Fault;
use super::own::OwnTransactions;
use super::patience::{Patience, Signs};
use super::repeated;
use super::settled::Readers;
use super::stranded::{self, Connected, Connection};

/// How often it is asked whether a transaction of a previous owner is still open. Each time is one request for each
/// such partition; twice as often would be felt by nobody.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Events of a reader that is only asked, taken at one look: somebody looks every 5 s, and they come less often than this.
const ASKER_EVENTS_MAX: usize = 16;

/// A consumer context that logs, and knows whether its client is connected.
#[derive(Debug, Default)]
pub struct QuietContext {
    connection: Connection,
}

impl ClientContext for QuietContext {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        super::session::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The end of a partition is asked for, and comes back as an error of the client as well.
        if !reason.contains("reached end of partition") {
            repeated::warn_of_client("kafka reader", &error, reason);
        }
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.connection.heard(statistics);
    }
}

impl Connected for QuietContext {
    fn connection(&self) -> &Connection {
        &self.connection
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
    created(&client::reader(settings, isolation), settings)
}

/// Builds a reader that follows our own outputs for as long as the process lives.
///
/// # Errors
/// A property that librdkafka refuses.
pub fn open_tail(settings: &KafkaSettings) -> Result<Reader, Fault> {
    created(&client::tail(settings), settings)
}

/// Builds a reader that is asked for the ends of logs for as long as the process lives: `look_at_asker`.
///
/// # Errors
/// A property that librdkafka refuses.
pub fn open_asker(settings: &KafkaSettings) -> Result<Reader, Fault> {
    created(&client::asker(settings), settings)
}

/// Looks whether it is stranded, after what it says of itself: that waits for a poll. Nothing is assigned to it, so no record
/// is lost here.
///
/// # Errors
/// It is.
pub(super) fn look_at_asker(asker: &Reader, who: &str, settings: &KafkaSettings) -> Result<(), Fault> {
    for _ in 0..ASKER_EVENTS_MAX {
        drop(asker.poll(Duration::ZERO));
    }
    stranded::look(asker.client(), who, settings)
}

fn created(config: &ClientConfig, settings: &KafkaSettings) -> Result<Reader, Fault> {
    config
        .create_with_context(QuietContext::default())
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
    /// Partitions taken over of which not everything is known yet. While there are any, no other is read.
    unproven: BTreeMap<i32, Proof>,
    /// Ends of the log when partitions were taken over.
    ends_before: BTreeMap<i32, i64>,
    /// Partitions whose end was not met since the tail was opened.
    unread: BTreeSet<i32>,
    looked_at: Option<Instant>,
    request_timeout: Duration,
    own: OwnTransactions,
}

/// What one look at the tail brought.
#[derive(Debug)]
pub enum Tail {
    /// An outcome.
    Outcome {
        /// Partition.
        partition: i32,
        /// Where the decision lies.
        offset: i64,
        /// What to remember of it.
        remembered: Box<Remembered>,
    },
    /// An outcome that our own Kafka clients have committed: the view has it already.
    Known(i32),
    /// The end of a partition.
    End(i32),
    /// An outcome of another input topic: its offsets say nothing about ours.
    Foreign(i32),
    /// A record that this version cannot read: skipped, counted.
    Unreadable(i32, i64, String),
}

/// How far the proof has come that everything the previous owner decided is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// The last stable offset has to reach this end, taken when the partition was taken over.
    Stable(i64),
    /// The reader has to meet the end of the partition.
    End,
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
        let mut committed = open_tail(settings)?;
        let uncommitted = open_asker(settings)?;
        let topic = settings.topics.decisions.clone();
        let patience = || Patience::new(signs, settings.request_timeout);
        let metadata = patience()
            .ask(|| format!("{topic}: asking for metadata"), |slice| committed.fetch_metadata(Some(&topic), slice))?;
        let partitions: BTreeSet<i32> = metadata
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
        let mut next = BTreeMap::new();
        for partition in &partitions {
            let (low, high) = ends(&uncommitted, &topic, *partition, &patience())?;
            next.insert(*partition, low.max(high.saturating_sub(records_max))..high);
        }
        // Uncommitted: what lies in an open transaction is part of the window once that is committed.
        let since = now.plus_ms(window_ms.saturating_neg());
        let by_time = offsets_at(&uncommitted, &topic, &partitions, since, &patience())?;
        let next: BTreeMap<i32, i64> = next
            .into_iter()
            .map(|(partition, range)| {
                let start = by_time.get(&partition).copied().flatten().unwrap_or(range.end);
                (partition, start.max(range.start))
            })
            .collect();
        let list = list_of(&topic, next.iter().map(|(partition, offset)| (*partition, Offset::Offset(*offset))))?;
        committed.assign(&list).map_err(|error| Fault::Fatal(format!("{topic}: assign: {error}")))?;
        committed.set_nonempty_callback(wake);
        Ok(Self {
            committed,
            uncommitted,
            topic,
            tickets: settings.topics.tickets.clone(),
            next,
            unproven: BTreeMap::new(),
            ends_before: BTreeMap::new(),
            unread: partitions,
            looked_at: None,
            request_timeout: settings.request_timeout,
            own: OwnTransactions::default(),
        })
    }

    /// These records of ours are committed: they need not be read when the tail brings them.
    pub(super) fn committed_by_us(&mut self, records: &[OutputRecord]) {
        self.own.add(records);
    }

    /// A window is not whole: the tail brings our own decisions as well from here on.
    pub(super) fn want_our_own(&mut self) {
        self.own.want_all();
    }

    /// The next thing in the tail, without waiting.
    ///
    /// # Errors
    /// A fatal error of the client.
    pub(super) fn next(&mut self) -> Result<Option<Tail>, Fault> {
        let found = self.read()?;
        if let Some(Tail::End(partition)) = found {
            self.met_end(partition)?;
        }
        Ok(found)
    }

    fn read(&mut self) -> Result<Option<Tail>, Fault> {
        match self.committed.poll(Duration::ZERO) {
            None => Ok(None),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Some(Tail::End(partition))),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                Err(Fault::of_fatal(code, format!("{}: reading the tail: {code}", self.topic)))
            }
            Some(Err(error)) => {
                repeated::warn_of_topic("reading the tail of decisions", &error, &self.topic);
                Ok(None)
            }
            Some(Ok(message)) => {
                let (partition, offset) = (message.partition(), message.offset());
                self.next.insert(partition, offset + 1);
                if self.own.cover(&message) {
                    return Ok(Some(Tail::Known(partition)));
                }
                let payload = message.payload().unwrap_or_default();
                Ok(Some(match read_back(payload) {
                    Ok(read) if read.topic == self.tickets => {
                        Tail::Outcome { partition, offset, remembered: Box::new(read.remembered) }
                    }
                    Ok(_) => Tail::Foreign(partition),
                    Err(reason) => Tail::Unreadable(partition, offset, reason.to_string()),
                }))
            }
        }
    }

    /// From here on these partitions, all that are ours, are read before any other, until everything that a previous
    /// owner may have committed is known: [`Self::is_proven`].
    ///
    /// # Errors
    /// Brokers that do not answer, or a fatal error of the client.
    pub(super) fn take_over(&mut self, partitions: &[i32], signs: Signs<'_>) -> Result<(), Fault> {
        self.unproven.clear();
        self.looked_at = None;
        for partition in partitions {
            if !self.next.contains_key(partition) {
                // The topic has grown since the tail was opened: opened anew, it has the partition.
                return Err(Fault::Fatal(format!("{}[{partition}]: a new partition", self.topic)));
            }
            let (_, end) = ends(&self.uncommitted, &self.topic, *partition, &self.patience(signs))?;
            self.unproven.insert(*partition, Proof::Stable(end));
            self.ends_before.insert(*partition, end);
        }
        self.read_in_order()
    }

    /// Whether everything is known that a previous owner has decided of this partition.
    pub(super) fn is_proven(&self, partition: i32) -> bool {
        !self.unproven.contains_key(&partition)
    }

    /// Whether this decision lay in the log, committed or not, when its partition was taken over.
    pub(super) fn is_of_a_previous_owner(&self, partition: i32, offset: i64) -> bool {
        self.ends_before.get(&partition).is_some_and(|end| offset < *end)
    }

    /// A partition in which a transaction is still open that was open when it was taken over, with the end that the last
    /// stable offset has to reach.
    pub(super) fn held_open(&self) -> Option<(i32, i64)> {
        self.unproven.iter().find_map(|(partition, proof)| match proof {
            Proof::Stable(end) => Some((*partition, *end)),
            Proof::End => None,
        })
    }

    /// Looks whether one of its clients is stranded. Call it while nothing comes.
    ///
    /// # Errors
    /// One is.
    pub(super) fn look_at_connections(&self, settings: &KafkaSettings) -> Result<(), Fault> {
        stranded::look(self.committed.client(), &self.topic, settings)?;
        look_at_asker(&self.uncommitted, &self.topic, settings)
    }

    /// Whether there is nothing left to prove.
    pub(super) fn is_all_proven(&self) -> bool {
        self.unproven.is_empty()
    }

    /// Whether every partition but these has been read to its end once.
    pub(super) fn others_are_read(&self, owned: &[i32]) -> bool {
        self.unread.iter().all(|partition| owned.contains(partition))
    }

    /// Looks, not too often, whether the last stable offset has reached the ends that were taken.
    ///
    /// # Errors
    /// Brokers that do not answer, or a fatal error of the client.
    pub(super) fn look(&mut self, signs: Signs<'_>) -> Result<(), Fault> {
        if self.looked_at.is_some_and(|at| at.elapsed() < BETWEEN_LOOKS) {
            return Ok(());
        }
        let mut stable = Vec::new();
        for (partition, proof) in &self.unproven {
            let Proof::Stable(end) = proof else { continue };
            let (_, last_stable) = ends(&self.committed, &self.topic, *partition, &self.patience(signs))?;
            if last_stable >= *end {
                stable.push((*partition, self.next.get(partition).copied().unwrap_or_default()));
            }
        }
        if !stable.is_empty() {
            // Sent back to their own positions, so that their ends are met anew and not remembered from before.
            let list =
                list_of(&self.topic, stable.iter().map(|(partition, offset)| (*partition, Offset::Offset(*offset))))?;
            let result = self
                .patience(signs)
                .ask(|| format!("{}: seek", self.topic), |slice| self.committed.seek_partitions(list.clone(), slice))?;
            check_elements(&self.topic, "seek", &result)?;
            self.unproven.extend(stable.iter().map(|(partition, _)| (*partition, Proof::End)));
        }
        self.looked_at = Some(Instant::now());
        Ok(())
    }

    /// The two readers, for questions about any topic.
    pub(super) fn readers<'reader>(&'reader self, signs: Signs<'reader>) -> Readers<'reader> {
        let Self { committed, uncommitted, request_timeout, .. } = self;
        Readers { committed, uncommitted, request_timeout: *request_timeout, signs }
    }

    fn met_end(&mut self, partition: i32) -> Result<(), Fault> {
        self.unread.remove(&partition);
        if self.unproven.get(&partition) == Some(&Proof::End) {
            self.unproven.remove(&partition);
            if self.unproven.is_empty() {
                return self.read_in_order();
            }
        }
        Ok(())
    }

    /// What is unproven is read alone; where nothing is, everything is read.
    fn read_in_order(&self) -> Result<(), Fault> {
        let is_first = |partition: &i32| self.unproven.is_empty() || self.unproven.contains_key(partition);
        let mut first = TopicPartitionList::new();
        let mut later = TopicPartitionList::new();
        for partition in self.next.keys() {
            let list = if is_first(partition) { &mut first } else { &mut later };
            list.add_partition(&self.topic, *partition);
        }
        self.committed
            .pause(&later)
            .and_then(|()| self.committed.resume(&first))
            .map_err(|error| Fault::Fatal(format!("{}: pause or resume: {error}", self.topic)))
    }

    fn patience<'thread>(&self, signs: Signs<'thread>) -> Patience<'thread> {
        Patience::new(signs, self.request_timeout)
    }
}

fn ends(reader: &Reader, topic: &str, partition: i32, patience: &Patience<'_>) -> Result<(i64, i64), Fault> {
    patience.ask(
        || format!("{topic}[{partition}]: asking for its ends"),
        |slice| reader.fetch_watermarks(topic, partition, slice),
    )
}

/// Offset of the first record at or after an instant, per partition; `None` where there is none.
fn offsets_at(
    reader: &Reader,
    topic: &str,
    partitions: &BTreeSet<i32>,
    at: UtcMillis,
    patience: &Patience<'_>,
) -> Result<BTreeMap<i32, Option<i64>>, Fault> {
    let list = list_of(topic, partitions.iter().map(|partition| (*partition, Offset::Offset(at.0.max(0)))))?;
    let found = patience.ask(
        || format!("{topic}: asking for the start of the window"),
        |slice| reader.offsets_for_times(list.clone(), slice),
    )?;
    check_elements(topic, "asking for the start of the window", &found)?;
    let offset = |offset| match offset {
        Offset::Offset(offset) => Some(offset),
        Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
    };
    Ok(found.elements().iter().map(|element| (element.partition(), offset(element.offset()))).collect())
}

fn check_elements(topic: &str, what: &str, list: &TopicPartitionList) -> Result<(), Fault> {
    for element in list.elements() {
        if let Err(error) = element.error() {
            return Err(Fault::Fatal(format!("{topic}[{}]: {what}: {error}", element.partition())));
        }
    }
    Ok(())
}

pub(super) fn list_of(topic: &str, offsets: impl Iterator<Item = (i32, Offset)>) -> Result<TopicPartitionList, Fault> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(topic, partition, offset)
            .map_err(|error| Fault::Fatal(format!("{topic}[{partition}]: offset {offset:?}: {error}")))?;
    }
    Ok(list)
}
