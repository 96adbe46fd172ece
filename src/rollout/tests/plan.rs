//! Examples of the plan: each rule once, at its boundary.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::rollout::consequence::consequence;
use crate::rollout::control::{Ask, HaltScope, Lock, SwitchModel};
use crate::rollout::ladder::Position;
use crate::rollout::plan::{Candidate, Notice, Refusal, SecondReading, SecondView, Waits, WhyNot};
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::state::Basis;
use crate::rollout::transition::{Cause, TransitionKind};
use crate::rollout::wrong::Permission;

use super::desk::{DAY_MS, Desk, RESOLVE, Says, TRIAGE, model, probability, ticket};

fn stage(desk: &Desk) -> Stage {
    desk.position().stage()
}

fn attempts(desk: &Desk, version: &str) -> Vec<u32> {
    let basis = Basis { model: model(version), eligibility_digest: desk.facts.eligibility_digest };
    let slice = desk.slice("rest");
    Permission::ALL.map(|permission| slice.account(permission, &basis).map_or(0, |account| account.attempt)).to_vec()
}

fn back(to: Stage) -> Ask {
    Ask::StepBack { slice: "rest".into(), to }
}

fn switch_to(desk: &Desk, version: &str) -> Ask {
    let model = model(version);
    Ask::SwitchModel(SwitchModel {
        model_digest: model.digest,
        calibration_digest: model.calibration_digest,
        against: desk.state.revision,
    })
}

fn says(desk: &mut Desk, ticket: &str, view: SecondView) {
    desk.facts.second_readings.push(SecondReading { ticket: super::ticket(ticket), view });
}

/// Loads v2 as a candidate, opens its accounts, and says how far it has come.
fn with_candidate(desk: &mut Desk, earned: Stage) {
    desk.facts.candidates = vec![Candidate { model: model("v2"), reports: Vec::new() }];
    desk.settle();
    desk.facts.candidates = vec![desk.candidate("v2", earned)];
}

#[test]
fn a_rollout_begins_in_shadow_and_counts_from_there() {
    let mut desk = Desk::new(&["wireless", "rest"]);
    desk.pass_hours(5);
    assert_eq!(desk.kinds(), ["opened"]);
    assert_eq!((desk.state.revision, stage(&desk)), (1, Stage::Shadow));
    let account = &desk.slice("rest").accounts[0];
    assert_eq!((account.attempt, &account.after), (1, &desk.facts.cut));
    assert_eq!(desk.kinds(), Vec::<&str>::new());
}

#[test]
fn a_promotion_fires_after_midnight_and_not_on_the_day_it_was_asked_for() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    assert_eq!(desk.kinds(), ["requested"]);
    desk.pass_hours(11);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(1);
    assert_eq!(desk.kinds(), ["promoted"]);
    assert_eq!(stage(&desk), Stage::Suggest);
}

