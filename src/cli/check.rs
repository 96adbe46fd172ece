//! `noctriage check`.

use super::CommandResult;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs `check`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments {} = arguments;
    Err(anyhow::anyhow!("not built yet").into())
}
