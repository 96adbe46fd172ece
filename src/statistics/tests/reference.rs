//! Agreement with independent implementations on random inputs: `tests/fixtures/statistics/reference.py` says which, and
//! how its output came about.
//!
//! Relative 1e-9 throughout, absolute where the value is below 1. Where a number cannot have so many digits the test says
//! why.

use serde_json::Value;

use crate::statistics::binomial;
use crate::statistics::bootstrap::quantile_of;
use crate::statistics::calibration::{self, Claim, Forecast};
use crate::statistics::confusion::{Confusion, Weighting};
use crate::statistics::detector::Detector;
use crate::statistics::drift::drift;
use crate::statistics::e_process::ln_evidence;
use crate::statistics::false_discovery::adjusted_p_values;
use crate::statistics::forecast::{Pace, days_to_go};
use crate::statistics::gamma::{chi_square_tail, poisson_tail};
use crate::statistics::krippendorff::{Scale, alpha};
use crate::statistics::mann_whitney::mann_whitney;
use crate::statistics::normal;
use crate::statistics::reliability::{self, Bin, expected_calibration_error};
use crate::statistics::sample_size::{DiscordantShares, power};
use crate::statistics::sign_test::Discordant;
use crate::statistics::tally::{ErrorLimit, Judged, Tally};
use crate::statistics::temperature::{Scored, fit};
use crate::statistics::wilson::{self, Interval};
use crate::statistics::{anytime, clopper_pearson};

const TOLERANCE: f64 = 1e-9;

/// Calls `check` with each case of a part; there must be some.
fn each_case(part: &str, mut check: impl FnMut(&Case)) {
    let text = include_str!("../../../tests/fixtures/statistics/reference.json");
    let all: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let cases = all[part].as_array().expect("a part of the fixture");
    assert!(!cases.is_empty());
    for (index, case) in cases.iter().enumerate() {
        check(&Case { name: format!("{part} {index}"), value: case });
    }
}

struct Case<'a> {
    name: String,
    value: &'a Value,
}

impl Case<'_> {
    fn number(&self, key: &str) -> f64 {
        self.value[key].as_f64().expect("a number")
    }

    fn count(&self, key: &str) -> u64 {
        self.value[key].as_u64().expect("a count")
    }

    fn numbers(&self, key: &str) -> Vec<f64> {
        numbers(&self.value[key])
    }

    fn indices(&self, key: &str) -> Vec<usize> {
        indices(&self.value[key])
    }

    #[track_caller]
    fn agrees(&self, key: &str, found: f64) {
        self.agrees_within(key, found, TOLERANCE);
    }

    #[track_caller]
    fn agrees_within(&self, key: &str, found: f64, tolerance: f64) {
        is_close(&self.name, key, found, self.number(key), tolerance);
    }

    #[track_caller]
    fn agrees_on(&self, key: &str, found: &[f64]) {
        let expected = self.numbers(key);
        assert_eq!(found.len(), expected.len(), "{}: {key}", self.name);
        for (&found, expected) in found.iter().zip(expected) {
            is_close(&self.name, key, found, expected, TOLERANCE);
        }
    }

    #[track_caller]
    fn agrees_on_ends(&self, key: &str, found: Interval) {
        self.agrees_on(key, &[found.low, found.high]);
    }
}

fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn indices(values: &Value) -> Vec<usize> {
    values.as_array().expect("a list").iter().map(|value| value.as_u64().expect("an index") as usize).collect()
}

#[track_caller]
fn is_close(name: &str, key: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{name}: {key} {found}, not {expected}");
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
        // scipy stops where the objective no longer changes in a double, which is the square root of its precision.
        case.agrees_within("temperature", found.temperature, 1e-6);
        for (found, expected) in found.biases.iter().zip(case.numbers("biases")) {
            is_close(&case.name, "biases", *found, expected, 1e-6);
        }
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
