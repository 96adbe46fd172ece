//! `noctriage model list` and `model diff`: what the ledger of versions says.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::anyhow;
use serde_json::json;

use crate::cli::evaluate::ledger;
use crate::cli::{CommandResult, EXIT_OK, Failure};
use crate::evaluation::data::uses::{Spent, spent};
use crate::evaluation::document::words::rate;
use crate::evaluation::document::{Document, terminal};
use crate::evaluation::ledger::{Change, Entry, Group, changes, groups, latest};

/// Arguments of `model list`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// The ledger that `evaluate --ledger` writes.
    #[arg(long, value_name = "FILE", default_value = "versions.jsonl")]
    ledger: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Arguments of `model diff`.
#[derive(Debug, clap::Args)]
pub struct DiffArguments {
    /// The version before.
    before: String,
    /// The version after.
    after: String,
    /// The ledger that `evaluate --ledger` writes.
    #[arg(long, value_name = "FILE", default_value = "versions.jsonl")]
    ledger: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `model list`.
pub fn list(arguments: &ListArguments) -> CommandResult {
    let entries = ledger::read(&arguments.ledger)?;
    if arguments.json {
        let rows: Vec<_> = entries.iter().map(as_json).collect();
        println!("{:#}", json!({ "versions": rows }));
    } else {
        print!("{}", terminal::rendered(&listed(&entries)));
    }
    Ok(EXIT_OK)
}

fn as_json(entry: &Entry) -> serde_json::Value {
    json!({
        "name": entry.name,
        "training_tickets": entry.data.as_ref().map(|data| data.tickets),
        "test_set": entry.test_set,
        "right": entry.right.hits,
        "of": entry.right.of,
        "macro_f1": entry.macro_f1,
        "against": entry.against.as_ref().map(|against| &against.name),
        "gain": entry.against.as_ref().map(|against| against.gain.as_str()),
    })
}

fn listed(entries: &[Entry]) -> Document {
    let mut document = Document::default();
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
            vec![
                entry.name.clone(),
                or_dash(entry.data.as_ref().map(|data| data.tickets.to_string())),
                entry.test_set.clone(),
                rate(entry.right),
                or_dash(entry.macro_f1.map(|value| format!("{value:.3}"))),
                or_dash(
                    entry.against.as_ref().map(|one| format!("{}: {}", one.name, one.gain.as_str().replace('_', " "))),
                ),
            ]
        })
        .collect();
    if rows.is_empty() {
        document.text("No version has been judged yet: `noctriage evaluate … --ledger versions.jsonl`.".to_owned());
    }
    document.table(&["version", "training tickets", "test set", "right (95 %)", "macro-F1", "gain over"], rows);
    let test_sets: BTreeSet<&str> = entries.iter().map(|entry| entry.test_set.as_str()).collect();
    for test_set in test_sets {
        let found = spent(entries, test_set);
        if found.is_spent() {
            let Spent { versions, .. } = found;
            document.warning(format!(
                "Test set {test_set} is spent: {versions} versions were judged on it, and the best of so many is lucky. Take \
                 new test tickets."
            ));
        }
    }
    document
}

/// Runs `model diff`.
pub fn diff(arguments: &DiffArguments) -> CommandResult {
    let DiffArguments { before, after, ledger: path, json } = arguments;
    let entries = ledger::read(path)?;
    let find = |name: &str| {
        latest(&entries, name).ok_or_else(|| Failure::usage(anyhow!("{}: no version `{name}`", path.display())))
    };
    let (before, after) = (find(before)?, find(after)?);
    let changes = changes(&entries, before, after);
    if *json {
        let rows = changes.iter().map(|change| {
            json!({
                "group": change.group.map(Group::as_str),
                "what": change.what,
                "before": change.before,
                "after": change.after,
            })
        });
        println!("{:#}", json!({ "before": before.name, "after": after.name, "changes": rows.collect::<Vec<_>>() }));
    } else {
        print!("{}", terminal::rendered(&compared(before, after, &changes)));
    }
    Ok(EXIT_OK)
}

