//! The day's label list: which drawn tickets a person is asked about, and in which order. It never reads a prediction, so
//! that nobody who rates can be led by one.
//!
//! Oldest first, since their deadline comes first; taken in turn from the severities that the **source** gave, so that a
//! day of one storm does not hide everything else. The source's severity is not shown either. Before them stand the tickets
//! that a hard stop asks a second person about: automatic actions wait for the answer, and nothing says that it is one of them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{ReviewerId, VerdictKind, VerdictOrigin};

use super::decision::TicketDecision;
use super::evidence::{Evidence, TicketEvidence};
use super::settle::Standing;
use super::state::AskedAgain;

/// Tickets that one person is asked about in a day. More, and the answers become those of a tired person.
pub const PER_DAY_MAX: usize = 20;

/// A ticket on the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelItem {
    /// Which ticket.
    pub ticket_id: TicketId,
    /// Its revision, where it has one.
    pub revision: Option<u64>,
    /// Whether another person has read it already: this is the second reading.
    pub reading: Reading,
    /// When it was decided (desk time).
    pub decided_at: UtcMillis,
}

/// Which reading of a ticket it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Nobody has read it.
    First,
    /// Another person has.
    Second,
}

impl Reading {
    /// The kind of the verdict that comes of it.
    pub const fn verdict_kind(self) -> VerdictKind {
        match self {
            Self::First => VerdictKind::Triage,
            Self::Second => VerdictKind::SecondReading,
        }
    }
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest<'request> {
    /// The person.
    pub reviewer: &'request ReviewerId,
    /// This instant (desk time).
    pub now: UtcMillis,
    /// The first instant of the person's day (desk time): what was stated since counts towards the day's bound.
    pub day_began: UtcMillis,
    /// Tickets that hard stops ask a second person about.
    pub asked: &'request [AskedAgain],
    /// How long a verdict may take, in milliseconds of desk time. Later ones correct a wrong answer, and are asked last.
    pub deadline_ms: i64,
}

/// The list, and what else there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelList {
    /// What to ask, in order; at most [`PER_DAY_MAX`] a day.
    pub items: Vec<LabelItem>,
    /// What the person has rated today already.
    pub rated_today: usize,
    /// Tickets that wait beyond the list.
    pub left_over: usize,
}

/// Makes the list of a person.
pub fn label_list(evidence: &Evidence, request: ListRequest<'_>) -> LabelList {
    let rated_today = evidence
        .tickets()
        .flat_map(|(_, ticket)| ticket.verdicts())
        .map(|recorded| &recorded.value)
        .filter(|verdict| verdict.reviewer.id == *request.reviewer && verdict.origin == VerdictOrigin::Explicit)
        .filter(|verdict| is_reading(verdict.kind) && verdict.decided_at >= request.day_began)
        .map(|verdict| &verdict.ticket_id)
        .collect::<BTreeSet<_>>()
        .len();
    let asked = request.asked.iter().filter_map(|asked| again(asked, evidence.ticket(&asked.ticket)?, request));
    let mut items: Vec<LabelItem> = asked.collect();
    let is_asked = |id: &TicketId| request.asked.iter().any(|asked| asked.ticket == *id);
    let others = evidence.tickets().filter(|(id, _)| !is_asked(id));
    let mut open: Vec<(Option<Severity>, LabelItem)> =
        others.filter_map(|(id, ticket)| item(id, ticket, request)).collect();
    let is_late = |item: &LabelItem| request.now.since_ms(item.decided_at) > request.deadline_ms;
    open.sort_by(|(_, one), (_, other)| {
        let order = |item: &LabelItem| (is_late(item), item.decided_at);
        order(one).cmp(&order(other)).then_with(|| one.ticket_id.cmp(&other.ticket_id))
    });
    let (late, due): (Vec<_>, Vec<_>) = open.into_iter().partition(|(_, item)| is_late(item));
    items.extend(in_turn(due));
    items.extend(in_turn(late));
    let room = PER_DAY_MAX.saturating_sub(rated_today).min(items.len());
    let left_over = items.len() - room;
    items.truncate(room);
    LabelList { items, rated_today, left_over }
}

/// Whether a verdict is a reading of a ticket, as the list asks for.
pub(super) const fn is_reading(kind: VerdictKind) -> bool {
    match kind {
        VerdictKind::Triage | VerdictKind::SecondReading | VerdictKind::Adjudication => true,
        VerdictKind::ReviewOfAuto | VerdictKind::Reopen | VerdictKind::Outcome | VerdictKind::RootCauseRating => false,
    }
}

/// A ticket of a hard stop, if this person is somebody who has not spoken about it, and nobody has answered yet.
fn again(asked: &AskedAgain, ticket: &TicketEvidence, request: ListRequest<'_>) -> Option<LabelItem> {
    let decision = &ticket.decisions().last()?.value;
    let mut verdicts = ticket.verdicts().iter().map(|recorded| &recorded.value);
    let says_enough = |verdict: &crate::domain::verdict::Verdict| {
        let is_answer = is_reading(verdict.kind) && verdict.kind != VerdictKind::Triage;
        verdict.severity.is_some()
            && (verdict.reviewer.id == *request.reviewer || (is_answer && verdict.decided_at >= asked.since))
    };
    if verdicts.any(says_enough) {
        return None;
    }
    Some(LabelItem {
        ticket_id: asked.ticket.clone(),
        revision: decision.revision,
        reading: Reading::Second,
        decided_at: decision.desk_time,
    })
}

/// A ticket, if this person may be asked about it.
fn item(id: &TicketId, ticket: &TicketEvidence, request: ListRequest<'_>) -> Option<(Option<Severity>, LabelItem)> {
    let decision: &TicketDecision = ticket.drawn().find(|decision| !decision.answers.is_empty())?;
    // Whoever touched it before, or ended it without anybody, has said what there is to say.
    let settlement = ticket.settlement();
    if decision.is_human_touched || ticket.has_ended_alone(&settlement) {
        return None;
    }
    let readers: BTreeSet<&ReviewerId> = ticket
        .verdicts()
        .iter()
        .zip(&settlement.standings)
        .filter(|(recorded, standing)| is_reading(recorded.value.kind) && **standing != Standing::Derived)
        .map(|(recorded, _)| &recorded.value.reviewer.id)
        .collect();
    let reading = match readers.len() {
        0 => Reading::First,
        1 if decision.is_second_reading && !readers.contains(request.reviewer) => Reading::Second,
        _ => return None,
    };
    let item =
        LabelItem { ticket_id: id.clone(), revision: decision.revision, reading, decided_at: decision.desk_time };
    Some((decision.source_severity, item))
}

/// One of each severity of the source in turn, each in the order given.
fn in_turn(items: Vec<(Option<Severity>, LabelItem)>) -> Vec<LabelItem> {
    let mut queues: BTreeMap<Option<Severity>, VecDeque<LabelItem>> = BTreeMap::new();
    for (severity, item) in items {
        queues.entry(severity).or_default().push_back(item);
    }
    let mut mixed = Vec::new();
    while !queues.is_empty() {
        queues.retain(|_, queue| {
            mixed.extend(queue.pop_front());
            !queue.is_empty()
        });
    }
    mixed
}
