//! A client that has lost its brokers for good.
//!
//! librdkafka lets go of every broker that an answer about the cluster does not name. One that names topics and no brokers, as
//! a broker gives that wakes up fenced, may leave a client with none, and nothing brings it back: it waits, says nothing, and
//! would wait for ever (confluentinc/librdkafka#5301, open; seen with 2.12). A client that waits for brokers that are away
//! looks the same, so they are asked with a new one before; where that is answered twice, and the old one is not connected
//! meanwhile, only new clients help.
//!
//! Whether a client is connected is told by its statistics, in the order and by the clock in which librdkafka made them:
//! they are served late where its thread has waited for something else.

use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::config::settings::KafkaSettings;

use super::client::{self, Isolation};
use super::fault::Fault;

/// How long a client may be without a connection before brokers are asked, and between two questions that are not answered. A
/// broker that starts anew is back in five to eight seconds; halts are not heard meanwhile, so not for minutes.
const DOUBTED_AFTER: Duration = Duration::from_secs(20);
/// Between the first answer and the last question. Longer than one attempt to connect (`client.rs`), which may have begun just
/// before brokers came back, and than two statistics.
const STRANDED_AFTER: Duration = Duration::from_secs(15);
/// Longest question of two.
const QUESTION_MAX: Duration = Duration::from_secs(5);
/// Ends the client id of the new client, so that brokers' logs tell it from the old ones.
const QUESTION_SUFFIX: &str = "-question";
/// What librdkafka calls a broker that is connected.
const CONNECTED: &str = "UP";
/// What it calls the source of a connection to a coordinator, which every client with the name of a group has, and which may go
/// on while the client knows no broker. Of the others librdkafka keeps one connected, whatever the client does.
const COORDINATOR: &str = "logical";

/// Whether a client is connected, and the doubt about it.
#[derive(Debug, Default)]
pub(super) struct Connection {
    doubt: Mutex<Doubt>,
}

impl Connection {
    /// Takes librdkafka's statistics, which are JSON.
    pub(super) fn heard(&self, statistics: &[u8]) {
        let report = serde_json::from_slice(statistics).inspect_err(|error| {
            tracing::debug!(%error, "statistics of librdkafka that cannot be read");
        });
        self.doubt.lock().expect("no panic while counting").report(report.ok());
    }

    /// Looks whether the client is stranded; waits for nobody. Call it while nothing comes.
    ///
    /// # Errors
    /// It is: clients have to be made anew.
    pub(super) fn look(&self, who: &str, settings: &KafkaSettings) -> Result<(), Fault> {
        let mut doubt = self.doubt.lock().expect("no panic while counting");
        let now = Instant::now();
        doubt.take_answer(now);
        match doubt.advise(now) {
            Advice::Wait => Ok(()),
            Advice::Ask => {
                doubt.asking = ask(settings);
                if doubt.asking.is_none() {
                    doubt.answer(false, now);
                }
                Ok(())
            }
            Advice::GiveUp(lost) => Err(Fault::Fatal(format!(
                "{who}: a client without a connection for {} s, although {} answers a new one",
                lost.as_secs(),
                settings.brokers
            ))),
        }
    }
}

/// What statistics say that matters here.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Report {
    /// When they were made, on librdkafka's clock (monotonic, microseconds).
    #[serde(rename = "ts")]
    at_us: i64,
    #[serde(rename = "brokers", deserialize_with = "is_any_connected")]
    is_connected: bool,
}

#[derive(Deserialize)]
struct Broker {
    source: String,
    state: String,
}

/// A map of brokers by name. One that is let go and its successor have the same name for a while: none may hide the other.
fn is_any_connected<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Brokers;
    impl<'de> Visitor<'de> for Brokers {
        type Value = bool;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("brokers by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            let mut is_connected = false;
            while let Some((IgnoredAny, Broker { source, state })) = map.next_entry()? {
                is_connected |= state == CONNECTED && source != COORDINATOR;
            }
            Ok(is_connected)
        }
    }
    deserializer.deserialize_map(Brokers)
}

/// What to do about a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// Nothing, or nothing yet.
    Wait,
    /// Ask the brokers with a new one.
    Ask,
    /// It was not connected for so long.
    GiveUp(Duration),
}

