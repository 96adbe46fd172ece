//! ServiceNow: records of the Table API, plain or inside `result`, with or without the Stream Producer's headers.
//!
//! Numbers come as texts. A reference field is a bare id, `{link, value}` or `{display_value, value}`. Times are wall
//! clock without a zone. `delete` in the header `action` is a deletion, whatever the value holds.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use crate::domain::ticket::{Channel, Kind, Level, Status};
use crate::wire::words::ClosedWord;

use super::RawRecord;
use super::draft::{Draft, escaped};
use super::envelope::header;
use super::native::{is_machine, is_own_user};
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::{IntakeSettings, lookup, word_key};
use super::times;
use super::tree::{Json, Object};

/// Whether the Stream Producer says that the record is gone.
pub(in crate::wire) fn is_deletion(record: &RawRecord) -> bool {
    header(record, "action").is_some_and(|action| action.eq_ignore_ascii_case("delete"))
}

/// Author of a journal entry that neither noctriage nor a machine wrote.
const HUMAN: &str = "human";

/// Which form of a field is wanted.
#[derive(Clone, Copy)]
pub(in crate::wire) enum Form {
    /// What people read: names.
    Display,
    /// What the database holds: codes and ids.
    Stored,
}

/// Writes a native ticket.
///
/// # Errors
/// A value that is no single record.
pub(in crate::wire) fn draft<'draft>(
    payload: &Json<'_>,
    record: &RawRecord,
    settings: &IntakeSettings,
) -> Result<Draft<'draft>, DeadLetterReason> {
    let Some(row) = row(payload) else {
        let detail = "a ServiceNow record is a JSON object, plain or as /result: publish one record per Kafka record";
        return Err(DeadLetterReason::new(DeadLetterClass::InvalidField, detail));
    };
    let mut draft = Draft::default();
    for (native, source, form) in TEXTS {
        draft.put(native, &format!("/{source}"), text(row, source, form).map(Value::String));
    }
    for (native, source) in COUNTS {
        draft.put(native, &format!("/{source}"), text(row, source, Form::Stored).map(as_count));
    }
    put_closed_words(&mut draft, row, record, settings);
    put_times(&mut draft, row, record);
    draft.is_edited = is_edited(row);
    put_category(&mut draft, row);
    put_severity(&mut draft, row);
    put_notes(&mut draft, row, settings);
    for (source, kind) in RELATIONS {
        draft.put_relation(kind, &format!("/{source}"), text(row, source, Form::Display));
    }
    for name in &settings.labels_allowed {
        draft.put_label(name, &format!("/{}", escaped(name)), text(row, name, Form::Display).map(Value::String));
    }
    draft.ticket.to_mut().insert("source".to_owned(), source_link(row));
    draft.origins.used.insert(("/sys_id".to_owned(), "/source/native_id".to_owned()));
    Ok(draft)
}

/// The record itself, plain or inside `result`.
pub(in crate::wire) fn row<'payload>(payload: &'payload Json<'_>) -> Option<&'payload Object<'payload>> {
    match payload.get("result") {
        Some(result) => result.as_object(),
        None => payload.as_object(),
    }
}

/// Fields that are taken as texts.
const TEXTS: [(&str, &str, Form); 9] = [
    ("/ticket_id", "number", Form::Stored),
    ("/title", "short_description", Form::Stored),
    ("/description", "description", Form::Stored),
    ("/device/name", "cmdb_ci", Form::Display),
    ("/site", "location", Form::Display),
    ("/service", "business_service", Form::Display),
    ("/assigned_to", "assigned_to", Form::Display),
    ("/created_by", "sys_created_by", Form::Stored),
    ("/updated_by", "sys_updated_by", Form::Stored),
];

/// Fields that are taken as numbers.
const COUNTS: [(&str, &str); 3] =
    [("/revision", "sys_mod_count"), ("/reopen_count", "reopen_count"), ("/reassignment_count", "reassignment_count")];

/// Links to other tickets. A bare `sys_id` is no ticket number: the parent is then unknown, which forbids automation.
const RELATIONS: [(&str, &str); 4] =
    [("parent_incident", "parent"), ("parent", "parent"), ("problem_id", "caused_by"), ("caused_by", "caused_by")];

/// A field as text in the wanted form, or in the other where it has one form alone; empty is absent.
pub(in crate::wire) fn text(row: &Object<'_>, name: &str, form: Form) -> Option<String> {
    let Some(reference) = row.get(name)?.as_object() else { return text_in(row, name) };
    let (first, second) = match form {
        Form::Display => ("display_value", "value"),
        Form::Stored => ("value", "display_value"),
    };
    text_in(reference, first).or_else(|| text_in(reference, second))
}

