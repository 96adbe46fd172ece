//! The models that come with the program: inside the binary, so that the demo works from anywhere.
//!
//! They are written into a private directory for as long as they are being loaded, because a model is a directory and
//! nothing else: the demo goes through the same loader and the same checks as everybody's own model.

use std::fs::{DirBuilder, File};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Folder of the acting model in the bundle.
const MODEL: &str = "v1";
/// Folder of TF-IDF.
const TFIDF: &str = "tfidf";

/// One file of the bundle.
struct Bundled {
    folder: &'static str,
    name: &'static str,
    bytes: &'static [u8],
}

const fn model(name: &'static str, bytes: &'static [u8]) -> Bundled {
    Bundled { folder: MODEL, name, bytes }
}

const fn tfidf(name: &'static str, bytes: &'static [u8]) -> Bundled {
    Bundled { folder: TFIDF, name, bytes }
}

#[rustfmt::skip]
const FILES: [Bundled; 12] = [
    model("model.toml", include_bytes!("../../models/demo/v1/model.toml")),
    model("calibration.toml", include_bytes!("../../models/demo/v1/calibration.toml")),
    model("probes.jsonl", include_bytes!("../../models/demo/v1/probes.jsonl")),
    model("config.json", include_bytes!("../../models/demo/v1/config.json")),
    model("tokenizer.json", include_bytes!("../../models/demo/v1/tokenizer.json")),
    model("model.safetensors", include_bytes!("../../models/demo/v1/model.safetensors")),
    tfidf("model.toml", include_bytes!("../../models/demo/tfidf/model.toml")),
    tfidf("calibration.toml", include_bytes!("../../models/demo/tfidf/calibration.toml")),
    tfidf("probes.jsonl", include_bytes!("../../models/demo/tfidf/probes.jsonl")),
    tfidf("config.json", include_bytes!("../../models/demo/tfidf/config.json")),
    tfidf("vocabulary.json", include_bytes!("../../models/demo/tfidf/vocabulary.json")),
    tfidf("model.safetensors", include_bytes!("../../models/demo/tfidf/model.safetensors")),
];

/// Names that are tried for the directory before giving up: each is taken only by an earlier demo that was killed.
const NAMES_MAX: u32 = 100;

/// The bundled models as directories, until this is dropped. A loaded model no longer needs them.
#[derive(Debug)]
pub struct Unpacked {
    root: PathBuf,
}

impl Unpacked {
    /// Writes the bundle into a new directory below `parent` that only this user can read.
    ///
    /// # Errors
    /// A directory that cannot be written to, or is full.
    pub fn below(parent: &Path) -> io::Result<Self> {
        let unpacked = Self { root: new_directory(parent)? };
        for Bundled { folder, name, bytes } in &FILES {
            let folder = unpacked.root.join(folder);
            if !folder.is_dir() {
                DirBuilder::new().mode(0o700).create(&folder)?;
            }
            File::create_new(folder.join(name))?.write_all(bytes)?;
        }
        Ok(unpacked)
    }

    /// Directory of the bundled language model.
    pub fn model(&self) -> PathBuf {
        self.root.join(MODEL)
    }

    /// Directory of TF-IDF.
    pub fn tfidf(&self) -> PathBuf {
        self.root.join(TFIDF)
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.root) {
            tracing::warn!(%error, directory = %self.root.display(), "the unpacked models could not be removed");
        }
    }
}

fn new_directory(parent: &Path) -> io::Result<PathBuf> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 0..NAMES_MAX {
        let root = parent.join(format!("noctriage-demo-{}-{number}", std::process::id()));
        // Fails where anything of that name exists: never follows somebody else's link.
        match DirBuilder::new().mode(0o700).create(&root) {
            Ok(()) => return Ok(root),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::settings::DeviceChoice;
    use crate::inference::model::{LoadOptions, Strictness, load};

    #[test]
    fn both_bundled_models_load_and_their_directory_is_private_and_goes_away() {
        let parent = tempfile::tempdir().unwrap();
        let unpacked = Unpacked::below(parent.path()).unwrap();
        for directory in [unpacked.model(), unpacked.tfidf()] {
            let options =
                LoadOptions { strictness: Strictness::Run, device: DeviceChoice::Cpu, root_cause_model: None };
            assert!(load(&directory, options).is_ok(), "{}", directory.display());
        }
        let root = unpacked.model().parent().unwrap().to_owned();
        assert_eq!(std::fs::metadata(&root).unwrap().permissions().mode() & 0o777, 0o700);
        drop(unpacked);
        assert!(!root.exists());
    }

    #[test]
    fn two_demos_at_once_do_not_share_a_directory() {
        let parent = tempfile::tempdir().unwrap();
        let first = Unpacked::below(parent.path()).unwrap();
        let second = Unpacked::below(parent.path()).unwrap();
        assert_ne!(first.model(), second.model());
    }

    #[test]
    fn the_bundle_stays_below_sixteen_mebibytes() {
        let bytes: usize = FILES.iter().map(|file| file.bytes.len()).sum();
        assert!(bytes <= 16 << 20, "{bytes} bytes");
    }
}
