//! All tickets of a desk by slice and time, drawn or not: what the evidence is compared with, to see whether it has met all
//! kinds of hours and loads. Counts alone, so that it stays small at any site.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::time::UtcMillis;

use super::decision::Arrival;

/// Every offset of a time zone in use is a multiple of a quarter of an hour: a local hour is four of these.
const QUARTER_MS: i64 = 15 * 60_000;

/// Arrivals per slice and quarter of an hour (desk time).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic(BTreeMap<Arc<str>, BTreeMap<i64, u32>>);

impl Traffic {
    /// One ticket more.
    pub(super) fn add(&mut self, arrival: &Arrival) {
        let quarters = self.0.entry(Arc::clone(&arrival.slice)).or_default();
        *quarters.entry(quarter(arrival.at)).or_default() += 1;
    }

    /// Takes one ticket out again: an earlier record shows that it belongs elsewhere.
    pub(super) fn remove(&mut self, arrival: &Arrival) {
        let Some(quarters) = self.0.get_mut(&arrival.slice) else { return };
        let of_quarter = quarter(arrival.at);
        match quarters.get_mut(&of_quarter) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                quarters.remove(&of_quarter);
            }
        }
        if quarters.is_empty() {
            self.0.remove(&arrival.slice);
        }
    }

    /// Tickets of one slice since an instant: the beginning of a quarter of an hour, and how many.
    pub fn of_slice(&self, slice: &str, since: UtcMillis) -> impl Iterator<Item = (UtcMillis, u64)> {
        self.0.get(slice).into_iter().flat_map(move |quarters| in_order(quarters, since))
    }

    /// Tickets of all slices since an instant; a quarter of an hour may come once for each slice.
    pub fn all(&self, since: UtcMillis) -> impl Iterator<Item = (UtcMillis, u64)> {
        self.0.values().flat_map(move |quarters| in_order(quarters, since))
    }
}

const fn quarter(at: UtcMillis) -> i64 {
    at.0.div_euclid(QUARTER_MS)
}

fn in_order(quarters: &BTreeMap<i64, u32>, since: UtcMillis) -> impl Iterator<Item = (UtcMillis, u64)> {
    let counts = quarters.range(quarter(since)..);
    counts.map(|(&quarter, &count)| (UtcMillis(quarter * QUARTER_MS), u64::from(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64, slice: &str) -> Arrival {
        Arrival { at: UtcMillis(ms), slice: Arc::from(slice) }
    }

    #[test]
    fn tickets_are_counted_by_quarter_and_slice_and_taken_out_without_a_trace() {
        let mut traffic = Traffic::default();
        for arrival in [at(-1, "rest"), at(0, "rest"), at(QUARTER_MS - 1, "rest"), at(QUARTER_MS, "core")] {
            traffic.add(&arrival);
        }
        let all = |traffic: &Traffic| traffic.of_slice("rest", UtcMillis(-QUARTER_MS)).collect::<Vec<_>>();
        assert_eq!(all(&traffic), [(UtcMillis(-QUARTER_MS), 1), (UtcMillis(0), 2)]);
        assert_eq!(traffic.all(UtcMillis(0)).map(|(_, count)| count).sum::<u64>(), 3);
        let with_one_more = {
            let mut more = traffic.clone();
            more.add(&at(5, "new"));
            more.remove(&at(5, "new"));
            more
        };
        assert_eq!(with_one_more, traffic);
    }
}
