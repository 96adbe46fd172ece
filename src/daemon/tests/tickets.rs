//! Records of the input topic, in `noctriage.ticket/v1`.

use serde_json::{Value, json};

use crate::domain::time::UtcMillis;
use crate::wire::values::Instant;

use super::NOW;
use super::broker::Broker;

/// A native ticket: revision 0 is its creation, later ones a second later each.
pub(super) fn native(id: &str, revision: i64, title: &str) -> Value {
    json!({
        "schema": "noctriage.ticket/v1",
        "ticket_id": id,
        "revision": revision,
        "title": title,
        "created_at": time(NOW),
        "updated_at": time(NOW.plus_ms(revision * 1_000)),
        "kind": "incident",
        "category": "wireless",
        "severity": { "reported": { "value": "low", "set_by": "system" } },
        "created_by": "monitoring",
        "updated_by": "monitoring",
    })
}

pub(super) fn time(at: UtcMillis) -> Value {
    serde_json::to_value(Instant(at)).unwrap()
}

/// Appends `count` new tickets to each partition, `T-<partition>-<n>` with titles that no two share.
pub(super) fn produce(broker: &mut Broker, count: usize) {
    for _ in 0..count {
        for partition in 0..broker.inputs.len() as i32 {
            produce_one(broker, partition, &format!("T-{partition}-{}", broker.inputs[partition as usize].end));
        }
    }
}

/// Appends one new ticket and says where it lies.
pub(super) fn produce_one(broker: &mut Broker, partition: i32, id: &str) -> i64 {
    broker.produce(partition, id, Some(&native(id, 0, &format!("low link {id} flapped")).to_string()))
}

/// Appends any revision.
pub(super) fn produce_revision(broker: &mut Broker, partition: i32, id: &str, revision: i64, title: &str) -> i64 {
    broker.produce(partition, id, Some(&native(id, revision, title).to_string()))
}
