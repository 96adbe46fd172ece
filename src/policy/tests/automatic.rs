//! One small example per rule that withholds automatic action, at its boundary.

use super::checks::*;
use super::*;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{Relation, RelationKind, TimeOrigin};
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, Rule};
use crate::policy::draws::DrawRate;
use crate::policy::identity::idempotency_key;
use crate::policy::ruling::{ForbiddenWindow, Grant, SlicePermission, WindowScope};

#[test]
fn everything_open_resolves_with_low_queue_key_and_end() {
    let world = World::open();
    let decided = world.decide();
    let command = decided.command.expect("everything is open");
    assert_eq!(decided.action, RESOLVE);
    assert!(decided.suggestion.is_none() && decided.review.is_none());
    assert_eq!(command.severity, Severity::Low);
    assert_eq!(command.queue.as_deref(), Some("wlan"));
    assert_eq!(command.root_cause.as_deref(), Some("flap"));
    assert_eq!(command.not_after, NOW.plus_ms(5 * 60_000));
    assert_eq!(command.idempotency_key, idempotency_key(&world.ticket.ticket_id, RESOLVE, INPUT, 0));
}

#[test]
fn the_stage_decides_what_may_be_done_at_most() {
    for (stage, action) in
        [(Stage::Suggest, ActionKind::Suggest), (Stage::AutoTriage, TRIAGE), (Stage::AutoResolve, RESOLVE)]
    {
        check_action(action, &world(|world| world.stage = stage));
    }
}

#[test]
fn triage_is_tried_where_resolve_is_refused() {
    let cause = world(|world| world.policy.allow.resolve_causes.clear());
    check_action(TRIAGE, &cause);
    assert!(cause.decide().rules.contains(&Rule::CauseNotAllowed));
    let category = world(|world| world.policy.allow.resolve_categories.clear());
    check_action(TRIAGE, &category);
    let cap = world(|world| world.view.actions_last_hour = [0, 20]);
    check_action(TRIAGE, &cap);
}

#[test]
fn the_resolve_cohort_lies_inside_the_triage_cohort() {
    let outside_resolve = world(|world| {
        world.ticket.ticket_id =
            id_drawn(Drawing { evidence_below_half: false, audit_below_half: false, cohort: (0.25, 0.5) });
    });
    check_action(TRIAGE, &outside_resolve);
    let more_resolve_than_triage = World { shares: [share(0.25), share(0.5)], ..outside_resolve };
    check_refused(Rule::OutsideShare, &more_resolve_than_triage);
}

#[test]
fn without_a_share_nothing_is_automatic() {
    check_refused(Rule::OutsideShare, &world(|world| world.shares = [Share::ZERO; 2]));
}

#[test]
fn confidence_must_exceed_the_threshold_by_more_than_the_tolerance() {
    for (confidence, acts) in [(0.95, false), (0.950_005, false), (0.950_02, true), (0.94, false)] {
        let world = world(|world| world.answer = Ok(predicts([0.0, 0.0, 1.0 - confidence, confidence])));
        if acts {
            check_action(RESOLVE, &world);
        } else {
            check_refused(Rule::BelowThreshold, &world);
        }
    }
}

#[test]
fn predicted_high_or_medium_is_never_automatic() {
    for probabilities in [[0.0, 0.0, 0.99, 0.01], [0.0, 0.99, 0.0, 0.01]] {
        check_refused(Rule::PredictedNotLow, &world(|world| world.answer = Ok(predicts(probabilities))));
    }
}

#[test]
fn source_high_unknown_words_and_a_persons_value_forbid() {
    let reported = |severity| world(|world| world.ticket.severity_reported = severity);
    check_refused(Rule::SourceHigh, &reported(said(Severity::High, SetBy::System)));
    check_refused(Rule::SourceUnmapped, &reported(unmapped()));
    check_refused(Rule::HumanValue, &reported(said(Severity::Low, SetBy::Human)));
    check_action(RESOLVE, &reported(SourceSeverity::Absent));
    check_action(RESOLVE, &reported(said(Severity::Medium, SetBy::System)));
    check_refused(Rule::SourceUnmapped, &world(|world| world.ticket.severity_counterparty = unmapped()));
}

