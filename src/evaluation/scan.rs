//! The weak-slice scan: pairs of facets that fail more than either of the two explains, as "third-party switches" where
//! neither all third-party devices nor all switches fail. Of near-duplicates the first counts: a group is one piece of evidence.

use std::collections::HashMap;

use crate::statistics::false_discovery::adjusted_p_values;
use crate::statistics::fisher::group_is_higher_p;
use crate::statistics::wilson::Share;

use super::answer::Column;
use super::facet::FacetId;
use super::failures::{DISCOVERY_LEVEL, TICKETS_MIN, without};
use super::test_set::TestSet;

/// Most weak pairs that are named.
pub const PAIRS_MAX: usize = 10;
/// Most pairs that are counted; pairs first seen beyond are not looked at. The first tickets of a set name the frequent
/// ones.
const COUNTED_MAX: usize = 500_000;

/// Two facets whose common tickets fail.
#[derive(Clone, Debug, PartialEq)]
pub struct WeakPair {
    /// Both facets, of different dimensions.
    pub facets: [FacetId; 2],
    /// Wrong answers of the tickets that have both.
    pub wrong: Share,
    /// Wrong answers of the tickets that have exactly one of them.
    pub one_alone: Share,
    /// The adjusted p value of "wrong more often than those that have the first alone, and than those that have the second
    /// alone": the larger of the two.
    pub adjusted_p: f64,
}

/// Pairs that fail more often than the tickets that have either facet alone, worst first, at most [`PAIRS_MAX`].
pub fn weak_pairs(column: &Column, set: &TestSet) -> Vec<WeakPair> {
    let mut singles = vec![Share::default(); set.facets().len()];
    let mut pairs: HashMap<[FacetId; 2], Share> = HashMap::new();
    for (position, ticket) in set.tickets().iter().enumerate().filter(|(_, ticket)| ticket.is_first_of_group) {
        let is_wrong = !column.is_right(set, position);
        for (at, &first) in ticket.facets.iter().enumerate() {
            singles[first.index()].add(is_wrong);
            for &second in &ticket.facets[at + 1..] {
                let key = if first < second { [first, second] } else { [second, first] };
                if pairs.len() < COUNTED_MAX || pairs.contains_key(&key) {
                    pairs.entry(key).or_default().add(is_wrong);
                }
            }
        }
    }
    let mut found: Vec<(WeakPair, f64)> = pairs
        .into_iter()
        .filter(|(_, both)| both.of >= TICKETS_MIN)
        .filter_map(|(facets, both)| {
            let alone = facets.map(|facet| without(singles[facet.index()], both));
            // Where a facet never comes without the other, the two are one slice and stand in the list of slices.
            let stands_apart = alone.iter().all(|alone| alone.of > 0);
            let p = alone.map(|alone| group_is_higher_p(both, alone)).into_iter().fold(0.0, f64::max);
            let one_alone = Share { hits: alone[0].hits + alone[1].hits, of: alone[0].of + alone[1].of };
            stands_apart.then_some((WeakPair { facets, wrong: both, one_alone, adjusted_p: 1.0 }, p))
        })
        .collect();
    found.sort_by_key(|(pair, _)| pair.facets);
    let p_values: Vec<f64> = found.iter().map(|(_, p)| *p).collect();
    let mut found: Vec<WeakPair> = found
        .into_iter()
        .zip(adjusted_p_values(&p_values))
        .map(|((pair, _), adjusted_p)| WeakPair { adjusted_p, ..pair })
        .collect();
    found.retain(|pair| pair.adjusted_p <= DISCOVERY_LEVEL);
    found.sort_by(|a, b| a.adjusted_p.total_cmp(&b.adjusted_p).then(a.facets.cmp(&b.facets)));
    found.truncate(PAIRS_MAX);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::labelled::LabelledTicket;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from};

    fn of_vendor(name: &str, vendor: &str, count: usize) -> Vec<LabelledTicket> {
        let mut tickets = category(name, Severity::Medium, count);
        for ticket in &mut tickets {
            ticket.ticket.device.vendor = Some(vendor.to_owned());
            let id = format!("{}-{vendor}", ticket.ticket.ticket_id);
            ticket.ticket.ticket_id = crate::domain::ticket::TicketId::try_new(&id).expect("an id");
        }
        tickets
    }

    fn scan(is_wrong: impl Fn(&str) -> bool) -> Vec<[String; 2]> {
        let tickets = [
            of_vendor("switching", "cisco", 30),
            of_vendor("switching", "acme", 15),
            of_vendor("routing", "cisco", 30),
            of_vendor("routing", "acme", 15),
        ]
        .concat();
        let set = set_from(&tickets);
        let column = column_right("v1", &set, |position| !is_wrong(set.tickets()[position].id.as_str()));
        let name = |facet: FacetId| set.facets().value(facet).to_owned();
        weak_pairs(&column, &set).iter().map(|pair| pair.facets.map(name)).collect()
    }

    #[test]
    fn third_party_switches_are_found_where_neither_explains_it() {
        assert_eq!(scan(|id| id.starts_with("switching") && id.ends_with("acme")), [["switching", "acme"]]);
    }

    #[test]
    fn a_storm_of_near_duplicates_is_no_weak_pair() {
        let mut storm = of_vendor("switching", "acme", 15);
        for ticket in &mut storm {
            ticket.group = Some("storm".into());
        }
        let others = [of_vendor("switching", "cisco", 30), of_vendor("routing", "acme", 15)];
        let set = set_from(&[storm, others.concat()].concat());
        let column = column_right("v1", &set, |position| position >= 15);
        assert_eq!(weak_pairs(&column, &set), []);
    }

    #[test]
    fn what_one_facet_explains_is_no_pair() {
        assert_eq!(scan(|id| id.ends_with("acme")), [[""; 2]; 0]);
        assert_eq!(scan(|_| false), [[""; 2]; 0]);
    }
}
