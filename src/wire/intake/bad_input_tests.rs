//! Everything that is no ticket, and everything that is one all the same; each has its outcome, and none panics.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::settings::Preset;
use super::*;
use crate::domain::severity::SourceSeverity;

fn record(value: impl Into<Vec<u8>>) -> RawRecord {
    RawRecord { value: Some(value.into()), timestamp: Some(UtcMillis(1_764_000_000_000)), ..RawRecord::default() }
}

fn native(fields: &Value) -> Intake {
    read(&record(fields.to_string()), &IntakeSettings::default())
}

#[track_caller]
fn check_dead(intake: Intake, class: DeadLetterClass, detail: &str) {
    let Intake::DeadLetter(reason) = intake else { panic!("no dead letter: {intake:?}") };
    assert_eq!((reason.class, reason.detail.contains(detail)), (class, true), "{}", reason.detail);
    assert!(reason.detail.chars().count() <= 300);
}

#[track_caller]
fn check_ticket(intake: Intake) -> Ticket {
    let Intake::Ticket(ticket) = intake else { panic!("no ticket: {intake:?}") };
    *ticket
}

#[test]
fn what_is_not_json_is_a_dead_letter_that_names_the_position() {
    for text in ["", "hello", "{\"ticket_id\": ", "[1, 2]", "7", "{} {}"] {
        check_dead(read(&record(text), &IntakeSettings::default()), DeadLetterClass::NotJson, "");
    }
    check_dead(read(&record("{\n  oops"), &IntakeSettings::default()), DeadLetterClass::NotJson, "line 2, column 3");
}

#[test]
fn invalid_utf8_is_a_dead_letter() {
    let bytes = b"{\"ticket_id\":\"\xff\"}".to_vec();
    check_dead(read(&record(bytes), &IntakeSettings::default()), DeadLetterClass::NotUtf8, "byte 14");
}

#[test]
fn ten_megabytes_are_refused_without_parsing() {
    let huge = vec![b'['; 10 * 1024 * 1024];
    check_dead(read(&record(huge), &IntakeSettings::default()), DeadLetterClass::TooLarge, "262144 are allowed");
}

