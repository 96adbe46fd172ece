//! The binomial distribution: points, tails, quantiles, and the rate at which a tail has a given size.
//!
//! Every beta function that this project needs has whole-number parameters and is therefore a binomial tail:
//! `I_p(k, n−k+1) = P[Bin(n, p) ≥ k]` (Abramowitz and Stegun 26.5.24). There is no other beta routine.
//!
//! Points are computed by the saddle-point expansion of Loader, "Fast and accurate computation of binomial
//! probabilities", 2000: relative error near 1e-14 for any counts, where differences of ln Γ lose digits. Tails add points
//! from the largest down, on the side that holds less; all terms are positive, so that no digit is lost even at 1e-300.

use super::root::rising_root;

/// How small a term, against the sum so far, ends a sum.
const NEGLIGIBLE: f64 = 1e-17;

/// `ln P[Bin(n, p) = k]`; −∞ where impossible.
///
/// Contract: k ≤ n, 0 ≤ p ≤ 1.
pub fn ln_point(trials: u64, successes: u64, rate: f64) -> f64 {
    assert!(successes <= trials && (0.0..=1.0).contains(&rate), "{successes} of {trials} at rate {rate}");
    let (n, k) = (trials as f64, successes as f64);
    if rate == 0.0 || rate == 1.0 {
        let certain = if rate == 0.0 { 0 } else { trials };
        return if successes == certain { 0.0 } else { f64::NEG_INFINITY };
    }
    if successes == 0 {
        return n * (-rate).ln_1p();
    }
    if successes == trials {
        return n * rate.ln();
    }
    let rest = n - k;
    stirling_error(trials)
        - stirling_error(successes)
        - stirling_error(trials - successes)
        - deviance(k, n * rate)
        - deviance(rest, n * (1.0 - rate))
        + 0.5 * (n / (std::f64::consts::TAU * k * rest)).ln()
}

/// `P[Bin(n, p) = k]`.
pub fn point(trials: u64, successes: u64, rate: f64) -> f64 {
    ln_point(trials, successes, rate).exp()
}

/// `ln P[Bin(n, p) ≤ k]`.
///
/// Contract: 0 ≤ p ≤ 1.
pub fn ln_lower_tail(trials: u64, successes: u64, rate: f64) -> f64 {
    if successes >= trials {
        return 0.0;
    }
    if (successes as f64) < trials as f64 * rate {
        ln_sum_downward(trials, successes, rate)
    } else {
        ln_of_one_minus_exp(ln_sum_upward(trials, successes + 1, rate))
    }
}

/// `ln P[Bin(n, p) ≥ k]`.
///
/// Contract: 0 ≤ p ≤ 1.
pub fn ln_upper_tail(trials: u64, successes: u64, rate: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    if successes > trials {
        return f64::NEG_INFINITY;
    }
    if (successes as f64) > trials as f64 * rate {
        ln_sum_upward(trials, successes, rate)
    } else {
        ln_of_one_minus_exp(ln_sum_downward(trials, successes - 1, rate))
    }
}

/// `P[Bin(n, p) ≤ k]`.
pub fn lower_tail(trials: u64, successes: u64, rate: f64) -> f64 {
    ln_lower_tail(trials, successes, rate).exp()
}

/// `P[Bin(n, p) ≥ k]`.
pub fn upper_tail(trials: u64, successes: u64, rate: f64) -> f64 {
    ln_upper_tail(trials, successes, rate).exp()
}

/// The smallest k with `P[Bin(n, p) ≤ k] ≥ level`.
///
/// Contract: 0 ≤ p ≤ 1, 0 ≤ level ≤ 1.
pub fn quantile(trials: u64, rate: f64, level: f64) -> u64 {
    assert!((0.0..=1.0).contains(&level), "{level} is no probability");
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = low + (high - low) / 2;
        if lower_tail(trials, middle, rate) >= level { high = middle } else { low = middle + 1 }
    }
    low
}

/// The rate p at which `P[Bin(n, p) ≥ k] = level`: the quantile at `level` of Beta(k, n−k+1).
///
/// Contract: 1 ≤ k ≤ n, 0 < level < 1.
pub fn rate_of_upper_tail(trials: u64, successes: u64, level: f64) -> f64 {
    assert!((1..=trials).contains(&successes) && level > 0.0 && level < 1.0, "{successes} of {trials} at {level}");
    rising_root(|rate| upper_tail(trials, successes, rate) - level, 0.0, 1.0)
}

/// `ln Σ_{j ≥ k} P[Bin(n, p) = j]`, each term from the one before it. For k above the mean, where terms fall.
fn ln_sum_upward(trials: u64, from: u64, rate: f64) -> f64 {
    if rate == 0.0 {
        return f64::NEG_INFINITY;
    }
    let odds = rate / (1.0 - rate);
    let (mut term, mut sum) = (1.0, 1.0);
    for k in from..trials {
        term *= (trials - k) as f64 / (k + 1) as f64 * odds;
        sum += term;
        if term < sum * NEGLIGIBLE {
            break;
        }
    }
    ln_point(trials, from, rate) + sum.ln()
}

