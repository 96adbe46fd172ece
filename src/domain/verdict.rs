//! What a person said about a ticket (`noctriage.verdict/v1`): one statement per value, never changed, only corrected by
//! a later one that names it. What the statements of a ticket amount to is decided in `rollout`, not here.

use std::fmt;
use std::sync::Arc;

use super::digest::Digest;
use super::severity::Severity;
use super::ticket::TicketId;
use super::time::UtcMillis;

/// Longest id of a verdict or a reviewer, in bytes.
pub const NAME_BYTES_MAX: usize = 128;

/// Why a text names no verdict and no reviewer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// Longer than 128 bytes.
    #[error("the name has {0} bytes; at most 128 are allowed")]
    TooLong(usize),
    /// Holds a control character.
    #[error("the name holds a control character")]
    ControlCharacter,
}

fn checked_name(name: &str) -> Result<Arc<str>, InvalidName> {
    if name.trim().is_empty() {
        return Err(InvalidName::Empty);
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(InvalidName::TooLong(name.len()));
    }
    if name.chars().any(char::is_control) {
        return Err(InvalidName::ControlCharacter);
    }
    Ok(Arc::from(name))
}

/// Names one statement for ever; the same id twice is the same statement.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VerdictId(Arc<str>);

impl VerdictId {
    /// Accepts 1 to 128 bytes without control characters.
    ///
    /// # Errors
    /// Anything else.
    pub fn try_new(id: &str) -> Result<Self, InvalidName> {
        checked_name(id).map(Self)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VerdictId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Names one person, by a pseudonym: who it is stays in the ticket system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReviewerId(Arc<str>);

impl ReviewerId {
    /// Accepts 1 to 128 bytes without control characters.
    ///
    /// # Errors
    /// Anything else.
    pub fn try_new(id: &str) -> Result<Self, InvalidName> {
        checked_name(id).map(Self)
    }

    /// The pseudonym as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReviewerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What a reviewer may do: an adjudicator settles what others dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReviewerRole {
    /// Works on tickets.
    Engineer,
    /// Works on tickets and reads second.
    Senior,
    /// Settles disputes.
    Adjudicator,
}

impl ReviewerRole {
    /// All roles.
    pub const ALL: [Self; 3] = [Self::Engineer, Self::Senior, Self::Adjudicator];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Engineer => "engineer",
            Self::Senior => "senior",
            Self::Adjudicator => "adjudicator",
        }
    }
}

/// Who stated it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reviewer {
    /// Pseudonym.
    pub id: ReviewerId,
    /// Role.
    pub role: ReviewerRole,
    /// Team or shift; `None`: not said.
    pub group: Option<Arc<str>>,
}

/// What kind of statement it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerdictKind {
    /// What the person decided about the ticket: the ordinary one.
    Triage,
    /// The same ticket, read by a second person, blind.
    SecondReading,
    /// Settles what readers dispute.
    Adjudication,
    /// Looked at after an automatic action.
    ReviewOfAuto,
    /// The ticket was opened again.
    Reopen,
    /// How the ticket ended.
    Outcome,
    /// How good a root cause was, on a scale.
    RootCauseRating,
}

impl VerdictKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Triage,
        Self::SecondReading,
        Self::Adjudication,
        Self::ReviewOfAuto,
        Self::Reopen,
        Self::Outcome,
        Self::RootCauseRating,
    ];

    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Triage => "triage",
            Self::SecondReading => "second_reading",
            Self::Adjudication => "adjudication",
            Self::ReviewOfAuto => "review_of_auto",
            Self::Reopen => "reopen",
            Self::Outcome => "outcome",
            Self::RootCauseRating => "root_cause_rating",
        }
    }
}

/// How far a statement is a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VerdictOrigin {
    /// Written as a verdict: by command, or by an integration of the site.
    Explicit,
    /// What a person did in the ticket system, found by the verdict rule. Counts like an explicit one.
    TicketSystem,
    /// Concluded by a rule from something that is no statement: shown, off for promotion.
    Derived,
}

impl VerdictOrigin {
    /// All origins.
    pub const ALL: [Self; 3] = [Self::Explicit, Self::TicketSystem, Self::Derived];

