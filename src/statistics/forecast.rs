//! What is missing until a gate passes: how many verdicts, and how many days.
//!
//! "310 counted, 2 wrong, 180 to go, about 8 days." Two answers to how many: if nothing more is wrong, and if the error
//! stays as it was.

use super::binomial::rate_of_upper_tail;
use super::e_process::ln_evidence;
use super::gamma::poisson_tail;
use super::level::Level;
use super::root::rising_root;
use super::tally::{ErrorLimit, Tally};

/// A forecast beyond this many counted verdicts is "never": at 20,000 tickets a day it is a month of all of them.
pub const COUNTED_MAX: u64 = 1_000_000;
/// A forecast that expects more further errors than this is "never": each one moves the goal by about one over the limit.
const FURTHER_WRONG_MAX: u64 = 2_000;

/// Verdicts until a gate passes, beyond those that counted already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToGo {
    /// If nothing more is wrong; `None`: more than [`COUNTED_MAX`] in all.
    pub if_all_right: Option<u64>,
    /// If the error stays what it was among those counted, errors coming evenly; `None`: not within [`COUNTED_MAX`],
    /// as when the error is at or above the limit.
    pub at_present_error: Option<u64>,
}

/// How many verdicts are missing until the evidence for `tally` against `limit` reaches `level`. 0 where it passes now.
pub fn verdicts_to_go(tally: Tally, limit: ErrorLimit, level: Level) -> ToGo {
    if ln_evidence(tally, limit) >= level.ln_required() {
        return ToGo { if_all_right: Some(0), at_present_error: Some(0) };
    }
    ToGo {
        if_all_right: counted_needed(tally.wrong(), limit, level).map(|needed| needed - tally.counted()),
        at_present_error: at_present_error(tally, limit, level).map(|needed| needed - tally.counted()),
    }
}

/// The smallest number of counted verdicts at which `wrong` of them still let a gate pass at `level`; `None` beyond
/// [`COUNTED_MAX`].
pub fn counted_needed(wrong: u64, limit: ErrorLimit, level: Level) -> Option<u64> {
    let passes = |counted| {
        let tally = Tally::try_new(counted, wrong).expect("the search begins at the wrong ones");
        ln_evidence(tally, limit) >= level.ln_required()
    };
    // The evidence rises with the counted verdicts. Doubling first keeps the search among small numbers.
    let mut high = (wrong + 1).next_power_of_two();
    while !passes(high) {
        if high >= COUNTED_MAX {
            return None;
        }
        high *= 2;
    }
    let mut low = wrong;
    while low < high {
        let middle = low + (high - low) / 2;
        if passes(middle) { high = middle } else { low = middle + 1 }
    }
    (low <= COUNTED_MAX).then_some(low)
}

/// The smallest number of counted verdicts at which a gate passes when errors come evenly at this rate, the first one after
/// 1/rate verdicts; `None`: not within [`COUNTED_MAX`], as when the rate is at or above the limit.
pub fn counted_at_error(rate: f64, limit: ErrorLimit, level: Level) -> Option<u64> {
    if rate <= 0.0 {
        return counted_needed(0, limit, level);
    }
    if rate.is_nan() || rate >= limit.get() {
        return None;
    }
    let arrives = |wrong: u64| (wrong as f64 / rate).ceil() as u64;
    for wrong in 0..=FURTHER_WRONG_MAX {
        let passing = counted_needed(wrong, limit, level)?.max(arrives(wrong));
        if passing < arrives(wrong + 1) {
            return (passing <= COUNTED_MAX).then_some(passing);
        }
    }
    None
}

/// The count at which the gate passes when the k-th wrong verdict comes at k/wrong of the present count.
fn at_present_error(tally: Tally, limit: ErrorLimit, level: Level) -> Option<u64> {
    let (counted, wrong) = (tally.counted(), tally.wrong());
    if wrong == 0 {
        return counted_needed(0, limit, level);
    }
    if counted == 0 || wrong as f64 / counted as f64 >= limit.get() {
        return None;
    }
    for all_wrong in wrong..=wrong + FURTHER_WRONG_MAX {
        let needed = counted_needed(all_wrong, limit, level)?;
        // Up to here so many are wrong: before the next one comes.
        let arrives = |index: u64| (u128::from(counted) * u128::from(index)).div_ceil(u128::from(wrong)) as u64;
        let passing = needed.max(arrives(all_wrong));
        if passing < arrives(all_wrong + 1) {
            return (passing <= COUNTED_MAX).then_some(passing);
        }
    }
    None
}

