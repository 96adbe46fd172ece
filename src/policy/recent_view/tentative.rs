//! The view of one batch: what is committed, and what the batch would add.

use std::collections::HashMap;

use crate::domain::digest::Digest;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::decided::ActionKind;
use crate::policy::view::{History, ParentState, TicketMemory, ViewFacts};

use super::{Entry, HOUR_MS, Query, RecentView, Remembered, counts_as_arrival, minute_of};

/// The view of one batch: what is committed, and what this batch would add. Dropped on abort.
#[derive(Debug)]
pub struct TentativeView<'view> {
    committed: &'view RecentView,
    changed: HashMap<(i32, TicketId), Entry>,
    entries: Vec<(i32, Remembered)>,
    arrivals: usize,
    fingerprints: HashMap<Digest, Vec<TicketId>>,
    actions: HashMap<(String, AutoAction), usize>,
}

impl<'view> TentativeView<'view> {
    /// Starts from the committed view.
    pub fn new(committed: &'view RecentView) -> Self {
        Self {
            committed,
            changed: HashMap::new(),
            entries: Vec::new(),
            arrivals: 0,
            fingerprints: HashMap::new(),
            actions: HashMap::new(),
        }
    }

    /// All that `decide` needs to know about one record.
    pub fn facts(&self, query: &Query<'_>) -> ViewFacts {
        let view = self.committed;
        let history =
            query.ticket_id.and_then(|id| self.entry(query.partition, id)).map_or(History::Unknown, |entry| {
                let exact_match = entry
                    .exact
                    .iter()
                    .find(|(group, _)| Some(*group) == query.decision_group)
                    .map(|(_, decision_id)| *decision_id);
                if entry.is_founded || exact_match.is_some() {
                    History::Known(TicketMemory { exact_match, ..entry.memory.clone() })
                } else {
                    History::Unknown
                }
            });
        let parent = query.parent.map_or(ParentState::NoParent, |parent| match self.open_critical(parent) {
            Some(true) => ParentState::OpenCritical,
            Some(false) => ParentState::NotCritical,
            None => ParentState::Unknown,
        });
        let since = |at: &UtcMillis, length_ms: i64| query.desk_time.since_ms(*at) <= length_ms;
        let similar_recent = query.fingerprint.map_or(0, |fingerprint| {
            let others = |id: &TicketId| query.ticket_id != Some(id);
            let committed = view
                .fingerprints
                .get(&fingerprint)
                .into_iter()
                .flatten()
                .filter(|(at, id)| others(id) && since(at, view.limits.storm_window_ms));
            let tentative = self.fingerprints.get(&fingerprint).into_iter().flatten().filter(|id| others(id));
            committed.count() + tentative.count()
        });
        let actions_last_hour = AutoAction::ALL.map(|action| {
            let key = (query.slice.to_owned(), action);
            let committed =
                view.actions.get(&key).map_or(0, |times| times.iter().filter(|at| since(at, HOUR_MS)).count());
            bounded(committed + self.actions.get(&key).copied().unwrap_or_default())
        });
        let hour_ago = minute_of(query.desk_time.plus_ms(-HOUR_MS));
        let arrivals: u32 = view.arrivals.range(hour_ago..).map(|(_, count)| count).sum();
        ViewFacts {
            history,
            parent,
            similar_recent: bounded(similar_recent),
            actions_last_hour,
            arrivals_last_hour: arrivals.saturating_add(bounded(self.arrivals)),
            window: view.window(query.partition),
        }
    }

    /// Adds an outcome of this batch.
    pub fn remember(&mut self, partition: i32, remembered: Remembered) {
        if let Some(ticket_id) = &remembered.ticket_id {
            let mut entry = self.entry(partition, ticket_id).cloned().unwrap_or_else(Entry::empty);
            entry.apply(&remembered, 0);
            self.changed.insert((partition, ticket_id.clone()), entry);
            if counts_as_arrival(&remembered) {
                self.arrivals += 1;
                if let Some(fingerprint) = remembered.fingerprint {
                    let similar = self.fingerprints.entry(fingerprint).or_default();
                    if !similar.contains(ticket_id) {
                        similar.push(ticket_id.clone());
                    }
                }
            }
        }
        if let ActionKind::Auto(action) = remembered.action {
            *self.actions.entry((remembered.slice.clone(), action)).or_default() += 1;
        }
        self.entries.push((partition, remembered));
    }

    /// What the batch adds: apply it after the commit, and only then.
    pub fn into_entries(self) -> Vec<(i32, Remembered)> {
        self.entries
    }

    fn entry(&self, partition: i32, ticket_id: &TicketId) -> Option<&Entry> {
        self.changed.get(&(partition, ticket_id.clone())).or_else(|| self.committed.entry(partition, ticket_id))
    }

    fn open_critical(&self, ticket_id: &TicketId) -> Option<bool> {
        self.changed
            .iter()
            .find(|((_, id), _)| id == ticket_id)
            .filter(|(_, entry)| entry.is_founded)
            .map(|(_, entry)| entry.open_critical)
            .or_else(|| self.committed.open_critical(ticket_id))
    }
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
