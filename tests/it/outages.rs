//! Brokers that go away inside a transaction: the log goes on waiting in slices, lives meanwhile, and ends the wait. On
//! librdkafka's mock broker, which takes connections away as a real one does; what becomes of the records is shown on a
//! real broker.

use std::sync::Arc;
use std::time::{Duration, Instant};

use noctriage::admin::health::{Health, Reason};
use noctriage::clock::Clock;
use noctriage::kafka::fault::{AbortCause, Fault};
use noctriage::kafka::log::{Log as _, TransactionEnd};
use noctriage::kafka::patience::SILENCE_MAX;
use noctriage::kafka::session::KafkaLog;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

use super::faults::{Site, options, transact};
use super::stops::{PATIENCE, Stop};

/// Longer than one call waits, shorter than the outage: a thread that did not beat would be seen.
const STALLED_AFTER_MS: i64 = 9_000;
/// What is taken for dead for less than this may be both threads of a machine that stood still, of which this one woke first.
const DEAD_FOR: Duration = Duration::from_millis(500);

/// What an outage looked like from outside.
struct Seen {
    end: TransactionEnd,
    /// Every reason for which the log was taken for dead.
    dead: Vec<Reason>,
    /// Whether it said that it was waiting for brokers.
    said_so: bool,
}

/// One transaction whose broker goes away at a failpoint; it comes back after `outage`, or never before the end.
fn outage(site: &mut Site, health: &Health, point: &'static str, outage: Option<Duration>) -> Seen {
    let stop = Stop::at(point, point);
    let Site { log, cluster } = site;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(point.to_owned()).spawn_scoped(scope, || transact(log)).unwrap();
        stop.reached.recv_timeout(PATIENCE).unwrap();
        cluster.broker_down(1).unwrap();
        stop.go_on.send(()).unwrap();
        let away = Instant::now();
        let (mut dead, mut said_so, mut is_away) = (Vec::new(), false, true);
        let mut alive_at = Instant::now();
        while !thread.is_finished() {
            std::thread::sleep(Duration::from_millis(50));
            match health.alive() {
                Ok(()) => alive_at = Instant::now(),
                Err(reason) if alive_at.elapsed() >= DEAD_FOR => dead.push(reason),
                Err(_) => {}
            }
            said_so |= health.ready().is_err_and(|why| why.iter().any(|why| matches!(why, Reason::BrokersAway(_))));
            if is_away && outage.is_some_and(|length| away.elapsed() >= length) {
                cluster.broker_up(1).unwrap();
                is_away = false;
            }
        }
        if is_away {
            cluster.broker_up(1).unwrap();
        }
        Seen { end: thread.join().unwrap(), dead, said_so }
    })
}

fn health(stalled_after_ms: i64) -> Arc<Health> {
    let health = Health::new(Clock::Real, stalled_after_ms);
    health.models_are_warm();
    Arc::new(health)
}

#[test]
fn a_broker_that_comes_back_in_ten_seconds_finds_the_same_commit() {
    let health = health(STALLED_AFTER_MS);
    let mut site = Site::open_with(Duration::from_secs(30), Arc::clone(&health));
    let seen = outage(&mut site, &health, "before_commit", Some(Duration::from_secs(10)));
    assert_eq!((seen.end, seen.dead, seen.said_so), (TransactionEnd::Committed, vec![], true));
    assert!(site.log.commits_asked_again() > 0);
    health.brokers_answer();
    assert_eq!(transact(&mut site.log), TransactionEnd::Committed, "the same clients go on");
}

#[test]
fn a_broker_away_for_longer_than_the_transaction_costs_the_clients_and_not_the_process() {
    let health = health(STALLED_AFTER_MS);
    let mut site = Site::open_with(Duration::from_secs(3), Arc::clone(&health));
    let seen = outage(&mut site, &health, "after_offsets", None);
    assert!(matches!(&seen.end, TransactionEnd::Lost(Fault::Fatal(_))), "{:?}", seen.end);
    assert_eq!((seen.dead, seen.said_so), (vec![], true));
    let Site { log, cluster } = site;
    drop(log);
    let log = KafkaLog::open(options(&cluster, Duration::from_secs(3), health)).unwrap();
    let mut again = Site { log, cluster };
    again.wait_for_a_record();
    assert_eq!(transact(&mut again.log), TransactionEnd::Committed, "new clients go on");
}

#[test]
fn offsets_that_no_broker_takes_are_handed_over_when_one_is_back() {
    // The one call that looks at its timeout only when a request has come back.
    let health = health(i64::try_from(SILENCE_MAX.as_millis()).unwrap() + 1_000);
    let mut site = Site::open_with(Duration::from_secs(60), Arc::clone(&health));
    let seen = outage(&mut site, &health, "all_acknowledged", Some(SILENCE_MAX + Duration::from_secs(3)));
    // Which of the two requests was under way decides whether librdkafka asks for an abort.
    let is_fine = matches!(
        seen.end,
        TransactionEnd::Committed | TransactionEnd::Aborted(Fault::Abort { cause: AbortCause::Unavailable, .. })
    );
    assert!(is_fine, "{:?}", seen.end);
    assert_eq!((seen.dead, seen.said_so), (vec![], true));
    assert_eq!(transact(&mut site.log), TransactionEnd::Committed, "the same clients go on");
}

#[test]
fn an_abort_is_asked_about_until_the_broker_is_back() {
    let health = health(STALLED_AFTER_MS);
    let mut site = Site::open_with(Duration::from_secs(30), Arc::clone(&health));
    site.inject(RDKafkaApiKey::TxnOffsetCommit, RDKafkaRespErr::RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, 1);
    let seen = outage(&mut site, &health, "before_abort", Some(Duration::from_secs(10)));
    let TransactionEnd::Aborted(Fault::Abort { cause, .. }) = &seen.end else { panic!("{:?}", seen.end) };
    assert_eq!((*cause, seen.dead, seen.said_so), (AbortCause::Rebalance, vec![], true));
    assert_eq!(transact(&mut site.log), TransactionEnd::Committed, "the same clients go on");
}