/// What is known of a client that may be stranded.
#[derive(Debug, Default)]
struct Doubt {
    /// Made at this time, the first report of those since which all said that it is not connected (librdkafka's clock).
    lost_at_us: Option<i64>,
    /// When the last report was made.
    reported_us: i64,
    /// A question that is under way.
    asking: Option<Receiver<bool>>,
    asked_at: Option<Instant>,
    /// The first answer of this loss, and the last report before it.
    answered: Option<(Instant, i64)>,
    /// Whether a question that was asked long enough after that was answered too.
    is_answered_again: bool,
}

impl Doubt {
    /// `None`: they say nothing that can be read, and are no reason for a doubt.
    fn report(&mut self, report: Option<Report>) {
        match report {
            Some(Report { at_us, is_connected: false }) => {
                self.lost_at_us.get_or_insert(at_us);
                self.reported_us = at_us;
            }
            // An answer that is still under way is to a question about an older loss.
            Some(Report { is_connected: true, .. }) | None => *self = Self::default(),
        }
    }

    fn take_answer(&mut self, now: Instant) {
        match self.asking.as_ref().map(Receiver::try_recv) {
            None | Some(Err(TryRecvError::Empty)) => {}
            Some(Ok(is_answered)) => self.answer(is_answered, now),
            Some(Err(TryRecvError::Disconnected)) => self.answer(false, now),
        }
    }

    fn answer(&mut self, is_answered: bool, now: Instant) {
        self.asking = None;
        if !is_answered {
            self.answered = None;
        } else if self.answered.is_some() {
            self.is_answered_again = true;
        } else {
            self.answered = Some((now, self.reported_us));
        }
    }

    fn advise(&mut self, now: Instant) -> Advice {
        let Some(lost_at_us) = self.lost_at_us.filter(|_| self.asking.is_none()) else { return Advice::Wait };
        let lost = between(lost_at_us, self.reported_us);
        if self.is_answered_again {
            return Advice::GiveUp(lost);
        }
        let is_due = match self.answered {
            None => lost >= DOUBTED_AFTER && self.asked_at.is_none_or(|at| now.duration_since(at) >= DOUBTED_AFTER),
            // By both clocks: reports may be served late, and a thread that has just come back has served none.
            Some((at, report_us)) => {
                now.duration_since(at) >= STRANDED_AFTER && between(report_us, self.reported_us) >= STRANDED_AFTER
            }
        };
        if !is_due {
            return Advice::Wait;
        }
        self.asked_at = Some(now);
        Advice::Ask
    }
}

fn between(from_us: i64, to_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(to_us - from_us).unwrap_or_default())
}

/// Asks on a thread of its own: where names are not resolved, librdkafka waits for longer than it was told to.
fn ask(settings: &KafkaSettings) -> Option<Receiver<bool>> {
    let (tell, told) = sync_channel(1);
    let settings = settings.clone();
    let asks = move || {
        if tell.send(answers_a_new_client(&settings)).is_err() {
            tracing::debug!("nobody waits for the brokers' answer any more");
        }
    };
    std::thread::Builder::new()
        .name("question".into())
        .spawn(asks)
        .inspect_err(|error| tracing::warn!(%error, "brokers cannot be asked with a new client"))
        .map(|_| told)
        .ok()
}

