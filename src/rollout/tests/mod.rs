//! Examples and properties of the fold, and the small language they are written in.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::Stage;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{
    Closable, Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId, VerdictKind, VerdictOrigin,
};
use crate::policy::decided::ActionKind;

use super::counting::AccountKey;
use super::decision::{Arrival, DecisionEvent, DecisionSeen, EndedBy, ModelAnswer, ModelKey, Said, TicketDecision};
use super::evidence::{Evidence, VerdictEvent};
use super::log::{Appended, EvidenceTopic, Position, Recorded};
use super::wrong::Permission;

mod accuracy;
mod closing;
mod counting;
pub(crate) mod desk;
mod draw_rate;
mod evaluating;
mod folding;
mod gates;
mod label_list;
mod machine;
mod outlook;
mod pace;
mod plan;
mod reach;
mod second_reading;
mod settling;
mod simulation;
mod snapshot;
mod watching;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const DEADLINE_MS: i64 = 72 * HOUR_MS;

const fn hour(hour: i64) -> UtcMillis {
    UtcMillis(hour * HOUR_MS)
}

fn ticket(id: &str) -> TicketId {
    TicketId::try_new(id).unwrap()
}

fn id(id: &str) -> VerdictId {
    VerdictId::try_new(id).unwrap()
}

fn person(name: &str, role: ReviewerRole) -> Reviewer {
    Reviewer { id: ReviewerId::try_new(name).unwrap(), role, group: None }
}

/// An engineer's statement about ticket T.
fn stated(name: &str, by: &str, severity: Severity) -> Verdict {
    let bare = Verdict::bare(id(name), ticket("T"), person(by, ReviewerRole::Engineer), hour(10));
    Verdict { severity: Some(severity), ..bare }
}

/// An adjudicator's.
fn adjudicated(name: &str, by: &str, severity: Severity) -> Verdict {
    Verdict {
        reviewer: person(by, ReviewerRole::Adjudicator),
        kind: VerdictKind::Adjudication,
        ..stated(name, by, severity)
    }
}

/// The same statement as a correction of another one.
fn correcting(verdict: Verdict, target: &str) -> Verdict {
    Verdict { supersedes: Some(id(target)), ..verdict }
}

fn observed(verdict: Verdict, revision: u64) -> Verdict {
    Verdict { origin: VerdictOrigin::TicketSystem, ticket_revision: Some(revision), ..verdict }
}

fn recorded<T>(topic: EvidenceTopic, offset: i64, value: T) -> Recorded<T> {
    let position = Position { topic, partition: 0, offset };
    Recorded { appended: Appended { at: UtcMillis(offset), position }, value }
}

fn in_order(verdicts: Vec<Verdict>) -> Vec<Recorded<Verdict>> {
    let with_offsets = verdicts.into_iter().zip(0..);
    with_offsets.map(|(verdict, offset)| recorded(EvidenceTopic::Verdicts, offset, verdict)).collect()
}

fn model(name: &str) -> Arc<ModelKey> {
    Arc::new(ModelKey {
        name: name.to_owned(),
        version: "1".to_owned(),
        digest: Digest::of(name.as_bytes()),
        calibration_digest: Digest::default(),
    })
}

fn answer(role: ModelRole, name: &str, severity: Option<Severity>) -> ModelAnswer {
    let reached = [vec![0.8, 0.9, 0.95], vec![0.8, 0.9, 0.95]];
    let said = severity.map(|severity| Said {
        severity,
        confidence: 0.97,
        critical: 0.001,
        reached,
        queue: Some(Arc::from("access")),
    });
    ModelAnswer { role, model: model(name), said }
}

/// The same answer with other thresholds reached.
fn reaching(answer: ModelAnswer, reached: [Vec<f64>; 2]) -> ModelAnswer {
    ModelAnswer { said: answer.said.map(|said| Said { reached, ..said }), ..answer }
}

/// A drawn ticket of its own fingerprint, predicted low by the acting model `v1`, in W up to 0.95.
fn decision(ticket_id: &str, at: UtcMillis) -> TicketDecision {
    TicketDecision {
        decision_id: Digest::of(ticket_id.as_bytes()),
        revision: Some(0),
        created_at: at,
        desk_time: at,
        slice: Arc::from("rest"),
        stage: Stage::Shadow,
        action: ActionKind::People,
        is_drawn: true,
        is_audit: false,
        is_second_reading: false,
        answers: vec![answer(ModelRole::Acting, "v1", Some(Severity::Low))],
        eligibility_digest: Digest::default(),
        source_severity: Some(Severity::Medium),
        fingerprint: Digest::of(ticket_id.as_bytes()),
        parent: None,
        is_human_touched: false,
    }
}

fn account(permission: Permission) -> AccountKey {
    AccountKey {
        slice: Arc::from("rest"),
        permission,
        model: model("v1"),
        eligibility_digest: Digest::default(),
        threshold: Probability::try_new(0.95).unwrap(),
    }
}

/// A log in the making; records lie in the order in which they are added.
#[derive(Default)]
struct Log {
    evidence: Evidence,
    offset: i64,
}

impl Log {
    fn decided(&mut self, ticket_id: &str, decision: TicketDecision) -> &mut Self {
        self.event(ticket_id, DecisionEvent::Decided(Box::new(decision)))
    }

    fn ended(&mut self, ticket_id: &str, by: EndedBy) -> &mut Self {
        self.event(ticket_id, DecisionEvent::Ended(by))
    }

    fn event(&mut self, ticket_id: &str, event: DecisionEvent) -> &mut Self {
        let arrival = match &event {
            DecisionEvent::Decided(decided) => {
                Some(Arrival { at: decided.desk_time, slice: Arc::clone(&decided.slice) })
            }
            DecisionEvent::Ended(_) | DecisionEvent::Seen => None,
        };
        let seen = DecisionSeen { ticket_id: ticket(ticket_id), event, arrival };
        self.offset += 1;
        self.evidence.add_decision(recorded(EvidenceTopic::Decisions, self.offset, seen));
        self
    }

    fn said(&mut self, verdict: Verdict) -> &mut Self {
        self.offset += 1;
        let event = VerdictEvent::Verdict(Box::new(verdict));
        self.evidence.add_verdict(recorded(EvidenceTopic::Verdicts, self.offset, event));
        self
    }

    /// An engineer's statement two hours after a decision at `at`: closable, with a severity.
    fn answered(&mut self, ticket_id: &str, at: UtcMillis, severity: Severity) -> &mut Self {
        let name = format!("{ticket_id}-{}", self.offset);
        let verdict = stated(&name, "anna", severity);
        self.said(Verdict {
            ticket_id: ticket(ticket_id),
            decided_at: at.plus_ms(2 * HOUR_MS),
            closable: Some(Closable::Yes),
            ..verdict
        })
    }
}
