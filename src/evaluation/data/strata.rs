//! Strata: the kinds of tickets that a set is to hold in given shares, and how many of each that makes.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::labelled::LabelledTicket;
use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;

/// The slice of a ticket that names none.
pub const NO_SLICE: &str = "not stated";

/// The slice of a ticket: what its file says, else its category in lower case, else [`NO_SLICE`].
pub fn slice_of(named: Option<&str>, ticket: &Ticket) -> String {
    let category = || ticket.category.as_ref().map(|category| category.trim().to_lowercase());
    named.map(str::to_owned).or_else(category).unwrap_or_else(|| NO_SLICE.to_owned())
}

/// One kind of tickets.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Stratum {
    /// Slice.
    pub slice: String,
    /// Severity; `None`: whichever, because the wished mix does not know severities.
    pub severity: Option<Severity>,
}

impl fmt::Display for Stratum {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            None => formatter.write_str(&self.slice),
            Some(severity) => write!(formatter, "{} {severity}", self.slice),
        }
    }
}

/// By what tickets are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fineness {
    /// By slice alone.
    Slice,
    /// By slice and severity.
    SliceAndSeverity,
}

impl Fineness {
    /// The stratum of a ticket.
    pub fn stratum_of(self, labelled: &LabelledTicket) -> Stratum {
        let severity = match self {
            Self::Slice => None,
            Self::SliceAndSeverity => Some(labelled.label.severity),
        };
        Stratum { slice: slice_of(labelled.slice.as_deref(), &labelled.ticket), severity }
    }
}

/// How many of `wanted` tickets each stratum gets so that their shares are those of `counts`: the method of the largest
/// remainder; what is left over goes to the larger stratum first, then in order.
pub fn quotas(counts: &BTreeMap<Stratum, u64>, wanted: usize) -> BTreeMap<Stratum, usize> {
    let total: u128 = counts.values().map(|&count| u128::from(count)).sum();
    if total == 0 {
        return BTreeMap::new();
    }
    let exact = |count: u64| (u128::from(count) * wanted as u128 / total, u128::from(count) * wanted as u128 % total);
    let mut quotas: BTreeMap<Stratum, usize> =
        counts.iter().map(|(stratum, &count)| (stratum.clone(), exact(count).0 as usize)).collect();
    let mut left = wanted - quotas.values().sum::<usize>();
    let mut order: Vec<(&Stratum, u64)> = counts.iter().map(|(stratum, &count)| (stratum, count)).collect();
    order.sort_by_key(|&(stratum, count)| (std::cmp::Reverse((exact(count).1, count)), stratum.clone()));
    for (stratum, _) in order {
        if left > 0 && counts[stratum] > 0 {
            *quotas.entry(stratum.clone()).or_default() += 1;
            left -= 1;
        }
    }
    quotas.retain(|_, quota| *quota > 0);
    quotas
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(rows: &[(&str, u64)]) -> BTreeMap<Stratum, u64> {
        rows.iter().map(|&(slice, count)| (Stratum { slice: slice.to_owned(), severity: None }, count)).collect()
    }

    #[track_caller]
    fn check(rows: &[(&str, u64)], wanted: usize, expected: &[(&str, usize)]) {
        let found = quotas(&counts(rows), wanted);
        let found: Vec<(&str, usize)> = found.iter().map(|(stratum, &quota)| (stratum.slice.as_str(), quota)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_largest_remainders_get_what_is_left() {
        check(&[("a", 775), ("wireless", 225)], 50, &[("a", 39), ("wireless", 11)]);
        check(&[("a", 1), ("b", 1), ("c", 1)], 2, &[("a", 1), ("b", 1)]);
        check(&[("a", 47), ("b", 16), ("c", 37)], 10, &[("a", 5), ("b", 1), ("c", 4)]);
    }

    #[test]
    fn nothing_is_wanted_of_an_empty_stratum_or_of_no_counts() {
        check(&[("a", 0), ("b", 3)], 5, &[("b", 5)]);
        check(&[("a", 0)], 5, &[]);
        check(&[], 5, &[]);
    }

    proptest::proptest! {
        #[test]
        fn quotas_add_up_and_are_within_one_of_the_exact_share(
            numbers in proptest::collection::vec(0..1_000_u64, 1..12), wanted in 0..500_usize
        ) {
            let total: u64 = numbers.iter().sum();
            proptest::prop_assume!(total > 0);
            let rows: BTreeMap<Stratum, u64> = numbers.iter().enumerate()
                .map(|(at, &count)| (Stratum { slice: format!("s{at:02}"), severity: None }, count)).collect();
            let found = quotas(&rows, wanted);
            proptest::prop_assert_eq!(found.values().sum::<usize>(), wanted);
            for (stratum, &count) in &rows {
                let exact = count as f64 * wanted as f64 / total as f64;
                let quota = found.get(stratum).copied().unwrap_or(0) as f64;
                proptest::prop_assert!((quota - exact).abs() < 1.0);
            }
        }
    }
}
