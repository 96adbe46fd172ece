//! The matrix of Kafka's own transaction tests: hard and clean bounces of brokers and of clients, on three brokers with
//! replication 3 and `min.insync.replicas` 2, nine partitions, three instances in one group.

use std::time::Duration;

use crate::cluster::ClusterShape;
use crate::fleet::code_of;
use crate::site::{Asked, Model, Site, SiteShape};
use crate::table::Row;

/// Tickets a second: at 100,000 tickets the bounces of three rounds fit between the first and the last.
const RATE: f64 = 500.0;
/// Share of the tickets that are decided before the first bounce.
const BEFORE_FIRST: f64 = 0.2;
/// Share of the tickets over which the bounces are spread.
const OVER: f64 = 0.7;
/// Longest time from one bounce to the next.
const STEP_MAX: Duration = Duration::from_secs(240);

/// How a member goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bounce {
    /// SIGKILL.
    Hard,
    /// SIGTERM.
    Clean,
}

pub(crate) fn instances_hard(asked: Asked) -> Row {
    instances(asked, "bounce-instances-hard", Bounce::Hard)
}

pub(crate) fn instances_clean(asked: Asked) -> Row {
    instances(asked, "bounce-instances-clean", Bounce::Clean)
}

pub(crate) fn brokers_hard(asked: Asked) -> Row {
    brokers(asked, "bounce-brokers-hard", Bounce::Hard)
}

pub(crate) fn brokers_clean(asked: Asked) -> Row {
    brokers(asked, "bounce-brokers-clean", Bounce::Clean)
}

fn site(asked: Asked, name: &'static str) -> Site {
    let shape = SiteShape {
        name,
        cluster: ClusterShape { nodes: 3, port: asked.port, ..ClusterShape::default() },
        instances: 3,
        partitions: 9,
        session_timeout_ms: 6_000,
        transaction_timeout_ms: 10_000,
        model: Model::ZeroCost,
        triage: "",
    };
    Site::open(asked, &shape, tempfile::tempdir().unwrap())
}

/// Every member once a round, in an order that the seed chooses.
fn order(asked: Asked, members: usize) -> Vec<usize> {
    let mut luck = fastrand::Rng::with_seed(asked.seed);
    let mut order = Vec::new();
    for _ in 0..asked.rounds {
        let mut round: Vec<usize> = (0..members).collect();
        luck.shuffle(&mut round);
        order.extend(round);
    }
    order
}

/// Waits until it is time for bounce `number` of `count`.
fn wait_turn(site: &Site, asked: Asked, number: usize, count: usize) {
    let share = BEFORE_FIRST + OVER * number as f64 / count as f64;
    site.wait_decisions((asked.tickets as f64 * share) as usize, STEP_MAX);
}

fn instances(asked: Asked, name: &'static str, bounce: Bounce) -> Row {
    let mut site = site(asked, name);
    site.feed(RATE, asked.tickets);
    let order = order(asked, site.fleet.len());
    for (number, index) in order.iter().copied().enumerate() {
        wait_turn(&site, asked, number, order.len());
        site.fault(&format!("{bounce:?} bounce of instance {}", index + 1));
        match bounce {
            Bounce::Hard => site.fleet.kill(index),
            Bounce::Clean => match site.fleet.stop(index) {
                Some(status) if code_of(status) == 0 => {}
                ended => site.mistake(format!("instance {} did not stop cleanly: {ended:?}", index + 1)),
            },
        }
        site.fleet.start(index);
        site.fleet.wait_ready(index);
        site.read();
    }
    site.close_when_fed(match bounce {
        Bounce::Hard => "kill -9 of an instance",
        Bounce::Clean => "SIGTERM to an instance",
    })
}

fn brokers(asked: Asked, name: &'static str, bounce: Bounce) -> Row {
    let mut site = site(asked, name);
    site.feed(RATE, asked.tickets);
    let order = order(asked, site.cluster.nodes);
    for (number, index) in order.iter().copied().enumerate() {
        wait_turn(&site, asked, number, order.len());
        let node = index + 1;
        site.fault(&format!("{bounce:?} bounce of broker {node}"));
        site.cluster.node(
            match bounce {
                Bounce::Hard => "kill",
                Bounce::Clean => "end",
            },
            node,
        );
        site.cluster.node("resume", node);
        // The next one takes the same partitions below two replicas if this one has not caught up.
        site.cluster.wait_in_sync();
        site.read();
    }
    site.close_when_fed(match bounce {
        Bounce::Hard => "kill -9 of a broker",
        Bounce::Clean => "SIGTERM to a broker",
    })
}
