//! Evidence is a function of a set: order, repetition and restarts change nothing. And every verdict has a name.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::accuracy::{AccuracyWindow, live_accuracy};
use super::super::counting::{AccountCount, CountingRules, Since, count};
use super::super::evaluate::evaluate;
use super::super::evidence::TicketEvidence;
use super::super::log::Cut;
use super::super::ratings::ratings;
use super::super::reading::SliceQuestion;
use super::super::standing::{VerdictStanding, tally};
use super::super::survey::Survey;
use super::*;
use crate::domain::verdict::{Rating, RatingScale};

#[derive(Clone, Debug)]
enum Event {
    Decision(Recorded<DecisionSeen>),
    Verdict(Recorded<VerdictEvent>),
}

fn fold(evidence: &mut Evidence, event: Event) {
    match event {
        Event::Decision(decision) => evidence.add_decision(decision),
        Event::Verdict(verdict) => evidence.add_verdict(verdict),
    }
}

const fn position(event: &Event) -> Position {
    match event {
        Event::Decision(decision) => decision.appended.position,
        Event::Verdict(verdict) => verdict.appended.position,
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let names = proptest::sample::select(vec!["A", "B", "C", "D", "E"]);
    let what = (0..14_u8, proptest::sample::select(Severity::ALL.to_vec()), 0..200_i64);
    (names, what, 0..2_i32, 0..40_i64).prop_map(|(name, (what, severity, at), partition, offset)| {
        let place = |topic| Appended { at: UtcMillis(offset), position: Position { topic, partition, offset } };
        let said = |verdict: Verdict| {
            let verdict = Verdict { ticket_id: ticket(name), decided_at: hour(at), ..verdict };
            VerdictEvent::Verdict(Box::new(verdict))
        };
        let decided = |event| {
            // One partition has one ticket at an offset, so that a position never means two records.
            Event::Decision(Recorded {
                appended: place(EvidenceTopic::Decisions),
                value: DecisionSeen {
                    ticket_id: ticket(name),
                    event,
                    arrival: (at % 3 > 0)
                        .then(|| Arrival { at: hour(at), slice: Arc::from(["rest", "core"][(at % 2) as usize]) }),
                },
            })
        };
        let verdict = |value| Event::Verdict(Recorded { appended: place(EvidenceTopic::Verdicts), value });
        match what {
            0..=3 => {
                let answers = vec![answer(ModelRole::Acting, "v1", Some(severity))];
                decided(DecisionEvent::Decided(Box::new(TicketDecision { answers, ..decision(name, hour(at)) })))
            }
            4 => decided(DecisionEvent::Ended(EndedBy::Nobody)),
            5 => decided(DecisionEvent::Seen),
            6 => verdict(VerdictEvent::Ours),
            7 => verdict(said(adjudicated("z", "zoe", severity))),
            8 => verdict(said(correcting(stated("y", "anna", severity), "x"))),
            9 => verdict(said(Verdict { saw_model: Some(true), ..stated("w", "anna", severity) })),
            10 => verdict(said(observed(stated("v", "ben", severity), 3))),
            _ => verdict(said(stated("x", "anna", severity))),
        }
    })
}

/// Events of which no two have the same position.
fn any_log() -> impl Strategy<Value = Vec<Event>> {
    proptest::collection::vec(any_event(), 0..40).prop_map(|events| {
        let by_position: BTreeMap<Position, Event> =
            events.into_iter().map(|event| (position(&event), event)).collect();
        by_position.into_values().collect()
    })
}

proptest! {
    #[test]
    fn whatever_the_order_and_however_often_the_evidence_is_the_same(
        (log, shuffled) in any_log().prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle())),
        again in 0..40_usize,
    ) {
        let mut one = Evidence::default();
        log.iter().cloned().for_each(|event| fold(&mut one, event));
        let mut two = Evidence::default();
        shuffled.iter().cloned().for_each(|event| fold(&mut two, event));
        // A restart reads some records again.
        shuffled.iter().skip(again).cloned().for_each(|event| fold(&mut two, event));
        prop_assert_eq!(&one, &two);

        let now = hour(300);
        let of = |evidence: &Evidence| {
            let rules = CountingRules::at(evidence, DEADLINE_MS, now);
            let survey = Survey::of(evidence);
            let counted = |count: AccountCount<'_>| (count.counted.iter().map(|ticket| (ticket.ticket_id.clone(), ticket.wrong)).collect::<Vec<_>>(), count.left_out, count.waiting);
            let counts = Permission::ALL.map(|permission| counted(count(&survey, &account(permission), &rules, Since::cut(&Cut::start()), now)));
            let window = AccuracyWindow { from: hour(0), now, deadline_ms: DEADLINE_MS };
            let question = SliceQuestion {
                slice: Arc::from("rest"),
                next: Some(gates::step(gates::TRIAGE)),
                in_force: Permission::ALL.map(gates::asked).to_vec(),
            };
            let evaluation = evaluate(evidence, &[question], &gates::spec(), Cut::start(), now);
            (evaluation, counts, live_accuracy(evidence, window), tally(evidence, DEADLINE_MS, RatingScale::Helpful3V1))
        };
        prop_assert_eq!(of(&one), of(&two));
    }

    #[test]
    fn every_verdict_has_exactly_one_name(log in any_log()) {
        let mut evidence = Evidence::default();
        let is_statement = |event: &&Event| matches!(event, Event::Verdict(Recorded { value: VerdictEvent::Verdict(_), .. }));
        let statements = log.iter().filter(is_statement).count() as u64;
        let ours = log.iter().filter(|event| matches!(event, Event::Verdict(Recorded { value: VerdictEvent::Ours, .. })));
        let ours = ours.count() as u64;
        log.iter().cloned().for_each(|event| fold(&mut evidence, event));
        let tally = tally(&evidence, DEADLINE_MS, RatingScale::Helpful3V1);
        prop_assert_eq!((tally.standings.values().sum::<u64>(), tally.ours), (statements, ours));
    }

    #[test]
    fn a_report_at_a_cut_rests_on_the_records_before_it_whatever_came_later(
        (log, shuffled) in any_log().prop_flat_map(|log| (Just(log.clone()), Just(log).prop_shuffle())),
        kept in 0..40_usize,
    ) {
        let mut cut = Cut::start();
        let mut at_the_time = Evidence::default();
        for event in log.iter().take(kept) {
            cut.pass(position(event));
            fold(&mut at_the_time, event.clone());
        }
        let mut later = Evidence::default();
        for event in shuffled.iter().filter(|event| cut.has(position(event))) {
            fold(&mut later, event.clone());
        }
        prop_assert_eq!(at_the_time, later);
    }

    #[test]
    fn what_is_forgotten_is_gone_as_if_it_had_never_been_read(log in any_log(), from in 0..40_i64) {
        let mut forgetful = Evidence::default();
        log.iter().cloned().for_each(|event| fold(&mut forgetful, event));
        forgetful.forget_before(UtcMillis(from));
        let mut restarted = Evidence::default();
        let is_kept = |event: &&Event| position(event).offset >= from;
        log.iter().filter(is_kept).cloned().for_each(|event| fold(&mut restarted, event));
        let of = |evidence: &Evidence| -> Vec<_> {
            let row = |(id, ticket): (&TicketId, &TicketEvidence)| {
                (id.clone(), ticket.decisions().to_vec(), ticket.verdicts().to_vec(), ticket.ended())
            };
            evidence.tickets().map(row).collect()
        };
        prop_assert_eq!((of(&forgetful), forgetful.ours()), (of(&restarted), restarted.ours()));
    }
}

