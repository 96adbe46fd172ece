//! Files of labelled tickets: read whole, with the lines that are none named; written whole or not at all.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::progress::Progress;
use crate::cli::whole_file::write_whole;
use crate::cli::{Failure, json_lines};
use crate::domain::digest::Digest;
use crate::domain::labelled::LabelledTicket;
use crate::domain::ticket::Ticket;
use crate::evaluation::data::text::ComparedText;
use crate::evaluation::test_set::{SetDigest, TICKETS_MAX};
use crate::inference::ticket_line;
use crate::wire::labelled::{self, LINE_BYTES_MAX, LabelledLine};

/// Least Jaccard index that may be asked for: the sketch overlooks one pair in eighty there, and three of four at 0.3.
const NEAR_MIN: f64 = 0.6;

/// A file of labelled tickets.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    /// The tickets.
    pub(super) labelled: Vec<LabelledTicket>,
    /// The native JSON of each.
    pub(super) native: Vec<Map<String, Value>>,
}

impl Tickets {
    /// Reads files one after the other.
    ///
    /// # Errors
    /// A file that cannot be read or holds no ticket, and all lines that are no labelled tickets.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut tickets = Self::default();
        for path in paths {
            each_line(path, |line| {
                let LabelledLine { labelled, record } = labelled::read(line).map_err(|fault| fault.to_string())?;
                tickets.labelled.push(labelled);
                tickets.native.push(record);
                Ok(())
            })?;
        }
        Ok(tickets)
    }

    /// The texts that are compared.
    pub(super) fn texts(&self) -> Vec<ComparedText> {
        let mut progress = Progress::new("reading texts");
        let total = self.labelled.len() as u64;
        let of = |(at, ticket): (usize, &LabelledTicket)| {
            progress.at(at as u64 + 1, total);
            ComparedText::of(&ticket.ticket)
        };
        self.labelled.iter().enumerate().map(of).collect()
    }

    /// Names the set, over ids and labels in their order, as the ledger of versions names test sets.
    pub(super) fn digest(&self) -> Digest {
        let mut digest = SetDigest::default();
        for labelled in &self.labelled {
            digest.add(&labelled.ticket.ticket_id, labelled.label.severity);
        }
        digest.finish()
    }
}

/// A live ticket: labelled or not.
pub(super) struct LiveTicket {
    /// The ticket.
    pub(super) ticket: Ticket,
    /// Its label and slice, where it has any.
    pub(super) labelled: Option<LabelledTicket>,
}

/// Reads files of live tickets: a line is a labelled ticket or a native one.
///
/// # Errors
/// As [`Tickets::read`].
pub(super) fn live(paths: &[PathBuf]) -> Result<Vec<LiveTicket>, Failure> {
    let mut tickets = Vec::new();
    for path in paths {
        each_line(path, |line| {
            let is_labelled = serde_json::from_str::<Map<String, Value>>(line)
                .is_ok_and(|fields| fields.contains_key("label") && fields.contains_key("ticket"));
            tickets.push(if is_labelled {
                let labelled = labelled::read(line).map_err(|fault| fault.to_string())?.labelled;
                LiveTicket { ticket: labelled.ticket.clone(), labelled: Some(labelled) }
            } else {
                LiveTicket { ticket: ticket_line::read(line)?, labelled: None }
            });
            Ok(())
        })?;
    }
    Ok(tickets)
}

/// Calls for each line that is not empty, and gathers what is wrong with them.
fn each_line(path: &Path, mut read: impl FnMut(&str) -> Result<(), String>) -> Result<(), Failure> {
    let mut tickets = 0;
    let taken = json_lines::each_line(path, LINE_BYTES_MAX, |line| {
        tickets += 1;
        if tickets > TICKETS_MAX {
            return Err(format!("there are more than {TICKETS_MAX} tickets; take a part of the file"));
        }
        read(line)
    })?;
    if taken == 0 { Err(Failure::usage(anyhow!("{} holds no ticket", path.display()))) } else { Ok(()) }
}

