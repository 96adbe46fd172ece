//! The reliability diagram: equally filled bins with consistency bars, and the expected calibration error beside what it
//! would be if the model were perfect.

use super::binomial::quantile;
use super::calibration::Claim;
use super::random::SeededRandom;
use super::wilson::Interval;

/// Bins of a diagram with less than [`MANY`] answers.
const BINS_FEW: usize = 5;
/// Bins of one with more: more bins show noise.
const BINS_MANY: usize = 10;
/// From so many answers on there are [`BINS_MANY`].
const MANY: usize = 200;
/// Simulations behind the null quantile: its 95 % point is then good to about two digits.
const SIMULATIONS: usize = 200;

/// One point of the diagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// Answers in it.
    pub answers: u64,
    /// Right ones.
    pub right: u64,
    /// Mean confidence, 0 to 1.
    pub confidence: f64,
}

impl Bin {
    /// Share of right answers, 0 to 1.
    pub fn share_right(&self) -> f64 {
        self.right as f64 / self.answers as f64
    }

    /// Where the share right lies with 95 % if the confidence is true: `[Q(0.025), Q(0.975)] / n` of Bin(n, confidence)
    /// (Bröcker, Smith, Weather and Forecasting 22, 2007). A point inside its bar is no evidence against the model.
    pub fn consistency_bar(&self) -> Interval {
        let limit = |level| quantile(self.answers, self.confidence.clamp(0.0, 1.0), level) as f64 / self.answers as f64;
        Interval { low: limit(0.025), high: limit(0.975) }
    }
}

/// How many bins a diagram of so many answers gets.
pub const fn bins_for(answers: usize) -> usize {
    if answers < MANY { BINS_FEW } else { BINS_MANY }
}

/// Bins of equal mass, by confidence rising: the first `answers mod bins` hold one more. Never an empty bin.
///
/// Answers of equal confidence stand in the order they came in.
pub fn equal_mass_bins(claims: &[Claim], bins: usize) -> Vec<Bin> {
    let mut sorted = claims.to_vec();
    sorted.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
    equal_masses(&sorted, bins).into_iter().filter_map(bin_of).collect()
}

/// The answers of each bin of [`equal_mass_bins`].
///
/// Contract: `sorted` by confidence, rising.
pub fn equal_masses(sorted: &[Claim], bins: usize) -> Vec<&[Claim]> {
    let bins = bins.clamp(1, sorted.len().max(1));
    let (size, larger) = (sorted.len() / bins, sorted.len() % bins);
    let mut rest = sorted;
    let mut found = Vec::with_capacity(bins);
    for index in 0..bins {
        let (bin, after) = rest.split_at(size + usize::from(index < larger));
        rest = after;
        found.push(bin);
    }
    found
}

/// Bins of equal width, bin k = (k/B, (k+1)/B], confidence 0 in the first; empty ones are left out.
///
/// Contract: at least one bin.
pub fn equal_width_bins(claims: &[Claim], bins: usize) -> Vec<Bin> {
    assert!(bins > 0, "answers need a bin");
    let mut by_bin: Vec<Vec<Claim>> = vec![Vec::new(); bins];
    for &claim in claims {
        let index = ((claim.confidence * bins as f64).ceil() as usize).clamp(1, bins) - 1;
        by_bin[index].push(claim);
    }
    by_bin.iter().filter_map(|bin| bin_of(bin)).collect()
}

fn bin_of(claims: &[Claim]) -> Option<Bin> {
    let answers = claims.len() as u64;
    (answers > 0).then(|| Bin {
        answers,
        right: claims.iter().filter(|claim| claim.is_right).count() as u64,
        confidence: claims.iter().map(|claim| claim.confidence).sum::<f64>() / answers as f64,
    })
}

/// Expected calibration error: `Σ n_k/n · |share right − confidence|`. 0 without bins. Never an alarm by itself: it is
/// above 0 for a perfect model too, see [`null_error_p95`].
pub fn expected_calibration_error(bins: &[Bin]) -> f64 {
    let answers: u64 = bins.iter().map(|bin| bin.answers).sum();
    if answers == 0 {
        return 0.0;
    }
    let weighted = bins.iter().map(|bin| bin.answers as f64 * (bin.share_right() - bin.confidence).abs());
    weighted.sum::<f64>() / answers as f64
}

