//! Everybody on the same drawn tickets.

use std::collections::BTreeMap;

use super::super::accuracy::{ALL_SLICES, AccuracyWindow, Answerer, Row, Score, SliceAccuracy, live_accuracy};
use super::*;
use crate::domain::severity::Severity::{Critical, High, Low, Medium};
use crate::statistics::sign_test::Discordant;

fn accuracy_at(log: &Log, now: UtcMillis) -> BTreeMap<Arc<str>, SliceAccuracy> {
    live_accuracy(&log.evidence, AccuracyWindow { from: hour(0), now, deadline_ms: DEADLINE_MS })
}

fn accuracy(log: &Log) -> SliceAccuracy {
    accuracy_at(log, hour(500)).remove(ALL_SLICES).unwrap_or_default()
}

/// A ticket with what source, acting model and baseline say; `truth` is what people say.
fn judged(
    log: &mut Log,
    name: &str,
    source: Option<Severity>,
    acting: Severity,
    baseline: Option<Severity>,
    truth: Severity,
) {
    let answers = vec![answer(ModelRole::Acting, "v1", Some(acting)), answer(ModelRole::Baseline, "tfidf", baseline)];
    log.decided(name, TicketDecision { answers, source_severity: source, ..decision(name, hour(1)) });
    log.answered(name, hour(1), truth);
}

const fn score(right: u64, of: u64, unanswered: u64, too_low: u64, too_high: u64) -> Score {
    Score { right, of, unanswered, too_low, too_high }
}

#[test]
fn source_baseline_and_model_are_scored_on_the_same_tickets() {
    let mut log = Log::default();
    judged(&mut log, "A", Some(Low), Low, Some(Low), Low);
    judged(&mut log, "B", Some(High), Low, Some(Medium), Low);
    judged(&mut log, "C", None, Low, None, Critical);
    judged(&mut log, "D", Some(High), Medium, Some(High), High);
    let found = accuracy(&log);
    assert_eq!((found.drawn, found.judged), (4, 4));
    let rows = [
        (Answerer::Source, Row { score: score(2, 4, 1, 0, 1), against_acting: Discordant { first: 1, second: 1 } }),
        (
            Answerer::Baseline(model("tfidf")),
            Row { score: score(2, 4, 1, 0, 1), against_acting: Discordant { first: 1, second: 1 } },
        ),
        (Answerer::Acting(model("v1")), Row { score: score(2, 4, 0, 2, 0), against_acting: Discordant::default() }),
    ];
    assert_eq!(found.rows, rows.into_iter().collect());
}

#[test]
fn k_of_n_stands_with_its_interval_and_no_ticket_has_none() {
    let interval = score(38, 50, 0, 12, 0).interval().unwrap();
    assert!((interval.low - 0.625_873_162_4).abs() < 1e-9 && (interval.high - 0.857_026_086).abs() < 1e-9);
    assert_eq!(Score::default().interval(), None);
}

#[test]
fn a_candidate_is_scored_on_the_tickets_that_it_was_asked_about() {
    let mut log = Log::default();
    judged(&mut log, "A", Some(Low), Low, Some(Low), Low);
    let answers = vec![answer(ModelRole::Acting, "v1", Some(Low)), answer(ModelRole::Candidate, "v2", Some(High))];
    log.decided("B", TicketDecision { answers, ..decision("B", hour(1)) }).answered("B", hour(1), High);
    let row = accuracy(&log).rows[&Answerer::Candidate(model("v2"))];
    assert_eq!(row, Row { score: score(1, 1, 0, 0, 0), against_acting: Discordant { first: 0, second: 1 } });
}

#[test]
fn tickets_without_a_final_severity_are_counted_beside() {
    let mut log = Log::default();
    log.decided("waiting", decision("waiting", hour(450)));
    log.decided("missing", decision("missing", hour(1)));
    log.decided("alone", decision("alone", hour(1))).ended("alone", EndedBy::Nobody);
    log.decided("late", TicketDecision { is_human_touched: true, ..decision("late", hour(1)) }).answered(
        "late",
        hour(1),
        Low,
    );
    log.decided("T", decision("T", hour(1))).said(stated("a", "anna", Low)).said(stated("b", "ben", High));
    let found = accuracy(&log);
    assert_eq!(found.drawn, 5);
    assert_eq!(
        [found.judged, found.waiting, found.missing, found.no_verdict_due, found.late_decision, found.disputed],
        [0, 1, 1, 1, 1, 1]
    );
    assert!(found.rows.is_empty());
}

#[test]
fn each_slice_has_its_row_and_a_window_has_a_start() {
    let mut log = Log::default();
    judged(&mut log, "A", Some(Low), Low, Some(Low), Low);
    let wireless = TicketDecision { slice: Arc::from("wireless"), ..decision("B", hour(2)) };
    log.decided("B", wireless).answered("B", hour(2), High);
    let found = accuracy_at(&log, hour(500));
    let drawn: Vec<(&str, u64)> = found.iter().map(|(slice, row)| (slice.as_ref(), row.drawn)).collect();
    assert_eq!(drawn, [("all", 2), ("rest", 1), ("wireless", 1)]);
    let later = AccuracyWindow { from: hour(2), now: hour(500), deadline_ms: DEADLINE_MS };
    assert_eq!(live_accuracy(&log.evidence, later).len(), 2);
}

#[test]
fn engineers_are_compared_with_each_other_and_with_the_final_verdict() {
    let mut log = Log::default();
    let read = |log: &mut Log, name: &str, readings: &[(&str, Severity)]| {
        log.decided(name, decision(name, hour(1)));
        for (by, severity) in readings {
            let verdict = stated(&format!("{name}-{by}"), by, *severity);
            log.said(Verdict { ticket_id: ticket(name), decided_at: hour(3), ..verdict });
        }
    };
    read(&mut log, "once", &[("anna", Low)]);
    read(&mut log, "agreed", &[("anna", Low), ("ben", Low)]);
    read(&mut log, "disputed", &[("anna", Low), ("ben", High)]);
    read(&mut log, "settled", &[("anna", Low), ("ben", High)]);
    let adjudication = adjudicated("z", "zoe", High);
    log.said(Verdict { ticket_id: ticket("settled"), decided_at: hour(4), ..adjudication });
    let engineers = accuracy(&log).engineers;
    assert_eq!(engineers.readings, score(3, 4, 0, 1, 0));
    // Readers agree on one of three; the model (low) agrees with all, half and half of them.
    let (among, with_model) = engineers.agreement().unwrap();
    assert!((among - 1.0 / 3.0).abs() < 1e-12 && (with_model - 2.0 / 3.0).abs() < 1e-12);
}
