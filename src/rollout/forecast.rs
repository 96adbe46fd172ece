//! What a step will cost, without a site: for whoever wants to know before they begin. One slice, the configured threshold,
//! the first attempt, the default limits; every answer assumes what it says.

use crate::domain::stage::AutoAction;
use crate::statistics::anytime::lower_bound;
use crate::statistics::forecast::{Days, Pace, ToGo, counted_needed, counted_per_day, days_to_go, verdicts_to_go};
use crate::statistics::level::{ALPHA, CONFIGURED_WEIGHT, Level, NotALevel, OTHER_WEIGHT};
use crate::statistics::tally::{ErrorLimit, MoreWrongThanCounted, NotAnErrorLimit, Tally};

use super::gates::rate::{DAYS_LEVEL, in_days, still_missing};
use super::reading::{CountedWrong, Gate};
use super::spec::{Limits, RolloutSpec};
use super::wrong::Permission;

/// Shares of the tickets that may be drawn: the smallest and the greatest that `auto` chooses, and between.
pub const SHARES: [f64; 4] = [0.1, 0.25, 0.5, 1.0];

/// Why there is no such forecast.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum NoForecast {
    /// Tickets a day must be above 0.
    #[error("{0} tickets a day give no forecast: name a number above 0")]
    PerDay(f64),
    /// The reach is a share of the tickets.
    #[error("a reach of {0} is no share of the tickets: name a number above 0 and at most 1")]
    Reach(f64),
    /// A target leaves some room for errors, and asks for something.
    #[error("{0} is no target: name the share that must be right, above 0 and below 1, such as 0.98")]
    Target(f64),
    /// More were wrong than counted.
    #[error(transparent)]
    Counts(#[from] MoreWrongThanCounted),
    /// No level.
    #[error(transparent)]
    Level(#[from] NotALevel),
}

/// What one permission needs if every verdict is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCost {
    /// The permission.
    pub permission: Permission,
    /// The gate that needs most.
    pub gate: Gate,
    /// Verdicts that must count.
    pub verdicts: u64,
    /// Days that they take, at a share of [`SHARES`]; a stated pace never fails to give some.
    pub days: [Days; SHARES.len()],
}

/// The cost of every permission for a desk with so many tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct DailyForecast {
    /// Weakest first.
    pub steps: Vec<StepCost>,
    /// What people read.
    pub sentences: Vec<String>,
}

/// Forecasts from tickets a day and the share of them that is eligible (the reach).
///
/// # Errors
/// Numbers that are none of these.
pub fn per_day(tickets_per_day: f64, reach: f64) -> Result<DailyForecast, NoForecast> {
    if !(tickets_per_day > 0.0 && tickets_per_day.is_finite()) {
        return Err(NoForecast::PerDay(tickets_per_day));
    }
    if !(reach > 0.0 && reach <= 1.0) {
        return Err(NoForecast::Reach(reach));
    }
    let mut steps = Vec::new();
    for permission in Permission::ALL {
        let (gate, verdicts) = needed(permission)?;
        let share_of_drawn = match permission {
            Permission::Suggest => 1.0,
            Permission::Auto(_) => reach,
        };
        let days = SHARES.map(|share| {
            let per_day = counted_per_day(tickets_per_day, share, share_of_drawn);
            days_to_go(verdicts, Pace::Stated { per_day }, DAYS_LEVEL)
        });
        let [Some(tenth), Some(quarter), Some(half), Some(all)] = days else {
            return Err(NoForecast::PerDay(tickets_per_day));
        };
        steps.push(StepCost { permission, gate, verdicts, days: [tenth, quarter, half, all] });
    }
    let sentences = steps.iter().map(sentence).collect();
    Ok(DailyForecast { steps, sentences })
}

/// The gate of a permission that needs most clean verdicts, and how many.
fn needed(permission: Permission) -> Result<(Gate, u64), NoForecast> {
    let limits = Limits::default();
    let (weight, gates) = match permission {
        Permission::Suggest => (1.0, vec![(Gate::SeverityAccuracy, limits.severity_error)]),
        Permission::Auto(action) => {
            let mut gates = vec![
                (Gate::ActionError, limits.action_error),
                (Gate::CriticalMiss, limits.critical_miss[action.index()]),
            ];
            if action == AutoAction::Resolve {
                gates.push((Gate::ReopenRate, limits.reopened));
            }
            (CONFIGURED_WEIGHT, gates)
        }
    };
    let level = Level::try_new(1.0, weight, ALPHA, 1)?;
    let costs = gates.into_iter().filter_map(|(gate, limit)| Some((gate, counted_needed(0, limit, level)?)));
    costs.max_by_key(|(_, verdicts)| *verdicts).ok_or(NoForecast::Target(1.0))
}

fn sentence(step: &StepCost) -> String {
    let StepCost { permission, gate, verdicts, days } = step;
    let by_share: Vec<String> = SHARES
        .iter()
        .zip(days)
        .map(|(share, days)| format!("{} with {:.0} % drawn", in_days(days.expected), share * 100.0))
        .collect();
    let soak_days = RolloutSpec::SOAK_DAYS;
    let soak = match permission {
        Permission::Suggest => String::new(),
        Permission::Auto(_) => format!(", and at least {soak_days} days in the stage before"),
    };
    format!(
        "{} needs {verdicts} verdicts, all right ({}): {}{soak}",
        permission.as_str(),
        gate.as_str(),
        by_share.join(", ")
    )
}

