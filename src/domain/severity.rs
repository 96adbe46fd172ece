//! The closed severity scale, and what a source may say on it.

use std::fmt;
use std::str::FromStr;

/// How urgent a ticket is. The order is by urgency: `Critical` is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Least urgent; the only severity that may ever be handled automatically.
    Low,
    /// Needs work, not now.
    Medium,
    /// Needs work now.
    High,
    /// Always goes to a person.
    Critical,
}

impl Severity {
    /// All severities in the order of every distribution and logit row: critical, high, medium, low.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word used in code, configuration, records, metrics and dashboards.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }

    /// Position in [`Severity::ALL`]: 0 for critical to 3 for low.
    pub const fn index(self) -> usize {
        match self {
            Self::Critical => 0,
            Self::High => 1,
            Self::Medium => 2,
            Self::Low => 3,
        }
    }

    /// Number of steps on the scale between two severities, 0 to 3.
    pub const fn steps_to(self, other: Self) -> usize {
        self.index().abs_diff(other.index())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The word is none of critical, high, medium, low.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not one of critical, high, medium, low")]
pub struct UnknownSeverity(pub String);

impl FromStr for Severity {
    type Err = UnknownSeverity;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.as_str() == word)
            .ok_or_else(|| UnknownSeverity(word.chars().take(64).collect()))
    }
}

/// Who wrote a value into the ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SetBy {
    /// A person.
    Human,
    /// A monitoring system or a rule.
    System,
    /// noctriage itself, written back: never evidence, never a source.
    Noctriage,
}

impl SetBy {
    /// The word used in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::System => "system",
            Self::Noctriage => "noctriage",
        }
    }
}

/// What one source says about the severity of a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum SourceSeverity {
    /// The source says nothing: absent, empty or `indeterminate`. Never read as low.
    #[default]
    Absent,
    /// The source's word maps to the scale.
    Known {
        /// The value on our scale.
        value: Severity,
        /// The source's own word, bounded to 64 characters.
        native: String,
        /// Who set it.
        set_by: SetBy,
    },
    /// The source uses a word that no alias maps. Decided, never automatic.
    Unmapped {
        /// The source's own word, bounded to 64 characters.
        native: String,
        /// Who set it.
        set_by: SetBy,
    },
}

impl SourceSeverity {
    /// The value on our scale, where there is one.
    pub const fn value(&self) -> Option<Severity> {
        match self {
            Self::Known { value, .. } => Some(*value),
            Self::Absent | Self::Unmapped { .. } => None,
        }
    }

    /// Whether this is noctriage's own answer and says nothing. One that raises, or that nobody can read, always counts as
    /// a source's: where the last writer of a revision is all that tells who set a value, a monitoring system that has
    /// just said critical is easily taken for us.
    pub const fn is_own_answer(&self) -> bool {
        match self {
            Self::Known { value: Severity::Low | Severity::Medium, set_by: SetBy::Noctriage, .. } => true,
            Self::Absent | Self::Known { .. } | Self::Unmapped { .. } => false,
        }
    }

    /// Who set it, where anything is set.
    pub const fn set_by(&self) -> Option<SetBy> {
        match self {
            Self::Known { set_by, .. } | Self::Unmapped { set_by, .. } => Some(*set_by),
            Self::Absent => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_is_the_greatest_and_the_words_round_trip() {
        assert!(Severity::Critical > Severity::High && Severity::Medium > Severity::Low);
        for severity in Severity::ALL {
            assert_eq!(severity.as_str().parse(), Ok(severity));
            assert_eq!(Severity::ALL[severity.index()], severity);
        }
        assert_eq!("P1".parse::<Severity>(), Err(UnknownSeverity("P1".into())));
    }
}
