//! Aborts in a living loop, and the order in which batches may commit.

use std::time::Duration;

use crate::domain::stage::Stage;
use crate::kafka::fault::AbortCause;
use crate::policy::decided::Outcome;
use crate::policy::view::WindowState;
use crate::wire::output::OutputTopic;

use super::bench::Bench;
use super::broker::Fate;
use super::checker::{check, decisions, equal_part};
use super::memory_log::GroupEvent;
use super::tickets::{produce, produce_one, produce_revision};

#[test]
fn every_record_of_a_plain_run_has_its_outcome_in_order_and_the_positions_follow() {
    let bench = Bench::new(3, Stage::Suggest, 16);
    produce(&mut bench.broker.borrow_mut(), 50);
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    assert_eq!(broker.read(OutputTopic::Decisions).len(), 150);
    assert!(broker.transactions <= 150 / 16 + 2, "{} transactions", broker.transactions);
}

#[test]
fn every_kind_of_record_has_its_outcome() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    let closed = r#"{"ticket_id":"T-2","title":"x","created_at":"2025-11-24T16:00:00Z","status":"closed"}"#;
    {
        let mut broker = bench.broker.borrow_mut();
        produce_revision(&mut broker, 0, "T-1", 0, "link down");
        produce_revision(&mut broker, 0, "T-1", 0, "link down");
        produce_revision(&mut broker, 0, "T-1", 1, "link down");
        broker.produce(0, "T-2", Some(closed));
        broker.produce(0, "T-1", None);
        broker.produce(0, "T-3", Some("no json"));
        produce_revision(&mut broker, 0, "T-1", 2, "link down again");
    }
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    let outcomes: Vec<Outcome> = decisions(&broker, 0).iter().map(|decision| decision.outcome.0).collect();
    let expected = [
        Outcome::Decided,
        Outcome::Duplicate,
        Outcome::Unchanged,
        Outcome::Terminal,
        Outcome::Terminal,
        Outcome::DeadLetter,
        Outcome::Decided,
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn a_gap_in_the_offsets_is_no_missing_record() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    for _ in 0..10 {
        let mut broker = bench.broker.borrow_mut();
        produce(&mut broker, 3);
        broker.leave_gap(0, 2);
    }
    bench.run();
    check(&bench.broker.borrow());
    assert_eq!(bench.broker.borrow().committed(0), 48, "the last record is 47, two markers follow it");
}

#[test]
fn twenty_aborts_with_two_batches_in_flight_lose_and_double_nothing() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let bench = Bench::new(2, Stage::AutoResolve, 5);
        produce(&mut bench.broker.borrow_mut(), 100);
        let mut life = bench.start();
        let mut aborted_with_two = 0;
        while aborted_with_two < 20 && !bench.broker.borrow().is_done() {
            life.step().unwrap();
            let has_two = life.triage.batches_in_flight() == 2;
            let is_aborted = has_two && rng.u32(..3) == 0;
            if is_aborted {
                let cause = if rng.bool() { AbortCause::Rebalance } else { AbortCause::Authorisation };
                bench.broker.borrow_mut().script.push_back(Fate::Aborts(cause));
                aborted_with_two += 1;
            }
            life.answer_oldest();
            life.step().unwrap();
            if is_aborted {
                // Longer than the loop is parked where a right is missing.
                bench.broker.borrow().advance(Duration::from_secs(16));
            }
        }
        bench.finish(&mut life);
        check(&bench.broker.borrow());
        assert_eq!(bench.broker.borrow().aborts, aborted_with_two);
        assert!(aborted_with_two >= 5, "seed {seed}: {aborted_with_two} aborts with two batches in flight");
    }
}

#[test]
fn a_replay_after_an_abort_writes_the_same_records_but_for_the_volatile_part() {
    let run = |fates: &[Fate]| {
        let bench = Bench::new(2, Stage::AutoResolve, 7);
        produce(&mut bench.broker.borrow_mut(), 30);
        bench.broker.borrow_mut().script.extend(fates);
        bench.run();
        let broker = bench.broker.borrow();
        check(&broker);
        let topics = OutputTopic::ALL.map(|topic| {
            let mut records: Vec<String> =
                broker.read(topic).into_iter().map(|record| equal_part(record).to_string()).collect();
            records.sort_unstable();
            records
        });
        assert!(
            topics.iter().filter(|records| !records.is_empty()).count() >= 4,
            "a run that writes little proves little"
        );
        topics
    };
    let undisturbed = run(&[]);
    let aborted = run(&[
        Fate::Aborts(AbortCause::Batch),
        Fate::Commits,
        Fate::Aborts(AbortCause::Rebalance),
        Fate::Aborts(AbortCause::Authorisation),
        Fate::Commits,
        Fate::LostUnapplied,
        Fate::LostApplied,
        Fate::Fenced,
    ]);
    assert_eq!(undisturbed, aborted);
}

