//! From a decision record to what evidence needs of it.

use std::sync::Arc;

use crate::domain::prediction::ModelRole;
use crate::domain::severity::SetBy;
use crate::domain::ticket::{InvalidTicketId, TicketId};
use crate::policy::decided::{ActionKind, Outcome};
use crate::rollout::decision::{
    Arrival, DecisionEvent, DecisionSeen, EndedBy, ModelAnswer, ModelKey, Said, TicketDecision,
};

use super::decision::{AnswerRecord, Basis, DecisionRecord, TicketFacts};

impl DecisionRecord {
    /// What evidence needs of this decision; `None` for a record about no ticket.
    ///
    /// # Errors
    /// A ticket id that no ticket can have.
    pub fn seen(&self) -> Result<Option<DecisionSeen>, InvalidTicketId> {
        let Some(id) = self.ticket_id.as_deref() else { return Ok(None) };
        Ok(Some(DecisionSeen { ticket_id: TicketId::try_new(id)?, event: self.event()?, arrival: self.arrival() }))
    }

    /// A ticket that had ended before it was met is no traffic: nobody triages it.
    fn arrival(&self) -> Option<Arrival> {
        match self.outcome.0 {
            Outcome::Decided | Outcome::NotDrawn => {}
            Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => return None,
        }
        let slice = Arc::from(self.basis.as_ref()?.slice.as_str());
        Some(Arrival { at: self.volatile.desk_time.0, slice })
    }

    fn event(&self) -> Result<DecisionEvent, InvalidTicketId> {
        let basis = self.basis.as_ref();
        let facts = basis.and_then(|basis| basis.facts.as_ref());
        match self.outcome.0 {
            // A deletion has no facts: nobody knows who had worked on the ticket, so a verdict stays due.
            Outcome::Terminal => Ok(facts.map_or(DecisionEvent::Seen, |facts| DecisionEvent::Ended(ended_by(facts)))),
            Outcome::Decided => match basis.zip(facts) {
                Some((basis, facts)) if basis.draws.evidence.drawn || self.has_acted() => {
                    Ok(DecisionEvent::Decided(Box::new(self.decided(basis, facts)?)))
                }
                Some(_) | None => Ok(DecisionEvent::Seen),
            },
            Outcome::Unchanged | Outcome::Duplicate | Outcome::NotDrawn | Outcome::DeadLetter => {
                Ok(DecisionEvent::Seen)
            }
        }
    }

    fn has_acted(&self) -> bool {
        self.action.is_some_and(|action| matches!(action.0, ActionKind::Auto(_)))
    }

    fn decided(&self, basis: &Basis, facts: &TicketFacts) -> Result<TicketDecision, InvalidTicketId> {
        let answers = basis.answers.iter().map(|record| answer(record, basis));
        let reported = facts.severity_reported.filter(|fact| fact.set_by.0 != SetBy::Noctriage);
        Ok(TicketDecision {
            decision_id: self.decision_id.0,
            revision: self.revision,
            created_at: facts.created_at.0,
            desk_time: self.volatile.desk_time.0,
            slice: Arc::from(basis.slice.as_str()),
            stage: basis.stage.0,
            action: self.action.map_or(ActionKind::People, |action| action.0),
            is_drawn: basis.draws.evidence.drawn,
            is_audit: basis.draws.audit.drawn,
            is_second_reading: basis.draws.second_reading.drawn,
            answers: answers.collect(),
            eligibility_digest: basis.digests.eligibility.0,
            source_severity: reported.and_then(|fact| fact.value).map(|value| value.0),
            fingerprint: facts.fingerprint.0,
            parent: facts.parent.as_deref().map(TicketId::try_new).transpose()?,
            is_human_touched: facts.human_touched,
        })
    }
}

fn ended_by(facts: &TicketFacts) -> EndedBy {
    if facts.human_touched {
        EndedBy::Person
    } else if facts.written_by_noctriage {
        EndedBy::Noctriage
    } else {
        EndedBy::Nobody
    }
}

/// An answer with the eligibility that was recorded for it: that of the acting model and its queue stand beside the
/// answers, those of a candidate with its own.
fn answer(record: &AnswerRecord, basis: &Basis) -> ModelAnswer {
    let (reached, queue) = match record.role.0 {
        ModelRole::Acting => (
            basis.eligibility.as_ref().map_or_else(Default::default, |per_action| {
                [per_action.auto_triage.reached.clone(), per_action.auto_resolve.reached.clone()]
            }),
            basis.queue.as_deref(),
        ),
        ModelRole::Candidate => record.eligible.as_ref().map_or_else(Default::default, |reach| {
            ([reach.auto_triage.clone(), reach.auto_resolve.clone()], reach.queue.as_deref())
        }),
        ModelRole::Baseline => Default::default(),
    };
    let said = record.prediction.as_ref().map(|prediction| Said {
        severity: prediction.severity.0,
        confidence: prediction.distribution.of(prediction.severity.0),
        critical: prediction.distribution.critical,
        reached,
        queue: queue.map(Arc::from),
    });
    ModelAnswer {
        role: record.role.0,
        model: Arc::new(ModelKey {
            name: record.model.clone(),
            version: record.version.clone(),
            digest: record.digest.0,
            calibration_digest: record.calibration_digest.0,
        }),
        said,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
