//! Starts that must fail, and what they say: to which topic, key or address, and what to do.

use crate::support::broker::{TIMEOUT, broker};
use crate::support::daemon::{Card, Daemon};
use crate::support::tickets::{Preset, record};
use std::process::Output;

#[track_caller]
fn check_said(output: &Output, code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` is missing in: {said}");
    }
}

#[test]
fn a_missing_topic_ends_the_start_with_78_and_says_how_to_make_it() {
    let Some(broker) = broker("missing-topic") else { return };
    let daemon = Daemon::prepare(&broker, "one", Card::Demo, "");
    let tickets = broker.topic("tickets");
    check_said(&daemon.command(&["run"]), 78, &[&tickets, "does not exist", "topics create"]);
    check_said(&daemon.command(&["topics", "create"]), 75, &[&tickets, "belongs to the ticket system"]);
}

#[test]
fn a_wrong_number_of_partitions_ends_the_start_and_is_never_mended_by_itself() {
    let Some(broker) = broker("partitions") else { return };
    let daemon = Daemon::prepare(&broker, "one", Card::Demo, "");
    broker.create("tickets", 3, &[]);
    broker.create("decisions", 2, &[]);
    for name in ["suggestions", "commands", "review", "dead_letters"] {
        broker.create(name, 1, &[]);
    }
    let decisions = broker.topic("decisions");
    check_said(&daemon.command(&["run"]), 78, &[&decisions, "2 partitions", "has 3", "mirror"]);
    let output = daemon.command(&["topics", "create"]);
    check_said(&output, 1, &[&decisions, "2 partitions"]);
}

#[test]
fn topics_are_made_once_and_what_differs_is_said_and_left_alone() {
    let Some(broker) = broker("topics") else { return };
    let daemon = Daemon::prepare(&broker, "one", Card::Demo, "");
    let planned = daemon.command(&["topics", "create", "--tickets-partitions", "2", "--dry-run"]);
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    assert!(String::from_utf8_lossy(&planned.stdout).contains("would create"));
    daemon.create_topics(2);
    let again = daemon.command(&["topics", "create"]);
    assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(!String::from_utf8_lossy(&again.stdout).contains("created"));
    let longer = Daemon::prepare(&broker, "one", Card::Demo, "[kafka.create2]\n");
    check_said(&longer.command(&["topics", "create"]), 78, &["kafka.create2"]);
}

#[test]
fn an_unreachable_broker_ends_the_start_with_75_and_names_the_address() {
    let Some(mut broker) = broker("unreachable") else { return };
    broker.brokers = "127.0.0.1:1".into();
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, "");
    daemon.start();
    let status = daemon.wait_end(TIMEOUT);
    assert_eq!(status.code(), Some(75));
    assert!(daemon.log().contains("127.0.0.1:1") && daemon.log().contains("no broker answered"), "{}", daemon.log());
}

#[test]
fn commands_that_read_or_write_name_the_brokers_that_do_not_answer() {
    let Some(mut broker) = broker("unreachable-commands") else { return };
    broker.brokers = "127.0.0.1:1".into();
    let daemon = Daemon::prepare(&broker, "one", Card::Demo, "");
    for command in [&["verdicts", "check"][..], &["explain", "T1"], &["dead-letters", "list"]] {
        check_said(&daemon.command(command), 75, &["127.0.0.1:1", "kafka.brokers", "is the broker up"]);
    }
}

#[test]
fn deleted_records_refuse_the_start_until_the_loss_is_accepted() {
    let Some(broker) = broker("loss") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, "[rollout]\nfixed_stage = \"shadow\"\n");
    daemon.create_topics(1);
    let records: Vec<_> = (0..5).map(|index| record(Preset::Native, index)).collect();
    broker.write("tickets", &records);
    daemon.start();
    broker.wait("five outcomes", TIMEOUT, |broker| broker.count("decisions") == 5);
    assert!(daemon.stop().success());
    broker.write("tickets", &(5..20).map(|index| record(Preset::Native, index)).collect::<Vec<_>>());
    broker.delete_before("tickets", 0, 12);
    daemon.start();
    let status = daemon.wait_end(TIMEOUT);
    assert_eq!(status.code(), Some(78), "{}", daemon.log());
    assert!(
        daemon.log().contains("7 records were deleted") && daemon.log().contains("--accept-loss"),
        "{}",
        daemon.log()
    );
    daemon.start_with(&["--accept-loss"]);
    broker.wait("the rest is decided", TIMEOUT, |broker| broker.count("decisions") == 5 + 8);
    assert!(daemon.stop().success());
}
