//! `noctriage evaluate` from files to report, page and exit code.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use noctriage::domain::severity::Severity;
use serde_json::{Value, json};

/// Test tickets, training tickets and two versions' predictions in a folder of their own.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, lines: Vec<Value>| {
        let mut text = String::new();
        for line in lines {
            writeln!(text, "{line}").unwrap();
        }
        fs::write(folder.path().join(name), text).unwrap();
    };
    let ticket = |prefix: &str, at: usize| {
        let severity = Severity::ALL[at % 4];
        let category = if at.is_multiple_of(5) { "wireless" } else { "routing" };
        let words = ["backbone cut", "link flapping", "errors rising", "fan noise"][at % 4];
        json!({
            "ticket": {
                "ticket_id": format!("{prefix}{at}"), "title": format!("{words} on node {at}"), "category": category,
                "created_at": "2026-01-05T08:00:00Z"
            },
            "label": { "severity": severity.as_str() },
            "as_of": "created",
        })
    };
    write("test.jsonl", (0..60).map(|at| ticket("T", at)).collect());
    write("train.jsonl", (0..40).map(|at| ticket("L", at)).collect());
    let predictions = |wrong: fn(usize) -> bool| {
        let line = |at: usize| {
            let severity = Severity::ALL[if wrong(at) { (at + 1) % 4 } else { at % 4 }];
            json!({ "ticket_id": format!("T{at}"), "severity": severity.as_str() })
        };
        (0..60).map(line).collect()
    };
    write("v1.jsonl", predictions(|at| at % 5 == 0 || at % 7 == 0));
    write("v2.jsonl", predictions(|at| at % 7 == 0));
    folder
}

fn evaluate(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noctriage"));
    command.current_dir(folder).args(["evaluate", "--test", "test.jsonl"]).args(arguments).output().unwrap()
}

const MODELS: [&str; 4] = ["--model", "v1=predictions:v1.jsonl", "--model", "v2=predictions:v2.jsonl"];

#[track_caller]
fn check_exit(folder: &Path, arguments: &[&str], code: i32) -> Output {
    let output = evaluate(folder, &[&MODELS, arguments].concat());
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn two_versions_are_compared_on_files_and_the_report_says_the_same_in_every_form() {
    let folder = folder();
    let output = check_exit(folder.path(), &["--train", "train.jsonl", "--json", "--html", "report.html"], 0);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["subject"], "v2");
    assert_eq!(report["in_training"], 60, "other tickets, but the words of training tickets");
    let names: Vec<&str> =
        report["answerers"].as_array().unwrap().iter().filter_map(|column| column["name"].as_str()).collect();
    assert_eq!(names, ["majority", "tfidf", "v1", "v2"]);
    let right = |at: usize| report["answerers"][at]["right"]["hits"].as_u64().unwrap();
    assert_eq!((right(1), right(2), right(3)), (60, 41, 51), "the training tickets say what the test tickets do");
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    let text = check_exit(folder.path(), &["--train", "train.jsonl"], 0).stdout;
    for form in [page, String::from_utf8(text).unwrap()] {
        assert!(form.contains("51/60 = 85.0 %") && form.contains("10 repaired, 0 broken of 60"), "{form}");
        assert!(form.contains("60 tickets were trained on, or have the words of a training ticket"), "{form}");
    }
}

#[test]
fn exit_codes_say_whether_it_holds_does_not_or_cannot_be_told() {
    let folder = folder();
    check_exit(folder.path(), &["--fail-unless", "v2 >= v1", "--max-critical-missed", "3"], 0);
    check_exit(folder.path(), &["--fail-unless", "v1 >= v2"], 1);
    check_exit(folder.path(), &["--max-critical-missed", "2"], 1);
    check_exit(folder.path(), &["--fail-unless", "v3 >= v1"], 2);
    check_exit(folder.path(), &["--fail-unless", "v2 = v1"], 2);
    check_exit(folder.path(), &["--train", "test.jsonl"], 2);
    check_exit(folder.path(), &["--by", "message"], 2);
    check_exit(folder.path(), &["--humans", "nowhere.jsonl"], 2);
    let same = ["--model", "v3=predictions:v2.jsonl", "--fail-unless", "v3 > v2"];
    let unknown = check_exit(folder.path(), &same, 3);
    assert_eq!(String::from_utf8_lossy(&unknown.stderr), "noctriage: v3 > v2: too little data to tell\n");
}

#[test]
fn no_ticket_judges_that_was_trained_on_unless_somebody_accepts_it() {
    let folder = folder();
    let refused = check_exit(folder.path(), &["--model", "x=tfidf:test.jsonl"], 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("60 tickets that are to judge were trained on"));
    check_exit(folder.path(), &["--model", "x=tfidf:train.jsonl"], 0);
    check_exit(folder.path(), &["--model", "x=tfidf:test.jsonl", "--accept-leakage"], 0);
    let path = folder.path().join("test.jsonl");
    let text = fs::read_to_string(&path).unwrap().replace("\"as_of\"", "\"split\":\"train\",\"as_of\"");
    fs::write(&path, text).unwrap();
    let refused = check_exit(folder.path(), &[], 2);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is a training ticket"));
    check_exit(folder.path(), &["--accept-leakage"], 0);
}

#[test]
fn a_model_alone_proves_nothing_and_says_so() {
    let folder = folder();
    let output = evaluate(folder.path(), &["--model", "v2=predictions:v2.jsonl", "--require-baseline"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("No baseline"));
}

#[test]
fn a_bad_line_is_told_with_its_number_and_nothing_is_reported() {
    let folder = folder();
    let path = folder.path().join("v2.jsonl");
    let text = fs::read_to_string(&path).unwrap().replacen("\"severity\":\"", "\"severity\":\"very ", 1);
    fs::write(&path, text).unwrap();
    let output = check_exit(folder.path(), &[], 2);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty() && said.contains("v2.jsonl") && said.contains("line 1"), "{said}");
}

#[test]
fn the_bundled_models_are_evaluated_from_their_directories() {
    let folder = folder();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let named = |name: &str| format!("{name}={}", models.join(name).display());
    let arguments = ["--model", &named("tfidf"), "--json"];
    let refused = evaluate(folder.path(), &arguments);
    assert_eq!(refused.status.code(), Some(2), "tfidf is the name of a column that is always there");
    let arguments = ["--model", &named("base"), "--model", &named("v1"), "--json", "--ledger", "versions.jsonl"];
    let output = evaluate(folder.path(), &arguments);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let v1 = &report["answerers"][2];
    assert_eq!((v1["name"].as_str(), v1["answered"].as_u64()), (Some("v1"), Some(60)));
    assert!(v1["trust"]["brier"].is_number() && v1["latency_ms"]["ticket_in_batches"].is_number());
    assert!(v1["latency_ms"]["p50"].is_null(), "tickets of one batch have no times of their own");
    let ledger = fs::read_to_string(folder.path().join("versions.jsonl")).unwrap();
    let judged: Value = serde_json::from_str(ledger.trim()).unwrap();
    assert_eq!((&judged["name"], judged["model"].as_str().map(str::len)), (&json!("v1"), Some(12)));
}
