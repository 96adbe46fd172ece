//! Probabilities and the distribution over the severity scale.

use super::severity::Severity;

/// A probability: finite, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Probability(f64);

/// The number is not a probability.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not a probability (0 to 1)")]
pub struct NotAProbability(pub f64);

impl Probability {
    /// Zero.
    pub const ZERO: Self = Self(0.0);
    /// One.
    pub const ONE: Self = Self(1.0);

    /// Accepts a finite number from 0 to 1.
    ///
    /// # Errors
    /// Anything else, NaN included.
    pub fn try_new(value: f64) -> Result<Self, NotAProbability> {
        if (0.0..=1.0).contains(&value) { Ok(Self(value)) } else { Err(NotAProbability(value)) }
    }

    /// The number, 0 to 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

/// A calibrated distribution over critical, high, medium, low; sums to 1 within 1e-6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeverityDistribution([f64; 4]);

/// Why four numbers are no distribution.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotADistribution {
    /// One entry is NaN, infinite or outside 0 to 1.
    #[error(transparent)]
    Entry(#[from] NotAProbability),
    /// The entries do not sum to 1.
    #[error("the probabilities sum to {0}, not to 1")]
    Sum(f64),
    /// A logit is NaN or infinite.
    #[error("a logit is not a finite number")]
    Logit,
}

impl SeverityDistribution {
    /// Probabilities in the order of [`Severity::ALL`].
    ///
    /// # Errors
    /// An entry outside 0 to 1, or a sum further than 1e-6 from 1.
    pub fn try_new(probabilities: [f64; 4]) -> Result<Self, NotADistribution> {
        for value in probabilities {
            Probability::try_new(value)?;
        }
        let sum: f64 = probabilities.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return Err(NotADistribution::Sum(sum));
        }
        Ok(Self(probabilities))
    }

    /// Softmax of finite logits, in the order of [`Severity::ALL`].
    ///
    /// # Errors
    /// A logit that is NaN or infinite.
    pub fn from_logits(logits: [f64; 4]) -> Result<Self, NotADistribution> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(NotADistribution::Logit);
        }
        let greatest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let exponentials = logits.map(|logit| (logit - greatest).exp());
        let sum: f64 = exponentials.iter().sum();
        Self::try_new(exponentials.map(|value| value / sum))
    }

    /// Probability of one severity.
    pub const fn of(&self, severity: Severity) -> Probability {
        Probability(self.0[severity.index()])
    }

    /// The most probable severity; of equals the more urgent one.
    pub fn predicted(&self) -> Severity {
        let mut best = Severity::Critical;
        for severity in Severity::ALL {
            if self.0[severity.index()] > self.0[best.index()] {
                best = severity;
            }
        }
        best
    }

    /// Confidence: the calibrated probability of the predicted severity.
    pub fn confidence(&self) -> Probability {
        self.of(self.predicted())
    }

    /// The four probabilities in the order of [`Severity::ALL`].
    pub const fn probabilities(&self) -> [f64; 4] {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_outside_the_unit_interval_are_refused() {
        for value in [f64::NAN, -0.1, 1.1, f64::INFINITY] {
            assert!(Probability::try_new(value).is_err());
        }
        assert!(SeverityDistribution::try_new([0.5, 0.5, 0.5, 0.0]).is_err());
        assert!(SeverityDistribution::from_logits([0.0, f64::NAN, 0.0, 0.0]).is_err());
    }

    #[test]
    fn the_more_urgent_of_two_equals_is_predicted() {
        let distribution = SeverityDistribution::try_new([0.1, 0.4, 0.1, 0.4]).expect("sums to one");
        assert_eq!(distribution.predicted(), Severity::High);
        assert_eq!(distribution.confidence().get(), 0.4);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let distribution = SeverityDistribution::from_logits([1e6, 0.0, 0.0, -1e6]).expect("finite");
        assert_eq!(distribution.predicted(), Severity::Critical);
    }
}
