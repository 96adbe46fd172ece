//! Digests and identifiers of records, tickets and actions. Dear to change: they decide what counts as a replay, as an
//! unchanged ticket and as an action already taken, across restarts and versions. The tests pin their values.

use std::ops::Range;

use crate::domain::digest::Digest;
use crate::domain::quoted::push_quoted;
use crate::domain::severity::SourceSeverity;
use crate::domain::ticket::{Alarm, AuthorKind, Device, Note, Ticket, TicketId};

use super::decided::ActionKind;
use super::names::folded;
use super::text::in_normal_form;

/// SHA-256 of the raw record value; of the empty text for a tombstone.
pub fn content_digest(value: Option<&[u8]>) -> Digest {
    Digest::of(value.unwrap_or_default())
}

/// Identifies the decision on one input record; repeated only by a replay of exactly that record.
pub fn decision_id(topic: &str, partition: i32, offset: i64, content: Digest) -> Digest {
    Digest::of_parts([
        b"noctriage.decision_id/1".as_slice(),
        topic.as_bytes(),
        &partition.to_be_bytes(),
        &offset.to_be_bytes(),
        &content.0,
    ])
}

/// Identifies one revision of one ticket with one content: equal for a record that was delivered twice.
pub fn decision_group(ticket_id: &TicketId, revision: Option<u64>, content: Digest) -> Digest {
    let revision = revision.map(u64::to_be_bytes);
    Digest::of_parts([
        b"noctriage.decision_group/1".as_slice(),
        ticket_id.as_str().as_bytes(),
        revision.as_ref().map_or(b"none".as_slice(), <[u8; 8]>::as_slice),
        &content.0,
    ])
}

/// Identifies one effect on the ticket system, whichever model, policy or revision asked for it: the same action on the
/// same input of the same ticket happens at most once, unless the ticket was reopened in between.
pub fn idempotency_key(ticket_id: &TicketId, action: ActionKind, input: Digest, reopen_count: u32) -> Digest {
    Digest::of_parts([
        b"noctriage.idempotency_key/1".as_slice(),
        ticket_id.as_str().as_bytes(),
        action.as_str().as_bytes(),
        &input.0,
        &reopen_count.to_be_bytes(),
    ])
}

/// The digests of what a ticket says. They are taken once, when it is read, and go with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TicketDigests {
    /// [`input_digest`].
    pub input: Digest,
    /// The input digest without the severity that the source reports: unchanged when a severity that noctriage
    /// wrote comes back. The same as `input` where the source says none.
    pub echo: Digest,
    /// [`fingerprint`].
    pub fingerprint: Digest,
}

impl TicketDigests {
    /// All digests of a ticket, for little more than the price of the first.
    pub fn of(ticket: &Ticket) -> Self {
        let canonical = canonical_input(ticket);
        let (input, echo) = if canonical.reported.is_empty() {
            let input = Digest::of(&canonical.bytes);
            (input, input)
        } else {
            Digest::with_and_without(&canonical.bytes, canonical.reported)
        };
        Self { input, echo, fingerprint: fingerprint(ticket) }
    }
}

/// SHA-256 over the canonical JSON of what a model may see of a ticket: one fixed list of fields for every model.
///
/// Left out on purpose: counts and times of alarms, notes that noctriage wrote, severities that noctriage set, and
/// everything that changes without changing what there is to decide (assignee, status, revision).
pub fn input_digest(ticket: &Ticket) -> Digest {
    Digest::of(&canonical_input(ticket).bytes)
}

/// The input digest that a ticket will have once noctriage has written its severity into it, everything else equal.
///
/// Writing the severity takes the source's own out of the input. So a ticket that comes back with the remembered echo
/// digest, and with a severity of ours, has not changed: it is the echo of our action.
#[cfg(test)]
pub fn echo_digest(ticket: &Ticket) -> Digest {
    TicketDigests::of(ticket).echo
}

