//! A transition: what changes, why, who asked for it, and the report that justified it. It is a value that is written to
//! the audit trail and then applied; applying it makes no choices.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::draws::DrawRate;

use super::control::Signature;
use super::draw_rate::Chosen;
use super::ladder::Position;
use super::local_time::LocalDay;
use super::log::Cut;
use super::reading::{Gate, SliceReport};
use super::state::{Basis, PreviousModel, RolloutState, SliceState};
use super::wrong::Permission;

/// From one revision to the next.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The revision that it makes.
    pub revision: u64,
    /// What happened.
    pub kind: TransitionKind,
    /// Why.
    pub cause: Cause,
    /// Who asked for it; `None`: the controller alone.
    pub signed: Option<Signature>,
    /// When (desk time).
    pub at: UtcMillis,
    /// What of the evidence had been read.
    pub cut: Cut,
    /// The next control record to read afterwards.
    pub control_next: i64,
    /// The slices that change.
    pub slices: Vec<SliceChange>,
    /// What acts from now on; `None`: what acted before.
    pub acting: Option<ActingChange>,
    /// Holes that are acknowledged from now on.
    pub acknowledged: BTreeSet<String>,
    /// The reports that justified it; empty where it follows from none.
    pub reports: Vec<SliceReport>,
}

/// How one slice changes.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceChange {
    /// Which.
    pub slice: Arc<str>,
    /// Where it stood; `None`: it is new.
    pub from: Option<Position>,
    /// All that is known of it afterwards.
    pub to: SliceState,
}

/// Another basis.
#[derive(Clone, Debug, PartialEq)]
pub struct ActingChange {
    /// What acts, on which tickets.
    pub to: Basis,
    /// What a step-back in the cool-down goes back to; `None`: nothing.
    pub previous: Option<PreviousModel>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TransitionKind {
    /// Slices, models or lists appeared, and accounts were opened for them.
    Opened,
    /// A person asked for a step; it fires when the gates pass.
    Requested,
    /// To the next stage.
    Promoted,
    /// To a greater share.
    ShareRaised,
    /// To a lower threshold at the same stage and shares.
    ThresholdLowered,
    /// To a weaker stage.
    SteppedBack,
    /// No automatic action until a second person has read a ticket.
    Suspended,
    /// The second person sees it as the model did: the share is back.
    Returned,
    /// Another model acts.
    Switched,
    /// The model that acted before acts again, because its successor stepped back.
    SwappedBack,
    /// What decides eligibility has changed: what was earned on other tickets is not automatic on these.
    Reconfigured,
    /// A person goes on without the evidence that is missing.
    Acknowledged,
    /// More or fewer tickets are drawn as evidence. Nobody may do more or less.
    DrawsChanged,
    /// A person lets a slice go on acting where it stands.
    Approved,
    /// Nobody has said so for too long: no automatic action until somebody does.
    ApprovalEnded,
}

impl TransitionKind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Opened,
        Self::Requested,
        Self::Promoted,
        Self::ShareRaised,
        Self::ThresholdLowered,
        Self::SteppedBack,
        Self::Suspended,
        Self::Returned,
        Self::Switched,
        Self::SwappedBack,
        Self::Reconfigured,
        Self::Acknowledged,
        Self::DrawsChanged,
        Self::Approved,
        Self::ApprovalEnded,
    ];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Requested => "requested",
            Self::Promoted => "promoted",
            Self::ShareRaised => "share_raised",
            Self::ThresholdLowered => "threshold_lowered",
            Self::SteppedBack => "stepped_back",
            Self::Suspended => "suspended",
            Self::Returned => "returned",
            Self::Switched => "switched",
            Self::SwappedBack => "swapped_back",
            Self::Reconfigured => "reconfigured",
            Self::Acknowledged => "acknowledged",
            Self::DrawsChanged => "draws_changed",
            Self::Approved => "approved",
            Self::ApprovalEnded => "approval_ended",
        }
    }

    /// Whether every step that was asked for is void afterwards.
    pub const fn voids_requests(self) -> bool {
        match self {
            Self::SteppedBack | Self::Suspended | Self::Switched | Self::SwappedBack | Self::Reconfigured => true,
            Self::Opened
            | Self::Requested
            | Self::Promoted
            | Self::ShareRaised
            | Self::ThresholdLowered
            | Self::Returned
            | Self::Acknowledged
            | Self::DrawsChanged
            | Self::Approved
            | Self::ApprovalEnded => false,
        }
    }

    /// Whether it gives a slice more than it had, so that a passing report must stand beside it.
    pub const fn raises(self) -> bool {
        match self {
            Self::Promoted | Self::ShareRaised | Self::ThresholdLowered => true,
            Self::Opened
            | Self::Requested
            | Self::SteppedBack
            | Self::Suspended
            | Self::Returned
            | Self::Switched
            | Self::SwappedBack
            | Self::Reconfigured
            | Self::Acknowledged
            | Self::DrawsChanged
            | Self::Approved
            | Self::ApprovalEnded => false,
        }
    }
}

