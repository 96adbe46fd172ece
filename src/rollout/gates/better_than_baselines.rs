//! Whether the model is worth its while, on the same tickets: shown better than the severity that the source gives, and
//! TF-IDF not shown better than it. Only tickets on which exactly one of two is right can tell.

use super::super::reading::GateOutcome;
use super::{Found, StepContext};
use crate::statistics::sign_test::Discordant;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let level = match context.level {
        Ok(level) => level,
        Err(error) => return Found::unreadable(&error),
    };
    let sums = context.answered.sums();
    // `second` is who is to be shown better.
    let shown = |duel: Discordant| duel.ln_evidence() >= level.ln_required();
    let [source, baseline] = [sums.source, sums.baseline];
    if [source.ln_evidence(), baseline.ln_evidence(), reversed(source).ln_evidence()].iter().any(|e| e.is_nan()) {
        return Found::unreadable(&"a comparison gives no number");
    }
    let sentence = format!(
        "right where the source is not: {}, the other way round: {}; {}",
        source.second,
        source.first,
        if sums.beside_baseline > 0 {
            format!("right where TF-IDF is not: {}, the other way round: {}", baseline.first, baseline.second)
        } else {
            "no TF-IDF beside it".to_owned()
        }
    );
    let (outcome, advice) = if shown(baseline) {
        (GateOutcome::Breach, "; TF-IDF is better: use TF-IDF")
    } else if shown(reversed(source)) {
        (GateOutcome::Breach, "; the source is better than the model")
    } else if shown(source) {
        (GateOutcome::Pass, "")
    } else {
        (GateOutcome::Waiting, "; not yet enough to tell")
    };
    Found::plain(outcome, sentence + advice)
}

const fn reversed(duel: Discordant) -> Discordant {
    Discordant { first: duel.second, second: duel.first }
}
