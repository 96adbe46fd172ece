//! Do a model's probabilities mean what they say, and how much is left when only the sure answers are taken? Of near-duplicates
//! the first counts: a group is one piece of evidence.

use crate::domain::severity::Severity;
use crate::statistics::calibration::{
    CalibrationTest, Claim, Forecast, Gap, brier, gap, negative_log_likelihood, spiegelhalter,
};
use crate::statistics::random::SeededRandom;
use crate::statistics::reliability::{
    Bin, bins_for, equal_mass_bins, equal_masses, expected_calibration_error, null_error_p95,
};
use crate::statistics::tally::ErrorLimit;
use crate::statistics::threshold::{DELTA, Threshold, lowest_threshold};
use crate::statistics::wilson::Share;

use super::answer::Column;
use super::plan::is_breach;
use super::test_set::TestSet;

/// Reaches at which accuracy is shown beside all answers, in percent of the tickets.
pub const REACHES: [u64; 3] = [90, 50, 20];
/// Points of a risk–reach curve: more cannot be seen.
const CURVE_POINTS: usize = 50;

/// What a column's probabilities are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Trust {
    /// Mean confidence against the share right.
    pub gap: Gap,
    /// Spiegelhalter's test; `None`: nothing to test.
    pub test: Option<CalibrationTest>,
    /// Mean negative log-likelihood of the truth, in nats.
    pub log_likelihood: Option<f64>,
    /// Brier's score over the four severities.
    pub brier: Option<f64>,
    /// The reliability diagram.
    pub bins: Vec<Bin>,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// What it stays below in 95 % of cases where every confidence is true.
    pub calibration_error_by_chance: f64,
    /// Right answers among the surest, at [`REACHES`].
    pub at_reach: Vec<(u64, Share)>,
    /// Right answers among the surest, from few to all.
    pub curve: Vec<Share>,
    /// The threshold above which answers of low breach no more often than the limit.
    pub low: LowReach,
}

/// How many tickets called low can be taken at a wished error. As for automatic triage, an error is a ticket that people call
/// high or critical; one that they call medium costs, and is no breach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LowReach {
    /// The wished error.
    pub limit: f64,
    /// Answers of low, one of each group of near-duplicates.
    pub called_low: u64,
    /// All groups of the set.
    pub tickets: u64,
    /// The lowest threshold whose error is bounded; `None`: not reachable with these tickets.
    pub threshold: Option<Threshold>,
}

impl Trust {
    /// Looks at the answers with a distribution; `None`: there is none. `random` is for what chance alone would do.
    pub fn of(column: &Column, set: &TestSet, limit: ErrorLimit, random: &mut SeededRandom) -> Option<Self> {
        let mut claims = Vec::new();
        let mut probabilities = Vec::new();
        let mut called_low = Vec::new();
        for (position, answer) in column.answers.iter().enumerate() {
            let ticket = &set.tickets()[position];
            let Some(answer) = answer.as_ref().filter(|_| ticket.is_first_of_group) else { continue };
            let (Some(confidence), Some(distribution)) = (answer.confidence(), answer.distribution) else { continue };
            let truth = ticket.truth;
            claims.push(Claim { confidence, is_right: answer.severity == truth });
            probabilities.push((distribution.probabilities(), truth.index()));
            if answer.severity == Severity::Low {
                called_low.push(Claim { confidence, is_right: !is_breach(truth) });
            }
        }
        claims.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let forecasts: Vec<Forecast> =
            probabilities.iter().map(|(probabilities, truth)| Forecast { probabilities, truth: *truth }).collect();
        let bins_count = bins_for(claims.len());
        let bins = equal_mass_bins(&claims, bins_count);
        Some(Self {
            gap: gap(&claims)?,
            test: spiegelhalter(&claims),
            log_likelihood: negative_log_likelihood(&forecasts),
            brier: brier(&forecasts),
            calibration_error: expected_calibration_error(&bins),
            calibration_error_by_chance: null_error_p95(&equal_masses(&claims, bins_count), random),
            bins,
            at_reach: REACHES.iter().map(|&percent| (percent, surest(&claims, percent as f64 / 100.0))).collect(),
            curve: (1..=CURVE_POINTS).map(|point| surest(&claims, point as f64 / CURVE_POINTS as f64)).collect(),
            low: LowReach {
                limit: limit.get(),
                called_low: called_low.len() as u64,
                tickets: set.groups().len() as u64,
                threshold: lowest_threshold(&called_low, limit, DELTA),
            },
        })
    }
}

