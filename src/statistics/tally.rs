//! What evidence is made of: how many verdicts counted, how many of them were against the model, and the limit that its
//! error must stay below.

/// What a verdict said about one prediction or action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It was right.
    Right,
    /// It was wrong.
    Wrong,
}

/// Verdicts that counted, and the wrong among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Tally {
    counted: u64,
    wrong: u64,
}

/// More were wrong than counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wrong} wrong of {counted} counted verdicts cannot be")]
pub struct MoreWrongThanCounted {
    /// Verdicts that counted.
    pub counted: u64,
    /// Wrong ones.
    pub wrong: u64,
}

impl Tally {
    /// `wrong` of `counted` verdicts.
    ///
    /// # Errors
    /// More wrong than counted.
    pub const fn try_new(counted: u64, wrong: u64) -> Result<Self, MoreWrongThanCounted> {
        if wrong > counted {
            return Err(MoreWrongThanCounted { counted, wrong });
        }
        Ok(Self { counted, wrong })
    }

    /// Verdicts that counted.
    pub const fn counted(self) -> u64 {
        self.counted
    }

    /// Wrong ones.
    pub const fn wrong(self) -> u64 {
        self.wrong
    }

    /// Right ones.
    pub const fn right(self) -> u64 {
        self.counted - self.wrong
    }

    /// With one verdict more.
    #[must_use]
    pub const fn with(self, judged: Judged) -> Self {
        let wrong = match judged {
            Judged::Right => self.wrong,
            Judged::Wrong => self.wrong + 1,
        };
        Self { counted: self.counted + 1, wrong }
    }
}

/// The error rate that must not be reached: 1 − the target. Above 0, below 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct ErrorLimit(f64);

/// The number is no error limit.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is no error limit (above 0, below 1)")]
pub struct NotAnErrorLimit(pub f64);

impl ErrorLimit {
    /// Accepts a number above 0 and below 1.
    ///
    /// # Errors
    /// Anything else, NaN included.
    pub fn try_new(rate: f64) -> Result<Self, NotAnErrorLimit> {
        if rate > 0.0 && rate < 1.0 { Ok(Self(rate)) } else { Err(NotAnErrorLimit(rate)) }
    }

    /// The rate, above 0, below 1.
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_counts_right_and_wrong() {
        let tally = Tally::default().with(Judged::Right).with(Judged::Wrong).with(Judged::Right);
        assert_eq!((tally.counted(), tally.wrong(), tally.right()), (3, 1, 2));
        assert_eq!(Tally::try_new(3, 1), Ok(tally));
    }

    #[test]
    fn impossible_counts_and_limits_are_refused_by_name() {
        let message = Tally::try_new(2, 3).expect_err("three of two").to_string();
        assert_eq!(message, "3 wrong of 2 counted verdicts cannot be");
        for rate in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(ErrorLimit::try_new(rate).is_err(), "{rate}");
        }
    }
}
