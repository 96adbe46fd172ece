//! Other models, and other eligibility.

use crate::domain::digest::Digest;
use crate::domain::stage::{Share, Stage};
use crate::rollout::consequence::consequence;
use crate::rollout::ladder::Position;
use crate::rollout::plan::Refusal;
use crate::rollout::reading::Gate;

use crate::rollout::tests::desk::{Desk, TRIAGE, model};

use super::*;

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
