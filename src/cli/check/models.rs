//! The models as `check` sees them: loaded as `run` would load them, and asked about tickets one by one.

use std::path::Path;
use std::sync::Arc;

use crate::config::sanity::{Finding, Weight};
use crate::config::settings::Settings;
use crate::config::taxonomy::Taxonomy;
use crate::domain::prediction::{Answer, ModelIdentity, ModelRole, TicketFault};
use crate::domain::ticket::Ticket;
use crate::inference::classifier::Classifier;
use crate::inference::model::{LoadOptions, Strictness, load};

/// The models that could be loaded, acting first.
pub(super) struct Models {
    loaded: Vec<(ModelRole, Box<dyn Classifier>)>,
}

impl Models {
    /// Loads every model that the configuration names, as strictly as `run` does: files, digests, shapes, probes. All
    /// that cannot be used are told together.
    pub(super) fn load(settings: &Settings, findings: &mut Vec<Finding>) -> Self {
        let inference = &settings.inference;
        let named = [
            ("model.directory", ModelRole::Acting, &inference.model, inference.root_cause_model.as_deref()),
            ("model.baseline", ModelRole::Baseline, &inference.baseline, None),
        ];
        let candidates = inference.candidates.iter();
        let candidates = candidates.map(|directory| ("model.candidates", ModelRole::Candidate, directory, None));
        let mut loaded = Vec::new();
        for (key, role, directory, root_cause_model) in named.into_iter().chain(candidates) {
            let options = LoadOptions { strictness: Strictness::Run, device: inference.device, root_cause_model };
            match load(directory, options) {
                Ok(model) => {
                    findings.extend(unlisted_causes(key, directory, model.as_ref(), &settings.taxonomy));
                    loaded.push((role, model));
                }
                Err(error) => {
                    let sentence = format!("{:#}", anyhow::Error::new(error));
                    findings.push(Finding::new(Weight::Mistake, key, sentence));
                }
            }
        }
        Self { loaded }
    }

    /// The acting model; `None` when it could not be loaded.
    pub(super) fn acting(&self) -> Option<Arc<ModelIdentity>> {
        let acting = self.loaded.iter().find(|(role, _)| *role == ModelRole::Acting)?;
        Some(Arc::clone(&acting.1.info().identity))
    }

    /// One line per model that could be loaded.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |(role, model): &(ModelRole, Box<dyn Classifier>)| {
            let info = model.info();
            let identity = &info.identity;
            format!(
                "model: {} {} {} ({}, digest {}, on {})",
                role.as_str(),
                identity.name,
                identity.version,
                info.architecture,
                identity.digest.short(),
                info.device
            )
        };
        self.loaded.iter().map(line).collect()
    }

    /// The answers to one ticket, acting first.
    pub(super) fn answer(&mut self, ticket: &Ticket) -> Vec<Answer> {
        let answer = |(role, model): &mut (ModelRole, Box<dyn Classifier>)| {
            let encoded = model.encode(ticket);
            let result = encoded.and_then(|encoded| {
                let rows = model.classify(&[&encoded]).map_err(TicketFault::Failed)?;
                rows.into_iter().next().unwrap_or_else(|| Err(TicketFault::Failed("no answer".to_owned())))
            });
            Answer { role: *role, model: Arc::clone(&model.info().identity), result, latency_ms: 0.0 }
        };
        self.loaded.iter_mut().map(answer).collect()
    }
}

/// Causes of a model that the taxonomy lacks: nobody can put them on a list.
fn unlisted_causes(key: &str, directory: &Path, model: &dyn Classifier, taxonomy: &Taxonomy) -> Option<Finding> {
    let causes = &model.info().causes;
    let unlisted: Vec<&str> = causes.iter().map(|cause| &**cause).filter(|cause| !taxonomy.has_cause(cause)).collect();
    (!unlisted.is_empty()).then(|| {
        let sentence = format!(
            "{} names root causes that the taxonomy lacks: {}; add them to a file named by taxonomy_file",
            directory.display(),
            unlisted.join(", ")
        );
        Finding::new(Weight::Warning, key, sentence)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load as load_configuration};
    use crate::policy::ruling::DrawKey;

    #[test]
    fn every_model_that_cannot_be_loaded_is_told() {
        let keys = [("model.directory", "no/such/model"), ("model.candidates", "no/such/one,no/such/two")];
        let loaded = load_configuration(&Sources::built_in(&keys, DrawKey([7; 16]))).expect("the configuration holds");
        let mut findings = Vec::new();
        let models = Models::load(&loaded.settings, &mut findings);
        let about: Vec<&str> = findings.iter().map(|finding| finding.about.as_str()).collect();
        assert_eq!(about, ["model.directory", "model.baseline", "model.candidates", "model.candidates"]);
        assert!(findings.iter().all(|finding| finding.weight == Weight::Mistake));
        assert!(findings[0].sentence.contains("no/such/model"), "{}", findings[0].sentence);
        assert_eq!(models.acting(), None);
    }
}
