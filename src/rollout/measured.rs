//! What the plan is told of the evidence beside the gates: how many tickets a day are eligible, and what second readers say
//! about tickets of hard stops. Functions of evidence and state, so that every leader finds the same.

use std::sync::Arc;

use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::VerdictKind;

use super::evidence::{Evidence, TicketEvidence};
use super::plan::{SecondReading, SecondView};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::{AskedAgain, Basis, RolloutState};

const DAY_MS: i64 = 24 * 3_600_000;

/// Days that a rate is measured over: two weekends, and not a change that is a month old.
const MEASURED_DAYS: i64 = 14;

/// Eligible tickets a day of every slice, per action in the order of [`AutoAction::ALL`]: all arrivals a day times the share
/// of answered drawn tickets that are eligible at the configured threshold. `None`: none was drawn, or nothing has arrived
/// for a whole day.
pub fn eligible_per_day(
    evidence: &Evidence,
    state: &RolloutState,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> Vec<(Arc<str>, [Option<f64>; 2])> {
    let Some(basis) = &state.basis else { return Vec::new() };
    let since = now.plus_ms(-MEASURED_DAYS * DAY_MS);
    let of_slice = |slice: &SliceSpec| {
        let measured = arrivals_per_day(evidence, &slice.name, since, now).map(|arrivals| {
            let shares = eligible_shares(evidence, basis, slice, since);
            shares.map(|share| share.map(|share| arrivals * share))
        });
        (Arc::clone(&slice.name), measured.unwrap_or([None, None]))
    };
    spec.slices.iter().map(of_slice).collect()
}

fn arrivals_per_day(evidence: &Evidence, slice: &str, since: UtcMillis, now: UtcMillis) -> Option<f64> {
    let mut first: Option<UtcMillis> = None;
    let mut arrivals = 0_u64;
    for (at, count) in evidence.traffic().of_slice(slice, since) {
        first = Some(first.map_or(at, |first| first.min(at)));
        arrivals += count;
    }
    let days = now.since_ms(first?) as f64 / DAY_MS as f64;
    (days >= 1.0).then(|| arrivals as f64 / days)
}

/// Shares of answered drawn tickets that are eligible.
fn eligible_shares(evidence: &Evidence, basis: &Basis, slice: &SliceSpec, since: UtcMillis) -> [Option<f64>; 2] {
    let (mut answered, mut eligible) = (0_u64, [0_u64; 2]);
    for (_, ticket) in evidence.tickets() {
        let Some(decision) = ticket.drawn().next() else { continue };
        let is_counted = decision.desk_time >= since
            && decision.slice == slice.name
            && decision.eligibility_digest == basis.eligibility_digest;
        let Some(said) =
            decision.answer_of(&basis.model).filter(|_| is_counted).and_then(|answer| answer.said.as_ref())
        else {
            continue;
        };
        answered += 1;
        for action in AutoAction::ALL {
            eligible[action.index()] += u64::from(said.reaches(action, slice.threshold.get()));
        }
    }
    eligible.map(|eligible| (answered > 0).then(|| eligible as f64 / answered as f64))
}

/// What second readers say about the tickets that hard stops ask about: anybody but the first reader, since it was asked.
/// An adjudicator is heard as a second reader.
pub fn second_readings(evidence: &Evidence, state: &RolloutState) -> Vec<SecondReading> {
    let asked =
        state.slices.values().flat_map(|slice| slice.suspension.iter().flat_map(|suspension| &suspension.asked));
    asked.filter_map(|asked| view(evidence.ticket(&asked.ticket)?, asked)).collect()
}

fn view(ticket: &TicketEvidence, asked: &AskedAgain) -> Option<SecondReading> {
    let first =
        ticket.verdicts().iter().map(|recorded| &recorded.value).find(|verdict| verdict.decided_at < asked.since);
    let views = ticket.verdicts().iter().map(|recorded| &recorded.value).filter(|verdict| {
        let is_reading = match verdict.kind {
            VerdictKind::SecondReading | VerdictKind::Adjudication => true,
            VerdictKind::Triage
            | VerdictKind::ReviewOfAuto
            | VerdictKind::Reopen
            | VerdictKind::Outcome
            | VerdictKind::RootCauseRating => false,
        };
        is_reading
            && verdict.saw_model != Some(true)
            && verdict.decided_at >= asked.since
            && first.is_none_or(|first| first.reviewer.id != verdict.reviewer.id)
    });
    let severities: Vec<Severity> = views.filter_map(|verdict| verdict.severity).collect();
    let view = if severities.contains(&Severity::Critical) { SecondView::Confirmed } else { SecondView::Refuted };
    (!severities.is_empty()).then(|| SecondReading { ticket: asked.ticket.clone(), view })
}
