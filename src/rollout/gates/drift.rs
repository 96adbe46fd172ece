//! Whether the traffic is still what the evidence was gathered on: what the model predicts, and how sure it is, in the newest
//! days against the oldest half of the account before them. It needs no verdict, so that it speaks days before they do.
//!
//! The reference is the beginning of the account, not what lies just before the window: a change in small steps must not
//! carry its reference along.

use super::super::decision::{Said, TicketDecision};
use super::super::reading::GateOutcome;
use super::super::spec::RolloutSpec;
use super::{Found, StepContext, number_of};
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::statistics::drift::{Drift, drift};

/// The window: a whole week, so that weekends are on both sides (desk time).
const WINDOW_MS: i64 = RolloutSpec::days_ms(7);
/// But at least so many tickets: fewer cannot tell a change from chance.
const WINDOW_TICKETS: usize = 200;
/// Tickets on each side below which nothing is said.
const TICKETS_MIN: usize = 100;
/// Bins of confidence: fifths of the reference.
const FIFTHS: usize = 5;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    of_met(&context.answered.met, context.now)
}

/// Drift of what the model said, in order.
pub(in super::super) fn of_met(met: &[(&TicketDecision, &Said)], now: UtcMillis) -> Found {
    let since = now.plus_ms(-WINDOW_MS);
    let of_week = met.iter().rev().take_while(|(decision, _)| decision.desk_time > since).count();
    let window_len = of_week.max(WINDOW_TICKETS).min(met.len());
    let (before, window) = met.split_at(met.len() - window_len);
    let reference = &before[..(before.len() / 2).max(TICKETS_MIN).min(before.len())];
    let least = window.len().min(reference.len());
    if least < TICKETS_MIN {
        let sentence = format!(
            "{} to compare with {} of before: {TICKETS_MIN} of each are needed",
            number_of(window.len() as u64, "new ticket"),
            reference.len()
        );
        return Found::plain(GateOutcome::Waiting, sentence);
    }
    if met.iter().any(|(_, said)| !said.confidence.is_finite()) {
        return Found::unreadable(&"a confidence is no number");
    }
    let bounds = fifths(reference);
    let severities = drift(&by_severity(window), &by_severity(reference));
    let confidences = drift(&by_confidence(window, &bounds), &by_confidence(reference, &bounds));
    let (Some(severities), Some(confidences)) = (severities, confidences) else {
        return Found::unreadable(&"there is nothing to compare");
    };
    let changed: Vec<&str> = [("predicted severities", severities), ("confidence", confidences)]
        .into_iter()
        .filter_map(|(name, found): (&str, Drift)| found.is_shown().then_some(name))
        .collect();
    let compared = format!("{} against {} of before", number_of(window.len() as u64, "new ticket"), reference.len());
    if changed.is_empty() {
        Found::plain(GateOutcome::Pass, format!("{compared}: no change that chance does not explain"))
    } else {
        Found::plain(GateOutcome::Breach, format!("{compared}: changed are {}", changed.join(" and ")))
    }
}

fn by_severity(met: &[(&TicketDecision, &Said)]) -> [u64; 4] {
    let mut counts = [0; 4];
    debug_assert_eq!(counts.len(), Severity::ALL.len());
    for (_, said) in met {
        counts[said.severity.index()] += 1;
    }
    counts
}

/// Upper ends of the first four fifths of the reference.
fn fifths(reference: &[(&TicketDecision, &Said)]) -> Vec<f64> {
    let mut confidences: Vec<f64> = reference.iter().map(|(_, said)| said.confidence).collect();
    confidences.sort_unstable_by(f64::total_cmp);
    let mut ends: Vec<f64> = (1..FIFTHS).map(|fifth| confidences[fifth * confidences.len() / FIFTHS]).collect();
    ends.dedup();
    ends
}

fn by_confidence(met: &[(&TicketDecision, &Said)], bounds: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; bounds.len() + 1];
    for (_, said) in met {
        counts[bounds.partition_point(|bound| *bound < said.confidence)] += 1;
    }
    counts
}
