//! What a cluster keeps, in memory: the input, committed positions, and what `read_committed` readers see. Shared by
//! all logs that are opened on it, and by the checker.
//!
//! Deliberately absent: anything asynchronous. A transaction is applied or not applied inside one call, and what went
//! wrong is decided by a script or by a seeded generator, so that every run can be had again.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::domain::time::UtcMillis;
use crate::kafka::fault::{AbortCause, Fault, FencedName};
use crate::kafka::log::TransactionEnd;
use crate::wire::intake::RawRecord;
use crate::wire::output::{OutputRecord, OutputTopic};

use super::NOW;

/// What happens to one transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Committed.
    Commits,
    /// Nothing of it is in the log, and the broker says so.
    Aborts(AbortCause),
    /// In the log, but nobody heard.
    LostApplied,
    /// Not in the log, and nobody heard.
    LostUnapplied,
    /// A newer producer, or our own timed out.
    Fenced,
}

/// What is broken on purpose, so that the checker can be seen to fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sabotage {
    /// Records of an aborted transaction stay readable: no transactions at all.
    pub(super) transaction_off: bool,
    /// What was fetched before a seek is delivered after it: the log's epoch is not raised.
    pub(super) epoch_not_raised_on_seek: bool,
    /// The tail of `decisions` is read uncommitted: the view keeps what was aborted.
    pub(super) view_kept_over_abort: bool,
    /// A transaction that is in the log is reported as aborted.
    pub(super) commit_reported_as_abort: bool,
}

/// A record of an output topic that `read_committed` readers see.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) record: OutputRecord,
    /// Whether its transaction has committed; only sabotage shows others.
    pub(super) is_committed: bool,
}

/// One input partition.
#[derive(Debug, Default)]
pub(super) struct Input {
    pub(super) records: BTreeMap<i64, RawRecord>,
    /// Offset of the next record.
    pub(super) end: i64,
    /// Committed next-to-read offset; `None` while the group has committed nothing.
    pub(super) committed: Option<i64>,
}

/// Refuses a transaction by what is in it: a record that the broker will not take.
pub(super) type Refusal = Box<dyn Fn(&[OutputRecord]) -> Option<AbortCause>>;

/// The cluster.
pub(super) struct Broker {
    pub(super) inputs: Vec<Input>,
    pub(super) decisions: Vec<Vec<Stored>>,
    pub(super) others: Vec<Stored>,
    /// Fates of the next transactions; afterwards `random` decides, afterwards all commit.
    pub(super) script: VecDeque<Fate>,
    /// Seed and percentage of transactions that meet a fault.
    pub(super) random: Option<(fastrand::Rng, u32)>,
    pub(super) refusal: Option<Refusal>,
    pub(super) sabotage: Sabotage,
    /// Owner of each partition, by member.
    pub(super) owners: Vec<Option<usize>>,
    /// Raised at each rebalance: a transaction of an older one is refused.
    pub(super) generation: u64,
    pub(super) transactions: usize,
    pub(super) aborts: usize,
    clock: Cell<Duration>,
    started: Instant,
}

pub(super) type Shared = Rc<RefCell<Broker>>;

impl Broker {
    pub(super) fn new(partitions: usize) -> Shared {
        Rc::new(RefCell::new(Self {
            inputs: (0..partitions).map(|_| Input::default()).collect(),
            decisions: vec![Vec::new(); partitions],
            others: Vec::new(),
            script: VecDeque::new(),
            random: None,
            refusal: None,
            sabotage: Sabotage::default(),
            owners: vec![None; partitions],
            generation: 0,
            transactions: 0,
            aborts: 0,
            clock: Cell::new(Duration::ZERO),
            started: Instant::now(),
        }))
    }

