//! The closed words of a verdict.

use crate::domain::verdict::{Agreement, Certainty, Closable, EndedAlone, RatingScale, ReviewerRole, VerdictKind};
use crate::wire::words::ClosedWord;

impl ClosedWord for ReviewerRole {
    const NAME: &'static str = "reviewer role";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for VerdictKind {
    const NAME: &'static str = "kind of verdict";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Closable {
    const NAME: &'static str = "closable";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Agreement {
    const NAME: &'static str = "agreement";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for Certainty {
    const NAME: &'static str = "certainty";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for EndedAlone {
    const NAME: &'static str = "end without a person";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl ClosedWord for RatingScale {
    const NAME: &'static str = "rating scale";
    fn all() -> &'static [Self] {
        &Self::ALL
    }
    fn word(self) -> &'static str {
        self.as_str()
    }
}
