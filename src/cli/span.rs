//! Lengths of time on the command line: 30d, 12h, 90m.

use std::time::Duration;

/// A length as 30d, 12h or 90m, from one minute to a hundred years.
///
/// # Errors
/// What is expected, for clap.
pub fn span(text: &str) -> Result<Duration, String> {
    let expected = || "a number with d, h or m behind it is expected, as 30d".to_owned();
    let unit_at = text.len().saturating_sub(1);
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(expected)?;
    let minutes = match unit {
        "d" => 24 * 60,
        "h" => 60,
        "m" => 1,
        _ => return Err(expected()),
    };
    let number: u32 = number.parse().map_err(|_| expected())?;
    let seconds = u64::from(number) * minutes * 60;
    // A hundred years: further back there are no tickets, and no arithmetic to worry about.
    if seconds == 0 || seconds > 100 * 366 * 86_400 {
        return Err("a length from one minute to a hundred years is expected".to_owned());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_a_number_and_a_unit() {
        assert_eq!(span("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(span("12h"), Ok(Duration::from_secs(12 * 3_600)));
        assert_eq!(span("90m"), Ok(Duration::from_secs(5_400)));
        for wrong in ["", "d", "30", "30s", "-1d", "0d", "1.5h", "99999999d", "3é"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
