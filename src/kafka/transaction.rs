//! A transaction as a typestate: open → prepared → ended. Each step consumes the one before.
//!
//! It is begun only when all results are ready, so it lives for milliseconds; while brokers are away it waits, in slices,
//! for the transaction timeout and a little longer, and is lost after that.
//!
//! The consumer is not polled meanwhile. A poll may run a rebalance callback, and a partition must not go between begin
//! and commit. Nor need it be: librdkafka's own thread sends the heartbeats, and the poll interval is longer than any
//! transaction (`client.rs`).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::util::Timeout;
use rdkafka::{ClientConfig, ClientContext, Message, TopicPartitionList};

use crate::config::settings::KafkaSettings;
use crate::failpoints;
use crate::wire::output::OutputRecord;

use super::fault::{self, AbortCause, Fault, FencedName};
use super::log::TransactionEnd;
use super::patience::{Patience, Signs};
use super::rescue::Rescue;
use super::stranded::{Connected, Connection};

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
    connection: Connection,
    rescue: OnceLock<Rescue>,
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
        super::repeated::warn_of_client("kafka producer", &error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Some(lost) = self.connection.heard(statistics)
            && let Some(rescue) = self.rescue.get()
        {
            rescue.hear_lost(lost);
        }
    }
}

impl Connected for DeliveryContext {
    const IS_RESCUED: bool = true;

    fn connection(&self) -> &Connection {
        &self.connection
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

/// Makes one, which is told its brokers again when it has lost them.
pub(super) fn producer(config: &ClientConfig, settings: &KafkaSettings) -> Result<Arc<TransactionalProducer>, Fault> {
    let producer: TransactionalProducer = config
        .create_with_context(DeliveryContext::default())
        .map_err(|error| Fault::Refused(format!("creating the transactional producer: {error}")))?;
    let producer = Arc::new(producer);
    producer.context().rescue.get_or_init(|| Rescue::of(&producer, settings));
    Ok(producer)
}

/// How much longer than its timeout a transaction is asked about. Brokers look for transactions that have timed out every
/// 10 s (`transaction.abort.timed.out.transaction.cleanup.interval.ms`): after that a broker that is there has ended it,
/// and no answer will be a commit. Half of it would give up what a returning broker is about to answer.
const MARGIN: Duration = Duration::from_secs(15);

/// Longest that a transaction may keep the Kafka thread, from begin to the last answer waited for.
pub(super) fn transaction_max(settings: &KafkaSettings) -> Duration {
    settings.transaction_timeout + MARGIN
}

/// Ends whatever a dead process with this id has left open. Resumable: a call that has timed out goes on in the background.
pub(super) fn init(
    producer: &TransactionalProducer,
    settings: &KafkaSettings,
    transactional_id: &str,
    patience: &Patience<'_>,
) -> Result<(), Fault> {
    let mut what = "init_transactions".to_owned();
    while let Some(slice) = patience.slice() {
        match producer.init_transactions(slice) {
            Ok(()) => return Ok(()),
            Err(error) if fault::is_authorisation(&error) => {
                return Err(Fault::Refused(format!(
                    "init_transactions: {error}. hint: this user needs Write and Describe on transactional id {transactional_id}"
                )));
            }
            Err(error) => match Fault::of("init_transactions", &error) {
                Fault::Retry(why) => {
                    tracing::warn!(what = why, "waiting for the brokers");
                    patience.refused(&why);
                    what = why;
                }
                Fault::Abort { what, cause } => return Err(Fault::Fatal(format!("{what} ({})", cause.as_str()))),
                fault @ (Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => return Err(fault),
            },
        }
    }
    Err(Fault::Fatal(format!(
        "{what}: no answer from {} within {} s",
        settings.brokers,
        settings.request_timeout.as_secs()
    )))
}

/// Records can be sent.
pub(super) struct Open<'producer> {
    producer: &'producer TransactionalProducer,
    signs: Signs<'producer>,
    /// When the broker may end it by itself.
    timeout_at: Instant,
    sent: u64,
}

/// A record as it is handed to librdkafka.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outgoing<'record> {
    pub(super) topic: &'record str,
    /// `None`: the key decides.
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'record [u8]>,
    pub(super) payload: &'record [u8],
    pub(super) headers: &'record [(String, Vec<u8>)],
}

impl<'record> Outgoing<'record> {
    /// A record of triage, to the topic of this name.
    pub(super) fn of(topic: &'record str, record: &'record OutputRecord) -> Self {
        let OutputRecord { topic: _, partition, key, payload, headers } = record;
        Self { topic, partition: *partition, key: key.as_deref(), payload, headers }
    }
}

/// Everything is acknowledged and the offsets are in: it can be committed.
pub(super) struct Prepared<'producer> {
    producer: &'producer TransactionalProducer,
    signs: Signs<'producer>,
    timeout_at: Instant,
}

