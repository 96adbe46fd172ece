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
use crate::demo::feed::TICKETS_PER_DAY;
use crate::demo::screen::{Screen, Terminal};
use crate::demo::{Accounts, Bounds, Demo, DemoError, Pace, ShiftLead, Stop};

/// Days of desk time that the whole ladder takes: up to the greatest share, a firmware bug, and the way down.
const DESK_DAYS: u32 = 49;
/// Days of desk time a second: the whole ladder in about three minutes.
const DESK_DAYS_PER_SECOND: f64 = DESK_DAYS as f64 / 170.0;
/// One's own tickets a second: nobody waits for their file.
const OWN_PER_SECOND: f64 = 200.0;
/// Most records a second: far above what a model on a CPU answers; the loop holds it back anyway.
const PER_SECOND_MAX: f64 = 10_000.0;
/// A process that SIGINT ended, as shells say it.
const EXIT_INTERRUPTED: i32 = 130;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Stop after this many records. Without a bound: after seven weeks of desk time, about three minutes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    tickets: Option<u64>,
    /// Stop after this many seconds of tickets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    seconds: Option<u64>,
    /// Tickets a day at your site: the same ladder at its pace, as a calculator.
    #[arg(long, value_name = "N", default_value_t = TICKETS_PER_DAY, conflicts_with = "tickets_from", value_parser = per_day)]
    per_day: f64,
    /// You promote and approve, with Enter, instead of a simulated shift lead.
    #[arg(long, conflicts_with = "tickets_from")]
    manual: bool,
    /// Your own tickets instead of simulated ones: one noctriage.ticket/v1 as JSON per line.
    #[arg(long, value_name = "FILE")]
    tickets_from: Option<PathBuf>,
    /// The same seed gives the same simulated tickets. The default climbs the whole ladder; many another meets a critical ticket
    /// that the model takes for noise before it is up.
    #[arg(long, default_value_t = 1, conflicts_with = "tickets_from")]
    seed: u64,
    /// Records a second, above 0, at most 10,000. Default: the whole ladder in about three minutes; 200 of your own.
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

fn per_day(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (1.0..=100_000.0).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err("not a number from 1 to 100,000".to_owned()),
    }
}

/// Runs the demo.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments { tickets, seconds, per_day, manual, tickets_from, seed, rate, model, log } = arguments;
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
    let is_own = tickets_from.is_some();
    let per_second = if is_own { OWN_PER_SECOND } else { (per_day * DESK_DAYS_PER_SECOND).min(PER_SECOND_MAX) };
    let is_bounded = tickets.is_some() || seconds.is_some() || is_own;
    let demo = Demo {
        seed,
        pace: Pace(rate.unwrap_or(per_second)),
        tickets_per_day: per_day,
        lead: if manual { ShiftLead::You } else { ShiftLead::Simulated },
        bounds: Bounds {
            tickets,
            time: seconds.map(Duration::from_secs),
            desk_days: (!is_bounded).then_some(DESK_DAYS),
        },
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
