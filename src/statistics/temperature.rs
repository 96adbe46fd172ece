//! Fits a calibration: one temperature and a bias per class, held back by a ridge so that 50 verdicts are enough.
//!
//! `p = softmax(a·score + b)`, the smallest of
//!
//! ```text
//! Σ −ln p(truth)  +  (λ/2)·|b|²  +  (ln a)² / (2·0.5²),    λ = 4
//! ```
//!
//! Bias-corrected temperature scaling is of Alexandari, Kundaje, Shrikumar (ICML 2020), temperature scaling of Guo et al.
//! (ICML 2017). Without the two priors, few verdicts fit worse than no calibration at all, and a model that was right
//! throughout gets an infinite slope. Isotonic and vector scaling lose to the identity below some hundred verdicts.

/// Fewer verdicts are no ground for a fit: the identity is as good.
pub const VERDICTS_MIN: usize = 50;
/// λ: how strongly biases are held at 0. Half loses nothing with much data, a quarter loses with little.
const BIAS_RIDGE: f64 = 4.0;
/// 1/0.5²: the slope is expected within a factor of e^½ of 1.
const SLOPE_PRECISION: f64 = 4.0;
/// Newton's method needs about ten steps.
const STEPS_MAX: usize = 200;
/// A step this small no longer matters; rounding allows about a thousandth of it.
const STEP_MIN: f64 = 1e-11;
/// By so much of itself the objective may rise through rounding alone.
const ROUNDING: f64 = 1e-13;

/// One verdict: the model's scores, and the class that was true.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored<'a> {
    /// A score per class: logits, or logarithms of probabilities.
    pub scores: &'a [f64],
    /// Index of the true class.
    pub truth: usize,
}

/// A fitted calibration: `softmax(score / temperature + bias)`.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedCalibration {
    /// Divides the scores, above 0; above 1 where the model is overconfident.
    pub temperature: f64,
    /// Is added to each class; they sum to 0.
    pub biases: Vec<f64>,
}

/// Why nothing was fitted.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotFitted {
    /// There is nothing to fit on.
    #[error("there are no verdicts")]
    NoVerdicts,
    /// The verdict at this position has another number of scores than the first, or a truth that is no index into them.
    #[error("verdict {0} does not have the classes of the first")]
    Classes(usize),
    /// The verdict at this position has a score that is NaN or infinite.
    #[error("verdict {0} has a score that is no finite number")]
    Score(usize),
    /// The minimum was not found.
    #[error("no minimum after {STEPS_MAX} steps: the scores are too large or too unlike for a temperature")]
    NoMinimum,
}

impl FittedCalibration {
    /// Calibrated probabilities of these scores.
    ///
    /// Contract: as many scores as biases.
    pub fn probabilities(&self, scores: &[f64]) -> Vec<f64> {
        assert_eq!(scores.len(), self.biases.len(), "a score per class");
        softmax(scores, 1.0 / self.temperature, &self.biases)
    }
}

/// Fits temperature and biases.
///
/// # Errors
/// No verdicts, verdicts of different classes, scores that are not finite.
pub fn fit(verdicts: &[Scored]) -> Result<FittedCalibration, NotFitted> {
    minimise(verdicts, Priors { bias_ridge: Some(BIAS_RIDGE), slope_precision: SLOPE_PRECISION })
}

/// Fits a temperature alone, with the same prior; for classes that are too many for biases, as root causes.
///
/// # Errors
/// As [`fit`].
pub fn fit_temperature(verdicts: &[Scored]) -> Result<FittedCalibration, NotFitted> {
    minimise(verdicts, Priors { bias_ridge: None, slope_precision: SLOPE_PRECISION })
}

#[derive(Clone, Copy)]
struct Priors {
    /// `None`: no biases at all.
    bias_ridge: Option<f64>,
    slope_precision: f64,
}

/// Parameters: ln a first, then the biases, if any.
fn minimise(verdicts: &[Scored], priors: Priors) -> Result<FittedCalibration, NotFitted> {
    let classes = verdicts.first().ok_or(NotFitted::NoVerdicts)?.scores.len();
    for (position, verdict) in verdicts.iter().enumerate() {
        if verdict.scores.len() != classes || verdict.truth >= classes {
            return Err(NotFitted::Classes(position));
        }
        if !verdict.scores.iter().all(|score| score.is_finite()) {
            return Err(NotFitted::Score(position));
        }
    }
    let mut parameters = vec![0.0; 1 + priors.bias_ridge.map_or(0, |_| classes)];
    let mut value = objective(verdicts, priors, &parameters);
    for _ in 0..STEPS_MAX {
        let Slope { gradient, curvature, residual } = slope(verdicts, priors, &parameters);
        // The full curvature is Newton's; where it is not positive definite, without the residual it always is.
        let mut full = curvature.clone();
        full[0][0] += residual;
        let step = solve(full, &gradient).or_else(|| solve(curvature, &gradient)).ok_or(NotFitted::NoMinimum)?;
        if step.iter().all(|change| change.abs() < STEP_MIN) {
            return Ok(fitted(&parameters, classes));
        }
        (parameters, value) =
            halve_until_lower(verdicts, priors, &parameters, &step, value).ok_or(NotFitted::NoMinimum)?;
    }
    Err(NotFitted::NoMinimum)
}

