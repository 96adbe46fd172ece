//! What a process has used so far, as the kernel counts it.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};

/// Of one process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// User and system time, seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory now, MiB.
    pub(crate) resident_mib: f64,
    /// Most resident memory so far, MiB.
    pub(crate) peak_mib: f64,
}

/// The kernel's unit of process times, on every Linux that this runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Nanoseconds that a thread has run.
fn ran_ns(schedstat: &str) -> Option<u64> {
    schedstat.split(' ').next()?.parse().ok()
}

/// CPU seconds of each thread that runs now, by name; threads of one name are added up.
pub(crate) fn threads(pid: u32) -> Result<BTreeMap<String, f64>> {
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let path = task?.path();
        // A thread may end between the two looks.
        let (Ok(name), Ok(ran)) = (fs::read_to_string(path.join("comm")), fs::read_to_string(path.join("schedstat")))
        else {
            continue;
        };
        *threads.entry(name.trim().to_owned()).or_default() += ran_ns(&ran).unwrap_or_default() as f64 / 1e9;
    }
    Ok(threads)
}

impl Usage {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("process {pid}"))?;
        let mib = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|word| word.parse::<f64>().ok());
            kib.unwrap_or_default() / 1024.0
        };
        // Of the whole process: threads that have ended are no longer listed one by one.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|word| word.parse::<f64>().ok()).unwrap_or_default();
        let cpu_s = (ticks(11) + ticks(12)) / TICKS_PER_SECOND;
        Ok(Self { cpu_s, resident_mib: mib("VmRSS"), peak_mib: mib("VmHWM") })
    }
}
