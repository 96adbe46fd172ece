//! A person's word runs out: in working hours, with the stage kept and nothing automatic.

use crate::domain::stage::{AutoAction, Stage};
use crate::rollout::control::Lock;
use crate::rollout::plan::{Notice, Refusal, Waits};
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::snapshot::{Advice, snapshot};
use crate::rollout::tests::desk::{DAY_MS, Desk, RESOLVE, TRIAGE};
use crate::rollout::transition::{Cause, TransitionKind};

use super::{back, stage, switch_to, with_candidate};

/// Whether the slice may do anything by itself.
fn acts(desk: &Desk) -> bool {
    let map = desk.state.stage_map(&desk.spec);
    let entry = &map.slices[0];
    let granted = AutoAction::ALL.map(|action| entry.grants[action.index()].is_some());
    let shared = entry.shares.map(|share| share.get() > 0.0);
    assert_eq!(granted, shared, "a grant and a share come and go together");
    granted.contains(&true)
}

fn approved_by(desk: &Desk) -> Option<&str> {
    desk.slice("rest").approval.as_ref().map(|approval| approval.signed.who())
}

/// A slice that acts and whose approval, asked for at noon of a Saturday, is thirty days old: noon of a Monday.
fn old() -> Desk {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.pass_hours(29 * 24);
    desk
}

#[test]
fn a_promotion_is_an_approval_and_runs_out_after_thirty_days() {
    let mut desk = Desk::at(Stage::Suggest);
    assert_eq!((approved_by(&desk), acts(&desk)), (None, false));
    desk.climb("rest");
    assert_eq!((approved_by(&desk), acts(&desk)), (Some("mira"), true));
    let position = desk.position();
    // It was asked for the day before.
    desk.pass_hours(29 * 24 - 1);
    assert!(desk.settle().is_empty() && acts(&desk));
    desk.pass_hours(1);
    let made = desk.settle();
    assert_eq!(made.iter().map(|made| made.kind).collect::<Vec<_>>(), [TransitionKind::ApprovalEnded]);
    assert_eq!(made[0].cause, Cause::ApprovalOld { who: "mira".into(), days: 30 });
    assert_eq!((approved_by(&desk), acts(&desk)), (None, false));
    assert_eq!(desk.position(), position, "the stage is kept");
    desk.climb_must_wait();
}

#[test]
fn it_runs_out_in_working_hours_alone() {
    let mut desk = old();
    // Monday, 20 o'clock, until Tuesday, 7 o'clock.
    desk.pass_hours(8);
    for _ in 0..11 {
        assert!(desk.settle().is_empty() && acts(&desk), "it does not end at night");
        desk.pass_hours(1);
    }
    desk.pass_hours(1);
    assert_eq!(desk.kinds(), ["approval_ended"]);

    // Approved on a Thursday, it would run out on a Saturday, and does on the Monday.
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.pass_hours(4 * 24);
    desk.approve("rest");
    assert_eq!(desk.kinds(), ["approved"]);
    desk.pass_hours(30 * 24);
    for _ in 0..12 + 24 + 8 {
        assert!(desk.settle().is_empty() && acts(&desk), "it does not end at a weekend");
        desk.pass_hours(1);
    }
    assert_eq!((desk.spec.calendar.day(desk.now).weekday(), desk.spec.calendar.hour(desk.now)), (0, 8));
    assert_eq!(desk.kinds(), ["approval_ended"]);
}

#[test]
fn approving_before_it_ends_begins_the_thirty_days_anew_and_afterwards_gives_the_share_back() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let (since, moved_in) = (desk.slice("rest").since, desk.slice("rest").moved_in);
    desk.pass_hours(20 * 24);
    desk.approve("rest");
    assert_eq!(desk.kinds(), ["approved"]);
    desk.pass_hours(20 * 24);
    assert!(desk.settle().is_empty() && acts(&desk));
    desk.pass_hours(13 * 24);
    assert_eq!(desk.kinds(), ["approval_ended"]);
    assert!(!acts(&desk));
    desk.approve("rest");
    assert_eq!(desk.kinds(), ["approved"]);
    assert!(acts(&desk));
    let slice = desk.slice("rest");
    assert_eq!((slice.since, slice.moved_in), (since, moved_in), "it has stood there all the time");
}

#[test]
fn a_step_up_is_an_approval_and_waits_where_nobody_approves_the_step_before() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.pass_hours(20 * 24);
    desk.climb("rest");
    let asked_at = desk.now.plus_ms(-DAY_MS);
    assert_eq!(desk.slice("rest").approval.as_ref().map(|approval| approval.at), Some(asked_at));
    desk.pass_hours(31 * 24);
    desk.settle();
    assert!(!acts(&desk));
    desk.climb_must_wait();
    desk.approve("rest");
    let made = desk.kinds();
    assert_eq!(made.first(), Some(&"approved"), "{made:?}");
}

