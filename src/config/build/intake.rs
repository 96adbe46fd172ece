//! `[source]`: how records of the source become tickets.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use crate::config::reader::Reader;
use crate::config::taxonomy::{self, Taxonomy};
use crate::config::values::Item;
use crate::wire::intake::IntakeSettings;
use crate::wire::intake::mapping::Mapping;
use crate::wire::intake::settings::{IntakeLimits, Preset, SeverityAliases, WordAliases, word_key};
use crate::wire::words::ClosedWord;

/// Most labels that a ticket keeps.
const LABELS_MAX: usize = 32;

pub(super) fn settings(reader: &Reader<'_>, taxonomy: &Taxonomy) -> IntakeSettings {
    let preset = Preset::from_word(reader.text("source.preset")).expect("the table's words are the presets");
    let labels = reader.texts("source.label_keys");
    if labels.len() > LABELS_MAX {
        reader.mistake("source.label_keys", format!("names {}; a ticket keeps at most {LABELS_MAX}", labels.len()));
    }
    IntakeSettings {
        preset,
        mapping: mapping(reader, preset, &labels),
        severities: severities(reader, preset, taxonomy),
        words: WordAliases {
            status: words(reader, "source.aliases.status"),
            kind: words(reader, "source.aliases.kind"),
            channel: words(reader, "source.aliases.channel"),
            level: words(reader, "source.aliases.level"),
        },
        time_zone: time_zone(reader),
        machine_users: machine_users(reader, preset),
        own_user: reader.set_text("source.own_user").map(str::to_owned),
        labels_allowed: labels.into_iter().collect(),
        alertmanager_id_label: reader.set_text("source.alertmanager_id_label").map(str::to_owned),
        limits: IntakeLimits {
            record_bytes_max: reader.whole::<usize>("source.record_kib_max") * 1024,
            nesting_max: reader.whole("source.nesting_max"),
            title_bytes_max: reader.whole("source.title_bytes_max"),
            description_bytes_max: reader.whole("source.description_bytes_max"),
            note_bytes_max: reader.whole("source.note_bytes_max"),
        },
    }
}

/// Users of the preset and those of the configuration: a site that names its own does not lose the source's.
fn machine_users(reader: &Reader<'_>, preset: Preset) -> BTreeSet<String> {
    let mut users = IntakeSettings::for_preset(preset).machine_users;
    users.extend(reader.texts("source.machine_users"));
    users
}

fn mapping(reader: &Reader<'_>, preset: Preset, labels: &[String]) -> Mapping {
    let mut mapping = Mapping::default();
    let rows = reader.named("source.mapping");
    for (field, item) in &rows {
        let Item::Text(pointer) = item else { continue };
        let path = format!("source.mapping.{field}");
        if let Err(problem) = mapping.set(field, pointer) {
            reader.mistake(&path, problem.to_string());
        } else if field.strip_prefix("labels.").is_some_and(|label| !labels.iter().any(|key| key == label)) {
            reader.mistake(&path, "is not read; add the label to source.label_keys");
        }
    }
    if preset == Preset::Mapping {
        if !rows.contains_key("ticket_id") {
            reader.mistake("source.mapping.ticket_id", "is not set; preset `mapping` needs it to know a ticket again");
        }
        if !rows.contains_key("title") && !rows.contains_key("description") {
            reader.mistake("source.mapping.title", "is not set, nor is description; the model needs a text");
        }
    }
    mapping
}

/// Words of the preset, then those of the taxonomy, then those of the configuration: the later one wins.
fn severities(reader: &Reader<'_>, preset: Preset, taxonomy: &Taxonomy) -> SeverityAliases {
    let mut severities = SeverityAliases::for_preset(preset);
    for (word, meaning) in &taxonomy.severity_aliases {
        severities.set(word, *meaning);
    }
    for (word, item) in reader.named("source.aliases.severity") {
        if let Item::Text(meaning) = item {
            severities.set(word, taxonomy::parse_meaning(meaning).expect("the table's words have a meaning"));
        }
    }
    severities
}

fn words<T: ClosedWord>(reader: &Reader<'_>, section: &str) -> BTreeMap<String, T> {
    let row = |(word, item): (&str, &Item)| match item {
        Item::Text(meaning) => Some((word_key(word), T::from_word(meaning).expect("the table's words are the values"))),
        Item::Integer(_) | Item::Number(_) | Item::Flag(_) | Item::Texts(_) | Item::Numbers(_) => None,
    };
    reader.named(section).into_iter().filter_map(row).collect()
}

fn time_zone(reader: &Reader<'_>) -> Option<TimeZone> {
    let name = reader.set_text("source.timezone")?;
    TimeZone::get(name)
        .inspect_err(|_| {
            let bounded: String = name.chars().take(64).collect();
            reader.mistake("source.timezone", format!("`{bounded}` is no IANA time zone, as Europe/Zurich or UTC"));
        })
        .ok()
}
