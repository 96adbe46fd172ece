//! A desk for the plan: what the gates would say is set, and answers whatever the state asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Stage};
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::{DrawRates, EvidenceRate};
use crate::rollout::control::{Approve, Ask, ControlRecord, ControlRequest, Lock, Promote, Signature};
use crate::rollout::decision::ModelKey;
use crate::rollout::draw_rate::SlicePace;
use crate::rollout::ladder::Position;
use crate::rollout::local_time::{DeskCalendar, WorkingHours};
use crate::rollout::log::{Cut, EvidenceTopic};
use crate::rollout::plan::{Candidate, EvaluationError, Facts, Plan, plan};
use crate::rollout::reading::{
    AccountQuestion, CountedWrong, Evaluation, Gate, GateOutcome, GateReading, Missing, SliceQuestion, SliceReport,
    StepReport, WatchReport,
};
use crate::rollout::spec::{JudgedBy, Limits, RolloutSpec, SliceSpec};
use crate::rollout::state::RolloutState;
use crate::rollout::transition::Transition;
use crate::rollout::wrong::Permission;
use crate::statistics::forecast::ToGo;

pub(crate) const HOUR_MS: i64 = 3_600_000;
pub(crate) const DAY_MS: i64 = 24 * HOUR_MS;

/// What the gates say about one slice.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Says {
    /// Of the next step: one gate that blocks.
    pub(crate) next: GateOutcome,
    /// Verdicts that it waits for; `None`: it does not say.
    pub(crate) to_go: Option<u64>,
    /// Of what is in force.
    pub(crate) breached: Option<(Permission, Gate)>,
    pub(crate) critical: Vec<TicketId>,
    pub(crate) silent: u64,
}

impl Says {
    pub(crate) const fn well() -> Self {
        Self { next: GateOutcome::Pass, to_go: None, breached: None, critical: Vec::new(), silent: 0 }
    }
}

/// The leader and everything around it.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    pub(crate) spec: RolloutSpec,
    pub(crate) state: RolloutState,
    pub(crate) facts: Facts,
    pub(crate) now: UtcMillis,
    pub(crate) says: BTreeMap<Arc<str>, Says>,
    pub(crate) holes: Vec<String>,
    pub(crate) fails: bool,
    pub(crate) requests: Vec<ControlRecord>,
}

pub(crate) fn probability(value: f64) -> Probability {
    Probability::try_new(value).unwrap()
}

pub(crate) fn model(name: &str) -> Arc<ModelKey> {
    Arc::new(ModelKey {
        name: "triage".to_owned(),
        version: name.to_owned(),
        digest: Digest::of(name.as_bytes()),
        calibration_digest: Digest::of(b"calibration"),
    })
}

pub(crate) fn cut(next: i64) -> Cut {
    let mut cut = Cut::start();
    cut.set_next(EvidenceTopic::Decisions, 0, next);
    cut
}

pub(crate) fn spec(slices: &[&str]) -> RolloutSpec {
    let slice = |name: &&str| SliceSpec { name: Arc::from(*name), threshold: probability(0.95) };
    RolloutSpec {
        slices: slices.iter().map(slice).collect(),
        threshold_grid: [0.8, 0.9, 0.95, 0.975].map(probability).to_vec(),
        limits: Limits::default(),
        verdict_deadline_ms: 3 * DAY_MS,
        window_days: 28,
        soak_days: 7,
        soak_step_days: 2,
        cool_down_days: 3,
        approval_days: 30,
        working_hours: WorkingHours::USUAL,
        observed_only: Vec::new(),
        calendar: DeskCalendar::utc(),
        draw_rates: AUTO,
        judged_by: JudgedBy::TheirWork,
    }
}

/// Rates as shipped.
pub(crate) const AUTO: DrawRates = DrawRates {
    evidence_shadow: EvidenceRate::Auto,
    evidence_later: EvidenceRate::Auto,
    audit: 0.5,
    second_reading: 0.1,
    epoch: 0,
};

