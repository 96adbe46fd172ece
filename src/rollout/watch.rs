//! What watches a permission that is in force: whether its error has risen, whether verdicts still arrive, and which tickets
//! people must look at. Drawn tickets and audited actions are read together, in the order of evidence.
//!
//! Bad news need no deadline: an answer is read as soon as it is there, and a ticket without one only once it is overdue.
//! Then it counts as wrong, but in a silence that lasts until now: silence is a trouble of its own, and says nothing about the
//! model. Of a group one ticket in 24 hours is read, as in counting; five of one fingerprint are no limit here, or the model
//! would go unwatched on what recurs.

use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::statistics::detector::{Detector, alarm_at};
use crate::statistics::tally::{ErrorLimit, Judged};

use super::counting::{AccountCount, Candidate, CountingRules, LeftOut};
use super::decision::TicketDecision;
use super::gates::{Found, drift, percent, verdict_freshness};
use super::groups::Groups;
use super::reading::{AccountQuestion, CountedWrong, Gate, GateOutcome, GateReading, WatchReport};
use super::settle::Final;
use super::spec::RolloutSpec;
use super::survey::{Settled, Survey};
use super::wrong::{Permission, Proposal, Wrong};

/// Tickets that a step-back sends to people again, at most. Twice as many are a day's work of a desk.
const TO_RECHECK_MAX: usize = 500;

/// Gates that a detector watches: `severity_accuracy`, `action_error`, `reopen_rate`.
const DETECTOR_GATES: u32 = 3;

/// Everything that is the same for all accounts in force.
pub(super) struct WatchContext<'watch, 'evidence> {
    pub(super) survey: &'watch Survey<'evidence>,
    pub(super) spec: &'watch RolloutSpec,
    pub(super) rules: &'watch CountingRules,
    /// The last verdict of anybody (desk time); `None`: there is none.
    pub(super) last_stated: Option<UtcMillis>,
    /// Desk time.
    pub(super) now: UtcMillis,
}

/// Reads one account in force; `answered` counts its model on every answered ticket.
pub(super) fn watch(
    context: &WatchContext<'_, '_>,
    question: &AccountQuestion,
    answered: &AccountCount<'_>,
) -> WatchReport {
    let looked_at = LookedAt::of(context, question);
    let of_error = |limit| alarm(&looked_at.judged, limit, context.spec, "wrong");
    let limits = &context.spec.limits;
    let mut found =
        vec![(Gate::VerdictFreshness, verdict_freshness::of_silence(looked_at.silent, GateOutcome::Breach))];
    match question.account.permission {
        Permission::Suggest => found.push((Gate::SeverityAccuracy, of_error(limits.severity_error))),
        Permission::Auto(_) => found.push((Gate::ActionError, of_error(limits.action_error))),
    }
    found.push((Gate::Drift, drift::of_met(&answered.met, context.now)));
    if question.account.permission == Permission::Auto(AutoAction::Resolve) {
        let reopened = reopened(context, question);
        found.push((Gate::ReopenRate, alarm(&reopened, limits.reopened, context.spec, "opened again")));
    }
    found.sort_by_key(|(gate, _)| *gate);
    let blocks = |gate| !context.spec.observed_only.contains(&gate);
    let gates: Vec<GateReading> = found.into_iter().map(|(gate, found)| found.reading(gate, blocks(gate))).collect();
    let recheck = to_recheck(context, question);
    WatchReport {
        question: question.clone(),
        gates,
        critical: critical(context, question),
        to_recheck_left_out: recheck.len().saturating_sub(TO_RECHECK_MAX) as u64,
        to_recheck: recheck.into_iter().take(TO_RECHECK_MAX).cloned().collect(),
        silent_tickets: looked_at.silent,
    }
}

/// Tickets of an account past their deadline, decided after the last verdict of anybody.
pub(super) fn silent_tickets(context: &WatchContext<'_, '_>, question: &AccountQuestion) -> u64 {
    LookedAt::of(context, question).silent
}

/// Reads verdicts in order; breached where the alarm was raised at any of them.
fn alarm(judged: &[Judged], limit: ErrorLimit, spec: &RolloutSpec, called: &str) -> Found {
    let detector = match Detector::try_new(limit) {
        Ok(detector) => detector,
        Err(error) => return Found::unreadable(&error),
    };
    let watched = u32::try_from(spec.slices.len() * AutoAction::ALL.len()).unwrap_or(u32::MAX);
    let alarm_at = alarm_at(watched.saturating_mul(DETECTOR_GATES));
    let after_each = judged.iter().scan(detector, |detector, judged| {
        *detector = detector.with(*judged);
        Some(detector.evidence())
    });
    // An alarm stays one, however right the tickets after it are.
    let highest =
        after_each.fold(0.0_f64, |highest, evidence| if evidence.is_nan() { evidence } else { highest.max(evidence) });
    let counted = judged.len() as u64;
    let wrong = judged.iter().filter(|judged| **judged == Judged::Wrong).count() as u64;
    let counts = format!("{counted} looked at, {wrong} {called}");
    let found = |outcome, sentence| {
        let tally = CountedWrong { counted, wrong };
        Found { counted: Some(tally), ..Found::plain(outcome, sentence) }
    };
    if highest.is_nan() {
        found(GateOutcome::Waiting, format!("cannot be evaluated: {counts} give no number"))
    } else if counted == 0 {
        found(GateOutcome::Waiting, "nothing to look at yet".to_owned())
    } else if highest >= alarm_at {
        found(GateOutcome::Breach, format!("{counts}: it has risen above the {} allowed", percent(limit.get())))
    } else {
        found(GateOutcome::Pass, counts)
    }
}

