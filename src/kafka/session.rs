//! The log on a real Kafka: one consumer, one transactional producer, one tail, all owned by one OS thread.
//!
//! That thread is the one that calls [`KafkaLog::next_event`]: rebalance callbacks run only inside its polls, and no
//! transaction is open between two polls, so a revocation can never fall between begin and commit.

mod take_over;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::Producer;
use rdkafka::{ClientContext, Message, Offset, Statistics, TopicPartitionList};

use crate::clock::Clock;
use crate::config::settings::{KafkaSettings, TopicNames, TriageSettings};
use crate::domain::time::UtcMillis;
use crate::policy::view::WindowState;
use crate::wire::output::{OutputRecord, OutputTopic};

use super::client;
use super::fault::{AbortCause, Fault};
use super::log::{Fetching, Log, LogEvent, TransactionEnd};
use super::patience::{Patience, Signs};
use super::stranded::{self, Connected, Connection};
use super::transaction::{self, Open, Outgoing, TransactionalProducer, raw_record};
use super::view_reader::{Tail, ViewReader};
use take_over::TakeOver;

/// Called whenever a queue of the log has become non-empty. Must not block.
pub type Wake = Arc<dyn Fn() + Send + Sync>;
/// Called while the log blocks, so that the watchdog knows that it is alive.
pub type Beat = Arc<dyn Fn() + Send + Sync>;
/// Called when brokers keep the log waiting, with what it waits for.
pub type Waiting = Arc<dyn Fn(&str) + Send + Sync>;

/// Records of the tail that are passed over before tickets are looked for again: a few milliseconds.
const TAIL_LOOKS_MAX: usize = 1_000;

/// How often the clients are asked whether they are connected: on the way of every batch it would cost more than it tells, as
/// they say something new every five seconds.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Outputs that all instances write to, wherever a ticket came from: no instance takes partitions of them over.
const SHARED: [OutputTopic; 4] =
    [OutputTopic::Suggestions, OutputTopic::Commands, OutputTopic::Review, OutputTopic::DeadLetters];

#[derive(Debug)]
enum Rebalanced {
    Assigned(Vec<i32>),
    Revoked(Vec<i32>),
    Failed(String),
}

/// Where the callbacks of the consumer leave what they saw: they run inside `poll`, on the same thread.
#[derive(Debug, Default)]
struct TicketContext {
    rebalanced: Mutex<VecDeque<Rebalanced>>,
    stable_ends: Mutex<BTreeMap<i32, i64>>,
    topic: String,
    connection: Connection,
}

impl ClientContext for TicketContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        super::repeated::warn_of_client("kafka consumer", &error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.connection.heard(statistics);
        let Ok(statistics) = serde_json::from_slice::<Statistics>(statistics)
            .inspect_err(|error| tracing::warn!(%error, "lags are not known: statistics that cannot be read"))
        else {
            return;
        };
        if let Some(topic) = statistics.topics.get(&self.topic) {
            let ends = topic.partitions.iter().map(|(partition, state)| (*partition, state.ls_offset));
            *self.stable_ends.lock().expect("no panic while copying numbers") =
                ends.filter(|(_, end)| *end >= 0).collect();
        }
    }
}

impl Connected for TicketContext {
    fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl ConsumerContext for TicketContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            self.push(Rebalanced::Revoked(numbers(partitions)));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => self.push(Rebalanced::Assigned(numbers(partitions))),
            Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => self.push(Rebalanced::Failed(error.to_string())),
        }
    }
}

impl TicketContext {
    fn push(&self, event: Rebalanced) {
        self.rebalanced.lock().expect("no panic while pushing").push_back(event);
    }
}

fn numbers(list: &TopicPartitionList) -> Vec<i32> {
    list.elements().iter().map(rdkafka::topic_partition_list::TopicPartitionListElem::partition).collect()
}

