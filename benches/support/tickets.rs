//! Tickets of about 1 KB, each with an id of its own.

use std::time::Duration;

use anyhow::{Result, bail};
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use serde_json::json;

use super::broker::Broker;

const TITLES: [&str; 6] = [
    "BGP neighbor down on core router",
    "Access point unreachable, clients cannot associate",
    "Interface flapping, errors on the line",
    "Power supply redundancy lost in rack",
    "Scheduled backup job finished with warnings",
    "High packet loss towards branch office",
];

const STORIES: [&str; 4] = [
    "Seen by monitoring at the site, nobody has called yet. The neighbour went from Established to Idle and has not \
     come back; the optical level of the port is within its limits and the last change in the rack was three weeks ago.",
    "Users of the second floor say that the wireless network drops every few minutes. The controller lists the access \
     point as disconnected, its switch port is up with power drawn, and the log shows repeated joins without an answer.",
    "Input errors grow by some hundred in a minute on this port, and the other side counts the same. Cleaning of the \
     connector was planned and postponed. Traffic is on the second path since this morning and nothing is dropped.",
    "The chassis runs on one of two supplies. The second one reports no input, the circuit of the rack row shows normal \
     load, and the building's technicians have been asked to look at the breaker before noon of the next working day.",
];

/// The ticket of one index as JSON, about 1 KB.
pub(crate) fn ticket(index: u64) -> (String, Vec<u8>) {
    let id = format!("INC{index:08}");
    let pick = |count: usize, salt: u64| (fastrand::Rng::with_seed(index ^ (salt << 40)).usize(..count)) as u64;
    let title = TITLES[pick(TITLES.len(), 1) as usize];
    let story = STORIES[pick(STORIES.len(), 2) as usize];
    let device = pick(20_000, 3);
    let mark = fastrand::Rng::with_seed(index).u64(..);
    let value = json!({
        "schema": "noctriage.ticket/v1", "ticket_id": id, "revision": 1, "title": format!("{title} {index}"),
        "description": format!("{story} Correlation {mark:016x}, probe {:08x}.", mark.rotate_left(17) as u32),
        "created_at": "2026-11-24T10:00:00Z", "kind": "incident", "category": "routing", "status": "new",
        "severity": {"reported": {"value": "medium", "native": "3", "set_by": "system"}},
        "device": {"name": format!("sw-{device:05}"), "vendor": "Cisco", "type": "switch", "model": "C9300-48P"},
        "site": format!("site-{:03}", device % 300), "region": "north", "channel": "monitoring",
        "source": {"system": "monitoring", "native_id": format!("{mark:x}")},
        "alarms": [{"name": "linkDown", "perceived_severity": "major", "count": 3, "probable_cause": "loss of signal",
            "first_at": "2026-11-24T09:58:00Z", "last_at": "2026-11-24T09:59:30Z"}],
        "created_by": "monitoring"
    });
    (id, value.to_string().into_bytes())
}

/// Fills a topic with tickets.
pub(crate) fn write(broker: &Broker, topic: &str, tickets: std::ops::Range<u64>) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &broker.list)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .create()?;
    for index in tickets {
        let (key, value) = ticket(index);
        let mut record: BaseRecord<'_, str, [u8]> = BaseRecord::to(topic).key(key.as_str()).payload(&value[..]);
        while let Err((error, back)) = producer.send(record) {
            let KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) = error else {
                bail!("{topic}: {error}");
            };
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(Duration::from_secs(60))?;
    Ok(())
}
