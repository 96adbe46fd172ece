//! `noctriage.rollout/v1`: what the leading instance says, for every instance to follow. Keys: `lease`, `map`; what
//! stands under `checkpoint/` is in [`super::checkpoint`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::policy::draws::DrawRate;
use crate::policy::ruling::{Grant, SlicePermission, StageMap};

use super::rollout_state::StateRecord;
use super::values::{HexDigest, Instant};
use super::words::Word;

/// Value of `schema` in every record of this type.
pub const ROLLOUT_SCHEMA: &str = "noctriage.rollout/v1";

/// Key of the lease.
pub const LEASE_KEY: &str = "lease";
/// Key of the stage map.
pub const MAP_KEY: &str = "map";

/// Longest record that is read: 64 slices with all that is known of each.
const RECORD_BYTES_MAX: usize = 1 << 20;

/// Longest lease that is believed: one hour, which is the greatest that the configuration takes.
const LENGTH_MS_MAX: i64 = 3_600_000;

/// The lease was renewed. It says how long it is and never until when: clocks differ, and every instance counts on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LeaseRecord {
    /// `noctriage.rollout/v1`.
    #[schemars(extend("const" = ROLLOUT_SCHEMA))]
    pub schema: String,
    /// The instance that leads.
    pub leader: String,
    /// When it began to lead (its operating time).
    pub leading_since: Instant,
    /// Number of the renewal since then, from 1.
    pub counter: u64,
    /// Length of the lease in milliseconds.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub length_ms: i64,
    /// The revision of the rollout that it is for.
    pub rollout_revision: u64,
}

/// What every slice is permitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MapRecord {
    /// `noctriage.rollout/v1`.
    #[schemars(extend("const" = ROLLOUT_SCHEMA))]
    pub schema: String,
    /// Revision of the rollout; rises by one with every transition.
    pub rollout_revision: u64,
    /// The instance that wrote it.
    pub leader: String,
    /// When (its operating time).
    pub written_at: Instant,
    /// One entry per slice; a slice without one is in shadow. This is what instances follow.
    pub permissions: Vec<PermissionRecord>,
    /// What the next leader begins from.
    pub state: StateRecord,
}

/// What one slice is permitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PermissionRecord {
    /// Name of the slice.
    pub slice: String,
    /// Its stage.
    pub stage: Word<Stage>,
    /// Shares and grants of its automatic actions; an action that is not named is not permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<ActionPermission>,
    /// Rate of the evidence draw where the configuration says `auto`, 0.1 to 1; absent: 0.1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 1.0))]
    pub evidence_rate: Option<f64>,
}

/// What is permitted of one automatic action.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActionPermission {
    /// Which.
    pub action: Word<AutoAction>,
    /// Share of eligible tickets, 0 to 0.8.
    #[schemars(range(min = 0.0, max = 0.8))]
    pub share: f64,
    /// Digest of the model.
    pub model_digest: HexDigest,
    /// Digest of its calibration.
    pub calibration_digest: HexDigest,
    /// Digest of all that decides eligibility.
    pub eligibility_digest: HexDigest,
    /// The lowest confidence that was earned.
    pub threshold_min: f64,
}

/// Why a record of the rollout topic cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a record of the rollout that this version cannot read: {0}")]
pub struct RolloutFault(pub String);

pub(super) fn read<T: serde::de::DeserializeOwned>(
    value: &[u8],
    schema: impl Fn(&T) -> &str,
) -> Result<T, RolloutFault> {
    if value.len() > RECORD_BYTES_MAX {
        return Err(RolloutFault(format!("it has {} bytes, more than {RECORD_BYTES_MAX}", value.len())));
    }
    let record: T = serde_json::from_slice(value).map_err(|error| RolloutFault(error.to_string()))?;
    if schema(&record) == ROLLOUT_SCHEMA {
        Ok(record)
    } else {
        let found: String = schema(&record).chars().take(64).collect();
        Err(RolloutFault(format!("its schema is `{found}`, not {ROLLOUT_SCHEMA}")))
    }
}

