//! What a slice can expect, and what stands in its way.

use super::super::evaluate::evaluate;
use super::super::log::Cut;
use super::super::outlook::{Expectation, ResolveList, SliceOutlook, outlook};
use super::super::reading::{SliceQuestion, StepQuestion};
use super::gates::{RESOLVE, TRIAGE, after_all, hourly, spec, step};
use super::*;
use crate::domain::severity::Severity::{High, Low};

fn outlook_of(log: &Log, step: StepQuestion, list: ResolveList, now: UtcMillis) -> SliceOutlook {
    let question = SliceQuestion { slice: Arc::from("rest"), next: Some(step), in_force: vec![] };
    outlook(&evaluate(&log.evidence, &[question], &spec(), Cut::start(), now), list).remove(0)
}

#[test]
fn a_step_is_expected_when_its_last_gate_is() {
    // 400 of 535 verdicts, 24 a day; everything else passes.
    let log = hourly(400, |_| Some(Low));
    let found = outlook_of(&log, step(TRIAGE), ResolveList::Declared, after_all(400));
    let Expectation::At(at) = found.expectation else { panic!("{found:?}") };
    let days = at.since_ms(after_all(400)) as f64 / DAY_MS as f64;
    assert!((days - 135.0 / 24.0).abs() < 0.1, "{days}");
    assert_eq!(found.sentences, ["auto_triage is expected in about 6 days, at the present pace and error"]);
    // The stage is held since a moment ago: a week is longer.
    let new = StepQuestion { since: after_all(400), ..step(TRIAGE) };
    let found = outlook_of(&log, new, ResolveList::Declared, after_all(400));
    assert_eq!(found.expectation, Expectation::At(after_all(400).plus_ms(7 * DAY_MS)));
}

#[test]
fn an_empty_list_makes_resolving_unreachable_whatever_was_counted() {
    let log = hourly(400, |_| Some(Low));
    let found = outlook_of(&log, step(RESOLVE), ResolveList::Empty, after_all(400));
    let why =
        "auto_resolve is not reachable because no root cause and category may be resolved (policy.allow is empty)";
    assert_eq!(found.sentences, [why]);
    let found = outlook_of(&log, step(TRIAGE), ResolveList::Empty, after_all(400));
    assert_eq!(found.sentences[1], why, "said before it is next");
}

#[test]
fn an_error_above_the_limit_and_missing_verdicts_stand_in_the_way() {
    let reasons = |log: &Log| {
        let found = outlook_of(log, step(TRIAGE), ResolveList::Declared, after_all(200));
        let Expectation::NotReachable(reasons) = found.expectation else { panic!("{found:?}") };
        reasons
    };
    let wrong = reasons(&hourly(200, |number| Some(if number % 8 == 0 { High } else { Low })));
    assert!(wrong.iter().any(|why| why.starts_with("action_error: ")), "{wrong:?}");
    let unanswered = reasons(&hourly(200, |number| (number % 8 != 0).then_some(Low)));
    assert!(unanswered.iter().any(|why| why.starts_with("missing_verdicts: verdicts are missing")), "{unanswered:?}");
}

#[test]
fn too_little_traffic_is_said_and_nothing_at_all_is_too_early() {
    let mut log = Log::default();
    for number in 0..20 {
        let (name, at) = (format!("T{number}"), hour(number * 24 * 2));
        log.decided(&name, decision(&name, at)).answered(&name, at, Low);
    }
    let found = outlook_of(&log, step(TRIAGE), ResolveList::Declared, hour(24 * 40).plus_ms(DEADLINE_MS));
    let Expectation::NotReachable(reasons) = &found.expectation else { panic!("{found:?}") };
    assert!(reasons.iter().any(|why| why.contains("the traffic is too small")), "{reasons:?}");
    let nothing = outlook_of(&Log::default(), step(TRIAGE), ResolveList::Declared, hour(0));
    let Expectation::Open(missing) = &nothing.expectation else { panic!("{nothing:?}") };
    assert!(missing.iter().any(|why| why.ends_with("no ticket is past its deadline yet")), "{missing:?}");
    assert!(missing.iter().any(|why| why.ends_with("nobody has answered yet")), "{missing:?}");
}

#[test]
fn a_step_whose_gates_pass_is_earned() {
    let log = hourly(600, |_| Some(Low));
    let found = outlook_of(&log, step(TRIAGE), ResolveList::Declared, after_all(600));
    assert_eq!(found.expectation, Expectation::Earned, "{found:?}");
}
