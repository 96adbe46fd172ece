//! The layers: defaults < the file < `conf.d/*.toml` in order of name < environment < command line.
//!
//! Reads everything, checks every value against the table of keys, and gathers all mistakes. What a mistaken layer
//! would have set keeps its earlier value, so that later checks still find their own mistakes.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use config::{FileFormat, Source as _, ValueKind};

use crate::policy::ruling::DrawKey;

use super::keys::{self, KEYS};
use super::mistake::{Mistake, Origin};
use super::typed;
use super::values::Values;

/// Largest configuration file, in bytes: a wrong path (a log, a model) is refused before it is parsed.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Mistakes after which an unknown key is no longer compared with all that are known.
const ADVICE_MAX: usize = 100;

/// Looked for in this order when no file is named.
pub const DEFAULT_FILES: [&str; 2] = ["noctriage.toml", "/etc/noctriage/noctriage.toml"];

/// Prefix of environment variables that set a key: `NOCTRIAGE__SECTION__KEY`.
pub const ENVIRONMENT_PREFIX: &str = "NOCTRIAGE";

/// The file that a load starts from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MainFile {
    /// This one, and `conf.d/*.toml` beside it.
    At(PathBuf),
    /// None of [`DEFAULT_FILES`] exists: a mistake, unless the environment sets keys.
    NotFound,
    /// Defaults and overrides alone: the demo and tests.
    #[default]
    NotWanted,
}

/// What a load reads. A value, so that tests need neither the process's environment nor its working directory.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The file.
    pub file: MainFile,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Keys set by options of the command line.
    pub overrides: Vec<(String, String)>,
    /// systemd's `$CREDENTIALS_DIRECTORY`.
    pub credentials_directory: Option<PathBuf>,
    /// Name of this host: the default of `kafka.instance_id`.
    pub host_name: Option<String>,
    /// A key of the draws given directly, instead of a file: the demo and tests.
    pub draw_key: Option<DrawKey>,
}

impl Sources {
    /// What this process sees; the file is the one named, else the first of [`DEFAULT_FILES`] that exists.
    pub fn of_process(file: Option<&Path>) -> Self {
        let is_there = |path: &&&str| Path::new(path).is_file();
        let default_file = || DEFAULT_FILES.iter().find(is_there).map(PathBuf::from);
        let pairs = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        // A value that is not UTF-8 is kept, visibly damaged, so that the check of its key names it.
        let environment = pairs.map(|(name, value)| (name, value.to_string_lossy().into_owned())).collect();
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        let named = file.map(Path::to_path_buf).or_else(default_file);
        Self {
            file: named.map_or(MainFile::NotFound, MainFile::At),
            environment,
            overrides: Vec::new(),
            credentials_directory: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            host_name: host_name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
            draw_key: None,
        }
    }

    /// The directory that relative paths of the configuration start from.
    pub fn directory(&self) -> PathBuf {
        match &self.file {
            MainFile::At(file) => file.parent().map(Path::to_path_buf).unwrap_or_default(),
            MainFile::NotFound | MainFile::NotWanted => PathBuf::new(),
        }
    }

    /// Defaults and these keys, with a key of the draws: no file, no environment.
    pub fn built_in(keys: &[(&str, &str)], draw_key: DrawKey) -> Self {
        let owned = |(key, text): &(&str, &str)| ((*key).to_owned(), (*text).to_owned());
        Self { overrides: keys.iter().map(owned).collect(), draw_key: Some(draw_key), ..Self::default() }
    }
}

/// The values in force, and all mistakes of the layers.
pub(super) fn collect(sources: &Sources) -> (Values, Vec<Mistake>) {
    let mut collector = Collector::default();
    collector.defaults();
    match &sources.file {
        MainFile::At(file) => {
            collector.file(file);
            for extra in collector.files_of(&sources.directory().join("conf.d")) {
                collector.file(&extra);
            }
        }
        MainFile::NotWanted => {}
        MainFile::NotFound if sources.environment.keys().any(|name| name.starts_with("NOCTRIAGE__")) => {}
        MainFile::NotFound => collector.mistake(
            Origin::Default,
            "",
            format!(
                "no configuration: neither {} nor {} exists; run `noctriage init`, or name a file with --config",
                DEFAULT_FILES[0], DEFAULT_FILES[1]
            ),
        ),
    }
    collector.environment(&sources.environment);
    for (key, text) in &sources.overrides {
        collector.text(key, text, &Origin::CommandLine);
    }
    (collector.values, collector.mistakes)
}

