//! How long automatic actions may go on without a sign of the leader, as one instance sees it.
//!
//! The leader writes renewals to the rollout log, each with the length of the lease. No instance trusts the clock of
//! another: it counts the length on its own boot-time clock, from the last moment at which it knows that the renewal was
//! *not yet* there. It knows that from *looks*: it notes its clock, then asks the broker for the end of the log. A renewal
//! at or behind that end was appended after the look was begun.
//!
//! So an instance that was frozen, cut off or is catching up gains nothing from renewals that it reads late: the look
//! before them is as old as its absence, or there is none at all.

use std::collections::VecDeque;

/// Looks that are kept: one for every end of the log between two renewals, and only a leader that writes without renewing
/// makes more than a few. The oldest go first; a lease is never longer for that.
const LOOKS_MAX: usize = 64;

/// One look at the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    begun_ms: i64,
    end: i64,
}

/// The lease of one instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseView {
    /// Ascending in both.
    looks: VecDeque<Look>,
    /// Offset of the newest renewal.
    renewed_at: Option<i64>,
    /// Boot time at which the lease ends; `None`: there has been none.
    until_ms: Option<i64>,
}

impl LeaseView {
    /// The end of the log (first offset behind it) was asked for at this boot time, and this is the answer. The time is that
    /// *before* the question: how long the answer took to come must not count.
    pub fn look(&mut self, begun_ms: i64, end: i64) {
        let is_shorter = self.looks.back().is_some_and(|last| end < last.end)
            || self.renewed_at.is_some_and(|renewed_at| end <= renewed_at);
        if is_shorter {
            // Records are gone that were there: whatever they permitted went with them.
            *self = Self::default();
        }
        if self.looks.back().is_some_and(|last| last.end == end) {
            self.looks.pop_back();
        } else if self.looks.len() == LOOKS_MAX {
            self.looks.pop_front();
        }
        self.looks.push_back(Look { begun_ms, end });
    }

    /// A renewal was read at this offset. Renewals come in the order of the log; one that was read before says nothing new.
    pub fn renewal(&mut self, offset: i64, length_ms: i64) {
        if self.renewed_at.is_some_and(|renewed_at| offset <= renewed_at) {
            return;
        }
        self.renewed_at = Some(offset);
        while self.looks.get(1).is_some_and(|next| next.end <= offset) {
            self.looks.pop_front();
        }
        if let Some(look) = self.looks.front().filter(|look| look.end <= offset) {
            self.until_ms = Some(look.begun_ms.saturating_add(length_ms));
        }
    }

    /// Boot time at which the lease ends; `None`: nothing has been granted.
    pub const fn until_ms(&self) -> Option<i64> {
        self.until_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH_MS: i64 = 90_000;

    fn left(view: &LeaseView, now_ms: i64) -> i64 {
        view.until_ms().map_or(0, |until_ms| until_ms.saturating_sub(now_ms))
    }

    /// What happens to a view, in the order in which it happens.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        /// Begun at this boot time, with this end.
        Look(i64, i64),
        /// At this offset.
        Renewal(i64),
    }
    use Step::{Look as L, Renewal as R};

    #[track_caller]
    fn check(steps: &[Step], until_ms: Option<i64>) {
        let mut view = LeaseView::default();
        for step in steps {
            match *step {
                L(begun_ms, end) => view.look(begun_ms, end),
                R(offset) => view.renewal(offset, LENGTH_MS),
            }
        }
        assert_eq!(view.until_ms(), until_ms, "{steps:?}");
    }

    #[test]
    fn a_lease_counts_from_the_last_look_that_did_not_see_the_renewal() {
        check(&[L(1_000, 5), R(5)], Some(91_000));
        check(&[L(1_000, 5), L(2_000, 5), R(5)], Some(92_000));
        check(&[L(1_000, 5), L(2_000, 6), R(5)], Some(91_000));
        check(&[L(1_000, 5), L(2_000, 6), R(6)], Some(92_000));
        check(&[L(1_000, 5), R(7)], Some(91_000));
    }

    #[test]
    fn renewals_that_are_read_while_catching_up_grant_nothing() {
        check(&[], None);
        check(&[R(5)], None);
        check(&[R(5), R(6)], None);
        // The look at start sees both, and they are read after it.
        check(&[L(1_000, 7), R(5), R(6)], None);
        check(&[L(1_000, 7), R(5), R(6), R(7)], Some(91_000));
    }

