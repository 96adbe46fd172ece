//! What of a ticket is compared when tickets are looked for that are alike: title, description, alarms and the notes of
//! others. Not its id, device, site or severities: the same fault on another switch is the same text to a model.

use crate::domain::digest::Digest;
use crate::domain::ticket::{AuthorKind, Ticket};
use crate::policy::identity::masked;
use crate::policy::text::{folded, normalised};

/// The text of a ticket in the two forms that are compared, beside its id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparedText {
    /// Id of the ticket.
    pub ticket_id: String,
    /// Digest of the text as it stands, but for white space, invisible characters and compatibility forms.
    pub exact: Digest,
    /// Its words without case and punctuation; `#` stands for each word that names one thing rather than a kind of thing
    /// (numbers, addresses, identifiers).
    pub words: Vec<String>,
}

impl ComparedText {
    /// The forms of a ticket's text.
    pub fn of(ticket: &Ticket) -> Self {
        let text = text_of(ticket);
        Self {
            ticket_id: ticket.ticket_id.as_str().to_owned(),
            exact: Digest::of(normalised(&text).as_bytes()),
            words: words_of(&text),
        }
    }
}

fn text_of(ticket: &Ticket) -> String {
    let alarms = ticket.alarms.iter().flat_map(|alarm| [alarm.name.as_deref(), alarm.probable_cause.as_deref()]);
    let others = ticket.notes.iter().filter(|note| match note.author_kind {
        AuthorKind::Human | AuthorKind::System => true,
        AuthorKind::Noctriage => false,
    });
    let parts = [ticket.title.as_deref(), ticket.description.as_deref()].into_iter().chain(alarms).flatten();
    parts.chain(others.map(|note| note.text.as_str())).collect::<Vec<_>>().join("\n")
}

/// The words of a text, folded and masked. Names are masked before punctuation goes, or `ge-0/0/1` would fall apart.
pub fn words_of(text: &str) -> Vec<String> {
    let masked = masked(&folded(text));
    let mut words = Vec::new();
    for word in masked.split(' ') {
        if word == "#" {
            words.push(word.to_owned());
        } else {
            let parts = word.split(|letter: char| !letter.is_alphanumeric());
            words.extend(parts.filter(|part| !part.is_empty()).map(str::to_owned));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ticket::{Note, TicketId};
    use crate::domain::time::UtcMillis;

    fn ticket(title: &str) -> Ticket {
        Ticket::minimal(TicketId::try_new("T1").expect("an id"), title, UtcMillis(0))
    }

    #[test]
    fn case_punctuation_and_names_of_single_things_make_no_difference() {
        let one = words_of("Link DOWN, port ge-0/0/1 (93%)!");
        assert_eq!(one, ["link", "down", "port", "#", "#"]);
        assert_eq!(one, words_of("link down: port ge-0/0/7 12%"));
        assert_ne!(one, words_of("link up, port ge-0/0/1 (93%)"));
    }

    #[test]
    fn white_space_alone_is_the_same_text_and_case_is_not() {
        let exact = |title| ComparedText::of(&ticket(title)).exact;
        assert_eq!(exact("link  down"), exact(" link down"));
        assert_ne!(exact("link down"), exact("Link down"));
    }

    #[test]
    fn what_noctriage_wrote_is_no_part_of_the_text() {
        let mut noted = ticket("link down");
        noted.notes.push(Note { at: None, author_kind: AuthorKind::Noctriage, text: "suggested: low".into() });
        assert_eq!(ComparedText::of(&noted), ComparedText::of(&ticket("link down")));
    }
}
