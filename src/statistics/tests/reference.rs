//! Agreement with independent implementations on random inputs: `tests/fixtures/statistics/reference.py` says which, and
//! how its output came about.
//!
//! Relative 1e-9 throughout, absolute where the value is below 1. Where a number cannot have so many digits the test says
//! why.

use super::cases::{self, Case, indices, numbers};
use crate::statistics::binomial;
use crate::statistics::bootstrap::{percentile_interval, quantile_of};
use crate::statistics::calibration::{self, Claim, Forecast};
use crate::statistics::confusion::{Confusion, Weighting};
use crate::statistics::detector::Detector;
use crate::statistics::drift::drift;
use crate::statistics::e_process::ln_evidence;
use crate::statistics::false_discovery::adjusted_p_values;
use crate::statistics::fisher::group_is_higher_p;
use crate::statistics::forecast::{Pace, days_to_go};
use crate::statistics::gamma::{chi_square_tail, poisson_tail};
use crate::statistics::krippendorff::{Scale, alpha};
use crate::statistics::mann_whitney::mann_whitney;
use crate::statistics::normal;
use crate::statistics::random::SeededRandom;
use crate::statistics::rate_ratio::rate_ratio;
use crate::statistics::reliability::{self, Bin, expected_calibration_error};
use crate::statistics::sample_size::{DiscordantShares, power};
use crate::statistics::sign_test::Discordant;
use crate::statistics::swap_test::{Answered, swap_test};
use crate::statistics::tally::{ErrorLimit, Judged, Tally};
use crate::statistics::temperature::{Scored, fit};
use crate::statistics::threshold::lowest_threshold;
use crate::statistics::wilson::{self, Interval, Share};
use crate::statistics::{anytime, clopper_pearson};

/// Calls `check` with each case of a part.
fn each_case(part: &str, check: impl FnMut(&Case)) {
    cases::each_case(include_str!("../../../tests/fixtures/statistics/reference.json"), part, check);
}

fn tally(case: &Case) -> Tally {
    Tally::try_new(case.count("counted"), case.count("wrong")).expect("fewer wrong than counted")
}

fn limit(case: &Case) -> ErrorLimit {
    ErrorLimit::try_new(case.number("limit")).expect("between 0 and 1")
}

#[test]
fn intervals_agree_with_statsmodels() {
    each_case("intervals", |case| {
        let (successes, trials) = (case.count("successes"), case.count("trials"));
        let wilson = wilson::interval(successes, trials, case.number("z")).expect("trials");
        case.agrees_on_ends("wilson", wilson);
        let exact = clopper_pearson::interval(successes, trials, case.number("alpha")).expect("trials");
        case.agrees_on_ends("clopper_pearson", exact);
        case.agrees("z", normal::quantile(1.0 - case.number("alpha") / 2.0));
    });
}

#[test]
fn distributions_agree_with_scipy() {
    each_case("tails", |case| {
        let (trials, successes, rate) = (case.count("trials"), case.count("successes"), case.number("rate"));
        case.agrees("ln_point", binomial::ln_point(trials, successes, rate));
        case.agrees("lower_tail", binomial::lower_tail(trials, successes, rate));
        case.agrees("upper_tail", binomial::upper_tail(trials, successes, rate));
        assert_eq!(binomial::quantile(trials, rate, case.number("level")), case.count("quantile"), "{}", case.name);
    });
    each_case("distributions", |case| {
        case.agrees("chi_square_tail", chi_square_tail(case.number("statistic"), case.count("degrees") as u32));
        case.agrees("poisson_tail", poisson_tail(case.number("mean"), case.count("count")));
        case.agrees("normal", normal::cumulative(case.number("z")));
        case.agrees("normal_quantile", normal::quantile(case.number("level")));
    });
}

#[test]
fn evidence_and_its_bound_agree_with_scipy() {
    each_case("evidence", |case| {
        case.agrees("ln_evidence", ln_evidence(tally(case), limit(case)));
        case.agrees("lower_bound", anytime::lower_bound(tally(case), case.number("alpha")));
        // The integral is known to 1e-12 of a density that spans hundreds of orders of magnitude.
        case.agrees_within("ln_evidence_integrated", ln_evidence(tally(case), limit(case)), 1e-8);
    });
}

#[test]
fn the_detector_agrees_with_numpy() {
    each_case("detectors", |case| {
        let verdicts = case.value["wrong"].as_str().expect("a text").chars();
        let found = verdicts
            .map(|letter| if letter == '1' { Judged::Wrong } else { Judged::Right })
            .fold(Detector::try_new(limit(case)).expect("below 0.9"), Detector::with);
        case.agrees("evidence", found.evidence());
    });
}

