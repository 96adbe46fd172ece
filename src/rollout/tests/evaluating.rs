//! Whole evaluations: traffic, stories over months, cuts, holes.

use super::super::evaluate::evaluate;
use super::super::log::Cut;
use super::super::reading::{Gate, GateOutcome, Missing, SliceQuestion, StepQuestion};
use super::super::spec::{Limits, RolloutSpec};
use super::gates::{RESOLVE, TRIAGE, after_all, asked, hourly, read, spec, step};
use super::*;
use crate::domain::severity::Severity::{High, Low};
use crate::statistics::tally::ErrorLimit;

/// 1970-01-05, a Monday.
const MONDAY: i64 = 4 * 24;

/// Ten drawn tickets a day for so many days from a Monday, spread over the hours; people answer `truth` of the number.
fn days(count: i64, truth: impl Fn(i64) -> Severity) -> (Log, UtcMillis) {
    let mut log = Log::default();
    for number in 0..count * 10 {
        let at = hour(MONDAY + number / 10 * 24).plus_ms(number % 10 * (24 * HOUR_MS / 10));
        let name = format!("T{number}");
        log.decided(&name, decision(&name, at)).answered(&name, at, truth(number));
    }
    (log, hour(MONDAY + count * 24).plus_ms(DEADLINE_MS))
}

#[test]
fn a_hundred_clean_days_earn_every_step_but_the_last() {
    let (log, now) = days(100, |_| Low);
    for permission in [Permission::Suggest, TRIAGE] {
        let report = read(&log, &spec(), step(permission), now);
        let waiting: Vec<_> =
            report.gates.iter().filter(|reading| reading.blocks && reading.outcome != GateOutcome::Pass).collect();
        assert!(report.passes(), "{waiting:?}");
    }
    let report = read(&log, &spec(), step(RESOLVE), now);
    let waiting: Vec<Gate> = report
        .gates
        .iter()
        .filter(|reading| reading.blocks && reading.outcome != GateOutcome::Pass)
        .map(|reading| reading.gate)
        .collect();
    assert_eq!(waiting, [Gate::CriticalMiss], "1,000 of 1,072 clean tickets");
    assert!(read(&days(108, |_| Low).0, &spec(), step(RESOLVE), days(108, |_| Low).1).passes());
}

#[test]
fn every_twentieth_wrong_never_earns_an_action() {
    let (log, now) = days(100, |number| if number % 20 == 0 { High } else { Low });
    let report = read(&log, &spec(), step(TRIAGE), now);
    assert!(!report.passes());
    assert_eq!(report.gate(Gate::ActionError).unwrap().outcome, GateOutcome::Breach);
    assert!(read(&log, &spec(), step(Permission::Suggest), now).passes(), "a suggestion may be wrong more often");
}

#[test]
fn the_grid_counts_every_other_threshold() {
    let mut log = hourly(10, |_| Some(Low));
    let unsure = reaching(answer(ModelRole::Acting, "v1", Some(Low)), [vec![0.8], vec![]]);
    log.decided("U", TicketDecision { answers: vec![unsure], ..decision("U", hour(2)) }).answered("U", hour(2), High);
    let grid = read(&log, &spec(), step(TRIAGE), after_all(12)).grid;
    let counts: Vec<_> = grid.iter().map(|(threshold, count)| (threshold.get(), count.counted, count.wrong)).collect();
    assert_eq!(counts, [(0.8, 11, 1), (0.9, 10, 0)]);
    assert_eq!(read(&log, &spec(), step(Permission::Suggest), after_all(12)).grid, []);
}

fn traffic(log: &Log, spec: &RolloutSpec, now: UtcMillis) -> (GateOutcome, String, Option<Missing>) {
    let reading = read(log, spec, step(Permission::Suggest), now).gate(Gate::Traffic).unwrap().clone();
    (reading.outcome, reading.sentence, reading.missing)
}