#[test]
fn a_promotion_asked_for_in_the_first_minute_of_a_day_is_not_read_with_that_day() {
    let mut desk = Desk::begun();
    desk.pass_hours(12);
    desk.promote("rest", Lock::Respect);
    let transitions = desk.settle();
    assert_eq!(transitions.len(), 1);
    assert_eq!(transitions[0].kind, TransitionKind::Requested);
    desk.pass_hours(23);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(1);
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn nothing_goes_up_that_nobody_asked_for_and_each_request_is_good_for_one_step() {
    let mut desk = Desk::begun();
    for _ in 0..9 {
        desk.pass_hours(24);
        assert_eq!(desk.kinds(), Vec::<&str>::new());
    }
    desk.climb("rest");
    for _ in 0..9 {
        desk.pass_hours(24);
        assert_eq!(desk.kinds(), Vec::<&str>::new());
    }
}

#[test]
fn a_gate_that_passes_at_noon_promotes_after_the_next_midnight() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    desk.says().next = GateOutcome::Waiting;
    desk.settle();
    desk.pass_hours(24);
    let notices = desk.step().notices;
    let why = Waits::Gate { gate: Gate::SeverityAccuracy, sentence: "96 counted, 1 wrong".to_owned() };
    assert_eq!(notices, [Notice::Waits { slice: "rest".into(), why }]);
    desk.says().next = GateOutcome::Pass;
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn a_failed_evaluation_at_midnight_is_made_up_for_by_the_next_one_that_succeeds() {
    let mut desk = Desk::begun();
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    desk.fails = true;
    let plan = desk.step();
    assert_eq!(plan.transition, None);
    assert!(matches!(plan.renewal, Err(WhyNot::Evaluation(_))));
    desk.fails = false;
    desk.facts.evidence_behind_ms = 60_001;
    assert_eq!(desk.step().renewal, Err(WhyNot::Behind { behind_ms: 60_001 }));
    desk.facts.evidence_behind_ms = 60_000;
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn the_whole_ladder_is_climbed_in_seven_steps() {
    let mut desk = Desk::begun();
    for _ in 0..7 {
        desk.climb("rest");
    }
    assert_eq!(desk.position().shares().map(Share::get), [0.8, 0.8]);
    let offset = desk.promote("rest", Lock::Respect);
    let refused = desk.step().refused;
    let why = Refusal::NothingAbove { slice: "rest".into(), stage: Stage::AutoResolve };
    assert_eq!((refused[0].offset, &refused[0].why), (offset, &why));
}

#[test]
fn a_request_against_a_revision_that_has_moved_on_is_refused() {
    let mut desk = Desk::at(Stage::Suggest);
    let seen = desk.state.revision;
    desk.ask(back(Stage::Shadow));
    let ask =
        |against| Ask::Promote(crate::rollout::control::Promote { slice: "rest".into(), against, lock: Lock::Respect });
    desk.ask(ask(seen));
    desk.ask(ask(seen + 9));
    assert_eq!(desk.step().transition.map(|transition| transition.kind), Some(TransitionKind::SteppedBack));
    let why: Vec<Refusal> = desk.step().refused.into_iter().map(|refused| refused.why).collect();
    let moved_on = |against| Refusal::MovedOn { against, revision: seen + 1 };
    assert_eq!(why, [moved_on(seen), moved_on(seen + 9)]);
}

#[test]
fn an_alarm_takes_its_permission_and_all_above_and_opens_new_attempts_at_half_the_level() {
    let mut desk = Desk::at(Stage::AutoResolve);
    desk.says().breached = Some((RESOLVE, Gate::ActionError));
    let transitions = desk.settle();
    assert_eq!(stage(&desk), Stage::AutoTriage);
    assert_eq!(attempts(&desk, "v1"), [1, 1, 2]);
    assert_eq!(transitions[0].cause, Cause::Alarm { permission: RESOLVE, gate: Gate::ActionError });
    assert_eq!(transitions[0].reports[0].slice, Arc::from("rest"));
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    desk.settle();
    assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Suggest, vec![1, 2, 3]));
    desk.says().breached = Some((Permission::Suggest, Gate::SeverityAccuracy));
    desk.settle();
    assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Shadow, vec![2, 3, 4]));
}

#[test]
fn a_breach_sends_what_was_done_to_people_again() {
    let mut desk = Desk::at(Stage::AutoResolve);
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    let rechecks = desk.step().rechecks;
    let shown: Vec<_> =
        rechecks.iter().map(|recheck| (recheck.action, recheck.tickets[0].as_str(), recheck.left_out)).collect();
    let expected = [(AutoAction::Triage, "acted-auto_triage", 2), (AutoAction::Resolve, "acted-auto_resolve", 2)];
    assert_eq!(shown, expected);
    let mut desk = Desk::at(Stage::AutoResolve);
    desk.ask(back(Stage::Suggest));
    assert_eq!(desk.step().rechecks, []);
}

#[test]
fn a_gate_that_is_only_observed_takes_nothing_away() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.spec.observed_only = vec![Gate::ActionError];
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    let plan = desk.step();
    assert_eq!(plan.transition, None);
    assert_eq!(plan.notices, [Notice::Observed { slice: "rest".into(), gate: Gate::ActionError }]);
}

