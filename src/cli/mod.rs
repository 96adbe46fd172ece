//! The command line: one file per command group.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod actions;
mod bounded_lines;
mod check;
mod config_command;
mod control;
mod dataset;
mod dead_letters;
mod demo;
mod evaluate;
mod explain;
mod halt;
mod init;
mod json_lines;
mod model;
mod policy;
mod progress;
mod rollout;
mod run;
mod settings_file;
mod span;
mod status;
mod topics;
mod verdicts;
mod whole_file;

/// It holds.
pub const EXIT_OK: u8 = 0;
/// It does not hold.
pub const EXIT_DOES_NOT_HOLD: u8 = 1;
/// Usage, or unreadable input.
pub const EXIT_USAGE: u8 = 2;
/// Too little data to tell.
pub const EXIT_TOO_LITTLE_DATA: u8 = 3;
/// Temporary failure: try again (systemd restarts).
pub const EXIT_TEMPORARY: u8 = 75;
/// Configuration: systemd does not restart.
pub const EXIT_CONFIGURATION: u8 = 78;
/// Fenced by another instance with the same instance id.
pub const EXIT_FENCED: u8 = 79;

/// Ticket triage for network operations centres: a local model earns its stage, ticket by ticket.
#[derive(Debug, Parser)]
#[command(name = "noctriage", version, about, propagate_version = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole thing on simulated tickets, without a Kafka: nothing to install, nothing to configure.
    Demo(demo::Arguments),
    /// Write a configuration for a source system, and the secret key of the draws.
    Init(init::Arguments),
    /// Check configuration, models and topics before a start; with --sample or --file, what real tickets become.
    Check(check::Arguments),
    /// Create what topics are missing, and refuse to change what differs.
    #[command(subcommand)]
    Topics(topics::Command),
    /// Show the configuration in force, where each value comes from, or the JSON Schema of a record.
    #[command(subcommand)]
    Config(config_command::Command),
    /// Show where each slice stands, who is right how often, what is missing and what to do: asks the running daemon.
    Status(status::Arguments),
    /// Say what was done with a ticket, by which rules, and what would change the outcome.
    Explain(explain::Arguments),
    /// Stop all automatic actions, or those of one slice, on every instance, until a person resumes.
    Halt(halt::Arguments),
    /// Lift a halt of the same scope.
    Resume(halt::Arguments),
    /// Forecast what a stage takes, ask for a step of the rollout, or see all that were made.
    #[command(subcommand)]
    Rollout(rollout::Command),
    /// List what was done without a person.
    #[command(subcommand)]
    Actions(actions::Command),
    /// List records that were no tickets, or send them again.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// See where verdicts come from and what becomes of them, or write some.
    #[command(subcommand)]
    Verdicts(verdicts::Command),
    /// Plan thresholds on labelled tickets, or see what another policy would have done with the tickets that were decided.
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make a card for a model directory, check it, or ask it for predictions.
    #[command(subcommand)]
    Model(model::Command),
    /// Say whether a model is better than what was there before, where it fails, and what comes next. Files in, report out.
    Evaluate(evaluate::Arguments),
    /// Write labelled tickets of the simulated generators, and the text that a model reads of a ticket.
    #[command(subcommand)]
    Dataset(dataset::Command),
    /// Run the daemon.
    Run(run::Arguments),
}

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    match command_line.command {
        // Sockets of theirs may close at any moment: that is an error to handle, not a signal to die of.
        Command::Demo(_) | Command::Run(_) => {}
        Command::Init(_)
        | Command::Check(_)
        | Command::Topics(_)
        | Command::Config(_)
        | Command::Status(_)
        | Command::Explain(_)
        | Command::Halt(_)
        | Command::Resume(_)
        | Command::Rollout(_)
        | Command::Actions(_)
        | Command::DeadLetters(_)
        | Command::Verdicts(_)
        | Command::Policy(_)
        | Command::Model(_)
        | Command::Evaluate(_)
        | Command::Dataset(_) => end_quietly_with_a_closed_pipe(),
    }
    let result = match command_line.command {
        Command::Demo(arguments) => demo::run(arguments),
        Command::Init(arguments) => init::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Topics(command) => topics::run(command),
        Command::Config(command) => config_command::run(command),
        Command::Status(arguments) => status::run(&arguments),
        Command::Explain(arguments) => explain::run(arguments),
        Command::Halt(arguments) => halt::halt(&arguments),
        Command::Resume(arguments) => halt::resume(&arguments),
        Command::Rollout(command) => rollout::run(command),
        Command::Actions(command) => actions::run(command),
        Command::DeadLetters(command) => dead_letters::run(command),
        Command::Verdicts(command) => verdicts::run(command),
        Command::Policy(command) => policy::run(command),
        Command::Model(command) => model::run(command),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Dataset(command) => dataset::run(command),
        Command::Run(arguments) => run::run(arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.report(),
    }
}

/// `noctriage explain … | head` ends when `head` does, as other tools do, instead of complaining.
fn end_quietly_with_a_closed_pipe() {
    #[expect(unsafe_code, reason = "the standard library has no way to ask for the default of SIGPIPE")]
    // SAFETY: the default disposition of a signal runs no code of ours; nothing else has set a handler for it.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Why a command ended without doing its work: what to print, and the exit code.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    error: anyhow::Error,
}

impl Failure {
    /// An error with an exit code of its own.
    pub fn new(code: u8, error: impl Into<anyhow::Error>) -> Self {
        Self { code, error: error.into() }
    }

    /// Usage, or unreadable input.
    pub fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self::new(EXIT_USAGE, error)
    }

    /// The configuration is wrong.
    pub fn configuration(error: impl Into<anyhow::Error>) -> Self {
        Self::new(EXIT_CONFIGURATION, error)
    }

    /// The same, and what it means.
    fn context(self, words: &'static str) -> Self {
        Self { code: self.code, error: self.error.context(words) }
    }

    fn report(&self) -> ExitCode {
        eprintln!("noctriage: {:#}", self.error);
        ExitCode::from(self.code)
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { code: EXIT_TEMPORARY, error }
    }
}

/// What every command returns: an exit code, or why it did not do its work.
pub type CommandResult = Result<u8, Failure>;
