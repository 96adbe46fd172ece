//! What evidence takes from a decision record, read from records as they lie in the log.

use serde_json::{Value, json};

use super::*;
use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;

/// A drawn ticket of the shadow stage, with some fields of the record, its basis or its facts replaced.
fn seen(record: &Value, basis: &Value, facts: &Value) -> Option<DecisionSeen> {
    let digest = Digest::of(b"x").to_string();
    let draw = |drawn: bool| json!({ "rate": 0.5, "drawn": drawn });
    let mut facts_json = json!({ "fingerprint": digest, "created_at": "2026-11-24T10:00:00Z", "created_at_origin": "ticket",
        "severity_reported": { "value": "high", "set_by": "system" }, "parent": "T0" });
    extend(&mut facts_json, facts);
    let mut basis_json = json!({ "content_digest": digest, "slice": "wireless", "stage": "shadow",
        "shares": { "auto_triage": 0.0, "auto_resolve": 0.0 }, "rollout_revision": 0,
        "draws": { "evidence": draw(true), "cohort": draw(false), "audit": draw(false), "second_reading": draw(true) },
        "answers": [{ "role": "acting", "model": "demo", "version": "1", "digest": digest, "calibration_digest": digest,
            "purpose": "demo", "prediction": { "severity": "low", "tokens": 9,
                "distribution": { "critical": 0.0, "high": 0.0, "medium": 0.1, "low": 0.9 } } },
            { "role": "baseline", "model": "tfidf", "version": "1", "digest": digest, "calibration_digest": digest,
            "purpose": "demo", "missing": "deadline" }],
        "eligibility": { "auto_triage": { "reached": [0.8, 0.9] }, "auto_resolve": { "forbidden_by": ["freeze"] } },
        "queue": "access", "digests": { "config": digest, "policy": digest, "eligibility": digest }, "facts": facts_json });
    extend(&mut basis_json, basis);
    let mut record_json = json!({ "schema": "noctriage.decision/v1", "decision_id": digest, "ticket_id": "T1", "revision": 4,
        "source": { "topic": "tickets", "partition": 0, "offset": 7 }, "appended_at": "2026-11-24T10:00:00Z",
        "outcome": "decided", "action": "people", "volatile": { "desk_time": "2026-11-24T10:00:01Z" }, "basis": basis_json });
    extend(&mut record_json, record);
    SeenDecision::from_json(record_json.to_string().as_bytes()).unwrap().seen().unwrap()
}

fn extend(value: &mut Value, changes: &Value) {
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
}

fn nothing() -> Value {
    json!({})
}

fn event(record: &Value, basis: &Value, facts: &Value) -> DecisionEvent {
    seen(record, basis, facts).unwrap().event
}

#[test]
fn a_decision_of_a_drawn_ticket_is_taken_with_all_that_evidence_needs() {
    let DecisionEvent::Decided(decision) = event(&nothing(), &nothing(), &nothing()) else { panic!("not decided") };
    assert_eq!(decision.slice.as_ref(), "wireless");
    assert_eq!(decision.parent.as_ref().map(TicketId::as_str), Some("T0"));
    assert_eq!((decision.is_drawn, decision.is_second_reading, decision.is_audit), (true, true, false));
    assert_eq!(decision.source_severity, Some(Severity::High));
    let said: Vec<_> = decision.answers.iter().map(|answer| (answer.role, answer.severity())).collect();
    assert_eq!(said, [(ModelRole::Acting, Some(Severity::Low)), (ModelRole::Baseline, None)]);
    let said = decision.acting().and_then(|answer| answer.said.as_ref()).unwrap();
    assert_eq!((said.confidence, said.critical, said.queue.as_deref()), (0.9, 0.0, Some("access")));
    assert!(said.reaches(AutoAction::Triage, 0.9) && !said.reaches(AutoAction::Triage, 0.95));
    assert!(!said.reaches(AutoAction::Resolve, 0.8));
}

