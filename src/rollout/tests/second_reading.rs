//! Who can confirm or refute a hard stop.

use crate::domain::verdict::{Verdict, VerdictKind};
use crate::rollout::log::Cut;
use crate::rollout::plan::{SecondReading, SecondView};
use crate::rollout::second_reading::second_readings;
use crate::rollout::state::{AskedAgain, Basis, RolloutState, SliceState, Suspension};

use super::*;

fn basis() -> Basis {
    Basis { model: model("v1"), eligibility_digest: Digest::default() }
}

fn state(suspension: Suspension) -> RolloutState {
    let mut slice = SliceState::opened(hour(0), 1);
    slice.suspension = Some(suspension);
    let slices = [(Arc::from("rest"), slice)].into();
    RolloutState { basis: Some(basis()), slices, ..RolloutState::default() }
}

fn asked() -> RolloutState {
    let asked = vec![AskedAgain { ticket: ticket("T"), since: hour(20) }];
    state(Suspension { basis: basis(), cut: Cut::start(), asked })
}

fn read_again(by: &str, at: UtcMillis, severity: Severity) -> Verdict {
    Verdict { kind: VerdictKind::SecondReading, decided_at: at, ..stated(&format!("{by}-{}", at.0), by, severity) }
}

#[track_caller]
fn check(verdicts: &[Verdict], expected: Option<SecondView>) {
    let mut log = Log::default();
    log.decided("T", decision("T", hour(9)));
    log.said(stated("first", "anna", Severity::Critical));
    for verdict in verdicts {
        log.said(verdict.clone());
    }
    let expected: Vec<_> = expected.map(|view| SecondReading { ticket: ticket("T"), view }).into_iter().collect();
    assert_eq!(second_readings(&log.evidence, &asked()), expected);
}

#[test]
fn only_another_person_who_was_asked_can_confirm_or_refute_a_hard_stop() {
    check(&[], None);
    check(&[read_again("berta", hour(21), Severity::Critical)], Some(SecondView::Confirmed));
    check(&[read_again("berta", hour(21), Severity::Low)], Some(SecondView::Refuted));
    check(&[read_again("anna", hour(21), Severity::Low)], None);
    check(&[read_again("berta", hour(19), Severity::Low)], None);
    check(&[Verdict { saw_model: Some(true), ..read_again("berta", hour(21), Severity::Low) }], None);
    check(&[stated("more", "berta", Severity::Low)], None);
    let before = stated("before", "berta", Severity::Critical);
    check(&[before, read_again("berta", hour(21), Severity::Critical)], None);
}

#[test]
fn one_of_several_second_readers_who_says_critical_confirms() {
    let readers = [read_again("berta", hour(21), Severity::Low), read_again("carla", hour(22), Severity::Critical)];
    check(&readers, Some(SecondView::Confirmed));
}
