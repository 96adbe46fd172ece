//! Rollout simulation at verdict level: our rule beside others' on the same scenarios, many runs each.
//!
//! ```text
//! cargo bench --bench rollout_simulation -- [--runs N] [--whole N] [--seed N] [--only WORDS]
//! ```
//!
//! Columns: wrong promotions (share of runs in which a model whose error is not below the limit was promoted), verdicts
//! to promote (median, 90 %), audits and wrong actions from the promotion to the step-back (median, 90 %; "never" where
//! the run ended first).
//!
//! Beside our rule stands the same rule through fold, gates and plan (`whole.rs`), in a few runs of the same seeds. Run by run,
//! both must promote or not, at verdicts that differ by no more than the days on which the gates are read; and the rule at
//! verdict level must lie within the exact 95 % interval of the few. Under `cargo test` it makes few runs and fails where our rule breaks a promise.

mod rules;
mod run;
mod scenario;
mod whole;
mod world;

use std::process::ExitCode;

use noctriage::statistics::clopper_pearson;
use rules::{Named, RULES};
use run::{Outcome, run};
use scenario::{Promise, SCENARIOS, Scenario};

/// Verdicts by which the two may be apart: two days of them. A step is asked for on one day and read on the next, and a group
/// is read anew where its day is closed.
const APART_MAX: u64 = 2 * scenario::DAY;

