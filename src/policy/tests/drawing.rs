//! At which rate a ticket is drawn: of the configuration, of the leader, or of the day on which it was first met.

use super::*;
use crate::policy::decided::{Draw, Outcome};
use crate::policy::draws::DrawRate;
use crate::policy::loosened::loosened;
use crate::policy::ruling::{DrawRates, SlicePermission};
use crate::policy::{Asked, asked_about};

/// A ticket that is drawn at a half and not at a tenth, where a leader says a rate.
fn followed(stage: Stage, rates: EvidenceRate, followed: f64) -> World {
    let mut world = World::drawn(stage);
    assert!(draw_hash(KEY, DrawPurpose::Evidence, 1, &world.ticket.ticket_id) > u64::MAX / 10, "not at a tenth");
    (world.policy.draw_rates.evidence_shadow, world.policy.draw_rates.evidence_later) = (rates, rates);
    let permission = SlicePermission {
        slice: "rest".to_owned(),
        stage,
        shares: [Share::ZERO; 2],
        grants: [None, None],
        evidence_rate: DrawRate::try_new(followed).unwrap(),
    };
    world.stage_map = Some(StageMap { rollout_revision: 7, slices: vec![permission] });
    world
}

fn drawn(world: &World) -> (f64, bool) {
    let Draw { rate, drawn, hash: _ } = world.decide().draws.evidence;
    (rate, drawn)
}

#[test]
fn auto_draws_at_the_rate_that_the_leader_says_and_a_number_draws_at_the_number() {
    for stage in Stage::ALL {
        assert_eq!(drawn(&followed(stage, EvidenceRate::Auto, 0.5)), (0.5, true));
        assert_eq!(drawn(&followed(stage, EvidenceRate::Auto, 0.1)), (0.1, false));
        assert_eq!(drawn(&followed(stage, EvidenceRate::Fixed(0.1), 0.5)), (0.1, false));
    }
}

#[test]
fn auto_draws_the_least_where_no_leader_says_anything() {
    let mut world = followed(Stage::Shadow, EvidenceRate::Auto, 0.5);
    world.stage_map = Some(StageMap { rollout_revision: 7, slices: Vec::new() });
    assert_eq!(drawn(&world), (0.1, false));
    world.stage_map = None;
    assert_eq!(drawn(&world), (0.1, false));
}

#[test]
fn a_ticket_keeps_the_rate_at_which_it_was_first_met_when_the_rate_goes_up_and_when_it_goes_down() {
    let met_at = |first: f64, now: f64| {
        let world = followed(Stage::Suggest, EvidenceRate::Auto, now);
        drawn(&world.known(|memory| memory.evidence_rate = Some(first)))
    };
    // People were shown an answer: it cannot be judged blind any more.
    assert_eq!(met_at(0.1, 0.5), (0.1, false));
    // People began it blind, and go on so.
    assert_eq!(met_at(0.5, 0.1), (0.5, true));
}

#[test]
fn a_model_is_asked_by_the_rate_at_which_the_ticket_was_first_met() {
    let world = followed(Stage::Shadow, EvidenceRate::Auto, 0.1);
    let asked = |first_rate| asked_about(&world.ruling(), &world.ticket, first_rate);
    assert_eq!([None, Some(0.5)].map(asked), [Asked::Nobody, Asked::Candidates]);
    assert_eq!(world.decide().outcome, Outcome::NotDrawn);
    let shown = followed(Stage::Suggest, EvidenceRate::Auto, 0.1);
    assert_eq!(asked_about(&shown.ruling(), &shown.ticket, None), Asked::InForce);
}

#[test]
fn fewer_drawn_than_before_is_looser_and_auto_is_as_few_as_it_may_choose() {
    let looser = |before, after| -> Vec<String> {
        let of = |rate| Policy {
            draw_rates: DrawRates { evidence_later: rate, ..Policy::default_for_tests().draw_rates },
            ..Policy::default_for_tests()
        };
        loosened(&of(before), &of(after)).into_iter().map(|limit| limit.sentence).collect()
    };
    let (auto, number) = (EvidenceRate::Auto, EvidenceRate::Fixed);
    assert_eq!(looser(number(0.5), auto), ["policy.draws.evidence_later: auto instead of 0.5"]);
    assert_eq!(looser(auto, number(0.05)), ["policy.draws.evidence_later: 0.05 instead of auto"]);
    assert_eq!(looser(number(0.1), auto), Vec::<String>::new());
    assert_eq!(looser(auto, number(0.1)), Vec::<String>::new());
}

#[test]
fn auto_is_another_policy_than_a_number_and_no_other_eligibility() {
    let digests = |rate| {
        let mut policy = Policy::default_for_tests();
        policy.draw_rates.evidence_shadow = rate;
        let policy = policy.sealed(Digest([7; 32]));
        (policy.policy_digest, policy.eligibility_digest)
    };
    let (auto, number) = (digests(EvidenceRate::Auto), digests(EvidenceRate::Fixed(0.1)));
    assert_ne!(auto.0, number.0);
    assert_eq!(auto.1, number.1);
}

#[test]
fn the_rate_that_a_leader_chooses_changes_no_digest() {
    let digests = |rate| {
        let ruling = followed(Stage::Suggest, EvidenceRate::Auto, rate).ruling();
        (ruling.policy.policy_digest, ruling.policy.eligibility_digest, ruling.config_digest)
    };
    assert_eq!(digests(0.1), digests(0.5));
}
