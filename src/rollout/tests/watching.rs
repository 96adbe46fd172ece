//! Permissions in force: what raises an alarm, and which tickets people must look at.

use super::super::evaluate::evaluate;
use super::super::log::Cut;
use super::super::reading::{AccountQuestion, Gate, GateOutcome, SliceQuestion, WatchReport};
use super::super::spec::{Limits, RolloutSpec};
use super::gates::{RESOLVE, TRIAGE, after_all, asked, hourly, spec};
use super::*;
use crate::domain::severity::Severity::{Critical, High, Low};
use crate::domain::stage::AutoAction;
use crate::statistics::tally::ErrorLimit;

fn watched_by(log: &Log, question: AccountQuestion, spec: &RolloutSpec, now: UtcMillis) -> WatchReport {
    let question = SliceQuestion { slice: Arc::from("rest"), next: None, in_force: vec![question] };
    let mut evaluation = evaluate(&log.evidence, &[question], spec, Cut::start(), now);
    evaluation.slices.remove(0).in_force.remove(0)
}

fn watched(log: &Log, permission: Permission, now: UtcMillis) -> WatchReport {
    watched_by(log, asked(permission), &spec(), now)
}

fn outcome(report: &WatchReport, gate: Gate) -> GateOutcome {
    report.gate(gate).unwrap().outcome
}

/// A ticket that was acted on, in the audit draw or not.
fn acted(log: &mut Log, name: &str, at: UtcMillis, action: AutoAction, is_audit: bool) {
    let action = ActionKind::Auto(action);
    log.decided(name, TicketDecision { is_drawn: false, is_audit, action, ..decision(name, at) });
}

/// Somebody looks at the action.
fn audited(log: &mut Log, name: &str, at: UtcMillis, is_right: bool) {
    let verdict = stated(&format!("audit-{name}"), "carla", Low);
    log.said(Verdict {
        ticket_id: ticket(name),
        kind: VerdictKind::ReviewOfAuto,
        severity: None,
        saw_model: Some(true),
        decided_at: at.plus_ms(HOUR_MS),
        auto_action_correct: Some(is_right),
        ..verdict
    });
}

/// Audited actions one hour apart, all but the last `wrong` of them right.
fn audits(count: i64, wrong: i64) -> Log {
    let mut log = Log::default();
    for number in 0..count {
        let (name, at) = (format!("A{number}"), hour(number));
        acted(&mut log, &name, at, AutoAction::Triage, true);
        audited(&mut log, &name, at, number < count - wrong);
    }
    log
}

#[test]
fn audits_are_watched_and_a_run_of_wrong_ones_raises_the_alarm() {
    let calm = watched(&audits(60, 0), TRIAGE, hour(60));
    assert_eq!(calm.gate(Gate::ActionError).unwrap().sentence, "60 looked at, 0 wrong");
    assert_eq!(outcome(&calm, Gate::ActionError), GateOutcome::Pass);
    let first_alarm = (1..20).find(|wrong| {
        outcome(&watched(&audits(60, *wrong), TRIAGE, hour(60)), Gate::ActionError) == GateOutcome::Breach
    });
    // One slice, two actions, three gates: alarm at 6,000.
    assert_eq!(first_alarm, Some(4));
}

#[test]
fn an_alarm_stays_however_right_the_tickets_after_it_are() {
    let mut log = audits(60, 5);
    for number in 60..400 {
        let (name, at) = (format!("A{number}"), hour(number));
        acted(&mut log, &name, at, AutoAction::Triage, true);
        audited(&mut log, &name, at, true);
    }
    assert_eq!(outcome(&watched(&log, TRIAGE, hour(400)), Gate::ActionError), GateOutcome::Breach);
    // Behind the cut of a new attempt it is forgotten.
    let mut question = asked(TRIAGE);
    question.after.set_next(EvidenceTopic::Decisions, 0, 121);
    assert_eq!(outcome(&watched_by(&log, question, &spec(), hour(400)), Gate::ActionError), GateOutcome::Pass);
}

