//! A configuration through all its layers: `noctriage.toml`, the parts `conf.d` and `taxonomy` as files beside it, and
//! `environment` with a variable a line.

use std::fs;
use std::path::Path;

use noctriage::config::{self, ConfigErrors, Loaded, MainFile, Origin, Reload, Sources, sanity};
use noctriage::domain::time::UtcMillis;
use noctriage::policy::ruling::DrawKey;

use super::parts::parts;

/// The file that the first part goes to.
const MAIN: &str = "noctriage.toml";

/// Longest sentence about one mistake, its path and key included.
const MISTAKE_BYTES_MAX: usize = 30_000;

/// Loads the same sources twice.
pub fn check(input: &[u8], folder: &Path) {
    let text = String::from_utf8_lossy(input);
    let sources = sources_of(&text, folder);
    match (config::load(&sources), config::load(&sources)) {
        (Ok(loaded), Ok(again)) => check_loaded(&loaded, &again, folder),
        (Err(mistakes), Err(again)) => {
            assert_eq!(mistakes, again, "the same sources have the same mistakes");
            check_mistakes(&mistakes, folder);
        }
        (Ok(_), Err(again)) | (Err(again), Ok(_)) => panic!("sometimes it holds: {again}"),
    }
}

fn sources_of(text: &str, folder: &Path) -> Sources {
    let write = |name: &str, content: &str| fs::write(folder.join(name), content).expect("the folder can be written");
    let mut sources =
        Sources { file: MainFile::At(folder.join(MAIN)), draw_key: Some(DrawKey([7; 16])), ..Sources::default() };
    fs::create_dir_all(folder.join("conf.d")).expect("the folder can be written");
    for name in ["conf.d/10.toml", "taxonomy.toml"] {
        fs::remove_file(folder.join(name)).ok();
    }
    for (name, content) in parts(text) {
        match name {
            "conf.d" => write("conf.d/10.toml", content),
            "taxonomy" => write("taxonomy.toml", content),
            "environment" => {
                let pairs = content.lines().filter_map(|line| line.split_once('='));
                sources.environment.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
            _ => write(MAIN, content),
        }
    }
    sources
}

/// What holds stays what it is when it is read again, and as `config show` prints it.
fn check_loaded(loaded: &Loaded, again: &Loaded, folder: &Path) {
    assert_eq!(loaded.values, again.values);
    assert_eq!(loaded.settings.config_digest, again.settings.config_digest);
    assert_eq!(config::diff(loaded, again), Reload::Unchanged);
    let findings = sanity::findings(&loaded.settings, UtcMillis(1_764_000_000_000));
    assert!(findings.iter().all(|finding| !finding.sentence.is_empty()));
    for (path, entry) in &loaded.values.entries {
        assert!(super::is_printable(&entry.item.to_toml()), "{path}");
    }
    let slices = &loaded.settings.policy.slices;
    assert!(slices.len() <= 32 && slices.last().is_some_and(|rest| rest.conditions.is_empty()));
    let grid = &loaded.settings.policy.threshold_grid;
    assert!(slices.iter().all(|slice| grid.contains(&slice.threshold)), "evidence is gathered at every threshold");
    assert!(loaded.settings.inference.model.starts_with(folder) || loaded.settings.inference.model.is_absolute());
}

/// Every mistake names where it stands and says something.
fn check_mistakes(mistakes: &ConfigErrors, folder: &Path) {
    assert!(!mistakes.0.is_empty(), "refused without a reason");
    for mistake in &mistakes.0 {
        let sentence = mistake.to_string();
        assert!(!mistake.problem.is_empty());
        assert!(sentence.len() <= MISTAKE_BYTES_MAX, "a sentence of {} bytes", sentence.len());
        // The parser of TOML shows the line that it cannot read, with a mark below it.
        assert!(sentence.split('\n').all(super::is_printable), "{sentence:?}");
        match &mistake.origin {
            // Only a default that another key makes wrong, which the key then says.
            Origin::Default | Origin::CommandLine => assert!(!mistake.key.is_empty(), "{sentence}"),
            Origin::Environment(variable) => {
                assert!(variable.to_uppercase().starts_with("NOCTRIAGE__"), "{sentence}");
            }
            Origin::File(file) => assert!(file.starts_with(folder) || file.is_absolute(), "{sentence}"),
        }
    }
}
