//! Text of a stranger on its way to guards and models: normalised, folded, searched, rendered, cut.

use std::sync::LazyLock;

use noctriage::domain::ticket::{AuthorKind, Note, Ticket};
use noctriage::inference::render::{DEFAULT_TEMPLATE, TEXT_BYTES_MAX, Template};
use noctriage::policy::guards::Guards;
use noctriage::policy::text::{folded, normalised};
use noctriage::policy::{decided, identity};
use noctriage::wire::intake::{Intake, IntakeSettings, RawRecord, read};

static GUARDS: LazyLock<Guards> = LazyLock::new(Guards::default_lists);

/// The first line is the title, the second the alarm, the rest description and note.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let once = normalised(&text);
    assert_eq!(normalised(&once), once, "normalising twice changes nothing");
    assert!(!once.chars().any(|character| character.is_control() || (character.is_whitespace() && character != ' ')));
    let bare = folded(&text);
    assert_eq!(folded(&once), bare, "what folding sees does not depend on whether the text was normalised before");

    let ticket = ticket_of(&text);
    let hits = GUARDS.hits(&ticket);
    assert_eq!(hits, GUARDS.hits(&ticket));
    let of_lists = [&hits.danger, &hits.machine].into_iter().flatten().all(|words| words.len() <= 256);
    assert!(of_lists, "a hit names a phrase of a list");
    check_rendering(&ticket);
    check_digests(&ticket);
}

fn ticket_of(text: &str) -> Ticket {
    let mut lines = text.splitn(3, '\n');
    let mut next = || lines.next().unwrap_or_default().to_owned();
    let (title, alarm, rest) = (next(), next(), next());
    let value = serde_json::json!({
        "ticket_id": "T-1", "title": format!("x{title}"), "created_at": "2026-01-01T00:00:00Z",
        "description": rest, "alarms": [{ "name": alarm }], "device": { "name": title },
        "notes": [{ "text": rest, "author_kind": "human" }],
    });
    let record = RawRecord { value: Some(value.to_string().into_bytes()), ..RawRecord::default() };
    let mut settings = IntakeSettings::default();
    settings.limits.record_bytes_max = usize::MAX;
    match read(&record, &settings) {
        Intake::Ticket(ticket) => *ticket,
        other @ (Intake::Gone(_) | Intake::DeadLetter(_)) => panic!("any text is the text of a ticket: {other:?}"),
    }
}

fn check_rendering(ticket: &Ticket) {
    let template = Template::parse(DEFAULT_TEMPLATE).expect("a template");
    let rendered = template.render(ticket);
    assert!(rendered.text.len() <= TEXT_BYTES_MAX, "{} bytes", rendered.text.len());
    assert_eq!(rendered, template.render(ticket));
    let mut with_our_note = ticket.clone();
    with_our_note.notes.push(Note { at: None, author_kind: AuthorKind::Noctriage, text: "ours".to_owned() });
    assert_eq!(template.render(&with_our_note), rendered, "a model never reads what noctriage wrote");
}

fn check_digests(ticket: &Ticket) {
    let input = identity::input_digest(ticket);
    assert_eq!(input, identity::input_digest(&ticket.clone()));
    let mut assigned = ticket.clone();
    assigned.human_touched = !assigned.human_touched;
    assert_eq!(identity::input_digest(&assigned), input, "who works on a ticket is no input");
    let key = |kind| identity::idempotency_key(&ticket.ticket_id, kind, input, 0);
    assert_ne!(key(decided::ActionKind::Suggest), key(decided::ActionKind::People));
}