/// Everything a session is opened with.
#[derive(Clone)]
pub struct SessionOptions {
    /// Brokers, topics, group.
    pub kafka: KafkaSettings,
    /// Limits of the view.
    pub triage: TriageSettings,
    /// The clock.
    pub clock: Clock,
    /// Called when something has arrived.
    pub wake: Wake,
    /// Called while the session blocks.
    pub beat: Beat,
    /// Called when brokers keep it waiting.
    pub waiting: Waiting,
}

impl SessionOptions {
    fn signs(&self) -> Signs<'_> {
        Signs { beat: &*self.beat, waiting: &*self.waiting }
    }

    /// The wait for one answer.
    fn patience(&self) -> Patience<'_> {
        Patience::new(self.signs(), self.kafka.request_timeout)
    }
}

/// The log on a real Kafka.
pub struct KafkaLog {
    // The consumer is dropped before the producer: it leaves the group while the transactional id is still ours.
    consumer: BaseConsumer<TicketContext>,
    producer: Arc<TransactionalProducer>,
    tail: Option<ViewReader>,
    options: SessionOptions,
    pending: VecDeque<LogEvent>,
    assigned: Vec<i32>,
    greatest_source_offset: BTreeMap<i32, i64>,
    /// Partitions of `decisions` with records that this version cannot read: what they say is missing in the view.
    unreadable: BTreeSet<i32>,
    taking_over: Option<TakeOver>,
    /// Partitions that were assigned with a part of their windows, and the positions they were assigned at.
    late: BTreeMap<i32, i64>,
    /// What was last said of the partitions of other instances.
    others: WindowState,
    looked_at: Instant,
}

impl KafkaLog {
    /// Opens the session in the only order that is safe: `init_transactions` ends whatever a dead process with our id
    /// left open, what it may have left open all the same is waited for, and only then is the group joined.
    ///
    /// # Errors
    /// Brokers that do not answer in time, a missing topic, a property that librdkafka refuses.
    pub fn open(options: SessionOptions) -> Result<Self, Fault> {
        let settings = &options.kafka;
        let producer = transaction::producer(&client::transactional_producer(settings), settings)?;
        transaction::init(&producer, settings, &client::transactional_id(settings), &options.patience())?;
        let tail = if settings.is_mock {
            None
        } else {
            let wake = Arc::clone(&options.wake);
            let now = options.clock.operating_now();
            let tail = ViewReader::open(settings, &options.triage, now, options.signs(), move || wake())?;
            let shared = SHARED.iter().map(|topic| topic_of(&settings.topics, *topic)).collect();
            tail.readers(options.signs()).wait_all_settled(&shared, transaction::transaction_max(settings))?;
            Some(tail)
        };
        let context = TicketContext { topic: settings.topics.tickets.clone(), ..TicketContext::default() };
        let mut consumer: BaseConsumer<TicketContext> = client::ticket_consumer(settings)
            .create_with_context(context)
            .map_err(|error| Fault::Refused(format!("creating the consumer: {error}")))?;
        let wake = Arc::clone(&options.wake);
        consumer.set_nonempty_callback(move || wake());
        consumer
            .subscribe(&[&settings.topics.tickets])
            .map_err(|error| Fault::Fatal(format!("subscribe to {}: {error}", settings.topics.tickets)))?;
        Ok(Self {
            consumer,
            producer,
            tail,
            options,
            pending: VecDeque::new(),
            assigned: Vec::new(),
            greatest_source_offset: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            taking_over: None,
            late: BTreeMap::new(),
            others: WindowState::Whole,
            looked_at: Instant::now(),
        })
    }

    /// While nothing comes: whether anything can.
    fn look_at_connections(&mut self) -> Result<(), Fault> {
        if self.looked_at.elapsed() < BETWEEN_LOOKS {
            return Ok(());
        }
        self.looked_at = Instant::now();
        let settings = &self.options.kafka;
        stranded::look(self.consumer.client(), &settings.topics.tickets, settings)?;
        stranded::look(self.producer.client(), "transactions", settings)?;
        self.tail.as_ref().map_or(Ok(()), |tail| tail.look_at_connections(settings))
    }

