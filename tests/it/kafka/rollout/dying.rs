//! An instance dies while a slice acts: with all of its commands at the broker and none committed, and right behind the commit,
//! before it knows of it; and then whoever leads. The checker judges what is left.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use super::desk::{DEADLINE, Desk, EARNED, Instance};
use crate::support::checker::Isolation;

/// Where the instance dies, and at which pass: not before it acts, for which a renewal of the lease must have been read.
const DEATHS: [&str; 2] = ["all_acknowledged=kill@20", "after_commit=kill@20"];
/// Tickets written for each death, of which most act; more come until the instance dies.
const TICKETS_A_DEATH: usize = 200;
const TICKETS_MORE: usize = 50;

/// Writes tickets, a few at a time, until the instance acts; it may die of the last ones.
fn wait_acts(desk: &mut Desk, place: usize) {
    let acted = |desk: &Desk| {
        let commands = desk.broker.read("commands", Isolation::Committed);
        commands.iter().filter(|command| desk.instances[place].wrote(command)).count()
    };
    let (before, until) = (acted(desk), Instant::now() + DEADLINE);
    while acted(desk) == before && desk.instances[place].partitions().is_some() {
        assert!(Instant::now() < until, "it does not act\n{}", desk.logs());
        desk.feed_acting(4);
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Writes tickets until the instance has died of what it was armed with, and starts it again with the next.
fn die(desk: &mut Desk, place: usize, death: &str, next: Option<&str>) {
    desk.broker
        .wait("it takes tickets", DEADLINE, |_| desk.instances[place].partitions().is_some_and(|count| count > 0));
    wait_acts(desk, place);
    desk.feed_acting(TICKETS_A_DEATH * 4 / 5);
    desk.feed(TICKETS_A_DEATH / 5);
    let until = Instant::now() + DEADLINE;
    let mut fed_at = Instant::now();
    let status = loop {
        if let Some(status) = desk.instances[place].ended() {
            break status;
        }
        assert!(Instant::now() < until, "{death}: it lives\n{}", desk.logs());
        if fed_at.elapsed() > Duration::from_secs(1) {
            desk.feed_acting(TICKETS_MORE);
            fed_at = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(25));
    };
    let died_there = desk.instances[place].log_end().contains("failpoint: killed here");
    assert!(status.signal() == Some(9) && died_there, "{death}: {status}\n{}", desk.logs());
    if let Some(next) = next {
        desk.instances[place].arm(next);
    }
    desk.instances[place].start();
    desk.instances[place].wait_ready();
}

/// How many commands each decision that acts has, by what is committed.
fn commands_of_decisions(desk: &Desk) -> BTreeMap<String, usize> {
    let id = |value: &serde_json::Value| value["decision_id"].as_str().unwrap().to_owned();
    let decisions = desk.broker.read("decisions", Isolation::Committed).into_iter().map(|record| record.json());
    let acts = decisions.filter(|decision| decision["action"] == "auto_triage");
    let mut of: BTreeMap<String, usize> = acts.map(|decision| (id(&decision), 0)).collect();
    for command in desk.broker.read("commands", Isolation::Committed) {
        *of.entry(id(&command.json())).or_default() += 1;
    }
    of
}

#[test]
fn instances_that_die_while_they_act_lose_and_double_no_command_and_write_none_without_lease_and_permit() {
    // Small batches: many transactions, and commands in each of them.
    let more = format!("{EARNED}[triage]\nbatch_records_max = 8\n");
    let instance = |name, failpoints| Instance { name, more: more.clone(), failpoints };
    let Some(mut desk) = Desk::open_with("dies-acting", &[instance("one", DEATHS[0]), instance("two", "")]) else {
        return;
    };
    let started = Instant::now();
    for (number, death) in DEATHS.iter().enumerate() {
        die(&mut desk, 0, death, DEATHS.get(number + 1).copied());
    }
    // Whoever leads dies in the midst of it, and with it the one that renews the lease.
    let leader = desk.leader();
    desk.feed_acting(TICKETS_A_DEATH);
    desk.instances[leader].kill();
    desk.feed_acting(TICKETS_A_DEATH);
    desk.wait_renewal_of(|place| place != leader, DEADLINE);
    desk.wait_decided();

    let of = commands_of_decisions(&desk);
    let wrong: Vec<_> = of.iter().filter(|(_, commands)| **commands != 1).collect();
    assert_eq!(wrong, Vec::<(&String, &usize)>::new(), "{}", desk.logs());
    let [committed, all] =
        [Isolation::Committed, Isolation::Uncommitted].map(|isolation| desk.broker.read("commands", isolation).len());
    println!(
        "{} tickets, {committed} commands committed and {} left behind by deaths; {:.0} s",
        desk.written,
        all - committed,
        started.elapsed().as_secs_f64()
    );
    assert_eq!(committed, of.len());
    assert!(
        committed > TICKETS_A_DEATH && all > committed,
        "{committed} of {all}: no death met a command\n{}",
        desk.logs()
    );
    desk.assert_clean();
}