/// A slice of so many tickets a day, two fifths of which an action would be eligible for.
pub(crate) const fn pace(tickets_per_day: f64) -> SlicePace {
    SlicePace {
        seen_ms: 7 * DAY_MS,
        tickets_per_day,
        reach: 0.4,
        verdict_rate: 1.0,
        waiting: 0,
        rated_per_day_max: None,
    }
}

impl Desk {
    /// A desk at noon of its first day, before anything has begun.
    pub(crate) fn new(slices: &[&str]) -> Self {
        let spec = spec(slices);
        let names = || spec.slices.iter().map(|slice| Arc::clone(&slice.name));
        Self {
            state: RolloutState::default(),
            facts: Facts {
                configured: model("v1"),
                candidates: Vec::new(),
                eligibility_digest: Digest::of(b"eligibility"),
                second_readings: Vec::new(),
                eligible_per_day: names().map(|name| (name, [Some(100.0), Some(50.0)])).collect(),
                paces: names().map(|name| (name, pace(250.0))).collect(),
                cut: cut(0),
                evidence_behind_ms: 0,
                closed: None,
            },
            now: UtcMillis(20_000 * DAY_MS + 12 * HOUR_MS),
            says: names().map(|name| (name, Says::well())).collect(),
            holes: Vec::new(),
            fails: false,
            requests: Vec::new(),
            spec,
        }
    }

    /// A desk whose rollout has begun, and whose first day is read.
    pub(crate) fn begun() -> Self {
        let mut desk = Self::new(&["rest"]);
        desk.settle();
        desk
    }

    /// A desk whose only slice has climbed to a stage, at its first share.
    pub(crate) fn at(stage: Stage) -> Self {
        let mut desk = Self::begun();
        while desk.position().stage() < stage {
            desk.climb("rest");
        }
        desk
    }

    /// The evaluation of the present state at the present time.
    pub(crate) fn evaluation(&self) -> Evaluation {
        self.answers(&self.state.questions(&self.spec))
    }

    /// What the gates say to some questions.
    pub(crate) fn answers(&self, questions: &[SliceQuestion]) -> Evaluation {
        let slices = questions.iter().map(|question| self.report(question)).collect();
        Evaluation { at: self.now, cut: self.facts.cut.clone(), slices, holes: self.holes.clone() }
    }

    fn report(&self, question: &SliceQuestion) -> SliceReport {
        let says = &self.says[&question.slice];
        let step = |step| {
            let permission = question.next.as_ref().map(|next| next.account.account.permission);
            let gate = if permission == Some(Permission::Suggest) { Gate::SeverityAccuracy } else { Gate::ActionError };
            let is_waiting = says.next == GateOutcome::Waiting;
            let to_go = |more| ToGo { if_all_right: Some(more), at_present_error: None };
            let missing = says.to_go.filter(|_| is_waiting).map(|more| Missing::Verdicts(to_go(more), None));
            let gates = vec![GateReading { missing, ..reading(gate, says.next) }];
            StepReport { question: step, gates, wrong_unanswered: 0, grid: Vec::new() }
        };
        SliceReport {
            slice: Arc::clone(&question.slice),
            next: question.next.clone().map(step),
            in_force: question.in_force.iter().map(|account| watch(says, account)).collect(),
        }
    }

    pub(crate) fn plan_on(&self, evaluation: &Evaluation) -> Plan {
        let error = EvaluationError("a number is missing".to_owned());
        let evaluation = if self.fails { Err(&error) } else { Ok(evaluation) };
        plan(&self.state, evaluation, &self.requests, &self.facts, &self.spec, self.now)
    }

    /// One plan on a fresh evaluation, applied.
    pub(crate) fn step(&mut self) -> Plan {
        let plan = self.plan_on(&self.evaluation());
        self.state = plan.after(&self.state);
        plan
    }

    /// Plans until nothing more follows.
    #[track_caller]
    pub(crate) fn settle(&mut self) -> Vec<Transition> {
        let mut transitions = Vec::new();
        loop {
            let Some(transition) = self.step().transition else { return transitions };
            transitions.push(transition);
            assert!(transitions.len() < 40, "it does not come to rest: {:?}", transitions.last());
        }
    }

