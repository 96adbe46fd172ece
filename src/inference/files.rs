//! The files of a model directory: which of them make the model, bounded reading, digests. Nothing outside the
//! directory is ever opened, and no pickle ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::domain::digest::Digest;

use super::fault::LoadError;

/// The card.
pub const CARD: &str = "model.toml";
/// The calibration.
pub const CALIBRATION: &str = "calibration.toml";
/// Tickets with the trainer's ids and scores.
pub const PROBES: &str = "probes.jsonl";
/// What the network looks like.
pub const CONFIG: &str = "config.json";
/// How text becomes ids.
pub const TOKENIZER: &str = "tokenizer.json";
/// Terms of a TF-IDF model.
pub const VOCABULARY: &str = "vocabulary.json";
const INDEX: &str = "model.safetensors.index.json";
const WEIGHTS: &str = "model.safetensors";

/// Largest small text file (card, configuration, calibration), in bytes.
pub const TEXT_FILE_BYTES_MAX: u64 = 4 << 20;
/// Largest `tokenizer.json`, in bytes: the largest in use have about 20 MB.
pub const TOKENIZER_BYTES_MAX: u64 = 64 << 20;
/// Largest weight file, in bytes. An f32 encoder of a billion parameters has 4 GB.
pub const WEIGHT_FILE_BYTES_MAX: u64 = 16 << 30;
/// Most directory entries that are looked at.
const ENTRIES_MAX: usize = 10_000;
/// Most weight files.
const SHARDS_MAX: usize = 256;
/// Endings of files that hold pickles.
const PICKLE_ENDINGS: [&str; 5] = ["bin", "pt", "pth", "pkl", "ckpt"];

/// A model directory, listed and checked, its weights not yet read.
#[derive(Clone, Debug)]
pub struct ModelFiles {
    directory: PathBuf,
    real_directory: PathBuf,
    names: BTreeSet<String>,
    weights: Vec<String>,
}

impl ModelFiles {
    /// Lists a directory and finds its weights.
    ///
    /// # Errors
    /// No directory, no weights, only pickles, an index that is broken or leads out of the directory.
    pub fn open(directory: &Path) -> Result<Self, LoadError> {
        let unreadable = |source| LoadError::Unreadable { path: directory.to_owned(), source };
        let real_directory = directory.canonicalize().map_err(unreadable)?;
        let mut names = BTreeSet::new();
        for entry in std::fs::read_dir(directory).map_err(unreadable)?.take(ENTRIES_MAX) {
            if let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() {
                names.insert(name);
            }
        }
        let mut files = Self { directory: directory.to_owned(), real_directory, names, weights: Vec::new() };
        if !files.has(CONFIG) {
            return Err(files.missing(CONFIG, "a model directory holds `config.json` and safetensors weights"));
        }
        files.weights = files.find_weights()?;
        Ok(files)
    }

    /// The directory as it was named.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Names of the weight files, sorted.
    pub fn weights(&self) -> &[String] {
        &self.weights
    }

