//! Queues by category and root cause: the first row that matches.

use crate::domain::prediction::Prediction;
use crate::domain::ticket::Ticket;

use super::names;
use super::ruling::{Policy, QueueRule};

/// Where the table sends the ticket; `None` where no row matches.
pub fn queue_of(policy: &Policy, ticket: &Ticket, prediction: &Prediction) -> Option<String> {
    let cause = prediction.causes.first().map(|cause| &*cause.cause);
    let matches = |row: &&QueueRule| {
        let is_category = row
            .category
            .as_ref()
            .is_none_or(|category| names::is_on(std::slice::from_ref(category), ticket.category.as_deref()));
        let is_cause = row.root_cause.as_deref().is_none_or(|wanted| cause == Some(wanted));
        is_category && is_cause
    };
    policy.queues.iter().find(matches).map(|row| row.queue.clone())
}
