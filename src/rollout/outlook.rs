//! When the next step of each slice can be expected, and what stands in its way. Said from one evaluation; a forecast is no
//! promise, and says on what it rests.

use std::sync::Arc;

use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::statistics::forecast::{Days, ToGo};

use super::consequence::days_at_present_error;
use super::gates::rate::in_days;
use super::reading::{Evaluation, Gate, GateOutcome, GateReading, Missing, StepReport};
use super::spec::RolloutSpec;
use super::wrong::Permission;

/// Beyond this a step is not expected any more: the traffic is too small (desk time, days).
const DAYS_MAX: f64 = 365.0;

/// Whether the site lets any root cause and category be resolved automatically.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveList {
    /// Nothing is on it: the default.
    Empty,
    /// Something is.
    Declared,
}

/// When a step can be expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// Every gate passes.
    Earned,
    /// At the measured pace and the present error (desk time).
    At(UtcMillis),
    /// Too little has been seen to say when: what is missing.
    Open(Vec<String>),
    /// Not as things stand: why.
    NotReachable(Vec<String>),
}

impl Expectation {
    /// The words of [`Expectation::as_str`].
    pub const WORDS: [&str; 4] = ["earned", "at", "open", "not_reachable"];

    /// The closed word for records.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Earned => "earned",
            Self::At(_) => "at",
            Self::Open(_) => "open",
            Self::NotReachable(_) => "not_reachable",
        }
    }
}

/// What a slice can expect.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceOutlook {
    /// The slice.
    pub slice: Arc<str>,
    /// The permission that could be earned next.
    pub permission: Permission,
    /// When.
    pub expectation: Expectation,
    /// What people read.
    pub sentences: Vec<String>,
}

impl ResolveList {
    /// By the causes and the categories that may be resolved: one without the other lets nothing through.
    pub const fn of(causes: usize, categories: usize) -> Self {
        if causes == 0 || categories == 0 { Self::Empty } else { Self::Declared }
    }
}

/// The outlook of every slice that has a next step.
pub fn outlook(evaluation: &Evaluation, list: ResolveList) -> Vec<SliceOutlook> {
    let with_step = evaluation.slices.iter().filter_map(|slice| Some((slice, slice.next.as_ref()?)));
    with_step.map(|(slice, step)| of_step(Arc::clone(&slice.slice), step, evaluation, list)).collect()
}

fn of_step(slice: Arc<str>, step: &StepReport, evaluation: &Evaluation, list: ResolveList) -> SliceOutlook {
    let permission = step.question.account.account.permission;
    let expectation = expectation(step, permission, evaluation, list);
    let mut sentences = vec![sentence(permission, &expectation, evaluation.at)];
    if list == ResolveList::Empty && permission != Permission::Auto(AutoAction::Resolve) {
        let resolve = Permission::Auto(AutoAction::Resolve);
        let why = Expectation::NotReachable(vec![NO_LIST.to_owned()]);
        sentences.push(sentence(resolve, &why, evaluation.at));
    }
    SliceOutlook { slice, permission, expectation, sentences }
}

const NO_LIST: &str = "no root cause and category may be resolved (policy.allow is empty)";

fn expectation(step: &StepReport, permission: Permission, evaluation: &Evaluation, list: ResolveList) -> Expectation {
    let mut obstacles: Vec<String> = evaluation.holes.clone();
    if list == ResolveList::Empty && permission == Permission::Auto(AutoAction::Resolve) {
        obstacles.push(NO_LIST.to_owned());
    }
    let (mut open, mut latest) = (Vec::new(), None);
    for reading in step.gates.iter().filter(|reading| reading.blocks) {
        match of_gate(reading, evaluation.at) {
            OfGate::Passes => {}
            OfGate::At(at) => latest = latest.max(Some(at)),
            OfGate::Open(why) => open.push(why),
            OfGate::Obstacle(why) => obstacles.push(why),
        }
    }
    match latest {
        _ if !obstacles.is_empty() => Expectation::NotReachable(obstacles),
        _ if !open.is_empty() => Expectation::Open(open),
        Some(at) => Expectation::At(at),
        None if step.passes() => Expectation::Earned,
        None => Expectation::Open(vec!["no gate blocks this step, so nothing is shown".to_owned()]),
    }
}

/// What one gate says about the time to come.
enum OfGate {
    Passes,
    At(UtcMillis),
    Open(String),
    Obstacle(String),
}

fn of_gate(reading: &GateReading, now: UtcMillis) -> OfGate {
    let named = |why: &str| format!("{}: {why}", reading.gate.as_str());
    match (reading.outcome, reading.missing) {
        (GateOutcome::Pass, _) => OfGate::Passes,
        (GateOutcome::Breach, _) => OfGate::Obstacle(named(&reading.sentence)),
        (GateOutcome::Waiting, Some(Missing::Until(at))) => OfGate::At(at),
        (GateOutcome::Waiting, Some(Missing::Verdicts(to_go, days))) => of_verdicts(to_go, days, now, &named, reading),
        (GateOutcome::Waiting, None) => match reading.gate {
            Gate::VerdictFreshness | Gate::MissingVerdicts => {
                OfGate::Obstacle(named(&format!("verdicts are missing ({})", reading.sentence)))
            }
            Gate::Traffic
            | Gate::BetterThanBaselines
            | Gate::SeverityAccuracy
            | Gate::ActionError
            | Gate::CriticalMiss
            | Gate::Calibration
            | Gate::Drift
            | Gate::ReopenRate
            | Gate::Soak
            | Gate::HumanCeiling
            | Gate::RootCauseRating => OfGate::Open(named(&reading.sentence)),
        },
    }
}

fn of_verdicts(
    to_go: ToGo,
    days: Option<Days>,
    now: UtcMillis,
    named: &impl Fn(&str) -> String,
    reading: &GateReading,
) -> OfGate {
    let Some(more) = to_go.at_present_error else {
        return OfGate::Obstacle(named(&format!(
            "the error is too near its limit, or above it ({})",
            reading.sentence
        )));
    };
    let Some(expected) = days_at_present_error(to_go, days) else {
        return OfGate::Open(named("nothing has counted yet, so nobody knows the pace"));
    };
    if expected > DAYS_MAX {
        let why = format!("the traffic is too small: {more} verdicts to go take about {}", in_days(expected));
        return OfGate::Obstacle(named(&why));
    }
    OfGate::At(now.plus_ms((expected * RolloutSpec::days_ms(1) as f64) as i64))
}

fn sentence(permission: Permission, expectation: &Expectation, now: UtcMillis) -> String {
    let name = permission.as_str();
    match expectation {
        Expectation::Earned => format!("{name} is earned: every gate passes"),
        Expectation::At(at) => {
            let days = at.since_ms(now).max(0) as f64 / RolloutSpec::days_ms(1) as f64;
            format!("{name} is expected in about {}, at the present pace and error", in_days(days))
        }
        Expectation::Open(missing) => format!("{name}: too early to say when; {}", missing.join("; ")),
        Expectation::NotReachable(why) => format!("{name} is not reachable because {}", why.join("; ")),
    }
}
