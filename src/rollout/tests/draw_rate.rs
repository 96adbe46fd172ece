//! Which rate `auto` chooses, and that a rate that follows the counts leaves them fair.

use proptest::prelude::*;

use crate::domain::stage::Stage;
use crate::policy::draws::DrawRate;
use crate::rollout::draw_rate::{FIRST_MS, LADDER, Need, SlicePace, Told, Why, greatest, revised, smallest};
use crate::statistics::e_process::ln_evidence;
use crate::statistics::forecast::counted_needed;
use crate::statistics::level::{ALPHA, CONFIGURED_WEIGHT, Level};
use crate::statistics::random::SeededRandom;
use crate::statistics::tally::{ErrorLimit, Tally};

use super::desk::pace;

const FORTNIGHT: f64 = 14.0;

fn rate(value: f64) -> DrawRate {
    DrawRate::try_new(value).unwrap()
}

/// The rate and the reason in shadow, where every drawn ticket counts.
#[track_caller]
fn check(tickets_per_day: f64, missing: u64, expected: (f64, Why)) {
    let chosen = smallest(Stage::Shadow, &all(tickets_per_day), missing, FORTNIGHT);
    assert_eq!((chosen.rate.get(), chosen.why), expected);
}

fn all(tickets_per_day: f64) -> SlicePace {
    SlicePace { reach: 1.0, ..pace(tickets_per_day) }
}

fn by_all(verdicts: u64) -> Need {
    Need { verdicts, told: Told::ByAll }
}

#[test]
fn the_smallest_rate_is_chosen_that_fills_the_gates_within_a_fortnight() {
    // A tenth of 100 a day are 140 in a fortnight; one more takes 15 %.
    check(100.0, 140, (0.10, Why::Fills { days: 14 }));
    check(100.0, 141, (0.15, Why::Fills { days: 10 }));
    check(100.0, 560, (0.40, Why::Fills { days: 14 }));
    check(100.0, 1_400, (1.00, Why::Fills { days: 14 }));
    check(5_000.0, 535, (0.10, Why::Fills { days: 2 }));
}

#[test]
fn where_no_rate_fills_them_in_time_the_greatest_of_the_stage_is_chosen_and_says_so() {
    check(100.0, 1_401, (1.00, Why::Greatest { days: 15 }));
    let later = |stage| smallest(stage, &all(100.0), 1_000, FORTNIGHT);
    for stage in [Stage::Suggest, Stage::AutoTriage, Stage::AutoResolve] {
        assert_eq!((later(stage).rate, later(stage).why), (rate(0.5), Why::Greatest { days: 20 }), "{stage}");
    }
}

#[test]
fn no_more_are_drawn_than_people_can_rate_but_the_least_always() {
    let by_list = |most| SlicePace { rated_per_day_max: Some(most), ..all(100.0) };
    let chosen = |most| smallest(Stage::Shadow, &by_list(most), 1_000, FORTNIGHT);
    assert_eq!((chosen(40.0).rate, chosen(40.0).why), (rate(0.4), Why::People { days: 25 }));
    assert_eq!(chosen(39.9).rate, rate(0.3));
    assert_eq!(chosen(1.0).rate, DrawRate::LEAST);
    // Enough people: the stage is the bound.
    assert_eq!(chosen(100.0).why, Why::Fills { days: 13 });
}

#[test]
fn a_slice_that_has_not_been_seen_for_a_day_is_drawn_at_the_least() {
    let seen = |seen_ms| smallest(Stage::Shadow, &SlicePace { seen_ms, ..all(100.0) }, 1_000, FORTNIGHT);
    assert_eq!((seen(FIRST_MS - 1).rate, seen(FIRST_MS - 1).why), (DrawRate::LEAST, Why::FirstDay));
    assert_eq!(seen(FIRST_MS).rate, rate(0.8));
    let young = SlicePace { seen_ms: FIRST_MS - 1, ..all(100.0) };
    assert_eq!(revised(Stage::Shadow, DrawRate::LEAST, &young, by_all(1_000), 0.0), None);
}

#[test]
fn nothing_is_drawn_for_what_no_ticket_can_bring() {
    for nobody in [SlicePace { reach: 0.0, ..pace(100.0) }, SlicePace { verdict_rate: 0.0, ..pace(100.0) }, pace(0.0)] {
        let chosen = smallest(Stage::Suggest, &nobody, 1_000, FORTNIGHT);
        assert_eq!((chosen.rate, chosen.why), (DrawRate::LEAST, Why::NoneCounts));
    }
    check(100.0, 0, (0.10, Why::NothingMissing));
}

#[test]
fn a_rate_goes_up_as_soon_as_a_fortnight_is_not_enough() {
    let next = |present, need| revised(Stage::Shadow, rate(present), &all(100.0), by_all(need), 0.0);
    assert_eq!(next(0.10, 140), None);
    assert_eq!(next(0.10, 141).map(|chosen| chosen.rate), Some(rate(0.15)));
}

