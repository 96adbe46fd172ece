//! The final verdict of a ticket: a function of the set of its verdicts.
//!
//! Statements with one id are one statement. A statement that another one corrects does not stand any more; a person may
//! correct themselves, an adjudicator anybody, and the ticket system itself. Of those that stand, an adjudication settles;
//! without one all readers must agree. Whatever is forked, circular or contradictory is **disputed**, never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{
    Closable, EndedAlone, ReviewerId, ReviewerRole, Verdict, VerdictId, VerdictKind, VerdictOrigin,
};

use super::log::Recorded;

/// What the verdicts of a ticket amount to.
#[derive(Clone, Debug, PartialEq)]
pub enum Final {
    /// Nobody has said anything that counts.
    NoVerdict,
    /// One answer.
    Settled(Judgement),
    /// Several: wrong until adjudicated.
    Disputed(Dispute),
}

/// Why a ticket is disputed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dispute {
    /// Readers give different severities.
    Readers,
    /// Two verdicts correct the same one.
    Fork,
    /// Verdicts correct each other in a circle.
    Cycle,
    /// Two different verdicts have the same id.
    SameId,
    /// Adjudicators disagree.
    Adjudicators,
}

impl Dispute {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Readers, Self::Fork, Self::Cycle, Self::SameId, Self::Adjudicators];

    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Readers => "readers",
            Self::Fork => "fork",
            Self::Cycle => "cycle",
            Self::SameId => "same_id",
            Self::Adjudicators => "adjudicators",
        }
    }
}

/// The one answer of people about a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// Severity; `None`: nobody gave one.
    pub severity: Option<Severity>,
    /// Closable: `No` if anybody says so; `None`: nobody said anything.
    pub closable: Option<Closable>,
    /// Queues that people sent it to, in order.
    pub queues: Vec<Arc<str>>,
    /// Number of people whose readings stand.
    pub readers: usize,
    /// Whether an adjudicator settled it.
    pub is_adjudicated: bool,
}

/// How one verdict stands among those of its ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It stands.
    Stands,
    /// Another record holds the same statement.
    Duplicate,
    /// A later one corrects it.
    Corrected,
    /// A rule concluded it: shown, off for promotion.
    Derived,
    /// The person had seen the model's answer.
    SawModel,
}

/// Everything that the verdicts of a ticket say.
#[derive(Clone, Debug, PartialEq)]
pub struct Settlement {
    /// The final verdict.
    pub verdict: Final,
    /// How each verdict stands, in the order given.
    pub standings: Vec<Standing>,
    /// The first time that anybody stated anything that counts (desk time), corrected or not; `None`: nobody has.
    pub first_stated_at: Option<UtcMillis>,
    /// Severities of single readers that stand, one per person and severity, in order.
    pub readings: Vec<(ReviewerId, Severity)>,
    /// Whether a person opened the ticket again.
    pub is_reopened: bool,
    /// How the ticket ended without a person, where something says so and it was not opened again; the latest.
    pub ended_alone: Option<EndedAlone>,
    /// What people said of an automatic action: `Some(false)` if anybody says it was wrong; `None`: nobody said anything.
    pub is_action_correct: Option<bool>,
    /// Whether anybody who may say so calls the ticket critical: in a reading, with the answer in sight, or looking at an
    /// automatic action. An adjudication settles it.
    pub is_called_critical: bool,
}