    /// The word used on screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::TicketSystem => "ticket_system",
            Self::Derived => "derived",
        }
    }
}

/// Would closing the ticket at that moment, with nobody looking, have been right?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Closable {
    /// It would.
    Yes,
    /// A person had to do something.
    No,
    /// The person does not know.
    Unknown,
}

impl Closable {
    /// All answers.
    pub const ALL: [Self; 3] = [Self::Yes, Self::No, Self::Unknown];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Unknown => "unknown",
        }
    }
}

/// What the person made of a suggestion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Agreement {
    /// Taken as it was.
    Accepted,
    /// Taken and changed.
    Edited,
    /// Not taken.
    Rejected,
    /// There was none.
    NoSuggestion,
}

impl Agreement {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Accepted, Self::Edited, Self::Rejected, Self::NoSuggestion];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Rejected => "rejected",
            Self::NoSuggestion => "no_suggestion",
        }
    }
}

/// How sure the person is: guesses mark the edge cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Certainty {
    /// Sure.
    Certain,
    /// Fairly sure.
    Likely,
    /// Not sure.
    Guess,
}

impl Certainty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Certain, Self::Likely, Self::Guess];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Guess => "guess",
        }
    }
}

/// How a ticket ended without a person: no verdict is due then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndedAlone {
    /// The fault went away.
    Cleared,
    /// It became a part of another ticket.
    Merged,
    /// It was withdrawn.
    Cancelled,
}

impl EndedAlone {
    /// All ways.
    pub const ALL: [Self; 3] = [Self::Cleared, Self::Merged, Self::Cancelled];

    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cleared => "cleared",
            Self::Merged => "merged",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A scale with its version: ratings on two of them are never averaged together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RatingScale {
    /// `helpful3/v1`: 0 not helpful, 1 somewhat helpful, 2 helpful.
    Helpful3V1,
    /// `likert5/v1`: 1 useless to 5 exactly right.
    Likert5V1,
}

impl RatingScale {
    /// All scales.
    pub const ALL: [Self; 2] = [Self::Helpful3V1, Self::Likert5V1];

    /// The word used in records and in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Helpful3V1 => "helpful3/v1",
            Self::Likert5V1 => "likert5/v1",
        }
    }

    /// The scale of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scale| scale.as_str() == word)
    }

    /// Least and greatest value.
    pub const fn range(self) -> std::ops::RangeInclusive<u8> {
        match self {
            Self::Helpful3V1 => 0..=2,
            Self::Likert5V1 => 1..=5,
        }
    }
}

/// A rating of one decision's root cause; its value lies in the range of its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rating {
    scale: RatingScale,
    value: u8,
    of: Digest,
}

/// The value is not on the scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value} is not on the scale {} ({} to {})", .scale.as_str(), .scale.range().start(), .scale.range().end())]
pub struct OffScale {
    /// The scale.
    pub scale: RatingScale,
    /// The value.
    pub value: u64,
}

impl Rating {
    /// Accepts a value of the scale.
    ///
    /// # Errors
    /// A value outside its range.
    pub fn try_new(scale: RatingScale, value: u64, of: Digest) -> Result<Self, OffScale> {
        match u8::try_from(value) {
            Ok(small) if scale.range().contains(&small) => Ok(Self { scale, value: small, of }),
            Ok(_) | Err(_) => Err(OffScale { scale, value }),
        }
    }

    /// The scale.
    pub const fn scale(&self) -> RatingScale {
        self.scale
    }

    /// The value, within [`RatingScale::range`].
    pub const fn value(&self) -> u8 {
        self.value
    }

    /// Which decision was rated.
    pub const fn of(&self) -> Digest {
        self.of
    }

    /// The value moved to 0 (least) to 1 (greatest).
    pub fn as_share(&self) -> f64 {
        let (least, greatest) = self.scale.range().into_inner();
        f64::from(self.value - least) / f64::from(greatest - least)
    }
}

/// A root cause as a person gives it: a code of a closed list, a text, or both.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StatedCause {
    /// A code, for example the close code; `None`: only a text.
    pub code: Option<Arc<str>>,
    /// In words, never in metrics or logs; `None`: only a code.
    pub text: Option<Arc<str>>,
}