#[test]
fn a_rate_goes_down_only_where_half_of_it_would_do_for_the_rest_of_its_fortnight() {
    let next = |begun_days, need| {
        revised(Stage::Shadow, rate(0.40), &all(100.0), by_all(need), begun_days).map(|chosen| chosen.rate)
    };
    // Just begun: 281 would take 30 %, 280 half.
    assert_eq!((next(0.0, 281), next(0.0, 280)), (None, Some(rate(0.20))));
    // At half time the half is missing: from now on a fortnight of 20 % would do, and it stays.
    assert_eq!((next(7.0, 280), next(7.0, 140)), (None, Some(rate(0.20))));
    // Long after: what is left of it is a day.
    assert_eq!((next(40.0, 21), next(40.0, 20), next(40.0, 0)), (None, Some(rate(0.20)), Some(DrawRate::LEAST)));
}

#[test]
fn a_rate_does_not_go_down_while_a_gate_waits_for_more_than_it_says() {
    let some = Need { verdicts: 0, told: Told::BySome };
    assert_eq!(revised(Stage::Shadow, rate(0.40), &all(100.0), some, 0.0), None);
    let more = Need { verdicts: 1_400, told: Told::BySome };
    assert_eq!(
        revised(Stage::Shadow, rate(0.40), &all(100.0), more, 0.0).map(|chosen| chosen.rate),
        Some(DrawRate::ALL)
    );
}

#[test]
fn what_waits_for_its_verdict_is_not_missing() {
    let waiting = |waiting| SlicePace { waiting, verdict_rate: 0.5, ..all(200.0) };
    let next = |pace: &SlicePace| revised(Stage::Shadow, DrawRate::LEAST, pace, by_all(160), 0.0);
    assert_eq!(next(&waiting(19)).map(|chosen| chosen.rate), Some(rate(0.15)));
    assert_eq!(next(&waiting(20)), None);
}

#[test]
fn a_rate_that_a_weaker_stage_allowed_counts_as_the_greatest_of_this_one() {
    let next = |need| revised(Stage::Suggest, DrawRate::ALL, &all(100.0), by_all(need), 0.0);
    assert_eq!(next(5_000), None);
    assert_eq!(next(140).map(|chosen| chosen.rate), Some(DrawRate::LEAST));
}

/// A pace that can be, from a desk of nothing to one of a hundred thousand a day.
fn any_pace() -> impl Strategy<Value = SlicePace> {
    let capacity = proptest::option::of(0.0..2_000.0_f64);
    (0.0..100_000.0_f64, 0.001..=1.0_f64, 0.001..=1.0_f64, 0..500_u64, capacity).prop_map(
        |(tickets_per_day, reach, verdict_rate, waiting, rated_per_day_max)| SlicePace {
            reach,
            verdict_rate,
            waiting,
            rated_per_day_max,
            ..pace(tickets_per_day)
        },
    )
}

fn any_stage() -> impl Strategy<Value = Stage> {
    (0..4_usize).prop_map(|place| Stage::ALL[place])
}

proptest! {
    #[test]
    fn a_rate_lies_on_the_ladder_between_the_least_and_the_greatest_of_its_stage(
        stage in any_stage(), pace in any_pace(), missing in 0..100_000_u64, days in 0.1..30.0_f64,
        present in 0..LADDER.len(), told in any::<bool>(), begun in -1.0..100.0_f64,
    ) {
        let chosen = smallest(stage, &pace, missing, days).rate;
        let need = Need { verdicts: missing, told: if told { Told::ByAll } else { Told::BySome } };
        let next = revised(stage, rate(LADDER[present]), &pace, need, begun).map(|chosen| chosen.rate);
        for rate in [Some(chosen), next].into_iter().flatten() {
            prop_assert!(LADDER.contains(&rate.get()) && DrawRate::LEAST <= rate && rate <= greatest(stage));
        }
    }

    #[test]
    fn a_rate_rises_with_what_is_missing_and_falls_with_traffic_reach_and_verdicts(
        stage in any_stage(), pace in any_pace(), missing in 1..100_000_u64, more in 0..10_000_u64, times in 1.0..10.0_f64,
    ) {
        // How much people can rate is a bound of its own: with more tickets the same people follow a smaller share.
        let pace = SlicePace { tickets_per_day: pace.tickets_per_day + 0.01, rated_per_day_max: None, ..pace };
        let chosen = |pace: &SlicePace, missing| smallest(stage, pace, missing, FORTNIGHT).rate;
        let here = chosen(&pace, missing);
        prop_assert!(here <= chosen(&pace, missing + more));
        let busier = SlicePace { tickets_per_day: pace.tickets_per_day * times, ..pace };
        let wider = SlicePace { reach: pace.reach * times, ..pace };
        let answered = SlicePace { verdict_rate: pace.verdict_rate * times, ..pace };
        for easier in [busier, wider, answered] {
            prop_assert!(chosen(&easier, missing) <= here);
        }
    }

    #[test]
    fn the_rate_below_the_chosen_one_would_not_have_been_enough(
        stage in any_stage(), pace in any_pace(), missing in 1..100_000_u64,
    ) {
        let chosen = smallest(stage, &pace, missing, FORTNIGHT).rate;
        if let Some(below) = LADDER.into_iter().rev().find(|rate| *rate < chosen.get()) {
            prop_assert!(pace.tickets_per_day * pace.reach * pace.verdict_rate * below * FORTNIGHT <= missing as f64);
        }
    }

    #[test]
    fn once_revised_a_rate_stays_until_something_changes(
        stage in any_stage(), pace in any_pace(), verdicts in 0..100_000_u64, present in 0..LADDER.len(),
    ) {
        let first = revised(stage, rate(LADDER[present]), &pace, by_all(verdicts), 0.0);
        if let Some(first) = first {
            prop_assert_eq!(revised(stage, first.rate, &pace, by_all(verdicts), 0.0), None);
        }
    }
}

