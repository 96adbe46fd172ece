use std::path::Path;

use super::*;
use crate::admin::accuracy::EngineersRecord;
use crate::admin::gates::{CountedStatus, GateStatus, GatesStatus, NextStepStatus, StepStatus};
use crate::admin::rollout::{ApprovalStatus, HaltStatus, HaltsStatus, LeaderStatus, RolloutStatus};
use crate::admin::status::{DrawStatus, NextStatus, Problem, ReadingStatus, STATUS_SCHEMA, TriageStatus};
use crate::domain::time::UtcMillis;
use crate::statistics::wilson::interval_95;
use crate::wire::values::Instant;
use crate::wire::words::Word;

fn check(name: &str, status: &Status, slice: Option<&str>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/status");
    insta::with_settings!({ snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, draw(status, slice, Detail::Short));
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
        rollout: None,
        gates: None,
        verdicts: None,
        slices: vec![slice("rest", None, None)],
        all_slices: None,
        problems: Vec::new(),
    }
}

fn slice(name: &str, accuracy: Option<AccuracyRecord>, next: Option<NextStatus>) -> SliceStatus {
    let permission = PermissionStatus {
        stage: Word(Stage::Shadow),
        auto_triage: 0.0,
        auto_resolve: 0.0,
        is_fixed: true,
        draw: None,
    };
    SliceStatus { slice: name.into(), permission: Some(permission), accuracy, next, step: None }
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
    let text = draw(&shadow_day(), None, Detail::Short);
    let long: Vec<&str> = text
        .lines()
        .filter(|line| line.chars().count() > 120 && !line.starts_with("  next: ") && !line.starts_with("  - "))
        .collect();
    assert_eq!(long, Vec::<&str>::new());
}

fn minutes_ago(minutes: i64) -> Instant {
    Instant(UtcMillis(1_793_500_000_000 - minutes * 60_000))
}

fn gate(gate: &str, sentence: &str) -> GateStatus {
    GateStatus { gate: gate.into(), sentence: sentence.into() }
}

fn wireless_step() -> StepStatus {
    let waits_for = vec![
        gate("traffic", "6 of 8 times of the week met, 2 of 3 loads; Saturday and Sunday nights are missing"),
        gate("action_error", "96 counted, 1 wrong; 310 to go if it stays so, about 9 days (7 to 12)"),
    ];
    StepStatus {
        since: Some(minutes_ago(8 * 1_440)),
        advice: "gather".into(),
        to_do: "gather evidence: traffic does not pass; the step is asked for".into(),
        next: Some(NextStepStatus {
            permission: "auto_triage".into(),
            rise: "stage".into(),
            counted: Some(CountedStatus { counted: 96, wrong: 1 }),
            waits_for,
            expected: None,
            asked_by: Some("mira".into()),
        }),
        expectation: Some("open".into()),
        outlook: vec![
            "auto_triage: too early to say when; traffic: 6 of 8 times of the week met".into(),
            NO_RESOLVE.into(),
        ],
    }
}

const NO_RESOLVE: &str =
    "auto_resolve is not reachable because no root cause and category may be resolved (policy.allow is empty)";

fn rest_step() -> StepStatus {
    StepStatus {
        since: Some(minutes_ago(3 * 1_440)),
        advice: "gather".into(),
        to_do: "gather evidence: soak does not pass".into(),
        next: Some(NextStepStatus {
            permission: "auto_triage".into(),
            rise: "share".into(),
            counted: Some(CountedStatus { counted: 412, wrong: 2 }),
            waits_for: vec![gate("soak", "held for 1 of 2 days")],
            expected: Some(minutes_ago(-2 * 1_440)),
            asked_by: None,
        }),
        expectation: Some("at".into()),
        outlook: vec![
            "auto_triage is expected in about 2 days, at the present pace and error".into(),
            NO_RESOLVE.into(),
        ],
    }
}

/// An earned rollout: one slice suggests, the other triages, and somebody has halted a slice.
fn earned() -> Status {
    let mut status = shadow_day();
    for (slice, (step, stage, share)) in
        status.slices.iter_mut().zip([(wireless_step(), Stage::Suggest, 0.0), (rest_step(), Stage::AutoTriage, 0.25)])
    {
        slice.step = Some(step);
        slice.next = None;
        let draw = Some(DrawStatus { evidence_rate: 0.4, is_auto: true, is_short: false });
        slice.permission =
            Some(PermissionStatus { stage: Word(stage), auto_triage: share, auto_resolve: 0.0, is_fixed: false, draw });
    }
    let halt =
        HaltStatus { slice: Some("rest".into()), who: "mira".into(), why: "fibre cut".into(), since: minutes_ago(20) };
    let given = GivenStatus { who: "mira".into(), until: minutes_ago(-27 * 1_440) };
    status.rollout = Some(RolloutStatus {
        mode: "earned".into(),
        revision: 7,
        lease_left_s: Some(83.2),
        leader: Some(LeaderStatus { instance: "noc-2".into(), since: minutes_ago(600), revision: 7 }),
        is_leading: false,
        not_renewed: None,
        halts: HaltsStatus { is_known: true, by_file: false, by_socket: None, by_control: vec![halt], left_out: 0 },
        approvals: vec![ApprovalStatus { slice: "rest".into(), given: Some(given) }],
    });
    status.gates = Some(GatesStatus { read_at: Some(minutes_ago(0)), unread: None, holes: Vec::new() });
    status
}

