//! The exact probability of ever promoting wrongly, by dynamic programming over (counted, wrong), and what it is for our
//! rule and for an ordinary bound.

use proptest::prelude::*;

use crate::statistics::e_process::ln_evidence;
use crate::statistics::level::{ALPHA, Level};
use crate::statistics::tally::{ErrorLimit, Tally};
use crate::statistics::wilson;

/// P(`passes` holds at some verdict up to `horizon`) when each verdict is wrong with probability `error`, independently.
///
/// `alive[F]` is the probability of F wrong verdicts so far without ever having passed.
fn ever_passes(error: f64, horizon: u64, passes: impl Fn(Tally) -> bool) -> f64 {
    let mut alive = vec![1.0_f64];
    let mut promoted = 0.0;
    for counted in 1..=horizon {
        alive.push(0.0);
        for wrong in (0..alive.len()).rev() {
            let from_wrong = if wrong > 0 { alive[wrong - 1] * error } else { 0.0 };
            alive[wrong] = alive[wrong] * (1.0 - error) + from_wrong;
        }
        // Whoever passes with F wrong would pass with fewer: stop at the first that does not.
        for (wrong, probability) in alive.iter_mut().enumerate() {
            if !passes(Tally::try_new(counted, wrong as u64).expect("wrong is at most counted")) {
                break;
            }
            promoted += std::mem::take(probability);
        }
    }
    promoted
}

fn limit(rate: f64) -> ErrorLimit {
    ErrorLimit::try_new(rate).expect("between 0 and 1")
}

/// An ordinary one-sided 95 % bound, looked at after every verdict from the 30th on.
fn ordinary_bound_passes(tally: Tally, rate: f64) -> bool {
    const Z_ONE_SIDED: f64 = 1.644_853_626_951_472_2;
    tally.counted() >= 30
        && wilson::interval(tally.right(), tally.counted(), Z_ONE_SIDED).is_some_and(|found| found.low > 1.0 - rate)
}

#[test]
fn a_model_exactly_at_the_limit_is_promoted_as_rarely_as_promised() {
    let passes = |tally| ln_evidence(tally, limit(0.02)) >= 20_f64.ln();
    for (horizon, expected) in [(500, 0.018_57), (1_000, 0.026_48), (2_000, 0.032_67), (5_000, 0.038_14)] {
        let found = ever_passes(0.02, horizon, passes);
        assert!((found - expected).abs() < 5e-6, "{found} by {horizon}");
        assert!(found <= 0.05);
    }
}

#[test]
fn an_ordinary_bound_looked_at_after_every_verdict_promotes_it_in_a_fifth_of_all_runs() {
    for (horizon, expected) in [(200, 0.0681), (500, 0.1456), (1_000, 0.1990), (2_000, 0.2468)] {
        let found = ever_passes(0.02, horizon, |tally| ordinary_bound_passes(tally, 0.02));
        assert!((found - expected).abs() < 5e-5, "{found} by {horizon}");
    }
}

#[test]
fn at_the_shared_level_a_single_account_uses_only_its_part() {
    let required = Level::one_slice().ln_required();
    let found = ever_passes(0.02, 2_000, |tally| ln_evidence(tally, limit(0.02)) >= required);
    assert!(found <= ALPHA / 2.0, "{found}");
    // Better models are promoted, and sooner.
    assert!(ever_passes(0.002, 2_000, |tally| ln_evidence(tally, limit(0.02)) >= required) > 0.99);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_error_at_or_above_the_limit_is_promoted_more_often_than_alpha(
        rate in 0.005..0.4, worse in 0.0..0.2, alpha in 0.01..0.3
    ) {
        let passes = |tally| ln_evidence(tally, limit(rate)) >= -f64::ln(alpha);
        prop_assert!(ever_passes(rate + worse, 400, passes) <= alpha + 1e-12);
    }
}
