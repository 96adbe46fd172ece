//! Three sets of one: what trains, what chooses among fits, what judges. Groups of near-duplicates stay together; by time,
//! everything that trains is older than the whole test set; the same seed gives the same split.
//!
//! The test set takes one ticket of a group, because twins would count one mistake twice; the other members are left out. More
//! of a group would make a test larger and no surer: comparisons and what probabilities are worth count a group once, and the
//! intervals of shares, which count every ticket, would be narrower than what is known. There is no larger test than the groups.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::domain::labelled::{LabelledTicket, Split};
use crate::domain::time::UtcMillis;

use super::strata::{Fineness, Stratum, quotas};

/// In which order tickets are taken for the test set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// As the seed shuffles them.
    Shuffled,
    /// The newest first.
    Newest,
}

/// Which mix the test set is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TestMix {
    /// That of the tickets themselves: by time, of the newest, as traffic is now.
    Own,
    /// Another one, for example of last month's traffic.
    Like {
        /// Tickets of each stratum there.
        counts: BTreeMap<Stratum, u64>,
        /// By what they are told apart.
        fineness: Fineness,
    },
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitWish {
    /// Tickets of the test set.
    pub test: usize,
    /// Tickets of the validation set; the last group may bring more.
    pub validation: usize,
    /// Order in which they are taken.
    pub order: Order,
    /// Mix of the test set.
    pub mix: TestMix,
    /// The same seed gives the same split.
    pub seed: u64,
}

/// Where a ticket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// Into one of the sets.
    In(Split),
    /// A twin of a test ticket: it may not train, and would count a mistake of the test twice.
    TwinOfTest,
    /// Newer than the oldest test ticket: it may not train, because a model would then know the future of its test.
    NewerThanTest,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::In(Split::Train),
        Self::In(Split::Validation),
        Self::In(Split::Test),
        Self::TwinOfTest,
        Self::NewerThanTest,
    ];

    /// The word for people and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In(split) => split.as_str(),
            Self::TwinOfTest => "twin_of_test",
            Self::NewerThanTest => "newer_than_test",
        }
    }
}

/// A split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splitting {
    /// Where each ticket goes, in their order.
    pub places: Vec<Place>,
    /// Creation of the oldest test ticket; `None` unless the split is by time.
    pub cut: Option<UtcMillis>,
}

/// Why there is no such split.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSplit {
    /// There are not enough tickets that differ.
    #[error(
        "{tickets} tickets are {groups} groups of near-duplicates: too few for {wanted} in test and validation and any to \
         train with; take smaller sets or add tickets"
    )]
    TooFew {
        /// Tickets there are.
        tickets: usize,
        /// Groups they make.
        groups: usize,
        /// Tickets wanted beside training.
        wanted: usize,
    },
    /// Time does not tell them apart.
    #[error(
        "{same} of {tickets} tickets have the same `created_at`, so time does not order them: split by group alone, or \
         import them with their times"
    )]
    OneTime {
        /// Tickets of the most frequent time.
        same: usize,
        /// Tickets there are.
        tickets: usize,
    },
    /// All that is left is in the other sets, or may not train.
    #[error(
        "nothing is left to train with: of {tickets} tickets {newer} are newer than the oldest test ticket, and {twins} are \
         twins of test tickets; take smaller sets or add older tickets"
    )]
    NothingTrains {
        /// Tickets there are.
        tickets: usize,
        /// Newer than the oldest test ticket.
        newer: usize,
        /// Twins of test tickets.
        twins: usize,
    },
    /// The wished mix cannot be had.
    #[error(
        "the tickets hold no such test set: {}; take a smaller one, another mix, or add tickets",
        .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    )]
    Short(Vec<Shortage>),
}

/// A stratum of which there is too little.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Which.
    pub stratum: Stratum,
    /// Tickets wanted of it.
    pub wanted: usize,
    /// Tickets there are.
    pub found: usize,
}

