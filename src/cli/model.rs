//! `noctriage model`: make a card for a model directory, check it, train a baseline, calibrate it, ask it for predictions, or let another one
//! act; what the ledger of versions says.

mod calibrate;
mod check;
mod init;
mod predict;
mod switch;
mod train;
mod versions;

use std::path::PathBuf;

use super::CommandResult;
use crate::config::settings::DeviceChoice;

/// Commands of `model`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Write the card `model.toml` of a model directory: from what its files say, and from you for the rest.
    // `--version` is the model's here, as everywhere on a card.
    #[command(disable_version_flag = true)]
    Init(init::Arguments),
    /// Check a model directory: digests, shapes, probes, one rendered ticket, tickets per second.
    Check(check::Arguments),
    /// Predict tickets from standard input (one native ticket in JSON per line); one line of JSON out per line in.
    Predict(predict::Arguments),
    /// Make another loaded model the acting one, where stages are earned: prints the consequence first.
    Switch(switch::Arguments),
    /// Fit the calibration of a model on validation tickets, and write it where it helps.
    Calibrate(calibrate::Arguments),
    /// Train TF-IDF, the baseline, on what `dataset export` wrote, and write it as a model directory.
    // `--version` is the model's.
    #[command(disable_version_flag = true)]
    Train(train::Arguments),
    /// List the versions that were judged: training tickets, test set, score, gain.
    List(versions::ListArguments),
    /// Say what changed from one version to another, and whether more than one thing did.
    Diff(versions::DiffArguments),
}

/// What commands that load a model have in common.
#[derive(Debug, clap::Args)]
struct ModelArguments {
    /// Model directory.
    directory: PathBuf,
    /// Second directory that has the root-cause head.
    #[arg(long, value_name = "DIR")]
    root_cause_model: Option<PathBuf>,
    /// Where it runs: auto, cpu or cuda:N.
    #[arg(long, default_value = "auto", value_parser = device)]
    device: DeviceChoice,
}

pub(super) fn device(word: &str) -> Result<DeviceChoice, String> {
    match (word, word.strip_prefix("cuda:").map(str::parse)) {
        ("auto", _) => Ok(DeviceChoice::Auto),
        ("cpu", _) => Ok(DeviceChoice::Cpu),
        (_, Some(Ok(ordinal))) => Ok(DeviceChoice::Cuda(ordinal)),
        (_, Some(Err(_)) | None) => Err("is not one of auto, cpu, cuda:N".into()),
    }
}

/// Runs a command of `model`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Init(arguments) => init::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Switch(arguments) => switch::run(&arguments),
        Command::Calibrate(arguments) => calibrate::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::List(arguments) => versions::list(&arguments),
        Command::Diff(arguments) => versions::diff(&arguments),
    }
}
