//! Which records of the tail are our own: what our Kafka clients have committed is in the view already, and need not be read
//! again. Under load that is every record of the tail.

use rdkafka::Message;
use rdkafka::message::Headers as _;

use crate::wire::output::OutputRecord;
use crate::wire::transaction::{TRANSACTION_HEADER, TransactionHeader};

/// The transactions that our Kafka clients have committed, since they were made.
#[derive(Debug, Default)]
pub(super) struct OwnTransactions {
    /// How the header of each begins: instance, and start of these clients.
    prefix: String,
    /// Numbers of the first and the last; none is given twice. Readers of committed records never see
    /// one in between that was aborted, and one of unknown outcome ends the session.
    committed: Option<(u64, u64)>,
    /// Whether the view needs the tail to bring them all the same.
    are_wanted: bool,
}

impl OwnTransactions {
    /// A transaction has committed, and the view gets what it decided before the tail is looked at again.
    pub(super) fn add(&mut self, records: &[OutputRecord]) {
        let Some(header) = records.first().and_then(|record| TransactionHeader::of_record(&record.headers)) else {
            return;
        };
        let TransactionHeader { instance, start_ms, counter, count: _ } = header;
        if self.committed.is_none() {
            self.prefix = format!("{instance};{start_ms};");
        }
        self.committed = Some((self.committed.map_or(counter, |(first, _)| first), counter));
    }

    /// A window is not whole: own outcomes are kept beside it until the tail has come by, and it must bring them in
    /// order with those of others. From here on nothing is passed over.
    pub(super) fn want_all(&mut self) {
        self.are_wanted = true;
    }

    /// Whether a record of the tail is one of them, and can be passed over.
    pub(super) fn cover(&self, message: &impl Message) -> bool {
        let Some(headers) = message.headers() else { return false };
        let header = headers.iter().find(|header| header.key == TRANSACTION_HEADER);
        header.and_then(|header| header.value).is_some_and(|value| self.cover_header(value))
    }

    fn cover_header(&self, value: &[u8]) -> bool {
        let counter =
            value.strip_prefix(self.prefix.as_bytes()).and_then(|rest| rest.split(|byte| *byte == b';').next());
        let counter =
            counter.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok());
        match (self.committed, counter) {
            (Some((first, last)), Some(counter)) => !self.are_wanted && (first..=last).contains(&counter),
            (None, _) | (_, None) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::output::{OutputTopic, stamp_transaction};

    fn committed(own: &mut OwnTransactions, start_ms: i64, counter: u64) {
        let mut records = [OutputRecord {
            topic: OutputTopic::Decisions,
            partition: Some(0),
            key: None,
            payload: Vec::new(),
            headers: Vec::new(),
        }];
        stamp_transaction(&mut records, "noc-a", start_ms, counter);
        own.add(&records);
    }

    #[test]
    fn beside_a_window_that_is_not_whole_nothing_is_passed_over() {
        let mut own = OwnTransactions::default();
        committed(&mut own, 7, 3);
        own.want_all();
        committed(&mut own, 7, 4);
        assert!(!own.cover_header(b"noc-a;7;3;1") && !own.cover_header(b"noc-a;7;4;1"));
    }

    #[test]
    fn what_this_session_has_committed_is_known_and_nothing_else() {
        let mut own = OwnTransactions::default();
        assert!(!own.cover_header(b"noc-a;7;3;1"));
        committed(&mut own, 7, 3);
        committed(&mut own, 7, 5);
        assert!(own.cover_header(b"noc-a;7;3;1") && own.cover_header(b"noc-a;7;5;200"));
        // One before the first, one not heard of, the clients of another start, another instance, no header at all.
        for other in ["noc-a;7;2;1", "noc-a;7;6;1", "noc-a;8;3;1", "noc-b;7;3;1", "noc-a;7;", ""] {
            assert!(!own.cover_header(other.as_bytes()), "{other}");
        }
    }
}
