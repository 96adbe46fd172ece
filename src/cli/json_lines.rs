//! Files of one JSON a line: read line by line, with bounds, and with all mistakes of a kind told together.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::anyhow;
use rayon::prelude::*;

use super::Failure;
use super::bounded_lines::{BoundedLines, Line, too_long};
use super::progress::Progress;

/// Mistakes that are told; the others are counted.
const MISTAKES_MAX: usize = 5;
/// Lines, and bytes of them, that are read before all cores work on them: enough for each to have its share, and no more than a
/// few megabytes at once.
const BATCH_LINES_MAX: usize = 2_048;
const BATCH_BYTES_MAX: usize = 8 << 20;
/// What is said of a line of other bytes.
const NO_TEXT: &str = "the line is no UTF-8 text";

/// Calls `take` with each line that is not blank. Gives the number of lines that were taken.
///
/// # Errors
/// A file that cannot be read; every line that `take` refuses, with its number.
pub fn each_line(
    path: &Path,
    line_bytes_max: usize,
    mut take: impl FnMut(&str) -> Result<(), String>,
) -> Result<u64, Failure> {
    each_text(path, line_bytes_max, |text| take(text.ok_or(NO_TEXT)?))
}

/// As [`each_line`]; `take` also hears of lines that are no UTF-8 text (`None`), and may pass over them.
///
/// # Errors
/// As [`each_line`].
pub fn each_text(
    path: &Path,
    line_bytes_max: usize,
    mut take: impl FnMut(Option<&str>) -> Result<(), String>,
) -> Result<u64, Failure> {
    let mut outcome = Outcome::default();
    each_numbered(path, line_bytes_max, |number, line| outcome.add(number, line.and_then(&mut take)))?;
    outcome.told(path)
}

/// As [`each_line`], with what can be done with a line alone done on all cores: `take` gets what `parse` made of each, in the
/// order of the file.
///
/// # Errors
/// As [`each_line`].
pub fn each_parsed<T: Send>(
    path: &Path,
    line_bytes_max: usize,
    parse: impl Fn(&str) -> Result<T, String> + Sync,
    mut take: impl FnMut(T) -> Result<(), String>,
) -> Result<u64, Failure> {
    let mut outcome = Outcome::default();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    let mut finish = |batch: &mut Vec<(u64, Result<String, String>)>| {
        let parsed = batch.par_drain(..).map(|(number, line)| (number, line.and_then(|line| parse(&line))));
        for (number, parsed) in parsed.collect::<Vec<_>>() {
            outcome.add(number, parsed.and_then(&mut take));
        }
    };
    each_numbered(path, line_bytes_max, |number, line| {
        let line = line.and_then(|text| Ok(text.ok_or(NO_TEXT)?.to_owned()));
        bytes += line.as_ref().map_or(0, String::len);
        batch.push((number, line));
        if batch.len() == BATCH_LINES_MAX || bytes >= BATCH_BYTES_MAX {
            finish(&mut batch);
            bytes = 0;
        }
    })?;
    finish(&mut batch);
    outcome.told(path)
}

/// Calls `take` with the number of each line that is not blank and its text, which is `None` where it is no UTF-8; or with what
/// is wrong with it.
fn each_numbered(
    path: &Path,
    line_bytes_max: usize,
    mut take: impl FnMut(u64, Result<Option<&str>, String>),
) -> Result<(), Failure> {
    let unreadable =
        |error: std::io::Error| Failure::usage(anyhow::Error::new(error).context(path.display().to_string()));
    let opened = File::open(path).map_err(unreadable)?;
    let total = opened.metadata().map_or(0, |metadata| metadata.len());
    let mut progress = Progress::new("reading");
    let mut lines = BoundedLines::new(BufReader::with_capacity(1 << 16, opened), line_bytes_max);
    while let Some((number, line)) = lines.next_line().map_err(unreadable)? {
        match line {
            Line::TooLong => take(number, Err(too_long(line_bytes_max))),
            Line::Whole(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => take(number, Ok(Some(text.trim()))),
                Err(_) => take(number, Ok(None)),
            },
        }
        progress.at(lines.bytes_read(), total);
    }
    Ok(())
}