#[test]
fn drawn_tickets_are_watched_before_their_deadline_once_somebody_answered() {
    let mut log = hourly(60, |number| Some(if number < 55 { Low } else { High }));
    assert_eq!(outcome(&watched(&log, TRIAGE, hour(62)), Gate::ActionError), GateOutcome::Breach);
    log = hourly(60, |number| (number < 55).then_some(Low));
    let waiting = watched(&log, TRIAGE, hour(62));
    assert_eq!(waiting.gate(Gate::ActionError).unwrap().sentence, "55 looked at, 0 wrong");
}

#[test]
fn audits_that_nobody_made_are_wrong_once_they_are_overdue_but_not_in_a_silence() {
    let mut log = Log::default();
    for number in 0..60 {
        let (name, at) = (format!("A{number}"), hour(number));
        acted(&mut log, &name, at, AutoAction::Triage, true);
        if !(40..45).contains(&number) {
            audited(&mut log, &name, at, true);
        }
    }
    assert_eq!(outcome(&watched(&log, TRIAGE, hour(61)), Gate::ActionError), GateOutcome::Pass);
    assert_eq!(outcome(&watched(&log, TRIAGE, after_all(60)), Gate::ActionError), GateOutcome::Breach);

    let silent = hourly(60, |number| (number < 50).then_some(Low));
    let report = watched(&silent, TRIAGE, after_all(60));
    assert_eq!((report.silent_tickets, outcome(&report, Gate::VerdictFreshness)), (8, GateOutcome::Breach));
    // The two tickets before the last verdict are overdue; the silence after it says nothing about the model.
    assert_eq!(report.gate(Gate::ActionError).unwrap().sentence, "52 looked at, 2 wrong");
}

#[test]
fn silence_is_counted_until_somebody_speaks_and_also_when_the_feed_counts_as_down() {
    let log = |answered_until: i64| {
        let mut log = Log::default();
        for day in 0..40 {
            for o_clock in 8..20 {
                let (name, at) = (format!("T{day}-{o_clock}"), hour(day * 24 + o_clock));
                log.decided(&name, decision(&name, at));
                if day < answered_until {
                    log.answered(&name, at, Low);
                }
            }
        }
        log
    };
    let now = hour(40 * 24);
    assert_eq!(watched(&log(40), TRIAGE, now).silent_tickets, 0);
    let silent = watched(&log(20), TRIAGE, now);
    // 17 of the 20 silent days are past the deadline.
    assert_eq!(silent.silent_tickets, 17 * 12);
    assert_eq!(outcome(&silent, Gate::VerdictFreshness), GateOutcome::Breach);
}

#[test]
fn people_who_call_an_action_or_an_eligible_ticket_critical_ask_for_a_hard_stop() {
    let mut log = hourly(3, |number| Some(if number == 1 { Critical } else { Low }));
    acted(&mut log, "A", hour(4), AutoAction::Triage, false);
    acted(&mut log, "B", hour(5), AutoAction::Triage, false);
    // Said with the answer in sight: no evidence, and still bad news.
    let seen = Verdict { saw_model: Some(true), ticket_id: ticket("A"), ..stated("a", "ben", Critical) };
    log.said(seen);
    let critical = |log: &Log, permission| -> Vec<String> {
        watched(log, permission, hour(20)).critical.iter().map(ToString::to_string).collect()
    };
    assert_eq!(critical(&log, TRIAGE), ["T1", "A"]);
    assert_eq!(critical(&log, RESOLVE), ["T1"]);
    assert_eq!(critical(&log, Permission::Suggest), Vec::<String>::new());
    log.said(Verdict { ticket_id: ticket("A"), ..adjudicated("x", "carl", Low) });
    assert_eq!(critical(&log, TRIAGE), ["T1"], "refuted");
}

