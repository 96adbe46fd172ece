//! Back-pressure and drain.

use std::time::Duration;

use crate::daemon::buffer::PAUSE_AFTER;
use crate::daemon::triage::Progress;
use crate::domain::stage::Stage;
use crate::kafka::fault::AbortCause;
use crate::kafka::log::Fetching;
use crate::policy::view::WindowState;

use super::bench::{Bench, Life};
use super::broker::Fate;
use super::checker::check;
use super::memory_log::GroupEvent;
use super::tickets::produce;

fn narrow_bench() -> Bench {
    let mut bench = Bench::new(1, Stage::Suggest, 4);
    bench.setup.settings.buffer_records_max = 20;
    produce(&mut bench.broker.borrow_mut(), 100);
    bench
}

/// Twice: what two batches take out of a full buffer is filled again; and then for as long as a full buffer is borne.
fn fill(bench: &Bench, life: &mut Life<'_>) {
    life.step().unwrap();
    life.step().unwrap();
    assert_eq!(life.triage.log().notes.fetching, []);
    bench.broker.borrow().advance(PAUSE_AFTER);
    life.step().unwrap();
}

#[test]
fn fetching_pauses_at_the_high_mark_and_resumes_at_half_of_it() {
    let bench = narrow_bench();
    let mut life = bench.start();
    fill(&bench, &mut life);
    assert_eq!(
        (life.triage.records_buffered(), life.triage.log().notes.fetching.as_slice()),
        (20, &[Fetching::Paused][..])
    );
    let delivered = life.triage.log().notes.delivered;
    // One batch commits and the next is cut: 16 wait, then 12, and nothing is fetched; at 8 it goes on.
    let mut waiting = Vec::new();
    while life.triage.log().notes.fetching.len() < 2 {
        assert_eq!(life.triage.log().notes.delivered, delivered);
        life.answer();
        life.step().unwrap();
        waiting.push(life.triage.records_buffered());
    }
    assert_eq!(waiting.last(), Some(&8), "{waiting:?}");
    assert_eq!(life.triage.log().notes.fetching, [Fetching::Paused, Fetching::On]);
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn bytes_pause_fetching_as_records_do() {
    let mut bench = narrow_bench();
    bench.setup.settings.buffer_records_max = 1_000;
    bench.setup.settings.buffer_bytes_max = 4_000;
    let mut life = bench.start();
    fill(&bench, &mut life);
    assert_eq!(life.triage.log().notes.fetching, [Fetching::Paused]);
    assert!(life.triage.records_buffered() < 20);
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn a_full_buffer_still_hears_that_its_partition_has_gone() {
    let bench = narrow_bench();
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Authorisation));
    let mut life = bench.start();
    fill(&bench, &mut life);
    assert_eq!(life.triage.records_buffered(), 20);
    life.triage.log_mut().tell(GroupEvent::Revoked(vec![0]));
    life.step().unwrap();
    assert_eq!((life.triage.owned(), life.triage.records_buffered(), life.triage.batches_in_flight()), (None, 0, 0));
}

#[test]
fn a_partition_that_comes_back_while_fetching_was_paused_is_fetched() {
    let bench = narrow_bench();
    let mut life = bench.start();
    fill(&bench, &mut life);
    assert_eq!(life.triage.log().notes.fetching, [Fetching::Paused]);
    life.triage.log_mut().tell(GroupEvent::Revoked(vec![0]));
    life.triage.log_mut().tell(GroupEvent::Assigned(vec![0], WindowState::Whole));
    bench.finish(&mut life);
    check(&bench.broker.borrow());
}

#[test]
fn a_drain_commits_what_is_in_flight_and_takes_nothing_new() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 20);
    let mut life = bench.start();
    life.step().unwrap();
    assert_eq!((life.triage.batches_in_flight(), life.triage.records_buffered()), (2, 12));
    life.triage.drain();
    assert!(!life.triage.is_drained());
    life.answer();
    for _ in 0..4 {
        life.step().unwrap();
    }
    assert!(life.triage.is_drained());
    assert_eq!(bench.broker.borrow().committed(0), 8);
    drop(life);
    bench.run();
    check(&bench.broker.borrow());
}

#[test]
fn a_drain_whose_commit_is_aborted_ends_and_leaves_the_records_to_the_next_start() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 8);
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Batch));
    let mut life = bench.start();
    life.step().unwrap();
    life.triage.drain();
    life.answer();
    fill(&bench, &mut life);
    assert!(life.triage.is_drained());
    assert_eq!(bench.broker.borrow().committed(0), 0);
    drop(life);
    bench.run();
    check(&bench.broker.borrow());
}

#[test]
fn a_lone_ticket_does_not_wait_for_company_and_a_second_batch_does() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    let mut life = bench.start();
    produce(&mut bench.broker.borrow_mut(), 1);
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 1);
    produce(&mut bench.broker.borrow_mut(), 1);
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 1);
    let Ok(Progress::Idle(wait)) = life.step() else { panic!("nothing to do before the batch is due") };
    assert!(wait <= Duration::from_millis(20));
    bench.broker.borrow().advance(wait);
    life.step().unwrap();
    assert_eq!(life.triage.batches_in_flight(), 2);
}

#[test]
fn waiting_is_not_polling_a_thousand_times_a_second() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 20);
    bench.broker.borrow_mut().script.push_back(Fate::Aborts(AbortCause::Authorisation));
    let mut life = bench.start();
    life.step().unwrap();
    life.answer();
    for _ in 0..3 {
        life.step().unwrap();
    }
    // Parked for seconds, with records whose batch would long be due.
    bench.broker.borrow().advance(Duration::from_secs(1));
    assert_eq!(life.step(), Ok(Progress::Idle(Duration::from_millis(50))));
}
