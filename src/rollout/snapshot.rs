//! What screens show of the rollout: per slice where it stands, what is missing for the next step, when that is expected,
//! and what a person can do. One value, made from state and evaluation; it decides nothing.

use std::fmt;
use std::sync::Arc;

use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;

use super::approval;
use super::consequence::{counted, days_missing};
use super::control::Lock;
use super::decision::ModelKey;
use super::ladder::{Position, Step};
use super::reading::{CountedWrong, Evaluation, Gate, GateOutcome, StepReport};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::{PromotionRequest, RolloutState, SliceState};

const DAY_MS: f64 = 24.0 * 3_600_000.0;

/// The whole rollout, as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Its revision: what a request is made against.
    pub revision: u64,
    /// What acts; `None`: the rollout has not begun.
    pub acting: Option<Arc<ModelKey>>,
    /// When the gates were read (desk time); `None`: they have not been.
    pub read_at: Option<UtcMillis>,
    /// Evidence that is missing and that nobody has acknowledged.
    pub holes: Vec<String>,
    /// All slices, in the order of the specification.
    pub slices: Vec<SliceSnapshot>,
}

/// One slice, as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceSnapshot {
    /// Which.
    pub slice: Arc<str>,
    /// Where it stands.
    pub position: Position,
    /// Since when (desk time); `None`: it has not been opened.
    pub since: Option<UtcMillis>,
    /// The next step; `None`: there is none.
    pub next: Option<NextStep>,
    /// What a person can do.
    pub advice: Advice,
}

/// The next step, as shown.
#[derive(Clone, Debug, PartialEq)]
pub struct NextStep {
    /// What it is.
    pub step: Step,
    /// Counted and wrong for it; `None`: nothing was read.
    pub counted: Option<CountedWrong>,
    /// Gates that block it, with what they say; empty where all pass or nothing was read.
    pub missing: Vec<(Gate, String)>,
    /// When everything is expected to pass (desk time); `None`: that cannot be said.
    pub expected: Option<UtcMillis>,
    /// Who has asked for it; `None`: nobody.
    pub asked_by: Option<String>,
}

/// What a person can do about a slice, the most urgent first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// The rollout has not begun, or the gates have not been read.
    WaitForReading,
    /// A hard stop: somebody must read tickets.
    ReadAgain(Vec<TicketId>),
    /// Evidence is missing.
    AcknowledgeHole,
    /// Nobody approves what is automatic any more: nothing is.
    Approve(Arc<str>),
    /// The approval of what is automatic runs out soon.
    ApproveAgain {
        /// Which slice.
        slice: Arc<str>,
        /// In so many hours of desk time.
        hours: i64,
    },
    /// It has stepped back twice.
    LookThenOverride,
    /// Nothing, until the cool-down ends.
    CoolDown {
        /// In so many hours of desk time.
        hours: i64,
    },
    /// Gates block.
    Gather {
        /// The first of them.
        gate: Gate,
        /// Whether somebody has asked already.
        is_asked: bool,
    },
    /// Every gate passes, and somebody has asked.
    WaitForMidnight,
    /// Every gate passes, and nobody has asked.
    Promote,
    /// Nothing: it stands at the top.
    Nothing,
}

impl Advice {
    /// The words of [`Advice::as_str`].
    pub const WORDS: [&str; 11] = [
        "wait_for_reading",
        "read_again",
        "acknowledge_hole",
        "approve",
        "approve_again",
        "look_then_override",
        "cool_down",
        "gather",
        "wait_for_midnight",
        "promote",
        "nothing",
    ];

    /// The closed word for records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::WaitForReading => "wait_for_reading",
            Self::ReadAgain(_) => "read_again",
            Self::AcknowledgeHole => "acknowledge_hole",
            Self::Approve(_) => "approve",
            Self::ApproveAgain { .. } => "approve_again",
            Self::LookThenOverride => "look_then_override",
            Self::CoolDown { .. } => "cool_down",
            Self::Gather { .. } => "gather",
            Self::WaitForMidnight => "wait_for_midnight",
            Self::Promote => "promote",
            Self::Nothing => "nothing",
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WaitForReading => formatter.write_str("wait: the gates have not been read yet"),
            Self::ReadAgain(tickets) => {
                let names = tickets.iter().map(TicketId::as_str).collect::<Vec<_>>().join(", ");
                write!(formatter, "a second person must read, blind: {names}; nothing is automatic until then")
            }
            Self::AcknowledgeHole => formatter.write_str("evidence is missing: see what, then acknowledge it"),
            Self::Approve(slice) => write!(
                formatter,
                "nothing is automatic: nobody approves it any more; look at it, then: noctriage rollout approve {slice}"
            ),
            Self::ApproveAgain { slice, hours } => write!(
                formatter,
                "the approval runs out in {hours} h; look at it, then: noctriage rollout approve {slice}"
            ),
            Self::LookThenOverride => {
                formatter.write_str("it has stepped back twice: find out why, then promote with --override")
            }
            Self::CoolDown { hours } => write!(formatter, "wait: nothing is earned for another {hours} h"),
            Self::Gather { gate, is_asked: false } => {
                write!(formatter, "gather evidence: {} does not pass", gate.as_str())
            }
            Self::Gather { gate, is_asked: true } => {
                write!(formatter, "gather evidence: {} does not pass; the step is asked for", gate.as_str())
            }
            Self::WaitForMidnight => formatter.write_str("wait: the step is read after the next midnight"),
            Self::Promote => formatter.write_str("every gate passes: promote it"),
            Self::Nothing => formatter.write_str("nothing: there is no step above"),
        }
    }
}

