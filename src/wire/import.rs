//! Old tickets of a ticket system, row by row, to labelled tickets: the ticket as it was at its creation, the label from what
//! people made of it.
//!
//! An export shows a ticket as it ended. Whatever is known only later is taken out, or the model would read its answer; with
//! the system's audit the fields are turned back to their first values. Who says nothing of that moment gets `as_of =
//! "unknown"`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::domain::labelled::AsOf;
use crate::domain::message::in_line;
use crate::domain::severity::Severity;
use crate::domain::verdict::Closable;

use super::intake::settings::{IntakeSettings, Preset, SeverityMeaning};
use super::intake::{drafted, read_inner, times};
use super::labelled::{self, LABELLED_SCHEMA, LabelRecord, LabelledRecord, NotLabelled};
use super::values::Instant;
use super::words::{ClosedWord as _, Word};

pub mod audit;
mod created;
#[cfg(test)]
mod tests;
mod words;

pub use created::LATER_FIELDS;

use audit::{Audit, Audited};
use created::SourceSays;

/// Longest word of a source that a fault shows.
const WORD_CHARS_MAX: usize = 64;

/// Where a label stands in a row, as JSON Pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelFields {
    /// The severity that people gave it in the end. Needed.
    pub severity: String,
    /// Code of the root cause.
    pub root_cause: Option<String>,
    /// Where it went.
    pub queue: Option<String>,
    /// `yes`, `no` or `unknown`.
    pub closable: Option<String>,
    /// Slice.
    pub slice: Option<String>,
    /// Group of near-duplicates, where the source knows one.
    pub group: Option<String>,
}

impl LabelFields {
    /// What a preset's source calls them: of ServiceNow priority, close code and assignment group; of others nothing.
    pub fn for_preset(preset: Preset) -> Self {
        match preset {
            Preset::ServiceNow => Self {
                severity: "/priority".to_owned(),
                root_cause: Some("/close_code".to_owned()),
                queue: Some("/assignment_group".to_owned()),
                ..Self::default()
            },
            Preset::Native | Preset::Alertmanager | Preset::Mapping => Self::default(),
        }
    }

    fn pointers(&self) -> impl Iterator<Item = &str> {
        let Self { severity, root_cause, queue, closable, slice: _, group: _ } = self;
        let others = [root_cause, queue, closable].into_iter().flatten();
        std::iter::once(severity).chain(others).map(String::as_str)
    }
}

/// How rows become labelled tickets.
#[derive(Clone, Debug)]
pub struct ImportSettings {
    /// How a row becomes a ticket: preset, mapping, words, time zone.
    pub intake: IntakeSettings,
    /// Where its label stands.
    pub label: LabelFields,
    /// Creation of a ticket that has none; `None`: such a row is refused.
    pub undated: Option<Instant>,
    /// What is known of the moment that rows show. [`AsOf::Created`] is a person's word for the whole file.
    pub as_of: AsOf,
}

/// Why a row is no labelled ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowFault {
    /// Not an object.
    #[error("is no object of fields")]
    NotARow,
    /// No severity.
    #[error("has no severity at {0}: nobody said how urgent it was")]
    NoSeverity(String),
    /// A severity word without meaning.
    #[error("`{0}` is no severity word of this source: give it a meaning with --alias")]
    UnmappedWord(String),
    /// No creation.
    #[error("has no creation time: map `created_at`, or give all such tickets one with --undated")]
    Undated,
    /// Not a ticket.
    #[error("{0}")]
    NotATicket(String),
    /// A label that is none.
    #[error("{0}")]
    NotLabelled(NotLabelled),
}

/// A row that became a labelled ticket.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The record.
    pub record: LabelledRecord,
    /// Names of fields that were left out because they are known only later.
    pub left_out: BTreeSet<String>,
}

