//! Down: alarms, holes, silence, hard stops.

use std::sync::Arc;

use crate::domain::stage::{AutoAction, Share, Stage};
use crate::rollout::control::{Ask, Lock};
use crate::rollout::plan::{Notice, Refusal, SecondView};
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::transition::Cause;
use crate::rollout::wrong::Permission;

use crate::rollout::tests::desk::{Desk, RESOLVE, Says, TRIAGE, ticket};

use super::*;

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
