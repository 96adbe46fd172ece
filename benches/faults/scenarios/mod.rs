//! What is done to a running site, one file per kind.

pub(crate) mod bounces;
pub(crate) mod disk;
pub(crate) mod frozen;
pub(crate) mod network;
pub(crate) mod soak;

use crate::site::Asked;
use crate::table::Row;

/// One scenario: its name on the command line, what it does, and the function that does it, which panics where something
/// does not happen in its time.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) run: fn(Asked) -> Row,
}

/// All of them, in the order in which `all` runs them.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "bounce-instances-hard",
        what: "kill -9 of each of three instances, on three brokers, --rounds times",
        run: bounces::instances_hard,
    },
    Scenario {
        name: "bounce-instances-clean",
        what: "SIGTERM to each of three instances, on three brokers, --rounds times",
        run: bounces::instances_clean,
    },
    Scenario {
        name: "bounce-brokers-hard",
        what: "kill -9 of each of three brokers, --rounds times",
        run: bounces::brokers_hard,
    },
    Scenario {
        name: "bounce-brokers-clean",
        what: "SIGTERM to each of three brokers, --rounds times",
        run: bounces::brokers_clean,
    },
    Scenario {
        name: "frozen-broker",
        what: "the only broker stands still (SIGSTOP) for 5, 20 and 40 s, --rounds times",
        run: frozen::only_broker,
    },
    Scenario {
        name: "frozen-one-of-three",
        what: "one of three brokers stands still for 5, 20 and 40 s, then wakes up, --rounds times",
        run: frozen::one_of_three,
    },
    Scenario {
        name: "full-disk",
        what: "the disk of the only broker is full until somebody makes room, --rounds times (root)",
        run: disk::full,
    },
    Scenario {
        name: "latency",
        what: "every answer of the broker is late by 500 ± 500 ms, a minute per round",
        run: network::latency,
    },
    Scenario {
        name: "resets",
        what: "5 % of requests end their connection, before or after the broker has them, a minute per round",
        run: network::resets,
    },
    Scenario {
        name: "lost-answers",
        what: "30 % of the answers to EndTxn and TxnOffsetCommit never arrive, a minute per round",
        run: network::lost_answers,
    },
    Scenario {
        name: "black-hole",
        what: "one direction between daemon and broker holds everything for 5, 20 and 40 s, each way, --rounds times",
        run: network::black_hole,
    },
    Scenario {
        name: "no-brokers",
        what: "for 25 s answers about the cluster name topics and no brokers, --rounds times",
        run: network::no_brokers,
    },
    Scenario {
        name: "soak",
        what: "--minutes at 100 tickets/s: a reload every 5 min, half of them invalid, a restart every 10 min",
        run: soak::soak,
    },
];
