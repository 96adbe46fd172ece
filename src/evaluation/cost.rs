//! What a wrong severity costs, by what it was and what it was called. The numbers are the site's; the default says only
//! that a critical ticket called low is by far the worst.

use crate::domain::severity::Severity;

/// A cost for each pair of truth and answer, in the order of [`Severity::ALL`], in units of the site's own.
#[derive(Clone, Debug, PartialEq)]
pub struct CostMatrix([[f64; 4]; 4]);

/// The text names no cost.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no cost: write TRUTH:ANSWER=NUMBER, as critical:low=200, with a number of 0 or more")]
pub struct NotACost(String);

impl Default for CostMatrix {
    /// Too low costs more than too high, and most where a critical ticket is called low.
    fn default() -> Self {
        Self([[0.0, 2.0, 10.0, 20.0], [1.0, 0.0, 2.0, 5.0], [2.0, 1.0, 0.0, 1.0], [3.0, 2.0, 1.0, 0.0]])
    }
}

impl CostMatrix {
    /// The default with these costs in place of its own.
    ///
    /// # Errors
    /// The first text that is no `TRUTH:ANSWER=NUMBER`.
    pub fn with(costs: &[String]) -> Result<Self, NotACost> {
        let mut matrix = Self::default();
        for text in costs {
            let (truth, answer, cost) = parse(text).ok_or_else(|| NotACost(text.chars().take(64).collect()))?;
            matrix.0[truth.index()][answer.index()] = cost;
        }
        Ok(matrix)
    }

    /// The cost of one answer.
    pub const fn of(&self, truth: Severity, answer: Severity) -> f64 {
        self.0[truth.index()][answer.index()]
    }

    /// A ticket without an answer costs what the worst answer would: somebody waits for it all the same.
    pub fn of_silence(&self, truth: Severity) -> f64 {
        self.0[truth.index()].iter().copied().fold(0.0, f64::max)
    }
}

fn parse(text: &str) -> Option<(Severity, Severity, f64)> {
    let (pair, cost) = text.split_once('=')?;
    let (truth, answer) = pair.split_once(':')?;
    let cost: f64 = cost.trim().parse().ok()?;
    (cost >= 0.0 && cost.is_finite()).then_some((truth.trim().parse().ok()?, answer.trim().parse().ok()?, cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_says_what_its_mistakes_cost() {
        let matrix = CostMatrix::with(&["critical:low=200".into(), " high:medium = 1".into()]).expect("costs");
        assert_eq!(matrix.of(Severity::Critical, Severity::Low), 200.0);
        assert_eq!(matrix.of(Severity::High, Severity::Medium), 1.0);
        assert_eq!(matrix.of_silence(Severity::Critical), 200.0);
    }

    #[test]
    fn being_right_costs_nothing_and_nothing_costs_more_than_a_critical_called_low() {
        let matrix = CostMatrix::default();
        for truth in Severity::ALL {
            assert_eq!(matrix.of(truth, truth), 0.0);
            assert!(matrix.of_silence(truth) <= matrix.of(Severity::Critical, Severity::Low));
        }
    }

    #[test]
    fn what_is_no_cost_is_refused() {
        for text in ["critical=3", "critical:low", "critical:low=-1", "critical:low=NaN", "p1:low=3", ""] {
            assert!(CostMatrix::with(&[text.to_owned()]).is_err(), "{text}");
        }
    }
}
