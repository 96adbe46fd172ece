//! Kayenta's judge, restated: a Mann–Whitney test of the canary's error rates against those of a baseline; what is not
//! significantly higher passes. A few passes in a row promote, a failure steps back.
//!
//! The baseline is something exactly at the limit, observed in as many verdicts at the same time.

use noctriage::statistics::mann_whitney::mann_whitney;
use noctriage::statistics::random::SeededRandom;
use noctriage::statistics::tally::Judged;

use super::Rule;
use crate::scenario::{LIMIT, Tick};
use crate::world::{Ticket, Verdict};

/// Verdicts of one point of the compared series.
const POINT: usize = 10;
/// Points of one comparison.
const POINTS: usize = 10;
/// Comparisons that must pass one after the other.
const PASSES: u32 = 3;
/// Its confidence level is 98 %.
const LEVEL: f64 = 0.02;

/// One canary with its baseline.
pub struct Canary {
    random: SeededRandom,
    verdicts: usize,
    wrong: usize,
    baseline_wrong: usize,
    observed: Vec<f64>,
    expected: Vec<f64>,
    passed: u32,
    failed: bool,
}

impl Canary {
    /// The baseline's chance has its own seed.
    pub fn new(seed: u64) -> Self {
        Self {
            random: SeededRandom::new(seed),
            verdicts: 0,
            wrong: 0,
            baseline_wrong: 0,
            observed: Vec::with_capacity(POINTS),
            expected: Vec::with_capacity(POINTS),
            passed: 0,
            failed: false,
        }
    }

    fn begin_anew(&mut self) {
        *self = Self::new(self.random.next_u64());
    }

    fn judge(&mut self) {
        let found = mann_whitney(&self.observed, &self.expected);
        let is_higher = found.is_some_and(|found| found.z > 0.0 && found.p < LEVEL);
        if is_higher {
            self.failed = true;
        } else {
            self.passed += 1;
        }
        self.observed.clear();
        self.expected.clear();
    }
}

impl Rule for Canary {
    fn drawn(&mut self, _: Ticket) {}

    fn verdict(&mut self, verdict: Verdict) {
        self.verdicts += 1;
        self.wrong += usize::from(verdict.judged == Judged::Wrong);
        self.baseline_wrong += usize::from(self.random.happens(LIMIT));
        if self.verdicts.is_multiple_of(POINT) {
            self.observed.push(std::mem::take(&mut self.wrong) as f64);
            self.expected.push(std::mem::take(&mut self.baseline_wrong) as f64);
            if self.observed.len() == POINTS {
                self.judge();
            }
        }
    }

    fn promotes(&mut self, _: Tick) -> bool {
        if self.failed {
            self.begin_anew();
        }
        self.passed >= PASSES
    }

    fn promoted(&mut self) {
        self.begin_anew();
    }

    fn steps_back(&mut self, _: Tick) -> bool {
        self.failed
    }
}
