//! The first shadow day: verdicts arrive while the daemon runs, and everybody who asks is told the same numbers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::broker::{Broker, TIMEOUT, broker};
use crate::support::daemon::{Card, Daemon};
use crate::support::tickets::{Preset, record};

const EXPLICIT: &str =
    "[policy.draws]\nevidence_shadow = 1.0\nsecond_reading = 1.0\n[verdicts]\ntruth = \"explicit\"\n";

/// A daemon whose tickets are all drawn, with so many of them decided.
fn with_tickets(broker: &Broker, tickets: std::ops::RangeInclusive<usize>) -> Daemon {
    let mut daemon = Daemon::prepare(broker, "one", Card::Demo, EXPLICIT);
    daemon.create_topics(2);
    broker.create("verdicts", 2, &[]);
    daemon.start();
    let count = tickets.clone().count();
    broker.write("tickets", &tickets.map(|index| record(Preset::Native, index)).collect::<Vec<_>>());
    broker.wait("an outcome each", TIMEOUT, |broker| broker.count("decisions") == count);
    daemon
}

fn add(daemon: &Daemon, ticket: &str, severity: &str) {
    let arguments =
        ["verdicts", "add", ticket, "--severity", severity, "--reviewer", "jane.doe", "--reason", "read it"];
    let output = daemon.command(&arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn api(daemon: &Daemon, path: &str) -> Option<Value> {
    let answer = daemon.get(path)?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    serde_json::from_str(body).ok()
}

/// Asks until so many drawn tickets are judged.
#[track_caller]
fn status_with_judged(daemon: &Daemon, judged: u64) -> Value {
    status_when(daemon, |status| status["slices"][0]["accuracy"]["judged"] == json!(judged))
}

/// Asks until the answer is as wanted.
#[track_caller]
fn status_when(daemon: &Daemon, is_so: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + TIMEOUT;
    loop {
        let status = api(daemon, "/api/v1/status");
        match status {
            Some(status) if is_so(&status) => return status,
            other => assert!(Instant::now() < until, "{other:#?}\n{}", daemon.log_end()),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn status_metrics_and_screen_show_the_same_counts_and_a_restart_changes_none_of_them() {
    let Some(broker) = broker("shadow-day") else { return };
    let mut daemon = with_tickets(&broker, 1..=6);
    for (ticket, severity) in [("T00001", "low"), ("T00002", "high"), ("T00003", "medium"), ("T00099", "low")] {
        add(&daemon, ticket, severity);
    }
    broker.write("verdicts", &[("T00004".into(), Some(b"{\"no\": \"verdict\"}".to_vec()), Vec::new())]);

    // Two partitions, so that any of the five may be read last.
    let is_all_read = |status: &Value| {
        let standings = &status["verdicts"]["standings"];
        (&standings["counts"], &standings["unknown_ticket"]) == (&json!(3), &json!(1))
            && status["slices"][0]["accuracy"]["drawn"] == json!(6)
            && status["problems"].to_string().contains("cannot be read")
    };
    let status = status_when(&daemon, is_all_read);
    let slice = &status["slices"][0];
    assert_eq!((&slice["slice"], &slice["permission"]["stage"]), (&json!("rest"), &json!("shadow")));
    let accuracy = &slice["accuracy"];
    assert_eq!((&accuracy["drawn"], &accuracy["waiting"]), (&json!(6), &json!(3)));
    let rows: Vec<(&str, u64)> = accuracy["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["role"].as_str().unwrap(), row["score"]["of"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("source", 3), ("baseline", 3), ("acting", 3)]);
    // The source says medium of every ticket.
    assert_eq!(accuracy["rows"][0]["score"]["right"], json!(1));
    assert_eq!(api(&daemon, "/api/v1/accuracy").unwrap()["slices"]["rest"], *accuracy);

    let metric = |name: &str| daemon.metric(name).unwrap_or(-1.0);
    assert_eq!(metric("noctriage_live_accuracy_judged_tickets{answerer=\"acting\",slice=\"rest\"}"), 3.0);
    let right = accuracy["rows"][2]["score"]["right"].as_f64().unwrap();
    assert_eq!(metric("noctriage_live_accuracy_right_tickets{answerer=\"acting\",slice=\"rest\"}"), right);
    assert_eq!(metric("noctriage_evidence_tickets{slice=\"all\",state=\"waiting\"}"), 3.0);
    assert_eq!(metric("noctriage_verdicts{standing=\"counts\"}"), 3.0);
    assert_eq!(metric("noctriage_verdicts{standing=\"unknown_ticket\"}"), 1.0);
    assert_eq!(metric("noctriage_evidence_unreadable_records"), 1.0);

    let screen = daemon.command(&["status"]);
    let text = String::from_utf8_lossy(&screen.stdout).into_owned();
    assert!(screen.status.success() && text.contains("6 drawn: 3 judged, 3 waiting"), "{text}");
    assert!(text.contains("1 of 3") && text.contains("counts 3, unknown_ticket 1"), "{text}");
    assert!(text.contains("1 records of evidence of the last 24 hours cannot be read"), "{text}");
    let asked: Value = serde_json::from_slice(&daemon.command(&["status", "--json"]).stdout).unwrap();
    assert_eq!(asked["slices"], status["slices"]);
    assert_eq!(daemon.command(&["status", "--slice", "nowhere"]).status.code(), Some(2));

    assert!(daemon.stop().success());
    let away = daemon.command(&["status"]);
    assert_eq!(away.status.code(), Some(75));
    assert!(String::from_utf8_lossy(&away.stderr).contains("noctriage run"));

    daemon.start();
    let again = status_when(&daemon, is_all_read);
    assert_eq!(again["slices"], status["slices"]);
    assert_eq!(again["verdicts"]["standings"], status["verdicts"]["standings"]);
    // What comes later is seen as well, on a partition whose end was met before.
    add(&daemon, "T00005", "low");
    status_with_judged(&daemon, 4);
    assert!(daemon.stop().success());
}

#[test]
fn evidence_behind_an_open_transaction_is_not_called_read_and_everything_is_once_it_ends() {
    let Some(broker) = broker("shadow-open") else { return };
    let mut daemon = with_tickets(&broker, 1..=3);
    let behind = |daemon: &Daemon| daemon.metric("noctriage_evidence_behind_seconds{topic=\"decisions\"}");
    let wait = |daemon: &Daemon, what: &str, holds: &dyn Fn(Option<f64>) -> bool| {
        let until = Instant::now() + TIMEOUT;
        while !holds(behind(daemon)) {
            assert!(Instant::now() < until, "{what}: {:?}\n{}", behind(daemon), daemon.log_end());
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    // The log ends in markers of transactions, and is read to its end all the same.
    wait(&daemon, "read to the end", &|behind| behind.is_some_and(|behind| behind < 12.0));
    let open = broker.open_transaction("decisions");
    wait(&daemon, "an open transaction keeps it from being read", &|behind| behind.is_some_and(|behind| behind > 18.0));
    open.abort();
    wait(&daemon, "read to the end again", &|behind| behind.is_some_and(|behind| behind < 12.0));
    assert!(daemon.stop().success());
}

#[test]
fn the_label_list_asks_each_person_once_and_blind() {
    let Some(broker) = broker("label-list") else { return };
    let mut daemon = with_tickets(&broker, 1..=4);
    assert!(daemon.stop().success());
    let rate = |who: &str, keys: &str| {
        let output = daemon.command(&["verdicts", "rate", "--reviewer", who, "--keys", keys]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // Low and closable; skipped; high, which needs no second question; an unknown key, then the end.
    let first = rate("jane.doe", "l y s h x q");
    assert!(first.contains("4 tickets for you today") && first.contains("2 written, 1 skipped, 1 left"), "{first}");
    assert!(first.contains("Access point unreachable") && first.contains("nobody has called yet"), "{first}");
    for leading in ["predicted", "confidence", "acting", "source severity", "medium\n"] {
        assert!(!first.contains(leading), "{leading}: {first}");
    }
    let second = rate("jane.doe", "l n l u");
    assert!(second.contains("2 tickets for you today (2 rated already") && second.contains("2 written"), "{second}");
    assert!(rate("jane.doe", "l y").contains("nothing to rate"));
    let other = rate("john.roe", "c c c c");
    assert!(other.contains("4 tickets for you today") && !other.contains("second reading"), "{other}");
    assert!(rate("mary.poe", "l y").contains("nothing to rate"), "two people have read each ticket");

    let checked = daemon.command(&["verdicts", "check", "--json"]);
    let found: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!(found["kinds"], json!({ "triage": 4, "second_reading": 4 }));
    assert!(!found.to_string().contains("jane"), "people stand in verdicts by pseudonym");
    let unattended = daemon.command(&["verdicts", "rate", "--reviewer", "jane.doe"]);
    assert_eq!(unattended.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unattended.stderr).contains("needs a terminal"));
}
