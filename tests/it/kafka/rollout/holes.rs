//! Evidence that retention, or a person, has deleted: missed, and gone on without once somebody says so.

use std::time::Duration;

use serde_json::Value;

use super::desk::{DEADLINE, Desk, newest_map};
use crate::support::checker::Isolation;

#[test]
fn deleted_evidence_steps_back_until_a_person_acknowledges_it() {
    let Some(mut desk) = Desk::open("hole", "") else { return };
    desk.wait_automatic();
    let accounts = newest_map(&desk.broker).unwrap()["state"]["slices"][0]["accounts"].clone();
    let names_decisions = |account: &Value| {
        account["after"].as_array().is_some_and(|after| after.iter().any(|part| part["topic"] == "decisions"))
    };
    assert!(accounts.as_array().unwrap().iter().all(names_decisions), "{accounts}");
    // A decision that still arrives would hide one that is deleted.
    desk.wait_decided();
    let last = desk.broker.read("decisions", Isolation::Committed).pop().unwrap();
    let (partition, begins) = (last.partition, last.offset + 1);
    let before = desk.broker.count("decisions");
    desk.broker.delete_before("decisions", partition, begins);
    let deleted = before - desk.broker.count("decisions");
    assert!(deleted > 0);
    // What is gone is not waited for.
    desk.written -= deleted;
    let hole = format!("decisions partition {partition} begins at offset {begins}: evidence before it is gone");
    desk.broker.wait("the slice steps back", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["permissions"][0]["stage"] == "suggest")
    });
    let last = desk.broker.read("transitions", Isolation::Committed).pop().unwrap().json();
    assert!(last.to_string().contains(&hole), "{last}");
    desk.wait_map_followed();
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands);
    let acknowledge = ["rollout", "acknowledge", "--reason", "a test of the retention", "--who", "mira"];
    let output = desk.instances[0].command(&acknowledge);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(&hole), "{said} {}", desk.logs());
    desk.broker.wait("it is acknowledged", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["state"]["acknowledged_holes"][0] == hole.as_str())
    });
    let again = desk.instances[0].command(&acknowledge);
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing is missing"), "{}", desk.logs());
    // As if it had been earned anew: an acknowledged hole takes nothing away a second time, in no instance.
    desk.grant_again();
    desk.wait_automatic();
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(newest_map(&desk.broker).unwrap()["permissions"][0]["stage"], "auto_triage", "{}", desk.logs());
}
