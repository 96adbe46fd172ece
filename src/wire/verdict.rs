//! From the bytes of a record to what a person said about a ticket.
//!
//! Two kinds of records: `noctriage.verdict/v1` (commands, integrations), and, where the verdict rule says so,
//! events of the ticket system. Nothing here panics, and nothing is silently replaced.

mod explicit;
mod pseudonym;
mod record;
mod servicenow;
pub mod settings;
#[cfg(test)]
mod tests;
mod words;

use crate::domain::ticket::TicketId;
use crate::domain::verdict::Verdict;

use super::intake::envelope::{self, Opened};
use super::intake::tree::{Json, Object};
use super::intake::{DeadLetterClass, DeadLetterReason, RawRecord};

pub use pseudonym::PseudonymKey;
pub use record::VerdictRecord;
pub use settings::{NoWorkCodes, VerdictRule, VerdictSettings};

/// Schema of a verdict.
pub const VERDICT_SCHEMA: &str = "noctriage.verdict/v1";

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum VerdictIntake {
    /// A statement.
    Verdict(Box<Verdict>),
    /// noctriage's own write came back: never a verdict.
    Ours(TicketId),
    /// An event of the ticket system in which nobody states anything.
    NoStatement,
    /// Neither.
    DeadLetter(DeadLetterReason),
}

impl VerdictIntake {
    fn verdict(verdict: Verdict) -> Self {
        Self::Verdict(Box::new(verdict))
    }
}

/// Which records lie in a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictSource {
    /// Verdicts, and events of the ticket system where the rule reads them there.
    Verdicts,
    /// Events of the ticket system alone: the input topic.
    Events,
}

/// Pointers of all fields of a verdict that the reader knows.
pub fn known_verdict_fields() -> impl Iterator<Item = &'static str> {
    explicit::FIELDS.into_iter()
}

/// Reads one record. Total: whatever the bytes, the answer is a verdict, our own write, no statement or a dead letter.
pub fn read(record: &RawRecord, source: VerdictSource, settings: &VerdictSettings) -> VerdictIntake {
    let answer = match source {
        VerdictSource::Verdicts => verdict_or_event(record, settings),
        VerdictSource::Events => event(record, settings),
    };
    answer.unwrap_or_else(VerdictIntake::DeadLetter)
}

fn verdict_or_event(record: &RawRecord, settings: &VerdictSettings) -> Result<VerdictIntake, DeadLetterReason> {
    let Some(payload) = payload(record, settings)? else {
        let detail = "a tombstone is no verdict: what was stated is corrected by another verdict (supersedes)";
        return Err(DeadLetterReason::new(DeadLetterClass::MissingField, detail));
    };
    let object = object(&payload)?;
    match settings.rule {
        Some(rule) if !explicit::is_verdict(object) => servicenow::read(&payload, record, rule, settings),
        Some(_) | None => explicit::read(object, &settings.intake).map(VerdictIntake::verdict),
    }
}

fn event(record: &RawRecord, settings: &VerdictSettings) -> Result<VerdictIntake, DeadLetterReason> {
    let Some(rule) = settings.rule else { return Ok(VerdictIntake::NoStatement) };
    let Some(payload) = payload(record, settings)? else { return Ok(VerdictIntake::NoStatement) };
    object(&payload)?;
    servicenow::read(&payload, record, rule, settings)
}

fn object<'payload>(payload: &'payload Json<'payload>) -> Result<&'payload Object<'payload>, DeadLetterReason> {
    payload.as_object().ok_or_else(|| {
        let detail = "the value is JSON, but no object: publish one verdict per record";
        DeadLetterReason::new(DeadLetterClass::NotJson, detail)
    })
}

/// The JSON inside the envelope; `None` for a tombstone.
fn payload<'record>(
    record: &'record RawRecord,
    settings: &VerdictSettings,
) -> Result<Option<Json<'record>>, DeadLetterReason> {
    let Some(value) = record.value.as_deref() else { return Ok(None) };
    let limits = &settings.intake.limits;
    let bytes_max = limits.record_bytes_max;
    if value.len() > bytes_max {
        let detail = format!("the value has {} bytes; {bytes_max} are allowed (source.record_kib_max)", value.len());
        return Err(DeadLetterReason::new(DeadLetterClass::TooLarge, detail));
    }
    let Opened { payload, prefix: _ } = envelope::open(record, value, limits)?;
    Ok(Some(payload))
}