impl ImportSettings {
    /// Every mistake in the settings: a field of the ticket that is read from what is known only later, or from the label.
    ///
    /// # Errors
    /// All of them, one sentence each.
    pub fn check(&self) -> Result<(), Vec<String>> {
        let mut mistakes = Vec::new();
        if self.label.severity.is_empty() {
            mistakes.push("no field is named for the severity that people gave: --label-severity /FIELD".to_owned());
        }
        for pointer in self.label.pointers().filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            mistakes.push(format!("`{pointer}` is no JSON Pointer: it begins with `/`, as in `/priority` (RFC 6901)"));
        }
        for (field, pointer) in self.intake.mapping.rows().filter(|(field, _)| !created::is_left_out_anyway(field)) {
            if created::is_later(pointer) {
                mistakes
                    .push(format!("{field} is read from {pointer}, which is known only after triage: leave it out"));
            } else if self.label.pointers().any(|label| label == pointer) {
                mistakes.push(format!(
                    "{field} is read from {pointer}, which is the label: the model would read its answer"
                ));
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// Makes a labelled ticket of a row; the audit, where there is one, turns its fields back.
    ///
    /// # Errors
    /// The first thing that makes it none.
    pub fn import(&self, row: &Value, audit: Option<&Audit>) -> Result<Imported, RowFault> {
        let payload = row.get("result").filter(|result| result.is_object()).unwrap_or(row);
        let Some(fields) = payload.as_object() else { return Err(RowFault::NotARow) };
        let label = self.label_of(payload)?;
        let (fields, is_audited) = match audit {
            Some(audit) => match audit.at_creation(fields, self.intake.time_zone.as_ref()) {
                Audited::TurnedBack(fields) => (fields, true),
                Audited::Unknown => (fields.clone(), false),
            },
            None => (fields.clone(), false),
        };
        let mut left_out = created::later_names(&fields);
        let payload = Value::Object(fields);
        let native = drafted(&payload, &self.intake).map_err(|reason| RowFault::NotATicket(reason.detail))?;
        let severity = if self.severity_is_label(is_audited) { SourceSays::Label } else { SourceSays::First };
        let mut native = created::as_created(native, severity, &self.intake, &mut left_out);
        self.date(&mut native)?;
        let ticket = read_inner(&native, &self.intake).map_err(|reason| RowFault::NotATicket(reason.detail))?;
        words::translate(&mut native, &ticket);
        let record = LabelledRecord {
            schema: Some(LABELLED_SCHEMA.to_owned()),
            ticket: native,
            label,
            as_of: Some(Word(if is_audited { AsOf::Created } else { self.as_of })),
            split: None,
            group: self.label.group.as_deref().and_then(|pointer| text_at(&payload, pointer)),
            slice: self.label.slice.as_deref().and_then(|pointer| text_at(&payload, pointer)),
        };
        let line = serde_json::to_string(&record).map_err(|error| RowFault::NotATicket(error.to_string()))?;
        // The one reader says whether it is one; what it cannot read must not get into a file.
        labelled::read(&line).map_err(RowFault::NotLabelled)?;
        Ok(Imported { record, left_out })
    }

    /// Whether the source's severity, as the row shows it, is the label itself.
    fn severity_is_label(&self, is_audited: bool) -> bool {
        match self.intake.preset {
            Preset::ServiceNow => !is_audited,
            Preset::Native => self.label.severity.starts_with("/severity/reported"),
            Preset::Alertmanager => false,
            Preset::Mapping => {
                self.intake.mapping.rows().any(|row| row == ("severity.reported", self.label.severity.as_str()))
            }
        }
    }

    fn label_of(&self, payload: &Value) -> Result<LabelRecord, RowFault> {
        let LabelFields { severity, root_cause, queue, closable, slice: _, group: _ } = &self.label;
        let optional = |pointer: &Option<String>| pointer.as_deref().and_then(|pointer| text_at(payload, pointer));
        let closable = match optional(closable) {
            None => None,
            Some(word) => {
                let known = Closable::from_word(&word.to_lowercase());
                Some(Word(known.ok_or_else(|| RowFault::UnmappedWord(in_line(&word, WORD_CHARS_MAX)))?))
            }
        };
        Ok(LabelRecord {
            severity: Word(self.severity_of(payload, severity)?),
            root_cause: optional(root_cause),
            queue: optional(queue),
            closable,
            by: Vec::new(),
            adjudicated: None,
        })
    }

    fn severity_of(&self, payload: &Value, pointer: &str) -> Result<Severity, RowFault> {
        let none = || RowFault::NoSeverity(pointer.to_owned());
        let word = text_at(payload, pointer).ok_or_else(none)?;
        match self.intake.severities.meaning(&word) {
            Some(SeverityMeaning::Is(severity)) => Ok(severity),
            Some(SeverityMeaning::Unknown | SeverityMeaning::Cleared) => Err(none()),
            None => Err(RowFault::UnmappedWord(in_line(&word, WORD_CHARS_MAX))),
        }
    }

    /// Native times carry their zone, because the file will be read without a configuration.
    fn date(&self, native: &mut Map<String, Value>) -> Result<(), RowFault> {
        let written = native.get("created_at").and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        let Some(written) = written else {
            let undated = self.undated.ok_or(RowFault::Undated)?;
            native.insert("created_at".to_owned(), Value::String(undated.to_string()));
            return Ok(());
        };
        let at = times::parse(written, self.intake.time_zone.as_ref()).map_err(|problem| {
            RowFault::NotATicket(match problem {
                times::TimeProblem::NoZone => {
                    "its creation time has no zone: name the zone of the export with --time-zone".to_owned()
                }
                times::TimeProblem::Unreadable => {
                    format!("`{}` is no time as 2026-01-31 09:15:00 or in RFC 3339", in_line(written, WORD_CHARS_MAX))
                }
            })
        })?;
        native.insert("created_at".to_owned(), Value::String(Instant(at).to_string()));
        Ok(())
    }
}

/// A text, a number or ServiceNow's pair of forms; empty is absent.
fn text_at(payload: &Value, pointer: &str) -> Option<String> {
    let value = payload.pointer(pointer)?;
    let plain = |value: &Value| match value {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    plain(value).or_else(|| plain(value.get("display_value")?)).or_else(|| plain(value.get("value")?))
}

/// What became of all rows.
#[derive(Clone, Debug, Default)]
pub struct ImportSummary {
    /// Rows read.
    pub rows: u64,
    /// Rows that became labelled tickets.
    pub tickets: u64,
    /// Among them, tickets as they were at their creation.
    pub as_created: u64,
    /// Tickets by severity of the label.
    pub severities: BTreeMap<&'static str, u64>,
    /// Severity words without a meaning, counted; at most [`WORDS_MAX`].
    pub unmapped_words: BTreeMap<String, u64>,
    /// Fields left out because they are known only later, with the rows that had them.
    pub left_out: BTreeMap<String, u64>,
}

/// Most unmapped words that are told apart: more than a scale of severities has is no scale.
pub const WORDS_MAX: usize = 64;

impl ImportSummary {
    /// Counts one row.
    pub fn add(&mut self, result: &Result<Imported, RowFault>) {
        self.rows += 1;
        match result {
            Ok(Imported { record, left_out }) => {
                self.tickets += 1;
                self.as_created += u64::from(record.as_of == Some(Word(AsOf::Created)));
                *self.severities.entry(record.label.severity.0.as_str()).or_default() += 1;
                for name in left_out {
                    *self.left_out.entry(name.clone()).or_default() += 1;
                }
            }
            Err(RowFault::UnmappedWord(word)) => {
                if self.unmapped_words.contains_key(word) || self.unmapped_words.len() < WORDS_MAX {
                    *self.unmapped_words.entry(word.clone()).or_default() += 1;
                }
            }
            Err(
                RowFault::NotARow
                | RowFault::NoSeverity(_)
                | RowFault::Undated
                | RowFault::NotATicket(_)
                | RowFault::NotLabelled(_),
            ) => {}
        }
    }
}