impl std::fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {} wanted, {} there", self.stratum, self.wanted, self.found)
    }
}

/// Part of the groups, counted from the newest, that a test set of another mix is looked for in: a rare stratum may not
/// push the beginning of the test so far back that nothing is left to train with.
const NEWEST_PART: usize = 2;

/// Splits tickets; `groups` names the group of each, as [`super::groups::groups`] does.
///
/// # Errors
/// Too few tickets, times that do not order them, or a mix that they do not hold.
pub fn split(tickets: &[LabelledTicket], groups: &[usize], wish: &SplitWish) -> Result<Splitting, NoSplit> {
    assert_eq!(tickets.len(), groups.len(), "every ticket has a group");
    let ordered = Ordered::new(tickets, groups, wish);
    let wanted = wish.test + wish.validation;
    if wanted >= ordered.groups.len() {
        return Err(NoSplit::TooFew { tickets: tickets.len(), groups: ordered.groups.len(), wanted });
    }
    if wish.order == Order::Newest {
        check_times(tickets)?;
    }
    let test = ordered.test(wish)?;
    let cut = match wish.order {
        Order::Shuffled => None,
        Order::Newest => test.iter().map(|&group| tickets[ordered.groups[group].first].ticket.created_at).min(),
    };
    let mut places = vec![Place::In(Split::Train); tickets.len()];
    for &group in &test {
        let Group { first, members } = &ordered.groups[group];
        for &member in members {
            places[member] = if member == *first { Place::In(Split::Test) } else { Place::TwinOfTest };
        }
    }
    for group in ordered.validation(wish, &test) {
        for &member in &ordered.groups[group].members {
            places[member] = Place::In(Split::Validation);
        }
    }
    for (place, ticket) in places.iter_mut().zip(tickets) {
        if *place == Place::In(Split::Train) && cut.is_some_and(|cut| ticket.ticket.created_at >= cut) {
            *place = Place::NewerThanTest;
        }
    }
    let count = |place| places.iter().filter(|found| **found == place).count();
    if count(Place::In(Split::Train)) == 0 {
        let (newer, twins) = (count(Place::NewerThanTest), count(Place::TwinOfTest));
        return Err(NoSplit::NothingTrains { tickets: tickets.len(), newer, twins });
    }
    Ok(Splitting { places, cut })
}

/// Half of the tickets with one time are no order.
fn check_times(tickets: &[LabelledTicket]) -> Result<(), NoSplit> {
    let mut counts: BTreeMap<UtcMillis, usize> = BTreeMap::new();
    for ticket in tickets {
        *counts.entry(ticket.ticket.created_at).or_default() += 1;
    }
    match counts.into_values().max() {
        Some(same) if same * 2 > tickets.len() => Err(NoSplit::OneTime { same, tickets: tickets.len() }),
        Some(_) | None => Ok(()),
    }
}

/// A group, with the member that stands for it.
struct Group {
    first: usize,
    members: Vec<usize>,
}

/// Groups in the order in which they are taken.
struct Ordered<'split> {
    tickets: &'split [LabelledTicket],
    groups: Vec<Group>,
}

impl<'split> Ordered<'split> {
    fn new(tickets: &'split [LabelledTicket], groups: &[usize], wish: &SplitWish) -> Self {
        // By time, the seed decides among tickets of one moment.
        let key = |at: usize| {
            let time = match wish.order {
                Order::Shuffled => 0,
                Order::Newest => tickets[at].ticket.created_at.0,
            };
            let mut hasher = SipHasher24::new_with_keys(wish.seed, 0);
            hasher.write(tickets[at].ticket.ticket_id.as_str().as_bytes());
            (std::cmp::Reverse(time), hasher.finish(), at)
        };
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (at, &group) in groups.iter().enumerate() {
            members.entry(group).or_default().push(at);
        }
        let with_first = |members: Vec<usize>| {
            let first = members.iter().copied().min_by_key(|&at| key(at))?;
            Some(Group { first, members })
        };
        let mut groups: Vec<Group> = members.into_values().filter_map(with_first).collect();
        groups.sort_by_key(|group| key(group.first));
        Self { tickets, groups }
    }

