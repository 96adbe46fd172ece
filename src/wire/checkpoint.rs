//! `noctriage.rollout/v1`, keys `checkpoint/<slice>`: what accounts keep of tickets that have left the window. Nothing of any
//! ticket stands in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rollout::closed::{Closed, ClosedLine, LineId, Sums};
use crate::rollout::reading::AccountQuestion;
use crate::rollout::state::Basis;
use crate::rollout::wrong::Permission;
use crate::statistics::sign_test::Discordant;

use super::accounts::{BasisRecord, CutRecord, Impossible, probability};
use super::rollout::{ROLLOUT_SCHEMA, RolloutFault, read};
use super::values::Instant;
use super::words::Word;

/// Beginning of the keys.
pub const CHECKPOINT_KEYS: &str = "checkpoint/";

/// What one slice has closed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointRecord {
    /// `noctriage.rollout/v1`.
    #[schemars(extend("const" = ROLLOUT_SCHEMA))]
    pub schema: String,
    /// Which slice.
    pub slice: String,
    /// Tickets first decided before this instant (append time) are in the sums.
    pub through: Instant,
    /// The first record of each partition that is still needed.
    pub first: CutRecord,
    /// Its accounts, once for every threshold.
    pub lines: Vec<LineRecord>,
}

/// One reading of one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineRecord {
    /// The permission of the account.
    pub permission: Word<Permission>,
    /// Whose answers, on which tickets.
    pub basis: BasisRecord,
    /// The attempt.
    pub attempt: u32,
    /// What it amounts to.
    #[serde(flatten)]
    pub reading: ReadingRecord,
    /// Fingerprints that have counted, each sixteen digits and how often; the one that counted last stands last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fingerprints: Vec<String>,
}

/// What is closed of an account at one threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadingRecord {
    /// At which threshold; absent: every answered ticket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// It holds tickets first decided since this instant (append time).
    pub began: Instant,
    /// What they add up to.
    pub sums: SumsRecord,
}

/// What is closed of an account that a report rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClosedRecord {
    /// Tickets first decided before this instant (append time) are in the sums.
    pub through: Instant,
    /// The first record of each partition that was still needed.
    pub first: CutRecord,
    /// At every threshold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<ReadingRecord>,
}

/// What counted tickets add up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SumsRecord {
    /// Tickets that count.
    pub counted: u64,
    /// Of them wrong.
    pub wrong: u64,
    /// Of them wrong only because nobody answered.
    pub unanswered: u64,
    /// Called critical, or never judged.
    pub missed: u64,
    /// Opened again.
    pub reopened: u64,
    /// Critical tickets that the model expected, in millionths.
    pub expected_critical_millionths: u64,
    /// Only the source was right.
    pub only_source: u64,
    /// Only the model was, and not the source.
    pub only_model: u64,
    /// Only TF-IDF was right, and not the model.
    pub only_baseline: u64,
    /// Only the model was, and not TF-IDF.
    pub not_baseline: u64,
    /// Tickets with an answer of TF-IDF.
    pub beside_baseline: u64,
}

impl From<Sums> for SumsRecord {
    fn from(sums: Sums) -> Self {
        let Sums {
            counted,
            wrong,
            unanswered,
            missed,
            reopened,
            expected_critical_millionths,
            source,
            baseline,
            beside_baseline,
        } = sums;
        Self {
            counted,
            wrong,
            unanswered,
            missed,
            reopened,
            expected_critical_millionths,
            only_source: source.first,
            only_model: source.second,
            only_baseline: baseline.second,
            not_baseline: baseline.first,
            beside_baseline,
        }
    }
}

impl From<SumsRecord> for Sums {
    fn from(record: SumsRecord) -> Self {
        Self {
            counted: record.counted,
            wrong: record.wrong,
            unanswered: record.unanswered,
            missed: record.missed,
            reopened: record.reopened,
            expected_critical_millionths: record.expected_critical_millionths,
            source: Discordant { first: record.only_source, second: record.only_model },
            baseline: Discordant { first: record.not_baseline, second: record.only_baseline },
            beside_baseline: record.beside_baseline,
        }
    }
}

impl From<&ClosedLine> for ReadingRecord {
    fn from(line: &ClosedLine) -> Self {
        let threshold = line.id.threshold.map(crate::domain::probability::Probability::get);
        Self { threshold, began: Instant(line.began), sums: line.sums.into() }
    }
}

