//! A halt while hundreds of commands are published and not carried out: it stops those as well.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::desk::{DEADLINE, Desk, commands_at, stage};
use crate::support::checker::Isolation;
use crate::support::checker::automation::REACH_MS;
use crate::support::writeback::{Refused, Writeback};

const PUBLISHED: usize = 500;
/// Carried out before somebody halts.
const BEFORE_HALT: usize = 30;

/// Published and not carried out when the map takes the stage away.
const NOT_PERMITTED_MIN: usize = 20;

/// How long one action takes: hundreds of them are still waiting when the halt arrives, on a slow machine too.
const AN_ACTION: Duration = Duration::from_millis(40);

/// Carries out what waits, or refuses it.
fn work(writeback: &mut Writeback, executed: &AtomicUsize) {
    while writeback.step() {
        if executed.swap(writeback.executed_ms.len(), Ordering::AcqRel) < writeback.executed_ms.len() {
            std::thread::sleep(AN_ACTION);
        }
    }
}

#[test]
fn five_seconds_after_a_halt_none_of_five_hundred_published_commands_is_carried_out() {
    let Some(mut desk) = Desk::open("halt-published", "") else { return };
    desk.wait_automatic();
    let mut writeback = Writeback::open(&desk.broker);
    let until = Instant::now() + DEADLINE;
    // A batch in a moment without a lease, or right after a rebalance, does not act.
    while writeback.take() < PUBLISHED {
        assert!(Instant::now() < until, "{}", desk.decided());
        desk.feed_acting(PUBLISHED / 2);
        desk.wait_decided();
    }

    // It works off while somebody halts, and tickets go on arriving.
    let executed = AtomicUsize::new(0);
    let halted_ms = std::thread::scope(|scope| {
        let worker = scope.spawn(|| work(&mut writeback, &executed));
        let until = Instant::now() + DEADLINE;
        while executed.load(Ordering::Acquire) < BEFORE_HALT {
            assert!(
                Instant::now() < until && !worker.is_finished(),
                "{} carried out",
                executed.load(Ordering::Acquire)
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        desk.feed_acting(50);
        desk.say(0, &["halt", "--reason", "firmware wave", "--who", "mira"]);
        desk.feed_acting(50);
        let halt = desk.broker.read("control", Isolation::Committed).pop().unwrap();
        worker.join().unwrap();
        halt.appended_ms
    });
    desk.wait_decided();
    writeback.work_off();
    let late: Vec<&i64> = writeback.executed_ms.iter().filter(|at| **at > halted_ms + REACH_MS).collect();
    assert_eq!(late, Vec::<&i64>::new(), "halted at {halted_ms}");
    let last_ms = writeback.executed_ms.last().map_or(0, |at| at - halted_ms);
    println!(
        "{} carried out, the last {last_ms} ms after the halt; {:?}",
        writeback.executed_ms.len(),
        writeback.refused
    );
    // It was the halt that stopped them, and it stopped most of them.
    assert_eq!(writeback.refused.keys().collect::<Vec<_>>(), [&Refused::Halted]);
    assert!(writeback.refused[&Refused::Halted] > PUBLISHED / 2, "{:?}", writeback.refused);
    let published = commands_at(&desk.broker);
    let last_ms = published.iter().max().map_or(0, |at| at - halted_ms);
    println!("{} published, the last {last_ms} ms after the halt", published.len());
    assert!(last_ms <= REACH_MS, "{last_ms} ms after the halt");
    desk.assert_clean();

    // Lifted, the next ones are carried out; what a map takes away is not, nor what was good until a while ago.
    desk.say(0, &["resume", "--reason", "vendor has mended it", "--who", "mira"]);
    desk.wait_automatic();
    let before = writeback.executed_ms.len();
    writeback.work_off();
    assert!(writeback.executed_ms.len() > before, "{:?}", writeback.refused);
    let until = Instant::now() + DEADLINE;
    while writeback.take() < NOT_PERMITTED_MIN {
        assert!(Instant::now() < until, "{}", desk.decided());
        desk.feed_acting(NOT_PERMITTED_MIN);
        desk.wait_decided();
    }
    assert!(writeback.would_be(0).iter().all(Result::is_ok));
    let six_minutes = 6 * 60_000;
    assert!(writeback.would_be(six_minutes).iter().all(|judged| *judged == Err(Refused::Expired)));
    desk.say(0, &["rollout", "step-back", "rest", "--reason", "new templates", "--who", "mira"]);
    assert_eq!(stage(&desk.broker), "suggest");
    let before = writeback.executed_ms.len();
    writeback.work_off();
    assert_eq!(writeback.executed_ms.len(), before);
    assert!(writeback.refused[&Refused::NotPermitted] >= NOT_PERMITTED_MIN, "{:?}", writeback.refused);
    desk.assert_clean();
}