/// Settles the verdicts of one ticket. Their order does not matter, but for that of `standings`.
pub fn settle(verdicts: &[Recorded<Verdict>]) -> Settlement {
    let statements = Statements::of(verdicts);
    let Chains { standing, has_fork, has_cycle } = Chains::of(&statements.counting(verdicts));
    let stands = |index: &usize| standing.contains(index);
    let standing_verdicts: Vec<&Verdict> = standing.iter().map(|&index| &verdicts[index].value).collect();
    let trouble = [(statements.has_conflict, Dispute::SameId), (has_cycle, Dispute::Cycle), (has_fork, Dispute::Fork)];
    let trouble = trouble.into_iter().find_map(|(is_so, dispute)| is_so.then_some(dispute));
    let standings = (0..verdicts.len())
        .map(|index| match statements.kept.get(&index) {
            None => Standing::Duplicate,
            Some(Counts::Derived) => Standing::Derived,
            Some(Counts::SawModel) => Standing::SawModel,
            Some(Counts::Yes) if stands(&index) => Standing::Stands,
            Some(Counts::Yes) => Standing::Corrected,
        })
        .collect();
    let kept = || statements.kept.iter().map(|(&index, counts)| (&verdicts[index].value, counts));
    let statement_times = kept().filter(|(verdict, counts)| **counts == Counts::Yes && is_statement(verdict.kind));
    let ended = kept().filter_map(|(verdict, _)| Some((verdict.decided_at, verdict.ended?))).max();
    // Whoever opened it again, a verdict is due again.
    let is_open_again = |ended_at: UtcMillis| {
        kept().any(|(verdict, _)| verdict.kind == VerdictKind::Reopen && verdict.decided_at >= ended_at)
    };
    let ended = ended.filter(|(ended_at, _)| !is_open_again(*ended_at));
    let verdict = final_of(&standing_verdicts, trouble);
    let says_critical = |verdict: &Verdict| verdict.severity == Some(Severity::Critical);
    let is_called_critical = match &verdict {
        Final::Settled(judgement) if judgement.is_adjudicated => judgement.severity == Some(Severity::Critical),
        Final::Settled(_) | Final::Disputed(_) | Final::NoVerdict => {
            standing_verdicts.iter().any(|verdict| says_critical(verdict))
                || kept().any(|(verdict, counts)| *counts == Counts::SawModel && says_critical(verdict))
        }
    };
    let actions = standing_verdicts.iter().filter_map(|verdict| verdict.auto_action_correct);
    Settlement {
        verdict,
        standings,
        first_stated_at: statement_times.map(|(verdict, _)| verdict.decided_at).min(),
        readings: readings(&standing_verdicts).into_iter().collect(),
        is_reopened: standing_verdicts.iter().any(|verdict| verdict.kind == VerdictKind::Reopen),
        ended_alone: ended.map(|(_, how)| how),
        is_action_correct: actions.reduce(|one, other| one && other),
        is_called_critical,
    }
}

/// Whether a kind is a person's judgement of the ticket itself.
const fn is_statement(kind: VerdictKind) -> bool {
    match kind {
        VerdictKind::Triage | VerdictKind::SecondReading | VerdictKind::Adjudication => true,
        VerdictKind::ReviewOfAuto | VerdictKind::Reopen | VerdictKind::Outcome | VerdictKind::RootCauseRating => false,
    }
}

const fn is_reading(kind: VerdictKind) -> bool {
    is_statement(kind) && !matches!(kind, VerdictKind::Adjudication)
}

/// Whether a statement may be evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Counts {
    Yes,
    Derived,
    SawModel,
}

/// One record for each statement.
struct Statements {
    /// Index of the record that is read for each statement.
    kept: BTreeMap<usize, Counts>,
    /// Whether one id names two statements.
    has_conflict: bool,
}

impl Statements {
    fn of(verdicts: &[Recorded<Verdict>]) -> Self {
        let mut by_id: BTreeMap<&VerdictId, Vec<usize>> = BTreeMap::new();
        for (index, recorded) in verdicts.iter().enumerate() {
            by_id.entry(&recorded.value.verdict_id).or_default().push(index);
        }
        let mut statements = Self { kept: BTreeMap::new(), has_conflict: false };
        for same_id in by_id.values() {
            let is_explicit = same_id.iter().any(|&index| verdicts[index].value.origin == VerdictOrigin::Explicit);
            // Of explicit records the first in the log is the statement, and another content is a second statement under
            // its name. The ticket system publishes a resolution with every later update: its earliest revision is meant.
            let first = same_id.iter().copied().min_by_key(|&index| {
                let recorded = &verdicts[index];
                let revision = recorded.value.ticket_revision.unwrap_or(u64::MAX);
                (if is_explicit { 0 } else { revision }, recorded.appended)
            });
            let Some(first) = first else { continue };
            let content = &verdicts[first].value;
            statements.has_conflict |= is_explicit && same_id.iter().any(|&index| verdicts[index].value != *content);
            let counts = if content.origin == VerdictOrigin::Derived {
                Counts::Derived
            } else if content.saw_model == Some(true) && is_statement(content.kind) {
                // Audits and ratings are made with the answer in sight.
                Counts::SawModel
            } else {
                Counts::Yes
            };
            statements.kept.insert(first, counts);
        }
        statements
    }

    /// Index and content of every statement that counts.
    fn counting<'verdict>(&self, verdicts: &'verdict [Recorded<Verdict>]) -> Vec<(usize, &'verdict Verdict)> {
        let counting = self.kept.iter().filter(|(_, counts)| **counts == Counts::Yes);
        counting.map(|(&index, _)| (index, &verdicts[index].value)).collect()
    }
}

/// Who corrects whom.
struct Chains {
    /// Indices of the statements that nobody corrects.
    standing: BTreeSet<usize>,
    has_fork: bool,
    has_cycle: bool,
}