impl From<&ClosedLine> for LineRecord {
    fn from(line: &ClosedLine) -> Self {
        let fingerprints = line.fingerprints.iter().map(|(short, count)| format!("{short:016x}{count}"));
        Self {
            permission: Word(line.id.permission),
            basis: (&line.id.basis).into(),
            attempt: line.id.attempt,
            reading: line.into(),
            fingerprints: fingerprints.collect(),
        }
    }
}

impl ReadingRecord {
    fn line(&self, permission: Permission, basis: Basis, attempt: u32) -> Result<ClosedLine, Impossible> {
        let Self { threshold, began, sums } = self;
        let threshold = threshold.map(probability).transpose()?;
        let id = LineId { permission, basis, attempt, threshold };
        Ok(ClosedLine { sums: (*sums).into(), ..ClosedLine::begun(id, began.0) })
    }
}

impl TryFrom<LineRecord> for ClosedLine {
    type Error = Impossible;

    fn try_from(record: LineRecord) -> Result<Self, Impossible> {
        let LineRecord { permission, basis, attempt, reading, fingerprints } = record;
        let fingerprints: Result<Vec<(u64, u8)>, Impossible> =
            fingerprints.iter().map(|text| fingerprint(text)).collect();
        Ok(Self { fingerprints: fingerprints?, ..reading.line(permission.0, basis.into(), attempt)? })
    }
}

fn fingerprint(text: &str) -> Result<(u64, u8), Impossible> {
    let parsed = text
        .split_at_checked(16)
        .and_then(|(short, count)| Some((u64::from_str_radix(short, 16).ok()?, count.parse().ok()?)));
    parsed.ok_or_else(|| Impossible(format!("a fingerprint `{}`", text.chars().take(32).collect::<String>())))
}

impl ClosedRecord {
    /// What a question rests on: the lines of its account alone, and of them no fingerprint.
    pub(super) fn of(question: &AccountQuestion) -> Option<Self> {
        let closed = question.closed.as_ref()?;
        let lines = closed.slices.get(&question.account.slice).map_or(&[][..], Vec::as_slice);
        let readings = lines.iter().filter(|line| line.id.is_of_account(question)).map(ReadingRecord::from);
        Some(Self { through: Instant(closed.through), first: (&closed.first).into(), readings: readings.collect() })
    }

    /// The base of a question. Contract: everything else of the question is read.
    pub(super) fn closed(self, question: &AccountQuestion) -> Result<Closed, Impossible> {
        let Self { through, first, readings } = self;
        let account = &question.account;
        let basis = Basis { model: Arc::clone(&account.model), eligibility_digest: account.eligibility_digest };
        let line = |reading: &ReadingRecord| reading.line(account.permission, basis.clone(), question.attempt);
        let lines: Result<Vec<ClosedLine>, Impossible> = readings.iter().map(line).collect();
        let slices = BTreeMap::from([(Arc::clone(&account.slice), lines?)]);
        Ok(Closed { through: through.0, first: first.into(), slices })
    }
}

impl CheckpointRecord {
    /// Key and record of every slice.
    pub fn all_of(closed: &Closed) -> impl Iterator<Item = (String, Self)> {
        let Closed { through, first, slices } = closed;
        slices.iter().map(|(slice, lines)| {
            let record = Self {
                schema: ROLLOUT_SCHEMA.to_owned(),
                slice: slice.as_ref().to_owned(),
                through: Instant(*through),
                first: first.into(),
                lines: lines.iter().map(LineRecord::from).collect(),
            };
            (format!("{CHECKPOINT_KEYS}{slice}"), record)
        })
    }
}

/// The newest checkpoint of every slice, as they stand in the topic.
#[derive(Debug, Default)]
pub struct Checkpoints(BTreeMap<String, Vec<u8>>);

impl Checkpoints {
    /// Takes a record of the rollout topic, if it is a checkpoint.
    pub fn take(&mut self, key: &str, value: Option<Vec<u8>>) {
        if !key.starts_with(CHECKPOINT_KEYS) {
            return;
        }
        match value {
            Some(value) => self.0.insert(key.to_owned(), value),
            None => self.0.remove(key),
        };
    }