#[test]
fn deep_nesting_is_refused() {
    let deep = format!("{{\"ticket_id\":\"a\",\"title\":\"b\",\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    check_dead(read(&record(deep), &IntakeSettings::default()), DeadLetterClass::TooDeep, "41 levels");
}

#[test]
fn a_future_schema_version_is_refused() {
    let ticket = json!({ "schema": "noctriage.ticket/v2", "ticket_id": "a", "title": "b" });
    check_dead(native(&ticket), DeadLetterClass::UnknownSchema, "noctriage.ticket/v1");
}

#[test]
fn missing_fields_are_named() {
    check_dead(native(&json!({ "title": "b" })), DeadLetterClass::MissingField, "/ticket_id");
    check_dead(native(&json!({ "ticket_id": "a" })), DeadLetterClass::MissingField, "a title or a description");
    let ageless = RawRecord { timestamp: None, ..record("{\"ticket_id\":\"a\",\"title\":\"b\"}") };
    check_dead(read(&ageless, &IntakeSettings::default()), DeadLetterClass::MissingField, "/created_at");
}

#[test]
fn a_field_of_the_wrong_type_is_named_by_its_pointer() {
    let wrong = [
        (json!({ "ticket_id": 7 }), "/ticket_id: a text is expected, not a number"),
        (json!({ "ticket_id": "a\u{0}b" }), "/ticket_id: the ticket id holds a control character"),
        (json!({ "title": ["x"] }), "/title"),
        (json!({ "revision": -1 }), "/revision"),
        (json!({ "revision": "3" }), "/revision"),
        (json!({ "created_at": "yesterday" }), "/created_at"),
        (json!({ "status": "sleeping" }), "/status: the word is none of new, in_progress"),
        (json!({ "severity": "high" }), "/severity: an object is expected"),
        (json!({ "severity": { "reported": { "value": 3 } } }), "/severity/reported/value"),
        (json!({ "device": { "name": 3 } }), "/device/name"),
        (json!({ "alarms": {} }), "/alarms"),
        (json!({ "alarms": [{}, { "count": 1.5 }] }), "/alarms/1/count"),
        (json!({ "alarms": [3] }), "/alarms: item 0 is a number"),
        (json!({ "notes": [{ "text": "x", "at": "noon" }] }), "/notes/0/at"),
        (json!({ "relations": [{ "type": "parent" }] }), "/relations/0/ticket_id"),
        (json!({ "reopen_count": 5_000_000_000_u64 }), "/reopen_count"),
    ];
    for (change, detail) in wrong {
        let mut ticket = json!({ "ticket_id": "a", "title": "b" });
        ticket.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let intake = native(&ticket);
        let is_absent = detail.contains("/relations");
        let class = if is_absent { DeadLetterClass::MissingField } else { DeadLetterClass::InvalidField };
        check_dead(intake, class, detail);
    }
}

#[test]
fn an_error_names_the_field_of_the_source() {
    let settings = IntakeSettings::for_preset(Preset::ServiceNow);
    let no_zone = json!({ "number": "INC1", "short_description": "x", "opened_at": "2025-11-24 10:00:00" });
    check_dead(
        read(&record(no_zone.to_string()), &settings),
        DeadLetterClass::InvalidField,
        "/opened_at: the time has no zone: set source.timezone",
    );
    let odd_state = json!({ "number": "INC1", "short_description": "x", "state": "99" });
    check_dead(read(&record(odd_state.to_string()), &settings), DeadLetterClass::InvalidField, "/state");
    let nameless = json!({ "short_description": "x" });
    check_dead(read(&record(nameless.to_string()), &settings), DeadLetterClass::MissingField, "/number is missing");
}

#[test]
fn binary_framing_is_told_with_its_schema_id_and_json_behind_it_is_read() {
    let settings = IntakeSettings::default();
    check_dead(
        read(&record(b"\x00\x00\x00\x00\x07\x02\x06abc".as_slice()), &settings),
        DeadLetterClass::BinaryFraming,
        "schema id 7",
    );
    check_dead(read(&record(b"\x00\x00".as_slice()), &settings), DeadLetterClass::BinaryFraming, "unreadable");
    check_dead(
        read(&record([b"\x01".as_slice(), &[0xab; 16], b"\x02"].concat()), &settings),
        DeadLetterClass::BinaryFraming,
        "abab",
    );
    let framed = [b"\x00\x00\x00\x00\x07".as_slice(), b"{\"ticket_id\":\"a\",\"title\":\"b\"}"].concat();
    assert_eq!(check_ticket(read(&record(framed), &settings)).ticket_id.as_str(), "a");
    let headers = vec![("__value_schema_id".to_owned(), b"\x00\x00\x00\x00\x09".to_vec())];
    let avro = RawRecord { headers, ..record(b"\x02\x06abc".as_slice()) };
    check_dead(read(&avro, &settings), DeadLetterClass::BinaryFraming, "schema id 9");
}

#[test]
fn a_tombstone_is_a_deletion_when_its_key_is_a_ticket_id() {
    let settings = IntakeSettings::default();
    let tombstone = |key: Option<&[u8]>| RawRecord { key: key.map(<[u8]>::to_vec), ..RawRecord::default() };
    let gone = Intake::Gone(TicketId::try_new("INC1").unwrap());
    assert_eq!(read(&tombstone(Some(b"INC1")), &settings), gone);
    assert_eq!(read(&tombstone(Some(b"\"INC1\"")), &settings), gone);
    for key in [None, Some(b"".as_slice()), Some(b"\xff"), Some(b"a\nb")] {
        check_dead(read(&tombstone(key), &settings), DeadLetterClass::MissingField, "tombstone");
    }
}

#[test]
fn cloud_events_of_another_version_or_without_data_are_refused() {
    let event = |body: Value| RawRecord {
        headers: vec![("Content-Type".to_owned(), b"application/cloudevents+json".to_vec())],
        ..record(body.to_string())
    };
    let settings = IntakeSettings::default();
    let dead = |body, class, detail| check_dead(read(&event(body), &settings), class, detail);
    dead(json!({ "specversion": "2.0", "data": {} }), DeadLetterClass::UnknownSchema, "specversion");
    dead(json!({ "specversion": "1.0" }), DeadLetterClass::MissingField, "/data");
    dead(json!({ "specversion": "1.0", "data_base64": "e30=" }), DeadLetterClass::InvalidField, "/data_base64");
    dead(json!({ "specversion": "1.0", "data": { "title": "x" } }), DeadLetterClass::MissingField, "/data/ticket_id");
}

#[test]
fn control_characters_in_text_become_spaces_and_the_ticket_stays_one() {
    let ticket = check_ticket(native(&json!({
        "ticket_id": "a", "title": "li\u{0}nk\ndown\u{7}", "description": "one\r\ntwo\tthree\u{0}"
    })));
    assert_eq!(ticket.title.as_deref(), Some("li nk down"));
    assert_eq!(ticket.description.as_deref(), Some("one\ntwo\tthree"));
}

#[test]
fn a_body_of_a_hundred_thousand_lines_is_cut_and_flagged() {
    let body = "\n".repeat(50_000) + "x" + &"\n".repeat(50_000) + "end";
    let ticket = check_ticket(native(&json!({ "ticket_id": "a", "title": "b", "description": body })));
    assert!(ticket.incompleteness.body_cut);
    assert!(ticket.description.unwrap().len() <= 32 * 1024);
}

#[test]
fn text_is_cut_between_characters_and_exactly_at_its_bound_it_is_whole() {
    let limit = IntakeSettings::default().limits.title_bytes_max;
    let whole = check_ticket(native(&json!({ "ticket_id": "a", "title": "x".repeat(limit) })));
    assert!(!whole.incompleteness.body_cut);
    let cut = check_ticket(native(&json!({ "ticket_id": "a", "title": "x".repeat(limit - 1) + "é" })));
    assert!(cut.incompleteness.body_cut);
    assert_eq!(cut.title.unwrap().len(), limit - 1);
}

#[test]
fn a_text_that_unfolds_to_many_times_its_length_is_cut_and_letters_of_every_script_are_not() {
    let limit = IntakeSettings::default().limits.title_bytes_max;
    let of = |letter: &str| {
        let title = letter.repeat(limit / letter.len());
        let ticket = check_ticket(native(&json!({ "ticket_id": "a", "title": title })));
        (ticket.title.unwrap() == title, ticket.incompleteness.body_cut)
    };
    for letter in ["a", "é", "ü", "각", "中", "ṩ", "ﬁ", "が"] {
        assert_eq!(of(letter), (true, false), "{letter}");
    }
    for ligature in ["\u{fdfa}", "\u{3316}"] {
        assert_eq!(of(ligature), (false, true), "{ligature}");
    }
}

#[test]
fn more_alarms_and_notes_than_the_bounds_are_dropped_and_flagged() {
    let alarms: Vec<Value> = (0..65).map(|number| json!({ "name": format!("a{number}") })).collect();
    let notes: Vec<Value> = (0..40)
        .map(|second| {
            json!({ "text": format!("n{second}"), "author_kind": "system",
        "at": format!("2025-11-24T10:00:{:02}Z", 59 - second) })
        })
        .collect();
    let ticket = check_ticket(native(&json!({ "ticket_id": "a", "title": "b", "alarms": alarms, "notes": notes })));
    assert_eq!((ticket.alarms.len(), ticket.incompleteness.alarms_truncated), (64, true));
    assert_eq!((ticket.notes.len(), ticket.incompleteness.notes_dropped), (32, true));
    assert_eq!((ticket.notes[0].text.as_str(), ticket.notes[31].text.as_str()), ("n31", "n0"), "oldest first");
}

#[test]
fn an_unknown_severity_word_stays_visible_and_is_never_low() {
    let reported = |value: &str| {
        let fields = json!({ "ticket_id": "a", "title": "b", "severity": { "reported": { "value": value } } });
        check_ticket(native(&fields)).severity_reported
    };
    assert!(matches!(reported("kinda bad"), SourceSeverity::Unmapped { native, .. } if native == "kinda bad"));
    assert_eq!(reported("indeterminate"), SourceSeverity::Absent);
    assert_eq!(reported("  "), SourceSeverity::Absent);
}

#[test]
fn a_cleared_fault_has_ended() {
    let fields = json!({ "ticket_id": "a", "title": "b", "severity": { "reported": "cleared" } });
    let ticket = check_ticket(native(&fields));
    assert_eq!(ticket.status, Some(crate::domain::ticket::Status::Resolved));
    assert_eq!(ticket.severity_reported, SourceSeverity::Absent);
}

#[test]
fn a_count_of_missing_alerts_that_is_no_count_means_that_alerts_are_missing() {
    let truncated = |count: Value| {
        let group = json!({ "version": "4", "groupKey": "k", "truncatedAlerts": count,
            "commonAnnotations": { "summary": "x" }, "alerts": [{ "status": "firing" }] });
        let settings = IntakeSettings::for_preset(Preset::Alertmanager);
        check_ticket(read(&record(group.to_string()), &settings)).incompleteness.alarms_truncated
    };
    for none in [json!(0), Value::Null] {
        assert!(!truncated(none.clone()), "{none}");
    }
    for some in [json!(1), json!(-1), json!(0.5), json!("0"), json!("many"), json!(true), json!([]), json!({})] {
        assert!(truncated(some.clone()), "{some}");
    }
}

fn any_settings() -> impl Strategy<Value = IntakeSettings> {
    proptest::sample::select(Preset::ALL.to_vec()).prop_map(|preset| {
        let mut settings = IntakeSettings::for_preset(preset);
        settings.labels_allowed = ["team".to_owned()].into();
        for (field, pointer) in [("ticket_id", "/a"), ("title", "/b"), ("created_at", "/c"), ("parent", "/a/b")] {
            settings.mapping.set(field, pointer).unwrap();
        }
        settings
    })
}

/// Any JSON, its names drawn from those that the presets know, so that it gets past the first checks.
fn any_json() -> impl Strategy<Value = Value> {
    let names = proptest::sample::select(vec![
        "a",
        "b",
        "c",
        "ticket_id",
        "title",
        "description",
        "created_at",
        "severity",
        "reported",
        "value",
        "alarms",
        "notes",
        "text",
        "at",
        "device",
        "name",
        "labels",
        "team",
        "number",
        "short_description",
        "work_notes",
        "priority",
        "state",
        "version",
        "groupKey",
        "alerts",
        "startsAt",
        "status",
        "result",
        "display_value",
        "data",
        "relations",
        "type",
        "content",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        proptest::sample::select(vec!["4", "critical", "firing", "1763975551", "doc", "2025-11-24 10:00:00", "INC1"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 8, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((names.clone(), inner), 0..8).prop_map(|fields| {
                Value::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_have_an_outcome(
        settings in any_settings(),
        key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..40)),
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
        headers in proptest::collection::vec(
            (proptest::sample::select(vec!["action", "content-type", "ce_id", "__value_schema_id", "table_name"]),
             proptest::collection::vec(any::<u8>(), 0..20)), 0..4),
        timestamp in proptest::option::of(any::<i64>()),
    ) {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let raw = RawRecord { key, value, headers, timestamp: timestamp.map(UtcMillis) };
        if let Intake::DeadLetter(reason) = read(&raw, &settings) {
            prop_assert!(reason.detail.chars().count() <= 300);
        }
    }

    #[test]
    fn any_json_object_has_an_outcome_and_a_bounded_ticket(
        settings in any_settings(),
        fields in any_json(),
        seed in any_json(),
    ) {
        // Half of a ticket that is known to be good, so that the readers of single fields are reached as well.
        let mut value = json!({ "ticket_id": "a", "number": "a", "title": "b", "short_description": "b",
            "version": "4", "groupKey": "k", "alerts": [{ "labels": seed }] });
        if let (Value::Object(value), Value::Object(fields)) = (&mut value, fields) {
            value.extend(fields);
        }
        let raw = record(value.to_string());
        let explanation = explain::explain_mapping(&raw, &settings);
        prop_assert_eq!(&explanation.intake, &read(&raw, &settings));
        if let Intake::Ticket(ticket) = explanation.intake {
            prop_assert!(ticket.alarms.len() <= 64 && ticket.notes.len() <= 32 && ticket.labels.len() <= 32);
            prop_assert!(ticket.title.is_none_or(|title| title.len() <= settings.limits.title_bytes_max));
        }
    }
}