/// How fast verdicts come that count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As a person states it: so many a day. Arrivals then vary as chance has it (Poisson).
    Stated {
        /// Counted verdicts a day, above 0.
        per_day: f64,
    },
    /// As it was measured: so many in so many days. The rate itself is then uncertain too.
    Measured {
        /// Verdicts that counted.
        counted: u64,
        /// Days in which they came, above 0.
        days: f64,
    },
}

/// Tickets a day × the share drawn as evidence × the share of these that is eligible: counted verdicts a day.
pub fn counted_per_day(tickets_per_day: f64, evidence_share: f64, reach: f64) -> f64 {
    tickets_per_day * evidence_share * reach
}

/// Days until so many verdicts have come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Days {
    /// At the stated or measured pace.
    pub expected: f64,
    /// Lower end of the interval in which the day lies with the asked probability.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// The expected day lies in the interval that is shown with this probability.
pub const DAYS_LEVEL: f64 = 0.8;

/// Days until `verdicts` more have counted, with an interval that holds them with probability `level`.
///
/// Stated pace λ: the waiting time is Gamma(m)/λ, `P[T ≤ t] = P[Poisson(λt) ≥ m]`. Measured pace, c in d days: the ratio
/// of two Gamma variables, so that T/(T+d) is Beta(m, c) (Aitchison, Dunsmore, "Statistical Prediction Analysis", 1975;
/// the quantile is that of a binomial tail).
///
/// `None` where nothing came, the pace or days are not above 0, or the level is not above 0 and below 1.
pub fn days_to_go(verdicts: u64, pace: Pace, level: f64) -> Option<Days> {
    let is_positive = |number: f64| number > 0.0 && number.is_finite();
    if !(level > 0.0 && level < 1.0) {
        return None;
    }
    let outside = (1.0 - level) / 2.0;
    match pace {
        Pace::Stated { per_day } if is_positive(per_day) => {
            Some(days_between(verdicts, verdicts as f64 / per_day, outside, |probability| {
                // Far above the mean and its deviation the tail is 1.
                let bound = 2.0 * verdicts as f64 + 100.0;
                rising_root(|mean| poisson_tail(mean, verdicts) - probability, 0.0, bound) / per_day
            }))
        }
        Pace::Measured { counted, days } if counted > 0 && is_positive(days) => {
            Some(days_between(verdicts, verdicts as f64 * days / counted as f64, outside, |probability| {
                let share = rate_of_upper_tail(verdicts + counted - 1, verdicts, probability);
                days * share / (1.0 - share)
            }))
        }
        Pace::Stated { per_day: _ } | Pace::Measured { counted: _, days: _ } => None,
    }
}

