use std::path::Path;

use super::*;
use crate::admin::accuracy::EngineersRecord;
use crate::admin::status::{NextStatus, Problem, ReadingStatus, STATUS_SCHEMA, TriageStatus};
use crate::domain::time::UtcMillis;
use crate::statistics::wilson::interval_95;
use crate::wire::values::Instant;
use crate::wire::words::Word;

fn check(name: &str, status: &Status, slice: Option<&str>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/status");
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, draw(status, slice));
    });
}

/// A daemon that has just started.
fn new_daemon() -> Status {
    Status {
        schema: STATUS_SCHEMA.into(),
        version: "1.2.3".into(),
        instance: "noc-1".into(),
        answered_at: Instant(UtcMillis(1_793_500_000_000)),
        triage: TriageStatus {
            ready: false,
            partitions: None,
            reasons: vec!["the consumer group is not joined".into()],
        },
        reading: ReadingStatus { offsets_left: 1_200, ..ReadingStatus::default() },
        verdicts: None,
        slices: vec![slice("rest", None, None)],
        all_slices: None,
        problems: Vec::new(),
    }
}

fn slice(name: &str, accuracy: Option<AccuracyRecord>, next: Option<NextStatus>) -> SliceStatus {
    let permission =
        PermissionStatus { stage: Word(Stage::Shadow), auto_triage: 0.0, auto_resolve: 0.0, is_fixed: true };
    SliceStatus { slice: name.into(), permission: Some(permission), accuracy, next }
}

fn score(right: u64, of: u64) -> ScoreRecord {
    let interval_95 = interval_95(right, of).map(|interval| [interval.low, interval.high]);
    ScoreRecord { right, of, unanswered: 0, too_low: of - right, too_high: 0, interval_95 }
}

fn row(role: &str, model: Option<&str>, right: u64, alone_right: u64) -> RowRecord {
    RowRecord {
        role: role.into(),
        model: model.map(str::to_owned),
        version: model.map(|_| "1".to_owned()),
        digest: None,
        score: score(right, 50),
        alone_right,
        acting_alone_right: 3,
    }
}

fn first_days() -> AccuracyRecord {
    AccuracyRecord {
        drawn: 120,
        judged: 50,
        waiting: 61,
        missing: 5,
        disputed: 2,
        late_decision: 1,
        no_verdict_due: 1,
        rows: vec![
            row("source", None, 30, 4),
            row("baseline", Some("tfidf"), 34, 2),
            row("acting", Some("desk"), 40, 0),
        ],
        rows_left_out: 0,
        engineers: EngineersRecord {
            readings: score(9, 10),
            tickets_read_twice: 5,
            agreement_among_readers: Some(0.8),
            agreement_with_acting: Some(0.7),
        },
    }
}

/// A daemon on its first days.
fn shadow_day() -> Status {
    let next = NextStatus {
        stage: Word(Stage::Suggest),
        counted: 41,
        wrong: 9,
        wrong_unanswered: 5,
        is_shown: false,
        sentence: "41 counted, 9 wrong (5 only because nobody answered), 61 still inside their deadline; 120 to go if \
                   it stays so, about 6 days (5 to 8); 40 if nothing more is wrong"
            .into(),
    };
    let standings = [("counts", 52), ("late", 2), ("early", 1), ("disputed", 4), ("unknown_ticket", 3)];
    Status {
        triage: TriageStatus { ready: true, partitions: Some(3), reasons: Vec::new() },
        reading: ReadingStatus {
            is_read: true,
            behind_ms: Some(4_000),
            records: [("decisions".to_owned(), 900), ("verdicts".to_owned(), 62)].into(),
            tickets: 850,
            ..ReadingStatus::default()
        },
        verdicts: Some(VerdictsStatus {
            truth: "explicit".into(),
            deadline_hours: 72,
            standings: standings.map(|(name, count)| (name.to_owned(), count)).into(),
            ours: 7,
            ..VerdictsStatus::default()
        }),
        slices: vec![
            slice("wireless", Some(AccuracyRecord::default()), None),
            slice("rest", Some(first_days()), Some(next)),
        ],
        all_slices: Some(first_days()),
        ..new_daemon()
    }
}

#[test]
fn a_daemon_that_has_just_started_says_what_it_still_reads() {
    check("new-daemon", &new_daemon(), None);
}

#[test]
fn a_shadow_day_shows_everybody_on_the_same_tickets_with_counts_and_intervals() {
    check("shadow-day", &shadow_day(), None);
}

#[test]
fn one_slice_alone_leaves_the_others_and_the_sum_out() {
    check("one-slice", &shadow_day(), Some("wireless"));
}

#[test]
fn problems_and_what_to_do_stand_last_where_the_eye_ends() {
    let mut status = shadow_day();
    status.reading.behind_ms = Some(600_000);
    status.problems = vec![Problem {
        what: "evidence cannot be read: noctriage.decisions: asking for its ends: timed out".into(),
        hint: "are the brokers up?".into(),
    }];
    status.slices.remove(0);
    status.slices[0].next.as_mut().unwrap().is_shown = true;
    status.slices[0].permission.as_mut().unwrap().stage = Word(Stage::AutoTriage);
    status.slices[0].permission.as_mut().unwrap().auto_triage = 0.25;
    check("problems", &status, None);
}

#[test]
fn every_line_fits_a_terminal_of_120_columns_but_for_sentences() {
    let text = draw(&shadow_day(), None);
    let long: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 120 && !line.starts_with("  next: ") && !line.starts_with("  - "))
        .collect();
    assert_eq!(long, Vec::<&str>::new());
}