/// Why a transition was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was no rollout, or a slice, model or list of it is new.
    New,
    /// A person asked.
    Asked,
    /// A person had asked, and every gate passes.
    Earned,
    /// A gate in force is breached.
    Alarm {
        /// Of which permission.
        permission: Permission,
        /// Which.
        gate: Gate,
    },
    /// People call tickets critical that were acted on, or would have been.
    Critical {
        /// Those that a second person is asked about.
        tickets: Vec<TicketId>,
    },
    /// A second person calls a ticket critical as well.
    Confirmed {
        /// Which.
        ticket: TicketId,
    },
    /// No second person answered in time.
    Unanswered {
        /// Which.
        ticket: TicketId,
    },
    /// A second person does not call them critical.
    Refuted {
        /// Which.
        tickets: Vec<TicketId>,
    },
    /// Evidence is missing.
    Hole {
        /// What and where.
        holes: Vec<String>,
    },
    /// Verdicts stay away.
    Silence {
        /// Counted tickets past their deadline.
        tickets: u64,
    },
    /// What decides eligibility has changed.
    EligibilityChanged,
    /// Nobody has approved what is automatic for too long.
    ApprovalOld {
        /// Who did last.
        who: Arc<str>,
        /// For so many days of desk time.
        days: u32,
    },
    /// Evidence comes too slowly for the next step, or far faster than it needs.
    Pace {
        /// What changes, slice by slice.
        changes: Vec<DrawChange>,
    },
}

/// How the evidence draw of one slice changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrawChange {
    /// Which slice.
    pub slice: Arc<str>,
    /// The rate that was in force.
    pub from: DrawRate,
    /// Verdicts that the gates still ask for.
    pub missing: u64,
    /// The rate from now on, and why.
    pub to: Chosen,
}

impl Cause {
    /// The words of [`Cause::as_str`].
    pub const WORDS: [&str; 13] = [
        "new",
        "asked",
        "earned",
        "alarm",
        "critical",
        "confirmed",
        "unanswered",
        "refuted",
        "hole",
        "silence",
        "eligibility_changed",
        "approval_old",
        "pace",
    ];

