//! What is done with a ticket: a pure, total function of ruling, moment, recent view, ticket and answers.

mod acting;
mod case;
mod decide;
pub mod decided;
pub mod digests;
pub mod draws;
pub mod eligibility;
pub mod guards;
pub mod identity;
mod names;
pub mod permit;
pub mod queues;
mod review;
pub mod ruling;
mod sample;
pub mod slices;
pub mod text;
pub mod view;

pub use decide::decide;

use crate::domain::digest::Digest;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

/// One input record as `decide` sees it.
#[derive(Clone, Copy, Debug)]
pub struct RecordFacts<'record> {
    /// What the record turned out to be.
    pub event: Event<'record>,
    /// Append time of the record (operating time).
    pub appended_at: UtcMillis,
    /// SHA-256 of the raw record value.
    pub content_digest: Digest,
    /// SHA-256 over the canonical JSON of what the model sees; zero for an event without a ticket.
    pub input_digest: Digest,
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
