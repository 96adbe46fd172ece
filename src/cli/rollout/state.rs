//! The rollout as it stands, and what became of a request, read from Kafka for commands.

use std::sync::Arc;
use std::time::{Duration, Instant as Deadline};

use anyhow::anyhow;

use crate::config::Settings;
use crate::config::settings::{KafkaSettings, RolloutMode};
use crate::kafka::scan::{ScanError, ScanFrom, Scanned, scan};
use crate::rollout::state::RolloutState;
use crate::wire::checkpoint::Checkpoints;
use crate::wire::rollout::{MAP_KEY, MapRecord};
use crate::wire::transition::AuditRecord;

use super::super::{EXIT_TEMPORARY, Failure};

/// Records of the audit trail in which an answer is looked for: one that is being waited for is among the last.
const LAST_RECORDS: u64 = 256;
/// Between two looks.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);

/// Refuses where stages are not earned: nobody would answer.
pub(in crate::cli) fn check_earned(settings: &Settings) -> Result<(), Failure> {
    match settings.rollout.mode {
        RolloutMode::Earned => Ok(()),
        RolloutMode::Fixed => Err(Failure::usage(anyhow!(
            "rollout.mode is fixed: stages are what rollout.fixed_stage and rollout.shares say. hint: change them and reload, or \
             set rollout.mode = \"earned\""
        ))),
    }
}

/// The map and state that stand; `None`: there is no rollout yet.
pub(in crate::cli) fn current(kafka: &KafkaSettings) -> Result<Option<(MapRecord, RolloutState)>, Failure> {
    let (mut map, mut checkpoints) = (None, Checkpoints::default());
    read(kafka, &kafka.topics.rollout, ScanFrom::Start, |scanned| {
        match scanned.record.key.as_deref().map(std::str::from_utf8) {
            Some(Ok(MAP_KEY)) => map = scanned.record.value,
            Some(Ok(key)) => checkpoints.take(key, scanned.record.value),
            Some(Err(_)) | None => {}
        }
    })?;
    let Some(value) = map else { return Ok(None) };
    let record = MapRecord::read(&value).map_err(|fault| Failure::new(EXIT_TEMPORARY, fault))?;
    let state = RolloutState::try_from(record.state.clone()).map_err(|fault| Failure::new(EXIT_TEMPORARY, fault))?;
    let closed = checkpoints.closed().map_err(|fault| Failure::new(EXIT_TEMPORARY, fault))?;
    Ok(Some((record, RolloutState { closed: closed.map(Arc::new), ..state })))
}

/// The audit trail, oldest first, each record with its offset, and how many records this version cannot read.
pub(in crate::cli) fn trail(kafka: &KafkaSettings, from: ScanFrom) -> Result<(Vec<(i64, AuditRecord)>, u64), Failure> {
    let (mut records, mut unreadable) = (Vec::new(), 0);
    read(kafka, &kafka.topics.transitions, from, |scanned| {
        match AuditRecord::read(scanned.record.value.as_deref().unwrap_or_default()) {
            Some(record) => records.push((scanned.offset, record)),
            None => unreadable += 1,
        }
    })?;
    Ok((records, unreadable))
}

/// Waits for the leader's answer to the request at an offset; `None`: nobody has answered in time.
pub(super) fn answer(kafka: &KafkaSettings, offset: i64, longest: Duration) -> Result<Option<AuditRecord>, Failure> {
    let until = Deadline::now() + longest;
    loop {
        let (records, _) = trail(kafka, ScanFrom::Last(LAST_RECORDS))?;
        let answer = records.into_iter().map(|(_, record)| record).find(|record| is_answer(record, offset));
        if answer.is_some() || Deadline::now() + BETWEEN_LOOKS >= until {
            return Ok(answer);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// A transition that a person asked for ends right behind their request; a refusal names it.
fn is_answer(record: &AuditRecord, offset: i64) -> bool {
    match record {
        AuditRecord::Transition(record) => record.who.is_some() && record.control_next == offset + 1,
        AuditRecord::Refusal(record) => record.offset == offset,
    }
}

fn read(kafka: &KafkaSettings, topic: &str, from: ScanFrom, sink: impl FnMut(Scanned)) -> Result<(), Failure> {
    scan(kafka, topic, from, sink, |_| {}).map_err(|error: ScanError| Failure::new(EXIT_TEMPORARY, error))
}