#[test]
fn windows_hold_from_their_first_instant_to_the_last_before_their_end() {
    let window = |scope| ForbiddenWindow { name: "w".to_owned(), from: NOW, until: NOW.plus_ms(1_000), scope };
    let at = |desk: UtcMillis, scope| {
        world(|world| {
            world.moment.desk = desk;
            world.ticket.site = Some("ams-1".to_owned());
            world.ticket.device.name = Some("ap-3".to_owned());
            world.policy.windows.push(window(scope));
        })
    };
    for (desk, is_inside) in
        [(NOW.plus_ms(-1), false), (NOW, true), (NOW.plus_ms(999), true), (NOW.plus_ms(1_000), false)]
    {
        for (scope, rule) in [
            (WindowScope::Freeze, Rule::Freeze),
            (WindowScope::Sites(vec!["AMS*".to_owned()]), Rule::Maintenance),
            (WindowScope::Devices(vec!["ap-3".to_owned()]), Rule::Maintenance),
        ] {
            let world = at(desk, scope);
            if is_inside {
                check_refused(rule, &world);
            } else {
                check_action(RESOLVE, &world);
            }
        }
    }
    check_action(RESOLVE, &at(NOW, WindowScope::Sites(vec!["fra*".to_owned()])));
}

#[test]
fn each_protected_list_forbids() {
    let changes: [fn(&mut World); 4] = [
        |world| {
            world.ticket.device.name = Some("core-1".to_owned());
            world.policy.protected.hosts.push("core*".to_owned());
        },
        |world| {
            world.ticket.customer_tier = Some("gold".to_owned());
            world.policy.protected.customer_tiers.push("Gold".to_owned());
        },
        |world| {
            world.ticket.circuit_id = Some("c-1".to_owned());
            world.policy.protected.circuits.push("c-1".to_owned());
        },
        |world| {
            world.ticket.site = Some("hq".to_owned());
            world.policy.protected.sites.push("hq".to_owned());
        },
    ];
    for change in changes {
        check_refused(Rule::Protected, &world(change));
    }
}

#[test]
fn a_child_of_an_open_critical_or_of_an_unknown_parent_is_not_automatic() {
    check_refused(Rule::ParentCritical, &world(|world| world.view.parent = ParentState::OpenCritical));
    check_refused(Rule::ParentUnknown, &world(|world| world.view.parent = ParentState::Unknown));
    check_action(RESOLVE, &world(|world| world.view.parent = ParentState::NotCritical));
    let unasked = world(|world| {
        let ticket_id = TicketId::try_new("P-1").expect("a valid id");
        world.ticket.relations.push(Relation { kind: RelationKind::Parent, ticket_id });
    });
    check_refused(Rule::ParentUnknown, &unasked);
}

#[test]
fn whatever_was_left_out_forbids() {
    check_refused(Rule::AlarmsTruncated, &world(|world| world.ticket.incompleteness.alarms_truncated = true));
    check_refused(Rule::BodyCut, &world(|world| world.ticket.incompleteness.body_cut = true));
    check_refused(Rule::BodyCut, &world(|world| world.ticket.incompleteness.notes_dropped = true));
    let truncated = Prediction { truncated: true, ..surely_low() };
    check_refused(Rule::ModelTruncated, &world(|world| world.answer = Ok(truncated)));
}

#[test]
fn kinds_and_categories_outside_the_lists_forbid() {
    check_refused(Rule::KindNotAllowed, &world(|world| world.ticket.kind = Some(Kind::Request)));
    check_refused(Rule::KindNotAllowed, &world(|world| world.ticket.kind = None));
    let voice_only = |world: &mut World| world.policy.allow.triage_categories = Some(vec!["voice".to_owned()]);
    let mut triage = World::triage();
    voice_only(&mut triage);
    check_refused(Rule::CategoryNotAllowed, &triage);
    triage.ticket.category = Some("Voice".to_owned());
    check_action(TRIAGE, &triage);
}

#[test]
fn without_a_predicted_cause_nothing_is_resolved() {
    let world = world(|world| world.answer = Ok(Prediction { causes: Vec::new(), ..surely_low() }));
    check_action(TRIAGE, &world);
}

#[test]
fn the_last_action_under_the_hourly_cap_is_taken_and_the_next_is_not() {
    check_action(RESOLVE, &world(|world| world.view.actions_last_hour = [0, 19]));
    check_refused(Rule::CapActions, &world(|world| world.view.actions_last_hour = [20, 20]));
}

