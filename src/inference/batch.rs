//! Many tickets through one model: encoded, sorted by length, packed to a token budget, answered in their own order.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crate::domain::prediction::{Prediction, TicketFault};
use crate::domain::ticket::Ticket;

use super::bisect::{classify_isolated, panic_text};
use super::classifier::{Classifier, Encoded};

/// Most rows in one pass, whatever their length: bounds how long one pass can keep the engine's heartbeat silent.
pub const ROWS_MAX: usize = 256;

/// One answer per ticket, in order. `before_pass` says whether to go on; `after_pass` is told how long a pass took.
/// `None` when `before_pass` said no.
pub fn classify_all<'ticket>(
    model: &mut dyn Classifier,
    tickets: impl Iterator<Item = &'ticket Ticket>,
    tokens_max: usize,
    before_pass: impl Fn() -> bool,
    mut after_pass: impl FnMut(Duration),
) -> Option<Vec<Result<Prediction, TicketFault>>> {
    let encoded: Vec<_> = tickets.map(|ticket| encode_guarded(model, ticket)).collect();
    let mut rows = Vec::new();
    let mut lengths = Vec::new();
    let mut results = Vec::with_capacity(encoded.len());
    for (position, encoded) in encoded.iter().enumerate() {
        match encoded {
            Ok(row) => {
                lengths.push((row.tokens(), rows.len()));
                rows.push((position, row));
                results.push(Err(TicketFault::Failed("the batch lost the ticket".into())));
            }
            Err(fault) => results.push(Err(fault.clone())),
        }
    }
    for batch in pack(lengths, tokens_max) {
        if !before_pass() {
            return None;
        }
        let batch_rows: Vec<&Encoded> = batch.iter().map(|row| rows[*row].1).collect();
        let begun = Instant::now();
        let answers = classify_isolated(model, &batch_rows);
        after_pass(begun.elapsed());
        for (row, answer) in batch.into_iter().zip(answers) {
            results[rows[row].0] = answer;
        }
    }
    Some(results)
}

fn encode_guarded(model: &dyn Classifier, ticket: &Ticket) -> Result<Encoded, TicketFault> {
    catch_unwind(AssertUnwindSafe(|| model.encode(ticket)))
        .unwrap_or_else(|panic| Err(TicketFault::Encoding(panic_text(panic.as_ref()))))
}

/// Packs rows into batches, shortest first: each batch costs at most `tokens_max` tokens with its padding (a longer row
/// stands alone) and [`ROWS_MAX`] rows. A CPU computes no padding, so that the bound is one of scratch and time there; a
/// GPU does, and the order keeps it short. Each item is (tokens, row).
fn pack(mut lengths: Vec<(usize, usize)>, tokens_max: usize) -> Vec<Vec<usize>> {
    lengths.sort_unstable();
    let mut batches: Vec<Vec<usize>> = Vec::new();
    for (tokens, row) in lengths {
        // Sorted, so that this row is the longest of its batch.
        let fits =
            |batch: &&mut Vec<usize>| batch.len() < ROWS_MAX && (batch.len() + 1).saturating_mul(tokens) <= tokens_max;
        match batches.last_mut().filter(fits) {
            Some(batch) => batch.push(row),
            None => batches.push(vec![row]),
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn packing_loses_and_doubles_no_row_and_keeps_to_the_budget(
            lengths in proptest::collection::vec(1_usize..40, 0..600),
            tokens_max in 1_usize..2000,
        ) {
            let items = lengths.iter().copied().zip(0..).collect();
            let batches = pack(items, tokens_max);
            let mut rows: Vec<usize> = batches.concat();
            rows.sort_unstable();
            assert_eq!(rows, (0..lengths.len()).collect::<Vec<_>>());
            for batch in batches {
                let longest = batch.iter().map(|row| lengths[*row]).max().unwrap_or(0);
                assert!(batch.len() <= ROWS_MAX && (batch.len() == 1 || batch.len() * longest <= tokens_max));
            }
        }
    }
}
