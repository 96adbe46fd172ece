//! Which tickets count for an account, in which order, and which of them are wrong.
//!
//! Only drawn tickets count. Of a group (parent incident, else fingerprint) only the first in 24 hours, and at most five
//! of one fingerprint: fifty tickets of one storm are one piece of evidence. The order is that of the tickets, not of the
//! verdicts, and it ends at the first ticket still inside its deadline: wrong answers that are found late must not be
//! overtaken by right ones that are confirmed early. A missing verdict is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;

use super::closed::{ClosedLine, Sums};
use super::decision::{ModelKey, Said, TicketDecision};
use super::evidence::Evidence;
use super::feed::FeedGaps;
use super::groups::Groups;
use super::log::{Appended, Cut};
use super::settle::{Final, Settlement};
use super::survey::{Settled, Survey};
use super::wrong::{Permission, Proposal, Wrong};

/// A ticket that is first known so long after it was opened (desk time) is none of those that come in: it is one that has
/// lived since before the window, or that was met late. Less would leave out whoever dates tickets by the day.
const OPENED_WITHIN_MS: i64 = 47 * 3_600_000;

/// Groups of the day before the first open one are looked at, and nothing of it is counted.
const DAY_BEFORE_MS: i64 = super::closing::DAY_MS;

/// Tickets of one fingerprint that count for one account. More would let one recurring template earn a stage alone.
pub const PER_FINGERPRINT_MAX: u32 = 5;

/// What an account is about, but for its attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct AccountKey {
    /// Permission slice.
    pub slice: Arc<str>,
    /// What may be earned.
    pub permission: Permission,
    /// Whose answers.
    pub model: Arc<ModelKey>,
    /// Digest of all that decides eligibility except the threshold.
    pub eligibility_digest: Digest,
    /// Confidence needed. Not read for [`Permission::Suggest`], where every answered ticket counts.
    pub threshold: Probability,
}

impl AccountKey {
    /// What the model would have done with the ticket, if this decision is one that the account is about (W holds).
    fn proposal<'decision>(
        &self,
        decision: &'decision TicketDecision,
    ) -> Option<(&'decision Said, Proposal<'decision>)> {
        let is_of_account =
            decision.is_drawn && decision.slice == self.slice && decision.eligibility_digest == self.eligibility_digest;
        let answer = decision.answer_of(&self.model).filter(|_| is_of_account)?;
        let said = answer.said.as_ref().filter(|said| match self.permission {
            Permission::Suggest => true,
            Permission::Auto(action) => said.reaches(action, self.threshold.get()),
        })?;
        Some((said, self.proposed(said)))
    }

    /// What the model did with the ticket, if this is an automatic action of the account.
    pub(super) fn acted<'decision>(&self, decision: &'decision TicketDecision) -> Option<Proposal<'decision>> {
        let acting = decision.acting().filter(|acting| acting.model == self.model)?;
        let is_of_account = decision.acted().is_some_and(|action| self.permission == Permission::Auto(action))
            && decision.slice == self.slice
            && decision.eligibility_digest == self.eligibility_digest;
        acting.said.as_ref().filter(|_| is_of_account).map(|said| self.proposed(said))
    }

    fn proposed<'said>(&self, said: &'said Said) -> Proposal<'said> {
        Proposal { permission: self.permission, severity: said.severity, queue: said.queue.as_deref() }
    }
}

/// What is the same for all accounts of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountingRules {
    /// How long a verdict may take, in milliseconds of desk time.
    pub deadline_ms: i64,
    /// Times in which the feed of verdicts was down.
    pub gaps: FeedGaps,
}

impl CountingRules {
    /// The rules at an instant of desk time; the gaps are those of all verdicts in the evidence.
    pub fn at(evidence: &Evidence, deadline_ms: i64, now: UtcMillis) -> Self {
        let verdicts = evidence.tickets().flat_map(|(_, ticket)| ticket.verdicts());
        let gaps = FeedGaps::find(verdicts.map(|recorded| recorded.value.decided_at), now);
        Self { deadline_ms, gaps }
    }
}

/// Why a ticket in W does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LeftOut {
    /// Another ticket of its group has counted within 24 hours.
    SameGroup,
    /// Five tickets of its fingerprint have counted.
    FingerprintLimit,
    /// A person had worked on the revision, or had stated their verdict, before it was decided.
    LateDecision,
    /// It ended without a person.
    NoVerdictDue,
    /// It was decided while the feed of verdicts was down.
    FeedGap,
}

