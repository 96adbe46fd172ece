//! What the numbers and times of a `ServiceNow` record mean depends on what stands beside them.

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::settings::Preset;
use super::*;
use crate::domain::ticket::Status;

fn settings() -> IntakeSettings {
    let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
    IntakeSettings { time_zone: Some(zone), ..IntakeSettings::for_preset(Preset::ServiceNow) }
}

#[track_caller]
fn row(fields: &Value, table_header: Option<&str>, settings: &IntakeSettings) -> Ticket {
    let mut row = json!({ "number": "INC1", "short_description": "x" });
    row.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let headers = table_header.map(|table| ("table_name".to_owned(), table.as_bytes().to_vec()));
    let record = RawRecord {
        value: Some(row.to_string().into_bytes()),
        headers: headers.into_iter().collect(),
        timestamp: Some(UtcMillis(1_764_000_000_000)),
        ..RawRecord::default()
    };
    match read(&record, settings) {
        Intake::Ticket(ticket) => *ticket,
        other @ (Intake::Gone(_) | Intake::DeadLetter(_)) => panic!("no ticket: {other:?}"),
    }
}

#[test]
fn a_time_in_both_forms_is_utc_and_a_bare_one_is_in_the_configured_zone() {
    let times = |opened_at: Value, updated: Value| {
        let ticket = row(&json!({ "opened_at": opened_at, "sys_updated_on": updated }), None, &settings());
        (ticket.created_at, ticket.updated_at)
    };
    let noon = UtcMillis(1_763_985_600_000);
    let both = json!({ "value": "2025-11-24 12:00:00", "display_value": "24.11.2025 13:00:00" });
    assert_eq!(times(both.clone(), both), (noon, Some(noon)));
    let bare = json!("2025-11-24 13:00:00");
    assert_eq!(times(bare.clone(), bare), (noon, Some(noon)));
    let shown_alone = json!({ "display_value": "2025-11-24 13:00:00" });
    assert_eq!(times(shown_alone.clone(), shown_alone), (noon, Some(noon)));
}

#[test]
fn numbers_of_the_state_are_those_of_the_incident_table_and_of_no_other() {
    let status = |fields: Value, header: Option<&str>| row(&fields, header, &settings()).status;
    assert_eq!(status(json!({ "state": "7" }), None), Some(Status::Closed));
    assert_eq!(status(json!({ "state": "7" }), Some("incident")), Some(Status::Closed));
    assert_eq!(status(json!({ "state": "7 - Closed", "sys_class_name": "Incident" }), None), Some(Status::Closed));
    assert_eq!(status(json!({ "state": "1", "sys_class_name": "incident" }), Some("task")), Some(Status::New));
    assert_eq!(status(json!({ "state": "3", "sys_class_name": "sc_task" }), None), None);
    assert_eq!(status(json!({ "state": "3" }), Some("sc_req_item")), None);
    assert_eq!(status(json!({ "state": "-5", "sys_class_name": "change_request" }), Some("incident")), None);
    assert_eq!(status(json!({ "state": "3 - Closed Complete" }), Some("sc_task")), None);
    assert_eq!(status(json!({ "state": "Closed" }), Some("sc_task")), Some(Status::Closed), "a word is a word");
}

#[test]
fn the_sites_own_words_give_numbers_of_other_tables_their_meaning() {
    let mut settings = settings();
    settings.words.status.insert("3".to_owned(), Status::Closed);
    let status = |state: &str| row(&json!({ "state": state }), Some("sc_task"), &settings).status;
    assert_eq!((status("3"), status("4")), (Some(Status::Closed), None));
}
