//! Which tickets count, and which of them are wrong.

use std::collections::BTreeMap;

use super::super::counting::{AccountCount, CountingRules, LeftOut, Since, count};
use super::super::log::Cut;
use super::super::survey::Survey;
use super::super::wrong::Wrong;
use super::*;
use crate::domain::stage::AutoAction;

const RESOLVE: Permission = Permission::Auto(AutoAction::Resolve);
const TRIAGE: Permission = Permission::Auto(AutoAction::Triage);

fn counted_at<'log>(log: &'log Log, account: &AccountKey, now: UtcMillis) -> AccountCount<'log> {
    let rules = CountingRules::at(&log.evidence, DEADLINE_MS, now);
    count(&Survey::of(&log.evidence), account, &rules, Since::cut(&Cut::start()), now)
}

/// Long after everything, but not so long that the feed of verdicts counts as dead.
fn counted(log: &Log, permission: Permission) -> AccountCount<'_> {
    counted_at(log, &account(permission), hour(24 * 30))
}

#[track_caller]
fn check(log: &Log, permission: Permission, wrong: &[Option<Wrong>], left_out: &[(LeftOut, u64)]) {
    let count = counted(log, permission);
    assert_eq!(count.counted.iter().map(|ticket| ticket.wrong).collect::<Vec<_>>(), wrong, "{permission:?}");
    assert_eq!(count.left_out, left_out.iter().copied().collect::<BTreeMap<_, _>>(), "{permission:?}");
}

#[test]
fn a_drawn_ticket_counts_with_what_people_said() {
    let mut log = Log::default();
    log.decided("A", decision("A", hour(0))).answered("A", hour(0), Severity::Low);
    log.decided("B", decision("B", hour(1))).answered("B", hour(1), Severity::Critical);
    log.decided("C", decision("C", hour(2)));
    let wrong = Some(Wrong::SeverityCritical);
    check(&log, RESOLVE, &[None, wrong, Some(Wrong::NoVerdict)], &[]);
    check(&log, TRIAGE, &[None, wrong, Some(Wrong::NoVerdict)], &[]);
    check(&log, Permission::Suggest, &[None, Some(Wrong::SeverityDiffers), Some(Wrong::NoVerdict)], &[]);
    let count = counted(&log, RESOLVE);
    assert_eq!((count.n(), count.wrong(), count.unanswered()), (3, 2, 1));
}

#[test]
fn only_drawn_tickets_of_the_account_count() {
    let mut log = Log::default();
    let base = decision("A", hour(0));
    let others = [
        TicketDecision { is_drawn: false, ..base.clone() },
        TicketDecision { slice: Arc::from("wireless"), ..base.clone() },
        TicketDecision { eligibility_digest: Digest::of(b"other policy"), ..base.clone() },
        TicketDecision { answers: vec![answer(ModelRole::Acting, "v2", Some(Severity::Low))], ..base.clone() },
        TicketDecision { answers: vec![answer(ModelRole::Acting, "v1", None)], ..base.clone() },
    ];
    for (other, name) in others.into_iter().zip(["A", "B", "C", "D", "E"]) {
        log.decided(name, other).answered(name, hour(0), Severity::Low);
    }
    for permission in Permission::ALL {
        check(&log, permission, &[], &[]);
    }
}

#[test]
fn an_action_needs_its_threshold_and_a_suggestion_needs_none() {
    let mut log = Log::default();
    let reached = [vec![0.8, 0.9], vec![0.8, 0.9, 0.95]];
    let answers = vec![reaching(answer(ModelRole::Acting, "v1", Some(Severity::Low)), reached)];
    log.decided("A", TicketDecision { answers, ..decision("A", hour(0)) }).answered("A", hour(0), Severity::Low);
    check(&log, Permission::Suggest, &[None], &[]);
    check(&log, TRIAGE, &[], &[]);
    check(&log, RESOLVE, &[None], &[]);
}

#[test]
fn a_candidate_gathers_evidence_of_its_own_answers_by_its_own_eligibility() {
    let of_candidate = |permission| AccountKey { model: model("v2"), ..account(permission) };
    let counts = |reached| {
        let mut log = Log::default();
        let answers = vec![
            answer(ModelRole::Acting, "v1", Some(Severity::Low)),
            reaching(answer(ModelRole::Candidate, "v2", Some(Severity::High)), reached),
        ];
        log.decided("A", TicketDecision { answers, ..decision("A", hour(0)) }).answered("A", hour(0), Severity::High);
        [Permission::Suggest, RESOLVE].map(|permission| {
            let count = counted_at(&log, &of_candidate(permission), hour(500));
            (count.n(), count.wrong())
        })
    };
    assert_eq!(counts([vec![], vec![]]), [(1, 0), (0, 0)]);
    assert_eq!(counts([vec![], vec![0.95]]), [(1, 0), (1, 1)]);
}

