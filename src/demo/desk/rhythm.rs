//! When tickets arrive: days are busier than nights, weekdays than weekends.

use fastrand::Rng;

use crate::domain::time::UtcMillis;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Arrivals by hour of the day relative to the mean, weekday; the mean of the row is 1.
const BY_HOUR: [f64; 24] = [
    0.45, 0.40, 0.35, 0.35, 0.40, 0.55, 0.80, 1.20, 1.65, 1.85, 1.75, 1.60, 1.35, 1.50, 1.60, 1.50, 1.30, 1.10, 0.90,
    0.75, 0.75, 0.70, 0.65, 0.55,
];

/// Weekend against weekday.
const WEEKEND: f64 = 0.55;
/// The greatest relative rate: the bound that arrivals are thinned from.
const RATE_MAX: f64 = 1.85;

/// Relative rate of arrivals at an instant, by UTC hour and day of the week; mean over a week is about 0.87.
pub fn relative_rate(at: UtcMillis) -> f64 {
    let day = at.0.div_euclid(DAY_MS);
    let hour = at.0.rem_euclid(DAY_MS) / HOUR_MS;
    // 1970-01-01 was a Thursday: day 2 and 3 of each block of seven are Saturday and Sunday.
    let is_weekend = matches!(day.rem_euclid(7), 2 | 3);
    BY_HOUR[hour as usize] * if is_weekend { WEEKEND } else { 1.0 }
}

/// The next arrival after an instant: a Poisson process thinned by the rhythm.
pub fn next_arrival(after: UtcMillis, tickets_per_day: f64, rng: &mut Rng) -> UtcMillis {
    let rate_per_ms = tickets_per_day * RATE_MAX / DAY_MS as f64;
    let mut at = after;
    loop {
        let wait = -(1.0 - rng.f64()).ln() / rate_per_ms;
        at = at.plus_ms(wait.ceil() as i64);
        if rng.f64() * RATE_MAX < relative_rate(at) {
            return at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-01-05T00:00:00Z.
    const MONDAY: UtcMillis = UtcMillis(1_767_571_200_000);

    #[test]
    fn weekday_mornings_are_busier_than_nights_and_weekends() {
        let rate = |day: i64, hour: i64| relative_rate(MONDAY.plus_ms(day * DAY_MS + hour * HOUR_MS));
        assert!(rate(0, 9) > 4.0 * rate(0, 2));
        assert!(rate(0, 9) > rate(5, 9) && rate(5, 9) == rate(6, 9) && rate(0, 9) == rate(4, 9));
        assert!((BY_HOUR.iter().sum::<f64>() / 24.0 - 1.0).abs() < 0.01);
        assert!(BY_HOUR.iter().all(|rate| *rate <= RATE_MAX));
    }

    #[test]
    fn a_week_has_about_as_many_arrivals_as_asked() {
        let mut rng = Rng::with_seed(1);
        let (mut at, mut count) = (MONDAY, 0);
        while at.since_ms(MONDAY) < 7 * DAY_MS {
            at = next_arrival(at, 1000.0, &mut rng);
            count += 1;
        }
        assert!((5800..6400).contains(&count), "{count}");
    }
}
