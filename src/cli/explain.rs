//! `noctriage explain`.

use super::CommandResult;

/// Arguments of `explain`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs `explain`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments {} = arguments;
    Err(anyhow::anyhow!("not built yet").into())
}
