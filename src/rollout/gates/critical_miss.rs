//! How often people call a ticket critical on which the action would have been taken. Of whatever nobody judged it is not
//! known, so it counts as a miss; a ticket that ended with nobody's hand in it was none.

use super::super::counting::CountedTicket;
use super::super::reading::CountedWrong;
use super::super::wrong::Permission;
use super::rate::{Rate, pace};
use super::{Found, StepContext};
use crate::domain::severity::Severity;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let Permission::Auto(action) = context.question.account.account.permission else {
        return Found::unreadable(&"a suggestion takes no action");
    };
    let missed = context.own.counted.iter().filter(|ticket| is_miss(ticket)).count() as u64;
    let expected: f64 = context.own.counted.iter().map(|ticket| ticket.said.critical).sum();
    let found = Rate {
        tally: CountedWrong { counted: context.own.n(), wrong: missed },
        limit: context.spec.critical_miss(action),
        level: context.level,
        pace: pace(context.own, context),
        called: "critical or not judged",
    }
    .find();
    if !expected.is_finite() || context.own.n() == 0 {
        return found;
    }
    Found { sentence: format!("{}; the model itself expected {expected:.1} critical", found.sentence), ..found }
}

fn is_miss(ticket: &CountedTicket<'_>) -> bool {
    match ticket.people {
        Some(severity) => severity == Severity::Critical,
        None => ticket.wrong.is_some(),
    }
}
