//! Another model acts, and then the first one again: because a person asks, or because the other one was wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde_json::Value;

use super::desk::{DEADLINE, Desk, Instance, earned_drawn, newest_map};
use crate::support::broker::Broker;
use crate::support::checker::Isolation;
use crate::support::checker::automation::REACH_MS;
use crate::support::daemon::production_copy;

/// The version of the model whose answer acts in the newest decision that has one.
fn acting(desk: &Desk) -> Option<String> {
    let decisions = desk.broker.read("decisions", Isolation::Committed);
    let answered = decisions.iter().filter_map(|record| {
        let decision = record.json();
        let acting = decision["basis"]["answers"].as_array()?.iter().find(|answer| answer["role"] == "acting")?.clone();
        Some((record.appended_ms, acting["version"].as_str()?.to_owned()))
    });
    answered.max().map(|(_, version)| version)
}

/// Every account, as the version of its model and its own text.
fn accounts(map: &Value) -> Vec<(String, String)> {
    let accounts = map["state"]["slices"][0]["accounts"].as_array().unwrap();
    accounts
        .iter()
        .map(|account| (account["basis"]["model"]["version"].as_str().unwrap().to_owned(), account.to_string()))
        .collect()
}

#[test]
fn a_candidate_that_is_switched_to_acts_on_accounts_of_its_own_and_the_first_one_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let candidate = production_copy("tfidf", Some("candidate"), folder.path());
    // In shadow, where a model that has earned nothing begins, drawn tickets alone are predicted.
    let half = earned_drawn("0.5");
    let more = format!("candidates = [\"{}\"]\n{half}", candidate.display());
    let instances = ["one", "two"].map(|name| Instance { more: more.clone(), ..Instance::plain(name) });
    let Some(mut desk) = Desk::open_with("model-switch", &instances) else { return };
    desk.wait_automatic();
    desk.decide(40);
    assert_eq!(acting(&desk).as_deref(), Some("acting"), "{}", desk.decided());
    let before = accounts(&newest_map(&desk.broker).unwrap());
    // Each model gathers on accounts of its own, from the day on which it is loaded.
    let of = |accounts: &[(String, String)], model: &str| accounts.iter().filter(|(of, _)| of == model).count();
    assert_eq!((of(&before, "acting"), of(&before, "candidate")), (3, 3), "{before:?}");

    let told = desk
        .say(0, &["model", "switch", "demo-tfidf@candidate", "--dry-run", "--reason", "only looking", "--who", "mira"]);
    println!("{told}");
    let said = desk
        .say(0, &["model", "switch", "demo-tfidf@candidate", "--reason", "it reads wireless better", "--who", "mira"]);
    assert!(said.contains("switched"), "{said}");
    let names = |map: &Value, model: &str| map["state"]["basis"]["model"]["version"] == model;
    desk.broker
        .wait("the map names it", DEADLINE, |broker| newest_map(broker).is_some_and(|map| names(&map, "candidate")));
    // It has earned nothing, so nothing acts; what the first one has gathered stays its own.
    desk.wait_map_followed();
    desk.assert_nothing_automatic(40);
    assert_eq!(acting(&desk).as_deref(), Some("candidate"), "{}", desk.decided());
    let after = accounts(&newest_map(&desk.broker).unwrap());
    assert_eq!(after, before, "no account moves to another model");

    let said = desk.say(1, &["model", "switch", "demo-tfidf@acting", "--reason", "it does not", "--who", "mira"]);
    assert!(said.contains("switched"), "{said}");
    desk.broker
        .wait("the first one is back", DEADLINE, |broker| newest_map(broker).is_some_and(|map| names(&map, "acting")));
    desk.wait_map_followed();
    desk.assert_nothing_automatic(40);
    assert_eq!(acting(&desk).as_deref(), Some("acting"), "{}", desk.decided());
    desk.assert_clean();
}

/// Whether the map names this version as acting.
fn acts(broker: &Broker, version: &str) -> bool {
    newest_map(broker).is_some_and(|map| map["state"]["basis"]["model"]["version"] == version)
}

/// A command, and by which version of the model its decision acts.
struct Acted {
    appended_ms: i64,
    ticket: String,
    slice: String,
    version: String,
    instance: String,
}

/// Every command, in the order in which they were appended.
fn acted(desk: &Desk) -> Vec<Acted> {
    let version_of = |decision: &Value| {
        let answers = decision["basis"]["answers"].as_array()?;
        answers.iter().find(|answer| answer["role"] == "acting")?["version"].as_str().map(str::to_owned)
    };
    let decisions = desk.broker.read("decisions", Isolation::Committed).into_iter().map(|record| record.json());
    let versions: BTreeMap<String, Option<String>> = decisions
        .map(|decision| (decision["decision_id"].as_str().unwrap().to_owned(), version_of(&decision)))
        .collect();
    let commands = desk.broker.read("commands", Isolation::Committed).into_iter().map(|record| {
        let command = record.json();
        let text = |field: &str| command[field].as_str().unwrap().to_owned();
        let instance = desk.instances.iter().find(|instance| instance.wrote(&record)).unwrap();
        Acted {
            appended_ms: record.appended_ms,
            ticket: text("ticket_id"),
            slice: text("slice"),
            version: versions[command["decision_id"].as_str().unwrap()].clone().unwrap(),
            instance: instance.instance.clone(),
        }
    });
    let mut acted: Vec<Acted> = commands.collect();
    acted.sort_by_key(|one| one.appended_ms);
    acted
}

