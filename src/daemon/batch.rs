//! A batch on its way from the log to a transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::domain::digest::Digest;
use crate::domain::prediction::Answer;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;
use crate::inference::engine::Job;
use crate::policy::Event;
use crate::policy::identity::TicketDigests;
use crate::policy::ruling::Ruling;
use crate::wire::intake::{DeadLetterReason, RawRecord};

use super::standing::Look;

/// A record that waits for its batch.
#[derive(Debug)]
pub(super) struct Buffered {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) record: RawRecord,
    pub(super) received: Instant,
    /// What it turned out to be, where that is known already.
    pub(super) read: Option<Read>,
}

/// What a record turned out to be, and its digests: the same whenever it is read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) content: Content,
    pub(super) content_digest: Digest,
    /// Zero where it is no ticket.
    pub(super) digests: TicketDigests,
}

impl Buffered {
    /// What it costs in the buffer, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let headers: usize = self.record.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        self.record.value.as_ref().map_or(0, Vec::len) + self.record.key.as_ref().map_or(0, Vec::len) + headers + 64
    }
}

/// What a record turned out to be, owned.
#[derive(Debug)]
pub(super) enum Content {
    Ticket(Arc<Ticket>),
    Gone(TicketId),
    DeadLetter(DeadLetterReason),
}

impl Content {
    pub(super) fn event(&self) -> Event<'_> {
        match self {
            Self::Ticket(ticket) => Event::Ticket(ticket),
            Self::Gone(ticket_id) => Event::Gone(ticket_id),
            Self::DeadLetter(_) => Event::NotATicket,
        }
    }

    pub(super) fn ticket(&self) -> Option<&Ticket> {
        match self {
            Self::Ticket(ticket) => Some(ticket),
            Self::Gone(_) | Self::DeadLetter(_) => None,
        }
    }

    pub(super) fn ticket_id(&self) -> Option<&TicketId> {
        match self {
            Self::Ticket(ticket) => Some(&ticket.ticket_id),
            Self::Gone(ticket_id) => Some(ticket_id),
            Self::DeadLetter(_) => None,
        }
    }
}

/// One record of a batch, read and measured.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) content: Content,
    /// Kept for the dead letter alone; tickets are not carried twice.
    pub(super) raw: Option<RawRecord>,
    pub(super) appended_at: UtcMillis,
    pub(super) content_digest: Digest,
    /// Zero where it is no ticket.
    pub(super) digests: TicketDigests,
    /// Why its real outcome cannot be written, after three refusals.
    pub(super) unwritable: Option<DeadLetterReason>,
    /// Row in the job handed to the engine; `None` where no model is asked.
    pub(super) job_row: Option<usize>,
}

/// The part of a partition that a batch covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Epoch of the partition when the batch was cut.
    pub(super) epoch: u64,
    /// Next-to-read offset after the batch before it: must equal the committed position when this batch commits.
    pub(super) from: i64,
    /// Next-to-read offset after this batch.
    pub(super) next: i64,
}

/// Where the answers of a batch are.
#[derive(Debug)]
pub(super) enum Answers {
    /// Not handed over yet: the engine's queue was full.
    Unsent(Job),
    /// With the engine.
    Waiting,
    /// Back, one list per row of the job.
    Here(Vec<Vec<Answer>>),
    /// Too late, or the engine has stopped: people get these tickets without a prediction.
    Missing,
}

/// A batch in flight.
#[derive(Debug)]
pub(super) struct Batch {
    /// What stood when it was cut; looked at by a control of test builds alone, which then permits on it.
    pub(super) cut_on: Option<Look>,
    pub(super) id: u64,
    pub(super) spans: BTreeMap<i32, Span>,
    pub(super) items: Vec<Item>,
    pub(super) ruling: Arc<Ruling>,
    pub(super) answers: Answers,
    /// When it was handed to the engine: the model's deadline counts from here.
    pub(super) handed_over: Instant,
    pub(super) handed_over_at: UtcMillis,
    pub(super) answered: Option<Instant>,
}

impl Batch {
    /// Whether it can be decided.
    pub(super) fn is_ready(&self) -> bool {
        match self.answers {
            Answers::Here(_) | Answers::Missing => true,
            Answers::Unsent(_) | Answers::Waiting => false,
        }
    }
}
