//! The ratio of two proportions, with its interval: how much rarer is something here than there?

use super::wilson::{Interval, Z_95};

/// A ratio of two proportions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRatio {
    /// The ratio of the shares as counted; infinite where the reference has none.
    pub ratio: f64,
    /// Its two-sided 95 % interval.
    pub interval: Interval,
}

/// `(x/n) / (y/m)` with the interval `exp(ln θ ± z·√(1/x − 1/n + 1/y − 1/m))` (Katz, Baptista, Azen, Pike, Biometrics 34,
/// 1978); where a count is 0 or whole, half a count is added to each and one to each total, for the interval alone
/// (Walter, Biometrika 62, 1975).
///
/// `None` where a total is 0, a count is more than its total, or both counts are 0: then there is nothing to compare.
pub fn rate_ratio(count: u64, total: u64, reference_count: u64, reference_total: u64) -> Option<RateRatio> {
    let is_possible = total > 0 && reference_total > 0 && count <= total && reference_count <= reference_total;
    if !is_possible || (count == 0 && reference_count == 0) {
        return None;
    }
    let [x, n, y, m] = [count, total, reference_count, reference_total].map(|count| count as f64);
    let ratio = (x / n) / (y / m);
    let is_at_an_end = count == 0 || reference_count == 0 || count == total || reference_count == reference_total;
    let (x, n, y, m) = if is_at_an_end { (x + 0.5, n + 1.0, y + 0.5, m + 1.0) } else { (x, n, y, m) };
    let logarithm = (x / n).ln() - (y / m).ln();
    let half = Z_95 * (1.0 / x - 1.0 / n + 1.0 / y - 1.0 / m).sqrt();
    Some(RateRatio { ratio, interval: Interval { low: (logarithm - half).exp(), high: (logarithm + half).exp() } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_the_relative_risk_in_the_documentation_of_scipy() {
        let found = rate_ratio(27, 122, 44, 487).expect("counts that can be compared");
        let RateRatio { ratio, interval: Interval { low, high } } = found;
        for (found, expected) in
            [(ratio, 2.449_515_648_286_139_8), (low, 1.583_699_092_670_011_6), (high, 3.788_678_631_546_635_4)]
        {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn twenty_of_five_hundred_beside_a_fifth_of_the_traffic_is_far_below_one() {
        let found = rate_ratio(20, 500, 45, 200).expect("counts");
        assert!((found.ratio - 0.04 / 0.225).abs() < 1e-12 && found.interval.high < 0.3, "{found:?}");
    }

    #[test]
    fn none_at_all_is_a_ratio_of_zero_with_an_upper_end() {
        let found = rate_ratio(0, 500, 45, 200).expect("counts");
        assert!(found.ratio == 0.0 && found.interval.low > 0.0 && found.interval.high < 0.1, "{found:?}");
        assert_eq!(rate_ratio(3, 500, 0, 200).expect("counts").ratio, f64::INFINITY);
    }

    #[test]
    fn nothing_beside_nothing_is_no_ratio() {
        assert_eq!(rate_ratio(0, 500, 0, 200), None);
        assert_eq!(rate_ratio(1, 0, 1, 2), None);
        assert_eq!(rate_ratio(3, 2, 1, 2), None);
    }
}
