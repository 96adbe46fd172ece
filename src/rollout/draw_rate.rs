//! How many tickets are drawn where the configuration says `auto`: the smallest rate of a short ladder at which the verdicts
//! that the next step still needs have come within a fortnight. Pure: who measures the pace stands in `pace`, who writes the
//! rate down in the plan.
//!
//! Every drawn ticket is worked on blind and, after shadow, kept from the machine: the smallest rate is what people pay for.
//! A rate follows the number of tickets, how many of them an account is about, how many verdicts come, and how many are
//! missing, never what one ticket says, and is chosen before the tickets that it draws have come. So the drawn tickets of a
//! day are a random sample of that day's tickets, whatever was drawn the day before, and what counts stays k wrong of n of a
//! random sample. A gate that is read at any time may also be fed at any pace: how fast tickets come is no part of its
//! promise.

use std::fmt;

use crate::domain::stage::Stage;
use crate::policy::draws::DrawRate;

/// The rates, ascending. Steps of about a third: a finer ladder would change a rate every few days for nothing.
pub const LADDER: [f64; 9] = [0.10, 0.15, 0.20, 0.30, 0.40, 0.50, 0.65, 0.80, 1.00];

/// In so many days what is missing is to come, where the traffic allows it. Half of it would draw twice as many from a
/// desk of middling size; twice of it is the whole window.
pub const FILLED_IN_DAYS: f64 = 14.0;

/// For so long after its first ticket a slice is drawn at the least rate: nobody knows a desk before it has seen a day.
pub const FIRST_MS: i64 = 24 * 3_600_000;

/// A rate falls only to its half or below. What is needed is known to about a fifth from a few dozen tickets, and a rate
/// that follows each wobble would change people's work every day; one that is too high for a while costs some of them
/// some blind tickets, and fills the gates sooner.
const FAR_TOO_HIGH: f64 = 2.0;

/// The greatest rate after shadow: at least half of the tickets are helped.
const LATER_MAX: f64 = 0.5;

/// A slice, as far as its rate depends on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SlicePace {
    /// For how long its tickets have been seen (desk time).
    pub seen_ms: i64,
    /// Its tickets a day, drawn or not.
    pub tickets_per_day: f64,
    /// Share of drawn tickets that the account is about (reach), 0 to 1.
    pub reach: f64,
    /// Share of those that come to count, 0 to 1: not the second of a group, and with a verdict or a deadline that passed.
    pub verdict_rate: f64,
    /// Tickets of the account that are still inside their deadline and will count, as far as can be told.
    pub waiting: u64,
    /// Tickets a day that people can rate, where they rate them beside their work; `None`: they judge every ticket anyway.
    pub rated_per_day_max: Option<f64>,
}

/// What the gates of the next step still need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Verdicts, if nothing more is wrong: the most that any gate asks for.
    pub verdicts: u64,
    /// Whether that is all.
    pub told: Told,
}

/// Whether the gates that wait say how many verdicts they wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Every one.
    ByAll,
    /// Some do not (hours that were not met, a comparison): they may need more.
    BySome,
}

/// A rate, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The rate.
    pub rate: DrawRate,
    /// Why this one.
    pub why: Why,
}

/// Why a rate was chosen. Days are rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The slice has not been seen for a day.
    FirstDay,
    /// Nothing is missing that more drawn tickets would bring.
    NothingMissing,
    /// No drawn ticket comes to count, so that more of them would cost people and bring nothing.
    NoneCounts,
    /// The smallest that brings what is missing in time.
    Fills {
        /// In so many days.
        days: u64,
    },
    /// No rate brings it in time: the greatest that the stage allows.
    Greatest {
        /// In so many days.
        days: u64,
    },
    /// No rate that people can follow brings it in time: the greatest that they can.
    People {
        /// In so many days.
        days: u64,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstDay => formatter.write_str("the first 24 hours"),
            Self::NothingMissing => formatter.write_str("nothing is missing that more would bring"),
            Self::NoneCounts => formatter.write_str("none would count, however many are drawn"),
            Self::Fills { days } => write!(formatter, "the least that fills the gates within 14 days: in about {days}"),
            Self::Greatest { days } => {
                write!(formatter, "the most of this stage, and the gates still take about {days} days")
            }
            Self::People { days } => {
                write!(formatter, "as many as people can rate, and the gates take about {days} days")
            }
        }
    }
}

