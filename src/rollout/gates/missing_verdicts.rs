//! Whether too many drawn tickets are without a verdict after the deadline, or too many decisions came after a person was
//! there. Both make evidence thin in a way that nobody chose; promotion waits, and nothing steps back.

use super::super::reading::{CountedWrong, GateOutcome};
use super::{Found, StepContext, percent};

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let (answered, limits) = (context.answered, &context.spec.limits);
    // Of the window: what was amiss months ago is wrong in the count, and waits no more.
    let (counted, unanswered) = (answered.n_in_window(), answered.unanswered_in_window());
    let Some(late) = answered.late_decision_share() else {
        return Found::plain(GateOutcome::Waiting, "no ticket is past its deadline yet".to_owned());
    };
    let share = if counted == 0 { 0.0 } else { unanswered as f64 / counted as f64 };
    let (may_miss, may_be_late) = (limits.missing_verdicts, limits.late_decisions);
    if may_miss.is_nan() || may_be_late.is_nan() {
        return Found::unreadable(&"a limit is no number");
    }
    let mut troubles = Vec::new();
    if counted == 0 {
        troubles.push("nothing counts".to_owned());
    }
    if share > may_miss {
        troubles.push(format!("more than {} are without an answer", percent(may_miss)));
    }
    if late > may_be_late {
        troubles.push(format!(
            "{} were decided after a person was there, and {} may be",
            percent(late),
            percent(may_be_late)
        ));
    }
    let counts = format!("{unanswered} of {counted} without an answer after the deadline");
    let tally = Some(CountedWrong { counted, wrong: unanswered });
    let found = if troubles.is_empty() {
        Found::plain(GateOutcome::Pass, counts)
    } else {
        Found::plain(GateOutcome::Waiting, format!("{counts}: {}", troubles.join("; ")))
    };
    Found { counted: tally, ..found }
}
