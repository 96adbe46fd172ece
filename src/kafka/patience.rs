//! How long the Kafka thread may wait for brokers, and that it says so while it waits.
//!
//! While brokers are away, calls of librdkafka would block for as long as they are allowed to. They are made in slices,
//! with a sign of life between two of them, so that the watchdog takes an outage for what it is; the whole is bounded.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::fault::{self, Fault};

/// Longest single call. A broker that restarts is back in five to eight seconds, so most outages take two calls; with
/// half of it, the log would say twice as often that nothing has changed.
pub(super) const SLICE: Duration = Duration::from_secs(5);
/// Longest that one request of the transactional producer may go unanswered (`socket.timeout.ms`):
/// `send_offsets_to_transaction` looks at its own timeout only when a request has come back.
pub(super) const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Longest silence of the Kafka thread between two signs of life: offsets handed over for one slice, whose last
/// request is sent at its end.
pub const SILENCE_MAX: Duration = SLICE.saturating_add(REQUEST_MAX);
/// Between two calls that were refused at once.
const BETWEEN_REFUSALS: Duration = Duration::from_millis(100);

/// Between two signs of life while something is looked at all the time.
const BETWEEN_BEATS: Duration = Duration::from_secs(1);

/// What a wait tells others.
#[derive(Clone, Copy)]
pub(super) struct Signs<'thread> {
    /// The thread lives.
    pub(super) beat: &'thread dyn Fn(),
    /// What it waits for.
    pub(super) waiting: &'thread dyn Fn(&str),
}

/// A bounded wait.
#[derive(Clone, Copy)]
pub(super) struct Patience<'thread> {
    signs: Signs<'thread>,
    until: Instant,
}

impl<'thread> Patience<'thread> {
    /// Waits from now on, at most this long.
    pub(super) fn new(signs: Signs<'thread>, longest: Duration) -> Self {
        Self::until(signs, Instant::now() + longest)
    }

    /// Waits until then.
    pub(super) const fn until(signs: Signs<'thread>, until: Instant) -> Self {
        Self { signs, until }
    }

    /// Gives a sign of life and says how long the next call may block; `None` when the wait is over.
    pub(super) fn slice(&self) -> Option<Duration> {
        (self.signs.beat)();
        let left = self.until.saturating_duration_since(Instant::now());
        // librdkafka counts in milliseconds: less than one would be none.
        (left >= Duration::from_millis(1)).then(|| left.min(SLICE))
    }

    /// Says what was in the way, and gives the brokers a moment.
    pub(super) fn refused(&self, what: &str) {
        (self.signs.waiting)(what);
        std::thread::sleep(BETWEEN_REFUSALS.min(self.until.saturating_duration_since(Instant::now())));
    }

    /// Waits in short steps until something is so: `false` when it never was. Says what it waits for after one slice.
    pub(super) fn wait_until(&self, what: &str, step: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let started = Instant::now();
        let mut beat_at = started;
        while !is_so() {
            let now = Instant::now();
            if now >= self.until {
                return false;
            }
            if now.duration_since(beat_at) >= BETWEEN_BEATS {
                (self.signs.beat)();
                beat_at = now;
                if now.duration_since(started) >= SLICE {
                    (self.signs.waiting)(what);
                }
            }
            std::thread::sleep(step);
        }
        true
    }

    /// Asks again and again until there is an answer, or an error that waiting does not mend, or the wait is over. Only
    /// for what may be asked twice.
    ///
    /// # Errors
    /// What the last try said.
    pub(super) fn ask<T>(
        &self,
        what: impl Fn() -> String,
        mut call: impl FnMut(Duration) -> Result<T, KafkaError>,
    ) -> Result<T, Fault> {
        let mut slice = self.slice().unwrap_or(SLICE);
        loop {
            let error = match call(slice) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let said = format!("{}: {error}", what());
            match self.slice() {
                Some(next) if fault::may_pass(&error) => {
                    self.refused(&said);
                    slice = next;
                }
                Some(_) | None => return Err(Fault::Fatal(said)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rdkafka::error::RDKafkaErrorCode;

    use super::*;

    fn away() -> KafkaError {
        KafkaError::MetadataFetch(RDKafkaErrorCode::BrokerTransportFailure)
    }

    #[test]
    fn a_long_wait_is_cut_into_slices_with_a_beat_before_each() {
        let beats = Cell::new(0);
        let signs = Signs { beat: &|| beats.set(beats.get() + 1), waiting: &|_| {} };
        let patience = Patience::new(signs, Duration::from_secs(3600));
        assert_eq!((patience.slice(), patience.slice()), (Some(SLICE), Some(SLICE)));
        assert_eq!(beats.get(), 2);
        assert_eq!(Patience::new(signs, Duration::ZERO).slice(), None);
    }

    #[test]
    fn a_question_is_asked_again_until_the_brokers_are_back() {
        let said = Cell::new(String::new());
        let signs = Signs { beat: &|| {}, waiting: &|what| said.set(what.to_owned()) };
        let mut tries = 0;
        let answer = Patience::new(signs, Duration::from_secs(3600)).ask(
            || "tickets[0]: asking for its ends".into(),
            |_| {
                tries += 1;
                if tries < 3 { Err(away()) } else { Ok(7) }
            },
        );
        assert_eq!((answer, tries), (Ok(7), 3));
        assert!(said.take().starts_with("tickets[0]: asking for its ends: "));
    }

    #[test]
    fn an_error_that_waiting_does_not_mend_is_not_asked_about_twice() {
        let signs = Signs { beat: &|| {}, waiting: &|_| {} };
        let mut tries = 0;
        let answer: Result<(), Fault> = Patience::new(signs, Duration::from_secs(3600)).ask(
            || "tickets".into(),
            |_| {
                tries += 1;
                Err(KafkaError::MetadataFetch(RDKafkaErrorCode::TopicAuthorizationFailed))
            },
        );
        assert!(matches!(answer, Err(Fault::Fatal(_))));
        assert_eq!(tries, 1);
    }

    #[test]
    fn a_wait_that_is_over_asks_once_and_no_more() {
        let signs = Signs { beat: &|| {}, waiting: &|_| {} };
        let mut tries = 0;
        let answer: Result<(), Fault> = Patience::new(signs, Duration::ZERO).ask(
            || "tickets".into(),
            |_| {
                tries += 1;
                Err(away())
            },
        );
        assert!(matches!(answer, Err(Fault::Fatal(_))));
        assert_eq!(tries, 1);
    }
}
