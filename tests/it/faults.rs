//! What an error of the broker comes to: each row injected on librdkafka's mock broker, through the log that the daemon
//! uses. The mock accepts transactions and does not apply them, so this shows classes of errors and nothing about
//! exactly-once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use noctriage::admin::health::Health;
use noctriage::clock::Clock;
use noctriage::config::settings::{KafkaSettings, TriageSettings};
use noctriage::config::{Sources, load};
use noctriage::kafka::fault::{AbortCause, Fault, FencedName};
use noctriage::kafka::log::{Log, LogEvent, TransactionEnd};
use noctriage::kafka::session::{KafkaLog, SessionOptions};
use noctriage::policy::ruling::DrawKey;
use noctriage::wire::output::{OutputRecord, OutputTopic};
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

/// Longest wait for the group to assign the partition.
const ASSIGNMENT_MAX: Duration = Duration::from_secs(20);

/// A mock broker of its own, and a log on it that owns the one partition of its input.
pub(crate) struct Site {
    pub(crate) log: KafkaLog,
    // Dropped after the log.
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
}

impl Site {
    fn open() -> Self {
        Self::open_with(Duration::from_secs(30), Health::new(Clock::Real, i64::MAX).into())
    }

    /// With a transaction timeout, and a health that hears the log's signs of life.
    pub(crate) fn open_with(transaction_timeout: Duration, health: Arc<Health>) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let options = options(&cluster, transaction_timeout, health);
        let names = &options.kafka.topics;
        for topic in
            [&names.tickets, &names.decisions, &names.suggestions, &names.commands, &names.review, &names.dead_letters]
        {
            cluster.create_topic(topic, 1, 1).unwrap();
        }
        let tickets = names.tickets.clone();
        let log = KafkaLog::open(options).unwrap();
        let desk: ThreadedProducer<DefaultProducerContext> =
            ClientConfig::new().set("bootstrap.servers", cluster.bootstrap_servers()).create().unwrap();
        desk.send(BaseRecord::<str, str>::to(&tickets).partition(0).key("T-1").payload("{}")).unwrap();
        desk.flush(ASSIGNMENT_MAX).unwrap();
        let mut site = Self { log, cluster };
        site.wait_for_a_record();
        site
    }

    pub(crate) fn wait_for_a_record(&mut self) {
        let until = Instant::now() + ASSIGNMENT_MAX;
        while Instant::now() < until {
            match self.log.next_event().unwrap() {
                Some(LogEvent::Record { partition: 0, offset: 0, .. }) => return,
                Some(_) => {}
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        panic!("the mock broker delivered no record within {ASSIGNMENT_MAX:?}");
    }

    pub(crate) fn inject(&self, request: RDKafkaApiKey, error: RDKafkaRespErr, times: usize) {
        self.cluster.request_errors(request, &vec![error; times]);
    }

    fn transact(&mut self) -> TransactionEnd {
        transact(&mut self.log)
    }

    #[track_caller]
    fn check_aborted(mut self, expected: AbortCause, tries_max: usize) {
        let end = self.transact();
        let TransactionEnd::Aborted(Fault::Abort { cause, .. }) = &end else { panic!("{end:?}") };
        assert_eq!(*cause, expected, "{end:?}");
        // Aborted means that the same clients go on.
        let ends: Vec<TransactionEnd> = (0..tries_max).map(|_| self.transact()).collect();
        assert_eq!(ends.last(), Some(&TransactionEnd::Committed), "{ends:?}");
    }
}

/// One transaction of three records, as triage writes them.
pub(crate) fn transact(log: &mut KafkaLog) -> TransactionEnd {
    let record = |topic, partition| OutputRecord {
        topic,
        partition,
        key: Some(b"T-1".to_vec()),
        payload: b"{}".to_vec(),
        headers: vec![("transaction".to_owned(), b"noc-a;1;1;3".to_vec())],
    };
    let records = [
        record(OutputTopic::Decisions, Some(0)),
        record(OutputTopic::Suggestions, None),
        record(OutputTopic::Review, None),
    ];
    log.transact(&records, &[(0, 1)])
}

/// What a log on this mock broker is opened with.
pub(crate) fn options(
    cluster: &MockCluster<'static, DefaultProducerContext>,
    transaction_timeout: Duration,
    health: Arc<Health>,
) -> SessionOptions {
    let (kafka, triage) = settings(cluster);
    session_options(KafkaSettings { transaction_timeout, ..kafka }, triage, health)
}

/// What a log is opened with that nobody is to be woken for.
pub(crate) fn session_options(kafka: KafkaSettings, triage: TriageSettings, health: Arc<Health>) -> SessionOptions {
    let beating = Arc::clone(&health);
    SessionOptions {
        kafka,
        triage,
        clock: Clock::Real,
        wake: Arc::new(|| {}),
        beat: Arc::new(move || beating.kafka_thread_beats()),
        waiting: Arc::new(move |what| health.brokers_keep_us_waiting(what)),
    }
}

fn settings(cluster: &MockCluster<'static, DefaultProducerContext>) -> (KafkaSettings, TriageSettings) {
    let brokers = cluster.bootstrap_servers();
    let keys = [
        ("kafka.brokers", brokers.as_str()),
        ("kafka.instance_id", "noc-a"),
        ("model.directory", "no-model-is-loaded-here"),
        ("model.baseline", "no-model-is-loaded-here"),
    ];
    let settings = load(&Sources::built_in(&keys, DrawKey([7; 16]))).unwrap().settings;
    (KafkaSettings { is_mock: true, ..settings.kafka }, settings.triage)
}

#[test]
fn a_record_that_is_too_large_aborts_its_batch() {
    let site = Site::open();
    site.inject(RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 1);
    // A record that will never be written leaves a gap in the sequence: librdkafka says so in the next transaction and asks
    // for one more abort. That is one of the three tries before triage halves the batch.
    site.check_aborted(AbortCause::Batch, 2);
}

#[test]
fn a_group_that_has_moved_on_aborts_without_blaming_the_batch() {
    let site = Site::open();
    site.inject(RDKafkaApiKey::TxnOffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1);
    site.check_aborted(AbortCause::Rebalance, 1);
}

#[test]
fn a_member_that_is_no_longer_known_aborts_without_blaming_the_batch() {
    let site = Site::open();
    site.inject(RDKafkaApiKey::TxnOffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, 1);
    site.check_aborted(AbortCause::Rebalance, 1);
}

#[test]
fn a_topic_that_may_not_be_written_aborts_for_want_of_rights() {
    let site = Site::open();
    site.inject(RDKafkaApiKey::AddPartitionsToTxn, RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 1);
    site.check_aborted(AbortCause::Authorisation, 1);
}

#[test]
fn a_transaction_in_an_invalid_state_needs_new_clients() {
    let mut site = Site::open();
    site.inject(RDKafkaApiKey::EndTxn, RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_TXN_STATE, 1);
    let end = site.transact();
    assert!(matches!(end, TransactionEnd::Lost(Fault::Fatal(_))), "{end:?}");
    // The producer is dead, and says so before it can hang in `begin_transaction`.
    let end = site.transact();
    assert!(matches!(end, TransactionEnd::Lost(Fault::Fatal(_))), "{end:?}");
}

#[test]
fn a_producer_that_is_fenced_needs_new_clients_and_is_told_apart() {
    let mut site = Site::open();
    site.inject(RDKafkaApiKey::EndTxn, RDKafkaRespErr::RD_KAFKA_RESP_ERR_PRODUCER_FENCED, 1);
    let end = site.transact();
    let is_fenced = |end: &TransactionEnd| {
        matches!(end, TransactionEnd::Lost(Fault::Fenced { name: FencedName::TransactionalId, .. }))
    };
    assert!(is_fenced(&end), "{end:?}");
    let end = site.transact();
    assert!(is_fenced(&end), "{end:?}");
}

#[test]
fn errors_that_pass_are_waited_for_and_the_transaction_commits() {
    let passing = [
        (RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2),
        // librdkafka's own code: the mock broker closes the connection.
        (RDKafkaApiKey::Produce, RDKafkaRespErr::RD_KAFKA_RESP_ERR__TRANSPORT, 2),
        (RDKafkaApiKey::TxnOffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS, 3),
        (RDKafkaApiKey::AddOffsetsToTxn, RDKafkaRespErr::RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, 3),
        (RDKafkaApiKey::EndTxn, RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 3),
    ];
    let mut site = Site::open();
    for (request, error, times) in passing {
        site.inject(request, error, times);
        assert_eq!(site.transact(), TransactionEnd::Committed, "{error:?} {times} times");
    }
}

#[test]
fn a_group_coordinator_that_is_long_not_available_does_not_hold_a_transaction_for_ever() {
    let mut site = Site::open();
    assert_eq!(site.transact(), TransactionEnd::Committed);
    // The coordinator has moved, and for a while nobody says where to: more often than librdkafka asks by itself.
    site.inject(RDKafkaApiKey::FindCoordinator, RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE, 6);
    site.inject(RDKafkaApiKey::TxnOffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR, 1);
    let first = site.transact();
    assert!(matches!(first, TransactionEnd::Committed | TransactionEnd::Aborted(_)), "{first:?}");
    let ends: Vec<TransactionEnd> = (0..3).map(|_| site.transact()).collect();
    assert_eq!(ends.last(), Some(&TransactionEnd::Committed), "{first:?} {ends:?}");
}

#[test]
fn a_commit_finds_nothing_in_flight() {
    let mut site = Site::open();
    let mut took: Vec<Duration> = (0..40)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(site.transact(), TransactionEnd::Committed);
            started.elapsed()
        })
        .collect();
    took.sort_unstable();
    println!("a transaction on the mock broker: p50 {:?}, p99 {:?}", took[20], took[39]);
    // `commit_transaction` with anything in flight waits one whole step of its flush, 100 ms, every time.
    assert!(took[0] < Duration::from_millis(100), "no commit of 40 was quicker than one flush step: {took:?}");
}
