//! The recent view: the only thing that triage keeps.
//!
//! It is what the last hours of `decisions` say, per partition, and nothing else: no file, no database. Entries of a
//! batch are *tentative* until its transaction has committed; an abort drops them, and a commit whose outcome is
//! unknown drops the whole instance's clients, after which the view is read from Kafka again. What the view does not
//! know, `decide` treats with caution.

mod entry;
mod part;
mod tentative;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{RelationKind, Ticket, TicketId};
use crate::domain::time::UtcMillis;

use super::decided::{ActionKind, Outcome, ReviewReason, ReviewState};
use super::view::WindowState;
use entry::Entry;
use part::{News, Part};
pub use tentative::{Addition, TentativeView};

/// Length of the hour that caps count in (desk time).
const HOUR_MS: i64 = 3_600_000;

/// How far back the view reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewLimits {
    /// Length of the window in milliseconds of desk time. Default 24 h.
    pub window_ms: i64,
    /// Most records remembered per partition. Default 200,000.
    pub records_max: usize,
    /// Window in which similar tickets are a storm, in milliseconds of desk time.
    pub storm_window_ms: i64,
}

/// What is remembered of one outcome: read back from `decisions`, or taken from our own batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Remembered {
    /// Offset of the input record it decided.
    pub source_offset: i64,
    /// Ticket, unless the record was none.
    pub ticket_id: Option<TicketId>,
    /// Its revision.
    pub revision: Option<u64>,
    /// Hash of ticket id, revision and content; absent where there was no ticket.
    pub decision_group: Option<Digest>,
    /// Digest of what the model sees; absent where the outcome rests on nothing (`unchanged`, `duplicate`).
    pub input_digest: Option<Digest>,
    /// The same once our own severity stands in the ticket; absent where it makes no difference.
    pub echo_digest: Option<Digest>,
    /// Id of the decision.
    pub decision_id: Digest,
    /// Outcome.
    pub outcome: Outcome,
    /// Action.
    pub action: ActionKind,
    /// The severity that was suggested or written, if any.
    pub answered: Option<Severity>,
    /// Whether a suggestion went out.
    pub suggested: bool,
    /// Whether a person has the ticket from here on.
    pub handed_to_person: bool,
    /// State and reason of the review item it wrote, if any.
    pub review: Option<(ReviewState, ReviewReason)>,
    /// Whether it is critical by source, prediction or cut-off, and open.
    pub open_critical: bool,
    /// Slice.
    pub slice: String,
    /// Fingerprint; absent where there was no ticket.
    pub fingerprint: Option<Digest>,
    /// Desk time of the event.
    pub desk_time: UtcMillis,
    /// Reopen count the ticket carried.
    pub reopen_count: u32,
    /// Rate of the evidence draw; absent where nothing was drawn for the record.
    pub evidence_rate: Option<f64>,
}

/// What the view is asked about one record.
#[derive(Clone, Debug)]
pub struct Query<'record> {
    /// Partition of the record.
    pub partition: i32,
    /// Ticket id; `None` for a record that is no ticket.
    pub ticket_id: Option<&'record TicketId>,
    /// Hash of ticket id, revision and content; absent where there is no ticket.
    pub decision_group: Option<Digest>,
    /// Parent incident, if it names one.
    pub parent: Option<&'record TicketId>,
    /// Fingerprint.
    pub fingerprint: Option<Digest>,
    /// Slice of the ticket.
    pub slice: &'record str,
    /// Desk time of the event.
    pub desk_time: UtcMillis,
}

/// The parent incident a ticket names, if any.
pub fn parent_of(ticket: &Ticket) -> Option<&TicketId> {
    ticket.relations.iter().find(|relation| relation.kind == RelationKind::Parent).map(|relation| &relation.ticket_id)
}

/// The view over all partitions.
#[derive(Debug)]
pub struct RecentView {
    limits: ViewLimits,
    parts: BTreeMap<i32, Part>,
    fingerprints: HashMap<Digest, VecDeque<(UtcMillis, TicketId)>>,
    actions: HashMap<(String, AutoAction), VecDeque<UtcMillis>>,
    /// Arrivals per minute of desk time: an hour is at most 61 buckets, however many tickets arrive.
    arrivals: BTreeMap<i64, u32>,
    /// Whether the partitions of other instances are read: caps and storms count over all of them.
    others: WindowState,
    sequence: u64,
}

impl RecentView {
    /// An empty view.
    pub fn new(limits: ViewLimits) -> Self {
        Self {
            limits,
            parts: BTreeMap::new(),
            fingerprints: HashMap::new(),
            actions: HashMap::new(),
            arrivals: BTreeMap::new(),
            others: WindowState::Whole,
            sequence: 0,
        }
    }

    /// Takes over another length of the storm window.
    pub fn set_storm_window(&mut self, storm_window_ms: i64) {
        self.limits.storm_window_ms = storm_window_ms;
    }

