//! Is a rate higher in one group than in the rest? Fisher's exact test, for groups of any size.

use super::gamma::ln_gamma;
use super::wilson::Share;

/// The probability, if both groups had one rate, that `group` holds so many of all hits, or more: the upper tail of the
/// hypergeometric distribution (Fisher, 1934). 1 where either is empty: nothing to compare.
///
/// Contract: no more hits than there are.
pub fn group_is_higher_p(group: Share, rest: Share) -> f64 {
    assert!(group.hits <= group.of && rest.hits <= rest.of, "{group:?}, {rest:?}");
    let (all, hits) = (group.of + rest.of, group.hits + rest.hits);
    if group.of == 0 || rest.of == 0 {
        return 1.0;
    }
    let ln_all = ln_choose(all, group.of);
    let point = |count: u64| (ln_choose(hits, count) + ln_choose(all - hits, group.of - count) - ln_all).exp();
    // From the observed count upwards; terms fall once past the mode, and what is far below the sum no longer counts.
    let most = hits.min(group.of);
    let mode = (group.of + 1) as f64 * (hits + 1) as f64 / (all + 2) as f64;
    let mut sum = 0.0;
    for count in group.hits..=most {
        let term = point(count);
        sum += term;
        if count as f64 > mode && term < sum * 1e-16 {
            break;
        }
    }
    sum.min(1.0)
}

fn ln_choose(of: u64, chosen: u64) -> f64 {
    ln_gamma((of + 1) as f64) - ln_gamma((chosen + 1) as f64) - ln_gamma((of - chosen + 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn p(hits: u64, of: u64, rest_hits: u64, rest: u64) -> f64 {
        group_is_higher_p(Share { hits, of }, Share { hits: rest_hits, of: rest })
    }

    #[test]
    fn the_lady_tasting_tea_guesses_three_or_more_of_four_by_chance_in_17_of_70() {
        assert!((p(3, 4, 1, 4) - 17.0 / 70.0).abs() < 1e-12);
        assert!((p(4, 4, 0, 4) - 1.0 / 70.0).abs() < 1e-12);
    }

    #[test]
    fn a_group_without_hits_or_without_a_rest_is_never_higher() {
        assert!((p(0, 7, 3, 9) - 1.0).abs() < 1e-12);
        assert_eq!((p(3, 9, 0, 0), p(0, 0, 3, 9)), (1.0, 1.0));
    }

    #[test]
    fn the_tails_of_all_tables_with_the_same_margins_fall_from_one() {
        let (hits, group, rest) = (30, 25, 60);
        let tails: Vec<f64> = (0..=25).map(|count| p(count, group, hits - count, rest)).collect();
        assert!((tails[0] - 1.0).abs() < 1e-9 && tails.is_sorted_by(|a, b| a > b), "{tails:?}");
    }
}
