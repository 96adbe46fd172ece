//! The recent view: the only thing that triage keeps.
//!
//! It is what the last hours of `decisions` say, per partition, and nothing else: no file, no database. Entries of a
//! batch are *tentative* until its transaction has committed; an abort drops them, and a commit whose outcome is
//! unknown drops the whole instance's clients, after which the view is read from Kafka again. What the view does not
//! know, `decide` treats with caution.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{RelationKind, Ticket, TicketId};
use crate::domain::time::UtcMillis;

use super::decided::{ActionKind, Outcome, ReviewReason, ReviewState};
use super::view::{History, INPUTS_REMEMBERED_MAX, ParentState, TicketMemory, ViewFacts, WindowState};

/// Exact revisions remembered per ticket; older ones are decided again (as `unchanged`), never acted on twice.
const EXACT_REVISIONS_MAX: usize = 8;
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

#[derive(Clone, Debug)]
struct Entry {
    memory: TicketMemory,
    /// Decision group and decision id of the last revisions.
    exact: VecDeque<(Digest, Digest)>,
    open_critical: bool,
    /// Whether anything is known but repetitions: an entry that was rebuilt from `unchanged` records alone does not say
    /// who has the ticket, nor whether it is critical.
    is_founded: bool,
    touched: u64,
}

impl Entry {
    fn apply(&mut self, remembered: &Remembered, touched: u64) {
        self.touched = touched;
        let memory = &mut self.memory;
        memory.last_revision = memory.last_revision.max(remembered.revision);
        memory.person_has_it |= remembered.handed_to_person;
        match remembered.review {
            Some((ReviewState::Open, reason)) => memory.review_open = Some(reason),
            Some((ReviewState::Withdrawn, _)) => memory.review_open = None,
            None => {}
        }
        let superseded = remembered.revision < memory.last_revision;
        self.is_founded |= match remembered.outcome {
            Outcome::Decided | Outcome::NotDrawn | Outcome::Terminal => true,
            Outcome::Unchanged | Outcome::Duplicate | Outcome::DeadLetter => false,
        };
        match remembered.outcome {
            Outcome::Decided => {
                if !superseded {
                    memory.ended = false;
                    memory.last_input_digest = remembered.input_digest;
                    memory.last_echo_digest = remembered.echo_digest;
                    memory.reopen_count = remembered.reopen_count;
                    self.open_critical = remembered.open_critical;
                }
                memory.answered = remembered.answered.or(memory.answered);
                if remembered.suggested {
                    remember_input(&mut memory.suggested_for, remembered.input_digest);
                }
                if let (ActionKind::Auto(action), Some(input)) = (remembered.action, remembered.input_digest) {
                    memory.acted.push((action, input));
                    memory.resolved_by_us = action == AutoAction::Resolve;
                }
            }
            Outcome::NotDrawn => {
                memory.ended = false;
                self.open_critical = remembered.open_critical;
                memory.last_input_digest = remembered.input_digest;
                memory.reopen_count = remembered.reopen_count;
            }
            Outcome::Terminal => {
                self.open_critical = false;
                memory.ended = true;
            }
            Outcome::Unchanged | Outcome::Duplicate | Outcome::DeadLetter => {}
        }
        if let Some(group) = remembered.decision_group
            && remembered.outcome != Outcome::Duplicate
            && !self.exact.iter().any(|(known, _)| *known == group)
        {
            if self.exact.len() == EXACT_REVISIONS_MAX {
                self.exact.pop_front();
            }
            self.exact.push_back((group, remembered.decision_id));
        }
    }

    fn empty() -> Self {
        Self {
            memory: TicketMemory::default(),
            exact: VecDeque::new(),
            open_critical: false,
            is_founded: false,
            touched: 0,
        }
    }
}

