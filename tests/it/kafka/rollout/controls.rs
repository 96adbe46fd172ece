//! Negative controls: the same run with a protection of automatic actions left out. The checker must find it.

use std::time::Duration;

use super::desk::{DEADLINE, Desk, Instance};
use crate::support::checker::automation::REACH_MS;
use crate::support::checker::{Isolation, MistakeKind, Moment, Report};

/// Batches that are classified before the one that is held.
const BEFORE: usize = 12;

/// One instance. A batch is cut, and held when its answers are there; somebody halts; and only when the halt must be in force
/// the batch goes on to its transaction.
fn halted_between_cut_and_transaction(test: &str, failpoints: &str) -> Option<Report> {
    let failpoints = format!("after_classify=hold@{};{failpoints}", BEFORE + 1);
    let instance = Instance { failpoints: &failpoints, ..Instance::plain("one") };
    let mut desk = Desk::open_with(test, &[instance])?;
    desk.leader();
    // One ticket is one batch, while nothing else is under way.
    for _ in 0..BEFORE {
        desk.feed_acting(1);
        desk.wait_decided();
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(desk.broker.count("commands") > 0, "nothing is automatic\n{}", desk.logs());
    // Cut right behind a renewal: the lease is there, and long enough.
    let before = desk.last_renewal();
    desk.broker.wait("the lease is renewed", DEADLINE, |_| desk.last_renewal() != before);
    desk.feed_acting(1);
    desk.broker.wait("the batch is held", DEADLINE, |_| desk.instances[0].said("failpoint: held here") == 1);
    desk.say(0, &["halt", "--reason", "firmware wave", "--who", "mira"]);
    std::thread::sleep(Duration::from_millis(u64::try_from(REACH_MS).unwrap() + 1_000));
    std::fs::write(desk.instances[0].release(), "").unwrap();
    desk.wait_decided();
    assert_eq!(desk.broker.read("control", Isolation::Committed).len(), 1);
    Some(desk.look(Moment::Running))
}

#[test]
fn the_checker_finds_a_permit_that_was_taken_when_the_batch_was_cut() {
    let Some(report) = halted_between_cut_and_transaction("control-permit", "permit_taken_at_cut=return") else {
        return;
    };
    println!("permit taken at the cut: {}", report.said());
    assert!(report.has(MistakeKind::AfterHalt), "{}", report.said());
}

#[test]
fn the_checker_finds_nothing_where_the_permit_is_taken_right_before_the_transaction() {
    let Some(report) = halted_between_cut_and_transaction("control-of-permit", "") else { return };
    report.assert_clean("the same halt");
}
