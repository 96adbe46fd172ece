//! The calendar of the desk: days, weekdays and hours where the engineers sit. A table of offsets, so that nothing here
//! needs a time zone database; who reads the configuration makes the table.

use crate::domain::time::UtcMillis;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Offsets of a time zone from UTC, and since when each holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskCalendar {
    /// Offset in milliseconds before the first change.
    first_offset_ms: i64,
    /// From when on which offset holds, ascending.
    changes: Vec<(UtcMillis, i64)>,
}

/// A day of the desk, counted from 1970-01-01 in its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LocalDay(pub i64);

impl LocalDay {
    /// Whether it is a Saturday or a Sunday.
    pub const fn is_weekend(self) -> bool {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) >= 5
    }
}

impl DeskCalendar {
    /// UTC.
    pub const fn utc() -> Self {
        Self { first_offset_ms: 0, changes: Vec::new() }
    }

    /// Offsets in milliseconds; the changes may come in any order.
    pub fn new(first_offset_ms: i64, mut changes: Vec<(UtcMillis, i64)>) -> Self {
        changes.sort_unstable();
        Self { first_offset_ms, changes }
    }

    fn local_ms(&self, at: UtcMillis) -> i64 {
        let passed = self.changes.partition_point(|(from, _)| *from <= at);
        let offset_ms = passed.checked_sub(1).map_or(self.first_offset_ms, |last| self.changes[last].1);
        at.0.saturating_add(offset_ms)
    }

    /// The day in which an instant lies.
    pub fn day(&self, at: UtcMillis) -> LocalDay {
        LocalDay(self.local_ms(at).div_euclid(DAY_MS))
    }

    /// The hour of the day, 0 to 23.
    pub fn hour(&self, at: UtcMillis) -> u8 {
        (self.local_ms(at).rem_euclid(DAY_MS) / HOUR_MS) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_local_midnight_and_follow_the_change_of_clocks() {
        // Zurich, 2026: UTC+1, from 2026-03-29T01:00Z UTC+2.
        let change = UtcMillis(1_774_746_000_000);
        let zurich = DeskCalendar::new(HOUR_MS, vec![(change, 2 * HOUR_MS)]);
        let before = UtcMillis(change.0 - 1);
        assert_eq!((zurich.hour(before), zurich.hour(change)), (1, 3));
        assert_eq!(zurich.day(before), zurich.day(change));
        assert!(zurich.day(change).is_weekend(), "a Sunday");
        // It is three o'clock after the change, so the day has 21 hours left.
        let midnight = change.plus_ms(21 * HOUR_MS);
        assert_eq!(zurich.day(midnight), LocalDay(zurich.day(change).0 + 1));
        assert_eq!(zurich.day(midnight.plus_ms(-1)), zurich.day(change));
    }

    #[test]
    fn utc_begins_on_a_thursday() {
        let weekend: Vec<bool> = (0..7).map(|day| LocalDay(day).is_weekend()).collect();
        assert_eq!(weekend, [false, false, true, true, false, false, false]);
        assert_eq!(DeskCalendar::utc().day(UtcMillis(-1)), LocalDay(-1));
    }
}
