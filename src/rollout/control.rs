//! What people ask of the rollout: halt and resume, promote, approve, step back, switch the model, acknowledge a hole. Each request
//! is signed and says why. Halting is a state of its own, which every instance folds for itself: it needs no leader.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::stage::Stage;
use crate::domain::time::UtcMillis;

/// A longer name or reason is cut by nobody: it is refused, so that the audit trail stays readable.
const WHO_CHARACTERS_MAX: usize = 120;
const WHY_CHARACTERS_MAX: usize = 1_000;

/// Who asks, and why. Kafka shows no principal to readers: who writes the record claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    who: Arc<str>,
    why: Arc<str>,
}

/// A request that nobody signed, or without a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// No name.
    #[error("a change of the rollout needs the name of who asks for it")]
    Who,
    /// No reason.
    #[error("a change of the rollout needs a reason: say why in one sentence")]
    Why,
    /// One of them is too long.
    #[error("the name may have {WHO_CHARACTERS_MAX} characters, the reason {WHY_CHARACTERS_MAX}")]
    TooLong,
}

impl Signature {
    /// A name and a reason, neither of them blank.
    ///
    /// # Errors
    /// One is blank or too long.
    pub fn try_new(who: &str, why: &str) -> Result<Self, NotSigned> {
        let (who, why) = (who.trim(), why.trim());
        if who.is_empty() {
            return Err(NotSigned::Who);
        }
        if why.is_empty() {
            return Err(NotSigned::Why);
        }
        if who.chars().count() > WHO_CHARACTERS_MAX || why.chars().count() > WHY_CHARACTERS_MAX {
            return Err(NotSigned::TooLong);
        }
        Ok(Self { who: who.into(), why: why.into() })
    }

    /// Who.
    pub fn who(&self) -> &str {
        &self.who
    }

    /// Why.
    pub fn why(&self) -> &str {
        &self.why
    }
}

/// A request of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRequest {
    /// Who asks, and why.
    pub signed: Signature,
    /// When it was asked (desk time), as the writer says.
    pub at: UtcMillis,
    /// After this instant (desk time) nothing follows from it any more; `None`: it does not expire. A halt never does.
    pub expires: Option<UtcMillis>,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// No automatic action, from now on and until a person resumes.
    Halt(HaltScope),
    /// Lifts the halt of the same scope.
    Resume(HaltScope),
    /// One step up.
    Promote(Promote),
    /// Where it stands is approved for another while.
    Approve(Approve),
    /// Down, at once.
    StepBack {
        /// Which slice.
        slice: Arc<str>,
        /// To which stage; read twice, it does nothing more.
        to: Stage,
    },
    /// Another model acts.
    SwitchModel(SwitchModel),
    /// Goes on without the evidence that is missing.
    AcknowledgeHoles {
        /// The holes that the person was shown, word for word: one that came later is not acknowledged.
        holes: Vec<String>,
    },
}

impl Ask {
    /// The words of [`Ask::as_str`].
    pub const WORDS: [&str; 7] =
        ["halt", "resume", "promote", "approve", "step_back", "switch_model", "acknowledge_holes"];

    /// The word used in records and screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Halt(_) => "halt",
            Self::Resume(_) => "resume",
            Self::Promote(_) => "promote",
            Self::Approve(_) => "approve",
            Self::StepBack { .. } => "step_back",
            Self::SwitchModel(_) => "switch_model",
            Self::AcknowledgeHoles { .. } => "acknowledge_holes",
        }
    }
}

/// What a halt covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HaltScope {
    /// Everything.
    All,
    /// One slice.
    Slice(Arc<str>),
}

/// One step up for a slice: whichever step is the next at the revision that it was made against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promote {
    /// Which slice.
    pub slice: Arc<str>,
    /// The revision of the rollout that the person looked at.
    pub against: u64,
    /// What it does to the lock after a second step-back.
    pub lock: Lock,
}

/// A slice may go on acting where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approve {
    /// Which slice.
    pub slice: Arc<str>,
    /// The revision of the rollout that the person looked at.
    pub against: u64,
}

/// What a promotion does to the lock after a second step-back. No gate is ever lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It respects it.
    Respect,
    /// It lifts it (`--override`).
    Lift,
}

/// Another model acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwitchModel {
    /// Digest of the model directory.
    pub model_digest: Digest,
    /// Digest of its calibration.
    pub calibration_digest: Digest,
    /// The revision of the rollout that the person looked at.
    pub against: u64,
}

/// A request and its place in the control topic, which has one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlRecord {
    /// Its offset.
    pub offset: i64,
    /// When it was appended (operating time).
    pub appended_at: UtcMillis,
    /// What it asks.
    pub request: ControlRequest,
}

