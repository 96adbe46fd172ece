//! The endless tail of what evidence is made of: all partitions of decisions, verdicts and, where the verdict rule reads
//! them there, tickets; read committed, from the start of the window on. Bounded by librdkafka's queue: what is not taken
//! is not fetched.
//!
//! One reader per topic, because the end of a partition is reported without the name of its topic. Nothing here waits for
//! long: a few questions to brokers, at most `CALL_MAX` each, every `BETWEEN_LOOKS`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use crate::config::settings::{EventTopic, KafkaSettings, Settings};
use crate::domain::time::UtcMillis;
use crate::rollout::log::{Cut, EvidenceTopic};

pub use super::evidence_fault::TailError;
use super::evidence_reach::{Look, Reach};
use super::fault::Fault;
use super::scan::{ScanError, Scanned, partitions_of};
use super::stranded;
use super::transaction::raw_record;
use super::view_reader::{Reader, look_at_asker, open_asker, open_tail};

/// Longest single question to brokers: a stop waits for it.
const CALL_MAX: Duration = Duration::from_secs(5);
/// How often the ends of all partitions are asked for: two requests a topic. "Read to within 60 s" needs two looks, so
/// five times as rarely would do; much more often would be felt by brokers with hundreds of partitions.
const BETWEEN_LOOKS: Duration = Duration::from_secs(5);
/// The same until everything has been read to an end once: somebody waits for the first numbers.
const BETWEEN_FIRST_LOOKS: Duration = Duration::from_millis(500);
/// How often topics are asked for new partitions, and for topics that did not exist.
const BETWEEN_INVENTORIES: Duration = Duration::from_secs(30);

/// A topic of evidence and where it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TailedTopic {
    /// What is in it.
    pub topic: EvidenceTopic,
    /// Its name.
    pub name: String,
}

/// The topics that evidence is read from under these settings.
pub fn topics_of(settings: &Settings) -> Vec<TailedTopic> {
    let names = &settings.kafka.topics;
    let mut topics = vec![
        TailedTopic { topic: EvidenceTopic::Decisions, name: names.decisions.clone() },
        TailedTopic { topic: EvidenceTopic::Verdicts, name: names.verdicts.clone() },
    ];
    match settings.verdicts.events {
        Some(EventTopic::Tickets) => {
            topics.push(TailedTopic { topic: EvidenceTopic::Events, name: names.tickets.clone() });
        }
        Some(EventTopic::Verdicts) | None => {}
    }
    topics
}

/// How far one partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionReach {
    /// In which topic.
    pub topic: EvidenceTopic,
    /// Which partition.
    pub partition: i32,
    /// Offsets up to the end that are not read; markers of transactions are among them.
    pub offsets_left: u64,
    /// For how long something may have been there unread (boot time); `None`: never read to an end.
    pub behind_ms: Option<i64>,
}

/// The tail.
pub struct EvidenceTail {
    topics: Vec<TopicTail>,
    /// Sees what lies in open transactions: for the ends of the logs alone.
    uncommitted: Reader,
    settings: KafkaSettings,
    since: UtcMillis,
    /// Where reading began.
    first: Cut,
    /// Which topic is asked next: each has its turn.
    turn: usize,
    looked_at: Option<Instant>,
    counted_at: Option<Instant>,
    /// Logs that were found to begin within the window, and that nobody has taken up yet.
    begun: Vec<LogStart>,
}

/// A log that begins within the window: what lay before may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogStart {
    /// In which topic.
    pub topic: EvidenceTopic,
    /// Which partition.
    pub partition: i32,
    /// The first offset that is still there.
    pub offset: i64,
}

struct TopicTail {
    tailed: TailedTopic,
    reader: Reader,
    partitions: BTreeMap<i32, Reach>,
    /// The first offset of each partition, as it was at the last look.
    lows: BTreeMap<i32, i64>,
}

