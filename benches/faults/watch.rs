//! A committed reader of the decisions that is there all the time: it sees progress, and how long there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{ClientConfig, ClientContext, Offset, TopicPartitionList};

use crate::feed::Delivered;

/// What the reader has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    decisions: AtomicUsize,
    gap_ms_max: AtomicU64,
}

impl Seen {
    /// Decisions read so far.
    pub(crate) fn decisions(&self) -> usize {
        self.decisions.load(Ordering::Relaxed)
    }

    /// Longest time without a new decision while a ticket waited for one.
    pub(crate) fn gap_max(&self) -> Duration {
        Duration::from_millis(self.gap_ms_max.load(Ordering::Relaxed))
    }
}

/// librdkafka's words about brokers that are away on purpose are noise here.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl rdkafka::consumer::ConsumerContext for Quiet {}

/// The running reader.
pub(crate) struct Watch {
    pub(crate) seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(crate) fn start(brokers: &str, topic: &str, partitions: i32, delivered: Arc<Delivered>) -> Self {
        let reader: BaseConsumer<Quiet> = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", format!("{topic}-watch"))
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("reconnect.backoff.max.ms", "500")
            .set("fetch.wait.max.ms", "50")
            .create_with_context(Quiet)
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment.add_partition_offset(topic, partition, Offset::Beginning).unwrap();
        }
        reader.assign(&assignment).unwrap();
        let (seen, stop) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)));
        let (counts, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut waiting_since: Option<Instant> = None;
            while !stopped.load(Ordering::Relaxed) {
                let has_come = matches!(reader.poll(Duration::from_millis(20)), Some(Ok(_)));
                let decisions = counts.decisions.fetch_add(usize::from(has_come), Ordering::Relaxed);
                let is_waited_for = delivered.tickets.load(Ordering::Relaxed) > decisions + usize::from(has_come);
                if let Some(since) = waiting_since {
                    let gap_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
                    counts.gap_ms_max.fetch_max(gap_ms, Ordering::Relaxed);
                }
                if !is_waited_for {
                    waiting_since = None;
                } else if has_come || waiting_since.is_none() {
                    waiting_since = Some(Instant::now());
                }
            }
        });
        Self { seen, stop, thread: Some(thread) }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the reader of the decisions has panicked");
        }
    }
}
