//! Whether all transactions in a topic have ended.
//!
//! A confirmed abort, our own or that of `init_transactions`, may not have reached every partition (Kafka 4.3.1,
//! `docs/reliability.md`). Where a transaction hangs, readers of committed records stand still, and the next commit of the same
//! producer there is its commit as well: what was aborted would be committed after all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;

use super::fault::Fault;
use super::patience::{Patience, Signs};
use super::view_reader::{Reader, list_of};

/// What a person needs to know who may have to end it. That of another instance with a longer timeout need not hang.
pub(super) const HINT: &str = "hint: where kafka-transactions.sh find-hanging lists it, it hangs, and a person has to end it; \
                               nothing else may be ended";

/// Between two looks: a confirmed abort reaches its partitions some milliseconds later.
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
/// How long it is waited for without a word.
const SAID_AFTER: Duration = Duration::from_secs(1);

/// The two readers that are asked. The ends of one are the last stable offsets, those of the other the ends of the logs.
#[derive(Clone, Copy)]
pub(super) struct Readers<'reader> {
    pub(super) committed: &'reader Reader,
    pub(super) uncommitted: &'reader Reader,
    pub(super) request_timeout: Duration,
    pub(super) signs: Signs<'reader>,
}

impl Readers<'_> {
    /// Waits until nothing is open in any partition of these topics below its end of now.
    ///
    /// # Errors
    /// As [`Self::wait_settled`].
    pub(super) fn wait_all_settled(self, topics: &BTreeSet<&str>, longest: Duration) -> Result<(), Fault> {
        let with_partitions = |topic: &&'_ str| Ok((topic.to_string(), self.partitions(topic)?));
        self.wait_settled(&topics.iter().map(with_partitions).collect::<Result<_, Fault>>()?, longest)
    }

    /// Waits until nothing is open in these partitions of topics below their ends of now.
    ///
    /// # Errors
    /// Brokers that do not answer; something that is still open after the longest wait.
    pub(super) fn wait_settled(
        self,
        partitions: &BTreeMap<String, BTreeSet<i32>>,
        longest: Duration,
    ) -> Result<(), Fault> {
        let (patience, started) = (Patience::new(self.signs, longest), Instant::now());
        let mut open = BTreeMap::new();
        for (topic, partitions) in partitions {
            open.insert(topic, self.ask(self.uncommitted, topic, partitions)?);
        }
        let mut has_said = false;
        loop {
            for (topic, ends) in &mut open {
                let stable = self.ask(self.committed, topic, &ends.keys().copied().collect())?;
                *ends = still_open(ends, &stable);
            }
            let first = open.iter().find_map(|(topic, ends)| ends.first_key_value().map(|found| (topic, found)));
            let Some((topic, (partition, end))) = first else { return Ok(()) };
            let what = format!("{topic}[{partition}]: a transaction below offset {end} is still open");
            if patience.slice().is_none() {
                return Err(Fault::Fatal(format!("{what} after {} s. {HINT}", longest.as_secs())));
            }
            if started.elapsed() >= SAID_AFTER {
                if !has_said {
                    has_said = true;
                    tracing::warn!("{what}: its end is waited for, and nothing is written until then");
                }
                (self.signs.waiting)(&what);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }

    fn partitions(self, topic: &str) -> Result<BTreeSet<i32>, Fault> {
        let metadata = Patience::new(self.signs, self.request_timeout).ask(
            || format!("{topic}: asking for metadata"),
            |slice| self.uncommitted.fetch_metadata(Some(topic), slice),
        )?;
        let found = metadata.topics().iter().filter(|found| found.name() == topic);
        let mut partitions = BTreeSet::new();
        for found in found {
            if let Some(error) = found.error() {
                tracing::warn!(topic, ?error, "not looked at: whether a transaction hangs there is not known");
            }
            partitions.extend(found.partitions().iter().map(rdkafka::metadata::MetadataPartition::id));
        }
        Ok(partitions)
    }

    /// In one request to each broker, after one for who leads: nothing is read from most of these topics, so librdkafka would
    /// go by what it has heard a quarter of an hour ago.
    fn ask(self, reader: &Reader, topic: &str, partitions: &BTreeSet<i32>) -> Result<BTreeMap<i32, i64>, Fault> {
        if partitions.is_empty() {
            return Ok(BTreeMap::new());
        }
        let list = list_of(topic, partitions.iter().map(|partition| (*partition, Offset::End)))?;
        let what = "asking for its ends";
        let found = Patience::new(self.signs, self.request_timeout).ask(
            || format!("{topic}: {what}"),
            |slice| {
                reader.fetch_metadata(Some(topic), slice)?;
                let found = reader.offsets_for_times(list.clone(), slice)?;
                // One partition without a leader is no error of the call.
                let refused = found.elements().iter().find_map(|element| element.error().err());
                refused
                    .and_then(|error| error.rdkafka_error_code())
                    .map_or(Ok(found), |code| Err(KafkaError::MetadataFetch(code)))
            },
        )?;
        let end = |offset: Offset| offset.to_raw().unwrap_or_default();
        Ok(found.elements().iter().map(|element| (element.partition(), end(element.offset()))).collect())
    }
}

/// The partitions whose last stable offset has not reached the end that was taken. One that is not told of is not settled.
fn still_open(ends: &BTreeMap<i32, i64>, stable: &BTreeMap<i32, i64>) -> BTreeMap<i32, i64> {
    let is_open = |(partition, end): &(&i32, &i64)| stable.get(partition).is_none_or(|stable| stable < end);
    ends.iter().filter(is_open).map(|(partition, end)| (*partition, *end)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_reached_its_end_is_open_and_what_nobody_tells_of_as_well() {
        let ends = BTreeMap::from([(0, 5), (1, 5), (2, 0), (3, 7)]);
        let stable = BTreeMap::from([(0, 5), (1, 4), (2, 0)]);
        assert_eq!(still_open(&ends, &stable), BTreeMap::from([(1, 5), (3, 7)]));
        assert_eq!(still_open(&ends, &BTreeMap::from([(0, 9), (1, 5), (2, 1), (3, 7)])), BTreeMap::new());
    }
}
