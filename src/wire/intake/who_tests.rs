//! Who set a severity, and whether a person has worked on a ticket: what a source says about its users.

use serde_json::{Value, json};

use super::settings::Preset;
use super::*;
use crate::domain::severity::SetBy;
use crate::domain::ticket::AuthorKind;

const AT: &str = "2025-11-24T10:00:00Z";
const A_SECOND_LATER: &str = "2025-11-24T10:00:01Z";

fn settings(preset: Preset) -> IntakeSettings {
    IntakeSettings {
        own_user: Some("svc.noctriage".to_owned()),
        machine_users: ["system".to_owned(), "event.rule".to_owned()].into(),
        time_zone: Some(jiff::tz::TimeZone::UTC),
        ..IntakeSettings::for_preset(preset)
    }
}

#[track_caller]
fn ticket_of(base: Value, fields: &Value, settings: &IntakeSettings) -> Ticket {
    let mut value = base;
    value.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let record = RawRecord {
        value: Some(value.to_string().into_bytes()),
        timestamp: Some(UtcMillis(1_764_000_000_000)),
        ..RawRecord::default()
    };
    match read(&record, settings) {
        Intake::Ticket(ticket) => *ticket,
        other @ (Intake::Gone(_) | Intake::DeadLetter(_)) => panic!("no ticket: {other:?}"),
    }
}

fn native(fields: &Value) -> Ticket {
    let base = json!({ "ticket_id": "a", "title": "b", "created_at": AT, "severity": { "reported": "medium" } });
    ticket_of(base, fields, &settings(Preset::Native))
}

fn servicenow(fields: &Value) -> Ticket {
    let base = json!({ "number": "INC1", "short_description": "x", "priority": "3" });
    ticket_of(base, fields, &settings(Preset::ServiceNow))
}

/// Who is taken to have set the reported severity, and whether a person has worked on the ticket.
#[track_caller]
fn check(ticket: &Ticket, set_by: SetBy, is_touched: bool) {
    assert_eq!((ticket.severity_reported.set_by(), ticket.human_touched), (Some(set_by), is_touched));
}

#[test]
fn a_person_who_opens_a_ticket_sets_its_severity_and_has_not_touched_it_yet() {
    check(&native(&json!({ "created_by": "jane.doe", "updated_by": "Jane.Doe " })), SetBy::Human, false);
    check(&native(&json!({ "created_by": "jane.doe", "revision": 0, "updated_at": AT })), SetBy::Human, false);
    let opened_by_hand = json!({ "sys_created_by": "jane.doe", "sys_updated_by": "jane.doe", "sys_mod_count": "0",
        "opened_at": "2025-11-24 10:00:00", "sys_created_on": "2025-11-24 10:04:00",
        "sys_updated_on": "2025-11-24 10:04:00" });
    check(&servicenow(&opened_by_hand), SetBy::Human, false);
}

#[test]
fn monitoring_that_opens_a_ticket_sets_its_severity_as_the_system() {
    check(&native(&json!({ "created_by": "event.rule", "updated_by": "Event.Rule" })), SetBy::System, false);
    check(&native(&json!({ "created_by": "event.rule", "updated_by": "system", "revision": 4 })), SetBy::System, false);
    check(&native(&json!({})), SetBy::System, false);
}

#[test]
fn an_editor_without_a_named_creator_is_a_person_who_has_touched_the_ticket() {
    check(&native(&json!({ "updated_by": "jane.doe" })), SetBy::Human, true);
    check(&servicenow(&json!({ "sys_updated_by": "jane.doe" })), SetBy::Human, true);
}

#[test]
fn every_later_edit_of_a_person_touches_the_ticket_the_creators_own_included() {
    for later in [json!({ "revision": 1 }), json!({ "updated_at": A_SECOND_LATER })] {
        for creator in ["jane.doe", "event.rule", "svc.noctriage"] {
            let mut fields = later.clone();
            fields["created_by"] = json!(creator);
            fields["updated_by"] = json!("jane.doe");
            check(&native(&fields), SetBy::Human, true);
        }
    }
    check(&native(&json!({ "created_by": "event.rule", "updated_by": "jane.doe" })), SetBy::Human, true);
    let row = json!({ "sys_created_by": "jane.doe", "sys_updated_by": "jane.doe", "sys_mod_count": "1" });
    check(&servicenow(&row), SetBy::Human, true);
}

#[test]
fn a_rules_later_edit_leaves_the_severity_with_the_person_who_opened_the_ticket() {
    let row = json!({ "sys_created_by": "jane.doe", "sys_updated_by": "system", "sys_mod_count": "2" });
    check(&servicenow(&row), SetBy::Human, false);
}

#[test]
fn our_own_edit_is_ours_whoever_opened_the_ticket() {
    let ticket = native(&json!({ "created_by": "jane.doe", "updated_by": "SVC.noctriage", "revision": 3 }));
    check(&ticket, SetBy::Noctriage, false);
    assert!(ticket.written_by_noctriage);
}

#[test]
fn what_a_native_ticket_says_about_who_set_a_value_outweighs_who_wrote_the_ticket() {
    let said = |set_by: &str, user: &str| {
        native(&json!({ "created_by": user, "updated_by": user, "revision": 1,
            "severity": { "reported": { "value": "medium", "set_by": set_by } } }))
    };
    check(&said("system", "jane.doe"), SetBy::System, true);
    check(&said("human", "event.rule"), SetBy::Human, true);
}

#[test]
fn our_own_user_may_have_several_names() {
    let settings = IntakeSettings {
        own_user: Some("svc.noctriage, Noctriage Integration,".to_owned()),
        ..settings(Preset::ServiceNow)
    };
    let base = json!({ "number": "INC1", "short_description": "x", "priority": "3",
        "sys_created_by": "event.rule", "sys_updated_by": "SVC.Noctriage ", "sys_mod_count": "1" });
    let journal = "2025-11-24 10:30:00 - noctriage integration (Work notes)\nSuggested severity: low\n";
    let ticket = ticket_of(base.clone(), &json!({ "work_notes": journal }), &settings);
    check(&ticket, SetBy::Noctriage, false);
    assert_eq!(ticket.notes[0].author_kind, AuthorKind::Noctriage);
    let assigned = ticket_of(base.clone(), &json!({ "assigned_to": "Noctriage Integration" }), &settings);
    assert!(!assigned.human_touched);
    let half_a_name = ticket_of(base, &json!({ "sys_updated_by": "noctriage" }), &settings);
    check(&half_a_name, SetBy::Human, true);
}

#[test]
fn a_journal_entry_of_a_person_touches_the_ticket_whatever_its_clock_says() {
    let noted = |field: &str, author: &str| {
        let journal = format!("2025-11-24 09:00:00 - {author} (Work notes)\nSite was called.\n");
        let ticket = servicenow(&json!({ "opened_at": "2025-11-24 10:00:00", "sys_created_by": "event.rule",
            "sys_updated_by": "event.rule", "sys_mod_count": "1", field: journal }));
        (ticket.notes[0].author_kind, ticket.human_touched)
    };
    for field in ["work_notes", "comments"] {
        assert_eq!(noted(field, "Jane Doe"), (AuthorKind::Human, true));
        assert_eq!(noted(field, "System Administrator"), (AuthorKind::Human, true));
        assert_eq!(noted(field, "System"), (AuthorKind::System, false));
        assert_eq!(noted(field, "Event.Rule"), (AuthorKind::System, false));
        assert_eq!(noted(field, "svc.noctriage"), (AuthorKind::Noctriage, false));
    }
}
