//! What a decision record tells of itself.

use serde_json::json;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::severity::SetBy;

fn record(distribution: serde_json::Value, forbidden_by: serde_json::Value) -> DecisionRecord {
    let digest = Digest::of(b"x").to_string();
    let draw = json!({ "rate": 0.5, "drawn": true });
    let record = json!({ "schema": "noctriage.decision/v1", "decision_id": digest, "ticket_id": "T1", "revision": 4,
        "source": { "topic": "tickets", "partition": 0, "offset": 7 }, "appended_at": "2026-11-24T10:00:00Z",
        "outcome": "decided", "action": "people", "volatile": { "desk_time": "2026-11-24T10:00:01Z" },
        "basis": { "content_digest": digest, "slice": "rest", "stage": "shadow", "rollout_revision": 0,
            "shares": { "auto_triage": 0.0, "auto_resolve": 0.0 },
            "draws": { "evidence": draw, "cohort": draw, "audit": draw, "second_reading": draw },
            "answers": [{ "role": "acting", "model": "demo", "version": "1", "digest": digest,
                "calibration_digest": digest, "purpose": "demo",
                "prediction": { "severity": "low", "tokens": 9, "distribution": distribution,
                    "causes": [{ "cause": "transient", "probability": 0.7 }] } }],
            "eligibility": { "auto_triage": { "forbidden_by": forbidden_by }, "auto_resolve": {} },
            "digests": { "config": digest, "policy": digest, "eligibility": digest },
            "facts": { "fingerprint": digest, "created_at": "2026-11-24T10:00:00Z", "created_at_origin": "ticket",
                "kind": "incident", "category": "wireless", "severity_reported": { "set_by": "human" } } } });
    DecisionRecord::from_json(record.to_string().as_bytes()).expect("a good record")
}

#[test]
fn a_record_tells_its_ticket_its_answer_and_the_rules_that_cannot_be_read_again() {
    let rounded = json!({ "critical": 0.000_001, "high": 0.0, "medium": 0.100_001, "low": 0.9 });
    let told = record(rounded, json!(["guard_danger", "high_cap", "a_later_rule"])).retold().expect("told");
    assert_eq!((told.ticket.category.as_deref(), told.ticket.title.as_deref()), (Some("wireless"), None));
    assert_eq!(told.ticket.severity_reported.set_by(), Some(SetBy::Human));
    assert_eq!(told.ticket.severity_reported.value(), None);
    assert_eq!(told.carried, [Rule::GuardDanger], "the cap is read again");
    assert_eq!(told.prediction.severity.predicted(), Severity::Low);
    assert!((told.prediction.severity.confidence().get() - 0.9).abs() < 1e-5);
    assert_eq!(told.prediction.causes[0].cause.as_ref(), "transient");
}

#[test]
fn a_record_without_an_answer_or_with_an_impossible_one_cannot_be_told() {
    let good = json!({ "critical": 0.0, "high": 0.0, "medium": 0.1, "low": 0.9 });
    let mut without = record(good.clone(), json!([]));
    without.basis.as_mut().expect("a basis").answers.clear();
    assert_eq!(without.retold(), None);
    let mut shadow = record(good, json!([]));
    shadow.outcome.0 = Outcome::NotDrawn;
    assert_eq!(shadow.retold(), None);
    assert_eq!(record(json!({ "critical": 0.3, "high": 0.3, "medium": 0.3, "low": 0.3 }), json!([])).retold(), None);
}
