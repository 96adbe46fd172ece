//! Agreement of whole reports with independent implementations on random inputs: `tests/fixtures/evaluation/reference.py` says
//! which, and how its output came about. Relative 1e-9, absolute where the value is below 1; where a number cannot have so
//! many digits the test says why.

use std::collections::BTreeMap;

use super::{column, column_right, labelled, set_from};
use crate::domain::labelled::LabelledTicket;
use crate::domain::probability::SeverityDistribution;
use crate::domain::severity::Severity;
use crate::evaluation::answer::{Answer, Column, ColumnKind};
use crate::evaluation::cost::CostMatrix;
use crate::evaluation::data::text::ComparedText;
use crate::evaluation::facet::Dimension;
use crate::evaluation::failures::{Standing, slice_failures};
use crate::evaluation::humans::{People, Reading, Readings, among_people};
use crate::evaluation::linear::Linear;
use crate::evaluation::mix::{Mix, live_score};
use crate::evaluation::scan::weak_pairs;
use crate::evaluation::score::ColumnScore;
use crate::evaluation::test_set::TestSet;
use crate::evaluation::trust::Trust;
use crate::evaluation::words::{Words, failing_words};
use crate::statistics::random::SeededRandom;
use crate::statistics::tally::ErrorLimit;
use crate::statistics::tests::cases::{self, Case, indices, is_close, numbers};

fn each_case(part: &str, check: impl FnMut(&Case)) {
    cases::each_case(include_str!("../../../tests/fixtures/evaluation/reference.json"), part, check);
}

/// Severities by their index; `None` where it is none, as silence.
fn severities(indices: Vec<usize>) -> Vec<Option<Severity>> {
    indices.into_iter().map(|index| Severity::ALL.get(index).copied()).collect()
}

fn tickets(truths: &[Option<Severity>]) -> Vec<LabelledTicket> {
    let truth = |truth: &Option<Severity>| truth.expect("a truth");
    truths.iter().enumerate().map(|(at, of)| labelled(&format!("T{at}"), truth(of))).collect()
}

/// Tickets that differ in what `change` makes of them, and a column that is right where the case says so.
fn set_and_column(case: &Case, change: impl Fn(usize, &mut LabelledTicket)) -> (TestSet, Column) {
    let right = case.indices("right");
    let mut tickets = tickets(&vec![Some(Severity::Medium); right.len()]);
    tickets.iter_mut().enumerate().for_each(|(at, ticket)| change(at, ticket));
    let set = set_from(&tickets);
    let column = column_right("v1", &set, |at| right[at] == 1);
    (set, column)
}

#[test]
fn scores_agree_with_scikit_learn_and_statsmodels() {
    each_case("columns", |case| {
        let set = set_from(&tickets(&severities(case.indices("truth"))));
        let column = column("v1", &severities(case.indices("answers")));
        let found = ColumnScore::of(&column, &set, &CostMatrix::default(), None, &mut SeededRandom::new(1));
        assert_eq!(found.right().hits, case.count("right"), "{}", case.name);
        let recalls = case.value["recall"].as_array().expect("a recall each");
        for (severity, expected) in Severity::ALL.into_iter().zip(recalls) {
            let recall = found.recall(severity).proportion();
            assert_eq!(recall.is_none(), expected.is_null(), "{}: {severity}", case.name);
            if let (Some(recall), Some(expected)) = (recall, expected.as_f64()) {
                is_close(&case.name, severity.as_str(), recall, expected, 1e-9);
            }
        }
        case.agrees("macro_f1", found.macro_f1.expect("tickets"));
        case.agrees("kappa", found.kappa.expect("it varies"));
        case.agrees("cost", found.cost.expect("tickets"));
        assert_eq!(found.critical_miss_bound().is_none(), case.value["critical_miss_bound"].is_null());
        if let Some(bound) = found.critical_miss_bound() {
            case.agrees("critical_miss_bound", bound);
        }
    });
}

#[test]
fn trust_agrees_with_netcal_scikit_learn_and_numpy() {
    each_case("trusts", |case| {
        let set = set_from(&tickets(&severities(case.indices("truth"))));
        let rows = case.value["probabilities"].as_array().expect("a row each");
        let answers = rows.iter().map(|row| {
            let row = <[f64; 4]>::try_from(numbers(row)).expect("four probabilities");
            let distribution = SeverityDistribution::try_new(row).expect("they sum to one");
            Some(Answer { distribution: Some(distribution), ..Answer::bare(distribution.predicted()) })
        });
        let column =
            Column { name: "v1".to_owned(), kind: ColumnKind::Reported, answers: answers.collect(), elsewhere: 0 };
        let limit = ErrorLimit::try_new(0.02).expect("a limit");
        let found = Trust::of(&column, &set, limit, &mut SeededRandom::new(1)).expect("answers with probabilities");
        case.agrees_on_ends("gap", found.gap.interval);
        case.agrees("z", found.test.expect("testable").z);
        case.agrees("log_loss", found.log_likelihood.expect("answers"));
        case.agrees("brier", found.brier.expect("answers"));
        case.agrees("calibration_error", found.calibration_error);
        let at_reach = case.value["at_reach"].as_array().expect("reaches");
        let found: Vec<Vec<usize>> = found
            .at_reach
            .iter()
            .map(|(percent, right)| [*percent, right.hits, right.of].map(|count| count as usize).to_vec())
            .collect();
        assert_eq!(found, at_reach.iter().map(indices).collect::<Vec<_>>(), "{}", case.name);
    });
}

