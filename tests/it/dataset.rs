//! From an export of a ticket system to what a trainer reads, through the program: import, split, check, mix, plan, export.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

fn noctriage(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_noctriage")).arg("dataset").args(arguments).output().unwrap()
}

/// The JSON report of a command that ends with this code.
#[track_caller]
fn report(code: i32, arguments: &[&str]) -> Value {
    let output = noctriage(&[arguments, &["--json"]].concat());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{arguments:?}: {error}; {errors}"))
}

/// What a command says on standard error when it ends with this code.
#[track_caller]
fn refused(code: i32, arguments: &[&str]) -> String {
    let output = noctriage(arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A number in letters: texts that differ in numbers alone are twins.
fn letters(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + u8::try_from(number % 26).unwrap()));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

/// A ServiceNow export of so many ended incidents, one an hour, every `each`th of them wireless.
fn export(path: &Path, incidents: usize, each: usize, salt: usize) {
    let mut csv =
        "number,sys_id,short_description,description,sys_created_on,priority,category,close_code,close_notes,state\n"
            .to_owned();
    for at in 0..incidents {
        let word = |factor: usize| letters(at * 7 + (salt + factor) * 131_071);
        let (category, priority) = if at % each == 0 { ("wireless", "2 - High") } else { ("routing", "4 - Low") };
        let (day, hour) = (at / 24, at % 24);
        let created = format!("2026-{:02}-{:02} {hour:02}:00:00", 1 + day / 28, 1 + day % 28);
        writeln!(
            csv,
            "INC{salt}{at:05},s{salt}{at},\"{} {}\",\"{},\n{}\",{created},{priority},{category},Fixed,the answer was {},7",
            word(1),
            word(2),
            word(3),
            word(4),
            word(5),
        )
        .unwrap();
    }
    fs::write(path, csv).unwrap();
}

struct Walk {
    folder: tempfile::TempDir,
}

impl Walk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Imported tickets of the desk of [`export`].
    fn imported(&self, name: &str, incidents: usize, each: usize, salt: usize) -> PathBuf {
        let (csv, out) = (self.path(&format!("{name}.csv")), self.path(&format!("{name}.jsonl")));
        export(&csv, incidents, each, salt);
        let settings = ["--preset", "servicenow", "--time-zone", "UTC", "--as-of", "created", "--out", shown(&out)];
        let found = report(0, &[["import", shown(&csv)].as_slice(), &settings].concat());
        assert_eq!((&found["tickets"], &found["refused"]), (&json!(incidents), &json!(0)));
        out
    }
}

