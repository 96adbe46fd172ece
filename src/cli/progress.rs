//! A progress bar on standard error for whatever takes longer than two seconds; nothing where it is no terminal.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Work shorter than this shows no bar.
const QUIET_FOR: Duration = Duration::from_secs(2);

/// A bar that appears when the work turns out to be long.
pub struct Progress {
    started: Instant,
    what: &'static str,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Starts counting.
    pub fn new(what: &'static str) -> Self {
        Self { started: Instant::now(), what, bar: None }
    }

    /// So much of so much is done.
    pub fn at(&mut self, done: u64, total: u64) {
        if self.bar.is_none() && self.started.elapsed() >= QUIET_FOR && std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {eta}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            self.bar = Some(ProgressBar::new(total).with_style(style).with_message(self.what));
        }
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
