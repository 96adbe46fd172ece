//! `noctriage.ticket/v1` to a ticket: the one reader, whichever preset wrote the JSON.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::domain::severity::{SetBy, SourceSeverity};
use crate::domain::ticket::{Channel, Device, Incompleteness, Kind, Source, Status, Ticket, TicketId, TimeOrigin};
use crate::domain::time::UtcMillis;

use super::draft::Draft;
use super::fields::{Fields, Place, Reading};
use super::parts;
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::{IntakeSettings, SeverityMeaning};
use super::tree::{Json, Object};

/// Schema of a native ticket.
pub const TICKET_SCHEMA: &str = "noctriage.ticket/v1";

/// Most alarms that are kept; more raise `alarms_truncated`.
pub(super) const ALARMS_MAX: usize = 64;
/// Most notes that are kept, the newest; more raise `notes_dropped`.
pub(super) const NOTES_MAX: usize = 32;
/// Most labels that are kept; more raise `body_cut`.
const LABELS_MAX: usize = 32;
/// Most relations that are kept, parents first; more raise `body_cut`.
pub(super) const RELATIONS_MAX: usize = 32;
/// Most characters of a source's own severity word that are kept.
const NATIVE_CHARACTERS_MAX: usize = 64;
/// A note within this time of the creation belongs to the creation (desk time): sources write what was entered with a
/// ticket in a second step.
const CREATION_MS: i64 = 60_000;

/// Every field that the reader knows, `*` standing for any index or label. The schema lists the same.
pub(super) const FIELDS: [&str; 57] = [
    "/schema",
    "/ticket_id",
    "/revision",
    "/title",
    "/description",
    "/created_at",
    "/updated_at",
    "/status",
    "/kind",
    "/severity/reported/value",
    "/severity/reported/native",
    "/severity/reported/set_by",
    "/severity/counterparty/value",
    "/severity/counterparty/native",
    "/severity/counterparty/set_by",
    "/impact",
    "/urgency",
    "/category",
    "/device/name",
    "/device/vendor",
    "/device/type",
    "/device/model",
    "/device/os_version",
    "/interface",
    "/circuit_id",
    "/site",
    "/region",
    "/customer_tier",
    "/service",
    "/alarms/*/source",
    "/alarms/*/name",
    "/alarms/*/oid",
    "/alarms/*/probable_cause",
    "/alarms/*/probable_cause/code",
    "/alarms/*/probable_cause/text",
    "/alarms/*/perceived_severity",
    "/alarms/*/first_at",
    "/alarms/*/last_at",
    "/alarms/*/count",
    "/alarms_truncated",
    "/notes/*/at",
    "/notes/*/author",
    "/notes/*/author_kind",
    "/notes/*/text",
    "/relations/*/type",
    "/relations/*/ticket_id",
    "/reopen_count",
    "/reassignment_count",
    "/channel",
    "/source/system",
    "/source/instance",
    "/source/native_id",
    "/source/url",
    "/labels/*",
    "/assigned_to",
    "/created_by",
    "/updated_by",
];

/// Who a user of the source is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum User {
    Noctriage,
    /// Monitoring or a rule: one of `source.machine_users`.
    Machine,
    /// Anybody else.
    Person,
}

/// Who had a hand in a ticket, as far as the source tells.
#[derive(Clone, Copy)]
struct Hands {
    /// Who created it; `None` where the source does not say.
    creator: Option<User>,
    /// Who wrote this revision; `None` where the source does not say.
    writer: Option<User>,
    /// Whether both are named and are the same user.
    is_same_user: bool,
}

impl Hands {
    fn read(fields: &Fields<'_>) -> Result<Self, DeadLetterReason> {
        let creator = fields.short("created_by")?;
        let writer = fields.short("updated_by")?;
        let is_same_user =
            creator.as_deref().zip(writer.as_deref()).is_some_and(|(creator, writer)| same_user(creator, writer));
        let user = |name: String| user(&name, fields.reading.settings);
        Ok(Self { creator: creator.map(user), writer: writer.map(user), is_same_user })
    }

    /// Who set a value of which the source does not say who did. A person had a hand in it wherever one is named: it
    /// may have been another edit or none, and the cautious reading is that a person wants the value so.
    fn sets(self) -> SetBy {
        match (self.writer, self.creator) {
            (Some(User::Noctriage), _) => SetBy::Noctriage,
            (Some(User::Person), _) | (Some(User::Machine) | None, Some(User::Person)) => SetBy::Human,
            (Some(User::Machine) | None, Some(User::Noctriage | User::Machine) | None) => SetBy::System,
        }
    }

    /// Whether this revision is a person's edit after the creation. A writer who is not known to be the creator has
    /// edited, whatever the clocks say; the creator has where the source shows that there was an edit.
    fn has_later_edit_of_a_person(self, is_later: bool) -> bool {
        self.writer == Some(User::Person) && (is_later || !self.is_same_user)
    }
}

