//! What clients say again and again while brokers are away: once, and then how often.
//!
//! Each client tries its brokers twenty times a second and reports every try, so an outage of an hour would be a hundred
//! thousand lines of a log that is read to find out what happened.

use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What was said is not said again for this long.
const QUIET: Duration = Duration::from_secs(10);

/// Who says it, of which topic if of one, and the error without its words, which hold addresses and times: closed sets, so that
/// this stays small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Saying {
    who: &'static str,
    topic: Option<String>,
    error: Option<RDKafkaErrorCode>,
}

#[derive(Debug)]
struct Said {
    at: Instant,
    last: Instant,
    kept_back: u64,
}

/// What was said, and when.
#[derive(Debug, Default)]
struct Repeats {
    said: Vec<(Saying, Said)>,
}

impl Repeats {
    /// `None`: it was said a moment ago. Otherwise how often it was kept back since.
    fn pass(&mut self, saying: Saying, now: Instant) -> Option<u64> {
        let Some(said) = self.said.iter_mut().find(|(known, _)| *known == saying).map(|(_, said)| said) else {
            self.said.push((saying, Said { at: now, last: now, kept_back: 0 }));
            return Some(0);
        };
        let silence = now.duration_since(std::mem::replace(&mut said.last, now));
        if now.duration_since(said.at) < QUIET {
            said.kept_back += 1;
            return None;
        }
        said.at = now;
        let kept_back = std::mem::take(&mut said.kept_back);
        // After a silence it is another outage, and what was kept back of the one before says nothing about it.
        Some(if silence < QUIET { kept_back } else { 0 })
    }
}

/// How often it was kept back, if it is to be said now.
fn passes(who: &'static str, topic: Option<&str>, error: &KafkaError) -> Option<u64> {
    static SAID: LazyLock<Mutex<Repeats>> = LazyLock::new(Mutex::default);
    let saying = Saying { who, topic: topic.map(str::to_owned), error: error.rdkafka_error_code() };
    SAID.lock().expect("no panic while counting").pass(saying, Instant::now())
}

/// A field that is `None` is not written.
fn if_any(kept_back: u64) -> Option<u64> {
    (kept_back > 0).then_some(kept_back)
}

/// Warns of an error of a client, unless the same was said within the last ten seconds.
pub(super) fn warn_of_client(who: &'static str, error: &KafkaError, reason: &str) {
    if let Some(kept_back) = passes(who, None, error) {
        tracing::warn!(%error, reason, kept_back = if_any(kept_back), "{who}");
    }
}

/// The same of an error that came instead of a record of a topic.
pub(super) fn warn_of_topic(who: &'static str, error: &KafkaError, topic: &str) {
    if let Some(kept_back) = passes(who, Some(topic), error) {
        tracing::warn!(%error, topic, kept_back = if_any(kept_back), "{who}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down() -> Saying {
        Saying { who: "kafka reader", topic: None, error: Some(RDKafkaErrorCode::AllBrokersDown) }
    }

    #[test]
    fn what_is_said_again_at_once_is_counted_and_said_with_its_number_later() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        let passed: Vec<_> = (0..21).map(|second| repeats.pass(down(), start + Duration::from_secs(second))).collect();
        assert_eq!(passed.iter().flatten().copied().collect::<Vec<_>>(), [0, 9, 9]);
        assert_eq!((passed[0], passed[10], passed[20]), (Some(0), Some(9), Some(9)));
    }

    #[test]
    fn after_a_silence_it_is_said_as_if_for_the_first_time() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        for second in 0..5 {
            repeats.pass(down(), start + Duration::from_secs(second));
        }
        assert_eq!(repeats.pass(down(), start + Duration::from_hours(24)), Some(0));
    }

    #[test]
    fn another_error_another_client_and_another_topic_are_said_at_once() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        let others = [
            down(),
            Saying { who: "kafka producer", ..down() },
            Saying { error: Some(RDKafkaErrorCode::BrokerTransportFailure), ..down() },
            Saying { error: None, ..down() },
            Saying { topic: Some("noctriage.control".to_owned()), ..down() },
            Saying { topic: Some("noctriage.rollout".to_owned()), ..down() },
        ];
        for saying in others {
            assert_eq!(repeats.pass(saying.clone(), now), Some(0));
            assert_eq!(repeats.pass(saying, now), None);
        }
    }
}