/// Twice: the first answer is that of a bootstrap server, the second that of a broker which the first has named. One that names
/// no brokers is none.
fn answers_a_new_client(settings: &KafkaSettings) -> bool {
    let mut config = client::reader(settings, Isolation::Committed);
    config.set("client.id", format!("{}{QUESTION_SUFFIX}", client::client_id(settings)));
    let client: Result<BaseConsumer, _> = config.create();
    client.is_ok_and(|client| {
        (0..2).all(|_| {
            let metadata = client.fetch_metadata(Some(&settings.topics.tickets), QUESTION_MAX);
            metadata.is_ok_and(|metadata| !metadata.brokers().is_empty())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn read(statistics: &str) -> Option<bool> {
        serde_json::from_str(statistics).map(|report: Report| report.is_connected).ok()
    }

    #[test]
    fn a_client_is_connected_while_any_broker_is_up() {
        let of = |brokers: &str| read(&format!("{{\"name\":\"a\",\"ts\":5,\"brokers\":{{{brokers}}}}}"));
        let broker =
            |name: &str, source: &str, state: &str| format!(r#""{name}":{{"source":"{source}","state":"{state}"}}"#);
        let both = |one: &str, other: &str| of(&format!("{one},{other}"));
        let (up, down) = (broker("b:1/1", "learned", "UP"), broker("b:1/1", "learned", "DOWN"));
        assert_eq!((of(&up), of(&down), of("")), (Some(true), Some(false), Some(false)));
        assert_eq!((both(&up, &broker("b:2/2", "learned", "INIT")), both(&up, &down)), (Some(true), Some(true)));
        assert_eq!(of(&broker("b/bootstrap", "configured", "UP")), Some(true));
        assert_eq!(both(&down, &broker("GroupCoordinator", "logical", "UP")), Some(false));
        assert_eq!((read("{"), read("{}"), read(r#"{"ts":5}"#)), (None, None, None));
    }

    /// What is advised in which second of a client that reports every five. A question is answered in the second in which it is
    /// asked, if brokers answer a new client then.
    fn advised(is_connected: impl Fn(u64) -> bool, answers: impl Fn(u64) -> bool) -> Vec<(u64, Advice)> {
        let (mut doubt, start) = (Doubt::default(), Instant::now());
        let mut advised = Vec::new();
        for second in 0..100 {
            let now = start + seconds(second);
            if second % 5 == 0 {
                let at_us = i64::try_from(second).unwrap() * 1_000_000;
                doubt.report(Some(Report { at_us, is_connected: is_connected(second) }));
            }
            match doubt.advise(now) {
                Advice::Wait => {}
                Advice::Ask => {
                    advised.push((second, Advice::Ask));
                    doubt.answer(answers(second), now);
                }
                Advice::GiveUp(lost) => {
                    advised.push((second, Advice::GiveUp(lost)));
                    return advised;
                }
            }
        }
        advised
    }

    #[test]
    fn a_client_that_is_not_connected_although_brokers_answer_is_given_up() {
        let expected = [(20, Advice::Ask), (35, Advice::Ask), (36, Advice::GiveUp(seconds(35)))];
        assert_eq!(advised(|_| false, |_| true), expected);
    }

    #[test]
    fn brokers_that_are_away_are_asked_every_twenty_seconds_and_waited_for() {
        assert_eq!(advised(|_| false, |_| false), [20, 40, 60, 80].map(|second| (second, Advice::Ask)));
        // Those that come and go as well.
        assert_eq!(advised(|_| false, |second| second == 20), [20, 35, 55, 75, 95].map(|second| (second, Advice::Ask)));
    }

    #[test]
    fn a_client_that_finds_its_brokers_again_soon_after_they_answer_is_kept() {
        assert_eq!(advised(|second| second >= 30, |_| true), [(20, Advice::Ask)]);
        let twice = advised(|second| (25..40).contains(&second), |_| true);
        let expected = [20, 60, 75].map(|second| (second, Advice::Ask));
        assert_eq!(twice, [&expected[..], &[(76, Advice::GiveUp(seconds(35)))]].concat());
    }

    #[test]
    fn a_client_that_is_connected_is_never_doubted() {
        assert_eq!(advised(|_| true, |_| true), []);
    }

    #[test]
    fn reports_that_are_served_late_count_by_when_they_were_made() {
        let (mut doubt, start) = (Doubt::default(), Instant::now());
        let report = |doubt: &mut Doubt, second: i64, is_connected| {
            doubt.report(Some(Report { at_us: second * 1_000_000, is_connected }));
        };
        (0..5).for_each(|index| report(&mut doubt, index * 5, false));
        assert_eq!(doubt.advise(start), Advice::Ask);
        doubt.answer(true, start);
        // The thread has waited for a transaction: the reports of a minute are there, and one has been served.
        report(&mut doubt, 25, false);
        assert_eq!(doubt.advise(start + seconds(60)), Advice::Wait);
        report(&mut doubt, 30, true);
        report(&mut doubt, 80, false);
        assert_eq!(doubt.advise(start + seconds(61)), Advice::Wait);
    }

    #[test]
    fn a_client_that_says_nothing_that_can_be_read_is_never_doubted() {
        let (mut doubt, now) = (Doubt::default(), Instant::now());
        for second in 0..100 {
            doubt.report((second % 10 > 0).then_some(Report { at_us: second * 1_000_000, is_connected: false }));
        }
        assert_eq!(doubt.advise(now), Advice::Wait);
    }
}
