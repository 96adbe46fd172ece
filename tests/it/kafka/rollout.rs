//! Who leads, and what stops automatic actions: two instances, killed, frozen, halted, and with their rollout taken away.
//!
//! Stages take weeks to earn, so the tests begin where somebody has earned one: they take the map that an instance wrote for
//! itself, put the slice at `auto_triage`, and write it back as the leader before would have left it.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::broker::{Broker, Record, Written, broker};
use crate::support::checker::Isolation;
use crate::support::daemon::{Card, Daemon, Timers};

const LEASE: Duration = Duration::from_secs(20);
/// Longest that a leader may be silent before another leads: its session, a rebalance and the reading of what stands.
const NEW_LEADER_WITHIN: Duration = Duration::from_secs(20);
const DEADLINE: Duration = Duration::from_secs(90);

/// Everything acts that is predicted low, at once and without a limit.
const EARNED: &str = "[policy]\nthreshold = 0.3\nthreshold_grid = [0.3]\ncritical_cut_off = 1.0\nhigh_cap = 1.0\n\
    [policy.caps]\nactions_per_hour = 100000\narrivals_share = 1.0\n[policy.storm]\ntickets = 100000\n\
    [policy.draws]\nevidence_shadow = 0.01\nevidence_later = 0.01\n\
    [verdicts]\ntruth = \"explicit\"\n[rollout]\nmode = \"earned\"\nlease_s = 20\nrenew_s = 2\n";

/// Two instances whose slice stands at `auto_triage`.
struct Desk {
    broker: Broker,
    instances: [Daemon; 2],
    written: usize,
    /// Decisions that a test has deleted.
    deleted: usize,
}

