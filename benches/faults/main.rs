//! Longer fault runs, started by hand before a release: `cargo bench --bench faults -- SCENARIO…`, or all of them with
//! `make test-faults`. They need Java (a real Kafka), minutes to an hour each, and end with rows for
//! `docs/reliability.md`. The checker of the tests is the judge of every one.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a fault run, a panic is how a failure is said")]
#![allow(clippy::disallowed_methods, reason = "nothing here is the product")]

mod cluster;
mod feed;
mod fleet;
mod scenarios;
mod site;
#[path = "../../tests/support/mod.rs"]
mod support;
mod table;
mod watch;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use crate::scenarios::{SCENARIOS, Scenario};
use crate::site::Asked;

/// Fault runs of the daemon on a real Kafka.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench faults --", after_help = scenario_list())]
struct Arguments {
    /// Scenarios to run, one after another; none: all of them.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Chooses who is hit, and when.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Tickets of the runs that bounce brokers or instances.
    #[arg(long, default_value_t = 100_000)]
    tickets: usize,
    /// How often each fault is done.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of the soak.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// First of the four ports that brokers and proxy take.
    #[arg(long, default_value_t = 19_092)]
    port: u16,
    /// What `cargo bench` says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn scenario_list() -> String {
    let line = |scenario: &Scenario| format!("  {:24}{}\n", scenario.name, scenario.what);
    format!("Scenarios, in the order in which all of them run:\n{}", SCENARIOS.iter().map(line).collect::<String>())
}

fn main() -> ExitCode {
    let Arguments { scenarios: names, seed, tickets, rounds, minutes, port, bench: _ } = Arguments::parse();
    let asked = Asked { seed, tickets, rounds, port, soak: Duration::from_mins(minutes) };
    let unknown: Vec<&String> =
        names.iter().filter(|name| SCENARIOS.iter().all(|scenario| scenario.name != **name)).collect();
    if !unknown.is_empty() {
        eprintln!("no such scenario: {unknown:?}. hint: --help lists them");
        return ExitCode::from(2);
    }
    let chosen = SCENARIOS.iter().filter(|scenario| names.is_empty() || names.iter().any(|name| name == scenario.name));
    let mut has_failed = false;
    let mut lines = Vec::new();
    for scenario in chosen {
        eprintln!("{}: {}", scenario.name, scenario.what);
        let line = if let Some(row) = run(scenario, asked) {
            has_failed |= !row.mistakes.is_empty();
            for mistake in &row.mistakes {
                eprintln!("  MISTAKE: {mistake}");
            }
            row.markdown()
        } else {
            has_failed = true;
            format!("| `{}` | {seed} | **did not come to its end** |", scenario.name)
        };
        eprintln!("{line}\n");
        lines.push(line);
    }
    let table = format!("{}\n{}\n", table::HEAD, lines.join("\n"));
    if let Err(error) = std::io::stdout().write_all(table.as_bytes()) {
        eprintln!("the table could not be written: {error}");
    }
    if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// On a thread of its own, so that one that fails does not keep the others from running; what it said stands above.
fn run(scenario: &Scenario, asked: Asked) -> Option<table::Row> {
    let scene = scenario.run;
    std::thread::spawn(move || scene(asked)).join().ok()
}