#[test]
fn nothing_is_earned_in_the_cool_down_and_the_second_breach_locks() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    desk.settle();
    *desk.says() = Says::well();
    desk.promote("rest", Lock::Respect);
    desk.settle();
    for _ in 0..2 {
        desk.pass_hours(24);
        assert_eq!(desk.kinds(), Vec::<&str>::new());
    }
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["promoted"]);
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    desk.settle();
    *desk.says() = Says::well();
    assert!(desk.slice("rest").is_locked);
    desk.promote("rest", Lock::Respect);
    assert_eq!(desk.step().refused[0].why, Refusal::Locked("rest".into()));
    desk.promote("rest", Lock::Lift);
    desk.says().next = GateOutcome::Waiting;
    desk.settle();
    desk.pass_hours(5 * 24);
    assert_eq!(desk.kinds(), Vec::<&str>::new(), "it lifts no gate");
    desk.says().next = GateOutcome::Pass;
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["promoted"]);
    assert!(!desk.slice("rest").is_locked);
}

#[test]
fn two_breaches_further_apart_than_the_window_do_not_lock() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    desk.settle();
    *desk.says() = Says::well();
    desk.pass_hours(28 * 24 - 24);
    desk.climb("rest");
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    desk.settle();
    assert!(!desk.slice("rest").is_locked);
}

#[test]
fn a_hole_shows_instead_of_acting_until_a_person_acknowledges_it_and_keeps_the_accounts() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.holes = vec!["decisions partition 0".to_owned(), "verdicts partition 1".to_owned()];
    assert_eq!(desk.kinds(), ["stepped_back"]);
    assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Suggest, vec![1, 1, 1]));
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(4 * 24);
    assert_eq!(desk.kinds(), Vec::<&str>::new(), "promotion waits");
    desk.ask(Ask::AcknowledgeHoles { holes: vec!["decisions partition 0".to_owned()] });
    assert_eq!(desk.kinds(), ["acknowledged"]);
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), Vec::<&str>::new(), "the other one is open");
    desk.ask(Ask::AcknowledgeHoles { holes: desk.holes.clone() });
    desk.settle();
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["promoted"]);
}

#[test]
fn five_silent_tickets_step_back_and_four_do_not() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().silent = 4;
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.says().silent = 5;
    assert_eq!(desk.settle()[0].cause, Cause::Silence { tickets: 5 });
    assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Suggest, vec![1, 1, 1]));
    assert!(!desk.slice("rest").is_locked);
}

#[test]
fn a_hard_stop_takes_the_share_and_the_grant_and_a_refusal_gives_both_back() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let before = desk.state.stage_map(&desk.spec).slices[0].clone();
    desk.says().critical = vec![ticket("T1")];
    let plan = desk.step();
    assert_eq!(plan.read_again, [ticket("T1")]);
    let map = desk.state.stage_map(&desk.spec);
    assert_eq!((map.slices[0].stage, map.slices[0].shares), (Stage::AutoTriage, [Share::ZERO; 2]));
    assert_eq!(map.slices[0].grants, [None, None]);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    says(&mut desk, "T1", SecondView::Refuted);
    assert_eq!(desk.kinds(), ["returned"]);
    assert_eq!(desk.state.stage_map(&desk.spec).slices[0], before);
    assert_eq!(attempts(&desk, "v1"), [1, 1, 1]);
}

#[test]
fn a_confirmed_hard_stop_and_one_without_an_answer_for_a_day_step_back_with_a_new_attempt() {
    let mut confirmed = Desk::at(Stage::AutoTriage);
    confirmed.says().critical = vec![ticket("T1"), ticket("T2")];
    confirmed.settle();
    let mut unanswered = confirmed.clone();
    says(&mut confirmed, "T1", SecondView::Refuted);
    says(&mut confirmed, "T2", SecondView::Confirmed);
    assert_eq!(confirmed.settle()[0].cause, Cause::Confirmed { ticket: ticket("T2") });
    unanswered.pass_hours(23);
    assert_eq!(unanswered.kinds(), Vec::<&str>::new());
    unanswered.pass_hours(1);
    assert_eq!(unanswered.settle()[0].cause, Cause::Unanswered { ticket: ticket("T1") });
    for desk in [confirmed, unanswered] {
        assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Suggest, vec![1, 2, 2]));
        assert_eq!(desk.slice("rest").suspension, None);
    }
}