#[test]
fn a_step_back_rechecks_what_nobody_saw_since_the_last_right_audit_newest_first() {
    let mut log = Log::default();
    for number in 0..6 {
        acted(&mut log, &format!("A{number}"), hour(number), AutoAction::Triage, number % 2 == 0);
    }
    let recheck = |log: &Log| -> Vec<String> {
        watched(log, TRIAGE, hour(20)).to_recheck.iter().map(ToString::to_string).collect()
    };
    assert_eq!(recheck(&log), ["A5", "A4", "A3", "A2", "A1", "A0"]);
    audited(&mut log, "A2", hour(2), true);
    assert_eq!(recheck(&log), ["A5", "A4", "A3"]);
    audited(&mut log, "A4", hour(4), false);
    assert_eq!(recheck(&log), ["A5", "A3"], "the wrong one has been seen");
}

#[test]
fn what_is_audited_right_after_the_first_critical_one_keeps_nothing_before_it_from_a_recheck() {
    let mut log = Log::default();
    for number in 0..8 {
        acted(&mut log, &format!("A{number}"), hour(number), AutoAction::Triage, number % 2 == 0);
    }
    let recheck = |log: &Log| -> Vec<String> {
        watched(log, TRIAGE, hour(20)).to_recheck.iter().map(ToString::to_string).collect()
    };
    audited(&mut log, "A0", hour(0), true);
    audited(&mut log, "A4", hour(4), false);
    audited(&mut log, "A6", hour(6), true);
    assert_eq!(recheck(&log), ["A7", "A5", "A3", "A2", "A1"], "A6 was right, and A4 before it was not");
    audited(&mut log, "A2", hour(2), true);
    assert_eq!(recheck(&log), ["A7", "A5", "A3"]);
    // One of a wave that somebody finds later.
    log.said(Verdict { ticket_id: ticket("A1"), ..stated("a", "ben", Critical) });
    assert_eq!(recheck(&log), ["A7", "A5", "A3"], "A0 was right before it");
    let mut audits = Log::default();
    for (number, is_right) in [(0, true), (1, false), (100, true), (102, false)] {
        acted(&mut audits, &format!("B{number}"), hour(number), AutoAction::Triage, true);
        acted(&mut audits, &format!("C{number}"), hour(number), AutoAction::Triage, false);
        audited(&mut audits, &format!("B{number}"), hour(number), is_right);
    }
    let found: Vec<String> = watched(&audits, TRIAGE, hour(110)).to_recheck.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["C102", "C100"], "what was wrong days ago is another matter");
}

#[test]
fn resolved_tickets_that_are_opened_again_raise_an_alarm_of_their_own() {
    let reopened = |count: i64| {
        let mut log = Log::default();
        for number in 0..40 {
            let (name, at) = (format!("A{number}"), hour(number));
            acted(&mut log, &name, at, AutoAction::Resolve, false);
            if number >= 40 - count {
                let again = stated(&format!("again-{number}"), "ben", Low);
                log.said(Verdict { ticket_id: ticket(&name), kind: VerdictKind::Reopen, severity: None, ..again });
            }
        }
        outcome(&watched(&log, RESOLVE, after_all(40)), Gate::ReopenRate)
    };
    assert_eq!([reopened(0), reopened(2), reopened(8)], [GateOutcome::Pass, GateOutcome::Pass, GateOutcome::Breach]);
}

#[test]
fn a_limit_that_cannot_be_watched_waits_and_says_why() {
    let limits = Limits { action_error: ErrorLimit::try_new(0.95).unwrap(), ..Limits::default() };
    let report = watched_by(&audits(10, 0), asked(TRIAGE), &RolloutSpec { limits, ..spec() }, hour(20));
    let reading = report.gate(Gate::ActionError).unwrap();
    assert_eq!(reading.outcome, GateOutcome::Waiting);
    assert!(reading.sentence.starts_with("cannot be evaluated: an error limit of 0.95"), "{}", reading.sentence);
}

#[test]
fn a_breach_that_is_only_observed_does_not_block() {
    let observing = RolloutSpec { observed_only: vec![Gate::ActionError], ..spec() };
    let report = watched_by(&audits(60, 10), asked(TRIAGE), &observing, hour(61));
    let reading = report.gate(Gate::ActionError).unwrap();
    assert_eq!((reading.outcome, reading.blocks), (GateOutcome::Breach, false));
}
