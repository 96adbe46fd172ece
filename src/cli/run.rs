//! `noctriage run`.

use super::CommandResult;

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs `run`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments {} = arguments;
    Err(anyhow::anyhow!("not built yet").into())
}