    /// The closed word for records and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Asked => "asked",
            Self::Earned => "earned",
            Self::Alarm { .. } => "alarm",
            Self::Critical { .. } => "critical",
            Self::Confirmed { .. } => "confirmed",
            Self::Unanswered { .. } => "unanswered",
            Self::Refuted { .. } => "refuted",
            Self::Hole { .. } => "hole",
            Self::Silence { .. } => "silence",
            Self::EligibilityChanged => "eligibility_changed",
            Self::ApprovalOld { .. } => "approval_old",
            Self::Pace { .. } => "pace",
        }
    }

    /// Whether it shows that the model is worse than it was thought to be.
    pub const fn is_breach(&self) -> bool {
        match self {
            Self::Alarm { .. } | Self::Confirmed { .. } | Self::Unanswered { .. } => true,
            Self::New
            | Self::Asked
            | Self::Earned
            | Self::Critical { .. }
            | Self::Refuted { .. }
            | Self::Hole { .. }
            | Self::Silence { .. }
            | Self::EligibilityChanged
            | Self::ApprovalOld { .. }
            | Self::Pace { .. } => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |tickets: &[TicketId]| tickets.iter().map(TicketId::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Self::New => formatter.write_str("slices, models or lists are new, and their accounts begin"),
            Self::Asked => formatter.write_str("a person asked for it"),
            Self::Earned => formatter.write_str("a person asked for it, and every gate passes"),
            Self::Alarm { permission, gate } => {
                write!(formatter, "{} is breached in {}", gate.as_str(), permission.as_str())
            }
            Self::Critical { tickets } => {
                write!(formatter, "people call tickets critical that were eligible: {}", names(tickets))
            }
            Self::Confirmed { ticket } => {
                write!(formatter, "a second person calls ticket {} critical too", ticket.as_str())
            }
            Self::Unanswered { ticket } => {
                write!(formatter, "no second person has read ticket {} within a day", ticket.as_str())
            }
            Self::Refuted { tickets } => {
                write!(formatter, "a second person does not call them critical: {}", names(tickets))
            }
            Self::Hole { holes } => write!(formatter, "evidence is missing: {}", holes.join("; ")),
            Self::Silence { tickets } => {
                write!(formatter, "{tickets} tickets are past their deadline without a verdict")
            }
            Self::EligibilityChanged => formatter.write_str("what decides which tickets are eligible has changed"),
            Self::ApprovalOld { who, days } => {
                write!(formatter, "{who} approved what is automatic more than {days} days ago, and nobody has since")
            }
            Self::Pace { changes } => {
                let all: Vec<String> = changes.iter().map(ToString::to_string).collect();
                formatter.write_str(&all.join("; "))
            }
        }
    }
}

impl fmt::Display for DrawChange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |rate: DrawRate| 100.0 * rate.get();
        write!(
            formatter,
            "{}: {:.0} % of tickets are drawn instead of {:.0} %, {} verdicts are missing: {}",
            self.slice,
            percent(self.to.rate),
            percent(self.from),
            self.missing,
            self.to.why
        )
    }
}

/// What is remembered without a transition: it changes no permission, so that the revision stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The last day on which promotions were read.
    pub read_on: Option<LocalDay>,
    /// The next control record to read.
    pub control_next: i64,
}

impl RolloutState {
    /// The state after a transition. Contract: the transition was planned for this state.
    pub fn apply(&self, transition: &Transition) -> Self {
        let Transition { revision, kind, control_next, slices, acting, acknowledged, .. } = transition;
        assert_eq!(*revision, self.revision + 1, "a transition is applied to the state that it was planned for");
        let mut state = self.clone();
        state.revision = *revision;
        state.control_next = state.control_next.max(*control_next);
        state.acknowledged_holes.extend(acknowledged.iter().cloned());
        if let Some(ActingChange { to, previous }) = acting {
            state.basis = Some(to.clone());
            state.previous.clone_from(previous);
        }
        for change in slices {
            state.slices.insert(Arc::clone(&change.slice), change.to.clone());
        }
        if kind.voids_requests() {
            state.void_before = *revision;
            for slice in state.slices.values_mut() {
                slice.request = None;
            }
        }
        state
    }

    /// The state after what a plan has noted.
    pub fn note(&self, noted: Noted) -> Self {
        Self {
            read_on: self.read_on.max(noted.read_on),
            control_next: self.control_next.max(noted.control_next),
            ..self.clone()
        }
    }
}
