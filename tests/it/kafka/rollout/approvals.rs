//! What a person let a slice do runs out, and is given again.

use std::time::Duration;

use serde_json::json;

use super::desk::{DEADLINE, Desk, EARNED, Instance, newest_map};
use crate::support::broker::broker;

/// People are always at work here, or the test would depend on the hour at which it runs.
const ALWAYS: &str = "approval_days = 30\nworking_hours = \"00:00-24:00\"\n\
    working_days = [\"monday\", \"tuesday\", \"wednesday\", \"thursday\", \"friday\", \"saturday\", \"sunday\"]\n";

#[test]
fn an_approval_that_has_run_out_stops_every_instance_until_somebody_gives_it_again() {
    let instances = ["one", "two"].map(|name| Instance { more: format!("{EARNED}{ALWAYS}"), ..Instance::plain(name) });
    let Some(broker) = broker("approvals") else { return };
    let mut desk = Desk::on(broker, &instances);
    desk.grant_approved(Duration::from_hours(30 * 24 + 1));
    desk.start_all(&instances);
    desk.broker.wait("the approval has ended", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["state"]["slices"][0]["approval"].is_null())
    });
    assert_eq!(newest_map(&desk.broker).unwrap()["permissions"][0]["stage"], "auto_triage", "the stage is kept");
    desk.wait_map_followed();
    desk.assert_nothing_automatic(40);
    let status = desk.instances.iter().map(|instance| instance.command(&["status"]).stdout);
    for status in status.map(|stdout| String::from_utf8_lossy(&stdout).into_owned()) {
        assert!(status.contains("noctriage rollout approve rest"), "{status}");
    }

    let said = desk.say(1, &["rollout", "approve", "rest", "--reason", "looked at its month", "--who", "mira"]);
    assert!(said.contains("nobody approves what is automatic") && said.contains("approved"), "{said}");
    desk.wait_automatic();
    // The revision that the test wrote itself stands in no trail, so that the command does not end with 0.
    let trail = desk.instances[0].command(&["rollout", "history", "--verify"]).stdout;
    let trail = String::from_utf8_lossy(&trail).into_owned();
    assert!(trail.contains("approval_ended (mira approved what is automatic more than 30 days ago"), "{trail}");
    assert!(trail.contains("approved (a person asked for it)") && trail.contains("looked at its month"), "{trail}");
    assert!(trail.contains("0 readings differ"), "{trail}");
    assert_eq!(
        newest_map(&desk.broker).unwrap()["state"]["slices"][0]["approval"]["reason"],
        json!("looked at its month")
    );
    desk.assert_clean();
}
