//! What a model switch leads to, said before it is made: where each slice stands, what the other model has earned as a
//! candidate, and when it would reach more.

use std::fmt;
use std::sync::Arc;

use crate::domain::stage::{AutoAction, Stage};
use crate::domain::time::UtcMillis;
use crate::statistics::forecast::{Days, ToGo};

use super::decision::ModelKey;
use super::ladder::{Position, stage_of};
use super::reading::{CountedWrong, Gate, GateOutcome, Missing, SliceReport, StepReport};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::RolloutState;
use super::wrong::Permission;

const DAY_MS: f64 = 24.0 * 3_600_000.0;

/// What a switch leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Consequence {
    /// What acts now.
    pub from: Arc<ModelKey>,
    /// What would act.
    pub to: Arc<ModelKey>,
    /// By slice, in the order of the specification.
    pub slices: Vec<SliceConsequence>,
}

/// What a switch leads to in one slice.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceConsequence {
    /// Which.
    pub slice: Arc<str>,
    /// Where it stands.
    pub now: Position,
    /// Where it would stand.
    pub then: Position,
    /// What the other model has earned.
    pub earned: Stage,
    /// What counted for it; `None`: nothing was read.
    pub counted: Option<CountedWrong>,
    /// The stage that it would earn next as a candidate, and in how many days; `None`: there is none above.
    pub next: Option<(Stage, Option<f64>)>,
}

/// The strongest stage that a model has earned as a candidate: every permission up to it passes on its own account.
pub fn earned_stage(
    state: &RolloutState,
    spec: &RolloutSpec,
    slice: &SliceSpec,
    model: &Arc<ModelKey>,
    reports: &[SliceReport],
) -> Stage {
    let passes = |permission: &Permission| {
        candidate_report(state, spec, slice, model, *permission, reports).is_some_and(StepReport::passes)
    };
    Permission::ALL.into_iter().take_while(passes).last().map_or(Stage::Shadow, stage_of)
}

/// Where a slice stands after a switch: no higher than before, no higher than earned, and automatic only on first shares.
pub fn position_after(now: Position, earned: Stage, eligible_per_day: [Option<f64>; 2]) -> Position {
    now.lowered_to(earned).at_first_shares(eligible_per_day)
}

/// The report of one permission that answers what the state asks about a candidate.
fn candidate_report<'report>(
    state: &RolloutState,
    spec: &RolloutSpec,
    slice: &SliceSpec,
    model: &Arc<ModelKey>,
    permission: Permission,
    reports: &'report [SliceReport],
) -> Option<&'report StepReport> {
    let questions = state.candidate_questions(model, permission, spec);
    let question = questions.into_iter().find(|question| question.slice == slice.name)?.next?;
    let of_slice = reports.iter().filter(|report| report.slice == slice.name);
    of_slice.filter_map(|report| report.next.as_ref()).find(|report| report.question == question)
}

/// What a switch to a model leads to; `None`: nothing acts yet.
pub fn consequence(
    state: &RolloutState,
    spec: &RolloutSpec,
    model: &Arc<ModelKey>,
    reports: &[SliceReport],
    eligible_per_day: impl Fn(&str) -> [Option<f64>; 2],
    now: UtcMillis,
) -> Option<Consequence> {
    let from = Arc::clone(&state.basis.as_ref()?.model);
    let of_slice = |slice: &SliceSpec| {
        let position = state.slices.get(&slice.name).map_or(Position::SHADOW, |known| known.standing.position);
        let earned = earned_stage(state, spec, slice, model, reports);
        let report = |permission| candidate_report(state, spec, slice, model, permission, reports);
        let missing = Permission::ALL.into_iter().find(|permission| stage_of(*permission) > earned);
        let shown = Permission::ALL.into_iter().rfind(|permission| stage_of(*permission) <= earned).or(missing);
        SliceConsequence {
            slice: Arc::clone(&slice.name),
            now: position,
            then: position_after(position, earned, eligible_per_day(&slice.name)),
            earned,
            counted: shown.and_then(report).and_then(counted),
            next: missing
                .map(|permission| (stage_of(permission), report(permission).and_then(|r| days_missing(r, now)))),
        }
    };
    Some(Consequence { from, to: Arc::clone(model), slices: spec.slices.iter().map(of_slice).collect() })
}

