//! A classifier that costs nothing, for tests of everything around a model. The shipped binary refuses it: see
//! [`super::model::load`], which knows its name in test builds only.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::{ModelIdentity, Prediction, Purpose, TicketFault};
use crate::domain::probability::SeverityDistribution;
use crate::domain::ticket::Ticket;

use super::classifier::{Classifier, Encoded, ModelInfo};

/// What stands for its directory.
pub const NAME: &str = "zero-cost";

/// Predicts from a hash of the ticket id: always the same for the same ticket, all severities equally often.
#[derive(Debug)]
pub struct ZeroCost {
    info: ModelInfo,
}

impl ZeroCost {
    /// The only one there is.
    pub fn new() -> Self {
        let identity = ModelIdentity {
            name: NAME.into(),
            version: "0".into(),
            digest: Digest::of(NAME.as_bytes()),
            calibration_digest: Digest::of(b""),
            purpose: Purpose::Demo,
        };
        let info = ModelInfo {
            identity: Arc::new(identity),
            architecture: NAME,
            causes: Vec::new(),
            tokens_max: 1,
            device: "cpu".into(),
        };
        Self { info }
    }
}

impl Default for ZeroCost {
    fn default() -> Self {
        Self::new()
    }
}

impl Classifier for ZeroCost {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn encode(&self, ticket: &Ticket) -> Result<Encoded, TicketFault> {
        let Digest([first, ..]) = Digest::of(ticket.ticket_id.as_str().as_bytes());
        Ok(Encoded { ids: vec![u32::from(first)], ..Encoded::default() })
    }

    fn classify(&mut self, batch: &[&Encoded]) -> Result<Vec<Result<Prediction, TicketFault>>, String> {
        let predict = |row: &&Encoded| {
            let mut logits = [0.0; 4];
            logits[row.ids.first().map_or(0, |id| *id as usize % 4)] = 5.0;
            let severity = SeverityDistribution::from_logits(logits).map_err(|_| TicketFault::NotFinite)?;
            Ok(Prediction { severity, logits, causes: Vec::new(), truncated: false, tokens: 1 })
        };
        Ok(batch.iter().map(predict).collect())
    }
}
