//! Is one answerer better than another? On the same tickets, and with "the test set is too small to tell" as an answer.

use crate::domain::ticket::TicketId;
use crate::statistics::bootstrap::paired_difference;
use crate::statistics::confusion::Confusion;
use crate::statistics::random::SeededRandom;
use crate::statistics::sample_size::{DiscordantShares, LEVEL, tickets_needed};
use crate::statistics::sign_test::Discordant;
use crate::statistics::swap_test::{Answered, SwapTest, swap_test};
use crate::statistics::wilson::Interval;

use super::answer::Column;
use super::score::{CLASSES, macro_f1, pair};
use super::test_set::TestSet;

/// Most ticket ids that a list names: more is a file, not a list.
pub const IDS_MAX: usize = 20;

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The second is right more often, and not by chance.
    SecondIsBetter,
    /// The first is.
    FirstIsBetter,
    /// The test set is too small to tell.
    TooSmall {
        /// So many tickets, none like another, would find such a difference in four of five cases; `None`: what was seen is
        /// no difference, and no test set of a size that anybody labels would tell.
        tickets_needed: Option<u64>,
    },
}

/// Two answerers on the same tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Name of the first: what was there before.
    pub first: String,
    /// Name of the second.
    pub second: String,
    /// Tickets on which exactly one is right.
    pub discordant: Discordant,
    /// All tickets.
    pub tickets: u64,
    /// Groups of near-duplicates of which one is right on more tickets than the other: what the test counts, because a group is
    /// one piece of evidence. Without groups the same as `discordant`.
    pub discordant_groups: Discordant,
    /// All groups.
    pub groups: u64,
    /// McNemar's two-sided mid-p value, over groups.
    pub p: f64,
    /// Where the gain in the share of right answers lies (second − first), by a paired bootstrap over groups; `None`
    /// without tickets.
    pub gain_interval: Option<Interval>,
    /// Macro-F1 of both, with the p value of the swap test over groups; `None`: undefined.
    pub macro_f1: Option<SwapTest>,
    /// Where the gain in macro-F1 lies; `None`: undefined.
    pub macro_f1_interval: Option<Interval>,
    /// What it says.
    pub finding: Finding,
    /// Tickets on which the first is right and the second wrong: at most [`IDS_MAX`], in the order of the set.
    pub broken: Vec<TicketId>,
}

impl Comparison {
    /// Compares two columns.
    pub fn of(first: &Column, second: &Column, set: &TestSet, random: &mut SeededRandom) -> Self {
        let mut discordant = Discordant::default();
        let mut broken = Vec::new();
        for (position, ticket) in set.tickets().iter().enumerate() {
            match (first.is_right(set, position), second.is_right(set, position)) {
                (true, false) => {
                    discordant.first += 1;
                    if broken.len() < IDS_MAX {
                        broken.push(ticket.id.clone());
                    }
                }
                (false, true) => discordant.second += 1,
                (true, true) | (false, false) => {}
            }
        }
        let units = units(first, second, set);
        let discordant_groups = discordant_groups(&units);
        let (tickets, groups) = (set.tickets().len() as u64, units.len() as u64);
        let p = discordant_groups.mid_p();
        Self {
            first: first.name.clone(),
            second: second.name.clone(),
            discordant,
            tickets,
            discordant_groups,
            groups,
            p,
            gain_interval: paired_difference(&units, CLASSES, 0.95, share_right, random),
            macro_f1: swap_test(&units, CLASSES, macro_f1, random),
            macro_f1_interval: paired_difference(&units, CLASSES, 0.95, macro_f1, random),
            finding: finding(discordant_groups, groups, p),
            broken,
        }
    }

    /// Gain in the share of right answers, second − first; `None` without tickets.
    pub fn gain(&self) -> Option<f64> {
        let Discordant { first, second } = self.discordant;
        (self.tickets > 0).then(|| (second as f64 - first as f64) / self.tickets as f64)
    }
}

fn finding(discordant_groups: Discordant, groups: u64, p: f64) -> Finding {
    let Discordant { first, second } = discordant_groups;
    if p <= LEVEL && first != second {
        return if second > first { Finding::SecondIsBetter } else { Finding::FirstIsBetter };
    }
    let share = |count: u64| count as f64 / groups.max(1) as f64;
    let needed = DiscordantShares::try_new(share(first), share(second)).ok().and_then(tickets_needed);
    // Where chance alone made a set this size miss it, the set is still too small: more than it has are needed.
    Finding::TooSmall { tickets_needed: needed.map(|needed| needed.max(groups + 1)) }
}

/// Each group speaks for whoever is right on more of its tickets, or for neither.
fn discordant_groups(units: &[Vec<Answered>]) -> Discordant {
    let mut discordant = Discordant::default();
    for unit in units {
        let first = unit.iter().filter(|ticket| ticket.first == ticket.truth).count();
        let second = unit.iter().filter(|ticket| ticket.second == ticket.truth).count();
        match first.cmp(&second) {
            std::cmp::Ordering::Greater => discordant.first += 1,
            std::cmp::Ordering::Less => discordant.second += 1,
            std::cmp::Ordering::Equal => {}
        }
    }
    discordant
}

