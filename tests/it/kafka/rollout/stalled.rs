//! The broker stands still for longer than a lease, in the middle of the work.

use std::time::Duration;

use super::desk::{Desk, Instance, LEASE, outside_every_lease, renewals};
use crate::support::broker::{Broker, broker};
use crate::support::own_broker::OwnBroker;

/// Asks for `broker` only so that the test is skipped, or fails, where the others are.
#[test]
fn a_broker_that_stalls_for_longer_than_a_lease_commits_nothing_automatic_outside_of_one() {
    if broker("broker-stalled").is_none() {
        return;
    }
    let (own, brokers) = OwnBroker::start();
    let broker = Broker { brokers, prefix: format!("broker-stalled-{}", std::process::id()) };
    let instances = [Instance::plain("one"), Instance::plain("two")];
    let mut desk = Desk::on(broker, &instances);
    desk.start_all(&instances);
    desk.wait_automatic();
    let before = desk.broker.count("commands");
    let (_, last_ms) = desk.last_renewal().unwrap();
    // Not waited for: it is to stall with transactions under way.
    desk.feed_acting(200);
    own.command("freeze");
    // The fault itself takes time; there is nothing else to wait for.
    std::thread::sleep(LEASE + Duration::from_secs(5));
    own.command("thaw");
    desk.feed_acting(200);
    desk.broker.wait("both go on", super::desk::DEADLINE, |broker| {
        for daemon in &mut desk.instances {
            // As systemd does after a temporary failure.
            if let Some(status) = daemon.ended() {
                assert_eq!(status.code(), Some(75), "{}", daemon.log_end());
                daemon.start();
            }
        }
        broker.count("decisions") >= desk.written
    });
    desk.wait_automatic();
    assert_eq!(outside_every_lease(&desk.broker), Vec::<i64>::new(), "{}", desk.logs());
    let gap_ms = renewals(&desk.broker).iter().map(|renewal| renewal.appended_ms).find(|at| *at > last_ms + 10_000);
    println!(
        "{before} commands before, {} afterwards; renewed again {:?} ms later",
        desk.broker.count("commands"),
        gap_ms.map(|at| at - last_ms)
    );
    desk.assert_clean();
}
