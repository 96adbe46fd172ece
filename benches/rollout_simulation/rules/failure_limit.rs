//! Argo Rollouts' analysis, restated: a run of measurements succeeds when `count` of them were made and at most
//! `failureLimit` failed; more failures abort it. A background analysis goes on after promotion.
//!
//! A measurement is a window of verdicts with `successCondition: share right >= target`. After an aborted run the next
//! one begins, as an operator's retry would.

use super::{Rule, WINDOW, Window};
use crate::scenario::{LIMIT, Tick};
use crate::world::{Ticket, Verdict};

/// Measurements of a run.
const COUNT: u32 = 5;
/// Failed measurements that are allowed; Argo's default is 0, which no 2 % limit survives.
const FAILURE_LIMIT: u32 = 1;

/// One analysis.
pub struct FailureLimit {
    window: Window,
    measured: u32,
    failed: u32,
}

impl FailureLimit {
    /// Nothing measured.
    pub fn new() -> Self {
        Self { window: Window::default(), measured: 0, failed: 0 }
    }
}

impl Rule for FailureLimit {
    fn drawn(&mut self, _: Ticket) {}

    fn verdict(&mut self, verdict: Verdict) {
        if let Some(wrong) = self.window.full(verdict.judged) {
            self.measured += 1;
            self.failed += u32::from(wrong as f64 > LIMIT * WINDOW as f64);
        }
    }

    fn promotes(&mut self, _: Tick) -> bool {
        if self.failed > FAILURE_LIMIT {
            *self = Self::new();
        }
        self.measured >= COUNT
    }

    fn promoted(&mut self) {
        *self = Self::new();
    }

    fn steps_back(&mut self, _: Tick) -> bool {
        self.failed > FAILURE_LIMIT
    }
}
