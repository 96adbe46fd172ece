//! `noctriage halt` and `resume`: no automatic action until a person says otherwise.

use std::path::{Path, PathBuf};

use crate::admin::socket::{self, LocalAsk, SocketError};
use crate::rollout::control::{Ask, HaltScope, Signature};

use super::control::{Signed, send_to_all};
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Arguments of `halt` and `resume`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    signed: Signed,
    /// Only this slice.
    #[arg(long, value_name = "SLICE")]
    slice: Option<String>,
    /// Only the instance that listens on this socket (its admin.socket); needs neither Kafka nor a configuration.
    #[arg(long, value_name = "PATH", conflicts_with = "slice")]
    socket: Option<PathBuf>,
}

/// Runs `halt`.
pub fn halt(arguments: &Arguments) -> CommandResult {
    if let Some(path) = &arguments.socket {
        return through(path, arguments, Ask::Halt(HaltScope::All), LocalAsk::Halt);
    }
    let scope = scope_of(arguments);
    let done = format!("halted {}", shown(&scope));
    run(arguments, Ask::Halt(scope), &done)
}

/// Runs `resume`.
pub fn resume(arguments: &Arguments) -> CommandResult {
    if let Some(path) = &arguments.socket {
        return through(path, arguments, Ask::Resume(HaltScope::All), LocalAsk::Resume);
    }
    let scope = scope_of(arguments);
    let done = format!("resumed {}", shown(&scope));
    run(arguments, Ask::Resume(scope), &done)
}

/// Asks one instance through its socket. Nothing is written to Kafka: other instances go on.
fn through(path: &Path, arguments: &Arguments, ask: Ask, local: fn(Signature) -> LocalAsk) -> CommandResult {
    let request = arguments.signed.request(ask, None)?;
    let done = socket::ask(path, &local(request.signed)).map_err(|error| match error {
        SocketError::Refused(_) => Failure::new(EXIT_DOES_NOT_HOLD, error),
        SocketError::Ask { .. } | SocketError::Listen { .. } | SocketError::Taken(_) => {
            Failure::new(EXIT_TEMPORARY, error)
        }
    })?;
    if arguments.signed.json {
        println!("{}", serde_json::json!({ "done": done, "socket": path }));
    } else {
        println!("{}: {done}", path.display());
    }
    Ok(EXIT_OK)
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
