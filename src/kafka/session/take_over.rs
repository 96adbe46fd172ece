//! Taking partitions over: where to read from, and everything that their previous owners have decided, before triage hears
//! of them. What the tail reads meanwhile goes out as it is read; nothing is kept here.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use rdkafka::consumer::Consumer as _;
use rdkafka::{Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::failpoints;
use crate::kafka::fault::Fault;
use crate::kafka::log::{Assignment, Fetching, Log as _, LogEvent};
use crate::kafka::patience::Patience;
use crate::kafka::settled;
use crate::kafka::view_reader::ViewReader;
use crate::policy::view::WindowState;

use super::KafkaLog;

/// After this long of taking over, the consumer is polled in between: before, pausing it would cost more than it gives,
/// since a pause throws away what is prefetched; after, a rebalance must be heard.
const LISTEN_AFTER: Duration = Duration::from_secs(1);

/// Partitions that are being taken over.
pub(super) struct TakeOver {
    partitions: Vec<i32>,
    /// The group's committed positions; `None` where it has none.
    positions: BTreeMap<i32, Option<i64>>,
    started: Instant,
    /// Whether the consumer is polled, with its partitions paused.
    listens: bool,
    /// Whether it was said that a transaction is waited for.
    has_said_open: bool,
    /// Records that came before it was paused: they follow the assignment.
    pub(super) held: VecDeque<LogEvent>,
}

impl TakeOver {
    fn new(partitions: Vec<i32>, positions: BTreeMap<i32, Option<i64>>) -> Self {
        let (started, held) = (Instant::now(), VecDeque::new());
        Self { partitions, positions, started, listens: false, has_said_open: false, held }
    }
}

impl KafkaLog {
    /// Begins to take partitions over. What the tail reads meanwhile goes out as it is read; triage hears of the
    /// assignment when the view is complete, or the deadline has passed.
    pub(super) fn begin_take_over(&mut self, partitions: Vec<i32>) -> Result<(), Fault> {
        let positions = self.committed_positions(&partitions)?;
        self.assigned.clone_from(&partitions);
        self.late.clear();
        if let Some(tail) = &mut self.tail {
            tail.take_over(&partitions, self.options.signs())?;
        }
        self.taking_over = Some(TakeOver::new(partitions, positions));
        Ok(())
    }

    /// One step of it.
    pub(super) fn go_on_taking_over(&mut self) -> Result<(), Fault> {
        if let Some(taking_over) = &mut self.taking_over
            && taking_over.started.elapsed() >= LISTEN_AFTER
        {
            if !taking_over.listens {
                taking_over.listens = true;
                self.set_fetching(Fetching::Paused)?;
            }
            self.poll_group()?;
        }
        if let Some(tail) = &mut self.tail {
            tail.look(self.options.signs())?;
        }
        while self.pending.is_empty() && self.taking_over.is_some() && self.read_tail()? {}
        let deadline = self.options.triage.view_rebuild_deadline;
        let is_late = self.taking_over.as_ref().is_some_and(|taking_over| taking_over.started.elapsed() >= deadline);
        let is_over = self.tail.as_ref().is_none_or(ViewReader::is_all_proven) || (is_late && !self.is_held_open()?);
        if is_over && let Some(taking_over) = self.taking_over.take() {
            self.finish_take_over(taking_over)?;
        }
        Ok(())
    }

    /// Whether a transaction of a previous owner is still open in `decisions` although the view is late. Nothing may begin
    /// there until it has ended: where it is of the same producer, our commit would be its commit as well. Brokers end one
    /// that is open for too long; one that none of them ends hangs.
    fn is_held_open(&mut self) -> Result<bool, Fault> {
        let Some((partition, end)) = self.tail.as_ref().and_then(ViewReader::held_open) else { return Ok(false) };
        let Some(taking_over) = &mut self.taking_over else { return Ok(false) };
        let KafkaSettings { topics, transaction_timeout, request_timeout, .. } = &self.options.kafka;
        let what = format!("{}[{partition}]: a transaction below offset {end} is still open", topics.decisions);
        if taking_over.started.elapsed() >= *transaction_timeout + *request_timeout {
            return Err(Fault::Fatal(format!("{what}, for longer than one of ours may be. {}", settled::HINT)));
        }
        if !taking_over.has_said_open {
            taking_over.has_said_open = true;
            tracing::warn!("{what}: its end is waited for, and nothing is decided until then");
        }
        (self.options.waiting)(&what);
        Ok(true)
    }

    fn finish_take_over(&mut self, taking_over: TakeOver) -> Result<(), Fault> {
        let TakeOver { partitions, positions, started, held, listens: _, has_said_open: _ } = taking_over;
        let rebuild = started.elapsed();
        let mut assignments = Vec::with_capacity(partitions.len());
        for partition in &partitions {
            let position = positions.get(partition).copied().flatten();
            let (committed, lost_records) = self.start_position(*partition, position)?;
            if let Some(greatest) = self.greatest_source_offset.get(partition).filter(|last| **last >= committed)
                && !failpoints::fires("torn_start")
            {
                return Err(match position {
                    None => self.new_group_on_old_decisions(*partition, *greatest),
                    Some(_) => self.torn(*partition, committed, *greatest),
                });
            }
            let is_known = self.tail.as_ref().is_none_or(|tail| tail.is_proven(*partition));
            if !is_known {
                self.late.insert(*partition, committed);
            }
            let window = if is_known && !self.unreadable.contains(partition) {
                WindowState::Whole
            } else {
                WindowState::Partial
            };
            assignments.push(Assignment { partition: *partition, committed, window, rebuild, lost_records });
        }
        if assignments.iter().any(|assignment| assignment.window == WindowState::Partial)
            && let Some(tail) = &mut self.tail
        {
            tail.want_our_own();
        }
        tracing::info!(partitions = ?partitions, late = ?self.late.keys(), rebuild_ms = rebuild.as_millis(), "partitions assigned");
        // librdkafka keeps an application's pause over a rebalance; triage starts with fetching on.
        self.set_fetching(Fetching::On)?;
        self.tell_of_others();
        self.pending.push_back(LogEvent::Assigned(assignments));
        self.pending.extend(held);
        Ok(())
    }

    fn new_group_on_old_decisions(&self, partition: i32, greatest: i64) -> Fault {
        let (topics, group) = (&self.options.kafka.topics, &self.options.kafka.group);
        Fault::Refused(format!(
            "{}[{partition}]: group {group} has no committed offset, yet {} holds decisions up to offset {greatest}: a new \
             group, or its offsets have expired. Reading from the start would decide them again. hint: set the offset of \
             the group to {}, or take new output topics",
            topics.tickets,
            topics.decisions,
            greatest + 1
        ))
    }

    pub(super) fn torn(&self, partition: i32, committed: i64, greatest: i64) -> Fault {
        let topics = &self.options.kafka.topics;
        Fault::Refused(format!(
            "{}[{partition}]: the group has committed offset {committed}, yet {} holds a committed decision of offset \
             {greatest}: a torn transaction, or offsets that were set back by hand. Nothing is read until somebody has \
             looked. hint: compare both topics with `noctriage explain`; if the offsets were set back on purpose, set \
             them to {}",
            topics.tickets,
            topics.decisions,
            greatest + 1
        ))
    }

    /// Stable committed positions: with `read_committed` the broker answers only when no transaction of the group is
    /// open, and librdkafka asks again until then.
    fn committed_positions(&self, partitions: &[i32]) -> Result<BTreeMap<i32, Option<i64>>, Fault> {
        if self.options.kafka.is_mock || partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let topic = &self.options.kafka.topics.tickets;
        let longest = self.options.kafka.transaction_timeout + self.options.kafka.request_timeout;
        let patience = Patience::new(self.options.signs(), longest);
        let mut what = format!("{topic}: asking for committed offsets");
        while let Some(slice) = patience.slice() {
            let mut list = TopicPartitionList::new();
            for partition in partitions {
                list.add_partition(topic, *partition);
            }
            match self.consumer.committed_offsets(list, slice) {
                Ok(offsets) => {
                    return Ok(offsets
                        .elements()
                        .iter()
                        .map(|element| {
                            let offset = match element.offset() {
                                Offset::Offset(offset) => Some(offset),
                                Offset::Beginning
                                | Offset::End
                                | Offset::Stored
                                | Offset::Invalid
                                | Offset::OffsetTail(_) => None,
                            };
                            (element.partition(), offset)
                        })
                        .collect());
                }
                Err(error) => {
                    tracing::warn!(%error, "committed offsets are not stable yet");
                    what = format!("{topic}: asking for committed offsets: {error}");
                    patience.refused(&what);
                }
            }
        }
        // A broker that is well ends a transaction that is open for too long, and answers. Rather no work than work on
        // offsets that may still change: what hangs is for a person to end.
        Err(Fault::Fatal(format!(
            "{what}, for longer than a transaction may be open. hint: where brokers answer everything else, a transaction \
             hangs: kafka-transactions.sh find-hanging"
        )))
    }

    pub(super) fn ends(&self, partition: i32) -> Result<(i64, i64), Fault> {
        let topic = &self.options.kafka.topics.tickets;
        self.options.patience().ask(
            || format!("{topic}[{partition}]: asking for its ends"),
            |slice| self.consumer.fetch_watermarks(topic, partition, slice),
        )
    }

    /// Where to read from, and how many records are lost before that.
    fn start_position(&self, partition: i32, committed: Option<i64>) -> Result<(i64, u64), Fault> {
        let settings = &self.options.kafka;
        let topic = &settings.topics.tickets;
        let (low, high) = self.ends(partition)?;
        match committed {
            // librdkafka would start again at the beginning, and every record would lie before the expected one.
            Some(offset) if offset > high => Err(Fault::Refused(format!(
                "{topic}[{partition}]: the group has read up to offset {offset}, but the log ends at {high}: the topic was \
                 made anew, or offsets were set by hand. hint: look which records have outcomes, then set the group's \
                 offset to where reading shall go on, or take a new kafka.group and new output topics"
            ))),
            None => Ok((low, 0)),
            Some(offset) if offset >= low => Ok((offset, 0)),
            Some(offset) if settings.accept_loss => {
                tracing::error!(topic, partition, lost = low - offset, "tickets were deleted before they were triaged");
                Ok((low, u64::try_from(low - offset).unwrap_or_default()))
            }
            Some(offset) => Err(Fault::Refused(format!(
                "{topic}[{partition}]: the group has read up to offset {offset}, but the log now starts at {low}: \
                 {} records were deleted before they were triaged. hint: look for them in the ticket system, then start \
                 once with `--accept-loss`",
                low - offset
            ))),
        }
    }
}
