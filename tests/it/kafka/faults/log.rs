//! One log of 20,000 tickets, two instances, and every fault of an instance while it is consumed.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use noctriage::failpoints::POINTS;

use super::run::{Run, seed};
use crate::support::broker::broker;
use crate::support::daemon::{Card, Timers};

const TICKETS: usize = 20_000;
const PARTITIONS: i32 = 4;
/// Each of the ten points kills this often.
const ROUNDS: usize = 3;
/// Tickets written for each death: some twenty transactions of the instance that is to die.
const TICKETS_A_DEATH: usize = 400;
const ABORTS: usize = 20;
const REBALANCES: usize = 5;

#[test]
fn twenty_thousand_tickets_survive_every_death_abort_and_rebalance() {
    let Some(broker) = broker("fault-log") else { return };
    let mut random = fastrand::Rng::with_seed(seed("fault log", 1));
    let timers = (Card::ZeroCost, Timers::SHORT);
    let mut run = Run::prepare("fault log", broker, &["one", "two", "three"], PARTITIONS, timers);
    run.daemons[0].start();
    run.daemons[1].start();
    wait_for_owners(&mut run, 2);
    deaths(&mut run, &mut random);
    aborts(&mut run, &mut random);
    reload_between_abort_and_replay(&mut run);
    rebalances(&mut run);
    let rest = TICKETS - run.fed;
    run.feed(rest);
    let report = run.finish();
    assert_eq!(report.decided, TICKETS);
    assert!(report.outcomes["duplicate"] > 100 && report.outcomes["unchanged"] > 100, "{:?}", report.outcomes);
    assert!(report.leftovers.len() > ABORTS, "no fault met an open transaction: {:?}", report.leftovers);
}

/// Waits until so many instances share all partitions.
#[track_caller]
fn wait_for_owners(run: &mut Run, owners: usize) {
    run.wait(&format!("{owners} instances share {PARTITIONS} partitions"), |run| {
        let owned: Vec<usize> = run.daemons.iter().filter_map(crate::support::daemon::Daemon::partitions).collect();
        owned.iter().filter(|count| **count > 0).count() == owners && owned.iter().sum::<usize>() == PARTITIONS as usize
    });
}

/// Every point kills in every round, one instance in the first half, the other in the second; every other one of the dead
/// stays away until the survivor has taken over.
fn deaths(run: &mut Run, random: &mut fastrand::Rng) {
    let mut points: Vec<&str> = POINTS[..10].iter().map(|(name, _)| *name).cycle().take(10 * ROUNDS).collect();
    random.shuffle(&mut points);
    let half = points.len() / 2;
    for (number, point) in points.into_iter().enumerate() {
        let victim = usize::from(number >= half);
        if number == half && !run.daemons[0].is_running() {
            run.daemons[0].start();
        }
        if run.daemons[victim].is_running() {
            run.daemons[victim].signal("TERM");
            let status = run.wait_end(victim, "stopping");
            assert!(status.success(), "{}", run.daemons[victim].log_end());
        }
        let pass = match point {
            "after_poll" | "mid_batch" => random.u64(1..100),
            "during_drain" => 1,
            _ => random.u64(1..6),
        };
        run.daemons[victim].arm(&format!("{point}=kill@{pass}"));
        run.daemons[victim].start();
        let mut ended = None;
        run.wait("it takes tickets, or died of those that were left", |run| {
            ended = run.daemons[victim].ended();
            ended.is_some() || run.daemons[victim].partitions().is_some_and(|count| count > 0)
        });
        if number % 2 == 0 {
            run.feed(TICKETS_A_DEATH);
        } else {
            run.feed_in_transactions(TICKETS_A_DEATH);
        }
        if point == "during_drain" {
            run.daemons[victim].signal("TERM");
        }
        let status = match ended {
            Some(status) => status,
            None => wait_death(run, victim, &format!("death at {point}, pass {pass}")),
        };
        let died_there = run.daemons[victim].log_end().contains("failpoint: killed here");
        assert!(status.signal() == Some(9) && died_there, "{point}: {status}\n{}", run.daemons[victim].log_end());
        run.check_after(&format!("kill -9 {point}"));
        if number % 2 == 1 {
            run.wait_all_decided();
            run.check_after("taken over by the other");
        }
    }
    for daemon in &mut run.daemons[..2] {
        if !daemon.is_running() {
            daemon.start();
        }
    }
    run.wait_all_decided();
}

