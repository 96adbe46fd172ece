//! The view of one batch: what is committed, and what the batch would add.

use std::collections::HashMap;

use crate::domain::digest::Digest;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::decided::ActionKind;
use crate::policy::view::{History, ParentState, TicketMemory, ViewFacts};

use super::{Entry, HOUR_MS, Query, RecentView, Remembered, counts_as_arrival, minute_of};

/// What a batch adds to the view if it commits, in the shape in which it is looked up.
#[derive(Debug, Default)]
pub struct Addition {
    changed: HashMap<i32, HashMap<TicketId, Entry>>,
    arrivals: usize,
    fingerprints: HashMap<Digest, Vec<TicketId>>,
    actions: HashMap<(String, AutoAction), usize>,
}

impl Addition {
    fn entry(&self, partition: i32, ticket_id: &TicketId) -> Option<&Entry> {
        self.changed.get(&partition)?.get(ticket_id)
    }

    /// The ticket in whichever partition.
    fn entry_anywhere(&self, ticket_id: &TicketId) -> Option<&Entry> {
        self.changed.values().find_map(|of_partition| of_partition.get(ticket_id))
    }

    fn similar(&self, fingerprint: Digest) -> &[TicketId] {
        self.fingerprints.get(&fingerprint).map_or(&[], Vec::as_slice)
    }
}

/// The view of one batch: what is committed, what the batch before it would add where that one has not committed yet, and
/// what this batch would add. Dropped on abort.
#[derive(Debug)]
pub struct TentativeView<'view> {
    committed: &'view RecentView,
    before: Option<&'view Addition>,
    added: Addition,
    entries: Vec<(i32, Remembered)>,
}

impl<'view> TentativeView<'view> {
    /// Starts from the committed view.
    pub fn new(committed: &'view RecentView) -> Self {
        Self::behind(committed, None)
    }

    /// Starts from the committed view and a batch whose transaction has not ended yet: what is decided on it holds only if
    /// that one commits.
    pub fn behind(committed: &'view RecentView, before: Option<&'view Addition>) -> Self {
        Self { committed, before, added: Addition::default(), entries: Vec::new() }
    }

    /// What is not committed, the oldest first.
    fn additions(&self) -> impl DoubleEndedIterator<Item = &Addition> {
        [self.before, Some(&self.added)].into_iter().flatten()
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
            let not_committed = self.additions().flat_map(|added| added.similar(fingerprint)).filter(|id| others(id));
            committed.count() + not_committed.count()
        });
        // Nothing acts in most stages: then no key is made to look for what is not there.
        let has_acted = !view.actions.is_empty() || self.additions().any(|added| !added.actions.is_empty());
        let actions_last_hour = AutoAction::ALL.map(|action| {
            if !has_acted {
                return 0;
            }
            let key = (query.slice.to_owned(), action);
            let committed =
                view.actions.get(&key).map_or(0, |times| times.iter().filter(|at| since(at, HOUR_MS)).count());
            let added: usize = self.additions().filter_map(|added| added.actions.get(&key)).sum();
            bounded(committed + added)
        });
        let hour_ago = minute_of(query.desk_time.plus_ms(-HOUR_MS));
        let arrivals: u32 = view.arrivals.range(hour_ago..).map(|(_, count)| count).sum();
        ViewFacts {
            history,
            parent,
            similar_recent: bounded(similar_recent),
            actions_last_hour,
            arrivals_last_hour: arrivals.saturating_add(bounded(self.additions().map(|added| added.arrivals).sum())),
            window: view.window(query.partition),
        }
    }

    /// Adds an outcome of this batch.
    pub fn remember(&mut self, partition: i32, remembered: Remembered) {
        if let Some(ticket_id) = &remembered.ticket_id {
            let mut entry = self.entry(partition, ticket_id).cloned().unwrap_or_else(Entry::empty);
            entry.apply(&remembered, 0);
            self.added.changed.entry(partition).or_default().insert(ticket_id.clone(), entry);
            if counts_as_arrival(&remembered) {
                self.added.arrivals += 1;
                if let Some(fingerprint) = remembered.fingerprint {
                    // Once, whether it came in this batch or in the one before.
                    if !self.additions().any(|added| added.similar(fingerprint).contains(ticket_id)) {
                        self.added.fingerprints.entry(fingerprint).or_default().push(ticket_id.clone());
                    }
                }
            }
        }
        if let ActionKind::Auto(action) = remembered.action {
            *self.added.actions.entry((remembered.slice.clone(), action)).or_default() += 1;
        }
        self.entries.push((partition, remembered));
    }

    /// What the batch adds, for the batch behind it and for the view: apply the entries after the commit, and only then.
    pub fn into_parts(self) -> (Addition, Vec<(i32, Remembered)>) {
        (self.added, self.entries)
    }

    /// The second of [`Self::into_parts`].
    pub fn into_entries(self) -> Vec<(i32, Remembered)> {
        self.entries
    }

    fn entry(&self, partition: i32, ticket_id: &TicketId) -> Option<&Entry> {
        let not_committed = self.additions().rev().find_map(|added| added.entry(partition, ticket_id));
        not_committed.or_else(|| self.committed.entry(partition, ticket_id))
    }

    fn open_critical(&self, ticket_id: &TicketId) -> Option<bool> {
        self.additions()
            .rev()
            .filter_map(|added| added.entry_anywhere(ticket_id))
            .find(|entry| entry.is_founded)
            .map(|entry| entry.open_critical)
            .or_else(|| self.committed.open_critical(ticket_id))
    }
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