/// A halt in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// Who halted, and why.
    pub signed: Signature,
    /// When it was appended (operating time).
    pub at: UtcMillis,
    /// Its offset: who has read so far has acknowledged it.
    pub offset: i64,
}

/// All halts in force: what the control records say, one after the other. Only a person's resume of the same scope lifts
/// one; neither time nor a promotion nor a new leader does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halts {
    in_force: BTreeMap<HaltScope, Halt>,
    read: Option<i64>,
}

impl Halts {
    /// Reads one record; records that were read before change nothing.
    pub fn read(&mut self, record: &ControlRecord) {
        if self.read.is_some_and(|read| record.offset <= read) {
            return;
        }
        self.read = Some(record.offset);
        match &record.request.ask {
            Ask::Halt(scope) => {
                let signed = record.request.signed.clone();
                // The first halt stays: it says since when.
                self.in_force.entry(scope.clone()).or_insert(Halt {
                    signed,
                    at: record.appended_at,
                    offset: record.offset,
                });
            }
            Ask::Resume(scope) => {
                self.in_force.remove(scope);
            }
            Ask::Promote(_)
            | Ask::Approve(_)
            | Ask::StepBack { .. }
            | Ask::SwitchModel(_)
            | Ask::AcknowledgeHoles { .. } => {}
        }
    }

    /// Whether a slice may not act.
    pub fn is_halted(&self, slice: &str) -> bool {
        self.in_force.keys().any(|scope| match scope {
            HaltScope::All => true,
            HaltScope::Slice(halted) => &**halted == slice,
        })
    }

    /// All halts in force.
    pub fn in_force(&self) -> impl Iterator<Item = (&HaltScope, &Halt)> {
        self.in_force.iter()
    }

    /// The offset of the last record read; `None`: none was.
    pub const fn read_up_to(&self) -> Option<i64> {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: i64, ask: Ask) -> ControlRecord {
        let signed = Signature::try_new("mira", "fibre cut").unwrap();
        let request = ControlRequest { signed, at: UtcMillis(0), expires: Some(UtcMillis(1)), ask };
        ControlRecord { offset, appended_at: UtcMillis(offset), request }
    }

    fn after(asks: &[Ask]) -> Halts {
        let mut halts = Halts::default();
        for (offset, ask) in (0..).zip(asks) {
            halts.read(&record(offset, ask.clone()));
        }
        halts
    }

    fn wireless() -> HaltScope {
        HaltScope::Slice("wireless".into())
    }

    #[test]
    fn a_halt_stays_until_a_person_resumes_the_same_scope() {
        assert!(!after(&[]).is_halted("rest"));
        let halts = after(&[Ask::Halt(HaltScope::All), Ask::Resume(wireless())]);
        assert!(halts.is_halted("rest") && halts.is_halted("wireless"));
        let halts = after(&[Ask::Halt(wireless()), Ask::Halt(HaltScope::All), Ask::Resume(HaltScope::All)]);
        assert!(halts.is_halted("wireless") && !halts.is_halted("rest"));
        assert!(!after(&[Ask::Halt(HaltScope::All), Ask::Resume(HaltScope::All)]).is_halted("rest"));
        let step_back = Ask::StepBack { slice: "rest".into(), to: Stage::Suggest };
        assert!(after(&[Ask::Halt(HaltScope::All), step_back]).is_halted("rest"));
    }

    #[test]
    fn a_halt_that_is_asked_for_twice_began_with_the_first() {
        let halts = after(&[Ask::Halt(HaltScope::All), Ask::Halt(HaltScope::All)]);
        let since: Vec<_> = halts.in_force().map(|(_, halt)| halt.offset).collect();
        assert_eq!((since, halts.read_up_to()), (vec![0], Some(1)));
    }

    #[test]
    fn records_that_are_read_again_change_nothing() {
        let mut halts = after(&[Ask::Halt(HaltScope::All), Ask::Resume(HaltScope::All)]);
        halts.read(&record(0, Ask::Halt(HaltScope::All)));
        assert!(!halts.is_halted("rest"));
    }

    #[test]
    fn a_request_needs_a_name_and_a_reason() {
        assert_eq!(Signature::try_new(" ", "why"), Err(NotSigned::Who));
        assert_eq!(Signature::try_new("mira", "\n"), Err(NotSigned::Why));
        assert_eq!(Signature::try_new("mira", &"x".repeat(1_001)), Err(NotSigned::TooLong));
        assert_eq!(Signature::try_new("mira ", " why").map(|signed| signed.who().len()), Ok(4));
    }
}
