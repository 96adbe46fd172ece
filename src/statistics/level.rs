//! How one promise is shared: α over slices, thresholds and attempts, so that the probability of ever promoting an action
//! wrongly stays below it whichever slice, threshold or attempt is read.
//!
//! A gate of attempt k passes at `E ≥ 2^(k−1) / (v·w·α)` with the slice's weight v and the threshold's weight w. Weights
//! are declared in advance and add up to at most 1 over slices and over the grid, so that the first attempts together
//! hold α (union bound), and all attempts, α·(1 + ½ + ¼ + …), at most 2α.

/// The weight of the slice `rest` where there are others; they share what is left.
pub const REST_WEIGHT: f64 = 0.5;
/// The weight of the configured threshold.
pub const CONFIGURED_WEIGHT: f64 = 0.5;
/// The weight of each other threshold of the grid, and of one that was configured after its attempt had opened.
pub const OTHER_WEIGHT: f64 = 0.1;
/// Thresholds that a grid may have beside the configured one: with more, the weights would add up to more than 1, and the
/// promise would be broken.
pub const OTHERS_MAX: u32 = 5;
/// The probability of ever promoting wrongly that is shared.
pub const ALPHA: f64 = 0.05;

/// Which part of α one account may use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    slice_weight: f64,
    threshold_weight: f64,
    alpha: f64,
    attempt: u32,
}

/// Why there is no such level.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NotALevel {
    /// A weight must be above 0 and at most 1.
    #[error("{0} is no weight (above 0, at most 1)")]
    Weight(f64),
    /// α must be above 0 and below 1.
    #[error("{0} is no error level (above 0, below 1)")]
    Alpha(f64),
    /// Attempts are counted from 1.
    #[error("attempts are counted from 1")]
    Attempt,
}

impl Level {
    /// Weights v and w, the shared α, and the attempt k, counted from 1.
    ///
    /// # Errors
    /// A weight that is not above 0 and at most 1, an α that is not above 0 and below 1, attempt 0.
    pub fn try_new(slice_weight: f64, threshold_weight: f64, alpha: f64, attempt: u32) -> Result<Self, NotALevel> {
        for weight in [slice_weight, threshold_weight] {
            if !(weight > 0.0 && weight <= 1.0) {
                return Err(NotALevel::Weight(weight));
            }
        }
        if !(alpha > 0.0 && alpha < 1.0) {
            return Err(NotALevel::Alpha(alpha));
        }
        if attempt == 0 {
            return Err(NotALevel::Attempt);
        }
        Ok(Self { slice_weight, threshold_weight, alpha, attempt })
    }

    /// One slice, the configured threshold, the first attempt: E ≥ 40.
    pub const fn one_slice() -> Self {
        Self { slice_weight: 1.0, threshold_weight: CONFIGURED_WEIGHT, alpha: ALPHA, attempt: 1 }
    }

    /// The natural logarithm of the evidence at which a gate passes.
    pub fn ln_required(self) -> f64 {
        f64::from(self.attempt - 1) * std::f64::consts::LN_2
            - (self.slice_weight * self.threshold_weight * self.alpha).ln()
    }

    /// The evidence at which a gate passes: `2^(k−1) / (v·w·α)`.
    pub fn required(self) -> f64 {
        self.ln_required().exp()
    }

    /// The part of α that this account uses: one over [`Level::required`]; the level of its anytime bounds.
    pub fn alpha(self) -> f64 {
        (-self.ln_required()).exp()
    }
}

/// v of each of `slices` slices: 1 where `rest` is alone, else half for `rest` and the other half shared.
///
/// Contract: at least one slice.
pub fn slice_weights(slices: u32) -> SliceWeights {
    assert!(slices > 0, "there is always the slice rest");
    if slices == 1 {
        return SliceWeights { rest: 1.0, other: None };
    }
    SliceWeights { rest: REST_WEIGHT, other: Some((1.0 - REST_WEIGHT) / f64::from(slices - 1)) }
}

/// v by slice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SliceWeights {
    /// Of the slice `rest`.
    pub rest: f64,
    /// Of each other slice; `None` where `rest` is alone.
    pub other: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(v: f64, w: f64, attempt: u32) -> Level {
        Level::try_new(v, w, ALPHA, attempt).expect("good weights")
    }

    #[test]
    fn the_configured_threshold_of_one_slice_needs_40_and_another_200() {
        assert!((Level::one_slice().required() - 40.0).abs() < 1e-9);
        assert_eq!(Level::one_slice(), level(1.0, CONFIGURED_WEIGHT, 1));
        assert!((level(1.0, OTHER_WEIGHT, 1).required() - 200.0).abs() < 1e-9);
    }

    #[test]
    fn each_new_attempt_needs_twice_as_much() {
        for attempt in 1..40 {
            let ratio = level(0.5, 0.1, attempt + 1).required() / level(0.5, 0.1, attempt).required();
            assert!((ratio - 2.0).abs() < 1e-9);
        }
        assert!(level(1.0, 1.0, u32::MAX).ln_required().is_finite());
    }

    #[test]
    fn all_accounts_of_an_action_together_use_at_most_twice_alpha() {
        for slices in 1..=64 {
            let weights = slice_weights(slices);
            let v: f64 = weights.rest + weights.other.map_or(0.0, |other| other * f64::from(slices - 1));
            let w = CONFIGURED_WEIGHT + f64::from(OTHERS_MAX) * OTHER_WEIGHT;
            assert!(v <= 1.0 + 1e-12 && w <= 1.0 + 1e-12);
            let spent: f64 = (1..=60).map(|attempt| level(v.min(1.0), w.min(1.0), attempt).alpha()).sum();
            assert!(spent <= 2.0 * ALPHA + 1e-12);
        }
    }

    #[test]
    fn impossible_levels_are_refused() {
        assert_eq!(Level::try_new(0.0, 0.5, 0.05, 1), Err(NotALevel::Weight(0.0)));
        assert_eq!(Level::try_new(1.0, 1.5, 0.05, 1), Err(NotALevel::Weight(1.5)));
        assert_eq!(Level::try_new(1.0, 0.5, 1.0, 1), Err(NotALevel::Alpha(1.0)));
        assert_eq!(Level::try_new(1.0, 0.5, 0.05, 0), Err(NotALevel::Attempt));
        assert!(Level::try_new(f64::NAN, 0.5, 0.05, 1).is_err());
    }
}
