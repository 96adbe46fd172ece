//! Where a rising function crosses zero: bisection, which cannot miss.

/// Where a rising function crosses zero between `low` and `high`, to the last bit that bisection can tell.
pub(super) fn rising_root(function: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    // From an interval of length 1, 1,100 halvings reach the smallest number there is; most calls end after 60.
    for _ in 0..1_100 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if function(middle) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_found_to_the_last_bit() {
        assert!((rising_root(|x| x * x - 2.0, 0.0, 2.0) - std::f64::consts::SQRT_2).abs() < 1e-15);
        assert!((rising_root(|x| x - 1e-200, 0.0, 1.0) / 1e-200 - 1.0).abs() < 1e-15);
    }

    #[test]
    fn without_a_crossing_the_nearer_end_is_found() {
        assert_eq!(rising_root(|_| -1.0, 0.0, 1.0), 1.0);
        assert!(rising_root(|_| 1.0, 0.0, 1.0) < 1e-300);
    }
}
