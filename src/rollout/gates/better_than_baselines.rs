//! Whether the model is worth its while, on the same tickets: shown better than the severity that the source gives, and
//! TF-IDF not shown better than it. Only tickets on which exactly one of two is right can tell.

use super::super::counting::CountedTicket;
use super::super::reading::GateOutcome;
use super::{Found, StepContext};
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::statistics::sign_test::Discordant;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let level = match context.level {
        Ok(level) => level,
        Err(error) => return Found::unreadable(&error),
    };
    let against = Against::of(&context.answered.counted);
    // `second` is who is to be shown better.
    let shown = |duel: Discordant| duel.ln_evidence() >= level.ln_required();
    let [source, baseline] = [against.source, against.baseline];
    if [source.ln_evidence(), baseline.ln_evidence(), reversed(source).ln_evidence()].iter().any(|e| e.is_nan()) {
        return Found::unreadable(&"a comparison gives no number");
    }
    let sentence = format!(
        "right where the source is not: {}, the other way round: {}; {}",
        source.second,
        source.first,
        if against.has_baseline {
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

/// The model against the others.
#[derive(Default)]
struct Against {
    /// First: only the source is right; second: only the model.
    source: Discordant,
    /// First: only the model is right; second: only TF-IDF.
    baseline: Discordant,
    has_baseline: bool,
}

impl Against {
    fn of(counted: &[CountedTicket<'_>]) -> Self {
        let mut against = Self::default();
        for ticket in counted {
            let Some(truth) = ticket.people else { continue };
            let is_right = |severity: Option<Severity>| severity == Some(truth);
            let model = ticket.said.severity == truth;
            let source = is_right(ticket.decision.source_severity);
            against.source.first += u64::from(source && !model);
            against.source.second += u64::from(model && !source);
            let baseline = ticket.decision.answers.iter().find(|answer| answer.role == ModelRole::Baseline);
            let Some(baseline) = baseline else { continue };
            against.has_baseline = true;
            let baseline = is_right(baseline.severity());
            against.baseline.first += u64::from(model && !baseline);
            against.baseline.second += u64::from(baseline && !model);
        }
        against
    }
}
