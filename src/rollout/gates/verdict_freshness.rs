//! Whether verdicts arrive at all. Where tickets past their deadline pile up and nobody has stated anything since, nothing
//! is earned, and what acts by itself steps back.

use super::super::reading::GateOutcome;
use super::{Found, StepContext, number_of};

/// Tickets past their deadline, with no verdict of anybody since, at which silence is long. Fewer happen at a quiet desk
/// by chance; twice as many would let twice as many actions go unseen.
pub(in super::super) const SILENT_TICKETS: u64 = 5;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    if context.answered.counted.iter().all(|ticket| ticket.people.is_none()) {
        return Found::plain(GateOutcome::Waiting, "nobody has answered yet".to_owned());
    }
    of_silence(context.silent_tickets, GateOutcome::Waiting)
}

/// What so many silent tickets mean; `when_long` is what a long silence is called there.
pub(in super::super) fn of_silence(silent: u64, when_long: GateOutcome) -> Found {
    let tickets = number_of(silent, "ticket");
    if silent >= SILENT_TICKETS {
        return Found::plain(when_long, format!("{tickets} past the deadline, and no verdict of anybody since"));
    }
    let sentence = if silent == 0 {
        "verdicts arrive".to_owned()
    } else {
        format!("verdicts arrive; {tickets} past the deadline since the last one")
    };
    Found::plain(GateOutcome::Pass, sentence)
}