impl LeaseRecord {
    /// Reads a record with the key `lease`.
    ///
    /// # Errors
    /// It is none, or its length is not one that the configuration takes.
    pub fn read(value: &[u8]) -> Result<Self, RolloutFault> {
        let record: Self = read(value, |record: &Self| &record.schema)?;
        if (1..=LENGTH_MS_MAX).contains(&record.length_ms) {
            Ok(record)
        } else {
            Err(RolloutFault(format!("a lease of {} ms; 1 to {LENGTH_MS_MAX} are believed", record.length_ms)))
        }
    }
}

impl MapRecord {
    /// Reads a record with the key `map`.
    ///
    /// # Errors
    /// It is none.
    pub fn read(value: &[u8]) -> Result<Self, RolloutFault> {
        read(value, |record: &Self| &record.schema)
    }

    /// The permissions of a map.
    ///
    /// Grants that name no model permit whichever is loaded; only a stage fixed by the configuration has such, and it is
    /// written to no topic, so they are left out here, which permits nothing.
    pub fn permissions_of(map: &StageMap) -> Vec<PermissionRecord> {
        let action_of = |entry: &SlicePermission, action: AutoAction| {
            let Grant { model_digest, calibration_digest, eligibility_digest, threshold_min } =
                entry.grants[action.index()].as_ref()?;
            Some(ActionPermission {
                action: Word(action),
                share: entry.shares[action.index()].get(),
                model_digest: HexDigest((*model_digest)?),
                calibration_digest: HexDigest((*calibration_digest)?),
                eligibility_digest: HexDigest((*eligibility_digest)?),
                threshold_min: threshold_min.get(),
            })
        };
        let permission = |entry: &SlicePermission| PermissionRecord {
            slice: entry.slice.clone(),
            stage: Word(entry.stage),
            actions: AutoAction::ALL.into_iter().filter_map(|action| action_of(entry, action)).collect(),
            evidence_rate: Some(entry.evidence_rate.get()),
        };
        map.slices.iter().map(permission).collect()
    }

    /// The stage map that it says.
    ///
    /// # Errors
    /// A share, threshold or rate that is none: then nothing of the record is followed.
    pub fn stage_map(&self) -> Result<StageMap, RolloutFault> {
        let slices: Result<Vec<SlicePermission>, RolloutFault> = self.permissions.iter().map(permission).collect();
        Ok(StageMap { rollout_revision: self.rollout_revision, slices: slices? })
    }
}

