//! What a plan says: why a request is refused, why a step waits, what people should know, why the lease is not renewed.

use std::fmt;
use std::sync::Arc;

use crate::domain::stage::{AutoAction, Stage};
use crate::rollout::decision::ModelKey;
use crate::rollout::ladder::NoTraffic;
use crate::rollout::reading::{Gate, GateOutcome};
use crate::rollout::state::RolloutState;
use crate::rollout::transition::Transition;

use super::facts::EvaluationError;
use super::read::Reading;

/// Why nothing follows from a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It has expired.
    #[error("the request expired before it was read; ask again")]
    Expired,
    /// There is no such slice.
    #[error("there is no slice `{0}` in the rollout; `noctriage status` lists them")]
    UnknownSlice(Arc<str>),
    /// The rollout has moved on.
    #[error(
        "the request was made against revision {against}, and what it is about has changed since (revision {revision}); \
         look at `noctriage status` and ask again"
    )]
    MovedOn {
        /// What the person looked at.
        against: u64,
        /// What stands now.
        revision: u64,
    },
    /// There is no step above.
    #[error("slice {slice} stands at {stage} with its greatest share; there is no step above")]
    NothingAbove {
        /// Which slice.
        slice: Arc<str>,
        /// Its stage.
        stage: Stage,
    },
    /// The slice is locked.
    #[error(
        "slice {0} has stepped back twice; look at why, then promote with --override, which lifts this lock and no gate"
    )]
    Locked(Arc<str>),
    /// It is no step down.
    #[error("slice {slice} stands at {stage} already; a step back goes to a weaker stage")]
    NotDown {
        /// Which slice.
        slice: Arc<str>,
        /// Its stage.
        stage: Stage,
    },
    /// Nothing of it is automatic.
    #[error("slice {slice} stands at {stage}: nothing of it is automatic, and nothing needs an approval")]
    NothingAutomatic {
        /// Which slice.
        slice: Arc<str>,
        /// Its stage.
        stage: Stage,
    },
    /// The model is not loaded.
    #[error("the model is not loaded by the leading instance; add it to the configuration as a candidate, then switch")]
    NotLoaded,
    /// The model acts already.
    #[error("the model acts already")]
    ActsAlready,
    /// Nothing is known at the moment.
    #[error("what it would lead to cannot be told now: {0}; ask again once the evidence is read")]
    CannotTell(EvaluationError),
    /// There is no rollout yet.
    #[error("the rollout has not begun; ask again in a minute")]
    NotBegun,
    /// No such hole is open.
    #[error("none of these holes is open; `noctriage status` shows what is missing")]
    NoSuchHole,
}

/// Why a step that was asked for does not fire.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Waits {
    /// It was asked for on the day that is read.
    #[error("it was asked for today, and promotions are read after the next midnight")]
    AskedToday,
    /// The request has expired.
    #[error("the request has expired; ask again")]
    Expired,
    /// Evidence is missing.
    #[error("evidence is missing, and nobody has acknowledged it")]
    Hole,
    /// A second reading is due.
    #[error("a hard stop waits for its second reader")]
    Suspended,
    /// Nobody lets it act where it stands.
    #[error("the approval of what is automatic has run out; `noctriage rollout approve` gives it again")]
    NotApproved,
    /// The cool-down lasts.
    #[error("the cool-down after a step back lasts another {hours} h")]
    CoolDown {
        /// So many hours of desk time, rounded up.
        hours: i64,
    },
    /// The slice is locked.
    #[error("it has stepped back twice; only a promotion with --override goes up")]
    Locked,
    /// Another step is next.
    #[error("another step is the next one now; ask again")]
    OtherStep,
    /// The traffic is not what the evidence was gathered on.
    #[error("the traffic has drifted away from what the evidence was gathered on")]
    Drift,
    /// The step was not evaluated.
    #[error("the step has not been evaluated")]
    Unevaluated,
    /// A gate does not pass.
    #[error("{} does not pass: {sentence}", .gate.as_str())]
    Gate {
        /// Which: the first of them.
        gate: Gate,
        /// What it says.
        sentence: String,
    },
    /// The first share cannot be made.
    #[error(transparent)]
    NoTraffic(NoTraffic),
}

