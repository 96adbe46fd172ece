//! From a decision record to what the recent view remembers of it: the same path for what another instance wrote, for
//! what is read back at a start, and for what this instance is about to commit.
//!
//! A start reads hundreds of thousands of decisions: of each only the fields below are parsed, the rest is passed over.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::ticket::{InvalidTicketId, TicketId};
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState, Rule};
use crate::policy::recent_view::Remembered;

use super::decision::{
    AnswerRecord, Basis, DECISION_SCHEMA, DecisionRecord, DecisionUnreadable, SeverityFact, TicketFacts,
};
use super::values::{HexDigest, Instant, from_json};
use super::words::Word;

/// Why a record of `decisions` cannot be remembered.
#[derive(Debug, thiserror::Error)]
pub enum NotRemembered {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(DecisionUnreadable),
    /// It names a ticket that cannot be.
    #[error(transparent)]
    TicketId(InvalidTicketId),
}

/// A decision as the tail reads it.
#[derive(Debug)]
pub struct ReadBack<'record> {
    /// Input topic whose record it decided.
    pub topic: Cow<'record, str>,
    /// What to remember.
    pub remembered: Remembered,
}

/// Reads a record of `decisions` as far as the recent view needs it. What it passes over is not checked.
///
/// # Errors
/// Another schema, what is no decision at all, or a ticket id that no ticket can have.
pub fn read_back(bytes: &[u8]) -> Result<ReadBack<'_>, NotRemembered> {
    let seen: Seen<'_> = from_json(bytes).map_err(|error| {
        // Another schema may well lack our fields: that is what has to be said then.
        let whole = DecisionRecord::from_json(bytes).err();
        NotRemembered::Unreadable(whole.unwrap_or(DecisionUnreadable::Json(error)))
    })?;
    if seen.schema != DECISION_SCHEMA {
        let schema = seen.schema.chars().take(64).collect();
        return Err(NotRemembered::Unreadable(DecisionUnreadable::UnknownSchema(schema)));
    }
    let remembered = seen.remembered().map_err(NotRemembered::TicketId)?;
    Ok(ReadBack { topic: seen.source.topic, remembered })
}

impl DecisionRecord {
    /// What to remember of this decision.
    ///
    /// # Errors
    /// A ticket id that no ticket can have.
    pub fn remembered(&self) -> Result<Remembered, InvalidTicketId> {
        Seen::from(self).remembered()
    }
}

/// The part of a [`DecisionRecord`] that the view keeps, borrowed from its JSON.
#[derive(Deserialize)]
struct Seen<'record> {
    #[serde(borrow)]
    schema: Cow<'record, str>,
    decision_id: HexDigest,
    decision_group: Option<HexDigest>,
    #[serde(borrow)]
    ticket_id: Option<Cow<'record, str>>,
    revision: Option<u64>,
    #[serde(borrow)]
    source: SeenSource<'record>,
    outcome: Word<Outcome>,
    action: Option<Word<ActionKind>>,
    #[serde(default)]
    rules: CriticalRule,
    review: Option<SeenReview>,
    #[serde(default)]
    suggested: bool,
    #[serde(borrow)]
    basis: Option<SeenBasis<'record>>,
    volatile: SeenVolatile,
}

#[derive(Deserialize)]
struct SeenSource<'record> {
    #[serde(borrow)]
    topic: Cow<'record, str>,
    offset: i64,
}

#[derive(Deserialize)]
struct SeenReview {
    state: Word<ReviewState>,
    reason: Word<ReviewReason>,
}

#[derive(Deserialize)]
struct SeenBasis<'record> {
    input_digest: Option<HexDigest>,
    echo_digest: Option<HexDigest>,
    #[serde(borrow)]
    slice: Cow<'record, str>,
    #[serde(default)]
    answers: Vec<SeenAnswer>,
    facts: Option<SeenFacts>,
    draws: Option<SeenDraws>,
}

#[derive(Deserialize)]
struct SeenDraws {
    evidence: SeenDraw,
}

#[derive(Deserialize)]
struct SeenDraw {
    rate: f64,
}

#[derive(Deserialize)]
struct SeenAnswer {
    role: Word<ModelRole>,
    prediction: Option<SeenPrediction>,
}

#[derive(Deserialize)]
struct SeenPrediction {
    severity: Word<Severity>,
}

#[derive(Deserialize)]
struct SeenFacts {
    fingerprint: HexDigest,
    severity_reported: Option<SeverityFact>,
    severity_counterparty: Option<SeverityFact>,
    reopen_count: Option<u32>,
    #[serde(default)]
    alarm_critical: bool,
}

#[derive(Deserialize)]
struct SeenVolatile {
    desk_time: Instant,
}

/// Whether one of the rules that fired makes the ticket critical.
#[derive(Clone, Copy, Default)]
struct CriticalRule(bool);

impl CriticalRule {
    /// `source_critical` counts alarms as well; shadow fires no rule for a ticket that is not drawn.
    const RULES: [Rule; 3] = [Rule::SourceCritical, Rule::GuardDanger, Rule::CriticalCutOff];

    fn is(rule: &str) -> bool {
        Self::RULES.iter().any(|critical| rule == critical.as_str())
    }
}

