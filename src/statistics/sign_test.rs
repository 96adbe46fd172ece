//! Which of two is right more often, on the same tickets: only tickets on which exactly one is right can tell.
//!
//! Fixed sample sizes: McNemar's mid-p test and the exact one-sided sign test. Looked at again and again: the
//! anytime-valid evidence `log10_evidence`.

/// Tickets on which exactly one of two is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Discordant {
    /// Only the first is right.
    pub first: u64,
    /// Only the second is right.
    pub second: u64,
}

impl Discordant {
    /// How many there are.
    pub const fn total(self) -> u64 {
        self.first + self.second
    }

    /// McNemar's two-sided mid-p value: is there a difference?
    ///
    /// With k the smaller count of n: `2·P[Bin(n,½) ≤ k] − P[Bin(n,½) = k]`, and `1 − ½·P[Bin(n,½) = k]` when both
    /// counts are equal; 1 when there is no discordant ticket (Fagerland, Lydersen, Laake, BMC Medical Research
    /// Methodology 13:91, 2013). For a sample size fixed in advance.
    pub fn mid_p(self) -> f64 {
        let (total, smaller) = (self.total(), self.first.min(self.second));
        if total == 0 {
            return 1.0;
        }
        let at = point(total, smaller);
        if self.first == self.second { 1.0 - 0.5 * at } else { (self.exact_two_sided() - at).clamp(0.0, 1.0) }
    }

    /// McNemar's exact two-sided p value: `min(1, 2·P[Bin(n,½) ≤ k])`.
    pub fn exact_two_sided(self) -> f64 {
        (2.0 * lower_tail(self.total(), self.first.min(self.second))).min(1.0)
    }

    /// One-sided exact sign test: the probability of so many wins of the second, or more, if both were equally good:
    /// `P[Bin(n,½) ≥ second]`. Small: the second is better. For a sample size fixed in advance.
    pub fn second_is_better_p(self) -> f64 {
        // P[X ≥ second] = P[X ≤ first] because the halves are symmetric.
        lower_tail(self.total(), self.first)
    }

    /// Anytime-valid evidence, as log10, that the second wins more than half of the discordant tickets: it may be
    /// looked at after every ticket; reject "not better" at level α once it is at least log10(1/α).
    ///
    /// `E = 2^(n+1) · B(c+1, b+1) · (1 − I_½(c+1, b+1))` with c wins of the second and b of the first: the uniform
    /// mixture over (½, 1] against ½. The incomplete beta is a binomial tail: `1 − I_½(c+1, b+1) = P[Bin(n+1,½) ≤ c]`.
    pub fn log10_evidence(self) -> f64 {
        let (wins, losses) = (self.second as f64, self.first as f64);
        let log_beta = ln_gamma(wins + 1.0) + ln_gamma(losses + 1.0) - ln_gamma(wins + losses + 2.0);
        let log_tail = lower_tail(self.total() + 1, self.second).ln();
        ((wins + losses + 1.0) * std::f64::consts::LN_2 + log_beta + log_tail) / std::f64::consts::LN_10
    }
}

/// `P[Bin(n, ½) = k]`.
fn point(trials: u64, successes: u64) -> f64 {
    let (n, k) = (trials as f64, successes as f64);
    (ln_gamma(n + 1.0) - ln_gamma(k + 1.0) - ln_gamma(n - k + 1.0) - n * std::f64::consts::LN_2).exp()
}

/// `P[Bin(n, ½) ≤ k]`, summed from the largest term down, on whichever side of the middle is shorter.
fn lower_tail(trials: u64, successes: u64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    if 2 * successes >= trials {
        return 1.0 - lower_tail(trials, trials - successes - 1);
    }
    let mut term = point(trials, successes);
    let mut sum = term;
    for k in (0..successes).rev() {
        // C(n,k) = C(n,k+1) · (k+1)/(n−k)
        term *= (k + 1) as f64 / (trials - k) as f64;
        sum += term;
        if term < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// ln Γ(x) for x ≥ 1: Stirling's series after the argument is moved above 10; error below 1e-13.
fn ln_gamma(x: f64) -> f64 {
    debug_assert!(x >= 1.0, "counts plus one");
    let (mut argument, mut product) = (x, 1.0);
    while argument < 10.0 {
        product *= argument;
        argument += 1.0;
    }
    let inverse = 1.0 / argument;
    let square = inverse * inverse;
    // Bernoulli numbers over 2k(2k−1): 1/12, 1/360, 1/1260, 1/1680, 1/1188 (Abramowitz and Stegun 6.1.41).
    let series = inverse
        * (1.0 / 12.0
            - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square * (1.0 / 1188.0)))));
    (argument - 0.5) * argument.ln() - argument + 0.5 * (2.0 * std::f64::consts::PI).ln() + series - product.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(first: u64, second: u64) -> Discordant {
        Discordant { first, second }
    }

    #[track_caller]
    fn check_two_sided(first: u64, second: u64, exact: f64, mid_p: f64) {
        for found in [counts(first, second), counts(second, first)] {
            assert!((found.exact_two_sided() - exact).abs() < 1e-9, "exact {}", found.exact_two_sided());
            assert!((found.mid_p() - mid_p).abs() < 1e-9, "mid-p {}", found.mid_p());
        }
    }

    #[test]
    fn reproduces_fagerland_and_statsmodels() {
        check_two_sided(1, 7, 0.070_312_5, 0.039_062_5);
        check_two_sided(0, 5, 0.062_5, 0.031_25);
        check_two_sided(5, 5, 1.0, 0.876_953_125_0);
        check_two_sided(3, 10, 0.092_285_156_2, 0.057_373_046_9);
        check_two_sided(2, 9, 0.065_429_687_5, 0.038_574_218_8);
        check_two_sided(6, 16, 0.052_478_790_3, 0.034_689_664_8);
        check_two_sided(0, 6, 0.031_25, 0.015_625);
        check_two_sided(86, 150, 0.000_037_159_4, 0.000_028_933_9);
    }

    #[test]
    fn without_a_discordant_ticket_nothing_is_shown() {
        assert_eq!(counts(0, 0).mid_p(), 1.0);
        assert_eq!(counts(0, 0).second_is_better_p(), 1.0);
        assert!(counts(0, 0).log10_evidence().abs() < 1e-12);
    }

    #[test]
    fn the_one_sided_test_sees_only_wins_of_the_second() {
        assert!((counts(1, 7).second_is_better_p() - 9.0 / 256.0).abs() < 1e-12);
        assert!((counts(7, 1).second_is_better_p() - 255.0 / 256.0).abs() < 1e-12);
        assert!((counts(0, 5).second_is_better_p() - 1.0 / 32.0).abs() < 1e-12);
        assert!(counts(1000, 1300).second_is_better_p() < 1e-9);
    }

    #[test]
    fn anytime_evidence_reproduces_scipy() {
        for (first, second, evidence) in
            [(5, 20, 48.520_452_011_8), (2, 10, 9.440_559_440_6), (0, 5, 10.5), (20, 5, 0.060_578_551_9)]
        {
            let found = 10_f64.powf(counts(first, second).log10_evidence());
            assert!((found / evidence - 1.0).abs() < 1e-8, "{found} for {first}, {second}");
        }
    }

    #[test]
    fn large_counts_give_finite_numbers() {
        let found = counts(40_000, 60_000);
        assert!(found.log10_evidence() > 500.0 && found.log10_evidence().is_finite());
        assert!((0.0..1e-300).contains(&found.second_is_better_p()));
        assert!((0.0..=1.0).contains(&counts(50_000, 50_001).mid_p()));
    }
}
