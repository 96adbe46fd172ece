//! Each gate at its boundaries.

use super::super::evaluate::evaluate;
use super::super::gates::{Place, place};
use super::super::local_time::DeskCalendar;
use super::super::log::Cut;
use super::super::reading::{
    AccountQuestion, CountedWrong, Gate, GateOutcome, GateReading, Missing, SliceQuestion, StepKind, StepQuestion,
    StepReport,
};
use super::super::spec::{JudgedBy, Limits, RolloutSpec, SliceSpec};
use super::*;
use crate::domain::severity::Severity::{Critical, High, Low, Medium};
use crate::domain::stage::AutoAction;
use crate::domain::verdict::{Rating, RatingScale};

pub(super) const TRIAGE: Permission = Permission::Auto(AutoAction::Triage);
pub(super) const RESOLVE: Permission = Permission::Auto(AutoAction::Resolve);

pub(super) fn spec() -> RolloutSpec {
    let probability = |value| Probability::try_new(value).unwrap();
    RolloutSpec {
        slices: vec![SliceSpec { name: Arc::from("rest"), threshold: probability(0.95) }],
        threshold_grid: [0.8, 0.9, 0.95].map(probability).to_vec(),
        limits: Limits::default(),
        verdict_deadline_ms: DEADLINE_MS,
        window_days: 28,
        soak_days: 7,
        soak_step_days: 2,
        cool_down_days: 3,
        approval_days: 30,
        working_hours: crate::rollout::local_time::WorkingHours::USUAL,
        observed_only: vec![],
        calendar: DeskCalendar::utc(),
        draw_rates: super::desk::AUTO,
        judged_by: JudgedBy::TheirWork,
    }
}

pub(super) fn asked(permission: Permission) -> AccountQuestion {
    let account = account(permission);
    AccountQuestion { account, attempt: 1, slice_weight: 1.0, threshold_weight: 0.5, after: Cut::start(), closed: None }
}

pub(super) fn step(permission: Permission) -> StepQuestion {
    StepQuestion { account: asked(permission), kind: StepKind::Stage, since: hour(0) }
}

pub(super) fn read(log: &Log, spec: &RolloutSpec, step: StepQuestion, now: UtcMillis) -> StepReport {
    let question = SliceQuestion { slice: Arc::from("rest"), next: Some(step), in_force: vec![] };
    let mut evaluation = evaluate(&log.evidence, &[question], spec, Cut::start(), now);
    evaluation.slices.remove(0).next.unwrap()
}

/// One gate of the step to a permission.
fn gate(log: &Log, permission: Permission, gate: Gate, now: UtcMillis) -> GateReading {
    read(log, &spec(), step(permission), now).gate(gate).unwrap().clone()
}

#[track_caller]
fn check(reading: &GateReading, outcome: GateOutcome, sentence: &str) {
    assert_eq!((reading.outcome, reading.sentence.as_str()), (outcome, sentence));
}

/// Tickets one hour apart, of which people say what `truth` gives for their number; `None`: nobody answers.
pub(super) fn hourly(count: i64, truth: impl Fn(i64) -> Option<Severity>) -> Log {
    let mut log = Log::default();
    for number in 0..count {
        let (name, at) = (format!("T{number}"), hour(number));
        log.decided(&name, decision(&name, at));
        if let Some(severity) = truth(number) {
            log.answered(&name, at, severity);
        }
    }
    log
}

/// When the deadline of the last of so many hourly tickets has passed.
pub(super) fn after_all(count: i64) -> UtcMillis {
    hour(count - 1).plus_ms(DEADLINE_MS)
}

#[test]
fn a_gate_blocks_every_stage_behind_the_first_that_it_blocks() {
    for gate in Gate::ALL {
        let places = Permission::ALL.map(|permission| place(gate, permission));
        let first = places.iter().position(|place| *place == Place::Blocks).unwrap_or(places.len());
        assert!(places[first..].iter().all(|place| *place == Place::Blocks), "{gate:?}: {places:?}");
    }
    let blocking = |permission| Gate::ALL.into_iter().filter(|gate| place(*gate, permission) == Place::Blocks).count();
    assert_eq!(Permission::ALL.map(blocking), [5, 10, 11]);
}

