//! The owner's iteration as the report shows it: 50 test tickets, 11 of them wireless, after 500 training tickets with 20.
//! The snapshots are what people read; a changed one is looked at, then taken over by hand.

use std::collections::BTreeSet;

use crate::domain::labelled::LabelledTicket;
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::evaluation::answer::{Column, ColumnKind};
use crate::evaluation::composition::Composition;
use crate::evaluation::data::text::ComparedText;
use crate::evaluation::diagnosis::Scores;
use crate::evaluation::facet::Dimension;
use crate::evaluation::failures::{SliceFailures, Standing};
use crate::evaluation::humans::{Reading, Readings};
use crate::evaluation::mix::Mix;
use crate::evaluation::report::{Inputs, NamedFacet, NamedSlice, Report};
use crate::evaluation::test_set::TestSet;
use crate::evaluation::tests::{beside, category, confident, set_from, settings};
use crate::evaluation::words::Words;
use crate::statistics::wilson::Share;

use super::compose::composed;
use super::{Redaction, html, markdown, terminal};

fn test_tickets() -> Vec<LabelledTicket> {
    let mut tickets = [
        category("routing", Severity::Critical, 6),
        category("routing", Severity::Medium, 14),
        category("switching", Severity::High, 9),
        category("switching", Severity::Low, 10),
        category("wireless", Severity::Medium, 5),
        category("wireless", Severity::Low, 6),
    ]
    .concat();
    for (at, ticket) in tickets.iter_mut().enumerate() {
        ticket.ticket.title = Some(format!("{} fault <{at}>", ticket.ticket.category.clone().unwrap_or_default()));
        if at % 3 != 0 {
            let value = if at % 2 == 0 { ticket.label.severity } else { Severity::High };
            ticket.ticket.severity_reported =
                SourceSeverity::Known { value, native: value.to_string(), set_by: SetBy::System };
        }
        ticket.ticket.device.vendor = Some(if at % 5 == 4 { "acme".into() } else { "cisco".into() });
    }
    tickets
}

/// Right but for these positions, and the surer, the more it is right.
fn model(name: &str, set: &TestSet, wrong: &[usize]) -> Column {
    let answers = set
        .tickets()
        .iter()
        .enumerate()
        .map(|(at, ticket)| {
            let is_wrong = wrong.contains(&at);
            let severity = if is_wrong { beside(ticket.truth) } else { ticket.truth };
            Some(confident(severity, if is_wrong { 0.62 } else { 0.9 } + at as f64 / 1_000.0))
        })
        .collect();
    Column { name: name.to_owned(), kind: ColumnKind::Reported, answers, elsewhere: 0 }
}

fn report() -> Report {
    let set = set_from(&test_tickets());
    let mut words = Words::default();
    for labelled in test_tickets() {
        words.add(&ComparedText::of(&labelled.ticket));
    }
    let training = set_from(
        &[
            category("routing", Severity::Low, 300),
            category("switching", Severity::Low, 180),
            category("wireless", Severity::Low, 20),
        ]
        .concat(),
    );
    let v1_wrong = [0, 7, 22, 35, 39, 40, 41, 42, 44, 45, 46, 48];
    let base_wrong: Vec<usize> = v1_wrong.iter().copied().chain([3, 9, 11, 16, 24, 28, 30, 33]).collect();
    let columns = [
        Column::source(&set),
        Column::majority(&set, training.tickets().iter().map(|ticket| ticket.truth)),
        model("base", &set, &base_wrong),
        model("v1", &set, &v1_wrong),
    ];
    let readings = set.tickets().iter().enumerate().flat_map(|(at, ticket)| {
        let reading = |reviewer: &str, severity| Reading {
            ticket_id: ticket.id.clone(),
            reviewer: reviewer.to_owned(),
            severity,
        };
        let second = if at % 9 == 0 { beside(ticket.truth) } else { ticket.truth };
        [reading("anna", ticket.truth), reading("ben", second)]
    });
    let readings = Readings::new(&set, readings).expect("one reading each");
    let live = Mix {
        dimension: Dimension::Category,
        counts: [("routing", 480), ("switching", 270), ("wireless", 225), ("power", 25)]
            .into_iter()
            .map(|(value, count)| (value.to_owned(), count))
            .collect(),
    };
    let inputs = Inputs {
        set: &set,
        columns: &columns,
        words: Some(&words),
        readings: Some(&readings),
        training: Some(&training),
        in_training: &BTreeSet::new(),
        live: Some(&live),
        elsewhere: Scores { train: Some(Share { hits: 470, of: 500 }), ..Scores::default() },
        pairs: &[],
        settings: &settings(),
    };
    Report::of(&inputs, &mut |_, _| ())
}

