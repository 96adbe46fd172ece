//! A share as people write it, exactly: whether 120 tickets are wanted or 121 must not hang on a binary fraction.

use std::fmt;
use std::str::FromStr;

/// Millionths of the whole.
const WHOLE: u64 = 1_000_000;

/// A share above 0 and below 1, to a millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Share {
    millionths: u64,
}

/// A text is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no share above 0 and below 1, such as 22.5% or 0.225, with at most six digits after the point of the latter"
)]
pub struct NoShare(String);

impl Share {
    /// `part` of `whole`, to the nearest millionth; `None` where that is 0 or 1, or more than all.
    pub fn of(part: u64, whole: u64) -> Option<Self> {
        let millionths =
            (u128::from(part) * u128::from(WHOLE) * 2 + u128::from(whole)) / (u128::from(whole) * 2).max(1);
        u64::try_from(millionths).ok().and_then(Self::from_millionths)
    }

    /// A share of so many millionths; `None` for 0, 1 and more.
    pub const fn from_millionths(millionths: u64) -> Option<Self> {
        if 0 < millionths && millionths < WHOLE { Some(Self { millionths }) } else { None }
    }

    /// This share times a factor in thousandths (1,100: a tenth more); `None` where that reaches the whole.
    pub const fn times(self, thousandths: u64) -> Option<Self> {
        Self::from_millionths(self.millionths.saturating_mul(thousandths) / 1000)
    }

    /// As a number between 0 and 1.
    pub const fn get(self) -> f64 {
        self.millionths as f64 / WHOLE as f64
    }

    pub(super) const fn millionths(self) -> u64 {
        self.millionths
    }
}

/// The whole, in the unit of [`Share::millionths`].
pub(super) const fn whole() -> u64 {
    WHOLE
}

impl FromStr for Share {
    type Err = NoShare;

    fn from_str(text: &str) -> Result<Self, NoShare> {
        let refused = || NoShare(text.chars().take(32).collect());
        let (number, digits) = match text.trim().strip_suffix('%') {
            Some(number) => (number.trim_end(), 4),
            None => (text.trim(), 6),
        };
        let (before, after) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (before.is_empty() && after.is_empty()) || !is_number(before) || !is_number(after) || after.len() > digits {
            return Err(refused());
        }
        let scaled = format!("{before}{after:0<digits$}").parse::<u64>().map_err(|_| refused())?;
        Self::from_millionths(scaled).ok_or_else(refused)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.millionths / 10_000, self.millionths % 10_000);
        write!(formatter, "{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_as_people_write_it() {
        let share = Share::from_millionths(225_000);
        for text in ["22.5%", "22.5 %", "0.225", ".225", " 0.225000 "] {
            assert_eq!(text.parse::<Share>().ok(), share, "{text}");
        }
        assert_eq!(share.map(|share| share.to_string()).as_deref(), Some("22.5 %"));
    }

    #[test]
    fn nothing_everything_and_what_is_no_number_are_no_shares() {
        for text in ["0", "1", "100%", "0.0000001", "-0.2", "1e-1", "", ".", "%", "22,5%", "99999999999999999999"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
        assert_eq!((Share::of(0, 5), Share::of(5, 5), Share::of(1, 0)), (None, None, None));
    }

    #[test]
    fn a_part_of_a_whole_is_rounded_to_the_nearest_millionth() {
        assert_eq!(Share::of(45, 200), Share::from_millionths(225_000));
        assert_eq!(Share::of(2, 3), Share::from_millionths(666_667));
        assert_eq!(
            Share::from_millionths(225_000).and_then(|share| share.times(1_100)),
            Share::from_millionths(247_500)
        );
    }
}