impl Desk {
    fn open(test: &str, failpoints: &str) -> Option<Self> {
        let broker = broker(test)?;
        let daemon = |name| Daemon::prepare_with(&broker, name, Card::Production, Timers::SHORT, EARNED);
        let mut desk = Self { instances: [daemon("one"), daemon("two")], broker, written: 0, deleted: 0 };
        let made =
            desk.instances[0].command(&["topics", "create", "--tickets-partitions", "2", "--verdicts-partitions", "1"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        desk.instances[0].start();
        desk.broker.wait("a map is written", DEADLINE, |broker| newest_map(broker).is_some_and(|map| is_open(&map)));
        assert!(desk.instances[0].stop().success());
        desk.grant();
        for instance in &mut desk.instances {
            instance.arm(failpoints);
            instance.start();
        }
        desk.instances.iter_mut().for_each(Daemon::wait_ready);
        Some(desk)
    }

    /// Writes the map back with the slice at `auto_triage`.
    fn grant(&self) {
        let mut map = newest_map(&self.broker).unwrap();
        let revision = map["rollout_revision"].as_u64().unwrap() + 1;
        let state = &mut map["state"];
        let basis = state["basis"].clone();
        state["revision"] = json!(revision);
        let held = |permission: &str| json!({ "permission": permission, "threshold": 0.3, "after": [] });
        state["slices"][0]["standing"] = json!({ "stage": "auto_triage", "auto_triage": 0.8, "auto_resolve": 0.0,
            "held": [held("suggest"), held("auto_triage")] });
        map["rollout_revision"] = json!(revision);
        map["permissions"] = json!([{ "slice": "rest", "stage": "auto_triage", "actions": [{
            "action": "auto_triage", "share": 0.8, "model_digest": basis["model"]["digest"],
            "calibration_digest": basis["model"]["calibration_digest"],
            "eligibility_digest": basis["eligibility_digest"], "threshold_min": 0.3 }] }]);
        self.broker.write("rollout", &[("map".to_owned(), Some(map.to_string().into_bytes()), Vec::new())]);
    }

    /// Writes tickets that are predicted low, and waits until all written so far are decided.
    fn decide(&mut self, count: usize) {
        let tickets: Vec<Written> = (self.written..self.written + count).map(ticket).collect();
        self.written += count;
        self.broker.write("tickets", &tickets);
        let written = self.written - self.deleted;
        self.broker.wait("all tickets are decided", DEADLINE, |broker| broker.count("decisions") >= written);
    }

    /// Decides tickets until there are commands of both instances' partitions, or at least some.
    fn wait_automatic(&mut self) -> usize {
        let until = Instant::now() + DEADLINE;
        let before = self.broker.count("commands");
        loop {
            self.decide(10);
            let commands = self.broker.count("commands");
            if commands > before {
                return commands;
            }
            assert!(Instant::now() < until, "nothing is automatic: {}\n{}", self.logs(), self.decided());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn decided(&self) -> String {
        let last = self.broker.read("decisions", Isolation::Committed).pop();
        last.map(|record| record.json().to_string()).unwrap_or_default()
    }

    fn logs(&self) -> String {
        self.instances.iter().map(Daemon::log_end).collect::<Vec<_>>().join("\n")
    }

    /// Which instance renewed last, and when.
    fn last_renewal(&self) -> Option<(usize, i64)> {
        let renewal = renewals(&self.broker).pop()?;
        let leader = renewal.json()["leader"].as_str().unwrap().to_owned();
        let place = self.instances.iter().position(|instance| instance.instance == leader).unwrap();
        Some((place, renewal.appended_ms))
    }

    /// Waits until an instance renews.
    #[track_caller]
    fn wait_renewal_of(&self, wanted: usize, within: Duration) {
        let until = Instant::now() + within;
        while self.last_renewal().is_none_or(|(place, _)| place != wanted) {
            assert!(Instant::now() < until, "no renewal of {wanted} within {within:?}: {}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn leader(&self) -> usize {
        self.broker.wait("somebody leads", DEADLINE, |_| self.last_renewal().is_some());
        self.last_renewal().unwrap().0
    }
}

fn ticket(index: usize) -> Written {
    let key = format!("R{index:05}");
    let value = json!({
        "schema": "noctriage.ticket/v1", "ticket_id": key, "revision": 0,
        "title": format!("Scheduled backup job finished with warnings {index}"),
        "description": "Informational only. No customer is affected.", "created_at": "2026-11-24T10:00:00Z",
        "kind": "incident", "category": "systems"
    });
    (key, Some(value.to_string().into_bytes()), Vec::new())
}

fn of_key(broker: &Broker, key: &str) -> Vec<Record> {
    let records = broker.read("rollout", Isolation::Committed);
    records.into_iter().filter(|record| record.key.as_deref() == Some(key.as_bytes())).collect()
}

fn newest_map(broker: &Broker) -> Option<Value> {
    of_key(broker, "map").pop().map(|record| record.json())
}

fn is_open(map: &Value) -> bool {
    map["state"]["slices"].as_array().is_some_and(|slices| {
        slices.len() == 1 && slices[0]["accounts"].as_array().is_some_and(|accounts| accounts.len() >= 2)
    })
}

fn renewals(broker: &Broker) -> Vec<Record> {
    of_key(broker, "lease")
}

/// Commands that were appended when no renewal was younger than a lease: by the broker's clock alone.
fn outside_every_lease(broker: &Broker) -> Vec<i64> {
    let renewed: Vec<i64> = renewals(broker).iter().map(|renewal| renewal.appended_ms).collect();
    let lease_ms = i64::try_from(LEASE.as_millis()).unwrap();
    let is_covered = |at: i64| renewed.iter().any(|renewed| (*renewed..renewed + lease_ms).contains(&at));
    let commands = broker.read("commands", Isolation::Committed);
    commands.iter().map(|command| command.appended_ms).filter(|at| !is_covered(*at)).collect()
}

#[test]
fn when_the_leader_is_killed_the_other_leads_before_the_lease_ends() {
    let Some(mut desk) = Desk::open("leader-killed", "") else { return };
    desk.wait_automatic();
    let leader = desk.leader();
    let (_, last_ms) = desk.last_renewal().unwrap();
    desk.instances[leader].kill();
    desk.wait_renewal_of(1 - leader, NEW_LEADER_WITHIN);
    let first = renewals(&desk.broker).into_iter().find(|renewal| {
        renewal.appended_ms > last_ms && renewal.json()["leader"] == desk.instances[1 - leader].instance.as_str()
    });
    let silent_ms = first.unwrap().appended_ms - last_ms;
    println!("another led after {silent_ms} ms");
    assert!(silent_ms < i64::try_from(LEASE.as_millis()).unwrap(), "{silent_ms} ms");
    desk.wait_automatic();
    assert_eq!(outside_every_lease(&desk.broker), Vec::<i64>::new());
    assert!(desk.instances[1 - leader].stop().success());
}

#[test]
fn a_leader_that_was_frozen_past_its_lease_writes_nothing_when_it_thaws() {
    let Some(mut desk) = Desk::open("leader-frozen", "") else { return };
    desk.wait_automatic();
    let leader = desk.leader();
    desk.instances[leader].signal("STOP");
    desk.wait_renewal_of(1 - leader, NEW_LEADER_WITHIN);
    std::thread::sleep(LEASE);
    let before = desk.broker.read("rollout", Isolation::Committed).len();
    desk.instances[leader].signal("CONT");
    std::thread::sleep(Duration::from_secs(10));
    let after = desk.broker.read("rollout", Isolation::Committed).split_off(before);
    let other = desk.instances[1 - leader].instance.clone();
    for record in &after {
        assert_eq!(record.json()["leader"], other.as_str(), "{}", desk.logs());
    }
    assert!(!after.is_empty(), "the other one leads on");
    desk.wait_automatic();
    assert_eq!(outside_every_lease(&desk.broker), Vec::<i64>::new());
}

#[test]
fn a_rollout_that_is_taken_away_begins_again_from_shadow_and_says_so() {
    let Some(mut desk) = Desk::open("rollout-emptied", "") else { return };
    desk.wait_automatic();
    desk.broker.delete_topic("rollout");
    desk.broker.create("rollout", 1, &[("cleanup.policy", "compact"), ("message.timestamp.type", "LogAppendTime")]);
    desk.broker.wait("a new map", DEADLINE, |broker| newest_map(broker).is_some_and(|map| is_open(&map)));
    let map = newest_map(&desk.broker).unwrap();
    assert_eq!(map["permissions"][0]["stage"], "shadow", "{map}");
    // The trail knows of the revision that was made before the test gave the slice its stage.
    assert!(map["rollout_revision"].as_u64().unwrap() > 1, "{map}");
    let said: usize = desk.instances.iter().map(|daemon| daemon.said("begins again from shadow")).sum();
    assert!(said >= 1, "{}", desk.logs());
    std::thread::sleep(Duration::from_secs(3));
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands, "{}", desk.logs());
}

#[test]
fn a_halt_stops_automatic_actions_in_every_instance_until_somebody_resumes() {
    let Some(mut desk) = Desk::open("halt", "") else { return };
    desk.wait_automatic();
    let halted = desk.instances[0].command(&["halt", "--reason", "firmware wave", "--who", "mira", "--json"]);
    let answer: Value = serde_json::from_slice(&halted.stdout).unwrap();
    assert!(halted.status.success(), "{answer} {}", String::from_utf8_lossy(&halted.stderr));
    assert_eq!(answer["instances"], json!({ "one": true, "two": true }));
    let at = desk.broker.read("control", Isolation::Committed).pop().unwrap().appended_ms;
    desk.decide(40);
    let after: Vec<i64> =
        desk.broker.read("commands", Isolation::Committed).iter().map(|one| one.appended_ms).collect();
    assert!(after.iter().all(|appended_ms| *appended_ms <= at + 1_000), "halted at {at}: {after:?}");
    // Neither a restart nor a promotion lifts it.
    assert!(desk.instances[1].stop().success());
    desk.instances[1].start();
    desk.instances[1].wait_ready();
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands);
    let resumed = desk.instances[0].command(&["resume", "--reason", "vendor has mended it", "--who", "mira"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stdout));
    desk.wait_automatic();
}

#[test]
fn a_halt_file_stops_its_instance_without_any_broker() {
    let Some(mut desk) = Desk::open("halt-file", "") else { return };
    desk.wait_automatic();
    for instance in &desk.instances {
        std::fs::write(instance.directory.path().join("halt"), "").unwrap();
    }
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands);
    std::fs::remove_file(desk.instances[0].directory.path().join("halt")).unwrap();
    std::fs::remove_file(desk.instances[1].directory.path().join("halt")).unwrap();
    desk.wait_automatic();
}

#[test]
fn without_renewals_nothing_is_automatic_and_the_check_sees_it_where_the_lease_is_ignored() {
    let Some(mut desk) = Desk::open("lease-lapsed", "lease_not_renewed=return") else { return };
    desk.decide(40);
    assert_eq!(desk.broker.count("commands"), 0, "{}", desk.decided());
    assert_eq!(outside_every_lease(&desk.broker), Vec::<i64>::new());
    for instance in &mut desk.instances {
        assert!(instance.stop().success());
        instance.arm("lease_not_renewed=return;lease_ignored=return");
        instance.start();
    }
    desk.instances.iter_mut().for_each(Daemon::wait_ready);
    // The last lease may still cover the first actions.
    let until = Instant::now() + LEASE + DEADLINE;
    while outside_every_lease(&desk.broker).is_empty() {
        assert!(Instant::now() < until, "the check cannot fail\n{}", desk.logs());
        desk.wait_automatic();
    }
}

#[test]
fn deleted_evidence_steps_back_until_a_person_acknowledges_it() {
    let Some(mut desk) = Desk::open("hole", "") else { return };
    desk.wait_automatic();
    let accounts = newest_map(&desk.broker).unwrap()["state"]["slices"][0]["accounts"].clone();
    let names_decisions = |account: &Value| {
        account["after"].as_array().is_some_and(|after| after.iter().any(|part| part["topic"] == "decisions"))
    };
    assert!(accounts.as_array().unwrap().iter().all(names_decisions), "{accounts}");
    let partition = desk.broker.read("decisions", Isolation::Committed).pop().unwrap().partition;
    let before = desk.broker.count("decisions");
    desk.broker.delete_before("decisions", partition, 3);
    desk.deleted = before - desk.broker.count("decisions");
    assert!(desk.deleted > 0);
    let hole = format!("decisions partition {partition} begins at offset 3: evidence before it is gone");
    desk.broker.wait("the slice steps back", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["permissions"][0]["stage"] == "suggest")
    });
    let last = desk.broker.read("transitions", Isolation::Committed).pop().unwrap().json();
    assert!(last.to_string().contains(&hole), "{last}");
    std::thread::sleep(Duration::from_secs(1));
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands);
    let acknowledge = ["rollout", "acknowledge", "--reason", "a test of the retention", "--who", "mira"];
    let output = desk.instances[0].command(&acknowledge);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(&hole), "{said} {}", desk.logs());
    desk.broker.wait("it is acknowledged", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["state"]["acknowledged_holes"][0] == hole.as_str())
    });
    let again = desk.instances[0].command(&acknowledge);
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing is missing"), "{}", desk.logs());
    // As if it had been earned anew: an acknowledged hole takes nothing away a second time, in no instance.
    desk.instances.iter_mut().for_each(|instance| assert!(instance.stop().success()));
    desk.grant();
    desk.instances.iter_mut().for_each(Daemon::start);
    desk.instances.iter_mut().for_each(Daemon::wait_ready);
    desk.wait_automatic();
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(newest_map(&desk.broker).unwrap()["permissions"][0]["stage"], "auto_triage", "{}", desk.logs());
}

