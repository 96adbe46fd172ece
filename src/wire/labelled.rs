//! `noctriage.labelled/v1`: a ticket as it was at its creation with what people said it should have been; one per line
//! of a file. The one reader and the one writer.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::domain::labelled::{AsOf, Label, LabelAgreement, LabelledTicket, Split};
use crate::domain::message::in_line;
use crate::domain::severity::Severity;
use crate::domain::verdict::Closable;

use super::intake::{IntakeSettings, read_inner};
use super::ticket_schema::NativeTicket;
use super::words::{ClosedWord, Word};

/// Schema of a labelled ticket.
pub const LABELLED_SCHEMA: &str = "noctriage.labelled/v1";
/// Longest line in bytes: a ticket has at most 256 KiB, and its label little.
pub const LINE_BYTES_MAX: usize = 512 * 1024;
/// Most people named behind one label: more readers of one ticket are a mistake of the file.
const READERS_MAX: usize = 32;
/// Longest word of a label (root cause, queue, group, slice, reader), in bytes.
const WORD_BYTES_MAX: usize = 256;
/// Characters that a mistake shows of what a parser says.
const SHOWN_CHARS_MAX: usize = 300;
/// How a native ticket is read: made once, and not for each line of a file.
static NATIVE: LazyLock<IntakeSettings> = LazyLock::new(IntakeSettings::default);

/// A ticket as it was at its creation, and what people said it should have been. `ticket` and `label` are needed; unknown
/// fields are ignored, which lets a file carry columns of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelledRecord {
    /// `noctriage.labelled/v1`, which is also what its absence means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The ticket, as `noctriage.ticket/v1`.
    #[schemars(with = "NativeTicket")]
    pub ticket: Map<String, Value>,
    /// What people said.
    pub label: LabelRecord,
    /// Whether the ticket is as it was at its creation. Absent: unknown, which `evaluate` refuses unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Word<AsOf>>,
    /// What it may be used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<Word<Split>>,
    /// Near-duplicates share a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The slice that the site puts it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
}

/// What people said a ticket should have been.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LabelRecord {
    /// Severity.
    pub severity: Word<Severity>,
    /// Code of the root cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<String>,
    /// Where it was to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Whether closing it with nobody looking would have been right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closable: Option<Word<Closable>>,
    /// Who said so, by pseudonym.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by: Vec<String>,
    /// `true`: readers disagreed and an adjudicator decided. `false`: they disagreed, and nobody has decided.
    /// Absent: nobody said anything against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjudicated: Option<bool>,
}

impl ClosedWord for AsOf {
    const NAME: &'static str = "as_of";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Split {
    const NAME: &'static str = "split";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// One line of a file: the labelled ticket, and the ticket's JSON as it stands there.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledLine {
    /// What it says.
    pub labelled: LabelledTicket,
    /// The native ticket as it stands in the file: what a writer writes back, fields unknown to us included.
    pub record: Map<String, Value>,
}

/// Why a line is no labelled ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotLabelled {
    /// Longer than any ticket.
    #[error("the line has {0} bytes; at most {LINE_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Not the JSON that is expected.
    #[error("is no {LABELLED_SCHEMA}: {0}")]
    Json(String),
    /// Another schema.
    #[error("names the schema `{0}`; this reader reads {LABELLED_SCHEMA}")]
    Schema(String),
    /// The ticket in it is none.
    #[error("its ticket is none: {0}")]
    Ticket(String),
    /// A word of the label is empty or too long, or there are too many.
    #[error("{0}")]
    Label(String),
}

/// Reads one line of a file.
///
/// # Errors
/// The first thing that makes it no labelled ticket.
pub fn read(line: &str) -> Result<LabelledLine, NotLabelled> {
    if line.len() > LINE_BYTES_MAX {
        return Err(NotLabelled::TooLong(line.len()));
    }
    let record: LabelledRecord =
        serde_json::from_str(line).map_err(|error| NotLabelled::Json(in_line(&error.to_string(), SHOWN_CHARS_MAX)))?;
    let LabelledRecord { schema, ticket: native, label, as_of, split, group, slice } = record;
    if let Some(other) = schema.filter(|schema| schema != LABELLED_SCHEMA) {
        return Err(NotLabelled::Schema(in_line(&other, WORD_BYTES_MAX)));
    }
    let ticket =
        read_inner(&native, &NATIVE).map_err(|reason| NotLabelled::Ticket(in_line(&reason.detail, SHOWN_CHARS_MAX)))?;
    let labelled = LabelledTicket {
        ticket,
        label: label_of(label)?,
        as_of: as_of.map_or(AsOf::Unknown, |word| word.0),
        split: split.map(|word| word.0),
        group: word("group", group)?,
        slice: word("slice", slice)?,
    };
    Ok(LabelledLine { labelled, record: native })
}