#[test]
fn a_candidate_is_taken_with_its_own_eligibility_and_queue() {
    let digest = Digest::of(b"y").to_string();
    let candidate = json!({ "role": "candidate", "model": "next", "version": "2", "digest": digest,
        "calibration_digest": digest, "purpose": "production", "eligible": { "auto_triage": [0.8], "queue": "core" },
        "prediction": { "severity": "low", "tokens": 9,
            "distribution": { "critical": 0.05, "high": 0.05, "medium": 0.05, "low": 0.85 } } });
    let basis = json!({ "answers": [candidate] });
    let DecisionEvent::Decided(decision) = event(&nothing(), &basis, &nothing()) else { panic!("not decided") };
    let said = decision.answers[0].said.as_ref().unwrap();
    assert_eq!((said.reached.clone(), said.queue.as_deref(), said.critical), ([vec![0.8], vec![]], Some("core"), 0.05));
}

#[test]
fn what_we_wrote_ourselves_is_no_severity_of_the_source() {
    let ours = json!({ "severity_reported": { "value": "low", "set_by": "noctriage" } });
    let DecisionEvent::Decided(decision) = event(&nothing(), &nothing(), &ours) else { panic!("not decided") };
    assert_eq!(decision.source_severity, None);
}

#[test]
fn a_ticket_that_is_not_drawn_is_only_seen_unless_it_was_acted_on() {
    let draw = json!({ "rate": 0.1, "drawn": false });
    let basis = json!({ "draws": { "evidence": draw, "cohort": draw, "audit": draw, "second_reading": draw } });
    assert_eq!(event(&nothing(), &basis, &nothing()), DecisionEvent::Seen);
    let acted = event(&json!({ "action": "auto_triage" }), &basis, &nothing());
    assert!(matches!(acted, DecisionEvent::Decided(decision) if !decision.is_drawn));
}

#[test]
fn the_end_of_a_ticket_says_whose_hand_was_in_it() {
    let ended = |facts: Value| event(&json!({ "outcome": "terminal" }), &nothing(), &facts);
    assert_eq!(ended(nothing()), DecisionEvent::Ended(EndedBy::Nobody));
    assert_eq!(
        ended(json!({ "human_touched": true, "written_by_noctriage": true })),
        DecisionEvent::Ended(EndedBy::Person)
    );
    assert_eq!(ended(json!({ "written_by_noctriage": true })), DecisionEvent::Ended(EndedBy::Noctriage));
    let deleted = event(&json!({ "outcome": "terminal" }), &json!({ "facts": null }), &nothing());
    assert_eq!(deleted, DecisionEvent::Seen, "nobody knows who had worked on a deleted ticket");
}

#[test]
fn every_ticket_arrives_in_its_slice_drawn_or_not_unless_it_had_ended() {
    let arrival = |outcome: &str| seen(&json!({ "outcome": outcome }), &nothing(), &nothing()).unwrap().arrival;
    let at = UtcMillis("2026-11-24T10:00:01Z".parse::<jiff::Timestamp>().unwrap().as_millisecond());
    let expected = Some(Arrival { at, slice: Arc::from("wireless") });
    assert_eq!((arrival("decided"), arrival("not_drawn")), (expected.clone(), expected));
    for outcome in ["unchanged", "duplicate", "terminal"] {
        assert_eq!(arrival(outcome), None);
    }
}

#[test]
fn other_outcomes_are_only_seen_and_a_dead_letter_is_no_ticket() {
    for outcome in ["unchanged", "duplicate", "not_drawn"] {
        assert_eq!(event(&json!({ "outcome": outcome }), &nothing(), &nothing()), DecisionEvent::Seen);
    }
    let dead = json!({ "outcome": "dead_letter", "ticket_id": null, "basis": null });
    assert_eq!(seen(&dead, &nothing(), &nothing()), None);
}

#[test]
fn what_is_no_decision_of_this_version_is_not_seen() {
    assert!(matches!(SeenDecision::from_json(b"{}"), Err(DecisionUnreadable::Json(_))));
    let other = json!({ "schema": "noctriage.decision/v2", "decision_id": Digest::of(b"x").to_string(), "outcome": "unchanged",
        "source": { "topic": "tickets", "partition": 0, "offset": 7 }, "volatile": { "desk_time": "2026-11-24T10:00:01Z" } });
    let read = other.to_string();
    assert!(matches!(SeenDecision::from_json(read.as_bytes()), Err(DecisionUnreadable::UnknownSchema(_))));
}
