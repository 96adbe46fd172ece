//! `noctriage.transition/v1`: the audit trail. One record for each transition, with the reports that justified it, so that it
//! can be recomputed from the log at its cut; and one for each request that was refused.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rollout::approval;
use crate::rollout::ladder::Position;
use crate::rollout::plan::RefusedRequest;
use crate::rollout::reading::{
    AccountQuestion, CountedWrong, Evaluation, Gate, GateOutcome, GateReading, SliceQuestion, SliceReport, StepReport,
    WatchReport,
};
use crate::rollout::transition::{ActingChange, SliceChange, Transition, TransitionKind};

use super::accounts::{AccountQuestionRecord, BasisRecord, CutRecord, Impossible, PositionRecord, StepQuestionRecord};
use super::values::Instant;
use super::words::{ClosedWord, Word};

/// Value of `schema` in every record of a transition.
pub const TRANSITION_SCHEMA: &str = "noctriage.transition/v1";
/// Value of `schema` in every record of a refused request.
pub const REFUSAL_SCHEMA: &str = "noctriage.refusal/v1";
/// Key of the record of a refused request; transitions have their revision as key.
pub const REFUSAL_KEY: &str = "refusal";

/// From one revision to the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransitionRecord {
    /// `noctriage.transition/v1`.
    #[schemars(extend("const" = TRANSITION_SCHEMA))]
    pub schema: String,
    /// The revision that it makes.
    pub rollout_revision: u64,
    /// What happened.
    pub kind: Word<TransitionKind>,
    /// Why, as a closed word.
    pub cause: String,
    /// Why, as people read it.
    pub because: String,
    /// Who asked for it; absent: the controller alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who: Option<String>,
    /// Why they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When (desk time).
    pub at: Instant,
    /// When it was written (the leader's operating time).
    pub written_at: Instant,
    /// The instance that led.
    pub leader: String,
    /// What of the evidence had been read.
    pub cut: CutRecord,
    /// The next control record to read afterwards.
    pub control_next: i64,
    /// The slices that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<ChangeRecord>,
    /// What acts from now on; absent: what acted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acting: Option<BasisRecord>,
    /// Holes that are acknowledged from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged: Vec<String>,
    /// The reports that justified it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<ReportRecord>,
}

/// How one slice changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRecord {
    /// Which.
    pub slice: String,
    /// Where it stood; absent: it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<PositionRecord>,
    /// Where it stands afterwards.
    pub to: PositionRecord,
    /// Whether its automatic actions are suspended.
    pub is_suspended: bool,
    /// Whether nobody approves its automatic actions any more, so that there are none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_unapproved: bool,
}

/// What was read of one slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReportRecord {
    /// The slice.
    pub slice: String,
    /// The next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<StepRecord>,
    /// What is in force.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_force: Vec<WatchRecord>,
}

/// The gates of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepRecord {
    /// What was asked.
    pub question: StepQuestionRecord,
    /// All its gates.
    pub gates: Vec<GateRecord>,
    /// Whether the step was earned.
    pub passes: bool,
}

/// A permission in force, watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WatchRecord {
    /// What was asked.
    pub question: AccountQuestionRecord,
    /// Gates in force.
    pub gates: Vec<GateRecord>,
    /// Eligible tickets that people call critical.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub critical: Vec<String>,
    /// Counted tickets past their deadline in the silence that lasts.
    pub silent_tickets: u64,
}

/// One gate, read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateRecord {
    /// Which.
    pub gate: Word<Gate>,
    /// Whether it blocks the step.
    pub blocks: bool,
    /// What it says.
    pub outcome: Word<GateOutcome>,
    /// What people read.
    pub sentence: String,
    /// How many tickets count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<u64>,
    /// How many of them are wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong: Option<u64>,
}

/// A request that nothing follows from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RefusalRecord {
    /// `noctriage.refusal/v1`.
    #[schemars(extend("const" = REFUSAL_SCHEMA))]
    pub schema: String,
    /// Offset of the request in the control topic.
    pub offset: i64,
    /// Why.
    pub why: String,
    /// The revision that stood.
    pub rollout_revision: u64,
    /// When it was written (the leader's operating time).
    pub written_at: Instant,
}

/// What stands in the topic of transitions.
#[derive(Clone, Debug, PartialEq)]
pub enum AuditRecord {
    /// A transition.
    Transition(Box<TransitionRecord>),
    /// A refused request.
    Refusal(RefusalRecord),
}

impl AuditRecord {
    /// Reads a record; `None`: it is none that this version knows.
    pub fn read(value: &[u8]) -> Option<Self> {
        if let Ok(record) = serde_json::from_slice::<TransitionRecord>(value)
            && record.schema == TRANSITION_SCHEMA
        {
            return Some(Self::Transition(Box::new(record)));
        }
        let refusal: RefusalRecord = serde_json::from_slice(value).ok()?;
        (refusal.schema == REFUSAL_SCHEMA).then_some(Self::Refusal(refusal))
    }

    /// The revision that stood after it.
    pub fn rollout_revision(&self) -> u64 {
        match self {
            Self::Transition(record) => record.rollout_revision,
            Self::Refusal(record) => record.rollout_revision,
        }
    }
}

impl ClosedWord for TransitionKind {
    const NAME: &'static str = "kind of transition";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Gate {
    const NAME: &'static str = "gate";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for GateOutcome {
    const NAME: &'static str = "outcome of a gate";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl RefusalRecord {
    /// The record of a refused request.
    pub fn of(refused: &RefusedRequest, rollout_revision: u64, written_at: Instant) -> Self {
        Self {
            schema: REFUSAL_SCHEMA.to_owned(),
            offset: refused.offset,
            why: refused.why.to_string(),
            rollout_revision,
            written_at,
        }
    }
}

