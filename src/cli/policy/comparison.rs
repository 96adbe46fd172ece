//! Two policies on the same recorded decisions: counted per slice and action, each ticket once.

use std::collections::BTreeMap;

use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::policy::draws::{DrawPurpose, draw_hash, is_drawn};
use crate::policy::queues::queue_of;
use crate::policy::replay::{Told, replay};
use crate::policy::ruling::{DrawKey, Policy};
use crate::rollout::evidence::Evidence;
use crate::rollout::settle::Final;
use crate::rollout::wrong::{Permission, Proposal, Wrong};
use crate::wire::decision::{Basis, DecisionRecord};

/// Tickets named per slice and action; more are counted.
pub(super) const NAMED_MAX: usize = 20;

/// What both policies make of one ticket for one action, over all its decisions.
#[derive(Clone, Debug, Default)]
struct OfTicket {
    /// Eligible under the present policy, under the other one.
    eligible: [bool; 2],
    /// Would be acted on at the stage, share and draws of then.
    acted: [bool; 2],
    /// Slice under the other policy.
    slice: String,
    /// Confidence and queue of the first decision that the other policy alone finds eligible.
    gained: Option<(f64, Option<String>)>,
}

/// A ticket that only the other policy would act on, and that people judged otherwise.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JudgedOtherwise {
    pub(super) ticket_id: TicketId,
    pub(super) why: Wrong,
    pub(super) confidence: f64,
}

/// One slice and action.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Change {
    /// Eligible tickets under the present policy.
    pub(super) eligible_now: u64,
    /// The same under the other one.
    pub(super) eligible_then: u64,
    /// Only under the other one.
    pub(super) gained: u64,
    /// Only under the present one.
    pub(super) lost: u64,
    /// Of the gained ones: with a final verdict of people.
    pub(super) judged: u64,
    /// Of the judged ones: the action would have been wrong. All of them.
    pub(super) wrong: u64,
    /// The first of those.
    pub(super) named: Vec<JudgedOtherwise>,
    /// Acted on at the stages, shares and draws of then, under the present policy and under the other one.
    pub(super) acted: [u64; 2],
}

/// Both policies, and what they have made of the decisions so far.
pub(super) struct Comparison<'policies> {
    policies: [&'policies Policy; 2],
    draw_key: DrawKey,
    tickets: BTreeMap<(TicketId, usize), OfTicket>,
    /// Decisions that could be told again.
    pub(super) told: u64,
    /// Decisions with an answer that could not.
    pub(super) untold: u64,
}

impl<'policies> Comparison<'policies> {
    pub(super) fn new(now: &'policies Policy, then: &'policies Policy, draw_key: DrawKey) -> Self {
        Self { policies: [now, then], draw_key, tickets: BTreeMap::new(), told: 0, untold: 0 }
    }

    /// Reads one decision under both.
    pub(super) fn add(&mut self, record: &DecisionRecord) {
        let Some(basis) = record.basis.as_ref().filter(|_| record.acting_answer().is_some()) else { return };
        let Some(told) = record.retold() else {
            self.untold += 1;
            return;
        };
        self.told += 1;
        let replayed = self.policies.map(|policy| replay(policy, &told));
        for action in AutoAction::ALL {
            let would_act = self.would_act(basis, &told, action);
            let of_ticket = self.tickets.entry((told.ticket.ticket_id.clone(), action.index())).or_default();
            let is_eligible = [0, 1].map(|policy| replayed[policy].is_eligible[action.index()]);
            for policy in [0, 1] {
                of_ticket.eligible[policy] |= is_eligible[policy];
                of_ticket.acted[policy] |= is_eligible[policy] && would_act;
            }
            if of_ticket.slice.is_empty() || is_eligible[1] {
                of_ticket.slice.clone_from(&replayed[1].slice);
            }
            if is_eligible == [false, true] && of_ticket.gained.is_none() {
                let queue = queue_of(self.policies[1], &told.ticket, &told.prediction);
                of_ticket.gained = Some((told.prediction.severity.confidence().get(), queue));
            }
        }
    }

    /// Stage, share and draws of then; caps, storms, leases and what the view knew are left aside.
    fn would_act(&self, basis: &Basis, told: &Told, action: AutoAction) -> bool {
        let share = match action {
            AutoAction::Triage => basis.shares.auto_triage,
            AutoAction::Resolve => basis.shares.auto_resolve,
        };
        let epoch = self.policies[0].draw_rates.epoch;
        let hash = draw_hash(self.draw_key, DrawPurpose::Cohort, epoch, &told.ticket.ticket_id);
        basis.stage.0 >= action.stage_needed() && !basis.draws.evidence.drawn && is_drawn(hash, share)
    }

    /// Counts, with what people said.
    pub(super) fn changes(&self, evidence: &Evidence) -> BTreeMap<(String, &'static str), Change> {
        let mut changes: BTreeMap<(String, &'static str), Change> = BTreeMap::new();
        for ((ticket_id, index), of_ticket) in &self.tickets {
            let action = AutoAction::ALL[*index];
            let change = changes.entry((of_ticket.slice.clone(), action.as_str())).or_default();
            let [now, then] = of_ticket.eligible;
            change.eligible_now += u64::from(now);
            change.eligible_then += u64::from(then);
            change.acted[0] += u64::from(of_ticket.acted[0]);
            change.acted[1] += u64::from(of_ticket.acted[1]);
            change.lost += u64::from(now && !then);
            if then && !now {
                change.gained += 1;
                change.judge(ticket_id, action, of_ticket, evidence);
            }
        }
        changes
    }
}

impl Change {
    fn judge(&mut self, ticket_id: &TicketId, action: AutoAction, of_ticket: &OfTicket, evidence: &Evidence) {
        let Some((confidence, queue)) = &of_ticket.gained else { return };
        let Some(ticket) = evidence.ticket(ticket_id) else { return };
        let settlement = ticket.settlement();
        match settlement.verdict {
            Final::NoVerdict => return,
            Final::Settled(_) | Final::Disputed(_) => {}
        }
        self.judged += 1;
        let proposal =
            Proposal { permission: Permission::Auto(action), severity: Severity::Low, queue: queue.as_deref() };
        if let Some(why) = proposal.wrong(&settlement.verdict, settlement.is_reopened) {
            self.wrong += 1;
            if self.named.len() < NAMED_MAX {
                self.named.push(JudgedOtherwise { ticket_id: ticket_id.clone(), why, confidence: *confidence });
            }
        }
    }
}