#[test]
fn failing_slices_and_pairs_agree_with_scipy_and_statsmodels() {
    each_case("slices", |case| {
        let (category, vendor) = (case.indices("category"), case.indices("vendor"));
        let (set, column) = set_and_column(case, |at, ticket| {
            ticket.ticket.category = Some(format!("c{}", category[at]));
            ticket.ticket.device.vendor = Some(format!("v{}", vendor[at]));
        });
        let name = |facet| set.facets().value(facet).to_owned();
        let looked_at = slice_failures(&column, &set);
        let looked_at: BTreeMap<String, f64> = looked_at
            .iter()
            .filter(|slice| slice.standing != Standing::Unknown && slice.rest.of > 0)
            .map(|slice| (name(slice.facet), slice.adjusted_p))
            .collect();
        check_p_values(case, "slices", &looked_at);
        let weak = weak_pairs(&column, &set);
        let weak = weak.iter().map(|pair| (pair.facets.map(name).join(" "), pair.adjusted_p)).collect();
        check_p_values(case, "weak_pairs", &weak);
    });
}

#[track_caller]
fn check_p_values(case: &Case, key: &str, found: &BTreeMap<String, f64>) {
    let expected = case.value[key].as_object().expect("p values");
    assert_eq!(found.len(), expected.len(), "{}: {key}: {found:?}, not {expected:?}", case.name);
    for (name, p) in found {
        let expected = expected.get(name).and_then(serde_json::Value::as_f64);
        is_close(&case.name, name, *p, expected.expect("looked at there too"), 1e-9);
    }
}

#[test]
fn failing_words_agree_with_scikit_learn_scipy_and_statsmodels() {
    each_case("words", |case| {
        let titles = case.value["titles"].as_array().expect("titles");
        let mut words = Words::default();
        let (set, column) =
            set_and_column(case, |at, ticket| ticket.ticket.title = titles[at].as_str().map(str::to_owned));
        for title in titles {
            let mut ticket = labelled("T", Severity::Medium).ticket;
            ticket.title = title.as_str().map(str::to_owned);
            words.add(&ComparedText::of(&ticket));
        }
        let found = failing_words(&column, &set, &words);
        assert_eq!(found.looked_at, case.count("looked_at"), "{}", case.name);
        assert_eq!(found.standing_out, case.count("standing_out"), "{}", case.name);
        assert!(!found.worst.is_empty(), "{}", case.name);
        for word in found.worst {
            let expected = case.value["terms"][&word.term].as_f64();
            is_close(&case.name, &word.term, word.adjusted_p, expected.expect("it stands out there too"), 1e-9);
        }
    });
}

#[test]
fn people_agree_with_scikit_learn_and_krippendorff() {
    each_case("people", |case| {
        let set = set_from(&tickets(&severities(case.indices("truth"))));
        let said = case.value["said"].as_array().expect("readers");
        let readings = said.iter().enumerate().flat_map(|(reader, said)| {
            let said = said.as_array().expect("what one reader said").iter().enumerate();
            said.filter_map(|(at, said)| Some((at, said.as_u64()?))).map(move |(at, said)| Reading {
                ticket_id: labelled(&format!("T{at}"), Severity::Low).ticket.ticket_id,
                reviewer: format!("reader {reader}"),
                severity: Severity::ALL[said as usize],
            })
        });
        let readings = Readings::new(&set, readings).expect("one reading each");
        let found = People::of(&readings, &set, &mut SeededRandom::new(1));
        assert_eq!(found.agreed.hits, case.count("agreed"), "{}", case.name);
        case.agrees("kappa", found.kappa.expect("it varies").value);
        case.agrees("quadratic_kappa", found.quadratic_kappa.expect("it varies").value);
        case.agrees("alpha", found.alpha.expect("it varies").value);
        let model = column("v1", &severities(case.indices("model")));
        let found = among_people(&model, &readings, &mut SeededRandom::new(1)).expect("enough tickets");
        case.agrees("with_readers", found.with_readers);
        case.agrees("among_readers", found.among_readers);
        case.agrees("corrected", found.corrected.expect("readers agree").value);
    });
}

#[test]
fn live_scores_agree_with_numpy() {
    each_case("live_mixes", |case| {
        let category = case.indices("category");
        let (set, column) =
            set_and_column(case, |at, ticket| ticket.ticket.category = Some(format!("c{}", category[at])));
        let counts =
            case.indices("live").into_iter().enumerate().map(|(value, count)| (format!("c{value}"), count as u64));
        let live = Mix { dimension: Dimension::Category, counts: counts.collect() };
        let found = live_score(&column, &set, &live, &mut SeededRandom::new(1));
        case.agrees("score", found.right.expect("seen"));
        assert_eq!(found.unseen.hits, case.count("unseen"), "{}", case.name);
    });
}

#[test]
fn the_baseline_predicts_what_scikit_learns_does() {
    each_case("linear", |case| {
        let texts = case.value["texts"].as_array().expect("texts").iter().filter_map(|text| text.as_str());
        let labels = case.indices("labels").into_iter().map(|label| Severity::ALL[label]);
        let training: Vec<(String, Severity)> = texts.map(str::to_owned).zip(labels).collect();
        let linear = Linear::train(&training).expect("texts of several severities");
        let rows = case.value["probabilities"].as_array().expect("rows");
        for ((text, _), expected) in training.iter().zip(rows) {
            for (found, expected) in linear.predict(text).probabilities().into_iter().zip(numbers(expected)) {
                // The fit stops at three digits: a baseline needs no more, and each costs a third of its time.
                is_close(&case.name, text, found, expected, 1e-3);
            }
        }
    });
}
