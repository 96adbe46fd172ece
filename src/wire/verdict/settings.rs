//! What the reader of verdicts must know: the verdict rule, the close codes, and how people get their pseudonyms.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::wire::intake::IntakeSettings;
use crate::wire::intake::settings::word_key;

use super::pseudonym::PseudonymKey;

/// How records become verdicts. Built by `config`.
#[derive(Clone, Debug)]
pub struct VerdictSettings {
    /// The reader of tickets: words, users, zone and bounds are the same.
    pub intake: Arc<IntakeSettings>,
    /// Which event of the ticket system is a person's statement; `None`: none is, only explicit verdicts are read.
    pub rule: Option<VerdictRule>,
    /// Close codes that say that nobody had to do anything.
    pub no_work_codes: NoWorkCodes,
    /// Turns logins into pseudonyms.
    pub pseudonym_key: PseudonymKey,
}

/// Which event of the ticket system is a person's statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictRule {
    /// A person resolved the ticket: the priority and the close code at that moment.
    Resolved,
    /// A person closed the ticket.
    Closed,
}

impl VerdictRule {
    /// All rules.
    pub const ALL: [Self; 2] = [Self::Resolved, Self::Closed];

    /// The word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Closed => "closed",
        }
    }

    /// The rule of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }
}

/// Close codes, compared trimmed and without case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoWorkCodes(BTreeSet<String>);

impl NoWorkCodes {
    /// The codes of a list.
    pub fn new<'code>(codes: impl IntoIterator<Item = &'code str>) -> Self {
        Self(codes.into_iter().map(word_key).collect())
    }

    /// Whether a close code is one of them.
    pub fn has(&self, code: &str) -> bool {
        self.0.contains(&word_key(code))
    }
}