    #[test]
    fn an_instance_that_was_frozen_gains_nothing_from_what_was_written_meanwhile() {
        // Frozen right after the look: four renewals later it reads all of them at once.
        check(&[L(1_000, 5), R(5), R(6), R(7), R(8)], Some(91_000));
        // Frozen between the clock and the answer: the answer already holds them.
        check(&[L(1_000, 5), R(5), L(16_000, 9), R(6), R(7), R(8)], Some(91_000));
        // Back at the end, the next one counts again.
        check(&[L(1_000, 5), R(5), R(6), L(700_000, 7), R(7)], Some(790_000));
    }

    #[test]
    fn a_renewal_is_taken_once() {
        check(&[L(1_000, 5), R(5), L(50_000, 6), R(5)], Some(91_000));
    }

    #[test]
    fn a_log_that_has_become_shorter_ends_the_lease_at_once() {
        check(&[L(1_000, 5), R(5), L(2_000, 6), L(3_000, 0)], None);
        check(&[L(1_000, 5), R(5), L(2_000, 5)], None);
        // What is written to it afterwards counts anew, from offset 0 too.
        check(&[L(1_000, 5), R(5), L(2_000, 0), R(0)], Some(92_000));
    }

    #[test]
    fn what_is_left_falls_with_the_clock_and_an_unknown_lease_is_none() {
        let mut view = LeaseView::default();
        assert_eq!(left(&view, 0), 0);
        view.look(1_000, 5);
        view.renewal(5, LENGTH_MS);
        assert_eq!(left(&view, 1_000), 90_000);
        assert_eq!(left(&view, 91_000), 0);
        assert_eq!(left(&view, 91_001), -1);
        assert_eq!(left(&view, i64::MAX), 91_000 - i64::MAX);
    }

    #[test]
    fn however_many_records_come_between_two_renewals_the_lease_is_never_longer() {
        let mut view = LeaseView::default();
        for end in 0..1_000 {
            view.look(end * 10, end);
        }
        assert_eq!(view.looks.len(), LOOKS_MAX);
        view.renewal(1_000, LENGTH_MS);
        assert_eq!(view.until_ms(), Some(9_990 + LENGTH_MS));
        let mut late = LeaseView::default();
        (0..1_000).for_each(|end| late.look(end * 10, end));
        late.renewal(3, LENGTH_MS);
        assert_eq!(late.until_ms(), None, "the looks that it could count from are gone");
    }

    /// Every order of up to seven things that can happen to one instance and one leader, against a restatement from the
    /// side of the log: whoever may act at an instant has a renewal that was appended less than a lease ago.
    #[test]
    fn nobody_may_act_longer_than_a_lease_after_the_last_renewal_was_appended() {
        const STEP_MS: i64 = 10;
        const SHORT_MS: i64 = 25;
        // 0: append a renewal; 1: append something else; 2: ask and hear the end; 3: ask; 4: hear; 5: read one record;
        // 6: time passes.
        let mut states = 0_u32;
        for code in 0..7_u32.pow(7) {
            let (mut log, mut appended_at) = (Vec::<bool>::new(), None);
            let (mut now, mut position, mut view) = (0_i64, 0_usize, LeaseView::default());
            let mut asked: Option<(i64, i64)> = None;
            let mut rest = code;
            for _ in 0..7 {
                match rest % 7 {
                    0 => {
                        log.push(true);
                        appended_at = Some(now);
                    }
                    1 => log.push(false),
                    2 => view.look(now, log.len() as i64),
                    3 => asked = Some((now, log.len() as i64)),
                    4 => {
                        if let Some((begun, end)) = asked.take()
                            && view.looks.back().is_none_or(|last| last.begun_ms <= begun)
                        {
                            view.look(begun, end);
                        }
                    }
                    5 => {
                        if log.get(position).copied().unwrap_or_default() {
                            view.renewal(position as i64, SHORT_MS);
                        }
                        position = (position + 1).min(log.len());
                    }
                    _ => now += STEP_MS,
                }
                rest /= 7;
                if left(&view, now) > 0 {
                    let appended_at: i64 = appended_at.expect("a lease without a renewal");
                    assert!(now < appended_at + SHORT_MS, "{code}: {view:?}");
                    states += 1;
                }
            }
        }
        assert!(states > 1_000, "{states} states with a lease are too few to show anything");
    }
}
