//! `[source]`: how records of the source become tickets.

use crate::config::reader::Reader;
use crate::config::taxonomy::Taxonomy;
use crate::wire::intake::IntakeSettings;

pub(super) fn settings(reader: &Reader<'_>, taxonomy: &Taxonomy) -> IntakeSettings {
    let _ = taxonomy;
    for key in ["source.preset", "source.timezone", "source.own_user"] {
        reader.text(key);
    }
    reader.texts("source.label_keys");
    reader.integer("source.record_kib_max");
    reader.named("source.mapping");
    reader.named("source.aliases.severity");
    IntakeSettings::default()
}
