//! What the daemon is held against: consume, copy, produce, commit, with the same clients and the same sequence.
//!
//! It parses nothing, decides nothing, remembers nothing, and looks at no rebalance.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use noctriage::config::settings::Settings;
use noctriage::config::{Sources, load};
use noctriage::kafka::client;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Message as _, Offset, TopicPartitionList};

use super::samples::{self, Outcome, Sample};

/// Longest wait for a batch to be full, as the daemon's.
const BATCH_WAIT: Duration = Duration::from_millis(20);

/// A consumed record, copied out of librdkafka.
struct Copied {
    partition: i32,
    offset: i64,
    value: Vec<u8>,
}

struct Loop {
    settings: Settings,
    outcomes: Vec<Outcome>,
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    written: usize,
}

/// Runs until it is killed. Batches hold at most `batch` records.
pub(crate) fn run(config: &Path, samples: &Path, batch: usize) -> Result<()> {
    let settings = load(&Sources::of_process(Some(config)))?.settings;
    let producer: ThreadedProducer<DefaultProducerContext> =
        client::transactional_producer(&settings.kafka).create()?;
    producer.init_transactions(settings.kafka.request_timeout)?;
    let consumer: BaseConsumer = client::ticket_consumer(&settings.kafka).create()?;
    consumer.subscribe(&[&settings.kafka.topics.tickets])?;
    let mut this = Loop { settings, outcomes: samples::load(samples)?, consumer, producer, written: 0 };
    loop {
        let records = this.take(batch)?;
        if !records.is_empty() {
            this.transact(&records)?;
        }
    }
}

impl Loop {
    fn take(&self, batch: usize) -> Result<Vec<Copied>> {
        let mut records = Vec::with_capacity(batch);
        let mut first: Option<Instant> = None;
        while records.len() < batch && first.is_none_or(|first| first.elapsed() < BATCH_WAIT) {
            match self.consumer.poll(Duration::from_millis(1)) {
                None => {}
                Some(message) => {
                    let message = message.context("consuming")?;
                    let value = message.payload().unwrap_or_default().to_vec();
                    records.push(Copied { partition: message.partition(), offset: message.offset(), value });
                    first.get_or_insert_with(Instant::now);
                }
            }
        }
        Ok(records)
    }

    fn transact(&mut self, records: &[Copied]) -> Result<()> {
        let mut offsets = TopicPartitionList::new();
        let topic = &self.settings.kafka.topics.tickets;
        let mut next = std::collections::BTreeMap::new();
        for record in records {
            next.insert(record.partition, record.offset + 1);
        }
        for (partition, offset) in next {
            offsets.add_partition_offset(topic, partition, Offset::Offset(offset))?;
        }
        let group = self.consumer.group_metadata().context("the consumer has no group metadata")?;
        self.producer.begin_transaction()?;
        for record in records {
            let outcome = &self.outcomes[self.written % self.outcomes.len()];
            self.written += 1;
            for sample in outcome {
                self.send(sample, record)?;
            }
        }
        while self.producer.in_flight_count() > 0 {
            std::thread::sleep(Duration::from_micros(300));
        }
        self.producer.send_offsets_to_transaction(&offsets, &group, Duration::from_secs(30))?;
        self.producer.commit_transaction(rdkafka::util::Timeout::Never)?;
        Ok(())
    }

    fn send(&self, sample: &Sample, record: &Copied) -> Result<()> {
        let names = &self.settings.kafka.topics;
        let topic = match sample.topic.as_str() {
            "decisions" => &names.decisions,
            "suggestions" => &names.suggestions,
            "commands" => &names.commands,
            "review" => &names.review,
            "dead_letters" => &names.dead_letters,
            other => bail!("a sample of `{other}`, which is no topic of ours"),
        };
        // The transformation: the record that is written depends on the one that was read, and on nothing else of it.
        let mut payload = sample.payload.clone().into_bytes();
        if let (Some(last), Some(read)) = (payload.last_mut(), record.value.last()) {
            *last = *read;
        }
        let mut headers = OwnedHeaders::new_with_capacity(sample.headers.len());
        for (name, value) in &sample.headers {
            headers = headers.insert(Header { key: name, value: Some(value.as_bytes()) });
        }
        let mut message: BaseRecord<'_, str, [u8]> =
            BaseRecord::to(topic).key(sample.key.as_str()).payload(&payload[..]).headers(headers);
        if sample.topic == "decisions" {
            message = message.partition(record.partition);
        }
        while let Err((error, back)) = self.producer.send(message) {
            let KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) = error else {
                bail!("{topic}: {error}");
            };
            std::thread::sleep(Duration::from_millis(1));
            message = back;
        }
        Ok(())
    }
}
