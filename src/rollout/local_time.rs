//! The calendar of the desk: days, weekdays and hours where the engineers sit. A table of offsets, so that nothing here
//! needs a time zone database; who reads the configuration makes the table.

use crate::domain::time::UtcMillis;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
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
        self.weekday() >= 5
    }

    /// The day of the week, from 0, a Monday, to 6.
    pub const fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7) as usize
    }
}

/// When people are at work, in the desk's own time. Holidays are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkingHours {
    days: [bool; 7],
    from_minute: i64,
    until_minute: i64,
}

/// No hour would be one at which people are at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there must be a day of the week, and an hour from a minute of the day to a later one, at most 24:00")]
pub struct NoWorkingHours;

impl WorkingHours {
    /// Monday to Friday, 8 to 17 o'clock.
    pub const USUAL: Self =
        Self { days: [true, true, true, true, true, false, false], from_minute: 8 * 60, until_minute: 17 * 60 };

    /// Days of the week from Monday on, and the minutes of the day from which and until which they last.
    ///
    /// # Errors
    /// No minute would be among them, or one that no day has.
    pub fn try_new(days: [bool; 7], from_minute: u32, until_minute: u32) -> Result<Self, NoWorkingHours> {
        let is_some = days.contains(&true) && from_minute < until_minute && until_minute <= 24 * 60;
        let hours = Self { days, from_minute: from_minute.into(), until_minute: until_minute.into() };
        is_some.then_some(hours).ok_or(NoWorkingHours)
    }

    /// The first instant, to the minute, from one on at which people are at work. A clock that is put forward may take the only
    /// hour of a week; nothing takes those of three.
    pub fn first_from(&self, calendar: &DeskCalendar, from: UtcMillis) -> UtcMillis {
        const MINUTES_MAX: i64 = 3 * 7 * 24 * 60;
        if self.contain(calendar, from) {
            return from;
        }
        let next_minute = UtcMillis((from.0.div_euclid(MINUTE_MS) + 1) * MINUTE_MS);
        let mut minutes = (0..MINUTES_MAX).map(|minutes| next_minute.plus_ms(minutes * MINUTE_MS));
        minutes.find(|at| self.contain(calendar, *at)).unwrap_or(from)
    }

    /// The first instant at which people are at work on another day than this one.
    pub fn next_day(&self, calendar: &DeskCalendar, now: UtcMillis) -> UtcMillis {
        let (today, from) = (calendar.day(now), UtcMillis(now.0.div_euclid(MINUTE_MS) * MINUTE_MS));
        // No day has 26 hours.
        let mut minutes = (1..=26 * 60).map(|minutes| from.plus_ms(minutes * MINUTE_MS));
        let tomorrow = minutes.find(|at| calendar.day(*at) != today).unwrap_or(now);
        self.first_from(calendar, tomorrow)
    }

    /// Whether people are at work at an instant.
    pub fn contain(&self, calendar: &DeskCalendar, at: UtcMillis) -> bool {
        let minute = calendar.minute(at);
        self.days[calendar.day(at).weekday()] && self.from_minute <= minute && minute < self.until_minute
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

    /// The minute of the day, 0 to 1,439.
    fn minute(&self, at: UtcMillis) -> i64 {
        self.local_ms(at).rem_euclid(DAY_MS) / MINUTE_MS
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
    fn people_are_at_work_on_their_days_and_from_one_minute_until_another_of_their_own_clock() {
        let zurich = DeskCalendar::new(2 * HOUR_MS, Vec::new());
        // Monday, 2026-06-01, at midnight in Zurich.
        let monday = UtcMillis(20_605 * DAY_MS - 2 * HOUR_MS);
        assert_eq!(zurich.day(monday).weekday(), 0);
        let hours = |from, until| WorkingHours::try_new([true, false, false, false, false, false, true], from, until);
        let early = hours(6 * 60, 14 * 60 + 30).unwrap();
        let at = |hour, minute| early.contain(&zurich, monday.plus_ms(hour * HOUR_MS + minute * MINUTE_MS));
        assert_eq!([at(5, 59), at(6, 0), at(14, 29), at(14, 30)], [false, true, true, false]);
        assert_eq!(
            [at(24 + 8, 0), at(-24 + 8, 0), at(5 * 24 + 8, 0)],
            [false, true, false],
            "Tuesday, Sunday, Saturday"
        );
        let at = |hour: i64| monday.plus_ms(hour * HOUR_MS);
        assert_eq!(early.first_from(&zurich, at(7)), at(7));
        assert_eq!(early.first_from(&zurich, at(15).plus_ms(1)), at(6 * 24 + 6), "the Sunday");
        assert_eq!((early.next_day(&zurich, at(7)), early.next_day(&zurich, at(-24 + 7))), (at(6 * 24 + 6), at(6)));
        assert_eq!((hours(60, 60), hours(0, 1_441)), (Err(NoWorkingHours), Err(NoWorkingHours)));
        assert_eq!(WorkingHours::try_new([false; 7], 0, 60), Err(NoWorkingHours));
    }

    #[test]
    fn utc_begins_on_a_thursday() {
        let weekend: Vec<bool> = (0..7).map(|day| LocalDay(day).is_weekend()).collect();
        assert_eq!(weekend, [false, false, true, true, false, false, false]);
        assert_eq!(DeskCalendar::utc().day(UtcMillis(-1)), LocalDay(-1));
    }
}
