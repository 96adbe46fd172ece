//! How many tickets a comparison needs: the power of the paired mid-p test, and the smallest test set that has enough.
//!
//! "The test set is too small to tell: 159 tickets would."

use super::binomial::{lower_tail, point};
use super::sign_test::Discordant;

/// The level of the test: a smaller p value says that the models differ.
pub const LEVEL: f64 = 0.05;
/// How often a real difference should be found.
pub const POWER: f64 = 0.8;
/// Nobody labels more tickets than this for one comparison.
pub const TICKETS_MAX: u64 = 100_000;

/// On which share of tickets exactly one of two models is right, split by which. Above 0 in all, at most 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscordantShares {
    first: f64,
    second: f64,
}

/// The shares are none, or more than all.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{first} and {second} are no shares of tickets on which exactly one model is right (together above 0, at most 1)"
)]
pub struct NotShares {
    /// Only the first is right.
    pub first: f64,
    /// Only the second is right.
    pub second: f64,
}

impl DiscordantShares {
    /// Shares of all tickets on which only the first, and only the second, is right.
    ///
    /// # Errors
    /// A negative share, both 0, or together more than 1.
    pub fn try_new(first: f64, second: f64) -> Result<Self, NotShares> {
        let sum = first + second;
        if first >= 0.0 && second >= 0.0 && sum > 0.0 && sum <= 1.0 {
            Ok(Self { first, second })
        } else {
            Err(NotShares { first, second })
        }
    }
}

/// The probability that the two-sided mid-p test on `tickets` tickets finds a difference, in either direction, at
/// [`LEVEL`].
///
/// `Σ_m P[Bin(N, d) = m] · P[rejected | m discordant]`: exact, no approximation.
pub fn power(tickets: u64, shares: DiscordantShares) -> f64 {
    let mut rejected = RejectedGivenDiscordant::new(shares);
    power_with(tickets, shares, &mut rejected)
}

/// The smallest number of tickets with [`POWER`]; `None` beyond [`TICKETS_MAX`], as where both shares are equal.
///
/// Power rises with the tickets but for ripples of a percent, because discordant tickets are whole numbers. Smallest is
/// meant: some tickets more may fall below it by a hair.
pub fn tickets_needed(shares: DiscordantShares) -> Option<u64> {
    let mut rejected = RejectedGivenDiscordant::new(shares);
    let mut suffices = |tickets| power_with(tickets, shares, &mut rejected) >= POWER;
    let mut high = 1;
    while !suffices(high) {
        if high >= TICKETS_MAX {
            return None;
        }
        high *= 2;
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = u64::midpoint(low, high);
        if suffices(middle) { high = middle } else { low = middle }
    }
    // Ripples reach less than an eighth back, but for a handful of tickets.
    let begin = if high <= 64 { 1 } else { high - high / 8 };
    (begin..=high).find(|&tickets| suffices(tickets)).filter(|&found| found <= TICKETS_MAX)
}

fn power_with(tickets: u64, shares: DiscordantShares, rejected: &mut RejectedGivenDiscordant) -> f64 {
    let discordance = (shares.first + shares.second).min(1.0);
    let mean = tickets as f64 * discordance;
    // Ten deviations and a few tickets: what is left out is below 1e-15.
    let reach = 10.0 * (mean * (1.0 - discordance)).sqrt() + 20.0;
    let (from, to) = ((mean - reach).max(0.0) as u64, ((mean + reach) as u64).min(tickets));
    (from..=to).map(|discordant| point(tickets, discordant, discordance) * rejected.given(discordant)).sum()
}

/// P[rejected | m discordant], which does not depend on the number of tickets: computed once for each m.
struct RejectedGivenDiscordant {
    /// Of a discordant ticket: only the second is right.
    second_share: f64,
    by_count: Vec<Option<f64>>,
}

impl RejectedGivenDiscordant {
    fn new(shares: DiscordantShares) -> Self {
        Self { second_share: shares.second / (shares.first + shares.second), by_count: Vec::new() }
    }