    /// Appends a record and says where it lies.
    pub(super) fn produce(&mut self, partition: i32, key: &str, value: Option<&str>) -> i64 {
        let timestamp = Some(self.now());
        let input = &mut self.inputs[partition as usize];
        let offset = input.end;
        let record = RawRecord {
            key: Some(key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: Vec::new(),
            timestamp,
        };
        input.records.insert(offset, record);
        input.end += 1;
        offset
    }

    /// Offsets that hold no record, as markers of an upstream's transactions make.
    pub(super) fn leave_gap(&mut self, partition: i32, offsets: i64) {
        self.inputs[partition as usize].end += offsets;
    }

    pub(super) fn committed(&self, partition: i32) -> i64 {
        self.inputs[partition as usize].committed.unwrap_or(0)
    }

    /// Whether every record has been passed by the committed positions.
    pub(super) fn is_done(&self) -> bool {
        self.inputs.iter().all(|input| input.records.range(input.committed.unwrap_or(0)..).next().is_none())
    }

    pub(super) fn advance(&self, by: Duration) {
        self.clock.set(self.clock.get() + by);
    }

    pub(super) fn now(&self) -> UtcMillis {
        NOW.plus_ms(self.clock.get().as_millis() as i64)
    }

    pub(super) fn instant(&self) -> Instant {
        self.started + self.clock.get()
    }

    /// What readers see of one partition of `decisions`.
    pub(super) fn decided(&self, partition: usize) -> impl Iterator<Item = &OutputRecord> {
        self.decisions[partition].iter().filter(|stored| stored.is_committed).map(|stored| &stored.record)
    }

    /// All records that readers see of one topic.
    pub(super) fn read(&self, topic: OutputTopic) -> Vec<&OutputRecord> {
        match topic {
            OutputTopic::Decisions => (0..self.decisions.len()).flat_map(|partition| self.decided(partition)).collect(),
            OutputTopic::Suggestions | OutputTopic::Commands | OutputTopic::Review | OutputTopic::DeadLetters => {
                let wanted = self.others.iter().filter(|stored| stored.is_committed && stored.record.topic == topic);
                wanted.map(|stored| &stored.record).collect()
            }
        }
    }

    /// Ends one transaction of `member`, of the group's `generation` as that member knows it.
    pub(super) fn transact(
        &mut self,
        member: usize,
        generation: u64,
        records: &[OutputRecord],
        next_offsets: &[(i32, i64)],
    ) -> TransactionEnd {
        self.transactions += 1;
        let fate = self.fate(member, generation, records, next_offsets);
        let is_applied = matches!(fate, Fate::Commits | Fate::LostApplied);
        if is_applied || self.sabotage.transaction_off || self.sabotage.view_kept_over_abort {
            self.write(records, is_applied);
        }
        if is_applied {
            for (partition, next) in next_offsets {
                self.inputs[*partition as usize].committed = Some(*next);
            }
        }
        match fate {
            Fate::Commits if self.sabotage.commit_reported_as_abort && self.transactions.is_multiple_of(4) => {
                TransactionEnd::Aborted(abort(AbortCause::Rebalance))
            }
            Fate::Commits => TransactionEnd::Committed,
            Fate::Aborts(cause) => {
                self.aborts += 1;
                TransactionEnd::Aborted(abort(cause))
            }
            Fate::LostApplied | Fate::LostUnapplied => {
                TransactionEnd::Lost(Fault::Fatal("the brokers are gone".into()))
            }
            Fate::Fenced => TransactionEnd::Lost(Fault::Fenced {
                what: "commit_transaction".into(),
                name: FencedName::TransactionalId,
            }),
        }
    }

    fn fate(&mut self, member: usize, generation: u64, records: &[OutputRecord], next_offsets: &[(i32, i64)]) -> Fate {
        let is_owner = |(partition, _): &(i32, i64)| self.owners[*partition as usize] == Some(member);
        if generation != self.generation || !next_offsets.iter().all(is_owner) {
            return Fate::Aborts(AbortCause::Rebalance);
        }
        if let Some(cause) = self.refusal.as_ref().and_then(|refusal| refusal(records)) {
            return Fate::Aborts(cause);
        }
        if let Some(scripted) = self.script.pop_front() {
            return scripted;
        }
        let Some((rng, percent)) = &mut self.random else { return Fate::Commits };
        if rng.u32(..100) >= *percent {
            return Fate::Commits;
        }
        let fates = [
            Fate::Aborts(AbortCause::Batch),
            Fate::Aborts(AbortCause::Batch),
            Fate::Aborts(AbortCause::Rebalance),
            Fate::Aborts(AbortCause::Authorisation),
            Fate::LostApplied,
            Fate::LostUnapplied,
            Fate::Fenced,
        ];
        rng.choice(fates).expect("the list is not empty")
    }

    fn write(&mut self, records: &[OutputRecord], is_committed: bool) {
        for record in records {
            let is_committed = is_committed || self.sabotage.transaction_off;
            let stored = Stored { record: record.clone(), is_committed };
            match (record.topic, record.partition) {
                (OutputTopic::Decisions, Some(partition)) => self.decisions[partition as usize].push(stored),
                (_, _) => self.others.push(stored),
            }
        }
    }
}

fn abort(cause: AbortCause) -> Fault {
    Fault::Abort { what: "scripted".into(), cause }
}
