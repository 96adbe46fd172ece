//! Negative controls: the same run with something broken on purpose. A checker that cannot fail proves nothing.

use crate::domain::stage::Stage;
use crate::kafka::fault::AbortCause;
use crate::policy::recent_view::{RecentView, TentativeView, ViewLimits};

use super::bench::Bench;
use super::broker::{Fate, Sabotage};
use super::checker::findings;
use super::memory_log::remembered;
use super::tickets::produce;

/// Twenty batches, every third of them aborted.
fn findings_of(sabotage: Sabotage) -> Vec<String> {
    let mut bench = Bench::new(2, Stage::AutoResolve, 4);
    // Small, so that at every seek there is something that has not been fetched yet.
    bench.setup.settings.buffer_records_max = 12;
    {
        let mut broker = bench.broker.borrow_mut();
        produce(&mut broker, 40);
        broker.sabotage = sabotage;
        for _ in 0..10 {
            broker.script.extend([Fate::Commits, Fate::Commits, Fate::Aborts(AbortCause::Rebalance)]);
        }
    }
    bench.run();
    findings(&bench.broker.borrow())
}

fn check_found(sabotage: Sabotage, expected: &str) {
    let found = findings_of(sabotage);
    assert!(found.iter().any(|finding| finding.contains(expected)), "{sabotage:?}: {found:?}");
}

#[test]
fn the_checker_finds_nothing_when_nothing_is_broken() {
    assert_eq!(findings_of(Sabotage::default()), [""; 0]);
}

#[test]
fn the_checker_finds_transactions_that_are_switched_off() {
    check_found(Sabotage { transaction_off: true, ..Sabotage::default() }, "2 outcomes");
}

#[test]
fn the_checker_finds_an_epoch_that_is_not_raised_on_a_seek() {
    check_found(Sabotage { epoch_not_raised_on_seek: true, ..Sabotage::default() }, "0 outcomes");
}

#[test]
fn the_checker_finds_a_view_that_is_kept_over_an_abort() {
    check_found(Sabotage { view_kept_over_abort: true, ..Sabotage::default() }, "of nothing that was committed before");
}

#[test]
fn the_checker_finds_a_commit_that_is_taken_for_an_abort() {
    check_found(Sabotage { commit_reported_as_abort: true, ..Sabotage::default() }, "2 outcomes");
}

#[test]
fn a_tentative_view_that_is_applied_although_its_batch_was_aborted_changes_the_replay() {
    let bench = Bench::new(1, Stage::Suggest, 4);
    produce(&mut bench.broker.borrow_mut(), 1);
    bench.run();
    let broker = bench.broker.borrow();
    let outcome = remembered(broker.decided(0).next().unwrap());
    let ticket_id = outcome.ticket_id.clone().unwrap();
    let input = outcome.input_digest.unwrap();
    let mut view = RecentView::new(ViewLimits { window_ms: 86_400_000, records_max: 10, storm_window_ms: 1 });
    let mut tentative = TentativeView::new(&view);
    tentative.remember(0, outcome);
    let entries = tentative.into_entries();
    assert!(!view.has_input(0, &ticket_id, input), "an aborted batch leaves no trace");
    for (partition, entry) in &entries {
        view.apply(*partition, entry);
    }
    assert!(view.has_input(0, &ticket_id, input), "kept over an abort, the replay would be `unchanged`");
}
