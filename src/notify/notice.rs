//! One notice: what happened, in a sentence, and in fields for whoever reads them by program.

use serde::Serialize;

use crate::domain::time::UtcMillis;

/// Value of `schema` in every notice.
pub const NOTICE_SCHEMA: &str = "noctriage.notice/v1";

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The stage, a share or the acting model of a slice has changed.
    Transition,
    /// Automatic actions of a slice are suspended until a second reader has answered.
    HardStop,
    /// Every gate passes, and a person has to promote.
    PromotionWaits,
    /// No verdicts arrive.
    VerdictsSilent,
    /// Somebody has halted automatic actions, or resumed them.
    Halt,
    /// A person's approval of automatic actions runs out soon, or has run out.
    Approval,
}

impl NoticeKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Transition, Self::HardStop, Self::PromotionWaits, Self::VerdictsSilent, Self::Halt, Self::Approval];

    /// The word in the record and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::HardStop => "hard_stop",
            Self::PromotionWaits => "promotion_waits",
            Self::VerdictsSilent => "verdicts_silent",
            Self::Halt => "halt",
            Self::Approval => "approval",
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub kind: NoticeKind,
    /// When (operating time).
    pub at: UtcMillis,
    /// Of which slice; `None`: of all.
    pub slice: Option<String>,
    /// Revision of the rollout after it.
    pub rollout_revision: u64,
    /// One sentence for people. No ticket text.
    pub sentence: String,
}

/// The body. `text` is what chat systems show.
#[derive(Serialize)]
struct Body<'notice> {
    schema: &'static str,
    id: String,
    kind: &'static str,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    slice: Option<&'notice str>,
    rollout_revision: u64,
    text: String,
}

impl Notice {
    /// The same for every attempt.
    fn id(&self) -> String {
        let slice = self.slice.as_deref().unwrap_or("all");
        format!("{}-{}-{slice}-{}", self.rollout_revision, self.kind.as_str(), self.at.0)
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let at =
            jiff::Timestamp::from_millisecond(self.at.0).map_or_else(|_| self.at.0.to_string(), |at| at.to_string());
        let body = Body {
            schema: NOTICE_SCHEMA,
            id: self.id(),
            kind: self.kind.as_str(),
            at,
            slice: self.slice.as_deref(),
            rollout_revision: self.rollout_revision,
            text: format!("noctriage: {}", self.sentence),
        };
        serde_json::to_vec(&body).expect("a notice is plain JSON")
    }
}
