use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::audit::Audit;
use super::*;
use crate::wire::intake::mapping::Mapping;

fn servicenow() -> ImportSettings {
    let intake = IntakeSettings { time_zone: Some(TimeZone::UTC), ..IntakeSettings::for_preset(Preset::ServiceNow) };
    ImportSettings { intake, label: LabelFields::for_preset(Preset::ServiceNow), undated: None, as_of: AsOf::Unknown }
}

/// A resolved incident as an export shows it.
fn incident() -> Value {
    json!({
        "number": "INC0010001", "sys_id": "a1", "short_description": "Access point down", "description": "No beacon.",
        "sys_created_on": "2026-01-05 08:00:00", "sys_created_by": "monitoring", "opened_at": "2026-01-05 08:00:00",
        "sys_updated_on": "2026-01-05 09:00:00", "sys_mod_count": "7", "priority": "2 - High", "impact": "1 - High",
        "urgency": "2 - Medium", "category": "network", "subcategory": "wireless", "assignment_group": "Wireless",
        "assigned_to": "Jane Doe", "state": "7", "close_code": "Hardware failure", "close_notes": "AP replaced",
        "work_notes": "2026-01-05 08:30:00 - Jane Doe (Work notes)\nit was the access point",
    })
}

fn audit(rows: &[Value]) -> Audit {
    let mut audit = Audit::default();
    for row in rows {
        audit.add(row, Some(&TimeZone::UTC)).expect("a row of the audit");
    }
    audit
}

#[test]
fn an_ended_incident_is_imported_without_what_is_known_only_later() {
    let Imported { record, left_out } = servicenow().import(&incident(), None).expect("a labelled ticket");
    let ticket = Value::Object(record.ticket);
    let text = ticket.to_string();
    for later in ["Jane", "replaced", "it was the access point", "closed", "High", "Hardware", "09:00"] {
        assert!(!text.contains(later), "{later} stands in {text}");
    }
    assert_eq!((&ticket["category"], &ticket["created_at"]), (&json!("wireless"), &json!("2026-01-05T08:00:00.000Z")));
    assert_eq!(record.label.severity, Word(Severity::High));
    assert_eq!(record.label.root_cause.as_deref(), Some("Hardware failure"));
    assert_eq!(record.label.queue.as_deref(), Some("Wireless"));
    assert_eq!(record.as_of, Some(Word(AsOf::Unknown)));
    for name in ["close_notes", "assigned_to", "work_notes", "severity (as people left it)"] {
        assert!(left_out.contains(name), "{left_out:?} lacks {name}");
    }
}

#[test]
fn the_audit_turns_fields_back_to_what_they_were_at_the_creation() {
    let change = |field: &str, old: &str, new: &str, at: &str| json!({ "documentkey": "a1", "fieldname": field, "oldvalue": old, "newvalue": new, "sys_created_on": at });
    let audit = audit(&[
        change("priority", "4", "2", "2026-01-05 08:40:00"),
        change("priority", "3", "4", "2026-01-05 08:20:00"),
        change("short_description", "", "ap down", "2026-01-05 08:00:10"),
        change("short_description", "AP DOWN", "Access point down", "2026-01-05 08:30:00"),
        change("category", "", "network", "2026-01-05 08:00:01"),
    ]);
    let Imported { record, .. } = servicenow().import(&incident(), Some(&audit)).expect("a labelled ticket");
    let ticket = Value::Object(record.ticket);
    assert_eq!(ticket["severity"]["reported"], json!({ "value": "medium", "native": "3", "set_by": "human" }));
    // What was entered within the first minute is the creation's, whatever the next change says of it.
    assert_eq!(ticket["title"], "ap down");
    assert_eq!((record.label.severity, record.as_of), (Word(Severity::High), Some(Word(AsOf::Created))));
}

#[test]
fn an_audit_without_a_column_of_values_is_refused_and_an_empty_value_is_one() {
    let whole = json!({ "documentkey": "a1", "fieldname": "description", "oldvalue": "", "newvalue": "x",
        "sys_created_on": "2026-01-05 08:40:00" });
    for name in ["oldvalue", "newvalue"] {
        let mut row = whole.clone();
        row.as_object_mut().expect("an object").remove(name);
        let refused = Audit::default().add(&row, Some(&TimeZone::UTC)).expect_err("a column is missing");
        assert!(refused.contains(name) && refused.contains("export documentkey"), "{refused}");
    }
    let Imported { record, .. } = servicenow().import(&incident(), Some(&audit(&[whole]))).expect("a labelled ticket");
    assert!(!Value::Object(record.ticket).to_string().contains("No beacon"), "it had no description at first");
}

#[test]
fn a_ticket_that_the_audit_does_not_know_is_of_an_unknown_moment() {
    let other = json!({ "documentkey": "b2", "fieldname": "priority", "oldvalue": "4", "newvalue": "2",
        "sys_created_on": "2026-01-05 08:40:00" });
    let Imported { record, .. } = servicenow().import(&incident(), Some(&audit(&[other]))).expect("a labelled ticket");
    assert_eq!(record.as_of, Some(Word(AsOf::Unknown)));
    assert!(!record.ticket.contains_key("severity"));
}

