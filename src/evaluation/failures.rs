//! Which tickets fail? Error rates by facet, each against the rest, with the false discoveries of many looks controlled. Rates
//! are of all tickets; what is tested is the first of each group of near-duplicates, which is one piece of evidence.

use crate::domain::ticket::TicketId;
use crate::statistics::false_discovery::adjusted_p_values;
use crate::statistics::fisher::group_is_higher_p;
use crate::statistics::wilson::Share;

use super::answer::Column;
use super::compare::IDS_MAX;
use super::facet::FacetId;
use super::test_set::TestSet;

/// Below so many tickets nothing is said of a slice but how many there are.
pub const TICKETS_MIN: u64 = 5;
/// Expected share of false calls among the slices that are called worse.
pub const DISCOVERY_LEVEL: f64 = 0.05;

/// How much is known about one facet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Standing {
    /// Too few tickets to say anything.
    Unknown,
    /// Looked at, and nothing stands out.
    Unremarkable,
    /// Wrong more often than the rest.
    Worse,
}

/// One facet and its failures.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceFailures {
    /// Which facet.
    pub facet: FacetId,
    /// Wrong answers of its tickets.
    pub wrong: Share,
    /// Wrong answers of all others.
    pub rest: Share,
    /// Wrong answers of its tickets that are the first of their group: what the test reads.
    pub tested: Share,
    /// The adjusted p value of "wrong more often than the rest"; 1 where it was not looked at.
    pub adjusted_p: f64,
    /// What that says.
    pub standing: Standing,
    /// The tickets that fail, at most [`IDS_MAX`].
    pub ids: Vec<TicketId>,
}

impl SliceFailures {
    /// How many times as often wrong as the rest; `None`: nothing is known, or the rest is never wrong.
    pub fn lift(&self) -> Option<f64> {
        if self.standing == Standing::Unknown {
            return None;
        }
        let rest = self.rest.proportion().filter(|rest| *rest > 0.0)?;
        Some(self.wrong.proportion()? / rest)
    }
}

/// The failures of one column by facet: worse ones first, by their p value, then by how many tickets they have.
pub fn slice_failures(column: &Column, set: &TestSet) -> Vec<SliceFailures> {
    let mut wrong = vec![Share::default(); set.facets().len()];
    let mut tested = wrong.clone();
    let mut ids: Vec<Vec<TicketId>> = vec![Vec::new(); set.facets().len()];
    let (mut all, mut all_tested) = (Share::default(), Share::default());
    for (position, ticket) in set.tickets().iter().enumerate() {
        let is_wrong = !column.is_right(set, position);
        all.add(is_wrong);
        if ticket.is_first_of_group {
            all_tested.add(is_wrong);
            ticket.facets.iter().for_each(|facet| tested[facet.index()].add(is_wrong));
        }
        for &facet in &ticket.facets {
            let index = facet.index();
            wrong[index].add(is_wrong);
            if is_wrong && ids[index].len() < IDS_MAX {
                ids[index].push(ticket.id.clone());
            }
        }
    }
    let mut found: Vec<SliceFailures> = set
        .facets()
        .all()
        .zip(wrong)
        .zip(tested)
        .zip(ids)
        .map(|(((facet, wrong), tested), ids)| SliceFailures {
            facet,
            rest: without(all, wrong),
            standing: if tested.of < TICKETS_MIN { Standing::Unknown } else { Standing::Unremarkable },
            adjusted_p: 1.0,
            wrong,
            tested,
            ids,
        })
        .collect();
    judge(&mut found, all_tested);
    found.sort_by(|a, b| {
        let is_worse = |slice: &SliceFailures| slice.standing == Standing::Worse;
        is_worse(b)
            .cmp(&is_worse(a))
            .then(a.adjusted_p.total_cmp(&b.adjusted_p))
            .then(b.wrong.of.cmp(&a.wrong.of))
            .then(a.facet.cmp(&b.facet))
    });
    found
}

/// Tests those with enough tickets and a rest to compare with, and adjusts for having looked at all of them.
fn judge(slices: &mut [SliceFailures], all: Share) {
    let has_rest = |slice: &SliceFailures| slice.tested.of < all.of;
    let mut looked_at: Vec<&mut SliceFailures> =
        slices.iter_mut().filter(|slice| slice.standing != Standing::Unknown && has_rest(slice)).collect();
    let p_value = |slice: &&mut SliceFailures| group_is_higher_p(slice.tested, without(all, slice.tested));
    let p_values: Vec<f64> = looked_at.iter().map(p_value).collect();
    for (slice, adjusted) in looked_at.iter_mut().zip(adjusted_p_values(&p_values)) {
        slice.adjusted_p = adjusted;
        if adjusted <= DISCOVERY_LEVEL {
            slice.standing = Standing::Worse;
        }
    }
}