#[test]
fn a_step_has_the_gates_of_its_permission_in_their_order() {
    let report = read(&Log::default(), &spec(), step(Permission::Suggest), hour(0));
    let gates: Vec<Gate> = report.gates.iter().map(|reading| reading.gate).collect();
    assert!(gates.is_sorted() && gates.len() == 9, "{gates:?}");
    assert!(report.gates.iter().all(|reading| reading.outcome == GateOutcome::Waiting), "nothing read is never green");
    assert!(!report.passes());
}

#[test]
fn the_action_error_passes_at_266_clean_verdicts_and_not_at_265() {
    for (count, outcome) in [(265, GateOutcome::Waiting), (266, GateOutcome::Pass), (267, GateOutcome::Pass)] {
        let log = hourly(count, |_| Some(Low));
        let reading = gate(&log, TRIAGE, Gate::ActionError, after_all(count));
        assert_eq!(reading.outcome, outcome, "{count}: {}", reading.sentence);
        assert_eq!(reading.counted, Some(CountedWrong { counted: count as u64, wrong: 0 }));
    }
    let log = hourly(265, |_| Some(Low));
    check(
        &gate(&log, TRIAGE, Gate::ActionError, after_all(265)),
        GateOutcome::Waiting,
        "265 counted, 0 wrong, 1 to go, about 1 day",
    );
}

#[test]
fn one_wrong_ticket_costs_what_the_table_says() {
    let wrong_once = |count| hourly(count, |number| Some(if number == 100 { High } else { Low }));
    let reading = gate(&wrong_once(310), TRIAGE, Gate::ActionError, after_all(310));
    let Some(Missing::Verdicts(to_go, Some(days))) = reading.missing else { panic!("{reading:?}") };
    let needed = 310 + to_go.if_all_right.unwrap();
    assert!((days.expected - to_go.if_all_right.unwrap() as f64 / 24.0).abs() < 0.1, "24 tickets a day: {days:?}");
    for (count, outcome) in [(needed - 1, GateOutcome::Waiting), (needed, GateOutcome::Pass)] {
        let count = count as i64;
        let reading = gate(&wrong_once(count), TRIAGE, Gate::ActionError, after_all(count));
        assert_eq!(reading.outcome, outcome, "{}", reading.sentence);
    }
}

#[test]
fn a_later_attempt_and_another_threshold_need_more() {
    let log = hourly(330, |_| Some(Low));
    let outcome = |change: fn(&mut AccountQuestion)| {
        let mut question = step(TRIAGE);
        change(&mut question.account);
        read(&log, &spec(), question, after_all(330)).gate(Gate::ActionError).unwrap().outcome
    };
    assert_eq!(outcome(|_| {}), GateOutcome::Pass);
    assert_eq!(outcome(|question| question.attempt = 2), GateOutcome::Pass, "307 are needed");
    assert_eq!(outcome(|question| question.attempt = 3), GateOutcome::Waiting, "348 are needed");
    assert_eq!(outcome(|question| question.threshold_weight = 0.1), GateOutcome::Waiting, "361 are needed");
    assert_eq!(outcome(|question| question.slice_weight = 0.5), GateOutcome::Pass, "307 are needed");
}

#[test]
fn what_cannot_be_evaluated_waits_with_its_reason() {
    let log = hourly(400, |_| Some(Low));
    for (attempt, slice_weight) in [(0, 1.0), (1, f64::NAN), (1, 0.0)] {
        let mut question = step(TRIAGE);
        (question.account.attempt, question.account.slice_weight) = (attempt, slice_weight);
        let report = read(&log, &spec(), question, after_all(400));
        for gate in [Gate::ActionError, Gate::SeverityAccuracy, Gate::CriticalMiss, Gate::BetterThanBaselines] {
            let reading = report.gate(gate).unwrap();
            assert_eq!(reading.outcome, GateOutcome::Waiting);
            assert!(reading.sentence.starts_with("cannot be evaluated: "), "{}", reading.sentence);
        }
        assert!(!report.passes());
    }
}

