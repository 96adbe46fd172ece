//! A broken model never holds a ticket.

use std::time::Duration;

use crate::domain::stage::Stage;
use crate::policy::decided::{Outcome, ReviewReason};
use crate::wire::decision::DecisionRecord;

use super::DEADLINE;
use super::bench::Bench;
use super::checker::{check, decisions};
use super::tickets::{produce, produce_revision};

fn is_for_people(decision: &DecisionRecord) -> bool {
    // A drawn ticket keeps its one reason.
    let reason = decision.review.as_ref().map(|review| review.reason.0);
    decision.outcome.0 == Outcome::Decided
        && matches!(reason, Some(ReviewReason::ModelUnavailable | ReviewReason::Sample))
        && decision.acting_answer().is_none()
        && !decision.suggested
}

#[test]
fn tickets_that_a_model_does_not_answer_by_the_deadline_go_to_people() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    let mut life = bench.start();
    life.step().unwrap();
    bench.broker.borrow().advance(DEADLINE.saturating_sub(Duration::from_millis(1)));
    life.step().unwrap();
    assert_eq!(bench.broker.borrow().transactions, 0);
    bench.broker.borrow().advance(Duration::from_millis(1));
    life.step().unwrap();
    assert!(bench.broker.borrow().is_done());
    // The answers arrive after all, for a batch that is gone.
    life.answer();
    life.step().unwrap();
    let broker = bench.broker.borrow();
    check(&broker);
    assert!(decisions(&broker, 0).iter().all(is_for_people));
}

#[test]
fn answers_that_arrive_between_the_deadline_and_the_commit_are_dropped() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    bench
        .broker
        .borrow_mut()
        .script
        .push_back(super::broker::Fate::Aborts(crate::kafka::fault::AbortCause::Authorisation));
    let mut life = bench.start();
    life.step().unwrap();
    life.answer();
    life.step().unwrap();
    // Parked for 15 s: nothing is cut before that, so that the deadline starts anew with the next batch.
    bench.broker.borrow().advance(Duration::from_secs(16));
    life.step().unwrap();
    bench.broker.borrow().advance(DEADLINE);
    life.step().unwrap();
    life.answer();
    let broker = bench.broker.borrow();
    assert!(broker.is_done());
    assert!(decisions(&broker, 0).iter().all(is_for_people));
}

#[test]
fn tickets_go_to_people_when_the_engine_has_stopped() {
    let bench = Bench::new(2, Stage::AutoResolve, 8);
    produce(&mut bench.broker.borrow_mut(), 20);
    bench.process.engine.kill();
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    for partition in 0..2 {
        assert!(decisions(&broker, partition).iter().all(is_for_people));
    }
}

#[test]
fn a_job_that_finds_the_engines_queue_full_is_handed_over_later_and_not_lost() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 8);
    let engine = &bench.process.engine;
    engine.gate.set_closed(true);
    engine.fill();
    let mut life = bench.start();
    for _ in 0..3 {
        life.triage.step().unwrap();
    }
    assert_eq!((life.triage.batches_in_flight(), life.triage.is_ready()), (1, false));
    engine.gate.set_closed(false);
    // What filled the queue is answered; its answers belong to no batch.
    life.answers = engine.settle();
    life.answer();
    life.triage.step().unwrap();
    assert!(!life.triage.is_ready());
    life.answers = engine.settle();
    assert_eq!(life.answers.len(), 1, "the job was handed over when there was room");
    bench.finish(&mut life);
    let broker = bench.broker.borrow();
    check(&broker);
    assert!(decisions(&broker, 0).iter().all(|decision| decision.acting_answer().is_some()));
}

#[test]
fn a_queue_that_stays_full_holds_no_ticket_beyond_the_deadline() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    produce(&mut bench.broker.borrow_mut(), 20);
    let engine = &bench.process.engine;
    engine.gate.set_closed(true);
    engine.fill();
    let mut life = bench.start();
    for _ in 0..6 {
        life.triage.step().unwrap();
        bench.broker.borrow().advance(DEADLINE);
    }
    let broker = bench.broker.borrow();
    assert!(broker.is_done());
    check(&broker);
    assert!(decisions(&broker, 0).iter().all(is_for_people));
}

#[test]
fn a_poisoned_row_leaves_its_neighbours_their_answers() {
    let bench = Bench::new(1, Stage::Suggest, 8);
    for number in 0..8 {
        let title = if number == 3 { "poison in the cable" } else { "low light on the cable" };
        produce_revision(&mut bench.broker.borrow_mut(), 0, &format!("T-{number}"), 0, title);
    }
    bench.run();
    let broker = bench.broker.borrow();
    check(&broker);
    for (offset, decision) in decisions(&broker, 0).iter().enumerate() {
        let answer = decision.acting_answer().expect("each has an answer or a fault");
        assert_eq!(answer.prediction.is_none(), offset == 3, "offset {offset}");
    }
}