/// What counted for a step, as its own error gate says.
pub fn counted(report: &StepReport) -> Option<CountedWrong> {
    let gate = match report.question.account.account.permission {
        Permission::Suggest => Gate::SeverityAccuracy,
        Permission::Auto(AutoAction::Triage | AutoAction::Resolve) => Gate::ActionError,
    };
    report.gate(gate)?.counted
}

/// Days until everything that blocks a step is expected to pass; `None`: that cannot be said.
pub fn days_missing(report: &StepReport, now: UtcMillis) -> Option<f64> {
    let blocking = report.gates.iter().filter(|reading| reading.blocks && reading.outcome != GateOutcome::Pass);
    let mut days = blocking.map(|reading| match reading.missing? {
        Missing::Verdicts(to_go, days) => days_at_present_error(to_go, days),
        Missing::Until(until) => Some(until.since_ms(now).max(0) as f64 / DAY_MS),
    });
    days.try_fold(0.0_f64, |most, days| days.map(|days| most.max(days)))
}

/// Days until so many verdicts have counted as are missing if the error stays; `None`: it never passes so, or there is no
/// pace. Days of a gate are those if nothing more is wrong.
pub(super) fn days_at_present_error(to_go: ToGo, days: Option<Days>) -> Option<f64> {
    let (more, if_all_right) = (to_go.at_present_error?, to_go.if_all_right.filter(|more| *more > 0)?);
    Some(days?.expected * more as f64 / if_all_right as f64)
}

/// A position in words: `auto_triage 25 %`.
pub fn position_in_words(position: Position) -> String {
    let share = match position.stage() {
        Stage::Shadow | Stage::Suggest => return position.stage().as_str().to_owned(),
        Stage::AutoTriage => position.shares()[AutoAction::Triage.index()],
        Stage::AutoResolve => position.shares()[AutoAction::Resolve.index()],
    };
    let percent = share.get() * 100.0;
    let digits = usize::from(percent < 10.0 && percent.fract() > 0.005);
    format!("{} {percent:.digits$} %", position.stage())
}

/// Days in words.
pub fn days_in_words(days: f64) -> String {
    match days.ceil() as u64 {
        0 => "today".to_owned(),
        1 => "in about 1 day".to_owned(),
        days => format!("in about {days} days"),
    }
}

impl Consequence {
    /// How the two models are called: by version where the name is the same.
    fn names(&self) -> (String, String) {
        let name = |model: &ModelKey| {
            if self.from.name == self.to.name && self.from.version != self.to.version {
                model.version.clone()
            } else if self.from.name == self.to.name {
                format!("{} {} (calibration {})", model.name, model.version, model.calibration_digest.short())
            } else {
                model.name.clone()
            }
        };
        (name(&self.from), name(&self.to))
    }
}

impl fmt::Display for Consequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = self.names();
        for (index, slice) in self.slices.iter().enumerate() {
            let break_before = if index == 0 { "" } else { "\n" };
            write!(formatter, "{break_before}{}: {from}: {}; ", slice.slice, position_in_words(slice.now))?;
            match slice.earned {
                Stage::Shadow => write!(formatter, "{to} has earned nothing yet")?,
                Stage::Suggest | Stage::AutoTriage | Stage::AutoResolve => {
                    write!(formatter, "{to} has earned {}", slice.earned)?;
                }
            }
            match slice.counted {
                Some(CountedWrong { counted, wrong }) => write!(formatter, ": {counted} counted, {wrong} wrong")?,
                None => formatter.write_str(": nothing counted")?,
            }
            if slice.now == slice.then {
                formatter.write_str("; switching now changes nothing here")?;
            } else {
                let then = position_in_words(slice.then);
                write!(formatter, "; switching now steps {} back to {then}", slice.slice)?;
            }
            match &slice.next {
                Some((stage, Some(days))) => {
                    write!(formatter, "; {to} reaches {stage} {} as a candidate", days_in_words(*days))?;
                }
                Some((stage, None)) => write!(formatter, "; when {to} reaches {stage} cannot be said yet")?,
                None => {}
            }
        }
        Ok(())
    }
}
