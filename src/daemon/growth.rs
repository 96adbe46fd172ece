//! How large a batch may be: small at first, larger with the backlog while the models keep up, smaller where they do not.
//!
//! A larger batch costs the brokers fewer transactions. But all its tickets wait for the last answer, and two batches wait
//! for one engine: a size that suits a model of microseconds would let one of milliseconds miss its deadline.

use std::time::Duration;

/// Records of a batch before anything is known of the backlog and of the models: no transaction is felt at this size,
/// and a model of ten milliseconds a ticket answers within a second.
const FIRST: usize = 64;
/// No model makes batches smaller than this: it misses its deadline whatever the size, and people get the tickets.
const LEAST: usize = 8;
/// A batch that was answered within this part of the deadline may be followed by one of twice the size.
const QUICK: u32 = 16;
/// One that took more than this part is followed by one of half the size: two wait for the engine, so no ticket has waited
/// for half the deadline yet.
const SLOW: u32 = 4;

/// The size of the next batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Growth {
    records: usize,
    records_max: usize,
    deadline: Duration,
}

impl Growth {
    /// `records_max` is the configuration's bound, `deadline` the model's.
    pub(super) fn new(records_max: usize, deadline: Duration) -> Self {
        Self { records: FIRST.min(records_max), records_max, deadline }
    }

    /// Most records of the next batch.
    pub(super) const fn records(self) -> usize {
        self.records
    }

    /// A batch of so many records has committed, and its answers took so long from the hand-over.
    pub(super) fn committed(&mut self, records: usize, answered_after: Duration) {
        if answered_after > self.deadline / SLOW {
            self.records = (self.records / 2).max(LEAST.min(self.records_max));
        } else if records >= self.records && answered_after <= self.deadline / QUICK {
            self.records = (self.records * 2).min(self.records_max);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    fn after(records_max: usize, batches: &[(usize, u64)]) -> usize {
        let mut growth = Growth::new(records_max, DEADLINE);
        for (records, milliseconds) in batches {
            growth.committed(*records, Duration::from_millis(*milliseconds));
        }
        growth.records()
    }

    #[test]
    fn full_batches_that_are_answered_quickly_double_up_to_the_bound() {
        assert_eq!(after(2_000, &[]), 64);
        assert_eq!(after(2_000, &[(64, 1), (128, 625)]), 256);
        assert_eq!(after(2_000, &[(64, 1), (128, 1), (256, 1), (512, 1), (1_024, 1), (2_000, 1)]), 2_000);
    }

    #[test]
    fn a_batch_that_is_not_full_shows_no_backlog() {
        assert_eq!(after(2_000, &[(63, 1), (1, 1)]), 64);
    }

    #[test]
    fn a_slow_model_keeps_batches_small_and_one_between_keeps_them_as_they_are() {
        assert_eq!(after(2_000, &[(64, 626), (64, 2_500)]), 64);
        assert_eq!(after(2_000, &[(64, 2_501)]), 32);
        assert_eq!(after(2_000, &[(64, 10_000); 9]), 8);
    }

    #[test]
    fn a_bound_below_the_first_size_is_the_size() {
        assert_eq!(after(4, &[]), 4);
        assert_eq!(after(4, &[(4, 1), (4, 9_000)]), 4);
        assert_eq!(after(1, &[(1, 9_000)]), 1);
    }
}