impl<'producer> Open<'producer> {
    /// Begins. A hidden fatal error would make `begin_transaction` hang, so it is looked for first.
    pub(super) fn begin(
        producer: &'producer TransactionalProducer,
        timeout: Duration,
        signs: Signs<'producer>,
    ) -> Result<Self, Fault> {
        if let Some((code, reason)) = producer.client().fatal_error() {
            return Err(Fault::of_fatal(code, format!("before begin_transaction: {code}: {reason}")));
        }
        producer.context().deliveries.reset();
        fail::fail_point!("before_begin");
        producer.begin_transaction().map_err(|error| Fault::of("begin_transaction", &error))?;
        fail::fail_point!("after_begin");
        Ok(Self { producer, signs, timeout_at: Instant::now() + timeout, sent: 0 })
    }

    /// Hands one record to librdkafka; a full queue is waited for.
    pub(super) fn send(&mut self, record: &Outgoing<'_>) -> Result<(), Fault> {
        let Outgoing { topic, partition, key, payload, headers: named } = *record;
        let mut headers = OwnedHeaders::new_with_capacity(named.len());
        for (name, value) in named {
            headers = headers.insert(Header { key: name, value: Some(value.as_slice()) });
        }
        let mut message: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).payload(payload).headers(headers);
        if let Some(key) = key {
            message = message.key(key);
        }
        if let Some(partition) = partition {
            message = message.partition(partition);
        }
        loop {
            match self.producer.send(message) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    if self.patience().slice().is_none() {
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
        if !self.wait_for_deliveries() {
            let what = "records were not acknowledged within the transaction timeout".to_owned();
            return Err((self, Fault::Abort { what, cause: AbortCause::Unavailable }));
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
        if let Err(fault) = self.add_offsets(offsets, group) {
            return Err((self, fault));
        }
        fail::fail_point!("after_offsets");
        if failpoints::fires("abort_after_offsets") {
            return Err((self, Fault::Abort { what: "failpoint".into(), cause: AbortCause::Batch }));
        }
        Ok(Prepared { producer: self.producer, signs: self.signs, timeout_at: self.timeout_at })
    }

    /// Not resumable, but repeatable with the same offsets and the same group metadata. It looks at its timeout only when
    /// a request has come back, and a `TxnOffsetCommit` that fails after it asks for an abort.
    fn add_offsets(&self, offsets: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Result<(), Fault> {
        let patience = self.patience();
        let mut what = "send_offsets_to_transaction: no time was left".to_owned();
        while let Some(slice) = patience.slice() {
            match self.producer.send_offsets_to_transaction(offsets, group, Timeout::After(slice)) {
                Ok(()) => return Ok(()),
                Err(error) => match Fault::of("send_offsets_to_transaction", &error) {
                    Fault::Retry(why) => {
                        patience.refused(&why);
                        what = why;
                    }
                    fault @ (Fault::Abort { .. } | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => {
                        return Err(explained(fault, self.timeout_at));
                    }
                },
            }
        }
        Err(Fault::Abort { what, cause: AbortCause::Unavailable })
    }

    /// Why a record was not delivered. Where librdkafka has purged it, the transaction had failed before, and only the
    /// next call on the transaction says of what: a missing right must not be taken for a fault of the batch.
    fn cause_of(&self, error: &KafkaError, offsets: &TopicPartitionList, group: &ConsumerGroupMetadata) -> Fault {
        let is_purged =
            matches!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::PurgeQueue | RDKafkaErrorCode::PurgeInflight));
        if is_purged && let Err(why) = self.add_offsets(offsets, group) {
            return why;
        }
        Fault::of("delivery", error)
    }

    /// Waits until nothing is in flight; `false` when the transaction may not last any longer.
    fn wait_for_deliveries(&self) -> bool {
        let what = "records are not acknowledged by the brokers";
        self.patience().wait_until(what, Duration::from_micros(300), || self.producer.in_flight_count() == 0)
    }

    /// Aborts: `Ok` when the broker has confirmed that nothing of it will ever be visible, with whether the brokers had
    /// answered for every record of it.
    ///
    /// Where they had not, librdkafka (2.12) gives the sequence numbers of the records that it throws away to the next ones,
    /// under the same epoch. A broker that has taken the first after all, as one that was frozen does when it wakes, takes
    /// the next ones for repetitions: it acknowledges them and keeps nothing, and their offsets are committed. Only a new
    /// epoch, which new clients have, makes that impossible.
    fn abort(self, fault: &Fault) -> Result<bool, Fault> {
        // Aborting while the first produce request is in flight makes the end overtake the beginning, which is fatal
        // (librdkafka#4849): all that was sent is waited for. What librdkafka has given up is not in flight.
        let is_settled = self.wait_for_deliveries();
        if !is_settled {
            tracing::warn!("aborting although not everything was acknowledged within the transaction timeout");
        }
        // What was given up because brokers were away may have reached them all the same.
        let is_in_doubt = fault.is_unavailable() && self.producer.context().deliveries.acknowledged() < self.sent;
        abort(self.producer, self.signs, self.timeout_at)?;
        Ok(is_settled && !is_in_doubt)
    }

    /// Ends a transaction that has met a fault: aborted where that is possible.
    pub(super) fn end(self, fault: Fault) -> TransactionEnd {
        match fault {
            Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_) => TransactionEnd::Lost(fault),
            Fault::Retry(_) | Fault::Abort { .. } => match self.abort(&fault) {
                Ok(true) => TransactionEnd::Aborted(fault),
                Ok(false) => TransactionEnd::Lost(Fault::Fatal(format!(
                    "{fault}: brokers may hold records of it that they have not acknowledged, and would take the next ones \
                     for the same"
                ))),
                // A broker that refused every partition knows of no transaction to abort, and says so with a fatal
                // error: the right that is missing is what has to be said, and the clients are built anew.
                Err(worse) => {
                    tracing::warn!(%fault, %worse, "the abort failed");
                    TransactionEnd::Lost(if fault.is_missing_right() { fault } else { worse })
                }
            },
        }
    }

    fn patience(&self) -> Patience<'producer> {
        Patience::until(self.signs, self.timeout_at)
    }
}