#[track_caller]
fn check(found: &str, expected: &str, file: &str) {
    let differs = found.lines().zip(expected.lines()).position(|(found, expected)| found != expected);
    assert!(
        found == expected,
        "{file} differs from line {}; if this is meant, the new text is:\n{found}",
        differs.map_or(0, |line| line + 1)
    );
}

#[test]
fn the_owners_iteration_in_a_terminal() {
    let text = terminal::rendered(&composed(&report(), Redaction::None));
    check(&text, include_str!("tests/iteration.txt"), "iteration.txt");
}

#[test]
fn in_each_form_everything_that_is_said_stands_once() {
    let document = composed(&report(), Redaction::None);
    for text in [terminal::rendered(&document), markdown::rendered(&document), html::rendered(&document)] {
        for said in ["+16.0 points (+6.0 to +26.0)", "Diagnosis: data gap.", "20/500 = 4.0 %"] {
            assert_eq!(text.matches(said).count(), 1, "{said}");
        }
    }
}

#[test]
fn what_is_shared_with_others_names_no_ticket_and_quotes_none() {
    let document = composed(&report(), Redaction::Tickets);
    for text in [terminal::rendered(&document), markdown::rendered(&document), html::rendered(&document)] {
        for word in ["routing-medium", "wireless-low-", "fault *", "wireless fault", "anna"] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.contains("38/50") && text.contains("wireless"));
    }
}

#[test]
fn what_is_shared_holds_no_words_of_a_ticket_among_what_training_lacks_or_live_has_more() {
    let mut shared = report();
    let facet = NamedFacet { dimension: Dimension::Message, value: "secret fault *".into() };
    let none = Share { hits: 0, of: 500 };
    shared.composition.push(Composition { facet, training: none, test: Share { hits: 20, of: 50 }, live: None });
    for column in &mut shared.columns {
        let live = column.live.as_mut().expect("a live mix");
        (live.dimension, live.unseen_values) = (Dimension::Message, vec!["secret outage *".into()]);
    }
    let said = |redaction| terminal::rendered(&composed(&shared, redaction));
    for word in ["secret fault", "secret outage"] {
        assert_eq!((said(Redaction::None).contains(word), said(Redaction::Tickets).contains(word)), (true, false));
    }
}

#[test]
fn slices_of_a_few_tickets_are_one_line_in_every_form_however_many_there_are() {
    let before = report();
    let few = |dimension, value: &str, tickets| NamedSlice {
        facet: NamedFacet { dimension, value: value.to_owned() },
        failures: SliceFailures {
            wrong: Share { hits: 0, of: tickets },
            tested: Share { hits: 0, of: tickets },
            standing: Standing::Unknown,
            ..before.slices[0].failures.clone()
        },
    };
    let with = |slices: Vec<NamedSlice>| {
        let mut report = before.clone();
        report.slices.extend(slices);
        let document = composed(&report, Redaction::None);
        // A terminal breaks long lines.
        [terminal::rendered(&document), markdown::rendered(&document), html::rendered(&document)]
            .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let three =
        vec![few(Dimension::Slice, "power", 2), few(Dimension::Vendor, "nokia", 1), few(Dimension::Slice, "voice", 4)];
    for text in with(three) {
        assert_eq!(
            text.matches("Unknown (too few tickets): slice power 2, voice 4; vendor nokia 1.").count(),
            1,
            "{text}"
        );
    }
    for text in with((0..30).map(|at| few(Dimension::Slice, &format!("s{at}"), 2)).collect()) {
        assert!(text.contains("; and 5 more.") && !text.contains("s25 2"), "{text}");
    }
    assert!(!with(Vec::new())[0].contains("too few tickets"));
}

#[test]
fn tickets_that_were_trained_on_are_warned_of() {
    let of = |trains: u64| terminal::rendered(&composed(&Report { in_training: trains, ..report() }, Redaction::None));
    assert!(of(3).contains("3 tickets were trained on") && !of(0).contains("trained on"));
}

#[test]
fn a_page_draws_confusion_reliability_reach_and_slices() {
    let page = html::rendered(&composed(&report(), Redaction::None));
    assert_eq!(page.matches("<svg ").count(), 5);
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
}

#[test]
fn a_report_on_nothing_is_short_and_says_so() {
    let set = set_from(&[]);
    let inputs = Inputs {
        set: &set,
        columns: &[Column::source(&set), model("v1", &set, &[])],
        words: None,
        readings: None,
        training: None,
        in_training: &BTreeSet::new(),
        live: None,
        elsewhere: Scores::default(),
        pairs: &[],
        settings: &settings(),
    };
    let text = terminal::rendered(&composed(&Report::of(&inputs, &mut |_, _| ()), Redaction::None));
    assert!(
        text.contains("No baseline") && text.contains("no ticket") && text.contains("not enough evidence"),
        "{text}"
    );
}
