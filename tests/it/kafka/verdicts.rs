//! Verdicts on their way: from the ticket system, by command and from a file, to what `verdicts check` says of them.

use noctriage::clock::Clock;
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

use crate::support::broker::{TIMEOUT, Written, broker};
use crate::support::daemon::{Card, Daemon};
use crate::support::tickets::{Preset, record};

const ALL_DRAWN: &str = "[policy.draws]\nevidence_shadow = 1.0\n";

#[track_caller]
fn said(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[track_caller]
fn checked(daemon: &Daemon) -> Value {
    serde_json::from_str(&said(&daemon.command(&["verdicts", "check", "--from", "1d", "--json"]))).unwrap()
}

/// The ticket of an index, resolved a minute from now.
fn resolved(index: usize, by: &str, priority: &str, code: &str) -> Written {
    let (key, value, headers) = record(Preset::ServiceNow, index);
    let mut row: Value = serde_json::from_slice(&value.unwrap()).unwrap();
    let later = jiff::Timestamp::from_millisecond(Clock::Real.operating_now().0 + 60_000).unwrap();
    let at = later.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let changes = json!({ "state": "6", "sys_mod_count": "3", "priority": priority, "close_code": code,
        "resolved_by": by, "resolved_at": at, "sys_updated_by": by, "sys_updated_on": at, "reopen_count": "0" });
    row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    (key, Some(row.to_string().into_bytes()), headers)
}

#[test]
fn what_engineers_do_in_the_ticket_system_is_the_verdict() {
    let Some(broker) = broker("verdict-rule") else { return };
    let more = format!(
        "[source]\npreset = \"servicenow\"\ntimezone = \"UTC\"\nown_user = \"noctriage\"\nmachine_users = [\"event.rule\"]\n\
         {ALL_DRAWN}[verdicts]\ntruth = \"ticket_system\"\nno_work_codes = [\"Resolved by caller\"]\n"
    );
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, &more);
    daemon.create_topics(2);
    daemon.start();
    broker.write("tickets", &[1, 2, 3, 4].map(|index| record(Preset::ServiceNow, index)));
    broker.wait("four outcomes", TIMEOUT, |broker| broker.count("decisions") == 4);
    let resolutions = [
        resolved(1, "jane.doe", "4", "Resolved by caller"),
        resolved(2, "john.roe", "1", "Solved"),
        resolved(3, "event.rule", "4", "Resolved by caller"),
        resolved(4, "noctriage", "4", "Resolved by caller"),
        // The ticket system publishes it once more: still one statement.
        resolved(1, "jane.doe", "4", "Resolved by caller"),
    ];
    broker.write("tickets", &resolutions);
    broker.wait("nine outcomes", TIMEOUT, |broker| broker.count("decisions") == 9);
    assert!(daemon.stop().success());

    let found = checked(&daemon);
    assert_eq!(found["problems"], json!([]));
    assert_eq!(found["ours"], 1);
    assert_eq!(found["origins"], json!({ "ticket_system": 3, "derived": 1 }));
    let standings = &found["standings"];
    assert_eq!(
        (&standings["counts"], &standings["duplicate"], &standings["derived"]),
        (&json!(2), &json!(1), &json!(1))
    );
    assert_eq!((&found["tickets"]["ended"], &found["tickets"]["never_touched"]), (&json!(4), &json!(1)));
    let slice = &found["accuracy"]["rest"];
    assert_eq!((&slice["judged"], &slice["no_verdict_due"]), (&json!(2), &json!(1)));
    let roles: Vec<&str> = slice["rows"].as_array().unwrap().iter().map(|row| row["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["source", "baseline", "acting"]);
    let names = found["reviewers"].to_string();
    assert!(!names.contains("jane") && !names.contains("john"), "{names}");
}

#[test]
fn verdicts_are_added_corrected_and_imported_and_each_is_counted_by_name() {
    let Some(broker) = broker("verdicts-add") else { return };
    let more = format!("{ALL_DRAWN}[verdicts]\ntruth = \"explicit\"\n");
    let mut daemon = Daemon::prepare(&broker, "one", Card::Demo, &more);
    daemon.create_topics(1);
    let made = said(&daemon.command(&["topics", "create", "--verdicts-partitions", "2"]));
    assert!(made.contains("created") && made.contains(&broker.topic("verdicts")), "{made}");
    daemon.start();
    broker.write("tickets", &[1, 2, 3].map(|index| record(Preset::Native, index)));
    broker.wait("three outcomes", TIMEOUT, |broker| broker.count("decisions") == 3);
    assert!(daemon.stop().success());
    assert_eq!(daemon.command(&["verdicts", "check"]).status.code(), Some(3), "no verdict is too little to tell");

    let add = |more: &[&str]| {
        let who = ["--reviewer", "jane.doe", "--reason", "looked at it"];
        daemon.command(&[&["verdicts", "add"], more, &who].concat())
    };
    let first = said(&add(&["T00001", "--severity", "low", "--closable", "yes"]));
    let id = first.split_whitespace().find(|word| word.starts_with("cli-")).unwrap().to_owned();
    said(&add(&["T00001", "--severity", "high", "--supersedes", &id]));
    said(&add(&["T00002", "--severity", "medium", "--saw-model"]));
    said(&add(&["T00009", "--severity", "medium"]));
    let refused = add(&["T00001"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("/severity is missing"));

    let file = daemon.directory.path().join("verdicts.jsonl");
    let reader = json!({ "id": "p-other", "role": "senior" });
    let line = json!({ "verdict_id": "x-1", "ticket_id": "T00003", "decided_at": "2125-01-01T00:00:00Z", "kind": "triage",
        "severity": "medium", "reviewer": reader });
    fs::write(&file, format!("{line}\n\n{{\"verdict_id\": \"x-2\"}}\n")).unwrap();
    let import = || daemon.command(&["verdicts", "import", file.to_str().unwrap(), "--reason", "from the old desk"]);
    let refused = import();
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(told.contains("verdicts.jsonl") && told.contains("line 3: /kind is missing"), "{told}");
    assert_eq!(checked(&daemon)["verdicts"], 4, "one mistake, and nothing is written");
    fs::write(&file, format!("{line}\n{line}\n")).unwrap();
    said(&import());

    let found = checked(&daemon);
    assert_eq!(found["verdicts"], 6);
    for (name, count) in
        [("counts", 1), ("late", 1), ("corrected", 1), ("saw_model", 1), ("unknown_ticket", 1), ("duplicate", 1)]
    {
        assert_eq!(found["standings"][name], count, "{name}: {}", found["standings"]);
    }
    let text = said(&daemon.command(&["verdicts", "check"]));
    assert!(text.contains("2 with a final severity") && text.contains("saw_model"), "{text}");
}