impl Prepared<'_> {
    /// Commits, and says how it ended.
    pub(super) fn end(self) -> TransactionEnd {
        match self.commit() {
            Ok(()) => TransactionEnd::Committed,
            Err(fault @ Fault::Abort { .. }) => TransactionEnd::Aborted(fault),
            Err(fault @ (Fault::Retry(_) | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_))) => {
                TransactionEnd::Lost(fault)
            }
        }
    }

    /// Commits. A retriable error means that the outcome is not known yet: the same call is made again, and never an
    /// abort, until the broker answers or would long have ended the transaction by itself.
    ///
    /// librdkafka's header asks for a timeout of -1, under which the call does not return while brokers are away. Its
    /// source (2.12, `rdkafka_txnmgr.c`) says what a slice risks. The request runs on in the background, its result is
    /// kept for the next call, and success is told only by that call's last step: that much is resumable. Only the first
    /// step, which does nothing but set a state on librdkafka's main thread, is not. Were that thread held up for longer
    /// than a slice, later calls could take the late answer for their own and fail with a wrong state, which we take for
    /// fatal; or, three times in a row, for a success, after which `begin_transaction` fails with the wrong state. Both
    /// end in new clients, which read the committed position from the broker: nothing is lost or doubled.
    fn commit(self) -> Result<(), Fault> {
        fail::fail_point!("before_commit");
        let patience = Patience::until(self.signs, self.timeout_at + MARGIN);
        let mut what = "commit_transaction".to_owned();
        while let Some(slice) = patience.slice() {
            let error = match self.producer.commit_transaction(Timeout::After(slice)) {
                Ok(()) => {
                    fail::fail_point!("after_commit");
                    return Ok(());
                }
                Err(error) => error,
            };
            match Fault::of("commit_transaction", &error) {
                Fault::Retry(why) => {
                    tracing::warn!(what = why, "commit not answered yet, asking again");
                    self.producer.context().asked_again.fetch_add(1, Ordering::Relaxed);
                    patience.refused(&why);
                    what = why;
                }
                Fault::Abort { what, cause } => {
                    abort(self.producer, self.signs, self.timeout_at)?;
                    return Err(Fault::Abort { what, cause });
                }
                fault @ (Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => {
                    return Err(explained(fault, self.timeout_at));
                }
            }
        }
        Err(Fault::Fatal(format!(
            "{what}: no broker has answered for {} s longer than the transaction may last; the log says how it ended",
            MARGIN.as_secs()
        )))
    }
}

/// A transaction that has outlived its timeout is ended by the broker, and looks fenced: no second process is at work.
fn explained(fault: Fault, timeout_at: Instant) -> Fault {
    match fault {
        Fault::Fenced { what, name: FencedName::TransactionalId } if Instant::now() >= timeout_at => {
            Fault::Fatal(format!("{what}: the transaction was open for longer than kafka.transaction_timeout_ms"))
        }
        fault
        @ (Fault::Retry(_) | Fault::Abort { .. } | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => fault,
    }
}

/// In slices as well: an abort that has timed out goes on in the background, and the next call resumes it.
fn abort(producer: &TransactionalProducer, signs: Signs<'_>, timeout_at: Instant) -> Result<(), Fault> {
    fail::fail_point!("before_abort");
    let patience = Patience::until(signs, timeout_at + MARGIN);
    let mut what = "abort_transaction: no time was left".to_owned();
    while let Some(slice) = patience.slice() {
        match producer.abort_transaction(Timeout::After(slice)) {
            Ok(()) => return Ok(()),
            Err(error) => match Fault::of("abort_transaction", &error) {
                Fault::Retry(why) => {
                    patience.refused(&why);
                    what = why;
                }
                Fault::Abort { what, .. } => return Err(Fault::Fatal(what)),
                fault @ (Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_)) => {
                    return Err(explained(fault, timeout_at));
                }
            },
        }
    }
    Err(Fault::Fatal(what))
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