/// A text or a number of an object, as text; empty is absent.
fn text_in(object: &Object<'_>, name: &str) -> Option<String> {
    match object.get(name)? {
        Json::Text(text) if text.trim().is_empty() => None,
        Json::Text(text) => Some(text.clone().into_owned()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::List(_) | Json::Object(_) => None,
    }
}

/// A number in a text; what is none stays a text, so that the reader refuses it by its name.
fn as_count(text: String) -> Value {
    text.trim().parse::<u64>().map_or(Value::String(text), Value::from)
}

/// Whether a word is a number, alone or in front of its name (`3 - Closed`).
fn begins_with_number(word: &str) -> bool {
    let number = word.split_once(" - ").map_or(word, |(number, _)| number);
    number.trim().parse::<i64>().is_ok()
}

/// Numbers of the `state` field as ServiceNow ships them for incidents, and the words of all tables.
fn status(word: &str) -> Option<Status> {
    Some(match word {
        "1" | "new" => Status::New,
        "2" | "in progress" | "work in progress" | "active" => Status::InProgress,
        "3" | "4" | "5" | "-5" | "on hold" | "pending" | "awaiting problem" | "awaiting user info" => Status::OnHold,
        "6" | "resolved" => Status::Resolved,
        "7" | "closed" => Status::Closed,
        "8" | "canceled" | "cancelled" => Status::Cancelled,
        _ => return None,
    })
}

fn level(word: &str) -> Option<Level> {
    Some(match word {
        "1" => Level::High,
        "2" => Level::Medium,
        "3" => Level::Low,
        _ => return None,
    })
}

fn kind(table: &str) -> Kind {
    match table {
        "incident" => Kind::Incident,
        "sc_request" | "sc_req_item" | "sc_task" => Kind::Request,
        "change_request" | "change_task" => Kind::Change,
        _ => Kind::Other,
    }
}

fn channel(word: &str) -> Channel {
    match word {
        "phone" => Channel::Phone,
        "email" => Channel::Email,
        "self-service" | "self service" | "portal" => Channel::Portal,
        "monitoring" | "event" | "event management" | "integration" => Channel::Monitoring,
        _ => Channel::Other,
    }
}

/// Our word for a word of the source, unless the site has given the source's word a meaning of its own.
fn translated<T: ClosedWord>(
    word: String,
    aliases: &std::collections::BTreeMap<String, T>,
    ours: impl Fn(&str) -> Option<T>,
) -> Value {
    if lookup(aliases, &word).is_some() {
        return Value::String(word);
    }
    let key = word_key(&word);
    let number = key.split_once(" - ").map_or(key.as_str(), |(number, _)| number);
    ours(&key).or_else(|| ours(number)).map_or(Value::String(word), |value| Value::String(value.word().to_owned()))
}

fn put_closed_words(draft: &mut Draft<'_>, row: &Object<'_>, record: &RawRecord, settings: &IntakeSettings) {
    let words = &settings.words;
    let table = text(row, "sys_class_name", Form::Stored).or_else(|| header(record, "table_name").map(str::to_owned));
    let is_incident = table.as_deref().is_none_or(|table| word_key(table) == "incident");
    let state = text(row, "state", Form::Stored).filter(|word| {
        // Each table numbers its states in its own way. A number that nobody has explained says nothing: without a
        // status a ticket is decided, never automatic.
        is_incident || !begins_with_number(word) || lookup(&words.status, word).is_some()
    });
    draft.put("/status", "/state", state.map(|word| translated(word, &words.status, status)));
    for (native, source) in [("/impact", "impact"), ("/urgency", "urgency")] {
        let word = text(row, source, Form::Stored).map(|word| translated(word, &words.level, level));
        draft.put(native, &format!("/{source}"), word);
    }
    let contact = text(row, "contact_type", Form::Stored);
    let contact = contact.map(|word| translated(word, &words.channel, |word| Some(channel(word))));
    draft.put("/channel", "/contact_type", contact);
    let table = table.map(|table| translated(table, &words.kind, |table| Some(kind(table))));
    draft.put("/kind", "/sys_class_name", table);
}

/// A time. Where a field has both forms, the stored one is UTC and the other in the zone of whoever read it; a bare
/// text may be either, which only the configuration knows.
pub(in crate::wire) fn time(row: &Object<'_>, name: &str) -> Option<String> {
    let stored = text(row, name, Form::Stored)?;
    let forms = row.get(name).and_then(Json::as_object);
    let has_both = forms.is_some_and(|forms| forms.contains_key("display_value") && text_in(forms, "value").is_some());
    let utc = if has_both { times::parse(&stored, Some(&TimeZone::UTC)).ok() } else { None };
    // What is no time stays as it is, so that the reader refuses it by its name.
    let utc = utc.and_then(|at| Timestamp::from_millisecond(at.0).ok());
    Some(utc.map_or(stored, |at| at.to_string()))
}

fn put_times(draft: &mut Draft<'_>, row: &Object<'_>, record: &RawRecord) {
    let first = |names: [&'static str; 2]| {
        let found = names.into_iter().find_map(|name| Some((name, time(row, name)?)));
        found.map_or((names[0], None), |(name, text)| (name, Some(Value::String(text))))
    };
    let (name, opened) = first(["opened_at", "sys_created_on"]);
    draft.put("/created_at", &format!("/{name}"), opened);
    let updated = time(row, "sys_updated_on");
    // The Stream Producer's own time stands in: it orders revisions as well, a minute later.
    let collected = || header(record, "collection_timestamp_ms").and_then(times::epoch_as_text);
    draft.put("/updated_at", "/sys_updated_on", updated.or_else(collected).map(Value::String));
}

/// Whether the row was edited after its creation; `None` where it says nothing about it.
fn is_edited(row: &Object<'_>) -> Option<bool> {
    let counted = text(row, "sys_mod_count", Form::Stored).map(|count| count.trim() != "0");
    let created = text(row, "sys_created_on", Form::Stored);
    let clocked = created.zip(text(row, "sys_updated_on", Form::Stored)).map(|(created, updated)| created != updated);
    counted.into_iter().chain(clocked).reduce(|one, other| one || other)
}

/// The subcategory says more (`wireless`) than the category (`network`).
fn put_category(draft: &mut Draft<'_>, row: &Object<'_>) {
    let source = if text(row, "subcategory", Form::Stored).is_some() { "subcategory" } else { "category" };
    draft.put("/category", &format!("/{source}"), text(row, source, Form::Stored).map(Value::String));
}

/// The priority; where it is empty, ServiceNow's own table of impact and urgency.
fn put_severity(draft: &mut Draft<'_>, row: &Object<'_>) {
    let priority = text(row, "priority", Form::Stored).or_else(|| {
        let number = |name| {
            let word = text(row, name, Form::Stored)?;
            word.split(" - ").next()?.trim().parse::<u8>().ok().filter(|number| (1..=3).contains(number))
        };
        Some((number("impact")? + number("urgency")? - 1).to_string())
    });
    let native = text(row, "priority", Form::Display);
    let value =
        priority.map(|priority| json!({ "native": native.unwrap_or_else(|| priority.clone()), "value": priority }));
    draft.put("/severity/reported", "/priority", value);
}

/// Work notes and comments: a journal text in which each entry begins with a line of its own.
fn put_notes(draft: &mut Draft<'_>, row: &Object<'_>, settings: &IntakeSettings) {
    let mut notes = Vec::new();
    for name in ["work_notes", "comments"] {
        if let Some(journal) = text(row, name, Form::Display) {
            draft.origins.used.insert((format!("/{name}"), "/notes".to_owned()));
            notes.extend(journal_entries(&journal, settings));
        }
    }
    // A journal is written after the creation, and its times are of another clock than the record's: of the zone of
    // whoever read it.
    draft.has_human_note = notes.iter().any(|note| note["author_kind"] == HUMAN);
    if !notes.is_empty() {
        draft.put("/notes", "/work_notes", Some(Value::Array(notes)));
    }
}

fn journal_entries(journal: &str, settings: &IntakeSettings) -> Vec<Value> {
    let mut entries: Vec<(Option<(String, String)>, String)> = Vec::new();
    for line in journal.lines() {
        match (entry_head(line, settings), entries.last_mut()) {
            (Some(head), _) => entries.push((Some(head), String::new())),
            (None, Some((_, text))) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => entries.push((None, format!("{line}\n"))),
        }
    }
    let as_note = |(head, text): (Option<(String, String)>, String)| match head {
        Some((at, author)) => {
            let author_kind = author_kind(&author, settings);
            json!({ "at": at, "author": author, "author_kind": author_kind, "text": text })
        }
        None => json!({ "author_kind": HUMAN, "text": text }),
    };
    let has_text = |(_, text): &(Option<(String, String)>, String)| !text.trim().is_empty();
    entries.into_iter().filter(has_text).map(as_note).collect()
}

/// `system` is the journal's own author; `System Administrator` is a person.
fn author_kind(author: &str, settings: &IntakeSettings) -> &'static str {
    if is_own_user(author, settings) {
        "noctriage"
    } else if word_key(author) == "system" || is_machine(author, settings) {
        "system"
    } else {
        HUMAN
    }
}

/// `2025-01-31 09:15:00 - Jane Doe (Work notes)`: the time and the author, where the line is such a head.
fn entry_head(line: &str, settings: &IntakeSettings) -> Option<(String, String)> {
    let (at, rest) = line.split_once(" - ")?;
    let (author, kind) = rest.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
    let is_journal = ["work notes", "additional comments", "comments"].contains(&word_key(kind).as_str());
    let is_time = times::parse(at, settings.time_zone.as_ref()) != Err(times::TimeProblem::Unreadable);
    (is_journal && is_time).then(|| (at.to_owned(), author.to_owned()))
}

fn source_link(row: &Object<'_>) -> Value {
    let mut link = Map::new();
    link.insert("system".to_owned(), Value::String("servicenow".to_owned()));
    if let Some(sys_id) = text(row, "sys_id", Form::Stored) {
        link.insert("native_id".to_owned(), Value::String(sys_id));
    }
    Value::Object(link)
}
