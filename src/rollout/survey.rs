//! All tickets that evidence may rest on, settled once and in the order of evidence: what every account and gate of one
//! evaluation reads.

use std::collections::BTreeMap;

use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;

use super::evidence::{Evidence, TicketEvidence};
use super::log::Appended;
use super::settle::{Final, Settlement};

/// A ticket with a full decision, and what its verdicts amount to.
#[derive(Clone, Debug)]
pub struct Settled<'evidence> {
    /// Which.
    pub ticket_id: &'evidence TicketId,
    /// What is known of it.
    pub ticket: &'evidence TicketEvidence,
    /// Its place in the order: its first decision record.
    pub order: Appended,
    /// Its verdicts.
    pub settlement: Settlement,
}

impl Settled<'_> {
    /// Severity by people; `None`: nobody gave one that stands, or they disagree.
    pub const fn severity(&self) -> Option<Severity> {
        match &self.settlement.verdict {
            Final::Settled(judgement) => judgement.severity,
            Final::Disputed(_) | Final::NoVerdict => None,
        }
    }

    /// Whether it has ended with nobody's hand in it.
    pub fn has_ended_alone(&self) -> bool {
        self.ticket.has_ended_alone(&self.settlement)
    }
}

/// Tickets that are drawn or were acted on.
#[derive(Clone, Debug)]
pub struct Survey<'evidence> {
    evidence: &'evidence Evidence,
    /// In order.
    tickets: Vec<Settled<'evidence>>,
    /// Indices by slice; a ticket whose revisions lie in two slices stands in both.
    slices: BTreeMap<&'evidence str, Vec<usize>>,
}

impl<'evidence> Survey<'evidence> {
    /// Settles all tickets once.
    pub fn of(evidence: &'evidence Evidence) -> Self {
        let with_decisions = evidence.tickets().filter(|(_, ticket)| !ticket.decisions().is_empty());
        let mut tickets: Vec<Settled<'evidence>> = with_decisions
            .filter_map(|(ticket_id, ticket)| {
                Some(Settled { ticket_id, ticket, order: ticket.first()?, settlement: ticket.settlement() })
            })
            .collect();
        tickets.sort_unstable_by_key(|settled| settled.order);
        let mut slices: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, settled) in tickets.iter().enumerate() {
            for recorded in settled.ticket.decisions() {
                let of_slice = slices.entry(&recorded.value.slice).or_default();
                if of_slice.last() != Some(&index) {
                    of_slice.push(index);
                }
            }
        }
        Self { evidence, tickets, slices }
    }

    /// What was surveyed.
    pub const fn evidence(&self) -> &'evidence Evidence {
        self.evidence
    }

    /// Tickets with a decision in a slice, in order.
    pub fn of_slice(&self, slice: &str) -> impl DoubleEndedIterator<Item = &Settled<'evidence>> {
        self.slices.get(slice).into_iter().flatten().map(|&index| &self.tickets[index])
    }
}