#[test]
fn a_share_of_wrong_tickets_that_is_shown_to_be_too_high_is_a_breach() {
    let log = hourly(300, |number| Some(if number % 10 == 0 { High } else { Low }));
    check(
        &gate(&log, TRIAGE, Gate::ActionError, after_all(300)),
        GateOutcome::Breach,
        "300 counted, 30 wrong: more than the 2 % that are allowed",
    );
    let log = hourly(100, |number| Some(if number % 2 == 0 { High } else { Low }));
    assert_eq!(gate(&log, Permission::Suggest, Gate::SeverityAccuracy, after_all(100)).outcome, GateOutcome::Breach);
    assert_eq!(
        gate(&hourly(100, |_| Some(Low)), TRIAGE, Gate::SeverityAccuracy, after_all(100)).outcome,
        GateOutcome::Pass
    );
}

#[test]
fn unanswered_tickets_are_wrong_and_the_sentence_says_so() {
    // Each fiftieth has no answer; two of a hundred are not too many for the feed, and cost the action its evidence.
    let log = hourly(100, |number| (number % 50 != 7).then_some(Low));
    let report = read(&log, &spec(), step(TRIAGE), after_all(100));
    assert_eq!(report.wrong_unanswered, 2);
    let sentence = &report.gate(Gate::ActionError).unwrap().sentence;
    assert!(sentence.ends_with("; 2 of 100 counted as wrong only because nobody answered"), "{sentence}");
}

#[test]
fn missing_verdicts_wait_above_five_in_a_hundred() {
    for (missing, outcome) in [(4, GateOutcome::Pass), (5, GateOutcome::Pass), (6, GateOutcome::Waiting)] {
        let log = hourly(100, |number| (number % 10 != 5 || number / 10 >= missing).then_some(Low));
        let reading = gate(&log, Permission::Suggest, Gate::MissingVerdicts, after_all(100));
        assert_eq!(reading.outcome, outcome, "{}", reading.sentence);
    }
    let late = |count: i64| {
        let mut log = hourly(100 - count, |_| Some(Low));
        for number in 0..count {
            let (name, at) = (format!("L{number}"), hour(50 + number));
            log.decided(&name, TicketDecision { is_human_touched: true, ..decision(&name, at) });
            log.answered(&name, at, Low);
        }
        gate(&log, Permission::Suggest, Gate::MissingVerdicts, after_all(200)).outcome
    };
    assert_eq!([late(2), late(3)], [GateOutcome::Pass, GateOutcome::Waiting]);
}

#[test]
fn five_tickets_past_their_deadline_after_the_last_verdict_are_a_silence() {
    // Verdicts come two hours after the ticket, so that the first two unanswered tickets do not lie behind the last verdict.
    for (unanswered, outcome) in [(6, GateOutcome::Pass), (7, GateOutcome::Waiting)] {
        let log = hourly(100, |number| (number < 100 - unanswered).then_some(Low));
        let reading = gate(&log, Permission::Suggest, Gate::VerdictFreshness, after_all(100));
        let silent = unanswered - 2;
        assert_eq!(reading.outcome, outcome, "{silent}: {}", reading.sentence);
        assert!(reading.sentence.contains(&format!("{silent} tickets past the deadline")), "{}", reading.sentence);
    }
}

/// Severities of source, model and TF-IDF on tickets that people call low.
fn duel(log: &mut Log, name: &str, at: UtcMillis, source: Severity, acting: Severity, baseline: Severity) {
    let answers =
        vec![answer(ModelRole::Acting, "v1", Some(acting)), answer(ModelRole::Baseline, "tfidf", Some(baseline))];
    log.decided(name, TicketDecision { answers, source_severity: Some(source), ..decision(name, at) });
    log.answered(name, at, Low);
}

fn duels(count: i64, source: Severity, acting: Severity, baseline: Severity) -> GateReading {
    let mut log = Log::default();
    for number in 0..count {
        duel(&mut log, &format!("T{number}"), hour(number), source, acting, baseline);
    }
    gate(&log, Permission::Suggest, Gate::BetterThanBaselines, after_all(count))
}

#[test]
fn the_model_must_be_shown_better_than_the_source() {
    // Evidence of n wins and no loss is 2^(n+1)/(n+1), nearly; 20 are needed.
    assert_eq!(duels(6, Medium, Low, Low).outcome, GateOutcome::Waiting);
    assert_eq!(duels(7, Medium, Low, Low).outcome, GateOutcome::Pass);
    assert_eq!(duels(50, Low, Low, Low).outcome, GateOutcome::Waiting, "as good is not better");
    assert_eq!(duels(7, Low, Medium, Medium).outcome, GateOutcome::Breach);
}

