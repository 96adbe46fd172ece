//! `noctriage.control/v1`: what a person asks of the rollout. Whoever may write to the topic may ask; `who` is what the
//! writer claims, which Kafka does not prove.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::stage::Stage;
use crate::rollout::control::{Approve, Ask, ControlRequest, HaltScope, Lock, Promote, Signature, SwitchModel};

use super::values::{HexDigest, Instant};
use super::words::{ClosedWord, Word};

/// Value of `schema` in every record of this type.
pub const CONTROL_SCHEMA: &str = "noctriage.control/v1";

/// Longest record that is read: a reason of a thousand characters, and sixty-four holes of half a kilobyte.
const RECORD_BYTES_MAX: usize = 64 << 10;

/// Longest name of a slice.
const SLICE_BYTES_MAX: usize = 128;

/// Most holes that one request acknowledges.
const HOLES_MAX: usize = 64;

/// Every field of [`ControlRecord`].
const FIELDS: [&str; 13] = [
    "schema",
    "kind",
    "who",
    "reason",
    "asked_at",
    "expires_at",
    "slice",
    "stage",
    "rollout_revision",
    "lift_lock",
    "model_digest",
    "calibration_digest",
    "holes",
];

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ControlKind {
    /// No automatic action until somebody resumes, in one slice or everywhere.
    Halt,
    /// Lifts a halt.
    Resume,
    /// Lets a slice take its next step as soon as its gates pass.
    Promote,
    /// Lets a slice go on acting where it stands, for another while.
    Approve,
    /// Takes a slice to a weaker stage, at once.
    StepBack,
    /// Makes another model the acting one.
    SwitchModel,
    /// Accepts that evidence is missing.
    AcknowledgeHoles,
}

impl ControlKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Halt,
        Self::Resume,
        Self::Promote,
        Self::Approve,
        Self::StepBack,
        Self::SwitchModel,
        Self::AcknowledgeHoles,
    ];

    /// The word used in records and on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Halt => "halt",
            Self::Resume => "resume",
            Self::Promote => "promote",
            Self::Approve => "approve",
            Self::StepBack => "step_back",
            Self::SwitchModel => "switch_model",
            Self::AcknowledgeHoles => "acknowledge_holes",
        }
    }
}

impl ClosedWord for ControlKind {
    const NAME: &'static str = "control request";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// One request. Each kind needs some of the fields; the rest are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ControlRecord {
    /// `noctriage.control/v1`.
    #[schemars(extend("const" = CONTROL_SCHEMA))]
    pub schema: String,
    /// What is asked.
    pub kind: Word<ControlKind>,
    /// Who asks, as the writer claims: 1 to 120 characters.
    #[schemars(length(min = 1, max = 120))]
    pub who: String,
    /// Why: 1 to 1,000 characters.
    #[schemars(length(min = 1, max = 1000))]
    pub reason: String,
    /// When it was asked (desk time of the writer).
    pub asked_at: Instant,
    /// Nothing follows from it after this instant (desk time); absent: it does not expire. A halt never does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Of which slice. Needed by promote, approve and step_back; with halt and resume its absence means everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// With step_back: to which stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Word<Stage>>,
    /// With promote, approve and switch_model: the revision of the rollout that the person looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout_revision: Option<u64>,
    /// With promote: lifts the lock after a second step-back. It never lifts a gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lift_lock: bool,
    /// With switch_model: digest of the model's directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<HexDigest>,
    /// With switch_model: digest of its calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration_digest: Option<HexDigest>,
    /// With acknowledge_holes: the holes that the person was shown, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<String>,
}

/// Why a record of the control topic is no request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlFault {
    /// A tombstone, or nothing.
    #[error("it is empty")]
    Empty,
    /// Too long to be one.
    #[error("it has {0} bytes; a request has at most {RECORD_BYTES_MAX}")]
    TooLong(usize),
    /// No such JSON.
    #[error("it is not {CONTROL_SCHEMA}: {0}")]
    NotARequest(String),
    /// It says something that this version does not understand.
    #[error("{} with the field `{field}`, which this version does not know: nothing is done", .kind.as_str())]
    UnknownField {
        /// What is asked.
        kind: ControlKind,
        /// The first such field.
        field: String,
    },
    /// Something that this kind of request needs is missing or too long.
    #[error("{0}")]
    Incomplete(String),
}