/// The survivor may have taken more than its share of what was written: a little more is written until the point is reached.
#[track_caller]
fn wait_death(run: &mut Run, victim: usize, what: &str) -> ExitStatus {
    let mut ended = None;
    let mut fed_at = Instant::now();
    run.wait(what, |run| {
        ended = run.daemons[victim].ended();
        if ended.is_none() && fed_at.elapsed() > Duration::from_secs(2) && run.fed < TICKETS / 2 + 4_000 {
            run.feed(100);
            fed_at = Instant::now();
        }
        ended.is_some()
    });
    ended.unwrap()
}

/// Aborts in a living process, before the offsets and between offsets and commit, until twenty of them had a second batch
/// behind them.
fn aborts(run: &mut Run, random: &mut fastrand::Rng) {
    let mut times =
        || (0..ABORTS).map(|_| format!("{}*off->1*return", random.u32(1..7))).collect::<Vec<_>>().join("->");
    let (before, after) = (times(), times());
    let asked = format!("abort_before_offsets={before};abort_after_offsets={after};aborted_with_two_in_flight=note@1");
    run.daemons[0].signal("TERM");
    let status = run.wait_end(0, "stopping");
    assert!(status.success(), "{}", run.daemons[0].log_end());
    run.daemons[0].arm(&asked);
    run.daemons[0].start();
    wait_for_owners(run, 2);
    let mut checked = 0;
    while checked < ABORTS {
        assert!(run.fed < TICKETS - 3_000, "{checked} aborts with a batch behind them\n{}", run.daemons[0].log_end());
        run.feed(300);
        run.wait_all_decided();
        let now = run.daemons[0].said("aborted_with_two_in_flight");
        for _ in checked..now {
            *run.faults.entry("abort with two batches in flight".into()).or_default() += 1;
        }
        checked = now;
        run.check_after("a row of aborts");
    }
}

/// The thread waits between the abort and the seek until the reload has been taken; the replay is decided by the new ruling.
fn reload_between_abort_and_replay(run: &mut Run) {
    run.daemons[0].signal("TERM");
    let status = run.wait_end(0, "stopping");
    assert!(status.success(), "{}", run.daemons[0].log_end());
    run.daemons[0].arm("abort_after_offsets=4*off->1*return;before_seek=hold@1");
    run.daemons[0].start();
    wait_for_owners(run, 2);
    run.feed_in_transactions(500);
    run.wait("held between abort and replay", |run| run.daemons[0].said("failpoint: held here") == 1);
    let config = fs::read_to_string(run.daemons[0].config()).unwrap();
    fs::write(run.daemons[0].config(), format!("{config}[policy]\ncritical_cut_off = 0.02\n")).unwrap();
    run.daemons[0].signal("HUP");
    run.wait("reloaded", |run| run.daemons[0].said("reloaded") == 1);
    fs::write(run.daemons[0].release(), "").unwrap();
    run.wait_all_decided();
    let log = run.daemons[0].log();
    let at = |text: &str| log.rfind(text).unwrap_or_else(|| panic!("no `{text}` in\n{log}"));
    assert!(at("transaction aborted") < at("held here") && at("held here") < at("reloaded"), "{log}");
    assert!(at("reloaded") < at("released"), "{log}");
    run.check_after("reload between abort and replay");
}

/// A third instance joins under load and is stopped again; being a static member, it is missed after a session timeout.
fn rebalances(run: &mut Run) {
    for _ in 0..REBALANCES {
        run.feed(150);
        run.daemons[2].start();
        run.feed(150);
        wait_for_owners(run, 3);
        run.check_after("an instance joins");
        run.feed(150);
        run.daemons[2].signal("TERM");
        run.feed_in_transactions(60);
        let status = run.wait_end(2, "stopping");
        assert!(status.success(), "{}", run.daemons[2].log_end());
        wait_for_owners(run, 2);
        run.wait_all_decided();
        run.check_after("an instance leaves");
    }
}
