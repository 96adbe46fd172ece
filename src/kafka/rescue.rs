//! Brokers for a producer that has lost them inside a call that does not end without one.
//!
//! `send_offsets_to_transaction` looks for the group's coordinator without a timeout of its own (librdkafka 2.12,
//! `rdkafka_txnmgr.c`), and a client that has nobody to ask for it waits for ever. The thread that would give the client up
//! (`stranded.rs`) is the one that waits: so another one tells librdkafka its brokers again, after which the call comes back,
//! as it was seen to do within ten seconds. Brokers are asked first, with a new client: librdkafka keeps a list of all that it
//! was ever told, and an outage may last for days.

use std::sync::{Arc, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::producer::Producer as _;

use crate::config::settings::KafkaSettings;

use super::stranded;
use super::transaction::TransactionalProducer;

/// How long a producer may be without a connection before brokers are asked, and between two questions. Nobody hears of a
/// thread that waits, and the watchdog's patience has an end: so it is not asked more rarely while brokers are away.
const RESCUED_AFTER: Duration = Duration::from_secs(10);

/// Tells a producer its brokers again.
#[derive(Debug)]
pub(super) struct Rescue {
    /// Of the producer that keeps this one in its context.
    producer: Weak<TransactionalProducer>,
    settings: KafkaSettings,
    begun: Mutex<Begun>,
}

/// What was begun last.
#[derive(Debug, Default)]
struct Begun {
    at: Option<Instant>,
    /// It says whether brokers have answered.
    thread: Option<JoinHandle<bool>>,
}

/// What to do for a producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Nothing yet.
    Wait,
    /// Ask the brokers with a new client.
    Ask,
    /// Tell it its brokers.
    Tell,
}

impl Rescue {
    pub(super) fn of(producer: &Arc<TransactionalProducer>, settings: &KafkaSettings) -> Self {
        Self { producer: Arc::downgrade(producer), settings: settings.clone(), begun: Mutex::default() }
    }

    /// Told at each report that the producer has not been connected for so long; waits for nobody.
    pub(super) fn hear_lost(&self, lost: Duration) {
        let mut begun = self.begun.lock().expect("no panic while a thread is started");
        if begun.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return;
        }
        let is_answered = begun.thread.take().is_some_and(|thread| thread.join().unwrap_or_default());
        let since = begun.at.map(|at| at.elapsed());
        let (producer, settings) = (self.producer.clone(), self.settings.clone());
        let work: Box<dyn FnOnce() -> bool + Send> = match step(lost, since, is_answered) {
            Step::Wait => return,
            Step::Ask => Box::new(move || stranded::answers_a_new_client(&settings)),
            // Not on this thread, which the producer's end waits for: the last hold on it may be the one taken here.
            Step::Tell => Box::new(move || {
                if let Some(producer) = producer.upgrade() {
                    stranded::tell_brokers(producer.client(), "transactions", &settings, lost);
                }
                false
            }),
        };
        match std::thread::Builder::new().name("rescue".into()).spawn(work) {
            Ok(thread) => *begun = Begun { at: Some(Instant::now()), thread: Some(thread) },
            Err(error) => tracing::warn!(%error, "a producer without a connection cannot be told its brokers"),
        }
    }
}

/// What is next, with nothing under way: an answer counts only while the producer has been lost all the time since.
fn step(lost: Duration, since_last: Option<Duration>, is_answered: bool) -> Step {
    if lost < RESCUED_AFTER {
        Step::Wait
    } else if is_answered {
        Step::Tell
    } else if since_last.is_none_or(|since| since >= RESCUED_AFTER) {
        Step::Ask
    } else {
        Step::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lost: u64, since_last: Option<u64>, is_answered: bool, expected: Step) {
        let found = step(Duration::from_secs(lost), since_last.map(Duration::from_secs), is_answered);
        assert_eq!(found, expected, "{lost} {since_last:?} {is_answered}");
    }

    #[test]
    fn brokers_are_asked_after_ten_seconds_and_every_ten_seconds_until_they_answer() {
        check(0, None, false, Step::Wait);
        check(9, None, false, Step::Wait);
        check(10, None, false, Step::Ask);
        check(15, Some(5), false, Step::Wait);
        check(20, Some(10), false, Step::Ask);
    }

    #[test]
    fn a_producer_that_is_still_lost_after_an_answer_is_told_and_one_that_is_lost_anew_is_not() {
        check(15, Some(5), true, Step::Tell);
        check(0, Some(90), true, Step::Wait);
    }
}
