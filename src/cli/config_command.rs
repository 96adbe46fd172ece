//! `noctriage config`.

use super::CommandResult;

/// Commands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs a command of `config`.
pub fn run(command: Command) -> CommandResult {
    match command {}
}
