//! Verdicts and events, one record each, and what they are read as; what is refused, and by which words.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{
    Agreement, Certainty, Closable, EndedAlone, Rating, RatingScale, Reviewer, ReviewerId, ReviewerRole, StatedCause,
    VerdictId, VerdictKind, VerdictOrigin,
};
use crate::wire::intake::IntakeSettings;
use crate::wire::intake::settings::Preset;
use crate::wire::schema::by_name;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire")
}

fn settings(rule: Option<VerdictRule>) -> VerdictSettings {
    let intake = IntakeSettings {
        time_zone: Some(TimeZone::UTC),
        own_user: Some("noctriage".to_owned()),
        machine_users: ["event.rule".to_owned()].into(),
        ..IntakeSettings::for_preset(Preset::ServiceNow)
    };
    VerdictSettings {
        intake: Arc::new(intake),
        rule,
        no_work_codes: NoWorkCodes::new(["Closed/Resolved by Caller"]),
        pseudonym_key: PseudonymKey([7; 16]),
    }
}

fn record(value: impl Into<Vec<u8>>) -> RawRecord {
    RawRecord { value: Some(value.into()), ..RawRecord::default() }
}

fn read_explicit(value: &Value) -> VerdictIntake {
    read(&record(value.to_string()), VerdictSource::Verdicts, &settings(None))
}

fn read_event(row: &Value) -> VerdictIntake {
    read(&record(row.to_string()), VerdictSource::Events, &settings(Some(VerdictRule::Resolved)))
}

#[track_caller]
fn verdict(intake: VerdictIntake) -> Verdict {
    match intake {
        VerdictIntake::Verdict(verdict) => *verdict,
        other @ (VerdictIntake::Ours(_) | VerdictIntake::NoStatement | VerdictIntake::DeadLetter(_)) => {
            panic!("no verdict: {other:?}")
        }
    }
}

#[track_caller]
fn check_dead(intake: VerdictIntake, class: DeadLetterClass, words: &str) {
    let VerdictIntake::DeadLetter(reason) = intake else { panic!("no dead letter: {intake:?}") };
    assert_eq!(reason.class, class, "{}", reason.detail);
    assert!(reason.detail.contains(words), "{}", reason.detail);
}

/// A verdict as it is published, with some fields replaced; null takes one out.
fn explicit(changes: &Value) -> Value {
    let mut value = json!({ "verdict_id": "v-1", "ticket_id": "INC1", "decided_at": "2025-11-24T10:00:00Z",
        "reviewer": { "id": "p-1", "role": "engineer" }, "kind": "triage", "severity": "low" });
    value.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    value
}

/// A resolved incident, with some fields replaced.
fn resolved(changes: &Value) -> Value {
    let mut row = json!({ "number": "INC1", "sys_mod_count": "4", "state": "6", "priority": "4",
        "sys_updated_on": "2025-11-24 10:00:00", "sys_updated_by": "jane.doe", "resolved_by": "jane.doe",
        "resolved_at": "2025-11-24 10:00:00", "close_code": "Closed/Resolved by Caller", "reopen_count": "0" });
    row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    row
}

#[track_caller]
fn check_snapshot(name: &str, rule: Option<VerdictRule>) -> Verdict {
    let value = std::fs::read(folder().join(format!("{name}.json"))).unwrap();
    let verdict = verdict(read(&record(value), VerdictSource::Verdicts, &settings(rule)));
    insta::with_settings!({ snapshot_path => folder().join("snapshots"), prepend_module_to_snapshot => false }, {
        insta::assert_debug_snapshot!(name, verdict);
    });
    verdict
}

#[test]
fn a_verdict_is_read_in_full() {
    let verdict = check_snapshot("verdict-full", None);
    assert_eq!((verdict.severity, verdict.origin), (Some(Severity::Medium), VerdictOrigin::Explicit));
}

#[test]
fn a_rating_is_read_with_its_scale_and_its_decision() {
    let rating = check_snapshot("verdict-rating", None).rating.unwrap();
    assert_eq!((rating.scale(), rating.value()), (RatingScale::Helpful3V1, 2));
}