impl SlicePace {
    /// Verdicts that count a day where every ticket is drawn.
    fn counted_per_day_of_all(&self) -> f64 {
        let per_day = self.tickets_per_day * self.reach * self.verdict_rate;
        if per_day.is_finite() { per_day.max(0.0) } else { 0.0 }
    }
}

/// The greatest rate of a stage.
pub fn greatest(stage: Stage) -> DrawRate {
    let greatest = match stage {
        Stage::Shadow => 1.0,
        Stage::Suggest | Stage::AutoTriage | Stage::AutoResolve => LATER_MAX,
    };
    DrawRate::try_new(greatest).expect("a rate of the ladder")
}

/// The ladder, ascending.
fn ladder() -> impl DoubleEndedIterator<Item = DrawRate> {
    LADDER.into_iter().map(|rate| DrawRate::try_new(rate).expect("every rate of the ladder is one"))
}

/// The smallest rate at which `missing` more verdicts have counted within so many days; where none of the stage does, or
/// none that people can follow, the greatest of those. Never below the least rate, even where people cannot follow that:
/// the least is what a stage costs.
///
/// It rises with `missing`, and falls with tickets a day, reach and verdict rate, but for one leap at their end: where
/// nothing at all comes to count, nothing more is drawn for it.
pub fn smallest(stage: Stage, pace: &SlicePace, missing: u64, days: f64) -> Chosen {
    let least = |why| Chosen { rate: DrawRate::LEAST, why };
    if pace.seen_ms < FIRST_MS {
        return least(Why::FirstDay);
    }
    if missing == 0 {
        return least(Why::NothingMissing);
    }
    let of_all = pace.counted_per_day_of_all();
    if of_all <= 0.0 {
        return least(Why::NoneCounts);
    }
    let days_at = |rate: DrawRate| missing as f64 / (of_all * rate.get());
    let can_rate = |rate: &DrawRate| {
        *rate == DrawRate::LEAST || pace.rated_per_day_max.is_none_or(|most| pace.tickets_per_day * rate.get() <= most)
    };
    let whole = |days: f64| days.ceil() as u64;
    let mut in_range = ladder().filter(|rate| *rate <= greatest(stage)).take_while(can_rate);
    if let Some(rate) = in_range.find(|rate| days_at(*rate) <= days) {
        return Chosen { rate, why: Why::Fills { days: whole(days_at(rate)) } };
    }
    let most = ladder().filter(|rate| *rate <= greatest(stage)).take_while(can_rate).last().unwrap_or(DrawRate::LEAST);
    let days = whole(days_at(most));
    let why = if most == greatest(stage) { Why::Greatest { days } } else { Why::People { days } };
    Chosen { rate: most, why }
}

/// The rate of the next day, if it is another one. Asked once a day.
///
/// Up, as soon as what is missing would take more than a fortnight from now. Down, only where it is far too high: where half
/// of it or less would do for what is left of the fortnight that began when it was last raised, or when the slice came to
/// where it stands (`begun_days` ago). Measured from then, and not from now, because a rate that is just right looks too high
/// at half time: half is missing, and from then a fortnight is too long. Nor does it fall while a gate waits without saying
/// for how many verdicts.
pub fn revised(stage: Stage, present: DrawRate, pace: &SlicePace, need: Need, begun_days: f64) -> Option<Chosen> {
    let present = present.at_most(greatest(stage));
    // What waits for its verdict is drawn already.
    let missing = need.verdicts.saturating_sub(pace.waiting);
    let up = smallest(stage, pace, missing, FILLED_IN_DAYS);
    if up.why == Why::FirstDay {
        return None;
    }
    if up.rate > present {
        return Some(up);
    }
    match need.told {
        Told::BySome => None,
        Told::ByAll => {
            // The last day is a day long: what is missing then is not to be had at once.
            let left_days = (FILLED_IN_DAYS - begun_days).clamp(1.0, FILLED_IN_DAYS);
            let down = smallest(stage, pace, missing, left_days);
            (down.rate.get() * FAR_TOO_HIGH <= present.get()).then_some(down)
        }
    }
}