pub(super) fn without(all: Share, part: Share) -> Share {
    Share { hits: all.hits - part.hits, of: all.of - part.of }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from};

    fn failures(parts: &[(&str, usize, usize)]) -> (TestSet, Vec<SliceFailures>) {
        let tickets: Vec<_> =
            parts.iter().flat_map(|&(name, count, _)| category(name, Severity::Medium, count)).collect();
        let right: Vec<bool> =
            parts.iter().flat_map(|&(_, count, wrong)| (0..count).map(move |number| number >= wrong)).collect();
        let set = set_from(&tickets);
        let column = column_right("v1", &set, |position| right[position]);
        let found = slice_failures(&column, &set);
        (set, found)
    }

    fn names(set: &TestSet, found: &[SliceFailures], standing: Standing) -> Vec<String> {
        let of_that = found.iter().filter(|slice| slice.standing == standing);
        of_that.map(|slice| set.facets().value(slice.facet).to_owned()).collect()
    }

    #[test]
    fn the_owners_wireless_tickets_stand_out() {
        let (set, found) = failures(&[("routing", 20, 2), ("switching", 19, 2), ("wireless", 11, 8)]);
        assert_eq!(names(&set, &found, Standing::Worse), ["wireless"]);
        let wireless = &found[0];
        assert_eq!((wireless.wrong, wireless.rest), (Share { hits: 8, of: 11 }, Share { hits: 4, of: 39 }));
        assert!((wireless.lift().expect("known") - 7.0909).abs() < 1e-3);
        assert_eq!(wireless.ids[0].as_str(), "wireless-medium-0");
    }

    #[test]
    fn a_storm_of_near_duplicates_makes_no_weak_slice() {
        let mut tickets =
            [category("routing", Severity::Medium, 39), category("wireless", Severity::Medium, 11)].concat();
        let column = |set: &TestSet| column_right("v1", set, |position| position < 39);
        let apart = set_from(&tickets);
        let found = slice_failures(&column(&apart), &apart);
        assert_eq!(names(&apart, &found, Standing::Worse), ["wireless"]);
        tickets[39..].iter_mut().for_each(|ticket| ticket.group = Some("storm".into()));
        let storm = set_from(&tickets);
        let found = slice_failures(&column(&storm), &storm);
        assert_eq!(
            (names(&storm, &found, Standing::Worse), names(&storm, &found, Standing::Unknown)),
            (vec![], vec!["wireless".to_owned()])
        );
        let wireless = found.iter().find(|slice| slice.standing == Standing::Unknown).expect("wireless");
        assert_eq!((wireless.wrong, wireless.tested), (Share { hits: 11, of: 11 }, Share { hits: 1, of: 1 }));
    }

    #[test]
    fn a_thin_slice_is_unknown_however_bad_it_looks() {
        let (set, found) = failures(&[("routing", 40, 2), ("power", 4, 4)]);
        assert_eq!(names(&set, &found, Standing::Unknown), ["power"]);
        assert_eq!(names(&set, &found, Standing::Worse), [""; 0]);
        let power = found.iter().find(|slice| slice.standing == Standing::Unknown).expect("power");
        assert_eq!(power.lift(), None);
    }

    #[test]
    fn where_every_slice_fails_alike_none_stands_out() {
        let parts: Vec<(String, usize, usize)> = (0..20).map(|number| (format!("c{number}"), 12, 3)).collect();
        let parts: Vec<(&str, usize, usize)> =
            parts.iter().map(|(name, of, wrong)| (name.as_str(), *of, *wrong)).collect();
        let (set, found) = failures(&parts);
        assert_eq!(names(&set, &found, Standing::Worse), [""; 0]);
    }

    #[test]
    fn a_slice_that_is_the_whole_set_has_no_rest_to_be_worse_than() {
        let (set, found) = failures(&[("routing", 10, 9)]);
        assert_eq!(names(&set, &found, Standing::Worse), [""; 0]);
        assert!(found.iter().all(|slice| slice.lift().is_none()));
    }
}
