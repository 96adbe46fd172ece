//! Parts that stand in records of the rollout and of transitions alike: models, cuts, accounts, positions.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::probability::Probability;
use crate::domain::stage::{Share, Stage};
use crate::domain::ticket::TicketId;
use crate::rollout::control::Signature;
use crate::rollout::counting::AccountKey;
use crate::rollout::decision::ModelKey;
use crate::rollout::ladder::{Position, Rise};
use crate::rollout::log::{Cut, EvidenceTopic};
use crate::rollout::reading::{AccountQuestion, StepKind, StepQuestion};
use crate::rollout::state::Basis;
use crate::rollout::wrong::Permission;

use super::checkpoint::ClosedRecord;
use super::values::{HexDigest, Instant, rounded};
use super::words::{ClosedWord, Word};

/// A part of a record that says something impossible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Impossible(pub String);

impl Impossible {
    pub(super) fn of(what: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {error}"))
    }
}

/// A model with its calibration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelRecord {
    /// Name on the card.
    pub name: String,
    /// Version on the card.
    pub version: String,
    /// Digest of the model directory.
    pub digest: HexDigest,
    /// Digest of its calibration.
    pub calibration_digest: HexDigest,
}

/// What a permission rests on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BasisRecord {
    /// The model.
    pub model: ModelRecord,
    /// Digest of all that decides eligibility except the threshold.
    pub eligibility_digest: HexDigest,
}

/// The next offset to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CutPartition {
    /// Which topic.
    pub topic: Word<EvidenceTopic>,
    /// Which partition.
    pub partition: i32,
    /// The next offset to read.
    pub next: i64,
}

/// What had been read: the next offset of every partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct CutRecord(pub Vec<CutPartition>);

/// Stage and shares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PositionRecord {
    /// The stage.
    pub stage: Word<Stage>,
    /// Share of auto_triage.
    pub auto_triage: f64,
    /// Share of auto_resolve.
    pub auto_resolve: f64,
}

/// An account as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountQuestionRecord {
    /// Permission slice.
    pub slice: String,
    /// What may be earned.
    pub permission: Word<Permission>,
    /// Whose answers, on which tickets.
    pub basis: BasisRecord,
    /// Confidence needed.
    pub threshold: f64,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Weight of the slice.
    pub slice_weight: f64,
    /// Weight of the threshold.
    pub threshold_weight: f64,
    /// Only tickets first decided behind this cut count.
    pub after: CutRecord,
    /// What had left the window; absent: nothing had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<ClosedRecord>,
}

/// A step as it is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StepQuestionRecord {
    /// The account.
    pub account: AccountQuestionRecord,
    /// Whether it changes the stage or a share.
    pub kind: Word<StepKind>,
    /// Since when the slice is where it is (desk time).
    pub since: Instant,
}

impl ClosedWord for EvidenceTopic {
    const NAME: &'static str = "evidence topic";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Permission {
    const NAME: &'static str = "permission";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Rise {
    const NAME: &'static str = "kind of step";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for StepKind {
    const NAME: &'static str = "reading of a step";
    fn all() -> &'static [Self] {
        &[Self::Stage, Self::Share]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Share => "share",
        }
    }
}

impl From<&ModelKey> for ModelRecord {
    fn from(model: &ModelKey) -> Self {
        let ModelKey { name, version, digest, calibration_digest } = model;
        Self {
            name: name.clone(),
            version: version.clone(),
            digest: HexDigest(*digest),
            calibration_digest: HexDigest(*calibration_digest),
        }
    }
}

impl From<ModelRecord> for ModelKey {
    fn from(record: ModelRecord) -> Self {
        let ModelRecord { name, version, digest, calibration_digest } = record;
        Self { name, version, digest: digest.0, calibration_digest: calibration_digest.0 }
    }
}

impl From<&Basis> for BasisRecord {
    fn from(basis: &Basis) -> Self {
        let Basis { model, eligibility_digest } = basis;
        Self { model: ModelRecord::from(&**model), eligibility_digest: HexDigest(*eligibility_digest) }
    }
}

