//! How a batch that keeps being aborted is made smaller, down to the one record that cannot be written.
//!
//! Counted per partition and position, not per batch: between two tries of the same record, records of other partitions
//! may commit, and must not make it look new.

use std::collections::BTreeMap;

use crate::wire::intake::{DeadLetterClass, DeadLetterReason};

use super::batch::Batch;

/// Aborts of one batch before it is halved.
const ABORTS_BEFORE_HALVING: u32 = 3;

/// What is suspected of being unwritable.
#[derive(Debug, Default)]
pub(super) struct Halving {
    suspects: BTreeMap<i32, Suspect>,
    records_max: Option<usize>,
    /// The one record whose outputs cannot be written.
    unwritable: Option<(i32, i64)>,
}

/// A partition whose next records were in a batch that was aborted.
#[derive(Debug)]
struct Suspect {
    /// The committed position that the batch continued.
    from: i64,
    aborts: u32,
}

impl Halving {
    /// Most records of the next batch; `None` while nothing is suspected.
    pub(super) const fn records_max(&self) -> Option<usize> {
        self.records_max
    }

    /// Why the real outcome of a record cannot be written, where that is so.
    pub(super) fn unwritable_reason(&self, partition: i32, offset: i64) -> Option<DeadLetterReason> {
        (self.unwritable == Some((partition, offset))).then(|| DeadLetterReason {
            class: DeadLetterClass::Unwritable,
            detail:
                "the broker refused the outcome of this record three times, alone in its transaction; the log of the \
                     daemon says why"
                    .into(),
        })
    }

    /// A partition is no longer ours.
    pub(super) fn forget(&mut self, partition: i32) {
        self.suspects.remove(&partition);
    }

    /// A batch was aborted, and it may be its own fault.
    pub(super) fn aborted(&mut self, batch: &Batch) {
        let mut aborts_most = 0;
        for (partition, span) in &batch.spans {
            let suspect = self.suspects.entry(*partition).or_insert(Suspect { from: span.from, aborts: 0 });
            if suspect.from != span.from {
                *suspect = Suspect { from: span.from, aborts: 0 };
            }
            suspect.aborts += 1;
            aborts_most = aborts_most.max(suspect.aborts);
        }
        // No more records than now: otherwise the batch that is counted is never the same.
        self.records_max = Some(batch.items.len());
        if aborts_most < ABORTS_BEFORE_HALVING {
            return;
        }
        for partition in batch.spans.keys() {
            if let Some(suspect) = self.suspects.get_mut(partition) {
                suspect.aborts = 0;
            }
        }
        if let [item] = &batch.items[..] {
            tracing::error!(
                partition = item.partition,
                offset = item.offset,
                "the outcome of this record cannot be written: it becomes a dead letter and a review item"
            );
            self.unwritable = Some((item.partition, item.offset));
        } else {
            self.records_max = Some((batch.items.len() / 2).max(1));
        }
    }

    /// A batch has committed: what it covers is cleared, and the next ones may grow again.
    pub(super) fn committed(
        &mut self,
        batch: &Batch,
        batch_records_max: usize,
        committed: impl Fn(i32) -> Option<i64>,
    ) {
        self.suspects.retain(|partition, _| !batch.spans.contains_key(partition));
        if self.suspects.is_empty() {
            self.records_max = match self.records_max {
                Some(records) if records.saturating_mul(2) < batch_records_max => Some(records * 2),
                Some(_) | None => None,
            };
        }
        if let Some((partition, offset)) = self.unwritable
            && committed(partition).is_none_or(|committed| committed > offset)
        {
            self.unwritable = None;
        }
    }
}