fn label_of(record: LabelRecord) -> Result<Label, NotLabelled> {
    let LabelRecord { severity, root_cause, queue, closable, by, adjudicated } = record;
    if by.len() > READERS_MAX {
        return Err(NotLabelled::Label(format!("label.by names {} people; at most {READERS_MAX} are read", by.len())));
    }
    Ok(Label {
        severity: severity.0,
        root_cause: word("label.root_cause", root_cause)?,
        queue: word("label.queue", queue)?,
        closable: closable.map(|word| word.0),
        by: by.into_iter().map(|reader| whole_word("label.by", reader)).collect::<Result<_, _>>()?,
        agreement: match adjudicated {
            None => LabelAgreement::Undisputed,
            Some(true) => LabelAgreement::Adjudicated,
            Some(false) => LabelAgreement::Disputed,
        },
    })
}

/// A word of the file; an empty one is absent.
fn word(field: &str, text: Option<String>) -> Result<Option<String>, NotLabelled> {
    text.filter(|text| !text.trim().is_empty()).map(|text| whole_word(field, text)).transpose()
}

fn whole_word(field: &str, text: String) -> Result<String, NotLabelled> {
    let trimmed = text.trim();
    if trimmed.is_empty() || trimmed.len() > WORD_BYTES_MAX || trimmed.chars().any(char::is_control) {
        return Err(NotLabelled::Label(format!(
            "{field} is no word of 1 to {WORD_BYTES_MAX} bytes without control characters"
        )));
    }
    Ok(trimmed.to_owned())
}

/// The record of a labelled ticket: `serde_json::to_string` makes its line.
///
/// `native` is the ticket's own JSON, which a [`Ticket`](crate::domain::ticket::Ticket) no longer holds in full.
pub fn record(native: Map<String, Value>, labelled: &LabelledTicket) -> LabelledRecord {
    let LabelledTicket { ticket: _, label, as_of, split, group, slice } = labelled;
    let Label { severity, root_cause, queue, closable, by, agreement } = label;
    LabelledRecord {
        schema: Some(LABELLED_SCHEMA.to_owned()),
        ticket: native,
        label: LabelRecord {
            severity: Word(*severity),
            root_cause: root_cause.clone(),
            queue: queue.clone(),
            closable: closable.map(Word),
            by: by.clone(),
            adjudicated: match agreement {
                LabelAgreement::Undisputed => None,
                LabelAgreement::Adjudicated => Some(true),
                LabelAgreement::Disputed => Some(false),
            },
        },
        as_of: Some(Word(*as_of)),
        split: split.map(Word),
        group: group.clone(),
        slice: slice.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = r#"{"schema":"noctriage.labelled/v1","ticket":{"ticket_id":"T1","title":"link down","created_at":"2026-01-05T08:00:00Z","category":"wireless","of_the_site":7},"label":{"severity":"high","root_cause":"fibre_cut","queue":"wan","closable":"no","by":["a","b"],"adjudicated":true},"as_of":"created","split":"test","group":"g1","slice":"wireless"}"#;

    fn with(replaced: &str, by: &str) -> Result<LabelledLine, NotLabelled> {
        assert!(FULL.contains(replaced), "{replaced}");
        read(&FULL.replace(replaced, by))
    }

    #[test]
    fn what_is_read_is_written_back_to_the_letter() {
        let LabelledLine { labelled, record: native } = read(FULL).expect("a labelled ticket");
        assert_eq!(labelled.ticket.category.as_deref(), Some("wireless"));
        assert_eq!((labelled.label.severity, labelled.label.agreement), (Severity::High, LabelAgreement::Adjudicated));
        assert_eq!(serde_json::to_string(&record(native, &labelled)).expect("JSON"), FULL);
    }

    #[test]
    fn ticket_and_severity_are_all_that_is_needed_and_an_unstated_moment_is_unknown() {
        let line = r#"{"ticket":{"ticket_id":"T1","title":"x","created_at":"2026-01-05T08:00:00Z"},"label":{"severity":"low"}}"#;
        let labelled = read(line).expect("a labelled ticket").labelled;
        assert_eq!((labelled.as_of, labelled.split, labelled.label.closable), (AsOf::Unknown, None, None));
        assert_eq!(labelled.label.agreement, LabelAgreement::Undisputed);
    }

    #[test]
    fn a_dispute_that_nobody_has_decided_stays_one() {
        let labelled = with("\"adjudicated\":true", "\"adjudicated\":false").expect("a labelled ticket").labelled;
        assert_eq!(labelled.label.agreement, LabelAgreement::Disputed);
    }

    #[test]
    fn a_line_that_is_none_says_which_field_is_wrong() {
        let check = |found: Result<LabelledLine, NotLabelled>, said: &str| {
            let error = found.expect_err("not a labelled ticket").to_string();
            assert!(error.contains(said), "{error}");
        };
        check(with("\"high\"", "\"P1\""), "`P1` is no severity");
        check(with("\"severity\":\"high\",", ""), "missing field `severity`");
        check(with("labelled/v1", "labelled/v2"), "noctriage.labelled/v2");
        check(with("\"title\":\"link down\",", ""), "title");
        check(with("\"split\":\"test\"", "\"split\":\"exam\""), "`exam` is no split");
        check(with("\"wan\"", &format!("\"{}\"", "x".repeat(257))), "label.queue");
        check(read(&" ".repeat(LINE_BYTES_MAX + 1)), "bytes");
    }
}