/// Groups tickets of one kind of event: device (else site) with the sorted names of its alarms (else the masked title).
pub fn fingerprint(ticket: &Ticket) -> Digest {
    let place = ticket.device.name.as_ref().or(ticket.site.as_ref()).map(|name| folded(name)).unwrap_or_default();
    let mut names: Vec<String> = ticket.alarms.iter().filter_map(|alarm| alarm.name.as_deref()).map(folded).collect();
    names.sort_unstable();
    names.dedup();
    let masked = if names.is_empty() { masked_title(ticket) } else { String::new() };
    let parts = [b"noctriage.fingerprint/1".as_slice(), place.as_bytes(), masked.as_bytes()];
    Digest::of_parts(parts.into_iter().chain(names.iter().map(String::as_bytes)))
}

fn masked_title(ticket: &Ticket) -> String {
    let text = ticket.title.as_deref().or(ticket.description.as_deref()).unwrap_or_default();
    masked(&folded(&text.chars().take(MASKED_CHARS_MAX).collect::<String>()))
}

/// Characters of the title (or, without one, of the description) that the fingerprint reads. Twice as many would tell
/// apart tickets whose text differs only far behind; half as many would merge titles that begin alike.
const MASKED_CHARS_MAX: usize = 256;

/// Replaces words that name one thing rather than a kind of thing (numbers, addresses, identifiers) by `#`.
///
/// A word with a digit in it is such a name, whatever else it holds: `10.2.3.4`, `fe80::1`, `ge-0/0/1`, `INC0012`,
/// `93%`, `sw-ber-07`. Of an identifier of hexadecimal letters alone nothing better than its length is known.
pub fn masked(text: &str) -> String {
    let is_identifier = |word: &str| {
        word.contains('@')
            || word.contains("::")
            || word.chars().any(char::is_numeric)
            || (word.len() >= 12 && word.chars().all(|character| character.is_ascii_hexdigit()))
    };
    let words = text.split(' ').map(|word| if is_identifier(word) { "#" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// What a model may see of a ticket, as bytes.
struct CanonicalInput {
    bytes: Vec<u8>,
    /// Where the severity that the source reports stands, with one comma beside it, so that without it the rest is what the
    /// ticket would be without that severity; empty where there is none.
    reported: Range<usize>,
}

/// The fixed list, as JSON whose keys stand in a fixed order; absent fields are left out. Written straight into bytes:
/// every ticket is digested, and a tree of values costs more than the digest.
fn canonical_input(ticket: &Ticket) -> CanonicalInput {
    let mut bytes = Vec::with_capacity(1_024);
    let mut input = Object::open(&mut bytes);
    if !ticket.alarms.is_empty() {
        list(input.value("alarms"), &ticket.alarms, canonical_alarm);
    }
    input.text("category", ticket.category.as_deref());
    input.text("description", ticket.description.as_deref());
    canonical_device(&mut input, &ticket.device);
    let is_input = |note: &&Note| note.author_kind != AuthorKind::Noctriage;
    if ticket.notes.iter().any(|note| is_input(&note)) {
        let notes = ticket.notes.iter().filter(is_input);
        list(input.value("notes"), notes, |bytes, note| text_or_null(bytes, Some(&note.text)));
    }
    input.severity("severity_counterparty", &ticket.severity_counterparty);
    let from = input.bytes.len();
    let is_first = input.is_empty;
    input.severity("severity_reported", &ticket.severity_reported);
    let mut reported = from..input.bytes.len();
    input.text("site", ticket.site.as_deref());
    input.text("title", ticket.title.as_deref());
    input.close();
    // The comma is the one before it; of the first field the one behind it.
    if is_first && !reported.is_empty() && bytes[reported.end] == b',' {
        reported.end += 1;
    }
    CanonicalInput { bytes, reported }
}

fn canonical_alarm(bytes: &mut Vec<u8>, alarm: &Alarm) {
    let mut fields = Object::open(bytes);
    text_or_null(fields.value("cause"), alarm.probable_cause.as_deref());
    text_or_null(fields.value("name"), alarm.name.as_deref());
    severity_or_null(fields.value("severity"), &alarm.perceived_severity);
    fields.close();
}

fn canonical_device(input: &mut Object<'_>, device: &Device) {
    let Device { name, vendor, device_type, model, os_version } = device;
    let fields =
        [("model", model), ("name", name), ("os_version", os_version), ("type", device_type), ("vendor", vendor)];
    let is_named = |value: &Option<String>| value.as_deref().is_some_and(|text| !in_normal_form(text).is_empty());
    if fields.iter().any(|(_, value)| is_named(value)) {
        let mut object = Object::open(input.value("device"));
        for (field, value) in fields {
            object.text(field, value.as_deref());
        }
        object.close();
    }
}

/// A severity that others set; what noctriage wrote itself is no input.
fn is_input(severity: &SourceSeverity) -> bool {
    match severity {
        own if own.is_own_answer() => false,
        SourceSeverity::Absent => false,
        SourceSeverity::Known { .. } | SourceSeverity::Unmapped { .. } => true,
    }
}

fn severity_or_null(bytes: &mut Vec<u8>, severity: &SourceSeverity) {
    match severity {
        other if !is_input(other) => bytes.extend_from_slice(b"null"),
        SourceSeverity::Absent => bytes.extend_from_slice(b"null"),
        SourceSeverity::Known { value, .. } => push_quoted(value.as_str(), bytes),
        SourceSeverity::Unmapped { native, .. } => {
            let mut object = Object::open(bytes);
            push_quoted(&in_normal_form(native), object.value("unmapped"));
            object.close();
        }
    }
}

fn text_or_null(bytes: &mut Vec<u8>, text: Option<&str>) {
    match text.map(in_normal_form) {
        Some(text) if !text.is_empty() => push_quoted(&text, bytes),
        Some(_) | None => bytes.extend_from_slice(b"null"),
    }
}

fn list<T>(bytes: &mut Vec<u8>, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Vec<u8>, T)) {
    bytes.push(b'[');
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            bytes.push(b',');
        }
        write(bytes, item);
    }
    bytes.push(b']');
}