    /// Whether a file of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Path of a file, for messages.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn missing(&self, name: &str, hint: &str) -> LoadError {
        LoadError::Missing { path: self.path(name), hint: hint.to_owned() }
    }

    fn find_weights(&self) -> Result<Vec<String>, LoadError> {
        if self.has(WEIGHTS) {
            return Ok(vec![WEIGHTS.to_owned()]);
        }
        if self.has(INDEX) {
            return self.shards();
        }
        let with_ending = |ending: &str| {
            let ends = move |name: &&String| Path::new(name).extension().is_some_and(|found| found == ending);
            self.names.iter().filter(ends).cloned().collect::<Vec<_>>()
        };
        let safe = with_ending("safetensors");
        match safe.as_slice() {
            [_] => return Ok(safe),
            [] => {}
            [_, ..] => {
                return Err(
                    self.missing(INDEX, "several safetensors files need an index that says which belong together")
                );
            }
        }
        if let Some(pickle) = PICKLE_ENDINGS.into_iter().flat_map(with_ending).next() {
            return Err(LoadError::Pickle { path: self.path(&pickle) });
        }
        Err(self.missing(WEIGHTS, "the weights must be there as safetensors"))
    }

    fn shards(&self) -> Result<Vec<String>, LoadError> {
        let index = self.json(INDEX, TEXT_FILE_BYTES_MAX)?;
        let invalid = |mistakes| LoadError::Invalid { path: self.path(INDEX), mistakes };
        let map = index.get("weight_map").and_then(Value::as_object);
        let map = map.ok_or_else(|| invalid(vec!["weight_map: is missing or no table".into()]))?;
        let mut shards = BTreeSet::new();
        let mut mistakes = Vec::new();
        for (tensor, file) in map {
            match file.as_str() {
                Some(name) if !is_plain_name(name) => mistakes.push(format!(
                    "weight_map.{tensor}: `{}` is no plain name of a safetensors file in this directory",
                    name.chars().take(200).collect::<String>()
                )),
                Some(name) if !self.has(name) => mistakes.push(format!("weight_map.{tensor}: `{name}` is missing")),
                Some(name) => {
                    shards.insert(name.to_owned());
                }
                None => mistakes.push(format!("weight_map.{tensor}: is no file name")),
            }
        }
        if shards.is_empty() && mistakes.is_empty() {
            mistakes.push("weight_map: names no file".into());
        }
        if shards.len() > SHARDS_MAX {
            mistakes.push(format!("weight_map: names {} files; at most {SHARDS_MAX} are read", shards.len()));
        }
        mistakes.dedup();
        mistakes.truncate(8);
        if mistakes.is_empty() { Ok(shards.into_iter().collect()) } else { Err(invalid(mistakes)) }
    }

    /// Opens a file of the directory; gives its size too.
    ///
    /// # Errors
    /// A name or link that leads out of the directory, no plain file, or more than `bytes_max`.
    pub fn file(&self, name: &str, bytes_max: u64) -> Result<(File, u64), LoadError> {
        let path = self.path(name);
        let outside = |detail: &str| LoadError::OutsideDirectory { path: path.clone(), detail: detail.to_owned() };
        if name.contains(['/', '\\']) || name == ".." {
            return Err(outside("is no plain file name"));
        }
        let unreadable = |source| LoadError::Unreadable { path: path.clone(), source };
        let real = path.canonicalize().map_err(|source| {
            if source.kind() == ErrorKind::NotFound {
                self.missing(name, "the model cannot be loaded without it")
            } else {
                unreadable(source)
            }
        })?;
        if !real.starts_with(&self.real_directory) {
            return Err(outside("is a link out of the model directory; copy the directory with `cp -rL`"));
        }
        // Before it is opened: a pipe would wait for a writer.
        if !real.metadata().map_err(unreadable)?.is_file() {
            return Err(outside("is no plain file"));
        }
        let file = File::open(&real).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.len() > bytes_max {
            return Err(LoadError::TooLarge { path, bytes: metadata.len(), bytes_max });
        }
        Ok((file, metadata.len()))
    }

    /// Reads a whole file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`ModelFiles::file`].
    pub fn bytes(&self, name: &str, bytes_max: u64) -> Result<Vec<u8>, LoadError> {
        let (file, length) = self.file(name, bytes_max)?;
        let mut bytes = Vec::with_capacity(length as usize);
        file.take(bytes_max)
            .read_to_end(&mut bytes)
            .map_err(|source| LoadError::Unreadable { path: self.path(name), source })?;
        Ok(bytes)
    }

    /// Reads a text file.
    ///
    /// # Errors
    /// As [`ModelFiles::file`], and bytes that are no UTF-8.
    pub fn text(&self, name: &str, bytes_max: u64) -> Result<String, LoadError> {
        String::from_utf8(self.bytes(name, bytes_max)?).map_err(|error| LoadError::Invalid {
            path: self.path(name),
            mistakes: vec![format!("is no UTF-8 text: {}", error.utf8_error())],
        })
    }

    /// Reads a JSON file.
    ///
    /// # Errors
    /// As [`ModelFiles::file`], and text that is no JSON.
    pub fn json(&self, name: &str, bytes_max: u64) -> Result<Value, LoadError> {
        serde_json::from_slice(&self.bytes(name, bytes_max)?).map_err(|error| LoadError::Invalid {
            path: self.path(name),
            mistakes: vec![format!("is no JSON: {error}")],
        })
    }

    /// Names of the files that make the model: all that is read but calibration and probes. Other files of the
    /// directory (a README, a trainer's state) cannot change a logit and are neither opened nor digested.
    pub fn parts(&self) -> Vec<String> {
        let mut parts: Vec<String> = [CARD, CONFIG, TOKENIZER, VOCABULARY, INDEX]
            .into_iter()
            .filter(|name| self.has(name))
            .map(str::to_owned)
            .chain(self.weights.iter().cloned())
            .collect();
        parts.sort();
        parts
    }

    /// SHA-256 of each part.
    ///
    /// # Errors
    /// As [`ModelFiles::file`].
    pub fn part_digests(&self) -> Result<BTreeMap<String, Digest>, LoadError> {
        self.parts().into_iter().map(|name| self.digest_of(&name).map(|digest| (name, digest))).collect()
    }

    /// SHA-256 of one file.
    ///
    /// # Errors
    /// As [`ModelFiles::file`].
    pub fn digest_of(&self, name: &str) -> Result<Digest, LoadError> {
        let (mut file, _) = self.file(name, WEIGHT_FILE_BYTES_MAX)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read =
                file.read(&mut buffer).map_err(|source| LoadError::Unreadable { path: self.path(name), source })?;
            if read == 0 {
                return Ok(Digest(hasher.finalize().into()));
            }
            hasher.update(&buffer[..read]);
        }
    }
}

/// Digest of a model: over the sorted names of its parts and the digests of their contents.
pub fn model_digest(parts: &BTreeMap<String, Digest>) -> Digest {
    Digest::of_parts(parts.iter().flat_map(|(name, digest)| [name.as_bytes(), digest.0.as_slice()]))
}

fn is_plain_name(name: &str) -> bool {
    !name.contains(['/', '\\', '\0'])
        && !name.starts_with('.')
        && Path::new(name).extension().is_some_and(|ending| ending == "safetensors")
}

/// Whether the first bytes of a file are those of a pickle or of the zip archive that torch wraps around one. A
/// safetensors header may have a length whose first bytes look like a pickle's, but then an opening brace follows.
pub fn is_pickle(first: &[u8]) -> bool {
    first.starts_with(b"PK\x03\x04") || (matches!(first, [0x80, 2..=5, ..]) && first.get(8) != Some(&b'{'))
}