/// Runs of each scenario and rule in the table.
const RUNS: u64 = 1_000;
/// And as a test.
const RUNS_AS_TEST: u64 = 60;
/// Runs of each scenario through fold, gates and plan.
const WHOLE_RUNS: u64 = 20;
/// And as a test.
const WHOLE_RUNS_AS_TEST: u64 = 1;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let is_table = arguments.iter().any(|argument| argument == "--bench");
    let number = |name: &str, default: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)).and_then(|value| value.parse().ok()).unwrap_or(default)
    };
    let runs = number("--runs", if is_table { RUNS } else { RUNS_AS_TEST });
    let whole_runs = number("--whole", if is_table { WHOLE_RUNS } else { WHOLE_RUNS_AS_TEST });
    let seed = number("--seed", 1);
    println!("rollout simulation: {runs} runs a line, seeds from {seed}\n");
    let mut broken = Vec::new();
    let only = arguments.iter().position(|argument| argument == "--only").and_then(|at| arguments.get(at + 1));
    let is_asked = |scenario: &&Scenario| only.is_none_or(|only| scenario.name.contains(only.as_str()));
    for scenario in SCENARIOS.iter().filter(is_asked) {
        println!("{}", scenario.name);
        println!(
            "  {:<30} {:>9} {:>9} {:>13} {:>9} {:>13} {:>13}",
            "", "promoted", "wrongly", "verdicts", "back", "audits", "wrong actions"
        );
        for (index, named) in RULES.iter().enumerate() {
            let summary = Summary::of(scenario, named, runs, seed);
            println!("  {:<30} {summary}", named.name);
            if index == 0 {
                broken.extend(summary.broken_promises(scenario));
                broken.extend(beside(scenario, &summary, whole_runs, seed));
            }
        }
        println!();
    }
    for promise in &broken {
        println!("BROKEN: {promise}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The line of our rule through fold, gates and plan, and where it does not agree with the rule at verdict level.
fn beside(scenario: &Scenario, many: &Summary, runs: u64, seed: u64) -> Vec<String> {
    let seeds = || seed..seed + runs;
    let whole: Vec<Outcome> = seeds().map(|seed| whole::run(scenario, seed)).collect();
    let alone: Vec<Outcome> = seeds().map(|seed| run(scenario, &RULES[0], seed)).collect();
    let summary = Summary::of_outcomes(&whole);
    println!("  {:<30} {summary}   ({runs} runs)", "  through fold, gates and plan");
    let differs = |what: String| format!("{}: through fold, gates and plan {what}", scenario.name);
    let mut broken = Vec::new();
    for (index, (whole, alone)) in whole.iter().zip(&alone).enumerate() {
        match (whole.verdicts_to_promote, alone.verdicts_to_promote) {
            (None, None) => {}
            (Some(whole), Some(alone)) if whole.abs_diff(alone) <= APART_MAX => {}
            // The last day of a run: one reads it, the other would on the next.
            (None, Some(late)) | (Some(late), None) if late + APART_MAX >= run::SHADOW_MAX => {}
            (whole, alone) => {
                let run = seed + index as u64;
                broken
                    .push(differs(format!("run {run} promotes at {whole:?} verdicts, at verdict level at {alone:?}")));
            }
        }
    }
    for (what, of, share) in [
        ("promotes", summary.verdicts.len() as u64, many.share_of_runs(many.verdicts.len() as u64)),
        ("promotes wrongly", summary.wrong, many.share_of_runs(many.wrong)),
    ] {
        let interval = clopper_pearson::interval(of, runs, 0.05);
        if interval.is_some_and(|interval| share < interval.low || share > interval.high) {
            broken.push(differs(format!("{what} in {of} of {runs} runs, at verdict level in {:.1} %", 100.0 * share)));
        }
    }
    broken
}

/// What many runs of one rule in one scenario ended with.
struct Summary {
    runs: u64,
    wrong: u64,
    verdicts: Vec<u64>,
    /// `None`: promoted and never stepped back.
    audits: Vec<Option<u64>>,
    wrong_actions: Vec<Option<u64>>,
}

impl Summary {
    fn of(scenario: &Scenario, named: &Named, runs: u64, seed: u64) -> Self {
        let outcomes: Vec<Outcome> = (seed..seed + runs).map(|seed| run(scenario, named, seed)).collect();
        Self::of_outcomes(&outcomes)
    }

    fn of_outcomes(outcomes: &[Outcome]) -> Self {
        let runs = outcomes.len() as u64;
        let promoted: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.verdicts_to_promote.is_some()).collect();
        Self {
            runs,
            wrong: promoted.iter().filter(|outcome| outcome.is_wrong).count() as u64,
            verdicts: sorted(promoted.iter().filter_map(|outcome| outcome.verdicts_to_promote)),
            audits: last_is_never(promoted.iter().map(|outcome| outcome.step_back.map(|back| back.audits))),
            wrong_actions: last_is_never(
                promoted.iter().map(|outcome| outcome.step_back.map(|back| back.wrong_actions)),
            ),
        }
    }

    fn share_of_runs(&self, count: u64) -> f64 {
        count as f64 / self.runs as f64
    }

    /// What our rule must do here and did not. With few runs chance may exceed α; four deviations are not chance.
    fn broken_promises(&self, scenario: &Scenario) -> Vec<String> {
        let alpha = noctriage::statistics::level::ALPHA;
        let deviations = 4.0 * (alpha * (1.0 - alpha) / self.runs as f64).sqrt();
        let mut broken = Vec::new();
        let wrong = self.share_of_runs(self.wrong);
        if scenario.promise == Promise::Held && wrong > alpha + deviations {
            broken.push(format!("{}: promoted wrongly in {:.1} % of runs", scenario.name, 100.0 * wrong));
        }
        if scenario.must_step_back() && self.audits.contains(&None) {
            broken.push(format!("{}: promoted and never stepped back", scenario.name));
        }
        broken
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let back = self.audits.iter().flatten().count() as f64 / (self.audits.len().max(1)) as f64;
        let verdicts: Vec<Option<u64>> = self.verdicts.iter().copied().map(Some).collect();
        write!(
            formatter,
            "{:>8.1}% {:>8.1}% {:>13} {:>8.1}% {:>13} {:>13}",
            100.0 * self.share_of_runs(self.verdicts.len() as u64),
            100.0 * self.share_of_runs(self.wrong),
            median_and_90(&verdicts),
            100.0 * back,
            median_and_90(&self.audits),
            median_and_90(&self.wrong_actions)
        )
    }
}

fn sorted(values: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut values: Vec<u64> = values.collect();
    values.sort_unstable();
    values
}

fn last_is_never(values: impl Iterator<Item = Option<u64>>) -> Vec<Option<u64>> {
    let mut values: Vec<Option<u64>> = values.collect();
    values.sort_unstable_by_key(|value| value.unwrap_or(u64::MAX));
    values
}

/// "median (90 %)" of sorted values.
fn median_and_90(values: &[Option<u64>]) -> String {
    let at = |share: usize| match values.get((values.len() * share / 100).min(values.len().saturating_sub(1))) {
        Some(Some(value)) => value.to_string(),
        Some(None) => "never".to_owned(),
        None => "-".to_owned(),
    };
    if values.is_empty() { "-".to_owned() } else { format!("{} ({})", at(50), at(90)) }
}