fn permission(record: &PermissionRecord) -> Result<SlicePermission, RolloutFault> {
    let of_slice = |problem: String| RolloutFault(format!("slice `{}`: {problem}", record.slice));
    let rate = record.evidence_rate.map_or(Ok(DrawRate::LEAST), DrawRate::try_new);
    let mut permission = SlicePermission {
        slice: record.slice.clone(),
        stage: record.stage.0,
        shares: [Share::ZERO; 2],
        grants: [None, None],
        evidence_rate: rate.map_err(|error| of_slice(error.to_string()))?,
    };
    for entry in &record.actions {
        let place = entry.action.0.index();
        permission.shares[place] = Share::try_new(entry.share).map_err(|error| of_slice(error.to_string()))?;
        permission.grants[place] = Some(Grant {
            model_digest: Some(entry.model_digest.0),
            calibration_digest: Some(entry.calibration_digest.0),
            eligibility_digest: Some(entry.eligibility_digest.0),
            threshold_min: Probability::try_new(entry.threshold_min).map_err(|error| of_slice(error.to_string()))?,
        });
    }
    Ok(permission)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::time::UtcMillis;
    use crate::rollout::state::RolloutState;

    fn lease() -> LeaseRecord {
        LeaseRecord {
            schema: ROLLOUT_SCHEMA.to_owned(),
            leader: "noc-a".to_owned(),
            leading_since: Instant(UtcMillis(1_764_000_000_000)),
            counter: 3,
            length_ms: 90_000,
            rollout_revision: 7,
        }
    }

    fn grant(number: u8) -> Grant {
        Grant {
            model_digest: Some(Digest([number; 32])),
            calibration_digest: Some(Digest([number + 1; 32])),
            eligibility_digest: Some(Digest([number + 2; 32])),
            threshold_min: Probability::try_new(0.95).unwrap(),
        }
    }

    fn map() -> StageMap {
        let share = |value| Share::try_new(value).unwrap();
        let entry = |slice: &str, stage, shares, grants, rate| {
            let evidence_rate = DrawRate::try_new(rate).unwrap();
            SlicePermission { slice: slice.to_owned(), stage, shares, grants, evidence_rate }
        };
        StageMap {
            rollout_revision: 7,
            slices: vec![
                entry("core", Stage::Shadow, [Share::ZERO; 2], [None, None], 1.0),
                entry("wireless", Stage::AutoTriage, [share(0.05), Share::ZERO], [Some(grant(1)), None], 0.1),
                entry("rest", Stage::AutoResolve, [share(0.8), share(0.25)], [Some(grant(1)), Some(grant(5))], 0.4),
            ],
        }
    }

    fn record(map: &StageMap) -> MapRecord {
        MapRecord {
            schema: ROLLOUT_SCHEMA.to_owned(),
            rollout_revision: map.rollout_revision,
            leader: "noc-a".to_owned(),
            written_at: Instant(UtcMillis(1_764_000_000_000)),
            permissions: MapRecord::permissions_of(map),
            state: StateRecord::from(&RolloutState { revision: map.rollout_revision, ..RolloutState::default() }),
        }
    }

    #[test]
    fn a_lease_is_read_back_and_one_of_an_absurd_length_is_not_believed() {
        assert_eq!(LeaseRecord::read(&serde_json::to_vec(&lease()).unwrap()), Ok(lease()));
        for length_ms in [0, -1, 3_600_001] {
            let absurd = serde_json::to_vec(&LeaseRecord { length_ms, ..lease() }).unwrap();
            assert!(LeaseRecord::read(&absurd).is_err(), "{length_ms}");
        }
    }

    #[test]
    fn a_map_permits_after_the_way_over_the_topic_what_it_permitted_before() {
        let written = serde_json::to_vec(&record(&map())).unwrap();
        assert_eq!(MapRecord::read(&written).unwrap().stage_map().unwrap(), map());
    }

    #[test]
    fn a_grant_that_names_no_model_is_never_written() {
        let mut open = map();
        open.slices[1].grants[0] = Some(Grant { model_digest: None, ..grant(1) });
        assert_eq!(MapRecord::permissions_of(&open)[1].actions, []);
    }

    #[test]
    fn a_map_with_one_impossible_share_is_not_followed_at_all() {
        let mut wrong = record(&map());
        wrong.permissions[1].actions[0].share = 0.81;
        let fault = wrong.stage_map().unwrap_err();
        assert!(fault.to_string().contains("slice `wireless`: 0.81 is not a share"), "{fault}");
    }

    #[test]
    fn a_map_that_says_no_rate_draws_the_least_and_an_impossible_rate_is_not_followed() {
        let mut old = record(&map());
        old.permissions.iter_mut().for_each(|permission| permission.evidence_rate = None);
        let written = serde_json::to_vec(&old).unwrap();
        assert!(!String::from_utf8_lossy(&written).contains("evidence_rate"));
        let followed = MapRecord::read(&written).unwrap().stage_map().unwrap();
        assert!(followed.slices.iter().all(|slice| slice.evidence_rate == DrawRate::LEAST));
        old.permissions[2].evidence_rate = Some(0.05);
        let fault = old.stage_map().unwrap_err();
        assert!(fault.to_string().contains("slice `rest`: 0.05 is not a rate of the evidence draw"), "{fault}");
    }

    #[test]
    fn a_record_of_another_schema_is_not_read() {
        let other = serde_json::to_vec(&LeaseRecord { schema: "noctriage.rollout/v2".to_owned(), ..lease() }).unwrap();
        assert!(LeaseRecord::read(&other).unwrap_err().to_string().contains("noctriage.rollout/v2"));
        assert!(MapRecord::read(&vec![b' '; RECORD_BYTES_MAX + 1]).is_err());
    }
}