#[test]
fn stepping_back_by_hand_does_not_escape_a_hard_stop() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().critical = vec![ticket("T1")];
    desk.settle();
    desk.ask(back(Stage::Suggest));
    desk.settle();
    assert_eq!(attempts(&desk, "v1"), [1, 1, 1]);
    says(&mut desk, "T1", SecondView::Confirmed);
    desk.settle();
    assert_eq!(attempts(&desk, "v1"), [1, 2, 2]);
}

#[test]
fn a_second_critical_ticket_is_asked_about_before_the_share_returns() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().critical = vec![ticket("T1")];
    desk.settle();
    says(&mut desk, "T1", SecondView::Refuted);
    desk.says().critical.push(ticket("T2"));
    assert_eq!(desk.kinds(), ["suspended"]);
    says(&mut desk, "T2", SecondView::Refuted);
    assert_eq!(desk.kinds(), ["returned"]);
}

#[test]
fn drift_freezes_the_share_and_takes_nothing_away() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.says().breached = Some((TRIAGE, Gate::Drift));
    desk.pass_hours(24);
    let plan = desk.step();
    assert_eq!(plan.transition, None);
    assert!(plan.notices.contains(&Notice::Waits { slice: "rest".into(), why: Waits::Drift }));
}

#[test]
fn a_switch_keeps_what_the_other_model_has_earned_on_the_first_share_and_no_more() {
    let mut desk = Desk::at(Stage::AutoResolve);
    with_candidate(&mut desk, Stage::AutoTriage);
    let said = consequence(
        &desk.state,
        &desk.spec,
        &model("v2"),
        &desk.facts.candidates[0].reports,
        |slice| desk.facts.eligible_per_day(slice),
        desk.now,
    );
    assert_eq!(
        said.map(|said| said.to_string()).as_deref(),
        Some(
            "rest: v1: auto_resolve 10 %; v2 has earned auto_triage: 96 counted, 1 wrong; switching now steps rest back \
             to auto_triage 5 %; when v2 reaches auto_resolve cannot be said yet"
        )
    );
    let ask = switch_to(&desk, "v2");
    desk.ask(ask);
    assert_eq!(desk.kinds(), ["switched"]);
    let fifth = Share::try_new(0.05).unwrap();
    assert_eq!(Ok(desk.position()), Position::try_new(Stage::AutoTriage, [fifth, Share::ZERO]));
    let map = desk.state.stage_map(&desk.spec);
    let grant = map.slices[0].grants[0].clone().unwrap();
    assert_eq!(grant.model_digest, Some(model("v2").digest));
}

#[test]
fn a_switch_to_a_model_without_evidence_goes_back_to_shadow_and_to_one_that_is_not_loaded_is_refused() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let ask = switch_to(&desk, "v2");
    desk.ask(ask);
    assert_eq!(desk.step().refused[0].why, Refusal::NotLoaded);
    with_candidate(&mut desk, Stage::Shadow);
    let ask = switch_to(&desk, "v2");
    desk.ask(ask);
    assert_eq!(desk.kinds(), ["switched"]);
    assert_eq!(stage(&desk), Stage::Shadow);
}

#[test]
fn a_breach_soon_after_a_switch_goes_back_to_the_model_before_and_raises_nothing() {
    let mut desk = Desk::at(Stage::AutoResolve);
    with_candidate(&mut desk, Stage::AutoTriage);
    let ask = switch_to(&desk, "v2");
    desk.ask(ask);
    desk.settle();
    let mut late = desk.clone();
    desk.pass_hours(71);
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    assert_eq!(desk.kinds(), ["swapped_back"]);
    assert_eq!(
        (stage(&desk), attempts(&desk, "v1"), attempts(&desk, "v2")),
        (Stage::Suggest, vec![1, 1, 1], vec![1, 2, 2])
    );
    assert_eq!(desk.state.basis.as_ref().map(|basis| &basis.model), Some(&model("v1")));
    late.pass_hours(72);
    late.says().breached = Some((TRIAGE, Gate::ActionError));
    assert_eq!(late.kinds(), ["stepped_back"]);
    assert_eq!(late.state.basis.as_ref().map(|basis| &basis.model), Some(&model("v2")));
}

