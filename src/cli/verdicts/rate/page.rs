//! What the label list shows of one ticket: what it says, cut to a screen. Nothing that could lead the reader: no
//! prediction, and no severity of the source.

use std::fmt::Write as _;

use crate::domain::ticket::Ticket;
use crate::rollout::label_list::LabelItem;

/// Lines of text that are shown; the rest is in the ticket system.
const TEXT_LINES_MAX: usize = 24;
/// Letters of one line.
const LINE_LETTERS_MAX: usize = 200;
/// Alarms and notes that are shown.
const LISTED_MAX: usize = 5;

/// Draws a ticket.
pub(super) fn draw(item: &LabelItem, ticket: Option<&Ticket>, number: usize, of: usize) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{}", line.trim_end()).expect("writing to a String does not fail");
    // Whether somebody has read it before is not said: a hard stop asks so as well, and whoever knows is not blind.
    line(format!("\n── {number} of {of}: ticket {} ──", clean(item.ticket_id.as_str())));
    let Some(ticket) = ticket else {
        line("its text is no longer in Kafka: look it up in the ticket system, or skip it".into());
        return text;
    };
    let facts = [
        ("category", ticket.category.as_deref()),
        ("device", ticket.device.name.as_deref()),
        ("type", ticket.device.device_type.as_deref()),
        ("interface", ticket.interface.as_deref()),
        ("circuit", ticket.circuit_id.as_deref()),
        ("site", ticket.site.as_deref()),
        ("customer tier", ticket.customer_tier.as_deref()),
        ("service", ticket.service.as_deref()),
    ];
    let facts: Vec<String> =
        facts.iter().filter_map(|(name, value)| Some(format!("{name} {}", clean((*value)?)))).collect();
    if let Some(title) = &ticket.title {
        line(clean(title));
    }
    if !facts.is_empty() {
        line(format!("({})", facts.join(", ")));
    }
    let body = ticket.description.as_deref().unwrap_or_default();
    let lines: Vec<&str> = body.lines().filter(|line| !line.trim().is_empty()).collect();
    for text in lines.iter().take(TEXT_LINES_MAX) {
        line(format!("  {}", clean(text)));
    }
    if lines.len() > TEXT_LINES_MAX {
        line(format!("  … {} more lines in the ticket system", lines.len() - TEXT_LINES_MAX));
    }
    for alarm in ticket.alarms.iter().take(LISTED_MAX) {
        let words = [alarm.name.as_deref(), alarm.probable_cause.as_deref()];
        let words: Vec<String> = words.into_iter().flatten().map(clean).collect();
        line(format!("  alarm: {}", words.join(", ")));
    }
    if ticket.alarms.len() > LISTED_MAX {
        line(format!("  … {} more alarms", ticket.alarms.len() - LISTED_MAX));
    }
    text
}

/// Text of a ticket, harmless for a terminal: no control characters, no direction marks, one line of a bounded length.
fn clean(text: &str) -> String {
    let is_harmless = |letter: &char| {
        !letter.is_control()
            && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut cleaned: String = text.chars().filter(is_harmless).take(LINE_LETTERS_MAX).collect();
    if text.chars().filter(is_harmless).nth(LINE_LETTERS_MAX).is_some() {
        cleaned.push('…');
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::{SetBy, Severity, SourceSeverity};
    use crate::domain::ticket::TicketId;
    use crate::domain::time::UtcMillis;
    use crate::rollout::label_list::Reading;

    fn item() -> LabelItem {
        LabelItem {
            ticket_id: TicketId::try_new("T1").unwrap(),
            revision: None,
            reading: Reading::First,
            decided_at: UtcMillis(0),
        }
    }

    fn ticket() -> Ticket {
        let mut ticket = Ticket::minimal(TicketId::try_new("T1").unwrap(), "link down", UtcMillis(0));
        ticket.description = Some("one\n\ntwo\u{1b}[31m red\u{202e}".into());
        ticket
    }

    #[test]
    fn a_ticket_is_shown_without_what_a_terminal_would_obey() {
        let page = draw(&item(), Some(&ticket()), 1, 3);
        assert_eq!(page, "\n── 1 of 3: ticket T1 ──\nlink down\n  one\n  two[31m red\n");
    }

    #[test]
    fn the_severity_of_the_source_is_not_shown() {
        let mut with = ticket();
        with.severity_reported =
            SourceSeverity::Known { value: Severity::Critical, native: "1".into(), set_by: SetBy::Human };
        assert_eq!(draw(&item(), Some(&with), 1, 3), draw(&item(), Some(&ticket()), 1, 3));
    }

    #[test]
    fn a_long_text_is_cut_and_a_ticket_that_is_gone_is_said_to_be() {
        let mut long = ticket();
        long.description = Some("x".repeat(1_000).lines().chain(["line"; 40]).collect::<Vec<_>>().join("\n"));
        let page = draw(&item(), Some(&long), 1, 1);
        assert!(page.contains("… 17 more lines") && page.lines().all(|line| line.chars().count() < 210), "{page}");
        assert!(draw(&item(), None, 1, 1).contains("no longer in Kafka"));
    }
}
