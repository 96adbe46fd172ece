//! What the recent view knows about one ticket at the moment of deciding. What it does not know is treated with caution.

use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;

use super::decided::ReviewReason;

/// The part of the recent view that one decision reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewFacts {
    /// What is known of this ticket.
    pub history: History,
    /// State of the parent incident, where the ticket names one.
    pub parent: ParentState,
    /// Other tickets of the same fingerprint inside the storm window.
    pub similar_recent: u32,
    /// Automatic actions of this slice in the last hour of desk time, in the order of [`AutoAction::ALL`].
    pub actions_last_hour: [u32; 2],
    /// Tickets that arrived in the last hour of desk time, all slices.
    pub arrivals_last_hour: u32,
    /// How far back the view reaches.
    pub window: WindowState,
}

/// Whether the view of this ticket's partition is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowState {
    /// Rebuilt to its whole length.
    Whole,
    /// The rebuild ran out of time: nothing of the partition is automatic.
    Partial,
}

/// What is known of a ticket's past.
#[derive(Clone, Debug, PartialEq)]
pub enum History {
    /// Never seen inside the window.
    Unknown,
    /// Seen.
    Known(TicketMemory),
}

impl History {
    /// The rate of the evidence draw at which the ticket was first decided; `None`: nobody remembers.
    pub const fn first_rate(&self) -> Option<f64> {
        match self {
            Self::Unknown => None,
            Self::Known(memory) => memory.evidence_rate,
        }
    }
}

/// Inputs of one ticket that are remembered with what was done about them. A ticket that changes its text more often is
/// no ticket for a machine; twice as many would double what a busy ticket costs in memory.
pub const INPUTS_REMEMBERED_MAX: usize = 16;

/// What the view remembers of one ticket.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TicketMemory {
    /// Greatest revision decided.
    pub last_revision: Option<u64>,
    /// Input digest of the last full decision (outcome `decided`), if any.
    pub last_input_digest: Option<Digest>,
    /// Input digest that the ticket of that decision has once noctriage has written its severity into it: its own answer
    /// coming back, nothing new.
    pub last_echo_digest: Option<Digest>,
    /// Decision id of the committed decision of exactly this id, revision and content, if any.
    pub exact_match: Option<Digest>,
    /// Whether any revision handed the ticket to a person, drawn tickets included.
    pub person_has_it: bool,
    /// Input digests that have a suggestion, oldest first: a text that changes and changes back gets none twice. At most
    /// [`INPUTS_REMEMBERED_MAX`].
    pub suggested_for: Vec<Digest>,
    /// Automatic actions and the input digests they were taken on, oldest first; with [`INPUTS_REMEMBERED_MAX`] of them
    /// the ticket is not acted on again.
    pub acted: Vec<(AutoAction, Digest)>,
    /// The severity that noctriage last suggested or wrote: the same one coming back in its name is no news.
    pub answered: Option<Severity>,
    /// Whether its last outcome was `terminal`: if it comes back open, it was reopened, counted by the source or not.
    pub ended: bool,
    /// Whether we set the ticket to resolved.
    pub resolved_by_us: bool,
    /// Reason of the review item of this ticket that is open; `None` when none is.
    pub review_open: Option<ReviewReason>,
    /// Reopen count at the last decision.
    pub reopen_count: u32,
    /// Rate of the evidence draw at the first decision that is remembered: the ticket keeps it. `None`: none is.
    pub evidence_rate: Option<f64>,
}

/// State of the parent incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParentState {
    /// The ticket names no parent.
    NoParent,
    /// Known, open and critical.
    OpenCritical,
    /// Known and not an open critical.
    NotCritical,
    /// Not in the view: treated as an open critical.
    Unknown,
}