    /// What is closed; `None`: nothing was yet. A slice that is not closed with the others any more is configured no more.
    ///
    /// # Errors
    /// One that this version cannot read.
    pub fn closed(&self) -> Result<Option<Closed>, RolloutFault> {
        let records = self.0.values().map(|value| read(value, |record: &CheckpointRecord| &record.schema));
        let records: Vec<CheckpointRecord> = records.collect::<Result<_, _>>()?;
        let Some(through) = records.iter().map(|record| record.through.0).max() else { return Ok(None) };
        let mut closed = Closed { through, ..Closed::default() };
        for CheckpointRecord { slice, first, lines, .. } in
            records.into_iter().filter(|record| record.through.0 == through)
        {
            let lines: Result<Vec<ClosedLine>, Impossible> = lines.into_iter().map(ClosedLine::try_from).collect();
            let lines = lines.map_err(|impossible| RolloutFault(format!("{CHECKPOINT_KEYS}{slice}: {impossible}")))?;
            closed.first = first.into();
            closed.slices.insert(Arc::from(slice.as_str()), lines);
        }
        Ok(Some(closed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::probability::Probability;
    use crate::domain::stage::AutoAction;
    use crate::domain::time::UtcMillis;
    use crate::rollout::closed::FINGERPRINTS_MAX;
    use crate::rollout::decision::ModelKey;
    use crate::rollout::log::{Cut, EvidenceTopic};
    use crate::rollout::state::ACCOUNTS_MAX;

    /// The greatest base of a slice: four models, three permissions each, a grid of six and another threshold.
    fn greatest() -> Closed {
        let digits = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let fingerprints: Vec<(u64, u8)> = (0..FINGERPRINTS_MAX as u64).map(|number| (digits(number), 5)).collect();
        let mut lines = Vec::new();
        for model in 0..ACCOUNTS_MAX / Permission::ALL.len() {
            let model = ModelKey {
                name: "triage-of-a-long-name".to_owned(),
                version: format!("2026.11.{model}"),
                digest: Digest([model as u8; 32]),
                calibration_digest: Digest([7; 32]),
            };
            let basis = Basis { model: Arc::new(model), eligibility_digest: Digest([9; 32]) };
            for permission in Permission::ALL {
                let readings: &[u32] = if permission == Permission::Suggest { &[0] } else { &[0, 1, 2, 3, 4, 5, 6, 7] };
                for reading in readings {
                    let threshold =
                        (*reading > 0).then(|| Probability::try_new(f64::from(90 + *reading) / 100.0).unwrap());
                    let id = LineId { permission, basis: basis.clone(), attempt: 2, threshold };
                    let sums = Sums { counted: 123_456, wrong: 1_234, ..Sums::NONE };
                    let fingerprints = fingerprints.clone();
                    lines.push(ClosedLine {
                        sums,
                        fingerprints,
                        ..ClosedLine::begun(id, UtcMillis(1_795_000_000_000))
                    });
                }
            }
        }
        let mut first = Cut::start();
        for topic in EvidenceTopic::ALL {
            (0..128).for_each(|partition| first.set_next(topic, partition, 1_234_567_890));
        }
        let slices = BTreeMap::from([(Arc::from("rest"), lines)]);
        Closed { through: UtcMillis(1_797_552_000_000), first, slices }
    }

    #[test]
    fn the_greatest_base_of_a_slice_is_a_record_that_a_broker_takes_and_is_read_back_whole() {
        let closed = greatest();
        let auto = Permission::Auto(AutoAction::Resolve);
        assert!(closed.slices["rest"].iter().any(|line| line.id.permission == auto));
        let mut checkpoints = Checkpoints::default();
        for (key, record) in CheckpointRecord::all_of(&closed) {
            let value = serde_json::to_vec(&record).unwrap();
            assert!(value.len() < 1_000_000, "{} bytes", value.len());
            checkpoints.take(&key, Some(value));
        }
        checkpoints.take("map", Some(b"{}".to_vec()));
        assert_eq!(checkpoints.closed().unwrap(), Some(closed));
    }

    #[test]
    fn a_slice_that_was_closed_no_more_is_left_out_and_what_cannot_be_read_is_said() {
        let (newer, mut older) = (greatest(), greatest());
        older.through = UtcMillis(0);
        older.slices = BTreeMap::from([(Arc::from("gone"), Vec::new())]);
        let mut checkpoints = Checkpoints::default();
        for (key, record) in CheckpointRecord::all_of(&newer).chain(CheckpointRecord::all_of(&older)) {
            checkpoints.take(&key, serde_json::to_vec(&record).ok());
        }
        assert_eq!(checkpoints.closed().unwrap(), Some(newer));
        checkpoints.take("checkpoint/rest", Some(b"{}".to_vec()));
        assert!(checkpoints.closed().is_err());
        checkpoints.take("checkpoint/rest", None);
        assert_eq!(checkpoints.closed().unwrap().map(|closed| closed.through), Some(UtcMillis(0)));
    }
}
