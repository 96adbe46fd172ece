//! Gaps of the verdict feed: times in which no verdict of any kind was stated, for so long that the feed must have been
//! down. Silence of the feed is no verdict about anybody: tickets of such a time are left out, all of them.

use std::collections::BTreeMap;

use crate::domain::time::UtcMillis;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// A gap is silence of more than this many times the usual greatest silence of a day.
const TIMES_USUAL: i64 = 3;
/// Days with verdicts that are needed to know what is usual; fewer are no usual.
const DAYS_MIN: usize = 3;
/// Silence below this is never a gap: a desk that usually states something every minute may have a quiet quarter of an
/// hour.
const GAP_MS_MIN: i64 = 4 * HOUR_MS;

/// Gaps, in order of time (desk time). Both ends are outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedGaps(Vec<(UtcMillis, UtcMillis)>);

impl FeedGaps {
    /// Finds the gaps between verdicts, and the one that is still open at `now`. Verdicts dated after `now` say nothing.
    ///
    /// What is usual is the median, over the days with verdicts, of the longest silence that began on the day: nights are
    /// then usual, and a dead feed is not. The order of the times does not matter.
    pub fn find(stated_at: impl IntoIterator<Item = UtcMillis>, now: UtcMillis) -> Self {
        let mut times: Vec<UtcMillis> = stated_at.into_iter().filter(|at| *at <= now).collect();
        times.sort_unstable();
        times.dedup();
        let Some(usual_ms) = usual_silence_ms(&times) else { return Self::default() };
        let limit_ms = (TIMES_USUAL.saturating_mul(usual_ms)).max(GAP_MS_MIN);
        let is_long = |from: UtcMillis, until: UtcMillis| until.since_ms(from) > limit_ms;
        let between = times.windows(2).map(|pair| (pair[0], pair[1]));
        let open = times.last().map(|last| (*last, now));
        Self(between.chain(open).filter(|&(from, until)| is_long(from, until)).collect())
    }

    /// Whether an instant lies in a gap.
    pub fn has(&self, at: UtcMillis) -> bool {
        self.0.iter().any(|&(from, until)| from < at && at < until)
    }

    /// All gaps.
    pub fn all(&self) -> &[(UtcMillis, UtcMillis)] {
        &self.0
    }
}

/// Median over days of the longest silence that began on the day, in milliseconds; `None`: too few days.
fn usual_silence_ms(times: &[UtcMillis]) -> Option<i64> {
    let mut longest: BTreeMap<i64, i64> = BTreeMap::new();
    for pair in times.windows(2) {
        let silence = longest.entry(pair[0].0.div_euclid(DAY_MS)).or_default();
        *silence = (*silence).max(pair[1].since_ms(pair[0]));
    }
    let mut silences: Vec<i64> = longest.into_values().collect();
    silences.sort_unstable();
    (silences.len() >= DAYS_MIN).then(|| silences[silences.len() / 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn hour(hour: i64) -> UtcMillis {
        UtcMillis(hour * HOUR_MS)
    }

    /// A verdict every hour from 8 to 20 o'clock of each day.
    fn days(days: std::ops::Range<i64>) -> Vec<UtcMillis> {
        days.flat_map(|day| (8..=20).map(move |o_clock| hour(day * 24 + o_clock))).collect()
    }

    #[test]
    fn nights_are_usual_and_a_dead_feed_is_not() {
        // Nights of 12 h are usual, so more than 36 h are a gap.
        assert_eq!(FeedGaps::find(days(0..7), hour(7 * 24)).all(), []);
        let with_gap = [days(0..4), days(6..10)].concat();
        let gaps = FeedGaps::find(with_gap.clone(), hour(10 * 24));
        assert_eq!(gaps.all(), [(hour(3 * 24 + 20), hour(6 * 24 + 8))]);
        assert!(gaps.has(hour(5 * 24)) && !gaps.has(hour(3 * 24 + 20)) && !gaps.has(hour(6 * 24 + 8)));
        let reversed: Vec<UtcMillis> = with_gap.into_iter().rev().collect();
        assert_eq!(FeedGaps::find(reversed, hour(10 * 24)), gaps);
    }

    #[test]
    fn silence_until_now_is_a_gap_once_it_is_long_enough() {
        let last = 6 * 24 + 20;
        assert_eq!(FeedGaps::find(days(0..7), hour(last + 36)).all(), []);
        assert_eq!(FeedGaps::find(days(0..7), hour(last + 37)).all(), [(hour(last), hour(last + 37))]);
    }

    #[test]
    fn without_a_usual_there_is_no_gap() {
        assert_eq!(FeedGaps::find([], hour(1_000)).all(), []);
        assert_eq!(FeedGaps::find(days(0..2), hour(1_000)).all(), []);
    }

    #[test]
    fn a_backfill_closes_a_gap_and_a_date_in_the_future_hides_none() {
        let backfilled = [days(0..4), days(4..6), days(6..10)].concat();
        assert_eq!(FeedGaps::find(backfilled, hour(10 * 24)).all(), []);
        let with_future = [days(0..7), vec![hour(100 * 24)]].concat();
        assert_eq!(FeedGaps::find(with_future, hour(10 * 24)).all().len(), 1);
    }

    #[test]
    fn a_busy_desk_may_be_quiet_for_some_hours() {
        let every_minute: Vec<UtcMillis> = (0..6 * 24 * 60).map(|minute| UtcMillis(minute * 60_000)).collect();
        let last = 6 * 24;
        assert_eq!(FeedGaps::find(every_minute.clone(), hour(last + 3)).all(), []);
        assert_eq!(FeedGaps::find(every_minute, hour(last + 5)).all().len(), 1);
    }
}
