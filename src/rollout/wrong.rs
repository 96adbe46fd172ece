//! What counts as wrong, per permission.

use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::verdict::Closable;

use super::settle::{Final, Judgement};

/// What evidence is gathered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// Showing the answer.
    Suggest,
    /// Acting on it.
    Auto(AutoAction),
}

impl Permission {
    /// All permissions, weakest first.
    pub const ALL: [Self; 3] = [Self::Suggest, Self::Auto(AutoAction::Triage), Self::Auto(AutoAction::Resolve)];

    /// The word used in records, metrics and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Suggest => "suggest",
            Self::Auto(action) => action.as_str(),
        }
    }
}

/// Why a ticket counts as wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Wrong {
    /// People give another severity.
    SeverityDiffers,
    /// People say critical; beside an automatic action a hard stop.
    SeverityCritical,
    /// People say high.
    SeverityHigh,
    /// People sent it to another queue.
    QueueChanged,
    /// A person had to do something.
    WorkNeeded,
    /// A person opened it again.
    Reopened,
    /// Nobody said whether it could have been closed unseen.
    ClosableUnsaid,
    /// People disagree, and nobody has adjudicated.
    Disputed,
    /// Nobody answered by the deadline.
    NoVerdict,
}

impl Wrong {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::SeverityDiffers,
        Self::SeverityCritical,
        Self::SeverityHigh,
        Self::QueueChanged,
        Self::WorkNeeded,
        Self::Reopened,
        Self::ClosableUnsaid,
        Self::Disputed,
        Self::NoVerdict,
    ];

    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SeverityDiffers => "severity_differs",
            Self::SeverityCritical => "severity_critical",
            Self::SeverityHigh => "severity_high",
            Self::QueueChanged => "queue_changed",
            Self::WorkNeeded => "work_needed",
            Self::Reopened => "reopened",
            Self::ClosableUnsaid => "closable_unsaid",
            Self::Disputed => "disputed",
            Self::NoVerdict => "no_verdict",
        }
    }
}

/// What would have been done with a ticket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Proposal<'proposal> {
    /// For which permission.
    pub permission: Permission,
    /// The predicted severity.
    pub severity: Severity,
    /// The queue that the table gives; read for `auto_triage` alone.
    pub queue: Option<&'proposal str>,
}

impl Proposal<'_> {
    /// Why it would have been wrong by the people's final verdict; `None`: it would have been right. The first reason that
    /// holds, the gravest first.
    pub fn wrong(&self, verdict: &Final, is_reopened: bool) -> Option<Wrong> {
        let judgement = match verdict {
            Final::NoVerdict => return Some(Wrong::NoVerdict),
            Final::Disputed(_) => return Some(Wrong::Disputed),
            Final::Settled(judgement) => judgement,
        };
        match self.permission {
            Permission::Suggest => match judgement.severity {
                Some(severity) => (severity != self.severity).then_some(Wrong::SeverityDiffers),
                None => Some(Wrong::NoVerdict),
            },
            Permission::Auto(AutoAction::Triage) => self.triage(judgement),
            Permission::Auto(AutoAction::Resolve) => resolve(judgement, is_reopened),
        }
    }

    /// Low against medium is no breach: it is shown, and costs.
    fn triage(&self, judgement: &Judgement) -> Option<Wrong> {
        let is_moved = |queue: &str| judgement.queues.iter().any(|other| other.trim() != queue.trim());
        too_severe(judgement).or_else(|| match judgement.severity {
            None => Some(Wrong::NoVerdict),
            Some(_) => self.queue.is_some_and(is_moved).then_some(Wrong::QueueChanged),
        })
    }
}

fn resolve(judgement: &Judgement, is_reopened: bool) -> Option<Wrong> {
    too_severe(judgement).or_else(|| {
        if is_reopened {
            return Some(Wrong::Reopened);
        }
        match judgement.closable {
            Some(Closable::Yes) => None,
            Some(Closable::No) => Some(Wrong::WorkNeeded),
            Some(Closable::Unknown) | None => Some(Wrong::ClosableUnsaid),
        }
    })
}