    /// The kinds of what follows now.
    #[track_caller]
    pub(crate) fn kinds(&mut self) -> Vec<&'static str> {
        self.settle().iter().map(|transition| transition.kind.as_str()).collect()
    }

    pub(crate) fn pass_hours(&mut self, hours: i64) {
        self.now = self.now.plus_ms(hours * HOUR_MS);
        let next = self.now.since_ms(UtcMillis(20_000 * DAY_MS)) / HOUR_MS;
        self.facts.cut = cut(next);
    }

    pub(crate) fn ask(&mut self, ask: Ask) -> i64 {
        let signed = Signature::try_new("mira", "the numbers are good").unwrap();
        let offset = self.requests.len() as i64;
        let request = ControlRequest { signed, at: self.now, expires: None, ask };
        self.requests.push(ControlRecord { offset, appended_at: self.now, request });
        offset
    }

    pub(crate) fn promote(&mut self, slice: &str, lock: Lock) -> i64 {
        let against = self.state.revision;
        self.ask(Ask::Promote(Promote { slice: Arc::from(slice), against, lock }))
    }

    pub(crate) fn approve(&mut self, slice: &str) -> i64 {
        let against = self.state.revision;
        self.ask(Ask::Approve(Approve { slice: Arc::from(slice), against }))
    }

    /// One step up: asked for today, read after midnight.
    #[track_caller]
    pub(crate) fn climb(&mut self, slice: &str) {
        let before = self.slice(slice).standing.position;
        self.promote(slice, Lock::Respect);
        self.settle();
        self.pass_hours(24);
        self.settle();
        assert_ne!(self.slice(slice).standing.position, before, "it climbs");
    }

    pub(crate) fn slice(&self, name: &str) -> &crate::rollout::state::SliceState {
        &self.state.slices[name]
    }

    pub(crate) fn position(&self) -> Position {
        self.slice("rest").standing.position
    }

    pub(crate) fn says(&mut self) -> &mut Says {
        self.says.get_mut("rest").unwrap()
    }

    /// A candidate that has earned permissions up to a stage.
    pub(crate) fn candidate(&self, name: &str, earned: Stage) -> Candidate {
        let model = model(name);
        let mut reports = Vec::new();
        for permission in Permission::ALL {
            let mut gates_say = self.clone();
            for says in gates_say.says.values_mut() {
                let passes = crate::rollout::ladder::stage_of(permission) <= earned;
                says.next = if passes { GateOutcome::Pass } else { GateOutcome::Waiting };
            }
            let questions = self.state.candidate_questions(&model, permission, &self.spec);
            reports.extend(gates_say.answers(&questions).slices);
        }
        Candidate { model, reports }
    }
}

fn watch(says: &Says, account: &AccountQuestion) -> WatchReport {
    let permission = account.account.permission;
    let breached = says.breached.filter(|(breached, _)| *breached == permission);
    let is_automatic = permission != Permission::Suggest;
    WatchReport {
        question: account.clone(),
        gates: breached.map(|(_, gate)| reading(gate, GateOutcome::Breach)).into_iter().collect(),
        critical: if is_automatic { says.critical.clone() } else { Vec::new() },
        to_recheck: vec![ticket(&format!("acted-{}", permission.as_str()))],
        to_recheck_left_out: 2,
        silent_tickets: says.silent,
    }
}

pub(crate) fn reading(gate: Gate, outcome: GateOutcome) -> GateReading {
    GateReading {
        gate,
        blocks: true,
        outcome,
        sentence: "96 counted, 1 wrong".to_owned(),
        counted: Some(CountedWrong { counted: 96, wrong: 1 }),
        missing: None,
    }
}

pub(crate) fn ticket(id: &str) -> TicketId {
    TicketId::try_new(id).unwrap()
}

pub(crate) const TRIAGE: Permission = Permission::Auto(AutoAction::Triage);
pub(crate) const RESOLVE: Permission = Permission::Auto(AutoAction::Resolve);
