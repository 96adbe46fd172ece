//! Two instances whose wall clocks lie twenty minutes apart, and neither of them right: who leads, how long a lease is, what
//! is halted and which stage stands does not depend on what they think it is o'clock.

use std::time::Instant;

use super::desk::{DEADLINE, Desk, Instance, LONG_LEASE, renewals, stage};
use crate::support::checker::Isolation;
use crate::support::writeback::{Refused, Writeback};

#[test]
fn clocks_twenty_minutes_apart_change_nothing_but_how_long_a_command_is_good() {
    let fast = Instance { failpoints: "operating_clock_ahead=return(600000)", ..Instance::with_long_lease("fast") };
    let slow = Instance { failpoints: "operating_clock_ahead=return(-600000)", ..Instance::with_long_lease("slow") };
    let instances = [fast, slow];
    let Some(mut desk) = Desk::open_with("clocks-apart", &instances) else { return };
    desk.wait_automatic();
    let until = Instant::now() + DEADLINE;
    loop {
        desk.feed_acting(40);
        desk.wait_decided();
        let commands = desk.broker.read("commands", Isolation::Committed);
        if desk.instances.iter().all(|instance| commands.iter().any(|command| instance.wrote(command))) {
            break;
        }
        assert!(Instant::now() < until, "one of them does not act: {}", desk.logs());
    }

    // Each of them leads once.
    let leader = desk.leader();
    let (_, last_ms) = desk.last_renewal().unwrap();
    desk.instances[leader].kill();
    desk.wait_renewal_of(|place| place != leader, DEADLINE);
    let first = renewals(&desk.broker).into_iter().find(|renewal| renewal.appended_ms > last_ms).unwrap();
    let silent_ms = first.appended_ms - last_ms;
    println!("{} led first, another after {silent_ms} ms", desk.instances[leader].instance);
    assert!(u128::from(silent_ms.unsigned_abs()) < LONG_LEASE.as_millis(), "{silent_ms} ms");
    desk.instances[leader].arm(instances[leader].failpoints);
    desk.instances[leader].start();
    desk.instances[leader].wait_ready();
    desk.wait_automatic();

    desk.say(0, &["halt", "--reason", "firmware wave", "--who", "mira"]);
    desk.assert_nothing_automatic(20);
    desk.say(1, &["resume", "--reason", "vendor has mended it", "--who", "mira"]);
    desk.wait_automatic();
    desk.feed_acting(40);
    desk.wait_decided();

    // A command says until when it is good by the clock of its writer: one that is slow by more than that publishes what
    // nobody may carry out any more.
    let mut writeback = Writeback::open(&desk.broker);
    let waiting = writeback.take();
    let judged = writeback.would_be(0);
    let slow =
        desk.broker.read("commands", Isolation::Committed).iter().filter(|one| desk.instances[1].wrote(one)).count();
    let expired = judged.iter().filter(|judged| **judged == Err(Refused::Expired)).count();
    assert_eq!((judged.len(), expired), (waiting, slow), "{judged:?}");

    desk.say(0, &["rollout", "step-back", "rest", "--reason", "new templates", "--who", "mira"]);
    assert_eq!(stage(&desk.broker), "suggest");
    desk.wait_map_followed();
    desk.assert_nothing_automatic(20);
    desk.assert_clean();
}
