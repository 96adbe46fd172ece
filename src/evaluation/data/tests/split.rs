use std::collections::BTreeMap;

use super::super::split::{NoSplit, Order, Place, SplitWish, Splitting, TestMix, split};
use super::super::strata::{Fineness, Stratum};
use super::{DAY_MS, tickets};
use crate::domain::labelled::{LabelledTicket, Split};
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;

fn wish(order: Order) -> SplitWish {
    SplitWish { test: 20, validation: 20, order, mix: TestMix::Own, seed: 1 }
}

fn alone(tickets: &[LabelledTicket]) -> Vec<usize> {
    (0..tickets.len()).collect()
}

fn of(splitting: &Splitting, place: Place) -> Vec<usize> {
    (0..splitting.places.len()).filter(|&at| splitting.places[at] == place).collect()
}

#[test]
fn by_time_the_newest_judge_the_next_choose_and_the_older_train() {
    let tickets = tickets(200, 4);
    let found = split(&tickets, &alone(&tickets), &wish(Order::Newest)).expect("enough tickets");
    assert_eq!(of(&found, Place::In(Split::Test)), (180..200).collect::<Vec<_>>());
    assert_eq!(found.cut, Some(UtcMillis(180 * DAY_MS)));
    let train = of(&found, Place::In(Split::Train));
    assert_eq!(train.len(), 160);
    assert!(train.iter().all(|&at| tickets[at].ticket.created_at < UtcMillis(180 * DAY_MS)));
}

#[test]
fn shuffled_sets_keep_the_mix_and_the_seed_decides() {
    let tickets = tickets(200, 4);
    let wireless = |found: &Splitting, set| of(found, Place::In(set)).iter().filter(|&&at| at % 4 == 0).count();
    let found = split(&tickets, &alone(&tickets), &wish(Order::Shuffled)).expect("enough tickets");
    assert_eq!((wireless(&found, Split::Test), wireless(&found, Split::Validation)), (5, 5));
    assert_eq!(found, split(&tickets, &alone(&tickets), &wish(Order::Shuffled)).expect("enough tickets"));
    let other = SplitWish { seed: 2, ..wish(Order::Shuffled) };
    assert_ne!(found, split(&tickets, &alone(&tickets), &other).expect("enough tickets"));
}

#[test]
fn a_test_set_is_drawn_in_the_mix_that_is_wished() {
    let tickets = tickets(1_000, 25);
    let slice = |slice: &str| Stratum { slice: slice.to_owned(), severity: None };
    let counts = BTreeMap::from([(slice("wireless"), 45), (slice("routing"), 155)]);
    for order in [Order::Shuffled, Order::Newest] {
        let mix = TestMix::Like { counts: counts.clone(), fineness: Fineness::Slice };
        let found = split(&tickets, &alone(&tickets), &SplitWish { test: 50, mix, ..wish(order) }).expect("enough");
        let test = of(&found, Place::In(Split::Test));
        // 22.5 % of 50 are 11.25.
        assert_eq!((test.len(), test.iter().filter(|&&at| at % 25 == 0).count()), (50, 11), "{order:?}");
    }
}

#[test]
fn newer_tickets_that_are_not_in_the_test_do_not_train() {
    let tickets = tickets(400, 25);
    let stratum = Stratum { slice: "wireless".into(), severity: Some(Severity::High) };
    let mix = TestMix::Like { counts: BTreeMap::from([(stratum, 1)]), fineness: Fineness::SliceAndSeverity };
    let found =
        split(&tickets, &alone(&tickets), &SplitWish { test: 4, validation: 1, order: Order::Newest, mix, seed: 1 });
    let found = found.expect("enough wireless tickets");
    // The four newest wireless tickets are of the days 375, 350, 325 and 300.
    assert_eq!(of(&found, Place::In(Split::Test)), [300, 325, 350, 375]);
    assert_eq!(of(&found, Place::In(Split::Train)).last(), Some(&299));
    assert_eq!(of(&found, Place::NewerThanTest).len(), 400 - 300 - 4 - 1);
}