#[test]
fn a_resolution_by_a_person_is_a_statement_and_names_nobody() {
    let verdict = check_snapshot("servicenow-resolved", Some(VerdictRule::Resolved));
    assert_eq!((verdict.severity, verdict.origin), (Some(Severity::Medium), VerdictOrigin::TicketSystem));
    assert_eq!((verdict.closable, verdict.handling_seconds), (Some(Closable::No), Some(720)));
    assert!(!format!("{verdict:?}").to_lowercase().contains("jane"));
}

#[test]
fn the_schema_lists_the_fields_that_the_reader_knows() {
    let schema: Value = serde_json::from_str(&by_name("verdict").unwrap()).unwrap();
    let inside = |node: &Value| {
        let one = |reference: &Value| schema.pointer(&reference.as_str().unwrap()[1..]).cloned();
        let nodes = node.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![node.clone()]);
        nodes.iter().find_map(|node| node.get("$ref").and_then(one))
    };
    let mut described = BTreeSet::new();
    for (name, property) in schema["properties"].as_object().unwrap() {
        match inside(property) {
            Some(object) => {
                let names = object["properties"].as_object().unwrap().keys();
                described.extend(names.map(|below| format!("/{name}/{below}")));
            }
            None => assert!(described.insert(format!("/{name}"))),
        }
    }
    assert_eq!(described, known_verdict_fields().map(str::to_owned).collect());
}

#[test]
fn what_is_no_verdict_is_refused_by_its_field() {
    use DeadLetterClass::{InvalidField, MissingField, UnknownSchema};
    let digest = "0".repeat(64);
    let rating = |scale: &str, value: Value| json!({ "kind": "root_cause_rating", "rating": { "scale": scale, "value": value, "of": digest } });
    for (changes, class, words) in [
        (json!({ "schema": "noctriage.verdict/v2" }), UnknownSchema, "noctriage.verdict/v1"),
        (json!({ "schema": "noctriage.ticket/v1" }), UnknownSchema, "noctriage.verdict/v1"),
        (json!({ "verdict_id": null }), MissingField, "/verdict_id"),
        (json!({ "verdict_id": 7 }), InvalidField, "/verdict_id"),
        (json!({ "verdict_id": "x".repeat(129) }), InvalidField, "129 bytes"),
        (json!({ "ticket_id": "" }), MissingField, "/ticket_id"),
        (json!({ "decided_at": null }), MissingField, "/decided_at"),
        (json!({ "decided_at": "yesterday" }), InvalidField, "/decided_at"),
        (json!({ "ticket_revision": -1 }), InvalidField, "/ticket_revision"),
        (json!({ "reviewer": null }), MissingField, "/reviewer"),
        (json!({ "reviewer": "p-1" }), InvalidField, "/reviewer"),
        (json!({ "reviewer": { "role": "engineer" } }), MissingField, "/reviewer/id"),
        (json!({ "reviewer": { "id": "p-1" } }), MissingField, "/reviewer/role is missing: one of engineer"),
        (json!({ "reviewer": { "id": "p-1", "role": "boss" } }), InvalidField, "/reviewer/role"),
        (json!({ "kind": null }), MissingField, "/kind"),
        (json!({ "kind": "opinion" }), InvalidField, "/kind"),
        (json!({ "severity": "Low" }), InvalidField, "/severity: the word is none of critical, high, medium, low"),
        (json!({ "severity": null }), MissingField, "/severity"),
        (json!({ "saw_model": "no" }), InvalidField, "/saw_model"),
        (json!({ "closable": true }), InvalidField, "/closable"),
        (json!({ "derived": 1 }), InvalidField, "/derived"),
        (json!({ "supersedes": "v-1" }), InvalidField, "cannot correct itself"),
        (json!({ "kind": "adjudication" }), InvalidField, "role is adjudicator"),
        (json!({ "kind": "review_of_auto", "severity": null }), MissingField, "/auto_action_correct"),
        (json!({ "kind": "outcome", "severity": null }), MissingField, "/ended"),
        (json!({ "ended": "cleared" }), InvalidField, "/ended"),
        (json!({ "kind": "root_cause_rating" }), MissingField, "/rating"),
        (rating("helpful3/v1", json!(3)), InvalidField, "3 is not on the scale"),
        (rating("helpful3/v1", json!("2")), InvalidField, "/rating/value"),
        (rating("stars/v1", json!(2)), InvalidField, "/rating/scale"),
        (json!({ "rating": { "scale": "likert5/v1", "value": 1, "of": digest } }), InvalidField, "only kind"),
        (
            json!({ "kind": "root_cause_rating", "rating": { "scale": "likert5/v1", "value": 1, "of": "ab" } }),
            InvalidField,
            "/rating/of",
        ),
    ] {
        check_dead(read_explicit(&explicit(&changes)), class, words);
    }
}

