//! `noctriage halt` and `resume`: no automatic action until a person says otherwise.

use crate::rollout::control::{Ask, HaltScope};

use super::control::{Signed, send_to_all};
use super::{CommandResult, Failure};

/// Arguments of `halt` and `resume`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    signed: Signed,
    /// Only this slice.
    #[arg(long, value_name = "SLICE")]
    slice: Option<String>,
}

/// Runs `halt`.
pub fn halt(arguments: &Arguments) -> CommandResult {
    let scope = scope_of(arguments);
    let done = format!("halted {}", shown(&scope));
    run(arguments, Ask::Halt(scope), &done)
}

/// Runs `resume`.
pub fn resume(arguments: &Arguments) -> CommandResult {
    let scope = scope_of(arguments);
    let done = format!("resumed {}", shown(&scope));
    run(arguments, Ask::Resume(scope), &done)
}

fn scope_of(arguments: &Arguments) -> HaltScope {
    arguments.slice.as_deref().map_or(HaltScope::All, |slice| HaltScope::Slice(slice.into()))
}

fn shown(scope: &HaltScope) -> String {
    match scope {
        HaltScope::All => "everything".to_owned(),
        HaltScope::Slice(slice) => format!("slice {slice}"),
    }
}

fn run(arguments: &Arguments, ask: Ask, done: &str) -> CommandResult {
    let loaded = arguments.signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    if let Some(slice) = &arguments.slice {
        known_slice(settings, slice)?;
    }
    send_to_all(settings, &arguments.signed, ask, done)
}

/// A misspelt slice would halt nothing and look as if it did.
pub(super) fn known_slice(settings: &crate::config::Settings, slice: &str) -> Result<(), Failure> {
    let names: Vec<&str> = settings.policy.slices.iter().map(|rule| rule.name.as_str()).collect();
    if names.contains(&slice) {
        return Ok(());
    }
    Err(Failure::usage(anyhow::anyhow!("there is no slice `{slice}`; the configuration has {}", names.join(", "))))
}
