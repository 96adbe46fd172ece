//! From a directory to a model: card, digests, architecture, calibration, probes; and from raw scores to a prediction.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::settings::DeviceChoice;
use crate::domain::digest::Digest;
use crate::domain::prediction::{CauseProbability, ModelIdentity, Prediction, Purpose, TicketFault};
use crate::domain::probability::{Probability, SeverityDistribution};
use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;

use super::calibration::Calibration;
use super::card::{Card, SeverityRows};
use super::classifier::{Classifier, Encoded, ModelInfo};
use super::fault::LoadError;
use super::files::{CALIBRATION, CARD, CONFIG, ModelFiles, PROBES, TEXT_FILE_BYTES_MAX, model_digest};
use super::registry::{Architecture, Parts};
use super::render::{DEFAULT_TEMPLATE, Rendered, Template};
use super::scorer::{HeadSizes, Scorer, Scores};
use super::settings::labels_of;
use super::{device, probes, registry, zero};

/// Root causes that a prediction names.
const CAUSES_SHOWN: usize = 3;

/// How much a directory must say about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// A card with the digest of every part: what decides about tickets must be known to the last bit.
    Run,
    /// A directory without a card is taken where its labels are severities; for trying out.
    Predict,
}

/// How to load.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions<'load> {
    /// How much the directory must say about itself.
    pub strictness: Strictness,
    /// Where the weights go.
    pub device: DeviceChoice,
    /// A second directory that has the root-cause head.
    pub root_cause_model: Option<&'load Path>,
}

impl Default for LoadOptions<'_> {
    fn default() -> Self {
        Self { strictness: Strictness::Run, device: DeviceChoice::Auto, root_cause_model: None }
    }
}

/// Loads a model that predicts severity.
///
/// # Errors
/// Whatever is wrong with the directory; nothing of it is used then.
pub fn load(directory: &Path, options: LoadOptions<'_>) -> Result<Box<dyn Classifier>, LoadError> {
    if fail::has_failpoints() && directory.file_name().is_some_and(|name| name == zero::NAME) {
        return Ok(Box::new(zero::ZeroCost::new()));
    }
    Ok(Box::new(LoadedModel::load(directory, options)?))
}

/// One directory: its network, and what its text and rows mean.
struct Network {
    scorer: Box<dyn Scorer>,
    template: Template,
    severity: Option<SeverityRows>,
    causes: Vec<Arc<str>>,
    calibration: Calibration,
}

/// A model with everything that its card says.
pub struct LoadedModel {
    info: ModelInfo,
    network: Network,
    rows: [usize; 4],
    /// The second directory, where root causes come from one.
    cause_network: Option<Network>,
    /// Number of probes that were recomputed.
    pub probes_checked: usize,
}

struct Opened {
    network: Network,
    identity: ModelIdentity,
    architecture: &'static str,
    device: String,
    probes_checked: usize,
}

impl LoadedModel {
    /// Loads a directory, and the second one where root causes come from one.
    ///
    /// # Errors
    /// Whatever is wrong with a directory; a first directory without severity head, a second one without root causes,
    /// or root causes in both.
    pub fn load(directory: &Path, options: LoadOptions<'_>) -> Result<Self, LoadError> {
        let mut opened = open(directory, options)?;
        let wrong =
            |path: &Path, mistake: &str| LoadError::Invalid { path: path.join(CARD), mistakes: vec![mistake.into()] };
        let Some(severity) = &opened.network.severity else {
            return Err(wrong(
                directory,
                "severity: has no severity head; a directory of root causes alone goes into `root_cause_model`",
            ));
        };
        let rows = severity.rows;
        let mut causes = opened.network.causes.clone();
        let mut cause_network = None;
        if let Some(path) = options.root_cause_model {
            let second = open(path, options)?;
            if second.network.causes.is_empty() {
                return Err(wrong(path, "cause: has no root-cause head, yet it is set as `root_cause_model`"));
            }
            if !causes.is_empty() {
                return Err(wrong(directory, "cause: has a root-cause head of its own; leave `root_cause_model` out"));
            }
            causes.clone_from(&second.network.causes);
            let both = |first: &Digest, second: &Digest| Digest::of_parts([first.0.as_slice(), second.0.as_slice()]);
            opened.identity.digest = both(&opened.identity.digest, &second.identity.digest);
            opened.identity.calibration_digest =
                both(&opened.identity.calibration_digest, &second.identity.calibration_digest);
            opened.identity.purpose = match (opened.identity.purpose, second.identity.purpose) {
                (Purpose::Production, Purpose::Production) => Purpose::Production,
                (Purpose::Demo, _) | (_, Purpose::Demo) => Purpose::Demo,
            };
            opened.probes_checked += second.probes_checked;
            cause_network = Some(second.network);
        }
        let Opened { network, identity, architecture, device, probes_checked } = opened;
        let tokens_max = network.scorer.tokens_max();
        let info = ModelInfo { identity: Arc::new(identity), architecture, causes, tokens_max, device };
        Ok(Self { info, network, rows, cause_network, probes_checked })
    }

