//! Three instances: the leader dies, and then each of them is restarted in turn while a slice acts.

use super::desk::{DEADLINE, Desk, Instance, LONG_LEASE, renewals};
use crate::support::checker::Isolation;

/// The longest time between two renewals, by the broker's clock.
fn longest_silence_ms(desk: &Desk, since_ms: i64) -> i64 {
    let renewed: Vec<i64> = renewals(&desk.broker).iter().map(|renewal| renewal.appended_ms).collect();
    renewed.windows(2).filter(|pair| pair[1] > since_ms).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
}

#[test]
fn three_instances_go_on_when_the_leader_dies_and_through_a_rolling_restart() {
    let instances = ["one", "two", "three"].map(Instance::with_long_lease);
    let Some(mut desk) = Desk::open_with("rolling", &instances) else { return };
    desk.wait_automatic();
    let lease_ms = i64::try_from(LONG_LEASE.as_millis()).unwrap();

    let leader = desk.leader();
    let (_, killed_ms) = desk.last_renewal().unwrap();
    desk.instances[leader].kill();
    desk.wait_renewal_of(|place| place != leader, DEADLINE);
    desk.wait_automatic();
    let silent_ms = longest_silence_ms(&desk, killed_ms);
    println!("killed: silent for {silent_ms} ms");
    assert!(silent_ms < lease_ms, "{silent_ms} ms");
    desk.instances[leader].start();
    desk.instances[leader].wait_ready();

    // Whoever leads goes too, and before it goes it hands over.
    let (_, restarted_ms) = desk.last_renewal().unwrap();
    for place in 0..desk.instances.len() {
        desk.feed_acting(30);
        assert!(desk.instances[place].stop().success(), "{}", desk.instances[place].log_end());
        desk.instances[place].start();
        desk.instances[place].wait_ready();
        desk.wait_decided();
        desk.wait_automatic();
    }
    let silent_ms = longest_silence_ms(&desk, restarted_ms);
    println!("restarted in turn: silent for {silent_ms} ms at most");
    assert!(silent_ms < lease_ms, "{silent_ms} ms");
    let commands = desk.broker.read("commands", Isolation::Committed);
    let by_all =
        desk.instances.iter().filter(|instance| commands.iter().any(|command| instance.wrote(command))).count();
    assert!(by_all >= 2, "more than one of them acts: {}", desk.logs());
    desk.assert_clean();
}
