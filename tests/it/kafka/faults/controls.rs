//! Negative controls: the same run with a protection left out. The checker must find it, or it proves nothing.

use std::os::unix::process::ExitStatusExt as _;

use super::run::Run;
use crate::support::broker::broker;
use crate::support::checker::{MistakeKind, Moment, Report};
use crate::support::daemon::{Card, Timers};

fn prepare(name: &'static str) -> Option<Run> {
    let broker = broker(name)?;
    Some(Run::prepare(name, broker, &["one"], 1, (Card::ZeroCost, Timers::SHORT)))
}

/// One instance with this protection left out, over 400 tickets.
fn report_of(run: &mut Run, failpoints: &str) -> Report {
    run.feed(400);
    run.daemons[0].arm(failpoints);
    run.daemons[0].start();
    run.wait("the last ticket has an outcome", |run| {
        let committed = run.broker.group_reader(&run.broker.prefix).committed();
        committed.get(&0).is_some_and(|next| *next >= 400)
    });
    let status = {
        run.daemons[0].signal("TERM");
        run.wait_end(0, "stopping")
    };
    assert!(status.success(), "{}", run.daemons[0].log_end());
    run.checker.look(Moment::Ended)
}

#[test]
fn the_checker_finds_transactions_that_are_switched_off() {
    let Some(mut run) = prepare("control-transaction") else { return };
    run.feed(400);
    run.daemons[0].arm("transaction_off=return;all_acknowledged=kill@5");
    run.daemons[0].start();
    let status = run.wait_end(0, "death with records out and offsets not");
    assert_eq!(status.signal(), Some(9), "{}", run.daemons[0].log_end());
    let report = run.checker.look(Moment::Ended);
    assert!(report.has(MistakeKind::CommittedOffset), "{}", report.said());
    // The daemon has its own eye on this: it does not go on over a torn transaction.
    run.daemons[0].start();
    let status = run.wait_end(0, "the start is refused");
    assert_eq!(status.code(), Some(78), "{}", run.daemons[0].log_end());
    assert!(run.daemons[0].log_end().contains("a torn transaction"), "{}", run.daemons[0].log_end());
    // Without that, what was written is written again.
    run.daemons[0].arm("torn_start=return");
    run.daemons[0].start();
    run.wait("the rest is decided", |run| run.checker.decided() >= 400);
    run.daemons[0].signal("TERM");
    run.wait_end(0, "stopping");
    let report = run.checker.look(Moment::Ended);
    println!("transactions switched off: {}", report.said());
    assert!(report.has(MistakeKind::Doubled) && report.has(MistakeKind::OutOfOrder), "{}", report.said());
}

#[test]
fn the_checker_finds_what_was_read_before_a_seek_and_taken_after_it() {
    let Some(mut run) = prepare("control-epoch") else { return };
    let report = report_of(&mut run, "abort_after_offsets=3*off->1*return;epoch_not_raised=return");
    println!("epoch not raised on seek: {}", report.said());
    assert!(report.has(MistakeKind::Lost), "{}", report.said());
}

#[test]
fn the_checker_finds_a_view_that_is_kept_over_an_abort() {
    let Some(mut run) = prepare("control-view") else { return };
    let report = report_of(&mut run, "abort_after_offsets=3*off->1*return;view_kept_over_abort=return");
    println!("view kept over an abort: {}", report.said());
    assert!(report.has(MistakeKind::DuplicateOfNothing), "{}", report.said());
}

#[test]
fn the_checker_finds_nothing_where_the_same_abort_meets_every_protection() {
    let Some(mut run) = prepare("control-of-controls") else { return };
    let report = report_of(&mut run, "abort_after_offsets=3*off->1*return");
    assert!(report.mistakes.is_empty(), "{}", report.said());
    // On a machine that stands still another transaction may have met its end as well.
    assert!(!report.leftovers.is_empty(), "{}", report.said());
}
