//! How often people call a ticket critical on which the action would have been taken. Of whatever nobody judged it is not
//! known, so it counts as a miss; a ticket that ended with nobody's hand in it was none.

use super::super::reading::CountedWrong;
use super::super::wrong::Permission;
use super::rate::{Rate, pace};
use super::{Found, StepContext};

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let Permission::Auto(action) = context.question.account.account.permission else {
        return Found::unreadable(&"a suggestion takes no action");
    };
    let sums = context.own.sums();
    let is_number = context.own.counted.iter().all(|ticket| ticket.said.critical.is_finite());
    let found = Rate {
        tally: CountedWrong { counted: context.own.n(), wrong: sums.missed },
        limit: context.spec.critical_miss(action),
        level: context.level,
        pace: pace(context.own, context),
        called: "critical or not judged",
    }
    .find();
    if !is_number || context.own.n() == 0 {
        return found;
    }
    let expected = sums.expected_critical_millionths as f64 / 1e6;
    Found { sentence: format!("{}; the model itself expected {expected:.1} critical", found.sentence), ..found }
}
