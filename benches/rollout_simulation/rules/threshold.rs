//! Flagger's analysis, restated: each interval whose check holds raises the weight by a step, until it is full; `threshold`
//! failed checks roll back. The checks go on after promotion, as if each were a new release.
//!
//! A check is a window of verdicts with at least the target right.

use super::{Rule, WINDOW, Window};
use crate::scenario::{LIMIT, Tick};
use crate::world::{Ticket, Verdict};

/// Good intervals until the weight is full: steps of 10 to 50, as in its documentation.
const STEPS: u32 = 5;
/// Failed checks that roll back, as in its documentation.
const THRESHOLD: u32 = 5;

/// One canary.
pub struct Threshold {
    window: Window,
    advanced: u32,
    failed: u32,
}

impl Threshold {
    /// Weight 0.
    pub fn new() -> Self {
        Self { window: Window::default(), advanced: 0, failed: 0 }
    }
}

impl Rule for Threshold {
    fn drawn(&mut self, _: Ticket) {}

    fn verdict(&mut self, verdict: Verdict) {
        match self.window.full(verdict.judged) {
            Some(wrong) if wrong as f64 <= LIMIT * WINDOW as f64 => self.advanced += 1,
            Some(_) => self.failed += 1,
            None => {}
        }
    }

    fn promotes(&mut self, _: Tick) -> bool {
        if self.failed >= THRESHOLD {
            *self = Self::new();
        }
        self.advanced >= STEPS
    }

    fn promoted(&mut self) {
        *self = Self::new();
    }

    fn steps_back(&mut self, _: Tick) -> bool {
        self.failed >= THRESHOLD
    }
}
