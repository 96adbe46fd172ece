//! A client that has lost its brokers for good.
//!
//! librdkafka lets go of every broker that an answer about the cluster does not name. One that names topics and no brokers, as
//! a broker gives that wakes up fenced, may leave a client with none, and nothing brings it back: it waits, says nothing, and
//! would wait for ever (confluentinc/librdkafka#5301, open; seen with 2.12). A client that waits for brokers that are away
//! looks the same, so they are asked with a new one before. Where that is answered, the old one is told its brokers again, which
//! brings most of them back within seconds. One that keeps a connection to the coordinator of its group may know no broker
//! all the same, and looks for none: where a new one is answered once more, only new clients help.
//!
//! Whether a client is connected is told by its statistics, in the order and by the clock in which librdkafka made them:
//! they are served late where its thread has waited for something else.

use std::ffi::CString;
use std::fmt;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::config::settings::KafkaSettings;

use super::client::{self, Isolation};
use super::fault::Fault;

/// How long a client may be without a connection before brokers are asked. A broker that starts anew is back in five to eight
/// seconds; halts are not heard meanwhile, so not for minutes.
const DOUBTED_AFTER: Duration = Duration::from_secs(10);
/// Between two questions that are not answered.
const BETWEEN_QUESTIONS: Duration = Duration::from_secs(20);
/// Between the first answer and the last question. Longer than one attempt to connect (`client.rs`), and than two statistics.
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
    /// Takes librdkafka's statistics, which are JSON; by them the client has not been connected for so long, `None`: it is.
    pub(super) fn heard(&self, statistics: &[u8]) -> Option<Duration> {
        let report = serde_json::from_slice(statistics).inspect_err(|error| {
            tracing::debug!(%error, "statistics of librdkafka that cannot be read");
        });
        let mut doubt = self.doubt.lock().expect("no panic while counting");
        doubt.report(report.ok());
        doubt.lost()
    }

    fn advise(&self, settings: &KafkaSettings) -> Advice {
        let mut doubt = self.doubt.lock().expect("no panic while counting");
        let now = Instant::now();
        doubt.take_answer(now);
        let advice = doubt.advise(now);
        if advice == Advice::Ask {
            doubt.asking = ask(settings);
            if doubt.asking.is_none() {
                doubt.answer(false, now);
            }
        }
        advice
    }
}

/// A context that keeps whether its client is connected.
pub(super) trait Connected: ClientContext {
    /// Whether somebody else tells the client its brokers (`rescue.rs`).
    const IS_RESCUED: bool = false;

    fn connection(&self) -> &Connection;
}

/// Looks whether a client is stranded, and does about it what can be done; waits for nobody. Call it while nothing comes.
///
/// # Errors
/// It is, and clients have to be made anew.
pub(super) fn look<C: Connected>(client: &Client<C>, who: &str, settings: &KafkaSettings) -> Result<(), Fault> {
    match client.context().connection().advise(settings) {
        Advice::Tell(lost) if !C::IS_RESCUED => {
            tell_brokers(client, who, settings, lost);
            Ok(())
        }
        Advice::Wait | Advice::Ask | Advice::Tell(_) => Ok(()),
        Advice::GiveUp(lost) => Err(Fault::Fatal(format!(
            "{who}: a client without a connection for {} s, although {} answers a new one",
            lost.as_secs(),
            settings.brokers
        ))),
    }
}