#[test]
fn tf_idf_that_is_shown_better_is_to_be_used() {
    let reading = duels(7, Medium, Medium, Low);
    assert_eq!(reading.outcome, GateOutcome::Breach);
    assert!(reading.sentence.ends_with("use TF-IDF"), "{}", reading.sentence);
    assert_eq!(duels(6, Medium, Medium, Low).outcome, GateOutcome::Waiting);
    let without = gate(&hourly(7, |_| Some(Low)), Permission::Suggest, Gate::BetterThanBaselines, after_all(7));
    assert_eq!(without.outcome, GateOutcome::Pass, "{}", without.sentence);
}

#[test]
fn whatever_nobody_judged_may_have_been_critical() {
    let missed = |truth: fn(i64) -> Option<Severity>| {
        gate(&hourly(60, truth), RESOLVE, Gate::CriticalMiss, after_all(60)).counted.unwrap().wrong
    };
    assert_eq!(missed(|_| Some(High)), 0, "high is wrong, and not critical");
    assert_eq!(missed(|number| Some(if number == 3 { Critical } else { Low })), 1);
    assert_eq!(missed(|number| (number != 3).then_some(Low)), 1);
    let mut ended = hourly(60, |number| (number != 3).then_some(Low));
    ended.ended("T3", EndedBy::Nobody);
    assert_eq!(gate(&ended, RESOLVE, Gate::CriticalMiss, after_all(60)).counted.unwrap().wrong, 0);
}

#[test]
fn critical_misses_are_held_to_a_tighter_limit_for_resolving() {
    let log = hourly(600, |_| Some(Low));
    assert_eq!(gate(&log, TRIAGE, Gate::CriticalMiss, after_all(600)).outcome, GateOutcome::Pass, "535 are needed");
    assert_eq!(
        gate(&log, RESOLVE, Gate::CriticalMiss, after_all(600)).outcome,
        GateOutcome::Waiting,
        "1,072 are needed"
    );
    let log = hourly(534, |_| Some(Low));
    assert_eq!(gate(&log, TRIAGE, Gate::CriticalMiss, after_all(534)).outcome, GateOutcome::Waiting);
}

fn claiming(confidence: f64, count: i64, right_of_ten: i64) -> GateReading {
    let mut log = Log::default();
    for number in 0..count {
        let (name, at) = (format!("T{number}"), hour(number));
        let mut answer = answer(ModelRole::Acting, "v1", Some(Low));
        if let Some(said) = &mut answer.said {
            said.confidence = confidence;
        }
        log.decided(&name, TicketDecision { answers: vec![answer], ..decision(&name, at) });
        log.answered(&name, at, if number % 10 < right_of_ten { Low } else { Medium });
    }
    gate(&log, TRIAGE, Gate::Calibration, after_all(count))
}

#[test]
fn confidence_may_claim_five_points_too_much_and_any_number_too_little() {
    assert_eq!(claiming(0.949, 100, 9).outcome, GateOutcome::Pass);
    assert_eq!(claiming(0.951, 100, 9).outcome, GateOutcome::Waiting);
    assert_eq!(claiming(0.951, 100, 5).outcome, GateOutcome::Breach);
    let humble = claiming(0.6, 100, 9);
    assert_eq!(humble.outcome, GateOutcome::Pass);
    assert!(humble.sentence.contains("30.0 points too little"), "{}", humble.sentence);
    assert_eq!(claiming(0.9, 49, 9).outcome, GateOutcome::Waiting);
    assert_eq!(claiming(0.9, 50, 9).outcome, GateOutcome::Pass);
    let broken = claiming(f64::NAN, 100, 9);
    assert_eq!(broken.outcome, GateOutcome::Waiting);
    assert!(broken.sentence.starts_with("cannot be evaluated"), "{}", broken.sentence);
}

