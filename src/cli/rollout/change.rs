//! `noctriage rollout promote`, `approve`, `step-back` and `acknowledge`: one step up when it is earned, on where it stands,
//! down at once, or on without evidence that is missing.

use std::time::Duration;

use serde_json::json;

use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::stage::Stage;
use crate::kafka::evidence_reader::starts_of_logs;
use crate::rollout::approval::{self, Approval};
use crate::rollout::control::{Approve, Ask, Lock, Promote};
use crate::rollout::evaluate::holes;
use crate::rollout::ladder::Rise;
use crate::rollout::state::SliceState;
use crate::wire::transition::{AuditRecord, TransitionRecord};
use crate::wire::values::Instant;

use super::super::control::{Signed, acknowledged_within, send};
use super::super::halt::known_slice;
use super::super::span::span;
use super::super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};
use super::state::{answer, check_earned, current};

/// Arguments of `rollout promote`.
#[derive(Debug, clap::Args)]
pub struct PromoteArguments {
    /// The slice.
    slice: String,
    #[command(flatten)]
    signed: Signed,
    /// Lift the lock after a second step-back. No gate is lifted.
    #[arg(long = "override")]
    lift_lock: bool,
    /// How long the request stands while the step is not earned: 12h, 30d
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = span)]
    expires: Duration,
}

/// Arguments of `rollout approve`.
#[derive(Debug, clap::Args)]
pub struct ApproveArguments {
    /// The slice.
    slice: String,
    #[command(flatten)]
    signed: Signed,
}

/// Arguments of `rollout step-back`.
#[derive(Debug, clap::Args)]
pub struct StepBackArguments {
    /// The slice.
    slice: String,
    #[command(flatten)]
    signed: Signed,
    /// To which stage: shadow, suggest, auto_triage. Without it, the next weaker one.
    #[arg(long, value_name = "STAGE")]
    to: Option<Stage>,
}

/// Arguments of `rollout acknowledge`.
#[derive(Debug, clap::Args)]
pub struct AcknowledgeArguments {
    #[command(flatten)]
    signed: Signed,
}

/// Runs `rollout acknowledge`: everything that is missing now and that nobody has acknowledged.
pub fn acknowledge(arguments: &AcknowledgeArguments) -> CommandResult {
    let AcknowledgeArguments { signed } = arguments;
    let loaded = signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    check_earned(settings)?;
    let not_begun = || Failure::new(EXIT_TEMPORARY, anyhow::anyhow!("there is no rollout yet: does the daemon run?"));
    let (_, state) = current(&settings.kafka)?.ok_or_else(not_begun)?;
    let (spec, now) = (&settings.rollout.spec, Clock::Real.operating_now());
    let starts =
        starts_of_logs(settings, spec.evidence_since(now)).map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    let found = holes(&starts, &state.questions(spec));
    let holes: Vec<String> = found.into_iter().filter(|hole| !state.acknowledged_holes.contains(hole)).collect();
    if holes.is_empty() {
        let sentence = "nothing is missing that nobody has acknowledged";
        println!("{}", if signed.json { json!({ "sentence": sentence }).to_string() } else { sentence.to_owned() });
        return Ok(EXIT_OK);
    }
    if !signed.json {
        for hole in &holes {
            println!("{hole}");
        }
    }
    ask_leader(settings, signed, Ask::AcknowledgeHoles { holes }, None)
}

/// Runs `rollout promote`.
pub fn promote(arguments: &PromoteArguments) -> CommandResult {
    let PromoteArguments { slice, signed, lift_lock, expires } = arguments;
    let loaded = signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    let (revision, state) = slice_state(settings, slice)?;
    let threshold = settings.rollout.spec.slice(slice).map(|spec| spec.threshold);
    if let Some(step) = threshold.and_then(|threshold| state.next_step(threshold))
        && !signed.json
    {
        let what = match step.rise {
            Rise::Stage => format!("stage {}", step.permission.as_str()),
            Rise::Share => format!("a greater share of {}", step.permission.as_str()),
            Rise::Threshold => format!("the configured threshold of {}", step.permission.as_str()),
        };
        println!("slice {slice} stands at {} (revision {revision}); its next step is {what}", shown(&state));
    }
    let lock = if *lift_lock { Lock::Lift } else { Lock::Respect };
    let ask = Ask::Promote(Promote { slice: slice.as_str().into(), against: revision, lock });
    ask_leader(settings, signed, ask, Some(*expires))
}