#[test]
fn what_is_watched_steps_back_while_nobody_approves_it_and_needs_no_approval_then() {
    let mut desk = old();
    desk.settle();
    desk.says().breached = Some((TRIAGE, Gate::ActionError));
    assert_eq!(desk.kinds(), ["stepped_back"]);
    assert_eq!((stage(&desk), approved_by(&desk)), (Stage::Suggest, None));
    let offset = desk.approve("rest");
    let refused = desk.step().refused;
    let why = Refusal::NothingAutomatic { slice: "rest".into(), stage: Stage::Suggest };
    assert_eq!(
        refused.iter().map(|refused| (refused.offset, refused.why.clone())).collect::<Vec<_>>(),
        [(offset, why)]
    );
}

#[test]
fn a_step_back_to_a_weaker_action_keeps_the_approval() {
    let mut desk = Desk::at(Stage::AutoResolve);
    desk.says().breached = Some((RESOLVE, Gate::ReopenRate));
    assert_eq!(desk.kinds(), ["stepped_back"]);
    assert_eq!((stage(&desk), approved_by(&desk), acts(&desk)), (Stage::AutoTriage, Some("mira"), true));
    desk.ask(back(Stage::Suggest));
    desk.says().breached = None;
    desk.settle();
    assert_eq!(approved_by(&desk), None);
}

#[test]
fn who_switches_the_model_approves_it_where_somebody_let_the_slice_act() {
    let mut desk = Desk::at(Stage::AutoTriage);
    with_candidate(&mut desk, Stage::AutoTriage);
    desk.pass_hours(10 * 24);
    let switch = switch_to(&desk, "v2");
    desk.ask(switch);
    assert_eq!(desk.kinds(), ["switched"]);
    assert_eq!(desk.slice("rest").approval.as_ref().map(|approval| approval.at), Some(desk.now));

    let mut desk = old();
    desk.settle();
    with_candidate(&mut desk, Stage::AutoTriage);
    let switch = switch_to(&desk, "v2");
    desk.ask(switch);
    assert_eq!(desk.kinds(), ["switched"]);
    assert_eq!((stage(&desk), approved_by(&desk), acts(&desk)), (Stage::AutoTriage, None, false));
}

#[test]
fn a_word_counts_from_when_it_was_given_and_an_old_one_lets_nothing_act() {
    // Asked for early, and the gates take a month.
    let mut desk = Desk::at(Stage::Suggest);
    desk.promote("rest", Lock::Respect);
    desk.says().next = GateOutcome::Waiting;
    desk.settle();
    let asked_at = desk.now;
    desk.pass_hours(29 * 24);
    desk.settle();
    let mut late = desk.clone();
    desk.says().next = GateOutcome::Pass;
    desk.pass_hours(12);
    assert_eq!(desk.kinds(), ["promoted"]);
    assert_eq!(desk.slice("rest").approval.as_ref().map(|approval| approval.at), Some(asked_at));
    late.pass_hours(24);
    late.says().next = GateOutcome::Pass;
    let notices = late.step().notices;
    assert!(notices.contains(&Notice::Waits { slice: "rest".into(), why: Waits::Expired }), "{notices:?}");
    let shown = snapshot(&late.state, Some(&late.evaluation()), &late.spec, late.now);
    assert_eq!(shown.slices[0].advice, Advice::Promote, "somebody must ask again");
    late.promote("rest", Lock::Respect);
    late.settle();
    late.pass_hours(24);
    assert_eq!(late.kinds(), ["promoted"]);

    // Nobody led for a month after somebody had approved.
    let mut desk = old();
    desk.settle();
    desk.approve("rest");
    desk.pass_hours(30 * 24);
    let refused = desk.step().refused;
    assert_eq!(refused.iter().map(|refused| &refused.why).collect::<Vec<_>>(), [&Refusal::Expired]);
    assert!(!acts(&desk));
}

#[test]
fn who_approves_while_a_step_is_asked_for_has_the_later_word() {
    let mut desk = Desk::at(Stage::AutoTriage);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(6);
    desk.approve("rest");
    assert_eq!(desk.kinds(), ["approved"]);
    let approved_at = desk.now;
    desk.pass_hours(18);
    assert_eq!(desk.kinds(), ["share_raised"]);
    assert_eq!(desk.slice("rest").approval.as_ref().map(|approval| approval.at), Some(approved_at));
}

#[test]
fn an_approval_of_what_has_changed_since_is_refused() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let seen = desk.state.revision;
    desk.climb("rest");
    desk.approve("rest");
    let Some(record) = desk.requests.last_mut() else { panic!("somebody approved") };
    let crate::rollout::control::Ask::Approve(approve) = &mut record.request.ask else { panic!("it is an approval") };
    approve.against = seen;
    let refused = desk.step().refused;
    assert!(matches!(refused[0].why, Refusal::MovedOn { against, .. } if against == seen), "{refused:?}");
}

impl Desk {
    /// Asks for the next step, whose gates all pass: it waits, because nobody approves what there is.
    #[track_caller]
    fn climb_must_wait(&mut self) {
        let before = self.position();
        self.promote("rest", Lock::Respect);
        self.settle();
        self.now = self.now.plus_ms(DAY_MS);
        let notices = self.step().notices;
        assert!(
            notices.contains(&Notice::Waits { slice: "rest".into(), why: Waits::NotApproved }),
            "it waits for an approval: {notices:?}"
        );
        assert_eq!(self.position(), before);
    }
}
