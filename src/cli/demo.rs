//! `noctriage demo`: the whole thing on simulated tickets, without a Kafka, a configuration or a file.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};
use crate::demo::screen::{Screen, Terminal};
use crate::demo::{Accounts, Bounds, Demo, DemoError, Pace, Stop};

/// Simulated tickets a second: fast enough that something moves, slow enough to read.
const SIMULATED_PER_SECOND: f64 = 20.0;
/// One's own tickets a second: nobody waits for their file.
const OWN_PER_SECOND: f64 = 200.0;
/// Most records a second: far above what a model on a CPU answers; the loop holds it back anyway.
const PER_SECOND_MAX: f64 = 10_000.0;
/// A process that SIGINT ended, as shells say it.
const EXIT_INTERRUPTED: i32 = 130;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop after this many records. Without a bound: until Ctrl-C.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tickets: Option<u64>,
    /// Stop after this many seconds of tickets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,
    /// Your own tickets instead of simulated ones: one noctriage.ticket/v1 as JSON per line.
    #[arg(long, value_name = "FILE")]
    tickets_from: Option<PathBuf>,
    /// The same seed gives the same simulated tickets.
    #[arg(long, default_value_t = 1, conflicts_with = "tickets_from")]
    seed: u64,
    /// Records a second, above 0, at most 10,000. Default: 20 simulated ones, 200 of your own.
    #[arg(long, value_name = "PER_SECOND", value_parser = pace)]
    rate: Option<f64>,
    /// A model directory of your own instead of the bundled one; it acts whatever its card says.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Write the daemon's log to this file. Without it, the daemon logs nowhere.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

fn pace(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate <= PER_SECOND_MAX => Ok(rate),
        Ok(_) | Err(_) => Err(format!("not a number above 0 and at most {PER_SECOND_MAX}")),
    }
}

/// Runs the demo.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments { tickets, seconds, tickets_from, seed, rate, model, log } = arguments;
    if let Some(path) = &log {
        start_log(path)?;
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async { listen(Arc::clone(&interrupted)) })?;
    let per_second = if tickets_from.is_some() { OWN_PER_SECOND } else { SIMULATED_PER_SECOND };
    let demo = Demo {
        seed,
        pace: Pace(rate.unwrap_or(per_second)),
        bounds: Bounds { tickets, time: seconds.map(Duration::from_secs) },
        tickets_from,
        model,
        temporary: std::env::temp_dir(),
    };
    let mut screen = Screen::new(terminal());
    match demo.run(&interrupted, &mut screen) {
        Ok(Accounts { missing: 0, surplus: 0, .. } | Accounts { stop: Stop::Interrupted, .. }) => Ok(EXIT_OK),
        Ok(Accounts { .. }) => Ok(EXIT_DOES_NOT_HOLD),
        // `demo | head` has seen what it wanted.
        Err(DemoError::Screen(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(EXIT_OK),
        Err(error) => Err(failure(error)),
    }
}

fn failure(error: DemoError) -> Failure {
    match error {
        DemoError::Tickets { .. } => Failure::usage(error),
        DemoError::Settings(_) | DemoError::Start(_) => Failure::configuration(error),
        DemoError::Broker(_)
        | DemoError::Bundle { .. }
        | DemoError::NotReady(_)
        | DemoError::Daemon(_)
        | DemoError::Send(_)
        | DemoError::Observe(_)
        | DemoError::Screen(_) => Failure::new(EXIT_TEMPORARY, error),
    }
}

fn terminal() -> Terminal {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_dumb || is_plain { Terminal::Plain } else { Terminal::Capable }
}

fn start_log(path: &Path) -> Result<(), Failure> {
    let file = File::create(path).with_context(|| format!("{}: the log cannot be written", path.display()));
    let file = file.map_err(Failure::usage)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info"))
        .with_writer(Mutex::new(file))
        .with_ansi(false)
        .with_target(false);
    subscriber.try_init().map_err(|error| anyhow!("starting the log: {error}"))?;
    Ok(())
}

/// The first Ctrl-C (or SIGTERM) asks for the summary, the second ends at once.
fn listen(interrupted: Arc<AtomicBool>) -> anyhow::Result<()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()];
    for kind in kinds {
        let mut signals = signal(kind).context("listening for signals")?;
        let interrupted = Arc::clone(&interrupted);
        tokio::spawn(async move { heed(&mut signals, &interrupted).await });
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a second Ctrl-C must work while the daemon is waited for; nothing is on disk"
)]
async fn heed(signals: &mut Signal, interrupted: &AtomicBool) {
    while signals.recv().await.is_some() {
        if interrupted.swap(true, Ordering::AcqRel) {
            std::process::exit(EXIT_INTERRUPTED);
        }
    }
}