#[test]
fn an_earned_rollout_of_two_slices_fits_one_screen_with_what_to_do_first() {
    let status = earned();
    check("earned", &status, None);
    let text = draw(&status, None, Detail::Short);
    assert!(text.lines().count() <= 24, "{text}");
    let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 120 && !line.starts_with("  - ")).collect();
    assert_eq!(long, Vec::<&str>::new());
}

#[test]
fn how_many_are_drawn_stands_beside_the_stage_and_that_no_more_can_be() {
    let mut status = earned();
    let text = draw(&status, None, Detail::Short);
    assert!(text.contains("(answers are shown, people decide; 40 % (auto) are decided blind)\n"), "{text}");
    let permission = status.slices[0].permission.as_mut().unwrap();
    (permission.stage, permission.draw) =
        (Word(Stage::Shadow), Some(DrawStatus { evidence_rate: 1.0, is_auto: true, is_short: true }));
    let text = draw(&status, None, Detail::Short);
    assert!(
        text.contains("(people do everything, a sample of 100 % (auto) is predicted)\n  no more are drawn"),
        "{text}"
    );
    status.slices[0].permission.as_mut().unwrap().draw =
        Some(DrawStatus { evidence_rate: 0.2, is_auto: false, is_short: false });
    assert!(draw(&status, None, Detail::Short).contains("a sample of 20 % is predicted"));
}

#[test]
fn one_slice_of_an_earned_rollout_shows_every_gate_and_everybody_on_the_same_tickets() {
    check("earned-slice", &earned(), Some("rest"));
    let text = draw(&earned(), None, Detail::Gates);
    assert!(text.contains("\n  waits for soak: held for 1 of 2 days\n"), "{text}");
}

#[test]
fn without_a_lease_and_behind_the_evidence_no_number_stands_where_nobody_knows_it() {
    let mut status = earned();
    let rollout = status.rollout.as_mut().unwrap();
    rollout.lease_left_s = Some(0.0);
    rollout.halts = HaltsStatus::default();
    rollout.is_leading = true;
    rollout.not_renewed = Some("the evidence read so far is 180 s old".into());
    status.reading.behind_ms = Some(180_000);
    let unread = Some("the evidence read so far is 3 min old".into());
    status.gates = Some(GatesStatus { read_at: None, unread, holes: vec!["decisions 0 begins at 7, not at 3".into()] });
    for slice in &mut status.slices {
        let step = slice.step.as_mut().unwrap();
        (step.expectation, step.outlook) = (None, Vec::new());
        step.to_do = "wait: the gates have not been read yet".into();
        let next = step.next.as_mut().unwrap();
        (next.counted, next.waits_for, next.expected) = (None, Vec::new(), None);
    }
    check("earned-unread", &status, None);
}

#[test]
fn every_way_to_lead_and_to_halt_has_its_words() {
    let mut rollout = earned().rollout.unwrap();
    rollout.halts = HaltsStatus { is_known: true, ..HaltsStatus::default() };
    assert_eq!(rollout_line(&rollout), "rollout: revision 7, noc-2 leads, the lease lasts 83 s; nothing is halted");
    rollout.is_leading = true;
    assert!(rollout_line(&rollout).contains("this instance leads, the lease lasts 83 s"));
    (rollout.is_leading, rollout.lease_left_s) = (false, Some(0.0));
    assert!(rollout_line(&rollout).contains("NO LEASE, nothing is automatic; noc-2 led last"));
    rollout.leader = None;
    assert!(rollout_line(&rollout).contains("NO LEASE, nothing is automatic; no leader has been heard of"));
    rollout.halts.by_file = true;
    rollout.lease_left_s = None;
    let line = "rollout: stages are fixed by the configuration; HALTED: everything by file";
    assert_eq!(rollout_line(&rollout), line);
    assert!(rollout_to_do(&rollout, None)[0].contains("rollout.halt_file"));
    let (who, why) = ("mira".into(), "fibre cut".into());
    rollout.halts.by_socket = Some(HaltStatus { slice: None, who, why, since: minutes_ago(5) });
    assert!(rollout_line(&rollout).ends_with("HALTED: everything by file, everything by socket"));
    assert!(rollout_to_do(&rollout, None)[1].contains("resume --socket"));
}
