//! Another model acts, and then the first one again.

use serde_json::Value;

use super::desk::{DEADLINE, Desk, EARNED, Instance, newest_map};
use crate::support::broker::Record;
use crate::support::checker::Isolation;
use crate::support::daemon::production_copy;

/// The version of the model whose answer acts in the newest decision that has one.
fn acting(desk: &Desk) -> Option<String> {
    let decisions = desk.broker.read("decisions", Isolation::Committed);
    decisions.iter().max_by_key(|record| record.appended_ms).map(Record::json).and_then(|decision| {
        let answers = decision["basis"]["answers"].as_array()?.clone();
        let acting = answers.into_iter().find(|answer| answer["role"] == "acting")?;
        Some(acting["version"].as_str()?.to_owned())
    })
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
    let half = EARNED.replace("evidence_later = 0.01", "evidence_later = 0.5");
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
    std::thread::sleep(std::time::Duration::from_secs(1));
    desk.assert_nothing_automatic(40);
    assert_eq!(acting(&desk).as_deref(), Some("candidate"), "{}", desk.decided());
    let after = accounts(&newest_map(&desk.broker).unwrap());
    assert_eq!(after, before, "no account moves to another model");

    let said = desk.say(1, &["model", "switch", "demo-tfidf@acting", "--reason", "it does not", "--who", "mira"]);
    assert!(said.contains("switched"), "{said}");
    desk.broker
        .wait("the first one is back", DEADLINE, |broker| newest_map(broker).is_some_and(|map| names(&map, "acting")));
    std::thread::sleep(std::time::Duration::from_secs(1));
    desk.assert_nothing_automatic(40);
    assert_eq!(acting(&desk).as_deref(), Some("acting"), "{}", desk.decided());
    desk.assert_clean();
}
