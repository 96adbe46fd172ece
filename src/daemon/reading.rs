//! From records to the items of a batch, and from items to what the engine is asked.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::inference::engine::Job;
use crate::policy::identity::TicketDigests;
use crate::policy::recent_view::RecentView;
use crate::policy::ruling::Ruling;
use crate::policy::{Asked, asked_about, identity};
use crate::wire::intake::{self, DeadLetterReason, Intake, IntakeSettings, RawRecord};

use super::batch::{Batch, Buffered, Content, Item, Read};

/// Reads one record and takes its digests.
fn read(record: &RawRecord, settings: &IntakeSettings) -> Read {
    let content_digest = identity::content_digest(record.value.as_deref());
    let content = match intake::read(record, settings) {
        Intake::Ticket(ticket) => Content::Ticket(Arc::from(ticket)),
        Intake::Gone(ticket_id) => Content::Gone(ticket_id),
        Intake::DeadLetter(reason) => Content::DeadLetter(reason),
    };
    let digests = content.ticket().map(TicketDigests::of).unwrap_or_default();
    Read { content, content_digest, digests }
}

/// Records that one thread takes at once: reading them takes much longer than taking them, and no thread is left with much.
const TAKEN_AT_ONCE: usize = 16;

/// Reads what waits in the buffer, before its batch is cut: what it turns out to be depends on nothing that could change
/// until then. Threads that do this at once share the records.
pub(super) fn read_ahead<'buffer>(
    waiting: &Mutex<impl Iterator<Item = &'buffer mut Buffered>>,
    settings: &IntakeSettings,
) {
    loop {
        let mut waiting = waiting.lock().expect("no panic while taking records");
        let taken: Vec<_> = waiting.by_ref().filter(|buffered| buffered.read.is_none()).take(TAKEN_AT_ONCE).collect();
        drop(waiting);
        if taken.is_empty() {
            return;
        }
        for buffered in taken {
            buffered.read = Some(read(&buffered.record, settings));
        }
    }
}

/// A record of a batch that is being cut. `now` stands in where the log gives no append time.
pub(super) fn item(
    buffered: Buffered,
    settings: &IntakeSettings,
    unwritable: Option<DeadLetterReason>,
    now: UtcMillis,
) -> Item {
    let Buffered { partition, offset, record, received: _, read } = buffered;
    let Read { content, content_digest, digests } = read.unwrap_or_else(|| self::read(&record, settings));
    let appended_at = record.timestamp.unwrap_or(now);
    let is_kept = unwritable.is_some() || matches!(content, Content::DeadLetter(_));
    let raw = is_kept.then_some(record);
    Item { partition, offset, content, raw, appended_at, content_digest, digests, unwritable, job_row: None }
}

/// What the engine is asked, and for which rows of the batch. A model is spared only where the outcome will surely be
/// `unchanged`: the decision is taken later, on the view as it is then, and what is on its way to that view now may
/// change the answer. A ticket that was ever reopened is decided again on the same input.
pub(super) fn job(id: u64, ruling: &Ruling, items: &mut [Item], in_flight: &VecDeque<Batch>, view: &RecentView) -> Job {
    let in_flight = in_flight.iter().flat_map(|batch| &batch.items);
    let mut on_their_way: HashSet<TicketId> = in_flight.filter_map(|item| item.content.ticket_id().cloned()).collect();
    let mut job = Job { id, tickets: Vec::new(), drawn: Vec::new(), acting: Some(Arc::clone(&ruling.acting)) };
    for item in items {
        // A tombstone changes what is known of a ticket as well.
        let is_on_its_way = item.content.ticket_id().is_some_and(|id| !on_their_way.insert(id.clone()));
        let Content::Ticket(ticket) = &item.content else { continue };
        let is_settled = !is_on_its_way
            && view.has_input(item.partition, &ticket.ticket_id, item.digests.input)
            && ticket.reopen_count.is_none_or(|count| count == 0);
        let first_rate = view.first_rate(item.partition, &ticket.ticket_id);
        if item.unwritable.is_some() || is_settled {
            continue;
        }
        let asked = asked_about(ruling, ticket, first_rate);
        if asked == Asked::Nobody {
            continue;
        }
        let row = job.tickets.len();
        item.job_row = Some(row);
        job.tickets.push(Arc::clone(ticket));
        if asked == Asked::Candidates {
            job.drawn.push(row);
        }
    }
    job
}
