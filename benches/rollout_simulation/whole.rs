//! The same run through all of it: decisions and verdicts are folded, the gates are read, days are closed, and the plan moves
//! the slice, as a leader does it. The tickets, the people and their chances are those of the run at verdict level with the same
//! seed, so that the two can be laid beside each other.
//!
//! The limits of the other gates are so wide that `action_error` alone decides, which is all that the rule at verdict level
//! knows; what they add at a desk is time.

use std::collections::HashMap;
use std::sync::Arc;

use noctriage::domain::digest::Digest;
use noctriage::domain::prediction::ModelRole;
use noctriage::domain::probability::Probability;
use noctriage::domain::severity::Severity;
use noctriage::domain::stage::{AutoAction, Stage};
use noctriage::domain::ticket::TicketId;
use noctriage::domain::time::UtcMillis;
use noctriage::domain::verdict::{Closable, Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId};
use noctriage::policy::decided::ActionKind;
use noctriage::policy::ruling::{DrawRates, EvidenceRate};
use noctriage::rollout::closing::close;
use noctriage::rollout::control::{Ask, ControlRecord, ControlRequest, Lock, Promote, Signature};
use noctriage::rollout::decision::{Arrival, DecisionEvent, DecisionSeen, ModelAnswer, ModelKey, Said, TicketDecision};
use noctriage::rollout::evaluate::evaluate;
use noctriage::rollout::evidence::{Evidence, VerdictEvent};
use noctriage::rollout::local_time::{DeskCalendar, WorkingHours};
use noctriage::rollout::log::{Appended, Cut, EvidenceTopic, Position, Recorded};
use noctriage::rollout::plan::{Facts, Plan, plan};
use noctriage::rollout::spec::{JudgedBy, Limits, RolloutSpec, SliceSpec};
use noctriage::rollout::state::RolloutState;
use noctriage::rollout::transition::TransitionKind;
use noctriage::statistics::random::SeededRandom;
use noctriage::statistics::tally::{ErrorLimit, Judged};

use crate::run::{ACTING_MAX, AUDIT_SHARE, EVIDENCE_SHARE, Outcome, SHADOW_MAX, StepBack};
use crate::scenario::{DAY, LIMIT, Scenario, Tick};
use crate::world::{Ticket, Verdict as Told, World};

const DAY_MS: i64 = 86_400_000;
/// A tick in desk time.
const TICK_MS: i64 = DAY_MS / DAY as i64;
/// Monday, 2 November 2026.
const BEGAN: i64 = 20_759 * DAY_MS;
/// A leader looks every few seconds; a quarter of a day is as good for what is counted in days and verdicts.
const LOOK_EVERY: Tick = DAY / 4;

/// One run; the same for the same seed.
pub fn run(scenario: &Scenario, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    let mut draws = SeededRandom::new(seed ^ 0x5eed_0000_0000_0000);
    // As at verdict level, where each rule takes a seed of its own.
    (0..scenario.thresholds).for_each(|_| {
        draws.next_u64();
    });
    let mut desk = Desk::new(scenario.thresholds);
    let mut verdicts = 0;
    for now in 0..=SHADOW_MAX {
        if now > 0 {
            let ticket = world.ticket(now);
            let place = draws.below(scenario.thresholds);
            world.ask(ticket, now);
            desk.decided(ticket, place, Met::Drawn);
            while let Some(told) = world.verdict(now) {
                verdicts += 1;
                desk.told(told);
            }
        }
        if now.is_multiple_of(DAY) && desk.look_at_midnight(now) {
            let is_wrong = world.must_not_promote();
            world.promote(now);
            let step_back = until_step_back(&mut world, &mut desk, &mut draws, now, scenario);
            return Outcome { verdicts_to_promote: Some(verdicts), is_wrong, step_back };
        }
    }
    Outcome::default()
}

fn until_step_back(
    world: &mut World<'_>,
    desk: &mut Desk,
    draws: &mut SeededRandom,
    promoted: Tick,
    scenario: &Scenario,
) -> Option<StepBack> {
    if !scenario.must_step_back() {
        return None;
    }
    let (mut audits, mut wrong_actions) = (0, 0);
    for now in promoted + 1..=promoted + ACTING_MAX {
        let ticket = world.ticket(now);
        let (is_evidence, is_audit) = (draws.happens(EVIDENCE_SHARE), draws.happens(AUDIT_SHARE));
        if is_evidence || is_audit {
            world.ask(ticket, now);
        }
        let met = match (is_evidence, is_audit) {
            (true, _) => Met::Drawn,
            (false, true) => Met::Audited,
            (false, false) => Met::ActedOn,
        };
        desk.decided(ticket, 0, met);
        wrong_actions += u64::from(!is_evidence && ticket.truth == Judged::Wrong);
        while let Some(told) = world.verdict(now) {
            audits += 1;
            desk.told(told);
        }
        if now.is_multiple_of(LOOK_EVERY) && desk.look(now).is_some_and(|kind| kind == TransitionKind::SteppedBack) {
            return Some(StepBack { audits, wrong_actions });
        }
    }
    None
}

