//! The log in memory: one member of the group on a shared [`Broker`].

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use crate::domain::time::UtcMillis;
use crate::kafka::fault::Fault;
use crate::kafka::log::{Assignment, Fetching, Log, LogEvent, TransactionEnd};
use crate::policy::recent_view::Remembered;
use crate::policy::view::WindowState;
use crate::wire::decision::DecisionRecord;
use crate::wire::output::OutputRecord;
use crate::wire::remembered::read_back;

use super::broker::{Shared, Stored};

/// What a member has still to hear from its group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GroupEvent {
    /// Partitions go.
    Revoked(Vec<i32>),
    /// Partitions come; positions and outcomes are read when it is heard. The window as a rebuild would find it.
    Assigned(Vec<i32>, WindowState),
}

/// What tests arrange and look at.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Every call of `seek`.
    pub(super) seeks: Vec<Vec<(i32, i64)>>,
    /// Every change of fetching.
    pub(super) fetching: Vec<Fetching>,
    /// Records delivered.
    pub(super) delivered: usize,
}

/// One member's log.
pub(super) struct MemoryLog {
    broker: Shared,
    member: usize,
    generation: u64,
    /// Next offset to deliver, per assigned partition.
    positions: BTreeMap<i32, i64>,
    group: VecDeque<GroupEvent>,
    pending: VecDeque<LogEvent>,
    tail: Vec<usize>,
    fetching: Fetching,
    /// Decides which partition speaks next, and when nothing has arrived yet; `None`: in turn, all at once.
    rng: Option<fastrand::Rng>,
    turn: usize,
    pub(super) notes: Notes,
}

impl MemoryLog {
    pub(super) fn open(broker: &Shared, member: usize, rng: Option<fastrand::Rng>) -> Self {
        let partitions = broker.borrow().inputs.len();
        Self {
            broker: Shared::clone(broker),
            member,
            generation: 0,
            positions: BTreeMap::new(),
            group: VecDeque::new(),
            pending: VecDeque::new(),
            tail: vec![0; partitions],
            fetching: Fetching::On,
            rng,
            turn: 0,
            notes: Notes::default(),
        }
    }

    /// Lets the group say something.
    pub(super) fn tell(&mut self, event: GroupEvent) {
        self.group.push_back(event);
    }

    /// Delivers a record whether or not it is its turn.
    pub(super) fn deliver(&mut self, partition: i32, offset: i64) {
        let record = self.broker.borrow().inputs[partition as usize].records[&offset].clone();
        self.pending.push_back(LogEvent::Record { partition, offset, record });
    }

    pub(super) fn owned(&self) -> Vec<i32> {
        self.positions.keys().copied().collect()
    }

    fn hear(&mut self, event: GroupEvent) {
        match event {
            GroupEvent::Revoked(partitions) => {
                self.positions.retain(|partition, _| !partitions.contains(partition));
                self.pending.push_back(LogEvent::Revoked(partitions));
            }
            GroupEvent::Assigned(partitions, window) => {
                while let Some(outcome) = self.next_outcome() {
                    self.pending.push_back(outcome);
                }
                self.fetching = Fetching::On;
                let broker = self.broker.borrow();
                self.generation = broker.generation;
                let assignments: Vec<Assignment> = partitions
                    .iter()
                    .map(|partition| Assignment {
                        partition: *partition,
                        committed: broker.committed(*partition),
                        window,
                        rebuild: std::time::Duration::ZERO,
                        lost_records: 0,
                    })
                    .collect();
                self.positions
                    .extend(assignments.iter().map(|assignment| (assignment.partition, assignment.committed)));
                self.pending.push_back(LogEvent::Assigned(assignments));
            }
        }
    }

