//! Records that wait for their batch, bounded in number and in bytes, and whether more of them are fetched meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::config::settings::TriageSettings;
use crate::kafka::log::Fetching;

use super::batch::Buffered;

/// A buffer that is full for so long makes fetching pause. A batch that is cut meanwhile makes room, and a pause throws
/// away what librdkafka has fetched; until then nothing is polled, which a group bears for minutes.
pub(super) const PAUSE_AFTER: Duration = Duration::from_millis(500);

/// The records, oldest first.
#[derive(Debug)]
pub(super) struct Buffer {
    records: VecDeque<Buffered>,
    bytes: usize,
    records_max: usize,
    bytes_max: usize,
    fetching: Fetching,
    /// Since when there has been no room for a record.
    full_since: Option<Instant>,
}

impl Buffer {
    pub(super) fn new(settings: &TriageSettings) -> Self {
        Self {
            records: VecDeque::new(),
            bytes: 0,
            records_max: settings.buffer_records_max,
            bytes_max: settings.buffer_bytes_max,
            fetching: Fetching::On,
            full_since: None,
        }
    }

    pub(super) fn push(&mut self, record: Buffered) {
        self.bytes += record.bytes();
        self.records.push_back(record);
    }

    /// The oldest records, at most so many.
    pub(super) fn take(&mut self, count: usize) -> Vec<Buffered> {
        let taken: Vec<Buffered> = self.records.drain(..count.min(self.records.len())).collect();
        self.bytes -= taken.iter().map(Buffered::bytes).sum::<usize>();
        taken
    }

    pub(super) fn drop_where(&mut self, is_dropped: impl Fn(&Buffered) -> bool) {
        self.records.retain(|buffered| !is_dropped(buffered));
        self.bytes = self.records.iter().map(Buffered::bytes).sum();
    }

    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn oldest(&self) -> Option<&Buffered> {
        self.records.front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Buffered> {
        self.records.iter()
    }

    /// The oldest records, at most so many.
    pub(super) fn oldest_mut(&mut self, count: usize) -> impl ExactSizeIterator<Item = &mut Buffered> + Send {
        self.records.iter_mut().take(count)
    }

    /// Whether the log is asked for more. Once fetching is paused a full buffer goes on listening: rebalances must be heard,
    /// and who does not poll is put out of the group.
    pub(super) fn listens(&self) -> bool {
        !self.is_full() || self.fetching == Fetching::Paused
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.records_max || self.bytes >= self.bytes_max
    }

    /// What fetching should become; `None`: it stays. It pauses after a time at the high mark and resumes at half of it: a
    /// pause throws away what librdkafka has prefetched.
    pub(super) fn change_of_fetching(&mut self, now: Instant) -> Option<Fetching> {
        self.full_since = if self.is_full() { self.full_since.or(Some(now)) } else { None };
        let is_long_full = self.full_since.is_some_and(|since| now.saturating_duration_since(since) >= PAUSE_AFTER);
        let has_room = self.records.len() <= self.records_max / 2 && self.bytes <= self.bytes_max / 2;
        let wanted = match (is_long_full, has_room) {
            (true, _) => Fetching::Paused,
            (false, true) => Fetching::On,
            (false, false) => self.fetching,
        };
        (wanted != self.fetching).then_some(wanted)
    }

    /// The log fetches, or does not, from now on.
    pub(super) const fn set_fetching(&mut self, fetching: Fetching) {
        self.fetching = fetching;
    }
}
