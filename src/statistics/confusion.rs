//! Two raters over the same classes: counts of every pair of answers, and the agreement measures that are read from them.

/// Counts of (row, column) answers over the same classes in the same order; rows are the truth or the first rater.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

/// How much a disagreement weighs, by the distance of its classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// Every disagreement alike: Cohen's kappa. For classes without order.
    Equal,
    /// By the distance.
    Linear,
    /// By its square: the usual one for ordered classes such as severity.
    Quadratic,
}

impl Weighting {
    fn of(self, row: usize, column: usize) -> f64 {
        let distance = row.abs_diff(column) as f64;
        match self {
            Self::Equal => f64::from(u8::from(row != column)),
            Self::Linear => distance,
            Self::Quadratic => distance * distance,
        }
    }
}

impl Confusion {
    /// Nothing counted yet.
    ///
    /// Contract: at least one class.
    pub fn new(classes: usize) -> Self {
        assert!(classes > 0, "answers need a class");
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts the pairs.
    ///
    /// Contract: each answer is below `classes`.
    pub fn of(classes: usize, pairs: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut confusion = Self::new(classes);
        for (row, column) in pairs {
            confusion.add(row, column);
        }
        confusion
    }

    /// Counts one pair more.
    ///
    /// Contract: both answers are below the number of classes.
    pub fn add(&mut self, row: usize, column: usize) {
        assert!(row < self.classes && column < self.classes, "class {row} or {column} of {}", self.classes);
        self.counts[row * self.classes + column] += 1;
    }

    /// Counts the same pair so many times more.
    ///
    /// Contract: both answers are below the number of classes.
    pub fn add_many(&mut self, row: usize, column: usize, times: u64) {
        assert!(row < self.classes && column < self.classes, "class {row} or {column} of {}", self.classes);
        self.counts[row * self.classes + column] += times;
    }

    /// Takes one pair out again.
    ///
    /// Contract: such a pair was counted.
    pub fn remove(&mut self, row: usize, column: usize) {
        let count = &mut self.counts[row * self.classes + column];
        *count = count.checked_sub(1).expect("only counted pairs are taken out");
    }

    /// How often the first said `row` and the second `column`.
    pub fn count(&self, row: usize, column: usize) -> u64 {
        self.counts[row * self.classes + column]
    }

    /// Number of classes.
    pub const fn classes(&self) -> usize {
        self.classes
    }

    /// All pairs.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Pairs that agree.
    pub fn agreed(&self) -> u64 {
        (0..self.classes).map(|class| self.count(class, class)).sum()
    }

    /// Pairs whose row is `row`.
    pub fn row_total(&self, row: usize) -> u64 {
        (0..self.classes).map(|column| self.count(row, column)).sum()
    }

    /// Pairs whose column is `column`.
    pub fn column_total(&self, column: usize) -> u64 {
        (0..self.classes).map(|row| self.count(row, column)).sum()
    }

    /// Chance-corrected agreement: `κ = 1 − Σ w·O / Σ w·E`, E from the margins; 1 is perfect, 0 is chance (Cohen,
    /// Educational and Psychological Measurement 20, 1960; weighted: Psychological Bulletin 70, 1968).
    ///
    /// It moves with prevalence: show the share that agrees beside it. `None` where chance would never disagree, as when
    /// both always say the same one class: then it is undefined, not 1.
    pub fn kappa(&self, weighting: Weighting) -> Option<f64> {
        let total = self.total() as f64;
        let rows: Vec<f64> = (0..self.classes).map(|row| self.row_total(row) as f64).collect();
        let columns: Vec<f64> = (0..self.classes).map(|column| self.column_total(column) as f64).collect();
        let (mut observed, mut expected) = (0.0, 0.0);
        for (row, row_total) in rows.iter().enumerate() {
            for (column, column_total) in columns.iter().enumerate() {
                let weight = weighting.of(row, column);
                observed += weight * self.count(row, column) as f64;
                expected += weight * row_total * column_total / total;
            }
        }
        (expected > 0.0).then(|| 1.0 - observed / expected)
    }

    /// F1 of one class: `2·TP / (2·TP + FP + FN)`; `None` where the class is in neither rows nor columns.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let mentions = self.row_total(class) + self.column_total(class);
        (mentions > 0).then(|| 2.0 * self.count(class, class) as f64 / mentions as f64)
    }

