//! Leadership: who owns partition 0 of `control` in the controller's group leads. Every leader transaction also commits the
//! next offset to read of `control` with the group metadata of that moment, so that the broker refuses whoever does not own
//! the partition: an instance that was frozen past its session, and does not know it yet, writes nothing.
//!
//! The transactional producer lives only while its instance leads. A leader that is fenced or revoked drops it and waits to
//! be assigned again; it never initialises a new one by itself.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::producer::Producer as _;
use rdkafka::{ClientContext, Message as _, Offset, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::wire::intake::RawRecord;

use super::client::{self, Isolation};
use super::control_tail::PARTITION;
use super::fault::Fault;
use super::log::TransactionEnd;
use super::patience::{Patience, Signs};
use super::settled::Readers;
use super::stranded::{self, Connected, Connection};
use super::transaction::{self, Open, Outgoing, TransactionalProducer, raw_record};
use super::view_reader::open_reader;

/// What happens to a member of the controller's group.
#[derive(Debug)]
pub enum LeadershipEvent {
    /// Partition 0 of `control` is ours. Read what stands in `rollout`, then [`Leadership::lead`].
    Elected,
    /// It is not any more, and what was asked of us since will be asked of the next one.
    Deposed,
    /// A record of `control`.
    Request {
        /// Where it lies.
        offset: i64,
        /// What it is.
        record: RawRecord,
    },
}

/// Which topic a record of the leader goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaderTopic {
    /// Stage map and lease.
    Rollout,
    /// Audit trail.
    Transitions,
    /// What people must look at again.
    Review,
}

/// One record of the leader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderRecord {
    /// Where it goes.
    pub topic: LeaderTopic,
    /// Its key.
    pub key: Vec<u8>,
    /// JSON.
    pub payload: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Where the callbacks of the consumer leave what they saw: they run inside `poll`, on the same thread.
#[derive(Debug, Default)]
struct GroupContext {
    seen: Mutex<VecDeque<LeadershipEvent>>,
    connection: Connection,
}

impl ClientContext for GroupContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        super::session::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        super::repeated::warn_of_client("kafka controller", &error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.connection.heard(statistics);
    }
}

impl Connected for GroupContext {
    fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl ConsumerContext for GroupContext {
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance
            && has_partition(partitions)
        {
            self.push(LeadershipEvent::Deposed);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            // Cooperative: what is named is what is new.
            Rebalance::Assign(partitions) if has_partition(partitions) => self.push(LeadershipEvent::Elected),
            Rebalance::Assign(_) | Rebalance::Revoke(_) => {}
            Rebalance::Error(error) => tracing::warn!(%error, "rebalance failed, the group tries again"),
        }
    }
}

impl GroupContext {
    fn push(&self, event: LeadershipEvent) {
        self.seen.lock().expect("no panic while pushing").push_back(event);
    }

    fn pop(&self) -> Option<LeadershipEvent> {
        self.seen.lock().expect("no panic while popping").pop_front()
    }
}

fn has_partition(list: &TopicPartitionList) -> bool {
    list.elements().iter().any(|element| element.partition() == PARTITION)
}

/// One member of the controller's group.
pub struct Leadership {
    // Dropped before the producer: who leaves the group lets the next one in.
    consumer: BaseConsumer<GroupContext>,
    /// Only while leading.
    producer: Option<Arc<TransactionalProducer>>,
    settings: KafkaSettings,
    pending: VecDeque<LeadershipEvent>,
}

