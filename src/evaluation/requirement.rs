//! What a pipeline demands of a report: `v2 >= v1`, and how many critical tickets may be missed. Holds, does not hold, or
//! too little data to tell.

use crate::statistics::sign_test::Discordant;
use crate::statistics::wilson::Share;

use super::compare::{Comparison, Finding};

/// `second OP first` as a person writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The one that must be as good, or better.
    pub left: String,
    /// How much better.
    pub relation: Relation,
    /// The one it is compared with.
    pub right: String,
}

/// How much better one must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// `>=`: right on at least as many tickets. Fewer, but not shown to be worse, is too little data to tell.
    AtLeast,
    /// `>`: shown to be better.
    Better,
}

/// The text is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no requirement: write NAME >= NAME or NAME > NAME, as \"v2 >= v1\"")]
pub struct NotARequirement(String);

/// Whether a requirement holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// It does.
    Yes,
    /// There is too little data to tell.
    Unknown,
    /// It does not.
    No,
}

impl Requirement {
    /// Reads `NAME >= NAME` or `NAME > NAME`.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(text: &str) -> Result<Self, NotARequirement> {
        let refuse = || NotARequirement(text.chars().take(128).collect());
        let (left, rest) = text.split_once('>').ok_or_else(refuse)?;
        let (relation, right) = match rest.strip_prefix('=') {
            Some(right) => (Relation::AtLeast, right),
            None => (Relation::Better, rest),
        };
        let (left, right) = (left.trim(), right.trim());
        if left.is_empty() || right.is_empty() || left == right || right.contains('>') {
            return Err(refuse());
        }
        Ok(Self { left: left.to_owned(), relation, right: right.to_owned() })
    }

    /// Judges it by the comparison of `right` (first) with `left` (second).
    pub fn judge(&self, comparison: &Comparison) -> Holds {
        let Discordant { first, second } = comparison.discordant;
        match (self.relation, comparison.finding) {
            (_, Finding::FirstIsBetter) => Holds::No,
            (_, Finding::SecondIsBetter) => Holds::Yes,
            (_, Finding::TooSmall { .. }) if comparison.tickets == 0 => Holds::Unknown,
            (Relation::AtLeast, Finding::TooSmall { .. }) if second >= first => Holds::Yes,
            (Relation::AtLeast | Relation::Better, Finding::TooSmall { .. }) => Holds::Unknown,
        }
    }
}

/// At most so many critical tickets may be missed; without a critical ticket nobody can tell.
pub const fn critical_missed_at_most(missed: Share, allowed: u64) -> Holds {
    if missed.of == 0 {
        Holds::Unknown
    } else if missed.hits <= allowed {
        Holds::Yes
    } else {
        Holds::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from};
    use crate::statistics::random::SeededRandom;

    fn judged(text: &str, tickets: usize, v1: usize, v2: usize) -> Holds {
        let set = set_from(&category("routing", Severity::Medium, tickets));
        let (first, second) = (column_right("v1", &set, |at| at < v1), column_right("v2", &set, |at| at < v2));
        let comparison = Comparison::of(&first, &second, &set, &mut SeededRandom::new(1));
        Requirement::parse(text).expect("a requirement").judge(&comparison)
    }

    #[test]
    fn at_least_as_good_holds_from_equal_on_and_fails_only_where_worse_is_shown() {
        assert_eq!(judged("v2 >= v1", 50, 38, 38), Holds::Yes);
        assert_eq!(judged("v2 >= v1", 50, 38, 36), Holds::Unknown);
        assert_eq!(judged("v2 >= v1", 50, 38, 28), Holds::No);
        assert_eq!(judged("v2 >= v1", 0, 0, 0), Holds::Unknown);
    }

    #[test]
    fn better_holds_only_where_it_is_shown() {
        assert_eq!(judged("v2 > v1", 50, 38, 42), Holds::Unknown);
        assert_eq!(judged("v2>v1", 50, 38, 43), Holds::Yes);
        assert_eq!(judged("v2 > v1", 50, 43, 38), Holds::No);
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        for text in ["v2", "v2 = v1", "> v1", "v2 >", "v2 >= v2", "v3 > v2 > v1", ""] {
            assert!(Requirement::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn without_a_critical_ticket_nobody_knows_whether_any_would_be_missed() {
        assert_eq!(critical_missed_at_most(Share { hits: 0, of: 0 }, 0), Holds::Unknown);
        assert_eq!(critical_missed_at_most(Share { hits: 0, of: 3 }, 0), Holds::Yes);
        assert_eq!(critical_missed_at_most(Share { hits: 1, of: 3 }, 0), Holds::No);
    }
}
