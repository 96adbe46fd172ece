//! Whom the label list asks about what.

use super::super::label_list::{LabelList, ListRequest, PER_DAY_MAX, Reading, label_list};
use super::super::state::AskedAgain;
use super::*;

const NOW: UtcMillis = hour(40);

fn list_at(log: &Log, who: &str, now: UtcMillis) -> LabelList {
    list_of(log, who, now, &[])
}

fn list_of(log: &Log, who: &str, now: UtcMillis, asked: &[AskedAgain]) -> LabelList {
    let reviewer = ReviewerId::try_new(who).unwrap();
    let request = ListRequest { reviewer: &reviewer, now, day_began: hour(24), asked, deadline_ms: DEADLINE_MS };
    label_list(&log.evidence, request)
}

fn list(log: &Log, who: &str) -> LabelList {
    list_at(log, who, NOW)
}

fn names(list: &LabelList) -> Vec<&str> {
    list.items.iter().map(|item| item.ticket_id.as_str()).collect()
}

fn from_source(id: &str, at: UtcMillis, severity: Severity) -> TicketDecision {
    TicketDecision { source_severity: Some(severity), ..decision(id, at) }
}

#[test]
fn the_oldest_come_first_and_the_severities_of_the_source_in_turn() {
    let mut log = Log::default();
    for number in 0..4 {
        let id = format!("L{number}");
        log.decided(&id, from_source(&id, hour(number), Severity::Low));
    }
    log.decided("C", from_source("C", hour(20), Severity::Critical));
    log.decided("M1", from_source("M1", hour(12), Severity::Medium));
    log.decided("M0", from_source("M0", hour(11), Severity::Medium));
    assert_eq!(names(&list(&log, "anna")), ["L0", "M0", "C", "L1", "M1", "L2", "L3"]);
}

#[test]
fn a_day_holds_twenty_and_what_was_rated_today_is_among_them() {
    let mut log = Log::default();
    for number in 0..25 {
        let id = format!("T{number:02}");
        log.decided(&id, decision(&id, hour(number)));
    }
    let found = list(&log, "anna");
    assert_eq!((found.items.len(), found.rated_today, found.left_over), (PER_DAY_MAX, 0, 5));
    for number in 0..3 {
        // Stated at 4, 15 and 26 o'clock of a day that began at 24: only T22 was rated today.
        log.answered(&format!("T{:02}", number * 11), hour(number * 11).plus_ms(2 * HOUR_MS), Severity::Low);
    }
    let found = list(&log, "anna");
    assert_eq!((found.items.len(), found.rated_today, found.left_over), (19, 1, 3));
    let found = list(&log, "ben");
    assert_eq!((found.items.len(), found.rated_today, found.left_over), (20, 0, 2), "ben has a day of his own");
}

#[test]
fn what_has_a_verdict_or_needs_none_is_not_asked_again() {
    let mut log = Log::default();
    log.decided("not-drawn", TicketDecision { is_drawn: false, ..decision("not-drawn", hour(1)) });
    log.decided("answered", decision("answered", hour(1))).answered("answered", hour(1), Severity::Low);
    log.decided("touched", TicketDecision { is_human_touched: true, ..decision("touched", hour(1)) });
    log.decided("cleared", decision("cleared", hour(1))).ended("cleared", EndedBy::Nobody);
    log.decided("resolved", decision("resolved", hour(1))).ended("resolved", EndedBy::Person);
    assert_eq!(names(&list(&log, "anna")), ["resolved"]);
}

#[test]
fn a_second_reading_goes_to_another_person_and_there_is_no_third() {
    let mut log = Log::default();
    let twice = |id: &str| TicketDecision { is_second_reading: true, ..decision(id, hour(1)) };
    log.decided("T", twice("T"));
    assert_eq!(list(&log, "anna").items[0].reading, Reading::First);
    log.answered("T", hour(1), Severity::Low);
    assert_eq!(names(&list(&log, "anna")), [""; 0]);
    let found = list(&log, "ben");
    assert_eq!((names(&found), found.items[0].reading), (vec!["T"], Reading::Second));
    let second = Verdict { kind: VerdictKind::SecondReading, ..stated("second", "ben", Severity::High) };
    log.said(second);
    assert_eq!(names(&list(&log, "carl")), [""; 0]);
}

#[test]
fn a_conclusion_of_a_rule_is_no_reading() {
    let mut log = Log::default();
    log.decided("T", decision("T", hour(1)));
    log.said(Verdict { origin: VerdictOrigin::Derived, ..stated("rule", "machine", Severity::Low) });
    assert_eq!(names(&list(&log, "anna")), ["T"]);
}

#[test]
fn what_is_past_its_deadline_is_asked_last() {
    let mut log = Log::default();
    log.decided("old", decision("old", hour(0)));
    log.decided("new", decision("new", hour(30)));
    assert_eq!(names(&list_at(&log, "anna", hour(72))), ["old", "new"]);
    assert_eq!(names(&list_at(&log, "anna", hour(73))), ["new", "old"]);
}

#[test]
fn no_prediction_changes_the_list() {
    let with = |severity| {
        let mut log = Log::default();
        for number in 0..30 {
            let id = format!("T{number:02}");
            let answers = vec![answer(ModelRole::Acting, "v1", Some(severity))];
            log.decided(&id, TicketDecision { answers, ..decision(&id, hour(number)) });
        }
        list(&log, "anna")
    };
    assert_eq!(with(Severity::Low), with(Severity::Critical));
}

#[test]
fn what_a_hard_stop_asks_about_comes_first_and_goes_to_somebody_who_has_not_spoken() {
    let mut log = Log::default();
    log.decided("old", decision("old", hour(1)));
    // Acted on, not drawn, and long past its deadline: asked about all the same.
    let acted = TicketDecision { is_drawn: false, ..decision("acted", hour(0)) };
    log.decided("acted", acted).answered("acted", hour(2), Severity::Critical);
    let asked = |id: &str| AskedAgain { ticket: TicketId::try_new(id).unwrap(), since: hour(30) };
    let asked = [asked("acted"), asked("gone")];
    let who = |log: &Log| {
        let all = log.evidence.tickets().flat_map(|(_, ticket)| ticket.verdicts());
        all.map(|recorded| recorded.value.reviewer.id.as_str().to_owned()).next().unwrap()
    };
    let spoke = who(&log);
    let found = list_of(&log, "zoe", NOW, &asked);
    assert_eq!((names(&found), found.items[0].reading), (vec!["acted", "old"], Reading::Second));
    assert_eq!(names(&list_of(&log, &spoke, NOW, &asked)), ["old"]);
    assert_eq!(names(&list_of(&log, "zoe", NOW, &[])), ["old"]);
}
