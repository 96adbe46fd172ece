//! Intervals for measures without a formula: kappa, alpha, macro-F1, differences of them.
//!
//! Tickets are drawn with replacement and the measure is computed anew. What is drawn is the independent unit: a ticket,
//! or a whole group of near-identical ones. For two models on the same tickets the measure is their difference on the
//! drawn units, which keeps the pairs together.

use std::collections::BTreeMap;

use super::confusion::Confusion;
use super::random::SeededRandom;
use super::swap_test::Answered;
use super::wilson::Interval;

/// Draws behind an interval: its ends then move by about a fiftieth of its width from seed to seed.
pub const DRAWS: usize = 2_000;

/// The percentile interval at `level`, as 0.95, of a measure over [`DRAWS`] samples of `units` unit indices (Efron, Annals
/// of Statistics 7, 1979; ends by linear interpolation between order statistics).
///
/// Samples on which the measure is undefined are left out. `None` without units, or where the measure is undefined on
/// more than half of the samples: then it is no interval of anything.
///
/// Contract: 0 < level < 1.
pub fn percentile_interval(
    units: usize,
    level: f64,
    random: &mut SeededRandom,
    mut measure: impl FnMut(&[usize]) -> Option<f64>,
) -> Option<Interval> {
    assert!(level > 0.0 && level < 1.0, "{level} is no level of an interval");
    if units == 0 {
        return None;
    }
    let mut drawn = vec![0; units];
    let mut values = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        for unit in &mut drawn {
            *unit = random.below(units);
        }
        values.extend(measure(&drawn).filter(|value| value.is_finite()));
    }
    percentile_of(values, level)
}

/// The interval of second − first of a measure of two models on the same tickets: the paired bootstrap.
///
/// Each unit is a group of near-identical tickets, or a single one. `None` as in [`percentile_interval`].
///
/// Contract: each class is below `classes`; 0 < level < 1.
pub fn paired_difference(
    units: &[Vec<Answered>],
    classes: usize,
    level: f64,
    measure: impl Fn(&Confusion) -> Option<f64>,
    random: &mut SeededRandom,
) -> Option<Interval> {
    let kinds = Kinds::of(
        units.iter().map(|unit| unit.iter().map(|&Answered { truth, first, second }| (truth, first, second))),
    );
    kinds.interval(level, random, |drawn| {
        let (mut first, mut second) = (Confusion::new(classes), Confusion::new(classes));
        for (unit, times) in drawn {
            for &(truth, one, other) in *unit {
                first.add_many(truth, one, *times);
                second.add_many(truth, other, *times);
            }
        }
        Some(measure(&second)? - measure(&first)?)
    })
}

/// The interval of a measure of one model. A unit is a group of near-identical tickets, each as truth and answer.
/// `None` as in [`percentile_interval`].
///
/// Contract: each class is below `classes`; 0 < level < 1.
pub fn measure_interval(
    units: &[Vec<(usize, usize)>],
    classes: usize,
    level: f64,
    measure: impl Fn(&Confusion) -> Option<f64>,
    random: &mut SeededRandom,
) -> Option<Interval> {
    Kinds::of(units.iter().map(|unit| unit.iter().copied())).interval(level, random, |drawn| {
        let mut confusion = Confusion::new(classes);
        for (unit, times) in drawn {
            for &(truth, answer) in *unit {
                confusion.add_many(truth, answer, *times);
            }
        }
        measure(&confusion)
    })
}

/// Units counted by kind. Units alike are exchangeable: drawing how often each *kind* occurs among n drawn units is
/// drawing the units, and a hundred thousand tickets have a few dozen kinds.
struct Kinds<K> {
    kinds: Vec<(Vec<K>, u64)>,
    units: u64,
}

impl<K: Ord + Copy> Kinds<K> {
    /// Only of a kind that was not there yet is a copy made.
    fn of(units: impl Iterator<Item = impl Iterator<Item = K>>) -> Self {
        let mut counts: BTreeMap<Vec<K>, u64> = BTreeMap::new();
        let mut sorted = Vec::new();
        for unit in units {
            sorted.clear();
            sorted.extend(unit);
            sorted.sort_unstable();
            match counts.get_mut(sorted.as_slice()) {
                Some(count) => *count += 1,
                None => drop(counts.insert(sorted.clone(), 1)),
            }
        }
        let units = counts.values().sum();
        Self { kinds: counts.into_iter().collect(), units }
    }

    fn interval(
        &self,
        level: f64,
        random: &mut SeededRandom,
        measure: impl Fn(&[(&[K], u64)]) -> Option<f64>,
    ) -> Option<Interval> {
        assert!(level > 0.0 && level < 1.0, "{level} is no level of an interval");
        if self.units == 0 {
            return None;
        }
        let mut drawn = Vec::with_capacity(self.kinds.len());
        let mut values = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            drawn.clear();
            // A multinomial draw: of the units still to draw, so many are of this kind rather than of a later one.
            let (mut to_draw, mut later) = (self.units, self.units);
            for (unit, count) in &self.kinds {
                let times = random.successes(to_draw, *count as f64 / later as f64);
                to_draw -= times;
                later -= count;
                if times > 0 {
                    drawn.push((unit.as_slice(), times));
                }
            }
            values.extend(measure(&drawn).filter(|value| value.is_finite()));
        }
        percentile_of(values, level)
    }
}

