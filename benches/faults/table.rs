//! The table of `docs/reliability.md`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Mistakes that a row names; the rest is counted.
const MISTAKES_SHOWN_MAX: usize = 3;

/// One scenario that has run to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) scenario: &'static str,
    pub(crate) seed: u64,
    pub(crate) rounds: usize,
    pub(crate) tickets: usize,
    /// How many faults, and which.
    pub(crate) faults: String,
    pub(crate) outcomes: BTreeMap<String, usize>,
    /// Committed transactions.
    pub(crate) transactions: usize,
    /// Transactions that left records behind which nobody sees who reads committed records.
    pub(crate) aborted: usize,
    pub(crate) mistakes: Vec<String>,
    pub(crate) gap_max: Duration,
    pub(crate) resident_mib_max: f64,
    pub(crate) notes: Vec<String>,
    pub(crate) took: Duration,
}

pub(crate) const HEAD: &str = "\
| scenario | seed | rounds | tickets | faults | found by the checker | longest time without progress | resident, most | beside it | took |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

impl Row {
    pub(crate) fn markdown(&self) -> String {
        let Self { scenario, seed, rounds, tickets, faults, outcomes, transactions, aborted, .. } = self;
        let Self { mistakes, gap_max, resident_mib_max, notes, took, .. } = self;
        let outcomes: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
        let found = match mistakes.len() {
            0 => format!(
                "no mistake: {}; {transactions} transactions, {aborted} aborted with records in the log",
                outcomes.join(", ")
            ),
            count => {
                let shown: Vec<&str> = mistakes.iter().take(MISTAKES_SHOWN_MAX).map(String::as_str).collect();
                format!("**{count} mistakes**: {}", shown.join("; "))
            }
        };
        format!(
            "| `{scenario}` | {seed} | {rounds} | {tickets} | {faults} | {found} | {:.1} s | {resident_mib_max:.0} MiB | \
             {} | {:.0} s |",
            gap_max.as_secs_f64(),
            if notes.is_empty() { "–".to_owned() } else { notes.join("; ") },
            took.as_secs_f64(),
        )
    }
}
