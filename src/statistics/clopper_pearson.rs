//! Clopper and Pearson's exact limits for a proportion: where a number is a guarantee at a sample size fixed in advance.
//!
//! Looked at again and again, they promise too much (see [`super::anytime`]); for display there is [`super::wilson`].

use super::binomial::rate_of_upper_tail;
use super::wilson::Interval;

/// The two-sided interval at level 1 − α, α/2 on each side (Clopper, Pearson, Biometrika 26, 1934).
///
/// `None` when there are no trials, more successes than trials, or α is not above 0 and below 1.
pub fn interval(successes: u64, trials: u64, alpha: f64) -> Option<Interval> {
    Some(Interval {
        low: lower_limit(successes, trials, alpha / 2.0)?,
        high: upper_limit(successes, trials, alpha / 2.0)?,
    })
}

/// The one-sided lower limit: the rate at which so many successes, or more, have probability α; 0 without a success.
///
/// `BetaInv(α; S, n−S+1)`. `None` as in [`interval`].
pub fn lower_limit(successes: u64, trials: u64, alpha: f64) -> Option<f64> {
    if !is_possible(successes, trials, alpha) {
        return None;
    }
    Some(if successes == 0 { 0.0 } else { rate_of_upper_tail(trials, successes, alpha) })
}

/// The one-sided upper limit: the rate at which so few successes, or fewer, have probability α; 1 where all are.
///
/// `BetaInv(1−α; S+1, n−S)`; without a success this is `1 − α^(1/n)`, close to 3/n at 5 %. `None` as in [`interval`].
pub fn upper_limit(successes: u64, trials: u64, alpha: f64) -> Option<f64> {
    if !is_possible(successes, trials, alpha) {
        return None;
    }
    Some(if successes == trials { 1.0 } else { rate_of_upper_tail(trials, successes + 1, 1.0 - alpha) })
}

fn is_possible(successes: u64, trials: u64, alpha: f64) -> bool {
    trials > 0 && successes <= trials && alpha > 0.0 && alpha < 1.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::binomial::{lower_tail, upper_tail};

    #[track_caller]
    fn check(successes: u64, trials: u64, low: f64, high: f64) {
        let found = interval(successes, trials, 0.05).expect("there are trials");
        assert!((found.low - low).abs() < 1e-9 && (found.high - high).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn reproduces_statsmodels() {
        check(38, 50, 0.618_309_251_9, 0.869_390_083_8);
        check(0, 50, 0.0, 0.071_121_736_5);
        check(50, 50, 0.928_878_263_5, 1.0);
        check(297, 300, 0.971_055_488_7, 0.997_932_992_8);
        check(490, 500, 0.963_527_591_7, 0.990_368_570_4);
        check(1, 1, 0.025, 1.0);
    }

    #[test]
    fn reproduces_the_examples_of_newcombe_1998() {
        for (successes, trials, low, high) in [
            (81, 263, 0.252_737, 0.367_622),
            (15, 148, 0.057_844, 0.161_650),
            (0, 20, 0.0, 0.168_433),
            (1, 29, 0.000_873, 0.177_644),
        ] {
            let found = interval(successes, trials, 0.05).expect("there are trials");
            assert!((found.low - low).abs() < 1e-6 && (found.high - high).abs() < 1e-6, "{found:?}");
        }
    }

    #[test]
    fn one_sided_limits_reproduce_scipy() {
        let lower = |successes, trials| lower_limit(successes, trials, 0.05).expect("there are trials");
        let upper = |wrong, trials, alpha| upper_limit(wrong, trials, alpha).expect("there are trials");
        assert!((lower(38, 50) - 0.640_344_303_2).abs() < 1e-9);
        assert!((lower(297, 300) - 0.974_358_606_9).abs() < 1e-9);
        assert!((lower(300, 300) - 0.990_063_918_1).abs() < 1e-9);
        assert!((upper(5, 600, 0.05) - 0.017_441_325_4).abs() < 1e-9);
        assert!((upper(7, 700, 0.005) - 0.024_299_833_4).abs() < 1e-9);
    }

    #[test]
    fn without_a_miss_the_upper_limit_is_the_rule_of_three() {
        for (trials, expected) in [(149, 0.019_904_816_2), (598, 0.004_997_058_694), (1_000, 0.002_991_249_5)] {
            let found = upper_limit(0, trials, 0.05).expect("there are trials");
            assert!((found - expected).abs() < 1e-9);
            assert!((found - (1.0 - 0.05_f64.powf(1.0 / trials as f64))).abs() < 1e-12);
        }
    }

    #[test]
    fn no_data_is_no_limit() {
        assert_eq!(interval(0, 0, 0.05), None);
        assert_eq!(interval(3, 2, 0.05), None);
        assert_eq!(interval(1, 2, 0.0), None);
        assert_eq!(upper_limit(1, 2, f64::NAN), None);
    }

    proptest! {
        #[test]
        fn each_limit_leaves_alpha_over_two_outside(trials in 1..800_u64, share in 0.0..=1.0, alpha in 0.001..0.5) {
            let successes = (trials as f64 * share) as u64;
            let Interval { low, high } = interval(successes, trials, alpha).expect("there are trials");
            let observed = successes as f64 / trials as f64;
            prop_assert!(low <= observed && observed <= high);
            prop_assert!(successes == 0 || (upper_tail(trials, successes, low) - alpha / 2.0).abs() < 1e-9);
            prop_assert!(successes == trials || (lower_tail(trials, successes, high) - alpha / 2.0).abs() < 1e-9);
        }

        #[test]
        fn counting_failures_mirrors_the_interval(trials in 1..500_u64, share in 0.0..=1.0) {
            let successes = (trials as f64 * share) as u64;
            let of = |count| interval(count, trials, 0.05).expect("there are trials");
            let (found, mirrored) = (of(successes), of(trials - successes));
            prop_assert!((found.low - (1.0 - mirrored.high)).abs() < 1e-9);
        }
    }
}
