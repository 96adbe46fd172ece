//! What second readers say about tickets of hard stops. A function of evidence and state, so that every leader finds the same.

use crate::domain::severity::Severity;
use crate::domain::verdict::{ReviewerId, VerdictKind};

use super::evidence::{Evidence, TicketEvidence};
use super::plan::{SecondReading, SecondView};
use super::settle::Standing;
use super::state::{AskedAgain, RolloutState};

/// What second readers say about the tickets that hard stops ask about: blind statements that stand, made since it was asked
/// by anybody who had given no severity before. An adjudicator is heard as a second reader.
pub fn second_readings(evidence: &Evidence, state: &RolloutState) -> Vec<SecondReading> {
    let asked =
        state.slices.values().flat_map(|slice| slice.suspension.iter().flat_map(|suspension| &suspension.asked));
    asked.filter_map(|asked| view(evidence.ticket(&asked.ticket)?, asked)).collect()
}

fn view(ticket: &TicketEvidence, asked: &AskedAgain) -> Option<SecondReading> {
    let settlement = ticket.settlement();
    let spoke_before = |id: &ReviewerId| {
        let mut verdicts = ticket.verdicts().iter().map(|recorded| &recorded.value);
        verdicts
            .any(|verdict| verdict.severity.is_some() && verdict.decided_at < asked.since && verdict.reviewer.id == *id)
    };
    let standing = ticket.verdicts().iter().zip(&settlement.standings);
    let standing = standing.filter(|(_, standing)| **standing == Standing::Stands).map(|(recorded, _)| &recorded.value);
    let views = standing.filter(|verdict| {
        let is_reading = match verdict.kind {
            VerdictKind::SecondReading | VerdictKind::Adjudication => true,
            VerdictKind::Triage
            | VerdictKind::ReviewOfAuto
            | VerdictKind::Reopen
            | VerdictKind::Outcome
            | VerdictKind::RootCauseRating => false,
        };
        is_reading && verdict.decided_at >= asked.since && !spoke_before(&verdict.reviewer.id)
    });
    let severities: Vec<Severity> = views.filter_map(|verdict| verdict.severity).collect();
    let view = if severities.contains(&Severity::Critical) { SecondView::Confirmed } else { SecondView::Refuted };
    (!severities.is_empty()).then(|| SecondReading { ticket: asked.ticket.clone(), view })
}