#[test]
fn drift_needs_a_hundred_tickets_before_its_window_and_no_verdict() {
    let drifting = |count: i64, changes_at: i64| {
        let mut log = Log::default();
        for number in 0..count {
            let (name, at) = (format!("T{number}"), hour(number));
            let severity = if number % 2 == 0 && number >= changes_at { High } else { Low };
            let answers = vec![answer(ModelRole::Acting, "v1", Some(severity))];
            log.decided(&name, TicketDecision { answers, ..decision(&name, at) });
        }
        gate(&log, TRIAGE, Gate::Drift, hour(count)).outcome
    };
    assert_eq!(drifting(299, i64::MAX), GateOutcome::Waiting);
    assert_eq!(drifting(300, i64::MAX), GateOutcome::Pass);
    assert_eq!(drifting(300, 100), GateOutcome::Breach);
    assert_eq!(drifting(600, 0), GateOutcome::Pass, "it was always so");
    assert_eq!(drifting(600, 500), GateOutcome::Breach);
    assert_eq!(drifting(600, 590), GateOutcome::Pass, "ten tickets are chance");
}

#[test]
fn the_stage_must_have_been_held_for_seven_days_and_a_share_for_two() {
    let soak = |kind, now| {
        let question = StepQuestion { kind, ..step(TRIAGE) };
        read(&Log::default(), &spec(), question, now).gate(Gate::Soak).unwrap().clone()
    };
    for (kind, days) in [(StepKind::Stage, 7), (StepKind::Share, 2)] {
        let end = UtcMillis(days * DAY_MS);
        let just_before = soak(kind, end.plus_ms(-1));
        assert_eq!((just_before.outcome, just_before.missing), (GateOutcome::Waiting, Some(Missing::Until(end))));
        assert_eq!(soak(kind, end).outcome, GateOutcome::Pass);
    }
    check(&soak(StepKind::Stage, hour(30)), GateOutcome::Waiting, "held for 1 day of 7, about 6 days to go");
}

#[test]
fn tickets_that_were_opened_again_count_against_resolving() {
    let reopened = |count: i64| {
        let mut log = hourly(120, |_| Some(Low));
        for number in 0..count {
            let name = format!("T{number}");
            let verdict = stated(&format!("again-{number}"), "ben", Low);
            log.said(Verdict { ticket_id: ticket(&name), kind: VerdictKind::Reopen, severity: None, ..verdict });
        }
        gate(&log, RESOLVE, Gate::ReopenRate, after_all(120))
    };
    assert_eq!(reopened(0).outcome, GateOutcome::Pass);
    check(&reopened(1), GateOutcome::Waiting, "120 counted, 1 opened again, 33 to go, about 2 days");
    assert_eq!(reopened(40).outcome, GateOutcome::Breach);
}

#[test]
fn agreement_of_people_and_ratings_are_shown_and_block_nothing() {
    let mut log = hourly(50, |_| Some(Low));
    for number in 0..50 {
        let name = format!("T{number}");
        let second = stated(&format!("second-{number}"), "ben", if number < 10 { Medium } else { Low });
        let decided_at = hour(number + 3);
        log.said(Verdict { ticket_id: ticket(&name), kind: VerdictKind::SecondReading, decided_at, ..second });
        let rating = Rating::try_new(RatingScale::Helpful3V1, 1, Digest::of(name.as_bytes())).unwrap();
        let rated = Verdict { severity: None, rating: Some(rating), ..stated(&format!("r{number}"), "anna", Low) };
        log.said(Verdict { ticket_id: ticket(&name), kind: VerdictKind::RootCauseRating, ..rated });
    }
    let report = read(&log, &spec(), step(Permission::Suggest), after_all(50));
    check(
        report.gate(Gate::HumanCeiling).unwrap(),
        GateOutcome::Pass,
        "50 tickets read by several people: they agree in 80 %, the acting model with them in 90 %",
    );
    check(
        report.gate(Gate::RootCauseRating).unwrap(),
        GateOutcome::Pass,
        "50 root causes rated, on average 1.0 (0 to 2)",
    );
    assert!(!report.gate(Gate::HumanCeiling).unwrap().blocks && !report.gate(Gate::RootCauseRating).unwrap().blocks);
    assert!(report.gate(Gate::SeverityAccuracy).unwrap().sentence.ends_with("; people agree in 80 %"));
}
