use super::super::plan::{Need, NoPlan, Spread, Target, needs, oversampling, share_after};
use super::super::share::Share;

fn target(slice: &str, have: u64, share: &str) -> Target {
    Target { slice: slice.to_owned(), have, share: share.parse().expect("a share") }
}

#[track_caller]
fn added(total: u64, targets: &[Target]) -> Vec<u64> {
    needs(total, targets).expect("a plan").into_iter().map(|Need { add, .. }| add).collect()
}

#[test]
fn twenty_wireless_of_five_hundred_need_a_hundred_and_twenty_more_to_be_22_5_per_cent() {
    assert_eq!(added(500, &[target("wireless", 20, "22.5%")]), [120]);
    assert!(share_after(20, 500, 120) >= 0.225 && share_after(20, 500, 119) < 0.225);
}

#[test]
fn the_hundred_that_the_owner_added_reach_a_fifth() {
    assert_eq!(share_after(20, 500, 100), 0.2);
    // Exactly a fifth needs exactly a hundred: no ticket more by a rounding error.
    assert_eq!(added(500, &[target("wireless", 20, "20%")]), [100]);
    assert_eq!(added(600, &[target("wireless", 120, "20%")]), [0]);
    assert_eq!(added(600, &[target("wireless", 120, "20.0001%")]), [1]);
}

#[test]
fn several_slices_reach_their_shares_together() {
    let targets = [target("wireless", 20, "22.5%"), target("third-party", 40, "15%")];
    let found = added(500, &targets);
    let total = 500 + found.iter().sum::<u64>();
    for (target, added) in targets.iter().zip(&found) {
        assert!((target.have + added) as f64 / total as f64 >= target.share.get() - 1e-3);
        assert!((target.have + added) as f64 / (total as f64) < target.share.get() + 2e-3);
    }
    // 440 others are 62.5 %: the whole is 704.
    assert_eq!(found, [139, 66]);
}

#[test]
fn a_slice_that_has_its_share_already_gets_nothing_and_counts_with_the_rest() {
    let targets = [target("wireless", 20, "22.5%"), target("routing", 300, "10%")];
    assert_eq!(added(500, &targets), [120, 0]);
}

#[test]
fn impossible_plans_are_refused() {
    let refused = |total, targets: &[Target]| needs(total, targets).expect_err("no plan");
    assert_eq!(refused(10, &[target("a", 11, "50%")]), NoPlan::MoreThanAll { have: 11, total: 10 });
    assert_eq!(refused(10, &[target("a", 1, "50%"), target("b", 1, "50%")]), NoPlan::NothingLeft);
    assert_eq!(refused(10, &[target("a", 10, "50%")]), NoPlan::NothingElse);
    assert_eq!(refused(10, &[target("a", 1, "20%"), target("a", 1, "30%")]), NoPlan::Targets(2));
    assert_eq!(added(10, &[]), Vec::<u64>::new());
}

#[test]
fn copies_are_spread_evenly_and_the_limit_leaves_the_rest_to_new_tickets() {
    let ids: Vec<String> = (0..20).map(|at| format!("T{at}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let all = oversampling(&ids, 120, 7, 1);
    assert_eq!((all.copies, all.missing), (vec![7; 20], 0));
    let some = oversampling(&ids, 30, 7, 1);
    assert_eq!((some.copies.iter().sum::<u64>(), some.missing), (50, 0));
    assert!(some.copies.iter().all(|copies| (2..=3).contains(copies)));
    assert_eq!(some, oversampling(&ids, 30, 7, 1));
    assert_ne!(some, oversampling(&ids, 30, 7, 2));
    let limited = oversampling(&ids, 120, 5, 1);
    assert_eq!((limited.copies, limited.missing), (vec![5; 20], 40));
    assert_eq!(oversampling(&[], 3, 5, 1).missing, 3);
}

#[test]
fn how_often_tickets_are_repeated_is_known_from_their_number_alone() {
    for (tickets, add, most) in [(20, 120, 7), (20, 30, 7), (20, 120, 5), (0, 3, 5), (3, 0, 5)] {
        let ids = vec!["T"; tickets];
        let copies = oversampling(&ids, add, most, 1);
        let spread = Spread::of(tickets as u64, add, most);
        let ends = (copies.copies.iter().min().copied(), copies.copies.iter().max().copied());
        assert_eq!(spread.least_and_most(), (ends.0.unwrap_or(0), ends.1.unwrap_or(0)), "{tickets} {add} {most}");
        assert_eq!(spread.missing, copies.missing);
    }
    assert_eq!(Spread::of(u64::MAX, u64::MAX, 100).missing, 0);
}

proptest::proptest! {
    #[test]
    fn one_ticket_less_would_miss_the_share(total in 2..5_000_u64, have in 0..1_000_u64, millionths in 1..999_999_u64) {
        proptest::prop_assume!(have < total);
        let share = Share::from_millionths(millionths).expect("a share");
        let target = Target { slice: "a".into(), have, share };
        let add = needs(total, std::slice::from_ref(&target)).expect("a plan")[0].add;
        let reaches = |add: u64| u128::from(have + add) * 1_000_000 >= u128::from(millionths) * u128::from(total + add);
        proptest::prop_assert!(reaches(add));
        proptest::prop_assert!(add == 0 || !reaches(add - 1));
    }
}
