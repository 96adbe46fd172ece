//! The fold of decisions and verdicts: what is kept of each ticket. Folding is order-free and may be repeated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::Verdict;

use super::decision::{Arrival, DecisionEvent, DecisionSeen, EndedBy, ModelKey, TicketDecision};
use super::log::{Appended, Cut, EvidenceTopic, Position, Recorded};
use super::settle::{Settlement, settle};
use super::spec::RolloutSpec;
use super::traffic::Traffic;

/// What a record of verdicts or events was to evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum VerdictEvent {
    /// A statement.
    Verdict(Box<Verdict>),
    /// noctriage's own write came back: counted, never a verdict.
    Ours,
}

/// All evidence up to a cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    tickets: BTreeMap<TicketId, TicketEvidence>,
    ours: BTreeSet<Appended>,
    /// One copy of each model and slice, which all decisions share.
    models: BTreeSet<Arc<ModelKey>>,
    slices: BTreeSet<Arc<str>>,
    /// All tickets by slice and time, drawn or not.
    traffic: Traffic,
    /// Where the log of a partition begins, if that lies within the window.
    log_starts: BTreeMap<(EvidenceTopic, i32), i64>,
    /// The first record of each partition and day (UTC), of whatever kind.
    days: BTreeMap<(EvidenceTopic, i32), BTreeMap<i64, i64>>,
}

/// What is known of one ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TicketEvidence {
    first: Option<Appended>,
    /// The first record that shows where the ticket belongs in the traffic.
    arrival: Option<(Appended, Arrival)>,
    /// The latest decision record, and whether it says that the ticket has ended.
    latest: Option<(Appended, Option<EndedBy>)>,
    /// Full decisions of drawn and acted tickets, in order.
    decisions: Vec<Recorded<TicketDecision>>,
    /// Every record that says that the ticket has ended, in order.
    ends: Vec<Recorded<EndedBy>>,
    /// In order.
    verdicts: Vec<Recorded<Verdict>>,
}

impl Evidence {
    /// Folds a decision in.
    pub fn add_decision(&mut self, decision: Recorded<DecisionSeen>) {
        let Recorded { appended, value: DecisionSeen { ticket_id, mut event, arrival } } = decision;
        if let DecisionEvent::Decided(decided) = &mut event {
            share(&mut self.slices, &mut decided.slice);
            decided.answers.iter_mut().for_each(|answer| share(&mut self.models, &mut answer.model));
        }
        let ticket = self.tickets.entry(ticket_id).or_default();
        if let Some(mut arrival) = arrival {
            // Also where another record is earlier: what is shared must not depend on the order either.
            share(&mut self.slices, &mut arrival.slice);
            if ticket.arrival.as_ref().is_none_or(|(earliest, _)| appended < *earliest) {
                self.traffic.add(&arrival);
                if let Some((_, replaced)) = ticket.arrival.replace((appended, arrival)) {
                    self.traffic.remove(&replaced);
                }
            }
        }
        ticket.first = Some(ticket.first.map_or(appended, |first| first.min(appended)));
        let ended = match &event {
            DecisionEvent::Ended(by) => Some(*by),
            DecisionEvent::Decided(_) | DecisionEvent::Seen => None,
        };
        if ticket.latest.is_none_or(|(latest, _)| latest < appended) {
            ticket.latest = Some((appended, ended));
        }
        match event {
            DecisionEvent::Decided(decided) => insert(&mut ticket.decisions, appended, *decided),
            DecisionEvent::Ended(by) => insert(&mut ticket.ends, appended, by),
            DecisionEvent::Seen => {}
        }
    }

    /// Folds a record of verdicts or events in. Comments are left out: nothing here reads them.
    pub fn add_verdict(&mut self, event: Recorded<VerdictEvent>) {
        let Recorded { appended, value } = event;
        match value {
            VerdictEvent::Verdict(verdict) => {
                let verdict = Verdict { comment: None, ..*verdict };
                let ticket = self.tickets.entry(verdict.ticket_id.clone()).or_default();
                insert(&mut ticket.verdicts, appended, verdict);
            }
            VerdictEvent::Ours => {
                self.ours.insert(appended);
            }
        }
    }

    /// Notes that a record lies in the log, whatever it says: what must still be there is named by its first record.
    pub fn note(&mut self, appended: Appended) {
        let Position { topic, partition, offset } = appended.position;
        let first = self.days.entry((topic, partition)).or_default().entry(day_of(appended.at)).or_insert(offset);
        *first = offset.min(*first);
    }