#[test]
fn a_walk_from_an_export_to_training_files_keeps_test_tickets_out_and_answers_hidden() {
    let walk = Walk::new();
    let history = walk.imported("history", 700, 25, 1);
    let live = walk.imported("live", 200, 4, 2);
    let imported = fs::read_to_string(&history).unwrap();
    assert!(!imported.contains("the answer was") && !imported.contains("\"native\":\"4 - Low\""));

    let sets = walk.path("sets");
    let [train, test] = ["train.jsonl", "test.jsonl"].map(|name| sets.join(name));
    let settings = ["--test", "20", "--validation", "50", "--test-mix", shown(&live), "--into", shown(&sets)];
    let split = report(0, &[["split", shown(&history)].as_slice(), &settings].concat());
    assert_eq!((&split["places"]["test"], &split["places"]["validation"]), (&json!(20), &json!(50)));
    let wireless = |path: &Path| lines(path).iter().filter(|row| row["ticket"]["category"] == "wireless").count();
    assert_eq!(wireless(&test), 5, "a quarter, as live");
    let created = |row: &Value| row["ticket"]["created_at"].as_str().unwrap().to_owned();
    let oldest = lines(&test).iter().map(created).min();
    assert!(lines(&train).iter().all(|row| Some(created(row)) < oldest && row["split"] == "train"));

    let check = report(0, &["check", "--test", shown(&test), "--train", shown(&train)]);
    assert_eq!(check["overlap"]["test_tickets"], 0);

    let mix = report(1, &["mix", "--train", shown(&train), "--live", shown(&live)]);
    let slice = &mix["mixes"][0]["rows"][1];
    assert_eq!((&slice["value"], &slice["standing"]), (&json!("wireless"), &json!("under-represented")));

    let weights = walk.path("plan.json");
    let settings = ["--live", shown(&live), "--copies-max", "20", "--manifest", shown(&weights)];
    let plan = report(0, &[["plan", "--train", shown(&train)].as_slice(), &settings].concat());
    assert_eq!(plan["slices"][0]["slice"], "wireless");

    let out = walk.path("training");
    let validation = sets.join("validation.jsonl");
    let files = ["export", shown(&train), shown(&validation), shown(&history), "--test", shown(&test)];
    let settings = ["--weights", shown(&weights), "--into", shown(&out)];
    let manifest = report(0, &[files.as_slice(), &settings].concat());
    let tests: Vec<Value> = lines(&test).iter().map(|row| row["ticket"]["ticket_id"].clone()).collect();
    let rows = lines(&out.join("train.jsonl"));
    assert!(rows.iter().all(|row| !tests.contains(&row["ticket_id"])));
    // The history holds the test tickets once more: every one of them was kept out.
    assert_eq!(manifest["choices"]["test_same_id"], 20);
    let share = |slice: &str| manifest["training_by_slice"][slice].as_f64().unwrap();
    assert!(share("wireless") > 0.1 * share("routing"), "{}", manifest["training_by_slice"]);
    assert!(rows.iter().any(|row| row["weight"].as_u64() > Some(1)));
    assert!(rows[0]["text"].as_str().unwrap().starts_with("reported none ; "), "{}", rows[0]);
}

