//! Where verdicts come from: who, how many, of what kind, how long after the ticket. For people who set up the feed.

use std::collections::BTreeMap;

use crate::domain::verdict::{ReviewerId, VerdictKind, VerdictOrigin};

use super::decision::EndedBy;
use super::evidence::Evidence;

/// Where the verdicts of some evidence come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedReport {
    /// Verdict records.
    pub verdicts: u64,
    /// By kind.
    pub kinds: BTreeMap<VerdictKind, u64>,
    /// By origin.
    pub origins: BTreeMap<VerdictOrigin, u64>,
    /// By person.
    pub reviewers: BTreeMap<ReviewerId, u64>,
    /// Milliseconds from the first decision of a ticket to the first statement about it, ascending; only of tickets that
    /// were decided before they were judged.
    pub delays_ms: Vec<i64>,
    /// Tickets that a decision names.
    pub tickets: u64,
    /// Of them, drawn.
    pub drawn: u64,
    /// Drawn tickets with a verdict that somebody stated.
    pub drawn_with_verdict: u64,
    /// Tickets that have ended.
    pub ended: u64,
    /// Of them, with nobody's hand in it.
    pub never_touched: u64,
}

impl FeedReport {
    /// Looks at all tickets.
    pub fn of(evidence: &Evidence) -> Self {
        let mut report = Self::default();
        for (_, ticket) in evidence.tickets() {
            for recorded in ticket.verdicts() {
                let verdict = &recorded.value;
                report.verdicts += 1;
                *report.kinds.entry(verdict.kind).or_default() += 1;
                *report.origins.entry(verdict.origin).or_default() += 1;
                *report.reviewers.entry(verdict.reviewer.id.clone()).or_default() += 1;
            }
            let Some(first) = ticket.first() else { continue };
            report.tickets += 1;
            let stated_at = ticket.settlement().first_stated_at;
            let drawn = ticket.drawn().next();
            report.drawn += u64::from(drawn.is_some());
            report.drawn_with_verdict += u64::from(drawn.is_some() && stated_at.is_some());
            match ticket.ended() {
                Some(EndedBy::Nobody) => {
                    report.ended += 1;
                    report.never_touched += 1;
                }
                Some(EndedBy::Person | EndedBy::Noctriage) => report.ended += 1,
                None => {}
            }
            // Append time stands in for the desk time of a ticket that is not drawn: it is the same outside the demo.
            let decided_at = drawn.map_or(first.at, |decision| decision.desk_time);
            let delay = stated_at.map(|stated_at| stated_at.since_ms(decided_at));
            report.delays_ms.extend(delay.filter(|delay| *delay >= 0));
        }
        report.delays_ms.sort_unstable();
        report
    }

    /// The delay that a share of tickets does not exceed (0 to 1), in milliseconds; `None`: there is none.
    pub fn delay_ms_at(&self, share: f64) -> Option<i64> {
        let last = self.delays_ms.len().checked_sub(1)?;
        let rank = (share.clamp(0.0, 1.0) * self.delays_ms.len() as f64).ceil() as usize;
        self.delays_ms.get(rank.saturating_sub(1).min(last)).copied()
    }
}
