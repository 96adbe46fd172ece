//! Positions that cannot be right, and windows that cannot be read: what the daemon says, on a real broker.

use std::time::Duration;

use crate::support::broker::{Broker, OpenTransaction, broker};
use crate::support::daemon::{Card, Daemon, Timers};
use crate::support::tickets::{Preset, record};

const SHADOW: &str = "[rollout]\nfixed_stage = \"shadow\"\n";
const DEADLINE: Duration = Duration::from_secs(240);

fn write(broker: &Broker, tickets: std::ops::Range<usize>) {
    broker.write("tickets", &tickets.map(|index| record(Preset::Native, index)).collect::<Vec<_>>());
}

fn wait_decisions(broker: &Broker, count: usize) {
    broker.wait("all outcomes", DEADLINE, |broker| broker.count("decisions") == count);
}

#[track_caller]
fn check_refused(daemon: &mut Daemon, words: &[&str]) {
    let status = daemon.wait_end(DEADLINE);
    let log = daemon.log();
    assert_eq!(status.code(), Some(78), "{log}");
    for word in words {
        assert!(log.contains(word), "`{word}` is missing in: {log}");
    }
}

#[test]
fn a_committed_offset_beyond_the_end_of_the_log_refuses_the_start() {
    let Some(broker) = broker("beyond") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, SHADOW);
    daemon.create_topics(1);
    write(&broker, 0..5);
    broker.set_offset("tickets", 0, 50);
    daemon.start();
    check_refused(&mut daemon, &["has read up to offset 50", "the log ends at 5", &broker.topic("tickets")]);
    assert_eq!(broker.count("decisions"), 0);
}

#[test]
fn tickets_deleted_under_a_running_daemon_end_it_with_78() {
    let Some(broker) = broker("deleted-running") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, SHADOW);
    daemon.create_topics(1);
    write(&broker, 0..5);
    daemon.start();
    wait_decisions(&broker, 5);
    delete_while_it_hangs(&broker, &daemon);
    check_refused(&mut daemon, &["7 records were deleted before they were triaged", "--accept-loss"]);
    assert_eq!(broker.count("decisions"), 5);
}

#[test]
fn tickets_deleted_under_a_daemon_that_accepts_losses_are_counted() {
    let Some(broker) = broker("deleted-accepted") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, SHADOW);
    daemon.create_topics(1);
    write(&broker, 0..5);
    daemon.start_with(&["--accept-loss"]);
    wait_decisions(&broker, 5);
    delete_while_it_hangs(&broker, &daemon);
    wait_decisions(&broker, 5 + 3);
    assert_eq!(daemon.metric("noctriage_committed_offset_below_log_start_total"), Some(7.0));
    assert!(daemon.stop().success());
}

/// Offsets 5 to 14 are written, and 5 to 11 deleted, while the daemon stands still.
fn delete_while_it_hangs(broker: &Broker, daemon: &Daemon) {
    daemon.signal("STOP");
    // The fetch that is under way is answered, empty, within its 100 ms; after that the daemon asks for nothing.
    std::thread::sleep(Duration::from_secs(3));
    write(broker, 5..15);
    broker.delete_before("tickets", 0, 12);
    daemon.signal("CONT");
}

#[test]
fn a_group_that_has_forgotten_its_offsets_does_not_decide_everything_again() {
    let Some(broker) = broker("forgotten") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, SHADOW);
    daemon.create_topics(1);
    write(&broker, 0..5);
    daemon.start();
    wait_decisions(&broker, 5);
    assert!(daemon.stop().success());
    // Possible once the static member of the daemon is forgotten: a session later.
    broker.wait("the group is gone", DEADLINE, Broker::delete_group);
    daemon.start();
    check_refused(
        &mut daemon,
        &["has no committed offset", "decisions up to offset 4", "set the offset of the group to 5"],
    );
    assert_eq!(broker.count("decisions"), 5);
    // What the sentence asks for is what helps.
    broker.wait("the offset is set", DEADLINE, |broker| broker.try_set_offset("tickets", 0, 5));
    write(&broker, 5..8);
    daemon.start();
    wait_decisions(&broker, 8);
    assert!(daemon.stop().success());
}

