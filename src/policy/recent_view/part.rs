//! One partition of the view: what the tail of `decisions` has said about it, in order.
//!
//! A partition whose window could not be read in time is triaged all the same, without automation. What this instance
//! commits meanwhile lies *ahead* of what the tail has reached: it is kept beside, so that the tail can go on in order
//! below it, and is put on top when the tail has arrived.

use std::collections::{HashMap, VecDeque};

use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::view::WindowState;

use super::{Entry, Remembered, ViewLimits};

/// One partition.
#[derive(Debug, Default)]
pub(super) struct Part {
    tickets: HashMap<TicketId, Entry>,
    /// Arrival order with desk times, for eviction: (sequence, desk time, ticket).
    order: VecDeque<(u64, UtcMillis, TicketId)>,
    last_source_offset: Option<i64>,
    ahead: Option<Box<Ahead>>,
}

/// Own commits on a window that is not whole.
#[derive(Debug, Default)]
struct Ahead {
    /// As they are known to decisions: what the tail had said of the ticket at that moment, and own outcomes on top.
    tickets: HashMap<TicketId, Entry>,
    /// The outcomes, in order.
    outcomes: VecDeque<Remembered>,
}

impl Ahead {
    fn covers(&self, source_offset: i64) -> bool {
        let first = self.outcomes.front().is_some_and(|first| first.source_offset <= source_offset);
        first && self.outcomes.back().is_some_and(|last| source_offset <= last.source_offset)
    }
}

/// Whether an outcome is news to the counts that span all partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Not seen before.
    New,
    /// Known: the tail reads our own records back.
    Known,
}

impl Part {
    pub(super) fn window(&self) -> WindowState {
        if self.ahead.is_some() { WindowState::Partial } else { WindowState::Whole }
    }

    pub(super) fn entry(&self, ticket_id: &TicketId) -> Option<&Entry> {
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.tickets.get(ticket_id));
        ahead.or_else(|| self.tickets.get(ticket_id))
    }

    pub(super) fn tickets(&self) -> usize {
        self.tickets.len()
    }

    pub(super) fn last_source_offset(&self) -> Option<i64> {
        let ahead = self.ahead.as_ref().and_then(|ahead| ahead.outcomes.back());
        self.last_source_offset.max(ahead.map(|last| last.source_offset))
    }

    /// Takes in what the tail has read.
    pub(super) fn read(&mut self, remembered: &Remembered, sequence: &mut u64, limits: &ViewLimits) -> News {
        if self.last_source_offset.is_some_and(|last| remembered.source_offset <= last) {
            return News::Known;
        }
        self.store(remembered, sequence, limits);
        let is_own = self.ahead.as_ref().is_some_and(|ahead| ahead.covers(remembered.source_offset));
        if is_own { News::Known } else { News::New }
    }

    /// Takes in what this instance has committed.
    pub(super) fn commit(&mut self, remembered: &Remembered, sequence: &mut u64, limits: &ViewLimits) -> News {
        let Some(ahead) = &mut self.ahead else { return self.read(remembered, sequence, limits) };
        if let Some(ticket_id) = &remembered.ticket_id {
            let below = self.tickets.get(ticket_id);
            ahead
                .tickets
                .entry(ticket_id.clone())
                .or_insert_with(|| below.cloned().unwrap_or_else(Entry::empty))
                .apply(remembered, *sequence);
        }
        ahead.outcomes.push_back(remembered.clone());
        // As many as a window holds are a window.
        if ahead.outcomes.len() >= limits.records_max {
            self.complete(sequence, limits);
        }
        News::New
    }

    /// The window is not whole: what is committed from here on lies ahead of the tail.
    pub(super) fn leave_partial(&mut self) {
        let has_caught_up = self.ahead.as_ref().is_none_or(|ahead| {
            ahead.outcomes.back().is_none_or(|last| self.last_source_offset >= Some(last.source_offset))
        });
        if has_caught_up {
            self.ahead = Some(Box::default());
        }
    }

    /// The tail has read all that others have decided: own outcomes go on top, and the window is whole.
    pub(super) fn complete(&mut self, sequence: &mut u64, limits: &ViewLimits) {
        let Some(ahead) = self.ahead.take() else { return };
        for remembered in ahead.outcomes {
            if self.last_source_offset.is_none_or(|last| remembered.source_offset > last) {
                self.store(&remembered, sequence, limits);
            }
        }
    }

    fn store(&mut self, remembered: &Remembered, sequence: &mut u64, limits: &ViewLimits) {
        self.last_source_offset = Some(remembered.source_offset);
        let Some(ticket_id) = &remembered.ticket_id else { return };
        *sequence += 1;
        self.tickets.entry(ticket_id.clone()).or_insert_with(Entry::empty).apply(remembered, *sequence);
        self.order.push_back((*sequence, remembered.desk_time, ticket_id.clone()));
        self.evict(remembered.desk_time, limits);
    }

    fn evict(&mut self, now: UtcMillis, limits: &ViewLimits) {
        while let Some((sequence, desk_time, ticket_id)) = self.order.front() {
            if self.order.len() <= limits.records_max && now.since_ms(*desk_time) <= limits.window_ms {
                break;
            }
            // The entry goes only when nothing newer of the ticket has been seen.
            if self.tickets.get(ticket_id).is_some_and(|entry| entry.touched == *sequence) {
                self.tickets.remove(ticket_id);
            }
            self.order.pop_front();
        }
    }
}
