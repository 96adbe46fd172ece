//! A desk through fold, gates, closing and plan beside the rule at verdict level: the same tickets, the same day. The large
//! one is `benches/rollout_simulation`.

use std::collections::BTreeMap;

use super::super::closing::close;
use super::super::control::{Ask, ControlRecord, ControlRequest, Lock, Promote, Signature};
use super::super::evaluate::evaluate;
use super::super::local_time::DeskCalendar;
use super::super::log::Cut;
use super::super::plan::{Facts, plan};
use super::super::spec::{Limits, RolloutSpec};
use super::super::state::RolloutState;
use super::*;
use crate::statistics::e_process::ln_evidence;
use crate::statistics::level::{ALPHA, CONFIGURED_WEIGHT, Level};
use crate::statistics::random::SeededRandom;
use crate::statistics::tally::{ErrorLimit, Tally};

const PER_DAY: i64 = 10;
const DAYS: i64 = 75;
/// Monday, 2 November 2026.
const BEGAN: i64 = 20_759 * 24;

/// Whether each ticket is wrong, as drawn.
fn truths(error: f64, seed: u64) -> Vec<bool> {
    let mut random = SeededRandom::new(seed);
    (0..DAYS * PER_DAY).map(|_| random.happens(error)).collect()
}

fn created(number: i64) -> UtcMillis {
    hour(BEGAN).plus_ms(number * DAY_MS / PER_DAY)
}

/// The day at whose midnight the rule promotes: all tickets past their deadline, in order.
fn at_verdict_level(truths: &[bool], limit: ErrorLimit) -> Option<i64> {
    let level = Level::try_new(1.0, CONFIGURED_WEIGHT, ALPHA, 1).unwrap();
    (0..=DAYS).find(|day| {
        let counted = (day * PER_DAY - 3 * PER_DAY + 1).clamp(0, DAYS * PER_DAY) as usize;
        let wrong = truths[..counted].iter().filter(|wrong| **wrong).count() as u64;
        ln_evidence(Tally::try_new(counted as u64, wrong).unwrap(), limit) >= level.ln_required()
    })
}

/// Only `action_error` decides.
fn wide(limit: ErrorLimit) -> RolloutSpec {
    let half = ErrorLimit::try_new(0.5).unwrap();
    let limits = Limits {
        severity_error: half,
        action_error: limit,
        critical_miss: [half; 2],
        calibration_gap: 1.0,
        ..Limits::default()
    };
    // Whoever asks here asks once, and the step may take a season.
    let approval_days = 365;
    RolloutSpec { limits, soak_days: 0, approval_days, calendar: DeskCalendar::utc(), ..desk::spec(&["rest"]) }
}

struct Leader {
    evidence: Evidence,
    cut: Cut,
    state: RolloutState,
    spec: RolloutSpec,
}

impl Leader {
    fn meet(&mut self, number: i64, is_wrong: bool) {
        let (name, at) = (format!("S{number}"), created(number));
        let answers = vec![varied(number)];
        let decided = TicketDecision { answers, source_severity: Some(Severity::Medium), ..decision(&name, at) };
        let event = DecisionEvent::Decided(Box::new(decided));
        let arrival = Some(Arrival { at, slice: Arc::from("rest") });
        let seen = DecisionSeen { ticket_id: ticket(&name), event, arrival };
        let place = |topic| Position { topic, partition: 0, offset: number };
        let appended = Appended { at, position: place(EvidenceTopic::Decisions) };
        self.evidence.add_decision(Recorded { appended, value: seen });
        let (severity, stated_at) = (if is_wrong { Severity::High } else { Severity::Low }, at.plus_ms(2 * HOUR_MS));
        let verdict = Verdict {
            ticket_id: ticket(&name),
            decided_at: stated_at,
            closable: Some(Closable::Yes),
            ..stated(&name, "anna", severity)
        };
        let appended = Appended { at: stated_at, position: place(EvidenceTopic::Verdicts) };
        self.evidence.add_verdict(Recorded { appended, value: VerdictEvent::Verdict(Box::new(verdict)) });
        [EvidenceTopic::Decisions, EvidenceTopic::Verdicts].map(place).into_iter().for_each(|at| self.cut.pass(at));
    }

