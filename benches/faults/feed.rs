//! The ticket system: writes tickets at a steady pace, whatever happens to the brokers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, ClientContext};

use crate::support::tickets::{Preset, record};

/// Longest time that a ticket may wait for its broker. Nothing that is done to brokers here lasts as long.
const DELIVERY_MAX: Duration = Duration::from_secs(600);
/// Every so manieth record repeats an earlier one, as ticket systems do: what is known of a ticket must survive as well.
const REPEATS: usize = 10;
/// How far back at most. Fewer than any recent view of these runs holds.
const REPEATED_WITHIN: usize = 2_000;
/// Pause between two looks at the clock.
const SLICE: Duration = Duration::from_millis(10);

/// What the broker has taken.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// Tickets in the log.
    pub(crate) tickets: AtomicUsize,
    /// Tickets that the producer has given up.
    pub(crate) given_up: AtomicUsize,
}

struct Context(Arc<Delivered>);

impl ClientContext for Context {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let counted = if result.is_ok() { &self.0.tickets } else { &self.0.given_up };
        counted.fetch_add(1, Ordering::Relaxed);
    }
}

/// A running writer.
pub(crate) struct Feed {
    delivered: Arc<Delivered>,
    stop: Arc<AtomicBool>,
    abandon: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Feed {
    /// Writes `tickets` records at `rate` a second, or fewer if it is stopped.
    pub(crate) fn start(brokers: &str, topic: String, rate: f64, tickets: usize, delivered: Arc<Delivered>) -> Self {
        let producer: BaseProducer<Context> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("enable.idempotence", "true")
            .set("partitioner", "murmur2_random")
            .set("linger.ms", "5")
            .set("reconnect.backoff.max.ms", "500")
            .set("message.timeout.ms", DELIVERY_MAX.as_millis().to_string())
            .create_with_context(Context(Arc::clone(&delivered)))
            .unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let abandon = Arc::new(AtomicBool::new(false));
        let (stopped, abandoned) = (Arc::clone(&stop), Arc::clone(&abandon));
        let thread = std::thread::spawn(move || {
            let started = Instant::now();
            let mut written = 0;
            while written < tickets && !stopped.load(Ordering::Relaxed) {
                let due = ((started.elapsed().as_secs_f64() * rate) as usize).min(tickets);
                for number in written..due {
                    write(&producer, &topic, number);
                }
                written = due;
                producer.poll(SLICE);
            }
            // Without its owner the run has failed, and its brokers are gone.
            let until = Instant::now() + DELIVERY_MAX;
            while producer.in_flight_count() > 0 && !abandoned.load(Ordering::Relaxed) && Instant::now() < until {
                producer.poll(SLICE);
            }
            written
        });
        Self { delivered, stop, abandon, thread: Some(thread) }
    }

    /// Stops, waits for what was written, and says how many tickets there are.
    pub(crate) fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.end()
    }

    /// Waits until all tickets are written.
    pub(crate) fn end(mut self) -> usize {
        let written = self.thread.take().expect("joined once").join().unwrap();
        let given_up = self.delivered.given_up.load(Ordering::Relaxed);
        assert_eq!(given_up, 0, "the producer of tickets gave up {given_up} of {written}");
        assert_eq!(self.delivered.tickets.load(Ordering::Relaxed), written);
        written
    }
}

/// Which ticket the record of this number is: its own, or one of those before it.
fn ticket_of(number: usize) -> usize {
    if number % REPEATS == REPEATS - 1 { number - (number * 7_919) % number.min(REPEATED_WITHIN) } else { number }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.abandon.store(true, Ordering::Relaxed);
    }
}

fn write(producer: &BaseProducer<Context>, topic: &str, number: usize) {
    let index = ticket_of(number);
    let (key, value, headers) = record(Preset::Native, index);
    let mut owned = OwnedHeaders::new();
    for (name, value) in &headers {
        owned = owned.insert(Header { key: name, value: Some(value) });
    }
    let mut next: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).key(key.as_str()).headers(owned);
    if let Some(value) = &value {
        next = next.payload(value);
    }
    while let Err((error, back)) = producer.send(next) {
        assert!(matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)), "{error}");
        producer.poll(SLICE);
        next = back;
    }
}