/// Reads a native ticket.
///
/// # Errors
/// The first field that makes it no ticket.
pub(super) fn read(
    draft: &Draft<'_>,
    timestamp: Option<UtcMillis>,
    settings: &IntakeSettings,
) -> Result<Ticket, DeadLetterReason> {
    let reading = Reading { settings, origins: &draft.origins, was_cut: Cell::new(false) };
    let fields = Fields { reading: &reading, map: &draft.ticket, place: Place::Root };
    let limits = &settings.limits;
    check_schema(&fields)?;
    let ticket_id = ticket_id(&fields)?;
    let title = fields.line("title", limits.title_bytes_max)?;
    let description = fields.block("description", limits.description_bytes_max)?;
    if title.is_none() && description.is_none() {
        return Err(fields.missing("title", "a ticket needs a title or a description"));
    }
    let (created_at, created_at_origin) = created_at(&fields, timestamp)?;
    let updated_at = fields.time("updated_at")?;
    let native_revision = fields.count("revision")?;
    let derived_revision = updated_at.and_then(|at| u64::try_from(at.0).ok());
    let hands = Hands::read(&fields)?;
    let is_later = draft.is_edited.unwrap_or_else(|| {
        native_revision.is_some_and(|revision| revision > 0) || updated_at.is_some_and(|at| at > created_at)
    });

    let reported = severity(&fields, "reported", hands.sets())?;
    let counterparty = severity(&fields, "counterparty", hands.sets())?;
    let status = fields.word("status", &settings.words.status)?;
    let is_cleared = reported == SourceWord::Cleared && status.is_none();
    let severity_reported = reported.into_severity();

    let (alarms, more_alarms) = parts::alarms(&fields)?;
    let (notes, notes_dropped) = parts::notes(&fields)?;
    let relations = parts::relations(&fields)?;
    let assigned_to = fields.short("assigned_to")?.filter(|user| !is_own_user(user, settings));
    let human_touched = assigned_to.is_some()
        || hands.has_later_edit_of_a_person(is_later)
        // A value that the ticket itself calls a person's; one that we only take for one may be of the creation.
        || (severity_reported.set_by() == Some(SetBy::Human) && hands.sets() != SetBy::Human && is_later)
        || draft.has_human_note
        || parts::has_later_human_note(&notes, created_at, CREATION_MS);
    let labels = labels(&fields)?;
    let alarms_truncated = fields.flag("alarms_truncated")? || more_alarms;

    Ok(Ticket {
        revision: native_revision.or(derived_revision),
        revision_is_native: native_revision.is_some(),
        title,
        description,
        created_at,
        created_at_origin,
        updated_at,
        status: if is_cleared { Some(Status::Resolved) } else { status },
        kind: fields.word_or("kind", &settings.words.kind, Kind::Other)?,
        severity_reported,
        severity_counterparty: counterparty.into_severity(),
        impact: fields.word("impact", &settings.words.level)?,
        urgency: fields.word("urgency", &settings.words.level)?,
        category: fields.short("category")?,
        device: device(&fields)?,
        interface: fields.short("interface")?,
        circuit_id: fields.short("circuit_id")?,
        site: fields.short("site")?,
        region: fields.short("region")?,
        customer_tier: fields.short("customer_tier")?,
        service: fields.short("service")?,
        alarms,
        notes,
        relations,
        reopen_count: fields.small_count("reopen_count")?,
        reassignment_count: fields.small_count("reassignment_count")?,
        channel: fields.word_or("channel", &settings.words.channel, Channel::Other)?,
        source: source(&fields)?,
        labels,
        written_by_noctriage: hands.writer == Some(User::Noctriage),
        human_touched,
        // Last: every reader above may have cut something.
        incompleteness: Incompleteness { alarms_truncated, body_cut: reading.was_cut.get(), notes_dropped },
        ticket_id,
    })
}

fn check_schema(fields: &Fields<'_>) -> Result<(), DeadLetterReason> {
    match fields.raw_text("schema")? {
        None | Some(TICKET_SCHEMA) => Ok(()),
        Some(_) => {
            let detail = format!(
                "/schema names another version: this reader reads {TICKET_SCHEMA}; read it with a newer noctriage"
            );
            Err(DeadLetterReason::new(DeadLetterClass::UnknownSchema, detail))
        }
    }
}

fn ticket_id(fields: &Fields<'_>) -> Result<TicketId, DeadLetterReason> {
    let text = fields.raw_text("ticket_id")?;
    let text = text.ok_or_else(|| fields.missing("ticket_id", "every ticket needs the stable id of its source"))?;
    TicketId::try_new(text).map_err(|error| fields.invalid("ticket_id", &error.to_string()))
}

fn created_at(fields: &Fields<'_>, timestamp: Option<UtcMillis>) -> Result<(UtcMillis, TimeOrigin), DeadLetterReason> {
    if let Some(at) = fields.time("created_at")? {
        return Ok((at, TimeOrigin::Ticket));
    }
    let at = timestamp.filter(|at| at.0 >= 0);
    let at = at.ok_or_else(|| fields.missing("created_at", "and the record has no timestamp to stand in for it"))?;
    Ok((at, TimeOrigin::KafkaTimestamp))
}

