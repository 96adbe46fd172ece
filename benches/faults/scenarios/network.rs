//! Bad weather between the daemon and its only broker. Tickets, checker and watching reader have a line of their own.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cluster::ClusterShape;
use crate::scenarios::frozen::{FROZEN, RECOVERY_MAX};
use crate::site::{Asked, Site, SiteShape};
use crate::support::proxy::{Direction, END_TXN, Proxy, TXN_OFFSET_COMMIT, Weather};
use crate::table::Row;

/// Tickets a second.
const RATE: f64 = 100.0;
/// How long the weather of a round lasts, and how long the line is clear before it.
const WEATHER: Duration = Duration::from_mins(1);
const CLEAR: Duration = Duration::from_secs(10);
/// How long answers name no brokers. Clients ask several times a second, and each time may be left without any for good.
const UNNAMED: Duration = Duration::from_secs(25);
/// As many tickets may wait as come within about two seconds.
const WAITING_MAX: usize = 200;

pub(crate) fn latency(asked: Asked) -> Row {
    let weather = Weather::Latency { max: Duration::from_secs(1) };
    minutes_of(asked, "latency", weather, "a minute of answers late by 500 ± 500 ms")
}

pub(crate) fn resets(asked: Asked) -> Row {
    minutes_of(asked, "resets", Weather::Resets { share: 0.05 }, "a minute in which 5 % of requests reset")
}

pub(crate) fn lost_answers(asked: Asked) -> Row {
    let weather = Weather::LostAnswers { of: &[END_TXN, TXN_OFFSET_COMMIT], share: 0.3 };
    let faults = "a minute in which 30 % of the answers to EndTxn and TxnOffsetCommit are lost";
    minutes_of(asked, "lost-answers", weather, faults)
}

pub(crate) fn black_hole(asked: Asked) -> Row {
    let (mut site, proxy) = site(asked, "black-hole");
    for _ in 0..asked.rounds {
        for direction in [Direction::Requests, Direction::Answers] {
            for long in FROZEN {
                std::thread::sleep(CLEAR);
                site.fault(&format!("{direction:?} are held for {} s", long.as_secs()));
                proxy.set(Weather::BlackHole(direction));
                std::thread::sleep(long);
                proxy.set(Weather::Clear);
                site.wait_caught_up(WAITING_MAX, RECOVERY_MAX);
                site.look();
            }
        }
    }
    close(site, &proxy, "one direction held for 5, 20, 40 s, then all of it delivered")
}

pub(crate) fn no_brokers(asked: Asked) -> Row {
    let (mut site, proxy) = site(asked, "no-brokers");
    for _ in 0..asked.rounds {
        std::thread::sleep(CLEAR);
        site.fault("clients connect anew, and no answer names a broker");
        proxy.set(Weather::Resets { share: 1.0 });
        std::thread::sleep(Duration::from_secs(1));
        proxy.set(Weather::NoBrokers);
        std::thread::sleep(UNNAMED);
        proxy.set(Weather::Clear);
        site.wait_caught_up(WAITING_MAX, RECOVERY_MAX);
        site.look();
    }
    for index in 0..site.fleet.len() {
        let rebuilds = site.fleet.metric(index, "noctriage_kafka_rebuilds_total").unwrap_or(f64::NAN);
        site.note(format!("noc-{}: clients of triage built anew {rebuilds} times", index + 1));
    }
    close(site, &proxy, "25 s in which no answer about the cluster names a broker")
}

/// The proxy's port is the fourth of ours.
fn site(asked: Asked, name: &'static str) -> (Site, Proxy) {
    let port = asked.port + 3;
    let shape = SiteShape::usual(
        name,
        ClusterShape { nodes: 1, port: asked.port, behind: Some(port), ..ClusterShape::default() },
    );
    let mut proxy = None;
    let mut site = Site::open_behind(asked, &shape, tempfile::tempdir().unwrap(), |target| {
        proxy = Some(Proxy::start(port, target, asked.seed).unwrap());
    });
    site.feed(RATE, usize::MAX);
    (site, proxy.expect("started before the instances"))
}

fn minutes_of(asked: Asked, name: &'static str, weather: Weather, faults: &str) -> Row {
    let (mut site, proxy) = site(asked, name);
    for _ in 0..asked.rounds {
        std::thread::sleep(CLEAR);
        site.fault("the weather turns");
        proxy.set(weather);
        std::thread::sleep(WEATHER);
        proxy.set(Weather::Clear);
        site.wait_caught_up(WAITING_MAX, RECOVERY_MAX);
        site.look();
    }
    close(site, &proxy, faults)
}

fn close(mut site: Site, proxy: &Proxy, faults: &str) -> Row {
    let counts = proxy.counts();
    let count = |of: &std::sync::atomic::AtomicU64| of.load(Ordering::Relaxed);
    site.note(format!(
        "proxy: {} requests on {} connections; {} requests and {} answers lost, {} without brokers, {} frames held",
        count(&counts.requests),
        count(&counts.connections),
        count(&counts.requests_lost),
        count(&counts.answers_lost),
        count(&counts.without_brokers),
        count(&counts.held)
    ));
    for index in 0..site.fleet.len() {
        let ended = |result| {
            let sample = format!("noctriage_kafka_transactions_total{{result=\"{result}\"}}");
            site.fleet.metric(index, &sample).unwrap_or(f64::NAN)
        };
        let (committed, aborted, retried) = (ended("committed"), ended("aborted"), ended("retried"));
        site.note(format!(
            "noc-{}: {committed} transactions committed, {aborted} aborted, {retried} commits asked again",
            index + 1
        ));
    }
    site.close(faults)
}
