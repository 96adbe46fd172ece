//! Writes a scenario down as a native ticket: every generator has its own layouts.

use fastrand::Rng;
use serde_json::{Value, json};

use super::phrases::{Jargon, PhraseBook};
use super::places;
use super::scenario::{Impact, Report, Scenario, weighted};
use super::slots::Slots;
use super::{Estate, Generator, Writer};
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;

/// A written ticket.
pub(super) struct Written {
    pub(super) value: Value,
    pub(super) jargon: Jargon,
    pub(super) is_third_party: bool,
    pub(super) source_severity: Option<Severity>,
}

/// Where a ticket stands among others.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) ticket_id: String,
    pub(super) created_at: UtcMillis,
    pub(super) parent: Option<String>,
}

/// The sentences of a ticket, sorted by where they stand.
#[derive(Default)]
struct Sentences {
    title: String,
    body: Vec<String>,
    notes: Vec<String>,
}

/// Writes phrases and counts where they came from.
struct Pen<'desk> {
    book: &'desk PhraseBook,
    generator: Generator,
    /// Whether the device says in words of its own what a fault means.
    is_foreign: bool,
    slots: Slots,
    jargon: Jargon,
}

impl Pen<'_> {
    fn say(&mut self, bank: &str, rng: &mut Rng) -> String {
        self.book.say(bank, self.generator, &self.slots, &mut self.jargon, rng)
    }
}

/// Writes a ticket.
pub(super) fn write(writer: &Writer, scenario: &Scenario, frame: Frame, rng: &mut Rng) -> Written {
    let Writer { book, generator, estate } = writer;
    let generator = *generator;
    let role = scenario.fault.role;
    let allowed = role.vendors().iter().copied().filter(|(vendor, _)| scenario.vendors.allow(role, vendor));
    let vendor = weighted(allowed, rng);
    let is_third_party = role.is_third_party(vendor);
    let slots = places::draw(generator, scenario.fault, vendor, rng);
    let is_foreign = *estate == Estate::CiscoShop && (is_third_party || scenario.fault.category == "wireless");
    // Rules of monitoring that nobody wrote for these devices give all of their events one severity.
    let source_severity = if is_foreign { Some(Severity::Medium) } else { scenario.source_severity };
    let scenario = &Scenario { source_severity, ..*scenario };
    let mut pen = Pen { book, generator, is_foreign, slots, jargon: Jargon::default() };
    let sentences = sentences(&mut pen, scenario, rng);
    let channel = draw_channel(scenario, rng);
    let (title, description) = lay_out(generator, scenario, channel, &pen.slots, &sentences, rng);
    let mut value = json!({
        "schema": "noctriage.ticket/v1",
        "ticket_id": frame.ticket_id,
        "revision": 0,
        "title": title,
        "description": description,
        "created_at": rfc3339(frame.created_at),
        "status": "new",
        "kind": if scenario.cause == "planned_work" && rng.f64() < 0.5 { "maintenance" } else { "incident" },
        "category": scenario.fault.category,
        "device": {
            "name": pen.slots.device,
            "vendor": vendor,
            "type": scenario.fault.role.word(),
            "os_version": pen.slots.version,
        },
        "interface": pen.slots.interface,
        "site": pen.slots.site,
        "service": pen.slots.customer,
        "channel": channel,
        "alarms": alarms(scenario, channel, frame.created_at, rng),
        "notes": notes(&sentences.notes, frame.created_at, rng),
    });
    if let Some(severity) = scenario.source_severity {
        value["severity"] = json!({ "reported": {
            "value": severity.as_str(), "native": native_word(generator, severity), "set_by": "system",
        } });
    }
    if let Some(parent) = frame.parent {
        value["relations"] = json!([{ "type": "parent", "ticket_id": parent }]);
    }
    Written { value, jargon: pen.jargon, is_third_party, source_severity }
}

fn sentences(pen: &mut Pen<'_>, scenario: &Scenario, rng: &mut Rng) -> Sentences {
    let category = scenario.fault.category;
    let mut sentences = Sentences { title: pen.say(scenario.fault.symptom, rng), ..Sentences::default() };
    if rng.f64() < 0.4 {
        sentences.body.push(pen.say(scenario.fault.symptom, rng));
    }
    let state = |impact: Impact, pen: &mut Pen<'_>, rng: &mut Rng| {
        let foreign = impact.foreign_bank(category).filter(|_| pen.is_foreign);
        let bank = foreign.unwrap_or_else(|| impact.bank(category, rng));
        pen.say(bank, rng)
    };
    match scenario.report {
        Report::Plain => {
            let sentence = state(scenario.impact, pen, rng);
            if rng.f64() < 0.75 { sentences.body.push(sentence) } else { sentences.notes.push(sentence) }
        }
        Report::Implicit => {}
        Report::Corrected(apparent) => {
            sentences.body.push(state(apparent, pen, rng));
            sentences.notes.push(state(scenario.impact, pen, rng));
        }
        Report::Misleading(apparent) => sentences.body.push(state(apparent, pen, rng)),
    }
    let says_more = scenario.report != Report::Implicit && !matches!(scenario.report, Report::Misleading(_));
    if let Some(modifier) = scenario.modifier.filter(|_| says_more) {
        let sentence = pen.say(modifier.bank(), rng);
        if rng.bool() { sentences.body.push(sentence) } else { sentences.notes.push(sentence) }
    }
    if scenario.has_cause_hint {
        let sentence = pen.say(scenario.cause, rng);
        if rng.bool() { sentences.body.push(sentence) } else { sentences.notes.push(sentence) }
    }
    for _ in 0..weighted([(0, 50), (1, 35), (2, 15)].into_iter(), rng) {
        let at = rng.usize(..=sentences.body.len());
        sentences.body.insert(at, pen.say("filler", rng));
    }
    sentences
}