fn days_between(verdicts: u64, expected: f64, outside: f64, quantile: impl Fn(f64) -> f64) -> Days {
    if verdicts == 0 {
        return Days { expected: 0.0, low: 0.0, high: 0.0 };
    }
    Days { expected, low: quantile(outside), high: quantile(1.0 - outside) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::level::{ALPHA, CONFIGURED_WEIGHT, OTHER_WEIGHT};
    use crate::statistics::tally::Judged;

    fn tally(counted: u64, wrong: u64) -> Tally {
        Tally::try_new(counted, wrong).expect("fewer wrong than counted")
    }

    fn limit(rate: f64) -> ErrorLimit {
        ErrorLimit::try_new(rate).expect("between 0 and 1")
    }

    /// α alone, not shared.
    fn undivided(alpha: f64) -> Level {
        Level::try_new(1.0, 1.0, alpha, 1).expect("good weights")
    }

    fn shared(threshold_weight: f64, attempt: u32) -> Level {
        Level::try_new(1.0, threshold_weight, ALPHA, attempt).expect("good weights")
    }

    #[track_caller]
    fn check_needed(rate: f64, level: Level, wrong: &[u64], expected: &[u64]) {
        let found: Vec<u64> = wrong.iter().filter_map(|&wrong| counted_needed(wrong, limit(rate), level)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn reproduces_the_table_of_smallest_counts() {
        let wrong = [0, 1, 2, 3, 4, 5, 6, 8, 10];
        check_needed(0.05, undivided(0.05), &wrong, &[88, 134, 174, 210, 244, 277, 309, 371, 430]);
        check_needed(0.03, undivided(0.05), &wrong, &[148, 226, 292, 353, 410, 465, 519, 622, 721]);
        check_needed(0.02, undivided(0.05), &wrong, &[224, 340, 439, 531, 617, 700, 780, 935, 1084]);
        check_needed(0.01, undivided(0.05), &wrong, &[449, 683, 882, 1065, 1238, 1404, 1565, 1875, 2174]);
    }

    #[test]
    fn reproduces_the_counts_for_events_that_never_happen() {
        for (rate, at_5, at_1) in
            [(0.05, 88, 126), (0.02, 224, 321), (0.01, 449, 644), (0.005, 901, 1292), (0.002, 2255, 3234)]
        {
            check_needed(rate, undivided(0.05), &[0], &[at_5]);
            check_needed(rate, undivided(0.01), &[0], &[at_1]);
        }
        check_needed(0.001, undivided(0.05), &[0, 1], &[4512, 6851]);
    }

    #[test]
    fn shared_levels_need_what_the_design_promises() {
        // One slice: the configured threshold 266, another 361; attempts 2 and 3; critical misses below 1 % and 0.5 %.
        check_needed(0.02, shared(CONFIGURED_WEIGHT, 1), &[0], &[266]);
        check_needed(0.02, shared(OTHER_WEIGHT, 1), &[0], &[361]);
        check_needed(0.02, shared(CONFIGURED_WEIGHT, 2), &[0], &[307]);
        check_needed(0.02, shared(CONFIGURED_WEIGHT, 3), &[0], &[348]);
        check_needed(0.01, shared(CONFIGURED_WEIGHT, 1), &[0], &[535]);
        check_needed(0.005, shared(CONFIGURED_WEIGHT, 1), &[0], &[1072]);
    }

    #[test]
    fn two_wrong_of_310_leave_180_to_go() {
        let found = verdicts_to_go(tally(310, 2), limit(0.02), Level::one_slice());
        assert_eq!(found.if_all_right, Some(180));
        // At 2 in 310 errors fall at 465, 620, …: the fourth moves the goal beyond 620, and so on.
        let at_present = found.at_present_error.expect("0.6 % is below 2 %");
        assert!(at_present > 180);
        let wrong = (at_present + 310) * 2 / 310;
        assert!(ln_evidence(tally(310 + at_present, wrong), limit(0.02)) >= Level::one_slice().ln_required());
    }

    #[test]
    fn an_error_at_the_limit_is_never_promoted_and_no_verdicts_yet_means_the_clean_count() {
        let found = verdicts_to_go(tally(100, 2), limit(0.02), Level::one_slice());
        assert_eq!(found.at_present_error, None);
        assert!(found.if_all_right.is_some());
        let found = verdicts_to_go(Tally::default(), limit(0.02), Level::one_slice());
        assert_eq!(found, ToGo { if_all_right: Some(266), at_present_error: Some(266) });
        assert_eq!(verdicts_to_go(tally(266, 0), limit(0.02), Level::one_slice()).if_all_right, Some(0));
        assert_eq!(verdicts_to_go(tally(265, 0), limit(0.02), Level::one_slice()).if_all_right, Some(1));
    }

    #[test]
    fn an_expected_error_costs_verdicts_and_one_at_the_limit_is_never_enough() {
        let at = |rate| counted_at_error(rate, limit(0.02), Level::one_slice());
        assert_eq!((at(0.0), at(0.02), at(f64::NAN)), (Some(266), None, None));
        // One in a thousand: none has come by 266. One in a hundred: the passing count holds its own errors.
        assert_eq!(at(0.001), Some(266));
        let half = at(0.01).expect("half the limit");
        let wrong = half / 100;
        assert!(ln_evidence(tally(half, wrong), limit(0.02)) >= Level::one_slice().ln_required());
        assert!(half > 1_000, "{half}");
    }

    #[test]
    fn a_limit_that_would_take_a_million_verdicts_is_never() {
        assert_eq!(counted_needed(0, limit(0.000_001), Level::one_slice()), None);
        assert_eq!(verdicts_to_go(tally(10_000, 190), limit(0.019_1), Level::one_slice()).at_present_error, None);
    }

    #[test]
    fn days_are_verdicts_over_pace_and_a_measured_pace_is_less_certain() {
        let per_day = counted_per_day(200.0, 0.1, 0.4);
        assert!((per_day - 8.0).abs() < 1e-12);
        let stated = days_to_go(180, Pace::Stated { per_day }, 0.8).expect("a pace");
        assert!((stated.expected - 22.5).abs() < 1e-12 && stated.low < 22.5 && 22.5 < stated.high);
        let measured = days_to_go(180, Pace::Measured { counted: 80, days: 10.0 }, 0.8).expect("a pace");
        assert!((measured.expected - 22.5).abs() < 1e-12);
        assert!(measured.low < stated.low && stated.high < measured.high);
        // Measured for long, the pace is known.
        let long = days_to_go(180, Pace::Measured { counted: 800_000, days: 100_000.0 }, 0.8).expect("a pace");
        assert!((long.high - stated.high).abs() < 0.01 && (long.low - stated.low).abs() < 0.01);
    }

    #[test]
    fn the_next_verdict_of_a_stated_pace_comes_exponentially() {
        // Gamma(1): quantiles −ln(1−p)/λ.
        let found = days_to_go(1, Pace::Stated { per_day: 2.0 }, 0.8).expect("a pace");
        assert!((found.low + 0.9_f64.ln() / 2.0).abs() < 1e-9 && (found.high + 0.1_f64.ln() / 2.0).abs() < 1e-9);
    }

    #[test]
    fn no_pace_is_no_date() {
        assert_eq!(days_to_go(5, Pace::Stated { per_day: 0.0 }, 0.8), None);
        assert_eq!(days_to_go(5, Pace::Measured { counted: 0, days: 3.0 }, 0.8), None);
        assert_eq!(days_to_go(5, Pace::Measured { counted: 3, days: f64::NAN }, 0.8), None);
        assert_eq!(days_to_go(5, Pace::Stated { per_day: 1.0 }, 1.0), None);
        assert_eq!(
            days_to_go(0, Pace::Stated { per_day: 1.0 }, 0.8),
            Some(Days { expected: 0.0, low: 0.0, high: 0.0 })
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_gate_passes_at_the_forecast_and_not_one_verdict_before(
            wrong in 0..20_u64, rate in 0.005..0.3, weight in 0.05..1.0, attempt in 1..5_u32
        ) {
            let level = shared(weight, attempt);
            let needed = counted_needed(wrong, limit(rate), level).expect("within a million");
            let passes = |counted| ln_evidence(tally(counted, wrong), limit(rate)) >= level.ln_required();
            prop_assert!(passes(needed) && (needed == wrong || !passes(needed - 1)));
        }

        #[test]
        fn a_clean_future_is_never_later_than_one_like_the_past(counted in 1..700_u64, wrong in 0..10_u64) {
            let now = tally(counted, wrong.min(counted));
            let found = verdicts_to_go(now, limit(0.03), Level::one_slice());
            let clean = found.if_all_right.expect("within a million");
            prop_assert!(found.at_present_error.is_none_or(|later| later >= clean));
            // A verdict that is right brings the end one nearer; a wrong one does not.
            prop_assume!(clean > 0);
            let after = |judged| verdicts_to_go(now.with(judged), limit(0.03), Level::one_slice()).if_all_right;
            prop_assert_eq!(after(Judged::Right), Some(clean - 1));
            prop_assert!(after(Judged::Wrong).is_some_and(|later| later >= clean));
        }
    }
}