/// A JSON object that is being written.
struct Object<'bytes> {
    bytes: &'bytes mut Vec<u8>,
    is_empty: bool,
}

impl<'bytes> Object<'bytes> {
    fn open(bytes: &'bytes mut Vec<u8>) -> Self {
        bytes.push(b'{');
        Self { bytes, is_empty: true }
    }

    /// Writes a name, which needs no escape, and says where its value goes.
    fn value(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.bytes.push(b',');
        }
        self.is_empty = false;
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(b"\":");
        self.bytes
    }

    /// A normalised text; one of which nothing is left is left out.
    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text.map(in_normal_form).filter(|text| !text.is_empty()) {
            push_quoted(&text, self.value(name));
        }
    }

    fn severity(&mut self, name: &str, severity: &SourceSeverity) {
        if is_input(severity) {
            severity_or_null(self.value(name), severity);
        }
    }

    fn close(self) {
        self.bytes.push(b'}');
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::super::text::normalised;
    use super::*;
    use crate::domain::severity::{SetBy, Severity};
    use crate::domain::stage::AutoAction;
    use crate::domain::time::UtcMillis;

    fn known(value: Severity, set_by: SetBy) -> SourceSeverity {
        SourceSeverity::Known { value, native: "4".to_owned(), set_by }
    }

    fn ticket() -> Ticket {
        let mut ticket = Ticket::minimal(TicketId::try_new("INC1").unwrap(), "Port 3 down", UtcMillis(0));
        ticket.description = Some("Since  noon.".to_owned());
        ticket.device.name = Some("sw-ber-07".to_owned());
        ticket.site = Some("Berlin".to_owned());
        ticket.category = Some("switching".to_owned());
        ticket.severity_reported = known(Severity::Low, SetBy::System);
        ticket.notes = vec![note(AuthorKind::Human, "Seen it.")];
        ticket.alarms = vec![Alarm { name: Some("linkDown".to_owned()), count: Some(3), ..Alarm::default() }];
        ticket
    }

    fn note(author_kind: AuthorKind, text: &str) -> Note {
        Note { at: None, author_kind, text: text.to_owned() }
    }

    fn changed(change: impl FnOnce(&mut Ticket)) -> Ticket {
        let mut ticket = ticket();
        change(&mut ticket);
        ticket
    }

    /// The canonical input as a tree of values: what is written must be what a JSON library would write.
    fn as_values(ticket: &Ticket) -> Map<String, Value> {
        let mut input = Map::new();
        let mut put = |name: &str, value: Value| {
            let is_empty = match &value {
                Value::Null => true,
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
                Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
            };
            if !is_empty {
                input.insert(name.to_owned(), value);
            }
        };
        put("alarms", ticket.alarms.iter().map(alarm_value).collect());
        put("category", text_value(ticket.category.as_deref()));
        put("description", text_value(ticket.description.as_deref()));
        put("device", device_value(&ticket.device));
        let notes = ticket.notes.iter().filter(|note| note.author_kind != AuthorKind::Noctriage);
        put("notes", notes.map(|note| text_value(Some(&note.text))).collect());
        put("severity_counterparty", severity_value(&ticket.severity_counterparty));
        put("severity_reported", severity_value(&ticket.severity_reported));
        put("site", text_value(ticket.site.as_deref()));
        put("title", text_value(ticket.title.as_deref()));
        input
    }

    fn text_value(text: Option<&str>) -> Value {
        match text.map(normalised) {
            Some(text) if !text.is_empty() => Value::String(text),
            Some(_) | None => Value::Null,
        }
    }

    fn alarm_value(alarm: &Alarm) -> Value {
        json!({
            "cause": text_value(alarm.probable_cause.as_deref()),
            "name": text_value(alarm.name.as_deref()),
            "severity": severity_value(&alarm.perceived_severity),
        })
    }

    fn device_value(device: &Device) -> Value {
        let Device { name, vendor, device_type, model, os_version } = device;
        let fields =
            [("model", model), ("name", name), ("os_version", os_version), ("type", device_type), ("vendor", vendor)];
        let named = fields.into_iter().map(|(field, value)| (field.to_owned(), text_value(value.as_deref())));
        Value::Object(named.filter(|(_, value)| !value.is_null()).collect())
    }

    /// A severity that others set; what noctriage wrote itself is no input.
    fn severity_value(severity: &SourceSeverity) -> Value {
        match severity {
            own if own.is_own_answer() => Value::Null,
            SourceSeverity::Absent => Value::Null,
            SourceSeverity::Known { value, .. } => Value::String(value.as_str().to_owned()),
            SourceSeverity::Unmapped { native, .. } => json!({ "unmapped": normalised(native) }),
        }
    }

    #[track_caller]
    fn check_is_written_as_values_are(ticket: &Ticket) {
        let mut values = as_values(ticket);
        let CanonicalInput { mut bytes, reported } = canonical_input(ticket);
        assert_eq!(String::from_utf8(bytes.clone()).unwrap(), Value::Object(values.clone()).to_string());
        values.shift_remove("severity_reported");
        bytes.drain(reported);
        let echo = Value::Object(values).to_string();
        assert_eq!(String::from_utf8(bytes).unwrap(), echo);
        let digests = TicketDigests::of(ticket);
        assert_eq!(digests.input, input_digest(ticket));
        assert_eq!((digests.echo, echo_digest(ticket)), (Digest::of(echo.as_bytes()), Digest::of(echo.as_bytes())));
        assert_eq!(digests.fingerprint, fingerprint(ticket));
    }

    #[test]
    fn the_input_is_written_as_a_json_library_writes_it() {
        check_is_written_as_values_are(&Ticket::minimal(TicketId::try_new("INC1").unwrap(), "", UtcMillis(0)));
        check_is_written_as_values_are(&ticket());
        // The reported severity as the first field, and as the only one.
        for title in ["Port 3 down", " "] {
            let mut bare = Ticket::minimal(TicketId::try_new("INC1").unwrap(), title, UtcMillis(0));
            bare.severity_reported = known(Severity::Low, SetBy::System);
            check_is_written_as_values_are(&bare);
        }
        let unmapped = SourceSeverity::Unmapped { native: " P\u{ff15}\t\"x\" ".to_owned(), set_by: SetBy::Human };
        check_is_written_as_values_are(&changed(|ticket| {
            ticket.title = Some("Größe \\ \"quoted\"\u{1}\u{200b} ﬁn".to_owned());
            ticket.description = Some(" \n ".to_owned());
            ticket.severity_counterparty = unmapped.clone();
            ticket.severity_reported = known(Severity::Low, SetBy::Noctriage);
            ticket.device.name = Some(" ".to_owned());
            ticket.device.vendor = Some("Cisco".to_owned());
            ticket.notes = vec![
                note(AuthorKind::Noctriage, "Ours."),
                note(AuthorKind::System, " "),
                note(AuthorKind::Human, "a\tb"),
            ];
            ticket.alarms = vec![
                Alarm { perceived_severity: unmapped.clone(), ..Alarm::default() },
                Alarm { probable_cause: Some("loss  of signal".to_owned()), ..Alarm::default() },
            ];
        }));
        check_is_written_as_values_are(&changed(|ticket| {
            ticket.severity_reported = unmapped;
            ticket.device = Device { name: Some("\u{200b}".to_owned()), ..Device::default() };
            ticket.notes = vec![note(AuthorKind::Noctriage, "Ours.")];
            ticket.alarms.clear();
        }));
    }

    /// A change of any of these values makes every ticket new and every action possible once more, at every site.
    #[test]
    fn the_digests_are_what_they_have_always_been() {
        let ticket = ticket();
        let content = content_digest(Some(b"{}"));
        let input = input_digest(&ticket);
        let action = ActionKind::Auto(AutoAction::Triage);
        let pinned = [
            ("content", content),
            ("input", input),
            ("fingerprint", fingerprint(&ticket)),
            ("decision_id", decision_id("tickets", 3, 42, content)),
            ("decision_group", decision_group(&ticket.ticket_id, Some(7), content)),
            ("idempotency_key", idempotency_key(&ticket.ticket_id, action, input, 0)),
        ];
        let shown: Vec<String> = pinned.iter().map(|(name, digest)| format!("{name} {}", digest.short())).collect();
        assert_eq!(
            shown,
            [
                "content 44136fa355b3",
                "input a8d79bab803b",
                "fingerprint e8e2358654c5",
                "decision_id e7d4f1fff71e",
                "decision_group 3a764bb750fc",
                "idempotency_key b0e21078dd7a",
            ]
        );
    }

    #[test]
    fn the_input_is_written_as_json_with_a_fixed_order_of_fields() {
        let expected = concat!(
            r#"{"alarms":[{"cause":null,"name":"linkDown","severity":null}],"category":"switching","#,
            r#""description":"Since noon.","device":{"name":"sw-ber-07"},"notes":["Seen it."],"#,
            r#""severity_reported":"low","site":"Berlin","title":"Port 3 down"}"#
        );
        assert_eq!(String::from_utf8(canonical_input(&ticket()).bytes).unwrap(), expected);
    }

    #[test]
    fn what_no_model_sees_does_not_change_the_input() {
        let same = [
            changed(|ticket| ticket.revision = Some(9)),
            changed(|ticket| ticket.status = Some(crate::domain::ticket::Status::OnHold)),
            changed(|ticket| ticket.alarms[0].count = Some(4)),
            changed(|ticket| ticket.alarms[0].last_at = Some(UtcMillis(9))),
            changed(|ticket| ticket.notes.push(note(AuthorKind::Noctriage, "Suggested: low"))),
            changed(|ticket| ticket.title = Some("Port\u{200b} 3  down".to_owned())),
        ];
        for ticket in same {
            assert_eq!(input_digest(&ticket), input_digest(&self::ticket()));
        }
    }

    #[test]
    fn what_a_model_sees_changes_the_input() {
        let other = [
            changed(|ticket| ticket.title = Some("Port 4 down".to_owned())),
            changed(|ticket| ticket.description = None),
            changed(|ticket| ticket.notes.push(note(AuthorKind::System, "Up again"))),
            changed(|ticket| ticket.alarms[0].probable_cause = Some("power".to_owned())),
            changed(|ticket| ticket.severity_reported = known(Severity::High, SetBy::System)),
            changed(|ticket| ticket.severity_counterparty = known(Severity::High, SetBy::Human)),
            changed(|ticket| ticket.device.vendor = Some("Cisco".to_owned())),
            changed(|ticket| ticket.category = None),
            changed(|ticket| ticket.site = None),
        ];
        for ticket in other {
            assert_ne!(input_digest(&ticket), input_digest(&self::ticket()));
        }
    }

    #[test]
    fn the_severity_that_noctriage_wrote_is_recognised_by_the_echo_digest() {
        let echo = changed(|ticket| ticket.severity_reported = known(Severity::Medium, SetBy::Noctriage));
        assert_ne!(input_digest(&echo), input_digest(&ticket()));
        assert_eq!(input_digest(&echo), echo_digest(&ticket()));
        assert_eq!(echo_digest(&echo), input_digest(&echo));
    }

    #[test]
    fn a_fingerprint_is_of_the_device_and_the_kind_of_event() {
        let titled = |title: &str| {
            fingerprint(&changed(|ticket| {
                ticket.alarms.clear();
                ticket.title = Some(title.to_owned());
            }))
        };
        assert_eq!(titled("Port 3 down, 10.0.0.1 lost"), titled("port 48 down, 10.0.0.77 lost"));
        assert_ne!(titled("Port 3 down"), titled("Port 3 up"));
        let renamed = changed(|ticket| ticket.title = Some("Anything else".to_owned()));
        assert_eq!(fingerprint(&renamed), fingerprint(&ticket()), "alarms say more than the title");
        let elsewhere = changed(|ticket| ticket.device.name = Some("sw-ham-01".to_owned()));
        assert_ne!(fingerprint(&elsewhere), fingerprint(&ticket()));
        let at_site = |site: &str| {
            fingerprint(&changed(|ticket| {
                ticket.device.name = None;
                ticket.site = Some(site.to_owned());
            }))
        };
        assert_ne!(at_site("Berlin"), at_site("Hamburg"));
        assert_eq!(at_site("BERLIN"), at_site("Berlin"));
    }

    #[test]
    fn identifiers_of_things_are_masked_and_words_are_not() {
        assert_eq!(masked("ge-0/0/1 on cr1 lost fe80::1 of bob@example.net"), "# on # lost # of #");
        assert_eq!(masked("session deadbeefdeadbeef is dead"), "session # is dead");
        assert_eq!(masked("power supply failed"), "power supply failed");
    }

    #[test]
    fn an_idempotency_key_depends_on_nothing_but_ticket_action_input_and_reopenings() {
        let (id, input) = (ticket().ticket_id, input_digest(&ticket()));
        let triage = ActionKind::Auto(AutoAction::Triage);
        let key = idempotency_key(&id, triage, input, 0);
        assert_ne!(key, idempotency_key(&id, ActionKind::Auto(AutoAction::Resolve), input, 0));
        assert_ne!(key, idempotency_key(&id, triage, input, 1));
        assert_ne!(key, idempotency_key(&id, triage, Digest::default(), 0));
        assert_ne!(key, idempotency_key(&TicketId::try_new("INC2").unwrap(), triage, input, 0));
    }

    #[test]
    fn a_ticket_without_a_revision_is_no_ticket_with_revision_zero() {
        let id = ticket().ticket_id;
        assert_ne!(decision_group(&id, None, Digest::default()), decision_group(&id, Some(0), Digest::default()));
    }
}