impl LeftOut {
    /// All reasons.
    pub const ALL: [Self; 5] =
        [Self::SameGroup, Self::FingerprintLimit, Self::LateDecision, Self::NoVerdictDue, Self::FeedGap];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SameGroup => "same_group",
            Self::FingerprintLimit => "fingerprint_limit",
            Self::LateDecision => "late_decision",
            Self::NoVerdictDue => "no_verdict_due",
            Self::FeedGap => "feed_gap",
        }
    }
}

/// A ticket that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountedTicket<'evidence> {
    /// Which.
    pub ticket_id: &'evidence TicketId,
    /// Its place in the order.
    pub order: Appended,
    /// The counted decision.
    pub decision: &'evidence TicketDecision,
    /// What the model of the account said there.
    pub said: &'evidence Said,
    /// Severity by people; `None`: nobody gave one that stands, or they disagree.
    pub people: Option<Severity>,
    /// Whether anybody opened it again.
    pub is_reopened: bool,
    /// Why it is wrong; `None`: right.
    pub wrong: Option<Wrong>,
}

impl CountedTicket<'_> {
    /// When the counted decision was made (desk time).
    pub const fn decided_at(&self) -> UtcMillis {
        self.decision.desk_time
    }
}

/// From where on tickets count.
#[derive(Clone, Copy, Debug)]
pub struct Since<'since> {
    /// Only tickets first decided behind this cut.
    pub after: &'since Cut,
    /// Only tickets first decided since this instant (append time): those before are closed. `None`: nothing is.
    pub through: Option<UtcMillis>,
    /// What is closed; `None`: nothing of this account.
    pub line: Option<&'since ClosedLine>,
}

impl<'since> Since<'since> {
    /// Behind a cut, where nothing is closed.
    pub const fn cut(after: &'since Cut) -> Self {
        Self { after, through: None, line: None }
    }
}

/// What an account rests on: what is closed, and what stands in the window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountCount<'evidence> {
    /// What is closed of it.
    pub closed: Sums,
    /// In order.
    pub counted: Vec<CountedTicket<'evidence>>,
    /// How many do not count, by reason.
    pub left_out: BTreeMap<LeftOut, u64>,
    /// Behind the first ticket that is still inside its deadline.
    pub waiting: u64,
    /// Every decision that its group counts for, whatever became of it, with what the model said; in order.
    pub met: Vec<(&'evidence TicketDecision, &'evidence Said)>,
    /// Fingerprints of tickets for which the group counts, or for which it would but for the limit; whether it does. In
    /// order.
    pub fingerprints: Vec<(Digest, bool)>,
}

impl AccountCount<'_> {
    /// Number of tickets that count.
    pub fn n(&self) -> u64 {
        self.closed.counted + self.n_in_window()
    }

    /// How many of them stand in the window.
    pub fn n_in_window(&self) -> u64 {
        self.counted.len() as u64
    }

    /// How many of them are wrong.
    pub fn wrong(&self) -> u64 {
        self.closed.wrong + self.counted.iter().filter(|ticket| ticket.wrong.is_some()).count() as u64
    }

    /// How many of them are wrong only because nobody answered.
    pub fn unanswered(&self) -> u64 {
        self.closed.unanswered + self.unanswered_in_window()
    }

    /// How many of those stand in the window.
    pub fn unanswered_in_window(&self) -> u64 {
        self.counted.iter().filter(|ticket| ticket.wrong == Some(Wrong::NoVerdict)).count() as u64
    }

    /// All that it adds up to.
    pub fn sums(&self) -> Sums {
        self.counted.iter().fold(self.closed, Sums::with)
    }

    /// How many do not count for one reason.
    pub fn left_out_because(&self, reason: LeftOut) -> u64 {
        self.left_out.get(&reason).copied().unwrap_or_default()
    }

    /// Share of late decisions among those in the window that were due to count, 0 to 1; above 2 % promotion waits. `None`: there are
    /// none at all.
    pub fn late_decision_share(&self) -> Option<f64> {
        let late = self.left_out_because(LeftOut::LateDecision);
        let all = self.n_in_window() + late;
        (all > 0).then(|| late as f64 / all as f64)
    }
}

