//! Randomness as an argument: a small generator with a seed, whose numbers are the same on every machine and in every
//! version. For resampling and simulation; nothing secret is drawn from it.

use super::binomial::point;

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): 64 bits of state, every seed is a good one.
#[derive(Clone, Debug)]
pub struct SeededRandom {
    state: u64,
}

impl SeededRandom {
    /// The sequence that belongs to `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to but not including 1, in steps of 2⁻⁵³.
    pub const fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A whole number from 0 to `bound − 1`, each equally likely to within bound / 2⁶⁴.
    pub const fn below(&mut self, bound: usize) -> usize {
        assert!(bound > 0, "nothing can be drawn from nothing");
        ((self.next_u64() as u128 * bound as u128) >> 64) as usize
    }

    /// How many of so many fair coins show heads: Bin(coins, ½), exactly.
    pub const fn heads(&mut self, coins: u64) -> u64 {
        let (mut left, mut heads) = (coins, 0);
        while left >= 64 {
            heads += self.next_u64().count_ones() as u64;
            left -= 64;
        }
        if left > 0 { heads + (self.next_u64() >> (64 - left)).count_ones() as u64 } else { heads }
    }

    /// How many of so many trials succeed: Bin(trials, rate), by inversion from the mode outwards, which takes about as
    /// many steps as the distribution has deviations' width.
    ///
    /// Contract: 0 ≤ rate ≤ 1.
    pub fn successes(&mut self, trials: u64, rate: f64) -> u64 {
        let mode = (((trials + 1) as f64 * rate) as u64).min(trials);
        let at_mode = point(trials, mode, rate);
        let odds = rate / (1.0 - rate);
        let mut left = self.unit() - at_mode;
        let (mut low, mut high, mut below, mut above) = (mode, mode, at_mode, at_mode);
        while left >= 0.0 && (low > 0 || high < trials) {
            if high < trials {
                above *= (trials - high) as f64 / (high + 1) as f64 * odds;
                high += 1;
                left -= above;
                if left < 0.0 {
                    return high;
                }
            }
            if low > 0 {
                below *= low as f64 / (trials - low + 1) as f64 / odds;
                low -= 1;
                left -= below;
                if left < 0.0 {
                    return low;
                }
            }
            // What is left of the unit interval is rounding.
            if above + below < f64::MIN_POSITIVE {
                break;
            }
        }
        mode
    }

    /// True with `probability`; never at 0, always at 1.
    pub const fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_the_published_sequence_of_seed_1234567() {
        let mut random = SeededRandom::new(1_234_567);
        let found: Vec<u64> = (0..5).map(|_| random.next_u64()).collect();
        assert_eq!(
            found,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn numbers_below_a_bound_reach_every_value_about_equally_often() {
        let mut random = SeededRandom::new(5);
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[random.below(7)] += 1;
        }
        // Six standard deviations of Bin(70 000, 1/7) are 556.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 556), "{counts:?}");
    }

    #[test]
    fn what_has_probability_zero_never_happens_and_one_always() {
        let mut random = SeededRandom::new(6);
        assert!((0..1_000).all(|_| !random.happens(0.0) && random.happens(1.0)));
    }

    #[test]
    fn counted_successes_have_the_mean_and_spread_of_their_distribution() {
        let mut random = SeededRandom::new(5);
        for (trials, rate) in [(1, 0.3), (10, 0.5), (300, 0.02), (100_000, 0.7)] {
            let drawn: Vec<f64> = (0..4_000).map(|_| random.successes(trials, rate) as f64).collect();
            check_moments(&drawn, trials as f64 * rate, trials as f64 * rate * (1.0 - rate));
        }
        for coins in [1, 63, 64, 65, 1_000] {
            let drawn: Vec<f64> = (0..4_000).map(|_| random.heads(coins) as f64).collect();
            check_moments(&drawn, coins as f64 / 2.0, coins as f64 / 4.0);
        }
    }

    #[track_caller]
    fn check_moments(drawn: &[f64], mean: f64, variance: f64) {
        let count = drawn.len() as f64;
        let found = drawn.iter().sum::<f64>() / count;
        let spread = drawn.iter().map(|value| (value - found) * (value - found)).sum::<f64>() / count;
        assert!((found - mean).abs() < 5.0 * (variance / count).sqrt(), "mean {found}, not {mean}");
        assert!((spread / variance - 1.0).abs() < 0.15, "variance {spread}, not {variance}");
    }

    #[test]
    fn what_is_certain_is_certain() {
        let mut random = SeededRandom::new(6);
        assert_eq!((random.successes(7, 0.0), random.successes(7, 1.0), random.successes(0, 0.4)), (0, 7, 0));
        assert_eq!(random.heads(0), 0);
    }
}
