//! Policies tried on decisions that the real code has made.

use super::super::comparison::JudgedOtherwise;
use super::*;
use crate::config::Settings;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{Closable, Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId};
use crate::policy::replay::replay;
use crate::policy::ruling::DrawKey;
use crate::rollout::evidence::{Evidence, VerdictEvent};
use crate::rollout::log::{Appended, EvidenceTopic, Position, Recorded};
use crate::rollout::wrong::Wrong;

fn settings(threshold: &str) -> Settings {
    let keys = [
        ("policy.threshold", threshold),
        ("policy.allow.kinds", "incident"),
        ("policy.allow.resolve_categories", "wireless"),
        ("policy.allow.resolve_causes", "transient"),
    ];
    config::load(&Sources::built_in(&keys, DrawKey([7; 16]))).expect("good keys").settings
}

/// A decision about a low incident, drawn, in shadow, as it lies in the log.
fn decision(id: &str, low: f64, forbidden_by: &[&str]) -> DecisionRecord {
    let digest = crate::domain::digest::Digest::of(b"x").to_string();
    let draw = json!({ "rate": 0.1, "drawn": false });
    let record = json!({ "schema": "noctriage.decision/v1", "decision_id": digest, "ticket_id": id, "revision": 0,
        "source": { "topic": "tickets", "partition": 0, "offset": 7 }, "appended_at": "2026-11-24T10:00:00Z",
        "outcome": "decided", "action": "people", "volatile": { "desk_time": "2026-11-24T10:00:01Z" },
        "basis": { "content_digest": digest, "slice": "rest", "stage": "auto_triage", "rollout_revision": 3,
            "shares": { "auto_triage": 0.8, "auto_resolve": 0.0 },
            "draws": { "evidence": draw, "cohort": draw, "audit": draw, "second_reading": draw },
            "answers": [{ "role": "acting", "model": "m", "version": "1", "digest": digest,
                "calibration_digest": digest, "purpose": "production",
                "prediction": { "severity": "low", "tokens": 9, "distribution":
                    { "critical": 0.0, "high": 0.0, "medium": 1.0 - low, "low": low } } }],
            "eligibility": { "auto_triage": { "forbidden_by": forbidden_by }, "auto_resolve": {} },
            "digests": { "config": digest, "policy": digest, "eligibility": digest },
            "facts": { "fingerprint": digest, "created_at": "2026-11-24T10:00:00Z", "created_at_origin": "ticket",
                "kind": "incident", "category": "wireless" } } });
    DecisionRecord::from_json(record.to_string().as_bytes()).expect("a good record")
}

fn evidence(verdicts: &[(&str, crate::domain::severity::Severity)]) -> Evidence {
    let mut evidence = Evidence::default();
    for (offset, (id, severity)) in verdicts.iter().enumerate() {
        let ticket_id = TicketId::try_new(id).expect("an id");
        let reviewer =
            Reviewer { id: ReviewerId::try_new("anna").expect("an id"), role: ReviewerRole::Engineer, group: None };
        let verdict_id = VerdictId::try_new(&format!("v{offset}")).expect("an id");
        let mut verdict = Verdict::bare(verdict_id, ticket_id, reviewer, UtcMillis(0));
        verdict.severity = Some(*severity);
        verdict.closable = Some(Closable::Yes);
        let position = Position { topic: EvidenceTopic::Verdicts, partition: 0, offset: offset as i64 };
        let appended = Appended { at: UtcMillis(0), position };
        evidence.add_verdict(Recorded { appended, value: VerdictEvent::Verdict(Box::new(verdict)) });
    }
    evidence
}

fn tried(now: &str, then: &str, decisions: &[DecisionRecord], evidence: &Evidence) -> Tried {
    let (now, then) = (settings(now), settings(then));
    let mut comparison = Comparison::new(&now.policy, &then.policy, now.draw_key);
    for decision in decisions {
        comparison.add(decision);
    }
    let loosened = loosened(&now.policy, &then.policy).into_iter().map(|limit| limit.sentence).collect();
    Tried { changes: comparison.changes(evidence), loosened, told: comparison.told, untold: comparison.untold }
}