/// What counted verdicts amount to against a target.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedForecast {
    /// What was counted.
    pub tally: CountedWrong,
    /// Until the configured threshold passes; 0: it does.
    pub to_go: ToGo,
    /// The same at every other threshold of the grid.
    pub to_go_elsewhere: ToGo,
    /// The share right that may be promised whenever one looks, 0 to 1.
    pub right_at_least: f64,
    /// What people read.
    pub sentences: Vec<String>,
}

/// Forecasts from what was counted: `target` is the share that must be right.
///
/// # Errors
/// A target that is none, or more wrong than counted.
pub fn counted(counted: u64, wrong: u64, target: f64) -> Result<CountedForecast, NoForecast> {
    // Rounded, so that 1 − 0.98 is 0.02.
    let rate = ((1.0 - target) * 1e9).round() / 1e9;
    let limit = ErrorLimit::try_new(rate).map_err(|NotAnErrorLimit(_)| NoForecast::Target(target))?;
    let tally = Tally::try_new(counted, wrong)?;
    let configured = Level::one_slice();
    let to_go = verdicts_to_go(tally, limit, configured);
    let to_go_elsewhere = verdicts_to_go(tally, limit, Level::try_new(1.0, OTHER_WEIGHT, ALPHA, 1)?);
    let counts = format!("{counted} counted, {wrong} wrong");
    let at = |to_go: ToGo| {
        if to_go.if_all_right == Some(0) { "enough".to_owned() } else { still_missing(to_go, None) }
    };
    let right_at_least = lower_bound(tally, configured.alpha());
    let sentences = vec![
        format!("{counts}: {} for {target} right at the configured threshold", at(to_go)),
        format!("{counts}: {} at another threshold of the grid", at(to_go_elsewhere)),
        format!("shown so far: at least {:.1} % right", right_at_least * 100.0),
    ];
    Ok(CountedForecast { tally: CountedWrong { counted, wrong }, to_go, to_go_elsewhere, right_at_least, sentences })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to_go(counts: u64, wrong: u64, target: f64) -> (Option<u64>, Option<u64>) {
        let found = counted(counts, wrong, target).unwrap();
        (found.to_go.if_all_right, found.to_go_elsewhere.if_all_right)
    }

    #[test]
    fn a_clean_account_needs_266_verdicts_and_361_at_another_threshold() {
        assert_eq!(to_go(0, 0, 0.98), (Some(266), Some(361)));
        assert_eq!(to_go(266, 0, 0.98), (Some(0), Some(95)));
        assert_eq!(to_go(265, 0, 0.98).0, Some(1));
    }

    #[test]
    fn two_wrong_of_310_leave_180_to_go() {
        let found = counted(310, 2, 0.98).unwrap();
        assert_eq!(found.to_go.if_all_right, Some(180));
        let first = &found.sentences[0];
        assert!(first.starts_with("310 counted, 2 wrong: 180 to go"), "{first}");
        assert!(first.ends_with("for 0.98 right at the configured threshold"), "{first}");
        assert!(found.right_at_least < 0.98 && found.right_at_least > 0.9);
    }

    #[test]
    fn at_an_error_above_the_limit_it_is_never_reached() {
        let sentence = &counted(100, 10, 0.98).unwrap().sentences[0];
        assert!(sentence.contains("not reached at the present error"), "{sentence}");
    }

    #[test]
    fn sixty_tickets_a_day_are_weeks_when_all_are_drawn_and_months_when_few_are() {
        let found = per_day(60.0, 0.4).unwrap();
        let [suggest, triage, resolve] = &found.steps[..] else { panic!("three steps") };
        assert_eq!((triage.gate, triage.verdicts), (Gate::CriticalMiss, 535));
        assert_eq!((resolve.gate, resolve.verdicts), (Gate::CriticalMiss, 1_072));
        assert!(suggest.verdicts < 20 && suggest.gate == Gate::SeverityAccuracy, "{suggest:?}");
        // 24 eligible tickets a day.
        assert!((triage.days[3].expected - 535.0 / 24.0).abs() < 1e-9);
        assert!((triage.days[0].expected - 535.0 / 2.4).abs() < 1e-9);
        assert!(triage.days.iter().all(|days| days.low < days.expected && days.expected < days.high));
        assert_eq!(
            found.sentences[1],
            "auto_triage needs 535 verdicts, all right (critical_miss): 223 days with 10 % drawn, 90 days with 25 % drawn, \
             45 days with 50 % drawn, 23 days with 100 % drawn, and at least 7 days in the stage before"
        );
    }

    #[test]
    fn what_is_no_forecast_is_refused_by_name() {
        assert_eq!(per_day(0.0, 0.4), Err(NoForecast::PerDay(0.0)));
        assert!(per_day(f64::NAN, 0.4).is_err() && per_day(f64::INFINITY, 0.4).is_err());
        assert_eq!(per_day(60.0, 1.1), Err(NoForecast::Reach(1.1)));
        assert!(per_day(60.0, 0.0).is_err() && per_day(60.0, f64::NAN).is_err());
        assert_eq!(counted(10, 0, 1.0), Err(NoForecast::Target(1.0)));
        assert!(counted(10, 0, 0.0).is_err() && counted(10, 11, 0.98).is_err() && counted(1, 0, f64::NAN).is_err());
    }
}