#[test]
fn a_test_set_that_stands_in_training_is_found_pair_by_pair() {
    let walk = Walk::new();
    let history = walk.imported("history", 60, 4, 1);
    let twin = walk.path("twin.jsonl");
    let mut rows = lines(&history);
    rows.truncate(3);
    rows[1]["ticket"]["ticket_id"] = json!("OTHER1");
    rows[2]["ticket"]["ticket_id"] = json!("OTHER2");
    rows[2]["ticket"]["title"] = json!(rows[2]["ticket"]["title"].as_str().unwrap().to_uppercase());
    rows[2]["as_of"] = json!("unknown");
    let printed: Vec<String> = rows.iter().map(ToString::to_string).collect();
    fs::write(&twin, printed.join("\n")).unwrap();
    let found = report(1, &["check", "--test", shown(&twin), "--train", shown(&history)]);
    let pairs = found["overlap"]["pairs"].as_array().unwrap();
    let kinds: Vec<&str> = pairs.iter().map(|pair| pair["likeness"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["same_id", "same_text", "same_words"]);
    assert_eq!((&pairs[1]["test"], &pairs[1]["train"]), (&json!("OTHER1"), &json!("INC100001")));
    assert_eq!(found["leakage"]["tickets"]["as_of_unknown"], json!(["OTHER2"]));
}

#[test]
fn the_eighth_version_spends_a_test_set() {
    let walk = Walk::new();
    let (test, train) = (walk.imported("test", 30, 4, 1), walk.imported("train", 30, 4, 9));
    let ledger = walk.path("versions.jsonl");
    let files = ["check", "--test", shown(&test), "--train", shown(&train), "--ledger", shown(&ledger)];
    let digest = report(0, &files)["test"]["digest"].as_str().unwrap().to_owned();
    let mut judged = String::new();
    for version in 1..=8 {
        let line = json!({
            "schema": "noctriage.version/v1", "name": format!("v{version}"), "test_set": &digest[..12],
            "right": 24, "of": 30, "macro_f1": 0.8,
        });
        writeln!(judged, "{line}").unwrap();
        fs::write(&ledger, &judged).unwrap();
        let found = report(i32::from(version == 8), &files);
        assert_eq!((&found["spent"]["versions"], &found["spent"]["is_spent"]), (&json!(version), &json!(version == 8)));
    }
}

#[test]
fn every_row_that_is_refused_is_named_with_its_line_and_the_others_are_imported() {
    let walk = Walk::new();
    let (csv, out) = (walk.path("a.csv"), walk.path("a.jsonl"));
    fs::write(
        &csv,
        "id,text,when,sev\nT1,\"two\nlines\",2026-01-05T08:00:00Z,P1\nT2,x,2026-01-05T08:00:00Z,Sev-9\nT3,x,never,P4\n",
    )
    .unwrap();
    let fields = ["--field", "ticket_id=/id", "--field", "title=/text", "--field", "created_at=/when"];
    let settings = ["--label-severity", "/sev", "--out", shown(&out)];
    let found = report(1, &[["import", shown(&csv)].as_slice(), &fields, &settings].concat());
    assert_eq!(found["unmapped_words"], json!({ "Sev-9": 1 }));
    let numbers: Vec<&Value> = found["faults"].as_array().unwrap().iter().map(|fault| &fault["line"]).collect();
    assert_eq!(numbers, [4, 5]);
    assert_eq!(lines(&out)[0]["label"]["severity"], "critical");
    let errors = refused(2, &[["import", shown(&csv)].as_slice(), &fields, &settings].concat());
    assert!(errors.contains("exists"), "{errors}");
}

#[test]
fn a_field_that_is_known_only_later_is_refused() {
    let walk = Walk::new();
    let csv = walk.path("a.csv");
    fs::write(&csv, "id,close_notes,sev\nT1,x,P1\n").unwrap();
    let fields = ["--field", "ticket_id=/id", "--field", "title=/close_notes", "--label-severity", "/sev"];
    let errors =
        refused(2, &[["import", shown(&csv)].as_slice(), &fields, &["--out", shown(&walk.path("o"))]].concat());
    assert!(errors.contains("/close_notes, which is known only after triage"), "{errors}");
}

#[test]
fn the_plan_of_the_owner_needs_no_file() {
    let numbers =
        ["plan", "--tickets", "500", "--have", "wireless=20", "--target", "wireless=22.5%", "--added", "wireless=100"];
    let found = report(1, &numbers);
    let wireless = &found["slices"][0];
    assert_eq!((&wireless["add"], &wireless["share_with_added"]), (&json!(120), &json!(0.2)));
    assert_eq!((&wireless["still_missing"], &wireless["beyond_copies_max"]), (&json!(20), &json!(40)));
    let seven = report(0, &[numbers.as_slice(), &["--copies-max", "7"]].concat());
    assert_eq!((&seven["slices"][0]["copies_least"], &seven["slices"][0]["copies_most"]), (&json!(7), &json!(7)));
}

#[test]
fn too_few_tickets_for_a_split_are_too_little_data() {
    let walk = Walk::new();
    let history = walk.imported("history", 60, 4, 1);
    let errors = refused(3, &["split", shown(&history), "--test", "50", "--into", shown(&walk.path("sets"))]);
    assert!(errors.contains("60 groups of near-duplicates: too few for 100"), "{errors}");
    assert!(!walk.path("sets").exists());
}

#[test]
fn chat_messages_follow_the_card_and_end_with_its_word_for_the_severity() {
    let walk = Walk::new();
    let (train, test) = (walk.imported("train", 30, 4, 1), walk.imported("test", 30, 4, 9));
    let card = walk.path("card.toml");
    fs::write(
        &card,
        "[severity]\nlabels = [\"P4\", \"P3\", \"P2\", \"P1\"]\n\
         map = { P1 = \"critical\", P2 = \"high\", P3 = \"medium\", P4 = \"low\" }\n\
         [chat]\nanswer = \"{severity}, {root_cause}\"\n\
         [[chat.messages]]\nrole = \"user\"\ncontent = \"{category}: {title}\"\n",
    )
    .unwrap();
    let out = walk.path("training");
    let files = ["export", shown(&train), "--test", shown(&test), "--format", "chat", "--card", shown(&card)];
    report(0, &[files.as_slice(), &["--into", shown(&out)]].concat());
    let first = &lines(&out.join("train.jsonl"))[0]["messages"];
    assert!(first[0]["content"].as_str().unwrap().starts_with("wireless: "), "{first}");
    assert_eq!(first[1], json!({ "role": "assistant", "content": "P2, Fixed" }));
}