/// How a ticket is met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Drawn,
    Audited,
    ActedOn,
}

/// The evidence of a desk and the leader's state.
struct Desk {
    spec: RolloutSpec,
    grid: Vec<Probability>,
    model: Arc<ModelKey>,
    evidence: Evidence,
    cut: Cut,
    state: RolloutState,
    requests: Vec<ControlRecord>,
    groups: HashMap<Tick, u64>,
    offsets: [i64; 2],
    now: Tick,
}

impl Desk {
    fn new(thresholds: usize) -> Self {
        let grid = (0..thresholds).map(|place| 0.5 + 0.05 * place as f64);
        let grid: Vec<Probability> = grid.filter_map(|threshold| Probability::try_new(threshold).ok()).collect();
        let digest = Digest::of(b"model");
        let model = ModelKey { name: "model".into(), version: "1".into(), digest, calibration_digest: digest };
        Self {
            spec: spec(&grid),
            grid,
            model: Arc::new(model),
            evidence: Evidence::default(),
            cut: Cut::start(),
            state: RolloutState::default(),
            requests: Vec::new(),
            groups: HashMap::new(),
            offsets: [0; 2],
            now: 0,
        }
    }

    fn appended(&mut self, topic: EvidenceTopic, at: UtcMillis) -> Appended {
        let offset = &mut self.offsets[usize::from(topic == EvidenceTopic::Verdicts)];
        let position = Position { topic, partition: 0, offset: *offset };
        *offset += 1;
        self.cut.pass(position);
        Appended { at, position }
    }

    fn decided(&mut self, ticket: Ticket, place: usize, met: Met) {
        let at = time(ticket.id);
        self.now = ticket.id;
        self.groups.insert(ticket.id, ticket.group);
        let reached: Vec<f64> = self.grid.iter().take(place + 1).map(|threshold| threshold.get()).collect();
        // Something that differs from ticket to ticket and says nothing.
        let confidence = 0.96 + (ticket.id * 37 % 100) as f64 / 4_000.0;
        let said =
            Said { severity: Severity::Low, confidence, critical: 0.0, reached: [reached, Vec::new()], queue: None };
        let name = name(ticket.id);
        let decision = TicketDecision {
            decision_id: Digest::of(name.as_bytes()),
            revision: Some(0),
            created_at: at,
            desk_time: at,
            slice: Arc::from("rest"),
            stage: self.state.slices.get("rest").map_or(Stage::Shadow, |slice| slice.standing.position.stage()),
            action: if met == Met::Drawn { ActionKind::People } else { ActionKind::Auto(AutoAction::Triage) },
            is_drawn: met == Met::Drawn,
            is_audit: met == Met::Audited,
            is_second_reading: false,
            answers: vec![ModelAnswer { role: ModelRole::Acting, model: Arc::clone(&self.model), said: Some(said) }],
            eligibility_digest: Digest::default(),
            source_severity: Some(Severity::Medium),
            fingerprint: Digest::of(ticket.group.to_string().as_bytes()),
            parent: None,
            is_human_touched: false,
        };
        let event = DecisionEvent::Decided(Box::new(decision));
        let ticket_id = TicketId::try_new(&name).expect("a good id");
        let arrival = Some(Arrival { at, slice: Arc::from("rest") });
        let appended = self.appended(EvidenceTopic::Decisions, at);
        self.evidence.add_decision(Recorded { appended, value: DecisionSeen { ticket_id, event, arrival } });
    }

