//! Cases of a fixture: inputs, and what independent implementations make of them.

use serde_json::Value;

use crate::statistics::wilson::Interval;

const TOLERANCE: f64 = 1e-9;

/// Calls `check` with each case of a part of a fixture; there must be some.
#[track_caller]
pub(crate) fn each_case(text: &str, part: &str, mut check: impl FnMut(&Case)) {
    let all: Value = serde_json::from_str(text).expect("the fixture is JSON");
    let cases = all[part].as_array().expect("a part of the fixture");
    assert!(!cases.is_empty());
    for (index, case) in cases.iter().enumerate() {
        check(&Case { name: format!("{part} {index}"), value: case });
    }
}

/// One random input with what others make of it.
pub(crate) struct Case<'a> {
    pub(crate) name: String,
    pub(crate) value: &'a Value,
}

impl Case<'_> {
    pub(crate) fn number(&self, key: &str) -> f64 {
        self.value[key].as_f64().expect("a number")
    }

    pub(crate) fn count(&self, key: &str) -> u64 {
        self.value[key].as_u64().expect("a count")
    }

    pub(crate) fn numbers(&self, key: &str) -> Vec<f64> {
        numbers(&self.value[key])
    }

    pub(crate) fn indices(&self, key: &str) -> Vec<usize> {
        indices(&self.value[key])
    }

    #[track_caller]
    pub(crate) fn agrees(&self, key: &str, found: f64) {
        self.agrees_within(key, found, TOLERANCE);
    }

    #[track_caller]
    pub(crate) fn agrees_within(&self, key: &str, found: f64, tolerance: f64) {
        is_close(&self.name, key, found, self.number(key), tolerance);
    }

    #[track_caller]
    pub(crate) fn agrees_on(&self, key: &str, found: &[f64]) {
        let expected = self.numbers(key);
        assert_eq!(found.len(), expected.len(), "{}: {key}", self.name);
        for (&found, expected) in found.iter().zip(expected) {
            is_close(&self.name, key, found, expected, TOLERANCE);
        }
    }

    #[track_caller]
    pub(crate) fn agrees_on_ends(&self, key: &str, found: Interval) {
        self.agrees_on(key, &[found.low, found.high]);
    }
}

pub(crate) fn numbers(values: &Value) -> Vec<f64> {
    values.as_array().expect("a list").iter().map(|value| value.as_f64().expect("a number")).collect()
}

pub(crate) fn indices(values: &Value) -> Vec<usize> {
    values.as_array().expect("a list").iter().map(|value| value.as_u64().expect("an index") as usize).collect()
}

#[track_caller]
pub(crate) fn is_close(name: &str, key: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance * expected.abs().max(1.0), "{name}: {key} {found}, not {expected}");
}
