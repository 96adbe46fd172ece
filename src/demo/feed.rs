//! Where tickets come from: the simulated desk, or a file of one's own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use fastrand::Rng;
use serde_json::Value;

use super::desk::hostile::{Expected, RawDeskRecord, broken_and_hostile};
use super::desk::{Desk, DeskSettings, Wave};
use super::ladder::Known;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;

/// Share of records that are broken or hostile: enough to be seen within a minute.
const ODD_SHARE: f64 = 0.04;
/// Share of records that are sent twice, as a ticket system does after a timeout.
const REPEAT_SHARE: f64 = 0.02;
/// Where nothing else is asked for: a desk of some forty people.
pub const TICKETS_PER_DAY: f64 = 1000.0;
/// Begin of desk time: Monday, 2026-01-05T06:00:00Z. Fixed, so that a seed gives the same tickets on every day.
pub const DESK_START: UtcMillis = UtcMillis(1_767_592_800_000);
const DAY_MS: i64 = 24 * 3_600_000;
/// The firmware bug comes when a slice that climbs as fast as it may has the greatest share of automatic resolving.
const WAVE_FROM_DAY: i64 = 45;
/// It is mended in three days.
const WAVE_UNTIL_DAY: i64 = 48;
/// Share of its tickets while it lasts: a tenth of a network has that firmware.
const WAVE_SHARE: f64 = 0.1;
/// Longest line that is sent whole, in bytes: twice what the reader accepts, half of what a producer may send. What is
/// longer is sent cut here, and comes back as the dead letter `too_large` that it would be whole.
const LINE_BYTES_MAX: u64 = 512 * 1024;

/// A record for the input topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRecord {
    /// Its key, the ticket id.
    pub key: Option<String>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// What only the demo knows.
    pub about: About,
}

/// What only the demo knows of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A ticket of the simulated desk.
    Simulated {
        /// What the source says; `None`: nothing.
        source: Option<Severity>,
        /// What is true, and what the engineer will say.
        known: Known,
    },
    /// A broken or hostile record.
    Odd {
        /// What is special about it.
        label: &'static str,
        /// What must become of it.
        expected: Expected,
    },
    /// A record that was already sent.
    Repeated,
    /// A line of the user's file.
    Line(u64),
}

/// A source of records.
pub enum Feed {
    /// The simulated desk.
    Desk(Box<SimulatedFeed>),
    /// The user's file.
    File(FileFeed),
}

impl Feed {
    /// A desk with a seed and so many tickets a day of desk time, which meets a firmware bug after some weeks.
    pub fn desk(seed: u64, tickets_per_day: f64) -> Self {
        let settings = DeskSettings { seed, start: DESK_START, tickets_per_day };
        let wave = Wave {
            from: DESK_START.plus_ms(WAVE_FROM_DAY * DAY_MS),
            until: DESK_START.plus_ms(WAVE_UNTIL_DAY * DAY_MS),
            share: WAVE_SHARE,
        };
        Self::Desk(Box::new(SimulatedFeed {
            desk: Desk::new(settings).with_wave(wave),
            rng: Rng::with_seed(seed),
            odd: Vec::new(),
            odd_seed: seed,
            last: None,
        }))
    }

    /// A file with one native ticket per line.
    ///
    /// # Errors
    /// A file that cannot be opened, or is a directory.
    pub fn file(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory"));
        }
        Ok(Self::File(FileFeed { path: path.to_owned(), reader: BufReader::new(file), line: 0 }))
    }

    /// The next record; `None` at the end of a file. A desk has no end.
    ///
    /// # Errors
    /// A file that cannot be read on.
    pub fn next_record(&mut self) -> io::Result<Option<FeedRecord>> {
        match self {
            Self::Desk(desk) => Ok(Some(desk.next())),
            Self::File(file) => file.next(),
        }
    }

    /// Whether there are engineers whose verdicts can be compared.
    pub const fn has_verdicts(&self) -> bool {
        match self {
            Self::Desk(_) => true,
            Self::File(_) => false,
        }
    }

    /// The file, where there is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Desk(_) => None,
            Self::File(file) => Some(&file.path),
        }
    }
}

/// Tickets of the desk, with odd records and repetitions in between.
pub struct SimulatedFeed {
    desk: Desk,
    rng: Rng,
    odd: Vec<RawDeskRecord>,
    odd_seed: u64,
    last: Option<FeedRecord>,
}

impl SimulatedFeed {
    fn next(&mut self) -> FeedRecord {
        let share = self.rng.f64();
        if share < ODD_SHARE {
            return self.odd();
        }
        if let Some(last) = self.last.take_if(|_| share < ODD_SHARE + REPEAT_SHARE) {
            return FeedRecord { about: About::Repeated, ..last };
        }
        let ticket = self.desk.next_ticket();
        let record = FeedRecord {
            key: Some(ticket.ticket_id),
            value: Some(ticket.value.to_string().into_bytes()),
            about: About::Simulated {
                source: ticket.source_severity,
                known: Known { truth: ticket.truth, verdict: ticket.verdict, created_at: ticket.created_at },
            },
        };
        self.last = Some(record.clone());
        record
    }