fn generic(fields: &[(&str, &str)], severity: &str) -> ImportSettings {
    let mut mapping = Mapping::default();
    for (field, pointer) in fields {
        mapping.set(field, pointer).expect("a field of ours");
    }
    ImportSettings {
        intake: IntakeSettings { mapping, ..IntakeSettings::for_preset(Preset::Mapping) },
        label: LabelFields { severity: severity.to_owned(), ..LabelFields::default() },
        undated: None,
        as_of: AsOf::Created,
    }
}

#[test]
fn a_mapping_that_reads_later_knowledge_or_the_label_is_refused_with_all_its_mistakes() {
    let settings = generic(
        &[
            ("title", "/Summary"),
            ("description", "/fields/Close notes"),
            ("site", "/resolvedBy"),
            ("category", "/Priority"),
            ("status", "/state"),
        ],
        "/Priority",
    );
    let mistakes = settings.check().expect_err("three mistakes");
    let begins: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.split(',').next()).collect();
    assert_eq!(
        begins,
        [
            "category is read from /Priority",
            "description is read from /fields/Close notes",
            "site is read from /resolvedBy",
        ]
    );
    assert_eq!(generic(&[], "").check().expect_err("no label").len(), 1);
    servicenow().check().expect("the preset reads nothing that is known only later");
}

#[test]
fn every_fault_of_a_row_is_told_and_unmapped_words_are_counted() {
    let settings = generic(&[("ticket_id", "/id"), ("title", "/title"), ("created_at", "/at")], "/severity");
    let row = |id: &str, severity: &str, at: &str| json!({ "id": id, "title": "x", "severity": severity, "at": at });
    let rows = [
        row("T1", "P2", "2026-01-05T08:00:00Z"),
        row("T2", "Sev-1", "2026-01-05T08:00:00Z"),
        row("T3", "sev-1", "2026-01-05T08:00:00Z"),
        row("T4", "", "2026-01-05T08:00:00Z"),
        row("T5", "low", ""),
        row("T6", "low", "2026-01-05 08:00:00"),
        row("T7", "low", "yesterday"),
        row("", "low", "2026-01-05T08:00:00Z"),
        json!("text"),
    ];
    let mut summary = ImportSummary::default();
    let faults: Vec<String> = rows
        .iter()
        .filter_map(|row| {
            let result = settings.import(row, None);
            summary.add(&result);
            result.err().map(|fault| fault.to_string())
        })
        .collect();
    assert_eq!((summary.rows, summary.tickets, summary.as_created), (9, 1, 1));
    assert_eq!(summary.unmapped_words, BTreeMap::from([("Sev-1".to_owned(), 1), ("sev-1".to_owned(), 1)]));
    let said = [
        "no severity word",
        "no severity word",
        "has no severity at /severity",
        "--undated",
        "--time-zone",
        "`yesterday` is no time",
        "ticket_id",
        "no object",
    ];
    assert_eq!(faults.len(), said.len());
    for (fault, said) in faults.iter().zip(said) {
        assert!(fault.contains(said), "`{fault}` does not say `{said}`");
    }
}

#[test]
fn tickets_without_a_time_get_the_one_that_is_given() {
    let mut settings = generic(&[("ticket_id", "/id"), ("title", "/title")], "/severity");
    settings.undated = Some(Instant(crate::domain::time::UtcMillis(0)));
    let row = json!({ "id": "T1", "title": "x", "severity": "low" });
    let Imported { record, .. } = settings.import(&row, None).expect("a labelled ticket");
    assert_eq!(record.ticket["created_at"], "1970-01-01T00:00:00.000Z");
}

#[test]
fn a_note_of_the_creation_stays_and_a_later_one_goes() {
    let settings =
        generic(&[("ticket_id", "/id"), ("title", "/title"), ("created_at", "/at"), ("notes", "/log")], "/severity");
    let note = |at: &str, text: &str| json!({ "at": at, "author_kind": "human", "text": text });
    let row = json!({ "id": "T1", "title": "x", "severity": "low", "at": "2026-01-05T08:00:00Z", "log": [
        note("2026-01-05T08:01:00Z", "kept"), note("2026-01-05T08:01:00.001Z", "gone"), json!({ "text": "undated" }),
    ] });
    let Imported { record, .. } = settings.import(&row, None).expect("a labelled ticket");
    assert_eq!(record.ticket["notes"], json!([note("2026-01-05T08:01:00Z", "kept")]));
}

#[test]
fn a_severity_that_is_the_label_is_left_out_and_another_one_stays() {
    let fields = [("ticket_id", "/id"), ("title", "/title"), ("created_at", "/at"), ("severity.reported", "/priority")];
    let row = json!({ "id": "T1", "title": "x", "priority": "P1", "final": "P3", "at": "2026-01-05T08:00:00Z" });
    let imported = |severity: &str| generic(&fields, severity).import(&row, None).expect("a labelled ticket").record;
    assert!(!imported("/priority").ticket.contains_key("severity"));
    assert_eq!(imported("/final").ticket["severity"]["reported"]["value"], "critical");
}