#[track_caller]
fn check_name(log: &Log, expected: VerdictStanding) {
    let tally = tally(&log.evidence, DEADLINE_MS, RatingScale::Helpful3V1);
    let named: Vec<VerdictStanding> = tally.standings.keys().copied().collect();
    assert!(tally.of(expected) == 1, "{expected:?} among {named:?}");
}

#[test]
fn every_name_has_an_example() {
    let drawn = || {
        let mut log = Log::default();
        log.decided("T", decision("T", hour(5)));
        log
    };
    let said = |verdicts: Vec<Verdict>| {
        let mut log = drawn();
        for verdict in verdicts {
            log.said(verdict);
        }
        log
    };
    let first = || stated("a", "anna", Severity::Low);
    check_name(&said(vec![first()]), VerdictStanding::Counts);
    check_name(&said(vec![Verdict { decided_at: hour(78), ..first() }]), VerdictStanding::Late);
    check_name(&said(vec![Verdict { decided_at: hour(5), ..first() }]), VerdictStanding::Early);
    check_name(&said(vec![first(), correcting(stated("b", "anna", Severity::High), "a")]), VerdictStanding::Corrected);
    check_name(&said(vec![first(), first()]), VerdictStanding::Duplicate);
    check_name(&said(vec![Verdict { origin: VerdictOrigin::Derived, ..first() }]), VerdictStanding::Derived);
    check_name(&said(vec![Verdict { saw_model: Some(true), ..first() }]), VerdictStanding::SawModel);
    check_name(&said(vec![Verdict { ticket_id: ticket("other"), ..first() }]), VerdictStanding::UnknownTicket);
    let mut not_drawn = Log::default();
    not_drawn.event("T", DecisionEvent::Seen).said(first());
    check_name(&not_drawn, VerdictStanding::NotDrawn);
    let rating = |scale| Verdict {
        kind: VerdictKind::RootCauseRating,
        severity: None,
        rating: Some(Rating::try_new(scale, 1, Digest::of(b"d")).unwrap()),
        ..first()
    };
    check_name(&said(vec![rating(RatingScale::Helpful3V1)]), VerdictStanding::Rating);
    check_name(&said(vec![rating(RatingScale::Likert5V1)]), VerdictStanding::OtherScale);
    let disputed = said(vec![first(), stated("b", "ben", Severity::High)]);
    let tally = tally(&disputed.evidence, DEADLINE_MS, RatingScale::Helpful3V1);
    assert_eq!(tally.of(VerdictStanding::Disputed), 2);
    assert_eq!(tally.disputes.values().sum::<u64>(), 1);
}

