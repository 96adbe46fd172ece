//! The broker stands still for longer than a lease, in the middle of the work.

use std::time::Duration;

use noctriage::clock::Clock;

use super::desk::{DEADLINE, Desk, EARNED, Instance, LEASE, commands_at, outside_every_lease, renewals};
use crate::support::broker::{Broker, broker};
use crate::support::checker::Isolation;
use crate::support::own_broker::OwnBroker;

/// Tickets that are under way when the broker stops.
const UNDER_WAY: usize = 5_000;
const LEASE_MS: i64 = 20_000;

/// Asks for `broker` only so that the test is skipped, or fails, where the others are.
#[test]
fn a_broker_that_stalls_for_longer_than_a_lease_commits_nothing_automatic_outside_of_one() {
    if broker("broker-stalled").is_none() {
        return;
    }
    let (own, brokers) = OwnBroker::start();
    let broker = Broker { brokers, prefix: format!("broker-stalled-{}", std::process::id()) };
    // Small batches: many transactions, of which some are under way at any moment.
    let more = format!("{EARNED}[triage]\nbatch_records_max = 16\n");
    let instances = ["one", "two"].map(|name| Instance { more: more.clone(), ..Instance::plain(name) });
    let mut desk = Desk::on(broker, &instances);
    desk.start_all(&instances);
    let before = desk.wait_automatic();
    let (_, last_ms) = desk.last_renewal().unwrap();
    desk.feed_acting(UNDER_WAY);
    desk.broker.wait("commands are being written", DEADLINE, |broker| broker.count("commands") > before + 20);
    let frozen_ms = Clock::Real.operating_now().0;
    own.command("freeze");
    // The fault itself takes time; there is nothing else to wait for.
    std::thread::sleep(LEASE + Duration::from_secs(5));
    own.command("thaw");
    desk.broker.wait("both go on", DEADLINE, |broker| {
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
    let decisions = desk.broker.read("decisions", Isolation::Committed);
    let late = decisions.iter().filter(|decision| decision.appended_ms > frozen_ms + LEASE_MS).count();
    let renewed_ms =
        renewals(&desk.broker).iter().map(|renewal| renewal.appended_ms).find(|at| *at > last_ms + LEASE_MS);
    println!(
        "{late} of {} decided after it had stood still; {} commands; renewed again after {:?} ms",
        desk.written,
        commands_at(&desk.broker).len(),
        renewed_ms.map(|at| at - last_ms)
    );
    assert!(late > 10, "nothing was under way: {late}");
    desk.assert_clean();
}