    /// Plans until nothing follows; whoever sits there asks for every step.
    fn look(&mut self, now: UtcMillis) {
        self.evidence.forget_before(self.spec.evidence_since(now));
        loop {
            let is_asked = self.state.slices.get("rest").is_none_or(|slice| slice.request.is_some());
            let requests = if is_asked { Vec::new() } else { vec![self.request(now)] };
            let questions = self.state.questions(&self.spec);
            let evaluation = evaluate(&self.evidence, &questions, &self.spec, self.cut.clone(), now);
            let facts = Facts {
                configured: model("v1"),
                candidates: Vec::new(),
                eligibility_digest: Digest::default(),
                second_readings: Vec::new(),
                eligible_per_day: vec![(Arc::from("rest"), [Some(PER_DAY as f64), None])],
                // Every ticket of it is drawn.
                paces: Vec::new(),
                cut: self.cut.clone(),
                evidence_behind_ms: 0,
                closed: close(&self.evidence, &self.state, &self.spec, &self.cut, now).map(Arc::new),
            };
            let plan = plan(&self.state, Ok(&evaluation), &requests, &facts, &self.spec, now);
            self.state = plan.after(&self.state);
            if plan.transition.is_none() {
                return;
            }
        }
    }

    fn request(&self, now: UtcMillis) -> ControlRecord {
        let ask = Ask::Promote(Promote { slice: Arc::from("rest"), against: self.state.revision, lock: Lock::Respect });
        let signed = Signature::try_new("shift-lead", "whatever is earned").unwrap();
        let request = ControlRequest { signed, at: now, expires: None, ask };
        ControlRecord { offset: self.state.control_next, appended_at: now, request }
    }
}

/// An answer whose confidence differs from ticket to ticket and says nothing.
fn varied(number: i64) -> ModelAnswer {
    let answer = answer(ModelRole::Acting, "v1", Some(Severity::Low));
    let confidence = 0.96 + (number * 37 % 100) as f64 / 4_000.0;
    ModelAnswer { said: answer.said.map(|said| Said { confidence, ..said }), ..answer }
}

/// The day at whose midnight the slice acts.
fn through_everything(truths: &[bool], limit: ErrorLimit) -> Option<i64> {
    let mut leader =
        Leader { evidence: Evidence::default(), cut: Cut::start(), state: RolloutState::default(), spec: wide(limit) };
    leader.look(hour(BEGAN));
    for day in 0..=DAYS {
        leader.look(hour(BEGAN + day * 24));
        if leader.state.slices["rest"].standing.position.is_automatic() {
            return Some(day);
        }
        for number in day * PER_DAY..((day + 1) * PER_DAY).min(DAYS * PER_DAY) {
            leader.meet(number, truths[number as usize]);
        }
    }
    None
}

#[test]
fn through_fold_gates_and_plan_a_desk_is_promoted_when_the_rule_at_verdict_level_says() {
    let limit = ErrorLimit::try_new(0.02).unwrap();
    let mut promoted = BTreeMap::new();
    for (error, seeds) in [(0.003, 1..=3), (0.02, 11..=12)] {
        for seed in seeds {
            let truths = truths(error, seed);
            let (alone, whole) = (at_verdict_level(&truths, limit), through_everything(&truths, limit));
            // Most need more days than the window holds.
            assert!(
                alone.zip(whole).is_none_or(|(alone, whole)| (alone..=alone + 1).contains(&whole)),
                "{alone:?} {whole:?}"
            );
            assert_eq!(
                alone.is_some_and(|day| day < DAYS),
                whole.is_some_and(|day| day <= DAYS),
                "{alone:?} {whole:?}"
            );
            *promoted.entry(error.to_string()).or_insert(0) += u64::from(whole.is_some());
        }
    }
    assert_eq!(promoted, BTreeMap::from([("0.003".to_owned(), 3), ("0.02".to_owned(), 0)]));
}
