//! `noctriage.verdict/v1` as it is written, and its JSON Schema. Nothing is read through these types: the reader bounds
//! and explains far more than a derived one could. A test holds both to the same list of fields.

use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::severity::Severity;
use crate::domain::verdict::{
    Agreement, Certainty, Closable, EndedAlone, Rating, RatingScale, Reviewer, ReviewerRole, StatedCause, Verdict,
    VerdictKind, VerdictOrigin,
};
use crate::wire::values::{HexDigest, Instant};
use crate::wire::words::Word;

use super::VERDICT_SCHEMA;

/// What a person said about a ticket. Key of the record: the ticket id. Append-only: a correction is another record that
/// names this one. `verdict_id`, `ticket_id`, `decided_at`, `reviewer` and `kind` are needed; the rest may be absent or
/// null. Unknown fields are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct VerdictRecord {
    /// `noctriage.verdict/v1`, which is also what its absence means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Names the statement for ever: 1 to 128 bytes. A record with an id that was there before is the same statement.
    #[schemars(length(min = 1, max = 128))]
    pub verdict_id: String,
    /// The ticket, as its source names it.
    #[schemars(length(min = 1, max = 128))]
    pub ticket_id: String,
    /// Which revision was judged.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_revision: Option<u64>,
    /// When it was stated.
    pub decided_at: Instant,
    /// By whom.
    pub reviewer: ReviewerRecord,
    /// What kind of statement. `triage` is the ordinary one; `adjudication` settles a dispute and needs the role
    /// `adjudicator`.
    pub kind: Word<VerdictKind>,
    /// The person's severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Word<Severity>>,
    /// The person's root cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_cause: Option<CauseStated>,
    /// A rating of the model's root cause; with kind `root_cause_rating`, and only there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<RatingRecord>,
    /// Whether the person was shown the model's answer. `true` takes the verdict out of the evidence; absence does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saw_model: Option<bool>,
    /// Would closing this ticket at that moment, with nobody looking, have been right?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closable: Option<Word<Closable>>,
    /// Where the person sent it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// What became of a suggestion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<Word<Agreement>>,
    /// Time spent on the ticket, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handling_seconds: Option<u64>,
    /// How sure the person is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certainty: Option<Word<Certainty>>,
    /// Whether an automatic action was right; with kind `review_of_auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_action_correct: Option<bool>,
    /// How the ticket ended without a person, so that no verdict is due; with kind `outcome`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Word<EndedAlone>>,
    /// Whether a rule concluded it from something that is no statement: shown, and off for promotion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub derived: Option<bool>,
    /// The verdict that this one corrects, by the same reviewer or an adjudicator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Free text, cut at 4 KiB; never in metrics or logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
}

/// A reviewer.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ReviewerRecord {
    /// Pseudonym of the person, the same in all their verdicts: 1 to 128 bytes.
    #[schemars(length(min = 1, max = 128))]
    pub id: String,
    /// engineer, senior or adjudicator.
    pub role: Word<ReviewerRole>,
    /// Team or shift.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// A root cause: a code, a text, or both.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CauseStated {
    /// Of a closed list, for example the close code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In words; cut at 1 KiB, never in metrics or logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A rating.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RatingRecord {
    /// `helpful3/v1` (0 to 2) or `likert5/v1` (1 to 5). Ratings on two scales are never averaged together.
    pub scale: Word<RatingScale>,
    /// Value on the scale.
    pub value: u8,
    /// The decision whose root cause was rated.
    pub of: HexDigest,
}

impl From<&Verdict> for VerdictRecord {
    fn from(verdict: &Verdict) -> Self {
        let Verdict {
            verdict_id,
            ticket_id,
            ticket_revision,
            decided_at,
            reviewer: Reviewer { id, role, group },
            kind,
            origin,
            severity,
            root_cause,
            rating,
            saw_model,
            closable,
            queue,
            agreement,
            handling_seconds,
            certainty,
            auto_action_correct,
            ended,
            supersedes,
            comment,
        } = verdict;
        let text = |text: &std::sync::Arc<str>| text.as_ref().to_owned();
        Self {
            schema: Some(VERDICT_SCHEMA.to_owned()),
            verdict_id: verdict_id.as_str().to_owned(),
            ticket_id: ticket_id.as_str().to_owned(),
            ticket_revision: *ticket_revision,
            decided_at: Instant(*decided_at),
            reviewer: ReviewerRecord { id: id.as_str().to_owned(), role: Word(*role), group: group.as_ref().map(text) },
            kind: Word(*kind),
            severity: severity.map(Word),
            root_cause: root_cause.as_ref().map(|StatedCause { code, text: words }| CauseStated {
                code: code.as_ref().map(text),
                text: words.as_ref().map(text),
            }),
            rating: rating.as_ref().map(|rating: &Rating| RatingRecord {
                scale: Word(rating.scale()),
                value: rating.value(),
                of: HexDigest(rating.of()),
            }),
            saw_model: *saw_model,
            closable: closable.map(Word),
            queue: queue.as_ref().map(text),
            agreement: agreement.map(Word),
            handling_seconds: *handling_seconds,
            certainty: certainty.map(Word),
            auto_action_correct: *auto_action_correct,
            ended: ended.map(Word),
            // What a rule found in the ticket system is a statement; only its way here differs.
            derived: (*origin == VerdictOrigin::Derived).then_some(true),
            supersedes: supersedes.as_ref().map(|id| id.as_str().to_owned()),
            comment: comment.as_ref().map(text),
        }
    }
}