/// Drawn tickets of the account and its audited actions, in order.
struct LookedAt {
    judged: Vec<Judged>,
    /// Past their deadline in the silence that lasts until now.
    silent: u64,
}

impl LookedAt {
    fn of(context: &WatchContext<'_, '_>, question: &AccountQuestion) -> Self {
        let mut looked_at = Self { judged: Vec::new(), silent: 0 };
        let mut groups = Groups::at_most(u32::MAX);
        for settled in behind(context, question) {
            let Some(seen) = Looked::of(settled, question) else { continue };
            if groups.take(settled.ticket_id, seen.first()).is_some() {
                continue;
            }
            let decided_at = seen.decided_at();
            let is_overdue = context.now.since_ms(decided_at) >= context.rules.deadline_ms;
            let is_silent = context.last_stated.is_none_or(|last| decided_at > last);
            match seen.answer(context.rules) {
                Ok(Answer::Judged(judged)) => looked_at.judged.push(judged),
                // Before the gap of the feed: a silence that has become a gap is still one.
                Ok(Answer::Nobody) | Err(LeftOut::FeedGap) if is_overdue && is_silent => looked_at.silent += 1,
                Ok(Answer::Nobody) if is_overdue => looked_at.judged.push(Judged::Wrong),
                Ok(Answer::Nobody) | Err(_) => {}
            }
        }
        looked_at
    }
}

/// What people have said of a ticket so far.
enum Answer {
    Judged(Judged),
    Nobody,
}

/// A ticket that people look at because it was drawn, or because an action on it is audited.
enum Looked<'survey, 'evidence> {
    Drawn(Candidate<'survey, 'evidence>),
    Audited(&'survey Settled<'evidence>, &'evidence TicketDecision, Proposal<'evidence>),
}

impl<'survey, 'evidence> Looked<'survey, 'evidence> {
    fn of(settled: &'survey Settled<'evidence>, question: &AccountQuestion) -> Option<Self> {
        if let Some(candidate) = Candidate::of(settled, &question.account) {
            return Some(Self::Drawn(candidate));
        }
        let (decision, proposal) = action(settled, question)?;
        decision.is_audit.then_some(Self::Audited(settled, decision, proposal))
    }

    /// When a ticket was decided as the account sees it; `None`: it is none of the account.
    fn at(settled: &'survey Settled<'evidence>, question: &AccountQuestion) -> Option<UtcMillis> {
        let of_action = || Some(action(settled, question)?.0.desk_time);
        Self::of(settled, question).map(|looked| looked.decided_at()).or_else(of_action)
    }

    /// Its group is that of this decision.
    const fn first(&self) -> &'evidence TicketDecision {
        match self {
            Self::Drawn(candidate) => candidate.first,
            Self::Audited(_, decision, _) => decision,
        }
    }

    const fn decided_at(&self) -> UtcMillis {
        match self {
            Self::Drawn(candidate) => candidate.decision.desk_time,
            Self::Audited(_, decision, _) => decision.desk_time,
        }
    }

    fn answer(&self, rules: &CountingRules) -> Result<Answer, LeftOut> {
        match self {
            Self::Drawn(candidate) => candidate.outcome(rules).map(as_answer),
            Self::Audited(settled, _, proposal) => Ok(audited(settled, proposal)),
        }
    }
}

const fn as_answer(wrong: Option<Wrong>) -> Answer {
    match wrong {
        None => Answer::Judged(Judged::Right),
        Some(Wrong::NoVerdict | Wrong::ClosableUnsaid) => Answer::Nobody,
        Some(
            Wrong::SeverityDiffers
            | Wrong::SeverityCritical
            | Wrong::SeverityHigh
            | Wrong::QueueChanged
            | Wrong::WorkNeeded
            | Wrong::Reopened
            | Wrong::Disputed,
        ) => Answer::Judged(Judged::Wrong),
    }
}

