//! What people must look at because of a step-back or a hard stop, as review items.

use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;
use crate::policy::decided::{ReviewReason, ReviewState};
use crate::rollout::plan::Plan;
use crate::wire::review::{REVIEW_SCHEMA, ReviewRecord};
use crate::wire::values::HexDigest;
use crate::wire::words::Word;

/// The items of a plan: actions to look at again, newest first, then tickets that a second person reads blind. A ticket
/// whose decision is not known any more cannot be named, and is left out.
pub(super) fn items(plan: &Plan, decisions: &BTreeMap<TicketId, Digest>) -> Vec<ReviewRecord> {
    let item = |ticket: &TicketId, reason: ReviewReason| {
        decisions.get(ticket).map(|decision| ReviewRecord {
            schema: REVIEW_SCHEMA.to_owned(),
            ticket_id: Some(ticket.as_str().to_owned()),
            revision: None,
            state: Word(ReviewState::Open),
            reason: Word(reason),
            priority: reason.priority(),
            related: None,
            decision_id: HexDigest(*decision),
            prediction: None,
        })
    };
    let again = plan.rechecks.iter().flat_map(|recheck| &recheck.tickets);
    let again = again.filter_map(|ticket| item(ticket, ReviewReason::Recheck));
    let blind = plan.read_again.iter().filter_map(|ticket| item(ticket, ReviewReason::Sample));
    again.chain(blind).collect()
}