impl EvidenceTail {
    /// Makes the clients; asks nobody. `wake` is called when records have arrived.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn open(
        settings: &KafkaSettings,
        topics: Vec<TailedTopic>,
        since: UtcMillis,
        wake: &Arc<dyn Fn() + Send + Sync>,
    ) -> Result<Self, TailError> {
        let client = |fault: Fault| TailError::Client(fault.to_string());
        let tail = |tailed| {
            let mut reader = open_tail(settings).map_err(client)?;
            let wake = Arc::clone(wake);
            reader.set_nonempty_callback(move || wake());
            Ok(TopicTail { tailed, reader, partitions: BTreeMap::new(), lows: BTreeMap::new() })
        };
        Ok(Self {
            topics: topics.into_iter().map(tail).collect::<Result<_, TailError>>()?,
            uncommitted: open_asker(settings).map_err(client)?,
            settings: settings.clone(),
            since,
            first: Cut::start(),
            turn: 0,
            looked_at: None,
            counted_at: None,
            begun: Vec::new(),
        })
    }

    /// The next record of any topic, without waiting.
    ///
    /// # Errors
    /// A reader that is dead.
    pub fn next_record(&mut self) -> Result<Option<(EvidenceTopic, Scanned)>, TailError> {
        // Ends of partitions are taken in passing: at most one turn of silence per topic.
        let mut silent = 0;
        while silent < self.topics.len() {
            let count = self.topics.len();
            let tail = &mut self.topics[self.turn % count];
            match tail.reader.poll(Duration::ZERO) {
                None => {
                    silent += 1;
                    self.turn = (self.turn + 1) % count;
                }
                Some(Ok(message)) => {
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(reach) = tail.partitions.get_mut(&partition) else { continue };
                    reach.passed(offset);
                    self.turn = (self.turn + 1) % count;
                    let scanned = Scanned { partition, offset, record: raw_record(&message) };
                    return Ok(Some((tail.tailed.topic, scanned)));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    if let Some(reach) = tail.partitions.get_mut(&partition) {
                        reach.met_end();
                    }
                }
                Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => {
                    return Err(TailError::Dead { topic: tail.tailed.name.clone(), reason: error.to_string() });
                }
                Some(Err(error)) => {
                    // librdkafka tries again by itself; whether it helps, the looks show.
                    tracing::debug!(topic = tail.tailed.name, %error, "reading evidence");
                }
            }
        }
        Ok(None)
    }

    /// Looks, not too often, for new partitions and at the beginnings and ends of all of them. Names the topics of the site
    /// that do not exist. Evidence rests on what was appended since the instant `since` (operating time).
    ///
    /// # Errors
    /// Brokers that do not answer. What has been read stays read.
    pub fn look(&mut self, now_ms: i64, since: UtcMillis) -> Result<(), TailError> {
        let is_due = |at: Option<Instant>, after: Duration| at.is_none_or(|at| at.elapsed() >= after);
        let is_read = self.behind_ms(now_ms).is_some();
        if !is_due(self.looked_at, if is_read { BETWEEN_LOOKS } else { BETWEEN_FIRST_LOOKS }) {
            return Ok(());
        }
        self.looked_at = Some(Instant::now());
        self.look_at_connections()?;
        if is_due(self.counted_at, BETWEEN_INVENTORIES) {
            for index in 0..self.topics.len() {
                self.take_stock(index)?;
            }
            self.counted_at = Some(Instant::now());
        }
        for index in 0..self.topics.len() {
            self.look_at(index, now_ms)?;
            self.look_at_beginning(index, since)?;
        }
        Ok(())
    }

    /// Whether answers and records can come at all.
    fn look_at_connections(&self) -> Result<(), TailError> {
        let settings = &self.settings;
        let dead = |topic: &str| {
            let topic = topic.to_owned();
            move |fault: Fault| TailError::Dead { topic, reason: fault.to_string() }
        };
        for tail in &self.topics {
            let name = name_of(tail);
            stranded::look(tail.reader.client(), name, settings).map_err(dead(name))?;
        }
        let decisions = &settings.topics.decisions;
        look_at_asker(&self.uncommitted, decisions, settings).map_err(dead(decisions))
    }

    /// Takes partitions in that are not read yet, from the start of the window on.
    fn take_stock(&mut self, index: usize) -> Result<(), TailError> {
        let tail = &self.topics[index];
        let name = name_of(tail).to_owned();
        let name = name.as_str();
        let metadata = tail
            .reader
            .fetch_metadata(Some(name), self.call_max())
            .map_err(|source| self.failed(name, "asking for its partitions", source))?;
        let there = match partitions_of(&metadata, name) {
            Ok(there) => there,
            // Verdicts belong to the site: their topic may come later.
            Err(ScanError::Missing(_)) => Vec::new(),
            Err(error @ (ScanError::Refused { .. } | ScanError::Brokers { .. })) => {
                return Err(TailError::Topic(error.to_string()));
            }
        };
        let new: Vec<i32> = there.into_iter().filter(|partition| !tail.partitions.contains_key(partition)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let starts = self.starts(name, &tail.reader, &new)?;
        for (&partition, &next) in &starts {
            self.first.set_next(self.topics[index].tailed.topic, partition, next);
        }
        let tail = &mut self.topics[index];
        tail.partitions.extend(starts.into_iter().map(|(partition, next)| (partition, Reach::new(next))));
        // Assigned anew, all of them at their positions: what was asked of the old assignment does not come any more.
        tail.partitions.values_mut().for_each(Reach::forget_asked);
        let list = list_of(name, tail.partitions.iter().map(|(partition, reach)| (*partition, reach.next())));
        let tail = &self.topics[index];
        list.and_then(|list| tail.reader.assign(&list)).map_err(|source| self.failed(name_of(tail), "assign", source))
    }

    /// The first offset at or after the start of the window; the end where everything is older.
    fn starts(&self, name: &str, reader: &Reader, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, TailError> {
        // The mock broker knows no record times, and its topics are as young as the demo.
        if self.settings.is_mock {
            return Ok(partitions.iter().map(|partition| (*partition, 0)).collect());
        }
        let ends = self.ends(name, reader, partitions)?;
        let at = Offset::Offset(self.since.0.max(0));
        let found = self.offsets(name, reader, partitions, at, "asking for the start of the window")?;
        Ok(ends
            .into_iter()
            .map(|(partition, end)| (partition, found.get(&partition).copied().unwrap_or(end)))
            .collect())
    }

    fn look_at(&mut self, index: usize, now_ms: i64) -> Result<(), TailError> {
        let tail = &self.topics[index];
        let name = name_of(tail).to_owned();
        let partitions: Vec<i32> = tail.partitions.keys().copied().collect();
        if partitions.is_empty() {
            return Ok(());
        }
        // In this order: the stable end may have moved past the watermark, and then proves it all the same.
        let high = self.ends(&name, &self.uncommitted, &partitions)?;
        let stable = self.ends(&name, &tail.reader, &partitions)?;
        let mut to_meet = Vec::new();
        for (partition, reach) in &mut self.topics[index].partitions {
            let (Some(high), Some(stable)) = (high.get(partition), stable.get(partition)) else { continue };
            match reach.looked(*high, *stable, now_ms) {
                Look::Read => {}
                Look::MeetEnd => to_meet.push((*partition, reach.next())),
            }
        }
        if to_meet.is_empty() {
            return Ok(());
        }
        let tail = &self.topics[index];
        let sought = list_of(&name, to_meet.iter().copied())
            .and_then(|list| tail.reader.seek_partitions(list, self.call_max()))
            .and_then(|list| {
                list.elements().iter().try_for_each(rdkafka::topic_partition_list::TopicPartitionListElem::error)
            });
        if let Err(source) = sought {
            self.topics[index].partitions.values_mut().for_each(Reach::forget_asked);
            return Err(self.failed(&name, "meeting the ends", source));
        }
        Ok(())
    }

    /// Retention goes on while the log is read. A log in which something older than the window stands has lost nothing of it.
    fn look_at_beginning(&mut self, index: usize, since: UtcMillis) -> Result<(), TailError> {
        let tail = &self.topics[index];
        let partitions: Vec<i32> = tail.partitions.keys().copied().collect();
        if partitions.is_empty() || self.settings.is_mock {
            return Ok(());
        }
        let name = name_of(tail).to_owned();
        let mut lows =
            self.offsets(&name, &tail.reader, &partitions, Offset::Beginning, "asking for its beginnings")?;
        lows.retain(|partition, low| tail.lows.get(partition) != Some(low));
        if lows.is_empty() {
            return Ok(());
        }
        let moved: Vec<i32> = lows.keys().copied().collect();
        let at = Offset::Offset(since.0.max(0));
        let in_window = self.offsets(&name, &tail.reader, &moved, at, "asking for the start of the window")?;
        let begins = lows.iter().filter(|(partition, low)| in_window.get(partition).is_none_or(|first| first <= *low));
        let begins = begins.map(|(&partition, &offset)| LogStart { topic: tail.tailed.topic, partition, offset });
        let begins: Vec<LogStart> = begins.collect();
        self.begun.extend(begins);
        self.topics[index].lows.extend(lows);
        Ok(())
    }

    /// Logs that were found to begin within the window since this was last asked.
    pub fn take_begun(&mut self) -> Vec<LogStart> {
        std::mem::take(&mut self.begun)
    }

    /// Ends of partitions, as a reader sees them: watermarks, or last stable offsets where it reads committed.
    fn ends(&self, name: &str, reader: &Reader, partitions: &[i32]) -> Result<BTreeMap<i32, i64>, TailError> {
        self.offsets(name, reader, partitions, Offset::End, "asking for its ends")
    }

    /// Offsets that the brokers know for a time, or for an end; what has none is left out.
    fn offsets(
        &self,
        name: &str,
        reader: &Reader,
        partitions: &[i32],
        at: Offset,
        call: &'static str,
    ) -> Result<BTreeMap<i32, i64>, TailError> {
        let failed = |source| self.failed(name, call, source);
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition_offset(name, *partition, at).map_err(failed)?;
        }
        let found = reader.offsets_for_times(list, self.call_max()).map_err(failed)?;
        let mut offsets = BTreeMap::new();
        for element in found.elements() {
            element.error().map_err(failed)?;
            if let Some(offset) = element.offset().to_raw().filter(|offset| *offset >= 0) {
                offsets.insert(element.partition(), offset);
            }
        }
        Ok(offsets)
    }

    /// Where reading began, partition by partition.
    pub const fn first(&self) -> &Cut {
        &self.first
    }

    /// Topics without a partition: they do not exist, or have not been asked for yet.
    pub fn missing_topics(&self) -> impl Iterator<Item = &str> {
        self.topics.iter().filter(|tail| self.counted_at.is_some() && tail.partitions.is_empty()).map(name_of)
    }

    /// How far every partition is read.
    pub fn reaches(&self, now_ms: i64) -> Vec<PartitionReach> {
        let of_topic = |tail: &TopicTail| -> Vec<PartitionReach> {
            let row = |(partition, reach): (&i32, &Reach)| PartitionReach {
                topic: tail.tailed.topic,
                partition: *partition,
                offsets_left: reach.offsets_left(),
                behind_ms: reach.behind_ms(now_ms),
            };
            tail.partitions.iter().map(row).collect()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }

    /// For how long anything may have lain unread in any partition (boot time); `None`: not everything has been read to
    /// an end yet.
    pub fn behind_ms(&self, now_ms: i64) -> Option<i64> {
        self.counted_at?;
        self.reaches(now_ms).iter().map(|reach| reach.behind_ms).try_fold(0, |most, behind| Some(most.max(behind?)))
    }

    fn call_max(&self) -> Duration {
        CALL_MAX.min(self.settings.request_timeout)
    }

    fn failed(&self, topic: &str, call: &'static str, source: KafkaError) -> TailError {
        TailError::Brokers {
            topic: topic.to_owned(),
            call,
            reason: source.to_string(),
            brokers: self.settings.brokers.clone(),
        }
    }
}

fn name_of(tail: &TopicTail) -> &str {
    &tail.tailed.name
}

fn list_of(name: &str, offsets: impl Iterator<Item = (i32, i64)>) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::new();
    for (partition, offset) in offsets {
        list.add_partition_offset(name, partition, Offset::Offset(offset))?;
    }
    Ok(list)
}
