//! The demo as a newcomer meets it: the built program, no Kafka, no configuration, no terminal.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn demo(arguments: &[&str], temporary: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_noctriage"));
    command.arg("demo").args(arguments).env("TMPDIR", temporary).current_dir(temporary).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    let temporary = tempfile::tempdir().unwrap();
    let output = demo(arguments, temporary.path()).output().unwrap();
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0, "the demo left files behind");
    output
}

#[track_caller]
fn said(output: &Output) -> String {
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{said}\n{errors}");
    assert_eq!(errors, "", "the screen is not disturbed");
    said.into_owned()
}

/// The summary without line breaks inside a row.
fn summary(said: &str) -> String {
    let from = said.find(" records in ").map(|at| said[..at].rfind('\n').unwrap()).expect("there is a summary");
    said[from..].replace("\n                ", " ")
}

/// The numbers of a row, by name.
fn row(summary: &str, label: &str) -> Vec<(String, u64)> {
    let line = summary.lines().find(|line| line.starts_with(label)).expect("the row is there");
    let items = line[label.len()..].split(',').filter_map(|item| item.trim().rsplit_once(' '));
    items.map(|(name, number)| (name.trim().to_owned(), number.parse().unwrap())).collect()
}

fn number(row: &[(String, u64)], name: &str) -> u64 {
    row.iter().find(|(found, _)| found == name).map_or(0, |(_, number)| *number)
}

#[test]
fn a_bounded_demo_ends_by_itself_and_every_record_has_one_outcome() {
    let said = said(&run(&["--tickets", "60", "--seconds", "300"]));
    for part in [
        "Every ticket here is simulated",
        "it proves nothing about exactly-once",
        "joining the consumer group",
        "60 records in ",
        "60 outcomes: none missing, none twice",
        "nothing, and no command: shadow",
        "same severity as the engineers",
        "source severity",
        "TF-IDF",
    ] {
        assert!(said.contains(part), "`{part}` is not in\n{said}");
    }
    let summary = summary(&said);
    let outcomes = row(&summary, "outcomes");
    assert_eq!(outcomes.iter().map(|(_, count)| count).sum::<u64>(), 60, "{outcomes:?}");
    let said_of_decided: u64 = row(&summary, "model says").iter().map(|(_, count)| count).sum();
    assert_eq!(said_of_decided, number(&outcomes, "decided"), "the model answers every drawn ticket");
    let dead_letters: u64 = row(&summary, "dead letters").iter().map(|(_, count)| count).sum();
    assert_eq!(dead_letters, number(&outcomes, "dead letter"), "every dead letter has its class");
}

#[test]
fn ones_own_tickets_are_read_from_a_file_and_bad_lines_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("tickets.jsonl");
    let ticket = |id: &str, title: &str| {
        format!(
            r#"{{"schema":"noctriage.ticket/v1","ticket_id":"{id}","title":"{title}","created_at":"2026-01-05T06:00:00Z"}}"#
        )
    };
    let lines = [ticket("INC-1", "router unreachable"), "no json".into(), String::new(), ticket("INC-2", "link flaps")];
    fs::write(&path, lines.join("\n")).unwrap();
    let said = said(&run(&["--tickets-from", path.to_str().unwrap()]));
    let outcomes = row(&summary(&said), "outcomes");
    assert_eq!((number(&outcomes, "decided"), number(&outcomes, "dead letter")), (2, 1), "{said}");
    assert!(said.contains("line 2 is no ticket: not_json"), "{said}");
    assert!(said.contains("no verdicts: these are your tickets"), "{said}");
    assert!(!said.to_lowercase().contains("simulated"), "{said}");
}

#[test]
fn control_c_ends_it_with_the_summary_and_success() {
    let temporary = tempfile::tempdir().unwrap();
    let mut child =
        demo(&["--rate", "50"], temporary.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    // The second line of figures: by then tickets are on their way.
    while said.lines().filter(|line| line.contains(", in flight ")).count() < 2 {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "it ended by itself:\n{said}");
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    output.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains("stopped by hand") && said.contains("none missing, none twice"), "{said}");
}

#[track_caller]
fn check_refused(arguments: &[&str], code: i32, part: &str) {
    let output = run(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{errors}");
    assert!(errors.contains(part), "{errors}");
}

#[test]
fn what_cannot_be_shown_is_refused_with_its_name() {
    check_refused(&["--tickets-from", "no/such/file.jsonl"], 2, "no/such/file.jsonl: the tickets cannot be read");
    check_refused(&["--tickets", "0"], 2, "--tickets");
    check_refused(&["--rate", "NaN"], 2, "above 0");
    check_refused(&["--model", "no-model-here"], 78, "no-model-here");
    check_refused(&["--log", "no/such/folder/log"], 2, "no/such/folder/log: the log cannot be written");
}