fn too_severe(judgement: &Judgement) -> Option<Wrong> {
    match judgement.severity {
        Some(Severity::Critical) => Some(Wrong::SeverityCritical),
        Some(Severity::High) => Some(Wrong::SeverityHigh),
        Some(Severity::Medium | Severity::Low) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::rollout::settle::Dispute;

    fn settled(severity: Option<Severity>, closable: Option<Closable>, queue: Option<&str>) -> Final {
        Final::Settled(Judgement {
            severity,
            closable,
            queues: queue.map(Arc::from).into_iter().collect(),
            readers: 1,
            is_adjudicated: false,
        })
    }

    const fn proposal(permission: Permission) -> Proposal<'static> {
        Proposal { permission, severity: Severity::Low, queue: Some("access") }
    }

    #[test]
    fn a_suggestion_is_wrong_when_the_severity_differs_and_by_nothing_else() {
        let wrong =
            |severity| proposal(Permission::Suggest).wrong(&settled(severity, Some(Closable::No), Some("core")), true);
        assert_eq!(wrong(Some(Severity::Low)), None);
        for other in [Severity::Medium, Severity::High, Severity::Critical] {
            assert_eq!(wrong(Some(other)), Some(Wrong::SeverityDiffers));
        }
        assert_eq!(wrong(None), Some(Wrong::NoVerdict));
    }

    #[test]
    fn triage_is_wrong_at_high_and_critical_and_in_another_queue_but_not_at_medium() {
        let wrong = |severity, queue| {
            proposal(Permission::Auto(AutoAction::Triage)).wrong(&settled(severity, None, queue), true)
        };
        assert_eq!(wrong(Some(Severity::Low), Some("access")), None);
        assert_eq!(wrong(Some(Severity::Medium), None), None);
        assert_eq!(wrong(Some(Severity::Low), Some("core")), Some(Wrong::QueueChanged));
        assert_eq!(wrong(Some(Severity::High), Some("access")), Some(Wrong::SeverityHigh));
        assert_eq!(wrong(Some(Severity::Critical), Some("core")), Some(Wrong::SeverityCritical));
        assert_eq!(wrong(None, Some("access")), Some(Wrong::NoVerdict));
        let without_table = Proposal { queue: None, ..proposal(Permission::Auto(AutoAction::Triage)) };
        assert_eq!(without_table.wrong(&settled(Some(Severity::Low), None, Some("core")), false), None);
    }

    #[test]
    fn resolving_is_wrong_whenever_a_person_had_to_do_something() {
        let wrong = |severity, closable, is_reopened| {
            proposal(Permission::Auto(AutoAction::Resolve))
                .wrong(&settled(severity, closable, Some("core")), is_reopened)
        };
        let low = Some(Severity::Low);
        assert_eq!(wrong(low, Some(Closable::Yes), false), None);
        assert_eq!(wrong(Some(Severity::Medium), Some(Closable::Yes), false), None);
        assert_eq!(wrong(low, Some(Closable::No), false), Some(Wrong::WorkNeeded));
        assert_eq!(wrong(low, Some(Closable::Unknown), false), Some(Wrong::ClosableUnsaid));
        assert_eq!(wrong(low, None, false), Some(Wrong::ClosableUnsaid));
        assert_eq!(wrong(low, Some(Closable::Yes), true), Some(Wrong::Reopened));
        assert_eq!(wrong(Some(Severity::High), Some(Closable::Yes), false), Some(Wrong::SeverityHigh));
        assert_eq!(wrong(Some(Severity::Critical), Some(Closable::No), true), Some(Wrong::SeverityCritical));
    }

    #[test]
    fn silence_and_dispute_are_wrong_for_every_permission() {
        for permission in Permission::ALL {
            assert_eq!(proposal(permission).wrong(&Final::NoVerdict, false), Some(Wrong::NoVerdict));
            let disputed = Final::Disputed(Dispute::Readers);
            assert_eq!(proposal(permission).wrong(&disputed, false), Some(Wrong::Disputed));
        }
    }
}
