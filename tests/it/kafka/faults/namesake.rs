//! Two processes with one name.

use super::run::Run;
use crate::support::broker::broker;
use crate::support::daemon::{Card, Timers};

#[test]
fn of_two_processes_with_one_name_one_ends_with_79_and_the_other_goes_on() {
    let Some(broker) = broker("namesake") else { return };
    let mut run = Run::prepare("namesake", broker, &["one", "one"], 2, (Card::ZeroCost, Timers::USUAL));
    run.daemons[0].start();
    run.feed(200);
    run.wait_all_decided();
    run.daemons[1].start();
    let mut ended = None;
    run.wait("one of the two ends", |run| {
        run.feed(1);
        ended = (0..2).find_map(|index| run.daemons[index].ended().map(|status| (index, status)));
        ended.is_some()
    });
    let (index, status) = ended.unwrap();
    let log = run.daemons[index].log();
    assert_eq!(status.code(), Some(79), "{log}");
    assert!(log.contains("Another process is in the group with the same kafka.instance_id, and lives"), "{log}");
    run.feed(200);
    run.wait_all_decided();
    assert!(run.daemons[1 - index].is_running() && run.daemons[1 - index].ended().is_none(), "{}", run.logs());
    run.finish();
}

/// Fewer than rebuilds are allowed.
const FENCES_MAX: usize = 4;

#[test]
fn an_instance_that_is_fenced_twice_by_nobody_who_lives_goes_on() {
    let Some(broker) = broker("orphan") else { return };
    let mut run = Run::prepare("orphan", broker, &["one"], 2, (Card::ZeroCost, Timers::USUAL));
    run.daemons[0].start();
    // Twice within a minute, which on a machine that stands still may be the second and the third.
    for fence in 1..=FENCES_MAX {
        // It is in the group.
        run.feed(100);
        run.wait_all_decided();
        run.broker.appear_as("one");
        run.wait("its clients are made anew", |run| {
            assert!(run.daemons[0].ended().is_none(), "{}", run.logs());
            run.daemons[0].said("building the kafka clients anew") >= fence
        });
        if run.daemons[0].said("namesake=None") > 0 {
            break;
        }
    }
    assert!(run.daemons[0].said("namesake=None") > 0, "{}", run.logs());
    assert_eq!(run.daemons[0].said("namesake=Lives"), 0, "{}", run.logs());
    run.feed(100);
    run.wait_all_decided();
    run.finish();
}
