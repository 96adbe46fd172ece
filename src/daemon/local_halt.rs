//! A halt of this instance alone, asked for through its socket when brokers are away. It lasts until a person resumes, over
//! restarts too: a marker beside the socket remembers it. It is read at the start; in between, memory rules.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};

use crate::domain::time::UtcMillis;
use crate::rollout::control::Signature;

/// A halt in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halted {
    /// Who halted, and why.
    pub signed: Signature,
    /// Since when (operating time).
    pub at: UtcMillis,
}

/// What the marker holds.
#[derive(Serialize, Deserialize)]
struct Marker {
    who: String,
    why: String,
    at_ms: i64,
}

/// The state, behind an `Arc`.
#[derive(Debug, Default)]
pub struct LocalHalt {
    /// `None`: there is no socket, so that nobody can halt here.
    marker: Option<PathBuf>,
    in_force: ArcSwapOption<Halted>,
}

impl LocalHalt {
    /// Beside a socket; what was halted before this process began is halted still.
    pub fn beside(socket: Option<&Path>) -> Self {
        let marker = socket.map(|socket| socket.with_extension("halted"));
        let in_force = ArcSwapOption::from(marker.as_deref().and_then(remembered).map(Arc::new));
        Self { marker, in_force }
    }

    /// The halt in force; `None`: there is none.
    pub fn in_force(&self) -> Option<Arc<Halted>> {
        self.in_force.load_full()
    }

    /// Whether everything is halted here.
    pub fn is_in_force(&self) -> bool {
        self.in_force.load().is_some()
    }

    /// Halts everything at once; what is said back. The first halt stays: it says since when.
    pub fn halt(&self, signed: Signature, at: UtcMillis) -> String {
        let halted = self.in_force().unwrap_or_else(|| Arc::new(Halted { signed, at }));
        self.in_force.store(Some(Arc::clone(&halted)));
        let written = self.marker.as_deref().map(|marker| write(marker, &halted));
        match written {
            Some(Ok(())) => "this instance takes no automatic action until somebody resumes it".to_owned(),
            Some(Err(error)) => format!(
                "this instance takes no automatic action UNTIL IT ENDS; that it is halted cannot be written down: {error}. \
                 hint: create the file that rollout.halt_file names as well"
            ),
            None => "this instance takes no automatic action until it ends or somebody resumes it".to_owned(),
        }
    }

    /// Lifts the halt; what is said back.
    ///
    /// # Errors
    /// The marker cannot be removed: the halt stays, for the next start would bring it back.
    pub fn resume(&self) -> Result<String, String> {
        if let Some(marker) = &self.marker {
            match std::fs::remove_file(marker) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(format!("{}: {error}; the halt stays", marker.display()));
                }
                Ok(()) | Err(_) => {}
            }
        }
        self.in_force.store(None);
        Ok("this instance is not halted by its socket any more; other halts stay".to_owned())
    }
}

/// What the marker says. One that cannot be read halts as well: somebody has halted, whoever it was.
fn remembered(marker: &Path) -> Option<Halted> {
    if !marker.try_exists().unwrap_or(true) {
        return None;
    }
    let read = || {
        let text = std::fs::read(marker).ok()?;
        let Marker { who, why, at_ms } = serde_json::from_slice(&text).ok()?;
        Some(Halted { signed: Signature::try_new(&who, &why).ok()?, at: UtcMillis(at_ms) })
    };
    Some(read().unwrap_or_else(|| {
        let signed = Signature::try_new("somebody", "the marker of the halt cannot be read");
        Halted { signed: signed.expect("both are words"), at: UtcMillis(0) }
    }))
}

fn write(marker: &Path, halted: &Halted) -> io::Result<()> {
    let Halted { signed, at } = halted;
    let text = Marker { who: signed.who().to_owned(), why: signed.why().to_owned(), at_ms: at.0 };
    let mut file = std::fs::File::create(marker)?;
    file.write_all(&serde_json::to_vec(&text)?)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(who: &str) -> Signature {
        Signature::try_new(who, "fibre cut").unwrap()
    }

    #[test]
    fn a_halt_outlives_the_process_until_somebody_resumes() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("admin.sock");
        let halt = LocalHalt::beside(Some(&socket));
        assert!(!halt.is_in_force());
        assert!(halt.halt(signed("mira"), UtcMillis(7)).ends_with("until somebody resumes it"));
        halt.halt(signed("lev"), UtcMillis(9));
        let next = LocalHalt::beside(Some(&socket));
        assert_eq!(next.in_force().as_deref(), Some(&Halted { signed: signed("mira"), at: UtcMillis(7) }));
        next.resume().unwrap();
        assert!(!next.is_in_force() && !LocalHalt::beside(Some(&socket)).is_in_force());
        next.resume().unwrap();
    }

    #[test]
    fn a_marker_that_cannot_be_read_halts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("admin.halted"), "?").unwrap();
        assert!(LocalHalt::beside(Some(&folder.path().join("admin.sock"))).is_in_force());
    }

    #[test]
    fn a_halt_that_cannot_be_written_down_holds_all_the_same_and_says_how_long() {
        let halt = LocalHalt::beside(Some(Path::new("/nowhere/at/all/admin.sock")));
        let said = halt.halt(signed("mira"), UtcMillis(7));
        assert!(halt.is_in_force() && said.contains("UNTIL IT ENDS"), "{said}");
    }
}