fn units(first: &Column, second: &Column, set: &TestSet) -> Vec<Vec<Answered>> {
    let answered = |position: usize| {
        let ((truth, one), (_, other)) = (pair(first, set, position), pair(second, set, position));
        Answered { truth, first: one, second: other }
    };
    set.groups().iter().map(|group| group.iter().copied().map(answered).collect()).collect()
}

fn share_right(confusion: &Confusion) -> Option<f64> {
    let total = confusion.total();
    (total > 0).then(|| confusion.agreed() as f64 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from};

    fn compare(tickets: usize, first: impl Fn(usize) -> bool, second: impl Fn(usize) -> bool) -> Comparison {
        let set = set_from(&category("routing", Severity::Medium, tickets));
        let (first, second) = (column_right("v1", &set, first), column_right("v2", &set, second));
        Comparison::of(&first, &second, &set, &mut SeededRandom::new(1))
    }

    #[test]
    fn five_repaired_and_none_broken_of_fifty_are_just_shown_and_four_are_not() {
        // 38 of 50, then 43: the owner's own numbers.
        let found = compare(50, |at| at < 38, |at| at < 43);
        assert_eq!((found.discordant, found.finding), (Discordant { first: 0, second: 5 }, Finding::SecondIsBetter));
        assert!((found.p - 0.031_25).abs() < 1e-9);
        let Finding::TooSmall { tickets_needed: Some(needed) } = compare(50, |at| at < 38, |at| at < 42).finding else {
            panic!("four are not enough");
        };
        assert!((51..120).contains(&needed), "{needed}");
    }

    #[test]
    fn a_worse_second_is_said_to_be_worse_and_what_it_broke_is_named() {
        let found = compare(60, |_| true, |at| at >= 12);
        assert_eq!(found.finding, Finding::FirstIsBetter);
        assert_eq!((found.broken.len(), found.broken[0].as_str()), (12, "routing-medium-0"));
        assert_eq!(found.gain(), Some(-0.2));
    }

    #[test]
    fn no_difference_seen_needs_more_tickets_than_anybody_labels() {
        let same = compare(50, |at| at < 40, |at| at < 40);
        assert_eq!(same.finding, Finding::TooSmall { tickets_needed: None });
        let even = compare(50, |at| at < 45, |at| at >= 5);
        assert_eq!((even.discordant, even.finding), (Discordant { first: 5, second: 5 }, same.finding));
    }

    #[test]
    fn a_storm_of_near_duplicates_is_one_piece_of_evidence() {
        // The second repairs 12 of 60 tickets. Apart they show it; as twins of one ticket they are a single case.
        let apart = compare(60, |at| at >= 12, |_| true);
        assert_eq!(apart.finding, Finding::SecondIsBetter);
        let mut tickets = category("routing", Severity::Medium, 60);
        tickets[..12].iter_mut().for_each(|ticket| ticket.group = Some("storm".into()));
        let set = set_from(&tickets);
        let (first, second) = (column_right("v1", &set, |at| at >= 12), column_right("v2", &set, |_| true));
        let storm = Comparison::of(&first, &second, &set, &mut SeededRandom::new(1));
        assert_eq!((storm.discordant, storm.discordant_groups), (apart.discordant, Discordant { first: 0, second: 1 }));
        assert_eq!((storm.tickets, storm.groups), (60, 49));
        assert!(matches!(storm.finding, Finding::TooSmall { tickets_needed: Some(50..) }), "{storm:?}");
        assert_eq!(storm.macro_f1.expect("defined").p, 1.0);
    }

    #[test]
    fn a_group_is_of_whoever_is_right_on_more_of_it_and_of_neither_where_both_are() {
        let mut tickets = category("routing", Severity::Medium, 6);
        for (ticket, group) in tickets.iter_mut().zip(["a", "a", "a", "b", "b", "b"]) {
            ticket.group = Some(group.into());
        }
        let set = set_from(&tickets);
        let right = |name: &str, positions: &'static [usize]| column_right(name, &set, |at| positions.contains(&at));
        let (first, second) = (right("v1", &[0, 3]), right("v2", &[1, 2, 4]));
        let found = Comparison::of(&first, &second, &set, &mut SeededRandom::new(1));
        assert_eq!(found.discordant_groups, Discordant { first: 0, second: 1 });
    }

    #[test]
    fn the_gain_lies_in_its_interval() {
        let found = compare(200, |at| at % 4 != 0, |at| at % 8 != 0);
        let (gain, interval) = (found.gain().expect("tickets"), found.gain_interval.expect("tickets"));
        assert!(interval.low < gain && gain < interval.high && interval.low > 0.0, "{interval:?}");
    }

    #[test]
    fn without_tickets_nothing_is_compared() {
        let found = compare(0, |_| true, |_| true);
        assert_eq!((found.gain(), found.gain_interval, found.macro_f1), (None, None, None));
        assert_eq!(found.finding, Finding::TooSmall { tickets_needed: None });
    }
}