    /// Says when it has changed whether the partitions of other instances are read.
    fn tell_of_others(&mut self) {
        let are_read = self.tail.as_ref().is_none_or(|tail| tail.others_are_read(&self.assigned));
        let others = if are_read { WindowState::Whole } else { WindowState::Partial };
        if others != self.others {
            self.others = others;
            self.pending.push_back(LogEvent::Others(others));
        }
    }

    /// Takes one thing out of the tail; `false` when there was none.
    fn read_tail(&mut self) -> Result<bool, Fault> {
        let Some(tail) = &mut self.tail else { return Ok(false) };
        let Some(found) = tail.next()? else { return Ok(false) };
        match found {
            Tail::Outcome { partition, offset, remembered } => {
                let source_offset = remembered.source_offset;
                if let Some(committed) = self.late.get(&partition)
                    && source_offset >= *committed
                    && tail.is_of_a_previous_owner(partition, offset)
                {
                    return Err(self.torn(partition, *committed, source_offset));
                }
                let seen = self.greatest_source_offset.entry(partition).or_insert(source_offset);
                *seen = (*seen).max(source_offset);
                self.pending.push_back(LogEvent::Outcome { partition, remembered });
            }
            Tail::End(partition) => {
                if tail.is_proven(partition) && self.taking_over.is_none() && self.late.remove(&partition).is_some() {
                    tracing::info!(partition, "the window of the recent view is whole now");
                    if !self.unreadable.contains(&partition) {
                        self.pending.push_back(LogEvent::WindowCompleted(partition));
                    }
                }
                self.tell_of_others();
            }
            Tail::Known(_) | Tail::Foreign(_) => {}
            Tail::Unreadable(partition, offset, reason) => {
                self.unreadable.insert(partition);
                tracing::error!(partition, offset, reason, "a decision that this version cannot read; skipped");
            }
        }
        Ok(true)
    }