/// Runs `rollout approve`.
pub fn approve(arguments: &ApproveArguments) -> CommandResult {
    let ApproveArguments { slice, signed } = arguments;
    let loaded = signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    let (revision, state) = slice_state(settings, slice)?;
    if !signed.json {
        let last = match &state.approval {
            Some(Approval { signed, at }) => {
                format!("; {} approved it at {}: {}", signed.who(), Instant(*at), signed.why())
            }
            None if approval::is_missing(&state) => "; nobody approves what is automatic".to_owned(),
            None => String::new(),
        };
        println!("slice {slice} stands at {} (revision {revision}){last}", shown(&state));
    }
    ask_leader(settings, signed, Ask::Approve(Approve { slice: slice.as_str().into(), against: revision }), None)
}

/// Runs `rollout step-back`.
pub fn step_back(arguments: &StepBackArguments) -> CommandResult {
    let StepBackArguments { slice, signed, to } = arguments;
    let loaded = signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    let (_, state) = slice_state(settings, slice)?;
    let stands_at = state.standing.position.stage();
    let to = to.or(Stage::ALL.into_iter().rfind(|weaker| *weaker < stands_at));
    let to = to.ok_or_else(|| Failure::usage(anyhow::anyhow!("slice {slice} is in shadow; there is nothing below")))?;
    ask_leader(settings, signed, Ask::StepBack { slice: slice.as_str().into(), to }, None)
}

fn shown(state: &SliceState) -> String {
    state.standing.position.stage().to_string()
}

/// The revision that stands, and the slice at it.
fn slice_state(settings: &Settings, slice: &str) -> Result<(u64, SliceState), Failure> {
    check_earned(settings)?;
    known_slice(settings, slice)?;
    let not_begun = || {
        let topic = &settings.kafka.topics.rollout;
        Failure::new(EXIT_TEMPORARY, anyhow::anyhow!("slice {slice} has no state in {topic} yet: does the daemon run?"))
    };
    let (_, state) = current(&settings.kafka)?.ok_or_else(not_begun)?;
    let slice = state.slices.get(slice).cloned().ok_or_else(not_begun)?;
    Ok((state.revision, slice))
}

/// Sends a request for the leader, and says what it answers.
pub(in crate::cli) fn ask_leader(
    settings: &Settings,
    signed: &Signed,
    ask: Ask,
    expires_in: Option<Duration>,
) -> CommandResult {
    let kafka = &settings.kafka;
    let word = ask.as_str();
    let offset = send(kafka, &signed.request(ask, expires_in)?)?;
    let answer = answer(kafka, offset, acknowledged_within())?;
    let (code, sentence) = match &answer {
        None => (
            EXIT_TEMPORARY,
            format!(
                "{word} is recorded ({}@{}); no instance that leads has answered within {} s, it will be read when one does",
                kafka.topics.control,
                offset,
                acknowledged_within().as_secs()
            ),
        ),
        Some(AuditRecord::Transition(record)) => (EXIT_OK, told(record)),
        Some(AuditRecord::Refusal(record)) => (EXIT_DOES_NOT_HOLD, format!("refused: {}", record.why)),
    };
    if signed.json {
        println!("{}", json!({ "offset": offset, "answered": answer.is_some(), "sentence": sentence }));
    } else {
        println!("{sentence}");
    }
    Ok(code)
}

/// A transition in one line.
pub(in crate::cli) fn told(record: &TransitionRecord) -> String {
    let change = |change: &crate::wire::transition::ChangeRecord| {
        let stage =
            |position: &crate::wire::accounts::PositionRecord| match (position.auto_triage, position.auto_resolve) {
                (0.0, 0.0) => position.stage.0.to_string(),
                (triage, 0.0) => format!("{} {:.0} %", position.stage.0, triage * 100.0),
                (_, resolve) => format!("{} {:.0} %", position.stage.0, resolve * 100.0),
            };
        let from = change.from.as_ref().map_or("new".to_owned(), stage);
        let suspended = if change.is_suspended { ", suspended" } else { "" };
        let unapproved = if change.is_unapproved { ", approved by nobody" } else { "" };
        format!("{}: {from} → {}{suspended}{unapproved}", change.slice, stage(&change.to))
    };
    let changes: Vec<String> = record.slices.iter().map(change).collect();
    let who = match (&record.who, &record.reason) {
        (Some(who), Some(reason)) => format!("; {who}: {reason}"),
        (_, _) => String::new(),
    };
    format!(
        "{} revision {}: {} ({}){}{who}",
        record.at,
        record.rollout_revision,
        record.kind.0.as_str(),
        record.because,
        if changes.is_empty() { String::new() } else { format!("; {}", changes.join(", ")) }
    )
}
