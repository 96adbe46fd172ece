//! How many tickets a day are eligible: what a first share is made from, since that is counted in actions a day.
//!
//! Only drawn tickets are predicted in every stage, and the draw does not depend on content: the share of them that is
//! eligible is that of all tickets. All tickets are counted, drawn or not.

use std::sync::Arc;

use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;

use super::evidence::{Evidence, TicketEvidence};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::Basis;

const DAY_MS: f64 = 86_400_000.0;

/// A shorter time says little of a day: nights differ from days.
const DAYS_MIN: f64 = 1.0;

/// Fewer drawn tickets say little of a share.
pub(super) const DRAWN_MIN: u64 = 20;

/// Eligible tickets a day of every slice at its configured threshold, per action in the order of [`AutoAction::ALL`];
/// `None`: not measured yet.
pub fn eligible_per_day(
    evidence: &Evidence,
    spec: &RolloutSpec,
    basis: &Basis,
    now: UtcMillis,
) -> Vec<(Arc<str>, [Option<f64>; 2])> {
    let since = now.plus_ms(-RolloutSpec::days_ms(spec.window_days));
    let of_slice = |slice: &SliceSpec| {
        let arrivals = arrivals_per_day(evidence, &slice.name, since, now);
        let [drawn, triage, resolve] = drawn(evidence, slice, basis, since);
        let measured = |eligible: u64| {
            arrivals.filter(|_| drawn >= DRAWN_MIN).map(|arrivals| arrivals * eligible as f64 / drawn as f64)
        };
        (Arc::clone(&slice.name), [measured(triage), measured(resolve)])
    };
    spec.slices.iter().map(of_slice).collect()
}

fn arrivals_per_day(evidence: &Evidence, slice: &str, since: UtcMillis, now: UtcMillis) -> Option<f64> {
    let mut first = None;
    let mut tickets = 0;
    for (at, count) in evidence.traffic().of_slice(slice, since).take_while(|(at, _)| *at <= now) {
        first = first.or(Some(at));
        tickets += count;
    }
    let days = now.since_ms(first?) as f64 / DAY_MS;
    (days >= DAYS_MIN).then(|| tickets as f64 / days)
}

/// Drawn tickets that the model answered on this basis, and of them those eligible for each action.
pub(super) fn drawn(evidence: &Evidence, slice: &SliceSpec, basis: &Basis, since: UtcMillis) -> [u64; 3] {
    let mut counts = [0; 3];
    let mut add = |ticket: &TicketEvidence| -> Option<()> {
        let is_of_basis = |decision: &&super::decision::TicketDecision| {
            decision.slice == slice.name
                && decision.eligibility_digest == basis.eligibility_digest
                && decision.desk_time >= since
        };
        let decision = ticket.drawn().find(is_of_basis)?;
        let said = decision.answer_of(&basis.model)?.said.as_ref()?;
        counts[0] += 1;
        for action in AutoAction::ALL {
            counts[1 + action.index()] += u64::from(said.reaches(action, slice.threshold.get()));
        }
        Some(())
    };
    evidence.tickets().for_each(|(_, ticket)| {
        add(ticket).unwrap_or_default();
    });
    counts
}
