//! A batch that keeps being aborted: halved down to the one record that cannot be written.

use std::time::Duration;

use crate::domain::stage::Stage;
use crate::kafka::fault::AbortCause;
use crate::policy::decided::{Outcome, ReviewReason, ReviewState};
use crate::wire::output::{OutputRecord, OutputTopic};
use crate::wire::review::ReviewRecord;

use super::bench::Bench;
use super::broker::Fate;
use super::checker::{check, decisions};
use super::tickets::{produce, produce_one, produce_revision};

/// The broker refuses every transaction with a decision of this ticket, until it becomes a dead letter.
fn refuse(bench: &Bench, ticket: &'static str) {
    let is_refused = move |record: &OutputRecord| {
        record.topic == OutputTopic::Decisions && {
            let text = std::str::from_utf8(&record.payload).unwrap();
            text.contains(&format!("\"ticket_id\":\"{ticket}\"")) && !text.contains("\"outcome\":\"dead_letter\"")
        }
    };
    bench.broker.borrow_mut().refusal =
        Some(Box::new(move |records| records.iter().any(is_refused).then_some(AbortCause::Batch)));
}

#[test]
fn one_record_that_cannot_be_written_becomes_a_dead_letter_and_its_neighbours_are_decided() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 32);
    refuse(&bench, "T-0-13");
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    for (offset, decision) in decisions(&broker, 0).iter().enumerate() {
        let expected = if offset == 13 { Outcome::DeadLetter } else { Outcome::Decided };
        assert_eq!(decision.outcome.0, expected, "offset {offset}");
    }
    let letters = broker.read(OutputTopic::DeadLetters);
    assert_eq!(letters.len(), 1);
    let letter: serde_json::Value = serde_json::from_slice(&letters[0].payload).unwrap();
    assert!(letter.to_string().contains("unwritable"), "{letter}");
    let items: Vec<ReviewRecord> =
        broker.read(OutputTopic::Review).iter().map(|item| serde_json::from_slice(&item.payload).unwrap()).collect();
    let item = items.iter().find(|item| item.reason.0 == ReviewReason::Unwritable).expect("somebody looks at it");
    assert_eq!((item.state.0, item.priority), (ReviewState::Open, 2));
}

#[test]
fn a_batch_of_eight_is_halved_after_three_aborts_each_time() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    refuse(&bench, "T-0-0");
    bench.run();
    // 8, 4, 2 and 1 records, three times each; then the dead letter alone, two that were cut beside it, and the other
    // five in batches that grow again.
    assert_eq!(bench.broker.borrow().aborts, 12);
    let counts: Vec<usize> = records_per_transaction(&bench);
    assert_eq!(counts, [1, 1, 1, 2, 3]);
}

fn records_per_transaction(bench: &Bench) -> Vec<usize> {
    let broker = bench.broker.borrow();
    let mut counts = std::collections::BTreeMap::<u64, usize>::new();
    for record in broker.decided(0) {
        let header = crate::wire::transaction::TransactionHeader::of_record(&record.headers).unwrap();
        *counts.entry(header.counter).or_default() += 1;
    }
    counts.into_values().collect()
}

#[test]
fn a_record_that_cannot_be_written_does_not_hold_its_partition_while_others_flow() {
    let bench = Bench::new(2, Stage::Suggest, 4);
    for number in 0..8 {
        produce_one(&mut bench.broker.borrow_mut(), 0, &format!("A-{number}"));
    }
    refuse(&bench, "A-2");
    let mut life = bench.start();
    for number in 0..200 {
        // The other partition always has something new.
        produce_one(&mut bench.broker.borrow_mut(), 1, &format!("B-{number}"));
        life.step().unwrap();
        life.answer();
        bench.broker.borrow().advance(Duration::from_millis(60));
    }
    let committed = bench.broker.borrow().committed(0);
    assert_eq!(committed, 8, "partition 0 stands still behind one record");
    bench.finish(&mut life);
    check(&bench.broker.borrow());
    let dead: Vec<i64> = dead_letters(&bench);
    assert_eq!(dead, [2]);
}

fn dead_letters(bench: &Bench) -> Vec<i64> {
    let decided = decisions(&bench.broker.borrow(), 0);
    let dead = decided.iter().filter(|decision| decision.outcome.0 == Outcome::DeadLetter);
    dead.map(|decision| decision.source.offset).collect()
}

#[test]
fn two_aborts_are_no_reason_to_halve() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    bench.broker.borrow_mut().script.extend([Fate::Aborts(AbortCause::Batch); 2]);
    bench.run();
    check(&bench.broker.borrow());
    assert_eq!(records_per_transaction(&bench), [8]);
}

#[test]
fn a_refusal_for_want_of_rights_parks_and_tries_the_same_batch_again_without_halving() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    bench.broker.borrow_mut().script.extend([Fate::Aborts(AbortCause::Authorisation); 5]);
    let mut life = bench.start();
    for refusal in 1..=5 {
        life.step().unwrap();
        life.answer();
        life.step().unwrap();
        assert_eq!(bench.broker.borrow().aborts, refusal);
        assert!(life.triage.commit_problem().is_some());
        // Parked: fourteen seconds later nothing has been tried.
        bench.broker.borrow().advance(Duration::from_secs(14));
        life.step().unwrap();
        life.answer();
        life.step().unwrap();
        assert_eq!(bench.broker.borrow().transactions, refusal);
        bench.broker.borrow().advance(Duration::from_secs(2));
    }
    bench.finish(&mut life);
    check(&bench.broker.borrow());
    assert_eq!(records_per_transaction(&bench), [8]);
    assert!(life.triage.commit_problem().is_none());
}

#[test]
fn an_abort_by_a_rebalance_is_no_fault_of_the_batch() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    bench.broker.borrow_mut().script.extend([Fate::Aborts(AbortCause::Rebalance); 9]);
    bench.run();
    check(&bench.broker.borrow());
    assert_eq!(records_per_transaction(&bench), [8]);
}

#[test]
fn a_record_that_is_no_ticket_and_cannot_be_written_keeps_one_outcome() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    bench.broker.borrow_mut().produce(0, "T-1", Some("no json"));
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-2", 0, "link down");
    let count = std::cell::Cell::new(0);
    let is_refused = move |records: &[OutputRecord]| {
        let holds = records.iter().any(|record| record.topic == OutputTopic::DeadLetters);
        count.set(count.get() + usize::from(holds));
        (holds && count.get() <= 6).then_some(AbortCause::Batch)
    };
    bench.broker.borrow_mut().refusal = Some(Box::new(is_refused));
    bench.run();
    check(&bench.broker.borrow());
}