    /// What the model reads of a ticket.
    pub fn render(&self, ticket: &Ticket) -> Rendered {
        self.network.template.render(ticket)
    }

    fn prediction(&self, encoded: &Encoded, severity: &Scores, cause: &Scores) -> Result<Prediction, TicketFault> {
        let raw = self.rows.map(|row| severity.severity.get(row).copied().map_or(f64::NAN, f64::from));
        let calibrated = self.network.calibration.severity(raw);
        let distribution = SeverityDistribution::from_logits(calibrated).map_err(|_| TicketFault::NotFinite)?;
        let cause_calibration =
            self.cause_network.as_ref().map_or(&self.network.calibration, |second| &second.calibration);
        Ok(Prediction {
            severity: distribution,
            logits: raw,
            causes: top_causes(&self.info.causes, &cause.cause, cause_calibration)?,
            truncated: encoded.truncated,
            tokens: encoded.ids.len() as u32,
        })
    }
}

fn top_causes(
    causes: &[Arc<str>],
    scores: &[f32],
    calibration: &Calibration,
) -> Result<Vec<CauseProbability>, TicketFault> {
    if causes.is_empty() {
        return Ok(Vec::new());
    }
    if scores.len() != causes.len() || scores.iter().any(|score| !score.is_finite()) {
        return Err(TicketFault::NotFinite);
    }
    let calibrated: Vec<f64> = scores.iter().map(|score| calibration.cause(f64::from(*score))).collect();
    let greatest = calibrated.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = calibrated.iter().map(|score| (score - greatest).exp()).sum();
    let mut order: Vec<usize> = (0..causes.len()).collect();
    order.sort_by(|first, second| calibrated[*second].total_cmp(&calibrated[*first]).then(first.cmp(second)));
    let top = order.into_iter().take(CAUSES_SHOWN).map(|row| {
        let probability = Probability::try_new((calibrated[row] - greatest).exp() / sum);
        let probability = probability.map_err(|_| TicketFault::NotFinite)?;
        Ok(CauseProbability { cause: Arc::clone(&causes[row]), probability })
    });
    top.collect()
}

impl Classifier for LoadedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn encode(&self, ticket: &Ticket) -> Result<Encoded, TicketFault> {
        let mut encoded = self.network.scorer.encode(&self.render(ticket))?;
        if let Some(second) = &self.cause_network {
            encoded.second = Some(Box::new(second.scorer.encode(&second.template.render(ticket))?));
        }
        Ok(encoded)
    }

    fn classify(&mut self, batch: &[&Encoded]) -> Result<Vec<Result<Prediction, TicketFault>>, String> {
        let severity = self.network.scorer.score(batch)?;
        let cause = match &mut self.cause_network {
            None => None,
            Some(second) => {
                let rows: Option<Vec<&Encoded>> = batch.iter().map(|row| row.second.as_deref()).collect();
                Some(second.scorer.score(&rows.ok_or("a ticket was not encoded for the root-cause model")?)?)
            }
        };
        let cause = cause.as_ref().unwrap_or(&severity);
        let rows = batch.iter().zip(severity.iter().zip(cause));
        Ok(rows.map(|(encoded, (severity, cause))| self.prediction(encoded, severity, cause)).collect())
    }
}

fn open(directory: &Path, options: LoadOptions<'_>) -> Result<Opened, LoadError> {
    let files = ModelFiles::open(directory)?;
    let config = files.json(CONFIG, TEXT_FILE_BYTES_MAX)?;
    let architecture = registry::find(&files, &config)?;
    let (card, digest) = read_card(&files, &config, options.strictness)?;
    check_labels(&files, &config, &card, architecture)?;
    let calibration = read_calibration(&files)?;
    let (device, device_word) = device::open(options.device)?;
    let heads = HeadSizes {
        severity: card.severity.as_ref().map(|_| Severity::ALL.len()),
        cause: (!card.causes.is_empty()).then_some(card.causes.len()),
    };
    let Card { name, version, purpose, template, tokens_max, truncation, severity, causes, parent: _, files: _ } = card;
    let mut scorer =
        (architecture.load)(&Parts { files: &files, config: &config, heads, tokens_max, truncation, device })?;
    let probes_checked = if files.has(PROBES) { probes::check(&files, &template, scorer.as_mut())? } else { 0 };
    let identity = ModelIdentity { name, version, digest, calibration_digest: calibration.digest, purpose };
    let device = if architecture.has_tokens { device_word } else { "cpu".into() };
    let network = Network { scorer, template, severity, causes, calibration };
    Ok(Opened { network, identity, architecture: architecture.word, device, probes_checked })
}

