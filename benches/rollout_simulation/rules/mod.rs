//! Rules that promote and step back, ours and others' restated on verdicts. One file each.

mod bound;
mod failure_limit;
mod mann_whitney;
mod ours;
mod threshold;

use noctriage::statistics::tally::Judged;

use crate::scenario::Tick;
use crate::world::{Ticket, Verdict};

/// A rule, told everything in the order in which it happens.
pub trait Rule {
    /// A ticket was drawn: a verdict on it is expected.
    fn drawn(&mut self, ticket: Ticket);
    /// A verdict has come, before or after the promotion.
    fn verdict(&mut self, verdict: Verdict);
    /// Whether it would promote now.
    fn promotes(&mut self, now: Tick) -> bool;
    /// It was promoted: from now on it watches.
    fn promoted(&mut self);
    /// Whether it would step back now.
    fn steps_back(&mut self, now: Tick) -> bool;
}

/// A row of the table: how to make a rule for one threshold.
pub struct Named {
    /// Its name in the table.
    pub name: &'static str,
    /// Makes one for the threshold at this place of the grid, 0 being the configured one, with a seed for its own chance.
    pub make: fn(usize, u64) -> Box<dyn Rule>,
}

/// Every rule, ours first.
pub const RULES: &[Named] = &[
    Named { name: "noctriage", make: |threshold, _| Box::new(ours::Ours::new(threshold)) },
    Named { name: "95 % bound", make: |_, _| Box::new(bound::Bound::new()) },
    Named { name: "failureLimit (Argo Rollouts)", make: |_, _| Box::new(failure_limit::FailureLimit::new()) },
    Named { name: "threshold (Flagger)", make: |_, _| Box::new(threshold::Threshold::new()) },
    Named { name: "Mann-Whitney (Kayenta)", make: |_, seed| Box::new(mann_whitney::Canary::new(seed)) },
];

/// Verdicts of one measurement of the restated rules, which judge one interval after another.
const WINDOW: u64 = 50;

/// Verdicts of a window as they come.
#[derive(Default)]
struct Window {
    verdicts: u64,
    wrong: u64,
}

impl Window {
    /// Wrong ones, once the window is full; then it begins anew.
    fn full(&mut self, judged: Judged) -> Option<u64> {
        self.verdicts += 1;
        self.wrong += u64::from(judged == Judged::Wrong);
        (self.verdicts == WINDOW).then(|| std::mem::take(self).wrong)
    }
}