#[test]
fn a_lower_threshold_shows_the_tickets_that_people_judged_otherwise() {
    use crate::domain::severity::Severity::{High, Low};
    let decisions = [
        decision("T-1", 0.92, &[]),
        decision("T-2", 0.85, &[]),
        decision("T-3", 0.86, &[]),
        decision("T-4", 0.87, &["guard_danger"]),
    ];
    let found = tried("0.90", "0.80", &decisions, &evidence(&[("T-2", Low), ("T-3", High), ("T-4", High)]));
    let change = &found.changes[&("rest".to_owned(), "auto_triage")];
    assert_eq!((change.eligible_now, change.eligible_then, change.gained, change.lost), (1, 3, 2, 0));
    assert_eq!((change.judged, change.wrong), (2, 1), "what a guard forbade stays forbidden");
    let otherwise = JudgedOtherwise {
        ticket_id: TicketId::try_new("T-3").expect("an id"),
        why: Wrong::SeverityHigh,
        confidence: change.named[0].confidence,
    };
    assert_eq!(change.named, [otherwise]);
    assert!((change.named[0].confidence - 0.86).abs() < 1e-9);
    assert_eq!(found.exit_code(), EXIT_DOES_NOT_HOLD);
    assert!(found.to_text().contains("T-3: severity_high, confidence 0.860"), "{}", found.to_text());
    assert!(found.to_text().contains("looser: threshold of slice rest: 0.8 instead of 0.9"), "{}", found.to_text());
}

#[test]
fn a_higher_threshold_gains_nothing_and_the_same_one_changes_nothing() {
    let decisions = [decision("T-1", 0.92, &[]), decision("T-2", 0.85, &[])];
    let higher = tried("0.80", "0.90", &decisions, &evidence(&[]));
    let change = &higher.changes[&("rest".to_owned(), "auto_triage")];
    assert_eq!((change.gained, change.lost, higher.exit_code()), (0, 1, EXIT_OK));
    assert_eq!(higher.loosened, Vec::<String>::new());
    let same = tried("0.90", "0.90", &decisions, &evidence(&[]));
    assert!(same.to_text().contains("no ticket would be eligible that is not"), "{}", same.to_text());
}

#[test]
fn more_tickets_without_a_verdict_are_too_little_to_tell() {
    let found = tried("0.90", "0.80", &[decision("T-1", 0.85, &[])], &evidence(&[]));
    assert_eq!(found.exit_code(), EXIT_TOO_LITTLE_DATA);
    assert!(found.to_text().contains("nobody has judged any: unknown, not harmless"), "{}", found.to_text());
    assert_eq!(tried("0.90", "0.80", &[], &evidence(&[])).exit_code(), EXIT_TOO_LITTLE_DATA);
}

#[test]
fn a_verdict_on_one_slice_does_not_speak_for_another() {
    let change = |gained, judged| Change { gained, judged, ..Change::default() };
    let tried = |other: Change| Tried {
        changes: [(("rest".to_owned(), "auto_triage"), change(3, 2)), (("access".to_owned(), "auto_triage"), other)]
            .into(),
        loosened: Vec::new(),
        told: 5,
        untold: 0,
    };
    assert_eq!(tried(change(2, 0)).exit_code(), EXIT_TOO_LITTLE_DATA);
    assert_eq!(tried(change(2, 1)).exit_code(), EXIT_OK);
    assert_eq!(tried(change(0, 0)).exit_code(), EXIT_OK);
}

#[test]
fn a_record_is_read_as_it_was_decided() {
    let policy = settings("0.90").policy;
    for (low, is_confident) in [(0.5, false), (0.9, false), (0.900_005, false), (0.900_02, true), (0.99, true)] {
        let replayed = replay(&policy, &decision("T-1", low, &[]).retold().expect("told"));
        // No root cause: nothing on the list allows resolving it.
        assert_eq!(replayed.is_eligible, [is_confident, false], "{low}");
    }
}
