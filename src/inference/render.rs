//! The one renderer of model text: a ticket and a card's `text` template become what the model reads.
//!
//! The daemon and every export of training data go through here, so that a model is never served another text than it
//! was trained on. A placeholder can only name something of the input digest's list (title, description, notes of
//! others, alarm names, causes and severities, severities set by others, device, category, site): whatever changes the
//! text changes the digest too. That is why kind, channel, service, counts and times are absent.

use std::fmt::Write as _;

use crate::domain::severity::SourceSeverity;
use crate::domain::ticket::{Alarm, AuthorKind, Note, Ticket};
use crate::policy::text::normalised;

/// Longest rendered text in bytes. A tokenizer needs milliseconds for it and no encoder reads more; half of it would
/// cut long mail threads before the truncation policy sees them, double only costs time.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Longest template in bytes: a card is written by hand.
pub const TEMPLATE_BYTES_MAX: usize = 16 * 1024;

/// The template of the bundled models, and what `model init` proposes.
pub const DEFAULT_TEMPLATE: &str =
    "reported {severity_reported} ; {category} {vendor} {device_type} ; {title} ; {description} ; {alarms} ; {notes}";

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Title,
    Description,
    SeverityReported,
    SeverityCounterparty,
    Category,
    Site,
    Device,
    Vendor,
    DeviceType,
    DeviceModel,
    OsVersion,
    Alarms,
    Notes,
}

/// The closed list of placeholders, by the word that stands between the braces.
const PLACEHOLDERS: [(&str, Placeholder); 13] = [
    ("title", Placeholder::Title),
    ("description", Placeholder::Description),
    ("severity_reported", Placeholder::SeverityReported),
    ("severity_counterparty", Placeholder::SeverityCounterparty),
    ("category", Placeholder::Category),
    ("site", Placeholder::Site),
    ("device", Placeholder::Device),
    ("vendor", Placeholder::Vendor),
    ("device_type", Placeholder::DeviceType),
    ("device_model", Placeholder::DeviceModel),
    ("os_version", Placeholder::OsVersion),
    ("alarms", Placeholder::Alarms),
    ("notes", Placeholder::Notes),
];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Placeholder(Placeholder),
}

/// A parsed template: lines of literal text and placeholders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    lines: Vec<Vec<Piece>>,
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Some words between braces are no placeholders.
    #[error("{} not placeholders; there are {}", quoted(.0), known())]
    Unknown(Vec<String>),
    /// A brace is open or closed without its partner.
    #[error("a brace at byte {0} has no partner; write `{{{{` or `}}}}` for a brace of the text itself")]
    LonelyBrace(usize),
    /// Every ticket would look the same.
    #[error("the template has no placeholder, so every ticket would look the same")]
    Constant,
    /// The template is too long.
    #[error("the template has {0} bytes; at most {TEMPLATE_BYTES_MAX} are allowed")]
    TooLong(usize),
}

fn quoted(words: &[String]) -> String {
    let list = words.iter().map(|word| format!("`{{{word}}}`")).collect::<Vec<_>>().join(", ");
    if words.len() == 1 { format!("{list} is") } else { format!("{list} are") }
}

fn known() -> String {
    PLACEHOLDERS.map(|(word, _)| format!("{{{word}}}")).join(", ")
}

/// A rendered text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// What the model reads; at most [`TEXT_BYTES_MAX`] bytes.
    pub text: String,
    /// Whether something had to be left out to keep to the bound.
    pub is_cut: bool,
}

impl Template {
    /// Reads a template. `{{` and `}}` stand for braces of the text itself.
    ///
    /// # Errors
    /// Unknown placeholders (all of them at once), a lonely brace, no placeholder at all, or more than 16 KiB.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(TemplateError::TooLong(source.len()));
        }
        let mut unknown = Vec::new();
        let mut lines = Vec::new();
        let mut start = 0;
        for line in source.split('\n') {
            lines.push(parse_line(line, start, &mut unknown)?);
            start += line.len() + 1;
        }
        if !unknown.is_empty() {
            return Err(TemplateError::Unknown(unknown));
        }
        if !lines.iter().flatten().any(|piece| matches!(piece, Piece::Placeholder(_))) {
            return Err(TemplateError::Constant);
        }
        Ok(Self { source: source.to_owned(), lines })
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Renders a ticket: runs of blanks become one, a line whose placeholders are all empty is left out.
    pub fn render(&self, ticket: &Ticket) -> Rendered {
        let mut text = BoundedText::default();
        for line in &self.lines {
            let values: Vec<String> = line.iter().map(|piece| value_of(piece, ticket)).collect();
            let is_placeholder = |piece: &Piece| matches!(piece, Piece::Placeholder(_));
            let has_placeholder = line.iter().any(is_placeholder);
            let is_empty = line.iter().zip(&values).all(|(piece, value)| !is_placeholder(piece) || value.is_empty());
            if has_placeholder && is_empty {
                continue;
            }
            text.line_break();
            for value in &values {
                text.push(value);
            }
        }
        text.finish()
    }
}