    /// Number of tickets remembered, all partitions.
    pub fn tickets(&self) -> usize {
        self.parts.values().map(Part::tickets).sum()
    }

    /// Greatest input offset remembered of a partition.
    pub fn last_source_offset(&self, partition: i32) -> Option<i64> {
        self.parts.get(&partition).and_then(Part::last_source_offset)
    }

    /// Says whether all that others have decided of a partition is known.
    pub fn set_window(&mut self, partition: i32, window: WindowState) {
        let part = self.parts.entry(partition).or_default();
        match window {
            WindowState::Whole => part.complete(&mut self.sequence, &self.limits),
            WindowState::Partial => part.leave_partial(),
        }
    }

    /// Says whether the partitions of other instances have been read to their ends once.
    pub fn set_others(&mut self, others: WindowState) {
        self.others = others;
    }

    /// How much is known about a partition: what other instances did counts for its caps and storms.
    fn window(&self, partition: i32) -> WindowState {
        let own = self.parts.get(&partition).map_or(WindowState::Whole, Part::window);
        match (own, self.others) {
            (WindowState::Whole, WindowState::Whole) => WindowState::Whole,
            (WindowState::Partial, _) | (_, WindowState::Partial) => WindowState::Partial,
        }
    }

    /// Takes in what the tail of `decisions` says. What is already known (the tail reads our own records back) changes
    /// nothing.
    pub fn apply(&mut self, partition: i32, remembered: &Remembered) {
        let part = self.parts.entry(partition).or_default();
        let news = part.read(remembered, &mut self.sequence, &self.limits);
        self.count(remembered, news);
    }

    /// Takes in what this instance has committed.
    pub fn commit(&mut self, partition: i32, remembered: &Remembered) {
        let part = self.parts.entry(partition).or_default();
        let news = part.commit(remembered, &mut self.sequence, &self.limits);
        self.count(remembered, news);
    }

    fn count(&mut self, remembered: &Remembered, news: News) {
        let (News::New, Some(ticket_id)) = (news, &remembered.ticket_id) else { return };
        if counts_as_arrival(remembered) {
            *self.arrivals.entry(minute_of(remembered.desk_time)).or_default() += 1;
            if let Some(fingerprint) = remembered.fingerprint {
                let similar = self.fingerprints.entry(fingerprint).or_default();
                if !similar.iter().any(|(_, other)| other == ticket_id) {
                    similar.push_back((remembered.desk_time, ticket_id.clone()));
                }
            }
        }
        if let ActionKind::Auto(action) = remembered.action {
            self.actions.entry((remembered.slice.clone(), action)).or_default().push_back(remembered.desk_time);
        }
        self.forget(remembered.desk_time);
    }

    /// Forgets what is too old for caps and storms.
    fn forget(&mut self, now: UtcMillis) {
        let hour_ago = minute_of(now.plus_ms(-HOUR_MS));
        while self.arrivals.first_key_value().is_some_and(|(minute, _)| *minute < hour_ago) {
            self.arrivals.pop_first();
        }
        for actions in self.actions.values_mut() {
            while actions.front().is_some_and(|at| now.since_ms(*at) > HOUR_MS) {
                actions.pop_front();
            }
        }
        // Fingerprints are swept now and then: each sweep is linear, each record pays a constant on average.
        if self.sequence.is_multiple_of(4096) {
            let storm_window_ms = self.limits.storm_window_ms;
            self.fingerprints.retain(|_, similar| {
                similar.retain(|(at, _)| now.since_ms(*at) <= storm_window_ms);
                !similar.is_empty()
            });
        }
    }

    fn entry(&self, partition: i32, ticket_id: &TicketId) -> Option<&Entry> {
        self.parts.get(&partition).and_then(|part| part.entry(ticket_id))
    }

    fn open_critical(&self, ticket_id: &TicketId) -> Option<bool> {
        let entry = self.parts.values().find_map(|part| part.entry(ticket_id))?;
        entry.is_founded.then_some(entry.open_critical)
    }

    /// The rate of the evidence draw at which a ticket was first met, as the committed view knows it.
    pub fn first_rate(&self, partition: i32, ticket_id: &TicketId) -> Option<f64> {
        self.entry(partition, ticket_id)?.memory.evidence_rate
    }

    /// Whether the committed view already has the same input of this ticket: used to spare the model work. The
    /// decision itself is taken later, on the view as it is then.
    pub fn has_input(&self, partition: i32, ticket_id: &TicketId, input_digest: Digest) -> bool {
        self.entry(partition, ticket_id)
            .is_some_and(|entry| !entry.memory.ended && entry.memory.last_input_digest == Some(input_digest))
    }
}

fn minute_of(at: UtcMillis) -> i64 {
    at.0.div_euclid(60_000)
}

fn counts_as_arrival(remembered: &Remembered) -> bool {
    match remembered.outcome {
        Outcome::Decided | Outcome::NotDrawn => true,
        Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => false,
    }
}
