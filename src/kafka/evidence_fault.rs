//! Why the tail of evidence cannot go on, or not just now.

/// Why the tail cannot go on, or not just now.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// No client.
    #[error("creating a reader of evidence: {0}")]
    Client(String),
    /// Brokers do not answer, or refuse.
    #[error("{topic}: {call}: {reason}; asked at {brokers}")]
    Brokers {
        /// Which topic.
        topic: String,
        /// What was asked.
        call: &'static str,
        /// What librdkafka says.
        reason: String,
        /// Bootstrap list.
        brokers: String,
    },
    /// The topic may not be read.
    #[error("{0}")]
    Topic(String),
    /// The client is dead and must be built anew.
    #[error("{topic}: the reader of evidence is dead: {reason}")]
    Dead {
        /// Which topic.
        topic: String,
        /// What librdkafka says.
        reason: String,
    },
}

impl TailError {
    /// Whether the tail must be opened anew; otherwise it reads on, and asks again at its next look.
    pub const fn is_fatal(&self) -> bool {
        match self {
            Self::Client(_) | Self::Dead { .. } => true,
            Self::Brokers { .. } | Self::Topic(_) => false,
        }
    }
}