fn user(name: &str, settings: &IntakeSettings) -> User {
    if is_own_user(name, settings) {
        User::Noctriage
    } else if is_machine(name, settings) {
        User::Machine
    } else {
        User::Person
    }
}

pub(in crate::wire) fn is_own_user(user: &str, settings: &IntakeSettings) -> bool {
    settings.own_user.as_deref().is_some_and(|names| names.split(',').any(|own| same_user(own, user)))
}

pub(in crate::wire) fn is_machine(user: &str, settings: &IntakeSettings) -> bool {
    settings.machine_users.iter().any(|machine| same_user(machine, user))
}

fn same_user(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim(), other.trim());
    if one.is_ascii() && other.is_ascii() {
        return one.eq_ignore_ascii_case(other);
    }
    one.to_lowercase() == other.to_lowercase()
}

/// What a source's severity word turned out to be.
#[derive(PartialEq)]
pub(super) enum SourceWord {
    /// A severity, or none.
    Says(SourceSeverity),
    /// The fault is over.
    Cleared,
}

impl SourceWord {
    /// A cleared severity is no severity.
    pub(super) fn into_severity(self) -> SourceSeverity {
        match self {
            Self::Says(severity) => severity,
            Self::Cleared => SourceSeverity::Absent,
        }
    }
}

fn severity(fields: &Fields<'_>, name: &str, inferred: SetBy) -> Result<SourceWord, DeadLetterReason> {
    let Some(map) = fields.object("severity")? else { return Ok(SourceWord::Says(SourceSeverity::Absent)) };
    let both = Fields { map, place: Place::Field { of: &fields.place, name: "severity" }, ..*fields };
    // A bare word is allowed for the whole object: `"reported": "high"`.
    if let Some(Json::Text(word)) = both.map.get(name) {
        return Ok(severity_of(word, word, inferred, fields.reading.settings));
    }
    let Some(map) = both.object(name)? else { return Ok(SourceWord::Says(SourceSeverity::Absent)) };
    let one = Fields { map, place: Place::Field { of: &both.place, name }, ..*fields };
    let set_by = one.word("set_by", &BTreeMap::new())?.unwrap_or(inferred);
    let native = one.raw_text("native")?;
    let Some(value) = one.raw_text("value")?.or(native) else { return Ok(SourceWord::Says(SourceSeverity::Absent)) };
    Ok(severity_of(value, native.unwrap_or(value), set_by, fields.reading.settings))
}

/// Reads a severity word. A word that nothing maps stays visible as such: never low, never nothing.
pub(super) fn severity_of(word: &str, native: &str, set_by: SetBy, settings: &IntakeSettings) -> SourceWord {
    let native = || {
        let line = super::fields::one_line(native);
        match line.char_indices().nth(NATIVE_CHARACTERS_MAX) {
            Some((end, _)) => line[..end].to_owned(),
            None => line,
        }
    };
    SourceWord::Says(match settings.severities.meaning(word) {
        Some(SeverityMeaning::Is(value)) => SourceSeverity::Known { value, native: native(), set_by },
        Some(SeverityMeaning::Unknown) => SourceSeverity::Absent,
        Some(SeverityMeaning::Cleared) => return SourceWord::Cleared,
        None => SourceSeverity::Unmapped { native: native(), set_by },
    })
}

/// An object inside the ticket; an empty one where it is absent.
fn inside<'fields>(fields: &'fields Fields<'_>, name: &'fields str) -> Result<Fields<'fields>, DeadLetterReason> {
    static EMPTY: Object<'static> = Object::EMPTY;
    let map = fields.object(name)?.unwrap_or(&EMPTY);
    Ok(Fields { map, place: Place::Field { of: &fields.place, name }, ..*fields })
}

fn device(fields: &Fields<'_>) -> Result<Device, DeadLetterReason> {
    let device = inside(fields, "device")?;
    Ok(Device {
        name: device.short("name")?,
        vendor: device.short("vendor")?,
        device_type: device.short("type")?,
        model: device.short("model")?,
        os_version: device.short("os_version")?,
    })
}

fn source(fields: &Fields<'_>) -> Result<Source, DeadLetterReason> {
    let source = inside(fields, "source")?;
    Ok(Source {
        system: source.short("system")?,
        instance: source.short("instance")?,
        native_id: source.short("native_id")?,
        url: source.line("url", 2048)?,
    })
}

fn labels(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, DeadLetterReason> {
    let labels = inside(fields, "labels")?;
    let mut kept = BTreeMap::new();
    for name in &fields.reading.settings.labels_allowed {
        if let Some(value) = labels.short(name)? {
            if kept.len() == LABELS_MAX {
                fields.reading.was_cut.set(true);
                break;
            }
            kept.insert(name.clone(), value);
        }
    }
    Ok(kept)
}