#[test]
fn actions_stay_within_their_share_of_the_arrivals_both_actions_together() {
    let after = |actions, arrivals| {
        world(|world| {
            world.view.actions_last_hour = actions;
            world.view.arrivals_last_hour = arrivals;
        })
    };
    check_action(RESOLVE, &after([1, 1], 10));
    check_refused(Rule::CapArrivals, &after([2, 1], 10));
    check_refused(Rule::CapArrivals, &after([0, 0], 3));
    check_refused(Rule::CapArrivals, &after([0, 0], 0));
}

#[test]
fn a_storm_begins_with_the_ticket_after_the_last_allowed() {
    check_action(RESOLVE, &world(|world| world.view.similar_recent = 4));
    check_refused(Rule::Storm, &world(|world| world.view.similar_recent = 5));
}

#[test]
fn the_lease_must_be_longer_than_needed() {
    let lease = |lease| world(|world| world.moment.lease = lease);
    check_action(RESOLVE, &lease(Lease::LeftMs(40_001)));
    check_refused(Rule::LeaseTooShort, &lease(Lease::LeftMs(40_000)));
    check_refused(Rule::LeaseTooShort, &lease(Lease::LeftMs(-1)));
    check_action(RESOLVE, &lease(Lease::Fixed));
}

#[test]
fn a_halt_stops_automatic_action_even_where_the_stage_is_fixed() {
    check_refused(
        Rule::Halted,
        &world(|world| {
            world.moment.halted = true;
            world.moment.lease = Lease::Fixed;
        }),
    );
}

#[test]
fn an_event_as_old_as_the_limit_is_fresh_and_one_millisecond_more_is_stale() {
    let hour = 60 * 60_000;
    check_action(RESOLVE, &world(|world| world.appended_at = NOW.plus_ms(-hour)));
    check_refused(Rule::Stale, &world(|world| world.appended_at = NOW.plus_ms(-hour - 1)));
}

#[test]
fn a_ticket_that_a_person_has_had_or_touched_is_never_automatic() {
    check_refused(Rule::PersonHasIt, &World::open().known(|memory| memory.person_has_it = true));
    check_refused(Rule::PersonHasIt, &world(|world| world.ticket.human_touched = true));
    check_refused(Rule::PersonHasIt, &World::open().known(|memory| memory.review_open = Some(ReviewReason::Critical)));
}

#[test]
fn the_same_input_is_acted_on_once_and_a_new_one_may_be_again() {
    let acted = |digest| World::open().known(|memory| memory.acted = vec![(AutoAction::Triage, digest)]);
    check_refused(Rule::AlreadyActed, &acted(INPUT));
    check_action(RESOLVE, &acted(OTHER_INPUT));
}

#[test]
fn an_older_revision_after_a_newer_one_is_decided_and_may_not_act() {
    let superseded = World::open().known(|memory| memory.last_revision = Some(2));
    check_refused(Rule::Superseded, &superseded);
    assert!(superseded.decide().superseded);
    let same = World::open().known(|memory| memory.last_revision = Some(1));
    assert!(!same.decide().superseded);
    check_action(RESOLVE, &same);
}

#[test]
fn a_later_revision_of_an_unknown_ticket_is_not_automatic() {
    check_refused(Rule::HistoryUnknown, &world(|world| world.ticket.revision = Some(1)));
    check_refused(Rule::HistoryUnknown, &world(|world| world.ticket.written_by_noctriage = true));
    check_refused(Rule::HistoryUnknown, &world(|world| world.ticket.reopen_count = Some(1)));
}

#[test]
fn without_a_revision_number_a_ticket_is_new_for_a_minute() {
    let updated_after = |milliseconds: i64| {
        world(|world| {
            world.ticket.revision_is_native = false;
            world.ticket.updated_at = Some(world.ticket.created_at.plus_ms(milliseconds));
            world.ticket.revision = Some(1);
        })
    };
    check_action(RESOLVE, &updated_after(0));
    check_action(RESOLVE, &updated_after(60_000));
    check_refused(Rule::HistoryUnknown, &updated_after(60_001));
    let mut never_updated = updated_after(0);
    never_updated.ticket.updated_at = None;
    check_action(RESOLVE, &never_updated);
    let mut made_up = updated_after(0);
    made_up.ticket.created_at_origin = TimeOrigin::KafkaTimestamp;
    check_refused(Rule::HistoryUnknown, &made_up);
}

