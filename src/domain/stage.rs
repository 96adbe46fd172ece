//! Stages of the rollout, automatic actions and shares.

use std::fmt;
use std::str::FromStr;

/// How much of the work a slice hands to the model; each stage is a stronger permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// A sample is predicted, nobody is shown anything, people do everything.
    Shadow,
    /// Everything is predicted and shown; people decide.
    Suggest,
    /// Severity and queue of eligible low tickets are written by command.
    AutoTriage,
    /// Eligible low tickets are set to resolved by command.
    AutoResolve,
}

impl Stage {
    /// All stages, weakest first.
    pub const ALL: [Self; 4] = [Self::Shadow, Self::Suggest, Self::AutoTriage, Self::AutoResolve];

    /// The word used everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shadow => "shadow",
            Self::Suggest => "suggest",
            Self::AutoTriage => "auto_triage",
            Self::AutoResolve => "auto_resolve",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The word is no stage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of shadow, suggest, auto_triage, auto_resolve")]
pub struct UnknownStage(pub String);

impl FromStr for Stage {
    type Err = UnknownStage;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|stage| stage.as_str() == word)
            .ok_or_else(|| UnknownStage(word.chars().take(64).collect()))
    }
}

/// What may be done to a ticket without a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AutoAction {
    /// Write severity and queue.
    Triage,
    /// Set the ticket to resolved (never closed).
    Resolve,
}

impl AutoAction {
    /// Both actions, weaker first.
    pub const ALL: [Self; 2] = [Self::Triage, Self::Resolve];

    /// The word used in records, metrics and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "auto_triage",
            Self::Resolve => "auto_resolve",
        }
    }

    /// Position in [`AutoAction::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Triage => 0,
            Self::Resolve => 1,
        }
    }

    /// The weakest stage that allows the action.
    pub const fn stage_needed(self) -> Stage {
        match self {
            Self::Triage => Stage::AutoTriage,
            Self::Resolve => Stage::AutoResolve,
        }
    }
}

/// A share of tickets: 0 to [`Share::MAX`]; all of them is never reached.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

/// The number is no share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a share (0 to 0.8: a part of the tickets always stays with people)")]
pub struct NotAShare(pub f64);

impl Share {
    /// No ticket.
    pub const ZERO: Self = Self(0.0);
    /// The greatest share of tickets that is ever acted on automatically; the rest stays with people, blind.
    pub const MAX: f64 = 0.8;

    /// Accepts 0 to [`Share::MAX`].
    ///
    /// # Errors
    /// Anything else, NaN included.
    pub fn try_new(value: f64) -> Result<Self, NotAShare> {
        if (0.0..=Self::MAX).contains(&value) { Ok(Self(value)) } else { Err(NotAShare(value)) }
    }

    /// The number.
    pub const fn get(self) -> f64 {
        self.0
    }
}
