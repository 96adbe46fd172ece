//! Is one model better than another on the same tickets, by a measure that is no mean of right answers? The paired swap
//! test, for any measure that is read from a confusion matrix: macro-F1, kappa, cost.

use std::collections::BTreeMap;

use super::confusion::Confusion;
use super::random::SeededRandom;

/// With at most so many units answered differently every swap is tried (a million), beyond it [`DRAWS`] are drawn.
const ENUMERATED_MAX: usize = 20;
/// Random swaps: a p value of 0.05 is then known to ± 0.004.
const DRAWS: u32 = 10_000;
/// Differences closer than this to the observed one count as equal to it: they differ by rounding alone.
const SAME: f64 = 1e-12;

/// One ticket: the truth and what each model said, as class indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The true class.
    pub truth: usize,
    /// What the first model said.
    pub first: usize,
    /// What the second model said.
    pub second: usize,
}

/// What the swap test found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SwapTest {
    /// The measure of the first model.
    pub first: f64,
    /// The measure of the second model.
    pub second: f64,
    /// Two-sided p value: how often swapping the two models' answers unit by unit gives a difference at least as large.
    /// Exact up to 20 units answered differently, else `(1 + count)/(1 + draws)` (Phipson, Smyth, Statistical
    /// Applications in Genetics and Molecular Biology 9, 2010).
    pub p: f64,
    /// Units in which the two answered differently; only these can tell.
    pub differing: usize,
}

/// Under "no difference" either answer could have come from either model (Fisher's randomisation test; for F1 see Yeh,
/// COLING 2000). `random` is used only beyond 20 differing units.
///
/// Each unit is a group of near-identical tickets, or a single one. It is swapped as a whole: what a model makes of one ticket
/// of a group it makes of the others, so that they are one piece of evidence.
///
/// `None` where the measure of either model is undefined.
///
/// Contract: each class is below `classes`.
pub fn swap_test(
    units: &[Vec<Answered>],
    classes: usize,
    measure: impl Fn(&Confusion) -> Option<f64>,
    random: &mut SeededRandom,
) -> Option<SwapTest> {
    let mut models = Models {
        first: Confusion::of(classes, units.iter().flatten().map(|ticket| (ticket.truth, ticket.first))),
        second: Confusion::of(classes, units.iter().flatten().map(|ticket| (ticket.truth, ticket.second))),
    };
    let (first, second) = (measure(&models.first)?, measure(&models.second)?);
    let observed = (first - second).abs() - SAME;
    let differing_of = |unit: &Vec<Answered>| -> Vec<Answered> {
        unit.iter().filter(|ticket| ticket.first != ticket.second).copied().collect()
    };
    let mut differing: Vec<Vec<Answered>> = units.iter().map(differing_of).filter(|unit| !unit.is_empty()).collect();
    // An undefined measure cannot be as far apart as a defined one.
    let is_as_large = |models: &Models| match (measure(&models.first), measure(&models.second)) {
        (Some(first), Some(second)) => (first - second).abs() >= observed,
        (None, _) | (_, None) => false,
    };
    let p = if differing.len() <= ENUMERATED_MAX {
        let all = 1_u64 << differing.len();
        let mut as_large = u64::from(is_as_large(&models));
        // In Gray's order each step swaps one unit: the lowest set bit of the step's number.
        for step in 1..all {
            differing[step.trailing_zeros() as usize].iter_mut().for_each(|ticket| models.swap(ticket));
            as_large += u64::from(is_as_large(&models));
        }
        as_large as f64 / all as f64
    } else {
        let cells = Cells::of(&differing, &models);
        let as_large = (0..DRAWS).filter(|_| is_as_large(&cells.swapped(random))).count() as u32;
        f64::from(1 + as_large) / f64::from(1 + DRAWS)
    };
    Some(SwapTest { first, second, p, differing: differing.len() })
}

struct Models {
    first: Confusion,
    second: Confusion,
}

impl Models {
    /// Gives each model the other's answer to this ticket.
    fn swap(&mut self, ticket: &mut Answered) {
        self.first.remove(ticket.truth, ticket.first);
        self.second.remove(ticket.truth, ticket.second);
        std::mem::swap(&mut ticket.first, &mut ticket.second);
        self.first.add(ticket.truth, ticket.first);
        self.second.add(ticket.truth, ticket.second);
    }
}

/// Differing units counted by what they are: alike ones are exchangeable, so a draw is how many of each are swapped.
struct Cells {
    /// Both models without the differing tickets.
    agreeing: Models,
    cells: BTreeMap<Vec<(usize, usize, usize)>, u64>,
}

impl Cells {
    fn of(differing: &[Vec<Answered>], models: &Models) -> Self {
        let mut agreeing = Models { first: models.first.clone(), second: models.second.clone() };
        let mut cells: BTreeMap<Vec<(usize, usize, usize)>, u64> = BTreeMap::new();
        let mut kind = Vec::new();
        for unit in differing {
            kind.clear();
            kind.extend(unit.iter().map(|&Answered { truth, first, second }| (truth, first, second)));
            for &(truth, first, second) in &kind {
                agreeing.first.remove(truth, first);
                agreeing.second.remove(truth, second);
            }
            kind.sort_unstable();
            match cells.get_mut(kind.as_slice()) {
                Some(count) => *count += 1,
                None => drop(cells.insert(kind.clone(), 1)),
            }
        }
        Self { agreeing, cells }
    }

