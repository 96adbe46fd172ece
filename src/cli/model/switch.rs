//! `noctriage model switch`: another loaded model acts. The consequence is printed first; with `--dry-run` that is all.

use std::sync::Arc;

use anyhow::anyhow;
use serde_json::json;

use crate::clock::Clock;
use crate::config::Settings;
use crate::kafka::evidence_reader::gather;
use crate::rollout::consequence::consequence;
use crate::rollout::control::{Ask, SwitchModel};
use crate::rollout::decision::ModelKey;
use crate::rollout::evaluate::evaluate;
use crate::rollout::evidence::Evidence;
use crate::rollout::reach::eligible_per_day;
use crate::rollout::state::RolloutState;
use crate::rollout::wrong::Permission;

use super::super::control::Signed;
use super::super::progress::Progress;
use super::super::rollout::change::ask_leader;
use super::super::rollout::state::{check_earned, current};
use super::super::{CommandResult, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Arguments of `model switch`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Name of the model on its card, or name and version as `v2@1.3`. It must have predicted drawn tickets as a candidate.
    name: String,
    #[command(flatten)]
    signed: Signed,
    /// Only print the consequence.
    #[arg(long)]
    dry_run: bool,
}

/// Runs `model switch`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let Arguments { name, signed, dry_run } = arguments;
    let loaded = signed.file_of_settings.load()?;
    let settings = &loaded.settings;
    check_earned(settings)?;
    let not_begun = || Failure::new(EXIT_TEMPORARY, anyhow!("the rollout has not begun: does the daemon run?"));
    let (_, state) = current(&settings.kafka)?.ok_or_else(not_begun)?;
    let evidence = evidence(settings)?;
    let model = named(&evidence, name)?;
    let told = told(settings, &state, &evidence, &model).ok_or_else(not_begun)?;
    if let Some(text) = shown(&told, signed.json, *dry_run) {
        println!("{text}");
    }
    if *dry_run {
        return Ok(EXIT_OK);
    }
    let ask = Ask::SwitchModel(SwitchModel {
        model_digest: model.digest,
        calibration_digest: model.calibration_digest,
        against: state.revision,
    });
    ask_leader(settings, signed, ask, None)
}

/// The consequence as it is printed. As JSON it stands alone only on a dry run; else the answer of the leader is the document.
fn shown(told: &str, is_json: bool, is_dry_run: bool) -> Option<String> {
    match (is_json, is_dry_run) {
        (false, _) => Some(told.to_owned()),
        (true, true) => Some(json!({ "consequence": told }).to_string()),
        (true, false) => None,
    }
}

fn evidence(settings: &Settings) -> Result<Evidence, Failure> {
    let spec = &settings.rollout.spec;
    let now = Clock::Real.operating_now();
    let since = spec.evidence_since(now);
    let mut progress = Progress::new("reading evidence");
    let gathered = gather(settings, since, |_, done| progress.at(done.done, done.total));
    Ok(gathered.map_err(|error| Failure::new(EXIT_TEMPORARY, error))?.evidence)
}

/// The one model of this name that has answered drawn tickets.
fn named(evidence: &Evidence, name: &str) -> Result<Arc<ModelKey>, Failure> {
    let mut models: Vec<Arc<ModelKey>> = Vec::new();
    for (_, ticket) in evidence.tickets() {
        for answer in ticket.drawn().flat_map(|decision| &decision.answers) {
            if !models.contains(&answer.model) {
                models.push(Arc::clone(&answer.model));
            }
        }
    }
    let shown = |model: &Arc<ModelKey>| format!("{}@{}", model.name, model.version);
    let is_meant = |model: &&Arc<ModelKey>| model.name == name || shown(model) == name;
    let mut meant = models.iter().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(model), None) => Ok(Arc::clone(model)),
        (Some(_), Some(_)) => Err(Failure::usage(anyhow!(
            "several models are called `{name}`: say which version, as {name}@VERSION; if they are of one version, only the one \
             that is meant may be loaded"
        ))),
        (None, _) => {
            let known: Vec<String> = models.iter().map(shown).collect();
            Err(Failure::usage(anyhow!(
                "no model `{name}` has answered a drawn ticket; those that have are {}. hint: name its directory in \
                 model.candidates and restart",
                known.join(", ")
            )))
        }
    }
}

fn told(settings: &Settings, state: &RolloutState, evidence: &Evidence, model: &Arc<ModelKey>) -> Option<String> {
    let spec = &settings.rollout.spec;
    let now = Clock::Real.operating_now();
    let reports = |permission| {
        let questions = state.candidate_questions(model, permission, spec);
        evaluate(evidence, &questions, spec, crate::rollout::log::Cut::start(), now).slices
    };
    let reports: Vec<_> = Permission::ALL.into_iter().flat_map(reports).collect();
    let measured = eligible_per_day(evidence, spec, state.basis.as_ref()?, now);
    let eligible =
        |slice: &str| measured.iter().find(|(name, _)| &**name == slice).map_or([None, None], |found| found.1);
    consequence(state, spec, model, &reports, eligible, now).map(|consequence| consequence.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dry_run_says_its_consequence_as_json_too() {
        assert_eq!(shown("a\nb", true, true).as_deref(), Some(r#"{"consequence":"a\nb"}"#));
        assert_eq!(shown("a", true, false), None);
        assert_eq!(shown("a", false, true).as_deref(), Some("a"));
    }
}
