//! From a decision record to what evidence needs of it.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::domain::prediction::ModelRole;
use crate::domain::severity::{SetBy, Severity};
use crate::domain::stage::Stage;
use crate::domain::ticket::{InvalidTicketId, TicketId};
use crate::policy::decided::{ActionKind, Outcome};
use crate::rollout::decision::{
    Arrival, DecisionEvent, DecisionSeen, EndedBy, ModelAnswer, ModelKey, Said, TicketDecision,
};

use super::decision::{
    DECISION_SCHEMA, DecisionUnreadable, Distribution, DrawsRecord, PerAction, ReachRecord, SeverityFact,
};
use super::values::{HexDigest, Instant, SourcePosition, from_json};
use super::words::Word;

/// A record of `decisions` as far as evidence needs it: millions are read at a start, so the rest is passed over, and not
/// checked.
#[derive(Debug, Deserialize)]
pub struct SeenDecision<'record> {
    #[serde(borrow)]
    schema: Cow<'record, str>,
    decision_id: HexDigest,
    #[serde(borrow)]
    ticket_id: Option<Cow<'record, str>>,
    revision: Option<u64>,
    source: SourcePosition,
    outcome: Word<Outcome>,
    action: Option<Word<ActionKind>>,
    #[serde(borrow)]
    basis: Option<SeenBasis<'record>>,
    volatile: SeenVolatile,
}

#[derive(Debug, Deserialize)]
struct SeenBasis<'record> {
    #[serde(borrow)]
    slice: Cow<'record, str>,
    stage: Word<Stage>,
    draws: DrawsRecord,
    #[serde(default, borrow)]
    answers: Vec<SeenAnswer<'record>>,
    eligibility: Option<PerAction<SeenEligibility>>,
    #[serde(borrow)]
    queue: Option<Cow<'record, str>>,
    digests: SeenDigests,
    #[serde(borrow)]
    facts: Option<SeenFacts<'record>>,
}

#[derive(Debug, Deserialize)]
struct SeenAnswer<'record> {
    role: Word<ModelRole>,
    #[serde(borrow)]
    model: Cow<'record, str>,
    #[serde(borrow)]
    version: Cow<'record, str>,
    digest: HexDigest,
    calibration_digest: HexDigest,
    prediction: Option<SeenPrediction>,
    eligible: Option<ReachRecord>,
}

#[derive(Debug, Deserialize)]
struct SeenPrediction {
    severity: Word<Severity>,
    distribution: Distribution,
}

#[derive(Debug, Default, Deserialize)]
struct SeenEligibility {
    #[serde(default)]
    reached: Vec<f64>,
}

#[derive(Debug, Deserialize)]
struct SeenDigests {
    eligibility: HexDigest,
}

#[derive(Debug, Deserialize)]
struct SeenFacts<'record> {
    fingerprint: HexDigest,
    created_at: Instant,
    severity_reported: Option<SeverityFact>,
    #[serde(borrow)]
    parent: Option<Cow<'record, str>>,
    #[serde(default)]
    human_touched: bool,
    #[serde(default)]
    written_by_noctriage: bool,
}

#[derive(Debug, Deserialize)]
struct SeenVolatile {
    desk_time: Instant,
}

impl<'record> SeenDecision<'record> {
    /// Reads a record of `decisions`.
    ///
    /// # Errors
    /// Another schema, or what is no decision.
    pub fn from_json(bytes: &'record [u8]) -> Result<Self, DecisionUnreadable> {
        match from_json::<Self>(bytes) {
            Ok(record) if record.schema == DECISION_SCHEMA => Ok(record),
            Ok(record) => Err(DecisionUnreadable::UnknownSchema(record.schema.chars().take(64).collect())),
            Err(error) => Err(DecisionUnreadable::Json(error)),
        }
    }

    /// Where its input record lies.
    pub const fn source(&self) -> &SourcePosition {
        &self.source
    }

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
        let slice = Arc::from(&*self.basis.as_ref()?.slice);
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

    fn decided(&self, basis: &SeenBasis<'_>, facts: &SeenFacts<'_>) -> Result<TicketDecision, InvalidTicketId> {
        let answers = basis.answers.iter().map(|record| answer(record, basis));
        let reported = facts.severity_reported.filter(|fact| fact.set_by.0 != SetBy::Noctriage);
        Ok(TicketDecision {
            decision_id: self.decision_id.0,
            revision: self.revision,
            created_at: facts.created_at.0,
            desk_time: self.volatile.desk_time.0,
            slice: Arc::from(&*basis.slice),
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

fn ended_by(facts: &SeenFacts<'_>) -> EndedBy {
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
fn answer(record: &SeenAnswer<'_>, basis: &SeenBasis<'_>) -> ModelAnswer {
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
            name: record.model.clone().into_owned(),
            version: record.version.clone().into_owned(),
            digest: record.digest.0,
            calibration_digest: record.calibration_digest.0,
        }),
        said,
    }
}

#[cfg(test)]
#[path = "seen_tests.rs"]
mod tests;