/// `ln Σ_{j ≤ k} P[Bin(n, p) = j]`, for k below the mean.
fn ln_sum_downward(trials: u64, from: u64, rate: f64) -> f64 {
    if rate == 1.0 {
        return f64::NEG_INFINITY;
    }
    let odds_against = (1.0 - rate) / rate;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in (0..from).rev() {
        term *= (k + 1) as f64 / (trials - k) as f64 * odds_against;
        sum += term;
        if term < sum * NEGLIGIBLE {
            break;
        }
    }
    ln_point(trials, from, rate) + sum.ln()
}

/// `ln(1 − eˣ)` for x ≤ 0.
fn ln_of_one_minus_exp(x: f64) -> f64 {
    (-x.exp().min(1.0)).ln_1p()
}

/// How far Stirling's formula is below ln n!: `ln n! − (n + ½) ln n + n − ½ ln 2π`, n ≥ 1.
fn stirling_error(count: u64) -> f64 {
    let n = count as f64;
    if count <= 15 {
        // 15! is exact in a double.
        let factorial: f64 = (1..=count).map(|factor| factor as f64).product();
        return factorial.ln() - (n + 0.5) * n.ln() + n - 0.5 * std::f64::consts::TAU.ln();
    }
    // Bernoulli numbers over 2k(2k−1): Abramowitz and Stegun 6.1.41. At 16 the first term left out is 1e-16.
    let square = n * n;
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - 1.0 / 1188.0 / square) / square) / square) / square)
        / n
}

/// Loader's deviance `x ln(x/m) + m − x`, without cancellation where x is close to m.
fn deviance(x: f64, mean: f64) -> f64 {
    if (x - mean).abs() >= 0.1 * (x + mean) {
        return x * (x / mean).ln() + mean - x;
    }
    let ratio = (x - mean) / (x + mean);
    let mut sum = (x - mean) * ratio;
    let mut power = 2.0 * x * ratio;
    for j in 1..1_000_u32 {
        power *= ratio * ratio;
        let next = sum + power / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn reproduces_scipy() {
        check(lower_tail(733, 8, 0.02), 0.043_093_127_61);
        check(lower_tail(770, 9, 0.02), 0.056_123_776_02);
        check(lower_tail(600, 5, 0.02), 0.019_455_150_41);
        check(lower_tail(700, 7, 0.02), 0.030_406_699_2);
        check(lower_tail(800, 10, 0.02), 0.075_344_540_4);
    }

    #[test]
    fn small_numbers_agree_with_counting() {
        check(point(4, 2, 0.5), 6.0 / 16.0);
        check(point(3, 0, 0.25), 27.0 / 64.0);
        check(upper_tail(3, 2, 0.25), 10.0 / 64.0);
        check(lower_tail(20, 20, 0.3), 1.0);
    }

    #[test]
    fn certain_rates_leave_one_outcome() {
        assert_eq!((point(5, 0, 0.0), point(5, 1, 0.0), point(5, 5, 1.0)), (1.0, 0.0, 1.0));
        assert_eq!((upper_tail(5, 1, 0.0), lower_tail(5, 4, 1.0)), (0.0, 0.0));
        assert_eq!((upper_tail(5, 6, 0.5), upper_tail(0, 0, 0.5)), (0.0, 1.0));
    }

    #[test]
    fn far_tails_keep_their_digits() {
        // 0.5^1000, and the tail of the two most extreme of 1,000.
        check(ln_upper_tail(1_000, 1_000, 0.5), -1_000.0 * std::f64::consts::LN_2);
        check(ln_upper_tail(1_000, 999, 0.5), 1_001_f64.ln() - 1_000.0 * std::f64::consts::LN_2);
    }

    #[test]
    fn a_quantile_is_the_first_count_that_reaches_its_level() {
        for (trials, rate, level) in [(25, 0.9, 0.025), (25, 0.9, 0.975), (100, 0.95, 0.025), (7, 0.3, 1.0)] {
            let found = quantile(trials, rate, level);
            assert!(lower_tail(trials, found, rate) >= level);
            assert!(found == 0 || lower_tail(trials, found - 1, rate) < level);
        }
    }

    proptest! {
        #[test]
        fn both_tails_share_their_point(trials in 1..3_000_u64, share in 0.0..=1.0, rate in 0.0..=1.0_f64) {
            let successes = (trials as f64 * share) as u64;
            let sum = lower_tail(trials, successes, rate) + upper_tail(trials, successes, rate)
                - point(trials, successes, rate);
            prop_assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        }

        #[test]
        fn a_higher_rate_makes_more_successes_likelier(
            trials in 1..2_000_u64, share in 0.0..=1.0, rates in (0.0..=1.0_f64, 0.0..=1.0_f64)
        ) {
            let successes = (trials as f64 * share) as u64;
            let (low, high) = (rates.0.min(rates.1), rates.0.max(rates.1));
            let (at_low, at_high) = (upper_tail(trials, successes, low), upper_tail(trials, successes, high));
            prop_assert!(at_low <= at_high * (1.0 + 1e-12));
        }

        #[test]
        fn the_rate_of_a_tail_has_that_tail(trials in 1..2_000_u64, share in 0.0..=1.0, level in 0.001..0.999) {
            let successes = ((trials as f64 * share) as u64).max(1);
            let rate = rate_of_upper_tail(trials, successes, level);
            // Where the rate is almost 1 a double cannot name it to more digits.
            prop_assert!((upper_tail(trials, successes, rate) - level).abs() < 1e-9);
        }
    }
}
