//! Puts records into the input topic and remembers what is still without an outcome.
//!
//! The closed loop: at most [`IN_FLIGHT_MAX`] records lie between desk and decisions, because the mock broker throws old
//! records away, silently, and a slow model would lose tickets.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientContext, config::RDKafkaLogLevel};

use super::broker::TICKET_PARTITIONS;
use super::feed::{About, FeedRecord};
use crate::config::settings::KafkaSettings;
use crate::domain::digest::Digest;
use crate::kafka::client;
use crate::kafka::view_reader::QuietContext;

/// Most records between desk and decisions. 2,000 tickets of 2 KiB are half of what the mock's eight partitions hold in
/// the worst case that all lie in one of them.
pub const IN_FLIGHT_MAX: usize = 2000;

/// Longest wait for the broker to take the last records.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a record did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The client or the broker refused it.
    #[error("the mock broker did not take a record")]
    Refused(#[source] KafkaError),
    /// It lies elsewhere than it was counted to: outcomes could not be told apart any more.
    #[error("the mock broker put a record at offset {found} that was counted as {expected}")]
    Misplaced {
        /// Where it was counted to lie.
        expected: i64,
        /// Where it lies.
        found: i64,
    },
}

/// Keeps the first delivery that went wrong.
#[derive(Debug, Default)]
struct Deliveries {
    quiet: QuietContext,
    first_error: Mutex<Option<SendError>>,
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.quiet.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.quiet.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The offset that the record was counted to get.
    type DeliveryOpaque = Box<i64>;

    fn delivery(&self, result: &DeliveryResult<'_>, expected: Box<i64>) {
        let error = match result {
            Ok(message) if message.offset() == *expected => return,
            Ok(message) => SendError::Misplaced { expected: *expected, found: message.offset() },
            Err((error, _)) => SendError::Refused(error.clone()),
        };
        self.first_error.lock().expect("no panic while keeping an error").get_or_insert(error);
    }
}

/// A record that was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// What only the demo knows of it.
    pub about: About,
    /// When it was handed to the producer.
    pub at: Instant,
}

/// The desk's producer.
pub struct Sender {
    producer: BaseProducer<Deliveries>,
    topic: String,
    next: [i64; TICKET_PARTITIONS as usize],
    in_flight: HashMap<(i32, i64), Sent>,
    sent: u64,
}

impl Sender {
    /// Opens the producer.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub fn open(settings: &KafkaSettings) -> Result<Self, SendError> {
        let producer =
            client::plain_producer(settings).create_with_context(Deliveries::default()).map_err(SendError::Refused)?;
        Ok(Self {
            producer,
            topic: settings.topics.tickets.clone(),
            next: [0; TICKET_PARTITIONS as usize],
            in_flight: HashMap::new(),
            sent: 0,
        })
    }

    /// Sends one record. Nobody else writes to the topic, so its offset is known before the broker says it, and an
    /// outcome that comes before the delivery report still finds its record.
    ///
    /// # Errors
    /// What went wrong with this record or with one before it.
    pub fn send(&mut self, record: &FeedRecord) -> Result<(), SendError> {
        let partition = partition_of(record, self.sent);
        let offset = self.next[partition];
        let partition_number = i32::try_from(partition).expect("there are eight partitions");
        let mut message: BaseRecord<'_, str, [u8], Box<i64>> =
            BaseRecord::with_opaque_to(&self.topic, Box::new(offset)).partition(partition_number);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(value) = &record.value {
            message = message.payload(value);
        }
        let at = Instant::now();
        let mut result = self.producer.send(message);
        while let Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), message)) = result {
            self.producer.poll(Duration::from_millis(10));
            result = self.producer.send(message);
        }
        result.map_err(|(error, _)| SendError::Refused(error))?;
        self.next[partition] += 1;
        self.sent += 1;
        self.in_flight.insert((partition_number, offset), Sent { about: record.about, at });
        self.look()
    }

    /// Takes delivery reports.
    ///
    /// # Errors
    /// The first that went wrong.
    pub fn look(&mut self) -> Result<(), SendError> {
        self.producer.poll(Duration::ZERO);
        let error = self.producer.context().first_error.lock().expect("no panic while keeping an error").clone();
        error.map_or(Ok(()), Err)
    }

    /// Waits until the broker has everything.
    ///
    /// # Errors
    /// A record that it did not take.
    pub fn flush(&mut self) -> Result<(), SendError> {
        self.producer.flush(FLUSH_TIMEOUT).map_err(SendError::Refused)?;
        self.look()
    }

    /// Whether another record may be sent.
    pub fn has_room(&self) -> bool {
        self.in_flight.len() < IN_FLIGHT_MAX
    }

    /// Records sent.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Records without an outcome.
    pub fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The record that an outcome is of; `None` when it was never sent, or has an outcome already.
    pub fn settle(&mut self, partition: i32, offset: i64) -> Option<Sent> {
        self.in_flight.remove(&(partition, offset))
    }
}

/// One ticket's records stay in one partition, in order; what has no key goes round.
fn partition_of(record: &FeedRecord, number: u64) -> usize {
    let partitions = TICKET_PARTITIONS as usize;
    match &record.key {
        Some(key) => usize::from(Digest::of(key.as_bytes()).0[0]) % partitions,
        None => number as usize % partitions,
    }
}
