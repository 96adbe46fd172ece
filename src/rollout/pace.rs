//! What a rate of `auto` is chosen from, measured on the evidence of each slice. Counts of tickets, never what one says.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::time::UtcMillis;
use crate::domain::verdict::VerdictOrigin;

use super::counting::{AccountCount, CountingRules, LeftOut, count};
use super::draw_rate::SlicePace;
use super::evaluate::since;
use super::evidence::Evidence;
use super::label_list::{PER_DAY_MAX, is_reading};
use super::reach::{DRAWN_MIN, drawn};
use super::reading::StepQuestion;
use super::spec::{JudgedBy, RolloutSpec, SliceSpec};
use super::state::RolloutState;
use super::survey::Survey;
use super::wrong::Permission;

const DAY_MS: i64 = 86_400_000;

/// Whoever has rated within so many days is there to rate: a week holds everybody's working days.
const RATERS_MS: i64 = 7 * DAY_MS;

/// The pace of every slice that has a next step and whose reach is known; slices that are missing keep their rate.
pub fn paces(
    evidence: &Evidence,
    state: &RolloutState,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> Vec<(Arc<str>, SlicePace)> {
    let survey = Survey::of(evidence);
    let rules = CountingRules::at(evidence, spec.verdict_deadline_ms, now);
    let window = now.plus_ms(-RolloutSpec::days_ms(spec.window_days));
    let traffic = |slice: Option<&SliceSpec>| Traffic::of(evidence, slice, window, now);
    let all = traffic(None);
    // Each slice may take as great a part of what people can rate as it has of the tickets.
    let share_rated_max = rated_per_day_max(evidence, spec.judged_by, now).map(|most| most / all.per_day());
    let of_slice = |slice: &SliceSpec| {
        let step = state.question(slice, spec).next?;
        let counted = count(&survey, &step.account.account, &rules, since(&step.account, &step.account.account), now);
        let of_slice = traffic(Some(slice));
        let rates = Rates::of(&counted);
        let pace = SlicePace {
            seen_ms: of_slice.seen_ms,
            tickets_per_day: of_slice.per_day(),
            reach: reach(evidence, slice, &step, state, window)?,
            verdict_rate: rates.alone * rates.judged,
            waiting: (counted.waiting as f64 * rates.judged) as u64,
            rated_per_day_max: share_rated_max.map(|share| share * of_slice.per_day()),
        };
        Some((Arc::clone(&slice.name), pace))
    };
    spec.slices.iter().filter_map(of_slice).collect()
}

/// Tickets, drawn or not, since the first of them.
struct Traffic {
    tickets: u64,
    seen_ms: i64,
}

impl Traffic {
    /// Of one slice, or of all.
    fn of(evidence: &Evidence, slice: Option<&SliceSpec>, window: UtcMillis, now: UtcMillis) -> Self {
        let mut first: Option<UtcMillis> = None;
        let mut tickets = 0;
        let mut add = |(at, count): (UtcMillis, u64)| {
            if at <= now {
                first = Some(first.map_or(at, |first| first.min(at)));
                tickets += count;
            }
        };
        match slice {
            Some(slice) => evidence.traffic().of_slice(&slice.name, window).for_each(&mut add),
            None => evidence.traffic().all(window).for_each(&mut add),
        }
        Self { tickets, seen_ms: first.map_or(0, |first| now.since_ms(first)) }
    }

    /// A day; of less than one, what has come.
    fn per_day(&self) -> f64 {
        self.tickets as f64 / (self.seen_ms.max(DAY_MS) as f64 / DAY_MS as f64)
    }
}

/// Share of answered drawn tickets that the account is about; `None`: too few are known.
fn reach(
    evidence: &Evidence,
    slice: &SliceSpec,
    step: &StepQuestion,
    state: &RolloutState,
    window: UtcMillis,
) -> Option<f64> {
    match step.account.account.permission {
        // Every answered ticket counts.
        Permission::Suggest => Some(1.0),
        Permission::Auto(action) => {
            let counts = drawn(evidence, slice, state.basis.as_ref()?, window);
            (counts[0] >= DRAWN_MIN).then(|| counts[1 + action.index()] as f64 / counts[0] as f64)
        }
    }
}

/// Which part of an account's tickets comes to count.
struct Rates {
    /// Those that are not the others of a group, nor of a fingerprint too many: known at once.
    alone: f64,
    /// Of these, those that count once their deadline is over; before enough are past it, all of them are expected to.
    judged: f64,
}

impl Rates {
    fn of(count: &AccountCount<'_>) -> Self {
        let repeated = [LeftOut::SameGroup, LeftOut::FingerprintLimit].map(|reason| count.left_out_because(reason));
        let met = count.met.len() as u64;
        // Of too few nothing is known.
        let share = |part: u64, whole: u64| if whole < DRAWN_MIN { 1.0 } else { part as f64 / whole as f64 };
        Self {
            alone: share(met, met + repeated.iter().sum::<u64>()),
            judged: share(count.n_in_window(), met.saturating_sub(count.waiting)),
        }
    }
}

/// How many tickets a day people can rate; `None`: they judge each in the course of their work. Before anybody has rated
/// there is one person.
fn rated_per_day_max(evidence: &Evidence, judged_by: JudgedBy, now: UtcMillis) -> Option<f64> {
    match judged_by {
        JudgedBy::TheirWork => None,
        JudgedBy::LabelList => {
            let since = now.plus_ms(-RATERS_MS);
            let verdicts = evidence.tickets().flat_map(|(_, ticket)| ticket.verdicts()).map(|recorded| &recorded.value);
            let rated = verdicts.filter(|verdict| {
                verdict.origin == VerdictOrigin::Explicit && is_reading(verdict.kind) && verdict.decided_at >= since
            });
            let people = rated.map(|verdict| &verdict.reviewer.id).collect::<BTreeSet<_>>().len();
            Some((people.max(1) * PER_DAY_MAX) as f64)
        }
    }
}