/// Reads a record.
///
/// # Errors
/// Why it is no request.
pub fn read(value: Option<&[u8]>) -> Result<ControlRequest, ControlFault> {
    let value = value.filter(|value| !value.is_empty()).ok_or(ControlFault::Empty)?;
    if value.len() > RECORD_BYTES_MAX {
        return Err(ControlFault::TooLong(value.len()));
    }
    let record: ControlRecord =
        serde_json::from_slice(value).map_err(|error| ControlFault::NotARequest(error.to_string()))?;
    if record.schema != CONTROL_SCHEMA {
        let schema: String = record.schema.chars().take(64).collect();
        return Err(ControlFault::NotARequest(format!("schema is `{schema}`")));
    }
    let Word(kind) = record.kind;
    let request = request(record).map_err(ControlFault::Incomplete)?;
    match kind {
        // Whatever else it says, it halts.
        ControlKind::Halt => Ok(request),
        ControlKind::Resume
        | ControlKind::Promote
        | ControlKind::Approve
        | ControlKind::StepBack
        | ControlKind::SwitchModel
        | ControlKind::AcknowledgeHoles => match unknown_field(value) {
            None => Ok(request),
            Some(field) => Err(ControlFault::UnknownField { kind, field }),
        },
    }
}

/// The first field that no request of this version has. It may narrow what is asked, so that only a halt goes without it.
fn unknown_field(value: &[u8]) -> Option<String> {
    let fields: BTreeMap<String, serde_json::Value> = serde_json::from_slice(value).ok()?;
    fields.into_keys().find(|field| !FIELDS.contains(&field.as_str())).map(|field| field.chars().take(64).collect())
}

/// A request as it is written.
///
/// # Errors
/// None in practice: it is made of texts and numbers.
pub fn to_json(request: &ControlRequest) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&ControlRecord::from(request))
}

fn request(record: ControlRecord) -> Result<ControlRequest, String> {
    let Word(kind) = record.kind;
    let slice = match record.slice.as_deref() {
        Some(slice) if slice.is_empty() || slice.len() > SLICE_BYTES_MAX => {
            return Err(format!("slice has {} bytes; 1 to {SLICE_BYTES_MAX}", slice.len()));
        }
        slice => slice.map(Arc::<str>::from),
    };
    let missing = |what: &str| format!("{} needs {what}", kind.as_str());
    let scope = || slice.clone().map_or(HaltScope::All, HaltScope::Slice);
    let against = || record.rollout_revision.ok_or_else(|| missing("rollout_revision"));
    let named = || slice.clone().ok_or_else(|| missing("a slice"));
    let ask = match kind {
        ControlKind::Halt => Ask::Halt(scope()),
        ControlKind::Resume => Ask::Resume(scope()),
        ControlKind::Promote => Ask::Promote(Promote {
            slice: named()?,
            against: against()?,
            lock: if record.lift_lock { Lock::Lift } else { Lock::Respect },
        }),
        ControlKind::Approve => Ask::Approve(Approve { slice: named()?, against: against()? }),
        ControlKind::StepBack => {
            Ask::StepBack { slice: named()?, to: record.stage.ok_or_else(|| missing("a stage"))?.0 }
        }
        ControlKind::SwitchModel => Ask::SwitchModel(SwitchModel {
            model_digest: record.model_digest.ok_or_else(|| missing("model_digest"))?.0,
            calibration_digest: record.calibration_digest.ok_or_else(|| missing("calibration_digest"))?.0,
            against: against()?,
        }),
        ControlKind::AcknowledgeHoles if record.holes.is_empty() => return Err(missing("holes")),
        ControlKind::AcknowledgeHoles if record.holes.len() > HOLES_MAX => {
            return Err(format!("{} holes; at most {HOLES_MAX}", record.holes.len()));
        }
        ControlKind::AcknowledgeHoles => Ask::AcknowledgeHoles { holes: record.holes },
    };
    let signed = Signature::try_new(&record.who, &record.reason).map_err(|error| error.to_string())?;
    Ok(ControlRequest { signed, at: record.asked_at.0, expires: record.expires_at.map(|instant| instant.0), ask })
}

