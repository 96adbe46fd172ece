//! `noctriage verdicts`: what people say about tickets, where it comes from, and saying it by hand.

mod check;
mod rate;
mod send;

use super::CommandResult;


/// Commands of `verdicts`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Read decisions and verdicts: who says how much, how late, what counts and what does not, and who is right how often.
    Check(check::Arguments),
    /// Go through the day's label list, one key a ticket: drawn tickets that nobody has judged, without any prediction.
    Rate(rate::Arguments),
    /// Write one verdict.
    Add(send::AddArguments),
    /// Write the verdicts of a file, one JSON object per line; all of them, or none where one is no verdict.
    Import(send::ImportArguments),
}

/// Runs a command of `verdicts`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Rate(arguments) => rate::run(&arguments),
        Command::Add(arguments) => send::add(&arguments),
        Command::Import(arguments) => send::import(&arguments),
    }
}