    /// Polls the consumer once: rebalances first, then the record that came with them. `false` when there was nothing.
    fn poll_group(&mut self) -> Result<bool, Fault> {
        let polled = self.consumer.poll(Duration::ZERO).map(|result| {
            result.map(|message| LogEvent::Record {
                partition: message.partition(),
                offset: message.offset(),
                record: raw_record(&message),
            })
        });
        // Callbacks ran inside that poll: what they saw comes before the record it returned.
        while let Some(event) = self.next_rebalance() {
            match event {
                Rebalanced::Revoked(partitions) => {
                    self.assigned.retain(|partition| !partitions.contains(partition));
                    // Assignments are made anew as a whole.
                    self.taking_over = None;
                    self.pending.push_back(LogEvent::Revoked(partitions));
                }
                Rebalanced::Assigned(partitions) => self.begin_take_over(partitions)?,
                Rebalanced::Failed(reason) => tracing::warn!(reason, "rebalance failed, the group tries again"),
            }
        }
        match polled {
            None => return Ok(false),
            Some(Ok(record)) => match &mut self.taking_over {
                Some(taking_over) => taking_over.held.push_back(record),
                None => self.pending.push_back(record),
            },
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                let topic = &self.options.kafka.topics.tickets;
                return Err(Fault::of_fatal(code, format!("{topic}: consuming: {code}")));
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::TopicAuthorizationFailed))) => {
                let topic = &self.options.kafka.topics.tickets;
                tracing::error!(topic, "this user may not read the topic. hint: grant Read on it");
            }
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::GroupAuthorizationFailed))) => {
                let group = &self.options.kafka.group;
                tracing::error!(group, "this user may not join the group. hint: grant Read on it");
            }
            Some(Err(error)) => super::repeated::warn_of_topic("consuming", &error, &self.options.kafka.topics.tickets),
        }
        Ok(true)
    }

    /// A confirmed abort may not have reached every partition that it wrote to (`settled.rs`). Of `decisions` only the
    /// partitions of the batch are ours; the others are shared with all instances, and one of them may have died in the middle
    /// of a transaction.
    fn wait_settled(&self, records: &[OutputRecord], offsets: &[(i32, i64)]) -> Result<(), Fault> {
        let Some(tail) = &self.tail else { return Ok(()) };
        let (readers, settings) = (tail.readers(self.options.signs()), &self.options.kafka);
        let decisions = (settings.topics.decisions.clone(), offsets.iter().map(|(partition, _)| *partition).collect());
        readers.wait_settled(&BTreeMap::from([decisions]), settings.request_timeout)?;
        let written = records.iter().map(|record| record.topic).filter(|topic| SHARED.contains(topic));
        let topics: BTreeSet<&str> = written.map(|topic| topic_of(&settings.topics, topic)).collect();
        readers.wait_all_settled(&topics, transaction::transaction_max(settings))
    }

    fn transact_records(&mut self, records: &[OutputRecord], next_offsets: &[(i32, i64)]) -> TransactionEnd {
        let settings = &self.options.kafka;
        // Per transaction: the generation changes at every rebalance, and a stale one is what KIP-447 fences.
        let Some(group) = self.consumer.group_metadata() else {
            return TransactionEnd::Lost(Fault::Fatal("the consumer has no group metadata".into()));
        };
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in next_offsets {
            if let Err(error) =
                offsets.add_partition_offset(&settings.topics.tickets, *partition, Offset::Offset(*next))
            {
                return TransactionEnd::Lost(Fault::Fatal(format!("offset {next} of partition {partition}: {error}")));
            }
        }
        let mut open = match Open::begin(&self.producer, settings.transaction_timeout, self.options.signs()) {
            Ok(open) => open,
            Err(fault) => return TransactionEnd::Lost(fault),
        };
        for record in records {
            if let Err(fault) = open.send(&Outgoing::of(topic_of(&settings.topics, record.topic), record)) {
                return open.end(fault);
            }
        }
        let prepared = match open.prepare(&offsets, &group) {
            Ok(prepared) => prepared,
            Err((open, fault)) => return open.end(fault),
        };
        prepared.end()
    }

    /// Says which rights a transaction needs: librdkafka does not say which of them is missing.
    fn naming_rights(&self, fault: Fault, records: &[OutputRecord]) -> Fault {
        if !fault.is_missing_right() {
            return fault;
        }
        let settings = &self.options.kafka;
        let topics: BTreeSet<&str> = records.iter().map(|record| topic_of(&settings.topics, record.topic)).collect();
        let topics: Vec<&str> = topics.into_iter().collect();
        let what = format!(
            "{fault}. hint: this user needs Write on {}, Read on group {} and Write on transactional id {}",
            topics.join(", "),
            settings.group,
            client::transactional_id(settings)
        );
        Fault::Abort { what, cause: AbortCause::Authorisation }
    }

    fn next_rebalance(&mut self) -> Option<Rebalanced> {
        self.consumer.context().rebalanced.lock().expect("no panic while popping").pop_front()
    }
}

impl Log for KafkaLog {
    fn next_event(&mut self) -> Result<Option<LogEvent>, Fault> {
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        if self.taking_over.is_none() && !self.poll_group()? && self.taking_over.is_none() {
            if let Some(tail) = &mut self.tail {
                tail.look(self.options.signs())?;
            }
            // Our own decisions come back here one for one: passing over many costs less than a round for each.
            for _ in 0..TAIL_LOOKS_MAX {
                if !self.read_tail()? || !self.pending.is_empty() {
                    break;
                }
            }
        }
        if self.taking_over.is_some() {
            self.go_on_taking_over()?;
        }
        if self.pending.is_empty() {
            self.look_at_connections()?;
        }
        Ok(self.pending.pop_front())
    }

    fn transact(&mut self, records: &[OutputRecord], next_offsets: &[(i32, i64)]) -> TransactionEnd {
        match self.transact_records(records, next_offsets) {
            TransactionEnd::Committed => {
                if let Some(tail) = &mut self.tail {
                    tail.committed_by_us(records);
                    for (partition, next) in next_offsets {
                        let greatest = self.greatest_source_offset.entry(*partition).or_insert(next - 1);
                        *greatest = (*greatest).max(next - 1);
                    }
                }
                TransactionEnd::Committed
            }
            TransactionEnd::Aborted(fault) => match self.wait_settled(records, next_offsets) {
                Ok(()) => TransactionEnd::Aborted(self.naming_rights(fault, records)),
                Err(open) => {
                    tracing::warn!(%fault, "the transaction was aborted");
                    TransactionEnd::Lost(open)
                }
            },
            TransactionEnd::Lost(fault) => TransactionEnd::Lost(self.naming_rights(fault, records)),
        }
    }

