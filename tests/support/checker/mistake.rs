//! What can be wrong with a run.

use std::fmt;

/// One kind of mistake. Negative controls ask for the kind that they provoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum MistakeKind {
    /// An input record without a committed outcome, although a later one has one, or everything ought to be decided.
    Lost,
    /// An input record with more than one committed outcome, or a decision id that is used twice.
    Doubled,
    /// An outcome of something that is no committed input record.
    OfNothing,
    /// An outcome in another partition than its record, or a ticket in two partitions.
    Misplaced,
    /// An outcome behind that of a later record of its partition.
    OutOfOrder,
    /// Some, not all, committed records of a transaction.
    Torn,
    /// An output record without a readable header, or without what every output holds.
    Unreadable,
    /// The committed offset is not the last decided plus one.
    CommittedOffset,
    /// One (ticket, revision, content) in two decision groups, or two of them in one group.
    Group,
    /// `duplicate` names nothing, something that was not committed before it, or a decision of another group.
    DuplicateOfNothing,
    /// `unchanged`, and no outcome of the ticket was committed before it.
    UnchangedOfNothing,
    /// One group decided in full more than once: what was known of it got lost.
    DecidedTwice,
    /// A dead letter without its outcome, an outcome without its letter, or a letter that gives no reason.
    DeadLetter,
    /// A suggestion, command or review item of a decision that is not committed.
    WithoutDecision,
    /// An automatic action that the broker appended when no renewal was younger than a lease.
    OutsideLease,
    /// An automatic action that its map does not permit, or whose map was not in force any more.
    WithoutPermit,
    /// An automatic action in a slice that was halted.
    AfterHalt,
    /// An automatic action on a drawn ticket, or a suggestion about one.
    SampleShown,
    /// A transition whose report reads otherwise, asked again from the log at its cut.
    ReportDiffers,
    /// What `read_uncommitted` shows does not fit what `read_committed` shows.
    UncommittedView,
}

/// One mistake: which kind, and of which record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    pub(crate) kind: MistakeKind,
    pub(crate) what: String,
}

impl Mistake {
    pub(crate) fn new(kind: MistakeKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into() }
    }

    /// Whether another look a moment later may find it gone: the markers of one transaction reach the partitions one after
    /// the other, so a reader of a running system may see a part of it for some milliseconds.
    pub(crate) const fn may_pass(&self) -> bool {
        match self.kind {
            MistakeKind::Lost
            | MistakeKind::Torn
            | MistakeKind::CommittedOffset
            | MistakeKind::DeadLetter
            | MistakeKind::WithoutDecision
            | MistakeKind::UncommittedView => true,
            MistakeKind::Doubled
            | MistakeKind::OfNothing
            | MistakeKind::Misplaced
            | MistakeKind::OutOfOrder
            | MistakeKind::Unreadable
            | MistakeKind::Group
            | MistakeKind::DuplicateOfNothing
            | MistakeKind::UnchangedOfNothing
            | MistakeKind::DecidedTwice
            | MistakeKind::OutsideLease
            | MistakeKind::WithoutPermit
            | MistakeKind::AfterHalt
            | MistakeKind::SampleShown
            | MistakeKind::ReportDiffers => false,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}: {}", self.kind, self.what)
    }
}
