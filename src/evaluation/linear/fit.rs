//! The fit: L-BFGS (Liu, Nocedal, Mathematical Programming 45, 1989) with a backtracking line search on the penalised
//! multinomial log loss, which is convex: any start leads to the one minimum.

use std::collections::VecDeque;

use super::terms::Features;

/// Classes: the severities.
const CLASSES: usize = 4;
/// C: how little weights are held back. Ten suits short texts; that of scikit-learn is one, which is tuned for longer ones.
pub(super) const INVERSE_PENALTY: f64 = 10.0;
/// Pairs of steps and gradient changes that are kept: more gain little and cost memory.
const PAIRS: usize = 10;
/// The fit of some thousand tickets takes about fifty.
const ITERATIONS_MAX: usize = 300;
/// Largest partial derivative at which it is over, against the number of tickets: scores are then right to three digits.
const GRADIENT_PER_TICKET: f64 = 1e-5;
/// Sufficient decrease (Armijo).
const DECREASE: f64 = 1e-4;
/// Halvings of a step before it counts as none.
const HALVINGS_MAX: usize = 40;

/// What is to be fitted.
pub(super) struct Problem {
    pub(super) rows: Vec<Features>,
    pub(super) labels: Vec<usize>,
    pub(super) terms: usize,
}

/// A weight per term and class, then a bias per class.
pub(super) struct Weights(Vec<f64>);

impl Weights {
    /// A row of weights for each class, and the biases.
    pub(super) fn parts(&self) -> ([Vec<f64>; CLASSES], [f64; CLASSES]) {
        let (by_term, last) = self.0.split_at(self.0.len() - CLASSES);
        let row = |class: usize| by_term.iter().skip(class).step_by(CLASSES).copied().collect();
        (std::array::from_fn(row), std::array::from_fn(|class| last[class]))
    }

    /// The score of each class.
    pub(super) fn scores(&self, features: &Features) -> [f64; CLASSES] {
        scores(&self.0, features)
    }
}

fn scores(weights: &[f64], features: &Features) -> [f64; CLASSES] {
    let mut scores = [0.0; CLASSES];
    scores.copy_from_slice(&weights[weights.len() - CLASSES..]);
    for &(column, weight) in features {
        let row = &weights[column as usize * CLASSES..][..CLASSES];
        for (score, value) in scores.iter_mut().zip(row) {
            *score += weight * value;
        }
    }
    scores
}

impl Problem {
    /// The weights with the smallest loss.
    pub(super) fn minimise(&self) -> Weights {
        let mut weights = vec![0.0; (self.terms + 1) * CLASSES];
        let (mut loss, mut gradient) = self.loss(&weights);
        let mut memory = Memory::default();
        for _ in 0..ITERATIONS_MAX {
            let steepest = gradient.iter().fold(0.0_f64, |greatest, value| greatest.max(value.abs()));
            if steepest <= GRADIENT_PER_TICKET * self.rows.len() as f64 {
                break;
            }
            let direction = memory.direction(&gradient);
            let Some((stepped, next_loss, next_gradient)) = self.step(&weights, loss, &gradient, &direction) else {
                break;
            };
            memory.push(difference(&stepped, &weights), difference(&next_gradient, &gradient));
            (weights, loss, gradient) = (stepped, next_loss, next_gradient);
        }
        Weights(weights)
    }

    /// Halves the step until the loss falls enough; `None`: it no longer does, which is as good as rounding allows.
    fn step(
        &self,
        weights: &[f64],
        loss: f64,
        gradient: &[f64],
        direction: &[f64],
    ) -> Option<(Vec<f64>, f64, Vec<f64>)> {
        let slope = product(gradient, direction);
        let mut length = 1.0;
        for _ in 0..HALVINGS_MAX {
            let stepped: Vec<f64> =
                weights.iter().zip(direction).map(|(weight, step)| weight + length * step).collect();
            let (next_loss, next_gradient) = self.loss(&stepped);
            if next_loss <= loss + DECREASE * length * slope {
                return Some((stepped, next_loss, next_gradient));
            }
            length /= 2.0;
        }
        None
    }

