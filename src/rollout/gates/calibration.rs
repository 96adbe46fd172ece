//! Whether confidence means what it says: mean confidence against the share that is right. Only a model that claims too much
//! is held back; one that claims too little asks people more often than it must, and the sentence says so.

use super::super::reading::GateOutcome;
use super::{Found, StepContext, number_of, percent};
use crate::statistics::calibration::{Claim, gap, spiegelhalter};

/// Answers below which the gap is chance: with 50 right in 9 of 10, it is uncertain by 8 points.
const ANSWERS_MIN: usize = 50;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let judged = context.own.counted.iter().filter_map(|ticket| Some((ticket.said, ticket.people?)));
    let claims: Vec<Claim> =
        judged.map(|(said, people)| Claim { confidence: said.confidence, is_right: said.severity == people }).collect();
    let limit = context.spec.limits.calibration_gap;
    let answers = number_of(claims.len() as u64, "answered ticket");
    let Some(found) = gap(&claims).filter(|_| claims.len() >= ANSWERS_MIN) else {
        return Found::plain(GateOutcome::Waiting, format!("{answers}, {ANSWERS_MIN} are needed"));
    };
    if !found.gap.is_finite() || limit.is_nan() {
        return Found::unreadable(&"a confidence or its limit is no number");
    }
    let is_over = found.gap > limit;
    let outcome = match (is_over, found.interval.low > limit) {
        (false, _) => GateOutcome::Pass,
        (true, false) => GateOutcome::Waiting,
        (true, true) => GateOutcome::Breach,
    };
    let share_right = found.right as f64 / found.answers as f64;
    let direction = if found.gap >= 0.0 { "too much" } else { "too little" };
    let z = spiegelhalter(&claims).map(|test| format!(", z {:.1}", test.z)).unwrap_or_default();
    let sentence = format!(
        "{answers}: claims {} right, {} are: {} points {direction}, {} allowed{z}",
        percent(found.confidence),
        percent(share_right),
        points(found.gap.abs()),
        points(limit),
    );
    Found::plain(outcome, sentence)
}

fn points(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}
