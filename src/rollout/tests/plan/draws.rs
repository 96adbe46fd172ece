//! The rate of the evidence draw: read once a day, after promotions, where the configuration says `auto`.

use crate::policy::draws::DrawRate;
use crate::policy::ruling::{DrawRates, EvidenceRate};
use crate::rollout::control::Lock;
use crate::rollout::draw_rate::SlicePace;
use crate::rollout::reading::GateOutcome;
use crate::rollout::tests::desk::pace;
use crate::rollout::transition::TransitionKind;

use super::*;

/// A desk of 250 tickets a day whose next step waits for so many verdicts of its account.
fn missing(stage: Stage, verdicts: u64) -> Desk {
    let mut desk = Desk::at(stage);
    wait_for(&mut desk, verdicts);
    desk
}

fn wait_for(desk: &mut Desk, verdicts: u64) {
    (desk.says().next, desk.says().to_go) = (GateOutcome::Waiting, Some(verdicts));
}

fn rate(desk: &Desk) -> f64 {
    desk.slice("rest").evidence_rate().get()
}

/// The kinds of what follows after the next midnight.
fn next_day(desk: &mut Desk) -> Vec<&'static str> {
    desk.pass_hours(24);
    desk.kinds()
}

#[test]
fn every_slice_begins_at_a_tenth() {
    assert_eq!(rate(&Desk::begun()), 0.1);
    assert_eq!(Desk::begun().state.stage_map(&Desk::begun().spec).slices[0].evidence_rate, DrawRate::LEAST);
}

#[test]
fn a_rate_is_read_after_midnight_once_a_day_and_says_why() {
    // Two fifths of 250 a day are 100; 541 in a fortnight take more than 30 %.
    let mut desk = missing(Stage::Suggest, 541);
    assert_eq!(desk.kinds(), Vec::<&str>::new());
    desk.pass_hours(24);
    let made = desk.settle();
    assert_eq!((made.len(), made[0].kind, rate(&desk)), (1, TransitionKind::DrawsChanged, 0.4));
    assert_eq!(
        made[0].cause.to_string(),
        "rest: 40 % of tickets are drawn instead of 10 %, 541 verdicts are missing: the least that fills the gates within \
         14 days: in about 14"
    );
    wait_for(&mut desk, 5_000);
    desk.pass_hours(11);
    assert_eq!(desk.kinds(), Vec::<&str>::new(), "not twice on one day");
    desk.pass_hours(13);
    assert_eq!((desk.kinds(), rate(&desk)), (vec!["draws_changed"], 0.5));
    assert_eq!(desk.state.stage_map(&desk.spec).slices[0].evidence_rate.get(), 0.5);
}

#[test]
fn nothing_but_the_rate_changes_and_a_request_stays_good() {
    let mut desk = missing(Stage::Suggest, 541);
    desk.promote("rest", Lock::Respect);
    desk.settle();
    let before = desk.slice("rest").clone();
    assert_eq!(next_day(&mut desk), ["draws_changed"]);
    let after = desk.slice("rest").clone();
    assert_eq!(crate::rollout::state::SliceState { draw: before.draw, ..after }, before);
    assert!(before.request.is_some());
    // Nor is a request void that was made against the revision before.
    let against = desk.state.revision - 1;
    desk.ask(Ask::Promote(crate::rollout::control::Promote { slice: "rest".into(), against, lock: Lock::Respect }));
    assert_eq!(desk.kinds(), ["requested"]);
}

#[test]
fn all_slices_change_in_one_transition_after_the_promotions_of_the_day() {
    let mut desk = Desk::new(&["wireless", "rest"]);
    desk.settle();
    desk.promote("wireless", Lock::Respect);
    desk.settle();
    wait_for(&mut desk, 5_000);
    desk.facts.paces[0].1 = SlicePace { reach: 1.0, ..pace(10.0) };
    assert_eq!(next_day(&mut desk), ["promoted", "draws_changed"]);
    for says in desk.says.values_mut() {
        (says.next, says.to_go) = (GateOutcome::Waiting, Some(100_000));
    }
    desk.pass_hours(24);
    let made = desk.settle();
    assert_eq!(made.iter().map(|made| made.slices.len()).collect::<Vec<_>>(), [1], "rest stands at its greatest");
    assert_eq!(desk.slice("wireless").evidence_rate().get(), 0.5);
    assert_eq!(desk.slice("rest").evidence_rate(), DrawRate::ALL);
}