/// The card and the digest of the model; without a card what `config.json` says, where that is allowed.
fn read_card(files: &ModelFiles, config: &Value, strictness: Strictness) -> Result<(Card, Digest), LoadError> {
    let parts = files.part_digests()?;
    let digest = model_digest(&parts);
    if !files.has(CARD) {
        return match strictness {
            Strictness::Run => Err(LoadError::NoCard { path: files.directory().to_owned() }),
            Strictness::Predict => Ok((card_of_config(files, config)?, digest)),
        };
    }
    let text = files.text(CARD, TEXT_FILE_BYTES_MAX)?;
    let card = Card::parse(&text).map_err(|mistakes| LoadError::Invalid { path: files.path(CARD), mistakes })?;
    check_digests(files, &card, &parts, strictness)?;
    Ok((card, digest))
}

fn check_digests(
    files: &ModelFiles,
    card: &Card,
    parts: &BTreeMap<String, Digest>,
    strictness: Strictness,
) -> Result<(), LoadError> {
    let mut mistakes = Vec::new();
    for (name, found) in parts.iter().filter(|(name, _)| *name != CARD) {
        match card.files.get(name) {
            Some(expected) if expected != found => {
                mistakes.push(format!("{name} has SHA-256 {found}, the card says {expected}"));
            }
            None if strictness == Strictness::Run => {
                mistakes.push(format!("{name} is not listed in the card's [files]"));
            }
            Some(_) | None => {}
        }
    }
    for name in card.files.keys().filter(|name| !parts.contains_key(*name)) {
        // A trainer may list more than the parts, calibration and probes for example: what is listed must hold.
        if files.has(name) {
            let (found, expected) = (files.digest_of(name)?, card.files[name]);
            if found != expected {
                mistakes.push(format!("{name} has SHA-256 {found}, the card says {expected}"));
            }
        } else {
            mistakes.push(format!("{name} is listed in the card's [files] but is missing"));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(LoadError::Digests { path: files.directory().to_owned(), mistakes }) }
}

/// A stand-in for a missing card: possible where the labels of `config.json` are the four severities.
fn card_of_config(files: &ModelFiles, config: &Value) -> Result<Card, LoadError> {
    let invalid = |mistakes| LoadError::Invalid { path: files.path(CONFIG), mistakes };
    let labels = labels_of(config).ok_or_else(|| {
        invalid(vec![
            "id2label: is missing or has gaps, and without a card nothing else says what the rows mean".into(),
        ])
    })?;
    let severity = SeverityRows::try_new(&labels, None).map_err(|mistakes| {
        invalid(
            mistakes.into_iter().map(|mistake| format!("id2label: {mistake}; run `noctriage model init`")).collect(),
        )
    })?;
    let template = Template::parse(DEFAULT_TEMPLATE).expect("the default template is one: a test parses it");
    Ok(Card {
        name: files.directory().file_name().map_or("unnamed".into(), |name| name.to_string_lossy().into_owned()),
        version: "without a card".into(),
        parent: None,
        purpose: Purpose::Demo,
        template,
        tokens_max: None,
        truncation: None,
        severity: Some(severity),
        causes: Vec::new(),
        files: BTreeMap::new(),
    })
}

/// Card and `config.json` must tell the same story.
fn check_labels(files: &ModelFiles, config: &Value, card: &Card, architecture: Architecture) -> Result<(), LoadError> {
    let mut mistakes = Vec::new();
    let expected: Vec<String> = match &card.severity {
        Some(severity) => severity.labels.to_vec(),
        None => card.causes.iter().map(ToString::to_string).collect(),
    };
    if let Some(found) = labels_of(config) {
        let is_generic = found.iter().all(|label| label.starts_with("LABEL_"));
        let count_differs = found.len() != expected.len();
        if count_differs || (!is_generic && found != expected) {
            mistakes.push(format!(
                "labels: are {} in the card but {} in config.json's id2label; their order is the order of the rows",
                expected.join(", "),
                found.join(", ")
            ));
        }
    }
    if architecture.has_tokens && files.has(CARD) {
        if card.tokens_max.is_none() {
            mistakes
                .push("max_tokens: is missing: how long was the input in training, special tokens included?".into());
        }
        if card.truncation.is_none() {
            mistakes.push("truncation: is missing: head, tail or head_tail, as in training".into());
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(LoadError::Invalid { path: files.path(CARD), mistakes }) }
}

fn read_calibration(files: &ModelFiles) -> Result<Calibration, LoadError> {
    if !files.has(CALIBRATION) {
        return Ok(Calibration::identity());
    }
    let text = files.text(CALIBRATION, TEXT_FILE_BYTES_MAX)?;
    Calibration::parse(&text).map_err(|mistakes| LoadError::Invalid { path: files.path(CALIBRATION), mistakes })
}

#[cfg(test)]
mod tests;