/// Decides tickets until both instances have acted with this version since an instant.
#[track_caller]
fn wait_both_act_with(desk: &mut Desk, version: &str, since_ms: i64) {
    let until = Instant::now() + DEADLINE;
    loop {
        desk.feed_acting(40);
        desk.wait_decided();
        let acted = acted(desk);
        let by: BTreeSet<&str> = acted
            .iter()
            .filter(|one| one.version == version && one.appended_ms > since_ms)
            .map(|one| one.instance.as_str())
            .collect();
        if by.len() == desk.instances.len() {
            return;
        }
        assert!(Instant::now() < until, "{by:?} act with {version}: {}\n{}", desk.decided(), desk.logs());
    }
}

#[test]
fn a_breach_soon_after_a_switch_lets_the_model_before_act_again_and_no_command_is_the_candidates_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let candidate = production_copy("tfidf", Some("candidate"), folder.path());
    // A candidate is known once it has answered drawn tickets.
    let tenth = earned_drawn("0.1");
    let more = format!(
        "candidates = [\"{}\"]\n{tenth}[[slices]]\nname = \"wireless\"\ncategory = [\"wireless\"]\n",
        candidate.display()
    );
    let instances = ["one", "two"].map(|name| Instance { more: more.clone(), ..Instance::plain(name) });
    let Some(mut desk) = Desk::open_with("swapped-back", &instances) else { return };
    desk.categories = &["wireless", "systems"];
    wait_both_act_with(&mut desk, "acting", 0);
    desk.say(0, &["model", "switch", "demo-tfidf@candidate", "--reason", "it reads wireless better", "--who", "mira"]);
    desk.broker.wait("the candidate acts", DEADLINE, |broker| acts(broker, "candidate"));
    // As if it had earned what the first one has: a candidate that has earned nothing begins in shadow.
    desk.grant_again();
    wait_both_act_with(&mut desk, "candidate", 0);

    desk.wait_evidence_read();
    // Somebody calls a ticket critical that it has acted on, and a second person does too.
    let of_rest = |one: &&Acted| one.slice == "rest" && one.version == "candidate";
    let wrong = acted(&desk).iter().rfind(of_rest).unwrap().ticket.clone();
    let critical = |desk: &Desk, who: &str, kind: &str| {
        let stated = ["--severity", "critical", "--reviewer", who, "--kind", kind, "--reason", "customers are cut off"];
        desk.say(0, &[&["verdicts", "add", &wrong][..], &stated].concat());
    };
    let is_last = |broker: &Broker, kind: &str| {
        broker.read("transitions", Isolation::Committed).last().is_some_and(|last| last.json()["kind"] == kind)
    };
    critical(&desk, "jane.doe", "triage");
    desk.broker.wait("a second person is asked", DEADLINE, |broker| is_last(broker, "suspended"));
    critical(&desk, "john.roe", "second_reading");
    desk.broker.wait("the first one is back", DEADLINE, |broker| is_last(broker, "swapped_back"));
    let swapped = desk.broker.read("transitions", Isolation::Committed).pop().unwrap();
    let last = swapped.json();
    assert_eq!(last["cause"], "confirmed", "{last}");
    assert!(acts(&desk.broker, "acting"));
    let stages: BTreeMap<String, String> = newest_map(&desk.broker).unwrap()["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["slice"].as_str().unwrap().to_owned(), entry["stage"].as_str().unwrap().to_owned()))
        .collect();
    // The slice that was breached shows what it did; the other one goes on with what the first model had earned.
    assert_eq!((stages["rest"].as_str(), stages["wireless"].as_str()), ("suggest", "auto_triage"));
    // What the candidate did and nobody has looked at goes to people, in the slice that was breached.
    let again = desk.broker.read("review", Isolation::Committed).into_iter().map(|record| record.json());
    let again: BTreeSet<String> = again
        .filter(|item| item["reason"] == "recheck")
        .map(|item| item["ticket_id"].as_str().unwrap().to_owned())
        .collect();
    let unseen: BTreeSet<String> =
        acted(&desk).iter().filter(of_rest).map(|one| one.ticket.clone()).filter(|ticket| *ticket != wrong).collect();
    assert_eq!(again, unseen, "{}", desk.logs());

    wait_both_act_with(&mut desk, "acting", swapped.appended_ms);
    let late: Vec<String> = acted(&desk)
        .into_iter()
        .filter(|one| one.appended_ms > swapped.appended_ms + REACH_MS)
        .filter(|one| one.version == "candidate" || one.slice == "rest")
        .map(|one| one.ticket)
        .collect();
    assert_eq!(late, Vec::<String>::new(), "{}", desk.logs());
    desk.assert_clean();
}
