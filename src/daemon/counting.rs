//! What a committed batch adds to the metrics.

use std::time::{Duration, Instant};

use crate::domain::prediction::{Answer, ModelRole};
use crate::domain::time::UtcMillis;
use crate::metrics::{LatencyParts, Metrics};

use super::batch::{Answers, Batch, Content};
use super::outputs::DecidedBatch;

/// Counts every record of a batch whose transaction has just committed.
pub(super) fn count(metrics: &Metrics, batch: &Batch, decided: &DecidedBatch, now: UtcMillis, instant: Instant) {
    let answered = batch.answered.unwrap_or(batch.handed_over);
    let model_ms = millis(answered.saturating_duration_since(batch.handed_over));
    let commit_ms = millis(instant.saturating_duration_since(answered));
    for (item, outcome) in batch.items.iter().zip(&decided.outcomes) {
        let rows: &[Answer] = match (&batch.answers, item.job_row) {
            (Answers::Here(rows), Some(row)) => &rows[row],
            (Answers::Here(_) | Answers::Missing | Answers::Waiting | Answers::Unsent(_), _) => &[],
        };
        let acting = rows.iter().find(|answer| answer.role == ModelRole::Acting);
        let predicted = acting.and_then(|answer| answer.result.as_ref().ok()).map(|given| given.severity.predicted());
        metrics.committed(outcome, predicted);
        match (&item.unwritable, &item.content) {
            (Some(reason), _) | (None, Content::DeadLetter(reason)) => metrics.dead_letter(reason.class),
            (None, Content::Ticket(_) | Content::Gone(_)) => {}
        }
        for answer in rows {
            if let Err(fault) = &answer.result {
                metrics.model_fault(answer.role, fault);
            }
        }
        metrics.latency(LatencyParts {
            total_ms: now.since_ms(item.appended_at),
            wait_ms: batch.handed_over_at.since_ms(item.appended_at),
            model_ms: item.job_row.map(|_| model_ms),
            commit_ms,
        });
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