fn draw_channel(scenario: &Scenario, rng: &mut Rng) -> &'static str {
    if scenario.fault.category == "access" {
        return weighted([("portal", 5), ("phone", 3), ("email", 2)].into_iter(), rng);
    }
    weighted([("monitoring", 62), ("email", 10), ("portal", 10), ("phone", 12), ("peer", 6)].into_iter(), rng)
}

/// Title and description.
fn lay_out(
    generator: Generator,
    scenario: &Scenario,
    channel: &str,
    slots: &Slots,
    sentences: &Sentences,
    rng: &mut Rng,
) -> (String, String) {
    let Slots { device, site, customer, user, interface, .. } = slots;
    let Sentences { title, body, notes: _ } = sentences;
    match generator {
        Generator::A => (title.clone(), format!("{}.", body.join(". "))),
        Generator::C => {
            let labels = ["Observed", "Detail", "Remark", "Info"];
            let lines: Vec<String> =
                body.iter().enumerate().map(|(at, line)| format!("{}: {line}", labels[at % labels.len()])).collect();
            (format!("[{}] {device} - {title}", scenario.fault.category), lines.join("\n"))
        }
        Generator::Desk => match channel {
            "monitoring" => {
                let head = match rng.u32(..3) {
                    0 => format!("PROBLEM host={device} port={interface}"),
                    1 => format!("{site} / {device} / event {}", rng.u32(10_000..99_999)),
                    _ => format!("auto-ticket for {device}"),
                };
                (format!("{device} // {title}"), format!("{head}\n{}", body.join(" - ")))
            }
            "email" | "portal" => (
                format!("{customer}, {site}: {title}"),
                format!("Guten Tag,\n{}.\nMfG {user}, {customer}", body.join(". ")),
            ),
            "phone" => (format!("Anruf {user} ({customer}) {title}"), format!("{user}: \"{}\"", body.join(", and "))),
            _ => (
                format!("Partner-NOC / {site}: {title}"),
                format!("Dear colleagues. {}. Ref {}", body.join("; "), slots.change),
            ),
        },
    }
}

fn alarms(scenario: &Scenario, channel: &str, created_at: UtcMillis, rng: &mut Rng) -> Vec<Value> {
    if channel != "monitoring" {
        return Vec::new();
    }
    let count = weighted([(1, 75), (2, 25)].into_iter(), rng);
    (0..count)
        .map(|_| {
            let name = scenario.fault.alarms[rng.usize(..scenario.fault.alarms.len())];
            let first_at = created_at.plus_ms(-rng.i64(20_000..240_000));
            json!({
                "source": "monitoring",
                "name": name,
                "perceived_severity": scenario.source_severity.map_or("indeterminate", x733_word),
                "first_at": rfc3339(first_at),
                "last_at": rfc3339(created_at),
                "count": rng.u32(1..6),
            })
        })
        .collect()
}

/// Notes before triage. Most come from tools and forms; a note by a person means that a person has the ticket.
fn notes(texts: &[String], created_at: UtcMillis, rng: &mut Rng) -> Vec<Value> {
    let note = |text: &String| {
        let author_kind = if rng.f64() < 0.15 { "human" } else { "system" };
        json!({ "at": rfc3339(created_at), "author_kind": author_kind, "text": text })
    };
    texts.iter().map(note).collect()
}

const fn native_word(generator: Generator, severity: Severity) -> &'static str {
    match (generator, severity) {
        (Generator::A, Severity::Critical) => "P1",
        (Generator::A, Severity::High) => "P2",
        (Generator::A, Severity::Medium) => "P3",
        (Generator::A, Severity::Low) => "P4",
        (Generator::C, Severity::Critical) => "disaster",
        (Generator::C, Severity::High) => "high",
        (Generator::C, Severity::Medium) => "average",
        (Generator::C, Severity::Low) => "warning",
        (Generator::Desk, severity) => x733_word(severity),
    }
}

const fn x733_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "critical",
        Severity::High => "major",
        Severity::Medium => "minor",
        Severity::Low => "warning",
    }
}

/// An instant as RFC 3339 in UTC.
fn rfc3339(at: UtcMillis) -> String {
    jiff::Timestamp::from_millisecond(at.0)
        .map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |instant| instant.to_string())
}