#[derive(Default)]
struct Collector {
    values: Values,
    mistakes: Vec<Mistake>,
}

impl Collector {
    fn mistake(&mut self, origin: Origin, key: &str, problem: String) {
        self.mistakes.push(Mistake { origin, key: key.to_owned(), problem });
    }

    /// A key that is not in the table. The nearest one that is takes a search, which a file full of unknown keys is not
    /// worth: the first of them say what is wrong.
    fn unknown(&mut self, origin: &Origin, path: &str) {
        let problem = if self.mistakes.len() < ADVICE_MAX { unknown(path) } else { "unknown key".to_owned() };
        self.mistake(origin.clone(), path, problem);
    }

    fn defaults(&mut self) {
        for key in KEYS {
            let Some(default) = key.default else { continue };
            let document = format!("value = {default}");
            let item = config::File::from_str(&document, FileFormat::Toml)
                .collect()
                .ok()
                .and_then(|map| typed::check(key.kind, map.get("value")?).ok());
            self.values.set(key.name, item.expect("every default in the table has its key's type"), Origin::Default);
        }
    }

    fn files_of(&mut self, directory: &Path) -> Vec<PathBuf> {
        let entries = match std::fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                self.mistake(Origin::File(directory.to_owned()), "", format!("cannot be listed: {error}"));
                return Vec::new();
            }
        };
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        files
    }

    fn file(&mut self, path: &Path) {
        let origin = Origin::File(path.to_owned());
        let text = match read_bounded(path) {
            Ok(text) => text,
            Err(problem) => {
                let is_there = path.exists();
                let hint = if is_there { "" } else { "; run `noctriage init`, or name another file with --config" };
                return self.mistake(origin, "", format!("{problem}{hint}"));
            }
        };
        match config::File::from_str(&text, FileFormat::Toml).collect() {
            Ok(map) => {
                let mut sections: Vec<_> = map.into_iter().collect();
                sections.sort_by(|one, other| one.0.cmp(&other.0));
                for (name, value) in sections {
                    self.value(&name, value, &origin);
                }
            }
            Err(error) => self.mistake(origin, "", format!("is not TOML: {}", error.to_string().trim())),
        }
    }

    /// Walks down a value of a file to the keys of the table.
    fn value(&mut self, path: &str, value: config::Value, origin: &Origin) {
        if let Some(key) = keys::find(path) {
            if let (true, ValueKind::Table(parts)) = (key.name.ends_with(".*"), &value.kind) {
                // A free name may hold dots: `device.name = "/host"` is a table to TOML and one name to us.
                let mut parts: Vec<_> = parts.clone().into_iter().collect();
                parts.sort_by(|one, other| one.0.cmp(&other.0));
                for (name, part) in parts {
                    self.value(&format!("{path}.{name}"), part, origin);
                }
                return;
            }
            match typed::check(key.kind, &value) {
                Ok(item) => self.values.set(path, item, origin.clone()),
                Err(found) => self.mistake(origin.clone(), path, typed::problem(key.kind, &found)),
            }
            return;
        }
        match value.kind {
            ValueKind::Table(table) if is_section(path) => {
                let mut parts: Vec<_> = table.into_iter().collect();
                parts.sort_by(|one, other| one.0.cmp(&other.0));
                for (name, part) in parts {
                    self.value(&format!("{path}.{name}"), part, origin);
                }
            }
            ValueKind::Array(rows) if is_list(path) => {
                self.values.clear_rows(path);
                for (index, row) in rows.into_iter().enumerate() {
                    let row_path = format!("{path}[{index}]");
                    if matches!(&row.kind, ValueKind::Table(parts) if parts.is_empty()) {
                        self.mistake(origin.clone(), &row_path, "is empty; fill it in or take it out".to_owned());
                    } else {
                        self.value(&row_path, row, origin);
                    }
                }
            }
            ValueKind::Nil
            | ValueKind::Boolean(_)
            | ValueKind::I64(_)
            | ValueKind::I128(_)
            | ValueKind::U64(_)
            | ValueKind::U128(_)
            | ValueKind::Float(_)
            | ValueKind::String(_)
            | ValueKind::Table(_)
            | ValueKind::Array(_) => self.unknown(origin, path),
        }
    }

    fn environment(&mut self, variables: &BTreeMap<String, String>) {
        let source = config::Environment::with_prefix(ENVIRONMENT_PREFIX)
            .prefix_separator("__")
            .separator("__")
            .source(Some(self.one_variable_a_key(variables)));
        let map = match source.collect() {
            Ok(map) => map,
            Err(error) => {
                return self.mistake(Origin::Environment("NOCTRIAGE__*".to_owned()), "", error.to_string());
            }
        };
        let mut settings: Vec<_> = map.into_iter().collect();
        settings.sort_by(|one, other| one.0.cmp(&other.0));
        for (path, value) in settings {
            let variable = format!("{ENVIRONMENT_PREFIX}__{}", path.replace('.', "__").to_uppercase());
            let text = value.into_string().unwrap_or_default();
            self.text(&path, &text, &Origin::Environment(variable));
        }
    }

    /// Variables that name a key, one for each. Upper and lower case are the same key: of two variables that differ in
    /// nothing else chance would choose one, on each instance anew.
    fn one_variable_a_key(&mut self, variables: &BTreeMap<String, String>) -> HashMap<String, String> {
        let mut names: BTreeMap<String, &str> = BTreeMap::new();
        let mut chosen = HashMap::new();
        for (name, value) in variables {
            let lower = name.to_lowercase();
            if let Some(other) = names.get(&lower) {
                let key = lower.trim_start_matches("noctriage__").replace("__", ".");
                let problem =
                    format!("is the same key as {other}, which differs in upper and lower case alone; unset one");
                if lower.starts_with("noctriage__") {
                    self.mistake(Origin::Environment(name.clone()), &key, problem);
                }
                continue;
            }
            names.insert(lower, name);
            chosen.insert(name.clone(), value.clone());
        }
        chosen
    }

    /// Sets a key from a text of the environment or the command line.
    fn text(&mut self, path: &str, text: &str, origin: &Origin) {
        match keys::find(path).filter(|key| !key.name.contains("[]")) {
            Some(key) => match typed::parse(key.kind, text) {
                Ok(item) => self.values.set(path, item, origin.clone()),
                Err(found) => self.mistake(origin.clone(), path, typed::problem(key.kind, &found)),
            },
            None if is_list(path) => self.mistake(
                origin.clone(),
                path,
                "a list of tables cannot be set here; put it into noctriage.toml or a file of conf.d".to_owned(),
            ),
            None => self.unknown(origin, path),
        }
    }
}

