//! Memory and file descriptors of a process, and whether they grow.

use std::fs;

/// One look at a process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Usage {
    /// Seconds since the run began.
    pub(crate) at_s: f64,
    /// Resident memory.
    pub(crate) resident_mib: f64,
    /// Open file descriptors.
    pub(crate) descriptors: usize,
}

/// Looks at a process; `None` when it has ended.
pub(crate) fn look(pid: u32, at_s: f64) -> Option<Usage> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    let resident_mib = line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0;
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    Some(Usage { at_s, resident_mib, descriptors })
}

/// Slope of a straight line through points by least squares, in units of y per unit of x; `None` for fewer than two
/// different x.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let common: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (spread > 0.0).then(|| common / spread)
}
