//! What a Kafka error means for us. Decided here and nowhere else; measured rows in the tests of `tests/it`.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Call the same thing again, within the transaction's time.
    #[error("{0}: retrying")]
    Retry(String),
    /// Abort the transaction, seek back, do the batch again.
    #[error("{what}: aborting the transaction")]
    Abort {
        /// What happened.
        what: String,
        /// Whose fault it is.
        cause: AbortCause,
    },
    /// Both clients must be built anew.
    #[error("{0}: the Kafka clients must be rebuilt")]
    Fatal(String),
    /// The broker says that a newer producer with our transactional id exists, or it timed our transaction out: the
    /// two look the same (librdkafka has no KIP-588). Rebuild once; fenced again soon, ask the group.
    #[error("{what}: fenced")]
    Fenced {
        /// What happened.
        what: String,
        /// Which of our two names was taken.
        name: FencedName,
    },
    /// Going on would lose tickets or act twice: only a person can say what is right. The sentence says what to do.
    #[error("{0}")]
    Refused(String),
}

/// Which name another process has taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FencedName {
    /// The transactional id: or our own transaction timed out, the two look the same.
    TransactionalId,
    /// The group instance id: or a coordinator that died had given us a member id that it could not tell us any more.
    InstanceId,
}

/// Why a transaction must be aborted: what to do afterwards depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AbortCause {
    /// The group has moved on: the next assignment will say where to read.
    Rebalance,
    /// We may not write there: park and alarm, the batch is not at fault.
    Authorisation,
    /// The brokers cannot take it just now: try again, for as long as it takes. The batch is not at fault.
    Unavailable,
    /// A record was refused, or something else that the batch itself may have caused: try again, then halve it.
    Batch,
}

impl AbortCause {
    /// The closed word for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rebalance => "rebalance",
            Self::Authorisation => "authorisation",
            Self::Unavailable => "unavailable",
            Self::Batch => "batch",
        }
    }
}

impl Fault {
    /// The total function from librdkafka's errors: fatal and fenced first, then abort, then retry; an error of a
    /// transaction call for which none is set is fatal, as librdkafka's documentation asks.
    pub fn of(call: &str, error: &KafkaError) -> Self {
        let what = format!("{call}: {error}");
        if let KafkaError::Transaction(transaction) = error {
            return if transaction.is_fatal() {
                Self::of_fatal(transaction.code(), what)
            } else if transaction.txn_requires_abort() {
                Self::Abort { what, cause: abort_cause(transaction.code()) }
            } else if transaction.is_retriable() {
                Self::Retry(what)
            } else {
                Self::Fatal(what)
            };
        }
        match error.rdkafka_error_code() {
            // `commit_transaction` flushes first: running out of time there is no error of the transaction.
            Some(RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::QueueFull) => Self::Retry(what),
            Some(code) if fenced_name(code).is_some() => Self::of_fatal(code, what),
            Some(code) if is_authorisation_code(code) => Self::Abort { what, cause: AbortCause::Authorisation },
            Some(RDKafkaErrorCode::Fatal) | None => Self::Fatal(what),
            Some(code) => Self::Abort { what, cause: abort_cause(code) },
        }
    }

    /// Whether all that is in the way is a right that this user does not have.
    pub fn is_missing_right(&self) -> bool {
        match self {
            Self::Abort { cause, .. } => *cause == AbortCause::Authorisation,
            Self::Retry(_) | Self::Fatal(_) | Self::Fenced { .. } | Self::Refused(_) => false,
        }
    }

    /// Whether the brokers could not take the transaction for a while.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Abort { cause, .. } => *cause == AbortCause::Unavailable,
            Self::Retry(_) | Self::Fatal(_) | Self::Fenced { .. } | Self::Refused(_) => false,
        }
    }

    /// An error that librdkafka has marked fatal.
    pub fn of_fatal(code: RDKafkaErrorCode, what: String) -> Self {
        match fenced_name(code) {
            Some(name) => Self::Fenced { what, name },
            None => Self::Fatal(what),
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "librdkafka adds codes; a new one is no fence until it is read about"
)]
fn fenced_name(code: RDKafkaErrorCode) -> Option<FencedName> {
    match code {
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch => {
            Some(FencedName::TransactionalId)
        }
        RDKafkaErrorCode::FencedInstanceId => Some(FencedName::InstanceId),
        _ => None,
    }
}

/// Whether an error says that a right is missing, however librdkafka classes it: for a transactional id it is fatal.
pub(super) fn is_authorisation(error: &KafkaError) -> bool {
    if let KafkaError::Transaction(transaction) = error {
        return is_authorisation_code(transaction.code());
    }
    error.rdkafka_error_code().is_some_and(is_authorisation_code)
}

fn is_authorisation_code(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

fn abort_cause(code: RDKafkaErrorCode) -> AbortCause {
    if is_authorisation_code(code) {
        return AbortCause::Authorisation;
    }
    let moved_on = matches!(
        code,
        RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::StaleMemberEpoch
    );
    match (moved_on, is_unavailable(code)) {
        (true, _) => AbortCause::Rebalance,
        (false, true) => AbortCause::Unavailable,
        (false, false) => AbortCause::Batch,
    }
}

/// Whether a question may be answered when it is asked again in a while.
pub(super) fn may_pass(error: &KafkaError) -> bool {
    // Of a seek librdkafka gives a name and no code: its own threads do it, and what they fail for is time.
    matches!(error, KafkaError::Seek(_)) || error.rdkafka_error_code().is_some_and(is_unavailable)
}

/// The brokers cannot do it just now.
fn is_unavailable(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::NotEnoughReplicas
            | RDKafkaErrorCode::NotEnoughReplicasAfterAppend
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::BrokerNotAvailable
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::NetworkException
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::KafkaStorageError
            | RDKafkaErrorCode::ThrottlingQuotaExceeded
            // An output topic is gone: no batch is at fault, and no ticket may pay for it.
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition
            // Right after an election: by the next question librdkafka has asked who leads now.
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
            | RDKafkaErrorCode::OffsetNotAvailable
            | RDKafkaErrorCode::ReplicaNotAvailable
            | RDKafkaErrorCode::DestroyBroker
    )
}
