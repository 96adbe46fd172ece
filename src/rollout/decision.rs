//! A decision as far as evidence needs it. `wire` makes it from the record; nothing of the ticket's text is in it.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::stage::{AutoAction, Stage};
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::decided::ActionKind;

/// One record of `decisions` about a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionSeen {
    /// About which ticket.
    pub ticket_id: TicketId,
    /// What it says.
    pub event: DecisionEvent,
}

/// What a decision record says to evidence.
#[derive(Clone, Debug, PartialEq)]
pub enum DecisionEvent {
    /// A full decision that evidence may rest on: the ticket is drawn, or was acted on.
    Decided(Box<TicketDecision>),
    /// The ticket has ended.
    Ended(EndedBy),
    /// Anything else: the ticket is there.
    Seen,
}

/// Who had a hand in the end of a ticket, as far as its last revision shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// A person has worked on it: their verdict is due.
    Person,
    /// noctriage resolved it.
    Noctriage,
    /// Nobody: it cleared by itself, and no verdict is due.
    Nobody,
}

/// A model with its calibration, to the last bit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelKey {
    /// Name on the card.
    pub name: String,
    /// Version on the card.
    pub version: String,
    /// Digest of the model directory.
    pub digest: Digest,
    /// Digest of its calibration.
    pub calibration_digest: Digest,
}

/// What one model said.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAnswer {
    /// In which capacity.
    pub role: ModelRole,
    /// Which model.
    pub model: Arc<ModelKey>,
    /// The predicted severity; `None`: it gave no answer.
    pub severity: Option<Severity>,
}

/// A full decision.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketDecision {
    /// Names it.
    pub decision_id: Digest,
    /// Revision of the ticket, where it has one.
    pub revision: Option<u64>,
    /// When it was made (desk time): what verdict times are compared with.
    pub desk_time: UtcMillis,
    /// Permission slice.
    pub slice: Arc<str>,
    /// Stage of the slice.
    pub stage: Stage,
    /// What was done.
    pub action: ActionKind,
    /// Whether the ticket is in the evidence draw.
    pub is_drawn: bool,
    /// Whether it is in the audit draw.
    pub is_audit: bool,
    /// Whether two people read it.
    pub is_second_reading: bool,
    /// What each model said, acting first.
    pub answers: Vec<ModelAnswer>,
    /// Thresholds that the acting model's confidence reaches, per action in the order of [`AutoAction::ALL`]; empty where
    /// the action is forbidden.
    pub reached: [Vec<f64>; 2],
    /// Digest of all that decides eligibility except the threshold.
    pub eligibility_digest: Digest,
    /// Severity by the source; `None`: it says nothing, or what it says is ours.
    pub source_severity: Option<Severity>,
    /// Queue that the table gives; `None`: no row matches.
    pub queue: Option<Arc<str>>,
    /// Groups tickets of one kind of event.
    pub fingerprint: Digest,
    /// Parent incident.
    pub parent: Option<TicketId>,
    /// Whether a person had visibly worked on this revision.
    pub is_human_touched: bool,
}

impl TicketDecision {
    /// The answer of the model that acted.
    pub fn acting(&self) -> Option<&ModelAnswer> {
        self.answers.iter().find(|answer| answer.role == ModelRole::Acting)
    }

    /// The answer of one model, in whatever capacity.
    pub fn answer_of(&self, model: &ModelKey) -> Option<&ModelAnswer> {
        self.answers.iter().find(|answer| *answer.model == *model)
    }

    /// Whether the acting model's confidence reaches a threshold for an action. Thresholds stand in records with six
    /// digits.
    pub fn reaches(&self, action: AutoAction, threshold: f64) -> bool {
        self.reached[action.index()].iter().any(|reached| (reached - threshold).abs() < 5e-7)
    }
}
