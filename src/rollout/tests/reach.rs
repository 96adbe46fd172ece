//! How many tickets a day are eligible.

use std::sync::Arc;

use super::desk::spec;
use super::{Log, answer, decision, hour, model, reaching};
use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::rollout::decision::TicketDecision;
use crate::rollout::reach::eligible_per_day;
use crate::rollout::state::Basis;

fn basis() -> Basis {
    Basis { model: model("v1"), eligibility_digest: Digest::default() }
}

/// Ten tickets an hour for so many hours, every second one drawn; of the drawn ones every fourth is eligible for triage.
fn desk(hours: i64) -> Log {
    let mut log = Log::default();
    for number in 0..hours * 10 {
        let low = answer(ModelRole::Acting, "v1", Some(Severity::Low));
        let reached = if number % 8 == 0 { [vec![0.8, 0.95], vec![]] } else { [vec![0.8], vec![]] };
        let at = hour(number / 10);
        let decided =
            TicketDecision { is_drawn: number % 2 == 0, answers: vec![reaching(low, reached)], ..decision("T", at) };
        log.decided(&format!("T{number}"), decided);
    }
    log
}

#[track_caller]
fn check(log: &Log, hours: i64, expected: [Option<f64>; 2]) {
    let measured = eligible_per_day(&log.evidence, &spec(&["rest"]), &basis(), hour(hours));
    let round = |value: f64| (value * 100.0).round() / 100.0;
    assert_eq!(measured, [(Arc::from("rest"), measured[0].1)]);
    assert_eq!(measured[0].1.map(|value| value.map(round)), expected);
}

#[test]
fn the_share_of_drawn_tickets_that_is_eligible_is_that_of_all_tickets() {
    check(&desk(48), 48, [Some(60.0), Some(0.0)]);
}

#[test]
fn less_than_a_day_or_than_twenty_drawn_tickets_say_nothing() {
    check(&desk(23), 23, [None, None]);
    check(&desk(3), 30, [None, None]);
    check(&desk(4), 30, [Some(8.0), Some(0.0)]);
    check(&Log::default(), 30, [None, None]);
}

#[test]
fn answers_of_another_model_or_on_another_basis_do_not_count() {
    let log = desk(48);
    let other = Basis { eligibility_digest: Digest::of(b"other"), ..basis() };
    assert_eq!(eligible_per_day(&log.evidence, &spec(&["rest"]), &other, hour(48))[0].1, [None, None]);
    let other = Basis { model: model("v2"), ..basis() };
    assert_eq!(eligible_per_day(&log.evidence, &spec(&["rest"]), &other, hour(48))[0].1, [None, None]);
}