    fn given(&mut self, discordant: u64) -> f64 {
        let index = discordant as usize;
        if self.by_count.len() <= index {
            self.by_count.resize(index + 1, None);
        }
        *self.by_count[index].get_or_insert_with(|| {
            critical_count(discordant).map_or(0.0, |count| {
                let share = self.second_share.clamp(0.0, 1.0);
                lower_tail(discordant, count, share) + lower_tail(discordant, count, 1.0 - share)
            })
        })
    }
}

/// The largest smaller count of so many discordant tickets at which the mid-p test rejects; `None` where none does.
fn critical_count(discordant: u64) -> Option<u64> {
    let rejects = |smaller| Discordant { first: smaller, second: discordant - smaller }.mid_p() <= LEVEL;
    let (mut accepted, mut low) = (discordant / 2 + 1, 0);
    while low < accepted {
        let middle = low + (accepted - low) / 2;
        if rejects(middle) { low = middle + 1 } else { accepted = middle }
    }
    low.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(first: f64, second: f64) -> DiscordantShares {
        DiscordantShares::try_new(first, second).expect("good shares")
    }

    /// Exactly one right on a share `discordance`, the second better by `gain`.
    fn gain(discordance: f64, gain: f64) -> DiscordantShares {
        shares(f64::midpoint(discordance, -gain), f64::midpoint(discordance, gain))
    }

    #[test]
    fn reproduces_the_table_of_power() {
        for (tickets, at_5_points, at_10_points) in
            [(50, 0.10, 0.33), (100, 0.19, 0.62), (200, 0.35, 0.90), (500, 0.71, 1.0), (1_000, 0.95, 1.0)]
        {
            assert!((power(tickets, gain(0.2, 0.05)) - at_5_points).abs() < 0.006, "{tickets}");
            assert!((power(tickets, gain(0.2, 0.10)) - at_10_points).abs() < 0.006, "{tickets}");
        }
        // Even if every discordant ticket is a win, 50 tickets with 10 % discordance do not suffice.
        assert!((power(50, shares(0.0, 0.1)) - 0.57).abs() < 0.006);
    }

    #[test]
    fn detectable_differences_of_the_table_have_just_80_percent() {
        for (tickets, discordance, points) in
            [(50, 0.2, 0.164), (100, 0.1, 0.082), (200, 0.3, 0.107), (500, 0.2, 0.056), (1_000, 0.1, 0.028)]
        {
            let at = |points| power(tickets, gain(discordance, points));
            assert!(at(points - 0.001) < 0.81 && at(points + 0.001) > 0.79, "{tickets}: {}", at(points));
        }
    }

    #[test]
    fn the_owners_comparisons_need_more_than_a_hundred_tickets() {
        // The usual normal approximation (Connor, Biometrics 43, 1987) says 163 and 124; these are exact.
        assert_eq!(tickets_needed(shares(0.04, 0.13)), Some(159));
        assert_eq!(tickets_needed(shares(0.02, 0.11)), Some(114));
    }

    #[test]
    fn the_number_found_is_the_smallest() {
        for (first, second) in [(0.0, 0.1), (0.02, 0.2), (0.1, 0.3), (0.5, 0.1), (0.0, 1.0)] {
            let found = tickets_needed(shares(first, second)).expect("they differ");
            assert!(power(found, shares(first, second)) >= POWER);
            assert!((1..found).all(|tickets| power(tickets, shares(first, second)) < POWER), "{first} {second}");
        }
    }

    #[test]
    fn models_that_do_not_differ_are_called_different_in_at_most_a_twentieth_and_never_told_apart() {
        for discordance in [0.05, 0.2, 0.9] {
            for tickets in [1, 10, 50, 300, 2_000] {
                assert!(power(tickets, gain(discordance, 0.0)) <= 0.0525);
            }
        }
        assert_eq!(tickets_needed(gain(0.2, 0.0)), None);
    }

    #[test]
    fn shares_must_be_shares() {
        assert!(DiscordantShares::try_new(0.0, 0.0).is_err());
        assert!(DiscordantShares::try_new(-0.1, 0.2).is_err());
        assert!(DiscordantShares::try_new(0.6, 0.6).is_err());
        assert!(DiscordantShares::try_new(f64::NAN, 0.6).is_err());
    }
}
