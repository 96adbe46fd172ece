//! A transaction as a typestate: open → prepared → ended. Each step consumes the one before.
//!
//! It is begun only when all results are ready, so it lives for milliseconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientContext, Message, TopicPartitionList};

use crate::failpoints;
use crate::wire::output::OutputRecord;

use super::fault::{AbortCause, Fault};

/// Counts what the broker has acknowledged, and keeps the first refusal.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    state: std::sync::Mutex<DeliveryState>,
}

#[derive(Debug, Default)]
struct DeliveryState {
    acknowledged: u64,
    first_error: Option<KafkaError>,
}

impl Deliveries {
    fn reset(&self) {
        *self.state.lock().expect("no panic while counting") = DeliveryState::default();
    }

    fn acknowledged(&self) -> u64 {
        self.state.lock().expect("no panic while counting").acknowledged
    }

    fn first_error(&self) -> Option<KafkaError> {
        self.state.lock().expect("no panic while counting").first_error.clone()
    }
}

/// The producer's context: where delivery reports arrive.
#[derive(Debug, Default)]
pub(super) struct DeliveryContext {
    pub(super) deliveries: Deliveries,
    asked_again: AtomicU64,
}

impl DeliveryContext {
    /// How often a commit had to be asked again since this was last called.
    pub(super) fn take_asked_again(&self) -> u64 {
        self.asked_again.swap(0, Ordering::Relaxed)
    }
}

impl ClientContext for DeliveryContext {
    fn log(&self, level: rdkafka::config::RDKafkaLogLevel, facility: &str, message: &str) {
        super::session::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "kafka producer");
    }
}

impl rdkafka::producer::ProducerContext for DeliveryContext {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &rdkafka::message::DeliveryResult<'_>, (): ()) {
        let mut state = self.deliveries.state.lock().expect("no panic while counting");
        match result {
            Ok(_) => state.acknowledged += 1,
            Err((error, _)) => {
                if state.first_error.is_none() {
                    state.first_error = Some(error.clone());
                }
            }
        }
    }
}

pub(super) type TransactionalProducer = ThreadedProducer<DeliveryContext>;

/// Records can be sent.
pub(super) struct Open<'producer> {
    producer: &'producer TransactionalProducer,
    deadline: Instant,
    sent: u64,
}

/// Everything is acknowledged and the offsets are in: it can be committed.
pub(super) struct Prepared<'producer> {
    producer: &'producer TransactionalProducer,
}

impl<'producer> Open<'producer> {
    /// Begins. A hidden fatal error would make `begin_transaction` hang, so it is looked for first.
    pub(super) fn begin(producer: &'producer TransactionalProducer, timeout: Duration) -> Result<Self, Fault> {
        if let Some((code, reason)) = producer.client().fatal_error() {
            return Err(Fault::of_fatal(code, format!("before begin_transaction: {code}: {reason}")));
        }
        producer.context().deliveries.reset();
        fail::fail_point!("before_begin");
        producer.begin_transaction().map_err(|error| Fault::of("begin_transaction", &error))?;
        fail::fail_point!("after_begin");
        Ok(Self { producer, deadline: Instant::now() + timeout, sent: 0 })
    }