#[test]
fn exactly_at_the_deadline_a_verdict_is_in_time() {
    let mut log = Log::default();
    log.decided("T", decision("T", hour(5)));
    log.said(Verdict { decided_at: hour(5 + 72), ..stated("a", "anna", Severity::Low) });
    check_name(&log, VerdictStanding::Counts);
}

#[test]
fn ratings_are_averaged_per_decision_on_one_scale() {
    let rating = |name: &str, by: &str, scale, value| Verdict {
        kind: VerdictKind::RootCauseRating,
        severity: None,
        rating: Some(Rating::try_new(scale, value, Digest::of(b"d")).unwrap()),
        ..stated(name, by, Severity::Low)
    };
    let (helpful, likert) = (RatingScale::Helpful3V1, RatingScale::Likert5V1);
    let mut log = Log::default();
    log.said(rating("a", "anna", helpful, 2)).said(rating("b", "ben", helpful, 1));
    log.said(rating("c", "carl", likert, 5))
        .said(rating("d", "dora", helpful, 0))
        .said(rating("e", "dora", helpful, 2));
    let found = ratings(&log.evidence, helpful);
    let of_decision = &found.decisions[&Digest::of(b"d")];
    assert_eq!((of_decision.values.as_slice(), of_decision.mean_share), ([2, 1].as_slice(), 0.75));
    assert_eq!((found.on_other_scales, found.contradictory), (1, 1));
}