    fn told(&mut self, told: Told) {
        let at = time(self.now);
        let ticket_id = TicketId::try_new(&name(told.ticket)).expect("a good id");
        let reviewer = Reviewer {
            id: ReviewerId::try_new("anna").expect("a good name"),
            role: ReviewerRole::Engineer,
            group: None,
        };
        let id = VerdictId::try_new(&format!("v-{}", told.ticket)).expect("a good id");
        // Nobody states a verdict in the instant of the decision.
        let bare = Verdict::bare(id, ticket_id, reviewer, at.plus_ms(1));
        let severity = Some(if told.judged == Judged::Wrong { Severity::High } else { Severity::Low });
        let verdict = Verdict { severity, closable: Some(Closable::Yes), ..bare };
        let appended = self.appended(EvidenceTopic::Verdicts, at);
        self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Verdict(Box::new(verdict)) });
    }

    /// The first look of a day; whether it has brought the slice to `auto_triage`. An operator who may choose looks at every
    /// threshold.
    fn look_at_midnight(&mut self, now: Tick) -> bool {
        self.evidence.forget_before(self.spec.evidence_since(time(now)));
        // The configured one is looked at with everything else.
        for place in 1..self.grid.len() {
            let spec = spec_at(&self.spec, self.grid[place]);
            let plan = self.plan(&spec, now);
            if plan.transition.as_ref().is_some_and(|transition| transition.kind == TransitionKind::Promoted) {
                self.take(&plan);
                break;
            }
        }
        self.look(now);
        self.state.slices.get("rest").is_some_and(|slice| slice.standing.position.is_automatic())
    }

    /// Everything that follows at an instant, at the configured threshold; the last transition.
    fn look(&mut self, now: Tick) -> Option<TransitionKind> {
        let mut last = None;
        loop {
            self.ask(now);
            let plan = self.plan(&self.spec, now);
            self.take(&plan);
            let Some(transition) = plan.transition else { return last };
            last = Some(transition.kind);
            if transition.kind == TransitionKind::SteppedBack {
                return last;
            }
        }
    }

    fn take(&mut self, plan: &Plan) {
        self.state = plan.after(&self.state);
        self.requests.retain(|record| record.offset >= self.state.control_next);
    }

    /// Asks for the next step, whatever it is, until an action is permitted.
    fn ask(&mut self, now: Tick) {
        let Some(slice) = self.state.slices.get("rest") else { return };
        if slice.request.is_some() || slice.standing.position.is_automatic() || !self.requests.is_empty() {
            return;
        }
        let ask = Ask::Promote(Promote { slice: Arc::from("rest"), against: self.state.revision, lock: Lock::Respect });
        let signed = Signature::try_new("shift-lead", "whatever is earned").expect("a name and a reason");
        let (at, offset) = (time(now), self.state.control_next);
        let request = ControlRequest { signed, at, expires: None, ask };
        self.requests.push(ControlRecord { offset, appended_at: at, request });
    }

    fn plan(&self, spec: &RolloutSpec, now: Tick) -> Plan {
        let now = time(now);
        let questions = self.state.questions(spec);
        let evaluation = evaluate(&self.evidence, &questions, spec, self.cut.clone(), now);
        let facts = Facts {
            configured: Arc::clone(&self.model),
            candidates: Vec::new(),
            eligibility_digest: Digest::default(),
            second_readings: Vec::new(),
            // Twenty a day are eligible.
            eligible_per_day: vec![(Arc::from("rest"), [Some(DAY as f64), None])],
            paces: Vec::new(),
            cut: self.cut.clone(),
            evidence_behind_ms: 0,
            closed: close(&self.evidence, &self.state, spec, &self.cut, now).map(Arc::new),
        };
        plan(&self.state, Ok(&evaluation), &self.requests, &facts, spec, now)
    }
}

fn spec(grid: &[Probability]) -> RolloutSpec {
    let limit = |rate| ErrorLimit::try_new(rate).expect("between 0 and 1");
    let limits = Limits {
        severity_error: limit(0.5),
        action_error: limit(LIMIT),
        critical_miss: [limit(0.5); 2],
        missing_verdicts: 1.0,
        late_decisions: 1.0,
        calibration_gap: 1.0,
        ..Limits::default()
    };
    RolloutSpec {
        slices: vec![SliceSpec { name: Arc::from("rest"), threshold: grid[0] }],
        threshold_grid: grid.to_vec(),
        limits,
        verdict_deadline_ms: 3 * DAY_MS,
        window_days: 28,
        soak_days: 0,
        soak_step_days: 0,
        cool_down_days: 3,
        approval_days: 365,
        working_hours: WorkingHours::USUAL,
        observed_only: Vec::new(),
        calendar: DeskCalendar::utc(),
        draw_rates: DrawRates {
            evidence_shadow: EvidenceRate::Fixed(EVIDENCE_SHARE),
            evidence_later: EvidenceRate::Fixed(EVIDENCE_SHARE),
            audit: AUDIT_SHARE,
            second_reading: 0.0,
            epoch: 0,
        },
        judged_by: JudgedBy::TheirWork,
    }
}

fn spec_at(spec: &RolloutSpec, threshold: Probability) -> RolloutSpec {
    RolloutSpec { slices: vec![SliceSpec { name: Arc::from("rest"), threshold }], ..spec.clone() }
}

const fn time(tick: Tick) -> UtcMillis {
    UtcMillis(BEGAN + tick as i64 * TICK_MS)
}

fn name(ticket: Tick) -> String {
    format!("T{ticket}")
}