/// The percentile interval of the values of [`DRAWS`] samples, where more than half of them are defined.
fn percentile_of(mut values: Vec<f64>, level: f64) -> Option<Interval> {
    if 2 * values.len() < DRAWS {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let outside = (1.0 - level) / 2.0;
    Some(Interval { low: quantile_of(&values, outside), high: quantile_of(&values, 1.0 - outside) })
}

/// The quantile of sorted values, linear between them: position `(n−1)·level` from 0, as numpy's default.
///
/// Contract: at least one value.
pub fn quantile_of(sorted: &[f64], level: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * level;
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::wilson;

    fn mean_of(values: &[f64]) -> impl FnMut(&[usize]) -> Option<f64> {
        |drawn| Some(drawn.iter().map(|&unit| values[unit]).sum::<f64>() / drawn.len() as f64)
    }

    #[test]
    fn the_interval_of_a_share_is_close_to_wilsons() {
        let right: Vec<f64> = (0..400).map(|ticket| f64::from(u8::from(ticket % 4 != 0))).collect();
        let found = percentile_interval(400, 0.95, &mut SeededRandom::new(1), mean_of(&right)).expect("units");
        let wilson = wilson::interval_95(300, 400).expect("trials");
        assert!((found.low - wilson.low).abs() < 0.01 && (found.high - wilson.high).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn one_seed_gives_one_interval() {
        let values = [0.1, 0.9, 0.4, 0.7, 0.7, 0.2];
        let found = |seed| percentile_interval(6, 0.9, &mut SeededRandom::new(seed), mean_of(&values));
        assert_eq!(found(7), found(7));
        assert_ne!(found(7), found(8));
    }

    #[test]
    fn pairs_that_always_differ_alike_have_no_width() {
        let first = [3.0, 5.0, 9.0];
        let second = [2.0, 4.0, 8.0];
        let difference: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
        let found = percentile_interval(3, 0.95, &mut SeededRandom::new(2), mean_of(&difference)).expect("units");
        assert_eq!(found, Interval { low: 1.0, high: 1.0 });
    }

    #[test]
    fn a_paired_difference_is_tighter_than_two_separate_intervals_and_looser_for_groups() {
        // Of 300 tickets the second model repairs 30 and breaks 6; both are wrong on 30.
        let answered = |truth, first, second| Answered { truth, first, second };
        let tickets: Vec<Answered> = (0..300_usize)
            .map(|ticket| match ticket % 50 {
                0..5 => answered(ticket % 4, (ticket + 1) % 4, ticket % 4),
                5 => answered(ticket % 4, ticket % 4, (ticket + 1) % 4),
                6..11 => answered(ticket % 4, (ticket + 1) % 4, (ticket + 1) % 4),
                _ => answered(ticket % 4, ticket % 4, ticket % 4),
            })
            .collect();
        let single: Vec<Vec<Answered>> = tickets.iter().map(|&ticket| vec![ticket]).collect();
        // The same tickets, five near-identical ones to a group.
        let grouped: Vec<Vec<Answered>> = tickets.chunks(5).map(<[Answered]>::to_vec).collect();
        let find = |units: &[Vec<Answered>]| {
            paired_difference(units, 4, 0.95, Confusion::macro_f1, &mut SeededRandom::new(4)).expect("defined")
        };
        let (single, grouped) = (find(&single), find(&grouped));
        assert!(single.low > 0.0 && single.low < 0.08 && 0.08 < single.high && single.high < 0.16, "{single:?}");
        assert!(grouped.high - grouped.low > single.high - single.low, "{grouped:?}");
        assert_eq!(paired_difference(&[], 4, 0.95, Confusion::macro_f1, &mut SeededRandom::new(4)), None);
    }

    #[test]
    fn what_is_mostly_undefined_has_no_interval() {
        assert_eq!(percentile_interval(0, 0.95, &mut SeededRandom::new(3), |_| Some(1.0)), None);
        assert_eq!(percentile_interval(5, 0.95, &mut SeededRandom::new(3), |_| None), None);
        assert_eq!(percentile_interval(5, 0.95, &mut SeededRandom::new(3), |_| Some(f64::NAN)), None);
        let sometimes = |drawn: &[usize]| drawn.contains(&0).then_some(1.0);
        assert!(percentile_interval(5, 0.95, &mut SeededRandom::new(3), sometimes).is_some());
    }

    #[test]
    fn quantiles_reproduce_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.5, 1.0].map(|level| quantile_of(&sorted, level)), [1.0, 3.0, 8.0]);
        assert!((quantile_of(&sorted, 0.9) - 6.8).abs() < 1e-12);
        assert_eq!(quantile_of(&[5.0], 0.3), 5.0);
    }

    #[test]
    fn the_interval_of_one_models_share_right_is_close_to_wilsons() {
        let units: Vec<Vec<(usize, usize)>> = (0..400).map(|ticket| vec![(0, usize::from(ticket % 4 == 0))]).collect();
        let share = |confusion: &Confusion| Some(confusion.agreed() as f64 / confusion.total() as f64);
        let found = measure_interval(&units, 2, 0.95, share, &mut SeededRandom::new(1)).expect("units");
        let wilson = wilson::interval_95(300, 400).expect("trials");
        assert!((found.low - wilson.low).abs() < 0.01 && (found.high - wilson.high).abs() < 0.01, "{found:?}");
    }
}
