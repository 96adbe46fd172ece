//! The seam between serving and models.

use std::sync::Arc;

use crate::domain::prediction::{ModelIdentity, Prediction, TicketFault};
use crate::domain::ticket::Ticket;

/// What a loaded model is.
#[derive(Clone, Debug)]
pub struct ModelInfo {
    /// Name, version, digests, purpose.
    pub identity: Arc<ModelIdentity>,
    /// Architecture, a word of the registry's table.
    pub architecture: &'static str,
    /// Codes of the root-cause head; empty without one.
    pub causes: Vec<Arc<str>>,
    /// Longest input in tokens.
    pub tokens_max: usize,
    /// Where it runs: `cpu` or `cuda:N`.
    pub device: String,
}

/// A ticket as token ids (or features), ready for one model.
#[derive(Clone, Debug, Default)]
pub struct Encoded {
    /// Token ids, special tokens included; empty for models that have none.
    pub ids: Vec<u32>,
    /// Sparse features (index, value), ascending by index; empty for encoders.
    pub features: Vec<(u32, f32)>,
    /// Whether the text was cut to fit.
    pub truncated: bool,
    /// The ticket as the root-cause model of a second directory reads it; `None` where there is no second directory.
    pub second: Option<Box<Encoded>>,
}

impl Encoded {
    /// What the ticket costs in the token budget: its number of tokens, at least 1.
    pub fn tokens(&self) -> usize {
        self.ids.len().max(1)
    }
}

/// A model that classifies tickets.
pub trait Classifier: Send {
    /// What it is.
    fn info(&self) -> &ModelInfo;

    /// Renders and encodes one ticket.
    ///
    /// # Errors
    /// A text that the tokenizer cannot encode.
    fn encode(&self, ticket: &Ticket) -> Result<Encoded, TicketFault>;

    /// One answer per row, in order. May panic or fail as a whole: the engine bisects the batch then.
    ///
    /// # Errors
    /// A failure of the whole batch, in words.
    fn classify(&mut self, batch: &[&Encoded]) -> Result<Vec<Result<Prediction, TicketFault>>, String>;
}
