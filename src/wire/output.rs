//! One record to be written, as the plain value that the Kafka side sends.

use super::transaction::{TRANSACTION_HEADER, TransactionHeader};

/// Which of our topics a record goes to; the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OutputTopic {
    /// Exactly one outcome per input record.
    Decisions,
    /// Answers to show.
    Suggestions,
    /// Automatic actions.
    Commands,
    /// What people must look at.
    Review,
    /// Records that are no tickets.
    DeadLetters,
}

impl OutputTopic {
    /// All output topics of triage.
    pub const ALL: [Self; 5] = [Self::Decisions, Self::Suggestions, Self::Commands, Self::Review, Self::DeadLetters];

    /// The word used in metrics and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Suggestions => "suggestions",
            Self::Commands => "commands",
            Self::Review => "review",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// One record to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecord {
    /// Where it goes.
    pub topic: OutputTopic,
    /// The partition, where it is fixed (`decisions` mirrors the input); else the key decides.
    pub partition: Option<i32>,
    /// Key: the ticket id, or for a dead letter the key of the input record.
    pub key: Option<Vec<u8>>,
    /// JSON.
    pub payload: Vec<u8>,
    /// Headers in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Stamps every record of one transaction with the same header, which also says how many there are.
pub fn stamp_transaction(records: &mut [OutputRecord], instance: &str, start_ms: i64, counter: u64) {
    let count = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let header = TransactionHeader { instance: instance.to_owned(), start_ms, counter, count }.to_string();
    for record in records {
        record.headers.push((TRANSACTION_HEADER.to_owned(), header.clone().into_bytes()));
    }
}