/// What became of the lines.
#[derive(Default)]
struct Outcome {
    taken: u64,
    mistakes: Mistakes,
}

impl Outcome {
    fn add(&mut self, number: u64, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => self.taken += 1,
            Err(mistake) => self.mistakes.add(number, mistake),
        }
    }

    fn told(self, path: &Path) -> Result<u64, Failure> {
        self.mistakes.told(path).map_or(Ok(self.taken), Err)
    }
}

#[derive(Default)]
struct Mistakes {
    told: Vec<String>,
    more: u64,
}

impl Mistakes {
    fn add(&mut self, line: u64, mistake: String) {
        if self.told.len() < MISTAKES_MAX {
            self.told.push(format!("line {line}: {mistake}"));
        } else {
            self.more += 1;
        }
    }

    fn told(self, path: &Path) -> Option<Failure> {
        if self.told.is_empty() {
            return None;
        }
        let more = if self.more > 0 { format!("\n  and {} lines more", self.more) } else { String::new() };
        Some(Failure::usage(anyhow!("{}:\n  {}{more}", path.display(), self.told.join("\n  "))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn read(bytes: &[u8], refuse: &str) -> (Vec<String>, Result<u64, String>) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        let mut lines = Vec::new();
        let outcome = each_line(file.path(), 8, |line| {
            lines.push(line.to_owned());
            if line == refuse { Err("is refused".to_owned()) } else { Ok(()) }
        });
        (lines, outcome.map_err(|failure| format!("{failure:?}")))
    }

    #[test]
    fn blank_lines_are_passed_over_and_the_last_needs_no_end() {
        let (lines, outcome) = read(b"a\n\n  \nb\r\n12345678", "");
        assert_eq!((lines, outcome), (["a", "b", "12345678"].map(str::to_owned).to_vec(), Ok(3)));
    }

    #[test]
    fn all_mistakes_are_told_with_their_lines_and_the_others_are_read() {
        let (lines, outcome) = read(b"x\n123456789\n\xff\na\n", "x");
        assert_eq!(lines, ["x", "a"]);
        let said = outcome.unwrap_err();
        for part in ["line 1: is refused", "line 2: the line is longer than 8 bytes", "line 3: the line is no UTF-8"] {
            assert!(said.contains(part), "{said}");
        }
    }

    #[test]
    fn what_all_cores_parse_is_taken_in_the_order_of_the_file_and_mistakes_keep_their_lines() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let lines = 2 * BATCH_LINES_MAX + 3;
        for number in 1..=lines {
            let line: &[u8] = if number == lines {
                b"\xff"
            } else if number == 7 {
                b"x"
            } else {
                b""
            };
            let line = if line.is_empty() { number.to_string().into_bytes() } else { line.to_vec() };
            file.write_all(&[&line[..], b"\n"].concat()).unwrap();
        }
        let mut taken = Vec::new();
        let outcome = each_parsed(
            file.path(),
            8,
            |line| line.parse::<usize>().map_err(|_| "is no number".to_owned()),
            |number| {
                taken.push(number);
                if number == BATCH_LINES_MAX + 1 { Err("is refused".to_owned()) } else { Ok(()) }
            },
        );
        assert_eq!(taken, (1..lines).filter(|number| *number != 7).collect::<Vec<_>>());
        let said = format!("{:?}", outcome.unwrap_err());
        let refused = format!("line {}: is refused", BATCH_LINES_MAX + 1);
        for part in ["line 7: is no number", &refused, &format!("line {lines}: the line is no UTF-8")] {
            assert!(said.contains(part), "{said}");
        }
        assert!(each_parsed(Path::new("/nowhere"), 8, |_| Ok(()), Ok).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let failure = each_line(Path::new("/nowhere/t.jsonl"), 8, |_| Ok(())).unwrap_err();
        assert!(format!("{failure:?}").contains("/nowhere/t.jsonl"));
    }
}
