//! Rows of an export: CSV with a head line, a JSON array (plain or as `result` or `records`), or JSON Lines. Each row with the
//! line it begins in.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use anyhow::{Context as _, anyhow};
use serde_json::{Map, Value};

use crate::cli::Failure;
use crate::cli::bounded_lines::{BoundedLines, Line, too_long};

/// Largest file that is read, in bytes: a row of an export has a few kilobytes, and a million of them are more than anybody
/// trains on.
const FILE_BYTES_MAX: u64 = 4 << 30;
/// Largest JSON document that is no JSON Lines, in bytes: it is held in memory as a whole.
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Comma-separated values, the first line naming the columns.
    Csv,
    /// A JSON array of objects, plain or as `result` or `records` of an object.
    Json,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The format that a file's name says.
    ///
    /// # Errors
    /// A name that says nothing.
    pub(super) fn of_name(path: &Path) -> Result<Self, Failure> {
        match path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase).as_deref() {
            Some("csv") => Ok(Self::Csv),
            Some("json") => Ok(Self::Json),
            Some("jsonl" | "ndjson") => Ok(Self::Jsonl),
            Some(_) | None => {
                let shown = path.display();
                Err(Failure::usage(anyhow!("{shown}: its name says no format: add --format csv, json or jsonl")))
            }
        }
    }
}

/// How the bytes of a text are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[value(name = "utf-8")]
    Utf8,
    /// Latin-1: what ServiceNow's CSV exports are in, unless told otherwise (Windows-1252 without its typographic signs).
    #[value(name = "latin-1")]
    Latin1,
}

/// What becomes of an empty field of CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Empty {
    /// It is not there.
    Absent,
    /// It is an empty text: where a column is missing altogether, that must be told from it.
    Text,
}

/// A row, or why it is none.
pub(super) struct Row {
    /// Line in which it begins; of a JSON array, its position, from 1.
    pub(super) number: u64,
    /// Its fields.
    pub(super) fields: Result<Value, String>,
}

/// Calls for each row; `progress` hears bytes done and bytes in all.
///
/// # Errors
/// A file that cannot be read or is not of its format.
pub(super) fn each_row(
    path: &Path,
    format: Format,
    encoding: Encoding,
    empty: Empty,
    mut take: impl FnMut(Row) -> Result<(), Failure>,
    mut progress: impl FnMut(u64, u64),
) -> Result<(), Failure> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be read")).map_err(Failure::usage)?;
    let bytes = file.metadata().with_context(|| format!("{shown} cannot be read")).map_err(Failure::usage)?.len();
    let bytes_max = match format {
        Format::Csv | Format::Jsonl => FILE_BYTES_MAX,
        Format::Json => DOCUMENT_BYTES_MAX,
    };
    if bytes > bytes_max {
        return Err(Failure::usage(anyhow!(
            "{shown} has {bytes} bytes; at most {bytes_max} are read: take a part of it"
        )));
    }
    let read = match format {
        Format::Csv => csv_rows(file, (encoding, empty), &mut take, &mut |done| progress(done, bytes)),
        Format::Jsonl => json_lines(file, &mut take, &mut |done| progress(done, bytes)),
        Format::Json => json_array(file, DOCUMENT_BYTES_MAX, &mut take),
    };
    read.map_err(|problem| match problem {
        Problem::OfFile(error) => Failure::usage(error.context(format!("{shown}"))),
        Problem::OfTaker(failure) => failure,
    })
}

/// Why reading ended early.
enum Problem {
    OfFile(anyhow::Error),
    OfTaker(Failure),
}

