//! A labelled ticket: what a ticket was at its creation, and what people said it should have been. Files of these are
//! what models are trained on and judged by.

use super::severity::Severity;
use super::ticket::Ticket;
use super::verdict::Closable;

/// A ticket with its label.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledTicket {
    /// The ticket.
    pub ticket: Ticket,
    /// What people said.
    pub label: Label,
    /// At which moment the ticket was as it stands here.
    pub as_of: AsOf,
    /// What it may be used for; `None`: nobody has split the file yet.
    pub split: Option<Split>,
    /// Near-duplicates share a group and are never on two sides of a split; `None`: a group of its own.
    pub group: Option<String>,
    /// The slice that its site puts it in; `None`: none was named.
    pub slice: Option<String>,
}

/// What people said a ticket should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Severity.
    pub severity: Severity,
    /// Code of the root cause, where somebody named one.
    pub root_cause: Option<String>,
    /// Where it was to go, where somebody said.
    pub queue: Option<String>,
    /// Whether closing it with nobody looking would have been right; `None`: nobody was asked.
    pub closable: Option<Closable>,
    /// Who said so, by pseudonym; empty where the file does not say.
    pub by: Vec<String>,
    /// How far people agreed.
    pub agreement: LabelAgreement,
}

/// How far people agreed on a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LabelAgreement {
    /// Nobody said anything against it.
    Undisputed,
    /// Readers disagreed, and an adjudicator decided.
    Adjudicated,
    /// Readers disagreed, and nobody has decided: in no training set.
    Disputed,
}

impl LabelAgreement {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Undisputed, Self::Adjudicated, Self::Disputed];

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undisputed => "undisputed",
            Self::Adjudicated => "adjudicated",
            Self::Disputed => "disputed",
        }
    }
}

/// At which moment a ticket was as it stands in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AsOf {
    /// At its creation: nothing in it was known only later.
    Created,
    /// Nobody knows: it may hold what only the people who worked on it knew, and a score on it may be a leak.
    Unknown,
}

impl AsOf {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Created, Self::Unknown];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unknown => "unknown",
        }
    }
}

/// What a labelled ticket may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Split {
    /// Fitting weights.
    Train,
    /// Choosing among fits: epochs, hyperparameters, calibration.
    Validation,
    /// Judging, and nothing else.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}