#[test]
fn other_eligibility_acts_on_nothing_and_begins_its_accounts() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let old = desk.state.basis.clone().unwrap();
    desk.facts.eligibility_digest = Digest::of(b"other");
    assert_eq!(desk.kinds(), ["reconfigured", "opened"]);
    assert_eq!((stage(&desk), attempts(&desk, "v1")), (Stage::Suggest, vec![1, 1, 1]));
    desk.facts.eligibility_digest = old.eligibility_digest;
    assert_eq!(desk.kinds(), ["reconfigured"], "the accounts before are still there");
    assert_eq!(desk.slice("rest").cool_down_until, None);
}

#[test]
fn a_lower_threshold_is_earned_at_its_own_weight_before_anything_is_done_with_it() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.spec.slices[0].threshold = probability(0.9);
    let question = &desk.state.questions(&desk.spec)[0];
    let next = question.next.as_ref().unwrap();
    assert_eq!((next.account.account.threshold, next.account.threshold_weight), (probability(0.9), 0.1));
    assert_eq!(question.in_force[1].account.threshold, probability(0.95));
    let lowest = |desk: &Desk| desk.state.stage_map(&desk.spec).slices[0].grants[0].as_ref().unwrap().threshold_min;
    assert_eq!(lowest(&desk), probability(0.95));
    let before = desk.position();
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    assert_eq!(desk.kinds(), ["threshold_lowered"]);
    assert_eq!((desk.position(), lowest(&desk)), (before, probability(0.9)));
}

#[test]
fn an_evaluation_of_another_state_moves_nothing() {
    let mut desk = Desk::at(Stage::Suggest);
    let stale = desk.evaluation();
    desk.climb("rest");
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    let late = crate::rollout::reading::Evaluation { at: desk.now, ..stale };
    let plan = desk.plan_on(&late);
    assert_eq!(plan.transition, None);
    assert_eq!(plan.renewal, Err(WhyNot::Unevaluated { slice: "rest".into() }));
}

#[test]
fn a_step_back_by_hand_voids_what_was_asked_and_says_whose_it_was() {
    let mut desk = Desk::at(Stage::Suggest);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.ask(back(Stage::Shadow));
    let notices = desk.step().notices;
    assert_eq!(notices, [Notice::Void { slice: "rest".into(), who: "mira".to_owned() }]);
    desk.pass_hours(5 * 24);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
}

#[test]
fn records_are_answered_once_and_a_halt_needs_no_transition() {
    let mut desk = Desk::begun();
    desk.ask(Ask::Halt(HaltScope::All));
    desk.ask(back(Stage::Shadow));
    let plan = desk.step();
    assert_eq!((plan.transition, plan.refused.len()), (None, 1));
    assert_eq!(desk.state.control_next, 2);
    assert_eq!(desk.step().refused, []);
}

#[test]
fn an_expired_request_is_refused_and_one_that_expires_later_waits_in_vain() {
    let mut desk = Desk::begun();
    for (offset, expires) in [(0, 0), (1, DAY_MS / 4)] {
        desk.promote("rest", Lock::Respect);
        desk.requests[offset].request.expires = Some(desk.now.plus_ms(expires));
    }
    let plan = desk.step();
    assert_eq!(plan.refused[0].why, Refusal::Expired);
    assert_eq!(plan.transition.map(|transition| transition.kind), Some(TransitionKind::Requested));
    desk.pass_hours(24);
    assert_eq!(desk.step().notices, [Notice::Waits { slice: "rest".into(), why: Waits::Expired }]);
}
