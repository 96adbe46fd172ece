//! Bounds for a share of right verdicts that may be looked at after every verdict.
//!
//! They are the e-process turned round: a limit e on the error is excluded once the evidence against it reaches 1/α, and
//! the bound is the end of what is not excluded. The probability that the true share is ever outside is at most α on each
//! side.

use super::e_process::ln_evidence;
use super::root::rising_root;
use super::tally::{ErrorLimit, Tally};

/// The lower bound at level 1 − α: `1 − sup{e : E_e(n, F) < 1/α}`; 0 without a verdict or without a right one.
///
/// Contract: 0 < α < 1.
pub fn lower_bound(tally: Tally, alpha: f64) -> f64 {
    assert!(alpha > 0.0 && alpha < 1.0, "{alpha} is no error level");
    if tally.right() == 0 {
        return 0.0;
    }
    let observed = tally.wrong() as f64 / tally.counted() as f64;
    let required = -alpha.ln();
    // Above the observed error the evidence rises with the limit, from less than 1 to infinity.
    let excess = |rate| ErrorLimit::try_new(rate).map_or(0.0, |limit| ln_evidence(tally, limit) - required);
    1.0 - rising_root(excess, observed, 1.0)
}

/// The upper bound at level 1 − α: the lower bound with right and wrong exchanged; 1 without a verdict or a wrong one.
///
/// Contract: 0 < α < 1.
pub fn upper_bound(tally: Tally, alpha: f64) -> f64 {
    let exchanged = Tally::try_new(tally.counted(), tally.right()).expect("no more right than counted");
    1.0 - lower_bound(exchanged, alpha)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::tally::Judged;

    fn right(right: u64, counted: u64) -> Tally {
        Tally::try_new(counted, counted - right).expect("no more right than counted")
    }

    #[test]
    fn reproduces_scipy() {
        for (successes, counted, expected) in [
            (38, 50, 0.566_721_891_7),
            (149, 149, 0.970_231_476_6),
            (200, 200, 0.977_723_504_4),
            (300, 300, 0.985_084_320_0),
            (297, 300, 0.964_857_478_0),
            (990, 1_000, 0.978_335_581_6),
            (995, 1_000, 0.985_982_200_3),
            (10, 10, 0.646_483_151_9),
        ] {
            let found = lower_bound(right(successes, counted), 0.05);
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn upper_limits_of_an_error_never_seen_reproduce_scipy() {
        for (counted, expected) in
            [(50, 0.085_728_592_8), (100, 0.043_978_680_3), (598, 0.007_515_344_2), (1_000, 0.004_502_093_7)]
        {
            let found = 1.0 - lower_bound(right(counted, counted), 0.05);
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn without_a_verdict_everything_is_possible() {
        assert_eq!((lower_bound(Tally::default(), 0.05), upper_bound(Tally::default(), 0.05)), (0.0, 1.0));
        assert_eq!(lower_bound(right(0, 20), 0.05), 0.0);
        assert_eq!(upper_bound(right(20, 20), 0.05), 1.0);
    }

    proptest! {
        #[test]
        fn bounds_enclose_the_observed_share_and_move_with_it(
            counted in 1..2_000_u64, share in 0.0..=1.0, alpha in 0.001..0.3
        ) {
            let tally = right((counted as f64 * share) as u64, counted);
            let observed = tally.right() as f64 / counted as f64;
            let (low, high) = (lower_bound(tally, alpha), upper_bound(tally, alpha));
            prop_assert!(0.0 <= low && low <= observed && observed <= high && high <= 1.0);
            prop_assert!(lower_bound(tally.with(Judged::Right), alpha) >= low - 1e-12);
            prop_assert!(lower_bound(tally.with(Judged::Wrong), alpha) <= low + 1e-12);
            prop_assert!(lower_bound(tally, alpha / 2.0) <= low + 1e-12);
        }

        /// The gate and the bound say the same.
        #[test]
        fn the_bound_is_above_the_target_exactly_where_the_evidence_suffices(
            counted in 1..1_500_u64, wrong in 0..12_u64, rate in 0.01..0.2
        ) {
            let tally = Tally::try_new(counted, wrong.min(counted)).expect("capped");
            let evidence = ln_evidence(tally, ErrorLimit::try_new(rate).expect("between 0 and 1"));
            prop_assume!((evidence - 20_f64.ln()).abs() > 1e-6);
            prop_assert_eq!(lower_bound(tally, 0.05) > 1.0 - rate, evidence > 20_f64.ln());
        }
    }
}
