//! What can happen.

use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::digest::Digest;
use crate::domain::stage::Stage;
use crate::rollout::control::{Approve, Ask, HaltScope, Lock, Promote, SwitchModel};
use crate::rollout::plan::{Candidate, SecondReading, SecondView};
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::tests::desk::{Desk, HOUR_MS, Says, model, probability, ticket};
use crate::rollout::wrong::Permission;

pub(super) const THRESHOLDS: [f64; 3] = [0.9, 0.95, 0.975];
pub(super) const VERSIONS: [&str; 3] = ["v1", "v2", "v3"];
pub(super) const ELIGIBILITIES: [&str; 2] = ["eligibility", "other"];
const HOLE: &str = "decisions partition 0 begins too late";

#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A promotion is asked for (0, 1: of one slice; 2, 3: of both), and a day passes.
    Climb { slice: usize },
    /// The leader dies, and another one reads what was written.
    Restart,
    /// An evaluation of an older state, made some hours ago, arrives; all its gates pass.
    Late { age: u8, hours: u8 },
    /// Time passes.
    Pass { hours: u8 },
    /// A gate says something about a slice.
    Say { slice: usize, said: Said },
    /// The evidence.
    Evidence(Condition),
    /// A second person reads a ticket.
    SecondReading { ticket: u8, confirms: bool },
    /// Somebody asks.
    Ask(Asked),
    /// The configuration changes.
    Configure(Change),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    Next(GateOutcome),
    /// The next step waits for so many verdicts.
    Missing {
        verdicts: u64,
    },
    Breach {
        permission: usize,
        gate: usize,
    },
    Critical {
        ticket: u8,
    },
    Silent {
        tickets: u64,
    },
    Well,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    Hole(bool),
    Fails(bool),
    Behind(bool),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    /// Now and then against a revision that is past, or that has not been yet.
    Promote {
        slice: usize,
        back: u64,
        lifts: bool,
        hours: Option<u8>,
    },
    Approve {
        slice: usize,
        back: u64,
    },
    StepBack {
        slice: usize,
        stage: usize,
    },
    Switch {
        version: usize,
        earned: usize,
    },
    Acknowledge,
    Halt {
        slice: Option<usize>,
    },
    Resume {
        slice: Option<usize>,
    },
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Threshold { slice: usize, threshold: usize },
    Eligibility { which: usize },
    Load { models: usize },
    Observe { gate: Option<usize> },
    Traffic { known: bool },
}

const BREACHES: [Gate; 5] =
    [Gate::SeverityAccuracy, Gate::ActionError, Gate::ReopenRate, Gate::CriticalMiss, Gate::Drift];

impl Event {
    /// Whether it can make a gate say that it passes.
    pub(super) const fn lets_a_gate_pass(&self) -> bool {
        match self {
            Self::Late { .. } | Self::Say { said: Said::Next(_) | Said::Well, .. } => true,
            Self::Climb { .. }
            | Self::Restart
            | Self::Pass { .. }
            | Self::Say {
                said: Said::Missing { .. } | Said::Breach { .. } | Said::Critical { .. } | Said::Silent { .. },
                ..
            }
            | Self::Evidence(_)
            | Self::SecondReading { .. }
            | Self::Ask(_)
            | Self::Configure(_) => false,
        }
    }
}

/// Sequences in which climbing is likely enough to get to the top, and everything else happens now and then.
pub(super) fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        20 => (0..4_usize).prop_map(|slice| Event::Climb { slice }),
        3 => (1..40_u8).prop_map(|hours| Event::Pass { hours }),
        10 => (0..2_usize, said()).prop_map(|(slice, said)| Event::Say { slice, said }),
        3 => condition().prop_map(Event::Evidence),
        2 => (0..4_u8, any::<bool>()).prop_map(|(ticket, confirms)| Event::SecondReading { ticket, confirms }),
        10 => asked().prop_map(Event::Ask),
        4 => change().prop_map(Event::Configure),
        1 => Just(Event::Restart),
        2 => (0..12_u8, 0..30_u8).prop_map(|(age, hours)| Event::Late { age, hours }),
    ];
    proptest::collection::vec(event, 1..70)
}

