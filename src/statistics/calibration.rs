//! Do probabilities mean what they say? The signed gap, Spiegelhalter's test, the two proper scores.

use super::normal::two_sided_p;
use super::wilson::{self, Interval};

/// What a model claimed about one answer, and whether the answer was right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// The probability of the answer, 0 to 1.
    pub confidence: f64,
    /// Whether the answer was right.
    pub is_right: bool,
}

/// Mean confidence against the share of right answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gap {
    /// Mean confidence, 0 to 1.
    pub confidence: f64,
    /// Right answers.
    pub right: u64,
    /// Answers.
    pub answers: u64,
    /// Mean confidence − share right: above 0 the model claims too much.
    pub gap: f64,
    /// Where the gap lies, −1 to 1: mean confidence − Wilson's 95 % limits of the share right.
    pub interval: Interval,
}

/// The signed calibration gap. `None` without answers.
pub fn gap(claims: &[Claim]) -> Option<Gap> {
    let (answers, right) = (claims.len() as u64, claims.iter().filter(|claim| claim.is_right).count() as u64);
    let share = wilson::interval_95(right, answers)?;
    let confidence = claims.iter().map(|claim| claim.confidence).sum::<f64>() / answers as f64;
    Some(Gap {
        confidence,
        right,
        answers,
        gap: confidence - right as f64 / answers as f64,
        interval: Interval { low: confidence - share.high, high: confidence - share.low },
    })
}

/// Spiegelhalter's test of calibration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CalibrationTest {
    /// Standard normal where every confidence is true; its sign says which way the Brier score is off, not the gap.
    pub z: f64,
    /// Two-sided p value.
    pub p: f64,
}

/// `z = Σ (x−p)(1−2p) / √(Σ (1−2p)² p(1−p))` (Spiegelhalter, Statistics in Medicine 5, 1986).
///
/// `None` where nothing can be tested: no answers, or every confidence is 0, ½ or 1.
pub fn spiegelhalter(claims: &[Claim]) -> Option<CalibrationTest> {
    let (mut excess, mut variance) = (0.0, 0.0);
    for &Claim { confidence, is_right } in claims {
        let slope = 1.0 - 2.0 * confidence;
        excess += (f64::from(u8::from(is_right)) - confidence) * slope;
        variance += slope * slope * confidence * (1.0 - confidence);
    }
    if variance <= 0.0 {
        return None;
    }
    let z = excess / variance.sqrt();
    Some(CalibrationTest { z, p: two_sided_p(z) })
}

/// A distribution over the classes, and the class that was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast<'a> {
    /// Probabilities, one per class.
    pub probabilities: &'a [f64],
    /// Index of the true class.
    pub truth: usize,
}

/// Mean negative log-likelihood of the truth, in nats: 0 is perfect, infinite where a true class had probability 0.
/// `None` without forecasts.
///
/// Contract: each truth is an index into its probabilities.
pub fn negative_log_likelihood(forecasts: &[Forecast]) -> Option<f64> {
    mean(forecasts, |forecast| -forecast.probabilities[forecast.truth].ln())
}

/// Brier's score, summed over classes: 0 is perfect, 2 the worst (Brier, Monthly Weather Review 78, 1950). `None` without
/// forecasts.
pub fn brier(forecasts: &[Forecast]) -> Option<f64> {
    mean(forecasts, |forecast| {
        let distances = forecast.probabilities.iter().enumerate().map(|(class, probability)| {
            let distance = probability - f64::from(u8::from(class == forecast.truth));
            distance * distance
        });
        distances.sum()
    })
}

fn mean(forecasts: &[Forecast], score: impl Fn(&Forecast) -> f64) -> Option<f64> {
    (!forecasts.is_empty()).then(|| forecasts.iter().map(score).sum::<f64>() / forecasts.len() as f64)
}

/// The 40 answers of the reference note: confidence 0.403 + 0.015·i.
#[cfg(test)]
pub(super) fn reference_claims() -> Vec<Claim> {
    "1001001001011010010110110110111101101111"
        .chars()
        .enumerate()
        .map(|(i, right)| Claim { confidence: 0.403 + 0.015 * i as f64, is_right: right == '1' })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::random::SeededRandom;

    #[test]
    fn reproduces_numpy_on_the_reference_answers() {
        let found = gap(&reference_claims()).expect("40 answers");
        assert_eq!((found.right, found.answers), (24, 40));
        assert!((found.gap - (0.695_5 - 0.6)).abs() < 1e-12);
        assert!(found.interval.low < found.gap && found.gap < found.interval.high);
        let z = spiegelhalter(&reference_claims()).expect("testable").z;
        assert!((z - 1.569_102_111_8).abs() < 1e-9, "{z}");
    }

    #[test]
    fn scores_reproduce_numpy() {
        let binary: Vec<[f64; 2]> =
            reference_claims().iter().map(|claim| [1.0 - claim.confidence, claim.confidence]).collect();
        let forecasts: Vec<Forecast> = binary
            .iter()
            .zip(reference_claims())
            .map(|(probabilities, claim)| Forecast { probabilities, truth: usize::from(claim.is_right) })
            .collect();
        assert!((negative_log_likelihood(&forecasts).expect("40") - 0.642_244_622_0).abs() < 1e-9);
        // Summed over two classes the score is twice the binary one.
        assert!((brier(&forecasts).expect("40") - 2.0 * 0.223_601_5).abs() < 1e-9);
    }

    #[test]
    fn a_calibrated_model_is_seldom_called_wrong_and_an_overconfident_one_is() {
        let mut random = SeededRandom::new(3);
        let mut claims = |true_share: fn(f64) -> f64| -> Vec<Claim> {
            (0..2_000)
                .map(|_| {
                    let confidence = 0.5 + 0.5 * random.unit();
                    Claim { confidence, is_right: random.happens(true_share(confidence)) }
                })
                .collect()
        };
        let rejected = (0..200).filter(|_| spiegelhalter(&claims(|p| p)).expect("testable").p < 0.05).count();
        // Six standard deviations of Bin(200, 0.05) around 10.
        assert!(rejected < 29, "{rejected} of 200");
        let overconfident = claims(|p| p - 0.1);
        assert!(spiegelhalter(&overconfident).expect("testable").p < 1e-6);
        assert!(gap(&overconfident).expect("answers").interval.low > 0.0);
    }

    #[test]
    fn nothing_to_test_is_no_number() {
        assert_eq!(gap(&[]), None);
        assert_eq!(spiegelhalter(&[]), None);
        assert_eq!(
            spiegelhalter(&[Claim { confidence: 0.5, is_right: true }, Claim { confidence: 1.0, is_right: true }]),
            None
        );
        assert_eq!((negative_log_likelihood(&[]), brier(&[])), (None, None));
    }

    proptest! {
        #[test]
        fn the_order_of_answers_does_not_matter(
            claims in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 2..50)
        ) {
            let claims: Vec<Claim> =
                claims.into_iter().map(|(confidence, is_right)| Claim { confidence, is_right }).collect();
            let reversed: Vec<Claim> = claims.iter().rev().copied().collect();
            let (found, mirrored) = (gap(&claims).expect("answers"), gap(&reversed).expect("answers"));
            prop_assert!((found.gap - mirrored.gap).abs() < 1e-12 && found.right == mirrored.right);
            prop_assert!((-1.0..=1.0).contains(&found.interval.low) && found.interval.low <= found.interval.high);
        }
    }
}
