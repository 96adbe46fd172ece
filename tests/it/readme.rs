//! README.md and ARCHITECTURE.md say what is so: generated tables, closed words, commands, keys, files, tests, bounds.
//!
//! `make tables` writes the generated tables; without it they are compared.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use noctriage::config::{ReferenceRow, keys, reference_rows};
use noctriage::metrics::catalogue;
use noctriage::policy::decided::{Outcome, ReviewReason, Rule};
use noctriage::wire::intake::{self, DeadLetterClass, Intake, IntakeSettings, RawRecord};

const WRITE: &str = "NOCTRIAGE_WRITE_TABLES";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The text between two lines, and what stands before and after it.
#[track_caller]
fn between<'text>(text: &'text str, begin: &str, end: &str) -> (&'text str, &'text str, &'text str) {
    let (before, rest) = text.split_once(begin).unwrap_or_else(|| panic!("no line {begin}"));
    let (inside, after) = rest.split_once(end).unwrap_or_else(|| panic!("no line {end}"));
    (before, inside, after)
}

fn configuration_table() -> String {
    let row = |row: &ReferenceRow| {
        let ReferenceRow { key, default, unit, range, clock, is_live, meaning } = row;
        let default = if default.is_empty() { String::new() } else { format!("`{default}`") };
        let clock = if clock.is_empty() { String::new() } else { format!("{clock} time") };
        let facts = [range, *unit, &clock].into_iter().filter(|fact| !fact.is_empty());
        let facts = facts.collect::<Vec<_>>().join("; ");
        let live = if *is_live { "yes" } else { "" };
        format!("| `{key}` | {default} | {facts} | {live} | {meaning} |\n")
    };
    let head = "| key | default | range; unit; clock | reload | meaning |\n| --- | --- | --- | --- | --- |\n";
    reference_rows().iter().fold(head.to_owned(), |table, next| table + &row(next))
}

fn rules_table() -> String {
    let head = "| rule | it fired because |\n| --- | --- |\n".to_owned();
    Rule::ALL.iter().fold(head, |table, rule| table + &format!("| `{}` | {} |\n", rule.as_str(), rule.meaning()))
}

#[test]
fn the_readme_lists_exactly_the_metrics_keys_and_rules_there_are() {
    let tables = [("metrics", catalogue::table()), ("configuration", configuration_table()), ("rules", rules_table())];
    let mut readme = read("README.md");
    for (name, table) in tables {
        let begin = format!("<!-- {name}: written by `make tables` -->\n");
        let end = format!("<!-- end of {name} -->");
        let (before, listed, after) = between(&readme, &begin, &end);
        if std::env::var_os(WRITE).is_some() {
            readme = [before, &begin, &table, &end, after].concat();
        } else {
            assert_eq!(listed, table, "run `make tables`");
        }
    }
    if std::env::var_os(WRITE).is_some() {
        // Other tests read the file meanwhile: it is there whole or not at all.
        let new = path("README.md.new");
        fs::write(&new, readme).unwrap();
        fs::rename(&new, path("README.md")).unwrap();
    }
}

/// First cells of the table below a heading, without their quotes.
fn first_cells(document: &str, heading: &str) -> Vec<String> {
    let (_, section, _) = between(document, &format!("\n{heading}\n"), "\n#");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| row.split_once('`')).map(|(word, _)| word.to_owned()).collect()
}

#[test]
fn the_words_of_outcomes_reviews_and_dead_letters_are_those_of_the_program() {
    let readme = read("README.md");
    assert_eq!(first_cells(&readme, "### Outcomes"), Outcome::ALL.map(Outcome::as_str));
    assert_eq!(first_cells(&readme, "### Reasons for review"), ReviewReason::ALL.map(ReviewReason::as_str));
    assert_eq!(first_cells(&readme, "### Dead letters"), DeadLetterClass::ALL.map(DeadLetterClass::as_str));
}

/// Lines of the blocks of code of one language.
fn code_lines<'text>(document: &'text str, language: &str) -> Vec<&'text str> {
    let fence = format!("```{language}");
    let mut lines = Vec::new();
    let mut is_inside = false;
    for line in document.lines() {
        if line.starts_with("```") {
            is_inside = !is_inside && line == fence;
        } else if is_inside {
            lines.push(line);
        }
    }
    lines
}

#[test]
fn every_command_of_the_readme_exists_with_its_options() {
    let readme = read("README.md");
    let mut commands = 0;
    for line in code_lines(&readme, "sh") {
        let Some(line) = line.strip_prefix("noctriage ") else { continue };
        let line = line.split('#').next().unwrap_or_default();
        let is_word = |word: &&str| {
            !word.starts_with('-') && word.chars().all(|letter| letter == '-' || letter.is_ascii_lowercase())
        };
        let words: Vec<&str> = line.split_whitespace().take_while(is_word).collect();
        let answer = Command::new(env!("CARGO_BIN_EXE_noctriage")).args(&words).arg("--help").output().unwrap();
        let help = String::from_utf8(answer.stdout).unwrap();
        assert!(answer.status.success(), "noctriage {line}: {}", String::from_utf8_lossy(&answer.stderr));
        for option in line.split_whitespace().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{option} ")) || help.contains(&format!("{option}\n")), "noctriage {line}");
        }
        commands += 1;
    }
    assert!(commands >= 8, "{commands} commands are too few to be all of them");
}

