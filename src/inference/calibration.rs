//! The calibration of a model directory, `calibration.toml`: from raw scores to probabilities that mean what they say.
//!
//! ```toml
//! [severity]
//! temperature = 1.4
//! bias = { critical = 0.1, high = 0.0, medium = -0.1, low = 0.0 }   # absent: zero
//!
//! [cause]
//! temperature = 1.1
//! ```
//!
//! p = softmax(score / temperature + bias), bias by severity. Temperature scaling is of Guo et al., 2017; with a bias
//! per class it is their vector scaling with one shared temperature. An absent file or table is temperature 1, bias 0.

use toml::{Table, Value};

use crate::domain::digest::Digest;
use crate::domain::message::{in_line, in_lines};
use crate::domain::severity::Severity;

/// Temperatures outside this range are a slip, not a fit.
const TEMPERATURE_RANGE: std::ops::RangeInclusive<f64> = 0.01..=100.0;
/// A bias beyond this decides alone; then the model is not calibrated but replaced.
const BIAS_MAX: f64 = 20.0;

/// Characters of a mistake.
const SHOWN_CHARS_MAX: usize = 500;

/// How scores become probabilities.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    severity_temperature: f64,
    severity_bias: [f64; 4],
    cause_temperature: f64,
    /// SHA-256 of the file; of the empty text where there is none.
    pub digest: Digest,
}

impl Calibration {
    /// Scores are taken as they are.
    pub fn identity() -> Self {
        Self { severity_temperature: 1.0, severity_bias: [0.0; 4], cause_temperature: 1.0, digest: Digest::of(b"") }
    }

    /// Reads a calibration.
    ///
    /// # Errors
    /// Every mistake in it, each beginning with its key.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| vec![format!("is no TOML: {}", in_lines(&error.to_string()))])?;
        let mut mistakes = Vec::new();
        let mut calibration = Self { digest: Digest::of(text.as_bytes()), ..Self::identity() };
        for (key, value) in &table {
            match (key.as_str(), value) {
                ("severity", Value::Table(head)) => {
                    calibration.severity_temperature = temperature("severity", head, &mut mistakes);
                    calibration.severity_bias = bias(head, &mut mistakes);
                    unknown_keys("severity", head, &["temperature", "bias"], &mut mistakes);
                }
                ("cause", Value::Table(head)) => {
                    calibration.cause_temperature = temperature("cause", head, &mut mistakes);
                    unknown_keys("cause", head, &["temperature"], &mut mistakes);
                }
                ("severity" | "cause", _) => mistakes.push(format!("{key}: must be a table")),
                // What it was fitted on is for people.
                (_, Value::Table(_)) => {}
                _ => mistakes.push(format!("{key}: is no key of a calibration; notes of your own go into a table")),
            }
        }
        // Each may quote a key or a value.
        let shown = |mistake: String| in_line(&mistake, SHOWN_CHARS_MAX);
        if mistakes.is_empty() { Ok(calibration) } else { Err(mistakes.into_iter().map(shown).collect()) }
    }

    /// Calibrated scores of the severities in the order of [`Severity::ALL`]; their softmax is the distribution.
    pub fn severity(&self, scores: [f64; 4]) -> [f64; 4] {
        let mut calibrated = scores;
        for (score, bias) in calibrated.iter_mut().zip(self.severity_bias) {
            *score = *score / self.severity_temperature + bias;
        }
        calibrated
    }

    /// Calibrated score of a root cause.
    pub fn cause(&self, score: f64) -> f64 {
        score / self.cause_temperature
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        Value::String(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn temperature(head: &str, table: &Table, mistakes: &mut Vec<String>) -> f64 {
    match table.get("temperature").map(|value| (value, number(value))) {
        Some((_, Some(number))) if TEMPERATURE_RANGE.contains(&number) => return number,
        Some((value, _)) => mistakes.push(format!("{head}.temperature: {value} is no number from 0.01 to 100")),
        None => mistakes.push(format!("{head}.temperature: is missing")),
    }
    1.0
}

fn bias(table: &Table, mistakes: &mut Vec<String>) -> [f64; 4] {
    let mut biases = [0.0; 4];
    let by_severity = match table.get("bias") {
        None => return biases,
        Some(Value::Table(by_severity)) => by_severity,
        Some(_) => {
            mistakes.push("severity.bias: must be a table with critical, high, medium and low".into());
            return biases;
        }
    };
    for severity in Severity::ALL {
        match by_severity.get(severity.as_str()).and_then(number) {
            Some(number) if number.abs() <= BIAS_MAX => biases[severity.index()] = number,
            Some(_) | None => {
                mistakes
                    .push(format!("severity.bias.{severity}: is missing or no number from -{BIAS_MAX} to {BIAS_MAX}"));
            }
        }
    }
    unknown_keys("severity.bias", by_severity, &Severity::ALL.map(Severity::as_str), mistakes);
    biases
}

fn unknown_keys(head: &str, table: &Table, known: &[&str], mistakes: &mut Vec<String>) {
    for key in table.keys().filter(|key| !known.contains(&key.as_str())) {
        mistakes.push(format!("{head}.{key}: is no key here; there are {}", known.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::probability::SeverityDistribution;

    #[test]
    fn temperature_divides_and_bias_adds() {
        let text =
            "[severity]\ntemperature = 2\nbias = { critical = 1.0, high = 0, medium = 0, low = -0.5 }\n[fit]\nn = 400";
        let calibration = Calibration::parse(text).expect("a good calibration");
        assert_eq!(calibration.severity([4.0, 2.0, 0.0, 1.0]), [3.0, 1.0, 0.0, 0.0]);
        assert_ne!(calibration.digest, Calibration::identity().digest);
    }

    #[test]
    fn a_higher_temperature_is_less_sure_of_the_same_answer() {
        let scores = [0.0, 3.0, 1.0, 0.0];
        let hot = Calibration { severity_temperature: 3.0, ..Calibration::identity() };
        let sure = SeverityDistribution::from_logits(scores).expect("finite");
        let unsure = SeverityDistribution::from_logits(hot.severity(scores)).expect("finite");
        assert_eq!(sure.predicted(), unsure.predicted());
        assert!(unsure.confidence().get() < sure.confidence().get());
    }

    #[test]
    fn every_mistake_of_a_calibration_is_named_at_once() {
        let text = "t = 1\n[severity]\ntemperature = 0\nbias = { critical = nan, high = 0, medium = 0, low = 99 }\n[cause]\nx = 1";
        let mistakes = Calibration::parse(text).expect_err("must be refused");
        let keys: Vec<&str> = mistakes.iter().filter_map(|mistake| mistake.split(':').next()).collect();
        let expected = [
            "cause.temperature",
            "cause.x",
            "severity.temperature",
            "severity.bias.critical",
            "severity.bias.low",
            "t",
        ];
        assert_eq!(keys, expected);
    }
}
