//! Records that a broker holds and has not acknowledged when their transaction is aborted: the next ones must not be taken
//! for the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use noctriage::admin::health::Health;
use noctriage::clock::Clock;
use noctriage::config::{Sources, load};
use noctriage::kafka::log::{Log as _, LogEvent, TransactionEnd};
use noctriage::kafka::session::KafkaLog;
use noctriage::policy::ruling::DrawKey;
use noctriage::wire::output::{OutputRecord, OutputTopic};

use crate::faults::session_options;
use crate::stops::{PATIENCE, Stop};
use crate::support::broker::{Broker, Record, broker};
use crate::support::checker::Isolation;
use crate::support::daemon::TOPICS;
use crate::support::own_broker::OwnBroker;
use crate::support::port::free_port;
use crate::support::proxy::{PRODUCE, Proxy, Weather};

/// Longer than one request may go unanswered: by then the records wait to be sent once more, and the abort throws them
/// away there.
const TRANSACTION_TIMEOUT_MS: &str = "12000";

/// The broker would end a transaction by itself, under a new epoch, at any moment after its timeout.
const NEVER_ENDS_ONE_ITSELF: &str = "transaction.abort.timed.out.transaction.cleanup.interval.ms=600000";

fn open(broker: &Broker, proxy_port: u16) -> KafkaLog {
    let address = format!("127.0.0.1:{proxy_port}");
    let topics = TOPICS.map(|name| (format!("kafka.topics.{name}"), broker.topic(name)));
    let mut keys = vec![
        ("kafka.brokers", address.as_str()),
        ("kafka.group", &broker.prefix),
        ("kafka.instance_id", "noc-a"),
        ("kafka.transaction_timeout_ms", TRANSACTION_TIMEOUT_MS),
        ("model.directory", "no-model-is-loaded-here"),
        ("model.baseline", "no-model-is-loaded-here"),
    ];
    keys.extend(topics.iter().map(|(key, topic)| (key.as_str(), topic.as_str())));
    let settings = load(&Sources::built_in(&keys, DrawKey([7; 16]))).unwrap().settings;
    let health = Arc::new(Health::new(Clock::Real, i64::MAX));
    let mut log = KafkaLog::open(session_options(settings.kafka, settings.triage, health)).unwrap();
    let until = Instant::now() + PATIENCE;
    while !matches!(log.next_event().unwrap(), Some(LogEvent::Record { .. })) {
        assert!(Instant::now() < until, "no ticket within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
    log
}

/// One decision, and the ticket before this offset with it.
fn decide(log: &mut KafkaLog, decision: &str, next_offset: i64) -> TransactionEnd {
    let record = OutputRecord {
        topic: OutputTopic::Decisions,
        partition: Some(0),
        key: Some(b"T-1".to_vec()),
        payload: decision.as_bytes().to_vec(),
        headers: vec![("transaction".to_owned(), b"noc-a;1;1;1".to_vec())],
    };
    log.transact(&[record], &[(0, next_offset)])
}

#[test]
fn a_decision_is_kept_although_the_broker_holds_one_of_the_aborted_transaction_before_it() {
    let thread = "a transaction in doubt";
    if broker("doubt").is_none() {
        return;
    }
    let port = free_port();
    let (own, brokers) = OwnBroker::start_behind(port, NEVER_ENDS_ONE_ITSELF);
    let proxy = Proxy::start(port, own.behind(), 1).unwrap();
    let broker = Broker { brokers, prefix: "doubt".to_owned() };
    for topic in TOPICS {
        broker.create(topic, 1, &[]);
    }
    let ticket = |number: usize| (format!("T-{number}"), Some(b"{}".to_vec()), Vec::new());
    broker.write("tickets", &[ticket(1), ticket(2), ticket(3)]);
    let mut log = open(&broker, port);
    assert_eq!(decide(&mut log, "the first", 1), TransactionEnd::Committed);

    proxy.set(Weather::SilentFrom { of: &[PRODUCE] });
    let stop = Stop::at("before_abort", thread);
    let end = std::thread::scope(|scope| {
        let given_up = || decide(&mut log, "given up", 2);
        let transaction = std::thread::Builder::new().name(thread.to_owned()).spawn_scoped(scope, given_up).unwrap();
        stop.reached.recv_timeout(PATIENCE).unwrap();
        // Not held up: librdkafka would find by itself that the record has timed out, and ask for a new epoch. The abort
        // waits for the broker's answer, so there is time to look.
        stop.go_on.send(()).unwrap();
        let held = broker.read("decisions", Isolation::Uncommitted);
        assert!(held.iter().any(|record| record.value.as_deref() == Some(b"given up")), "{held:?}");
        proxy.set(Weather::Clear);
        transaction.join().unwrap()
    });
    // As the daemon goes on after either.
    let mut log = match end {
        TransactionEnd::Aborted(_) => log,
        TransactionEnd::Lost(_) => {
            drop(log);
            open(&broker, port)
        }
        TransactionEnd::Committed => panic!("nothing was acknowledged"),
    };
    let again = decide(&mut log, "the second", 2);
    assert_eq!(again, TransactionEnd::Committed, "after {end:?}");

    let text = |record: Record| String::from_utf8(record.value.unwrap()).unwrap();
    let kept: Vec<String> = broker.read("decisions", Isolation::Committed).into_iter().map(text).collect();
    assert_eq!(kept, ["the first", "the second"], "after {end:?}");
}
