//! What all commands share that ask something of the rollout: who asks and why, sending it, and saying who has heard of it.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use serde_json::json;

use crate::clock::Clock;
use crate::config::settings::{KafkaSettings, Settings};
use crate::failpoints;
use crate::kafka::control_writer::{self, Acknowledged};
use crate::rollout::control::{Ask, ControlRequest, Signature};
use crate::wire::control;

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// How long instances are waited for.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// [`ACKNOWLEDGED_WITHIN`], or what a test has set.
pub(super) fn acknowledged_within() -> Duration {
    match failpoints::amount("patient_commands") {
        0 => ACKNOWLEDGED_WITHIN,
        seconds => Duration::from_secs(seconds.unsigned_abs()),
    }
}

/// Arguments of every command that changes something by a control record.
#[derive(Debug, clap::Args)]
pub(super) struct Signed {
    #[command(flatten)]
    pub(super) file_of_settings: SettingsFile,
    /// Why; stands in the audit trail for years.
    #[arg(long)]
    reason: String,
    /// Who asks. Without it, the user of this shell.
    #[arg(long, value_name = "NAME")]
    who: Option<String>,
    /// One JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

impl Signed {
    /// The request of whoever runs the command, as of now.
    pub(super) fn request(&self, ask: Ask, expires_in: Option<Duration>) -> Result<ControlRequest, Failure> {
        let who = self.who.clone().or_else(user_of_shell);
        let who = who.ok_or_else(|| Failure::usage(anyhow!("nobody knows who you are: say it with --who NAME")))?;
        let signed = Signature::try_new(&who, &self.reason).map_err(Failure::usage)?;
        let at = Clock::Real.operating_now();
        let expires = expires_in.map(|length| at.plus_ms(i64::try_from(length.as_millis()).unwrap_or(i64::MAX)));
        Ok(ControlRequest { signed, at, expires, ask })
    }
}

/// The person behind `sudo`, else whoever this shell belongs to. A claim, as every name in a control record.
fn user_of_shell() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .filter_map(std::env::var_os)
        .filter_map(|name| name.into_string().ok())
        .find(|name| !name.trim().is_empty())
}

/// Writes a request, and says at which offset of the control topic it lies.
pub(super) fn send(kafka: &KafkaSettings, request: &ControlRequest) -> Result<i64, Failure> {
    let value = control::to_json(request).context("writing the request")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let offset = runtime.block_on(control_writer::write(kafka, &value));
    offset.map_err(|error| Failure::new(EXIT_TEMPORARY, error))
}

/// Sends a request that every instance follows by itself, and says which have it in force.
pub(super) fn send_to_all(settings: &Settings, signed: &Signed, ask: Ask, done: &str) -> CommandResult {
    let kafka = &settings.kafka;
    let offset = send(kafka, &signed.request(ask, None)?)?;
    let acknowledged = control_writer::wait_acknowledged(kafka, offset, acknowledged_within());
    let is_complete = acknowledged.as_ref().is_ok_and(Acknowledged::is_complete);
    if signed.json {
        let instances = acknowledged.as_ref().map(|Acknowledged(instances)| instances.clone()).unwrap_or_default();
        let problem = acknowledged.as_ref().err().map(ToString::to_string);
        println!(
            "{}",
            json!({ "done": done, "offset": offset, "instances": instances, "complete": is_complete,
                "problem": problem })
        );
    } else {
        println!("{done}: record {} of {}", offset, kafka.topics.control);
        match &acknowledged {
            Ok(acknowledged) => lines(acknowledged).iter().for_each(|line| println!("  {line}")),
            Err(error) => println!("  {error}"),
        }
    }
    Ok(if is_complete { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

/// One line for each instance.
fn lines(Acknowledged(instances): &Acknowledged) -> Vec<String> {
    if instances.is_empty() {
        return vec!["no instance runs; every one that starts will follow it".to_owned()];
    }
    let line = |(instance, has): (&String, &bool)| {
        if *has {
            format!("{instance}: in force")
        } else {
            let seconds = acknowledged_within().as_secs();
            format!(
                "{instance}: NOT acknowledged within {seconds} s. hint: on its host, create the file that its \
                 rollout.halt_file names, or stop it"
            )
        }
    };
    instances.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_not_acknowledged_is_told_from_who_has() {
        let instances = [("noc-a".to_owned(), true), ("noc-b".to_owned(), false)].into();
        let lines = lines(&Acknowledged(instances));
        assert_eq!(lines[0], "noc-a: in force");
        assert!(lines[1].starts_with("noc-b: NOT acknowledged within 10 s. hint: "), "{lines:?}");
    }

    #[test]
    fn nobody_is_not_everybody() {
        assert!(!Acknowledged::default().is_complete());
        assert_eq!(lines(&Acknowledged::default()).len(), 1);
    }
}