    /// The first record of each partition of a cut that was appended on or after the day of an instant; where there is none,
    /// the next one to come.
    pub fn first_since(&self, instant: UtcMillis, cut: &Cut) -> Cut {
        let mut first = Cut::start();
        for (topic, partition, next) in cut.partitions() {
            let days = self.days.get(&(topic, partition));
            // Partitions may be a little out of the order of time.
            let found = days.and_then(|days| days.range(day_of(instant)..).map(|(_, offset)| *offset).min());
            first.set_next(topic, partition, found.unwrap_or(next));
        }
        first
    }

    /// Whether a log that is read begins only after the day of an instant, as far as is known: what lay there may be gone.
    pub fn begins_after(&self, instant: UtcMillis) -> bool {
        let day = day_of(instant);
        let has_older = |days: &BTreeMap<i64, i64>| days.range(..=day).next().is_some();
        self.log_starts.iter().any(|(log, start)| *start > 0 && !self.days.get(log).is_some_and(has_older))
    }

    /// Desk times of the verdicts that were appended from an instant to another.
    pub fn stated_between(&self, from: UtcMillis, until: UtcMillis) -> impl Iterator<Item = UtcMillis> {
        let verdicts = self.tickets.values().flat_map(|ticket| &ticket.verdicts);
        let is_within = move |recorded: &&Recorded<Verdict>| (from..until).contains(&recorded.appended.at);
        verdicts.filter(is_within).map(|recorded| recorded.value.decided_at)
    }

    /// Tickets first decided from an instant to another (append time), as far as records appended before `until` tell of
    /// them.
    pub fn of_tickets_between(&self, from: UtcMillis, to: UtcMillis, until: UtcMillis) -> Self {
        let is_of = |ticket: &TicketEvidence| ticket.first.is_some_and(|first| (from..to).contains(&first.at));
        let tickets = self.tickets.iter().filter(|(_, ticket)| is_of(ticket));
        let tickets = tickets.map(|(ticket_id, ticket)| (ticket_id.clone(), ticket.until(until))).collect();
        Self { tickets, ..Self::default() }
    }

    /// Notes that the log of a partition begins within the window: what lay before is gone. It goes here too, or whoever reads
    /// the log anew would find something else.
    pub fn begin_log(&mut self, topic: EvidenceTopic, partition: i32, offset: i64) {
        let known = self.log_starts.insert((topic, partition), offset);
        if known.is_none_or(|known| known < offset) {
            let is_of_log = |position: Position| position.topic == topic && position.partition == partition;
            self.retain(|appended| !is_of_log(appended.position) || appended.position.offset >= offset);
        }
    }

    /// Records behind a cut that are gone, as sentences. A partition that the cut does not name is read from wherever it
    /// begins. A person acknowledges a sentence, so that it stays the same until more is gone.
    pub fn holes_behind(&self, cut: &Cut) -> impl Iterator<Item = String> {
        cut.partitions().filter_map(|(topic, partition, next)| {
            let start = *self.log_starts.get(&(topic, partition))?;
            let name = topic.as_str();
            (start > next)
                .then(|| format!("{name} partition {partition} begins at offset {start}: evidence before it is gone"))
        })
    }

    /// All tickets by slice and time, drawn or not.
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Drops every record appended before an instant, so that a fold that runs for months holds no more than one that
    /// begins now. A ticket that still lives keeps the place of its first decision.
    pub fn forget_before(&mut self, instant: UtcMillis) {
        self.retain(|appended| appended.at >= instant);
        let day = day_of(instant);
        self.days.values_mut().for_each(|days| *days = days.split_off(&day));
    }

    fn retain(&mut self, is_kept: impl Fn(Appended) -> bool) {
        let traffic = &mut self.traffic;
        self.tickets.retain(|_, ticket| {
            if let Some((_, arrival)) = ticket.arrival.take_if(|(appended, _)| !is_kept(*appended)) {
                traffic.remove(&arrival);
            }
            ticket.retain(&is_kept)
        });
        self.ours.retain(|appended| is_kept(*appended));
    }

    /// All tickets that a decision or a verdict names, by id.
    pub fn tickets(&self) -> impl Iterator<Item = (&TicketId, &TicketEvidence)> {
        self.tickets.iter()
    }

    /// One ticket.
    pub fn ticket(&self, ticket_id: &TicketId) -> Option<&TicketEvidence> {
        self.tickets.get(ticket_id)
    }

