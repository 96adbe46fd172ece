//! One record of every source, and the ticket it becomes. The snapshots are what a reader of the presets looks at first.

use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::settings::{Preset, SeverityMeaning};
use super::*;
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::domain::ticket::{AuthorKind, Status};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wire")
}

fn sample(name: &str) -> RawRecord {
    let value = std::fs::read(folder().join(name)).unwrap();
    RawRecord { key: None, value: Some(value), headers: Vec::new(), timestamp: Some(UtcMillis(1_764_000_000_000)) }
}

fn settings(preset: Preset) -> IntakeSettings {
    IntakeSettings {
        time_zone: Some(TimeZone::UTC),
        own_user: Some("noctriage".to_owned()),
        machine_users: ["event.rule".to_owned(), "monitoring".to_owned()].into(),
        labels_allowed: ["team".to_owned(), "u_region".to_owned()].into(),
        ..IntakeSettings::for_preset(preset)
    }
}

/// Reads a table of `source.mapping` and `source.aliases` out of an example of ours.
fn example(name: &str) -> IntakeSettings {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples").join(name));
    let file: serde_json::Value = toml::from_str(&text.unwrap()).unwrap();
    let mut settings = settings(Preset::Mapping);
    settings.mapping = mapping::Mapping::from_table(file["source"]["mapping"].as_object().unwrap()).unwrap();
    for (word, meaning) in file["source"]["aliases"]["severity"].as_object().into_iter().flatten() {
        let is = |word: &str| word.parse::<Severity>().map(SeverityMeaning::Is);
        settings.severities.set(word, is(meaning.as_str().unwrap()).unwrap_or(SeverityMeaning::Unknown));
    }
    for (word, status) in file["source"]["aliases"]["status"].as_object().into_iter().flatten() {
        let status = <Status as crate::wire::words::ClosedWord>::from_word(status.as_str().unwrap()).unwrap();
        settings.words.status.insert(settings::word_key(word), status);
    }
    settings
}

#[track_caller]
fn ticket(record: &RawRecord, settings: &IntakeSettings) -> Ticket {
    match read(record, settings) {
        Intake::Ticket(ticket) => *ticket,
        Intake::Gone(_) | Intake::DeadLetter(_) => panic!("no ticket: {:?}", read(record, settings)),
    }
}

#[track_caller]
fn check_snapshot(name: &str, settings: &IntakeSettings) -> Ticket {
    let ticket = ticket(&sample(&format!("{name}.json")), settings);
    insta::with_settings!({ snapshot_path => folder().join("snapshots"), prepend_module_to_snapshot => false }, {
        insta::assert_debug_snapshot!(name, ticket);
    });
    ticket
}

#[test]
fn a_native_ticket_is_read_in_full() {
    let ticket = check_snapshot("native-full", &settings(Preset::Native));
    assert_eq!(ticket.severity_reported.value(), Some(Severity::Medium));
    assert!(!ticket.labels.contains_key("secret"), "labels that are not allowed are dropped");
}

#[test]
fn a_native_ticket_needs_an_id_and_one_text() {
    let ticket = check_snapshot("native-minimal", &settings(Preset::Native));
    assert_eq!(ticket.created_at_origin, crate::domain::ticket::TimeOrigin::KafkaTimestamp);
}

#[test]
fn a_record_of_the_table_api_is_read_with_all_forms_of_references() {
    let ticket = check_snapshot("servicenow-table-api", &settings(Preset::ServiceNow));
    assert_eq!(ticket.severity_reported.value(), Some(Severity::Low));
    assert_eq!(ticket.category.as_deref(), Some("wireless"));
    assert!(!ticket.human_touched && ticket.revision_is_native);
}

#[test]
fn our_own_change_in_servicenow_is_recognised() {
    let ticket = check_snapshot("servicenow-display-values", &settings(Preset::ServiceNow));
    assert!(ticket.written_by_noctriage && ticket.human_touched);
    assert_eq!(ticket.severity_reported.set_by(), Some(SetBy::Noctriage));
    let authors: Vec<AuthorKind> = ticket.notes.iter().map(|note| note.author_kind).collect();
    assert_eq!(authors, [AuthorKind::Human, AuthorKind::Noctriage]);
}

#[test]
fn a_group_of_alerts_is_as_urgent_as_its_most_urgent_firing_alert() {
    let ticket = check_snapshot("alertmanager-firing", &settings(Preset::Alertmanager));
    assert_eq!(ticket.severity_reported.value(), Some(Severity::Critical));
    assert_eq!(ticket.alarms.len(), 2, "the resolved alert is history");
}

