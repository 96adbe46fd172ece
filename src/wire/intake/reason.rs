//! Why a record is no ticket: a closed word for metrics and one sentence for people, without any ticket text.

/// Longest sentence in characters. It goes into records, screens and metrics' neighbours; twice as long is not read.
const DETAIL_CHARS_MAX: usize = 300;

/// Why a record is no ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterReason {
    /// Closed word for records and metrics.
    pub class: DeadLetterClass,
    /// One sentence: what is wrong, where, and what to do; bounded, no ticket text.
    pub detail: String,
}

impl DeadLetterReason {
    /// Bounds the sentence to 300 characters. The caller leaves ticket text out: names of fields, numbers and positions
    /// say enough.
    pub fn new(class: DeadLetterClass, detail: impl AsRef<str>) -> Self {
        let printable = detail.as_ref().chars().map(|character| if character.is_control() { ' ' } else { character });
        Self { class, detail: printable.take(DETAIL_CHARS_MAX).collect() }
    }
}

/// Closed classes of dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DeadLetterClass {
    /// Not JSON, or not an object.
    NotJson,
    /// Not UTF-8.
    NotUtf8,
    /// Larger than the limit.
    TooLarge,
    /// Nested deeper than the limit.
    TooDeep,
    /// A field has the wrong type or an impossible value.
    InvalidField,
    /// A required field is missing.
    MissingField,
    /// A schema version this reader does not know.
    UnknownSchema,
    /// Avro or Protobuf framing.
    BinaryFraming,
    /// The outputs of this ticket could not be written after three attempts.
    Unwritable,
}

impl DeadLetterClass {
    /// All classes.
    pub const ALL: [Self; 9] = [
        Self::NotJson,
        Self::NotUtf8,
        Self::TooLarge,
        Self::TooDeep,
        Self::InvalidField,
        Self::MissingField,
        Self::UnknownSchema,
        Self::BinaryFraming,
        Self::Unwritable,
    ];

    /// The word used in records, metrics and dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotUtf8 => "not_utf8",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::InvalidField => "invalid_field",
            Self::MissingField => "missing_field",
            Self::UnknownSchema => "unknown_schema",
            Self::BinaryFraming => "binary_framing",
            Self::Unwritable => "unwritable",
        }
    }
}
