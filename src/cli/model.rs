//! `noctriage model`.

use super::CommandResult;

/// Commands of `model`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs a command of `model`.
pub fn run(command: Command) -> CommandResult {
    match command {}
}
