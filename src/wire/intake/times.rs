//! Times of a source: RFC 3339, or wall-clock times in a zone that the configuration names.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::time::UtcMillis;

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::wire) enum TimeProblem {
    /// Nobody can read it.
    Unreadable,
    /// A wall-clock time without a zone, and no zone is configured.
    NoZone,
}

/// Reads a time. A wall-clock time that a clock shows twice (or never) at a change of summer time is read as most
/// calendars do: the earlier (or the later) instant.
pub(in crate::wire) fn parse(text: &str, zone: Option<&TimeZone>) -> Result<UtcMillis, TimeProblem> {
    let text = text.trim();
    // A date alone is no time: midnight would be a guess.
    if text.len() > 64 || !text.contains(':') {
        return Err(TimeProblem::Unreadable);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(UtcMillis(instant.as_millisecond()));
    }
    let wall_clock: DateTime = text.parse().map_err(|_| TimeProblem::Unreadable)?;
    let zone = zone.ok_or(TimeProblem::NoZone)?;
    let instant = zone.to_timestamp(wall_clock).map_err(|_| TimeProblem::Unreadable)?;
    Ok(UtcMillis(instant.as_millisecond()))
}

/// Seconds or milliseconds since 1970, told apart by their number of digits: ten are seconds (years 2001 to 2286),
/// thirteen are milliseconds. As RFC 3339; `None` for anything else.
pub(in crate::wire) fn epoch_as_text(digits: &str) -> Option<String> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let milliseconds = match digits.len() {
        10 if is_number => digits.parse::<i64>().ok()? * 1000,
        13 if is_number => digits.parse::<i64>().ok()?,
        _ => return None,
    };
    Timestamp::from_millisecond(milliseconds).ok().map(|instant| instant.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_in_the_text_wins_and_a_wall_clock_needs_a_configured_one() {
        let berlin = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let expected = Ok(UtcMillis(1_735_700_645_000));
        assert_eq!(parse("2025-01-01T03:04:05Z", None), expected);
        assert_eq!(parse("2025-01-01T04:04:05.000+01:00", None), expected);
        assert_eq!(parse("2025-01-01T04:04:05.000+0100", None), expected);
        assert_eq!(parse("2025-01-01 04:04:05", Some(&berlin)), expected);
        assert_eq!(parse("2025-01-01 04:04:05", None), Err(TimeProblem::NoZone));
    }

    #[test]
    fn what_is_no_time_is_not_guessed() {
        for text in ["", "yesterday", "2025-01-01", "01/02/2025 03:04:05", "2025-13-01 00:00:00", "99:99"] {
            assert_eq!(parse(text, Some(&TimeZone::UTC)), Err(TimeProblem::Unreadable), "{text}");
        }
    }

    #[test]
    fn seconds_and_milliseconds_are_told_apart_by_their_digits() {
        assert_eq!(epoch_as_text("1735700645").as_deref(), Some("2025-01-01T03:04:05Z"));
        assert_eq!(epoch_as_text("1735700645123").as_deref(), Some("2025-01-01T03:04:05.123Z"));
        assert_eq!(epoch_as_text("17357006"), None);
    }
}
