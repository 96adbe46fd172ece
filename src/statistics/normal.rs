//! The standard normal distribution.

use super::gamma::upper_regularised;
use super::root::rising_root;

/// `P[Z ≤ z]`, from `P[|Z| ≥ |z|] = Q(½, z²/2)`; full relative precision in the lower tail.
pub fn cumulative(z: f64) -> f64 {
    let outside = upper_regularised(0.5, z * z / 2.0);
    if z <= 0.0 { outside / 2.0 } else { 1.0 - outside / 2.0 }
}

/// `P[|Z| ≥ |z|]`, the two-sided p value of z.
pub fn two_sided_p(z: f64) -> f64 {
    upper_regularised(0.5, z * z / 2.0)
}

/// The z below which a share of `level` lies.
///
/// Contract: 0 < level < 1.
pub fn quantile(level: f64) -> f64 {
    assert!(level > 0.0 && level < 1.0, "{level} has no normal quantile");
    if level > 0.5 {
        return -quantile(1.0 - level);
    }
    // The smallest double above 0 lies at z = −38.5.
    rising_root(|z| cumulative(z) - level, -39.0, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::wilson::Z_95;

    #[test]
    fn known_quantiles() {
        assert!((quantile(0.975) - Z_95).abs() < 1e-12);
        assert!((quantile(0.95) - 1.644_853_626_951_472_2).abs() < 1e-12);
        assert!((quantile(0.025) + Z_95).abs() < 1e-12);
        assert!(quantile(0.5).abs() < 1e-12);
        assert!((quantile(1e-10) + 6.361_340_902_404_056).abs() < 1e-9);
    }

    #[test]
    fn cumulative_and_quantile_undo_each_other() {
        for step in 1..200 {
            let level = f64::from(step) / 200.0;
            assert!((cumulative(quantile(level)) - level).abs() < 1e-13);
            assert!((cumulative(quantile(level)) + cumulative(-quantile(level)) - 1.0).abs() < 1e-13);
        }
        assert!((two_sided_p(Z_95) - 0.05).abs() < 1e-13);
    }
}
