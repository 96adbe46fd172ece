//! Closed words in records: an enum of ours is written as its word and read back as nothing else.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::prediction::{ModelRole, Purpose};
use crate::domain::severity::{SetBy, Severity};
use crate::domain::stage::Stage;
use crate::domain::ticket::{Channel, Kind, Level, Status, TimeOrigin};
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState};
use crate::policy::ruling::SuggestAs;

use super::intake::DeadLetterClass;

/// An enum that stands in records as one of a closed list of words.
pub trait ClosedWord: Copy + PartialEq + 'static {
    /// What the list is called in the schema.
    const NAME: &'static str;

    /// All values, in the order of the schema.
    fn all() -> &'static [Self];

    /// The word of one value.
    fn word(self) -> &'static str;

    /// The value of one word.
    fn from_word(word: &str) -> Option<Self> {
        Self::all().iter().copied().find(|value| value.word() == word)
    }
}

/// A value of a closed list, as it stands in a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word<T>(pub T);

impl<T: ClosedWord> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.word())
    }
}

impl<'de, T: ClosedWord> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = super::values::text(deserializer)?;
        let unknown = || D::Error::custom(format!("`{}` is no {}", word.chars().take(32).collect::<String>(), T::NAME));
        T::from_word(&word).map(Self).ok_or_else(unknown)
    }
}

impl<T: ClosedWord> JsonSchema for Word<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed(T::NAME)
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        let words: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
        json_schema!({ "type": "string", "enum": words })
    }
}

impl ClosedWord for Severity {
    const NAME: &'static str = "severity";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for SetBy {
    const NAME: &'static str = "set_by";
    fn all() -> &'static [Self] {
        &[Self::Human, Self::System, Self::Noctriage]
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Stage {
    const NAME: &'static str = "stage";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Outcome {
    const NAME: &'static str = "outcome";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for ActionKind {
    const NAME: &'static str = "action";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for ReviewReason {
    const NAME: &'static str = "review reason";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for ReviewState {
    const NAME: &'static str = "review state";
    fn all() -> &'static [Self] {
        &[Self::Open, Self::Withdrawn]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Withdrawn => "withdrawn",
        }
    }
}

impl ClosedWord for ModelRole {
    const NAME: &'static str = "model role";
    fn all() -> &'static [Self] {
        &[Self::Acting, Self::Baseline, Self::Candidate]
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Purpose {
    const NAME: &'static str = "purpose";
    fn all() -> &'static [Self] {
        &[Self::Production, Self::Demo]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Demo => "demo",
        }
    }
}

impl ClosedWord for SuggestAs {
    const NAME: &'static str = "way to suggest";
    fn all() -> &'static [Self] {
        &[Self::Field, Self::Note, Self::Both]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Note => "note",
            Self::Both => "both",
        }
    }
}

impl ClosedWord for DeadLetterClass {
    const NAME: &'static str = "dead-letter class";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Status {
    const NAME: &'static str = "status";
    fn all() -> &'static [Self] {
        &[Self::New, Self::InProgress, Self::OnHold, Self::Resolved, Self::Closed, Self::Cancelled]
    }
    fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::InProgress => "in_progress",
            Self::OnHold => "on_hold",
            Self::Resolved => "resolved",
            Self::Closed => "closed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl ClosedWord for Kind {
    const NAME: &'static str = "kind";
    fn all() -> &'static [Self] {
        &[Self::Incident, Self::Request, Self::Change, Self::Maintenance, Self::Other]
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Level {
    const NAME: &'static str = "level";
    fn all() -> &'static [Self] {
        &[Self::Low, Self::Medium, Self::High]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl ClosedWord for Channel {
    const NAME: &'static str = "channel";
    fn all() -> &'static [Self] {
        &[Self::Phone, Self::Email, Self::Portal, Self::Monitoring, Self::Peer, Self::Other]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Portal => "portal",
            Self::Monitoring => "monitoring",
            Self::Peer => "peer",
            Self::Other => "other",
        }
    }
}

impl ClosedWord for TimeOrigin {
    const NAME: &'static str = "time origin";
    fn all() -> &'static [Self] {
        &[Self::Ticket, Self::KafkaTimestamp]
    }
    fn word(self) -> &'static str {
        match self {
            Self::Ticket => "ticket",
            Self::KafkaTimestamp => "kafka_timestamp",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back_as_the_value_it_was_written_for_and_nothing_else_is_read() {
        for &class in DeadLetterClass::all() {
            let written = serde_json::to_string(&Word(class)).unwrap();
            assert_eq!(serde_json::from_str::<Word<DeadLetterClass>>(&written).unwrap(), Word(class));
        }
        let refused = serde_json::from_str::<Word<Severity>>("\"urgent\"").unwrap_err();
        assert_eq!(refused.to_string(), "`urgent` is no severity");
    }
}