#[test]
fn seven_full_days_must_have_passed_into_the_count() {
    // The first ticket falls into Monday, so that Tuesday is the first full day and the next Monday the seventh.
    let mut log = Log::default();
    for number in 0..14 * 24 {
        let (name, at) = (format!("T{number}"), hour(MONDAY + number));
        log.decided(&name, decision(&name, at)).answered(&name, at, Low);
    }
    let end = hour(MONDAY + 8 * 24).plus_ms(DEADLINE_MS);
    let (outcome, sentence, missing) = traffic(&log, &spec(), end.plus_ms(-1));
    assert_eq!(outcome, GateOutcome::Waiting);
    assert!(sentence.ends_with("6 of 7 full days"), "{sentence}");
    assert_eq!(missing, Some(Missing::Until(end)));
    assert_eq!(traffic(&log, &spec(), end).0, GateOutcome::Pass);
}

#[test]
fn hours_that_were_never_drawn_are_missed_by_name() {
    // Traffic at all hours; drawn are only those of the day.
    let mut log = Log::default();
    for number in 0..14 * 24 {
        let at = hour(MONDAY + number);
        let name = format!("T{number}");
        let is_drawn = (6..24).contains(&(number % 24));
        log.decided(&name, TicketDecision { is_drawn, ..decision(&name, at) }).answered(&name, at, Low);
    }
    let (outcome, sentence, _) = traffic(&log, &spec(), hour(MONDAY + 14 * 24).plus_ms(DEADLINE_MS));
    assert_eq!(outcome, GateOutcome::Waiting);
    assert_eq!(sentence, "75 % of the traffic met; missing: weekdays 00–06 (0 of 5), weekends 00–06 (0 of 5)");
}

#[test]
fn five_answered_tickets_from_two_dates_meet_a_kind_of_traffic() {
    // Two weeks with tickets at noon, and `nights` weekday nights with one ticket or more each.
    let night = |per_night: &[i64]| {
        let mut log = Log::default();
        let mut add = |name: String, at: UtcMillis| {
            log.decided(&name, decision(&name, at)).answered(&name, at, Low);
        };
        for day in 0..14 {
            for number in 0..3 {
                add(format!("D{day}-{number}"), hour(MONDAY + day * 24 + 12).plus_ms(number));
            }
        }
        for (day, count) in per_night.iter().enumerate() {
            for number in 0..*count {
                add(format!("N{day}-{number}"), hour(MONDAY + day as i64 * 24 + 3).plus_ms(number));
            }
        }
        traffic(&log, &spec(), hour(MONDAY + 14 * 24).plus_ms(DEADLINE_MS))
    };
    assert_eq!(night(&[2, 2]).0, GateOutcome::Waiting);
    assert_eq!(night(&[3, 2]).0, GateOutcome::Pass);
    let one_date = night(&[5]);
    assert_eq!(one_date.0, GateOutcome::Waiting);
    assert!(one_date.1.contains("weekdays 00–06 (5 from 1 date only)"), "{}", one_date.1);
    assert_eq!(night(&[]).0, GateOutcome::Pass, "what has no traffic need not be met");
}

#[test]
fn busy_hours_must_be_met_too() {
    // Each day four quiet hours from six o'clock, of which one ticket is drawn, and one busy hour within the same six.
    let sentence = |is_busy_drawn: bool| {
        let mut log = Log::default();
        for day in 0..14 {
            for o_clock in 6..11 {
                let is_busy = o_clock == 10;
                for number in 0..if is_busy { 20 } else { 1 } {
                    let at = hour(MONDAY + day * 24 + o_clock).plus_ms(number);
                    let name = format!("T{day}-{o_clock}-{number}");
                    let is_drawn = !is_busy || (is_busy_drawn && number == 0);
                    log.decided(&name, TicketDecision { is_drawn, ..decision(&name, at) });
                    log.answered(&name, at, Low);
                }
            }
        }
        traffic(&log, &spec(), hour(MONDAY + 14 * 24).plus_ms(DEADLINE_MS)).1
    };
    assert_eq!(sentence(false), "16.7 % of the traffic met; missing: busy hours (0 of 5)");
    assert_eq!(sentence(true), "100 % of the traffic met, 13 full days");
}

