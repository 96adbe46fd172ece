//! `noctriage demo`.

use super::CommandResult;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs `demo`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments {} = arguments;
    Err(anyhow::anyhow!("not built yet").into())
}
