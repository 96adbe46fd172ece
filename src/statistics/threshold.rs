//! Which confidence is enough? The lowest threshold whose error is bounded, by fixed-sequence testing.
//!
//! Error among the tickets at or above the threshold at most α, with probability 1 − δ over the labelled tickets. The
//! highest confidences are tested first, then more and more, and the walk stops at the first failure. Because the order
//! is fixed before a label is seen, nothing is divided among the candidates (Angelopoulos, Bates, Candès, Jordan, Lei,
//! "Learn then Test", Annals of Applied Statistics 19, 2025). The obvious rule, the largest set whose observed error is
//! at most α, violates its own limit in more than half of all cases.

use super::binomial::lower_tail;
use super::calibration::Claim;
use super::tally::ErrorLimit;

/// δ: how often the bound may fail.
pub const DELTA: f64 = 0.10;
/// Each candidate holds this many times the tickets of the one before it, or one more.
const GROWTH: f64 = 1.05;
/// From so many tickets on the first candidate may hold two errors; below, it must hold none.
const MANY: usize = 500;

/// The chosen threshold and what it was chosen on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Confidence at or above which tickets are eligible.
    pub confidence: f64,
    /// Labelled tickets at or above it.
    pub eligible: u64,
    /// Wrong ones among them.
    pub wrong: u64,
}

/// The lowest threshold at which the error is at most `limit` with probability 1 − `delta`; `None` where no candidate
/// passes: not reachable with these tickets.
///
/// `claims` are labelled tickets of one predicted class, drawn at random, one of each group of near-identical ones; α, δ
/// and the class must not be chosen after looking at them.
///
/// Contract: 0 < δ < 1.
pub fn lowest_threshold(claims: &[Claim], limit: ErrorLimit, delta: f64) -> Option<Threshold> {
    let allowed = if claims.len() < MANY { 0 } else { 2 };
    choose(claims, limit, delta, allowed)
}

fn choose(claims: &[Claim], limit: ErrorLimit, delta: f64, allowed_at_first: u64) -> Option<Threshold> {
    assert!(delta > 0.0 && delta < 1.0, "{delta} is no probability of failure");
    let first = first_candidate(claims.len(), limit, delta, allowed_at_first)?;
    let mut sorted = claims.to_vec();
    sorted.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    walk(&sorted, first, limit, delta)
}

/// From the first candidate outwards, the most confident first, up to the last that passes before one fails.
fn walk(sorted: &[Claim], first: usize, limit: ErrorLimit, delta: f64) -> Option<Threshold> {
    let mut passed = None;
    let mut wrong = 0;
    let mut counted = 0;
    let mut next = first;
    loop {
        let end = end_of_ties(sorted, next);
        wrong += sorted[counted..end].iter().filter(|claim| !claim.is_right).count() as u64;
        counted = end;
        if lower_tail(counted as u64, wrong, limit.get()) > delta {
            return passed;
        }
        passed = Some(Threshold { confidence: sorted[end - 1].confidence, eligible: end as u64, wrong });
        if end == sorted.len() {
            return passed;
        }
        next = ((GROWTH * end as f64).ceil() as usize).max(end + 1).min(sorted.len());
    }
}

/// The smallest number of tickets that could pass with so many wrong; `None` where there are fewer.
fn first_candidate(tickets: usize, limit: ErrorLimit, delta: f64, allowed: u64) -> Option<usize> {
    let passes = |count: usize| lower_tail(count as u64, allowed, limit.get()) <= delta;
    if tickets == 0 || !passes(tickets) {
        return None;
    }
    let (mut low, mut high) = (1, tickets);
    while low < high {
        let middle = usize::midpoint(low, high);
        if passes(middle) { high = middle } else { low = middle + 1 }
    }
    Some(low)
}