    /// The loss and its gradient.
    fn loss(&self, weights: &[f64]) -> (f64, Vec<f64>) {
        let penalised = self.terms * CLASSES;
        let mut gradient: Vec<f64> = weights.iter().map(|weight| weight / INVERSE_PENALTY).collect();
        gradient[penalised..].fill(0.0);
        let mut loss = product(&weights[..penalised], &weights[..penalised]) / (2.0 * INVERSE_PENALTY);
        for (features, &label) in self.rows.iter().zip(&self.labels) {
            let scores = scores(weights, features);
            let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exponentials = scores.map(|score| (score - greatest).exp());
            let sum: f64 = exponentials.iter().sum();
            loss += sum.ln() + greatest - scores[label];
            let mut errors = exponentials.map(|value| value / sum);
            errors[label] -= 1.0;
            for &(column, weight) in features {
                let row = &mut gradient[column as usize * CLASSES..][..CLASSES];
                for (value, error) in row.iter_mut().zip(errors) {
                    *value += weight * error;
                }
            }
            for (value, error) in gradient[penalised..].iter_mut().zip(errors) {
                *value += error;
            }
        }
        (loss, gradient)
    }
}

/// The last steps and how the gradient changed along them: what is known of the curvature.
#[derive(Default)]
struct Memory {
    pairs: VecDeque<Pair>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

impl Memory {
    fn push(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let curvature = product(&step, &change);
        // A step along which rounding hides the curvature says nothing.
        if curvature <= 1e-12 * product(&change, &change) {
            return;
        }
        if self.pairs.len() == PAIRS {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step, change, curvature });
    }

    /// The two-loop recursion: the gradient times an approximate inverse of the curvature, downhill.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|value| -value).collect();
        let mut shares = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let share = product(&pair.step, &direction) / pair.curvature;
            add(&mut direction, -share, &pair.change);
            shares.push(share);
        }
        let scale = match self.pairs.back() {
            Some(last) => last.curvature / product(&last.change, &last.change),
            // The first step: of length 1 at most.
            None => 1.0 / product(gradient, gradient).sqrt().max(1.0),
        };
        for value in &mut direction {
            *value *= scale;
        }
        for (pair, share) in self.pairs.iter().zip(shares.into_iter().rev()) {
            let back = product(&pair.change, &direction) / pair.curvature;
            add(&mut direction, share - back, &pair.step);
        }
        direction
    }
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn add(to: &mut [f64], times: f64, what: &[f64]) {
    for (value, added) in to.iter_mut().zip(what) {
        *value += times * added;
    }
}

fn difference(one: &[f64], other: &[f64]) -> Vec<f64> {
    one.iter().zip(other).map(|(a, b)| a - b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        let rows = (0..40_u32).map(|row| vec![(row % 7, 0.8), (7 + row % 3, 0.6)]).collect();
        Problem { rows, labels: (0..40).map(|row| (row * row / 3) % CLASSES).collect(), terms: 10 }
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let problem = problem();
        let weights: Vec<f64> = (0..44).map(|at| f64::from(at % 5) / 10.0 - 0.2).collect();
        let (_, gradient) = problem.loss(&weights);
        for at in [0, 13, 39, 40, 43] {
            let moved = |by: f64| {
                let mut weights = weights.clone();
                weights[at] += by;
                problem.loss(&weights).0
            };
            let slope = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            assert!((slope - gradient[at]).abs() < 1e-6, "{at}: {slope} is not {}", gradient[at]);
        }
    }

    #[test]
    fn at_the_minimum_no_step_leads_down() {
        let problem = problem();
        let Weights(found) = problem.minimise();
        let (loss, gradient) = problem.loss(&found);
        assert!(gradient.iter().all(|value| value.abs() <= 40.0 * GRADIENT_PER_TICKET));
        for at in 0..found.len() {
            for by in [-0.05, 0.05] {
                let mut beside = found.clone();
                beside[at] += by;
                // What is left of the gradient, times the step.
                assert!(problem.loss(&beside).0 > loss - 0.05 * 40.0 * GRADIENT_PER_TICKET);
            }
        }
    }
}
