//! Krippendorff's alpha: do several reviewers agree, when not everybody rated everything?

/// What the distance between two ratings means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Classes without order, as root causes.
    Nominal,
    /// Ordered classes, as severities or ratings: the distance is how many ratings lie between.
    Ordinal,
    /// Numbers: the distance is the difference of class indices.
    Interval,
}

/// `α = 1 − (n−1) · Σ_{c<k} o_ck δ²_ck / Σ_{c<k} n_c n_k δ²_ck` over the coincidences `o_ck = Σ_u pairs(c, k in u)/(m_u − 1)`
/// of units with at least two ratings, `n_c = Σ_k o_ck`. Ordinal: `δ_ck = Σ_{g=c..k} n_g − (n_c + n_k)/2`
/// (Krippendorff, "Content Analysis", 4th edition, 2018, chapter 12). 1 is perfect, 0 is chance.
///
/// `units` holds the ratings of each ticket, in any order, as indices below `classes`. `None` where no unit has two
/// ratings, or all paired ratings are the same: undefined, not 1.
///
/// Contract: each rating is below `classes`.
pub fn alpha(units: &[Vec<usize>], classes: usize, scale: Scale) -> Option<f64> {
    alpha_of_counted(units.iter().map(|unit| (unit.as_slice(), 1)), classes, scale)
}

/// [`alpha`] where units that are rated alike stand there once, each with how many of them there are.
///
/// Contract: each rating is below `classes`.
pub fn alpha_of_counted<'units>(
    units: impl IntoIterator<Item = (&'units [usize], u64)>,
    classes: usize,
    scale: Scale,
) -> Option<f64> {
    let coincidences = coincidences(units, classes);
    let totals: Vec<f64> = coincidences.iter().map(|row| row.iter().sum()).collect();
    let ratings: f64 = totals.iter().sum();
    let (mut observed, mut expected) = (0.0, 0.0);
    for low in 0..classes {
        for high in low + 1..classes {
            let distance = distance(scale, &totals, low, high);
            observed += coincidences[low][high] * distance * distance;
            expected += totals[low] * totals[high] * distance * distance;
        }
    }
    (expected > 0.0).then(|| 1.0 - (ratings - 1.0) * observed / expected)
}

fn coincidences<'units>(units: impl IntoIterator<Item = (&'units [usize], u64)>, classes: usize) -> Vec<Vec<f64>> {
    let mut found = vec![vec![0.0; classes]; classes];
    for (unit, times) in units.into_iter().filter(|(unit, _)| unit.len() >= 2) {
        let weight = times as f64 / (unit.len() - 1) as f64;
        for (first, &one) in unit.iter().enumerate() {
            for (second, &other) in unit.iter().enumerate() {
                if first != second {
                    found[one][other] += weight;
                }
            }
        }
    }
    found
}

fn distance(scale: Scale, totals: &[f64], low: usize, high: usize) -> f64 {
    match scale {
        Scale::Nominal => 1.0,
        Scale::Ordinal => totals[low..=high].iter().sum::<f64>() - f64::midpoint(totals[low], totals[high]),
        Scale::Interval => (high - low) as f64,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reviewers as rows, tickets as columns, a dot where one did not rate; `first` is the smallest class.
    fn units(rows: &[&str], first: usize) -> Vec<Vec<usize>> {
        let rows: Vec<Vec<char>> =
            rows.iter().map(|row| row.chars().filter(|letter| !letter.is_whitespace()).collect()).collect();
        (0..rows[0].len())
            .map(|ticket| {
                rows.iter().filter_map(|row| row[ticket].to_digit(10)).map(|digit| digit as usize - first).collect()
            })
            .collect()
    }

    #[track_caller]
    fn check(units: &[Vec<usize>], classes: usize, scale: Scale, expected: f64) {
        let found = alpha(units, classes, scale).expect("it varies");
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    #[test]
    fn reproduces_the_published_example_of_four_reviewers() {
        let rows = ["1233214 12...", "12332241 25.3", ".3332342 251.", "12332441 251."];
        let units = units(&rows, 1);
        assert_eq!(units.len(), 12);
        check(&units, 5, Scale::Nominal, 0.743_421_052_6);
        check(&units, 5, Scale::Ordinal, 0.815_387_503_8);
        check(&units, 5, Scale::Interval, 0.849_107_142_9);
    }

    #[test]
    fn reproduces_severities_of_three_reviewers() {
        let units = units(&["0012301203", "011230.103", "00133.1202"], 0);
        check(&units, 4, Scale::Nominal, 0.623_693_379_8);
        check(&units, 4, Scale::Ordinal, 0.903_657_066_7);
        check(&units, 4, Scale::Interval, 0.896_452_540_7);
    }

    #[test]
    fn reproduces_root_cause_ratings_by_ticket() {
        let tickets = ["22.", "121", "001", "212", "0.0", "222", "11.", "2.1"];
        let units: Vec<Vec<usize>> = tickets
            .iter()
            .map(|ratings| {
                ratings.chars().filter_map(|letter| letter.to_digit(10)).map(|digit| digit as usize).collect()
            })
            .collect();
        check(&units, 3, Scale::Ordinal, 0.630_878_496_5);
        check(&units, 3, Scale::Nominal, 0.401_574_803_1);
        check(&units, 3, Scale::Interval, 0.676_595_744_7);
    }

    #[test]
    fn without_two_ratings_or_variation_it_is_undefined() {
        for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
            assert_eq!(alpha(&[], 4, scale), None);
            assert_eq!(alpha(&[vec![0], vec![3]], 4, scale), None);
            assert_eq!(alpha(&[vec![2, 2], vec![2, 2, 2]], 4, scale), None);
            assert_eq!(alpha(&[vec![2, 2], vec![1, 1]], 4, scale), Some(1.0));
        }
    }

    proptest! {
        #[test]
        fn neither_the_order_of_tickets_nor_of_reviewers_nor_single_ratings_matter(
            units in prop::collection::vec(prop::collection::vec(0..4_usize, 1..5), 2..30)
        ) {
            let mut other: Vec<Vec<usize>> =
                units.iter().rev().map(|unit| unit.iter().rev().copied().collect()).collect();
            other.push(vec![0]);
            for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
                match (alpha(&units, 4, scale), alpha(&other, 4, scale)) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9 && a <= 1.0),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }

        #[test]
        fn units_that_are_counted_say_what_they_say_one_by_one(
            kinds in prop::collection::vec((prop::collection::vec(0..4_usize, 1..5), 0..4_u64), 1..10)
        ) {
            let units: Vec<Vec<usize>> =
                kinds.iter().flat_map(|(unit, times)| std::iter::repeat_n(unit.clone(), *times as usize)).collect();
            for scale in [Scale::Nominal, Scale::Ordinal, Scale::Interval] {
                let counted = kinds.iter().map(|(unit, times)| (unit.as_slice(), *times));
                match (alpha_of_counted(counted, 4, scale), alpha(&units, 4, scale)) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-9),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
        }
    }
}
