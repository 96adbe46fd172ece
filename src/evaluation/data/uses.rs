//! Is a test set spent? Each version that is chosen because of its score on a test set takes a little of the set's honesty:
//! the best of many equally good versions scores well by chance alone.

use std::collections::BTreeSet;

use crate::evaluation::ledger::Entry;
use crate::statistics::normal;

/// From how many versions on a test set counts as spent. The best of eight equally good versions lies 1.42 standard
/// deviations above them: on 50 tickets and 80 % right, eight points of nothing. At four it is six points; at sixteen, ten.
pub const VERSIONS_MAX: usize = 8;

/// How far a test set is used up.
#[derive(Clone, Debug, PartialEq)]
pub struct Spent {
    /// Different versions that were scored on it.
    pub versions: usize,
    /// How far the best of so many equally good versions lies above their true share, in standard deviations of a score:
    /// at most, because versions that were made from each other err together.
    pub optimism_deviations: f64,
}

impl Spent {
    /// Whether it should no longer choose among versions.
    pub const fn is_spent(&self) -> bool {
        self.versions >= VERSIONS_MAX
    }

    /// The optimism in points of a share, at so many tickets and such a share right.
    pub fn optimism(&self, tickets: usize, share: f64) -> f64 {
        self.optimism_deviations * (share * (1.0 - share) / tickets.max(1) as f64).sqrt()
    }
}

/// Reads the uses of one test set, which is named by the beginning of its digest.
pub fn spent(entries: &[Entry], test_set: &str) -> Spent {
    let versions: BTreeSet<(&str, Option<&str>)> =
        entries.iter().filter(|entry| entry.test_set == test_set).map(Entry::version).collect();
    Spent { versions: versions.len(), optimism_deviations: expected_maximum(versions.len()) }
}

/// The expected maximum of n independent standard normal values, `∫ x·n·φ(x)·Φ(x)ⁿ⁻¹ dx` (Tippett, Biometrika 17, 1925), by
/// the trapezoidal rule over ±10, whose error is far below what is shown.
fn expected_maximum(count: usize) -> f64 {
    const STEP: f64 = 1.0 / 128.0;
    if count < 2 {
        return 0.0;
    }
    let density = |x: f64| (-x * x / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let points = (-1280..=1280).map(|at| f64::from(at) * STEP);
    let power = count as f64 - 1.0;
    points.map(|x| x * count as f64 * density(x) * normal::cumulative(x).powf(power)).sum::<f64>() * STEP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::wilson::Share;

    #[test]
    fn reproduces_the_expected_maxima_of_tippett() {
        // Harter, Biometrika 48, 1961, table 1: expected values of the largest of n.
        for (count, expected) in [(2, 0.56419), (3, 0.84628), (5, 1.16296), (8, 1.42360), (10, 1.53875), (20, 1.86748)]
        {
            assert!((expected_maximum(count) - expected).abs() < 5e-6, "{count}: {}", expected_maximum(count));
        }
        assert_eq!((expected_maximum(0), expected_maximum(1)), (0.0, 0.0));
    }

    #[test]
    fn the_eighth_version_spends_a_test_set_and_a_repeated_or_foreign_use_does_not() {
        let entry = |number: usize, test_set: &str, model: &str| {
            let right = Share { hits: 40, of: 50 };
            Entry { model: Some(model.to_owned()), ..Entry::bare(&format!("v{number}"), test_set, right) }
        };
        let mut entries: Vec<Entry> = (1..VERSIONS_MAX).map(|number| entry(number, "t", "m")).collect();
        entries.push(entry(1, "t", "m"));
        entries.push(entry(9, "another", "m"));
        assert!(!spent(&entries, "t").is_spent());
        let mut trained_anew = entries.clone();
        trained_anew.push(entry(1, "t", "trained anew under its old name"));
        entries.push(entry(VERSIONS_MAX, "t", "m"));
        for entries in [entries, trained_anew] {
            let found = spent(&entries, "t");
            assert!(found.is_spent() && (found.optimism(50, 0.8) - 0.0805).abs() < 1e-4, "{found:?}");
        }
    }
}
