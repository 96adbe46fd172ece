//! `noctriage rollout`: what stages are earned with, steps that a person asks for, and the trail of all that were made.

pub(super) mod change;
mod forecast;
mod history;
pub(super) mod state;

use super::CommandResult;

pub(super) use change::told;
pub(super) use state::{current, trail};

/// Commands of `rollout`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say how many verdicts and days a stage takes, from numbers of your site; needs neither Kafka nor a configuration.
    Forecast(forecast::Arguments),
    /// Ask for the next step of a slice: it is taken once, at the first reading after midnight at which its gates pass.
    Promote(change::PromoteArguments),
    /// Let a slice go on acting where it stands: an approval holds for rollout.approval_days, and a promotion is one.
    Approve(change::ApproveArguments),
    /// Take a slice to a weaker stage, at once.
    StepBack(change::StepBackArguments),
    /// Go on without the evidence that is missing: what is missing is printed, and stands in the trail.
    Acknowledge(change::AcknowledgeArguments),
    /// Print every transition with who asked for it and why; with --verify, ask every report again.
    History(history::Arguments),
}

/// Runs a command of `rollout`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Forecast(arguments) => forecast::run(&arguments),
        Command::Promote(arguments) => change::promote(&arguments),
        Command::Approve(arguments) => change::approve(&arguments),
        Command::StepBack(arguments) => change::step_back(&arguments),
        Command::Acknowledge(arguments) => change::acknowledge(&arguments),
        Command::History(arguments) => history::run(&arguments),
    }
}