#[test]
fn what_is_no_json_object_is_refused_as_a_ticket_would_be() {
    let read = |record: &RawRecord| read(record, VerdictSource::Verdicts, &settings(None));
    check_dead(read(&record(b"\xff".as_slice())), DeadLetterClass::NotUtf8, "UTF-8");
    check_dead(read(&record("{")), DeadLetterClass::NotJson, "not JSON");
    check_dead(read(&record("7")), DeadLetterClass::NotJson, "no object");
    check_dead(read(&record("[".repeat(40))), DeadLetterClass::TooDeep, "levels");
    check_dead(read(&record(" ".repeat(300_000))), DeadLetterClass::TooLarge, "record_kib_max");
    check_dead(read(&record(b"\x00\x00\x00\x00\x07\x02".as_slice())), DeadLetterClass::BinaryFraming, "schema id 7");
    check_dead(read(&RawRecord::default()), DeadLetterClass::MissingField, "tombstone");
}

#[test]
fn a_long_comment_is_cut_and_the_verdict_stays_one() {
    let long = verdict(read_explicit(&explicit(&json!({ "comment": "é".repeat(3000) }))));
    assert_eq!(long.comment.unwrap().len(), 4096);
}

#[test]
fn silence_about_the_model_vetoes_nothing() {
    assert_eq!(verdict(read_explicit(&explicit(&json!({})))).saw_model, None);
    assert_eq!(verdict(read_explicit(&explicit(&json!({ "saw_model": true })))).saw_model, Some(true));
}

#[test]
fn whoever_ended_the_ticket_decides_what_it_says() {
    let ended = |who: &str| read_event(&resolved(&json!({ "resolved_by": who, "sys_updated_by": who })));
    assert_eq!(ended("NOCtriage"), VerdictIntake::Ours(TicketId::try_new("INC1").unwrap()));
    let alone = verdict(ended("event.rule"));
    assert_eq!((alone.kind, alone.ended, alone.severity), (VerdictKind::Outcome, Some(EndedAlone::Cleared), None));
    let person = verdict(ended("jane.doe"));
    assert_eq!(
        (person.kind, person.severity, person.closable),
        (VerdictKind::Triage, Some(Severity::Low), Some(Closable::Yes))
    );
    let unsaid = verdict(ended(""));
    assert_eq!((unsaid.origin, unsaid.severity), (VerdictOrigin::Derived, Some(Severity::Low)));
}

#[test]
fn every_record_of_one_resolution_is_one_statement_and_the_next_resolution_corrects_it() {
    let of = |changes: Value| verdict(read_event(&resolved(&changes)));
    let first = of(json!({}));
    let later = of(json!({ "sys_mod_count": "5", "priority": "1", "sys_updated_by": "event.rule" }));
    assert_eq!(first.verdict_id, later.verdict_id);
    assert!(first.ticket_revision < later.ticket_revision);
    let again = of(json!({ "reopen_count": "1", "resolved_at": "2025-11-25 10:00:00" }));
    assert_eq!(again.supersedes, Some(first.verdict_id));
    assert_eq!(again.closable, Some(Closable::No), "a person reopened it, so a person had to do something");
}

