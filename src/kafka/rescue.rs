//! Brokers for a producer that has lost them inside a call that does not end without one.
//!
//! `send_offsets_to_transaction` looks for the group's coordinator without a timeout of its own (librdkafka 2.12,
//! `rdkafka_txnmgr.c`), and a client that has nobody to ask for it waits for ever. The thread that would give the client up
//! (`stranded.rs`) is the one that waits: so another one tells librdkafka its brokers again, after which the call comes back,
//! as it was seen to do within ten seconds. Nothing else changes: who reaches its brokers has them already.

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
    /// When it was begun last, and the thread that does it.
    begun: Mutex<Option<(Instant, JoinHandle<()>)>>,
}

impl Rescue {
    pub(super) fn of(producer: &Arc<TransactionalProducer>, settings: &KafkaSettings) -> Self {
        Self { producer: Arc::downgrade(producer), settings: settings.clone(), begun: Mutex::default() }
    }

    /// Told that the producer has not been connected for so long; waits for nobody.
    pub(super) fn hear_lost(&self, lost: Duration) {
        let mut begun = self.begun.lock().expect("no panic while a thread is started");
        let since = match &*begun {
            Some((_, thread)) if !thread.is_finished() => return,
            Some((at, _)) => Some(at.elapsed()),
            None => None,
        };
        if !is_due(lost, since) {
            return;
        }
        let (producer, settings) = (self.producer.clone(), self.settings.clone());
        // Not on this thread, which the producer's end waits for: the last hold on it may be the one taken here.
        let tells = move || tell(&producer, &settings, lost);
        match std::thread::Builder::new().name("rescue".into()).spawn(tells) {
            Ok(thread) => *begun = Some((Instant::now(), thread)),
            Err(error) => tracing::warn!(%error, "a producer without a connection cannot be told its brokers"),
        }
    }
}

fn is_due(lost: Duration, since_last: Option<Duration>) -> bool {
    lost >= RESCUED_AFTER && since_last.is_none_or(|since| since >= RESCUED_AFTER)
}

/// Asks them first.
fn tell(producer: &Weak<TransactionalProducer>, settings: &KafkaSettings, lost: Duration) {
    if stranded::answers_a_new_client(settings)
        && let Some(producer) = producer.upgrade()
    {
        stranded::tell_brokers(producer.client(), "transactions", settings, lost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_are_told_again_after_ten_seconds_and_every_ten_seconds() {
        let due = |lost, since: Option<u64>| is_due(Duration::from_secs(lost), since.map(Duration::from_secs));
        assert_eq!([due(0, None), due(9, None), due(10, None)], [false, false, true]);
        assert_eq!([due(20, Some(9)), due(20, Some(10)), due(5, Some(60))], [false, true, false]);
    }
}
