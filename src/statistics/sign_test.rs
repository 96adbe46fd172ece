//! Which of two is right more often, on the same tickets: only tickets on which exactly one is right can tell.
//!
//! Fixed sample sizes: McNemar's mid-p test and the exact one-sided sign test. Looked at again and again: the
//! anytime-valid evidence `ln_evidence`.

use super::binomial::{ln_lower_tail, ln_point, lower_tail, point, upper_tail};

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
        let at = point(total, smaller, 0.5);
        if self.first == self.second { 1.0 - 0.5 * at } else { (self.exact_two_sided() - at).clamp(0.0, 1.0) }
    }

    /// McNemar's exact two-sided p value: `min(1, 2·P[Bin(n,½) ≤ k])`.
    pub fn exact_two_sided(self) -> f64 {
        (2.0 * lower_tail(self.total(), self.first.min(self.second), 0.5)).min(1.0)
    }

    /// One-sided exact sign test: the probability of so many wins of the second, or more, if both were equally good:
    /// `P[Bin(n,½) ≥ second]`. Small: the second is better. For a sample size fixed in advance.
    pub fn second_is_better_p(self) -> f64 {
        upper_tail(self.total(), self.second, 0.5)
    }

    /// Anytime-valid evidence, as natural logarithm, that the second wins more than half of the discordant tickets: it may
    /// be looked at after every ticket; reject "not better" at level α once it is at least ln(1/α).
    ///
    /// `E = 2^(n+1) · B(c+1, b+1) · (1 − I_½(c+1, b+1))` with c wins of the second and b of the first: the uniform
    /// mixture over (½, 1] against ½. By the binomial identities of the two beta functions this is
    /// `2 · P[Bin(n+1,½) ≤ c] / ((n+1) · P[Bin(n,½) = c])`.
    pub fn ln_evidence(self) -> f64 {
        let total = self.total();
        std::f64::consts::LN_2 + ln_lower_tail(total + 1, self.second, 0.5)
            - ((total + 1) as f64).ln()
            - ln_point(total, self.second, 0.5)
    }

    /// [`Discordant::ln_evidence`] as log10.
    pub fn log10_evidence(self) -> f64 {
        self.ln_evidence() / std::f64::consts::LN_10
    }
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