impl TransitionRecord {
    /// The record of a transition.
    pub fn of(transition: &Transition, leader: &str, written_at: Instant) -> Self {
        let Transition { revision, kind, cause, signed, at, cut, control_next, slices, acting, acknowledged, reports } =
            transition;
        Self {
            schema: TRANSITION_SCHEMA.to_owned(),
            rollout_revision: *revision,
            kind: Word(*kind),
            cause: cause.as_str().to_owned(),
            because: cause.to_string(),
            who: signed.as_ref().map(|signed| signed.who().to_owned()),
            reason: signed.as_ref().map(|signed| signed.why().to_owned()),
            at: Instant(*at),
            written_at,
            leader: leader.to_owned(),
            cut: cut.into(),
            control_next: *control_next,
            slices: slices.iter().map(ChangeRecord::from).collect(),
            acting: acting.as_ref().map(|ActingChange { to, previous: _ }| to.into()),
            acknowledged: acknowledged.iter().cloned().collect(),
            reports: reports.iter().map(ReportRecord::from).collect(),
        }
    }

    /// What the reports answer, to be asked again: the same questions at the same cut and instant have the same answers.
    ///
    /// # Errors
    /// A question that says something impossible.
    pub fn questions(&self) -> Result<Vec<SliceQuestion>, Impossible> {
        self.reports.iter().map(ReportRecord::question).collect()
    }

    /// The gates that read otherwise now, one sentence each; empty: the report holds.
    pub fn differences(&self, again: &Evaluation) -> Vec<String> {
        let again: Vec<ReportRecord> = again.slices.iter().map(ReportRecord::from).collect();
        let mut differences = Vec::new();
        // Each report answers the question in its place: one slice may stand there twice, for two steps of a switch.
        for (place, report) in self.reports.iter().enumerate() {
            match again.get(place).filter(|other| other.slice == report.slice) {
                None => differences.push(format!("slice {} is not read any more", report.slice)),
                Some(other) => report.compare(other, &mut differences),
            }
        }
        differences
    }
}

impl From<&SliceChange> for ChangeRecord {
    fn from(change: &SliceChange) -> Self {
        let SliceChange { slice, from, to } = change;
        Self {
            slice: slice.as_ref().to_owned(),
            from: from.map(|position: Position| position.into()),
            to: to.standing.position.into(),
            is_suspended: to.suspension.is_some(),
            is_unapproved: approval::is_missing(to),
        }
    }
}

impl From<&SliceReport> for ReportRecord {
    fn from(report: &SliceReport) -> Self {
        Self {
            slice: report.slice.as_ref().to_owned(),
            next: report.next.as_ref().map(StepRecord::from),
            in_force: report.in_force.iter().map(WatchRecord::from).collect(),
        }
    }
}

impl ReportRecord {
    fn question(&self) -> Result<SliceQuestion, Impossible> {
        let in_force: Result<Vec<AccountQuestion>, Impossible> =
            self.in_force.iter().map(|watch| watch.question.clone().try_into()).collect();
        Ok(SliceQuestion {
            slice: self.slice.as_str().into(),
            next: self.next.as_ref().map(|step| step.question.clone().try_into()).transpose()?,
            in_force: in_force?,
        })
    }

    fn compare(&self, again: &Self, differences: &mut Vec<String>) {
        let steps =
            self.next.iter().map(|step| step.gates.as_slice()).zip(again.next.iter().map(|step| &step.gates[..]));
        let watches = self.in_force.iter().map(|watch| watch.gates.as_slice());
        let watches = watches.zip(again.in_force.iter().map(|watch| watch.gates.as_slice()));
        for (before, now) in steps.chain(watches) {
            for gate in before {
                let said = |gate: &GateRecord| (gate.outcome, gate.counted, gate.wrong);
                let other = now.iter().find(|other| other.gate == gate.gate);
                if other.map(said) != Some(said(gate)) {
                    differences.push(format!(
                        "slice {}, {}: it said {} ({}), and now it says {}",
                        self.slice,
                        gate.gate.0.as_str(),
                        gate.outcome.0.as_str(),
                        gate.sentence,
                        other.map_or("nothing".to_owned(), |other| format!(
                            "{} ({})",
                            other.outcome.0.as_str(),
                            other.sentence
                        )),
                    ));
                }
            }
        }
    }
}

impl From<&StepReport> for StepRecord {
    fn from(step: &StepReport) -> Self {
        Self {
            question: (&step.question).into(),
            gates: step.gates.iter().map(GateRecord::from).collect(),
            passes: step.passes(),
        }
    }
}

impl From<&WatchReport> for WatchRecord {
    fn from(watch: &WatchReport) -> Self {
        Self {
            question: (&watch.question).into(),
            gates: watch.gates.iter().map(GateRecord::from).collect(),
            critical: watch.critical.iter().map(|ticket| ticket.as_str().to_owned()).collect(),
            silent_tickets: watch.silent_tickets,
        }
    }
}

impl From<&GateReading> for GateRecord {
    fn from(reading: &GateReading) -> Self {
        let GateReading { gate, blocks, outcome, sentence, counted, missing: _ } = reading;
        Self {
            gate: Word(*gate),
            blocks: *blocks,
            outcome: Word(*outcome),
            sentence: sentence.clone(),
            counted: counted.map(|CountedWrong { counted, .. }| counted),
            wrong: counted.map(|CountedWrong { wrong, .. }| wrong),
        }
    }
}

#[cfg(test)]
#[path = "transition_tests.rs"]
mod tests;
