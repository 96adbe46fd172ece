//! `noctriage dead-letters`.

use super::CommandResult;

/// Commands of `dead-letters`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs a command of `dead-letters`.
pub fn run(command: Command) -> CommandResult {
    match command {}
}