/// What screens show; `evaluation` is the last one that succeeded.
pub fn snapshot(state: &RolloutState, evaluation: Option<&Evaluation>, spec: &RolloutSpec, now: UtcMillis) -> Snapshot {
    let holes = evaluation.map_or(&[][..], |evaluation| &evaluation.holes).iter();
    let holes: Vec<String> = holes.filter(|hole| !state.acknowledged_holes.contains(*hole)).cloned().collect();
    let shown = |slice: &SliceSpec| {
        let Some(known) = state.slices.get(&slice.name) else { return unopened(slice) };
        let question = state.question(slice, spec).next;
        let report = evaluation
            .and_then(|evaluation| evaluation.slices.iter().find(|report| report.slice == slice.name))
            .and_then(|report| report.next.as_ref())
            .filter(|report| Some(&report.question) == question.as_ref());
        let request = standing_request(known, slice, spec, now);
        SliceSnapshot {
            slice: Arc::clone(&slice.name),
            position: known.standing.position,
            since: Some(known.since),
            next: known.next_step(slice.threshold).map(|step| next_step(step, report, request, now)),
            advice: advice(known, slice, report, request, !holes.is_empty(), spec, now),
        }
    };
    let slices = spec.slices.iter().map(shown).collect();
    Snapshot {
        revision: state.revision,
        acting: state.basis.as_ref().map(|basis| Arc::clone(&basis.model)),
        read_at: evaluation.map(|evaluation| evaluation.at),
        holes,
        slices,
    }
}

fn unopened(slice: &SliceSpec) -> SliceSnapshot {
    SliceSnapshot {
        slice: Arc::clone(&slice.name),
        position: Position::SHADOW,
        since: None,
        next: None,
        advice: Advice::WaitForReading,
    }
}

/// The request that would fire for the next step: it stands, and is for no other one.
fn standing_request<'state>(
    state: &'state SliceState,
    slice: &SliceSpec,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> Option<&'state PromotionRequest> {
    let stands = |request: &&PromotionRequest| {
        approval::stands(request, spec, now)
            && state.next_step(slice.threshold) == Some(request.step)
            && !(state.is_locked && request.lock == Lock::Respect)
    };
    state.request.as_ref().filter(stands)
}

fn next_step(step: Step, report: Option<&StepReport>, request: Option<&PromotionRequest>, now: UtcMillis) -> NextStep {
    let blocking = report.iter().flat_map(|report| &report.gates);
    let blocking = blocking.filter(|reading| reading.blocks && reading.outcome != GateOutcome::Pass);
    NextStep {
        step,
        counted: report.and_then(counted),
        missing: blocking.map(|reading| (reading.gate, reading.sentence.clone())).collect(),
        expected: report.and_then(|report| days_missing(report, now)).map(|days| now.plus_ms((days * DAY_MS) as i64)),
        asked_by: request.map(|request| request.signed.who().to_owned()),
    }
}

fn advice(
    state: &SliceState,
    slice: &SliceSpec,
    report: Option<&StepReport>,
    request: Option<&PromotionRequest>,
    has_hole: bool,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> Advice {
    if let Some(suspension) = &state.suspension {
        return Advice::ReadAgain(suspension.asked.iter().map(|asked| asked.ticket.clone()).collect());
    }
    if has_hole {
        return Advice::AcknowledgeHole;
    }
    if approval::is_missing(state) {
        return Advice::Approve(Arc::clone(&slice.name));
    }
    let next = for_next_step(state, slice, report, request, now);
    let ending = state.approval.as_ref().filter(|approval| approval.ends_soon(spec, now));
    let Some(ends_at) = ending.map(|approval| approval.ends_at(spec)) else { return next };
    // A promotion is an approval as well, where the midnight after the next comes first.
    let is_promoted_before = ends_at.since_ms(now) > RolloutSpec::days_ms(2);
    if is_promoted_before && matches!(next, Advice::Promote | Advice::WaitForMidnight) {
        return next;
    }
    Advice::ApproveAgain { slice: Arc::clone(&slice.name), hours: now.hours_until(ends_at).max(0) }
}

/// What a person can do towards the next step.
fn for_next_step(
    state: &SliceState,
    slice: &SliceSpec,
    report: Option<&StepReport>,
    request: Option<&PromotionRequest>,
    now: UtcMillis,
) -> Advice {
    if state.next_step(slice.threshold).is_none() {
        return Advice::Nothing;
    }
    if state.is_locked && request.is_none() {
        return Advice::LookThenOverride;
    }
    if let Some(until) = state.cool_down_until.filter(|until| now < *until) {
        return Advice::CoolDown { hours: now.hours_until(until) };
    }
    let Some(report) = report else { return Advice::WaitForReading };
    let blocking = report.gates.iter().find(|reading| reading.blocks && reading.outcome != GateOutcome::Pass);
    match (blocking, request) {
        (Some(reading), request) => Advice::Gather { gate: reading.gate, is_asked: request.is_some() },
        (None, Some(_)) => Advice::WaitForMidnight,
        (None, None) => Advice::Promote,
    }
}
