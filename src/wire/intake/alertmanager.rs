//! Alertmanager's webhook, version 4: one ticket per group of alerts.
//!
//! The ticket is as urgent as its most urgent firing alert. A group that Alertmanager has truncated is incomplete and
//! never automatic. There is no revision number: the youngest change of any alert orders the notifications.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::domain::digest::Digest;
use crate::domain::severity::{SetBy, Severity, SourceSeverity};

use super::draft::{Draft, escaped};
use super::native::{ALARMS_MAX, severity_of};
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::IntakeSettings;
use super::tree::{Json, Object};

/// Labels that all alerts of the group share, and the field they go to; the first that is there.
const COMMON_LABELS: [(&str, &[&str]); 7] = [
    ("/device/name", &["device", "host", "hostname", "instance", "node"]),
    ("/device/vendor", &["vendor"]),
    ("/site", &["site", "datacenter", "location"]),
    ("/region", &["region"]),
    ("/service", &["service", "job"]),
    ("/category", &["category", "component"]),
    ("/interface", &["interface", "ifName"]),
];

/// Lines of single alerts that the description quotes: a group of hundreds says nothing more after these.
const DESCRIBED_ALERTS_MAX: usize = 20;

/// Writes a native ticket.
///
/// # Errors
/// Another version, no group key, or alerts that are no list of objects.
pub(super) fn draft<'draft>(payload: &Json<'_>, settings: &IntakeSettings) -> Result<Draft<'draft>, DeadLetterReason> {
    check_version(payload)?;
    let group_key = payload.get("groupKey").and_then(Json::as_str).filter(|key| !key.is_empty());
    let group_key = group_key.ok_or_else(|| {
        DeadLetterReason::new(DeadLetterClass::MissingField, "/groupKey is missing: the ticket id is made from it")
    })?;
    let alerts = alerts(payload)?;
    let firing: Vec<&Object<'_>> =
        alerts.iter().copied().filter(|alert| word(alert, "status") != Some("resolved")).collect();
    // Of a resolved group everything is history; of a firing one only what still fires says how bad it is.
    let shown = if firing.is_empty() { &alerts } else { &firing };

    let mut draft = Draft::default();
    let (id_source, id) = ticket_id(payload, group_key, settings);
    draft.put("/ticket_id", &id_source, Some(Value::String(id)));
    draft.put("/title", "/commonAnnotations/summary", title(payload).map(Value::String));
    draft.put("/description", "/commonAnnotations/description", description(payload, shown).map(Value::String));
    draft.put("/severity/reported", "/alerts/*/labels/severity", severity(shown, settings));
    draft.put("/created_at", "/alerts/*/startsAt", times(&alerts, "startsAt").min().map(as_text));
    let ended = alerts.iter().copied().filter(|alert| word(alert, "status") == Some("resolved"));
    let ended: Vec<&Object<'_>> = ended.collect();
    let updated = times(&alerts, "startsAt").chain(times(&ended, "endsAt")).max();
    draft.put("/updated_at", "/alerts/*/endsAt", updated.map(as_text));
    draft.put("/status", "/status", payload.get("status").cloned().map(Json::into_value).map(status));
    draft.put("/alarms", "/alerts", Some(Value::Array(shown.iter().take(ALARMS_MAX + 1).map(|a| alarm(a)).collect())));
    draft.put("/alarms_truncated", "/truncatedAlerts", Some(Value::Bool(is_truncated(payload))));
    draft.ticket.to_mut().insert("kind".to_owned(), json!("incident"));
    draft.ticket.to_mut().insert("channel".to_owned(), json!("monitoring"));
    for (native, names) in COMMON_LABELS {
        let found = names.iter().find_map(|name| Some((*name, common_label(payload, name)?)));
        let (name, value) = found.map_or((names[0], None), |(name, value)| (name, Some(json!(value))));
        draft.put(native, &format!("/commonLabels/{name}"), value);
    }
    for name in &settings.labels_allowed {
        let source = format!("/commonLabels/{}", escaped(name));
        draft.put_label(name, &source, common_label(payload, name).map(|value| json!(value)));
    }
    draft.ticket.to_mut().insert("source".to_owned(), json!({ "system": "alertmanager", "native_id": group_key }));
    draft.put("/source/url", "/externalURL", payload.get("externalURL").cloned().map(Json::into_value));
    Ok(draft)
}

/// Whether alerts of the group are missing. A number that cannot be read may be any: the group then counts as truncated.
fn is_truncated(payload: &Json<'_>) -> bool {
    payload.get("truncatedAlerts").is_some_and(|count| !count.is_null() && count.as_u64() != Some(0))
}

fn check_version(payload: &Json<'_>) -> Result<(), DeadLetterReason> {
    match payload.get("version").and_then(Json::as_str) {
        Some("4") => Ok(()),
        Some(_) => Err(DeadLetterReason::new(
            DeadLetterClass::UnknownSchema,
            "/version is another: this reader reads Alertmanager's webhook version 4",
        )),
        None => Err(DeadLetterReason::new(
            DeadLetterClass::MissingField,
            "/version is missing: is this an Alertmanager webhook? The preset is set in source.preset",
        )),
    }
}

