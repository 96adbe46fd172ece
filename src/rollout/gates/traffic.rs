//! Whether the evidence has met all kinds of traffic: weekdays and weekends by six hours of the day, and quiet, normal and
//! busy hours. Evidence of quiet nights says nothing about a busy Monday.
//!
//! How much of the traffic each kind is comes from *all* tickets of the slice, drawn or not. A kind is met with five answered
//! tickets of the account from two dates; the kinds that are met must make up 95 % of the traffic, by time and by load. Load is that of the
//! whole desk: thirds of its hours with tickets, by how many they bring.

use std::collections::{BTreeMap, BTreeSet};

use super::super::counting::CountedTicket;
use super::super::local_time::{DeskCalendar, LocalDay};
use super::super::reading::{GateOutcome, Missing};
use super::super::spec::RolloutSpec;
use super::super::wrong::Wrong;
use super::{Found, StepContext, percent};
use crate::domain::time::UtcMillis;

/// Answered tickets that a kind of traffic needs. With fewer, one odd day is all that was met.
const VERDICTS_MIN: u64 = 5;
/// Dates from which they come.
const DATES_MIN: usize = 2;
/// Part of the traffic that must have been met.
const COVERED_MIN: f64 = 0.95;
/// Full days that must have been met; seven in a row always hold a weekend.
const FULL_DAYS_MIN: i64 = 7;
/// A cell with less of the traffic than this is met together with its neighbour of the same kind of day.
const CELL_MIN: f64 = 0.02;

const BLOCKS: usize = 4;
const BLOCK_NAMES: [&str; BLOCKS] = ["00–06", "06–12", "12–18", "18–24"];
const LOAD_NAMES: [&str; 3] = ["quiet hours", "normal hours", "busy hours"];

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let (spec, now) = (context.spec, context.now);
    let since = now.plus_ms(-RolloutSpec::days_ms(spec.window_days));
    let traffic = context.survey.evidence().traffic();
    let slice = &context.question.account.account.slice;
    let of_slice: Vec<(UtcMillis, u64)> = traffic.of_slice(slice, since).filter(|(at, _)| *at <= now).collect();
    if of_slice.is_empty() {
        return Found::plain(GateOutcome::Waiting, "no traffic has been seen".to_owned());
    }
    let answered: Vec<&CountedTicket<'_>> =
        context.own.counted.iter().filter(|ticket| ticket.wrong != Some(Wrong::NoVerdict)).collect();
    let load = Load::of(traffic.all(UtcMillis(i64::MIN)), &spec.calendar, since);
    let calendar = &spec.calendar;
    let by_time = Met::of(cells(&of_slice, calendar), &of_slice, &answered, calendar, |at| cell(at, calendar));
    let by_load = Met::of(loads(), &of_slice, &answered, calendar, |at| load.third(at, calendar));
    let days = FullDays::of(context);
    let covered = by_time.covered.min(by_load.covered);
    let seen = format!("{} of the traffic met", percent(covered));
    if covered >= COVERED_MIN && days.count >= FULL_DAYS_MIN {
        return Found::plain(GateOutcome::Pass, format!("{seen}, {} full days", days.count));
    }
    let mut missing: Vec<String> = Vec::new();
    for met in [by_time, by_load] {
        if met.covered < COVERED_MIN {
            missing.extend(met.unmet);
        }
    }
    if days.count < FULL_DAYS_MIN {
        missing.push(format!("{} of {FULL_DAYS_MIN} full days", days.count));
    }
    let until = days.until.filter(|_| days.count < FULL_DAYS_MIN).map(Missing::Until);
    Found { missing: until, ..Found::plain(GateOutcome::Waiting, format!("{seen}; missing: {}", missing.join(", "))) }
}

/// Weekday or weekend, and six hours: 0 to 7.
fn cell(at: UtcMillis, calendar: &DeskCalendar) -> usize {
    let kind_of_day = usize::from(calendar.day(at).is_weekend());
    kind_of_day * BLOCKS + usize::from(calendar.hour(at)) / 6
}

fn cell_name(cell: usize) -> String {
    let day = if cell < BLOCKS { "weekdays" } else { "weekends" };
    format!("{day} {}", BLOCK_NAMES[cell % BLOCKS])
}

/// A kind of traffic: its name, and the parts that are met together.
struct Kind {
    name: String,
    parts: Vec<usize>,
}

/// Quiet, normal and busy hours.
fn loads() -> Vec<Kind> {
    LOAD_NAMES.iter().enumerate().map(|(part, name)| Kind { name: (*name).to_owned(), parts: vec![part] }).collect()
}

