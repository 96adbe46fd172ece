//! A decision as far as evidence needs it. `wire` makes it from the record; nothing of the ticket's text is in it.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::{ModelIdentity, ModelRole};
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
    /// When and where the ticket was met, as far as this record shows; `None`: it names no slice, or the ticket had ended.
    pub arrival: Option<Arrival>,
}

/// Where a ticket belongs in the traffic of a desk. Of every ticket its first record counts, drawn or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When it was decided (desk time).
    pub at: UtcMillis,
    /// Permission slice.
    pub slice: Arc<str>,
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

impl From<&ModelIdentity> for ModelKey {
    fn from(identity: &ModelIdentity) -> Self {
        let ModelIdentity { name, version, digest, calibration_digest, purpose: _ } = identity;
        Self { name: name.clone(), version: version.clone(), digest: *digest, calibration_digest: *calibration_digest }
    }
}

/// What one model said.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAnswer {
    /// In which capacity.
    pub role: ModelRole,
    /// Which model.
    pub model: Arc<ModelKey>,
    /// What it predicts; `None`: it gave no answer.
    pub said: Option<Said>,
}

impl ModelAnswer {
    /// The predicted severity; `None`: it gave no answer.
    pub fn severity(&self) -> Option<Severity> {
        self.said.as_ref().map(|said| said.severity)
    }
}

/// A prediction, as far as evidence needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The predicted severity.
    pub severity: Severity,
    /// Its probability, 0 to 1.
    pub confidence: f64,
    /// The probability of critical, 0 to 1.
    pub critical: f64,
    /// Thresholds that the confidence reaches, per action in the order of [`AutoAction::ALL`]; empty where the action is
    /// forbidden, or where eligibility was not recorded for this model.
    pub reached: [Vec<f64>; 2],
    /// Queue that the table gives for this answer; `None`: no row matches.
    pub queue: Option<Arc<str>>,
}

impl Said {
    /// Whether the confidence reaches a threshold for an action (W holds). Thresholds stand in records with six digits.
    pub fn reaches(&self, action: AutoAction, threshold: f64) -> bool {
        self.reached[action.index()].iter().any(|reached| (reached - threshold).abs() < 5e-7)
    }
}

/// A full decision.
#[derive(Clone, Debug, PartialEq)]
pub struct TicketDecision {
    /// Names it.
    pub decision_id: Digest,
    /// Revision of the ticket, where it has one.
    pub revision: Option<u64>,
    /// When the ticket was opened (desk time).
    pub created_at: UtcMillis,
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
    /// Digest of all that decides eligibility except the threshold.
    pub eligibility_digest: Digest,
    /// Severity by the source; `None`: it says nothing, or what it says is ours.
    pub source_severity: Option<Severity>,
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
    pub fn answer_of(&self, model: &Arc<ModelKey>) -> Option<&ModelAnswer> {
        // One copy of each model is shared by all decisions, so that the pointer nearly always tells.
        self.answers.iter().find(|answer| Arc::ptr_eq(&answer.model, model) || answer.model == *model)
    }

    /// What was done automatically; `None`: nothing.
    pub const fn acted(&self) -> Option<AutoAction> {
        match self.action {
            ActionKind::Auto(action) => Some(action),
            ActionKind::People | ActionKind::Suggest => None,
        }
    }
}
