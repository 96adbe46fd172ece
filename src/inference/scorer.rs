//! What differs between architectures: from a text to rows of raw scores. What the rows mean, calibration and checks
//! are the same for all and live in [`super::model`].

use crate::domain::prediction::TicketFault;

use super::classifier::Encoded;
use super::render::Rendered;

/// How many rows each head has; `None`: the model has no such head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadSizes {
    /// Severity.
    pub severity: Option<usize>,
    /// Root cause.
    pub cause: Option<usize>,
}

/// Raw scores of one ticket in the order of the heads' rows; a head that the model has not is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// Severity head.
    pub severity: Vec<f32>,
    /// Root-cause head.
    pub cause: Vec<f32>,
}

/// One network with its encoding.
pub trait Scorer: Send {
    /// Encodes one text.
    ///
    /// # Errors
    /// A text that cannot be encoded.
    fn encode(&self, text: &Rendered) -> Result<Encoded, TicketFault>;

    /// Scores of each row, in order.
    ///
    /// # Errors
    /// A failure of the whole batch, in words.
    fn score(&mut self, batch: &[&Encoded]) -> Result<Vec<Scores>, String>;

    /// Longest input in tokens; for a model without tokens, what one ticket costs.
    fn tokens_max(&self) -> usize;
}
