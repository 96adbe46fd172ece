//! From a decided record to everything that is written for it.

use crate::domain::prediction::Answer;
use crate::policy::RecordFacts;
use crate::policy::decided::Decided;
use crate::policy::ruling::{Moment, Ruling};

use super::decision::Latency;
use super::intake::{DeadLetterReason, RawRecord};
use super::output::OutputRecord;
use super::values::SourcePosition;

/// Everything that is known of one decided record.
#[derive(Clone, Copy, Debug)]
pub struct DecidedRecord<'record> {
    /// Where the input record lies.
    pub position: &'record SourcePosition,
    /// The input record, for the dead letter.
    pub raw: &'record RawRecord,
    /// Why it is no ticket; read for outcome `dead_letter` alone.
    pub dead_letter: Option<&'record DeadLetterReason>,
    /// What it was decided as.
    pub facts: &'record RecordFacts<'record>,
    /// What the models say, acting first.
    pub answers: &'record [Answer],
    /// What `decide` returned.
    pub decided: &'record Decided,
    /// What was in force.
    pub ruling: &'record Ruling,
    /// When.
    pub moment: &'record Moment,
    /// Parts of the latency, where a model was asked.
    pub latency: Option<&'record Latency>,
}

/// All output records of one input record, the decision first. Stamp them with
/// [`super::output::stamp_transaction`] when the transaction is complete.
pub fn output_records(record: &DecidedRecord<'_>) -> Vec<OutputRecord> {
    let _ = record;
    Vec::new()
}
