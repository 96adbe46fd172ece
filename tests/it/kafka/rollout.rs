//! Who leads, and what stops automatic actions: instances that are killed, frozen, halted, and with their rollout taken away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::checker::{Isolation, MistakeKind, Moment};
use crate::support::daemon::Daemon;

mod approvals;
mod clocks;
mod controls;
mod desk;
mod drawing;
mod dying;
mod halting;
mod holes;
mod notices;
mod policies;
mod rolling;
mod stalled;
mod switching;

use desk::{DEADLINE, Desk, Instance, LEASE, LONG_LEASE, is_open, newest_map, outside_every_lease, renewals};

#[test]
fn when_the_leader_is_killed_the_other_leads_before_the_lease_ends() {
    let instances = ["one", "two"].map(Instance::with_long_lease);
    let Some(mut desk) = Desk::open_with("leader-killed", &instances) else { return };
    desk.wait_automatic();
    let leader = desk.leader();
    let (_, last_ms) = desk.last_renewal().unwrap();
    desk.instances[leader].kill();
    desk.wait_renewal_of(|place| place == 1 - leader, DEADLINE);
    let first = renewals(&desk.broker).into_iter().find(|renewal| {
        renewal.appended_ms > last_ms && renewal.json()["leader"] == desk.instances[1 - leader].instance.as_str()
    });
    let silent_ms = first.unwrap().appended_ms - last_ms;
    println!("another led after {silent_ms} ms");
    assert!(silent_ms < i64::try_from(LONG_LEASE.as_millis()).unwrap(), "{silent_ms} ms");
    desk.wait_automatic();
    desk.assert_clean();
    assert!(desk.instances[1 - leader].stop().success());
}

#[test]
fn a_leader_that_was_frozen_past_its_lease_writes_nothing_when_it_thaws() {
    let Some(mut desk) = Desk::open("leader-frozen", "") else { return };
    desk.wait_automatic();
    let leader = desk.leader();
    desk.instances[leader].signal("STOP");
    desk.wait_renewal_of(|place| place == 1 - leader, DEADLINE);
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
    desk.assert_clean();
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
    desk.wait_map_followed();
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
    desk.assert_clean();
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
fn a_halt_through_the_socket_stops_its_instance_over_a_restart_until_somebody_resumes() {
    let Some(mut desk) = Desk::open("halt-socket", "") else { return };
    desk.wait_automatic();
    let ask = |desk: &Desk, what: &str, place: usize| {
        let instance = &desk.instances[place];
        let socket = instance.socket();
        let arguments = [what, "--socket", socket.to_str().unwrap(), "--reason", "fibre cut", "--who", "mira"];
        let output = instance.command(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    ask(&desk, "halt", 0);
    ask(&desk, "halt", 1);
    let commands = desk.broker.count("commands");
    desk.decide(20);
    assert!(desk.instances[1].stop().success());
    desk.instances[1].start();
    desk.instances[1].wait_ready();
    desk.decide(20);
    assert_eq!(desk.broker.count("commands"), commands, "{}", desk.logs());
    assert_eq!(desk.instances[1].metric("noctriage_halts{by=\"socket\"}"), Some(1.0));
    assert_eq!(desk.broker.count("control"), 0, "nothing of it needs a broker");
    ask(&desk, "resume", 0);
    ask(&desk, "resume", 1);
    desk.wait_automatic();
}

#[test]
fn every_instance_shows_who_leads_the_lease_and_what_the_next_step_waits_for() {
    let Some(mut desk) = Desk::open("shown", "") else { return };
    desk.wait_automatic();
    let leader = desk.leader();
    let leading = desk.instances[leader].instance.clone();
    let revision = newest_map(&desk.broker).unwrap()["rollout_revision"].clone();
    for (place, instance) in desk.instances.iter().enumerate() {
        let until = Instant::now() + DEADLINE;
        let status = loop {
            let answer = instance.get("/api/v1/status").unwrap_or_default();
            let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
            let status: Value = serde_json::from_str(body).unwrap_or_default();
            if status["gates"]["read_at"].is_string() && status["slices"][0]["step"]["next"]["waits_for"][0].is_object()
            {
                break status;
            }
            assert!(Instant::now() < until, "no gate is shown: {status:#}\n{}", desk.logs());
            std::thread::sleep(Duration::from_millis(500));
        };
        let (rollout, slice) = (&status["rollout"], &status["slices"][0]);
        assert_eq!((&rollout["leader"]["instance"], &rollout["revision"]), (&json!(leading), &revision));
        assert_eq!(rollout["is_leading"], json!(place == leader));
        let left_s = rollout["lease_left_s"].as_f64().unwrap();
        assert!(left_s > 0.0 && left_s <= LEASE.as_secs_f64(), "{left_s}");
        assert_eq!((&slice["permission"]["is_fixed"], &rollout["halts"]["is_known"]), (&json!(false), &json!(true)));
        assert_eq!(slice["step"]["advice"], "gather", "{slice:#}");
        assert!(instance.metric("noctriage_lease_left_seconds").is_some_and(|left_s| left_s > 0.0));
        assert_eq!(instance.metric("noctriage_rollout_revision"), revision.as_f64());
        let screen = instance.command(&["status"]);
        let screen = String::from_utf8_lossy(&screen.stdout).into_owned();
        assert!(screen.contains("the lease lasts ") && screen.contains("to do: gather evidence"), "{screen}");
    }
    let explained = desk.instances[0].command(&["explain", "R00000"]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("slice rest at revision ") && explained.contains("waits for "), "{explained}");
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
    let report = desk.look(Moment::Running);
    assert!(report.has(MistakeKind::OutsideLease), "{}", report.said());
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
    desk.wait_map_followed();
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
