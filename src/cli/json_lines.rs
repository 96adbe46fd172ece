//! Files of one JSON a line: read line by line, with bounds, and with all mistakes of a kind told together.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use anyhow::{Context as _, anyhow};

use super::Failure;
use super::bounded_lines::{BoundedLines, Line, too_long};
use super::progress::Progress;

/// Mistakes that are told; the others are counted.
const MISTAKES_MAX: usize = 5;

/// Calls `take` with each line that is not blank. Gives the number of lines that were taken.
///
/// # Errors
/// A file that cannot be read; every line that `take` refuses, with its number.
pub fn each_line(
    path: &Path,
    line_bytes_max: usize,
    mut take: impl FnMut(&str) -> Result<(), String>,
) -> Result<u64, Failure> {
    each_text(path, line_bytes_max, |text| take(text.ok_or("the line is no UTF-8 text")?))
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
    let opened = File::open(path).with_context(|| format!("{}", path.display())).map_err(Failure::usage)?;
    let total = opened.metadata().map_or(0, |metadata| metadata.len());
    let mut progress = Progress::new("reading");
    let mut lines = BoundedLines::new(BufReader::with_capacity(1 << 16, opened), line_bytes_max);
    let (mut taken, mut mistakes) = (0, Mistakes::default());
    while let Some((number, line)) =
        lines.next_line().with_context(|| format!("{}", path.display())).map_err(Failure::usage)?
    {
        let outcome = match line {
            Line::TooLong => Err(too_long(line_bytes_max)),
            Line::Whole(bytes) => match std::str::from_utf8(bytes) {
                Ok(line) if line.trim().is_empty() => continue,
                Ok(line) => take(Some(line.trim())),
                Err(_) => take(None),
            },
        };
        match outcome {
            Ok(()) => taken += 1,
            Err(mistake) => mistakes.add(number, mistake),
        }
        progress.at(lines.bytes_read(), total);
    }
    mistakes.told(path).map_or(Ok(taken), Err)
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
    fn a_file_that_is_not_there_is_named() {
        let failure = each_line(Path::new("/nowhere/t.jsonl"), 8, |_| Ok(())).unwrap_err();
        assert!(format!("{failure:?}").contains("/nowhere/t.jsonl"));
    }
}
