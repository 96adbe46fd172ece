//! `noctriage policy`: what another policy would have done.

mod comparison;
mod tried;

use super::CommandResult;

/// Commands of `policy`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read the recorded decisions again under another configuration, and say which tickets it would act on that the present
    /// one would not, or the reverse, and what people said about them.
    Try(tried::Arguments),
}

/// Runs a command of `policy`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Try(arguments) => tried::run(&arguments),
    }
}