#[test]
fn an_abort_sends_every_partition_of_both_batches_back_to_its_committed_position() {
    let bench = Bench::new(3, Stage::Suggest, 3);
    {
        let mut broker = bench.broker.borrow_mut();
        for offset in 0..6 {
            // The first batch holds records of partitions 0 and 1, the second of 1 and 2.
            produce_one(&mut broker, [0, 0, 1, 1, 2, 2][offset], &format!("T-{offset}"));
        }
    }
    let mut life = bench.start();
    let log = life.triage.log_mut();
    assert!(log.notes.seeks.is_empty());
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 2);
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Rebalance));
    life.answer();
    life.triage.step().unwrap();
    assert_eq!(life.triage.log().notes.seeks, [[(0, 0), (1, 0), (2, 0)]]);
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn answers_to_a_batch_that_was_aborted_are_dropped() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 8);
    let mut life = bench.start();
    life.step().unwrap();
    let late = life.answers.pop_back().unwrap();
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Rebalance));
    life.answer();
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 0);
    // The records are cut again, with other numbers: the old answers find no batch.
    life.step().unwrap();
    life.triage.take_answers(late);
    assert!(!life.triage.is_ready(), "answers of an aborted batch were taken for those of its successor");
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn a_batch_that_does_not_continue_the_committed_position_is_refused_and_read_again() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 8);
    let mut life = bench.start();
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 2);
    // The group says that another member has come as far as 2 meanwhile, without a word that the partition had gone.
    let other = super::bench::Process::new();
    decide_up_to(&bench, &other, 2);
    life.triage.log_mut().tell(GroupEvent::Assigned(vec![0], WindowState::Whole));
    life.answer();
    let transactions = bench.broker.borrow().transactions;
    life.step().unwrap();
    assert_eq!(bench.broker.borrow().transactions, transactions, "the batch was not even begun");
    assert_eq!(life.triage.log().notes.seeks, [[(0, 2)]]);
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

/// Another member decides the first records of partition 0 while it owns it.
fn decide_up_to(bench: &Bench, process: &super::bench::Process, records: usize) {
    let mut setup = bench.setup.clone();
    setup.settings.batch_records_max = records;
    let mut lives = [None, Some(super::bench::Life::start(&bench.broker, process, 1, &setup))];
    super::bench::rebalance(&bench.broker, &mut lives, &[Some(1)]);
    let life = lives[1].as_mut().unwrap();
    life.step().unwrap();
    life.answer();
    life.step().unwrap();
    assert_eq!(bench.broker.borrow().committed(0), records as i64);
    bench.broker.borrow_mut().owners = vec![Some(0)];
}

#[test]
fn a_record_delivered_twice_after_a_seek_is_decided_once() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 12);
    let mut life = bench.start();
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Rebalance));
    for _ in 0..4 {
        life.step().unwrap();
        life.answer();
        // Whatever has been delivered comes once more, out of a fetch from before.
        for offset in 0..2 {
            life.triage.log_mut().deliver(0, offset);
        }
    }
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn what_an_aborted_batch_would_have_remembered_is_forgotten() {
    let bench = Bench::new(1, Stage::AutoResolve, 4);
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-1", 0, "link down");
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Batch));
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    // Were it remembered, the replay would be a duplicate of itself.
    assert_eq!(decisions(&broker, 0)[0].outcome.0, Outcome::Decided);
    assert_eq!(broker.aborts, 1);
}

#[test]
fn a_ticket_changed_and_changed_back_within_one_batch_is_answered_by_the_model() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce_revision(&mut bench.broker.borrow_mut(), 0, "T-1", 0, "link down");
    let mut life = bench.start();
    bench.finish(&mut life);
    {
        let mut broker = bench.broker.borrow_mut();
        produce_revision(&mut broker, 0, "T-1", 1, "link up");
        produce_revision(&mut broker, 0, "T-1", 2, "link down");
    }
    bench.finish(&mut life);
    let broker = bench.broker.borrow();
    for decision in decisions(&broker, 0) {
        assert_eq!(decision.outcome.0, Outcome::Decided);
        assert!(decision.acting_answer().is_some(), "no model was asked about {:?}", decision.revision);
    }
}

#[test]
fn a_reopened_ticket_with_the_same_text_is_answered_by_the_model() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    let mut life = bench.start();
    for reopened in 0..2 {
        let mut ticket = super::tickets::native("T-1", reopened, "link down");
        ticket["reopen_count"] = reopened.into();
        bench.broker.borrow_mut().produce(0, "T-1", Some(&ticket.to_string()));
        bench.finish(&mut life);
    }
    let broker = bench.broker.borrow();
    check(&broker);
    let answered = decisions(&broker, 0).iter().filter(|decision| decision.acting_answer().is_some()).count();
    assert_eq!(answered, 2);
}