    fn seek(&mut self, positions: &[(i32, i64)]) -> Result<(), Fault> {
        let topic = &self.options.kafka.topics.tickets;
        let mut list = TopicPartitionList::new();
        for (partition, offset) in positions.iter().filter(|(partition, _)| self.assigned.contains(partition)) {
            list.add_partition_offset(topic, *partition, Offset::Offset(*offset))
                .map_err(|error| Fault::Fatal(format!("{topic}[{partition}]: offset {offset}: {error}")))?;
        }
        if list.count() == 0 {
            return Ok(());
        }
        // librdkafka drops what it fetched before the seek; what we have taken out of it already we must drop ourselves.
        self.pending.retain(|event| match event {
            LogEvent::Record { partition, .. } => !positions.iter().any(|(sought, _)| sought == partition),
            LogEvent::Assigned(_)
            | LogEvent::Revoked(_)
            | LogEvent::Outcome { .. }
            | LogEvent::WindowCompleted(_)
            | LogEvent::Others(_) => true,
        });
        let result = self
            .options
            .patience()
            .ask(|| format!("{topic}: seek"), |slice| self.consumer.seek_partitions(list.clone(), slice))?;
        for element in result.elements() {
            if let Err(error) = element.error() {
                return Err(Fault::Fatal(format!("{topic}[{}]: seek: {error}", element.partition())));
            }
        }
        Ok(())
    }

    fn set_fetching(&mut self, fetching: Fetching) -> Result<(), Fault> {
        let topic = &self.options.kafka.topics.tickets;
        let mut list = TopicPartitionList::new();
        for partition in &self.assigned {
            list.add_partition(topic, *partition);
        }
        let result = match fetching {
            Fetching::On => self.consumer.resume(&list),
            Fetching::Paused => self.consumer.pause(&list),
        };
        result.map_err(|error| Fault::Fatal(format!("{topic}: pause or resume: {error}")))
    }

    fn end_offset(&self, partition: i32) -> Option<i64> {
        self.consumer.context().stable_ends.lock().expect("no panic while reading").get(&partition).copied()
    }

    fn lost_before(&mut self, partition: i32, expected: i64) -> Result<u64, Fault> {
        let (low, _) = self.ends(partition)?;
        let lost = u64::try_from(low - expected).unwrap_or_default();
        if lost == 0 || self.options.kafka.accept_loss {
            return Ok(lost);
        }
        let topic = &self.options.kafka.topics.tickets;
        Err(Fault::Refused(format!(
            "{topic}[{partition}]: the log now starts at {low}, but offset {expected} was not read yet: {lost} records were \
             deleted before they were triaged. hint: look for them in the ticket system, then start once with \
             `--accept-loss`"
        )))
    }

    fn commits_asked_again(&mut self) -> u64 {
        self.producer.context().take_asked_again()
    }

    fn now(&self) -> UtcMillis {
        self.options.clock.operating_now()
    }
}

/// The name of an output topic.
pub fn topic_of(topics: &TopicNames, topic: OutputTopic) -> &str {
    match topic {
        OutputTopic::Decisions => &topics.decisions,
        OutputTopic::Suggestions => &topics.suggestions,
        OutputTopic::Commands => &topics.commands,
        OutputTopic::Review => &topics.review,
        OutputTopic::DeadLetters => &topics.dead_letters,
    }
}

/// librdkafka's own log lines, at our levels: what it calls an error is mostly a broker that is away for a moment.
pub(super) fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(facility, message, "librdkafka");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => tracing::warn!(facility, message, "librdkafka"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(facility, message, "librdkafka");
        }
    }
}