#[test]
fn closing_codes_booked_work_and_reopening_say_whether_it_was_closable() {
    let closable = |changes: Value| verdict(read_event(&resolved(&changes))).closable;
    assert_eq!(closable(json!({})), Some(Closable::Yes));
    assert_eq!(closable(json!({ "close_code": " closed/resolved BY caller " })), Some(Closable::Yes));
    assert_eq!(closable(json!({ "close_code": "Solved (Permanently)" })), Some(Closable::No));
    assert_eq!(closable(json!({ "close_code": "" })), None, "nothing said is not a yes");
    assert_eq!(closable(json!({ "time_worked": "60" })), Some(Closable::No));
    assert_eq!(closable(json!({ "time_worked": "1970-01-01 00:00:00" })), Some(Closable::Yes));
    assert_eq!(closable(json!({ "reopen_count": "1", "reopened_by": "event.rule" })), Some(Closable::Yes));
    check_dead(
        read_event(&resolved(&json!({ "time_worked": "2 Minutes" }))),
        DeadLetterClass::InvalidField,
        "/time_worked",
    );
}

#[test]
fn open_tickets_say_something_only_when_a_resolution_did_not_hold() {
    let open = |changes: Value| {
        let mut row = resolved(&json!({ "state": "2", "resolved_by": "", "resolved_at": "" }));
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        read_event(&row)
    };
    assert_eq!(open(json!({})), VerdictIntake::NoStatement);
    let by = |who: &str| verdict(open(json!({ "reopen_count": "2", "reopened_by": who })));
    assert_eq!((by("jane.doe").kind, by("jane.doe").origin), (VerdictKind::Reopen, VerdictOrigin::TicketSystem));
    assert_eq!(by("event.rule").origin, VerdictOrigin::Derived, "a rule states nothing");
    assert_eq!(by("").origin, VerdictOrigin::Derived, "nor does nobody");
}

#[test]
fn a_cancelled_ticket_is_due_no_verdict() {
    let cancelled = verdict(read_event(&resolved(&json!({ "state": "8" }))));
    assert_eq!((cancelled.kind, cancelled.ended), (VerdictKind::Outcome, Some(EndedAlone::Cancelled)));
}

#[test]
fn the_rule_says_which_event_counts() {
    let by_rule = |state: &str, rule| {
        let row = resolved(&json!({ "state": state, "closed_by": "john.roe", "closed_at": "2025-11-30 10:00:00" }));
        read(&record(row.to_string()), VerdictSource::Events, &settings(Some(rule)))
    };
    assert_eq!(by_rule("6", VerdictRule::Closed), VerdictIntake::NoStatement);
    let closed = verdict(by_rule("7", VerdictRule::Closed));
    let resolved = verdict(by_rule("7", VerdictRule::Resolved));
    assert!(closed.decided_at > resolved.decided_at);
    assert_ne!(closed.reviewer.id, resolved.reviewer.id);
}

#[test]
fn a_severity_word_without_a_meaning_is_never_guessed() {
    check_dead(
        read_event(&resolved(&json!({ "priority": "9 - Odd" }))),
        DeadLetterClass::InvalidField,
        "aliases.severity",
    );
    assert_eq!(verdict(read_event(&resolved(&json!({ "priority": "" })))).severity, None);
}

#[test]
fn both_kinds_of_records_may_lie_in_the_topic_of_verdicts() {
    let settings = settings(Some(VerdictRule::Resolved));
    let read = |value: Value| read(&record(value.to_string()), VerdictSource::Verdicts, &settings);
    assert_eq!(verdict(read(explicit(&json!({})))).origin, VerdictOrigin::Explicit);
    assert_eq!(verdict(read(resolved(&json!({})))).origin, VerdictOrigin::TicketSystem);
}

#[test]
fn without_a_rule_no_event_is_a_verdict() {
    let row = record(resolved(&json!({})).to_string());
    assert_eq!(read(&row, VerdictSource::Events, &settings(None)), VerdictIntake::NoStatement);
    check_dead(read(&row, VerdictSource::Verdicts, &settings(None)), DeadLetterClass::MissingField, "/kind");
}

fn any_name() -> impl Strategy<Value = String> {
    "[!-~éß]{1,40}"
}

