//! Whether the present stage and shares have been held long enough.

use super::super::reading::{GateOutcome, Missing, StepKind};
use super::super::spec::RolloutSpec;
use super::rate::in_days;
use super::{Found, StepContext, number_of};

const DAY_MS: i64 = RolloutSpec::days_ms(1);

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let days = match context.question.kind {
        StepKind::Stage => context.spec.soak_days,
        StepKind::Share => context.spec.soak_step_days,
    };
    let since = context.question.since;
    let held_days = context.now.since_ms(since).max(0) / DAY_MS;
    let held = format!("held for {} of {days}", number_of(held_days as u64, "day"));
    let until = since.plus_ms(RolloutSpec::days_ms(days));
    if context.now >= until {
        return Found::plain(GateOutcome::Pass, held);
    }
    let left = until.since_ms(context.now) as f64 / DAY_MS as f64;
    let sentence = format!("{held}, about {} to go", in_days(left));
    Found { missing: Some(Missing::Until(until)), ..Found::plain(GateOutcome::Waiting, sentence) }
}