#[test]
fn every_question_has_a_report_in_order_whatever_slices_there_are_today() {
    let question = |slice: &str, next: Option<StepQuestion>| SliceQuestion {
        slice: Arc::from(slice),
        next,
        in_force: vec![asked(Permission::Suggest)],
    };
    let questions = [question("wireless-of-last-year", None), question("rest", Some(step(TRIAGE)))];
    let log = hourly(3, |_| Some(Low));
    let evaluation = evaluate(&log.evidence, &questions, &spec(), Cut::start(), hour(90));
    let found: Vec<_> =
        evaluation.slices.iter().map(|slice| (&*slice.slice, slice.next.is_some(), slice.in_force.len())).collect();
    assert_eq!(found, [("wireless-of-last-year", false, 1), ("rest", true, 1)]);
    assert_eq!(evaluation.at, hour(90));
}

#[test]
fn a_log_that_begins_behind_the_cut_of_an_account_is_a_hole() {
    let holes = |begins_at: i64, needed: Option<i64>| {
        let mut log = hourly(3, |_| Some(Low));
        log.evidence.begin_log(EvidenceTopic::Decisions, 0, begins_at);
        let mut question = step(TRIAGE);
        if let Some(next) = needed {
            question.account.after.set_next(EvidenceTopic::Decisions, 0, next);
        }
        let question = SliceQuestion { slice: Arc::from("rest"), next: Some(question), in_force: vec![] };
        evaluate(&log.evidence, &[question], &spec(), Cut::start(), hour(90)).holes
    };
    assert_eq!(holes(7, Some(7)), Vec::<String>::new());
    assert_eq!(holes(8, Some(7)), ["decisions partition 0 begins at offset 8: evidence before it is gone"]);
    assert_eq!(holes(8, None), Vec::<String>::new(), "an account that began with what there was");
}

#[test]
fn what_is_deleted_is_gone_from_the_fold_too_and_more_of_it_is_another_hole() {
    let mut log = hourly(9, |_| Some(Low));
    let mut question = asked(TRIAGE);
    question.after.set_next(EvidenceTopic::Decisions, 0, 0);
    let question = SliceQuestion { slice: Arc::from("rest"), next: None, in_force: vec![question] };
    let mut find = |begins_at| {
        log.evidence.begin_log(EvidenceTopic::Decisions, 0, begins_at);
        let holes = evaluate(&log.evidence, std::slice::from_ref(&question), &spec(), Cut::start(), hour(90)).holes;
        (log.evidence.tickets().filter(|(_, ticket)| ticket.first().is_some()).count(), holes.len())
    };
    assert_eq!(find(0), (9, 0));
    let offset_of_third = 4;
    assert_eq!(find(offset_of_third), (7, 1));
    assert_eq!(find(offset_of_third), (7, 1));
    assert_eq!(find(offset_of_third + 2), (6, 1), "a new sentence, which nobody has acknowledged");
}

#[test]
fn no_sentence_holds_a_word_of_the_method() {
    let log = hourly(700, |number| (number % 60 != 0).then_some(if number % 90 == 1 { High } else { Low }));
    for permission in Permission::ALL {
        for now in [hour(10), hour(200), after_all(700)] {
            for reading in read(&log, &spec(), step(permission), now).gates {
                let words =
                    ["evidence", "e-process", "alpha", "detector", "martingale", "hypothes", "NaN", "inf", "PSI"];
                assert!(!words.iter().any(|word| reading.sentence.contains(word)), "{}", reading.sentence);
            }
        }
    }
}

#[test]
fn a_limit_that_is_stricter_is_never_passed_earlier() {
    let limit = |rate| ErrorLimit::try_new(rate).unwrap();
    for wrong in [0, 1, 3] {
        for count in [100, 266, 450, 700] {
            let log = hourly(count, |number| Some(if number * wrong % 200 < wrong { High } else { Low }));
            let passes = [0.05, 0.03, 0.02, 0.01].map(|rate| {
                let limits = Limits { action_error: limit(rate), ..Limits::default() };
                let report = read(&log, &RolloutSpec { limits, ..spec() }, step(TRIAGE), after_all(count));
                report.gate(Gate::ActionError).unwrap().outcome == GateOutcome::Pass
            });
            assert!(passes.is_sorted_by(|looser, stricter| looser >= stricter), "{count}: {passes:?}");
        }
    }
}
