use super::super::leakage::{Leak, leakage};
use super::super::near::NEAR;
use super::super::overlap::{Likeness, PAIRS_OF_ONE_MAX, TextKey, overlap, same};
use super::super::text::ComparedText;
use super::{DAY_MS, labelled, texts, tickets};
use crate::domain::labelled::AsOf;
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::domain::ticket::{AuthorKind, Note, Status};
use crate::domain::time::UtcMillis;

const REPORT: &str = "customer reports that the wireless network in the canteen of the second floor loses its connection \
    every few minutes since the access points were replaced last week and a restart does not help";

#[test]
fn every_kind_of_likeness_is_found_and_the_strongest_is_named() {
    let train = texts(&[
        labelled("A", "fan failed", 0),
        labelled("B", "link down on ge-0/0/1", 0),
        labelled("C", "Memory is short", 0),
        labelled("D", REPORT, 0),
        labelled("E", "nothing of this stands in the test", 0),
    ]);
    let test = texts(&[
        labelled("A", "another text", 1),
        labelled("T1", "link down on  ge-0/0/1", 1),
        labelled("T2", "MEMORY is short!", 1),
        labelled("T3", &REPORT.replace("canteen", "kitchen"), 1),
        labelled("T4", "a ticket of its own", 1),
    ]);
    let found = overlap(&test, &train, NEAR, |_| ());
    let kinds: Vec<(usize, usize, Likeness)> =
        found.pairs.iter().map(|pair| (pair.test, pair.train, pair.likeness)).collect();
    assert_eq!(kinds, [(0, 0, Likeness::Id), (1, 1, Likeness::Text), (2, 2, Likeness::Words), (3, 3, Likeness::Near)]);
    assert_eq!(Likeness::ALL.map(|kind| found.of_kind(kind)), [1, 1, 1, 1]);
    assert!((found.pairs[3].similarity - 28.0 / 34.0).abs() < 1e-12);
    let keys = |texts: &[ComparedText]| texts.iter().map(TextKey::from).collect::<Vec<_>>();
    assert_eq!(same(&keys(&test), &keys(&train)), [(0, Likeness::Id), (1, Likeness::Text), (2, Likeness::Words)]);
}

#[test]
fn a_pair_is_near_exactly_from_the_limit_on() {
    let train = texts(&[labelled("D", REPORT, 0)]);
    let test = texts(&[labelled("T", &REPORT.replace("canteen", "kitchen"), 1)]);
    let pairs = |near: f64| overlap(&test, &train, near, |_| ()).pairs.len();
    assert_eq!((pairs(28.0 / 34.0), pairs(28.0 / 34.0 + 1e-9)), (1, 0));
}

#[test]
fn a_template_is_one_finding_with_a_bounded_list() {
    let train: Vec<_> = (0..500).map(|at| labelled(&format!("A{at}"), &format!("cpu at {at}%"), 0)).collect();
    let found = overlap(&texts(&[labelled("T", "cpu at 7%", 1)]), &texts(&train), NEAR, |_| ());
    assert_eq!((found.pairs.len(), found.more), (PAIRS_OF_ONE_MAX, 500 - PAIRS_OF_ONE_MAX));
    // The one with the same number is the same text, and stands first.
    assert_eq!((found.pairs[0].train, found.pairs[0].likeness), (7, Likeness::Text));
    assert_eq!((found.test_tickets().len(), found.of_kind(Likeness::Text)), (1, 1));
}

#[test]
fn a_clean_ticket_leaks_nothing_and_each_trace_of_later_knowledge_is_named() {
    let clean = labelled("A", "fan failed", 1);
    assert!(!leakage(std::slice::from_ref(&clean)).is_found());
    let note =
        |after_ms: i64, author_kind| Note { at: Some(UtcMillis(DAY_MS + after_ms)), author_kind, text: "x".into() };
    let mut all = vec![clean; 7];
    all[0].as_of = AsOf::Unknown;
    all[1].ticket.status = Some(Status::Resolved);
    all[2].ticket.human_touched = true;
    all[3].ticket.notes = vec![note(60_001, AuthorKind::Human)];
    all[4].ticket.notes = vec![note(60_000, AuthorKind::Human), note(900_000, AuthorKind::System)];
    all[5].as_of = AsOf::Unknown;
    all[6].ticket.severity_reported =
        SourceSeverity::Known { value: Severity::Low, native: "4".into(), set_by: SetBy::Human };
    all[5].ticket.severity_reported =
        SourceSeverity::Known { value: Severity::Low, native: "4".into(), set_by: SetBy::Human };
    let found = leakage(&all);
    let named: Vec<(Leak, &[usize])> = found.tickets.iter().map(|(leak, at)| (*leak, at.as_slice())).collect();
    assert_eq!(
        named,
        [
            (Leak::AsOfUnknown, [0, 5].as_slice()),
            (Leak::Ended, &[1]),
            (Leak::Touched, &[2]),
            (Leak::LaterNote, &[3]),
            (Leak::SeverityOfPerson, &[5]),
        ]
    );
}

#[test]
fn a_source_that_is_right_in_99_of_100_tickets_looks_copied_and_in_98_does_not() {
    let mut all = tickets(100, 1_000);
    for (at, ticket) in all.iter_mut().enumerate() {
        let value = if at == 50 { Severity::Critical } else { ticket.label.severity };
        ticket.ticket.severity_reported = SourceSeverity::Known { value, native: "x".into(), set_by: SetBy::System };
    }
    assert!(leakage(&all).severity_looks_copied());
    assert!(!leakage(&all[..49]).severity_looks_copied(), "too few to tell");
    all[3].label.severity = Severity::Medium;
    assert!(!leakage(&all).severity_looks_copied());
}
