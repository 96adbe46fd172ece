//! The seam between triage and Kafka: events out of the log, one batch into it as one transaction.
//!
//! The daemon runs on [`super::session::KafkaLog`]; tests run the same triage loop on a log in memory with a script of
//! faults. Whoever implements this may block only inside the calls that say so.

use std::time::{Duration, Instant};

use crate::domain::time::UtcMillis;
use crate::policy::recent_view::Remembered;
use crate::policy::view::WindowState;
use crate::wire::intake::RawRecord;
use crate::wire::output::OutputRecord;

use super::fault::Fault;

/// What the log has to say.
#[derive(Debug)]
pub enum LogEvent {
    /// A record of the input topic.
    Record {
        /// Partition.
        partition: i32,
        /// Offset.
        offset: i64,
        /// The record.
        record: RawRecord,
    },
    /// Partitions are ours from here on; reading starts at the committed position.
    Assigned(Vec<Assignment>),
    /// Partitions are no longer ours.
    Revoked(Vec<i32>),
    /// A committed outcome of any instance, from the tail of `decisions`.
    Outcome {
        /// Partition.
        partition: i32,
        /// What to remember of it.
        remembered: Box<Remembered>,
    },
    /// A partition that was assigned with a part of its window now has all of it.
    WindowCompleted(i32),
    /// Whether the partitions of other instances have been read to their ends once: caps and storms count over them.
    Others(WindowState),
}

/// A partition that has become ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// Partition.
    pub partition: i32,
    /// Next-to-read offset that the group has committed; the log's start where nothing is committed.
    pub committed: i64,
    /// Whether the view covers everything the previous owner has decided.
    pub window: WindowState,
    /// How long rebuilding the view took.
    pub rebuild: Duration,
    /// Records that were deleted before they were triaged; more than 0 only where the operator has accepted that.
    pub lost_records: u64,
}

/// How one transaction ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionEnd {
    /// All of it is in the log, offsets included.
    Committed,
    /// Nothing of it is in the log, and the broker has confirmed that.
    Aborted(Fault),
    /// Nobody knows, or the clients are dead: they have to be built anew, and the view read again.
    Lost(Fault),
}

/// The log as triage sees it.
pub trait Log {
    /// The next event, without waiting; `None` when there is none right now.
    ///
    /// An assignment blocks until the view of the partition is rebuilt, at most its deadline.
    ///
    /// # Errors
    /// A fault that needs new clients.
    fn next_event(&mut self) -> Result<Option<LogEvent>, Fault>;

    /// The one place where a batch becomes a transaction: all records and the next-to-read offsets, or nothing.
    ///
    /// Blocks until the outcome is known, at most the transaction timeout.
    fn transact(&mut self, records: &[OutputRecord], next_offsets: &[(i32, i64)]) -> TransactionEnd;

    /// Goes back to these positions. No record that was fetched before the call is delivered after it: the loop
    /// cannot tell such a record from one behind a gap, and would pass over all in between.
    ///
    /// # Errors
    /// A fault that needs new clients.
    fn seek(&mut self, positions: &[(i32, i64)]) -> Result<(), Fault>;

    /// Stops or resumes fetching; events other than records keep coming.
    ///
    /// # Errors
    /// A fault that needs new clients.
    fn set_fetching(&mut self, fetching: Fetching) -> Result<(), Fault>;

    /// End of an input partition (last stable offset), as last heard; `None` until the first statistics.
    fn end_offset(&self, partition: i32) -> Option<i64>;

    /// Wall clock of operating time.
    fn now(&self) -> UtcMillis;

    /// A record came later than expected: how many records before it were deleted, which is 0 where control records and
    /// aborted ones left the gap.
    ///
    /// # Errors
    /// Records are lost and nobody has accepted that, or the brokers do not answer.
    fn lost_before(&mut self, _partition: i32, _expected: i64) -> Result<u64, Fault> {
        Ok(0)
    }

    /// How often a commit had to be asked again since this was last called.
    fn commits_asked_again(&mut self) -> u64 {
        0
    }

    /// Monotonic operating time, for waits and deadlines. Tests move it by hand.
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// Whether records are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetching {
    /// Records flow.
    On,
    /// The buffer is full.
    Paused,
}
