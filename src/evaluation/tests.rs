//! What the tests of this module share: small sets, columns by their answers.

mod reference;

use crate::domain::labelled::{AsOf, Label, LabelAgreement, LabelledTicket};
use crate::domain::probability::SeverityDistribution;
use crate::domain::severity::Severity;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

use super::answer::{Answer, Column, ColumnKind};
use super::test_set::{Leakage, TestSet, TestSetBuilder};

/// A labelled ticket with a title of its own.
pub fn labelled(id: &str, severity: Severity) -> LabelledTicket {
    let ticket_id = TicketId::try_new(id).expect("an id");
    LabelledTicket {
        ticket: Ticket::minimal(ticket_id, "link down", UtcMillis(0)),
        label: Label {
            severity,
            root_cause: None,
            queue: None,
            closable: None,
            by: Vec::new(),
            agreement: LabelAgreement::Undisputed,
        },
        as_of: AsOf::Created,
        split: None,
        group: None,
        slice: None,
    }
}

/// A set of these tickets.
pub fn set_from(tickets: &[LabelledTicket]) -> TestSet {
    let mut builder = TestSetBuilder::default();
    for ticket in tickets {
        builder.add(ticket, Leakage::Refused).expect("a ticket for the set");
    }
    builder.build()
}

/// A set of tickets by id and label.
pub fn set_of(tickets: &[(&str, Severity)]) -> TestSet {
    set_from(&tickets.iter().map(|(id, severity)| labelled(id, *severity)).collect::<Vec<_>>())
}

/// `count` tickets of one category each with this label.
pub fn category(name: &str, severity: Severity, count: usize) -> Vec<LabelledTicket> {
    let ticket = |number: usize| {
        let mut one = labelled(&format!("{name}-{severity}-{number}"), severity);
        one.ticket.category = Some(name.to_owned());
        one
    };
    (0..count).map(ticket).collect()
}

/// A column by its answers.
pub fn column(name: &str, answers: &[Option<Severity>]) -> Column {
    let answers = answers.iter().map(|answer| answer.map(Answer::bare)).collect();
    Column { name: name.to_owned(), kind: ColumnKind::Reported, answers, elsewhere: 0 }
}

/// A column that is right where `is_right` says so, else one step off.
pub fn column_right(name: &str, set: &TestSet, is_right: impl Fn(usize) -> bool) -> Column {
    let answers: Vec<Option<Severity>> = set
        .tickets()
        .iter()
        .enumerate()
        .map(|(position, ticket)| Some(if is_right(position) { ticket.truth } else { beside(ticket.truth) }))
        .collect();
    column(name, &answers)
}

/// A severity one step beside.
pub fn beside(severity: Severity) -> Severity {
    Severity::ALL[if severity.index() == 3 { 2 } else { severity.index() + 1 }]
}

/// An answer with this confidence, the rest spread evenly.
pub fn confident(severity: Severity, confidence: f64) -> Answer {
    let mut probabilities = [(1.0 - confidence) / 3.0; 4];
    probabilities[severity.index()] = confidence;
    let distribution = SeverityDistribution::try_new(probabilities).expect("sums to one");
    Answer { distribution: Some(distribution), ..Answer::bare(severity) }
}

/// Settings as they are by default.
pub fn settings() -> super::report::Settings {
    super::report::Settings {
        costs: super::cost::CostMatrix::default(),
        minutes: None,
        wished: 0.8,
        error_limit: crate::statistics::tally::ErrorLimit::try_new(0.02).expect("a limit"),
        by: super::facet::Dimension::Category,
        tried: super::diagnosis::Tried::default(),
        seed: 1,
    }
}