/// One partition of `decisions`.
#[derive(Clone, Debug)]
struct Part {
    tickets: HashMap<TicketId, Entry>,
    /// Arrival order with desk times, for eviction: (sequence, desk time, ticket).
    order: VecDeque<(u64, UtcMillis, TicketId)>,
    last_source_offset: Option<i64>,
    window: WindowState,
}

impl Default for Part {
    fn default() -> Self {
        Self { tickets: HashMap::new(), order: VecDeque::new(), last_source_offset: None, window: WindowState::Whole }
    }
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
            sequence: 0,
        }
    }

    /// Takes over another length of the storm window.
    pub fn set_storm_window(&mut self, storm_window_ms: i64) {
        self.limits.storm_window_ms = storm_window_ms;
    }

    /// Number of tickets remembered, all partitions.
    pub fn tickets(&self) -> usize {
        self.parts.values().map(|part| part.tickets.len()).sum()
    }

    /// Greatest input offset remembered of a partition.
    pub fn last_source_offset(&self, partition: i32) -> Option<i64> {
        self.parts.get(&partition).and_then(|part| part.last_source_offset)
    }

    /// Says whether a partition was rebuilt to its whole length. A hole stays one for the life of this view: what own
    /// commits have passed over is not taken in later.
    pub fn set_window(&mut self, partition: i32, window: WindowState) {
        let part = self.parts.entry(partition).or_default();
        part.window = match (part.window, window) {
            (WindowState::Whole, WindowState::Whole) => WindowState::Whole,
            (WindowState::Partial, _) | (_, WindowState::Partial) => WindowState::Partial,
        };
    }

    /// Takes a committed outcome in. One that is already known (the tail reads our own records back) changes nothing.
    pub fn apply(&mut self, partition: i32, remembered: &Remembered) {
        let part = self.parts.entry(partition).or_default();
        if part.last_source_offset.is_some_and(|last| remembered.source_offset <= last) {
            return;
        }
        part.last_source_offset = Some(remembered.source_offset);
        let Some(ticket_id) = &remembered.ticket_id else { return };
        self.sequence += 1;
        part.tickets.entry(ticket_id.clone()).or_insert_with(Entry::empty).apply(remembered, self.sequence);
        part.order.push_back((self.sequence, remembered.desk_time, ticket_id.clone()));
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
        self.evict(partition, remembered.desk_time);
    }

    fn evict(&mut self, partition: i32, now: UtcMillis) {
        let limits = self.limits;
        if let Some(part) = self.parts.get_mut(&partition) {
            while let Some((sequence, desk_time, ticket_id)) = part.order.front() {
                if part.order.len() <= limits.records_max && now.since_ms(*desk_time) <= limits.window_ms {
                    break;
                }
                // The entry goes only when nothing newer of the ticket has been seen.
                if part.tickets.get(ticket_id).is_some_and(|entry| entry.touched == *sequence) {
                    part.tickets.remove(ticket_id);
                }
                part.order.pop_front();
            }
        }
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
            self.fingerprints.retain(|_, similar| {
                similar.retain(|(at, _)| now.since_ms(*at) <= limits.storm_window_ms);
                !similar.is_empty()
            });
        }
    }

    fn entry(&self, partition: i32, ticket_id: &TicketId) -> Option<&Entry> {
        self.parts.get(&partition).and_then(|part| part.tickets.get(ticket_id))
    }

    fn open_critical(&self, ticket_id: &TicketId) -> Option<bool> {
        let entry = self.parts.values().find_map(|part| part.tickets.get(ticket_id))?;
        entry.is_founded.then_some(entry.open_critical)
    }

    /// Whether the committed view already has the same input of this ticket: used to spare the model work. The
    /// decision itself is taken later, on the view as it is then.
    pub fn has_input(&self, partition: i32, ticket_id: &TicketId, input_digest: Digest) -> bool {
        self.entry(partition, ticket_id)
            .is_some_and(|entry| !entry.memory.ended && entry.memory.last_input_digest == Some(input_digest))
    }
}

