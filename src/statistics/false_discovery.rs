//! Many slices looked at together: which of them stand out, when some always do by chance.

/// Benjamini and Hochberg's adjusted p values, in the order of the given ones: `min over j ≥ i of p_(j)·m/j`, at most 1.
///
/// Calling a slice worse where its value is at most q keeps the expected share of false calls at or below q, for
/// independent or positively dependent tests (Benjamini, Hochberg, Journal of the Royal Statistical Society B 57, 1995).
///
/// Contract: each p is from 0 to 1.
pub fn adjusted_p_values(p_values: &[f64]) -> Vec<f64> {
    assert!(p_values.iter().all(|p| (0.0..=1.0).contains(p)), "a p value is not from 0 to 1");
    let count = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut smallest = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[index] * (count / (rank + 1) as f64));
        adjusted[index] = smallest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reproduces_the_example_of_the_paper() {
        // Benjamini and Hochberg, 1995, table 2: at 5 % the first four are rejected.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let found = adjusted_p_values(&p);
        assert_eq!(found.iter().filter(|&&value| value <= 0.05).count(), 4);
        assert!((found[0] - 0.0015).abs() < 1e-12 && (found[3] - 0.0095 * 15.0 / 4.0).abs() < 1e-12);
    }

    #[test]
    fn one_test_needs_no_adjustment_and_none_has_none() {
        assert_eq!(adjusted_p_values(&[0.03]), [0.03]);
        assert!(adjusted_p_values(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn adjusted_values_keep_the_order_and_are_never_smaller(p in prop::collection::vec(0.0..=1.0_f64, 1..60)) {
            let found = adjusted_p_values(&p);
            for (i, j) in (0..p.len()).flat_map(|i| (0..p.len()).map(move |j| (i, j))) {
                prop_assert!(p[i] > p[j] || found[i] <= found[j]);
            }
            prop_assert!(p.iter().zip(&found).all(|(before, after)| before <= after && *after <= 1.0));
        }
    }
}