#[test]
fn paired_tests_agree_with_statsmodels_and_scipy() {
    each_case("paired", |case| {
        let pairs = Discordant { first: case.count("first"), second: case.count("second") };
        case.agrees("exact", pairs.exact_two_sided());
        case.agrees("mid_p", pairs.mid_p());
        case.agrees("second_is_better", pairs.second_is_better_p());
        case.agrees("ln_evidence", pairs.ln_evidence());
    });
    each_case("powers", |case| {
        let shares = DiscordantShares::try_new(case.number("first"), case.number("second")).expect("shares");
        case.agrees("power", power(case.count("tickets"), shares));
    });
}

#[test]
fn agreement_agrees_with_scikit_learn_and_krippendorff() {
    each_case("agreements", |case| {
        let classes = case.count("classes") as usize;
        let found = Confusion::of(classes, case.indices("truth").into_iter().zip(case.indices("answers")));
        for (key, weighting) in
            [("equal", Weighting::Equal), ("linear", Weighting::Linear), ("quadratic", Weighting::Quadratic)]
        {
            case.agrees(key, found.kappa(weighting).expect("it varies"));
        }
        case.agrees("macro_f1", found.macro_f1().expect("there are tickets"));
        let cost: Vec<Vec<f64>> = case.value["cost"].as_array().expect("rows").iter().map(numbers).collect();
        case.agrees("mean_cost", found.mean_cost(&cost).expect("there are tickets"));
    });
    each_case("reviewers", |case| {
        let units: Vec<Vec<usize>> = case.value["units"].as_array().expect("tickets").iter().map(indices).collect();
        for (key, scale) in [("nominal", Scale::Nominal), ("ordinal", Scale::Ordinal), ("interval", Scale::Interval)] {
            case.agrees(key, alpha(&units, case.count("classes") as usize, scale).expect("it varies"));
        }
    });
}

#[test]
fn calibration_agrees_with_netcal_scikit_learn_and_numpy() {
    each_case("calibrations", |case| {
        let confidences = case.numbers("confidence");
        let claims: Vec<Claim> = confidences
            .iter()
            .zip(case.indices("right"))
            .map(|(&confidence, right)| Claim { confidence, is_right: right == 1 })
            .collect();
        let bins = case.count("bins") as usize;
        case.agrees("equal_width", expected_calibration_error(&reliability::equal_width_bins(&claims, bins)));
        case.agrees("equal_mass", expected_calibration_error(&reliability::equal_mass_bins(&claims, bins)));
        let test = calibration::spiegelhalter(&claims).expect("testable");
        case.agrees("z", test.z);
        case.agrees("p", test.p);
        case.agrees_on_ends("gap", calibration::gap(&claims).expect("answers").interval);
        let binary: Vec<[f64; 2]> = claims.iter().map(|claim| [1.0 - claim.confidence, claim.confidence]).collect();
        let forecasts: Vec<Forecast> = binary
            .iter()
            .zip(&claims)
            .map(|(probabilities, claim)| Forecast { probabilities, truth: usize::from(claim.is_right) })
            .collect();
        case.agrees("log_loss", calibration::negative_log_likelihood(&forecasts).expect("answers"));
        case.agrees("brier", calibration::brier(&forecasts).expect("answers"));
    });
    each_case("bars", |case| {
        let bin = Bin { answers: case.count("answers"), right: 0, confidence: case.number("confidence") };
        case.agrees_on_ends("bar", bin.consistency_bar());
    });
}

#[test]
fn fitted_calibrations_agree_with_scipy() {
    each_case("temperatures", |case| {
        let scores: Vec<Vec<f64>> = case.value["scores"].as_array().expect("verdicts").iter().map(numbers).collect();
        let verdicts: Vec<Scored> =
            scores.iter().zip(case.indices("truth")).map(|(scores, truth)| Scored { scores, truth }).collect();
        let found = fit(&verdicts).expect("a minimum");
        case.agrees("temperature", found.temperature);
        case.agrees_on("biases", &found.biases);
    });
}

#[test]
fn drift_ranks_and_discoveries_agree_with_scipy_and_statsmodels() {
    let counts = |values: Vec<usize>| -> Vec<u64> { values.into_iter().map(|value| value as u64).collect() };
    each_case("drifts", |case| {
        let found = drift(&counts(case.indices("window")), &counts(case.indices("reference"))).expect("counts");
        case.agrees("index", found.index);
        case.agrees("excess", found.excess);
        case.agrees("p", found.p);
    });
    each_case("ranks", |case| {
        let found = mann_whitney(&case.numbers("first"), &case.numbers("second")).expect("they vary");
        case.agrees("u", found.u);
        case.agrees("p", found.p);
    });
    each_case("discoveries", |case| case.agrees_on("adjusted", &adjusted_p_values(&case.numbers("p"))));
}

