//! A share of wrong tickets against its limit: what `severity_accuracy`, `action_error`, `critical_miss` and `reopen_rate`
//! have in common. It passes where the evidence that the share is below the limit reaches its level, at whatever time it is
//! read; it is breached where the anytime lower bound of the share is above the limit.

use crate::statistics::anytime::upper_bound;
use crate::statistics::e_process::ln_evidence;
use crate::statistics::forecast::{DAYS_LEVEL, Pace, ToGo, days_to_go, verdicts_to_go};
use crate::statistics::level::{Level, NotALevel};
use crate::statistics::tally::{ErrorLimit, Tally};

use super::super::counting::AccountCount;
use super::super::reading::{CountedWrong, GateOutcome, Missing};
use super::{Found, StepContext, percent};

const DAY_MS: f64 = 24.0 * 3_600_000.0;

/// A share against its limit.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rate {
    /// What was counted.
    pub(in super::super) tally: CountedWrong,
    /// The share that must not be reached.
    pub(in super::super) limit: ErrorLimit,
    /// How strong the evidence must be.
    pub(in super::super) level: Result<Level, NotALevel>,
    /// How fast tickets count; `None`: nobody knows yet.
    pub(in super::super) pace: Option<Pace>,
    /// What a wrong ticket is called.
    pub(in super::super) called: &'static str,
}

impl Rate {
    /// Reads it.
    pub(in super::super) fn find(self) -> Found {
        match self.try_find() {
            Ok(found) => found,
            Err(why) => Found { counted: Some(self.tally), ..Found::unreadable(&why) },
        }
    }

    fn try_find(self) -> Result<Found, String> {
        let CountedWrong { counted, wrong } = self.tally;
        let level = self.level.map_err(|error| error.to_string())?;
        let tally = Tally::try_new(counted, wrong).map_err(|error| error.to_string())?;
        let evidence = ln_evidence(tally, self.limit);
        let excess = 1.0 - upper_bound(tally, level.alpha()) - self.limit.get();
        if evidence.is_nan() || excess.is_nan() {
            return Err(format!("{counted} counted and {wrong} {} give no number", self.called));
        }
        let counts = format!("{counted} counted, {wrong} {}", self.called);
        let found = |outcome, sentence| Found { counted: Some(self.tally), ..Found::plain(outcome, sentence) };
        if evidence >= level.ln_required() {
            return Ok(found(GateOutcome::Pass, counts));
        }
        if excess > 0.0 {
            let sentence = format!("{counts}: more than the {} that are allowed", percent(self.limit.get()));
            return Ok(found(GateOutcome::Breach, sentence));
        }
        let to_go = verdicts_to_go(tally, self.limit, level);
        let days = to_go.if_all_right.zip(self.pace).and_then(|(more, pace)| days_to_go(more, pace, DAYS_LEVEL));
        let sentence = format!("{counts}, {}", still_missing(to_go, days.map(|days| days.expected)));
        Ok(Found { missing: Some(Missing::Verdicts(to_go, days)), ..found(GateOutcome::Waiting, sentence) })
    }
}

/// "180 to go, about 8 days".
pub(in super::super) fn still_missing(to_go: ToGo, days: Option<f64>) -> String {
    let Some(more) = to_go.if_all_right else { return "too many for any number more to be enough".to_owned() };
    let days = days.map(|days| format!(", about {}", in_days(days))).unwrap_or_default();
    let never = if to_go.at_present_error.is_none() { "; not reached at the present error" } else { "" };
    format!("{more} to go{days}{never}")
}

/// "8 days"; less than one is one.
pub(in super::super) fn in_days(days: f64) -> String {
    super::number_of(days.ceil().max(1.0) as u64, "day")
}

/// How fast the tickets of an account count: so many, in the days from the first one to the last that is past its
/// deadline.
pub(in super::super) fn pace(count: &AccountCount<'_>, context: &StepContext<'_, '_>) -> Option<Pace> {
    let (first, _) = count.met.first()?;
    let until = context.now.plus_ms(-context.spec.verdict_deadline_ms);
    let days = until.since_ms(first.desk_time) as f64 / DAY_MS;
    (days > 0.0 && count.n_in_window() > 0).then(|| Pace::Measured { counted: count.n_in_window(), days })
}
