//! How numbers are said: every rate as k of n with its interval, thin ones as unknown, p values as people read them.

use crate::evaluation::failures::TICKETS_MIN;
use crate::statistics::wilson::{Interval, Share};

/// `38/50 = 76.0 % (62.6–85.7)`; nothing is said of a handful of tickets.
pub fn rate(share: Share) -> String {
    let Share { hits, of } = share;
    match (share.proportion(), share.interval()) {
        (Some(proportion), Some(interval)) if of >= TICKETS_MIN => {
            format!("{hits}/{of} = {} ({})", percent(proportion), range(interval))
        }
        _ => unknown(of),
    }
}

/// [`rate`] in whole percents, for tables with many of them: `38/50 = 76 % (63–86)`.
pub fn short_rate(share: Share) -> String {
    let Share { hits, of } = share;
    match (share.proportion(), share.interval()) {
        (Some(proportion), Some(Interval { low, high })) if of >= TICKETS_MIN => {
            format!("{hits}/{of} = {:.0} % ({:.0}–{:.0})", proportion * 100.0, low * 100.0, high * 100.0)
        }
        _ => unknown(of),
    }
}

/// [`rate`] of a count that is shown however thin it is, as that of missed criticals.
pub fn count(share: Share) -> String {
    match share.interval() {
        Some(interval) => format!("{}/{} ({})", share.hits, share.of, range(interval)),
        None => "no ticket".to_owned(),
    }
}

/// `unknown: 2 tickets`.
pub fn unknown(of: u64) -> String {
    match of {
        0 => "no ticket".to_owned(),
        1 => "unknown: 1 ticket".to_owned(),
        _ => format!("unknown: {of} tickets"),
    }
}

/// `76.0 %`.
pub fn percent(proportion: f64) -> String {
    format!("{:.1} %", proportion * 100.0)
}

/// `62.6–85.7`, in percent.
pub fn range(interval: Interval) -> String {
    format!("{:.1}–{:.1}", interval.low * 100.0, interval.high * 100.0)
}

/// `+12.0 points (1.8 to 22.4)`.
pub fn gain(gain: f64, interval: Option<Interval>) -> String {
    let points = format!("{:+.1} points", gain * 100.0);
    match interval {
        Some(Interval { low, high }) => format!("{points} ({:+.1} to {:+.1})", low * 100.0, high * 100.0),
        None => points,
    }
}

/// A measure from 0 to 1 with its interval: `0.712 (0.581–0.820)`.
pub fn measure(value: Option<f64>, interval: Option<Interval>) -> String {
    match (value, interval) {
        (None, _) => "undefined".to_owned(),
        (Some(value), None) => format!("{value:.3}"),
        (Some(value), Some(Interval { low, high })) => format!("{value:.3} ({low:.3}–{high:.3})"),
    }
}

/// `p = 0.031`, `p < 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

/// `1 ticket`, `3 tickets`.
pub fn tickets(count: u64) -> String {
    if count == 1 { "1 ticket".to_owned() } else { format!("{} tickets", thousands(count)) }
}

/// `12,345`.
pub fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owners_number_is_said_with_its_interval() {
        assert_eq!(rate(Share { hits: 38, of: 50 }), "38/50 = 76.0 % (62.6–85.7)");
    }

    #[test]
    fn of_a_handful_nothing_is_said_but_how_many() {
        assert_eq!(rate(Share { hits: 2, of: 2 }), "unknown: 2 tickets");
        assert_eq!(rate(Share { hits: 0, of: 1 }), "unknown: 1 ticket");
        assert_eq!(rate(Share { hits: 0, of: 0 }), "no ticket");
        assert_eq!(rate(Share { hits: 5, of: 5 }), "5/5 = 100.0 % (56.6–100.0)");
        assert_eq!(count(Share { hits: 0, of: 2 }), "0/2 (0.0–65.8)");
    }

    #[test]
    fn numbers_are_said_as_people_read_them() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(p_value(0.000_4), "p < 0.001");
        assert_eq!(gain(-0.04, Some(Interval { low: -0.1, high: 0.02 })), "-4.0 points (-10.0 to +2.0)");
        assert_eq!(measure(None, None), "undefined");
    }
}
