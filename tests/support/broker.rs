//! Topics, tickets in, records out.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use super::checker::{Isolation, Reader};
use super::skipped::say_skipped;

/// How long one question to the broker may take.
pub(crate) const TIMEOUT: Duration = Duration::from_mins(4);

/// One record of an output or input topic.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// When the broker appended it.
    pub(crate) appended_ms: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: BTreeMap<String, Vec<u8>>,
}

impl Record {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(self.value.as_deref().unwrap_or_default()).unwrap()
    }
}

/// A record to write: key, value, headers.
pub(crate) type Written = (String, Option<Vec<u8>>, Vec<(&'static str, String)>);

/// The broker under test, and a name prefix of its own, so that tests run side by side.
pub(crate) struct Broker {
    pub(crate) brokers: String,
    pub(crate) prefix: String,
}

/// The real broker, or `None` after one loud line.
pub(crate) fn broker(test: &str) -> Option<Broker> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "how the test script names the broker")]
    let Ok(brokers) = std::env::var("NOCTRIAGE_TEST_BROKERS") else {
        #[expect(clippy::disallowed_methods, reason = "how CI says that nothing may be skipped")]
        let is_required = std::env::var("NOCTRIAGE_REQUIRE_KAFKA").is_ok_and(|value| value == "1");
        assert!(!is_required, "{test}: NOCTRIAGE_REQUIRE_KAFKA=1, and NOCTRIAGE_TEST_BROKERS names no broker");
        say_skipped(test, "NOCTRIAGE_TEST_BROKERS names no broker; `make test` starts one");
        return None;
    };
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Some(Broker { brokers, prefix: format!("{test}-{}-{number}", std::process::id()) })
}

