//! A broker that hangs, and one that is killed: on a broker of its own, and the long path with the bundled model.

use super::run::{Run, seed};
use crate::support::broker::{Broker, broker};
use crate::support::daemon::{Card, Timers};
use crate::support::own_broker::OwnBroker;

/// Every instance that ended is started again, as systemd does after a temporary failure.
fn tend(run: &mut Run) {
    for index in 0..run.daemons.len() {
        if let Some(status) = run.daemons[index].ended() {
            assert_eq!(status.code(), Some(75), "{}", run.daemons[index].log_end());
            run.daemons[index].start();
        }
    }
}

fn wait_all_decided_tended(run: &mut Run) {
    let fed = run.fed;
    run.wait("everything has an outcome after the broker is back", |run| {
        tend(run);
        run.checker.decided() >= fed
    });
}

/// Asks for `broker` only so that the test is skipped, or fails, where the others are.
#[test]
fn a_broker_that_hangs_or_is_killed_loses_and_doubles_nothing() {
    if broker("broker-away").is_none() {
        return;
    }
    let (own, brokers) = OwnBroker::start();
    let broker = Broker { brokers, prefix: format!("broker-away-{}", std::process::id()) };
    // Transactions outlast the start of a killed broker: one that ends before its partitions have leaders hangs.
    let timers = Timers { session_timeout_ms: 6_000, transaction_timeout_ms: 25_000, request_timeout_ms: 5_000 };
    let mut run = Run::prepare("broker away", broker, &["one", "two"], 4, (Card::ZeroCost, timers));
    run.daemons.iter_mut().for_each(crate::support::daemon::Daemon::start);
    run.feed(500);
    run.wait_all_decided();
    for (seconds, what) in [(5, "broker frozen for 5 s"), (28, "broker frozen for longer than the transaction timeout")]
    {
        run.feed(1_500);
        // Not waited for: it is to hang in the middle of the work.
        own.command("freeze");
        // The fault itself takes time; there is nothing else to wait for.
        std::thread::sleep(std::time::Duration::from_secs(seconds));
        own.command("thaw");
        wait_all_decided_tended(&mut run);
        run.check_after(what);
    }
    run.feed(1_500);
    own.command("kill");
    own.resume();
    wait_all_decided_tended(&mut run);
    run.check_after("broker killed and started again");
    let asked: usize = run.daemons.iter().map(|daemon| daemon.said("fenced again")).sum();
    println!("broker away: fenced again soon after a fence, and nobody ended for it: {asked} times");
    run.finish();
}

/// The whole path with what users run: two instances, the bundled model, three deaths.
#[test]
fn five_hundred_tickets_survive_three_deaths_with_the_bundled_model() {
    let Some(broker) = broker("real-model") else { return };
    let mut random = fastrand::Rng::with_seed(seed("real model", 1));
    let mut run = Run::prepare("real model", broker, &["one", "two"], 4, (Card::Production, Timers::USUAL));
    run.daemons[1].start();
    for point in ["after_classify", "all_acknowledged", "after_commit"] {
        let pass = random.u64(1..3);
        run.daemons[0].arm(&format!("{point}=kill@{pass}"));
        run.daemons[0].start();
        // What the death before has left behind may be enough to die again.
        let mut ended = false;
        run.wait("it takes tickets", |run| {
            ended = run.daemons[0].ended().is_some();
            ended || run.daemons[0].partitions().is_some_and(|count| count > 0)
        });
        run.feed(125);
        if !ended {
            run.wait_end(0, &format!("death at {point}, pass {pass}"));
        }
        run.check_after(&format!("kill -9 {point}"));
    }
    run.daemons[0].start();
    run.feed(125);
    let report = run.finish();
    assert_eq!(report.decided, 500);
    assert!(report.outcomes["decided"] > 300, "{:?}", report.outcomes);
}