#[test]
fn a_rate_of_the_configuration_is_never_changed() {
    let mut desk = missing(Stage::Suggest, 5_000);
    let fixed = EvidenceRate::Fixed(0.2);
    desk.spec.draw_rates = DrawRates { evidence_later: fixed, ..desk.spec.draw_rates };
    assert_eq!(next_day(&mut desk), Vec::<&str>::new());
    desk.spec.draw_rates =
        DrawRates { evidence_shadow: fixed, evidence_later: EvidenceRate::Auto, ..desk.spec.draw_rates };
    assert_eq!(next_day(&mut desk), ["draws_changed"]);
}

#[test]
fn a_rate_of_shadow_is_bounded_by_the_stage_that_follows() {
    let mut desk = missing(Stage::Shadow, 5_000);
    next_day(&mut desk);
    assert_eq!(rate(&desk), 1.0);
    desk.says().next = GateOutcome::Pass;
    desk.promote("rest", Lock::Respect);
    desk.settle();
    desk.pass_hours(24);
    // The step comes first, and the rate is read on what the next step needs.
    assert_eq!(desk.step().transition.map(|made| made.kind), Some(TransitionKind::Promoted));
    assert_eq!((rate(&desk), desk.state.stage_map(&desk.spec).slices[0].evidence_rate.get()), (0.5, 0.5));
}

#[test]
fn what_cannot_be_told_changes_no_rate() {
    let unchanged = |spoil: &dyn Fn(&mut Desk)| {
        let mut desk = missing(Stage::Suggest, 541);
        spoil(&mut desk);
        desk.pass_hours(24);
        let kinds = desk.kinds();
        assert_eq!(rate(&desk), 0.1, "{kinds:?}");
    };
    unchanged(&|desk| desk.facts.paces.clear());
    unchanged(&|desk| desk.fails = true);
    unchanged(&|desk| desk.facts.evidence_behind_ms = 60_001);
    unchanged(&|desk| desk.holes.push("decisions partition 0 begins too late".to_owned()));
    unchanged(&|desk| desk.says().next = GateOutcome::Breach);
    unchanged(&|desk| desk.says().to_go = None);
    unchanged(&|desk| desk.facts.paces[0].1.seen_ms = 1);
}

#[test]
fn at_the_top_and_where_every_gate_passes_a_tenth_is_enough() {
    let mut desk = missing(Stage::Suggest, 5_000);
    next_day(&mut desk);
    assert_eq!(rate(&desk), 0.5);
    desk.says().next = GateOutcome::Pass;
    assert_eq!((next_day(&mut desk), rate(&desk)), (vec!["draws_changed"], 0.1));
    wait_for(&mut desk, 5_000);
    next_day(&mut desk);
    desk.says().next = GateOutcome::Pass;
    while desk.slice("rest").next_step(desk.spec.slices[0].threshold).is_some() {
        desk.climb("rest");
    }
    assert_eq!((next_day(&mut desk), rate(&desk)), (Vec::new(), 0.1));
}

#[test]
fn the_next_leader_keeps_the_rate_and_reads_the_next_one_on_the_next_day() {
    let mut desk = missing(Stage::Suggest, 541);
    next_day(&mut desk);
    // Another leader knows what was written, and nothing of why.
    let mut next = Desk { state: desk.state.clone(), ..Desk::new(&["rest"]) };
    (next.now, next.facts.cut) = (desk.now, desk.facts.cut.clone());
    wait_for(&mut next, 5_000);
    assert_eq!((next.kinds(), rate(&next)), (Vec::new(), 0.4));
    assert_eq!((next_day(&mut next), rate(&next)), (vec!["draws_changed"], 0.5));
}