/// Tickets of equal confidence stay together.
fn end_of_ties(sorted: &[Claim], count: usize) -> usize {
    let last = sorted[count - 1].confidence;
    count + sorted[count..].iter().take_while(|claim| claim.confidence == last).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ERROR_RANKS: [usize; 30] = [
        210, 340, 455, 520, 600, 640, 700, 730, 760, 790, 815, 830, 850, 870, 885, 900, 910, 920, 930, 940, 950, 955,
        960, 965, 970, 975, 980, 985, 990, 995,
    ];

    fn limit(rate: f64) -> ErrorLimit {
        ErrorLimit::try_new(rate).expect("between 0 and 1")
    }

    /// 1,000 tickets, confidence falling with the rank from 1.
    fn example() -> Vec<Claim> {
        (1..=1_000)
            .map(|rank| Claim { confidence: 1.0 - rank as f64 / 2_000.0, is_right: !ERROR_RANKS.contains(&rank) })
            .collect()
    }

    fn claim((step, is_right): (u8, bool)) -> Claim {
        Claim { confidence: f64::from(step) / 40.0, is_right }
    }

    #[test]
    fn reproduces_the_worked_example() {
        let eligible =
            |alpha, delta, allowed| choose(&example(), limit(alpha), delta, allowed).map(|found| found.eligible);
        assert_eq!(eligible(0.02, 0.05, 2), Some(733));
        assert_eq!(eligible(0.02, 0.05, 0), Some(203));
        assert_eq!(eligible(0.02, 0.10, 2), Some(791));
        assert_eq!(eligible(0.02, 0.10, 0), Some(777));
        assert_eq!(eligible(0.03, 0.05, 2), Some(936));
        assert_eq!(eligible(0.01, 0.10, 2), None);
        assert_eq!(eligible(0.01, 0.10, 0), None);
        let found = lowest_threshold(&example(), limit(0.02), 0.05).expect("reachable");
        assert_eq!(found, Threshold { confidence: 1.0 - 733.0 / 2_000.0, eligible: 733, wrong: 8 });
    }

    #[test]
    fn too_few_tickets_reach_nothing() {
        let clean = |count: usize| vec![Claim { confidence: 0.9, is_right: true }; count];
        assert_eq!(lowest_threshold(&[], limit(0.02), DELTA), None);
        // 0.98^113 is above 0.10, 0.98^114 is not.
        assert_eq!(lowest_threshold(&clean(113), limit(0.02), DELTA), None);
        assert_eq!(lowest_threshold(&clean(114), limit(0.02), DELTA).map(|found| found.eligible), Some(114));
    }

    #[test]
    fn tickets_of_equal_confidence_are_let_in_together_or_not_at_all() {
        // 200 clean at 0.99, then a tie group with many wrong.
        let mut claims = vec![Claim { confidence: 0.99, is_right: true }; 200];
        claims.extend((0..60).map(|i| Claim { confidence: 0.95, is_right: i % 3 > 0 }));
        let found = lowest_threshold(&claims, limit(0.02), DELTA).expect("the clean ones");
        assert_eq!((found.confidence, found.eligible), (0.99, 200));
    }

    #[test]
    fn a_stricter_limit_begins_later_and_may_reach_further() {
        // 22 clean ones, a wrong one, a clean one, and 76 clean ones that share one confidence.
        let confidence = |rank: usize| if rank < 24 { 0.99 - rank as f64 / 1_000.0 } else { 0.9 };
        let claims: Vec<Claim> =
            (0..100).map(|rank| Claim { confidence: confidence(rank), is_right: rank != 22 }).collect();
        let eligible = |alpha| lowest_threshold(&claims, limit(alpha), DELTA).map(|found| found.eligible);
        // The looser one begins with 22, and fails at 24. The stricter one begins with 45, that is with all 100.
        assert_eq!((eligible(0.10), eligible(0.05)), (Some(22), Some(100)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn the_chosen_set_is_what_its_confidence_says_and_its_error_is_bounded(
            claims in prop::collection::vec((0..40_u8, prop::bool::weighted(0.97)), 100..700), alpha in 0.02..0.1
        ) {
            let claims: Vec<Claim> = claims.into_iter().map(claim).collect();
            let Some(found) = lowest_threshold(&claims, limit(alpha), DELTA) else { return Ok(()) };
            let eligible: Vec<&Claim> = claims.iter().filter(|claim| claim.confidence >= found.confidence).collect();
            prop_assert_eq!(eligible.len() as u64, found.eligible);
            prop_assert_eq!(eligible.iter().filter(|claim| !claim.is_right).count() as u64, found.wrong);
            prop_assert!(lower_tail(found.eligible, found.wrong, alpha) <= DELTA);
        }

        #[test]
        fn from_the_same_first_candidate_a_stricter_limit_never_lets_more_in(
            claims in prop::collection::vec((0..40_u8, prop::bool::weighted(0.97)), 1..700),
            first in any::<prop::sample::Index>(), alpha in 0.02..0.5
        ) {
            let mut claims: Vec<Claim> = claims.into_iter().map(claim).collect();
            claims.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
            let first = first.index(claims.len()) + 1;
            let eligible = |alpha| walk(&claims, first, limit(alpha), DELTA).map_or(0, |found| found.eligible);
            prop_assert!(eligible(alpha / 2.0) <= eligible(alpha));
        }
    }
}
