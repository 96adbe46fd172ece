use super::*;
use crate::admin::rollout::HaltsStatus;
use crate::domain::stage::Stage;
use crate::rollout::control::Lock;
use crate::rollout::reading::GateOutcome;
use crate::rollout::tests::desk::{DAY_MS, Desk};

fn rollout(not_renewed: Option<&str>) -> RolloutStatus {
    RolloutStatus {
        mode: "earned".into(),
        revision: 1,
        lease_left_s: Some(60.0),
        leader: None,
        is_leading: not_renewed.is_some(),
        not_renewed: not_renewed.map(str::to_owned),
        halts: HaltsStatus::default(),
        approvals: Vec::new(),
    }
}

fn behind(behind_ms: Option<i64>) -> ReadingStatus {
    ReadingStatus { behind_ms, ..ReadingStatus::default() }
}

fn read(desk: &Desk) -> GatesRead {
    GatesRead { evaluation: desk.evaluation(), spec: Arc::new(desk.spec.clone()), list: ResolveList::Empty }
}

/// What is shown of a desk whose gates were read now.
fn shown(desk: &Desk, rollout: &RolloutStatus, reading: &ReadingStatus) -> (GatesStatus, StepStatus) {
    let (gates, mut steps) = gates(Some(&read(desk)), &desk.state, rollout, reading, desk.now).unwrap();
    (gates, steps.remove(0).1)
}

#[test]
fn a_step_says_what_it_waits_for_who_has_asked_and_what_a_person_can_do() {
    let mut desk = Desk::at(Stage::Suggest);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.says().next = GateOutcome::Waiting;
    let (gates, step) = shown(&desk, &rollout(None), &behind(Some(4_000)));
    assert_eq!((gates.unread, gates.read_at), (None, Some(Instant(desk.now))));
    assert_eq!(step.advice, "gather");
    assert!(step.since.is_some() && step.to_do.ends_with("the step is asked for"), "{}", step.to_do);
    let next = step.next.unwrap();
    assert_eq!((next.permission.as_str(), next.rise.as_str()), ("auto_triage", "stage"));
    assert_eq!((next.counted, next.asked_by.as_deref()), (Some(CountedStatus { counted: 96, wrong: 1 }), Some("mira")));
    let gate = GateStatus { gate: "action_error".into(), sentence: "96 counted, 1 wrong".into() };
    assert_eq!(next.waits_for, [gate]);
    assert_eq!(step.expectation.as_deref(), Some("open"));
    let resolve =
        "auto_resolve is not reachable because no root cause and category may be resolved (policy.allow is empty)";
    assert_eq!(step.outlook.last().map(String::as_str), Some(resolve));
}

#[track_caller]
fn check_unread(rollout: &RolloutStatus, reading: &ReadingStatus, why: &str) {
    let desk = Desk::at(Stage::Suggest);
    let (gates, step) = shown(&desk, rollout, reading);
    assert_eq!((gates.unread.as_deref(), gates.read_at), (Some(why), None));
    assert_eq!((step.advice.as_str(), step.expectation, step.outlook.len()), ("wait_for_reading", None, 0));
    let next = step.next.unwrap();
    assert_eq!((next.counted, next.waits_for.len(), next.expected), (None, 0, None));
}

#[test]
fn where_evidence_is_behind_or_the_leader_could_not_evaluate_it_is_said_in_place_of_numbers() {
    check_unread(&rollout(None), &behind(None), "the evidence is still being read");
    check_unread(&rollout(None), &behind(Some(180_000)), "the evidence read so far is 3 min old");
    let why = "this instance leads and could not read them: the evidence thread has ended";
    check_unread(&rollout(Some("the evidence thread has ended")), &behind(Some(0)), why);
}

#[test]
fn a_reading_that_is_a_quarter_of_an_hour_old_is_not_shown() {
    let desk = Desk::at(Stage::Suggest);
    let unread = |ms: i64| {
        let now = desk.now.plus_ms(ms);
        gates(Some(&read(&desk)), &desk.state, &rollout(None), &behind(Some(0)), now).unwrap().0.unread
    };
    assert_eq!(unread(AGE_MS_MAX), None);
    assert_eq!(unread(AGE_MS_MAX + 1).as_deref(), Some("they were last read 15 min ago"));
}

#[test]
fn what_was_read_of_another_state_says_nothing_of_this_one() {
    let mut desk = Desk::begun();
    let before = read(&desk);
    desk.now = desk.now.plus_ms(DAY_MS);
    desk.climb("rest");
    let (_, steps) = gates(
        Some(&GatesRead { evaluation: Evaluation { at: desk.now, ..before.evaluation }, ..before }),
        &desk.state,
        &rollout(None),
        &behind(Some(0)),
        desk.now,
    )
    .unwrap();
    let step = &steps[0].1;
    assert_eq!((step.advice.as_str(), step.expectation.as_deref()), ("wait_for_reading", None));
    assert_eq!(step.next.as_ref().unwrap().counted, None);
}

#[test]
fn a_fixed_stage_has_no_gates_to_show() {
    let fixed = RolloutStatus { mode: "fixed".into(), ..rollout(None) };
    assert_eq!(gates(None, &RolloutState::default(), &fixed, &behind(Some(0)), UtcMillis(0)), None);
}