#[test]
fn a_truncated_group_is_flagged_and_a_resolved_one_has_ended() {
    let mut settings = settings(Preset::Alertmanager);
    settings.alertmanager_id_label = Some("ticket".to_owned());
    let ticket = check_snapshot("alertmanager-truncated", &settings);
    assert!(ticket.incompleteness.alarms_truncated);
    assert_eq!((ticket.ticket_id.as_str(), ticket.status), ("OPS-99", Some(Status::Resolved)));
    assert!(matches!(ticket.severity_reported, SourceSeverity::Unmapped { .. }));
}

#[test]
fn the_examples_for_jira_and_zabbix_read_their_samples() {
    let jira = check_snapshot("jira", &example("mapping-jira.toml"));
    assert_eq!(jira.severity_reported.value(), Some(Severity::Critical));
    let zabbix = check_snapshot("zabbix", &example("mapping-zabbix.toml"));
    assert_eq!(zabbix.severity_reported.value(), Some(Severity::Medium));
}

#[test]
fn the_stream_producers_headers_give_kind_and_deletion() {
    let mut record = sample("servicenow-table-api.json");
    record.headers = vec![("table_name".into(), b"sc_req_item".to_vec()), ("action".into(), b"update".to_vec())];
    let text = String::from_utf8(record.value.clone().unwrap()).unwrap();
    record.value = Some(text.replace("\"sys_class_name\": \"incident\",", "").into_bytes());
    let settings = settings(Preset::ServiceNow);
    assert_eq!(ticket(&record, &settings).kind, Some(crate::domain::ticket::Kind::Request));
    record.headers[1].1 = b"delete".to_vec();
    assert_eq!(read(&record, &settings), Intake::Gone(TicketId::try_new("INC0010023").unwrap()));
    record.value = Some(b"{}".to_vec());
    record.key = Some(b"INC1".to_vec());
    assert_eq!(read(&record, &settings), Intake::Gone(TicketId::try_new("INC1").unwrap()));
}

#[test]
fn cloud_events_are_opened_in_both_modes() {
    let plain = ticket(&sample("native-full.json"), &settings(Preset::Native));
    let mut binary = sample("native-full.json");
    binary.headers =
        ["ce_specversion", "ce_id", "ce_source", "ce_type"].map(|name| (name.into(), b"1.0".to_vec())).to_vec();
    assert_eq!(ticket(&binary, &settings(Preset::Native)), plain);

    let mut structured = sample("native-full.json");
    let data: serde_json::Value = serde_json::from_slice(&structured.value.unwrap()).unwrap();
    let event = serde_json::json!({ "specversion": "1.0", "id": "7", "source": "//x", "type": "t", "data": data });
    structured.value = Some(event.to_string().into_bytes());
    structured.headers = vec![("content-type".into(), b"application/cloudevents+json; charset=utf-8".to_vec())];
    assert_eq!(ticket(&structured, &settings(Preset::Native)), plain);
}

#[test]
fn a_mapping_overrides_single_fields_of_a_preset() {
    let mut settings = settings(Preset::ServiceNow);
    settings.mapping.set("region", "/result/u_region").unwrap();
    let ticket = ticket(&sample("servicenow-table-api.json"), &settings);
    assert_eq!(ticket.region.as_deref(), Some("south"));
    assert_eq!(ticket.ticket_id.as_str(), "INC0010023");
}

#[test]
fn an_explanation_says_what_was_used_what_was_left_and_what_is_missing() {
    let mut summary = explain::MappingSummary::default();
    let settings = settings(Preset::ServiceNow);
    summary.add(explain::explain_mapping(&sample("servicenow-table-api.json"), &settings));
    summary.add(explain::explain_mapping(&sample("alertmanager-firing.json"), &settings));
    assert_eq!((summary.records, summary.tickets), (2, 1));
    assert!(summary.mapped.contains_key(&("/subcategory".to_owned(), "/category".to_owned())));
    assert!(summary.unmapped.contains_key("/result/u_internal_cost_centre"));
    assert_eq!(summary.missing.get("/assigned_to"), Some(&2));
    assert_eq!(summary.missing.get("/ticket_id"), Some(&1));
    assert_eq!(summary.dead_letters[&DeadLetterClass::MissingField].0, 1);
}
