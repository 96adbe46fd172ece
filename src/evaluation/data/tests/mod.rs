mod groups;
mod mix;
mod overlap;
mod plan;
mod split;
mod training;

use crate::domain::labelled::{AsOf, Label, LabelAgreement, LabelledTicket};
use crate::domain::severity::Severity;
use crate::domain::ticket::{Ticket, TicketId};
use crate::domain::time::UtcMillis;

use super::text::ComparedText;

/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// A labelled ticket of a day.
fn labelled(id: &str, title: &str, day: i64) -> LabelledTicket {
    let ticket = Ticket::minimal(TicketId::try_new(id).expect("a short id"), title, UtcMillis(day * DAY_MS));
    LabelledTicket {
        ticket,
        label: Label {
            severity: Severity::Low,
            root_cause: None,
            queue: None,
            closable: None,
            by: Vec::new(),
            agreement: LabelAgreement::Undisputed,
        },
        as_of: AsOf::Created,
        split: None,
        group: None,
        slice: None,
    }
}

/// So many tickets that have no word in common: one a day, every `each`th of them wireless and high.
fn tickets(count: usize, each: usize) -> Vec<LabelledTicket> {
    (0..count)
        .map(|at| {
            let word = |salt: usize| letters(at * 7 + salt * 131_071);
            let mut ticket = labelled(&format!("T{at:04}"), &[word(1), word(2), word(3), word(4)].join(" "), at as i64);
            let is_wireless = at % each == 0;
            ticket.slice = Some(if is_wireless { "wireless" } else { "routing" }.to_owned());
            ticket.label.severity = if is_wireless { Severity::High } else { Severity::Low };
            ticket
        })
        .collect()
}

/// A number in letters, so that it is not masked as one.
fn letters(mut number: usize) -> String {
    let mut word = String::new();
    loop {
        word.push(char::from(b'a' + (number % 26) as u8));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

fn texts(tickets: &[LabelledTicket]) -> Vec<ComparedText> {
    tickets.iter().map(|ticket| ComparedText::of(&ticket.ticket)).collect()
}