fn csv_rows(
    file: File,
    (encoding, empty): (Encoding, Empty),
    take: &mut impl FnMut(Row) -> Result<(), Failure>,
    progress: &mut impl FnMut(u64),
) -> Result<(), Problem> {
    // A row with too many or too few fields is a fault of that row, not of the file. Lines are ended by `\n` alone, or the
    // reader would count the line of a row one short where `\r` stands before it; that `\r` is then the last field's.
    let mut reader = csv::ReaderBuilder::new().flexible(true).terminator(csv::Terminator::Any(b'\n')).from_reader(file);
    let head = reader.byte_headers().context("the line with the names of the columns").map_err(Problem::OfFile)?;
    let names: Vec<String> = head
        .iter()
        .map(|name| decoded(name, encoding).map(|name| name.trim_start_matches('\u{feff}').trim().to_owned()))
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::OfFile(anyhow!("line 1: {error}")))?;
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
        return Err(Problem::OfFile(anyhow!("line 1: the column `{}` stands there twice", twice.1)));
    }
    let mut record = csv::ByteRecord::new();
    loop {
        let number = reader.position().line();
        match reader.read_byte_record(&mut record) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let number = record.position().map_or(number, csv::Position::line);
                let is_blank = record.len() == 1 && record.as_slice().trim_ascii().is_empty();
                if !is_blank {
                    let fields = csv_fields(&names, &record, encoding, empty);
                    take(Row { number, fields }).map_err(Problem::OfTaker)?;
                }
            }
            Err(error) => return Err(Problem::OfFile(anyhow!("line {number}: {error}"))),
        }
        progress(reader.position().byte());
    }
}

fn csv_fields(names: &[String], record: &csv::ByteRecord, encoding: Encoding, empty: Empty) -> Result<Value, String> {
    if record.len() != names.len() {
        return Err(format!(
            "has {} fields, and the first line names {}: is a quote missing, or the separator no comma?",
            record.len(),
            names.len()
        ));
    }
    let mut fields = Map::new();
    for (name, value) in names.iter().zip(record) {
        let value = decoded(value.strip_suffix(b"\r").unwrap_or(value), encoding)?;
        if !value.is_empty() || empty == Empty::Text {
            fields.insert(name.clone(), Value::String(value));
        }
    }
    Ok(Value::Object(fields))
}

fn decoded(bytes: &[u8], encoding: Encoding) -> Result<String, String> {
    match encoding {
        Encoding::Utf8 => String::from_utf8(bytes.to_vec())
            .map_err(|_| "is not UTF-8: export it as UTF-8, or say --encoding latin-1".to_owned()),
        Encoding::Latin1 => Ok(bytes.iter().map(|&byte| char::from(byte)).collect()),
    }
}

fn json_lines(
    file: File,
    take: &mut impl FnMut(Row) -> Result<(), Failure>,
    progress: &mut impl FnMut(u64),
) -> Result<(), Problem> {
    /// Longest line in bytes: far more than a ticket may have.
    const LINE_BYTES_MAX: usize = 4 << 20;
    let mut lines = BoundedLines::new(BufReader::new(file), LINE_BYTES_MAX);
    while let Some((number, line)) = lines.next_line().map_err(|error| Problem::OfFile(error.into()))? {
        let bytes = match line {
            Line::Whole(bytes) => bytes,
            Line::TooLong => return Err(Problem::OfFile(anyhow!("line {number}: {}", too_long(LINE_BYTES_MAX)))),
        };
        let text = bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(bytes);
        if !text.iter().all(u8::is_ascii_whitespace) {
            let fields = serde_json::from_slice(text).map_err(|error| format!("is no JSON: {error}"));
            take(Row { number, fields }).map_err(Problem::OfTaker)?;
        }
        progress(lines.bytes_read());
    }
    Ok(())
}