fn parse_line(line: &str, start: usize, unknown: &mut Vec<String>) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut rest = line.char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        match character {
            '{' if rest.next_if(|(_, next)| *next == '{').is_some() => literal.push('{'),
            '}' if rest.next_if(|(_, next)| *next == '}').is_some() => literal.push('}'),
            '{' => {
                let length = line[at + 1..].find(['{', '}']).ok_or(TemplateError::LonelyBrace(start + at))?;
                let end = at + 1 + length;
                if line.as_bytes()[end] != b'}' {
                    return Err(TemplateError::LonelyBrace(start + at));
                }
                let word = &line[at + 1..end];
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                match PLACEHOLDERS.iter().find(|(name, _)| *name == word) {
                    Some((_, placeholder)) => pieces.push(Piece::Placeholder(*placeholder)),
                    None => unknown.push(word.chars().take(64).collect()),
                }
                while rest.next_if(|(next, _)| *next <= end).is_some() {}
            }
            '}' => return Err(TemplateError::LonelyBrace(start + at)),
            other => literal.push(other),
        }
    }
    pieces.push(Piece::Literal(literal));
    pieces.retain(|piece| *piece != Piece::Literal(String::new()));
    Ok(pieces)
}

fn value_of(piece: &Piece, ticket: &Ticket) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Placeholder(placeholder) => placeholder_value(*placeholder, ticket),
    }
}

fn placeholder_value(placeholder: Placeholder, ticket: &Ticket) -> String {
    let optional = |text: &Option<String>| text.as_deref().map(normalised).unwrap_or_default();
    match placeholder {
        Placeholder::Title => optional(&ticket.title),
        Placeholder::Description => optional(&ticket.description),
        Placeholder::SeverityReported => severity_word(&ticket.severity_reported).to_owned(),
        Placeholder::SeverityCounterparty => severity_word(&ticket.severity_counterparty).to_owned(),
        Placeholder::Category => optional(&ticket.category),
        Placeholder::Site => optional(&ticket.site),
        Placeholder::Device => optional(&ticket.device.name),
        Placeholder::Vendor => optional(&ticket.device.vendor),
        Placeholder::DeviceType => optional(&ticket.device.device_type),
        Placeholder::DeviceModel => optional(&ticket.device.model),
        Placeholder::OsVersion => optional(&ticket.device.os_version),
        Placeholder::Alarms => joined(ticket.alarms.iter().map(alarm_text)),
        Placeholder::Notes => joined(ticket.notes.iter().filter(|note| is_of_others(note)).map(note_text)),
    }
}

/// What the model reads of a source's severity: our word, `unknown` for a word without alias, `none` for silence. What
/// noctriage itself wrote counts as silence (`is_own_answer`), or the model would read its own answer.
fn severity_word(severity: &SourceSeverity) -> &'static str {
    match severity {
        own if own.is_own_answer() => "none",
        SourceSeverity::Absent => "none",
        SourceSeverity::Known { value, .. } => value.as_str(),
        SourceSeverity::Unmapped { .. } => "unknown",
    }
}

fn alarm_text(alarm: &Alarm) -> String {
    let Alarm { source: _, name, oid: _, probable_cause, perceived_severity, first_at: _, last_at: _, count: _ } =
        alarm;
    let mut text = String::new();
    for part in [name, probable_cause].into_iter().flatten() {
        write!(text, "{} ", normalised(part)).expect("writing to a String cannot fail");
    }
    if *perceived_severity != SourceSeverity::Absent {
        text.push_str(severity_word(perceived_severity));
    }
    text.trim_end().to_owned()
}

const fn is_of_others(note: &Note) -> bool {
    match note.author_kind {
        AuthorKind::Human | AuthorKind::System => true,
        AuthorKind::Noctriage => false,
    }
}

fn note_text(note: &Note) -> String {
    normalised(&note.text)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" , ")
}

/// Collects lines, keeps blanks single, stops at the bound.
#[derive(Debug, Default)]
struct BoundedText {
    text: String,
    is_cut: bool,
}

