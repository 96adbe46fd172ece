//! What the file says, what the program uses, and the way from one to the other.
//!
//! [`load`] reads the layers ([`layers`]), checks every value against the table of keys ([`keys`]), builds
//! [`settings::Settings`] (`build/`), and reports all mistakes together. [`diff`](fn@diff) says what a reload may
//! change. Nothing outside this module reads an environment variable, and nobody changes a setting once it is built.

mod build;
mod diff;
pub mod key;
pub mod keys;
pub mod layers;
pub mod mistake;
mod reader;
mod reference;
pub mod sanity;
mod secrets;
pub mod settings;
pub mod taxonomy;
mod typed;
pub mod values;
pub mod webhook;

pub use diff::{Change, Reload, diff};
pub use key::ReferenceRow;
pub use keys::reference_rows;
pub use layers::{MainFile, Sources};
pub use mistake::{ConfigErrors, Mistake, Origin};
pub use reference::reference_toml;
pub use secrets::parse_draw_key;
pub use settings::Settings;
pub use values::Values;

use reader::Reader;

/// A configuration that holds: settings, and the values they were built from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the program uses.
    pub settings: Settings,
    /// All values in force, with their origins.
    pub values: Values,
}

/// Reads all layers and builds the settings.
///
/// # Errors
/// All mistakes together, each with its origin, key, range and remedy.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigErrors> {
    let (values, mut mistakes) = layers::collect(sources);
    let reader = Reader::new(&values, sources);
    let settings = build::settings(&reader);
    let (more, _) = reader.finish();
    mistakes.extend(more);
    if mistakes.is_empty() { Ok(Loaded { settings, values }) } else { Err(ConfigErrors(mistakes)) }
}

/// The values in force whether or not settings can be built from them, and what is wrong with their layers.
pub fn values(sources: &Sources) -> (Values, Vec<Mistake>) {
    layers::collect(sources)
}

/// Checks one value as it would be checked in a file, without a load.
///
/// # Errors
/// What is wrong with it, and its range.
pub fn check_text(key: &str, text: &str) -> Result<(), String> {
    let known = keys::find(key).ok_or_else(|| "unknown key".to_owned())?;
    typed::parse(known.kind, text).map(drop).map_err(|found| typed::problem(known.kind, &found))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod verdict_tests;