#[test]
fn a_person_steps_a_slice_back_and_the_trail_says_who_and_why() {
    let Some(mut desk) = Desk::open("step-back", "") else { return };
    desk.wait_automatic();
    let say = |desk: &Desk, arguments: &[&str]| {
        let output = desk.instances[0].command(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = say(&desk, &["rollout", "step-back", "rest", "--reason", "new templates", "--who", "mira"]);
    assert_eq!(code, Some(0), "{said}{}", desk.logs());
    assert!(said.contains("stepped_back") && said.contains("auto_triage 80 % → suggest"), "{said}");
    desk.broker.wait("the map says so", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["permissions"][0]["stage"] == "suggest")
    });
    std::thread::sleep(Duration::from_secs(1));
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands);
    // Up goes only what is earned: the request is recorded, and nothing moves.
    let (code, said) = say(&desk, &["rollout", "promote", "rest", "--reason", "too early", "--who", "mira"]);
    assert_eq!(code, Some(0), "{said}{}", desk.logs());
    assert!(said.contains("next step is stage auto_triage") && said.contains("requested"), "{said}");
    assert_eq!(newest_map(&desk.broker).unwrap()["permissions"][0]["stage"], "suggest");
    // A second step back to where it stands is refused, with its reason.
    let again = ["rollout", "step-back", "rest", "--to", "suggest", "--reason", "again", "--who", "mira"];
    let (code, said) = say(&desk, &again);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("refused: ") && said.contains("stands at suggest already"), "{said}");
    let (code, said) = say(&desk, &["rollout", "history", "--verify"]);
    assert!(said.contains("mira: new templates") && said.contains("refused request"), "{said}");
    assert!(said.contains("0 readings differ"), "{code:?} {said}");
}
