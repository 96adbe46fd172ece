//! A batch that is decided while the one before it commits.

use std::sync::Arc;
use std::time::Duration;

use crate::admin::socket::LocalAsk;
use crate::clock::Clock;
use crate::daemon::standing::Standing;
use crate::domain::stage::Stage;
use crate::domain::time::UtcMillis;
use crate::kafka::fault::AbortCause;
use crate::policy::decided::Outcome;
use crate::rollout::control::{Halts, Signature};
use crate::wire::output::OutputTopic;

use super::bench::{Bench, Life};
use super::broker::Fate;
use super::checker::{check, decisions, equal_part};
use super::tickets::{produce, produce_revision};

/// Every ticket twice, a second revision that says nothing new and a third that does: whoever decides a record must know of
/// the one before, which mostly lies in the batch before.
fn repeated(bench: &Bench) {
    let mut broker = bench.broker.borrow_mut();
    for (revision, title) in [(0, "low link down"), (0, "low link down"), (1, "low link down"), (2, "link down again")]
    {
        for ticket in 0..9 {
            produce_revision(&mut broker, 0, &format!("T-{ticket}"), revision, &format!("{title} {ticket}"));
        }
    }
}

/// All that a run writes; answers come in before the batch ahead of theirs commits, or only after it.
fn written(stage: Stage, is_answered_at_once: bool) -> (Vec<String>, usize) {
    let bench = Bench::new(1, stage, 7);
    repeated(&bench);
    let mut life = bench.start();
    let mut decided_ahead = 0;
    while !bench.broker.borrow().is_done() {
        if is_answered_at_once {
            life.answer();
        } else {
            life.answer_oldest();
        }
        life.step().unwrap();
        decided_ahead += usize::from(life.triage.has_decided_ahead());
    }
    let broker = bench.broker.borrow();
    check(&broker);
    let records = OutputTopic::ALL.into_iter().flat_map(|topic| broker.read(topic));
    (records.map(|record| equal_part(record).to_string()).collect(), decided_ahead)
}

#[test]
fn a_batch_decided_ahead_is_decided_as_it_is_afterwards() {
    for stage in Stage::ALL {
        let ((ahead, times), (afterwards, never)) = (written(stage, true), written(stage, false));
        assert_eq!(ahead, afterwards, "{stage:?}");
        assert_eq!(never, 0);
        assert!(times > 0 || stage > Stage::Suggest, "{stage:?}: {times}");
    }
}

#[test]
fn what_was_decided_ahead_of_an_abort_is_decided_again() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    {
        let mut broker = bench.broker.borrow_mut();
        for _ in 0..2 {
            for ticket in 0..4 {
                produce_revision(&mut broker, 0, &format!("T-{ticket}"), 0, "link down");
            }
        }
        broker.script.push_back(Fate::Aborts(AbortCause::Rebalance));
    }
    let mut life = bench.start();
    life.step().unwrap();
    life.answer();
    life.step().unwrap();
    assert!(!life.triage.has_decided_ahead(), "the duplicates rest on a batch that was aborted");
    bench.finish(&mut life);
    let broker = bench.broker.borrow();
    check(&broker);
    let outcomes: Vec<Outcome> = decisions(&broker, 0).iter().map(|decision| decision.outcome.0).collect();
    assert_eq!(outcomes, [[Outcome::Decided; 4], [Outcome::Duplicate; 4]].concat());
}

/// A bench whose second batch is answered when the first one commits, and that first commit.
fn first_commit(stage: Stage, clock: &Clock) -> (Bench, Arc<Standing>) {
    let mut bench = Bench::new(1, stage, 8);
    let standing = Arc::new(Standing::fixed(clock.clone()));
    bench.setup.standing = Arc::clone(&standing);
    produce(&mut bench.broker.borrow_mut(), 16);
    (bench, standing)
}

fn commit_the_first(life: &mut Life<'_>) {
    life.step().unwrap();
    life.answer();
    life.step().unwrap();
}

#[test]
fn what_is_automatic_is_decided_right_before_its_transaction() {
    let (bench, standing) = first_commit(Stage::AutoTriage, &Clock::Real);
    let mut life = bench.start();
    commit_the_first(&mut life);
    let commands = bench.broker.borrow().read(OutputTopic::Commands).len();
    assert!(commands > 0 && !life.triage.has_decided_ahead());
    let signed = Signature::try_new("mira", "fibre cut").unwrap();
    standing.obey(LocalAsk::Halt(signed)).unwrap();
    bench.finish(&mut life);
    assert_eq!(bench.broker.borrow().read(OutputTopic::Commands).len(), commands, "halted before the second batch");
    check(&bench.broker.borrow());
}

#[test]
fn a_decision_made_ahead_is_good_for_a_second() {
    for (waited_ms, is_used) in [(1_000_u32, true), (1_001, false)] {
        let clock = Clock::manual(UtcMillis(0));
        let (bench, standing) = first_commit(Stage::Suggest, &clock);
        standing.set_halts(Halts::default());
        let mut life = bench.start();
        commit_the_first(&mut life);
        assert!(life.triage.has_decided_ahead());
        let decided_at = bench.broker.borrow().now();
        bench.broker.borrow().advance(Duration::from_millis(waited_ms.into()));
        clock.advance_ms(waited_ms);
        bench.finish(&mut life);
        let last = decisions(&bench.broker.borrow(), 0).pop().unwrap();
        assert_eq!(last.decided_at().0 == decided_at, is_used, "after {waited_ms} ms");
    }
}