/// What people should know.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A step that was asked for waits: said once a day, when promotions are read.
    Waits {
        /// In which slice.
        slice: Arc<str>,
        /// Why.
        why: Waits,
    },
    /// A gate in force is breached, and the site has said that nothing follows.
    Observed {
        /// In which slice.
        slice: Arc<str>,
        /// Which.
        gate: Gate,
    },
    /// The traffic has drifted: no step up.
    Drift {
        /// In which slice.
        slice: Arc<str>,
    },
    /// The acting model is not loaded here.
    ActingNotLoaded {
        /// Which.
        model: Arc<ModelKey>,
    },
    /// Evidence is missing, and nobody has acknowledged it.
    Hole {
        /// What and where.
        hole: String,
    },
    /// A step that was asked for is void.
    Void {
        /// In which slice.
        slice: Arc<str>,
        /// Who had asked.
        who: String,
    },
    /// Which actions must be looked at again cannot be told.
    RecheckUnknown {
        /// In which slice.
        slice: Arc<str>,
        /// Which actions.
        action: AutoAction,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits { slice, why } => write!(formatter, "the promotion of {slice} waits: {why}"),
            Self::Observed { slice, gate } => {
                write!(formatter, "{} is breached in {slice}; by configuration it is only observed", gate.as_str())
            }
            Self::Drift { slice } => {
                write!(formatter, "the traffic of {slice} has drifted: no step up until it is back")
            }
            Self::ActingNotLoaded { model } => write!(
                formatter,
                "the acting model {} {} is not loaded by the leading instance: load it, or switch to another",
                model.name, model.version
            ),
            Self::Hole { hole } => write!(formatter, "evidence is missing: {hole}; a person must acknowledge it"),
            Self::Void { slice, who } => {
                write!(formatter, "the promotion of {slice} that {who} asked for is void; ask again")
            }
            Self::RecheckUnknown { slice, action } => write!(
                formatter,
                "which {} actions in {slice} must be looked at again cannot be told now; see `noctriage actions list`",
                action.as_str()
            ),
        }
    }
}

/// Why the lease is not renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// The evidence could not be evaluated.
    #[error(transparent)]
    Evaluation(EvaluationError),
    /// The evidence is not read to its end.
    #[error("the evidence read so far is {} s old", .behind_ms / 1_000)]
    Behind {
        /// How far, in milliseconds of operating time.
        behind_ms: i64,
    },
    /// What is in force was not evaluated.
    #[error("what is in force in slice {slice} has not been evaluated")]
    Unevaluated {
        /// Which slice.
        slice: Arc<str>,
    },
}

/// What people should know whatever follows.
pub(super) fn notices(reading: &Reading<'_>) -> Vec<Notice> {
    let mut notices: Vec<Notice> = reading.holes().into_iter().map(|hole| Notice::Hole { hole }).collect();
    if let Some(basis) = reading.state.basis.as_ref().filter(|basis| !reading.facts.is_loaded(&basis.model)) {
        notices.push(Notice::ActingNotLoaded { model: Arc::clone(&basis.model) });
    }
    for (slice, _) in reading.slices() {
        for gate in Gate::ALL {
            let breaches = |outcome| outcome == GateOutcome::Breach;
            let mut watches = reading.watches(&slice.name);
            if !watches.any(|(_, watch)| watch.gate(gate).is_some_and(|read| breaches(read.outcome))) {
                continue;
            }
            let slice = Arc::clone(&slice.name);
            if reading.spec.observed_only.contains(&gate) {
                notices.push(Notice::Observed { slice, gate });
            } else if gate == Gate::Drift {
                notices.push(Notice::Drift { slice });
            }
        }
    }
    notices
}

/// Steps that had been asked for and are void after a transition.
pub(super) fn voided(state: &RolloutState, transition: &Transition) -> Vec<Notice> {
    if !transition.kind.voids_requests() {
        return Vec::new();
    }
    let asked = state.slices.iter().filter_map(|(slice, state)| Some((slice, state.request.as_ref()?)));
    asked
        .map(|(slice, request)| Notice::Void { slice: Arc::clone(slice), who: request.signed.who().to_owned() })
        .collect()
}