fn json_array(
    file: impl std::io::Read,
    bytes_max: u64,
    take: &mut impl FnMut(Row) -> Result<(), Failure>,
) -> Result<(), Problem> {
    let mut bytes = Vec::new();
    // A pipe has no length that could have been looked at before.
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| Problem::OfFile(error.into()))?;
    if bytes.len() as u64 > bytes_max {
        return Err(Problem::OfFile(anyhow!("it has more than {bytes_max} bytes: take a part of it")));
    }
    let text = bytes.strip_prefix(b"\xef\xbb\xbf".as_slice()).unwrap_or(&bytes);
    let document: Value = serde_json::from_slice(text)
        .map_err(|error| Problem::OfFile(anyhow!("{error}; is it one object a line? then say --format jsonl")))?;
    let rows = match document {
        Value::Array(rows) => rows,
        Value::Object(mut fields) => match fields.remove("result").or_else(|| fields.remove("records")) {
            Some(Value::Array(rows)) => rows,
            Some(_) | None => {
                return Err(Problem::OfFile(anyhow!(
                    "an array of tickets is expected, plain or as `result` or `records`"
                )));
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(Problem::OfFile(anyhow!("an array of tickets is expected, plain or as `result` or `records`")));
        }
    };
    for (at, row) in rows.into_iter().enumerate() {
        take(Row { number: at as u64 + 1, fields: Ok(row) }).map_err(Problem::OfTaker)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row and its line, or what is wrong with it.
    type Row = (u64, Result<Value, String>);

    fn rows(name: &str, bytes: &[u8], encoding: Encoding) -> Result<Vec<Row>, String> {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        let format = Format::of_name(&path).expect("the name says the format");
        let mut rows = Vec::new();
        let read = each_row(
            &path,
            format,
            encoding,
            Empty::Absent,
            |row| {
                rows.push((row.number, row.fields));
                Ok(())
            },
            |_, _| (),
        );
        read.map(|()| rows).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_quoted_field_may_hold_lines_and_each_row_knows_where_it_begins() {
        let bytes = "\u{feff}number,text\r\nI1,\"a\nb, \"\"c\"\"\"\r\nI2,\r\n\"I3\",d,e\r\n\r\n".as_bytes();
        let found = rows("a.csv", bytes, Encoding::Utf8).expect("rows");
        assert_eq!(found[0], (2, Ok(serde_json::json!({ "number": "I1", "text": "a\nb, \"c\"" }))));
        assert_eq!(found[1], (4, Ok(serde_json::json!({ "number": "I2" }))));
        assert_eq!(found.len(), 3);
        assert!(found[2].0 == 5 && found[2].1.as_ref().is_err_and(|fault| fault.contains("has 3 fields")));
    }

    #[test]
    fn other_bytes_than_utf_8_are_a_fault_of_the_row_and_latin_1_reads_them() {
        let bytes = b"number,text\nI1,M\xfcnchen\nI2,x\n";
        let found = rows("a.csv", bytes, Encoding::Utf8).expect("rows");
        assert!(found[0].1.as_ref().is_err_and(|fault| fault.contains("--encoding latin-1")) && found[1].1.is_ok());
        let found = rows("a.csv", bytes, Encoding::Latin1).expect("rows");
        assert_eq!(found[0].1, Ok(serde_json::json!({ "number": "I1", "text": "München" })));
    }

    #[test]
    fn an_empty_field_can_be_told_from_a_column_that_is_not_there() {
        let names = ["number".to_owned(), "text".to_owned()];
        let record = csv::ByteRecord::from(vec!["I1", ""]);
        let fields = |empty| csv_fields(&names, &record, Encoding::Utf8, empty);
        assert_eq!(fields(Empty::Absent), Ok(serde_json::json!({ "number": "I1" })));
        assert_eq!(fields(Empty::Text), Ok(serde_json::json!({ "number": "I1", "text": "" })));
    }

    #[test]
    fn a_document_that_is_longer_than_is_read_is_refused_whatever_its_length_was_said_to_be() {
        let text = b"[{\"a\":1}]";
        let read = |bytes_max| {
            let mut rows = 0;
            let done = json_array(text.as_slice(), bytes_max, &mut |_| {
                rows += 1;
                Ok(())
            });
            done.is_ok().then_some(rows)
        };
        assert_eq!((read(text.len() as u64), read(text.len() as u64 - 1)), (Some(1), None));
    }

    #[test]
    fn a_column_twice_is_refused() {
        let refused = rows("a.csv", b"a,b,a\n1,2,3\n", Encoding::Utf8).expect_err("twice");
        assert!(refused.contains("the column `a` stands there twice"), "{refused}");
    }

    #[test]
    fn json_comes_as_lines_or_as_an_array_in_three_ways() {
        let one = serde_json::json!({ "a": 1 });
        for bytes in ["[{\"a\":1}]", "{\"result\":[{\"a\":1}]}", "{\"records\":[{\"a\":1}]}"] {
            assert_eq!(rows("a.json", bytes.as_bytes(), Encoding::Utf8).expect("rows"), [(1, Ok(one.clone()))]);
        }
        let found = rows("a.jsonl", b"{\"a\":1}\n\n{\"a\":\n", Encoding::Utf8).expect("rows");
        assert_eq!(found[0], (1, Ok(one)));
        assert!(found[1].0 == 3 && found[1].1.is_err());
        let refused = rows("a.json", b"{\"a\":1}\n{\"a\":2}\n", Encoding::Utf8).expect_err("lines");
        assert!(refused.contains("--format jsonl"), "{refused}");
    }
}
