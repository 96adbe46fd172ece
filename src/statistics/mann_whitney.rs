//! The Mann–Whitney test, as canary analysers use it: are values of one group larger than those of another?
//!
//! Restated here to be compared with; our own gates do not use it.

use super::normal::two_sided_p;

/// What the test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MannWhitney {
    /// Pairs in which the first is larger, ties half.
    pub u: f64,
    /// Standard normal where both groups are alike, above 0 where the first is larger.
    pub z: f64,
    /// Two-sided p value.
    pub p: f64,
}

/// `U = R₁ − n₁(n₁+1)/2` from mid-ranks; normal approximation with the variance corrected for ties and a continuity
/// correction of ½ (Mann, Whitney, Annals of Mathematical Statistics 18, 1947; Lehmann, "Nonparametrics", 1975).
///
/// `None` where a group is empty or all values are equal.
///
/// Contract: no value is NaN.
pub fn mann_whitney(first: &[f64], second: &[f64]) -> Option<MannWhitney> {
    let mut values: Vec<(f64, bool)> =
        first.iter().map(|&value| (value, true)).chain(second.iter().map(|&value| (value, false))).collect();
    assert!(values.iter().all(|(value, _)| !value.is_nan()), "values without order cannot be ranked");
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut rank_sum, mut ties, mut before) = (0.0, 0.0, 0.0);
    for equal in values.chunk_by(|a, b| a.0 == b.0) {
        let size = equal.len() as f64;
        let of_first = equal.iter().filter(|(_, is_first)| *is_first).count() as f64;
        rank_sum += of_first * (before + f64::midpoint(size, 1.0));
        ties += size * size * size - size;
        before += size;
    }
    let (n1, n2) = (first.len() as f64, second.len() as f64);
    let u = rank_sum - n1 * (n1 + 1.0) / 2.0;
    let all = n1 + n2;
    let variance = n1 * n2 / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)));
    // NaN is the variance of nothing.
    if variance.is_nan() || variance <= 0.0 {
        return None;
    }
    let distance = u - n1 * n2 / 2.0;
    let z = distance.signum() * (distance.abs() - 0.5).max(0.0) / variance.sqrt();
    Some(MannWhitney { u, z, p: two_sided_p(z) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reproduces_scipy() {
        // scipy.stats.mannwhitneyu(method="asymptotic"); the first is its documented example.
        let found = mann_whitney(&[19.0, 22.0, 16.0, 29.0, 24.0], &[20.0, 11.0, 17.0, 12.0]).expect("both vary");
        assert_eq!(found.u, 17.0);
        assert!((found.p - 0.111_346_886_533_140_41).abs() < 1e-9, "{}", found.p);
    }

    #[test]
    fn equal_values_or_an_empty_group_are_no_test() {
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0]), None);
        assert_eq!(mann_whitney(&[], &[1.0, 2.0]), None);
        assert_eq!(mann_whitney(&[1.0], &[]), None);
        assert_eq!(mann_whitney(&[], &[]), None);
    }

    #[test]
    fn groups_in_the_same_place_have_p_one() {
        assert_eq!(mann_whitney(&[1.0, 4.0], &[2.0, 3.0]).expect("they vary").p, 1.0);
    }

    proptest! {
        #[test]
        fn exchanging_the_groups_mirrors_and_monotone_changes_do_not_matter(
            first in prop::collection::vec(0..6_u8, 1..40), second in prop::collection::vec(0..6_u8, 1..40)
        ) {
            let numbers = |values: &[u8]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
            let cubes = |values: &[u8]| values.iter().map(|&value| f64::from(value).powi(3) - 7.0).collect::<Vec<_>>();
            let found = mann_whitney(&numbers(&first), &numbers(&second));
            let mirrored = mann_whitney(&numbers(&second), &numbers(&first));
            prop_assert_eq!(mann_whitney(&cubes(&first), &cubes(&second)), found);
            prop_assert_eq!(found.is_some(), mirrored.is_some());
            if let Some((found, mirrored)) = found.zip(mirrored) {
                prop_assert!((found.u + mirrored.u - (first.len() * second.len()) as f64).abs() < 1e-9);
                prop_assert!((found.z + mirrored.z).abs() < 1e-9 && (found.p - mirrored.p).abs() < 1e-9);
            }
        }
    }
}
