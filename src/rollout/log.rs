//! Where a record of evidence lies, what orders it, and the cuts that reports and accounts are made at.

use std::collections::BTreeMap;

use crate::domain::time::UtcMillis;

/// A topic that evidence is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EvidenceTopic {
    /// Our decisions.
    Decisions,
    /// Verdicts.
    Verdicts,
    /// Events of the ticket system, where the verdict rule reads them in a topic of their own.
    Events,
}

impl EvidenceTopic {
    /// All topics.
    pub const ALL: [Self; 3] = [Self::Decisions, Self::Verdicts, Self::Events];

    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Verdicts => "verdicts",
            Self::Events => "events",
        }
    }
}

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// In which topic.
    pub topic: EvidenceTopic,
    /// In which partition.
    pub partition: i32,
    /// At which offset.
    pub offset: i64,
}

/// When and where a record was appended. The order is that of all evidence: time, then position. Append time only orders;
/// what is compared with verdict times is desk time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Appended {
    /// When (operating time).
    pub at: UtcMillis,
    /// Where.
    pub position: Position,
}

/// A record and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded<T> {
    /// Its place.
    pub appended: Appended,
    /// What it says.
    pub value: T,
}

/// The next offset to read of every partition: all before it is inside. A partition that is not named has nothing inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut(BTreeMap<(EvidenceTopic, i32), i64>);

impl Cut {
    /// The cut before anything.
    pub fn start() -> Self {
        Self::default()
    }

    /// Moves the cut behind a record; never back.
    pub fn pass(&mut self, position: Position) {
        let next = self.0.entry((position.topic, position.partition)).or_default();
        *next = (*next).max(position.offset + 1);
    }

    /// Sets the next offset to read of a partition.
    pub fn set_next(&mut self, topic: EvidenceTopic, partition: i32, offset: i64) {
        self.0.insert((topic, partition), offset);
    }

    /// Names every partition that another cut names: of those that are new here, what that one has inside.
    pub fn name_all_of(&mut self, other: &Self) {
        for (topic, partition, next) in other.partitions() {
            self.0.entry((topic, partition)).or_insert(next);
        }
    }

    /// Of each partition that this cut names, the later of two offsets.
    #[must_use]
    pub fn later(&self, other: &Self) -> Self {
        let later =
            |(place, next): (&(EvidenceTopic, i32), &i64)| (*place, *other.0.get(place).unwrap_or(next).max(next));
        Self(self.0.iter().map(later).collect())
    }

    /// Whether a record lies before the cut.
    pub fn has(&self, position: Position) -> bool {
        self.0.get(&(position.topic, position.partition)).is_some_and(|next| position.offset < *next)
    }

    /// Topic, partition and next offset of all partitions, in order.
    pub fn partitions(&self) -> impl Iterator<Item = (EvidenceTopic, i32, i64)> {
        self.0.iter().map(|(&(topic, partition), &next)| (topic, partition, next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(partition: i32, offset: i64) -> Position {
        Position { topic: EvidenceTopic::Verdicts, partition, offset }
    }

    #[test]
    fn a_cut_holds_what_was_read_and_nothing_of_a_partition_that_was_not() {
        let mut cut = Cut::start();
        assert!(!cut.has(at(0, 0)));
        cut.pass(at(0, 4));
        cut.pass(at(0, 2));
        assert!(cut.has(at(0, 4)) && !cut.has(at(0, 5)) && !cut.has(at(1, 0)));
        assert_eq!(cut.partitions().collect::<Vec<_>>(), [(EvidenceTopic::Verdicts, 0, 5)]);
    }

    #[test]
    fn time_orders_before_place() {
        let appended = |at_ms, partition, offset| Appended { at: UtcMillis(at_ms), position: at(partition, offset) };
        assert!(appended(1, 9, 9) < appended(2, 0, 0));
        assert!(appended(1, 0, 9) < appended(1, 1, 0) && appended(1, 1, 0) < appended(1, 1, 1));
    }
}