impl Chains {
    fn of(statements: &[(usize, &Verdict)]) -> Self {
        let by_id: BTreeMap<&VerdictId, &Verdict> =
            statements.iter().map(|(_, verdict)| (&verdict.verdict_id, *verdict)).collect();
        // A correction of what is not there (yet) corrects nothing, and stands for itself.
        let corrects = |verdict: &Verdict| -> Option<&Verdict> {
            let target = *by_id.get(verdict.supersedes.as_ref()?)?;
            may_correct(verdict, target).then_some(target)
        };
        let mut corrections: BTreeMap<&VerdictId, u32> = BTreeMap::new();
        let mut has_fork = false;
        for (_, verdict) in statements {
            if let Some(target) = corrects(verdict) {
                let count = corrections.entry(&target.verdict_id).or_default();
                *count += 1;
                // Two values of one rating are contradictory among themselves; they dispute no severity.
                has_fork |= *count > 1 && is_statement(target.kind);
            }
        }
        let has_cycle = has_cycle(
            statements.iter().map(|(_, verdict)| *verdict).filter(|verdict| is_statement(verdict.kind)),
            corrects,
        );
        let standing = statements.iter().filter(|(_, verdict)| !corrections.contains_key(&verdict.verdict_id));
        Self { standing: standing.map(|(index, _)| *index).collect(), has_fork, has_cycle }
    }
}

/// Whether following the corrections ever leads back. Each statement is walked over once.
fn has_cycle<'verdict>(
    statements: impl Iterator<Item = &'verdict Verdict>,
    corrects: impl Fn(&Verdict) -> Option<&'verdict Verdict>,
) -> bool {
    let mut walked: BTreeSet<&VerdictId> = BTreeSet::new();
    for start in statements {
        let mut path: BTreeSet<&VerdictId> = BTreeSet::new();
        let mut at = Some(start);
        while let Some(verdict) = at {
            if !path.insert(&verdict.verdict_id) {
                return true;
            }
            at = if walked.insert(&verdict.verdict_id) { corrects(verdict) } else { None };
        }
    }
    false
}

/// A correction of somebody else's statement by no adjudicator is a statement of its own: it disputes, it does not replace.
/// Ratings, outcomes and statements are corrected among their own kind.
fn may_correct(verdict: &Verdict, target: &Verdict) -> bool {
    let is_same_kind = verdict.kind == target.kind || (is_statement(verdict.kind) && is_statement(target.kind));
    let is_of_ticket_system = |verdict: &Verdict| verdict.origin == VerdictOrigin::TicketSystem;
    let is_entitled = verdict.reviewer.id == target.reviewer.id
        || verdict.reviewer.role == ReviewerRole::Adjudicator
        || (is_of_ticket_system(verdict) && is_of_ticket_system(target));
    is_same_kind && is_entitled
}

fn readings(standing: &[&Verdict]) -> BTreeSet<(ReviewerId, Severity)> {
    let readings = standing.iter().filter(|verdict| is_reading(verdict.kind));
    readings.filter_map(|verdict| Some((verdict.reviewer.id.clone(), verdict.severity?))).collect()
}

fn final_of(standing: &[&Verdict], trouble: Option<Dispute>) -> Final {
    let adjudications: Vec<&Verdict> =
        standing.iter().copied().filter(|verdict| verdict.kind == VerdictKind::Adjudication).collect();
    let adjudicated: BTreeSet<(Option<Severity>, Option<Closable>)> =
        adjudications.iter().map(|verdict| (verdict.severity, verdict.closable)).collect();
    if adjudicated.len() > 1 {
        return Final::Disputed(Dispute::Adjudicators);
    }
    let (adjudicated_severity, adjudicated_closable) = adjudicated.first().copied().unwrap_or_default();
    let read: BTreeSet<Severity> = readings(standing).into_iter().map(|(_, severity)| severity).collect();
    if adjudications.is_empty()
        && let Some(dispute) = trouble
    {
        return Final::Disputed(dispute);
    }
    if adjudicated_severity.is_none() && read.len() > 1 {
        return Final::Disputed(Dispute::Readers);
    }
    let judges = |verdict: &&&Verdict| is_statement(verdict.kind);
    if standing.iter().filter(judges).count() == 0 {
        return Final::NoVerdict;
    }
    // The most cautious answer of anybody, those who told of the ticket's later fate included.
    let said = |answer| standing.iter().any(|verdict| verdict.closable == Some(answer));
    let closable = [Closable::No, Closable::Yes, Closable::Unknown].into_iter().find(|&answer| said(answer));
    let queues: BTreeSet<&Arc<str>> =
        standing.iter().filter(judges).filter_map(|verdict| verdict.queue.as_ref()).collect();
    let readers: BTreeSet<&ReviewerId> =
        standing.iter().filter(|verdict| is_reading(verdict.kind)).map(|verdict| &verdict.reviewer.id).collect();
    Final::Settled(Judgement {
        severity: adjudicated_severity.or_else(|| read.first().copied()),
        closable: adjudicated_closable.or(closable),
        queues: queues.into_iter().cloned().collect(),
        readers: readers.len(),
        is_adjudicated: !adjudications.is_empty(),
    })
}