/// Refuses to write over something.
///
/// # Errors
/// The first path that exists.
pub(super) fn check_new<'path>(paths: impl IntoIterator<Item = &'path Path>) -> Result<(), Failure> {
    match paths.into_iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(path) => {
            let error = anyhow!("{} exists; name another place, or take it away first", path.display());
            Err(Failure::usage(error))
        }
    }
}

/// Writes records, one a line: the file is there whole or not at all.
///
/// # Errors
/// What the file system says.
pub(super) fn write_lines<Record: Serialize>(
    path: &Path,
    records: impl IntoIterator<Item = Record>,
) -> Result<(), Failure> {
    Ok(write_whole(path, |file| {
        for record in records {
            serde_json::to_writer(&mut *file, &record).context("writing a record")?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })?)
}

/// Writes one JSON document.
///
/// # Errors
/// What the file system says.
pub(super) fn write_document(path: &Path, document: &Value) -> Result<(), Failure> {
    Ok(write_whole(path, |file| {
        serde_json::to_writer_pretty(&mut *file, document).context("writing a document")?;
        Ok(file.write_all(b"\n")?)
    })?)
}

/// Makes a directory for results, with those above it.
///
/// # Errors
/// What the file system says.
pub(super) fn make_directory(path: &Path) -> Result<(), Failure> {
    Ok(std::fs::create_dir_all(path).with_context(|| format!("{} cannot be made", path.display()))?)
}

/// Prints the report for programs.
pub(super) fn print_json(report: &Value) {
    println!("{report:#}");
}

/// The SHA-256 of a written file.
///
/// # Errors
/// What the file system says.
pub(super) fn digest_of(path: &Path) -> Result<Digest, Failure> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(Digest::of(&bytes))
}

/// A Jaccard index from which on texts count as alike.
///
/// # Errors
/// What is no number from 0.6 to 1: of pairs below, the sketch overlooks more than one in a hundred.
pub(super) fn near(text: &str) -> Result<f64, String> {
    let expected = || "a number from 0.6 to 1 is expected: below, too many pairs would be overlooked".to_owned();
    let near: f64 = text.parse().map_err(|_| expected())?;
    if (NEAR_MIN..=1.0).contains(&near) { Ok(near) } else { Err(expected()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::data::near::{BANDS, ROWS};

    #[test]
    fn no_nearness_is_allowed_at_which_the_sketch_overlooks_more_than_two_pairs_of_a_hundred() {
        let overlooked = |near: f64| (1.0 - near.powi(ROWS as i32)).powi(BANDS as i32);
        assert!(overlooked(NEAR_MIN) < 0.02 && overlooked(0.3) > 0.7);
        assert_eq!((near("0.6"), near("1")), (Ok(0.6), Ok(1.0)));
        for text in ["0.59", "0.3", "1.1", "NaN", "x"] {
            assert!(near(text).is_err(), "{text}");
        }
    }

    fn read(text: &[u8]) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tickets.jsonl");
        std::fs::write(&path, text).unwrap();
        Tickets::read(&[path]).map(|tickets| tickets.labelled.len()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_file_without_a_ticket_is_refused_and_bad_lines_are_named() {
        let good = r#"{"ticket":{"ticket_id":"T1","title":"x","created_at":"2026-01-05T08:00:00Z"},"label":{"severity":"low"}}"#;
        assert_eq!(read(format!("\n{good}\n").as_bytes()), Ok(1));
        assert!(read(b"\n \n").is_err_and(|error| error.contains("holds no ticket")));
        assert!(read(format!("{good}\n{{}}\n").as_bytes()).is_err_and(|error| error.contains("line 2: ")));
        assert!(read(&[good.as_bytes(), b"\n\xff\n"].concat()).is_err_and(|error| error.contains("no UTF-8")));
    }
}