#[test]
fn waiting_times_and_quantiles_agree_with_scipy_and_numpy() {
    each_case("waits", |case| {
        let verdicts = case.count("verdicts");
        let paces = [
            ("stated", Pace::Stated { per_day: case.number("per_day") }),
            ("measured", Pace::Measured { counted: case.count("counted"), days: case.number("days") }),
        ];
        for (key, pace) in paces {
            let found = days_to_go(verdicts, pace, case.number("level")).expect("a pace");
            case.agrees_on_ends(key, Interval { low: found.low, high: found.high });
        }
    });
    each_case("quantiles", |case| {
        case.agrees("quantile", quantile_of(&case.numbers("values"), case.number("level")));
    });
}

#[test]
fn each_class_agrees_with_scikit_learn() {
    each_case("classes", |case| {
        let classes = case.count("classes") as usize;
        let found = Confusion::of(classes, case.indices("truth").into_iter().zip(case.indices("answers")));
        // scikit-learn says 0 of a class that is not there; we say nothing of it.
        let right_of = |class: usize, of: u64| if of == 0 { 0.0 } else { found.count(class, class) as f64 / of as f64 };
        let of_classes = |measure: &dyn Fn(usize) -> f64| (0..classes).map(measure).collect::<Vec<f64>>();
        case.agrees_on("precision", &of_classes(&|class| right_of(class, found.column_total(class))));
        case.agrees_on("recall", &of_classes(&|class| right_of(class, found.row_total(class))));
        case.agrees_on("f1", &of_classes(&|class| found.f1(class).unwrap_or(0.0)));
    });
}

#[test]
fn groups_against_the_rest_agree_with_scipy() {
    each_case("tables", |case| {
        let group = Share { hits: case.count("hits"), of: case.count("group") };
        let rest = Share { hits: case.count("rest_hits"), of: case.count("rest") };
        case.agrees("p", group_is_higher_p(group, rest));
        let found = rate_ratio(group.hits, group.of, rest.hits, rest.of).expect("counts");
        case.agrees("ratio", found.ratio);
        case.agrees_on_ends("interval", found.interval);
    });
}

#[test]
fn the_chosen_threshold_agrees_with_a_walk_by_clopper_and_pearson() {
    each_case("thresholds", |case| {
        let wrong = case.indices("wrong").into_iter().map(|wrong| wrong == 1);
        let claims = case.numbers("confidence").into_iter().zip(wrong);
        let claims: Vec<Claim> =
            claims.map(|(confidence, is_wrong)| Claim { confidence, is_right: !is_wrong }).collect();
        let found = lowest_threshold(&claims, limit(case), case.number("delta"));
        let found = found.map(|found| (found.confidence, found.eligible, found.wrong));
        let expected = case.value["threshold"].as_object().map(|expected| {
            let count = |key: &str| expected[key].as_u64().expect("a count");
            (expected["confidence"].as_f64().expect("a number"), count("eligible"), count("wrong"))
        });
        assert_eq!(found, expected, "{}", case.name);
    });
}

#[test]
fn the_swap_test_agrees_with_scipys_over_every_swap() {
    each_case("swaps", |case| {
        let (first, second) = (case.indices("first"), case.indices("second"));
        let tickets: Vec<Vec<Answered>> = case
            .indices("truth")
            .into_iter()
            .zip(first.into_iter().zip(second))
            .map(|(truth, (first, second))| vec![Answered { truth, first, second }])
            .collect();
        let classes = case.count("classes") as usize;
        let found =
            swap_test(&tickets, classes, Confusion::macro_f1, &mut SeededRandom::new(1)).expect("both are measured");
        case.agrees_on("measures", &[found.first, found.second]);
        case.agrees("p", found.p);
    });
}

#[test]
fn bootstrapped_gains_agree_with_numpy_on_the_same_draws() {
    each_case("bootstraps", |case| {
        let (first, second) = (case.numbers("first"), case.numbers("second"));
        let gain =
            |drawn: &[usize]| Some(drawn.iter().map(|&at| second[at] - first[at]).sum::<f64>() / drawn.len() as f64);
        let mut random = SeededRandom::new(case.count("seed"));
        let found = percentile_interval(first.len(), case.number("level"), &mut random, gain).expect("units");
        case.agrees_on_ends("interval", found);
    });
}