    /// Hands one record to librdkafka; a full queue is waited for.
    pub(super) fn send(&mut self, topic: &str, record: &OutputRecord) -> Result<(), Fault> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header { key: name, value: Some(value.as_slice()) });
        }
        let mut message: BaseRecord<'_, [u8], [u8]> =
            BaseRecord::to(topic).payload(&record.payload[..]).headers(headers);
        if let Some(key) = &record.key {
            message = message.key(key);
        }
        if let Some(partition) = record.partition {
            message = message.partition(partition);
        }
        loop {
            match self.producer.send(message) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if Instant::now() >= self.deadline {
                        return Err(Fault::Abort {
                            what: format!("{topic}: librdkafka's queue stayed full for the whole transaction"),
                            cause: AbortCause::Unavailable,
                        });
                    }
                    message = back;
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err((error, _)) => return Err(Fault::of(&format!("send to {topic}"), &error)),
            }
        }
        self.sent += 1;
        if self.sent == 1 {
            fail::fail_point!("after_first_send");
        } else {
            fail::fail_point!("mid_batch");
        }
        Ok(())
    }

    /// Adds the offsets and waits until everything is acknowledged: a commit with anything in flight costs 100 ms.
    pub(super) fn prepare(
        self,
        offsets: &TopicPartitionList,
        group: &ConsumerGroupMetadata,
    ) -> Result<Prepared<'producer>, (Self, Fault)> {
        while self.producer.in_flight_count() > 0 {
            if Instant::now() >= self.deadline {
                let what = "records were not acknowledged within the transaction timeout".to_owned();
                return Err((self, Fault::Abort { what, cause: AbortCause::Unavailable }));
            }
            std::thread::sleep(Duration::from_micros(300));
        }
        if failpoints::fires("transaction_off") {
            let split =
                self.producer.commit_transaction(Timeout::Never).and_then(|()| self.producer.begin_transaction());
            if let Err(error) = split {
                return Err((self, Fault::of("failpoint transaction_off", &error)));
            }
        }
        fail::fail_point!("all_acknowledged");
        if failpoints::fires("abort_before_offsets") {
            return Err((self, Fault::Abort { what: "failpoint".into(), cause: AbortCause::Batch }));
        }
        if let Some(error) = self.producer.context().deliveries.first_error() {
            let fault = self.cause_of(&error, offsets, group);
            return Err((self, fault));
        }
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.producer.send_offsets_to_transaction(offsets, group, Timeout::After(left)) {
                Ok(()) => break,
                Err(error) => match Fault::of("send_offsets_to_transaction", &error) {
                    Fault::Retry(_) if !left.is_zero() => {}
                    Fault::Retry(what) => return Err((self, Fault::Abort { what, cause: AbortCause::Unavailable })),
                    fault @ (Fault::Abort { .. } | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => {
                        return Err((self, fault));
                    }
                },
            }
        }
        fail::fail_point!("after_offsets");
        if failpoints::fires("abort_after_offsets") {
            return Err((self, Fault::Abort { what: "failpoint".into(), cause: AbortCause::Batch }));
        }
        Ok(Prepared { producer: self.producer })
    }

    /// Why a record was not delivered. Where librdkafka has purged it, the transaction had failed before, and only the
    /// next call on the transaction says of what: a missing right must not be taken for a fault of the batch.
    fn cause_of(&self, error: &KafkaError, offsets: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Fault {
        let is_purged =
            matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight));
        let left = Timeout::After(self.deadline.saturating_duration_since(Instant::now()));
        if is_purged && let Err(why) = self.producer.send_offsets_to_transaction(offsets, group, left) {
            return match Fault::of("delivery", &why) {
                Fault::Retry(what) => Fault::Abort { what, cause: AbortCause::Unavailable },
                fault @ (Fault::Abort { .. } | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => fault,
            };
        }
        Fault::of("delivery", error)
    }

    /// Aborts: `Ok` when the broker has confirmed that nothing of it will ever be visible.
    pub(super) fn abort(self) -> Result<(), Fault> {
        // Aborting while the first produce request is in flight makes the end overtake the beginning, which is fatal
        // (librdkafka#4849): wait for one acknowledgement or a refusal.
        let deliveries = &self.producer.context().deliveries;
        while self.sent > 0
            && deliveries.acknowledged() == 0
            && deliveries.first_error().is_none()
            && self.producer.in_flight_count() > 0
            && Instant::now() < self.deadline
        {
            std::thread::sleep(Duration::from_micros(300));
        }
        abort(self.producer, self.deadline)
    }
}

impl Prepared<'_> {
    /// Commits. A retriable error means that the outcome is not known yet: the same call is made again until the
    /// broker answers. `Timeout::Never`: other values risk a client that disagrees with the broker about its state.
    /// While the brokers are away it does not return, and the watchdog is the outer deadline: a start after that finds
    /// the log as it is.
    pub(super) fn commit(self) -> Result<(), Fault> {
        fail::fail_point!("before_commit");
        loop {
            match self.producer.commit_transaction(Timeout::Never) {
                Ok(()) => {
                    fail::fail_point!("after_commit");
                    return Ok(());
                }
                Err(error) => match Fault::of("commit_transaction", &error) {
                    Fault::Retry(what) => {
                        tracing::warn!(what, "commit not answered yet, asking again");
                        self.producer.context().asked_again.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    Fault::Abort { what, cause } => {
                        let deadline = Instant::now() + Duration::from_secs(30);
                        abort(self.producer, deadline)?;
                        return Err(Fault::Abort { what, cause });
                    }
                    fault @ (Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => return Err(fault),
                },
            }
        }
    }
}

fn abort(producer: &TransactionalProducer, deadline: Instant) -> Result<(), Fault> {
    loop {
        match producer.abort_transaction(Timeout::Never) {
            Ok(()) => return Ok(()),
            Err(error) => match Fault::of("abort_transaction", &error) {
                Fault::Retry(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(100)),
                Fault::Retry(what) | Fault::Abort { what, .. } => return Err(Fault::Fatal(what)),
                fault @ (Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => return Err(fault),
            },
        }
    }
}

/// Key, value, headers and time of a message, copied out of librdkafka.
pub(super) fn raw_record(message: &impl Message) -> crate::wire::intake::RawRecord {
    use rdkafka::message::Headers as _;
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        headers
            .iter()
            .map(|header| (header.key.to_owned(), header.value.map(<[u8]>::to_vec).unwrap_or_default()))
            .collect()
    });
    crate::wire::intake::RawRecord {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
        timestamp: message.timestamp().to_millis().map(crate::domain::time::UtcMillis),
    }
}
