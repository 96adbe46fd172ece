//! One reading of all slices: the gates of the next step, and what watches the permissions in force. A function of the
//! evidence, the questions, what the site has declared, and an instant of desk time; it decides nothing.
//!
//! Tickets are settled once for all accounts; each account is then one pass over the tickets of its slice.

use std::sync::Arc;

use crate::domain::probability::Probability;
use crate::domain::time::UtcMillis;
use crate::statistics::level::{ALPHA, Level, NotALevel};

use super::counting::{AccountCount, AccountKey, CountingRules, Since, count};
use super::evidence::Evidence;
use super::gates::{self, StepContext};
use super::log::Cut;
use super::reading::{AccountQuestion, CountedWrong, Evaluation, SliceQuestion, SliceReport, StepQuestion, StepReport};
use super::spec::RolloutSpec;
use super::survey::Survey;
use super::watch::{WatchContext, silent_tickets, watch};
use super::wrong::Permission;

/// Reads what is asked at a cut and an instant of desk time: one report for each question, in their order. A record of the
/// past is read with its own questions, whatever slices there are today.
pub fn evaluate(
    evidence: &Evidence,
    questions: &[SliceQuestion],
    spec: &RolloutSpec,
    cut: Cut,
    now: UtcMillis,
) -> Evaluation {
    let survey = Survey::of(evidence);
    let rules = CountingRules::at(evidence, spec.verdict_deadline_ms, now);
    let context = WatchContext { survey: &survey, spec, rules: &rules, last_stated: evidence.last_stated(now), now };
    let slices = questions.iter().map(|question| {
        let next = question.next.as_ref().map(|step| read_step(&context, step));
        let in_force = question.in_force.iter().map(|account| {
            // Watched in the window alone: what is closed says nothing of whether it has become worse.
            let (key, since) = (answered_key(&account.account), Since::cut(&account.after));
            let answered = count(context.survey, &key, context.rules, since, context.now);
            watch(&context, account, &answered)
        });
        SliceReport { slice: Arc::clone(&question.slice), next, in_force: in_force.collect() }
    });
    Evaluation { at: now, cut, slices: slices.collect(), holes: holes(evidence, questions) }
}

/// What every account needs and the log no longer has, each sentence once; no record needs to have been read for it.
pub fn holes(evidence: &Evidence, questions: &[SliceQuestion]) -> Vec<String> {
    let accounts =
        questions.iter().flat_map(|question| question.next.iter().map(|step| &step.account).chain(&question.in_force));
    let mut holes: Vec<String> =
        accounts.flat_map(|account| evidence.holes_behind(&account.needed()).collect::<Vec<_>>()).collect();
    holes.sort_unstable();
    holes.dedup();
    holes
}

fn count_account<'evidence>(
    context: &WatchContext<'_, 'evidence>,
    question: &AccountQuestion,
    account: &AccountKey,
) -> AccountCount<'evidence> {
    count(context.survey, account, context.rules, since(question, account), context.now)
}

/// From where on tickets count for an account that a question asks about.
pub(super) fn since<'question>(question: &'question AccountQuestion, account: &AccountKey) -> Since<'question> {
    Since {
        after: &question.after,
        through: question.closed.as_ref().map(|closed| closed.through),
        line: question.closed.as_ref().and_then(|closed| closed.line(question, account)),
    }
}

/// The account of the same model on every answered ticket.
fn answered_key(account: &AccountKey) -> AccountKey {
    AccountKey { permission: Permission::Suggest, ..account.clone() }
}

fn read_step(context: &WatchContext<'_, '_>, step: &StepQuestion) -> StepReport {
    let account = &step.account.account;
    let answered = count_account(context, &step.account, &answered_key(account));
    let of_action = match account.permission {
        Permission::Suggest => None,
        Permission::Auto(_) => Some(count_account(context, &step.account, account)),
    };
    let own = of_action.as_ref().unwrap_or(&answered);
    let gates = gates::read(&StepContext {
        question: step,
        spec: context.spec,
        now: context.now,
        survey: context.survey,
        own,
        answered: &answered,
        level: level(&step.account),
        silent_tickets: silent_tickets(context, &step.account),
    });
    StepReport { question: step.clone(), gates, wrong_unanswered: own.unanswered(), grid: grid(context, step) }
}

/// The level at which the gates of an account pass. For `suggest` there is no threshold to choose, so nothing is shared.
fn level(question: &AccountQuestion) -> Result<Level, NotALevel> {
    let threshold_weight = match question.account.permission {
        Permission::Suggest => 1.0,
        Permission::Auto(_) => question.threshold_weight,
    };
    Level::try_new(question.slice_weight, threshold_weight, ALPHA, question.attempt)
}

/// Counted and wrong at every other threshold of the grid.
fn grid(context: &WatchContext<'_, '_>, step: &StepQuestion) -> Vec<(Probability, CountedWrong)> {
    let account = &step.account.account;
    match account.permission {
        Permission::Suggest => Vec::new(),
        Permission::Auto(_) => {
            let others = context.spec.threshold_grid.iter().filter(|threshold| **threshold != account.threshold);
            let counted = |threshold: &Probability| {
                let key = AccountKey { threshold: *threshold, ..account.clone() };
                let count = count_account(context, &step.account, &key);
                (*threshold, CountedWrong { counted: count.n(), wrong: count.wrong() })
            };
            others.map(counted).collect()
        }
    }
}