fn compared(before: &Entry, after: &Entry, changes: &[Change]) -> Document {
    let mut document = Document::default();
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
    let rows = changes.iter().map(|change| {
        let what =
            change.group.map_or_else(|| change.what.clone(), |group| format!("{}: {}", group.as_str(), change.what));
        vec![what, or_dash(&change.before), or_dash(&change.after)]
    });
    document.table(&["what", "before", "after"], rows.collect());
    let groups: Vec<&str> = groups(changes).into_iter().map(Group::as_str).collect();
    document.text(match groups.as_slice() {
        [] if !changes.is_empty() => "Neither data nor hyperparameters nor approach changed.".to_owned(),
        [] => "Nothing that the ledger knows has changed.".to_owned(),
        [one] => format!("Only {one} changed: a gain, if it is shown, is theirs."),
        several => {
            format!(
                "{} changed at once: nobody can say which of them helped. Change one at a time.",
                several.join(" and ")
            )
        }
    });
    if changes.iter().any(|change| change.group.is_none()) {
        document.text(
            "Both come from one base: another parent is no other approach, and what it alone does to the score is not told \
             apart."
                .to_owned(),
        );
    }
    let right = |entry: &Entry| format!("{} on test set {}", rate(entry.right), entry.test_set);
    document.list(vec![format!("{}: {}", before.name, right(before)), format!("{}: {}", after.name, right(after))]);
    if before.test_set == after.test_set {
        document.text("Whether one is better is said ticket by ticket: `noctriage evaluate` with both.".to_owned());
    } else {
        document.warning("They were judged on different test sets: the two scores cannot be compared.".to_owned());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::data::uses::VERSIONS_MAX;
    use crate::evaluation::ledger::PARENT;
    use crate::wire::version;

    fn entry(name: &str, tickets: u64, rate: &str) -> Entry {
        let line = format!(
            r#"{{"schema":"noctriage.version/v1","name":"{name}","test_set":"t","right":38,"of":50,"macro_f1":0.5,
            "data":{{"tickets":{tickets},"digest":"d{tickets}","by":"category","counts":{{}}}},
            "hyperparameters":{{"learning_rate":"{rate}"}}}}"#
        );
        version::read(&line).unwrap()
    }

    #[test]
    fn two_groups_changed_at_once_let_nobody_say_which_helped() {
        let (v1, v2, v3) = (entry("v1", 500, "2e-5"), entry("v2", 600, "2e-5"), entry("v3", 700, "1e-5"));
        let said =
            |before: &Entry, after: &Entry| terminal::rendered(&compared(before, after, &changes(&[], before, after)));
        assert!(said(&v1, &v2).contains("Only data changed"));
        assert!(said(&v2, &v3).contains("data and hyperparameters changed at once"));
        assert!(said(&v1, &v1).contains("Nothing that the ledger knows has changed"));
    }

    #[test]
    fn another_parent_of_the_same_base_is_shown_and_is_of_no_group() {
        let from = |name: &str, tickets, parent: &str| {
            let mut entry = entry(name, tickets, "2e-5");
            entry.approach.insert(PARENT.to_owned(), parent.to_owned());
            entry
        };
        let (v1, v2, v3) = (from("v1", 500, "base"), from("v2", 600, "v1"), from("v3", 600, "v2"));
        let ledger = [v1.clone(), v2.clone()];
        let said = |before: &Entry, after: &Entry| {
            terminal::rendered(&compared(before, after, &changes(&ledger, before, after)))
        };
        for part in ["\nparent ", "Only data changed", "Both come from one base"] {
            assert!(said(&v1, &v2).contains(part), "{part}");
        }
        assert!(said(&v2, &v3).contains("Neither data nor hyperparameters nor approach changed"));
        let other = said(&v1, &from("v4", 500, "large-bert"));
        assert!(other.contains("approach: parent") && !other.contains("one base"), "{other}");
    }

    #[test]
    fn a_test_set_on_which_many_versions_were_judged_is_spent() {
        let entries: Vec<Entry> = (0..VERSIONS_MAX).map(|at| entry(&format!("v{at}"), 500, "a")).collect();
        assert!(terminal::rendered(&listed(&entries)).contains("is spent: 8 versions"));
        assert!(!terminal::rendered(&listed(&entries[1..])).contains("is spent"));
        assert!(terminal::rendered(&listed(&[])).contains("No version"));
    }
}
