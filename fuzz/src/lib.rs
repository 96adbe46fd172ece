//! What the fuzz targets share: the properties, a folder to write into, a bound of memory, a mutator for JSON.

use std::path::PathBuf;
use std::sync::OnceLock;

pub mod allocation;
pub mod json;
#[path = "../../tests/it/properties/mod.rs"]
#[allow(dead_code, clippy::panic, clippy::unwrap_used, reason = "shared with the tests")]
mod properties;

/// Runs the property of a target on one input, inside its bound of memory.
pub fn check(target: &str, input: &[u8]) {
    let (_, property) =
        properties::PROPERTIES.into_iter().find(|(name, _)| *name == target).expect("every target has a property");
    quieten_caught_panics();
    let folder = folder();
    allocation::within(allocation::bytes_max(input.len()), || property(input, folder));
}

/// A folder of this process. Point TMPDIR to a file system in memory, or it is the disk that is measured.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("noctriage-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for temporary files");
        folder
    })
}

/// libfuzzer-sys ends the process in every panic. The product catches those of the tokenizers crate, so a panic there
/// is no finding: it must unwind. Any other panic still ends the process, once it reaches the fuzz target.
fn quieten_caught_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        std::panic::set_hook(Box::new(|panic| {
            if !panic.location().is_some_and(|place| place.file().contains("/tokenizers-")) {
                eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
            }
        }));
    });
}
