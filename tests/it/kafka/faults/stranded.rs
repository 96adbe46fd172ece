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

/// What the log says of a client that is helped so.
const TOLD: &str = "is told its brokers again";

#[track_caller]
fn wait(what: &str, daemon: &Daemon, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + LONGEST;
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within {LONGEST:?}\n{}", daemon.log());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// One instance that decides and leads, behind a proxy; the test itself asks the broker directly.
struct Behind {
    daemon: Daemon,
    checker: Checker,
    proxy: Proxy,
    direct: Broker,
    fed: usize,
    _own: OwnBroker,
}

impl Behind {
    fn start(name: &str) -> Self {
        let port = free_port();
        let (own, brokers) = OwnBroker::start_behind(port, "");
        let proxy = Proxy::start(port, own.behind(), 1).unwrap();
        let direct = Broker { brokers, prefix: name.to_owned() };
        let behind = Broker { brokers: format!("127.0.0.1:{port}"), prefix: direct.prefix.clone() };
        let more = "[verdicts]\ntruth = \"explicit\"\n[rollout]\nmode = \"earned\"\nlease_s = 30\nrenew_s = 2\n";
        let mut daemon = Daemon::prepare_with(&behind, "one", Card::Linear, Timers::USUAL, more);
        daemon.create_topics(4);
        let checker = Checker::open(&direct, &direct.prefix);
        daemon.start();
        let mut site = Self { daemon, checker, proxy, direct, fed: 0, _own: own };
        site.decide();
        wait("it leads", &site.daemon, || site.direct.count("rollout") > 0);
        site
    }

    fn feed(&mut self) {
        self.direct.write("tickets", &(self.fed..self.fed + 40).map(long_run).collect::<Vec<_>>());
        self.fed += 40;
    }

    fn decide(&mut self) {
        self.feed();
        wait("all tickets are decided", &self.daemon, || self.direct.count("decisions") >= self.fed);
    }

    fn leads_again(&self) {
        let renewals = self.direct.count("rollout");
        wait("it leads again", &self.daemon, || self.direct.count("rollout") > renewals);
    }

    fn stop(mut self) {
        assert!(self.daemon.stop().success(), "{}", self.daemon.log());
        self.checker.look(Moment::Ended).assert_clean(&self.direct.prefix);
    }
}

#[test]
fn clients_that_have_lost_their_brokers_for_good_are_made_anew() {
    if broker("stranded").is_none() {
        return;
    }
    let mut site = Behind::start("stranded");
    site.proxy.set(Weather::OnlyClients { suffix: "-question" });
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
        wait(what, &site.daemon, || has_said(&site.daemon, what));
    }
    assert!(site.daemon.metric("noctriage_kafka_rebuilds_total").unwrap() >= 1.0);
    assert!(site.proxy.counts().requests_lost.load(Ordering::Relaxed) > 0);

    site.proxy.set(Weather::Clear);
    site.decide();
    site.leads_again();
    wait("a halt is heard", &site.daemon, || {
        site.daemon.command(&["halt", "--reason", "a test", "--who", "mira"]).status.success()
    });
    let behind = || site.daemon.metric("noctriage_evidence_behind_seconds{topic=\"decisions\"}");
    wait("evidence is read", &site.daemon, || behind().is_some_and(|behind| behind < 10.0));
    site.stop();
}

/// Which clients lose them is chance: some in each of the outages that were watched. A producer that loses them inside
/// `send_offsets_to_transaction` would wait there for ever, as four of five did that did nothing but transactions.
#[test]
fn clients_that_lose_their_brokers_are_told_them_again() {
    if broker("rescue").is_none() {
        return;
    }
    let mut site = Behind::start("rescue");
    for _ in 0..3 {
        site.proxy.set(Weather::Resets { share: 1.0 });
        std::thread::sleep(Duration::from_secs(1));
        site.proxy.set(Weather::NoBrokers);
        let until = Instant::now() + Duration::from_secs(25);
        while Instant::now() < until {
            site.feed();
            std::thread::sleep(Duration::from_millis(500));
        }
        site.proxy.set(Weather::Clear);
        site.decide();
        site.leads_again();
        // Those that nobody waits for may be told only now.
        let until = Instant::now() + Duration::from_secs(40);
        while Instant::now() < until && !site.daemon.log().contains(TOLD) {
            std::thread::sleep(Duration::from_millis(200));
        }
        if site.daemon.log().contains(TOLD) {
            break;
        }
    }
    assert!(site.daemon.log().contains(TOLD), "{}", site.daemon.log());
    assert!(site.proxy.counts().without_brokers.load(Ordering::Relaxed) > 0);
    site.stop();
}
