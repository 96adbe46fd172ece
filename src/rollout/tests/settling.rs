//! The final verdict of one ticket.

use proptest::prelude::*;

use super::super::settle::{Dispute, Final, Settlement, Standing, settle};
use super::*;
use crate::domain::severity::Severity::{Critical, High, Low, Medium};
use crate::domain::verdict::{EndedAlone, Rating, RatingScale};

fn settled(verdicts: Vec<Verdict>) -> Settlement {
    settle(&in_order(verdicts))
}

#[track_caller]
fn check_severity(verdicts: Vec<Verdict>, severity: Severity) {
    match settled(verdicts).verdict {
        Final::Settled(judgement) => assert_eq!(judgement.severity, Some(severity)),
        other @ (Final::NoVerdict | Final::Disputed(_)) => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_disputed(verdicts: Vec<Verdict>, dispute: Dispute) {
    assert_eq!(settled(verdicts).verdict, Final::Disputed(dispute));
}

#[test]
fn nobody_has_said_anything_about_a_ticket_without_verdicts() {
    assert_eq!(settled(vec![]).verdict, Final::NoVerdict);
    assert_eq!(settled(vec![]).first_stated_at, None);
}

#[test]
fn readers_who_agree_settle_a_ticket_and_readers_who_differ_dispute_it() {
    check_severity(vec![stated("a", "anna", Low)], Low);
    check_severity(vec![stated("a", "anna", Low), stated("b", "ben", Low)], Low);
    check_disputed(vec![stated("a", "anna", Low), stated("b", "ben", Medium)], Dispute::Readers);
    check_disputed(vec![stated("a", "anna", Low), stated("b", "anna", Medium)], Dispute::Readers);
}

#[test]
fn an_adjudicator_settles_what_others_dispute() {
    let disputed = vec![stated("a", "anna", Low), stated("b", "ben", High)];
    let with = |more: Vec<Verdict>| [disputed.clone(), more].concat();
    check_severity(with(vec![adjudicated("c", "carl", Medium)]), Medium);
    check_severity(with(vec![adjudicated("c", "carl", Medium), adjudicated("d", "dora", Medium)]), Medium);
    check_disputed(with(vec![adjudicated("c", "carl", Medium), adjudicated("d", "dora", High)]), Dispute::Adjudicators);
    check_severity(with(vec![adjudicated("c", "carl", Medium), correcting(adjudicated("d", "carl", High), "c")]), High);
}

#[test]
fn people_correct_themselves_and_an_adjudicator_corrects_anybody() {
    let first = stated("a", "anna", Low);
    check_severity(vec![first.clone(), correcting(stated("b", "anna", High), "a")], High);
    check_disputed(vec![first.clone(), correcting(stated("b", "ben", High), "a")], Dispute::Readers);
    let by_adjudicator = Verdict { reviewer: person("carl", ReviewerRole::Adjudicator), ..stated("b", "carl", High) };
    check_severity(vec![first, correcting(by_adjudicator, "a")], High);
}

#[test]
fn a_chain_of_corrections_ends_at_its_last_statement_whatever_the_order() {
    let chain = vec![
        correcting(stated("c", "anna", Critical), "b"),
        stated("a", "anna", Low),
        correcting(stated("b", "anna", High), "a"),
    ];
    let settlement = settled(chain.clone());
    assert_eq!(settlement.standings, [Standing::Stands, Standing::Corrected, Standing::Corrected]);
    check_severity(chain, Critical);
}

#[test]
fn forks_and_circles_are_disputed_until_adjudicated() {
    let fork = vec![
        stated("a", "anna", Low),
        correcting(stated("b", "anna", High), "a"),
        correcting(stated("c", "anna", High), "a"),
    ];
    check_disputed(fork.clone(), Dispute::Fork);
    let circle = vec![
        correcting(stated("a", "anna", Low), "c"),
        correcting(stated("b", "anna", Low), "a"),
        correcting(stated("c", "anna", Low), "b"),
    ];
    check_disputed(circle.clone(), Dispute::Cycle);
    for trouble in [fork, circle] {
        check_severity([trouble, vec![adjudicated("z", "carl", Medium)]].concat(), Medium);
    }
}

#[test]
fn a_correction_of_what_is_not_there_stands_for_itself() {
    check_severity(vec![correcting(stated("b", "anna", High), "lost")], High);
}

#[test]
fn the_same_statement_twice_is_one_and_two_statements_under_one_id_are_a_dispute() {
    let twice = vec![stated("a", "anna", Low), stated("a", "anna", Low)];
    assert_eq!(settled(twice.clone()).standings, [Standing::Stands, Standing::Duplicate]);
    check_severity(twice, Low);
    check_disputed(vec![stated("a", "anna", Low), stated("a", "anna", High)], Dispute::SameId);
    check_disputed(vec![stated("a", "anna", Low), observed(stated("a", "anna", High), 1)], Dispute::SameId);
}

#[test]
fn a_resolution_is_what_its_earliest_revision_says() {
    let rows = vec![observed(stated("a", "anna", Critical), 9), observed(stated("a", "anna", Low), 4)];
    assert_eq!(settled(rows.clone()).standings, [Standing::Duplicate, Standing::Stands]);
    check_severity(rows, Low);
}

#[test]
fn the_ticket_systems_next_resolution_corrects_the_one_before_whoever_it_is_by() {
    let again = correcting(observed(stated("T/resolved-1", "ben", High), 9), "T/resolved-0");
    check_severity(vec![observed(stated("T/resolved-0", "anna", Low), 4), again], High);
}

#[test]
fn what_a_rule_concluded_and_what_was_said_in_sight_of_the_model_does_not_count() {
    let derived = Verdict { origin: VerdictOrigin::Derived, ..stated("a", "anna", High) };
    let anchored = Verdict { saw_model: Some(true), ..stated("b", "ben", High) };
    let settlement = settled(vec![derived.clone(), anchored.clone()]);
    assert_eq!(settlement.verdict, Final::NoVerdict);
    assert_eq!(settlement.standings, [Standing::Derived, Standing::SawModel]);
    assert_eq!(settlement.first_stated_at, None);
    let blind = Verdict { saw_model: Some(false), ..stated("c", "carl", Low) };
    check_severity(vec![derived, anchored, blind], Low);
}

#[test]
fn the_most_cautious_answer_to_closable_wins() {
    let closable = |answers: &[Option<Closable>]| {
        let verdicts = answers.iter().zip('a'..).map(|(answer, name)| {
            let name = name.to_string();
            Verdict { closable: *answer, ..stated(&name, &name, Low) }
        });
        match settled(verdicts.collect()).verdict {
            Final::Settled(judgement) => judgement.closable,
            other @ (Final::NoVerdict | Final::Disputed(_)) => panic!("{other:?}"),
        }
    };
    assert_eq!(closable(&[None]), None);
    assert_eq!(closable(&[Some(Closable::Unknown), Some(Closable::Yes)]), Some(Closable::Yes));
    assert_eq!(closable(&[Some(Closable::Yes), Some(Closable::No), None]), Some(Closable::No));
}

#[test]
fn what_became_of_a_ticket_is_told_beside_its_verdict() {
    let reopened =
        Verdict { kind: VerdictKind::Reopen, severity: None, decided_at: hour(8), ..stated("b", "ben", Low) };
    let cleared = Verdict {
        kind: VerdictKind::Outcome,
        origin: VerdictOrigin::Derived,
        severity: None,
        ended: Some(EndedAlone::Cleared),
        ..stated("c", "rule", Low)
    };
    let review = |name: &str, correct| Verdict {
        kind: VerdictKind::ReviewOfAuto,
        severity: None,
        auto_action_correct: Some(correct),
        ..stated(name, name, Low)
    };
    let settlement = settled(vec![stated("a", "anna", Low), reopened, cleared, review("d", true), review("e", false)]);
    assert!(settlement.is_reopened);
    assert_eq!(settlement.ended_alone, Some(EndedAlone::Cleared));
    assert_eq!(settlement.is_action_correct, Some(false));
    assert!(matches!(settlement.verdict, Final::Settled(judgement) if judgement.readers == 1));
}

#[test]
fn a_ticket_that_ended_alone_and_was_opened_again_has_not_ended() {
    let derived = |name, kind, ended, at| Verdict {
        kind,
        origin: VerdictOrigin::Derived,
        severity: None,
        ended,
        decided_at: hour(at),
        ..stated(name, "rule", Low)
    };
    let cleared = |name, at| derived(name, VerdictKind::Outcome, Some(EndedAlone::Cleared), at);
    let reopened = derived("r", VerdictKind::Reopen, None, 12);
    assert_eq!(settled(vec![cleared("a", 10), reopened.clone()]).ended_alone, None);
    assert_eq!(settled(vec![cleared("a", 10), reopened, cleared("b", 14)]).ended_alone, Some(EndedAlone::Cleared));
}

#[test]
fn an_audit_is_made_with_the_answer_in_sight() {
    let audit = Verdict {
        kind: VerdictKind::ReviewOfAuto,
        severity: None,
        auto_action_correct: Some(false),
        saw_model: Some(true),
        ..stated("a", "anna", Low)
    };
    let settlement = settled(vec![audit]);
    assert_eq!((settlement.is_action_correct, settlement.standings), (Some(false), vec![Standing::Stands]));
}

#[test]
fn a_corrected_statement_was_still_the_first() {
    let later = Verdict { decided_at: hour(20), ..correcting(stated("b", "anna", High), "a") };
    assert_eq!(settled(vec![later, stated("a", "anna", Low)]).first_stated_at, Some(hour(10)));
}

#[test]
fn ratings_that_contradict_each_other_dispute_no_severity() {
    let rating = |name: &str, value| Verdict {
        kind: VerdictKind::RootCauseRating,
        severity: None,
        rating: Some(Rating::try_new(RatingScale::Helpful3V1, value, Digest::of(b"d")).unwrap()),
        ..stated(name, "ben", Low)
    };
    let fork = vec![rating("r", 0), correcting(rating("s", 1), "r"), correcting(rating("t", 2), "r")];
    check_severity([fork, vec![stated("a", "anna", Low)]].concat(), Low);
}

#[test]
fn a_rating_cannot_take_a_statement_away() {
    let rating = Verdict {
        kind: VerdictKind::RootCauseRating,
        severity: None,
        rating: Some(Rating::try_new(RatingScale::Helpful3V1, 0, Digest::of(b"d")).unwrap()),
        ..correcting(stated("r", "anna", Low), "a")
    };
    check_severity(vec![stated("a", "anna", High), rating], High);
}

fn any_statement() -> impl Strategy<Value = Verdict> {
    (
        proptest::sample::select(vec!["a", "b", "c", "d"]),
        proptest::sample::select(vec!["anna", "ben"]),
        proptest::sample::select(Severity::ALL.to_vec()),
        proptest::option::of(proptest::sample::select(vec!["a", "b", "c", "d", "lost"])),
        0..10_u8,
        0..3_u64,
    )
        .prop_map(|(name, by, severity, supersedes, sort, revision)| {
            let base = match sort {
                0 => adjudicated(name, by, severity),
                1 => Verdict { origin: VerdictOrigin::Derived, ..stated(name, by, severity) },
                2 => Verdict { saw_model: Some(true), ..stated(name, by, severity) },
                3 | 4 => observed(stated(name, by, severity), revision),
                5 => Verdict { kind: VerdictKind::Reopen, severity: None, ..stated(name, by, severity) },
                _ => stated(name, by, severity),
            };
            Verdict { supersedes: supersedes.filter(|target| *target != name).map(id), ..base }
        })
}

proptest! {
    #[test]
    fn the_final_verdict_depends_on_the_set_and_not_on_its_order(
        verdicts in proptest::collection::vec(any_statement(), 0..8).prop_map(in_order),
        shuffled in any::<u64>(),
    ) {
        let mut order: Vec<usize> = (0..verdicts.len()).collect();
        // Fisher and Yates with a small generator: proptest's own shuffle would tie both lists together.
        let mut state = shuffled | 1;
        for index in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(index, (state >> 33) as usize % (index + 1));
        }
        let other: Vec<Recorded<Verdict>> = order.iter().map(|&index| verdicts[index].clone()).collect();
        let (one, two) = (settle(&verdicts), settle(&other));
        let moved: Vec<Standing> = order.iter().map(|&index| one.standings[index]).collect();
        prop_assert_eq!(&moved, &two.standings);
        prop_assert_eq!(Settlement { standings: moved, ..one }, two);
    }

    #[test]
    fn a_fresh_adjudicator_settles_whatever_others_have_said(
        verdicts in proptest::collection::vec(any_statement(), 0..8),
    ) {
        let others: Vec<Verdict> = verdicts.into_iter().filter(|verdict| verdict.kind != VerdictKind::Adjudication).collect();
        let settlement = settled([others, vec![adjudicated("z", "zoe", High)]].concat());
        prop_assert!(matches!(settlement.verdict, Final::Settled(judgement) if judgement.severity == Some(High)));
    }
}
