//! The partitions that are owned, and how far each of them is read, cut and committed.

use std::collections::BTreeMap;

use crate::domain::time::UtcMillis;
use crate::metrics::Lag;

use super::batch::Span;

/// What an owned partition looks like.
#[derive(Debug)]
struct Partition {
    epoch: u64,
    /// Next-to-read offset that is committed.
    committed: i64,
    /// Next-to-read offset after the last batch cut.
    cut: i64,
    /// Next offset that the log should deliver; older ones are from before a seek.
    expected: i64,
    /// Append time of the oldest record without a committed outcome.
    oldest_pending: Option<UtcMillis>,
}

/// What a record is to the partition that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Its partition is no longer ours.
    NotOwned,
    /// From before a seek.
    Old,
    /// The next one. `Some`: offsets from there on were passed over.
    Next(Option<i64>),
}

/// All of them, each with its epoch.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    owned: BTreeMap<i32, Partition>,
    epochs: u64,
}

impl Partitions {
    pub(super) fn len(&self) -> usize {
        self.owned.len()
    }

    /// A partition is ours from its committed position on.
    pub(super) fn assign(&mut self, partition: i32, committed: i64) {
        self.epochs += 1;
        let fresh =
            Partition { epoch: self.epochs, committed, cut: committed, expected: committed, oldest_pending: None };
        self.owned.insert(partition, fresh);
    }

    pub(super) fn remove(&mut self, partition: i32) {
        self.owned.remove(&partition);
    }

    pub(super) fn arrival(&self, partition: i32, offset: i64) -> Arrival {
        match self.owned.get(&partition) {
            None => Arrival::NotOwned,
            Some(owned) if offset < owned.expected => Arrival::Old,
            Some(owned) => Arrival::Next((offset > owned.expected).then_some(owned.expected)),
        }
    }

    /// A record waits for its batch.
    pub(super) fn taken(&mut self, partition: i32, offset: i64, appended_at: Option<UtcMillis>) {
        if let Some(owned) = self.owned.get_mut(&partition) {
            owned.expected = offset + 1;
            owned.oldest_pending = owned.oldest_pending.or(appended_at);
        }
    }

    /// A record goes into the batch that these spans belong to.
    pub(super) fn cut(&mut self, spans: &mut BTreeMap<i32, Span>, partition: i32, offset: i64) {
        let owned = self.owned.get_mut(&partition).expect("buffers of lost partitions are dropped");
        let next = offset + 1;
        let first = Span { epoch: owned.epoch, from: owned.cut, next };
        spans.entry(partition).and_modify(|span| span.next = next).or_insert(first);
        owned.cut = next;
    }

    /// Sends a partition back to its committed position, which it says, and raises its epoch; `None`: it is not owned.
    pub(super) fn rewind(&mut self, partition: i32) -> Option<i64> {
        let committed = self.uncut(partition)?;
        let owned = self.owned.get_mut(&partition)?;
        self.epochs += 1;
        owned.epoch = self.epochs;
        owned.expected = committed;
        Some(committed)
    }

    /// The same without a new epoch: a control of test builds.
    pub(super) fn uncut(&mut self, partition: i32) -> Option<i64> {
        let owned = self.owned.get_mut(&partition)?;
        owned.cut = owned.committed;
        Some(owned.committed)
    }

    /// Whether a batch continues where the last one committed, in the present epochs.
    pub(super) fn are_in_order(&self, spans: &BTreeMap<i32, Span>) -> bool {
        spans.iter().all(|(partition, span)| {
            let owned = self.owned.get(partition);
            owned.is_some_and(|owned| owned.epoch == span.epoch && owned.committed == span.from)
        })
    }

    /// A batch has committed; `behind` is what waits, in order: now the oldest without an outcome.
    pub(super) fn committed(
        &mut self,
        spans: &BTreeMap<i32, Span>,
        behind: impl Iterator<Item = (i32, Option<UtcMillis>)>,
    ) {
        for (partition, span) in spans {
            let owned = self.owned.get_mut(partition).expect("a batch in order covers owned partitions");
            owned.committed = span.next;
            owned.oldest_pending = None;
        }
        // A buffer of thousands is looked through no further than to the first record of each partition of which none is known.
        let mut sought = self.owned.values().filter(|owned| owned.oldest_pending.is_none()).count();
        for (partition, appended_at) in behind {
            if sought == 0 {
                break;
            }
            if let Some(owned) = self.owned.get_mut(&partition)
                && owned.oldest_pending.is_none()
            {
                owned.oldest_pending = appended_at;
                sought -= usize::from(appended_at.is_some());
            }
        }
    }

    pub(super) fn committed_of(&self, partition: i32) -> Option<i64> {
        self.owned.get(&partition).map(|owned| owned.committed)
    }

    /// How far each is behind the ends that the log knows.
    pub(super) fn lags(&self, now: UtcMillis, end_of: impl Fn(i32) -> Option<i64>) -> Vec<Lag> {
        let lag = |(partition, owned): (&i32, &Partition)| Lag {
            partition: *partition,
            records: end_of(*partition).map_or(0, |end| (end - owned.committed).max(0)),
            seconds: owned.oldest_pending.map_or(0.0, |at| now.since_ms(at).max(0) as f64 / 1000.0),
        };
        self.owned.iter().map(lag).collect()
    }

    #[cfg(test)]
    pub(super) fn epoch(&self, partition: i32) -> Option<u64> {
        self.owned.get(&partition).map(|owned| owned.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_commit_each_partition_is_as_late_as_its_first_record_that_waits() {
        let mut partitions = Partitions::default();
        (0..3).for_each(|partition| partitions.assign(partition, 0));
        partitions.taken(0, 0, Some(UtcMillis(1_000)));
        // Its record has no time of its own; the batch that takes it gives it one.
        partitions.taken(1, 0, None);
        let mut spans = BTreeMap::new();
        partitions.cut(&mut spans, 0, 0);
        let behind = [(0, 2_000), (1, 4_000), (0, 3_000), (1, 5_000)];
        partitions.committed(&spans, behind.into_iter().map(|(partition, at)| (partition, Some(UtcMillis(at)))));
        let seconds: Vec<f64> = partitions.lags(UtcMillis(10_000), |_| None).iter().map(|lag| lag.seconds).collect();
        assert_eq!(seconds, [8.0, 6.0, 0.0]);
    }
}
