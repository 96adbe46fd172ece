//! `noctriage dataset`: labelled tickets as files, from an export of a ticket system to what a trainer reads. No Kafka, no
//! configuration but where `import` is told to read one.

mod check;
mod export;
mod files;
mod generate;
mod import;
mod mix;
mod plan;
mod rows;
mod split;

use super::CommandResult;

/// Commands of `dataset`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make labelled tickets of an export (CSV, JSON): each ticket as it was at its creation, labelled by what people made
    /// of it.
    Import(import::Arguments),
    /// Split labelled tickets into train, validation and test: near-duplicates on one side, training older than the test.
    Split(split::Arguments),
    /// Check a test set: what it shares with training, what in it leaks, whether it is spent.
    Check(check::Arguments),
    /// Show the mix of a training set beside that of live tickets: which slices it lacks.
    Mix(mix::Arguments),
    /// Say what to add, or how far to oversample, so that slices get their live share.
    Plan(plan::Arguments),
    /// Write what a trainer reads, in the text that the daemon will show the model; never a test ticket, never a disputed one.
    Export(export::Arguments),
    /// Write labelled tickets of a simulated generator, one JSON a line, with the text that a model reads.
    Generate(generate::GenerateArguments),
    /// Read lines with a native `ticket` from standard input, and write them with the `text` that a model reads.
    Render(generate::RenderArguments),
}

/// Runs a command of `dataset`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Import(arguments) => import::run(&arguments),
        Command::Split(arguments) => split::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Mix(arguments) => mix::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Generate(arguments) => generate::run(arguments),
        Command::Render(arguments) => generate::run_render(arguments),
    }
}
