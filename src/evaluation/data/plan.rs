//! What a training set needs so that a slice has the share that it has in live traffic: how many new tickets, or how often
//! the tickets it has are repeated.

use std::collections::BTreeMap;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use super::share::{Share, whole};

/// Most slices that are brought to a share at once: beyond that the mix is sampled anew, not topped up.
pub const TARGETS_MAX: usize = 32;

/// The share that a slice is to reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The slice.
    pub slice: String,
    /// Training tickets it has.
    pub have: u64,
    /// The share it is to have.
    pub share: Share,
}

/// What a slice needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The target.
    pub target: Target,
    /// Tickets, or copies of tickets, to add; 0 where it has its share already.
    pub add: u64,
}

/// Why a plan cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlan {
    /// Slices hold more than there is.
    #[error("the slices have {have} tickets, and the training set only {total}")]
    MoreThanAll {
        /// Tickets of the slices.
        have: u64,
        /// Tickets of the training set.
        total: u64,
    },
    /// Together they want everything.
    #[error("the wished shares add up to the whole training set or more: nothing would be left for other tickets")]
    NothingLeft,
    /// Nothing else is there to compare with.
    #[error(
        "all tickets are of the slices that are to get a share: their shares follow from each other; name fewer slices"
    )]
    NothingElse,
    /// More than [`TARGETS_MAX`], or one twice.
    #[error("{0} slices are named, or one of them twice; at most {TARGETS_MAX} different ones are allowed")]
    Targets(usize),
}

/// What each slice needs so that all have their shares when the others stay as they are.
///
/// One slice: of n tickets it has s and is to have the share t, `(s + x)/(n + x) = t`, so `x = ⌈(t·n − s)/(1 − t)⌉`. Several:
/// the tickets of no target are `r = n − Σs`, and they are the share `1 − Σt` of the whole, so the whole becomes
/// `r/(1 − Σt)`, and each slice needs its share of that. A slice that has more than its share already counts with `r`.
///
/// # Errors
/// Impossible counts, or shares that leave nothing.
pub fn needs(total: u64, targets: &[Target]) -> Result<Vec<Need>, NoPlan> {
    let names: std::collections::BTreeSet<&str> = targets.iter().map(|target| target.slice.as_str()).collect();
    if targets.len() > TARGETS_MAX || names.len() != targets.len() {
        return Err(NoPlan::Targets(targets.len()));
    }
    let have: u64 = targets.iter().map(|target| target.have).sum();
    if have > total {
        return Err(NoPlan::MoreThanAll { have, total });
    }
    if targets.iter().map(|target| target.share.millionths()).sum::<u64>() >= whole() {
        return Err(NoPlan::NothingLeft);
    }
    if have == total && !targets.is_empty() {
        return Err(NoPlan::NothingElse);
    }
    let mut is_short = vec![true; targets.len()];
    loop {
        let short = || targets.iter().zip(&is_short).filter(|(_, is_short)| **is_short).map(|(target, _)| target);
        let rest = u128::from(total - short().map(|target| target.have).sum::<u64>());
        let left = u128::from(whole() - short().map(|target| target.share.millionths()).sum::<u64>());
        let add = |target: &Target| {
            let share = u128::from(target.share.millionths());
            (share * rest).saturating_sub(u128::from(target.have) * left).div_ceil(left) as u64
        };
        let has_its_share = targets.iter().zip(&is_short).position(|(target, is_short)| *is_short && add(target) == 0);
        let Some(at) = has_its_share else {
            let need = |(target, is_short): (&Target, &bool)| Need {
                target: target.clone(),
                add: if *is_short { add(target) } else { 0 },
            };
            return Ok(targets.iter().zip(&is_short).map(need).collect());
        };
        is_short[at] = false;
    }
}

/// The share of a slice once some have been added.
pub fn share_after(have: u64, total: u64, added: u64) -> f64 {
    (have + added) as f64 / (total + added) as f64
}

/// How often each ticket of a slice stands in the training set so that `add` copies come on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Oversampling {
    /// Copies of each ticket, the first included, in the order of the ids that were given.
    pub copies: Vec<u64>,
    /// Copies that the limit does not allow: as many tickets must be new.
    pub missing: u64,
}

/// How often the tickets of a slice stand in the training set when copies are spread over them evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Tickets of the slice.
    pub tickets: u64,
    /// Copies that each of them gets beside itself.
    pub each: u64,
    /// Tickets that get one more.
    pub odd: u64,
    /// Copies that the limit does not allow: as many tickets must be new.
    pub missing: u64,
}

impl Spread {
    /// Spreads `add` copies over so many tickets, none of which may stand there more than `copies_max` times.
    pub fn of(tickets: u64, add: u64, copies_max: u64) -> Self {
        let given = add.min(tickets.saturating_mul(copies_max.saturating_sub(1)));
        let each = given.checked_div(tickets).unwrap_or(0);
        Self { tickets, each, odd: given - each * tickets, missing: add - given }
    }

    /// How often the tickets stand there at least and at most, the first time included; 0 where there is none.
    pub const fn least_and_most(&self) -> (u64, u64) {
        match (self.tickets, self.odd) {
            (0, _) => (0, 0),
            (_, 0) => (1 + self.each, 1 + self.each),
            (_, _) => (1 + self.each, 2 + self.each),
        }
    }
}

/// Spreads `add` copies evenly over tickets, none of which may stand there more than `copies_max` times; which of them get
/// the odd ones, the seed decides.
pub fn oversampling(ticket_ids: &[&str], add: u64, copies_max: u64, seed: u64) -> Oversampling {
    let Spread { tickets: _, each, odd, missing } = Spread::of(ticket_ids.len() as u64, add, copies_max);
    let mut order: BTreeMap<(u64, usize), usize> = BTreeMap::new();
    for (at, id) in ticket_ids.iter().enumerate() {
        let mut hasher = SipHasher24::new_with_keys(seed, 1);
        hasher.write(id.as_bytes());
        order.insert((hasher.finish(), at), at);
    }
    let mut copies = vec![1 + each; ticket_ids.len()];
    for at in order.into_values().take(odd as usize) {
        copies[at] += 1;
    }
    Oversampling { copies, missing }
}