    /// The last verdict of anybody up to an instant of desk time; `None`: there is none.
    pub fn last_stated(&self, now: UtcMillis) -> Option<UtcMillis> {
        let verdicts = self.tickets.values().flat_map(|ticket| &ticket.verdicts);
        verdicts.map(|recorded| recorded.value.decided_at).filter(|at| *at <= now).max()
    }

    /// How often our own writes came back.
    pub fn ours(&self) -> usize {
        self.ours.len()
    }

    /// Number of tickets.
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nothing was folded.
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty() && self.ours.is_empty()
    }
}

impl TicketEvidence {
    /// Drops records, and says whether anything is left.
    fn retain(&mut self, is_kept: impl Fn(Appended) -> bool) -> bool {
        self.decisions.retain(|recorded| is_kept(recorded.appended));
        self.verdicts.retain(|recorded| is_kept(recorded.appended));
        self.ends.retain(|recorded| is_kept(recorded.appended));
        if self.latest.is_some_and(|(latest, _)| !is_kept(latest)) {
            self.latest = None;
            self.first = None;
        }
        self.latest.is_some() || !self.verdicts.is_empty()
    }

    /// The same as far as records appended before an instant tell. A ticket that ended has not been decided anew since.
    fn until(&self, instant: UtcMillis) -> Self {
        fn before<T: Clone>(records: &[Recorded<T>], instant: UtcMillis) -> Vec<Recorded<T>> {
            records.iter().filter(|recorded| recorded.appended.at < instant).cloned().collect()
        }
        let decisions = before(&self.decisions, instant);
        let ends = before(&self.ends, instant);
        let last_decided = decisions.last().map(|recorded| recorded.appended);
        let ended = ends.last().filter(|end| last_decided.is_none_or(|decided| decided < end.appended));
        let latest = self.first.map(|first| (first, ended.map(|end| end.value)));
        let verdicts = before(&self.verdicts, instant);
        Self { first: self.first, arrival: None, latest, decisions, ends, verdicts }
    }

    /// When and where the first decision about it was appended: the order of tickets. `None`: no decision is known.
    pub const fn first(&self) -> Option<Appended> {
        self.first
    }

    /// Whether it was first decided before a cut.
    pub fn is_before(&self, cut: &Cut) -> bool {
        self.first.is_some_and(|first| cut.has(first.position))
    }

    /// Full decisions that evidence may rest on, in order.
    pub fn decisions(&self) -> &[Recorded<TicketDecision>] {
        &self.decisions
    }

    /// Full decisions of a drawn ticket, in order; none where the ticket is not drawn.
    pub fn drawn(&self) -> impl Iterator<Item = &TicketDecision> {
        self.decisions.iter().map(|recorded| &recorded.value).filter(|decision| decision.is_drawn)
    }

    /// Verdicts, in order.
    pub fn verdicts(&self) -> &[Recorded<Verdict>] {
        &self.verdicts
    }

    /// What the verdicts amount to.
    pub fn settlement(&self) -> Settlement {
        settle(&self.verdicts)
    }

    /// Whether the ticket has ended, and by whose hand, as far as its last revision shows; `None`: it is open.
    pub fn ended(&self) -> Option<EndedBy> {
        self.latest.and_then(|(_, ended)| ended)
    }

    /// Whether it has ended with nobody's hand in it: its last revision shows it, or something has said so since.
    pub fn has_ended_alone(&self, settlement: &Settlement) -> bool {
        settlement.ended_alone.is_some() || self.ended() == Some(EndedBy::Nobody)
    }
}

/// Replaces a value by the copy that is there already, or makes it that copy.
fn share<T: Ord + ?Sized>(copies: &mut BTreeSet<Arc<T>>, value: &mut Arc<T>) {
    match copies.get(value) {
        Some(copy) => *value = Arc::clone(copy),
        None => {
            copies.insert(Arc::clone(value));
        }
    }
}

const fn day_of(at: UtcMillis) -> i64 {
    at.0.div_euclid(RolloutSpec::days_ms(1))
}

/// Inserts at its place; a record that is there already stays as it is.
fn insert<T>(sorted: &mut Vec<Recorded<T>>, appended: Appended, value: T) {
    if let Err(place) = sorted.binary_search_by_key(&appended, |recorded| recorded.appended) {
        sorted.insert(place, Recorded { appended, value });
    }
}