impl Broker {
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.prefix)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }

    /// Makes one topic with these settings.
    pub(crate) fn create(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let name = self.topic(name);
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        for result in runtime.block_on(admin.create_topics([&topic], &options)).unwrap() {
            result.unwrap();
        }
    }

    /// Writes records to a topic, in order.
    pub(crate) fn write(&self, name: &str, records: &[Written]) {
        self.writer(name).write(records);
    }

    /// A producer that stays: making one takes longer than sending a ticket.
    pub(crate) fn writer(&self, name: &str) -> Writer {
        let mut config = self.config();
        config
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("message.max.bytes", "20000000");
        Writer { producer: config.create().unwrap(), topic: self.topic(name) }
    }

    /// A producer that writes in transactions, and stays.
    pub(crate) fn transactional_writer(&self, name: &str) -> TransactionalWriter {
        let mut config = self.config();
        config.set("transactional.id", format!("{}-desk", self.prefix)).set("partitioner", "murmur2_random");
        let writer = Writer { producer: config.create().unwrap(), topic: self.topic(name) };
        writer.producer.init_transactions(TIMEOUT).unwrap();
        TransactionalWriter { writer }
    }

    /// A consumer of its own, of no group, that says where partitions end.
    pub(crate) fn consumer(&self, isolation: Isolation) -> BaseConsumer {
        let mut config = self.config();
        config
            .set("group.id", format!("{}-reader", self.prefix))
            .set("isolation.level", isolation.word())
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "500")
            // Looked at often, and mostly without news.
            .set("fetch.wait.max.ms", "10")
            .set("fetch.message.max.bytes", "20000000");
        config.create().unwrap()
    }

    /// Every record of a topic up to its end of now.
    pub(crate) fn read(&self, name: &str, isolation: Isolation) -> Vec<Record> {
        Reader::open(self, isolation, &[name]).read_new().into_iter().map(|(_, record)| record).collect()
    }

    /// Committed records of a topic, counted cheaply: ends minus starts would count control records too.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.read(name, Isolation::Committed).len()
    }

    /// Joins our group under the name of an instance until it has partitions, and is gone without a word: what a coordinator
    /// keeps of a member that it has given a new id, and that never heard of it.
    pub(crate) fn appear_as(&self, instance: &str) {
        let mut config = self.config();
        config
            .set("group.id", &self.prefix)
            .set("group.instance.id", instance)
            .set("client.id", format!("noctriage-{instance}"))
            .set("partition.assignment.strategy", "range")
            .set("session.timeout.ms", "6000")
            .set("enable.auto.commit", "false");
        let until = Instant::now() + TIMEOUT;
        // The instance may take its name back before this one has anything: then once more.
        while Instant::now() < until {
            let consumer: BaseConsumer = config.create().unwrap();
            consumer.subscribe(&[&self.topic("tickets")]).unwrap();
            loop {
                // Serves what the group asks of a member. A record is not committed, and so nobody's.
                drop(consumer.poll(Duration::from_millis(100)));
                if consumer.assignment().is_ok_and(|assignment| assignment.count() > 0) {
                    return;
                }
                if consumer.client().fatal_error().is_some() || Instant::now() >= until {
                    break;
                }
            }
        }
        panic!("{instance} has no partitions within {TIMEOUT:?}");
    }

    /// Asks for the offsets of a group without joining it.
    pub(crate) fn group_reader(&self, group: &str) -> GroupReader {
        let mut config = self.config();
        config.set("group.id", group).set("reconnect.backoff.max.ms", "500");
        let consumer: BaseConsumer = config.create().unwrap();
        let topic = self.topic("tickets");
        let partitions = partitions(&consumer, &topic).len();
        GroupReader { consumer, topic, partitions: i32::try_from(partitions).unwrap() }
    }

    /// Sets the committed offset of our group; `false` while a member is in it.
    pub(crate) fn try_set_offset(&self, name: &str, partition: i32, offset: i64) -> bool {
        let mut config = self.config();
        config.set("group.id", &self.prefix);
        let consumer: BaseConsumer = config.create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic(name), partition, Offset::Offset(offset)).unwrap();
        consumer.commit(&list, CommitMode::Sync).is_ok()
    }

    /// The same for a group that nobody has joined.
    #[track_caller]
    pub(crate) fn set_offset(&self, name: &str, partition: i32, offset: i64) {
        self.wait("the offset is set", TIMEOUT, |broker| broker.try_set_offset(name, partition, offset));
    }

    /// Deletes our group with its offsets, as their expiry would; `false` while a member is in it.
    pub(crate) fn delete_group(&self) -> bool {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let deleted = runtime.block_on(admin.delete_groups(&[&self.prefix], &AdminOptions::new())).unwrap();
        deleted.iter().all(Result::is_ok)
    }

    /// Begins a transaction that holds one record of partition 0 of a topic, and leaves it open.
    pub(crate) fn open_transaction(&self, name: &str) -> OpenTransaction {
        let mut config = self.config();
        config.set("transactional.id", format!("{}-other", self.prefix));
        // Longer than any test: nobody but the test ends it.
        config.set("transaction.timeout.ms", "600000");
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().unwrap();
        producer.init_transactions(TIMEOUT).unwrap();
        producer.begin_transaction().unwrap();
        let topic = self.topic(name);
        producer.send(BaseRecord::<str, str>::to(&topic).partition(0).payload("never to be seen")).unwrap();
        producer.flush(TIMEOUT).unwrap();
        OpenTransaction(producer)
    }

    /// Deletes a topic, and waits until it is gone: brokers delete no records of a compacted one.
    pub(crate) fn delete_topic(&self, name: &str) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let topic = self.topic(name);
        for deleted in runtime.block_on(admin.delete_topics(&[&topic], &options)).unwrap() {
            deleted.unwrap();
        }
        self.wait("the topic is gone", TIMEOUT, |_| {
            let metadata = admin.inner().fetch_metadata(None, TIMEOUT).unwrap();
            metadata.topics().iter().all(|found| found.name() != topic)
        });
    }

    /// Deletes the records of a partition below an offset, as retention would.
    pub(crate) fn delete_before(&self, name: &str, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic(name), partition, Offset::Offset(offset)).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let options = AdminOptions::new().operation_timeout(Some(TIMEOUT));
        let deleted = runtime.block_on(admin.delete_records(&list, &options)).unwrap();
        // The call succeeds even where the broker refuses a partition.
        deleted.elements().iter().for_each(|part| part.error().unwrap());
    }

    /// Waits until `holds`, or fails with what was waited for.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, deadline: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + deadline;
        while !holds(self) {
            assert!(Instant::now() < until, "{what}: not within {deadline:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// A transaction that nobody has ended.
pub(crate) struct OpenTransaction(ThreadedProducer<DefaultProducerContext>);

impl OpenTransaction {
    /// Ends it with nothing.
    pub(crate) fn abort(self) {
        self.0.abort_transaction(TIMEOUT).unwrap();
    }
}

/// Writes to one topic in transactions, as a desk behind an exactly-once pipeline does: control records and aborted
/// records take offsets that no reader ever sees.
pub(crate) struct TransactionalWriter {
    writer: Writer,
}

impl TransactionalWriter {
    /// One transaction of these records.
    pub(crate) fn write(&self, records: &[Written]) {
        self.writer.producer.begin_transaction().unwrap();
        self.writer.write(records);
        self.writer.producer.commit_transaction(TIMEOUT).unwrap();
    }

    /// One that is aborted when all of it is in the log.
    pub(crate) fn write_in_vain(&self, records: &[Written]) {
        self.writer.producer.begin_transaction().unwrap();
        self.writer.write(records);
        self.writer.producer.abort_transaction(TIMEOUT).unwrap();
    }
}

/// Reads what a group has committed.
pub(crate) struct GroupReader {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl GroupReader {
    /// Committed next-to-read offsets of the input topic, as far as there are any. The broker tells them only when no
    /// transaction of the group is about to change them, which is waited for.
    pub(crate) fn committed(&self) -> BTreeMap<i32, i64> {
        let until = Instant::now() + TIMEOUT;
        let committed = loop {
            let mut list = TopicPartitionList::new();
            for partition in 0..self.partitions {
                list.add_partition(&self.topic, partition);
            }
            match self.consumer.committed_offsets(list, Duration::from_secs(5)) {
                Ok(committed) => break committed,
                Err(error) => assert!(Instant::now() < until, "{}: committed offsets: {error}", self.topic),
            }
        };
        committed
            .elements()
            .iter()
            .filter_map(|element| match element.offset() {
                Offset::Offset(offset) => Some((element.partition(), offset)),
                Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
            })
            .collect()
    }
}

/// Writes to one topic.
pub(crate) struct Writer {
    producer: BaseProducer,
    topic: String,
}

impl Writer {
    /// Writes records in order, and waits until the broker has them.
    pub(crate) fn write(&self, records: &[Written]) {
        let Self { producer, topic } = self;
        for (key, value, headers) in records {
            let mut owned = OwnedHeaders::new();
            for (name, value) in headers {
                owned = owned.insert(Header { key: name, value: Some(value) });
            }
            let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).key(key.as_str()).headers(owned);
            if let Some(value) = value {
                record = record.payload(value);
            }
            while let Err((error, back)) = producer.send(record) {
                assert!(
                    matches!(error, KafkaError::MessageProduction(rdkafka::types::RDKafkaErrorCode::QueueFull)),
                    "{error}"
                );
                producer.poll(Duration::from_millis(10));
                record = back;
            }
        }
        producer.flush(TIMEOUT).unwrap();
    }
}

/// Partitions of a topic. One that was made a moment ago may not be known to the broker that is asked yet.
#[track_caller]
pub(crate) fn partitions(consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
    let until = Instant::now() + TIMEOUT;
    loop {
        let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).unwrap();
        let partitions = metadata.topics()[0].partitions();
        if !partitions.is_empty() {
            return partitions.iter().map(rdkafka::metadata::MetadataPartition::id).collect();
        }
        assert!(Instant::now() < until, "{topic} does not exist");
        std::thread::sleep(Duration::from_millis(50));
    }
}
