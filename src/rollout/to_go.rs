//! What is counted towards a permission, what is missing, and when it is expected: one sentence that needs no explanation.

use crate::domain::time::UtcMillis;
use crate::statistics::forecast::{DAYS_LEVEL, Days, Pace, ToGo, days_to_go, verdicts_to_go};
use crate::statistics::level::Level;
use crate::statistics::tally::{ErrorLimit, Tally};

use super::counting::{AccountCount, CountedTicket, CountingRules};

const DAY_MS: f64 = 86_400_000.0;

/// Verdicts from which a pace is told; fewer say little about the day.
const PACE_COUNTED_MIN: u64 = 5;

/// What is counted of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tickets that count.
    pub counted: u64,
    /// Of them wrong.
    pub wrong: u64,
    /// Of them wrong only because nobody answered.
    pub wrong_unanswered: u64,
    /// Behind the first ticket that is still inside its deadline.
    pub waiting: u64,
    /// When the first of them was decided (desk time); `None`: none counts.
    pub first_decided_at: Option<UtcMillis>,
}

impl From<&AccountCount<'_>> for Counts {
    fn from(count: &AccountCount<'_>) -> Self {
        Self {
            counted: count.n(),
            wrong: count.wrong(),
            wrong_unanswered: count.unanswered(),
            waiting: count.waiting,
            first_decided_at: count.counted.iter().map(CountedTicket::decided_at).min(),
        }
    }
}

/// Where an account stands on its way to a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Tickets that count.
    pub counted: u64,
    /// Of them wrong.
    pub wrong: u64,
    /// Of them wrong only because nobody answered.
    pub wrong_unanswered: u64,
    /// Behind the first ticket that is still inside its deadline.
    pub waiting: u64,
    /// What is missing.
    pub to_go: ToGo,
    /// When it is expected, at the pace at which tickets have counted; `None`: too few have.
    pub days: Option<Days>,
}

impl Outlook {
    /// Reads an account against a limit at an instant of desk time.
    pub fn of(counts: &Counts, rules: &CountingRules, limit: ErrorLimit, level: Level, now: UtcMillis) -> Self {
        let Counts { counted, wrong, wrong_unanswered, waiting, first_decided_at } = *counts;
        let tally = Tally::try_new(counted, wrong).unwrap_or_default();
        let to_go = verdicts_to_go(tally, limit, level);
        // Tickets count once their deadline has passed: the pace is that of tickets up to there.
        let days = first_decided_at.map(|first| (now.since_ms(first) - rules.deadline_ms) as f64 / DAY_MS);
        let pace = days.map(|days| Pace::Measured { counted, days }).filter(|_| counted >= PACE_COUNTED_MIN);
        let needed = to_go.at_present_error.or(to_go.if_all_right);
        let days = needed.zip(pace).and_then(|(needed, pace)| days_to_go(needed, pace, DAYS_LEVEL));
        Self { counted, wrong, wrong_unanswered, waiting, to_go, days }
    }

    /// Whether the error is shown to be below the limit.
    pub fn is_shown(&self) -> bool {
        self.to_go.if_all_right == Some(0)
    }

    /// "310 counted, 2 wrong, 180 to go, about 8 days."
    pub fn sentence(&self) -> String {
        let Self { counted, wrong, wrong_unanswered, waiting, to_go, days } = self;
        let unanswered = match wrong_unanswered {
            0 => String::new(),
            count => format!(" ({count} only because nobody answered)"),
        };
        let waiting = match waiting {
            0 => String::new(),
            count => format!(", {count} still inside their deadline"),
        };
        let days = days.map_or_else(String::new, |days| format!(", {}", about_days(&days)));
        let missing = match (to_go.if_all_right, to_go.at_present_error) {
            (Some(0), _) => "enough".to_owned(),
            (Some(clean), Some(present)) if clean == present => format!("{clean} to go{days}"),
            (Some(clean), Some(present)) => {
                format!("{present} to go if it stays so{days}; {clean} if nothing more is wrong")
            }
            (Some(clean), None) => {
                format!("not reachable at this error; {clean} to go if nothing more is wrong")
            }
            (None, _) => "not reachable: more than a million verdicts would be needed".to_owned(),
        };
        format!("{counted} counted, {wrong} wrong{unanswered}{waiting}; {missing}")
    }
}

/// "about 8 days (5 to 12)".
pub fn about_days(days: &Days) -> String {
    let whole = |days: f64| days.ceil() as u64;
    let (expected, low, high) = (whole(days.expected), whole(days.low), whole(days.high));
    let unit = if expected == 1 { "day" } else { "days" };
    if low == high { format!("about {expected} {unit}") } else { format!("about {expected} {unit} ({low} to {high})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE_MS: i64 = 72 * 3_600_000;
    const DAY: i64 = 86_400_000;

    /// From day 0 on.
    fn counted(counted: u64, wrong: u64) -> Counts {
        let first_decided_at = (counted > 0).then_some(UtcMillis(0));
        Counts { counted, wrong, first_decided_at, ..Counts::default() }
    }

    fn outlook(count: &Counts, limit: f64, now_days: i64) -> Outlook {
        let rules = CountingRules { deadline_ms: DEADLINE_MS, gaps: super::super::feed::FeedGaps::default() };
        let limit = ErrorLimit::try_new(limit).unwrap();
        Outlook::of(count, &rules, limit, Level::one_slice(), UtcMillis(now_days * DAY))
    }

    #[test]
    fn the_pace_of_the_past_gives_the_day() {
        // 310 in 31 days (after the deadline of 3 days), ten a day; 180 to go at best.
        let found = outlook(&counted(310, 2), 0.02, 34);
        assert_eq!(found.to_go.if_all_right, Some(180));
        let days = found.days.unwrap();
        let present = found.to_go.at_present_error.unwrap();
        assert!((days.expected - present as f64 / 10.0).abs() < 1e-9);
        let sentence = found.sentence();
        assert!(sentence.starts_with("310 counted, 2 wrong; "), "{sentence}");
        assert!(sentence.ends_with("; 180 if nothing more is wrong"), "{sentence}");
    }

    #[test]
    fn nothing_counted_yet_is_the_clean_count_without_a_day() {
        let found = outlook(&counted(0, 0), 0.02, 1);
        assert_eq!(found.sentence(), "0 counted, 0 wrong; 266 to go");
        assert!(!found.is_shown());
    }

    #[test]
    fn an_error_above_the_limit_is_called_not_reachable() {
        let sentence = outlook(&counted(100, 50), 0.3, 20).sentence();
        assert!(sentence.starts_with("100 counted, 50 wrong; not reachable at this error; "), "{sentence}");
    }

    #[test]
    fn enough_is_enough() {
        let found = outlook(&counted(266, 0), 0.02, 40);
        assert_eq!((found.is_shown(), found.sentence().as_str()), (true, "266 counted, 0 wrong; enough"));
    }

    #[test]
    fn who_did_not_answer_and_what_still_waits_is_said() {
        let mut count = counted(4, 0);
        (count.wrong, count.wrong_unanswered, count.waiting) = (1, 1, 7);
        let sentence = outlook(&count, 0.02, 10).sentence();
        assert!(
            sentence.starts_with(
                "4 counted, 1 wrong (1 only because nobody answered), 7 still inside their deadline; not reachable"
            ),
            "{sentence}"
        );
    }
}
