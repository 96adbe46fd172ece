//! What a labelled ticket holds that nobody knew when it was created. A score on such tickets is no score: the model reads
//! the answer.

use std::collections::BTreeMap;

use crate::domain::labelled::{AsOf, LabelledTicket};
use crate::domain::severity::SetBy;
use crate::domain::ticket::{AuthorKind, Ticket};

/// A note within this time of the creation belongs to the creation (desk time), as for the daemon's reader.
pub const CREATION_MS: i64 = 60_000;

/// From how many labelled tickets with a severity of their source on agreement with the label is suspicious at all.
const AGREEMENT_TICKETS_MIN: usize = 50;
/// Agreement at which the source's severity is taken for a copy of the label: desks that correct nothing are rarer than
/// exports that overwrite. Per cent.
const AGREEMENT_PERCENT: usize = 99;

/// One way in which later knowledge got into a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leak {
    /// Nobody says that the ticket is as it was at its creation.
    AsOfUnknown,
    /// It is resolved, closed or cancelled.
    Ended,
    /// It was assigned, or a person has edited it.
    Touched,
    /// A note was written after the creation, or without a time.
    LaterNote,
    /// A person set the severity in it, at a moment that nobody knows: the label, or close to it.
    SeverityOfPerson,
}

impl Leak {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::AsOfUnknown, Self::Ended, Self::Touched, Self::LaterNote, Self::SeverityOfPerson];

    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AsOfUnknown => "as_of_unknown",
            Self::Ended => "ended",
            Self::Touched => "touched",
            Self::LaterNote => "later_note",
            Self::SeverityOfPerson => "severity_of_person",
        }
    }

    /// What it means, for people.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::AsOfUnknown => "nobody says that the ticket is as it was at its creation",
            Self::Ended => "it is resolved, closed or cancelled",
            Self::Touched => "it was assigned, or a person has edited it",
            Self::LaterNote => "it holds a note of a person that is later than its creation, or has no time",
            Self::SeverityOfPerson => "a person set the severity in it, and nobody says that it was at its creation",
        }
    }

    fn is_in(self, labelled: &LabelledTicket) -> bool {
        let ticket = &labelled.ticket;
        match self {
            Self::AsOfUnknown => labelled.as_of == AsOf::Unknown,
            Self::Ended => ticket.status.is_some_and(crate::domain::ticket::Status::is_terminal),
            Self::Touched => ticket.human_touched,
            Self::LaterNote => has_later_note(ticket),
            // Whoever opens a ticket may say how urgent it is: at its creation that is no leak.
            Self::SeverityOfPerson => {
                labelled.as_of == AsOf::Unknown && ticket.severity_reported.set_by() == Some(SetBy::Human)
            }
        }
    }
}

fn has_later_note(ticket: &Ticket) -> bool {
    let is_later =
        |note: &crate::domain::ticket::Note| note.at.is_none_or(|at| at.since_ms(ticket.created_at) > CREATION_MS);
    ticket.notes.iter().any(|note| note.author_kind == AuthorKind::Human && is_later(note))
}

/// What leaks in a set of tickets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leakage {
    /// Positions of the tickets of each leak; absent where there is none.
    pub tickets: BTreeMap<Leak, Vec<usize>>,
    /// Tickets in which the source says a severity.
    pub with_severity: usize,
    /// Tickets among them in which it is the label.
    pub severity_is_label: usize,
}

impl Leakage {
    /// Whether the source's severity looks like a copy of the label.
    pub const fn severity_looks_copied(&self) -> bool {
        self.with_severity >= AGREEMENT_TICKETS_MIN
            && self.severity_is_label * 100 >= self.with_severity * AGREEMENT_PERCENT
    }

    /// Whether anything leaks.
    pub fn is_found(&self) -> bool {
        !self.tickets.is_empty() || self.severity_looks_copied()
    }
}

/// Looks at every ticket of a set.
pub fn leakage(tickets: &[LabelledTicket]) -> Leakage {
    let mut found = Leakage::default();
    for (at, labelled) in tickets.iter().enumerate() {
        for leak in Leak::ALL.into_iter().filter(|leak| leak.is_in(labelled)) {
            found.tickets.entry(leak).or_default().push(at);
        }
        if let Some(severity) = labelled.ticket.severity_reported.value() {
            found.with_severity += 1;
            found.severity_is_label += usize::from(severity == labelled.label.severity);
        }
    }
    found
}
