//! What the plan must know beside the state and the gates.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;
use crate::rollout::closed::Closed;
use crate::rollout::decision::ModelKey;
use crate::rollout::draw_rate::SlicePace;
use crate::rollout::log::Cut;
use crate::rollout::reading::SliceReport;

/// What the leader knows at this moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The model that the configuration names as acting: what a rollout begins with.
    pub configured: Arc<ModelKey>,
    /// Every other model that is loaded.
    pub candidates: Vec<Candidate>,
    /// Digest of all that decides eligibility, by the configuration in force here.
    pub eligibility_digest: Digest,
    /// What second readers said about tickets of hard stops.
    pub second_readings: Vec<SecondReading>,
    /// Eligible tickets a day as measured, by slice, per action in the order of [`crate::domain::stage::AutoAction::ALL`];
    /// `None`: not measured yet.
    pub eligible_per_day: Vec<(Arc<str>, [Option<f64>; 2])>,
    /// How fast evidence comes, by slice; a slice that is not named keeps its rate of draws.
    pub paces: Vec<(Arc<str>, SlicePace)>,
    /// What of the evidence has been read.
    pub cut: Cut,
    /// How far that is behind the end of the log, in milliseconds of operating time.
    pub evidence_behind_ms: i64,
    /// The base once everything is closed that is due; `None`: nothing is.
    pub closed: Option<Arc<Closed>>,
}

/// A model that is loaded beside the configured one.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Which.
    pub model: Arc<ModelKey>,
    /// What the gates say to `candidate_questions`, of all permissions; empty where nobody asks to switch to it.
    pub reports: Vec<SliceReport>,
}

/// What a second person says about a ticket that a hard stop asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondReading {
    /// Which.
    pub ticket: TicketId,
    /// What they say.
    pub view: SecondView,
}

/// Whether a second person sees a ticket as critical.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondView {
    /// Critical as well.
    Confirmed,
    /// Not critical.
    Refuted,
}

/// The evidence could not be evaluated. Nothing goes up, and the lease is not renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the evidence could not be evaluated: {0}")]
pub struct EvaluationError(pub String);

impl Facts {
    /// Eligible tickets a day of a slice.
    pub fn eligible_per_day(&self, slice: &str) -> [Option<f64>; 2] {
        self.eligible_per_day.iter().find(|(name, _)| &**name == slice).map_or([None, None], |(_, measured)| *measured)
    }

    /// How fast evidence of a slice comes; `None`: not measured.
    pub fn pace(&self, slice: &str) -> Option<&SlicePace> {
        self.paces.iter().find(|(name, _)| &**name == slice).map(|(_, pace)| pace)
    }

    /// Whether a model is loaded.
    pub fn is_loaded(&self, model: &ModelKey) -> bool {
        *self.configured == *model || self.candidates.iter().any(|candidate| *candidate.model == *model)
    }

    /// What a second person says about a ticket; one who confirms is heard before one who does not.
    pub fn second_view(&self, ticket: &TicketId) -> Option<SecondView> {
        let views: Vec<SecondView> = self
            .second_readings
            .iter()
            .filter(|reading| reading.ticket == *ticket)
            .map(|reading| reading.view)
            .collect();
        let confirmed = views.iter().find(|view| **view == SecondView::Confirmed);
        confirmed.or(views.first()).copied()
    }
}
