//! What operators do to a running daemon, and what they ask of it.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::broker::{Record, TIMEOUT, broker};
use crate::support::checker::{Isolation, check};
use crate::support::daemon::{Card, Daemon};
use crate::support::tickets::{Preset, record};

const SUGGEST: &str = "[rollout]\nfixed_stage = \"suggest\"\n";

#[test]
fn a_good_reload_is_taken_over_whole_and_a_bad_one_not_at_all() {
    let Some(broker) = broker("reload") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, "[policy]\ncritical_cut_off = 0.05\n");
    daemon.create_topics(1);
    daemon.start();
    daemon.wait_ready();
    assert_eq!(daemon.metric("noctriage_config_last_reload_successful"), Some(1.0));
    let good = fs::read_to_string(daemon.config()).unwrap();
    let ask = |daemon: &Daemon, wanted: f64| {
        let until = Instant::now() + TIMEOUT;
        while daemon.metric("noctriage_config_last_reload_successful") != Some(wanted) {
            assert!(Instant::now() < until, "the reload was not {wanted}: {}", daemon.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    fs::write(daemon.config(), good.replace("0.05", "1.4")).unwrap();
    daemon.signal("HUP");
    ask(&daemon, 0.0);
    assert!(daemon.log().contains("critical_cut_off") && daemon.log().contains("1.4"), "{}", daemon.log());
    fs::write(daemon.config(), good.replace("0.05", "0.02")).unwrap();
    daemon.signal("HUP");
    ask(&daemon, 1.0);
    assert!(daemon.log().contains("0.02"), "{}", daemon.log());
    fs::write(
        daemon.config(),
        good.replace("0.05", "0.03").replace("session_timeout_ms = 6000", "session_timeout_ms = 7000"),
    )
    .unwrap();
    daemon.signal("HUP");
    ask(&daemon, 0.0);
    assert!(daemon.log().contains("session_timeout_ms"), "{}", daemon.log());
    assert!(daemon.stop().success());
}

#[test]
fn a_duplicate_names_the_decision_it_repeats_also_after_a_restart() {
    let Some(broker) = broker("duplicate") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Production, SUGGEST);
    daemon.create_topics(2);
    daemon.start();
    broker.write("tickets", &[record(Preset::Native, 1), record(Preset::Native, 1), record(Preset::Native, 2)]);
    broker.wait("three outcomes", TIMEOUT, |broker| broker.count("decisions") == 3);
    assert!(daemon.stop().success());
    daemon.start();
    daemon.wait_ready();
    broker.write("tickets", &[record(Preset::Native, 1), record(Preset::Native, 2)]);
    broker.wait("five outcomes", TIMEOUT, |broker| broker.count("decisions") == 5);
    assert!(daemon.stop().success());
    let checked = check(&broker, &broker.prefix);
    checked.assert_clean();
    assert_eq!(checked.outcomes()["duplicate"], 3);
    assert_eq!(checked.outcomes()["decided"], 2);
}

#[test]
fn shadow_shows_nothing_to_anybody() {
    let Some(broker) = broker("shadow") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, "[policy.draws]\nevidence_shadow = 0.5\n");
    daemon.create_topics(2);
    daemon.start();
    broker.write("tickets", &(0..100).map(|index| record(Preset::Native, index)).collect::<Vec<_>>());
    broker.wait("all have outcomes", TIMEOUT, |broker| broker.count("decisions") == 100);
    assert!(daemon.stop().success());
    let checked = check(&broker, &broker.prefix);
    checked.assert_clean();
    assert!(checked.outcomes()["decided"] > 20 && checked.outcomes()["not_drawn"] > 20, "{:?}", checked.outcomes());
    assert_eq!(broker.count("suggestions") + broker.count("commands"), 0);
    for item in broker.read("review", Isolation::Committed) {
        assert_eq!(item.json()["reason"], "sample");
        assert!(item.json().get("prediction").is_none(), "{}", item.json());
    }
}

#[test]
fn two_instances_share_the_partitions_and_one_takes_over_when_the_other_is_killed() {
    let Some(broker) = broker("two") else { return };
    let mut one = Daemon::prepare(&broker, "one", Card::Production, SUGGEST);
    let mut two = Daemon::prepare(&broker, "two", Card::Production, SUGGEST);
    one.create_topics(4);
    one.start();
    two.start();
    one.wait_ready();
    two.wait_ready();
    let write = |from: usize, to: usize| {
        broker.write("tickets", &(from..to).map(|index| record(Preset::Native, index)).collect::<Vec<_>>());
    };
    write(0, 100);
    broker.wait("a hundred outcomes", TIMEOUT, |broker| broker.count("decisions") == 100);
    write(100, 200);
    one.kill();
    write(200, 300);
    broker.wait("the survivor takes over", TIMEOUT, |broker| broker.count("decisions") == 300);
    assert!(two.stop().success());
    check(&broker, &broker.prefix).assert_clean();
}

