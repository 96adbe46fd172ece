//! What second readers say about tickets of hard stops. A function of evidence and state, so that every leader finds the same.

use crate::domain::severity::Severity;
use crate::domain::verdict::VerdictKind;

use super::evidence::{Evidence, TicketEvidence};
use super::plan::{SecondReading, SecondView};
use super::state::{AskedAgain, RolloutState};

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