impl Leadership {
    /// Joins the group.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn join(settings: &KafkaSettings) -> Result<Self, Fault> {
        let consumer: BaseConsumer<GroupContext> = client::leadership_consumer(settings)
            .create_with_context(GroupContext::default())
            .map_err(|error| Fault::Refused(format!("creating the consumer of the controller: {error}")))?;
        let topic = &settings.topics.control;
        consumer.subscribe(&[topic]).map_err(|error| Fault::Fatal(format!("subscribe to {topic}: {error}")))?;
        Ok(Self { consumer, producer: None, settings: settings.clone(), pending: VecDeque::new() })
    }

    /// The next event; `None` when nothing came in this time. Call it often: a member that does not poll is put out.
    ///
    /// # Errors
    /// The clients have to be made anew.
    pub fn next(&mut self, wait: Duration) -> Result<Option<LeadershipEvent>, Fault> {
        if let Some(event) = self.pending.pop_front() {
            return Ok(Some(event));
        }
        let polled = self.consumer.poll(wait).map(|result| {
            result.map(|message| LeadershipEvent::Request { offset: message.offset(), record: raw_record(&message) })
        });
        // Callbacks ran inside that poll: what they saw comes before the record it returned.
        while let Some(event) = self.consumer.context().pop() {
            self.pending.push_back(event);
        }
        match polled {
            None => {}
            Some(Ok(request)) => self.pending.push_back(request),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                return Err(Fault::of_fatal(code, format!("{}: {code}", self.settings.topics.control)));
            }
            Some(Err(error)) => super::repeated::warn_of_topic("electing", &error, &self.settings.topics.control),
        }
        if self.pending.is_empty() {
            stranded::look(self.consumer.client(), &self.settings.topics.control, &self.settings)?;
            if let Some(producer) = &self.producer {
                stranded::look(producer.client(), "transactions of the controller", &self.settings)?;
            }
        }
        Ok(self.pending.pop_front())
    }

    /// Begins to lead: ends what a leader with our name has left open, and waits until nothing is open where leaders write.
    /// Blocks for as long as one request may take, and longer only beside a transaction that is open.
    ///
    /// # Errors
    /// The brokers do not answer, or refuse, or something stays open.
    pub fn lead(&mut self) -> Result<(), Fault> {
        let id = client::leader_transactional_id(&self.settings);
        let producer = transaction::producer(&client::leader_producer(&self.settings), &self.settings)?;
        transaction::init(&producer, &self.settings, &id, &Patience::new(signs(), self.settings.request_timeout))?;
        self.wait_settled()?;
        self.producer = Some(producer);
        Ok(())
    }

    /// With readers of its own, as leaders change rarely.
    fn wait_settled(&self) -> Result<(), Fault> {
        let settings = &self.settings;
        if settings.is_mock {
            return Ok(());
        }
        let topics = &settings.topics;
        let written = BTreeSet::from([topics.rollout.as_str(), &topics.transitions, &topics.review]);
        let readers = Readers {
            committed: &open_reader(settings, Isolation::Committed)?,
            uncommitted: &open_reader(settings, Isolation::Uncommitted)?,
            request_timeout: settings.request_timeout,
            signs: signs(),
        };
        readers.wait_all_settled(&written, transaction::transaction_max(settings))
    }

    /// Gives up leading, but not the membership.
    pub fn step_down(&mut self) {
        self.producer = None;
    }

    /// The next offset of `control` to read, as the group has committed it; `None`: nothing has been committed.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub fn committed(&self) -> Result<Option<i64>, Fault> {
        let topic = &self.settings.topics.control;
        let failed = |error: KafkaError| Fault::Fatal(format!("{topic}: asking for the committed offset: {error}"));
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, PARTITION);
        let committed = self.consumer.committed_offsets(list, self.settings.request_timeout).map_err(failed)?;
        let offset = committed.elements().first().map(rdkafka::topic_partition_list::TopicPartitionListElem::offset);
        Ok(match offset {
            Some(Offset::Offset(next)) => Some(next),
            Some(Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_)) | None => {
                None
            }
        })
    }

    /// All records and the next offset of `control`, or nothing. Blocks until the outcome is known, at most the transaction
    /// timeout and a little more.
    pub fn transact(&self, records: &[LeaderRecord], next_offset: i64) -> TransactionEnd {
        let lost = |what: String| TransactionEnd::Lost(Fault::Fatal(what));
        let Some(producer) = &self.producer else {
            return lost("there is no producer: this instance leads no more".into());
        };
        // Per transaction: the generation changes at every rebalance, and a stale one is what the broker refuses.
        let Some(group) = self.consumer.group_metadata() else {
            return lost("the consumer of the controller has no group metadata".into());
        };
        let topics = &self.settings.topics;
        let mut offsets = TopicPartitionList::new();
        if let Err(error) = offsets.add_partition_offset(&topics.control, PARTITION, Offset::Offset(next_offset)) {
            return lost(format!("offset {next_offset} of {}: {error}", topics.control));
        }
        let mut open = match Open::begin(producer, self.settings.transaction_timeout, signs()) {
            Ok(open) => open,
            Err(fault) => return TransactionEnd::Lost(fault),
        };
        for record in records {
            let (topic, partition) = match record.topic {
                LeaderTopic::Rollout => (&topics.rollout, Some(PARTITION)),
                LeaderTopic::Transitions => (&topics.transitions, Some(PARTITION)),
                LeaderTopic::Review => (&topics.review, None),
            };
            let outgoing = Outgoing {
                topic,
                partition,
                key: Some(&record.key),
                payload: &record.payload,
                headers: &record.headers,
            };
            if let Err(fault) = open.send(&outgoing) {
                return open.end(fault);
            }
        }
        match open.prepare(&offsets, &group) {
            Ok(prepared) => prepared.end(),
            Err((open, fault)) => open.end(fault),
        }
    }
}

/// Nobody watches this thread: a leader that waits for brokers renews no lease, which is what others go by.
fn signs() -> Signs<'static> {
    Signs { beat: &|| {}, waiting: &|what| tracing::debug!(what, "the controller waits for brokers") }
}