fn fitted(parameters: &[f64], classes: usize) -> FittedCalibration {
    let biases = if parameters.len() > 1 { parameters[1..].to_vec() } else { vec![0.0; classes] };
    FittedCalibration { temperature: (-parameters[0]).exp(), biases }
}

fn halve_until_lower(
    verdicts: &[Scored],
    priors: Priors,
    parameters: &[f64],
    step: &[f64],
    value: f64,
) -> Option<(Vec<f64>, f64)> {
    (0..60).find_map(|halvings| {
        let length = 0.5_f64.powi(halvings);
        let next: Vec<f64> = parameters.iter().zip(step).map(|(parameter, step)| parameter - length * step).collect();
        let lower = objective(verdicts, priors, &next);
        // Also refuses NaN. Near the minimum the value no longer changes, while the steps still become smaller.
        (lower <= value + ROUNDING * value.abs()).then_some((next, lower))
    })
}

fn objective(verdicts: &[Scored], priors: Priors, parameters: &[f64]) -> f64 {
    let (a, biases) = (parameters[0].exp(), &parameters[1..]);
    let losses: f64 = verdicts
        .iter()
        .map(|verdict| {
            let scores: Vec<f64> = calibrated(verdict.scores, a, biases).collect();
            let (place, greatest) =
                scores.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).expect("there are classes");
            // Not the logarithm of the total less the score: where the model is right and sure the loss is far smaller than
            // the rounding of its scores, and would seem to rise.
            let others = scores.iter().enumerate().filter(|(class, _)| *class != place);
            let others: f64 = others.map(|(_, score)| (score - greatest).exp()).sum();
            others.ln_1p() + (greatest - scores[verdict.truth])
        })
        .sum();
    let ridge = priors.bias_ridge.unwrap_or(0.0) * biases.iter().map(|bias| bias * bias).sum::<f64>() / 2.0;
    losses + ridge + priors.slope_precision * parameters[0] * parameters[0] / 2.0
}

struct Slope {
    gradient: Vec<f64>,
    /// Second derivatives without the part of ln a that can be negative; always positive semidefinite.
    curvature: Vec<Vec<f64>>,
    /// That part, an addition to the first entry.
    residual: f64,
}

fn slope(verdicts: &[Scored], priors: Priors, parameters: &[f64]) -> Slope {
    let (a, biases) = (parameters[0].exp(), &parameters[1..]);
    let size = parameters.len();
    let mut gradient = vec![0.0; size];
    let mut curvature = vec![vec![0.0; size]; size];
    let mut residual = 0.0;
    for verdict in verdicts {
        let p = softmax(verdict.scores, a, biases);
        let mean: f64 = p.iter().zip(verdict.scores).map(|(p, score)| p * score).sum();
        let variance: f64 = p.iter().zip(verdict.scores).map(|(p, score)| p * (score - mean).powi(2)).sum();
        residual += a * (mean - verdict.scores[verdict.truth]);
        curvature[0][0] += a * a * variance;
        for class in 1..size {
            let probability = p[class - 1];
            gradient[class] += probability - f64::from(u8::from(class - 1 == verdict.truth));
            curvature[0][class] += a * probability * (verdict.scores[class - 1] - mean);
            for other in 1..size {
                let same = if class == other { probability } else { 0.0 };
                curvature[class][other] += same - probability * p[other - 1];
            }
        }
    }
    gradient[0] = residual + priors.slope_precision * parameters[0];
    curvature[0][0] += priors.slope_precision;
    for class in 1..size {
        let ridge = priors.bias_ridge.unwrap_or(0.0);
        gradient[class] += ridge * parameters[class];
        curvature[class][class] += ridge;
        curvature[class][0] = curvature[0][class];
    }
    Slope { gradient, curvature, residual }
}

fn calibrated<'a>(scores: &'a [f64], a: f64, biases: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
    scores.iter().enumerate().map(move |(class, score)| a * score + biases.get(class).copied().unwrap_or(0.0))
}

fn softmax(scores: &[f64], a: f64, biases: &[f64]) -> Vec<f64> {
    let scores: Vec<f64> = calibrated(scores, a, biases).collect();
    let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|value| value / sum).collect()
}

