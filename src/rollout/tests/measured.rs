//! What the plan is told of the evidence beside the gates.

use crate::domain::verdict::{Verdict, VerdictKind};
use crate::rollout::local_time::DeskCalendar;
use crate::rollout::log::Cut;
use crate::rollout::measured::{eligible_per_day, second_readings};
use crate::rollout::plan::{SecondReading, SecondView};
use crate::rollout::spec::{Limits, RolloutSpec, SliceSpec};
use crate::rollout::state::{AskedAgain, Basis, RolloutState, SliceState, Suspension};

use super::*;

fn spec() -> RolloutSpec {
    let threshold = Probability::try_new(0.95).unwrap();
    RolloutSpec {
        slices: vec![SliceSpec { name: Arc::from("rest"), threshold }],
        threshold_grid: vec![threshold],
        limits: Limits::default(),
        verdict_deadline_ms: DEADLINE_MS,
        window_days: 28,
        soak_days: 7,
        soak_step_days: 2,
        cool_down_days: 3,
        observed_only: Vec::new(),
        calendar: DeskCalendar::utc(),
    }
}

fn basis() -> Basis {
    Basis { model: model("v1"), eligibility_digest: Digest::default() }
}

fn state(suspension: Option<Suspension>) -> RolloutState {
    let mut slice = SliceState::opened(hour(0), 1);
    slice.suspension = suspension;
    let slices = [(Arc::from("rest"), slice)].into();
    RolloutState { basis: Some(basis()), slices, ..RolloutState::default() }
}

#[test]
fn eligible_tickets_a_day_are_arrivals_times_the_share_of_drawn_ones_that_are_eligible() {
    let mut log = Log::default();
    // Four days with ten drawn tickets each, of which two are eligible to be triaged and one to be resolved.
    for day in 0..4 {
        for number in 0..10 {
            let id = format!("T-{day}-{number}");
            let at = hour(24 * day + number);
            let reached = [number < 2, number < 1].map(|reaches| if reaches { vec![0.95] } else { Vec::new() });
            let said = reaching(answer(ModelRole::Acting, "v1", Some(Severity::Low)), reached);
            log.decided(&id, TicketDecision { answers: vec![said], ..decision(&id, at) });
        }
    }
    let measured = eligible_per_day(&log.evidence, &state(None), &spec(), hour(96));
    let [triage, resolve] = measured[0].1;
    assert!((triage.unwrap() - 2.0).abs() < 1e-9 && (resolve.unwrap() - 1.0).abs() < 1e-9, "{measured:?}");
}

#[test]
fn what_was_never_measured_is_not_called_zero() {
    let log = Log::default();
    assert_eq!(eligible_per_day(&log.evidence, &state(None), &spec(), hour(96))[0].1, [None, None]);
    let mut log = Log::default();
    log.decided("T", decision("T", hour(95)));
    assert_eq!(eligible_per_day(&log.evidence, &state(None), &spec(), hour(96))[0].1, [None, None], "less than a day");
}

fn asked() -> RolloutState {
    let asked = vec![AskedAgain { ticket: ticket("T"), since: hour(20) }];
    state(Some(Suspension { basis: basis(), cut: Cut::start(), asked }))
}

fn read_again(by: &str, at: UtcMillis, severity: Severity) -> Verdict {
    Verdict { kind: VerdictKind::SecondReading, decided_at: at, ..stated(&format!("{by}-{}", at.0), by, severity) }
}

#[track_caller]
fn check(verdicts: &[Verdict], expected: Option<SecondView>) {
    let mut log = Log::default();
    log.decided("T", decision("T", hour(9)));
    log.said(stated("first", "anna", Severity::Critical));
    verdicts.iter().for_each(|verdict| {
        log.said(verdict.clone());
    });
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
}

#[test]
fn one_of_several_second_readers_who_says_critical_confirms() {
    let readers = [read_again("berta", hour(21), Severity::Low), read_again("carla", hour(22), Severity::Critical)];
    check(&readers, Some(SecondView::Confirmed));
}
