//! `noctriage rollout`: what stages are earned with.

mod forecast;

use super::CommandResult;

/// Commands of `rollout`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say how many verdicts and days a stage takes, from numbers of your site; needs neither Kafka nor a configuration.
    Forecast(forecast::Arguments),
}

/// Runs a command of `rollout`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Forecast(arguments) => forecast::run(&arguments),
    }
}