/// Right answers among the surest share, at least one answer; `claims` by confidence, rising.
fn surest(claims: &[Claim], share: f64) -> Share {
    let count = ((claims.len() as f64 * share).round() as usize).clamp(1, claims.len().max(1)).min(claims.len());
    let taken = &claims[claims.len() - count..];
    Share { hits: taken.iter().filter(|claim| claim.is_right).count() as u64, of: count as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::answer::ColumnKind;
    use crate::evaluation::tests::{beside, category, column_right, confident, set_from};

    fn trust(confidence: impl Fn(usize) -> f64, is_right: impl Fn(usize) -> bool, tickets: usize) -> Option<Trust> {
        let set = set_from(&category("routing", Severity::Low, tickets));
        let answers = (0..tickets)
            .map(|at| {
                let severity = if is_right(at) { Severity::Low } else { beside(Severity::Low) };
                Some(confident(severity, confidence(at)))
            })
            .collect();
        trust_in(answers, &set)
    }

    fn trust_in(answers: Vec<Option<crate::evaluation::answer::Answer>>, set: &TestSet) -> Option<Trust> {
        let column = Column { name: "v1".into(), kind: ColumnKind::Reported, answers, elsewhere: 0 };
        let limit = ErrorLimit::try_new(0.02).expect("a limit");
        Trust::of(&column, set, limit, &mut SeededRandom::new(3))
    }

    #[test]
    fn medium_called_low_is_no_breach_and_high_is() {
        let low = |truth| {
            let set = set_from(&category("routing", truth, 200));
            trust_in(vec![Some(confident(Severity::Low, 0.9)); 200], &set).expect("answers").low
        };
        assert_eq!(low(Severity::Medium).threshold.expect("no breach").eligible, 200);
        assert_eq!(low(Severity::High).threshold, None);
    }

    #[test]
    fn near_duplicates_are_one_piece_of_evidence() {
        let mut tickets = category("routing", Severity::Low, 200);
        for ticket in &mut tickets {
            ticket.group = Some("storm".into());
        }
        let found = trust_in(vec![Some(confident(Severity::Low, 0.9)); 200], &set_from(&tickets)).expect("answers");
        assert_eq!((found.gap.answers, found.low.called_low, found.low.tickets), (1, 1, 1));
        assert_eq!(found.low.threshold, None);
    }

    #[test]
    fn a_model_that_claims_too_much_has_a_gap_above_zero_and_leaves_its_bars() {
        let found = trust(|_| 0.95, |at| at % 2 == 0, 100).expect("answers");
        assert!(found.gap.interval.low > 0.3, "{:?}", found.gap);
        assert!(found.calibration_error > found.calibration_error_by_chance);
        assert!(found.bins.iter().any(|bin| bin.share_right() < bin.consistency_bar().low));
        assert_eq!(found.low.threshold, None, "half wrong is not reachable at 2 %");
    }

    #[test]
    fn the_surest_answers_are_the_ones_that_are_taken() {
        // The less sure half is wrong throughout.
        let found = trust(|at| 0.5 + at as f64 / 1_000.0, |at| at >= 200, 400).expect("answers");
        assert_eq!(
            found.at_reach,
            [(90, Share { hits: 200, of: 360 }), (50, Share { hits: 200, of: 200 }), (20, Share { hits: 80, of: 80 })]
        );
        assert_eq!(found.curve.last(), Some(&Share { hits: 200, of: 400 }));
        let threshold = found.low.threshold.expect("reachable");
        assert!(threshold.eligible >= 114 && threshold.wrong == 0, "{threshold:?}");
    }

    #[test]
    fn without_probabilities_there_is_nothing_to_trust() {
        let set = set_from(&category("routing", Severity::Low, 5));
        let bare = column_right("v1", &set, |_| true);
        let limit = ErrorLimit::try_new(0.02).expect("a limit");
        assert!(Trust::of(&bare, &set, limit, &mut SeededRandom::new(3)).is_none());
    }
}
