//! Guards on normalised text: danger words, and sentences addressed to a machine. Before and independent of the model;
//! a hit forbids automatic action and sends the ticket to a person. It never lowers anything.
//!
//! What is deliberately absent: any attempt to understand the text. A guard that misses is caught by the caps, the share
//! and the audit; a guard that fires without need costs one look.

mod hidden;
mod lists;
mod phrases;
mod skeleton;

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::ticket::{AuthorKind, Ticket};

use phrases::{Beginnings, Mask, Phrase, PhraseSet, Start};
use skeleton::{Added, Words};

/// Compiled guards. The default is the built-in lists, never an empty guard.
#[derive(Clone, Debug)]
pub struct Guards {
    danger: PhraseSet,
    harmless: PhraseSet,
    machine: PhraseSet,
    /// Of all three lists.
    beginnings: Beginnings,
    digest: Digest,
}

impl Default for Guards {
    fn default() -> Self {
        Self::default_lists()
    }
}

/// What the guards found: the words of our own list that matched, never text of the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct GuardHits {
    /// A word of danger; `None` when there is none.
    pub danger: Option<Arc<str>>,
    /// A sentence addressed to a machine, or a text hidden from people; `None` when there is none.
    pub machine: Option<Arc<str>>,
}

/// A phrase of the configuration that no text can match.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the guard phrase `{0}` holds no word: write letters or digits, words separated by spaces, a trailing `*` for any ending"
)]
pub struct EmptyPhrase(pub String);

impl Guards {
    /// The built-in lists: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish.
    pub fn default_lists() -> Self {
        Self::compile(Vec::new(), Vec::new())
    }

    /// The built-in lists and phrases of the site. Words are compared without case, accents and look-alikes; `*` at the
    /// end of a word matches any ending.
    ///
    /// # Errors
    /// Every phrase that holds no word.
    pub fn with_extra(danger: &[String], machine: &[String]) -> Result<Self, Vec<EmptyPhrase>> {
        let mut mistakes = Vec::new();
        let mut parse = |phrases: &[String]| -> Vec<Phrase> {
            let parsed = phrases.iter().map(|text| Phrase::of_site(text).ok_or_else(|| EmptyPhrase(text.clone())));
            parsed.filter_map(|phrase| phrase.map_err(|mistake| mistakes.push(mistake)).ok()).collect()
        };
        let (danger, machine) = (parse(danger), parse(machine));
        if mistakes.is_empty() { Ok(Self::compile(danger, machine)) } else { Err(mistakes) }
    }

    fn compile(extra_danger: Vec<Phrase>, extra_machine: Vec<Phrase>) -> Self {
        let built_in = |lists: &[&[&str]]| -> Vec<Phrase> {
            lists.iter().copied().flatten().map(|text| Phrase::built_in(text)).collect()
        };
        let mut danger = built_in(&lists::DANGER);
        danger.extend(extra_danger);
        let harmless = built_in(&[lists::HARMLESS]);
        let mut machine = built_in(&lists::MACHINE);
        machine.extend(extra_machine);
        let texts = [&danger, &harmless, &machine]
            .map(|list| list.iter().map(|phrase| phrase.text().as_bytes()).collect::<Vec<_>>().join(b"\n".as_slice()));
        let digest = Digest::of_parts(texts.iter().map(Vec::as_slice));
        let (danger, harmless, machine) =
            (PhraseSet::new(0, danger), PhraseSet::new(1, harmless), PhraseSet::new(2, machine));
        let mut beginnings = Beginnings::default();
        for list in [&danger, &harmless, &machine] {
            beginnings.add_all(list);
        }
        Self { danger, harmless, machine, beginnings, digest }
    }

    /// Digest of all lists in force.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Searches everything of a ticket that a stranger may have written. Fields are read as one text, so that a sentence
    /// cut in two by a field boundary is still a sentence; notes of noctriage itself are left out.
    pub fn hits(&self, ticket: &Ticket) -> GuardHits {
        let mut words = Words::new();
        let mut texts: Vec<Text<'_>> = told(ticket).map(|whole| Text { whole, added: words.add(whole) }).collect();
        let mut starts = self.starts(&words, 0);
        let harmless = self.harmless.mask(&words, &starts);
        let danger = self.danger.first_match(&words, &starts, &harmless);
        let told_words = words.len();
        texts.extend(named(ticket).map(|whole| Text { whole, added: words.add(whole) }));
        starts.extend(self.starts(&words, told_words));
        let machine = self.machine.first_match(&words, &starts, &Mask::default()).or_else(|| {
            let hidden = texts.iter().find_map(|Text { whole, added }| hidden::hidden_text(whole, &words, added));
            hidden.map(Arc::from)
        });
        GuardHits { danger, machine }
    }

    /// Words, from one on, with which a phrase of any list may begin.
    fn starts(&self, words: &Words, from: usize) -> Vec<Start> {
        (from..words.len()).filter_map(|at| self.beginnings.start(words, at)).collect()
    }
}

/// A field as it stands in the ticket, and what its words are.
struct Text<'ticket> {
    whole: &'ticket str,
    added: Added,
}

/// What tells what happened: searched for danger and for sentences to a machine.
fn told(ticket: &Ticket) -> impl Iterator<Item = &str> {
    let notes = ticket.notes.iter().filter(|note| match note.author_kind {
        AuthorKind::Human | AuthorKind::System => true,
        AuthorKind::Noctriage => false,
    });
    let alarms = ticket.alarms.iter().flat_map(|alarm| [alarm.name.as_deref(), alarm.probable_cause.as_deref()]);
    [ticket.title.as_deref(), ticket.description.as_deref()]
        .into_iter()
        .chain(alarms)
        .flatten()
        .chain(notes.map(|note| note.text.as_str()))
}

/// What names things (`fire-alarm-gateway` is no fire): searched for sentences to a machine only.
fn named(ticket: &Ticket) -> impl Iterator<Item = &str> {
    let fields = [
        &ticket.device.name,
        &ticket.device.vendor,
        &ticket.device.device_type,
        &ticket.device.model,
        &ticket.device.os_version,
        &ticket.interface,
        &ticket.circuit_id,
        &ticket.site,
        &ticket.service,
        &ticket.category,
    ];
    fields.into_iter().filter_map(|field| field.as_deref()).chain(ticket.labels.values().map(String::as_str))
}

#[cfg(test)]
mod tests;