#[test]
fn explain_and_dead_letters_say_what_happened_and_a_retry_is_read_again() {
    let Some(broker) = broker("explain") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Production, SUGGEST);
    daemon.create_topics(1);
    daemon.start();
    broker.write("tickets", &[record(Preset::Native, 1), record(Preset::Native, 7)]);
    broker.wait("two outcomes", TIMEOUT, |broker| broker.count("decisions") == 2);
    let explained = daemon.command(&["explain", "T00001"]);
    let said = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.status.success(), "{said}{}", String::from_utf8_lossy(&explained.stderr));
    assert!(said.contains("T00001") && said.contains("decided") && said.contains("suggest"), "{said}");
    let unknown = daemon.command(&["explain", "NOBODY"]);
    assert_eq!(unknown.status.code(), Some(1));
    let listed = daemon.command(&["dead-letters", "list"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("not_json"), "{listed}");
    let retried = daemon.command(&["dead-letters", "retry", "--class", "not_json", "--reason", "test"]);
    assert!(retried.status.success(), "{}", String::from_utf8_lossy(&retried.stderr));
    broker.wait("the retried record has an outcome", TIMEOUT, |broker| broker.count("decisions") == 3);
    assert!(daemon.stop().success());
    check(&broker, &broker.prefix).assert_clean();
}

#[test]
fn commands_name_their_permit_and_never_touch_what_a_source_calls_high() {
    let Some(broker) = broker("commands") else { return };
    // A threshold far below any that a site would use: what is tested is the path, not the model.
    let more = "[policy]\nthreshold = 0.30\nthreshold_grid = [0.30, 0.95]\ncritical_cut_off = 0.90\nhigh_cap = 0.90\n\
                [policy.caps]\nactions_per_hour = 1000\narrivals_share = 1.0\n[policy.storm]\ntickets = 1000\n\
                [source]\npreset = \"servicenow\"\ntimezone = \"UTC\"\nmachine_users = [\"event.rule\"]\n\
                [rollout]\nfixed_stage = \"auto_triage\"\n[rollout.shares]\nauto_triage = 0.8\n";
    let mut daemon = Daemon::prepare(&broker, "one", Card::Production, more);
    daemon.create_topics(2);
    daemon.start();
    let records: Vec<_> = (0..300).map(|index| record(Preset::ServiceNow, index)).collect();
    broker.write("tickets", &records);
    broker.wait("all have outcomes", TIMEOUT, |broker| broker.count("decisions") == 300);
    assert!(daemon.stop().success());
    let checked = check(&broker, &broker.prefix);
    checked.assert_clean();
    let decisions: Vec<_> = checked.decisions.iter().map(Record::json).collect();
    let commands = broker.read("commands", Isolation::Committed);
    assert!(!commands.is_empty(), "no command among {:?}", checked.outcomes());
    for command in commands.iter().map(Record::json) {
        let decision = decisions.iter().find(|decision| decision["decision_id"] == command["decision_id"]).unwrap();
        let reported = &decision["basis"]["facts"]["severity_reported"]["value"];
        assert!(reported != "critical" && reported != "high", "{command} on {decision}");
        assert_eq!(decision["action"], "auto_triage");
        assert_eq!(decision["basis"]["draws"]["evidence"]["drawn"], false, "{decision}");
        assert_eq!(command["idempotency_key"], decision["idempotency_key"]);
        assert_eq!(command["severity"], "low");
        assert!(command["not_after"].is_string() && command["slice"] == "rest", "{command}");
    }
}

/// Printed, not asserted: figures of a shared machine.
#[test]
fn latency_and_memory_at_ten_tickets_a_second_are_printed() {
    let Some(broker) = broker("latency") else { return };
    let mut daemon = Daemon::prepare(&broker, "one", Card::Production, SUGGEST);
    daemon.create_topics(3);
    daemon.start();
    daemon.wait_ready();
    let tickets = 200;
    let writer = broker.writer("tickets");
    for index in 100..100 + tickets {
        writer.write(&[record(Preset::Native, index)]);
        std::thread::sleep(Duration::from_millis(95));
    }
    broker.wait("all have outcomes", TIMEOUT, |broker| broker.count("decisions") == tickets);
    let metrics = daemon.get("/metrics").unwrap();
    let bucket = |quantile: f64| {
        let total = daemon.metric("noctriage_decision_latency_seconds_count").unwrap();
        metrics
            .lines()
            .filter_map(|line| line.strip_prefix("noctriage_decision_latency_seconds_bucket{le=\""))
            .filter_map(|rest| rest.split_once("\"} "))
            .find(|(_, count)| count.parse::<f64>().unwrap() >= quantile * total)
            .map_or("?".to_owned(), |(bound, _)| bound.to_owned())
    };
    println!(
        "10 tickets/s, bundled model: append to committed outcome p50 <= {} s, p99 <= {} s, resident {:.0} MiB",
        bucket(0.5),
        bucket(0.99),
        daemon.memory_mib()
    );
    assert!(daemon.stop().success());
}
