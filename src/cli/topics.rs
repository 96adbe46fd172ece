//! `noctriage topics`.

use super::CommandResult;

/// Commands of `topics`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}

/// Runs a command of `topics`.
pub fn run(command: Command) -> CommandResult {
    match command {}
}