fn said() -> impl Strategy<Value = Said> {
    prop_oneof![
        2 => (0..3_usize).prop_map(|which| Said::Next(GateOutcome::ALL[which])),
        2 => (0..2_000_u64).prop_map(|verdicts| Said::Missing { verdicts }),
        2 => (0..3_usize, 0..5_usize).prop_map(|(permission, gate)| Said::Breach { permission, gate }),
        2 => (0..4_u8).prop_map(|ticket| Said::Critical { ticket }),
        1 => (3..7_u64).prop_map(|tickets| Said::Silent { tickets }),
        8 => Just(Said::Well),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    prop_oneof![
        any::<bool>().prop_map(Condition::Hole),
        (0..4_u8).prop_map(|one_of| Condition::Fails(one_of == 0)),
        (0..4_u8).prop_map(|one_of| Condition::Behind(one_of == 0)),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let maybe_slice = || proptest::option::of(0..2_usize);
    prop_oneof![
        4 => (0..2_usize, 0..4_u64, any::<bool>(), proptest::option::of(1..60_u8))
            .prop_map(|(slice, back, lifts, hours)| Asked::Promote { slice, back, lifts, hours }),
        2 => (0..2_usize, 0..4_u64).prop_map(|(slice, back)| Asked::Approve { slice, back }),
        1 => (0..2_usize, 0..4_usize).prop_map(|(slice, stage)| Asked::StepBack { slice, stage }),
        2 => (0..3_usize, 0..4_usize).prop_map(|(version, earned)| Asked::Switch { version, earned }),
        2 => Just(Asked::Acknowledge),
        1 => maybe_slice().prop_map(|slice| Asked::Halt { slice }),
        2 => maybe_slice().prop_map(|slice| Asked::Resume { slice }),
    ]
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (0..2_usize, 0..3_usize).prop_map(|(slice, threshold)| Change::Threshold { slice, threshold }),
        (0..2_usize).prop_map(|which| Change::Eligibility { which }),
        (0..3_usize).prop_map(|models| Change::Load { models }),
        (0..3_usize).prop_map(|models| Change::Load { models: models.max(1) }),
        proptest::option::of(0..5_usize).prop_map(|gate| Change::Observe { gate }),
        any::<bool>().prop_map(|known| Change::Traffic { known }),
    ]
}

fn name(desk: &Desk, slice: usize) -> Arc<str> {
    Arc::clone(&desk.spec.slices[slice].name)
}

/// Asks for one step up, with everything right that a person can do right.
pub(super) fn promote(desk: &mut Desk, slice: usize) {
    let slice = name(desk, slice);
    desk.promote(&slice, Lock::Respect);
}

/// A gate says something.
pub(super) fn say(desk: &mut Desk, slice: usize, said: Said) {
    let name = name(desk, slice);
    let says = desk.says.get_mut(&name).unwrap();
    match said {
        Said::Next(outcome) => says.next = outcome,
        Said::Missing { verdicts } => (says.next, says.to_go) = (GateOutcome::Waiting, Some(verdicts)),
        Said::Breach { permission, gate } => says.breached = Some((Permission::ALL[permission], BREACHES[gate])),
        Said::Critical { ticket: which } => says.critical.push(ticket(&format!("T{which}"))),
        Said::Silent { tickets } => says.silent = tickets,
        Said::Well => *says = Says::well(),
    }
}

/// The evidence is as it is said.
pub(super) fn set(desk: &mut Desk, condition: Condition) {
    match condition {
        Condition::Hole(open) => desk.holes = if open { vec![HOLE.to_owned()] } else { Vec::new() },
        Condition::Fails(fails) => desk.fails = fails,
        Condition::Behind(behind) => desk.facts.evidence_behind_ms = if behind { 60_001 } else { 0 },
    }
}

/// A second person reads a ticket.
pub(super) fn read_again(desk: &mut Desk, which: u8, confirms: bool) {
    let view = if confirms { SecondView::Confirmed } else { SecondView::Refuted };
    desk.facts.second_readings.push(SecondReading { ticket: ticket(&format!("T{which}")), view });
}

/// Somebody asks.
pub(super) fn ask(desk: &mut Desk, asked: Asked) {
    let scope = |slice: Option<usize>| slice.map_or(HaltScope::All, |slice| HaltScope::Slice(name(desk, slice)));
    let revision = desk.state.revision;
    let mut expires = None;
    let ask = match asked {
        Asked::Promote { slice, back, lifts, hours } => {
            let lock = if lifts { Lock::Lift } else { Lock::Respect };
            expires = hours.map(|hours| desk.now.plus_ms(i64::from(hours) * HOUR_MS));
            Ask::Promote(Promote { slice: name(desk, slice), against: (revision + 1).saturating_sub(back), lock })
        }
        Asked::Approve { slice, back } => {
            Ask::Approve(Approve { slice: name(desk, slice), against: (revision + 1).saturating_sub(back) })
        }
        Asked::StepBack { slice, stage } => Ask::StepBack { slice: name(desk, slice), to: Stage::ALL[stage] },
        Asked::Switch { version, earned } => {
            let candidate = desk.candidate(VERSIONS[version], Stage::ALL[earned]);
            let Candidate { model, reports } = candidate;
            for loaded in desk.facts.candidates.iter_mut().filter(|loaded| loaded.model == model) {
                loaded.reports.clone_from(&reports);
            }
            let (model_digest, calibration_digest) = (model.digest, model.calibration_digest);
            Ask::SwitchModel(SwitchModel { model_digest, calibration_digest, against: revision })
        }
        Asked::Acknowledge => Ask::AcknowledgeHoles { holes: vec![HOLE.to_owned()] },
        Asked::Halt { slice } => Ask::Halt(scope(slice)),
        Asked::Resume { slice } => Ask::Resume(scope(slice)),
    };
    let offset = desk.ask(ask);
    desk.requests[offset as usize].request.expires = expires;
}

/// The configuration changes.
pub(super) fn configure(desk: &mut Desk, change: Change) {
    match change {
        Change::Threshold { slice, threshold } => {
            desk.spec.slices[slice].threshold = probability(THRESHOLDS[threshold]);
        }
        Change::Eligibility { which } => desk.facts.eligibility_digest = Digest::of(ELIGIBILITIES[which].as_bytes()),
        Change::Load { models } => {
            let loaded = VERSIONS[1..].iter().take(models);
            desk.facts.candidates =
                loaded.map(|version| Candidate { model: model(version), reports: Vec::new() }).collect();
        }
        Change::Observe { gate } => desk.spec.observed_only = gate.map(|gate| BREACHES[gate]).into_iter().collect(),
        Change::Traffic { known } => {
            let measured = if known { [Some(100.0), Some(50.0)] } else { [None, None] };
            desk.facts.eligible_per_day.iter_mut().for_each(|(_, per_day)| *per_day = measured);
        }
    }
}