    fn next_outcome(&mut self) -> Option<LogEvent> {
        let broker = self.broker.borrow();
        let reads_uncommitted = broker.sabotage.view_kept_over_abort;
        for (partition, stored) in broker.decisions.iter().enumerate() {
            while let Some(Stored { record: _, is_committed, remembered }) = stored.get(self.tail[partition]) {
                self.tail[partition] += 1;
                if let Some(remembered) = remembered
                    && (*is_committed || reads_uncommitted)
                {
                    let partition = partition as i32;
                    return Some(LogEvent::Outcome { partition, remembered: Box::new(remembered.clone()) });
                }
            }
        }
        None
    }

    fn next_record(&mut self) -> Option<LogEvent> {
        if self.fetching == Fetching::Paused {
            return None;
        }
        let broker = self.broker.borrow();
        let waiting: Vec<(i32, i64)> = self
            .positions
            .iter()
            .filter_map(|(partition, position)| {
                let records = &broker.inputs[*partition as usize].records;
                records.range(position..).next().map(|(offset, _)| (*partition, *offset))
            })
            .collect();
        if waiting.is_empty() {
            return None;
        }
        let has_arrived = self.rng.as_mut().is_none_or(|rng| rng.u32(..8) > 0);
        if !has_arrived {
            return None;
        }
        let chosen = self.rng.as_mut().map_or(self.turn % waiting.len(), |rng| rng.usize(..waiting.len()));
        self.turn += 1;
        let (partition, offset) = waiting[chosen];
        self.positions.insert(partition, offset + 1);
        self.notes.delivered += 1;
        let record = broker.inputs[partition as usize].records[&offset].clone();
        Some(LogEvent::Record { partition, offset, record })
    }
}

/// What a reader of `decisions` remembers of a record.
pub(super) fn remembered(record: &OutputRecord) -> Remembered {
    let whole = DecisionRecord::from_json(&record.payload).unwrap().remembered().unwrap();
    let read_back = read_back(&record.payload).unwrap().remembered;
    assert_eq!(read_back, whole, "what the tail reads is what was about to be committed");
    read_back
}

impl Log for MemoryLog {
    fn next_event(&mut self) -> Result<Option<LogEvent>, Fault> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Ok(Some(event));
            }
            match self.group.pop_front() {
                Some(event) => self.hear(event),
                None => break,
            }
        }
        let is_tail_first = self.rng.as_mut().is_some_and(fastrand::Rng::bool);
        if is_tail_first && let Some(outcome) = self.next_outcome() {
            return Ok(Some(outcome));
        }
        Ok(self.next_record().or_else(|| self.next_outcome()))
    }

    fn transact(&mut self, records: &[OutputRecord], next_offsets: &[(i32, i64)]) -> TransactionEnd {
        self.broker.borrow_mut().transact(self.member, self.generation, records, next_offsets)
    }

    fn seek(&mut self, positions: &[(i32, i64)]) -> Result<(), Fault> {
        self.notes.seeks.push(positions.to_vec());
        let is_sought = |partition: i32| positions.iter().any(|(sought, _)| *sought == partition);
        self.pending.retain(|event| !matches!(event, LogEvent::Record { partition, .. } if is_sought(*partition)));
        for (partition, offset) in positions {
            let Some(position) = self.positions.get_mut(partition) else { continue };
            let fetched = *position;
            *position = *offset;
            if self.broker.borrow().sabotage.epoch_not_raised_on_seek
                && let Some((offset, record)) =
                    self.broker.borrow().inputs[*partition as usize].records.range(fetched..).next()
            {
                let (partition, offset, record) = (*partition, *offset, record.clone());
                self.pending.push_back(LogEvent::Record { partition, offset, record });
            }
        }
        Ok(())
    }

    fn set_fetching(&mut self, fetching: Fetching) -> Result<(), Fault> {
        self.notes.fetching.push(fetching);
        self.fetching = fetching;
        Ok(())
    }

    fn end_offset(&self, partition: i32) -> Option<i64> {
        Some(self.broker.borrow().inputs[partition as usize].end)
    }

    fn now(&self) -> UtcMillis {
        self.broker.borrow().now()
    }

    fn instant(&self) -> Instant {
        self.broker.borrow().instant()
    }
}