/// Adds an input; of too many the oldest goes.
fn remember_input(inputs: &mut Vec<Digest>, input: Option<Digest>) {
    let Some(input) = input.filter(|input| !inputs.contains(input)) else { return };
    if inputs.len() == INPUTS_REMEMBERED_MAX {
        inputs.remove(0);
    }
    inputs.push(input);
}

fn bounded(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
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
        let window = view.parts.get(&query.partition).map_or(WindowState::Whole, |part| part.window);
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
            window,
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ViewLimits = ViewLimits { window_ms: 24 * HOUR_MS, records_max: 100, storm_window_ms: 1_800_000 };

    fn id(name: &str) -> TicketId {
        TicketId::try_new(name).expect("a valid id")
    }

    fn decided(offset: i64, name: &str, revision: u64, minute: i64) -> Remembered {
        Remembered {
            source_offset: offset,
            ticket_id: Some(id(name)),
            revision: Some(revision),
            decision_group: Some(Digest::of(format!("{name} {revision}").as_bytes())),
            input_digest: Some(Digest::of(name.as_bytes())),
            echo_digest: None,
            decision_id: Digest::of(&offset.to_be_bytes()),
            outcome: Outcome::Decided,
            action: ActionKind::Suggest,
            answered: None,
            suggested: true,
            handed_to_person: true,
            review: None,
            open_critical: false,
            slice: "rest".into(),
            fingerprint: Some(Digest::of(b"same")),
            desk_time: UtcMillis(minute * 60_000),
            reopen_count: 0,
        }
    }

    fn query(ticket: &TicketId, revision: u64, minute: i64) -> Query<'_> {
        Query {
            partition: 0,
            ticket_id: Some(ticket),
            decision_group: Some(Digest::of(format!("{ticket} {revision}").as_bytes())),
            parent: None,
            fingerprint: Some(Digest::of(b"same")),
            slice: "rest",
            desk_time: UtcMillis(minute * 60_000),
        }
    }

    fn memory(facts: ViewFacts) -> TicketMemory {
        match facts.history {
            History::Known(memory) => memory,
            History::Unknown => unreachable!("the ticket was remembered"),
        }
    }

    #[test]
    fn a_dropped_batch_leaves_no_trace() {
        let mut view = RecentView::new(LIMITS);
        let ticket = id("INC1");
        let mut tentative = TentativeView::new(&view);
        tentative.remember(0, decided(0, "INC1", 1, 0));
        assert!(memory(tentative.facts(&query(&ticket, 1, 0))).exact_match.is_some());
        drop(tentative);
        assert_eq!(TentativeView::new(&view).facts(&query(&ticket, 1, 0)).history, History::Unknown);
        view.apply(0, &decided(0, "INC1", 1, 0));
        assert!(memory(TentativeView::new(&view).facts(&query(&ticket, 1, 0))).exact_match.is_some());
    }

    #[test]
    fn the_tail_reading_our_own_records_back_changes_nothing() {
        let mut view = RecentView::new(LIMITS);
        view.apply(0, &decided(0, "INC1", 1, 0));
        view.apply(0, &decided(1, "INC2", 1, 0));
        view.apply(0, &decided(0, "INC1", 1, 0));
        let other = id("INC3");
        let facts = TentativeView::new(&view).facts(&query(&other, 1, 0));
        assert_eq!((facts.similar_recent, facts.arrivals_last_hour), (2, 2));
    }

    #[test]
    fn similar_tickets_and_arrivals_are_forgotten_after_their_windows() {
        let mut view = RecentView::new(LIMITS);
        view.apply(0, &decided(0, "INC1", 1, 0));
        let other = id("INC2");
        let at = |minute| TentativeView::new(&view).facts(&query(&other, 1, minute));
        assert_eq!((at(30).similar_recent, at(31).similar_recent), (1, 0));
        assert_eq!((at(60).arrivals_last_hour, at(61).arrivals_last_hour), (1, 0));
    }

    #[test]
    fn an_older_revision_does_not_overwrite_what_a_newer_one_said() {
        let mut view = RecentView::new(LIMITS);
        let ticket = id("INC1");
        let mut newer = decided(0, "INC1", 5, 0);
        newer.open_critical = true;
        view.apply(0, &newer);
        let mut older = decided(1, "INC1", 4, 0);
        older.input_digest = Some(Digest::of(b"older text"));
        view.apply(0, &older);
        let remembered = memory(TentativeView::new(&view).facts(&query(&ticket, 6, 0)));
        assert_eq!(remembered.last_revision, Some(5));
        assert_eq!(remembered.last_input_digest, newer.input_digest);
    }

    #[test]
    fn an_unknown_parent_is_said_to_be_unknown_and_a_closed_one_is_not_critical() {
        let mut view = RecentView::new(LIMITS);
        let (parent, child) = (id("INC1"), id("INC2"));
        let ask = |view: &RecentView| {
            TentativeView::new(view).facts(&Query { parent: Some(&parent), ..query(&child, 1, 0) }).parent
        };
        assert_eq!(ask(&view), ParentState::Unknown);
        let mut critical = decided(0, "INC1", 1, 0);
        critical.open_critical = true;
        view.apply(0, &critical);
        assert_eq!(ask(&view), ParentState::OpenCritical);
        let mut closed = decided(1, "INC1", 2, 0);
        closed.outcome = Outcome::Terminal;
        view.apply(0, &closed);
        assert_eq!(ask(&view), ParentState::NotCritical);
    }

    #[test]
    fn a_ticket_known_by_repetitions_alone_is_unknown() {
        let mut view = RecentView::new(LIMITS);
        let ticket = id("INC1");
        let mut unchanged = decided(0, "INC1", 4, 0);
        unchanged.outcome = Outcome::Unchanged;
        view.apply(0, &unchanged);
        let ask = |view: &RecentView, revision| TentativeView::new(view).facts(&query(&ticket, revision, 0)).history;
        assert_eq!(ask(&view, 5), History::Unknown);
        assert_ne!(ask(&view, 4), History::Unknown, "an exact repetition is still recognised");
        let child = id("INC2");
        let parent = Query { parent: Some(&ticket), ..query(&child, 1, 0) };
        assert_eq!(TentativeView::new(&view).facts(&parent).parent, ParentState::Unknown);
    }

    #[test]
    fn a_ticket_that_ended_and_came_back_has_no_settled_input() {
        let mut view = RecentView::new(LIMITS);
        let ticket = id("INC1");
        view.apply(0, &decided(0, "INC1", 1, 0));
        assert!(view.has_input(0, &ticket, Digest::of(b"INC1")));
        let mut ended = decided(1, "INC1", 2, 0);
        ended.outcome = Outcome::Terminal;
        view.apply(0, &ended);
        assert!(!view.has_input(0, &ticket, Digest::of(b"INC1")));
        assert!(memory(TentativeView::new(&view).facts(&query(&ticket, 3, 0))).ended);
    }

    #[test]
    fn a_hole_in_the_view_stays_one_however_often_the_partition_is_assigned() {
        let mut view = RecentView::new(LIMITS);
        let ticket = id("INC1");
        let window = |view: &RecentView| TentativeView::new(view).facts(&query(&ticket, 1, 0)).window;
        view.set_window(0, WindowState::Whole);
        assert_eq!(window(&view), WindowState::Whole);
        view.set_window(0, WindowState::Partial);
        view.set_window(0, WindowState::Whole);
        assert_eq!(window(&view), WindowState::Partial);
    }

    #[test]
    fn the_window_is_bounded_in_records() {
        let mut view = RecentView::new(ViewLimits { records_max: 3, ..LIMITS });
        for offset in 0..10 {
            view.apply(0, &decided(offset, &format!("INC{offset}"), 1, 0));
        }
        assert_eq!(view.tickets(), 3);
        assert_eq!(view.last_source_offset(0), Some(9));
    }
}