fn alerts<'payload>(payload: &'payload Json<'payload>) -> Result<Vec<&'payload Object<'payload>>, DeadLetterReason> {
    let items = payload.get("alerts").and_then(Json::as_list);
    let alerts: Option<Vec<_>> = items.and_then(|items| items.iter().map(Json::as_object).collect());
    alerts.filter(|alerts| !alerts.is_empty()).ok_or_else(|| {
        DeadLetterReason::new(DeadLetterClass::InvalidField, "/alerts: a list of at least one object is expected")
    })
}

fn word<'alert>(alert: &'alert Object<'_>, name: &str) -> Option<&'alert str> {
    alert.get(name)?.as_str()
}

fn label<'alert>(alert: &'alert Object<'_>, name: &str) -> Option<&'alert str> {
    alert.get("labels")?.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

fn annotation<'alert>(alert: &'alert Object<'_>, name: &str) -> Option<&'alert str> {
    alert.get("annotations")?.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

fn common<'payload>(payload: &'payload Json<'_>, of: &str, name: &str) -> Option<&'payload str> {
    payload.get(of)?.get(name)?.as_str().filter(|text| !text.trim().is_empty())
}

fn common_label<'payload>(payload: &'payload Json<'_>, name: &str) -> Option<&'payload str> {
    common(payload, "commonLabels", name)
}

/// The label that names the ticket, where there is one; else a digest of the group key, which stays the same for as
/// long as the grouping of the route does.
fn ticket_id(payload: &Json<'_>, group_key: &str, settings: &IntakeSettings) -> (String, String) {
    let label = settings.alertmanager_id_label.as_deref();
    if let Some((name, id)) = label.and_then(|name| Some((name, common_label(payload, name)?))) {
        return (format!("/commonLabels/{}", escaped(name)), id.to_owned());
    }
    let digest = Digest::of(group_key.as_bytes()).to_string();
    ("/groupKey".to_owned(), format!("am-{}", &digest[..32]))
}

fn title(payload: &Json<'_>) -> Option<String> {
    if let Some(summary) = common(payload, "commonAnnotations", "summary") {
        return Some(summary.to_owned());
    }
    let labels = payload.get("groupLabels")?.as_object()?;
    let name = common_label(payload, "alertname");
    let others = labels
        .iter()
        .filter(|(name, _)| *name != "alertname")
        .filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?)));
    let words: Vec<String> = name.map(str::to_owned).into_iter().chain(others).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

fn description(payload: &Json<'_>, alerts: &[&Object<'_>]) -> Option<String> {
    let shared = ["description", "message"].into_iter().find_map(|name| common(payload, "commonAnnotations", name));
    let single = alerts.iter().take(DESCRIBED_ALERTS_MAX).filter_map(|alert| {
        let text = annotation(alert, "description").or_else(|| annotation(alert, "summary"))?;
        (Some(text) != shared).then_some(text)
    });
    let mut lines: Vec<&str> = shared.into_iter().chain(single).collect();
    lines.dedup();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// The most urgent severity. An alert with an unknown word outweighs everything below high: it may be anything.
fn severity(alerts: &[&Object<'_>], settings: &IntakeSettings) -> Option<Value> {
    let words = alerts.iter().filter_map(|alert| label(alert, "severity"));
    let mut most_urgent: Option<(Severity, &str)> = None;
    let mut unknown = None;
    for word in words {
        match severity_of(word, word, SetBy::System, settings).into_severity() {
            SourceSeverity::Known { value, .. } => {
                if most_urgent.is_none_or(|(greatest, _)| value > greatest) {
                    most_urgent = Some((value, word));
                }
            }
            SourceSeverity::Unmapped { .. } => unknown = unknown.or(Some(word)),
            SourceSeverity::Absent => {}
        }
    }
    let word = match (most_urgent, unknown) {
        (Some((value, word)), _) if value >= Severity::High => Some(word),
        (_, Some(word)) | (Some((_, word)), None) => Some(word),
        (None, None) => None,
    };
    word.map(|word| json!({ "value": word, "set_by": "system" }))
}

/// Times of the alerts; Go's zero time (an end that has not come) and what is no time are left out here, and refused
/// by the reader where an alarm holds them.
fn times(alerts: &[&Object<'_>], name: &str) -> impl Iterator<Item = Timestamp> {
    let texts: Vec<Timestamp> = alerts.iter().filter_map(|alert| instant(word(alert, name)?)).collect();
    texts.into_iter()
}

fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|at: &Timestamp| at.as_second() > 0)
}

fn as_text(at: Timestamp) -> Value {
    Value::String(at.to_string())
}

/// `firing` is an open ticket; other words pass, so that the reader refuses what it does not know.
fn status(word: Value) -> Value {
    if word == "firing" { json!("new") } else { word }
}

fn alarm(alert: &Object<'_>) -> Value {
    let mut alarm = Map::new();
    let fields = [
        ("name", label(alert, "alertname")),
        ("source", label(alert, "job")),
        ("probable_cause", label(alert, "probable_cause")),
        ("perceived_severity", label(alert, "severity")),
        ("first_at", word(alert, "startsAt").filter(|text| instant(text).is_some())),
        ("last_at", word(alert, "endsAt").filter(|text| instant(text).is_some())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            alarm.insert(name.to_owned(), json!(value));
        }
    }
    Value::Object(alarm)
}
