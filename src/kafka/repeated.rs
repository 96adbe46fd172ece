//! What clients say again and again while brokers are away: once, and then how often.
//!
//! Each client tries its brokers twenty times a second and reports every try, so an outage of an hour would be a hundred
//! thousand lines of a log that is read to find out what happened.

use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What was said is not said again for this long.
const QUIET: Duration = Duration::from_secs(10);

/// Who says it, and the error without its words, which hold addresses and times: both closed sets, so that this stays small.
type Saying = (&'static str, Option<RDKafkaErrorCode>);

#[derive(Debug)]
struct Said {
    at: Instant,
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
            self.said.push((saying, Said { at: now, kept_back: 0 }));
            return Some(0);
        };
        if now.duration_since(said.at) < QUIET {
            said.kept_back += 1;
            return None;
        }
        said.at = now;
        Some(std::mem::take(&mut said.kept_back))
    }
}

/// Warns of an error of a client, unless the same was said within the last ten seconds. `about` is a topic, or the reason that
/// librdkafka gives.
pub(super) fn warn(who: &'static str, error: &KafkaError, about: &str) {
    static SAID: LazyLock<Mutex<Repeats>> = LazyLock::new(Mutex::default);
    let saying = (who, error.rdkafka_error_code());
    let passed = SAID.lock().expect("no panic while counting").pass(saying, Instant::now());
    if let Some(kept_back) = passed {
        // A field that is `None` is not written.
        let repeated = (kept_back > 0).then_some(kept_back);
        tracing::warn!(%error, about, repeated, "{who}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Saying = ("kafka reader", Some(RDKafkaErrorCode::AllBrokersDown));

    #[test]
    fn what_is_said_again_at_once_is_counted_and_said_with_its_number_later() {
        let start = Instant::now();
        let mut repeats = Repeats::default();
        let passed: Vec<_> = (0..21).map(|second| repeats.pass(DOWN, start + Duration::from_secs(second))).collect();
        assert_eq!(passed.iter().flatten().copied().collect::<Vec<_>>(), [0, 9, 9]);
        assert_eq!((passed[0], passed[10], passed[20]), (Some(0), Some(9), Some(9)));
    }

    #[test]
    fn another_error_and_another_client_are_said_at_once() {
        let now = Instant::now();
        let mut repeats = Repeats::default();
        for saying in
            [DOWN, ("kafka producer", DOWN.1), (DOWN.0, Some(RDKafkaErrorCode::BrokerTransportFailure)), (DOWN.0, None)]
        {
            assert_eq!(repeats.pass(saying, now), Some(0));
            assert_eq!(repeats.pass(saying, now), None);
        }
    }
}
