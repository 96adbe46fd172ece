//! How well people agree among themselves on tickets that several of them read: a model cannot agree with them better than
//! they do with each other. Shown, never asked for.

use super::super::accuracy::Engineers;
use super::super::reading::GateOutcome;
use super::{Found, StepContext, number_of, percent};

/// Tickets read twice below which the agreement is not worth a number.
const TICKETS_MIN: usize = 50;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let engineers = engineers(context);
    let count = engineers.read_twice.len();
    let read_twice = format!("{} read by several people", number_of(count as u64, "ticket"));
    let Some((among_people, with_model)) = engineers.agreement() else {
        return Found::plain(GateOutcome::Waiting, read_twice);
    };
    let outcome = if count < TICKETS_MIN { GateOutcome::Waiting } else { GateOutcome::Pass };
    let sentence = format!(
        "{read_twice}: they agree in {}, the acting model with them in {}",
        percent(among_people),
        percent(with_model)
    );
    Found::plain(outcome, sentence)
}

/// Second readings of the slice behind the cut of the account.
pub(super) fn engineers(context: &StepContext<'_, '_>) -> Engineers {
    let account = &context.question.account;
    let mut engineers = Engineers::default();
    for settled in context.survey.of_slice(&account.account.slice) {
        if settled.ticket.is_before(&account.after) {
            continue;
        }
        if let Some(decision) = settled.ticket.drawn().next() {
            engineers.add(decision, &settled.settlement, settled.severity());
        }
    }
    engineers
}