impl From<&ControlRequest> for ControlRecord {
    fn from(request: &ControlRequest) -> Self {
        let ControlRequest { signed, at, expires, ask } = request;
        let base = Self {
            schema: CONTROL_SCHEMA.to_owned(),
            kind: Word(ControlKind::Halt),
            who: signed.who().to_owned(),
            reason: signed.why().to_owned(),
            asked_at: Instant(*at),
            expires_at: expires.map(Instant),
            slice: None,
            stage: None,
            rollout_revision: None,
            lift_lock: false,
            model_digest: None,
            calibration_digest: None,
            holes: Vec::new(),
        };
        let named = |slice: &Arc<str>| Some(slice.as_ref().to_owned());
        let slice_of = |scope: &HaltScope| match scope {
            HaltScope::All => None,
            HaltScope::Slice(slice) => named(slice),
        };
        match ask {
            Ask::Halt(scope) => Self { slice: slice_of(scope), ..base },
            Ask::Resume(scope) => Self { kind: Word(ControlKind::Resume), slice: slice_of(scope), ..base },
            Ask::Promote(Promote { slice, against, lock }) => Self {
                kind: Word(ControlKind::Promote),
                slice: named(slice),
                rollout_revision: Some(*against),
                lift_lock: *lock == Lock::Lift,
                ..base
            },
            Ask::Approve(Approve { slice, against }) => {
                Self { kind: Word(ControlKind::Approve), slice: named(slice), rollout_revision: Some(*against), ..base }
            }
            Ask::StepBack { slice, to } => {
                Self { kind: Word(ControlKind::StepBack), slice: named(slice), stage: Some(Word(*to)), ..base }
            }
            Ask::SwitchModel(SwitchModel { model_digest, calibration_digest, against }) => Self {
                kind: Word(ControlKind::SwitchModel),
                model_digest: Some(HexDigest(*model_digest)),
                calibration_digest: Some(HexDigest(*calibration_digest)),
                rollout_revision: Some(*against),
                ..base
            },
            Ask::AcknowledgeHoles { holes } => {
                Self { kind: Word(ControlKind::AcknowledgeHoles), holes: holes.clone(), ..base }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::domain::time::UtcMillis;

    fn asks() -> impl Strategy<Value = Ask> {
        let slice = || "[a-z_-]{1,40}".prop_map(|name| Arc::<str>::from(name.as_str()));
        let scope = || prop_oneof![Just(HaltScope::All), slice().prop_map(HaltScope::Slice)];
        let lock = prop_oneof![Just(Lock::Respect), Just(Lock::Lift)];
        let digest = || any::<[u8; 32]>().prop_map(Digest);
        prop_oneof![
            scope().prop_map(Ask::Halt),
            scope().prop_map(Ask::Resume),
            (slice(), any::<u64>(), lock).prop_map(|(slice, against, lock)| Ask::Promote(Promote {
                slice,
                against,
                lock
            })),
            (slice(), any::<u64>()).prop_map(|(slice, against)| Ask::Approve(Approve { slice, against })),
            (slice(), proptest::sample::select(Stage::ALL.to_vec()))
                .prop_map(|(slice, to)| Ask::StepBack { slice, to }),
            (digest(), digest(), any::<u64>()).prop_map(|(model_digest, calibration_digest, against)| {
                Ask::SwitchModel(SwitchModel { model_digest, calibration_digest, against })
            }),
            proptest::collection::vec("\\PC{1,80}", 1..5).prop_map(|holes| Ask::AcknowledgeHoles { holes }),
        ]
    }

    proptest! {
        #[test]
        fn every_request_is_read_back_as_it_was_written(
            ask in asks(),
            who in "[a-z]{1,120}",
            why in "[A-Za-z0-9äöü]{1,1000}",
            at in 0_i64..4_000_000_000_000,
            expires in proptest::option::of(0_i64..4_000_000_000_000),
        ) {
            let signed = Signature::try_new(&who, &why).unwrap();
            let request = ControlRequest { signed, at: UtcMillis(at), expires: expires.map(UtcMillis), ask };
            prop_assert_eq!(read(Some(&to_json(&request).unwrap())), Ok(request));
        }

        #[test]
        fn any_bytes_are_a_request_or_a_reason_why_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(Some(&bytes)).is_err());
        }
    }

    fn halt() -> ControlRequest {
        let signed = Signature::try_new("jane", "firmware wave").unwrap();
        ControlRequest { signed, at: UtcMillis(1_764_000_000_000), expires: None, ask: Ask::Halt(HaltScope::All) }
    }

    #[test]
    fn a_halt_of_everything_is_short_enough_to_be_typed() {
        assert_eq!(
            String::from_utf8(to_json(&halt()).unwrap()).unwrap(),
            r#"{"schema":"noctriage.control/v1","kind":"halt","who":"jane","reason":"firmware wave","asked_at":"2025-11-24T16:00:00.000Z"}"#
        );
    }

    #[test]
    fn the_kinds_of_records_are_those_of_requests() {
        assert_eq!(ControlKind::ALL.map(ControlKind::as_str), Ask::WORDS);
    }

    #[test]
    fn only_a_halt_is_obeyed_that_says_something_unknown() {
        let typed = |kind: &str| {
            let said = format!(
                r#"{{"schema":"noctriage.control/v1","kind":"{kind}","who":"jane","reason":"storm","asked_at":"2025-11-24T16:00:00Z","sites":["fra1"]}}"#
            );
            read(Some(said.as_bytes()))
        };
        assert_eq!(typed("halt").map(|request| request.ask), Ok(Ask::Halt(HaltScope::All)));
        assert_eq!(
            typed("resume").unwrap_err().to_string(),
            "resume with the field `sites`, which this version does not know: nothing is done"
        );
    }

    #[test]
    fn the_known_fields_are_those_of_the_schema() {
        let schema = serde_json::to_value(schemars::schema_for!(ControlRecord)).unwrap();
        let fields: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
        assert_eq!(fields, FIELDS);
    }

    #[test]
    fn what_is_no_request_says_why() {
        #[track_caller]
        fn check(change: impl Fn(&mut ControlRecord), why: &str) {
            let mut record = ControlRecord::from(&halt());
            change(&mut record);
            assert_eq!(read(Some(&serde_json::to_vec(&record).unwrap())).unwrap_err().to_string(), why);
        }
        let kind = |kind| move |record: &mut ControlRecord| record.kind = Word(kind);
        check(
            |record| record.reason = "  ".to_owned(),
            "a change of the rollout needs a reason: say why in one sentence",
        );
        check(kind(ControlKind::Promote), "promote needs a slice");
        check(kind(ControlKind::Approve), "approve needs a slice");
        check(kind(ControlKind::StepBack), "step_back needs a slice");
        check(kind(ControlKind::SwitchModel), "switch_model needs model_digest");
        check(kind(ControlKind::AcknowledgeHoles), "acknowledge_holes needs holes");
        check(|record| record.slice = Some(String::new()), "slice has 0 bytes; 1 to 128");
        check(
            |record| record.schema = "noctriage.control/v2".to_owned(),
            "it is not noctriage.control/v1: schema is `noctriage.control/v2`",
        );
        assert_eq!(read(None), Err(ControlFault::Empty));
        assert_eq!(read(Some(" ".repeat(70_000).as_bytes())), Err(ControlFault::TooLong(70_000)));
    }
}
