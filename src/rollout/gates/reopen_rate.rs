//! How often tickets are opened again that would be resolved automatically, whoever resolved them so far. Once tickets are
//! resolved automatically, [`super::super::watch`] looks at those.

use super::super::reading::CountedWrong;
use super::rate::{Rate, pace};
use super::{Found, StepContext};

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    Rate {
        tally: CountedWrong { counted: context.own.n(), wrong: context.own.sums().reopened },
        limit: context.spec.limits.reopened,
        level: context.level,
        pace: pace(context.own, context),
        called: "opened again",
    }
    .find()
}