    fn stratum(&self, group: usize, fineness: Fineness) -> Stratum {
        fineness.stratum_of(&self.tickets[self.groups[group].first])
    }

    fn counts(&self, among: &[usize], fineness: Fineness) -> BTreeMap<Stratum, u64> {
        let mut counts = BTreeMap::new();
        for &group in among {
            *counts.entry(self.stratum(group, fineness)).or_default() += 1;
        }
        counts
    }

    /// Groups of the test set.
    fn test(&self, wish: &SplitWish) -> Result<Vec<usize>, NoSplit> {
        let all: Vec<usize> = (0..self.groups.len()).collect();
        let fine = Fineness::SliceAndSeverity;
        match (&wish.mix, wish.order) {
            // The newest are as traffic is now, whatever they hold.
            (TestMix::Own, Order::Newest) => Ok(all[..wish.test].to_vec()),
            (TestMix::Own, Order::Shuffled) => {
                let wanted = quotas(&self.counts(&all, fine), wish.test);
                Ok(self.take(&all, wanted, fine, Counted::Group).taken)
            }
            (TestMix::Like { counts, fineness }, order) => {
                let reach = match order {
                    Order::Shuffled => all.len(),
                    Order::Newest => (all.len() / NEWEST_PART).max(wish.test),
                };
                let wanted = quotas(counts, wish.test);
                let Taken { taken, left } = self.take(&all[..reach], wanted.clone(), *fineness, Counted::Group);
                let short: Vec<Shortage> = left
                    .into_iter()
                    .filter(|(_, missing)| *missing > 0)
                    .map(|(stratum, missing)| {
                        let wanted = wanted[&stratum];
                        Shortage { stratum, wanted, found: wanted - missing }
                    })
                    .collect();
                if short.is_empty() { Ok(taken) } else { Err(NoSplit::Short(short)) }
            }
        }
    }

    /// Groups of the validation set: in the mix of what is left.
    fn validation(&self, wish: &SplitWish, test: &[usize]) -> Vec<usize> {
        let test: BTreeSet<usize> = test.iter().copied().collect();
        let rest: Vec<usize> = (0..self.groups.len()).filter(|group| !test.contains(group)).collect();
        let fineness = Fineness::SliceAndSeverity;
        let mut counts: BTreeMap<Stratum, u64> = BTreeMap::new();
        for &group in &rest {
            *counts.entry(self.stratum(group, fineness)).or_default() += self.groups[group].members.len() as u64;
        }
        self.take(&rest, quotas(&counts, wish.validation), fineness, Counted::Tickets).taken
    }

    /// Takes groups in order while their stratum wants some.
    fn take(
        &self,
        among: &[usize],
        mut wanted: BTreeMap<Stratum, usize>,
        fineness: Fineness,
        counted: Counted,
    ) -> Taken {
        let mut taken = Vec::new();
        for &group in among {
            if let Some(left) = wanted.get_mut(&self.stratum(group, fineness)).filter(|left| **left > 0) {
                *left = left.saturating_sub(match counted {
                    Counted::Group => 1,
                    Counted::Tickets => self.groups[group].members.len(),
                });
                taken.push(group);
            }
        }
        Taken { taken, left: wanted }
    }
}

/// What a taken group counts for.
#[derive(Clone, Copy)]
enum Counted {
    /// One ticket: the others are left out.
    Group,
    /// All its tickets.
    Tickets,
}

/// Groups that were taken, and what is still wanted.
struct Taken {
    taken: Vec<usize>,
    left: BTreeMap<Stratum, usize>,
}