/// The most cautious of what people say of an action: of the action itself, of the ticket, or by opening it again.
fn audited(settled: &Settled<'_>, proposal: &Proposal<'_>) -> Answer {
    let settlement = &settled.settlement;
    let is_reopened = settlement.is_reopened && proposal.permission == Permission::Auto(AutoAction::Resolve);
    if settlement.is_called_critical || is_reopened {
        return Answer::Judged(Judged::Wrong);
    }
    let of_ticket = match &settlement.verdict {
        Final::NoVerdict => Answer::Nobody,
        Final::Settled(_) | Final::Disputed(_) => {
            as_answer(proposal.wrong(&settlement.verdict, settlement.is_reopened))
        }
    };
    match (settlement.is_action_correct, of_ticket) {
        (Some(false), _) | (_, Answer::Judged(Judged::Wrong)) => Answer::Judged(Judged::Wrong),
        (Some(true), _) | (None, Answer::Judged(Judged::Right)) => Answer::Judged(Judged::Right),
        (None, Answer::Nobody) => Answer::Nobody,
    }
}

/// Tickets of the slice behind the cut, in order.
fn behind<'watch, 'evidence>(
    context: &'watch WatchContext<'_, 'evidence>,
    question: &'watch AccountQuestion,
) -> impl DoubleEndedIterator<Item = &'watch Settled<'evidence>> {
    let of_slice = context.survey.of_slice(&question.account.slice);
    of_slice.filter(|settled| !settled.ticket.is_before(&question.after))
}

/// The first automatic action of the account on a ticket.
fn action<'evidence>(
    settled: &Settled<'evidence>,
    question: &AccountQuestion,
) -> Option<(&'evidence TicketDecision, Proposal<'evidence>)> {
    let decisions = settled.ticket.decisions().iter().map(|recorded| &recorded.value);
    decisions.into_iter().find_map(|decision| Some((decision, question.account.acted(decision)?)))
}

/// Resolved tickets that were opened again, or could have been long enough.
fn reopened(context: &WatchContext<'_, '_>, question: &AccountQuestion) -> Vec<Judged> {
    let mut groups = Groups::at_most(u32::MAX);
    let resolved = behind(context, question).filter_map(|settled| Some((settled, action(settled, question)?.0)));
    let one_of_group = resolved.filter(|(settled, decision)| groups.take(settled.ticket_id, decision).is_none());
    one_of_group
        .filter_map(|(settled, decision)| {
            let is_reopened = settled.settlement.is_reopened;
            let is_past = context.now.since_ms(decision.desk_time) >= context.rules.deadline_ms;
            (is_reopened || is_past).then_some(if is_reopened { Judged::Wrong } else { Judged::Right })
        })
        .collect()
}

/// Tickets that were acted on, or drawn and eligible, and that people call critical.
fn critical(context: &WatchContext<'_, '_>, question: &AccountQuestion) -> Vec<TicketId> {
    if question.account.permission == Permission::Suggest {
        return Vec::new();
    }
    let called_critical = behind(context, question).filter(|settled| settled.settlement.is_called_critical);
    let of_account = called_critical
        .filter(|settled| Candidate::of(settled, &question.account).is_some() || action(settled, question).is_some());
    of_account.map(|settled| settled.ticket_id.clone()).collect()
}

/// Tickets acted on that nobody has looked at, newest first: since the last one that was audited right before anything went
/// wrong. One that was right after that says nothing of those in between: what is wrong comes among what is right.
fn to_recheck<'evidence>(
    context: &WatchContext<'_, 'evidence>,
    question: &AccountQuestion,
) -> Vec<&'evidence TicketId> {
    let wrong_since = wrong_since(context, question);
    let mut unseen = Vec::new();
    for settled in behind(context, question).rev() {
        let Some((decision, proposal)) = action(settled, question) else { continue };
        let is_before = wrong_since.is_none_or(|since| decision.desk_time < since);
        match audited(settled, &proposal) {
            Answer::Judged(Judged::Right) if decision.is_audit && is_before => break,
            Answer::Judged(Judged::Right | Judged::Wrong) => {}
            Answer::Nobody => unseen.push(settled.ticket_id),
        }
    }
    unseen
}

/// Since when things go wrong: the first critical one of the last days of a verdict's deadline, since they come in waves, or
/// else the last that was wrong at all; `None`: nothing was. Errors of long ago are no part of it.
fn wrong_since(context: &WatchContext<'_, '_>, question: &AccountQuestion) -> Option<UtcMillis> {
    let is_wrong = |settled: &&Settled<'_>| {
        let of_action = action(settled, question).map(|(_, proposal)| audited(settled, &proposal));
        let of_sample = || Looked::of(settled, question).and_then(|looked| looked.answer(context.rules).ok());
        matches!(of_action.or_else(of_sample), Some(Answer::Judged(Judged::Wrong)))
    };
    let decided_at = |settled: &Settled<'_>| Looked::at(settled, question);
    let mut wrong = behind(context, question).rev().filter(is_wrong);
    let last = decided_at(wrong.next()?)?;
    let is_near = |at: &UtcMillis| last.since_ms(*at) <= context.rules.deadline_ms;
    let critical = behind(context, question).filter(|settled| settled.settlement.is_called_critical);
    critical.filter(is_wrong).filter_map(decided_at).filter(is_near).min().or(Some(last))
}
