//! Why a model directory is refused. Each message names the file and what to do.

use std::path::PathBuf;

use crate::domain::message::in_lines;

use super::header::HeaderError;

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or the directory cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file that must be there is not.
    #[error("{}: is missing; {hint}", path.display())]
    Missing {
        /// Which.
        path: PathBuf,
        /// What to do.
        hint: String,
    },
    /// A file is larger than its bound.
    #[error("{}: has {bytes} bytes; at most {bytes_max} are read", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// A name leads out of the directory, or is no plain file.
    #[error("{}: {detail}", path.display())]
    OutsideDirectory {
        /// Which.
        path: PathBuf,
        /// How.
        detail: String,
    },
    /// Weights as a Python pickle, which runs code when it is opened.
    #[error(
        "{}: is a Python pickle, which could run code and is never opened; save the model with \
         `save_pretrained(..., safe_serialization=True)` and give its `model.safetensors`", path.display()
    )]
    Pickle {
        /// Which.
        path: PathBuf,
    },
    /// The header of a safetensors file is wrong.
    #[error("{}: {source}; the file may be cut or damaged: copy it again", path.display())]
    Header {
        /// Which.
        path: PathBuf,
        /// Why. It is part of the message and therefore no `source`.
        source: HeaderError,
    },
    /// Keys of a file are missing or wrong; all of them at once.
    #[error("{}: {}", path.display(), bounded(mistakes))]
    Invalid {
        /// Which file.
        path: PathBuf,
        /// What is wrong in it.
        mistakes: Vec<String>,
    },
    /// Tensors are missing, misshapen or of the wrong type; all of them at once.
    #[error("{}: {}", path.display(), bounded(mistakes))]
    Tensors {
        /// The directory.
        path: PathBuf,
        /// What is wrong.
        mistakes: Vec<String>,
    },
    /// Files differ from the card.
    #[error(
        "{}: {}; the file is damaged or another: copy the directory anew. Only where the change is meant, run \
         `noctriage model init --force` on it", path.display(),
        bounded(mistakes)
    )]
    Digests {
        /// The directory.
        path: PathBuf,
        /// Each file with both digests.
        mistakes: Vec<String>,
    },
    /// Recomputed probes differ from the trainer's.
    #[error(
        "{}: {}; the model does not compute here what its trainer saw: nothing is decided with it", path.display(),
        bounded(mistakes)
    )]
    Probes {
        /// The file.
        path: PathBuf,
        /// Which probes, and how.
        mistakes: Vec<String>,
    },
    /// No card.
    #[error("{}: has no `model.toml`; run `noctriage model init` on it", path.display())]
    NoCard {
        /// The directory.
        path: PathBuf,
    },
    /// An architecture that the registry does not have.
    #[error("{}: the architecture is {found}; supported are {supported}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// The registry's words.
        supported: String,
    },
    /// The device cannot be used.
    #[error("{0}")]
    Device(String),
    /// The library that holds the weights failed.
    #[error("{}: the weights could not be loaded: {detail}", path.display())]
    Weights {
        /// The directory.
        path: PathBuf,
        /// Its words.
        detail: String,
    },
}

/// Mistakes that are worth reading; a wrong configuration can make each of a thousand tensors one.
const MISTAKES_SHOWN_MAX: usize = 16;

fn bounded(mistakes: &[String]) -> String {
    let shown =
        mistakes.iter().take(MISTAKES_SHOWN_MAX).map(|mistake| in_lines(mistake)).collect::<Vec<_>>().join("; ");
    match mistakes.len().saturating_sub(MISTAKES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}; and {more} more of the kind"),
    }
}