/// Solves a symmetric system by Cholesky's decomposition; `None` where the matrix is not positive definite.
fn solve(mut matrix: Vec<Vec<f64>>, right: &[f64]) -> Option<Vec<f64>> {
    let size = right.len();
    let mut solution = right.to_vec();
    for column in 0..size {
        for row in column..size {
            let product: f64 = (0..column).map(|k| matrix[row][k] * matrix[column][k]).sum();
            let rest = matrix[row][column] - product;
            if row == column {
                if rest.is_nan() || rest <= 0.0 {
                    return None;
                }
                matrix[row][column] = rest.sqrt();
            } else {
                matrix[row][column] = rest / matrix[column][column];
            }
        }
    }
    for row in 0..size {
        let known: f64 = (0..row).map(|k| matrix[row][k] * solution[k]).sum();
        solution[row] = (solution[row] - known) / matrix[row][row];
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| matrix[k][row] * solution[k]).sum();
        solution[row] = (solution[row] - known) / matrix[row][row];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::calibration::{Forecast, brier, negative_log_likelihood};
    use crate::statistics::random::SeededRandom;

    const LOGITS: [[f64; 4]; 12] = [
        [4.0, 1.0, 0.0, -1.0],
        [3.0, 2.5, 0.5, -2.0],
        [0.5, 3.5, 1.0, 0.0],
        [2.0, 2.2, 0.1, -1.5],
        [0.0, 1.0, 3.0, 2.0],
        [-1.0, 0.5, 1.5, 4.0],
        [5.0, 0.0, -1.0, -2.0],
        [1.0, 0.8, 0.6, 0.2],
        [2.5, 0.5, 2.0, -1.0],
        [0.2, 0.1, 2.8, 3.0],
        [3.5, 1.5, 1.0, 0.0],
        [-0.5, 2.0, 2.5, 0.5],
    ];
    const LABELS: [usize; 12] = [0, 1, 1, 0, 2, 3, 0, 2, 0, 2, 0, 1];

    fn reference() -> Vec<Scored<'static>> {
        LOGITS.iter().zip(LABELS).map(|(scores, truth)| Scored { scores, truth }).collect()
    }

    fn identity(classes: usize) -> FittedCalibration {
        FittedCalibration { temperature: 1.0, biases: vec![0.0; classes] }
    }

    fn loss(verdicts: &[Scored], calibration: &FittedCalibration) -> f64 {
        scored(verdicts, calibration, negative_log_likelihood)
    }

    fn scored(verdicts: &[Scored], calibration: &FittedCalibration, score: fn(&[Forecast]) -> Option<f64>) -> f64 {
        let probabilities: Vec<Vec<f64>> =
            verdicts.iter().map(|verdict| calibration.probabilities(verdict.scores)).collect();
        let forecasts: Vec<Forecast> = probabilities
            .iter()
            .zip(verdicts)
            .map(|(probabilities, verdict)| Forecast { probabilities, truth: verdict.truth })
            .collect();
        score(&forecasts).expect("there are verdicts")
    }

    #[test]
    fn scores_of_the_reference_set_reproduce_numpy() {
        assert!((loss(&reference(), &identity(4)) - 0.575_266_846_1).abs() < 1e-9);
        assert!((scored(&reference(), &identity(4), brier) - 0.345_707_435_0).abs() < 1e-9);
    }

    #[test]
    fn plain_temperature_reproduces_scipy() {
        let found = minimise(&reference(), Priors { bias_ridge: None, slope_precision: 0.0 }).expect("a minimum");
        assert!((found.temperature - 0.656_538_697_407).abs() < 1e-9, "{found:?}");
        assert!((loss(&reference(), &found) - 0.538_743_198_5).abs() < 1e-9);
    }

    #[test]
    fn the_ridge_reproduces_scipy() {
        for (ridge, ln_a, biases, value) in [
            (4.0, 0.233_186_4, [0.023_627_49, 0.076_123_65, 0.087_077_49, -0.186_828_65], 6.539_474_222_0),
            (1.0, 0.237_727_03, [0.109_195_45, 0.214_731_80, 0.182_719_67, -0.506_647_01], 6.346_422_647_2),
        ] {
            let priors = Priors { bias_ridge: Some(ridge), slope_precision: SLOPE_PRECISION };
            let found = minimise(&reference(), priors).expect("a minimum");
            assert!((-found.temperature.ln() - ln_a).abs() < 1e-6, "{found:?}");
            assert!(found.biases.iter().zip(biases).all(|(found, bias)| (found - bias).abs() < 1e-6), "{found:?}");
            let parameters = [vec![-found.temperature.ln()], found.biases].concat();
            assert!((objective(&reference(), priors, &parameters) - value).abs() < 1e-9);
        }
        assert!((fit(&reference()).expect("a minimum").temperature - (-0.233_186_4_f64).exp()).abs() < 1e-6);
    }

    #[test]
    fn an_overconfident_model_is_cooled_down_on_tickets_it_has_not_seen() {
        let mut random = SeededRandom::new(21);
        let mut sample = |count: usize| -> Vec<([f64; 4], usize)> {
            (0..count)
                .map(|_| {
                    let honest: [f64; 4] = std::array::from_fn(|_| 3.0 * random.unit());
                    let mut rest = random.unit();
                    let probabilities = softmax(&honest, 1.0, &[]);
                    let truth = probabilities.iter().position(|p| {
                        rest -= p;
                        rest < 0.0
                    });
                    (honest.map(|score| 2.5 * score), truth.unwrap_or(3))
                })
                .collect()
        };
        let (seen, unseen) = (sample(300), sample(2_000));
        let verdicts = |of: &'static [([f64; 4], usize)]| -> Vec<Scored<'static>> {
            of.iter().map(|(scores, truth)| Scored { scores, truth: *truth }).collect()
        };
        let (seen, unseen) = (verdicts(seen.leak()), verdicts(unseen.leak()));
        let found = fit(&seen).expect("a minimum");
        assert!((1.9..3.1).contains(&found.temperature), "{found:?}");
        assert!(loss(&unseen, &found) < loss(&unseen, &identity(4)) - 0.05);
    }

    #[test]
    fn a_model_that_was_always_right_gets_a_finite_temperature() {
        let verdicts = [Scored { scores: &[3.0, 0.0], truth: 0 }, Scored { scores: &[0.0, 3.0], truth: 1 }].repeat(500);
        let found = fit(&verdicts).expect("a minimum");
        assert!(found.temperature > 0.05 && found.temperature < 1.0, "{found:?}");
    }

    #[test]
    fn a_model_that_was_always_right_and_sure_is_fitted_too() {
        let one = [6.798_424_849_377_824, -3.611_573_019_607_263_3, -6.350_176_674_719_24, -5.798_954_920_821_117];
        fit(&[Scored { scores: &one, truth: 0 }]).expect("a minimum");
        for margin in [12.0, 14.5, 16.0, 40.0, 1_000.0] {
            let scores: [[f64; 4]; 4] = std::array::from_fn(|truth| {
                std::array::from_fn(|class| if class == truth { margin } else { class as f64 / -3.0 })
            });
            let sure = |(truth, scores): (usize, &'_ [f64; 4])| (scores.map(|score| score + truth as f64 / 7.0), truth);
            let verdicts: Vec<([f64; 4], usize)> = scores.iter().enumerate().map(sure).collect();
            let verdicts: Vec<Scored> =
                verdicts.iter().map(|(scores, truth)| Scored { scores, truth: *truth }).collect();
            let found = fit(&verdicts.repeat(50)).unwrap_or_else(|fault| panic!("{margin}: {fault}"));
            assert!(found.temperature.is_finite() && found.temperature > 0.0, "{margin}: {found:?}");
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_by_position() {
        assert_eq!(fit(&[]), Err(NotFitted::NoVerdicts));
        let good = Scored { scores: &[1.0, 2.0], truth: 0 };
        assert_eq!(fit(&[good, Scored { scores: &[1.0], truth: 0 }]), Err(NotFitted::Classes(1)));
        assert_eq!(fit(&[good, good, Scored { truth: 2, ..good }]), Err(NotFitted::Classes(2)));
        assert_eq!(fit(&[good, Scored { scores: &[f64::NAN, 0.0], truth: 0 }]), Err(NotFitted::Score(1)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_fit_is_never_worse_than_the_identity_on_its_own_verdicts(
            verdicts in prop::collection::vec((prop::array::uniform4(-8.0..8.0_f64), 0..4_usize), 1..60)
        ) {
            let scored: Vec<Scored> =
                verdicts.iter().map(|(scores, truth)| Scored { scores, truth: *truth }).collect();
            let found = fit(&scored).expect("a minimum");
            prop_assert!(loss(&scored, &found) <= loss(&scored, &identity(4)) + 1e-9);
            prop_assert!(found.biases.iter().sum::<f64>().abs() < 1e-6);
            // Adding a constant to all scores of a ticket changes nothing.
            let shifted: Vec<([f64; 4], usize)> =
                verdicts.iter().map(|(scores, truth)| (scores.map(|score| score + 5.0), *truth)).collect();
            let shifted: Vec<Scored> = shifted.iter().map(|(scores, truth)| Scored { scores, truth: *truth }).collect();
            let other = fit(&shifted).expect("a minimum");
            prop_assert!((other.temperature / found.temperature - 1.0).abs() < 1e-6);
        }
    }
}
