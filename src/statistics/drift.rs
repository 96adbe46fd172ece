//! Has the traffic changed? The population stability index with what it would be by chance alone.
//!
//! The folklore limits 0.1 and 0.25 are wrong for small windows: with 10 bins and 50 tickets, no drift at all exceeds 0.1
//! in four of five cases. So its expectation is taken off, and chance is tested.

use super::gamma::chi_square_tail;

/// The index must exceed what chance explains by this much.
pub const EXCESS_MAX: f64 = 0.1;
/// And chance must explain it this rarely.
pub const P_MIN: f64 = 0.001;

/// How far two sets of counts over the same bins are apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// `PSI = Σ (p_k − q_k) ln(p_k/q_k)` of the shares `(c_k + ½)/(n + B/2)`; 0 where they are equal.
    pub index: f64,
    /// The index without its expectation under no drift, `(B−1)(1/n + 1/m)`.
    pub excess: f64,
    /// `PSI/(1/n + 1/m)`, chi-square with B−1 degrees of freedom when nothing drifts.
    pub statistic: f64,
    /// The probability of such a statistic, or a larger one, when nothing drifts.
    pub p: f64,
}

impl Drift {
    /// Whether the traffic has drifted: more than [`EXCESS_MAX`] beyond chance, and rarer by chance than [`P_MIN`].
    pub fn is_shown(&self) -> bool {
        self.excess > EXCESS_MAX && self.p < P_MIN
    }
}

/// The drift between a window and its reference (PSI: the symmetrised Kullback–Leibler divergence, Jeffreys 1946; its
/// distribution: Yurdakul, Naranjo, Journal of Risk Model Validation 14, 2020).
///
/// `None` where the bins differ in number or are fewer than two, or one side has no count.
pub fn drift(window: &[u64], reference: &[u64]) -> Option<Drift> {
    let (n, m) = (window.iter().sum::<u64>() as f64, reference.iter().sum::<u64>() as f64);
    if window.len() != reference.len() || window.len() < 2 || n == 0.0 || m == 0.0 {
        return None;
    }
    let bins = window.len() as f64;
    // Half a count in each bin, so that an empty one has a share.
    let share = |count: u64, total: f64| (count as f64 + 0.5) / (total + bins / 2.0);
    let index: f64 = window
        .iter()
        .zip(reference)
        .map(|(&in_window, &in_reference)| {
            let (p, q) = (share(in_window, n), share(in_reference, m));
            (p - q) * (p / q).ln()
        })
        .sum();
    let noise = 1.0 / n + 1.0 / m;
    let degrees = window.len() as u32 - 1;
    let statistic = index / noise;
    Some(Drift { index, excess: index - f64::from(degrees) * noise, statistic, p: chi_square_tail(statistic, degrees) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reproduces_numpy_and_scipy() {
        let found = drift(&[60, 25, 12, 3], &[480, 300, 150, 70]).expect("four bins");
        for (found, expected) in [
            (found.index, 0.064_740_301_4),
            (found.statistic, 5.885_481_941_3),
            (found.p, 0.117_316_665_9),
            (found.excess, 0.031_740_301_4),
        ] {
            assert!((found / expected - 1.0).abs() < 2e-9, "{found} is not {expected}");
        }
        assert!(!found.is_shown());
    }

    #[test]
    fn a_large_change_is_shown_and_the_same_mix_is_not() {
        assert!(drift(&[100, 100, 800], &[800, 100, 100]).expect("three bins").is_shown());
        let same = drift(&[80, 10, 10], &[800, 100, 100]).expect("three bins");
        assert!(!same.is_shown() && same.index < 0.001);
        // Few tickets: a large index that chance explains.
        let few = drift(&[2, 3, 1], &[800, 100, 100]).expect("three bins");
        assert!(few.index > 0.25 && few.p > P_MIN && !few.is_shown());
    }

    #[test]
    fn what_cannot_be_compared_is_no_number() {
        assert_eq!(drift(&[1, 2], &[1, 2, 3]), None);
        assert_eq!(drift(&[5], &[5]), None);
        assert_eq!(drift(&[0, 0], &[1, 2]), None);
        assert_eq!(drift(&[], &[]), None);
    }

    proptest! {
        #[test]
        fn drift_is_never_negative_symmetric_and_blind_to_the_order_of_bins(
            counts in prop::collection::vec((0..500_u64, 0..500_u64), 2..12)
        ) {
            let (window, reference): (Vec<u64>, Vec<u64>) = counts.iter().copied().unzip();
            prop_assume!(window.iter().sum::<u64>() > 0 && reference.iter().sum::<u64>() > 0);
            let found = drift(&window, &reference).expect("counts");
            prop_assert!(found.index >= 0.0 && (0.0..=1.0).contains(&found.p));
            let exchanged = drift(&reference, &window).expect("counts");
            prop_assert!((found.index - exchanged.index).abs() < 1e-9);
            let (reversed, of): (Vec<u64>, Vec<u64>) = counts.iter().rev().copied().unzip();
            prop_assert!((drift(&reversed, &of).expect("counts").index - found.index).abs() < 1e-9);
        }
    }
}