/// Tells a client its brokers again. librdkafka keeps a list of all that it was ever told: only where they answer others.
pub(super) fn tell_brokers<C: ClientContext>(client: &Client<C>, who: &str, settings: &KafkaSettings, lost: Duration) {
    let brokers = match CString::new(settings.brokers.as_str()) {
        Ok(brokers) => brokers,
        Err(error) => return tracing::warn!(who, %error, "brokers that a client cannot be told"),
    };
    #[expect(unsafe_code, reason = "rdkafka has no other way to tell a client brokers")]
    // SAFETY: the client lives, as it is borrowed; librdkafka copies the names, and takes the call from any thread.
    let known = unsafe { rdkafka::bindings::rd_kafka_brokers_add(client.native_ptr(), brokers.as_ptr()) };
    tracing::warn!(
        who,
        brokers = settings.brokers,
        lost_s = lost.as_secs(),
        known,
        "a client without a connection, although a new one is answered, is told its brokers again"
    );
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
    /// Tell it its brokers: it was not connected for so long.
    Tell(Duration),
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
    /// Whether it was told its brokers since.
    is_told: bool,
    /// A question that was asked long enough after that was answered too: the last report before.
    answered_again_us: Option<i64>,
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

    /// By the last report.
    fn lost(&self) -> Option<Duration> {
        self.lost_at_us.map(|lost_at_us| between(lost_at_us, self.reported_us))
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
            (self.answered, self.is_told) = (None, false);
        } else if self.answered.is_some() {
            self.answered_again_us = Some(self.reported_us);
        } else {
            self.answered = Some((now, self.reported_us));
        }
    }

    fn advise(&mut self, now: Instant) -> Advice {
        let Some(lost) = self.lost().filter(|_| self.asking.is_none()) else { return Advice::Wait };
        // By a report of after the answer: with the brokers the client may have come back.
        if let Some(answered_us) = self.answered_again_us {
            return if self.reported_us > answered_us { Advice::GiveUp(lost) } else { Advice::Wait };
        }
        if !self.is_told && self.answered.is_some_and(|(_, answered_us)| self.reported_us > answered_us) {
            self.is_told = true;
            return Advice::Tell(lost);
        }
        let is_due = match self.answered {
            None => lost >= DOUBTED_AFTER && self.asked_at.is_none_or(|at| now.duration_since(at) >= BETWEEN_QUESTIONS),
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
pub(super) fn answers_a_new_client(settings: &KafkaSettings) -> bool {
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
                Advice::Tell(lost) => advised.push((second, Advice::Tell(lost))),
                Advice::GiveUp(lost) => {
                    advised.push((second, Advice::GiveUp(lost)));
                    return advised;
                }
            }
        }
        advised
    }

    fn ask(second: u64) -> (u64, Advice) {
        (second, Advice::Ask)
    }

    fn tell(second: u64, lost: u64) -> (u64, Advice) {
        (second, Advice::Tell(seconds(lost)))
    }

    fn give_up(second: u64, lost: u64) -> (u64, Advice) {
        (second, Advice::GiveUp(seconds(lost)))
    }

    #[test]
    fn a_client_that_is_not_connected_although_brokers_answer_is_told_them_and_then_given_up() {
        assert_eq!(advised(|_| false, |_| true), [ask(10), tell(15, 15), ask(25), give_up(30, 30)]);
    }

    #[test]
    fn brokers_that_are_away_are_asked_every_twenty_seconds_and_waited_for() {
        assert_eq!(advised(|_| false, |_| false), [10, 30, 50, 70, 90].map(ask));
        // Those that come and go as well.
        let expected = [ask(10), ask(30), tell(35, 35), ask(45), ask(65), ask(85)];
        assert_eq!(advised(|_| false, |second| second == 30), expected);
        let expected = [ask(10), tell(15, 15), ask(25), ask(45), tell(50, 50), ask(60), give_up(65, 65)];
        assert_eq!(advised(|_| false, |second| second != 25), expected);
    }

    #[test]
    fn a_client_that_finds_its_brokers_again_soon_after_it_is_told_them_is_kept() {
        assert_eq!(advised(|second| second >= 20, |_| true), [ask(10), tell(15, 15)]);
        let twice = advised(|second| (20..35).contains(&second), |_| true);
        assert_eq!(twice, [ask(10), tell(15, 15), ask(45), tell(50, 15), ask(60), give_up(65, 30)]);
        // With its brokers, by the next report: it is not even told.
        assert_eq!(advised(|second| second >= 15, |_| true), [ask(10)]);
        assert_eq!(advised(|second| second >= 30, |_| true), [ask(10), tell(15, 15), ask(25)]);
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
        report(&mut doubt, 23, false);
        assert_eq!(doubt.advise(start), Advice::Tell(seconds(23)));
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
