//! Partitions come and go: epochs, positions, views.

use crate::domain::stage::Stage;
use crate::kafka::fault::AbortCause;
use crate::policy::decided::{ActionKind, Outcome, Rule};
use crate::policy::view::WindowState;

use super::bench::{Bench, Life, Process, rebalance};
use super::broker::Fate;
use super::checker::{check, decisions};
use super::memory_log::GroupEvent;
use super::tickets::{produce, produce_revision};

#[test]
fn the_epoch_of_a_partition_rises_on_assignment_revocation_and_every_seek() {
    let bench = Bench::new(2, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 4);
    let mut life = bench.start();
    life.step().unwrap();
    let assigned = life.triage.epoch(0).unwrap();
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Rebalance));
    life.answer();
    life.step().unwrap();
    let sought = life.triage.epoch(0).unwrap();
    assert!(sought > assigned);
    let mut lives = [Some(life)];
    rebalance(&bench.broker, &mut lives, &[Some(0), Some(0)]);
    let [life] = &mut lives;
    let life = life.as_mut().unwrap();
    life.step().unwrap();
    assert!(life.triage.epoch(0).unwrap() > sought);
}

#[test]
fn a_revocation_with_batches_in_flight_leaves_their_records_to_the_next_owner() {
    let bench = Bench::new(2, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 30);
    let other = Process::new();
    let mut lives = [Some(bench.start()), Some(Life::start(&bench.broker, &other, 1, &bench.setup))];
    lives[0].as_mut().unwrap().step().unwrap();
    assert_eq!(lives[0].as_ref().unwrap().triage.batches_in_flight(), 2);
    rebalance(&bench.broker, &mut lives, &[Some(1), Some(0)]);
    // The first answers come before the revocation is heard: the transaction is of an older generation.
    let first = lives[0].as_mut().unwrap();
    first.answer();
    for _ in 0..200 {
        for life in lives.iter_mut().flatten() {
            life.answer();
            life.step().unwrap();
        }
        bench.broker.borrow().advance(std::time::Duration::from_millis(20));
    }
    let broker = bench.broker.borrow();
    assert!(broker.is_done());
    check(&broker);
    let writers = |partition: usize| -> std::collections::BTreeSet<String> {
        let headers = broker.decided(partition).map(|record| &record.headers);
        headers
            .map(|headers| crate::wire::transaction::TransactionHeader::of_record(headers).unwrap().instance)
            .collect()
    };
    assert!(writers(0).contains("member-1") && writers(1).contains("member-0"));
}

#[test]
fn a_transaction_of_an_older_generation_is_refused_and_its_records_are_read_by_the_new_owner() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    let mut life = bench.start();
    life.step().unwrap();
    life.answer();
    // The group has moved on and the member has not heard it yet.
    bench.broker.borrow_mut().owners = vec![Some(1)];
    bench.broker.borrow_mut().generation += 1;
    life.step().unwrap();
    assert_eq!((bench.broker.borrow().aborts, bench.broker.borrow().committed(0)), (1, 0));
}

#[test]
fn a_partial_revocation_reads_the_rest_of_the_batches_again() {
    let bench = Bench::new(2, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    let mut life = bench.start();
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 2);
    life.triage.log_mut().tell(GroupEvent::Revoked(vec![1]));
    life.answer();
    life.step().unwrap();
    assert_eq!(life.triage.log().notes.seeks, [[(0, 0)]]);
    assert_eq!(bench.broker.borrow().transactions, 0, "both batches covered the partition that went");
    for _ in 0..4 {
        life.step().unwrap();
        life.answer();
    }
    assert_eq!((bench.broker.borrow().committed(0), bench.broker.borrow().committed(1)), (8, 0));
    assert_eq!(life.triage.owned(), Some(1));
}

#[test]
fn an_assignment_in_the_middle_of_a_partition_goes_on_from_there() {
    let bench = Bench::new(1, Stage::Suggest, 3);
    produce(&mut bench.broker.borrow_mut(), 9);
    let mut first = bench.start();
    first.step().unwrap();
    first.answer();
    first.step().unwrap();
    assert_eq!(bench.broker.borrow().committed(0), 3);
    drop(first);
    let mut second = bench.start();
    bench.finish(&mut second);
    assert_eq!(second.triage.log().notes.delivered, 6);
    check(&bench.broker.borrow());
}

#[test]
fn what_another_member_decided_is_remembered_by_the_next_owner() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-1", 0, "link down");
    bench.run();
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-1", 0, "link down");
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-1", 1, "link down");
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    let outcomes: Vec<Outcome> = decisions(&broker, 0).iter().map(|decision| decision.outcome.0).collect();
    assert_eq!(outcomes, [Outcome::Decided, Outcome::Duplicate, Outcome::Unchanged]);
}

#[test]
fn a_commit_that_nobody_heard_is_not_done_again() {
    for (fate, committed) in [(Fate::LostApplied, 4), (Fate::LostUnapplied, 0), (Fate::Fenced, 0)] {
        let bench = Bench::new(1, Stage::AutoResolve, 4);
        produce(&mut bench.broker.borrow_mut(), 4);
        bench.broker.borrow_mut().script.push_back(fate);
        let mut life = bench.start();
        life.step().unwrap();
        life.answer();
        assert!(life.step().is_err(), "{fate:?} needs new clients");
        assert_eq!(bench.broker.borrow().committed(0), committed);
        drop(life);
        bench.run();
        check(&bench.broker.borrow());
    }
}

#[test]
fn nothing_is_automatic_in_a_partition_whose_view_is_incomplete() {
    let act = |window| {
        let bench = Bench::new(1, Stage::AutoResolve, 64);
        produce(&mut bench.broker.borrow_mut(), 64);
        let mut life = bench.start();
        life.triage.log_mut().tell(GroupEvent::Revoked(vec![0]));
        life.triage.log_mut().tell(GroupEvent::Assigned(vec![0], window));
        bench.finish(&mut life);
        let broker = bench.broker.borrow();
        check(&broker);
        let decided = decisions(&broker, 0);
        let is_auto = |action: ActionKind| matches!(action, ActionKind::Auto(_));
        let acted = decided.iter().filter(|decision| decision.action.is_some_and(|action| is_auto(action.0))).count();
        let refused = decided
            .iter()
            .filter(|decision| decision.rules.iter().any(|rule| rule == Rule::PartialWindow.as_str()))
            .count();
        (acted > 0, refused > 0)
    };
    assert_eq!(act(WindowState::Whole), (true, false));
    assert_eq!(act(WindowState::Partial), (false, true));
}

#[test]
fn a_record_of_a_partition_that_is_gone_is_not_decided() {
    let bench = Bench::new(2, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 2);
    let mut life = bench.start();
    life.step().unwrap();
    life.triage.log_mut().tell(GroupEvent::Revoked(vec![1]));
    life.step().unwrap();
    life.triage.log_mut().deliver(1, 0);
    for _ in 0..3 {
        life.step().unwrap();
        life.answer();
    }
    assert_eq!((bench.broker.borrow().committed(0), bench.broker.borrow().committed(1)), (2, 0));
}