#[test]
fn the_first_revision_in_w_is_judged_by_the_final_verdict() {
    let mut log = Log::default();
    let above = |at, predicted| TicketDecision {
        answers: vec![answer(ModelRole::Acting, "v1", Some(predicted))],
        ..decision("A", at)
    };
    let unsure = reaching(answer(ModelRole::Acting, "v1", Some(Severity::Medium)), [vec![], vec![]]);
    let below = TicketDecision { answers: vec![unsure], ..decision("A", hour(0)) };
    log.decided("A", below).decided("A", above(hour(1), Severity::Low)).decided("A", above(hour(2), Severity::High));
    log.answered("A", hour(2), Severity::Low);
    let count = counted(&log, TRIAGE);
    assert_eq!(count.counted[0].decided_at(), hour(1));
    assert_eq!(count.counted[0].wrong, None);
    check(&log, Permission::Suggest, &[Some(Wrong::SeverityDiffers)], &[]);
}

#[test]
fn a_storm_is_one_piece_of_evidence_and_a_recurring_template_at_most_five() {
    let mut log = Log::default();
    let alike = |name: &str, at| TicketDecision { fingerprint: Digest::of(b"storm"), ..decision(name, at) };
    for number in 0..10 {
        let name = format!("S{number}");
        log.decided(&name, alike(&name, UtcMillis(number * 60_000))).answered(&name, hour(0), Severity::Low);
    }
    check(&log, TRIAGE, &[None], &[(LeftOut::SameGroup, 9)]);
    for day in 1..10 {
        let (name, at) = (format!("D{day}"), hour(day * 24));
        log.decided(&name, alike(&name, at)).answered(&name, at, Severity::Low);
    }
    check(&log, TRIAGE, &[None; 5], &[(LeftOut::SameGroup, 9), (LeftOut::FingerprintLimit, 5)]);
}

#[test]
fn exactly_24_hours_later_a_group_counts_again() {
    let mut log = Log::default();
    for (name, at) in [("A", UtcMillis(0)), ("B", UtcMillis(DAY_MS - 1)), ("C", UtcMillis(DAY_MS))] {
        let alike = TicketDecision { fingerprint: Digest::of(b"x"), ..decision(name, at) };
        log.decided(name, alike).answered(name, at, Severity::Low);
    }
    let names: Vec<String> = counted(&log, TRIAGE).counted.iter().map(|ticket| ticket.ticket_id.to_string()).collect();
    assert_eq!(names, ["A", "C"]);
}

#[test]
fn children_of_one_incident_and_the_incident_itself_are_one_group() {
    let child = |name: &str, at| TicketDecision { parent: Some(ticket("P")), ..decision(name, at) };
    let mut parent_first = Log::default();
    parent_first
        .decided("P", decision("P", hour(0)))
        .decided("A", child("A", hour(1)))
        .decided("B", child("B", hour(2)));
    let mut child_first = Log::default();
    child_first.decided("A", child("A", hour(0))).decided("P", decision("P", hour(1)));
    for (log, first, others) in [(parent_first, "P", 2), (child_first, "A", 1)] {
        let count = counted(&log, TRIAGE);
        assert_eq!(count.counted.iter().map(|ticket| ticket.ticket_id.as_str()).collect::<Vec<_>>(), [first]);
        assert_eq!(count.left_out_because(LeftOut::SameGroup), others);
    }
}

#[test]
fn whom_a_group_counts_for_does_not_depend_on_the_answers() {
    let names = |first_answer: Option<Severity>, is_early: bool| {
        let mut log = Log::default();
        for name in ["A", "B"] {
            let alike = TicketDecision { fingerprint: Digest::of(b"x"), ..decision(name, hour(10)) };
            log.decided(name, alike);
        }
        if let Some(severity) = first_answer {
            log.answered("A", hour(if is_early { 0 } else { 10 }), severity);
        }
        log.answered("B", hour(10), Severity::Low);
        counted(&log, TRIAGE).counted.iter().any(|ticket| ticket.ticket_id.as_str() == "B")
    };
    for first_answer in [None, Some(Severity::Low), Some(Severity::Critical)] {
        assert!(!names(first_answer, false) && !names(first_answer, true));
    }
}

#[test]
fn the_count_ends_at_the_first_ticket_inside_its_deadline_answered_or_not() {
    let mut log = Log::default();
    for (name, at) in [("A", 0), ("B", 10), ("C", 5)] {
        log.decided(name, decision(name, hour(at))).answered(name, hour(at), Severity::Low);
    }
    let at = |now: i64| {
        let count = counted_at(&log, &account(TRIAGE), UtcMillis(now));
        (count.n(), count.waiting)
    };
    assert_eq!(at(DEADLINE_MS - 1), (0, 3));
    assert_eq!(at(DEADLINE_MS), (1, 2), "C is older than B, but comes behind it");
    assert_eq!(at(DEADLINE_MS + 10 * HOUR_MS), (3, 0));
}