#[test]
fn a_split_that_leaves_nothing_to_train_with_is_refused() {
    let mut tickets = tickets(40, 4);
    for ticket in &mut tickets[..20] {
        ticket.ticket.created_at = UtcMillis(0);
    }
    let with_test =
        |test| split(&tickets, &alone(&tickets), &SplitWish { test, validation: 10, ..wish(Order::Newest) });
    // The test begins at the oldest moment of all.
    let refused = with_test(21).expect_err("no training ticket");
    assert_eq!(refused, NoSplit::NothingTrains { tickets: 40, newer: 9, twins: 0 });
    assert_eq!(of(&with_test(20).expect("older tickets"), Place::In(Split::Train)).len(), 10);
}

#[test]
fn a_mix_that_the_tickets_do_not_hold_is_refused_with_what_is_missing() {
    let tickets = tickets(100, 50);
    let stratum = Stratum { slice: "wireless".into(), severity: None };
    let mix = TestMix::Like { counts: BTreeMap::from([(stratum, 1)]), fineness: Fineness::Slice };
    let refused =
        split(&tickets, &alone(&tickets), &SplitWish { mix, ..wish(Order::Shuffled) }).expect_err("two wireless");
    assert!(refused.to_string().contains("wireless: 20 wanted, 2 there"), "{refused}");
}

#[test]
fn a_group_is_on_one_side_and_one_of_it_judges() {
    let tickets = tickets(300, 4);
    let groups: Vec<usize> = (0..300).map(|at| at - at % 3).collect();
    for order in [Order::Shuffled, Order::Newest] {
        let found = split(&tickets, &groups, &wish(order)).expect("enough tickets");
        for group in (0..300).step_by(3) {
            let places = &found.places[group..group + 3];
            let tests = places.iter().filter(|place| **place == Place::In(Split::Test)).count();
            let twins = places.iter().filter(|place| **place == Place::TwinOfTest).count();
            let is_whole = places.iter().all(|place| *place == places[0]);
            let is_cut = places.iter().all(|place| [Place::In(Split::Train), Place::NewerThanTest].contains(place));
            assert!((tests, twins) == (1, 2) || is_whole || is_cut, "{order:?}: {places:?}");
        }
        assert_eq!(of(&found, Place::In(Split::Test)).len(), 20);
    }
}

#[test]
fn too_few_groups_and_times_that_do_not_order_are_refused() {
    let mut tickets = tickets(100, 4);
    let groups = vec![0; 100];
    let refused = split(&tickets, &groups, &wish(Order::Shuffled)).expect_err("one group");
    assert_eq!(refused, NoSplit::TooFew { tickets: 100, groups: 1, wanted: 40 });
    for ticket in &mut tickets[..51] {
        ticket.ticket.created_at = UtcMillis(0);
    }
    let refused = split(&tickets, &alone(&tickets), &wish(Order::Newest)).expect_err("one time");
    assert_eq!(refused, NoSplit::OneTime { same: 51, tickets: 100 });
    tickets[0].ticket.created_at = UtcMillis(7);
    split(&tickets, &alone(&tickets), &wish(Order::Newest)).expect("half of the tickets with one time are allowed");
}

proptest::proptest! {
    #[test]
    fn every_ticket_has_one_place_and_nothing_that_trains_is_newer_than_the_test_or_its_twin(
        days in proptest::collection::vec(0..500_i64, 60..120), sizes in 1..4_usize, seed in 0..1_000_u64
    ) {
        let mut tickets = tickets(days.len(), 5);
        for (ticket, day) in tickets.iter_mut().zip(&days) {
            ticket.ticket.created_at = UtcMillis(day * DAY_MS);
        }
        let groups: Vec<usize> = (0..tickets.len()).map(|at| at - at % sizes).collect();
        let wish = SplitWish { test: 5, validation: 5, order: Order::Newest, mix: TestMix::Own, seed };
        if let Ok(found) = split(&tickets, &groups, &wish) {
            let test = of(&found, Place::In(Split::Test));
            proptest::prop_assert_eq!(test.len(), 5);
            let oldest = test.iter().map(|&at| tickets[at].ticket.created_at).min();
            for at in of(&found, Place::In(Split::Train)) {
                proptest::prop_assert!(Some(tickets[at].ticket.created_at) < oldest);
                proptest::prop_assert!(test.iter().all(|&test| groups[test] != groups[at]));
            }
        }
    }
}
