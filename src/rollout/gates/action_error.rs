//! How often the action would have been wrong. A missing verdict counts as wrong, and the sentence says how many do.

use super::super::reading::CountedWrong;
use super::rate::{Rate, pace};
use super::{Found, StepContext};

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let own = context.own;
    let found = Rate {
        tally: CountedWrong { counted: own.n(), wrong: own.wrong() },
        limit: context.spec.limits.action_error,
        level: context.level,
        pace: pace(own, context),
        called: "wrong",
    }
    .find();
    with_unanswered(found, own.unanswered(), own.n())
}

/// Says how many are wrong only because nobody answered.
pub(super) fn with_unanswered(found: Found, unanswered: u64, counted: u64) -> Found {
    if unanswered == 0 {
        return found;
    }
    let sentence =
        format!("{}; {unanswered} of {counted} counted as wrong only because nobody answered", found.sentence);
    Found { sentence, ..found }
}
