//! Clients that are not connected, and will not be, although brokers answer others: as librdkafka leaves them where an answer
//! about the cluster has named no brokers (confluentinc/librdkafka#5301). Which clients that hits is chance, and stands in
//! `benches/faults` (`no-brokers`); here a proxy ends the connections of all but those of new clients that only ask.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::support::broker::{Broker, broker};
use crate::support::checker::{Checker, Moment};
use crate::support::daemon::{Card, Daemon, Timers};
use crate::support::own_broker::OwnBroker;
use crate::support::port::free_port;
use crate::support::proxy::{Proxy, Weather};
use crate::support::tickets::long_run;

/// A doubt, two questions and the statistics between them are 40 s, and new clients a few more; on a machine that does much else.
const LONGEST: Duration = Duration::from_secs(150);

#[track_caller]
fn wait(what: &str, daemon: &Daemon, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LONGEST;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {LONGEST:?}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn clients_that_have_lost_their_brokers_for_good_are_made_anew() {
    if broker("stranded").is_none() {
        return;
    }
    let port = free_port();
    let (own, brokers) = OwnBroker::start_behind(port, "");
    let proxy = Proxy::start(port, own.behind(), 1).unwrap();
    // The test itself asks the broker directly.
    let direct = Broker { brokers, prefix: "stranded".to_owned() };
    let behind = Broker { brokers: format!("127.0.0.1:{port}"), prefix: direct.prefix.clone() };
    let more = "[verdicts]\ntruth = \"explicit\"\n[rollout]\nmode = \"earned\"\nlease_s = 30\nrenew_s = 2\n";
    let mut daemon = Daemon::prepare_with(&behind, "one", Card::Linear, Timers::USUAL, more);
    daemon.create_topics(4);
    let mut checker = Checker::open(&direct, &direct.prefix);
    daemon.start();
    let mut fed = 0;
    let mut decide = |daemon: &Daemon| {
        direct.write("tickets", &(fed..fed + 40).map(long_run).collect::<Vec<_>>());
        fed += 40;
        wait("all tickets are decided", daemon, || direct.count("decisions") >= fed);
    };
    decide(&daemon);
    wait("it leads", &daemon, || direct.count("rollout") > 0);

    proxy.set(Weather::OnlyClients { suffix: "-question" });
    let given_up = [
        "building the kafka clients anew",
        "building the clients of evidence anew",
        "leads no more",
        "following control",
    ];
    let has_said = |daemon: &Daemon, what: &str| {
        daemon.log().lines().any(|line| line.contains(what) && line.contains("answers a new one"))
    };
    for what in given_up {
        wait(what, &daemon, || has_said(&daemon, what));
    }
    assert!(daemon.metric("noctriage_kafka_rebuilds_total").unwrap() >= 1.0);
    assert!(proxy.counts().requests_lost.load(Ordering::Relaxed) > 0);

    proxy.set(Weather::Clear);
    decide(&daemon);
    let renewals = direct.count("rollout");
    wait("it leads again", &daemon, || direct.count("rollout") > renewals);
    wait("a halt is heard", &daemon, || {
        daemon.command(&["halt", "--reason", "a test", "--who", "mira"]).status.success()
    });
    let behind = || daemon.metric("noctriage_evidence_behind_seconds{topic=\"decisions\"}");
    wait("evidence is read", &daemon, || behind().is_some_and(|behind| behind < 10.0));
    assert!(daemon.stop().success(), "{}", daemon.log());
    checker.look(Moment::Ended).assert_clean("stranded");
}
