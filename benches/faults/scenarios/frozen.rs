//! Brokers that stand still and then go on as if nothing had been: shorter than everything, past the consumer's session,
//! past the transaction's timeout. The timeouts are the product's defaults.

use std::time::Duration;

use crate::cluster::ClusterShape;
use crate::site::{Asked, Site, SiteShape};
use crate::table::Row;

/// How long. The defaults are 15 s of session and 30 s of transaction.
pub(crate) const FROZEN: [Duration; 3] = [Duration::from_secs(5), Duration::from_secs(20), Duration::from_secs(40)];
/// Tickets a second.
const RATE: f64 = 200.0;
/// Decisions between two faults, so that transactions run when it comes.
const BETWEEN: usize = 1_000;
/// Longest time until nothing waits any more.
pub(crate) const RECOVERY_MAX: Duration = Duration::from_secs(180);
/// As many tickets may wait as come within about two seconds.
const WAITING_MAX: usize = 400;

pub(crate) fn only_broker(asked: Asked) -> Row {
    frozen(asked, "frozen-broker", 1)
}

pub(crate) fn one_of_three(asked: Asked) -> Row {
    frozen(asked, "frozen-one-of-three", 3)
}

fn frozen(asked: Asked, name: &'static str, nodes: usize) -> Row {
    let shape = SiteShape::usual(name, ClusterShape { nodes, port: asked.port, ..ClusterShape::default() });
    let mut site = Site::open(asked, &shape, tempfile::tempdir().unwrap());
    site.feed(RATE, usize::MAX);
    let mut luck = fastrand::Rng::with_seed(asked.seed);
    for _ in 0..asked.rounds {
        for long in FROZEN {
            // Where in a transaction it hits is left to the seed.
            site.wait_decisions(site.decisions() + BETWEEN + luck.usize(..100), RECOVERY_MAX);
            let node = luck.usize(1..=nodes);
            site.fault(&format!("broker {node} stands still for {} s", long.as_secs()));
            site.cluster.node("freeze", node);
            std::thread::sleep(long);
            site.cluster.node("thaw", node);
            site.wait_caught_up(WAITING_MAX, RECOVERY_MAX);
            if nodes > 1 {
                site.cluster.wait_in_sync();
            }
            site.look();
        }
    }
    site.close("broker frozen for 5, 20, 40 s")
}
