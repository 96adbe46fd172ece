//! What the simulated people say, and when: the engineer who had the ticket, a second one who reads it blind, and whoever
//! audits an action. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::demo::desk::{SimulatedVerdict, Truth};
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{Closable, Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId, VerdictKind};
use crate::rollout::evidence::VerdictEvent;
use crate::rollout::log::{Appended, EvidenceTopic, Position, Recorded};

/// How long a second reader takes (desk time): a shift's lead hands the ticket over within the morning.
const SECOND_READING_MS: i64 = 3 * 3_600_000;
/// How long an audit takes (desk time).
const AUDIT_MS: i64 = 6 * 3_600_000;

/// What only the simulation knows of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// What is true.
    pub truth: Truth,
    /// What the engineer will say.
    pub verdict: SimulatedVerdict,
    /// When it was created (desk time).
    pub created_at: UtcMillis,
}

/// Verdicts that are still to come, in the order of desk time.
#[derive(Debug, Default)]
pub struct People {
    due: BTreeMap<(i64, u64), Verdict>,
    /// Tickets that people have, for second readings.
    known: HashMap<TicketId, Known>,
    sequence: u64,
    said: u64,
}

impl People {
    /// The engineer who has the ticket will state a verdict.
    pub fn will_judge(&mut self, ticket_id: &TicketId, known: Known) {
        let at = known.created_at.plus_ms(known.verdict.after_ms);
        let verdict = self.verdict(ticket_id, VerdictKind::Triage, &known, known.verdict.engineer, at);
        self.queue(verdict, at);
        self.known.insert(ticket_id.clone(), known);
    }

    /// Somebody will look at an action afterwards, and say whether it was right.
    pub fn will_audit(&mut self, ticket_id: &TicketId, action: AutoAction, known: Known) {
        let at = known.created_at.plus_ms(AUDIT_MS);
        let mut verdict = self.verdict(ticket_id, VerdictKind::ReviewOfAuto, &known, "auditor", at);
        verdict.severity = Some(known.truth.severity);
        verdict.saw_model = Some(true);
        verdict.auto_action_correct = Some(is_right(action, known.truth));
        self.queue(verdict, at);
        self.known.insert(ticket_id.clone(), known);
    }

    /// A ticket that was acted on and that nobody looks at afterwards.
    pub fn will_remember(&mut self, ticket_id: &TicketId, known: Known) {
        self.known.insert(ticket_id.clone(), known);
    }

    /// A second engineer reads a ticket again, blind, and says what is true.
    pub fn will_read_again(&mut self, ticket_id: &TicketId, asked_at: UtcMillis) {
        let Some(known) = self.known.get(ticket_id).copied() else { return };
        let at = asked_at.plus_ms(SECOND_READING_MS);
        let mut verdict = self.verdict(ticket_id, VerdictKind::SecondReading, &known, "second-reader", at);
        verdict.severity = Some(known.truth.severity);
        self.queue(verdict, at);
    }

    /// The next verdict that was stated by now.
    pub fn next(&mut self, now: UtcMillis) -> Option<Recorded<VerdictEvent>> {
        let entry = self.due.first_entry().filter(|entry| entry.key().0 <= now.0)?;
        let at = UtcMillis(entry.key().0);
        let verdict = entry.remove();
        let position = Position {
            topic: EvidenceTopic::Verdicts,
            partition: 0,
            offset: i64::try_from(self.said).unwrap_or(i64::MAX),
        };
        self.said += 1;
        Some(Recorded { appended: Appended { at, position }, value: VerdictEvent::Verdict(Box::new(verdict)) })
    }

    fn queue(&mut self, verdict: Verdict, at: UtcMillis) {
        self.sequence += 1;
        self.due.insert((at.0, self.sequence), verdict);
    }

    fn verdict(&self, ticket_id: &TicketId, kind: VerdictKind, known: &Known, who: &str, at: UtcMillis) -> Verdict {
        let id = format!("SIM-V-{}", self.sequence + 1);
        let reviewer = Reviewer {
            id: ReviewerId::try_new(who).expect("the simulated people have good names"),
            role: ReviewerRole::Engineer,
            group: None,
        };
        let verdict_id = VerdictId::try_new(&id).expect("a short name");
        let SimulatedVerdict { severity, root_cause: _, closable, queue, engineer: _, after_ms: _ } = known.verdict;
        Verdict {
            kind,
            severity: Some(severity),
            closable: Some(if closable { Closable::Yes } else { Closable::No }),
            queue: Some(Arc::from(queue)),
            ..Verdict::bare(verdict_id, ticket_id.clone(), reviewer, at)
        }
    }
}

/// Whether an action on a ticket of this truth was right: nothing grave is triaged as low, and only what needs nobody is
/// resolved.
fn is_right(action: AutoAction, truth: Truth) -> bool {
    match action {
        AutoAction::Triage => !is_grave(truth.severity),
        AutoAction::Resolve => !is_grave(truth.severity) && truth.closable,
    }
}

/// Whether the ticket is one that must never be handled by a machine.
pub fn is_grave(severity: Severity) -> bool {
    match severity {
        Severity::Critical | Severity::High => true,
        Severity::Medium | Severity::Low => false,
    }
}
