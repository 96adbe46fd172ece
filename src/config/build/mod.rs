//! From checked values to [`Settings`]: rules over several keys, files that keys name, defaults that depend on others.
//!
//! Every builder reports its mistakes to the reader and returns something usable, so that the next one still runs.

mod intake;
mod kafka;
mod policy;
mod rollout;
mod service;
mod verdicts;

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::policy::ruling::DrawKey;

use super::layers::read_bounded;
use super::reader::Reader;
use super::secrets;
use super::settings::Settings;
use super::taxonomy::{self, Taxonomy};
use super::values::Values;

/// Builds everything; what the reader calls mistakes decides whether the result may be used.
pub(super) fn settings(reader: &Reader<'_>) -> Settings {
    let taxonomy = Arc::new(taxonomy_of(reader));
    let draw_key = draw_key_of(reader);
    let intake = Arc::new(intake::settings(reader, &taxonomy));
    let base = eligibility_base(reader.values, &taxonomy, draw_key);
    let kafka = kafka::settings(reader);
    let policy = Arc::new(policy::settings(reader, &taxonomy, base));
    let verdicts = verdicts::settings(reader, &intake, draw_key);
    Settings {
        rollout: rollout::settings(reader, &kafka, &policy, &verdicts),
        kafka,
        policy,
        verdicts,
        intake,
        inference: service::inference(reader),
        triage: service::triage(reader),
        admin: service::admin(reader),
        log: service::log(reader),
        eligibility_base: base,
        taxonomy,
        notify: service::notify(reader),
        draw_key,
        config_digest: Digest::of(reader.values.canonical(|_| true).as_bytes()),
    }
}

/// Digest of all outside `policy` and the model that decides eligibility: mapping and limits of the source,
/// taxonomy, key of the draws.
fn eligibility_base(values: &Values, taxonomy: &Taxonomy, draw_key: DrawKey) -> Digest {
    let source = values.canonical(|path| path.starts_with("source."));
    let key_id = Digest::of_parts([b"draw key".as_slice(), &draw_key.0]);
    Digest::of_parts([source.as_bytes(), &taxonomy.digest.0, &key_id.0])
}

fn taxonomy_of(reader: &Reader<'_>) -> Taxonomy {
    let built_in = || Taxonomy::parse(taxonomy::BUILT_IN).expect("the built-in taxonomy parses");
    let Some(file) = reader.path("taxonomy_file") else { return built_in() };
    let text = match read_bounded(&file) {
        Ok(text) => text,
        Err(problem) => {
            reader.mistake("taxonomy_file", format!("{}: {problem}", file.display()));
            return built_in();
        }
    };
    Taxonomy::parse(&text).unwrap_or_else(|mistakes| {
        for (key, problem) in mistakes {
            reader.mistake_in(&file, key, problem);
        }
        built_in()
    })
}

fn draw_key_of(reader: &Reader<'_>) -> DrawKey {
    let name = reader.text("draw_key_file");
    if let Some(key) = reader.sources.draw_key {
        return key;
    }
    let (path, place) = secrets::locate(name, reader.directory(), reader.sources.credentials_directory.as_deref());
    secrets::read_draw_key(&path, place).unwrap_or_else(|problem| {
        reader.mistake("draw_key_file", problem);
        // Never used: a mistake refuses the whole load.
        DrawKey([0; 16])
    })
}