#[test]
fn the_scores_of_the_readme_are_those_of_the_card() {
    let card: toml::Table = read("models/demo/v1/model.toml").parse().unwrap();
    let scores = |set: &str| card["scores"][set].clone();
    let count = |row: &toml::Value, key: &str| grouped(row[key].as_integer().unwrap());
    let readme = read("README.md");
    for (set, heading) in [("desk", "### On tickets of the simulated desk"), ("public", "### On public texts")] {
        let (_, section, _) = between(&readme, &format!("\n{heading}\n"), "\n#");
        let named = [
            ("majority", "always the commonest severity"),
            ("source", "the source's own severity"),
            ("tfidf", "TF-IDF"),
            ("base", "base"),
            ("v1", "version 1"),
            ("tfidf_trained_on_public", "TF-IDF trained on such texts"),
        ];
        for (name, title) in named {
            let scores = scores(set);
            let Some(row) = scores.get(name) else { continue };
            let percent = row["accuracy"].as_float().unwrap() * 100.0;
            let expected = format!(
                "| {title} | {} of {} ({percent:.1} %) | {} of {} |",
                count(row, "right"),
                count(row, "of"),
                count(row, "critical_found"),
                count(row, "critical_of"),
            );
            assert!(section.contains(&expected), "{heading}: no row {expected}");
        }
    }
}

/// A number with commas between its thousands.
fn grouped(number: i64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", grouped(number / 1_000), number % 1_000) }
}

#[test]
fn the_ticket_of_the_readme_is_a_ticket() {
    let readme = read("README.md");
    let tickets = code_lines(&readme, "json");
    assert!(!tickets.is_empty());
    for ticket in tickets {
        let record = RawRecord { value: Some(ticket.as_bytes().to_vec()), ..RawRecord::default() };
        let read = intake::read(&record, &IntakeSettings::default());
        assert!(matches!(read, Intake::Ticket(_)), "{ticket}: {read:?}");
    }
}

/// Everything between single back quotes, outside blocks of code.
fn quoted(document: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_inside_block = false;
    for line in document.lines() {
        if line.starts_with("```") {
            is_inside_block = !is_inside_block;
        } else if !is_inside_block {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

#[test]
fn every_key_that_the_documents_name_exists() {
    const SECTIONS: [&str; 10] =
        ["kafka.", "source.", "model.", "policy.", "rollout.", "triage.", "admin.", "log.", "verdicts.", "notify."];
    for document in ["README.md", "ARCHITECTURE.md"] {
        for word in quoted(&read(document)) {
            let is_name = word.chars().all(|letter| matches!(letter, 'a'..='z' | '_' | '.' | '*' | '[' | ']'));
            let is_file = [".toml", ".safetensors", ".yml", ".rs"].iter().any(|ending| word.ends_with(ending));
            if is_name && !is_file && SECTIONS.iter().any(|section| word.starts_with(section)) {
                let is_section = keys::KEYS.iter().any(|key| key.name.starts_with(&format!("{word}.")));
                assert!(is_section || keys::find(&word).is_some(), "{document}: no key `{word}`");
            }
        }
    }
}

/// All Rust code of the project.
fn code() -> String {
    fn add(folder: &Path, code: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                add(&path, code);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut code = String::new();
    for folder in ["src", "tests"] {
        add(&path(folder), &mut code);
    }
    code
}

#[test]
fn every_file_that_the_documents_name_exists() {
    const FOLDERS: [&str; 9] =
        ["src/", "tests/", "config/", "systemd/", "dashboards/", "models/", "training/", "schemas/", "docs/"];
    for document in ["README.md", "ARCHITECTURE.md"] {
        for word in quoted(&read(document)) {
            if FOLDERS.iter().any(|folder| word.starts_with(folder)) && !word.contains(['*', ' ', '…']) {
                assert!(path(&word).exists(), "{document}: no file `{word}`");
            }
        }
    }
}

#[test]
fn the_map_names_every_folder_of_the_source() {
    let architecture = read("ARCHITECTURE.md");
    let named = quoted(&architecture);
    for entry in fs::read_dir(path("src")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(named.contains(&format!("src/{name}")), "ARCHITECTURE.md does not name src/{name}");
    }
}

#[test]
fn every_test_that_the_architecture_names_exists() {
    let architecture = read("ARCHITECTURE.md");
    let (_, invariants, _) = between(&architecture, "\n## Invariants\n", "\n## ");
    let code = code();
    let is_test = |word: &String| {
        word.matches('_').count() >= 3 && word.chars().all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
    };
    let tests: Vec<String> = quoted(invariants).into_iter().filter(is_test).collect();
    assert!(tests.len() >= 15, "{tests:?}");
    for test in tests {
        assert!(code.contains(&format!("fn {test}(")), "ARCHITECTURE.md names a test `{test}`, and there is none");
    }
}

#[test]
fn every_bound_that_the_architecture_names_has_that_value() {
    let architecture = read("ARCHITECTURE.md");
    let code = code();
    let mut bounds = 0;
    for word in quoted(&architecture) {
        let Some((name, value)) = word.split_once(" = ") else { continue };
        if !name.chars().all(|letter| letter == '_' || letter.is_ascii_uppercase()) {
            let default = keys::find(name).and_then(|key| key.default);
            assert_eq!(default, Some(value), "ARCHITECTURE.md: default of `{name}`");
            continue;
        }
        let declaration = format!("const {name}: ");
        let values: Vec<&str> = code
            .split(&declaration)
            .skip(1)
            .filter_map(|rest| rest.split_once(';'))
            .filter_map(|(declaration, _)| declaration.split_once(" = "))
            .map(|(_, value)| value)
            .collect();
        assert!(values.contains(&value), "ARCHITECTURE.md: `{word}`, and the code says {values:?}");
        bounds += 1;
    }
    assert!(bounds >= 5, "{bounds} bounds are too few to be all of them");
}