/// The days on which a rate changes, at a desk whose measured traffic wobbles by a third from day to day.
#[test]
fn a_wobbling_desk_is_asked_for_another_rate_once_or_twice_and_not_every_week() {
    let mut random = SeededRandom::new(7);
    for per_day in [40.0, 90.0, 200.0, 450.0] {
        let (mut present, mut raised, mut counted, mut changes) = (DrawRate::LEAST, 0, 0.0, 0);
        for day in 1..=60 {
            let wobble = 1.0 + (random.below(67) as f64 - 33.0) / 100.0;
            counted += per_day * wobble * present.get();
            let need = by_all(535_u64.saturating_sub(counted as u64));
            let measured = all(per_day * wobble);
            if let Some(chosen) = revised(Stage::Shadow, present, &measured, need, f64::from(day - raised)) {
                if chosen.rate > present {
                    raised = day;
                }
                (present, changes) = (chosen.rate, changes + 1);
            }
        }
        assert!(changes <= 4, "{per_day} a day: {changes} changes");
        assert_eq!(present, DrawRate::LEAST, "{per_day} a day: at last nothing is missing");
    }
}

/// Sixty days of a desk of 60 tickets whose error is at the limit: the rate follows what is missing, and what is missing
/// follows the errors that were found. The excess of wrong over expected, and whether the gate was ever passed.
fn desk_at_the_limit(random: &mut SeededRandom, limit: ErrorLimit, level: Level) -> (f64, bool) {
    let (mut present, mut raised) = (DrawRate::LEAST, 0);
    let (mut counted, mut wrong, mut has_passed) = (0_u64, 0_u64, false);
    for day in 1..=60 {
        for _ in 0..60 {
            // Whether it is drawn and whether it is wrong are two coins.
            let is_wrong = random.happens(limit.get());
            if random.happens(present.get()) {
                (counted, wrong) = (counted + 1, wrong + u64::from(is_wrong));
            }
        }
        has_passed |= ln_evidence(Tally::try_new(counted, wrong).unwrap(), limit) >= level.ln_required();
        let needed = counted_needed(wrong, limit, level).unwrap_or(1_000_000);
        let need = by_all(needed.saturating_sub(counted));
        if let Some(chosen) = revised(Stage::Shadow, present, &all(60.0), need, f64::from(day - raised)) {
            raised = if chosen.rate > present { day } else { raised };
            present = chosen.rate;
        }
    }
    (wrong as f64 - limit.get() * counted as f64, has_passed)
}

#[test]
fn a_rate_that_follows_the_counts_leaves_them_fair_and_promotes_no_more_often_than_promised() {
    const RUNS: u32 = 1_000;
    let limit = ErrorLimit::try_new(0.05).unwrap();
    let level = Level::try_new(1.0, CONFIGURED_WEIGHT, ALPHA, 1).unwrap();
    let mut random = SeededRandom::new(20_261_129);
    let runs: Vec<(f64, bool)> = (0..RUNS).map(|_| desk_at_the_limit(&mut random, limit, level)).collect();
    let count = f64::from(RUNS);
    let mean = runs.iter().map(|(excess, _)| excess).sum::<f64>() / count;
    let variance = runs.iter().map(|(excess, _)| (excess - mean).powi(2)).sum::<f64>() / (count - 1.0);
    assert!(mean.abs() < 4.0 * (variance / count).sqrt(), "{mean} more wrong than expected");
    let passed = runs.iter().filter(|(_, has_passed)| *has_passed).count() as f64 / count;
    let promised = ALPHA * CONFIGURED_WEIGHT;
    assert!(passed <= promised + 4.0 * (promised / count).sqrt(), "{passed} of the runs passed");
}