/// What the error of these bins stays below in 95 % of cases when each confidence is true: 200 sets of answers drawn from the
/// model's own confidences. Which bin an answer is in does not depend on whether it is right: bins are made once.
pub fn null_error_p95(bins: &[&[Claim]], random: &mut SeededRandom) -> f64 {
    let bins: Vec<(&[Claim], Bin)> = bins.iter().filter_map(|claims| Some((*claims, bin_of(claims)?))).collect();
    let mut errors: Vec<f64> = (0..SIMULATIONS)
        .map(|_| {
            let drawn = bins.iter().map(|(claims, bin)| {
                let right = claims.iter().map(|claim| u64::from(random.happens(claim.confidence))).sum();
                Bin { right, ..*bin }
            });
            expected_calibration_error(&drawn.collect::<Vec<_>>())
        })
        .collect();
    errors.sort_by(f64::total_cmp);
    errors[SIMULATIONS * 95 / 100]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::calibration::reference_claims;

    #[test]
    fn reproduces_netcal_on_the_reference_answers() {
        let width = |bins| expected_calibration_error(&equal_width_bins(&reference_claims(), bins));
        let mass = |bins| expected_calibration_error(&equal_mass_bins(&reference_claims(), bins));
        for (found, expected) in [(width(10), 0.0955), (width(15), 0.1104), (mass(5), 0.0955), (mass(10), 0.1531)] {
            assert!((found - expected).abs() < 5.1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn consistency_bars_reproduce_scipy() {
        let bar = |answers, confidence| Bin { answers, right: 0, confidence }.consistency_bar();
        assert_eq!(bar(25, 0.9), Interval { low: 0.76, high: 1.0 });
        assert_eq!(bar(100, 0.95), Interval { low: 0.90, high: 0.99 });
    }

    #[test]
    fn few_answers_get_few_bins_and_none_get_none() {
        assert_eq!((bins_for(199), bins_for(200)), (5, 10));
        assert!(equal_mass_bins(&[], 5).is_empty() && equal_width_bins(&[], 5).is_empty());
        assert_eq!(expected_calibration_error(&[]), 0.0);
        let three = [0.2, 0.9, 0.5].map(|confidence| Claim { confidence, is_right: true });
        assert_eq!(equal_mass_bins(&three, 5).iter().map(|bin| bin.confidence).collect::<Vec<_>>(), [0.2, 0.5, 0.9]);
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        let edges = [0.0, 0.25, 0.5, 1.0].map(|confidence| Claim { confidence, is_right: true });
        let answers: Vec<u64> = equal_width_bins(&edges, 4).iter().map(|bin| bin.answers).collect();
        assert_eq!(answers, [2, 1, 1]);
    }

    #[test]
    fn a_perfect_model_has_an_error_too() {
        let mut random = SeededRandom::new(11);
        let mut claims: Vec<Claim> =
            (0..100).map(|_| Claim { confidence: 0.5 + 0.5 * random.unit(), is_right: false }).collect();
        claims.sort_by(|a, b| a.confidence.total_cmp(&b.confidence));
        let p95 = null_error_p95(&equal_masses(&claims, 10), &mut SeededRandom::new(12));
        // The reference note has 0.091 for another distribution of confidences, 100 answers, ten bins.
        assert!((0.05..0.2).contains(&p95), "{p95}");
        assert_eq!(p95, null_error_p95(&equal_masses(&claims, 10), &mut SeededRandom::new(12)));
    }

    #[test]
    fn of_answers_that_are_certain_the_error_is_none_by_chance_and_of_no_answers_too() {
        let certain = [0.0, 0.0, 1.0, 1.0].map(|confidence| Claim { confidence, is_right: false });
        assert_eq!(null_error_p95(&equal_masses(&certain, 2), &mut SeededRandom::new(1)), 0.0);
        assert_eq!(null_error_p95(&equal_masses(&[], 2), &mut SeededRandom::new(1)), 0.0);
    }

    proptest! {
        #[test]
        fn every_answer_is_in_one_bin_and_masses_differ_by_at_most_one(
            claims in prop::collection::vec((0.0..=1.0_f64, any::<bool>()), 1..300), bins in 1..20_usize
        ) {
            let claims: Vec<Claim> =
                claims.into_iter().map(|(confidence, is_right)| Claim { confidence, is_right }).collect();
            for found in [equal_mass_bins(&claims, bins), equal_width_bins(&claims, bins)] {
                prop_assert_eq!(found.iter().map(|bin| bin.answers).sum::<u64>(), claims.len() as u64);
                prop_assert!(found.windows(2).all(|pair| pair[0].confidence <= pair[1].confidence + 1e-12));
                prop_assert!((0.0..=1.0).contains(&expected_calibration_error(&found)));
            }
            let masses: Vec<u64> = equal_mass_bins(&claims, bins).iter().map(|bin| bin.answers).collect();
            let (most, least) = (masses.iter().max(), masses.iter().min());
            prop_assert!(most.zip(least).is_some_and(|(most, least)| most - least <= 1 && *least > 0));
        }
    }
}
