//! The lines of a reader, each with its number and never longer than a bound: what is longer is passed over and said to be so.
//! Whether that ends the reading, and which bytes are good ones, decides whoever reads.

use std::io::{self, BufRead, Read as _};

/// Longest line where a line is a record of Kafka, in bytes: a longer one fits into no topic.
pub(super) const RECORD_BYTES_MAX: usize = 16 << 20;

/// Lines of a reader.
pub(super) struct BoundedLines<R> {
    reader: R,
    bytes_max: usize,
    line: Vec<u8>,
    number: u64,
    done: u64,
}

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'reader> {
    /// As it stands there, without its end.
    Whole(&'reader [u8]),
    /// It is longer than the bound.
    TooLong,
}

impl<R: BufRead> BoundedLines<R> {
    /// Lines of at most so many bytes, their end not counted.
    pub(super) const fn new(reader: R, bytes_max: usize) -> Self {
        Self { reader, bytes_max, line: Vec::new(), number: 0, done: 0 }
    }

    /// The next line and its number, from 1; `None` at the end.
    ///
    /// # Errors
    /// The reader's.
    pub(super) fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        let Self { reader, bytes_max, line, number, done } = self;
        line.clear();
        let read = reader.by_ref().take(*bytes_max as u64 + 1).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(None);
        }
        *number += 1;
        *done += read as u64;
        let is_ended = line.pop_if(|last| *last == b'\n').is_some();
        if !is_ended && line.len() > *bytes_max {
            *done += reader.skip_until(b'\n')? as u64;
            return Ok(Some((*number, Line::TooLong)));
        }
        Ok(Some((*number, Line::Whole(line))))
    }

    /// Bytes that were read.
    pub(super) const fn bytes_read(&self) -> u64 {
        self.done
    }
}

/// What is said of a line that is too long.
pub(super) fn too_long(bytes_max: usize) -> String {
    format!("the line is longer than {bytes_max} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number and its line; one that is too long is a `None`.
    type Numbered = (u64, Option<Vec<u8>>);

    fn lines(bytes: &[u8], bytes_max: usize) -> (Vec<Numbered>, u64) {
        let mut lines = BoundedLines::new(bytes, bytes_max);
        let mut found = Vec::new();
        while let Some((number, line)) = lines.next_line().expect("memory does not fail") {
            found.push((
                number,
                match line {
                    Line::Whole(line) => Some(line.to_vec()),
                    Line::TooLong => None,
                },
            ));
        }
        (found, lines.bytes_read())
    }

    #[test]
    fn every_line_has_its_number_and_the_last_needs_no_end() {
        let (found, read) = lines(b"a\n\n\xff\r\nb", 8);
        let expected: [(u64, &[u8]); 4] = [(1, b"a"), (2, b""), (3, b"\xff\r"), (4, b"b")];
        assert_eq!(found, expected.map(|(number, line)| (number, Some(line.to_vec()))));
        assert_eq!(read, 7);
        assert_eq!(lines(b"", 8), (Vec::new(), 0));
    }

    #[test]
    fn a_line_of_the_bound_is_whole_and_one_byte_more_is_too_long_at_the_end_as_anywhere() {
        for end in ["", "\n"] {
            let text = format!("1234\n12345\n12345678901234\n12{end}");
            let (found, read) = lines(text.as_bytes(), 4);
            let expected = [(1, Some("1234")), (2, None), (3, None), (4, Some("12"))];
            assert_eq!(found, expected.map(|(number, line)| (number, line.map(|line| line.as_bytes().to_vec()))));
            assert_eq!(read, text.len() as u64);
        }
        assert_eq!(lines(b"1234", 4).0, [(1, Some(b"1234".to_vec()))]);
        assert_eq!(lines(b"12345", 4).0, [(1, None)]);
    }
}