impl<'de> Deserialize<'de> for CriticalRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = CriticalRule;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of rules")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut names: A) -> Result<CriticalRule, A::Error> {
                let mut found = CriticalRule(false);
                while let Some(Name(name)) = names.next_element()? {
                    found.0 |= CriticalRule::is(&name);
                }
                Ok(found)
            }
        }
        deserializer.deserialize_seq(Names)
    }
}

#[derive(Deserialize)]
struct Name<'record>(#[serde(borrow)] Cow<'record, str>);

impl<'record> From<&'record DecisionRecord> for Seen<'record> {
    fn from(record: &'record DecisionRecord) -> Self {
        Self {
            schema: Cow::Borrowed(&record.schema),
            decision_id: record.decision_id,
            decision_group: record.decision_group,
            ticket_id: record.ticket_id.as_deref().map(Cow::Borrowed),
            revision: record.revision,
            source: SeenSource { topic: Cow::Borrowed(&record.source.topic), offset: record.source.offset },
            outcome: record.outcome,
            action: record.action,
            rules: CriticalRule(record.rules.iter().any(|rule| CriticalRule::is(rule))),
            review: record.review.as_ref().map(|review| SeenReview { state: review.state, reason: review.reason }),
            suggested: record.suggested,
            basis: record.basis.as_ref().map(SeenBasis::from),
            volatile: SeenVolatile { desk_time: record.volatile.desk_time },
        }
    }
}

impl<'record> From<&'record Basis> for SeenBasis<'record> {
    fn from(basis: &'record Basis) -> Self {
        let answer = |answer: &AnswerRecord| SeenAnswer {
            role: answer.role,
            prediction: answer.prediction.as_ref().map(|given| SeenPrediction { severity: given.severity }),
        };
        let facts = |facts: &TicketFacts| SeenFacts {
            fingerprint: facts.fingerprint,
            severity_reported: facts.severity_reported,
            severity_counterparty: facts.severity_counterparty,
            reopen_count: facts.reopen_count,
            alarm_critical: facts.alarm_critical,
        };
        Self {
            input_digest: basis.input_digest,
            echo_digest: basis.echo_digest,
            slice: Cow::Borrowed(&basis.slice),
            answers: basis.answers.iter().map(answer).collect(),
            facts: basis.facts.as_ref().map(facts),
            draws: Some(SeenDraws { evidence: SeenDraw { rate: basis.draws.evidence.rate } }),
        }
    }
}

impl Seen<'_> {
    fn remembered(&self) -> Result<Remembered, InvalidTicketId> {
        let ticket_id = self.ticket_id.as_deref().map(TicketId::try_new).transpose()?;
        let basis = self.basis.as_ref();
        let facts = basis.and_then(|basis| basis.facts.as_ref());
        let action = self.action.map_or(ActionKind::People, |action| action.0);
        // The same rule as `Decided::hands_to_person`, on what was written.
        let handed_to_person = match self.outcome.0 {
            Outcome::Decided => !matches!(action, ActionKind::Auto(_)),
            Outcome::NotDrawn => true,
            Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => false,
        };
        let predicted = basis.and_then(SeenBasis::predicted);
        let by_prediction = predicted == Some(Severity::Critical);
        Ok(Remembered {
            source_offset: self.source.offset,
            ticket_id,
            revision: self.revision,
            decision_group: self.decision_group.map(|group| group.0),
            input_digest: basis.and_then(|basis| basis.input_digest).map(|digest| digest.0),
            echo_digest: basis.and_then(|basis| basis.echo_digest).map(|digest| digest.0),
            decision_id: self.decision_id.0,
            outcome: self.outcome.0,
            action,
            answered: match action {
                ActionKind::Auto(_) => Some(Severity::Low),
                ActionKind::Suggest => predicted,
                ActionKind::People => None,
            },
            suggested: self.suggested,
            handed_to_person,
            review: self.review.as_ref().map(|review| (review.state.0, review.reason.0)),
            // By a source, by prediction or by the cut-off. Whether it is open is the outcome's matter.
            open_critical: basis.is_some()
                && (by_prediction || self.rules.0 || facts.is_some_and(SeenFacts::is_critical)),
            slice: basis.map(|basis| basis.slice.clone().into_owned()).unwrap_or_default(),
            fingerprint: facts.map(|facts| facts.fingerprint.0),
            desk_time: self.volatile.desk_time.0,
            reopen_count: facts.and_then(|facts| facts.reopen_count).unwrap_or_default(),
            // Of the outcomes that met the ticket: a tombstone is drawn in the slice of nobody.
            evidence_rate: match self.outcome.0 {
                Outcome::Decided | Outcome::NotDrawn => {
                    basis.and_then(|basis| basis.draws.as_ref()).map(|draws| draws.evidence.rate)
                }
                Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => None,
            },
        })
    }
}

impl SeenBasis<'_> {
    /// The severity that the acting model predicted.
    fn predicted(&self) -> Option<Severity> {
        let acting = self.answers.iter().find(|answer| answer.role.0 == ModelRole::Acting)?;
        acting.prediction.as_ref().map(|given| given.severity.0)
    }
}

impl SeenFacts {
    fn is_critical(&self) -> bool {
        self.alarm_critical
            || [self.severity_reported, self.severity_counterparty]
                .into_iter()
                .flatten()
                .any(|fact| fact.value.is_some_and(|value| value.0 == Severity::Critical))
    }
}