#[test]
fn a_verdict_after_the_deadline_corrects_what_its_absence_had_cost() {
    let mut log = Log::default();
    log.decided("A", decision("A", hour(0)));
    check(&log, TRIAGE, &[Some(Wrong::NoVerdict)], &[]);
    log.answered("A", hour(200), Severity::Low);
    check(&log, TRIAGE, &[None], &[]);
}

#[test]
fn a_decision_after_a_person_was_there_is_late() {
    let mut log = Log::default();
    log.decided("A", TicketDecision { is_human_touched: true, ..decision("A", hour(0)) }).answered(
        "A",
        hour(0),
        Severity::Low,
    );
    log.decided("B", decision("B", hour(12))).answered("B", hour(10), Severity::Low);
    log.decided("C", decision("C", hour(13))).answered("C", hour(12), Severity::Low);
    check(&log, TRIAGE, &[None], &[(LeftOut::LateDecision, 2)]);
    assert_eq!(counted(&log, TRIAGE).late_decision_share(), Some(2.0 / 3.0));
    assert_eq!(counted(&Log::default(), TRIAGE).late_decision_share(), None);
}

#[test]
fn a_ticket_that_ended_alone_is_due_no_verdict_and_would_have_been_resolved_rightly() {
    let mut log = Log::default();
    log.decided("A", decision("A", hour(0))).ended("A", EndedBy::Nobody);
    log.decided("B", decision("B", hour(1))).ended("B", EndedBy::Person);
    log.decided("C", decision("C", hour(2))).ended("C", EndedBy::Nobody).event("C", DecisionEvent::Seen);
    let missing = Some(Wrong::NoVerdict);
    check(&log, TRIAGE, &[missing, missing], &[(LeftOut::NoVerdictDue, 1)]);
    check(&log, RESOLVE, &[None, missing, missing], &[]);
    let reopened = Verdict {
        ticket_id: ticket("A"),
        kind: VerdictKind::Reopen,
        severity: None,
        ..stated("r", "ben", Severity::Low)
    };
    log.said(reopened);
    check(&log, RESOLVE, &[Some(Wrong::Reopened), missing, missing], &[]);
}

#[test]
fn a_disputed_ticket_is_wrong_until_it_is_adjudicated() {
    let mut log = Log::default();
    log.decided("T", decision("T", hour(0))).said(stated("a", "anna", Severity::Low)).said(stated(
        "b",
        "ben",
        Severity::Medium,
    ));
    check(&log, TRIAGE, &[Some(Wrong::Disputed)], &[]);
    log.said(adjudicated("c", "carl", Severity::Low));
    check(&log, TRIAGE, &[None], &[]);
}

#[test]
fn tickets_of_a_feed_gap_are_left_out_whether_they_were_answered_or_not() {
    let mut log = Log::default();
    let is_down = |day: i64| (7..12).contains(&day);
    for day in 0..20 {
        for o_clock in 8..20 {
            let (name, at) = (format!("T{day}-{o_clock}"), hour(day * 24 + o_clock));
            log.decided(&name, decision(&name, at));
            if !is_down(day) {
                log.answered(&name, at, Severity::Low);
            }
        }
    }
    let count = counted_at(&log, &account(TRIAGE), hour(20 * 24));
    // Five days without a verdict, and the two tickets of the morning after that were decided before the first one.
    assert_eq!(count.left_out_because(LeftOut::FeedGap), 5 * 12 + 2);
    assert_eq!(count.wrong(), 0);
    assert_eq!(count.n() + count.waiting + count.left_out_because(LeftOut::FeedGap), 20 * 12);
}

#[test]
fn only_tickets_first_decided_behind_the_cut_count() {
    let mut log = Log::default();
    log.decided("A", decision("A", hour(0))).answered("A", hour(0), Severity::Low);
    let mut cut = Cut::start();
    cut.set_next(EvidenceTopic::Decisions, 0, log.offset + 1);
    log.decided("A", decision("A", hour(1))).decided("B", decision("B", hour(2))).answered("B", hour(2), Severity::Low);
    let rules = CountingRules::at(&log.evidence, DEADLINE_MS, hour(500));
    let count = count(&Survey::of(&log.evidence), &account(TRIAGE), &rules, Since::cut(&cut), hour(500));
    assert_eq!(count.counted.iter().map(|ticket| ticket.ticket_id.as_str()).collect::<Vec<_>>(), ["B"]);
}