fn any_verdict() -> impl Strategy<Value = Verdict> {
    let who = (any_name(), proptest::sample::select(ReviewerRole::ALL.to_vec()), proptest::option::of(any_name()));
    let said = (
        proptest::sample::select(Severity::ALL.to_vec()),
        proptest::option::of(proptest::sample::select(Closable::ALL.to_vec())),
        proptest::option::of(proptest::sample::select(Agreement::ALL.to_vec())),
        proptest::option::of(proptest::sample::select(Certainty::ALL.to_vec())),
        proptest::option::of(any::<bool>()),
        proptest::option::of(any::<bool>()),
    );
    let texts = (any_name(), any_name(), proptest::option::of(any_name()), proptest::option::of(any_name()));
    let numbers = (proptest::option::of(any::<u64>()), proptest::option::of(any::<u64>()), 0..4_000_000_000_000_i64);
    let kind = (proptest::sample::select(VerdictKind::ALL.to_vec()), 0..=2_u64, any::<bool>());
    (who, said, texts, numbers, kind).prop_map(
        |((id, role, group), said, (name, ticket, queue, comment), (revision, seconds, at), (kind, value, derived))| {
            let role = if kind == VerdictKind::Adjudication { ReviewerRole::Adjudicator } else { role };
            let reviewer = Reviewer { id: ReviewerId::try_new(&id).unwrap(), role, group: group.map(Arc::from) };
            let rating =
                Rating::try_new(RatingScale::Helpful3V1, value, crate::domain::digest::Digest::of(b"d")).unwrap();
            let base = Verdict::bare(
                VerdictId::try_new(&name).unwrap(),
                TicketId::try_new(&ticket).unwrap(),
                reviewer,
                UtcMillis(at),
            );
            Verdict {
                severity: Some(said.0),
                ticket_revision: revision,
                kind,
                origin: if derived { VerdictOrigin::Derived } else { VerdictOrigin::Explicit },
                root_cause: queue.as_ref().map(|code| StatedCause { code: Some(Arc::from(code.as_str())), text: None }),
                rating: (kind == VerdictKind::RootCauseRating).then_some(rating),
                saw_model: said.4,
                closable: said.1,
                queue: queue.map(Arc::from),
                agreement: said.2,
                handling_seconds: seconds,
                certainty: said.3,
                auto_action_correct: said.5,
                ended: (kind == VerdictKind::Outcome).then_some(EndedAlone::Merged),
                supersedes: comment.as_ref().map(|_| VerdictId::try_new(&format!("{name}-before")).unwrap()),
                comment: comment.map(Arc::from),
                ..base
            }
        },
    )
}

proptest! {
    #[test]
    fn a_verdict_is_read_back_as_it_was_written(written in any_verdict()) {
        let bytes = serde_json::to_vec(&VerdictRecord::from(&written)).unwrap();
        let intake = read(&record(bytes), VerdictSource::Verdicts, &settings(Some(VerdictRule::Resolved)));
        prop_assert_eq!(intake, VerdictIntake::verdict(written));
    }

    #[test]
    fn any_bytes_are_read_as_something(
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
        is_events in any::<bool>(),
        is_ruled in any::<bool>(),
    ) {
        let source = if is_events { VerdictSource::Events } else { VerdictSource::Verdicts };
        let rule = is_ruled.then_some(VerdictRule::Closed);
        let raw = RawRecord { value, ..RawRecord::default() };
        if let VerdictIntake::DeadLetter(reason) = read(&raw, source, &settings(rule)) {
            prop_assert!(reason.detail.chars().count() <= 300);
        }
    }

    #[test]
    fn any_field_of_any_type_is_read_as_something(
        name in proptest::sample::select(vec!["number", "state", "priority", "resolved_by", "resolved_at", "close_code",
            "reopen_count", "time_worked", "sys_updated_on", "assignment_group", "verdict_id", "kind", "reviewer",
            "rating", "severity", "decided_at", "supersedes", "root_cause"]),
        value in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            "\\PC{0,20}".prop_map(Value::from), Just(json!([])), Just(json!({})),
            Just(json!({ "value": 7 })), Just(json!({ "display_value": "x", "value": ["y"] })),
        ],
        is_event in any::<bool>(),
    ) {
        let changes = Value::Object([(name.to_owned(), value)].into_iter().collect());
        let row = if is_event { resolved(&changes) } else { explicit(&changes) };
        let intake = read(&record(row.to_string()), VerdictSource::Verdicts, &settings(Some(VerdictRule::Resolved)));
        if let VerdictIntake::DeadLetter(reason) = intake {
            prop_assert!(!reason.detail.is_empty());
        }
    }
}
