//! The gates as `/api/v1/status` says them: what was read of them on this instance's own fold, and what follows for people.
//! Made when somebody asks, from the state of that moment; where the evidence is not read to now, it is said in place of
//! numbers.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::time::UtcMillis;
use crate::rollout::outlook::{ResolveList, SliceOutlook, outlook};
use crate::rollout::plan::EVIDENCE_BEHIND_MS_MAX;
use crate::rollout::reading::Evaluation;
use crate::rollout::snapshot::{NextStep, SliceSnapshot, snapshot};
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::RolloutState;
use crate::wire::values::Instant;

use super::rollout::RolloutStatus;
use super::status::ReadingStatus;

/// Gates that were read longer ago are not shown. They are read every minute, or, where that takes long, at a twentieth of
/// the time: a thread that has read nothing for so long stands still.
const AGE_MS_MAX: i64 = 15 * 60_000;

/// What the gates say, as they were read.
#[derive(Clone, Debug, PartialEq)]
pub struct GatesRead {
    /// What they say, of the questions of the state at that time.
    pub evaluation: Evaluation,
    /// What the site has declared.
    pub spec: Arc<RolloutSpec>,
    /// Whether the site lets anything be resolved.
    pub list: ResolveList,
}

/// The reading as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GatesStatus {
    /// When they were read (desk time); absent: they are not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_at: Option<Instant>,
    /// Why they are not shown; absent: they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Evidence that is missing and that nobody has acknowledged.
    pub holes: Vec<String>,
}

/// One slice on its way up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepStatus {
    /// Since when it stands where it stands (desk time); absent: it has not begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Instant>,
    /// What a person can do, as a closed word.
    pub advice: String,
    /// The same as people read it.
    pub to_do: String,
    /// The next step; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextStepStatus>,
    /// When, or why not: earned, at, open, `not_reachable`; absent: nothing was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expectation: Option<String>,
    /// The same in sentences.
    pub outlook: Vec<String>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextStepStatus {
    /// The permission whose account earns it.
    pub permission: String,
    /// What it changes: stage, share, threshold.
    pub rise: String,
    /// Counted and wrong for it; absent: nothing was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counted: Option<CountedStatus>,
    /// Gates that block it, with what they say.
    pub waits_for: Vec<GateStatus>,
    /// When all of them are expected to pass (desk time); absent: that cannot be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Instant>,
    /// Who has asked for it; absent: nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
}

/// k wrong of n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedStatus {
    /// How many count.
    pub counted: u64,
    /// How many of them are wrong.
    pub wrong: u64,
}

/// A gate that blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateStatus {
    /// Which.
    pub gate: String,
    /// What it says.
    pub sentence: String,
}

/// The gates, and each slice with its step.
pub(super) type Shown = (GatesStatus, Vec<(Arc<str>, StepStatus)>);

/// The gates at this moment. `None`: stages are fixed.
pub(super) fn gates(
    read: Option<&GatesRead>,
    state: &RolloutState,
    rollout: &RolloutStatus,
    reading: &ReadingStatus,
    now: UtcMillis,
) -> Option<Shown> {
    if rollout.is_fixed() {
        return None;
    }
    let unread = unread(read, rollout, reading, now);
    let Some(read) = read else { return Some((GatesStatus { unread, ..GatesStatus::default() }, Vec::new())) };
    let evaluation = Some(&read.evaluation).filter(|_| unread.is_none());
    let shown = snapshot(state, evaluation, &read.spec, now);
    let outlooks = evaluation.map(|evaluation| outlook(evaluation, read.list)).unwrap_or_default();
    let step = |slice: &SliceSnapshot| {
        // An outlook of another step than the next one is of a state that is over.
        let is_read = slice.next.as_ref().is_some_and(|next| next.counted.is_some() || !next.missing.is_empty());
        let outlook = outlooks.iter().find(|outlook| is_read && outlook.slice == slice.slice);
        (Arc::clone(&slice.slice), step_status(slice, outlook))
    };
    let steps = shown.slices.iter().map(step).collect();
    Some((GatesStatus { read_at: evaluation.map(|read| Instant(read.at)), unread, holes: shown.holes }, steps))
}

/// Why no number is shown.
fn unread(
    read: Option<&GatesRead>,
    rollout: &RolloutStatus,
    reading: &ReadingStatus,
    now: UtcMillis,
) -> Option<String> {
    let minutes = |ms: i64| ms / 60_000;
    match (reading.behind_ms, read, &rollout.not_renewed) {
        (None, _, _) => Some("the evidence is still being read".to_owned()),
        (Some(behind_ms), _, _) if behind_ms > EVIDENCE_BEHIND_MS_MAX => {
            Some(format!("the evidence read so far is {} min old", minutes(behind_ms)))
        }
        (Some(_), _, Some(why)) => Some(format!("this instance leads and could not read them: {why}")),
        (Some(_), None, None) => Some("they have not been read yet".to_owned()),
        (Some(_), Some(read), None) => {
            let age_ms = now.since_ms(read.evaluation.at);
            (age_ms > AGE_MS_MAX).then(|| format!("they were last read {} min ago", minutes(age_ms)))
        }
    }
}

fn step_status(slice: &SliceSnapshot, outlook: Option<&SliceOutlook>) -> StepStatus {
    StepStatus {
        since: slice.since.map(Instant),
        advice: slice.advice.as_str().to_owned(),
        to_do: slice.advice.to_string(),
        next: slice.next.as_ref().map(next_step),
        expectation: outlook.map(|outlook| outlook.expectation.as_str().to_owned()),
        outlook: outlook.map(|outlook| outlook.sentences.clone()).unwrap_or_default(),
    }
}

fn next_step(next: &NextStep) -> NextStepStatus {
    let gate = |(gate, sentence): &(crate::rollout::reading::Gate, String)| GateStatus {
        gate: gate.as_str().to_owned(),
        sentence: sentence.clone(),
    };
    NextStepStatus {
        permission: next.step.permission.as_str().to_owned(),
        rise: next.step.rise.as_str().to_owned(),
        counted: next.counted.map(|read| CountedStatus { counted: read.counted, wrong: read.wrong }),
        waits_for: next.missing.iter().map(gate).collect(),
        expected: next.expected.map(Instant),
        asked_by: next.asked_by.clone(),
    }
}

#[cfg(test)]
#[path = "gates_tests.rs"]
mod tests;
