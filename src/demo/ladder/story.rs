//! The story of the ladder in words: one line for each transition, and where each slice stands. No word of the method.

use std::sync::Arc;

use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::time::UtcMillis;
use crate::rollout::approval;
use crate::rollout::ladder::Position;
use crate::rollout::reading::{Gate, GateOutcome, SliceReport, StepReport};
use crate::rollout::spec::SliceSpec;
use crate::rollout::state::SliceState;
use crate::rollout::transition::{SliceChange, Transition, TransitionKind};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When (desk time).
    pub at: UtcMillis,
    /// In which slice.
    pub slice: Arc<str>,
    /// What.
    pub what: String,
    /// Why, or what it rests on; empty where nothing more is to be said.
    pub why: String,
}

impl Line {
    /// The lines of a transition: one per slice whose permission changes, or that a person would want to hear of.
    pub(super) fn of(transition: &Transition, rechecks: u64) -> Vec<Self> {
        match transition.kind {
            // Books of the leader: nothing that anybody may do has changed.
            TransitionKind::Opened
            | TransitionKind::Requested
            | TransitionKind::Acknowledged
            | TransitionKind::DrawsChanged
            | TransitionKind::Approved => return Vec::new(),
            TransitionKind::Promoted
            | TransitionKind::ShareRaised
            | TransitionKind::ThresholdLowered
            | TransitionKind::SteppedBack
            | TransitionKind::Suspended
            | TransitionKind::Returned
            | TransitionKind::Switched
            | TransitionKind::SwappedBack
            | TransitionKind::Reconfigured
            | TransitionKind::ApprovalEnded => {}
        }
        transition.slices.iter().map(|change| Self::of_slice(transition, change, rechecks)).collect()
    }

    fn of_slice(transition: &Transition, change: &SliceChange, rechecks: u64) -> Self {
        let to = change.to.standing.position;
        let report = transition.reports.iter().find(|report| report.slice == change.slice);
        let next = report.and_then(|report| report.next.as_ref());
        let (what, why) = match transition.kind {
            TransitionKind::Suspended => ("hard stop: nothing automatic".to_owned(), transition.cause.to_string()),
            TransitionKind::ApprovalEnded => ("nothing automatic".to_owned(), transition.cause.to_string()),
            TransitionKind::Returned => (format!("back to {}", position(to)), transition.cause.to_string()),
            TransitionKind::SteppedBack | TransitionKind::SwappedBack => {
                let back = match rechecks {
                    0 => String::new(),
                    count => format!("; {count} actions go back to people"),
                };
                (format!("STEPS BACK to {}", position(to)), format!("{}{back}", transition.cause))
            }
            TransitionKind::Promoted
            | TransitionKind::ShareRaised
            | TransitionKind::ThresholdLowered
            | TransitionKind::Opened
            | TransitionKind::Requested
            | TransitionKind::Switched
            | TransitionKind::Reconfigured
            | TransitionKind::Acknowledged
            | TransitionKind::DrawsChanged
            | TransitionKind::Approved => (position(to), next.map_or_else(String::new, rests_on)),
        };
        Self { at: transition.at, slice: Arc::clone(&change.slice), what, why }
    }
}

/// Stage, and the share of the strongest action.
fn position(position: Position) -> String {
    let share = |action: AutoAction| percent(position.shares()[action.index()]);
    match position.stage() {
        Stage::Shadow | Stage::Suggest => position.stage().to_string(),
        Stage::AutoTriage => format!("auto_triage {}", share(AutoAction::Triage)),
        Stage::AutoResolve => format!("auto_resolve {}", share(AutoAction::Resolve)),
    }
}

fn percent(share: Share) -> String {
    format!("{:.0} %", 100.0 * share.get())
}

/// The sentence of the gate that counts.
fn rests_on(report: &StepReport) -> String {
    let counts = [Gate::ActionError, Gate::SeverityAccuracy].into_iter().find_map(|gate| report.gate(gate));
    counts.map_or_else(String::new, |reading| reading.sentence.clone())
}

/// Where a slice stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which.
    pub slice: Arc<str>,
    /// Stage and share.
    pub position: String,
    /// Gates of the next step that pass, and how many block it in all; `None`: there is no next step, or it was not read.
    pub gates: Option<(usize, usize)>,
    /// What keeps it there: the first gate that does not pass, with its sentence; empty: nothing.
    pub keeps: String,
}

impl Standing {
    pub(super) fn of(slice: &SliceSpec, state: Option<&SliceState>, report: Option<&SliceReport>) -> Self {
        let held = state.map_or(Position::SHADOW, |state| state.standing.position);
        let is_stopped = state.is_some_and(|state| state.suspension.is_some());
        let is_unapproved = state.is_some_and(approval::is_missing);
        let next = report.and_then(|report| report.next.as_ref());
        let blocking = next.map(|next| next.gates.iter().filter(|reading| reading.blocks));
        let gates = blocking.map(|blocking| {
            let all: Vec<GateOutcome> = blocking.map(|reading| reading.outcome).collect();
            (all.iter().filter(|outcome| **outcome == GateOutcome::Pass).count(), all.len())
        });
        let stops = next.and_then(|next| {
            let mut open = next.gates.iter().filter(|reading| reading.blocks && reading.outcome != GateOutcome::Pass);
            // What is shown to be bad is said before what is not known yet.
            let breach = open.clone().find(|reading| reading.outcome == GateOutcome::Breach);
            breach.or_else(|| open.next())
        });
        let keeps = if is_stopped {
            "a hard stop waits for its second reader".to_owned()
        } else if is_unapproved {
            "nobody approves it any more".to_owned()
        } else {
            stops.map_or_else(String::new, |reading| format!("{}: {}", reading.gate.as_str(), reading.sentence))
        };
        Self { slice: Arc::clone(&slice.name), position: position(held), gates, keeps }
    }
}
