//! One bad row must cost one answer: a batch that fails or panics is halved until the row stands alone.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::domain::prediction::{Prediction, TicketFault};

use super::classifier::{Classifier, Encoded};

/// Longest text of a fault that is kept.
const FAULT_CHARS_MAX: usize = 300;

/// One answer per row, in order, whatever the model does.
pub fn classify_isolated(model: &mut dyn Classifier, rows: &[&Encoded]) -> Vec<Result<Prediction, TicketFault>> {
    if rows.is_empty() {
        return Vec::new();
    }
    // A panic may leave a model in the middle of a pass. Ours keep nothing between passes but their weights, which no
    // pass writes.
    let outcome = catch_unwind(AssertUnwindSafe(|| model.classify(rows)));
    let failure = match outcome {
        Ok(Ok(answers)) if answers.len() == rows.len() => return answers,
        Ok(Ok(answers)) => format!("{} answers for {} tickets", answers.len(), rows.len()),
        Ok(Err(error)) => error,
        Err(panic) => panic_text(panic.as_ref()),
    };
    if let [_] = rows {
        return vec![Err(TicketFault::Failed(failure.chars().take(FAULT_CHARS_MAX).collect()))];
    }
    let (first, second) = rows.split_at(rows.len() / 2);
    let mut answers = classify_isolated(model, first);
    answers.extend(classify_isolated(model, second));
    answers
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").chars().take(FAULT_CHARS_MAX).collect()
}
