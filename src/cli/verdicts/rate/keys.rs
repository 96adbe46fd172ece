//! Keys of the label list: one a question, from the terminal or from a script.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};

use console::Term;

use crate::domain::severity::Severity;
use crate::domain::verdict::Closable;

/// What a person says of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// A severity, and whether the ticket could have been closed unseen where that was asked.
    Given(Severity, Option<Closable>),
    /// Not this ticket.
    Skip,
    /// No more.
    Quit,
}

/// A key of the first question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeverityKey {
    Severity(Severity),
    Skip,
    Quit,
}

impl SeverityKey {
    /// What a key means; `None`: nothing, ask on.
    pub(super) fn of(key: char) -> Option<Self> {
        match key.to_ascii_lowercase() {
            'c' => Some(Self::Severity(Severity::Critical)),
            'h' => Some(Self::Severity(Severity::High)),
            'm' => Some(Self::Severity(Severity::Medium)),
            'l' => Some(Self::Severity(Severity::Low)),
            's' => Some(Self::Skip),
            'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// A key of the second question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClosableKey {
    Closable(Closable),
    Skip,
    Quit,
}

impl ClosableKey {
    /// What a key means; `None`: nothing, ask on.
    pub(super) fn of(key: char) -> Option<Self> {
        match key.to_ascii_lowercase() {
            'y' => Some(Self::Closable(Closable::Yes)),
            'n' => Some(Self::Closable(Closable::No)),
            'u' => Some(Self::Closable(Closable::Unknown)),
            's' => Some(Self::Skip),
            'q' => Some(Self::Quit),
            _ => None,
        }
    }
}

/// Where keys come from.
pub(super) enum Keys {
    Terminal(Term),
    /// What is left of a script; its end is `q`.
    Scripted(VecDeque<char>),
}

/// There is nobody to press a key.
#[derive(Debug, thiserror::Error)]
#[error(
    "the label list needs a terminal: a person presses the keys. hint: `noctriage verdicts import FILE` takes verdicts that \
     were made elsewhere"
)]
pub(super) struct NoTerminal;

impl Keys {
    pub(super) fn of_terminal() -> Result<Self, NoTerminal> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        if is_terminal { Ok(Self::Terminal(Term::stdout())) } else { Err(NoTerminal) }
    }

    pub(super) fn scripted(script: &str) -> Self {
        Self::Scripted(script.chars().filter(|key| !key.is_whitespace()).collect())
    }

    pub(super) fn next(&mut self) -> io::Result<char> {
        match self {
            Self::Terminal(terminal) => terminal.read_char(),
            Self::Scripted(keys) => Ok(keys.pop_front().unwrap_or('q')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_question_says_and_others_nothing() {
        assert_eq!(SeverityKey::of('C'), Some(SeverityKey::Severity(Severity::Critical)));
        assert_eq!(SeverityKey::of('y'), None);
        assert_eq!(ClosableKey::of('y'), Some(ClosableKey::Closable(Closable::Yes)));
        assert_eq!(ClosableKey::of('l'), None);
    }

    #[test]
    fn a_script_ends_by_quitting() {
        let mut keys = Keys::scripted("l y");
        let pressed: Vec<char> = (0..4).map(|_| keys.next().unwrap()).collect();
        assert_eq!(pressed, ['l', 'y', 'q', 'q']);
    }
}