impl BoundedText {
    fn line_break(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    fn push(&mut self, value: &str) {
        for character in value.chars() {
            if self.text.len() + character.len_utf8() > TEXT_BYTES_MAX {
                self.is_cut = true;
                return;
            }
            let is_repeated_blank = character == ' ' && (self.text.is_empty() || self.text.ends_with([' ', '\n']));
            if !is_repeated_blank {
                self.text.push(character);
            }
        }
    }

    fn finish(mut self) -> Rendered {
        self.text.truncate(self.text.trim_end().len());
        Rendered { text: self.text, is_cut: self.is_cut }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::{SetBy, Severity};
    use crate::domain::ticket::{Device, TicketId};
    use crate::domain::time::UtcMillis;

    fn ticket() -> Ticket {
        let id = TicketId::try_new("INC1").expect("a short id");
        let mut ticket = Ticket::minimal(id, "Link  down\u{200B} on\u{00A0}core-1", UtcMillis(0));
        ticket.description = Some("BGP peer lost\r\n\r\nsince ０９:00".into());
        ticket.category = Some("routing".into());
        ticket.device =
            Device { vendor: Some("Cisco".into()), device_type: Some("router".into()), ..Device::default() };
        ticket.severity_reported =
            SourceSeverity::Known { value: Severity::High, native: "P2".into(), set_by: SetBy::System };
        ticket
    }

    #[track_caller]
    fn check_render(template: &str, ticket: &Ticket, expected: &str) {
        let rendered = Template::parse(template).expect("a template").render(ticket);
        assert_eq!(rendered, Rendered { text: expected.into(), is_cut: false });
    }

    #[test]
    fn the_default_template_shows_what_the_model_may_see() {
        let mut ticket = ticket();
        ticket.alarms.push(Alarm {
            name: Some("linkDown".into()),
            probable_cause: Some("loss of signal".into()),
            count: Some(7),
            ..Alarm::default()
        });
        ticket.notes.push(Note { at: None, author_kind: AuthorKind::Human, text: "field engineer sent".into() });
        check_render(
            DEFAULT_TEMPLATE,
            &ticket,
            "reported high ; routing Cisco router ; Link down on core-1 ; BGP peer lost since 09:00 ; \
             linkDown loss of signal ; field engineer sent",
        );
    }

    #[test]
    fn what_noctriage_wrote_is_not_shown_to_the_model() {
        let mut ticket = ticket();
        ticket.severity_reported =
            SourceSeverity::Known { value: Severity::Low, native: "4".into(), set_by: SetBy::Noctriage };
        ticket.notes.push(Note { at: None, author_kind: AuthorKind::Noctriage, text: "suggested: low".into() });
        check_render("{severity_reported}|{notes}|", &ticket, "none||");
    }

    #[test]
    fn a_severity_word_without_alias_is_unknown_and_silence_is_none() {
        let mut ticket = ticket();
        ticket.severity_reported = SourceSeverity::Unmapped { native: "P9".into(), set_by: SetBy::System };
        check_render("{severity_reported} {severity_counterparty}", &ticket, "unknown none");
    }

    #[test]
    fn a_line_without_values_is_left_out_and_literal_lines_stay() {
        check_render("Ticket\nSite: {site}\n{{{category}}}  x", &ticket(), "Ticket\n{routing} x");
    }

    #[test]
    fn all_unknown_placeholders_are_named_together() {
        let error = Template::parse("{title} {kind} {channel}").expect_err("two unknown words");
        assert_eq!(error, TemplateError::Unknown(vec!["kind".into(), "channel".into()]));
        assert!(error.to_string().starts_with("`{kind}`, `{channel}` are not placeholders; there are {title}"));
    }

    #[test]
    fn lonely_braces_and_constant_templates_are_refused() {
        assert_eq!(Template::parse("a\nb {title"), Err(TemplateError::LonelyBrace(4)));
        assert_eq!(Template::parse("title}"), Err(TemplateError::LonelyBrace(5)));
        assert_eq!(Template::parse("{{title}}"), Err(TemplateError::Constant));
        let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
        assert_eq!(Template::parse(&long), Err(TemplateError::TooLong(TEMPLATE_BYTES_MAX + 1)));
    }

    #[test]
    fn a_text_beyond_the_bound_is_cut_on_a_character_and_says_so() {
        let mut ticket = ticket();
        ticket.description = Some("ü".repeat(TEXT_BYTES_MAX));
        let rendered = Template::parse("x{description}{title}").expect("a template").render(&ticket);
        assert!(rendered.is_cut);
        assert!(rendered.text.len() >= TEXT_BYTES_MAX - 1 && rendered.text.len() <= TEXT_BYTES_MAX);
    }

    proptest::proptest! {
        #[test]
        fn any_text_renders_within_the_bound(title in ".{0,200}", description in ".{0,400}") {
            let mut ticket = ticket();
            ticket.title = Some(title);
            ticket.description = Some(description);
            let rendered = Template::parse(DEFAULT_TEMPLATE).expect("a template").render(&ticket);
            assert!(rendered.text.len() <= TEXT_BYTES_MAX && !rendered.text.contains("  "));
        }

        #[test]
        fn any_template_is_read_or_refused(source in "[a-z{}\\n é]{0,60}") {
            if let Ok(template) = Template::parse(&source) {
                assert_eq!(template.source(), source);
            }
        }
    }
}