    /// Each differing unit swapped with probability ½.
    fn swapped(&self, random: &mut SeededRandom) -> Models {
        let mut models = Models { first: self.agreeing.first.clone(), second: self.agreeing.second.clone() };
        for (kind, &count) in &self.cells {
            let swapped = random.heads(count);
            for &(truth, first, second) in kind {
                models.first.add_many(truth, first, count - swapped);
                models.first.add_many(truth, second, swapped);
                models.second.add_many(truth, second, count - swapped);
                models.second.add_many(truth, first, swapped);
            }
        }
        models
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::sign_test::Discordant;

    fn answered(truth: &str, first: &str, second: &str) -> Vec<Answered> {
        let digits = |text: &str| {
            text.chars().filter_map(|letter| letter.to_digit(10)).map(|digit| digit as usize).collect::<Vec<_>>()
        };
        digits(truth)
            .into_iter()
            .zip(digits(first))
            .zip(digits(second))
            .map(|((truth, first), second)| Answered { truth, first, second })
            .collect()
    }

    /// Each ticket a unit of its own.
    fn swap_test(
        tickets: &[Answered],
        classes: usize,
        measure: impl Fn(&Confusion) -> Option<f64>,
        random: &mut SeededRandom,
    ) -> Option<SwapTest> {
        let units: Vec<Vec<Answered>> = tickets.iter().map(|ticket| vec![*ticket]).collect();
        super::swap_test(&units, classes, measure, random)
    }

    fn share_right(confusion: &Confusion) -> Option<f64> {
        (confusion.total() > 0).then(|| confusion.agreed() as f64 / confusion.total() as f64)
    }

    #[test]
    fn reproduces_the_enumerated_example() {
        let tickets = answered("000011122233", "001011222132", "011010221131");
        let found = swap_test(&tickets, 4, Confusion::macro_f1, &mut SeededRandom::new(0)).expect("defined");
        assert!((found.first - 0.666_666_666_7).abs() < 1e-9 && (found.second - 0.465_079_365_1).abs() < 1e-9);
        assert_eq!((found.differing, found.p), (4, 0.25));
    }

    #[test]
    fn for_right_answers_it_is_the_exact_sign_test() {
        // 2 tickets on which only the first is right, 9 on which only the second is: McNemar's exact p.
        let tickets = answered("00000000000000", "00111111111000", "11000000000000");
        let found = swap_test(&tickets, 2, share_right, &mut SeededRandom::new(0)).expect("defined");
        let exact = Discordant { first: 2, second: 9 }.exact_two_sided();
        assert!((found.p - exact).abs() < 1e-12, "{} is not {exact}", found.p);
    }

    #[test]
    fn many_differences_are_drawn_and_agree_with_the_exact_value() {
        let tickets = [
            vec![Answered { truth: 0, first: 0, second: 1 }; 10],
            vec![Answered { truth: 0, first: 1, second: 0 }; 22],
        ]
        .concat();
        let exact = Discordant { first: 10, second: 22 }.exact_two_sided();
        let test = |seed| swap_test(&tickets, 2, share_right, &mut SeededRandom::new(seed)).expect("defined");
        assert!((test(1).p - exact).abs() < 0.012, "{} is not {exact}", test(1).p);
        assert_eq!(test(1), test(1));
    }

    #[test]
    fn a_group_is_swapped_as_one_whether_it_is_enumerated_or_drawn() {
        // Twenty tickets on which only the second is right are one piece of evidence in one group, and prove nothing.
        let repaired = Answered { truth: 0, first: 1, second: 0 };
        let test = |units: &[Vec<Answered>]| {
            super::swap_test(units, 2, share_right, &mut SeededRandom::new(1)).expect("defined")
        };
        let one_group = test(&[vec![repaired; 20]]);
        assert_eq!((one_group.p, one_group.differing), (1.0, 1));
        let pairs = test(&vec![vec![repaired; 2]; 5]);
        assert_eq!(pairs.p, Discordant { first: 0, second: 5 }.exact_two_sided());
        let broken = Answered { truth: 0, first: 0, second: 1 };
        let many = [vec![vec![repaired; 3]; 22], vec![vec![broken; 3]; 10]].concat();
        let exact = Discordant { first: 10, second: 22 }.exact_two_sided();
        assert!((test(&many).p - exact).abs() < 0.012, "{} is not {exact}", test(&many).p);
    }

    #[test]
    fn models_that_answer_alike_do_not_differ() {
        let tickets = answered("0123", "0121", "0121");
        let found = swap_test(&tickets, 4, Confusion::macro_f1, &mut SeededRandom::new(0)).expect("defined");
        assert_eq!((found.p, found.differing, found.first), (1.0, 0, found.second));
        assert_eq!(swap_test(&[], 4, Confusion::macro_f1, &mut SeededRandom::new(0)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn exchanging_the_models_keeps_the_p_value(
            tickets in prop::collection::vec((0..3_usize, 0..3_usize, 0..3_usize), 1..12)
        ) {
            let one: Vec<Answered> =
                tickets.iter().map(|&(truth, first, second)| Answered { truth, first, second }).collect();
            let other: Vec<Answered> =
                one.iter().rev().map(|t| Answered { truth: t.truth, first: t.second, second: t.first }).collect();
            let test = |tickets: &[Answered]| swap_test(tickets, 3, Confusion::macro_f1, &mut SeededRandom::new(0));
            let (found, exchanged) = (test(&one).expect("defined"), test(&other).expect("defined"));
            prop_assert_eq!(found.p, exchanged.p);
            prop_assert!(found.p > 0.0 && found.p <= 1.0);
        }
    }
}
