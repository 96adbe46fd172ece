//! How far one partition of evidence is read, as a proof: everything that lay in it at an instant has been read.
//!
//! Position and high watermark do not tell: the records of transactions end in markers that no reader is handed, so the
//! two never meet; and behind a transaction that hangs, a committed reader stands still at its last stable offset while
//! the log grows. So at a look the watermark is kept as a **mark**. It is reached once a record at or beyond it was read;
//! or, where no record comes, once the last stable offset has reached it and the end of the partition was met afterwards.

/// Watermark and instant (boot time) of a look: what lay before the watermark existed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    end: i64,
    at_ms: i64,
}

/// What a look asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing: read on.
    Read,
    /// Send the reader to its own position, so that it meets the end of the partition anew.
    MeetEnd,
}

/// How far one partition is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reach {
    next: i64,
    end: i64,
    /// The oldest watermark that is not reached yet; `None`: the last one is.
    mark: Option<Mark>,
    /// Everything before this offset is read, though the position stands before it.
    proven_end: i64,
    /// The end was asked for, and will prove this offset.
    awaited: Option<i64>,
    next_at_look: i64,
    /// Everything that lay in the partition at this instant is read; `None`: never yet.
    read_to_ms: Option<i64>,
}

impl Reach {
    /// Nothing is read; the next record is at `next` or later.
    pub(super) const fn new(next: i64) -> Self {
        Self { next, end: next, mark: None, proven_end: 0, awaited: None, next_at_look: i64::MIN, read_to_ms: None }
    }

    /// The next offset to read.
    pub(super) const fn next(&self) -> i64 {
        self.next
    }

    /// A record was handed over.
    pub(super) fn passed(&mut self, offset: i64) {
        self.next = self.next.max(offset + 1);
        self.end = self.end.max(self.next);
        if let Some(mark) = self.mark.filter(|mark| mark.end <= self.next) {
            self.reached(mark);
        }
    }

    /// The ends of the log: `high` is the watermark, `stable` the last stable offset, asked for after it.
    pub(super) fn looked(&mut self, high: i64, stable: i64, now_ms: i64) -> Look {
        self.end = high.max(self.next);
        if high <= self.next.max(self.proven_end) {
            self.mark = None;
            self.read_to_ms = Some(now_ms);
            return Look::Read;
        }
        let mark = *self.mark.get_or_insert(Mark { end: high, at_ms: now_ms });
        let is_idle = self.next == self.next_at_look;
        self.next_at_look = self.next;
        // Asked for at every look until it comes: an answer may be lost with its connection.
        if is_idle && stable >= mark.end {
            self.awaited = Some(mark.end);
            return Look::MeetEnd;
        }
        Look::Read
    }

    /// The end of the partition was met.
    pub(super) fn met_end(&mut self) {
        let Some(end) = self.awaited.take() else { return };
        self.proven_end = self.proven_end.max(end);
        if let Some(mark) = self.mark.filter(|mark| mark.end <= self.proven_end) {
            self.reached(mark);
        }
    }

    /// What was asked for will not come: the reader was assigned anew.
    pub(super) const fn forget_asked(&mut self) {
        self.awaited = None;
    }

    fn reached(&mut self, mark: Mark) {
        self.read_to_ms = Some(mark.at_ms);
        self.mark = None;
    }

    /// For how long the oldest record that is not read may have been there, in milliseconds of boot time; `None`: the
    /// partition has never been read to an end.
    pub(super) fn behind_ms(&self, now_ms: i64) -> Option<i64> {
        self.read_to_ms.map(|read_to| (now_ms - read_to).max(0))
    }

    /// Offsets up to the end that are not read, as far as is known; markers of transactions are among them.
    pub(super) fn offsets_left(&self) -> u64 {
        u64::try_from(self.end - self.next.max(self.proven_end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_partition_is_read_at_the_first_look() {
        let mut reach = Reach::new(7);
        assert_eq!(reach.behind_ms(0), None);
        assert_eq!(reach.looked(7, 7, 100), Look::Read);
        assert_eq!((reach.behind_ms(130), reach.offsets_left()), (Some(30), 0));
    }

    #[test]
    fn a_backlog_is_read_when_the_mark_of_the_look_is_passed() {
        let mut reach = Reach::new(0);
        reach.looked(3, 3, 100);
        assert_eq!((reach.behind_ms(200), reach.offsets_left()), (None, 3));
        reach.passed(0);
        reach.passed(1);
        assert_eq!(reach.behind_ms(200), None);
        reach.passed(2);
        assert_eq!((reach.behind_ms(200), reach.offsets_left()), (Some(100), 0));
    }

    #[test]
    fn a_marker_at_the_end_is_passed_by_meeting_the_end_and_only_once() {
        let mut reach = Reach::new(0);
        reach.looked(3, 3, 100);
        reach.passed(0);
        reach.passed(1);
        // Offset 2 is a commit marker. Still busy at this look: nothing is asked for.
        assert_eq!(reach.looked(3, 3, 200), Look::Read);
        assert_eq!(reach.looked(3, 3, 300), Look::MeetEnd);
        assert_eq!(reach.looked(3, 3, 400), Look::MeetEnd, "the answer was lost");
        reach.met_end();
        assert_eq!(reach.behind_ms(500), Some(400));
        assert_eq!(reach.looked(3, 3, 600), Look::Read);
        assert_eq!((reach.behind_ms(600), reach.offsets_left()), (Some(0), 0));
    }

    #[test]
    fn an_end_that_nobody_asked_for_proves_nothing() {
        let mut reach = Reach::new(0);
        reach.looked(3, 0, 100);
        reach.met_end();
        assert_eq!(reach.behind_ms(100), None);
    }

    #[test]
    fn behind_a_transaction_that_hangs_time_grows_though_the_reader_has_read_all_it_may() {
        let mut reach = Reach::new(5);
        reach.looked(5, 5, 0);
        for look in 1..=10 {
            assert_eq!(reach.looked(6 + look, 5, look * 10_000), Look::Read);
        }
        assert_eq!(reach.behind_ms(100_000), Some(100_000));
        assert!(reach.offsets_left() > 0);
    }

    #[test]
    fn a_busy_partition_is_never_further_behind_than_two_looks() {
        let mut reach = Reach::new(0);
        for look in 0..100_i64 {
            let now_ms = look * 5_000;
            reach.looked((look + 1) * 10, (look + 1) * 10, now_ms);
            for offset in look * 10..(look + 1) * 10 {
                reach.passed(offset);
            }
            assert!(reach.behind_ms(now_ms + 5_000).is_some_and(|behind| behind <= 10_000));
        }
    }
}