    /// Each kind of odd record once, then all of them again with other words.
    fn odd(&mut self) -> FeedRecord {
        loop {
            if let Some(RawDeskRecord { key, value, label, expected }) = self.odd.pop() {
                return FeedRecord { key, value, about: About::Odd { label, expected } };
            }
            self.odd = broken_and_hostile(self.odd_seed);
            self.odd_seed = self.odd_seed.wrapping_add(1);
        }
    }
}

/// Lines of a file. Empty lines are none.
pub struct FileFeed {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
}

impl FileFeed {
    fn next(&mut self) -> io::Result<Option<FeedRecord>> {
        loop {
            let mut bytes = Vec::new();
            if self.reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut bytes)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if bytes.last() != Some(&b'\n') {
                self.skip_rest()?;
            }
            let value = bytes.trim_ascii();
            if !value.is_empty() {
                let key = key_of(value);
                return Ok(Some(FeedRecord { key, value: Some(value.to_vec()), about: About::Line(self.line) }));
            }
        }
    }

    fn skip_rest(&mut self) -> io::Result<()> {
        loop {
            let buffered = self.reader.fill_buf()?;
            if buffered.is_empty() {
                return Ok(());
            }
            let end = buffered.iter().position(|byte| *byte == b'\n');
            let length = end.map_or(buffered.len(), |end| end + 1);
            self.reader.consume(length);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

/// The key that a ticket system would write: the ticket id. What is no ticket has none, and is sent all the same.
fn key_of(value: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(value).ok()?;
    value.get("ticket_id")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<FeedRecord> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("tickets.jsonl");
        std::fs::write(&path, text).unwrap();
        let mut feed = Feed::file(&path).unwrap();
        std::iter::from_fn(|| feed.next_record().unwrap()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_records_and_another_seed_others() {
        let records = |seed| {
            let mut feed = Feed::desk(seed, TICKETS_PER_DAY);
            (0..200).map(|_| feed.next_record().unwrap().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(records(7), records(7));
        assert_ne!(records(7), records(8));
    }

    #[test]
    fn a_few_of_a_hundred_records_are_odd_and_a_few_are_repeated() {
        let mut feed = Feed::desk(1, TICKETS_PER_DAY);
        let (mut odd, mut repeated) = (0, 0);
        for _ in 0..2000 {
            match feed.next_record().unwrap().unwrap().about {
                About::Odd { .. } => odd += 1,
                About::Repeated => repeated += 1,
                About::Simulated { .. } | About::Line(_) => {}
            }
        }
        assert!((50..110).contains(&odd) && (20..60).contains(&repeated), "{odd} odd, {repeated} repeated");
    }

    #[test]
    fn a_repetition_is_the_very_record_before_it() {
        let mut feed = Feed::desk(1, TICKETS_PER_DAY);
        let mut sent: Vec<FeedRecord> = Vec::new();
        for _ in 0..400 {
            let record = feed.next_record().unwrap().unwrap();
            if record.about == About::Repeated {
                assert!(sent.iter().any(|earlier| earlier.key == record.key && earlier.value == record.value));
            }
            sent.push(record);
        }
    }

    #[test]
    fn lines_keep_their_numbers_and_bad_ones_are_sent_as_they_are() {
        let records = lines("{\"ticket_id\":\"A-1\"}\n\nnot json\r\n{\"ticket_id\":7}");
        let found: Vec<_> = records
            .iter()
            .map(|record| (record.about, record.key.as_deref(), record.value.as_deref().unwrap().to_vec()))
            .collect();
        assert_eq!(
            found,
            [
                (About::Line(1), Some("A-1"), b"{\"ticket_id\":\"A-1\"}".to_vec()),
                (About::Line(3), None, b"not json".to_vec()),
                (About::Line(4), None, b"{\"ticket_id\":7}".to_vec()),
            ]
        );
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_one_is_whole() {
        let records = lines(&format!("{}\n{{\"ticket_id\":\"B\"}}\n", "x".repeat(2 * LINE_BYTES_MAX as usize)));
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].value.as_ref().unwrap().len() as u64, LINE_BYTES_MAX);
        assert_eq!((records[1].about, records[1].key.as_deref()), (About::Line(2), Some("B")));
    }

    #[test]
    fn an_empty_file_has_no_records_and_a_missing_one_is_an_error() {
        assert_eq!(lines(""), []);
        assert!(Feed::file(Path::new("no/such/file")).is_err());
        assert!(Feed::file(tempfile::tempdir().unwrap().path()).is_err());
    }
}
