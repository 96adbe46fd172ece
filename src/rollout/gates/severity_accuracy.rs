//! How often the severity is right, on every answered ticket of the slice: on the way to an action the same as to
//! `suggest`. How well people agree among themselves is said beside it, since nobody can be better than that.

use super::super::reading::CountedWrong;
use super::action_error::with_unanswered;
use super::rate::{Rate, pace};
use super::{Found, StepContext, human_ceiling, percent};

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let answered = context.answered;
    let found = Rate {
        tally: CountedWrong { counted: answered.n(), wrong: answered.wrong() },
        limit: context.spec.limits.severity_error,
        level: context.level,
        pace: pace(answered, context),
        called: "wrong",
    }
    .find();
    let found = with_unanswered(found, answered.unanswered(), answered.n());
    let Some((among_people, _)) = human_ceiling::engineers(context).agreement() else { return found };
    Found { sentence: format!("{}; people agree in {}", found.sentence, percent(among_people)), ..found }
}
