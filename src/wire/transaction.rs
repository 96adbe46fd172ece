//! The header by which a checker sees a torn transaction: every record of one transaction carries the same value, and
//! the value says how many records carry it.

use std::fmt;
use std::str::FromStr;

/// Name of the header on every output record.
pub const TRANSACTION_HEADER: &str = "transaction";

/// Which transaction a record belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TransactionHeader {
    /// The writer's `instance_id`.
    pub instance: String,
    /// When the Kafka clients that wrote it were made (operating time, milliseconds since 1970): a process makes new ones
    /// when they are dead.
    pub start_ms: i64,
    /// Number of the transaction among those of these clients: ascending from 1, with gaps, and never given twice.
    pub counter: u64,
    /// How many output records the transaction holds, offsets left out.
    pub count: u32,
}

impl fmt::Display for TransactionHeader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { instance, start_ms, counter, count } = self;
        write!(formatter, "{instance};{start_ms};{counter};{count}")
    }
}

/// The text is no transaction header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a transaction header reads `instance;start;counter;count`")]
pub struct InvalidTransactionHeader;

impl FromStr for TransactionHeader {
    type Err = InvalidTransactionHeader;

    /// Reads from the right: an instance id may hold the separator.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.rsplitn(4, ';');
        let mut next = || parts.next().ok_or(InvalidTransactionHeader);
        let count = next()?.parse().map_err(|_| InvalidTransactionHeader)?;
        let counter = next()?.parse().map_err(|_| InvalidTransactionHeader)?;
        let start_ms = next()?.parse().map_err(|_| InvalidTransactionHeader)?;
        Ok(Self { instance: next()?.to_owned(), start_ms, counter, count })
    }
}

impl TransactionHeader {
    /// The header of one record, if it carries a valid one.
    pub fn of_record(headers: &[(String, Vec<u8>)]) -> Option<Self> {
        let (_, value) = headers.iter().find(|(name, _)| name == TRANSACTION_HEADER)?;
        std::str::from_utf8(value).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_back_even_when_the_instance_holds_the_separator() {
        let header =
            TransactionHeader { instance: "noc;a".into(), start_ms: 1_764_000_000_000, counter: 7, count: 1_203 };
        assert_eq!(header.to_string(), "noc;a;1764000000000;7;1203");
        assert_eq!(header.to_string().parse(), Ok(header));
        assert_eq!("a;1;2".parse::<TransactionHeader>(), Err(InvalidTransactionHeader));
    }
}
