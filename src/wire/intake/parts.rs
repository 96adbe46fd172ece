//! The lists of a native ticket: alarms, notes, relations. Each has a bound; what is over it raises a flag.

use std::collections::BTreeMap;

use crate::domain::severity::SetBy;
use crate::domain::ticket::{Alarm, AuthorKind, Note, Relation, RelationKind, TicketId};
use crate::domain::time::UtcMillis;
use crate::wire::words::ClosedWord;

use super::fields::{Fields, Place, type_of};
use super::native::{ALARMS_MAX, NOTES_MAX, RELATIONS_MAX, is_own_user, severity_of};
use super::reason::DeadLetterReason;
use super::tree::Json;

type Read<T> = Result<T, DeadLetterReason>;

/// Reads each object of a list.
fn each<T>(
    fields: &Fields<'_>,
    name: &str,
    items: &[Json<'_>],
    mut one: impl FnMut(&Fields<'_>) -> Read<Option<T>>,
) -> Read<Vec<T>> {
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let Json::Object(map) = item else {
            let problem = format!("item {index} is {} where an object is expected", type_of(item));
            return Err(fields.invalid(name, &problem));
        };
        let place = Place::Item { of: &fields.place, list: name, index };
        all.extend(one(&Fields { reading: fields.reading, map, place })?);
    }
    Ok(all)
}

/// At most 64 alarms, and whether there were more.
pub(super) fn alarms(fields: &Fields<'_>) -> Read<(Vec<Alarm>, bool)> {
    let items = fields.list("alarms")?;
    let kept = &items[..items.len().min(ALARMS_MAX)];
    Ok((each(fields, "alarms", kept, |alarm| this_alarm(alarm).map(Some))?, items.len() > ALARMS_MAX))
}

fn this_alarm(alarm: &Fields<'_>) -> Read<Alarm> {
    let perceived = alarm.raw_text("perceived_severity")?.unwrap_or_default();
    Ok(Alarm {
        source: alarm.short("source")?,
        name: alarm.short("name")?,
        oid: alarm.short("oid")?,
        probable_cause: probable_cause(alarm)?,
        perceived_severity: severity_of(perceived, perceived, SetBy::System, alarm.reading.settings).into_severity(),
        first_at: alarm.time("first_at")?,
        last_at: alarm.time("last_at")?,
        count: alarm.count("count")?,
    })
}

/// A text, or `{code, text}`, of which the text says more.
fn probable_cause(alarm: &Fields<'_>) -> Read<Option<String>> {
    if let Some(Json::Text(_)) = alarm.map.get("probable_cause") {
        return alarm.short("probable_cause");
    }
    let Some(map) = alarm.object("probable_cause")? else { return Ok(None) };
    let place = Place::Field { of: &alarm.place, name: "probable_cause" };
    let cause = Fields { reading: alarm.reading, map, place };
    Ok(cause.short("text")?.or(cause.short("code")?))
}

/// The newest 32 notes, oldest first, and whether there were more.
pub(super) fn notes(fields: &Fields<'_>) -> Read<(Vec<Note>, bool)> {
    let items = fields.list("notes")?;
    // Notes that are dropped anyway are not read: a ticket with thousands of them costs no more than one with 64.
    let mut notes = if items.len() <= 2 * NOTES_MAX {
        each(fields, "notes", items, this_note)?
    } else {
        let mut ends = each(fields, "notes", &items[..NOTES_MAX], this_note)?;
        ends.extend(each(fields, "notes", &items[items.len() - NOTES_MAX..], this_note)?);
        ends
    };
    if notes.iter().all(|note| note.at.is_some()) {
        notes.sort_by_key(|note| note.at);
    }
    let surplus = notes.len().saturating_sub(NOTES_MAX);
    notes.drain(..surplus);
    Ok((notes, surplus > 0 || items.len() > 2 * NOTES_MAX))
}

fn this_note(note: &Fields<'_>) -> Read<Option<Note>> {
    let Some(text) = note.block("text", note.reading.settings.limits.note_bytes_max)? else { return Ok(None) };
    let is_own = note.short("author")?.is_some_and(|author| is_own_user(&author, note.reading.settings));
    // Without a word about its author a note counts as a person's: the ticket then stays with people.
    let named = note.word("author_kind", &BTreeMap::new())?.unwrap_or(AuthorKind::Human);
    let author_kind = if is_own { AuthorKind::Noctriage } else { named };
    Ok(Some(Note { at: note.time("at")?, author_kind, text }))
}

/// Whether a person has written a note that was not part of creating the ticket.
pub(super) fn has_later_human_note(notes: &[Note], created_at: UtcMillis, creation_ms: i64) -> bool {
    let is_later = |note: &Note| note.at.is_none_or(|at| at.since_ms(created_at) > creation_ms);
    notes.iter().any(|note| note.author_kind == AuthorKind::Human && is_later(note))
}

/// At most 32 relations, parents first: they are what policy reads.
pub(super) fn relations(fields: &Fields<'_>) -> Read<Vec<Relation>> {
    let mut relations = each(fields, "relations", fields.list("relations")?, |relation| {
        let kind: Option<RelationKind> = relation.word("type", &BTreeMap::new())?;
        let kind = kind.ok_or_else(|| relation.missing("type", "duplicate_of, parent or caused_by"))?;
        let id = relation.raw_text("ticket_id")?;
        let id = id.ok_or_else(|| relation.missing("ticket_id", "the other ticket's id"))?;
        let ticket_id = TicketId::try_new(id).map_err(|error| relation.invalid("ticket_id", &error.to_string()))?;
        Ok(Some(Relation { kind, ticket_id }))
    })?;
    relations.sort_by_key(|relation| relation.kind != RelationKind::Parent);
    if relations.len() > RELATIONS_MAX {
        fields.reading.was_cut.set(true);
        relations.truncate(RELATIONS_MAX);
    }
    Ok(relations)
}

impl ClosedWord for AuthorKind {
    const NAME: &'static str = "author_kind";
    fn all() -> &'static [Self] {
        &[Self::Human, Self::System, Self::Noctriage]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::System => "system",
            Self::Noctriage => "noctriage",
        }
    }
}

impl ClosedWord for RelationKind {
    const NAME: &'static str = "relation";
    fn all() -> &'static [Self] {
        &[Self::DuplicateOf, Self::Parent, Self::CausedBy]
    }
    fn word(self) -> &'static str {
        match self {
            Self::DuplicateOf => "duplicate_of",
            Self::Parent => "parent",
            Self::CausedBy => "caused_by",
        }
    }
}
