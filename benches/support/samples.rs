//! What the daemon wrote for some tickets, so that the bare loop writes records of the same number, size and entropy.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use noctriage::config::settings::TopicNames;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::Headers as _;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};

/// One output record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Which of our topics: `decisions`, `review`, …
    pub(crate) topic: String,
    pub(crate) key: String,
    pub(crate) payload: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// All records of one ticket, the decision first.
pub(crate) type Outcome = Vec<Sample>;

/// Reads the outcomes of at most that many tickets.
pub(crate) fn collect(brokers: &str, names: &TopicNames, outcomes_max: usize) -> Result<Vec<Outcome>> {
    let mut outcomes: BTreeMap<String, Outcome> = BTreeMap::new();
    for sample in read(brokers, "decisions", &names.decisions, outcomes_max)? {
        outcomes.insert(sample.key.clone(), vec![sample]);
    }
    let others = [
        ("suggestions", &names.suggestions),
        ("commands", &names.commands),
        ("review", &names.review),
        ("dead_letters", &names.dead_letters),
    ];
    for (name, topic) in others {
        for sample in read(brokers, name, topic, outcomes_max * 4)? {
            if let Some(outcome) = outcomes.get_mut(&sample.key) {
                outcome.push(sample);
            }
        }
    }
    Ok(outcomes.into_values().collect())
}

fn read(brokers: &str, name: &str, topic: &str, records_max: usize) -> Result<Vec<Sample>> {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", "samples")
        .set("enable.partition.eof", "true")
        .set("enable.auto.commit", "false")
        .create()?;
    let metadata = reader.fetch_metadata(Some(topic), Duration::from_secs(30))?;
    let mut list = TopicPartitionList::new();
    let mut open = 0;
    for partition in metadata.topics().iter().flat_map(rdkafka::metadata::MetadataTopic::partitions) {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
        open += 1;
    }
    reader.assign(&list)?;
    let mut samples = Vec::new();
    let until = Instant::now() + Duration::from_secs(60);
    while open > 0 && samples.len() < records_max {
        if Instant::now() >= until {
            bail!("{topic}: the end was not reached");
        }
        match reader.poll(Duration::from_millis(100)) {
            None => {}
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => bail!("{topic}: {error}"),
            Some(Ok(message)) => {
                let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
                let headers = message.headers().map_or_else(Vec::new, |headers| {
                    headers.iter().map(|header| (header.key.to_owned(), text(header.value))).collect()
                });
                let (key, payload) = (text(message.key()), text(message.payload()));
                samples.push(Sample { topic: name.to_owned(), key, payload, headers });
            }
        }
    }
    Ok(samples)
}

/// Mean records and bytes (key, value, headers) per ticket.
pub(crate) fn sizes(outcomes: &[Outcome]) -> (f64, f64) {
    let records: usize = outcomes.iter().map(Vec::len).sum();
    let bytes: usize = outcomes
        .iter()
        .flatten()
        .map(|sample| {
            let headers: usize = sample.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            sample.key.len() + sample.payload.len() + headers
        })
        .sum();
    (records as f64 / outcomes.len() as f64, bytes as f64 / outcomes.len() as f64)
}

pub(crate) fn save(outcomes: &[Outcome], path: &Path) -> Result<()> {
    fs::write(path, serde_json::to_vec(outcomes)?).with_context(|| path.display().to_string())
}

pub(crate) fn load(path: &Path) -> Result<Vec<Outcome>> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(serde_json::from_slice(&bytes)?)
}
