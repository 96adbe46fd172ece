//! What is done with a ticket: a pure, total function of ruling, moment, recent view, ticket and answers.

mod acting;
mod case;
mod decide;
pub mod decided;
pub mod digests;
pub mod draws;
pub mod eligibility;
mod explain;
pub mod guards;
pub mod identity;
pub mod loosened;
mod meaning;
mod names;
pub mod permit;
pub mod queues;
pub mod recent_view;
pub mod replay;
mod review;
pub mod ruling;
mod sample;
pub mod slices;
pub mod text;
pub mod view;

pub use decide::decide;
pub use explain::explain_change;

use crate::domain::digest::Digest;
use crate::domain::stage::Stage;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

use identity::TicketDigests;
use ruling::Ruling;

/// One input record as `decide` sees it.
#[derive(Clone, Copy, Debug)]
pub struct RecordFacts<'record> {
    /// What the record turned out to be.
    pub event: Event<'record>,
    /// Append time of the record (operating time).
    pub appended_at: UtcMillis,
    /// SHA-256 of the raw record value.
    pub content_digest: Digest,
    /// Digests of what the ticket says; zero for an event without a ticket.
    pub digests: TicketDigests,
}

/// What a record turned out to be.
#[derive(Clone, Copy, Debug)]
pub enum Event<'record> {
    /// A ticket, new or changed.
    Ticket(&'record Ticket),
    /// A tombstone or a deletion in the source.
    Gone(&'record TicketId),
    /// No ticket; the dead-letter record says why.
    NotATicket,
}

/// Which models are asked about a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// None.
    Nobody,
    /// Those in force.
    InForce,
    /// Candidates as well: the ticket is in the evidence draw, and people decide it blind.
    Candidates,
}

/// Which models are asked about a ticket: none when it has ended, and in shadow only when it is drawn. The answer never
/// depends on what a model would say, nor on the content of the ticket beyond its state and its slice. `first_rate` is the
/// rate of the evidence draw at which the ticket was first met; `None`: it is new.
pub fn asked_about(ruling: &Ruling, ticket: &Ticket, first_rate: Option<f64>) -> Asked {
    if ticket.status.is_some_and(crate::domain::ticket::Status::is_terminal) {
        return Asked::Nobody;
    }
    let place = case::Place::of_ticket(ruling, ticket, first_rate);
    match place.stage {
        _ if place.draws.evidence.drawn => Asked::Candidates,
        Stage::Shadow => Asked::Nobody,
        Stage::Suggest | Stage::AutoTriage | Stage::AutoResolve => Asked::InForce,
    }
}

#[cfg(test)]
mod tests;