/// Cells of the two kinds of day; those that hold hardly anything together with the one before them.
fn cells(traffic: &[(UtcMillis, u64)], calendar: &DeskCalendar) -> Vec<Kind> {
    let mut weights = [0_u64; 2 * BLOCKS];
    for (at, count) in traffic {
        weights[cell(*at, calendar)] += count;
    }
    let least = CELL_MIN * weights.iter().sum::<u64>() as f64;
    let is_small = |parts: &Vec<usize>| (parts.iter().map(|&part| weights[part]).sum::<u64>() as f64) < least;
    let mut kinds = Vec::new();
    for first in [0, BLOCKS] {
        let mut of_day: Vec<Vec<usize>> = (first..first + BLOCKS).map(|part| vec![part]).collect();
        while of_day.len() > 1
            && let Some(small) = of_day.iter().position(is_small)
        {
            let parts = of_day.remove(small);
            let before = (small + of_day.len() - 1) % of_day.len();
            of_day[before].extend(parts);
        }
        let named = |parts: Vec<usize>| {
            let with_traffic = parts.iter().filter(|&&part| weights[part] > 0);
            let names: Vec<String> = with_traffic.map(|&part| cell_name(part)).collect();
            Kind { name: names.join(" with "), parts }
        };
        kinds.extend(of_day.into_iter().map(named));
    }
    kinds
}

/// How much of the traffic is of kinds that were met.
struct Met {
    covered: f64,
    /// Sentences about kinds that have traffic and were not met.
    unmet: Vec<String>,
}

impl Met {
    fn of(
        kinds: Vec<Kind>,
        traffic: &[(UtcMillis, u64)],
        answered: &[&CountedTicket<'_>],
        calendar: &DeskCalendar,
        part_of: impl Fn(UtcMillis) -> usize,
    ) -> Self {
        let mut weights = [0_u64; 2 * BLOCKS];
        for (at, count) in traffic {
            weights[part_of(*at)] += count;
        }
        let mut verdicts: [(u64, BTreeSet<LocalDay>); 2 * BLOCKS] = Default::default();
        for at in answered.iter().map(|ticket| ticket.decided_at()) {
            let (count, dates) = &mut verdicts[part_of(at)];
            *count += 1;
            dates.insert(calendar.day(at));
        }
        let mut met = Self { covered: 0.0, unmet: Vec::new() };
        let all = weights.iter().sum::<u64>() as f64;
        for Kind { name, parts } in kinds {
            let weight: u64 = parts.iter().map(|&part| weights[part]).sum();
            let count: u64 = parts.iter().map(|&part| verdicts[part].0).sum();
            let dates: BTreeSet<LocalDay> = parts.iter().flat_map(|&part| verdicts[part].1.iter().copied()).collect();
            if count >= VERDICTS_MIN && dates.len() >= DATES_MIN {
                met.covered += weight as f64 / all;
            } else if weight > 0 {
                met.unmet.push(format!("{name} ({})", of_needed(count, dates.len())));
            }
        }
        met
    }
}

fn of_needed(count: u64, dates: usize) -> String {
    if count < VERDICTS_MIN { format!("{count} of {VERDICTS_MIN}") } else { format!("{count} from {dates} date only") }
}

/// Hours of the desk by how many tickets they bring.
struct Load {
    by_hour: BTreeMap<(LocalDay, u8), u64>,
    /// Hours up to so many tickets are quiet, and up to so many normal.
    ends: [u64; 2],
}

impl Load {
    /// All traffic there is; thirds are those of the hours with tickets since an instant. With the empty ones among them, a
    /// small desk would have nothing but busy hours.
    fn of(all: impl Iterator<Item = (UtcMillis, u64)>, calendar: &DeskCalendar, since: UtcMillis) -> Self {
        let hour_of = |at| (calendar.day(at), calendar.hour(at));
        let mut by_hour: BTreeMap<(LocalDay, u8), u64> = BTreeMap::new();
        for (at, count) in all {
            *by_hour.entry(hour_of(at)).or_default() += count;
        }
        let mut counts: Vec<u64> = by_hour.range(hour_of(since)..).map(|(_, count)| *count).collect();
        counts.sort_unstable();
        let end = |third: usize| {
            let place = (third * counts.len()).div_ceil(3).saturating_sub(1);
            counts.get(place).copied().unwrap_or_default()
        };
        Self { ends: [end(1), end(2)], by_hour }
    }

    /// 0 quiet, 1 normal, 2 busy.
    fn third(&self, at: UtcMillis, calendar: &DeskCalendar) -> usize {
        let count = self.by_hour.get(&(calendar.day(at), calendar.hour(at))).copied().unwrap_or_default();
        self.ends.iter().filter(|end| count > **end).count()
    }
}

/// Days of the desk that have passed into the count from midnight to midnight.
struct FullDays {
    count: i64,
    /// When there are enough of them, at the earliest; `None`: nothing has counted yet.
    until: Option<UtcMillis>,
}

impl FullDays {
    fn of(context: &StepContext<'_, '_>) -> Self {
        let Some(first) = context.own.counted.first() else { return Self { count: 0, until: None } };
        let (calendar, deadline_ms) = (&context.spec.calendar, context.spec.verdict_deadline_ms);
        let past = calendar.day(context.now.plus_ms(-deadline_ms));
        let count = (past.0 - calendar.day(first.decided_at()).0 - 1).max(0);
        // The day after the first ticket begins within a day.
        let wait_ms = RolloutSpec::days_ms(1) * (FULL_DAYS_MIN + 1) + deadline_ms;
        Self { count, until: Some(first.decided_at().plus_ms(wait_ms)) }
    }
}
