//! Mistakes in the configuration: all of one load together, each with its origin, key and remedy.

use std::fmt;
use std::path::PathBuf;

use crate::domain::message::{in_line, in_lines};

/// Characters of a key that a message shows: a key that nobody knows may be as long as the file.
const KEY_CHARS_MAX: usize = 200;

/// Mistakes that a message shows; the rest is counted. A file of another program makes each of its lines one.
const MISTAKES_SHOWN_MAX: usize = 50;

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A configuration file, as it was named.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// An option of the command line.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "{}", path.display()),
            Self::Environment(variable) => write!(formatter, "environment {}", in_line(variable, KEY_CHARS_MAX)),
            Self::CommandLine => formatter.write_str("command line"),
        }
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value was set.
    pub origin: Origin,
    /// Dotted key; empty where a whole file is meant.
    pub key: String,
    /// What is wrong, the allowed range, and what to do.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problem = in_lines(&self.problem);
        if self.key.is_empty() {
            write!(formatter, "{}: {problem}", self.origin)
        } else {
            write!(formatter, "{}: {}: {problem}", self.origin, in_line(&self.key, KEY_CHARS_MAX))
        }
    }
}

/// All mistakes of one load; never empty.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [only] => write!(formatter, "{only}"),
            several => {
                write!(formatter, "{} mistakes in the configuration", several.len())?;
                let mut shown = several.iter().take(MISTAKES_SHOWN_MAX);
                shown.try_for_each(|mistake| write!(formatter, "\n  {mistake}"))?;
                match several.len().saturating_sub(MISTAKES_SHOWN_MAX) {
                    0 => Ok(()),
                    more => write!(formatter, "\n  and {more} more"),
                }
            }
        }
    }
}
