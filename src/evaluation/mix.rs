//! The live mix: a test set holds more of what is rare than the desk sees. What would the score be on live traffic?

use std::collections::BTreeMap;

use crate::statistics::bootstrap::percentile_interval;
use crate::statistics::random::SeededRandom;
use crate::statistics::wilson::{Interval, Share};

use super::answer::Column;
use super::facet::Dimension;
use super::test_set::TestSet;

/// What a ticket without a value of the dimension is counted under.
pub const NOT_STATED: &str = "not stated";

/// How often each value of one dimension occurs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Which dimension.
    pub dimension: Dimension,
    /// Tickets by value, [`NOT_STATED`] among them.
    pub counts: BTreeMap<String, u64>,
}

impl Mix {
    /// The mix of a set.
    pub fn of(set: &TestSet, dimension: Dimension) -> Self {
        let mut counts = BTreeMap::new();
        for position in 0..set.tickets().len() {
            *counts.entry(value_of(set, position, dimension).to_owned()).or_default() += 1;
        }
        Self { dimension, counts }
    }

    /// All tickets.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Tickets with one value.
    pub fn share(&self, value: &str) -> Share {
        Share { hits: self.counts.get(value).copied().unwrap_or(0), of: self.total() }
    }
}

/// The value of a dimension that a ticket has.
pub fn value_of(set: &TestSet, position: usize, dimension: Dimension) -> &str {
    let facets = set.facets();
    let found = set.tickets()[position].facets.iter().find(|&&facet| facets.dimension(facet) == dimension);
    found.map_or(NOT_STATED, |&facet| facets.value(facet))
}

/// A score on live traffic.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveScore {
    /// By what live traffic is told apart.
    pub dimension: Dimension,
    /// Share of right answers where every value counts as often as live; `None`: no live value is in the test set.
    pub right: Option<f64>,
    /// Where it lies, by a bootstrap within each value; `None` as above.
    pub interval: Option<Interval>,
    /// Of live traffic, how much has values of which the test set has no ticket: nothing is known there.
    pub unseen: Share,
    /// These values, most frequent first.
    pub unseen_values: Vec<String>,
}

/// Weighs each ticket by how often its value occurs live. Values without a test ticket are left out and said.
pub fn live_score(column: &Column, set: &TestSet, live: &Mix, random: &mut SeededRandom) -> LiveScore {
    let mut strata: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for position in 0..set.tickets().len() {
        strata.entry(value_of(set, position, live.dimension)).or_default().push(column.is_right(set, position));
    }
    let weighted: Vec<(f64, &[bool])> = live
        .counts
        .iter()
        .filter_map(|(value, &count)| Some((count as f64, strata.get(value.as_str())?.as_slice())))
        .collect();
    let mut unseen: Vec<(&String, u64)> = live
        .counts
        .iter()
        .filter(|(value, count)| **count > 0 && !strata.contains_key(value.as_str()))
        .map(|(value, &count)| (value, count))
        .collect();
    unseen.sort_by_key(|&(value, count)| (std::cmp::Reverse(count), value));
    let seen: f64 = weighted.iter().map(|(weight, _)| weight).sum();
    let shares: Vec<Stratum> = weighted
        .iter()
        .map(|(weight, right)| {
            let hits = right.iter().filter(|is_right| **is_right).count() as u64;
            Stratum { weight: weight / seen, share: Share { hits, of: right.len() as u64 } }
        })
        .collect();
    let interval = if seen > 0.0 { stratified_interval(&shares, random) } else { None };
    LiveScore {
        right: (seen > 0.0).then(|| shares.iter().map(|s| s.weight * s.share.proportion().unwrap_or(0.0)).sum()),
        interval,
        unseen: Share { hits: unseen.iter().map(|(_, count)| count).sum(), of: live.total() },
        dimension: live.dimension,
        unseen_values: unseen.into_iter().map(|(value, _)| value.clone()).collect(),
    }
}

struct Stratum {
    weight: f64,
    share: Share,
}

/// Each stratum is drawn anew within itself. Half a right and half a wrong ticket are added to each, so that a handful of
/// right answers is not taken for certainty.
fn stratified_interval(strata: &[Stratum], random: &mut SeededRandom) -> Option<Interval> {
    let mut drawing = random.clone();
    let interval = percentile_interval(1, 0.95, random, |_| {
        let drawn = strata.iter().map(|stratum| {
            let of = stratum.share.of as f64;
            let smoothed = (stratum.share.hits as f64 + 0.5) / (of + 1.0);
            stratum.weight * drawing.successes(stratum.share.of, smoothed) as f64 / of
        });
        Some(drawn.sum())
    });
    *random = drawing;
    interval
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from};

    fn live(counts: &[(&str, u64)]) -> Mix {
        let counts = counts.iter().map(|&(value, count)| (value.to_owned(), count)).collect();
        Mix { dimension: Dimension::Category, counts }
    }

    /// 40 routing tickets, all right; 10 wireless ones, 3 right.
    fn score(live: &Mix) -> LiveScore {
        let tickets = [category("routing", Severity::Low, 40), category("wireless", Severity::Low, 10)].concat();
        let set = set_from(&tickets);
        let column = column_right("v1", &set, |position| position < 43);
        live_score(&column, &set, live, &mut SeededRandom::new(2))
    }

    #[test]
    fn what_is_frequent_live_counts_more() {
        let found = score(&live(&[("routing", 500), ("wireless", 500)]));
        assert!((found.right.expect("seen") - 0.65).abs() < 1e-12);
        let interval = found.interval.expect("seen");
        assert!(interval.low < 0.65 && 0.65 < interval.high, "{interval:?}");
    }

    #[test]
    fn live_values_without_a_test_ticket_are_unknown_and_named() {
        let found = score(&live(&[("routing", 90), ("power", 4), ("voice", 6)]));
        assert_eq!((found.right, found.unseen), (Some(1.0), Share { hits: 10, of: 100 }));
        assert_eq!(found.unseen_values, ["voice", "power"]);
        let nothing = score(&live(&[("power", 4)]));
        assert_eq!((nothing.right, nothing.interval), (None, None));
    }

    #[test]
    fn a_mix_counts_every_ticket_once() {
        let set = set_from(&category("routing", Severity::Low, 3));
        assert_eq!(Mix::of(&set, Dimension::Category).share("routing"), Share { hits: 3, of: 3 });
        assert_eq!(Mix::of(&set, Dimension::Vendor).share(NOT_STATED), Share { hits: 3, of: 3 });
    }
}