/// A daemon that is started while somebody's transaction is open in an output topic: nothing behind its start can be read, and
/// it may hold outcomes.
fn beside_an_open_transaction(test: &str, topic: &str, timers: Timers) -> Option<(Broker, Daemon, OpenTransaction)> {
    let broker = broker(test)?;
    let more = format!("{SHADOW}[triage]\nview_rebuild_deadline_s = 1\n");
    let mut daemon = Daemon::prepare_with(&broker, "one", Card::ZeroCost, timers, &more);
    daemon.create_topics(1);
    let open = broker.open_transaction(topic);
    write(&broker, 0..3);
    daemon.start();
    Some((broker, daemon, open))
}

#[test]
fn a_window_that_could_not_be_read_in_time_becomes_whole_without_a_restart() {
    let Some((broker, mut daemon, open)) = beside_an_open_transaction("late-window", "decisions", Timers::USUAL) else {
        return;
    };
    broker.wait("it is said", DEADLINE, |_| daemon.log().contains("is still open: its end is waited for"));
    assert_eq!(broker.count("decisions"), 0, "{}", daemon.log());
    assert!(!daemon.log().contains("is whole now"), "{}", daemon.log());
    open.abort();
    daemon.wait_ready();
    broker
        .wait("it was late", DEADLINE, |_| daemon.metric("noctriage_recent_view_partial_rebuilds_total") == Some(1.0));
    wait_decisions(&broker, 3);
    broker.wait("the window is whole", DEADLINE, |_| daemon.log().contains("is whole now"));
    assert!(daemon.stop().success());
}

fn check_hanging(test: &str, topic: &str) {
    let Some((broker, mut daemon, open)) = beside_an_open_transaction(test, topic, Timers::SHORT) else { return };
    broker.wait("it is said", DEADLINE, |_| daemon.log().contains("kafka-transactions.sh find-hanging"));
    assert_eq!(broker.count("decisions"), 0, "{}", daemon.log());
    open.abort();
    wait_decisions(&broker, 3);
    assert!(daemon.stop().success());
}

#[test]
fn nothing_is_decided_beside_a_transaction_that_hangs_and_the_log_says_how_to_end_it() {
    check_hanging("hanging", "decisions");
}

#[test]
fn nothing_is_decided_beside_a_transaction_that_hangs_in_a_topic_that_all_instances_write_to() {
    check_hanging("hanging-review", "review");
}

#[test]
fn after_an_abort_nothing_is_decided_before_every_topic_of_the_batch_has_seen_its_end() {
    let Some(broker) = broker("abort-unfinished") else { return };
    let drawn = format!("{SHADOW}[policy.draws]\nevidence_shadow = 1.0\n");
    let mut daemon = Daemon::prepare(&broker, "one", Card::ZeroCost, &drawn);
    daemon.create_topics(1);
    daemon.arm("abort_before_offsets=1*return->off");
    daemon.start();
    daemon.wait_ready();
    let open = broker.open_transaction("review");
    write(&broker, 0..3);
    broker.wait("it is said", DEADLINE, |_| daemon.log().contains("is still open: its end is waited for"));
    assert_eq!(broker.count("decisions"), 0, "{}", daemon.log());
    open.abort();
    wait_decisions(&broker, 3);
    assert_eq!(broker.count("review"), 3);
    assert!(daemon.stop().success());
}

#[test]
fn nobody_leads_beside_a_transaction_that_is_open_where_leaders_write() {
    let Some(broker) = broker("leading-unfinished") else { return };
    let earned = "[verdicts]\ntruth = \"explicit\"\n[rollout]\nmode = \"earned\"\n";
    let mut daemon = Daemon::prepare(&broker, "one", Card::ZeroCost, earned);
    daemon.create_topics(1);
    let open = broker.open_transaction("transitions");
    daemon.start();
    let said = format!("{}[0]: a transaction below offset 1 is still open", broker.topic("transitions"));
    broker.wait("it is said", DEADLINE, |_| daemon.log().contains(&said));
    assert_eq!(broker.count("rollout"), 0, "{}", daemon.log());
    open.abort();
    broker.wait("it leads", DEADLINE, |broker| broker.count("rollout") > 0);
    assert!(daemon.stop().success());
}
