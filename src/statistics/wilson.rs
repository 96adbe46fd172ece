//! Wilson's interval for a proportion: every displayed rate stands beside it.

/// z of a two-sided 95 % interval: the standard normal quantile at 0.975.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// Where a proportion lies, 0 to 1, lower end first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Share {
    /// What is counted; at most `of`.
    pub hits: u64,
    /// Of these.
    pub of: u64,
}

impl Share {
    /// The proportion; `None`: of nothing.
    pub fn proportion(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }

    /// Where it lies: [`interval_95`].
    pub fn interval(self) -> Option<Interval> {
        interval_95(self.hits, self.of)
    }

    /// Those that do not count.
    #[must_use]
    pub const fn rest(self) -> Self {
        Self { hits: self.of - self.hits, of: self.of }
    }

    /// With one more.
    pub fn add(&mut self, is_hit: bool) {
        self.of += 1;
        self.hits += u64::from(is_hit);
    }
}

/// Wilson's interval for `successes` of `trials` at the two-sided level that belongs to `z` (95 %: [`Z_95`]).
///
/// `(p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)`, p = successes / trials, cut to 0 to 1 (Wilson, 1927). For
/// display: near 1 its lower end is liberal as a guarantee, there an exact interval belongs.
///
/// `None` when there are no trials (no data is no rate), or more successes than trials, or z is no finite number
/// above 0.
pub fn interval(successes: u64, trials: u64, z: f64) -> Option<Interval> {
    if trials == 0 || successes > trials || !z.is_finite() || z <= 0.0 {
        return None;
    }
    let count = trials as f64;
    let share = successes as f64 / count;
    let squared = z * z;
    let middle = share + squared / (2.0 * count);
    let half = z * (share * (1.0 - share) / count + squared / (4.0 * count * count)).sqrt();
    let scale = 1.0 + squared / count;
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if successes == 0 { 0.0 } else { ((middle - half) / scale).max(0.0) };
    let high = if successes == trials { 1.0 } else { ((middle + half) / scale).min(1.0) };
    Some(Interval { low, high })
}

/// The two-sided 95 % interval.
pub fn interval_95(successes: u64, trials: u64) -> Option<Interval> {
    interval(successes, trials, Z_95)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(successes: u64, trials: u64, low: f64, high: f64) {
        let interval = interval_95(successes, trials).expect("there are trials");
        assert!((interval.low - low).abs() < 1e-9 && (interval.high - high).abs() < 1e-9, "{interval:?}");
    }

    #[test]
    fn reproduces_statsmodels() {
        check(38, 50, 0.625_873_162_4, 0.857_026_086_0);
        check(0, 50, 0.0, 0.071_347_599_1);
        check(50, 50, 0.928_652_400_9, 1.0);
        check(297, 300, 0.971_016_506_6, 0.996_593_381_6);
        check(490, 500, 0.963_579_816_8, 0.989_100_816_4);
        check(1, 1, 0.206_549_314_4, 1.0);
    }

    #[test]
    fn reproduces_the_examples_of_newcombe_1998() {
        for (successes, trials, low, high) in
            [(81, 263, 0.255_289, 0.366_210), (15, 148, 0.062_386, 0.160_487), (1, 29, 0.006_113, 0.171_755)]
        {
            let interval = interval_95(successes, trials).expect("there are trials");
            assert!((interval.low - low).abs() < 1e-6 && (interval.high - high).abs() < 1e-6, "{interval:?}");
        }
    }

    #[test]
    fn one_sided_limits_come_from_another_z() {
        let lower = interval(297, 300, 1.644_853_626_951_472_2).expect("there are trials").low;
        assert!((lower - 0.975_244_246_0).abs() < 1e-9);
    }

    #[test]
    fn no_data_is_no_interval_and_impossible_counts_are_none() {
        assert_eq!(interval_95(0, 0), None);
        assert_eq!(interval_95(3, 2), None);
        assert_eq!(interval(1, 2, f64::NAN), None);
        assert_eq!(interval(1, 2, 0.0), None);
    }

    #[test]
    fn ends_stay_in_the_unit_interval_and_hold_the_share() {
        for trials in 1..60_u64 {
            for successes in 0..=trials {
                let Interval { low, high } = interval_95(successes, trials).expect("there are trials");
                let share = successes as f64 / trials as f64;
                assert!(0.0 <= low && low <= share && share <= high && high <= 1.0, "{successes} of {trials}");
            }
        }
    }
}