    /// The mean of [`Confusion::f1`] over the classes that are in the truth or in the predictions; `None` without pairs.
    pub fn macro_f1(&self) -> Option<f64> {
        let present: Vec<f64> = (0..self.classes).filter_map(|class| self.f1(class)).collect();
        (!present.is_empty()).then(|| present.iter().sum::<f64>() / present.len() as f64)
    }

    /// Mean cost of a pair, `cost[row][column]`; `None` without pairs.
    ///
    /// Contract: a row of costs per class, with a cost per class.
    pub fn mean_cost(&self, cost: &[Vec<f64>]) -> Option<f64> {
        assert!(
            cost.len() == self.classes && cost.iter().all(|row| row.len() == self.classes),
            "a cost for each pair of {} classes",
            self.classes
        );
        let total = self.total();
        let sum: f64 = self.counts.iter().zip(cost.iter().flatten()).map(|(&count, cost)| count as f64 * cost).sum();
        (total > 0).then(|| sum / total as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows human, columns model, 200 tickets.
    fn reference() -> Confusion {
        let counts = [[50, 8, 2, 0], [6, 40, 10, 1], [1, 9, 30, 5], [0, 1, 4, 33]];
        Confusion { classes: 4, counts: counts.concat() }
    }

    #[track_caller]
    fn check(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{found:?} is not {expected}");
    }

    #[test]
    fn reproduces_scikit_learn() {
        assert_eq!((reference().total(), reference().agreed()), (200, 153));
        check(reference().kappa(Weighting::Equal), 0.683_735_953_2);
        check(reference().kappa(Weighting::Linear), 0.785_505_094_3);
        check(reference().kappa(Weighting::Quadratic), 0.869_509_397_4);
        check(reference().macro_f1(), 0.766_709_136_3);
    }

    #[test]
    fn the_classic_example_of_two_raters_is_two_fifths() {
        check(Confusion { classes: 2, counts: vec![20, 5, 10, 15] }.kappa(Weighting::Equal), 0.4);
    }

    #[test]
    fn a_critical_ticket_called_low_costs_most() {
        let cost = [[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 1.0, 2.0], [5.0, 2.0, 0.0, 1.0], [20.0, 10.0, 2.0, 0.0]];
        check(reference().mean_cost(&cost.map(Vec::from)), 0.38);
    }

    #[test]
    fn without_variation_agreement_is_undefined() {
        let constant = Confusion::of(3, [(1, 1), (1, 1)]);
        for weighting in [Weighting::Equal, Weighting::Linear, Weighting::Quadratic] {
            assert_eq!(constant.kappa(weighting), None);
            assert_eq!(Confusion::new(3).kappa(weighting), None);
        }
        assert_eq!((Confusion::new(3).macro_f1(), Confusion::new(1).mean_cost(&[vec![0.0]])), (None, None));
        assert_eq!((constant.f1(0), constant.f1(1)), (None, Some(1.0)));
    }

    proptest! {
        #[test]
        fn kappa_knows_neither_the_order_of_tickets_nor_of_raters(
            pairs in prop::collection::vec((0..4_usize, 0..4_usize), 2..80)
        ) {
            let found = Confusion::of(4, pairs.iter().copied());
            let exchanged = Confusion::of(4, pairs.iter().rev().map(|&(row, column)| (column, row)));
            for weighting in [Weighting::Equal, Weighting::Linear, Weighting::Quadratic] {
                match (found.kappa(weighting), exchanged.kappa(weighting)) {
                    (Some(a), Some(b)) => prop_assert!((a - b).abs() < 1e-12 && a <= 1.0),
                    (a, b) => prop_assert_eq!(a, b),
                }
            }
            let agreeing = Confusion::of(4, pairs.iter().map(|&(row, _)| (row, row)));
            prop_assert!(agreeing.kappa(Weighting::Quadratic).is_none_or(|kappa| kappa == 1.0));
        }

        #[test]
        fn taking_a_pair_out_undoes_adding_it(pairs in prop::collection::vec((0..3_usize, 0..3_usize), 1..30)) {
            let before = Confusion::of(3, pairs.iter().copied());
            let mut after = before.clone();
            after.add(2, 0);
            prop_assert_ne!(&after, &before);
            after.remove(2, 0);
            prop_assert_eq!(after, before);
        }
    }
}