impl From<BasisRecord> for Basis {
    fn from(record: BasisRecord) -> Self {
        Self { model: Arc::new(record.model.into()), eligibility_digest: record.eligibility_digest.0 }
    }
}

impl From<&Cut> for CutRecord {
    fn from(cut: &Cut) -> Self {
        let partition = |(topic, partition, next)| CutPartition { topic: Word(topic), partition, next };
        Self(cut.partitions().map(partition).collect())
    }
}

impl From<CutRecord> for Cut {
    fn from(record: CutRecord) -> Self {
        let mut cut = Self::start();
        for CutPartition { topic, partition, next } in record.0 {
            cut.set_next(topic.0, partition, next);
        }
        cut
    }
}

impl From<Position> for PositionRecord {
    fn from(position: Position) -> Self {
        let [auto_triage, auto_resolve] = position.shares().map(|share| rounded(share.get()));
        Self { stage: Word(position.stage()), auto_triage, auto_resolve }
    }
}

impl TryFrom<&PositionRecord> for Position {
    type Error = Impossible;

    fn try_from(record: &PositionRecord) -> Result<Self, Impossible> {
        let share = |value| Share::try_new(value).map_err(|error| Impossible::of("share", error));
        let shares = [share(record.auto_triage)?, share(record.auto_resolve)?];
        Self::try_new(record.stage.0, shares).map_err(|error| Impossible::of("position", error))
    }
}

impl From<&AccountQuestion> for AccountQuestionRecord {
    fn from(question: &AccountQuestion) -> Self {
        let AccountQuestion { account, attempt, slice_weight, threshold_weight, after, closed: _ } = question;
        let AccountKey { slice, permission, model, eligibility_digest, threshold } = account;
        let basis = Basis { model: Arc::clone(model), eligibility_digest: *eligibility_digest };
        Self {
            slice: slice.as_ref().to_owned(),
            permission: Word(*permission),
            basis: BasisRecord::from(&basis),
            threshold: threshold.get(),
            attempt: *attempt,
            slice_weight: *slice_weight,
            threshold_weight: *threshold_weight,
            after: CutRecord::from(after),
            closed: ClosedRecord::of(question),
        }
    }
}

impl TryFrom<AccountQuestionRecord> for AccountQuestion {
    type Error = Impossible;

    fn try_from(record: AccountQuestionRecord) -> Result<Self, Impossible> {
        let Basis { model, eligibility_digest } = record.basis.into();
        let slice = Arc::from(record.slice.as_str());
        let threshold = probability(record.threshold)?;
        let question = Self {
            account: AccountKey { slice, permission: record.permission.0, model, eligibility_digest, threshold },
            attempt: record.attempt,
            slice_weight: record.slice_weight,
            threshold_weight: record.threshold_weight,
            after: record.after.into(),
            closed: None,
        };
        let closed = record.closed.map(|closed| closed.closed(&question)).transpose()?;
        Ok(Self { closed: closed.map(Arc::new), ..question })
    }
}

impl From<&StepQuestion> for StepQuestionRecord {
    fn from(question: &StepQuestion) -> Self {
        let StepQuestion { account, kind, since } = question;
        Self { account: account.into(), kind: Word(*kind), since: Instant(*since) }
    }
}

impl TryFrom<StepQuestionRecord> for StepQuestion {
    type Error = Impossible;

    fn try_from(record: StepQuestionRecord) -> Result<Self, Impossible> {
        Ok(Self { account: record.account.try_into()?, kind: record.kind.0, since: record.since.0 })
    }
}

pub(super) fn probability(value: f64) -> Result<Probability, Impossible> {
    Probability::try_new(value).map_err(|error| Impossible::of("threshold", error))
}

pub(super) fn ticket(name: &str) -> Result<TicketId, Impossible> {
    TicketId::try_new(name).map_err(|error| Impossible::of("ticket", error))
}

pub(super) fn signature(who: &str, reason: &str) -> Result<Signature, Impossible> {
    Signature::try_new(who, reason).map_err(|error| Impossible::of("signature", error))
}