#[test]
fn a_known_ticket_whose_order_cannot_be_told_is_not_automatic() {
    let mut world = World::open().known(|_| {});
    world.ticket.revision = None;
    check_refused(Rule::HistoryUnknown, &world);
}

#[test]
fn nothing_of_a_partition_with_a_partial_window_is_automatic() {
    check_refused(Rule::PartialWindow, &world(|world| world.view.window = WindowState::Partial));
}

#[test]
fn a_demo_model_never_leaves_shadow_outside_the_demo() {
    for stage in Stage::ALL {
        let outside = world(|world| {
            world.stage = stage;
            world.purpose = Purpose::Demo;
        });
        let decided = outside.decide();
        assert_eq!((decided.outcome, decided.stage), (Outcome::NotDrawn, Stage::Shadow));
        assert_eq!(decided.shares, [Share::ZERO; 2]);
        assert_eq!(decided.rules.contains(&Rule::DemoModel), stage > Stage::Shadow);
    }
    let inside = world(|world| {
        world.purpose = Purpose::Demo;
        world.is_demo = true;
    });
    check_action(RESOLVE, &inside);
}

/// A map of the leader that holds the stage, with these grants for its two actions.
fn at_auto_resolve(grants: [Option<Grant>; 2]) -> World {
    world(|world| {
        world.stage_map = Some(StageMap {
            rollout_revision: 7,
            slices: vec![SlicePermission {
                slice: "rest".to_owned(),
                stage: Stage::AutoResolve,
                shares: world.shares,
                grants,
                evidence_rate: DrawRate::LEAST,
            }],
        });
    })
}

#[test]
fn a_grant_that_names_something_else_permits_nothing() {
    let policy = World::open().policy;
    let good = Grant {
        model_digest: Some(Digest([3; 32])),
        calibration_digest: Some(Digest([4; 32])),
        eligibility_digest: Some(policy.eligibility_digest),
        threshold_min: probability(0.95),
    };
    let granted = |grant: Grant| at_auto_resolve([Some(grant.clone()), Some(grant)]);
    let permitted = granted(good.clone()).decide().command.expect("the grant names us");
    assert_eq!(permitted.permit().rollout_revision(), 7);
    let other = Some(Digest([9; 32]));
    check_refused(Rule::GrantMismatch, &granted(Grant { model_digest: other, ..good.clone() }));
    check_refused(Rule::GrantMismatch, &granted(Grant { calibration_digest: other, ..good.clone() }));
    check_refused(Rule::GrantMismatch, &granted(Grant { eligibility_digest: other, ..good.clone() }));
    check_refused(Rule::GrantMismatch, &granted(Grant { threshold_min: probability(0.96), ..good.clone() }));
    let unusable = |grant: Grant| {
        let ruling = granted(grant).ruling();
        ruling.stage_map.unusable_slices(&ruling.acting, &ruling.policy).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(unusable(good.clone()), Vec::<String>::new());
    assert_eq!(unusable(Grant { eligibility_digest: other, ..good.clone() }), ["rest"]);
    assert_eq!(unusable(Grant { threshold_min: probability(0.96), ..good }), ["rest"]);
}

#[test]
fn a_stage_without_a_grant_permits_nothing() {
    let world = at_auto_resolve([None, None]);
    check_refused(Rule::StageTooLow, &world);
}

#[test]
fn an_audit_looks_at_what_was_done_and_only_there() {
    let audited = |stage| {
        world(|world| {
            world.stage = stage;
            world.ticket.ticket_id =
                id_drawn(Drawing { evidence_below_half: false, audit_below_half: true, cohort: (0.0, 0.1) });
        })
    };
    check_action(RESOLVE, &audited(Stage::AutoResolve));
    check_review(opened(ReviewReason::Audit), &audited(Stage::AutoResolve));
    check_review(None, &audited(Stage::Suggest));
}

#[test]
fn a_ticket_is_handed_to_people_unless_it_was_acted_on() {
    assert!(!World::open().decide().hands_to_person());
    assert!(World::suggest().decide().hands_to_person());
    assert!(World::drawn(Stage::AutoResolve).decide().hands_to_person());
    assert!(world(|world| world.stage = Stage::Shadow).decide().hands_to_person());
    assert!(!World::open().known(|memory| memory.last_input_digest = Some(INPUT)).decide().hands_to_person());
}