/// One statement. Absent fields are `None`: the person did not say.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Verdict {
    /// Names the statement.
    pub verdict_id: VerdictId,
    /// What was judged.
    pub ticket_id: TicketId,
    /// Which revision of it.
    pub ticket_revision: Option<u64>,
    /// When it was stated (desk time).
    pub decided_at: UtcMillis,
    /// By whom.
    pub reviewer: Reviewer,
    /// What kind of statement.
    pub kind: VerdictKind,
    /// How far it is a person's.
    pub origin: VerdictOrigin,
    /// The person's severity.
    pub severity: Option<Severity>,
    /// The person's root cause.
    pub root_cause: Option<StatedCause>,
    /// A rating; there exactly where the kind is `root_cause_rating`.
    pub rating: Option<Rating>,
    /// Whether the person was shown the model's answer; `Some(true)` vetoes blindness, `None` does not.
    pub saw_model: Option<bool>,
    /// Whether the ticket could have been closed unseen.
    pub closable: Option<Closable>,
    /// Where the person sent it.
    pub queue: Option<Arc<str>>,
    /// What became of a suggestion.
    pub agreement: Option<Agreement>,
    /// Time spent on the ticket, in seconds.
    pub handling_seconds: Option<u64>,
    /// How sure the person is.
    pub certainty: Option<Certainty>,
    /// Whether an automatic action was right; with kind `review_of_auto`.
    pub auto_action_correct: Option<bool>,
    /// How the ticket ended without a person; with kind `outcome`.
    pub ended: Option<EndedAlone>,
    /// The statement that this one corrects.
    pub supersedes: Option<VerdictId>,
    /// Free text, at most 4 KiB; never in metrics or logs.
    pub comment: Option<Arc<str>>,
}

impl Verdict {
    /// A statement of the ordinary kind that says nothing yet: whoever makes a verdict fills in what it says.
    pub const fn bare(verdict_id: VerdictId, ticket_id: TicketId, reviewer: Reviewer, decided_at: UtcMillis) -> Self {
        Self {
            verdict_id,
            ticket_id,
            ticket_revision: None,
            decided_at,
            reviewer,
            kind: VerdictKind::Triage,
            origin: VerdictOrigin::Explicit,
            severity: None,
            root_cause: None,
            rating: None,
            saw_model: None,
            closable: None,
            queue: None,
            agreement: None,
            handling_seconds: None,
            certainty: None,
            auto_action_correct: None,
            ended: None,
            supersedes: None,
            comment: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_printable() {
        assert_eq!(VerdictId::try_new(""), Err(InvalidName::Empty));
        assert_eq!(VerdictId::try_new("  "), Err(InvalidName::Empty));
        assert_eq!(ReviewerId::try_new(&"x".repeat(129)), Err(InvalidName::TooLong(129)));
        assert!(ReviewerId::try_new(&"x".repeat(128)).is_ok());
        assert_eq!(ReviewerId::try_new("a\nb"), Err(InvalidName::ControlCharacter));
    }

    #[test]
    fn a_rating_lies_on_its_scale() {
        let rate = |scale, value| Rating::try_new(scale, value, Digest::default());
        assert!(rate(RatingScale::Helpful3V1, 0).is_ok() && rate(RatingScale::Likert5V1, 0).is_err());
        assert!(rate(RatingScale::Likert5V1, 5).is_ok() && rate(RatingScale::Helpful3V1, 3).is_err());
        let refused = rate(RatingScale::Likert5V1, 300).unwrap_err();
        assert_eq!(refused.to_string(), "300 is not on the scale likert5/v1 (1 to 5)");
    }

    #[test]
    fn scales_share_no_numbers_but_their_ends() {
        let share = |scale, value| Rating::try_new(scale, value, Digest::default()).unwrap().as_share();
        assert_eq!([0, 1, 2].map(|value| share(RatingScale::Helpful3V1, value)), [0.0, 0.5, 1.0]);
        assert_eq!([1, 3, 5].map(|value| share(RatingScale::Likert5V1, value)), [0.0, 0.5, 1.0]);
    }
}