/// Counts an account at an instant of desk time.
pub fn count<'evidence>(
    survey: &Survey<'evidence>,
    account: &AccountKey,
    rules: &CountingRules,
    since: Since<'_>,
    now: UtcMillis,
) -> AccountCount<'evidence> {
    let closed = since.line.map_or(Sums::NONE, |line| line.sums);
    let mut count = AccountCount { closed, ..AccountCount::default() };
    let mut groups = Groups::behind(since.line);
    for settled in survey.of_slice(&account.slice).filter(|settled| !settled.ticket.is_before(since.after)) {
        let Some(candidate) = Candidate::of(settled, account) else { continue };
        if let Some(through) = since.through {
            if !candidate.is_new() || settled.order.at < through.plus_ms(-DAY_BEFORE_MS) {
                continue;
            }
            if settled.order.at < through {
                groups.precede(settled.ticket_id, candidate.first);
                continue;
            }
        }
        // Before anything that depends on verdicts: whom a group counts for must not depend on the answer.
        let left_out = groups.take(settled.ticket_id, candidate.first);
        if left_out != Some(LeftOut::SameGroup) {
            count.fingerprints.push((candidate.first.fingerprint, left_out.is_none()));
        }
        if let Some(reason) = left_out {
            *count.left_out.entry(reason).or_default() += 1;
            continue;
        }
        count.met.push((candidate.decision, candidate.said));
        if count.waiting > 0 || now.since_ms(candidate.decision.desk_time) < rules.deadline_ms {
            count.waiting += 1;
            continue;
        }
        match candidate.outcome(rules) {
            Ok(wrong) => count.counted.push(CountedTicket {
                ticket_id: settled.ticket_id,
                order: settled.order,
                decision: candidate.decision,
                said: candidate.said,
                people: settled.severity(),
                is_reopened: settled.settlement.is_reopened,
                wrong,
            }),
            Err(reason) => *count.left_out.entry(reason).or_default() += 1,
        }
    }
    count
}

/// A ticket with a decision in W.
pub(super) struct Candidate<'survey, 'evidence> {
    settled: &'survey Settled<'evidence>,
    /// The first decision of the drawn ticket: its group is as stamped there.
    pub(super) first: &'evidence TicketDecision,
    /// The first decision in W: the one that is judged.
    pub(super) decision: &'evidence TicketDecision,
    said: &'evidence Said,
    proposal: Proposal<'evidence>,
}

impl<'survey, 'evidence> Candidate<'survey, 'evidence> {
    pub(super) fn of(settled: &'survey Settled<'evidence>, account: &AccountKey) -> Option<Self> {
        let ticket = settled.ticket;
        let in_w = |decision: &'evidence TicketDecision| Some((decision, account.proposal(decision)?));
        let (decision, (said, proposal)) = ticket.drawn().find_map(in_w)?;
        Some(Self { settled, first: ticket.drawn().next()?, decision, said, proposal })
    }

    /// Whether it was met when it came in.
    fn is_new(&self) -> bool {
        self.first.desk_time.since_ms(self.first.created_at) <= OPENED_WITHIN_MS
    }

    /// Right or why wrong, or why it does not count after all.
    pub(super) fn outcome(&self, rules: &CountingRules) -> Result<Option<Wrong>, LeftOut> {
        if rules.gaps.has(self.decision.desk_time) {
            return Err(LeftOut::FeedGap);
        }
        let settlement = &self.settled.settlement;
        if self.decision.is_human_touched || is_early(settlement, self.decision.desk_time) {
            return Err(LeftOut::LateDecision);
        }
        if settlement.verdict == Final::NoVerdict && self.settled.has_ended_alone() {
            return match self.proposal.permission {
                Permission::Suggest | Permission::Auto(AutoAction::Triage) => Err(LeftOut::NoVerdictDue),
                Permission::Auto(AutoAction::Resolve) => Ok(settlement.is_reopened.then_some(Wrong::Reopened)),
            };
        }
        Ok(self.proposal.wrong(&settlement.verdict, settlement.is_reopened))
    }
}

/// Whether anybody had stated a verdict when the decision was made.
pub(super) fn is_early(settlement: &Settlement, decided_at: UtcMillis) -> bool {
    settlement.first_stated_at.is_some_and(|stated_at| stated_at <= decided_at)
}
