//! What most people would write: promote when the 95 % bound is above the target, step back when it is below.

use noctriage::statistics::tally::Judged;
use noctriage::statistics::wilson;

use super::Rule;
use crate::scenario::{LIMIT, Tick};
use crate::world::{Ticket, Verdict};

/// One-sided 95 %.
const Z: f64 = 1.644_853_626_951_472_2;
/// Nobody would look at less.
const VERDICTS_MIN: u64 = 30;

/// All verdicts so far, looked at after each.
pub struct Bound {
    right: u64,
    verdicts: u64,
}

impl Bound {
    /// Nothing seen.
    pub fn new() -> Self {
        Self { right: 0, verdicts: 0 }
    }

    fn interval(&self) -> Option<wilson::Interval> {
        if self.verdicts < VERDICTS_MIN { None } else { wilson::interval(self.right, self.verdicts, Z) }
    }
}

impl Rule for Bound {
    fn drawn(&mut self, _: Ticket) {}

    fn verdict(&mut self, verdict: Verdict) {
        self.verdicts += 1;
        self.right += u64::from(verdict.judged == Judged::Right);
    }

    fn promotes(&mut self, _: Tick) -> bool {
        self.interval().is_some_and(|found| found.low > 1.0 - LIMIT)
    }

    fn promoted(&mut self) {}

    fn steps_back(&mut self, _: Tick) -> bool {
        self.interval().is_some_and(|found| found.high < 1.0 - LIMIT)
    }
}