/// Reads a file of the configuration; never a pipe or a device, which may have no end.
///
/// # Errors
/// What is wrong with the file, without its path.
pub(super) fn read_bounded(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(format!("has {} bytes; a configuration has at most {FILE_BYTES_MAX}", metadata.len()));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read as UTF-8 text: {error}"))
}

/// Whether keys lie below this path.
fn is_section(path: &str) -> bool {
    let prefix = format!("{}.", keys::pattern_of(path));
    KEYS.iter().any(|key| key.name.starts_with(&prefix))
}

/// Whether the path is a list of tables.
fn is_list(path: &str) -> bool {
    let prefix = format!("{path}[]");
    KEYS.iter().any(|key| key.name.starts_with(&prefix))
}

/// What to say about a key that is not in the table, with the nearest one that is.
fn unknown(path: &str) -> String {
    let pattern = keys::pattern_of(path);
    if is_section(path) {
        return "is a section: write it as a table ([section] in TOML)".to_owned();
    }
    if is_list(path) {
        return format!("is a list of tables: write [[{path}]]");
    }
    let nearest = KEYS.iter().map(|key| (distance(key.name, &pattern), key.name)).min();
    match nearest {
        Some((edits, name)) if edits <= 3 => format!("unknown key; did you mean `{name}`?"),
        _ => {
            let section = pattern.rsplit_once('.').map_or("", |(section, _)| section);
            let prefix = if section.is_empty() { String::new() } else { format!("{section}.") };
            let known: Vec<&str> = KEYS.iter().filter_map(|key| key.name.strip_prefix(prefix.as_str())).collect();
            let mut names: Vec<&str> = known.iter().filter_map(|name| name.split(['.', '[']).next()).collect();
            names.dedup();
            if names.is_empty() {
                "unknown key; see config/reference.toml for all keys".to_owned()
            } else if section.is_empty() {
                format!("unknown key; known sections and keys: {}", names.join(", "))
            } else {
                format!("unknown key; known in [{section}]: {}", names.join(", "))
            }
        }
    }
}

/// Levenshtein distance: single-character edits between two short names.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, character) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, candidate) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(character != *candidate);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
