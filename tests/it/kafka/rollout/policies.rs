//! Instances whose policy files differ: what one has earned, another does not do.

use super::desk::{DEADLINE, Desk, EARNED, Instance, newest_map, stage};
use crate::support::broker::broker;
use crate::support::checker::Isolation;

/// `one` leads, and only then the other is started.
fn desk_led_by_one(test: &str, one: &str, two: &str) -> Option<Desk> {
    let instance = |name, more: &str| Instance { more: more.to_owned(), ..Instance::plain(name) };
    let mut desk = Desk::on(broker(test)?, &[instance("one", one), instance("two", two)]);
    // It has led before, to write its map.
    let led_ms = desk.last_renewal().map(|(_, appended_ms)| appended_ms);
    desk.instances[0].start();
    desk.instances[0].wait_ready();
    desk.broker.wait("one leads", DEADLINE, |_| desk.last_renewal().map(|(_, appended_ms)| appended_ms) > led_ms);
    desk.instances[1].start();
    desk.instances[1].wait_ready();
    desk.broker.wait("both own partitions", DEADLINE, |_| {
        desk.instances.iter().all(|instance| instance.partitions().is_some_and(|count| count > 0))
    });
    desk.wait_automatic();
    desk.feed_acting(60);
    desk.wait_decided();
    Some(desk)
}

/// Both decide, one acts, and the decisions of the other say why they do not.
#[track_caller]
fn assert_only_one_acts(desk: &Desk) {
    let [one, two] = &desk.instances[..] else { unreachable!("two instances were made") };
    let commands = desk.broker.read("commands", Isolation::Committed);
    assert!(commands.iter().any(|command| one.wrote(command)), "{}", desk.logs());
    assert!(!commands.iter().any(|command| two.wrote(command)), "{}", desk.logs());
    let decisions = desk.broker.read("decisions", Isolation::Committed);
    let said = decisions.iter().filter(|decision| two.wrote(decision)).map(|decision| decision.json()["rules"].clone());
    let why: Vec<_> =
        said.filter(|rules| rules.as_array().is_some_and(|rules| rules.contains(&"grant_mismatch".into()))).collect();
    assert!(why.len() > 5, "{why:?}\n{}", desk.logs());
    assert!(two.said("nothing is automatic here") >= 1, "{}", two.log());
    assert_eq!(one.said("nothing is automatic here"), 0, "{}", one.log());
}

fn revision(desk: &Desk) -> u64 {
    newest_map(&desk.broker).unwrap()["rollout_revision"].as_u64().unwrap()
}

#[test]
fn an_instance_with_another_eligibility_acts_on_nothing_and_as_leader_takes_the_stage_back() {
    let other = EARNED.replace("high_cap = 1.0", "high_cap = 0.9");
    let Some(mut desk) = desk_led_by_one("policy-eligibility", EARNED, &other) else { return };
    assert_only_one_acts(&desk);
    assert_eq!(stage(&desk.broker), "auto_triage");

    // What was earned on other tickets is shown, not done: the new leader says so in the trail.
    let before = revision(&desk);
    desk.instances[0].kill();
    desk.wait_renewal_of(|place| place == 1, DEADLINE);
    desk.broker.wait("the stage is taken back", DEADLINE, |broker| stage(broker) == "suggest");
    let trail = desk.broker.read("transitions", Isolation::Committed);
    let last =
        trail.iter().map(crate::support::broker::Record::json).rfind(|one| one["kind"] == "reconfigured").unwrap();
    assert_eq!((&last["leader"], &last["cause"]), (&"two".into(), &"eligibility_changed".into()), "{last}");
    assert!(revision(&desk) > before);
    desk.instances[0].start();
    desk.instances[0].wait_ready();
    desk.wait_map_followed();
    desk.assert_nothing_automatic(40);

    // The leadership goes back, and with it the eligibility. Nothing comes back with it.
    desk.instances[1].kill();
    desk.wait_renewal_of(|place| place == 0, DEADLINE);
    desk.instances[1].start();
    desk.instances[1].wait_ready();
    desk.assert_nothing_automatic(40);
    assert_eq!(stage(&desk.broker), "suggest");
    // Nor does the state swing while both are there: only a change of the leader moves it.
    let stands = revision(&desk);
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(revision(&desk), stands);
    desk.assert_clean();
}

#[test]
fn an_instance_with_a_lower_threshold_than_was_earned_acts_on_nothing() {
    let grid = |threshold: &str| {
        EARNED.replace("threshold_grid = [0.3]", "threshold_grid = [0.2, 0.3]").replace("threshold = 0.3\n", threshold)
    };
    let (earned, lower) = (grid("threshold = 0.3\n"), grid("threshold = 0.2\n"));
    assert!(earned != lower && earned.contains("[0.2, 0.3]"));
    let Some(mut desk) = desk_led_by_one("policy-threshold", &earned, &lower) else { return };
    assert_only_one_acts(&desk);
    // As leader it takes nothing away, and grants itself nothing.
    desk.instances[0].kill();
    desk.wait_renewal_of(|place| place == 1, DEADLINE);
    desk.assert_nothing_automatic(40);
    assert_eq!(stage(&desk.broker), "auto_triage");
    desk.instances[0].start();
    desk.instances[0].wait_ready();
    desk.wait_automatic();
    assert_only_one_acts(&desk);
    desk.assert_clean();
}
