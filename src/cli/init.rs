//! `noctriage init`.

use super::CommandResult;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// Runs `init`.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments {} = arguments;
    Err(anyhow::anyhow!("not built yet").into())
}
