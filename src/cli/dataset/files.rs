//! Files of labelled tickets: read whole, with every line that is none named at once; written whole or not at all.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::progress::Progress;
use crate::domain::digest::Digest;
use crate::domain::labelled::LabelledTicket;
use crate::domain::ticket::Ticket;
use crate::evaluation::data::text::ComparedText;
use crate::evaluation::test_set::{SetDigest, TICKETS_MAX};
use crate::inference::ticket_line;
use crate::wire::labelled::{self, LINE_BYTES_MAX, LabelledLine};

/// Most bad lines of a file that are shown.
const FAULTS_SHOWN: usize = 20;

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
    let shown = path.display();
    let unreadable = || format!("{shown} cannot be read");
    let file = File::open(path).with_context(unreadable).map_err(Failure::usage)?;
    let bytes_total = file.metadata().map_or(0, |metadata| metadata.len());
    let mut reader = BufReader::new(file);
    let (mut faults, mut tickets, mut bytes_done) = (Faults::default(), 0_usize, 0_u64);
    let mut progress = Progress::new("reading");
    for number in 1.. {
        let mut line = Vec::new();
        // One byte more than allowed, so that a line of exactly the limit is told from a longer one.
        let bytes_max = LINE_BYTES_MAX as u64 + 2;
        let read_bytes = reader.by_ref().take(bytes_max).read_until(b'\n', &mut line);
        let read_bytes = read_bytes.with_context(unreadable).map_err(Failure::usage)?;
        if read_bytes == 0 {
            break;
        }
        bytes_done += read_bytes as u64;
        progress.at(bytes_done, bytes_total);
        if read_bytes as u64 == bytes_max {
            faults.add(number, &format!("is longer than {LINE_BYTES_MAX} bytes; the rest of the file is not read"));
            break;
        }
        match std::str::from_utf8(&line).map(str::trim) {
            Err(_) => faults.add(number, "is not UTF-8"),
            Ok("") => {}
            Ok(line) => {
                tickets += 1;
                if tickets > TICKETS_MAX {
                    let error = anyhow!("{shown} has more than {TICKETS_MAX} tickets; take a part of it");
                    return Err(Failure::usage(error));
                }
                if let Err(fault) = read(line) {
                    faults.add(number, &fault);
                }
            }
        }
    }
    if tickets == 0 && faults.count == 0 {
        return Err(Failure::usage(anyhow!("{shown} holds no ticket")));
    }
    faults.into_result(path)
}

/// Lines of a file that are not what they should be.
#[derive(Default)]
struct Faults {
    count: usize,
    shown: Vec<String>,
}

impl Faults {
    fn add(&mut self, line: u64, fault: &str) {
        self.count += 1;
        if self.shown.len() < FAULTS_SHOWN {
            self.shown.push(format!("line {line}: {fault}"));
        }
    }

    fn into_result(self, path: &Path) -> Result<(), Failure> {
        let Self { count, mut shown } = self;
        if count == 0 {
            return Ok(());
        }
        if count > shown.len() {
            shown.push(format!("and {} more", count - shown.len()));
        }
        let lines = if count == 1 { "line is" } else { "lines are" };
        let list = shown.join("\n  ");
        Err(Failure::usage(anyhow!("{}: {count} {lines} not what is read here:\n  {list}", path.display())))
    }
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
    write_whole(path, |file| {
        for record in records {
            serde_json::to_writer(&mut *file, &record).context("writing a record")?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// Writes one JSON document.
///
/// # Errors
/// What the file system says.
pub(super) fn write_document(path: &Path, document: &Value) -> Result<(), Failure> {
    write_whole(path, |file| {
        serde_json::to_writer_pretty(&mut *file, document).context("writing a document")?;
        Ok(file.write_all(b"\n")?)
    })
}

fn write_whole(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> anyhow::Result<()>) -> Result<(), Failure> {
    let shown = path.display();
    let beside = path.with_extension("partial");
    let mut file = BufWriter::new(File::create(&beside).with_context(|| format!("{shown} cannot be made"))?);
    write(&mut file).with_context(|| format!("{shown} cannot be written"))?;
    let file = file.into_inner().map_err(|error| anyhow!("{shown} cannot be written: {}", error.error()))?;
    file.sync_all().with_context(|| format!("{shown} cannot be written"))?;
    std::fs::rename(&beside, path).with_context(|| format!("{shown} cannot be written"))?;
    Ok(())
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
/// What is no number from 0.3 to 1: below, everything of one vocabulary is alike.
pub(super) fn near(text: &str) -> Result<f64, String> {
    let near: f64 = text.parse().map_err(|_| "a number from 0.3 to 1 is expected".to_owned())?;
    if (0.3..=1.0).contains(&near) { Ok(near) } else { Err("a number from 0.3 to 1 is expected".to_owned()) }
}
