//! What screens show, by what has happened.

use crate::domain::stage::Stage;
use crate::rollout::control::{Ask, Lock};
use crate::rollout::reading::{Gate, GateOutcome, Missing};
use crate::rollout::snapshot::{Advice, Snapshot, snapshot};
use crate::rollout::tests::desk::{DAY_MS, Desk, TRIAGE, ticket};
use crate::statistics::forecast::{Days, ToGo};

fn shown(desk: &Desk) -> Snapshot {
    snapshot(&desk.state, Some(&desk.evaluation()), &desk.spec, desk.now)
}

#[track_caller]
fn check(desk: &Desk, expected: &Advice) {
    assert_eq!(shown(desk).slices[0].advice, *expected);
}

#[test]
fn the_most_urgent_thing_that_a_person_can_do_is_said_first() {
    let mut desk = Desk::new(&["rest"]);
    check(&desk, &Advice::WaitForReading);
    desk.settle();
    check(&desk, &Advice::Promote);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    check(&desk, &Advice::WaitForMidnight);
    assert_eq!(shown(&desk).slices[0].next.as_ref().unwrap().asked_by.as_deref(), Some("mira"));
    desk.says().next = GateOutcome::Waiting;
    check(&desk, &Advice::Gather { gate: Gate::SeverityAccuracy, is_asked: true });
    desk.ask(Ask::StepBack { slice: "rest".into(), to: Stage::Shadow });
    assert_eq!(desk.step().refused.len(), 1);

    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().critical = vec![ticket("T1")];
    desk.settle();
    check(&desk, &Advice::ReadAgain(vec![ticket("T1")]));
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.holes = vec!["decisions partition 0".to_owned()];
    check(&desk, &Advice::AcknowledgeHole);
    desk.holes.clear();
    desk.ask(Ask::StepBack { slice: "rest".into(), to: Stage::Suggest });
    desk.settle();
    desk.pass_hours(1);
    check(&desk, &Advice::CoolDown { hours: 71 });
}

#[test]
fn an_approval_that_runs_out_is_asked_for_a_week_before_unless_a_promotion_gives_it() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.says().next = GateOutcome::Waiting;
    desk.pass_hours(22 * 24 - 1);
    check(&desk, &Advice::Gather { gate: Gate::ActionError, is_asked: false });
    desk.pass_hours(1);
    check(&desk, &Advice::ApproveAgain { slice: "rest".into(), hours: 168 });
    desk.says().next = GateOutcome::Pass;
    check(&desk, &Advice::Promote);
    // No promotion would come in time.
    desk.pass_hours(5 * 24);
    check(&desk, &Advice::ApproveAgain { slice: "rest".into(), hours: 48 });
    desk.pass_hours(2 * 24);
    desk.settle();
    check(&desk, &Advice::Approve("rest".into()));
}

#[test]
fn a_locked_slice_says_so_and_the_top_has_nothing_above() {
    let mut desk = Desk::at(Stage::AutoTriage);
    for _ in 0..2 {
        desk.says().breached = Some((TRIAGE, Gate::ActionError));
        desk.settle();
        desk.says().breached = None;
        if !desk.slice("rest").is_locked {
            desk.pass_hours(72);
            desk.climb("rest");
        }
    }
    check(&desk, &Advice::LookThenOverride);
    let mut desk = Desk::begun();
    for _ in 0..7 {
        desk.climb("rest");
    }
    check(&desk, &Advice::Nothing);
    assert_eq!(shown(&desk).slices[0].next, None);
}

#[test]
fn the_expected_day_is_that_of_the_slowest_gate_and_unknown_if_one_is_unknown() {
    let mut desk = Desk::begun();
    desk.says().next = GateOutcome::Waiting;
    let mut evaluation = desk.evaluation();
    let expected = |evaluation: &crate::rollout::reading::Evaluation| {
        snapshot(&desk.state, Some(evaluation), &desk.spec, desk.now).slices[0].next.as_ref().unwrap().expected
    };
    assert_eq!(expected(&evaluation), None);
    let days = Days { expected: 8.0, low: 6.0, high: 11.0 };
    let to_go = ToGo { if_all_right: Some(180), at_present_error: Some(180) };
    let gates = &mut evaluation.slices[0].next.as_mut().unwrap().gates;
    gates[0].missing = Some(Missing::Verdicts(to_go, Some(days)));
    let mut soak = gates[0].clone();
    soak.missing = Some(Missing::Until(desk.now.plus_ms(3 * DAY_MS)));
    gates.push(soak);
    assert_eq!(expected(&evaluation), Some(desk.now.plus_ms(8 * DAY_MS)));
}
