//! Predictions as files: one line of JSON per ticket, from a model that was run elsewhere or by `model predict`.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use crate::domain::message::in_line;
use crate::domain::probability::SeverityDistribution;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::evaluation::answer::{Answer, Reported};

use super::words::Word;

/// Longest line in bytes: an answer with a reasoned text.
pub const LINE_BYTES_MAX: usize = 256 * 1024;
/// Probabilities that are written with a few digits do not sum to 1; further off than this, they are no distribution.
const SUM_TOLERANCE: f64 = 1e-3;
/// Longest code of a root cause, in bytes.
const CAUSE_BYTES_MAX: usize = 256;
/// Characters that a mistake shows of what a parser says.
const SHOWN_CHARS_MAX: usize = 300;

#[derive(Deserialize)]
struct PredictionRecord {
    ticket_id: String,
    severity: Option<Word<Severity>>,
    #[serde(alias = "probabilities")]
    distribution: Option<DistributionRecord>,
    root_cause: Option<String>,
    /// As `model predict` writes them, most probable first.
    causes: Option<Vec<CauseRecord>>,
    latency_ms: Option<f64>,
    /// Why there is no answer.
    error: Option<Value>,
}

#[derive(Deserialize)]
struct DistributionRecord {
    critical: f64,
    high: f64,
    medium: f64,
    low: f64,
}

#[derive(Deserialize)]
struct CauseRecord {
    cause: String,
}

/// Reads one line; `None`: the line says that there is no answer.
///
/// # Errors
/// What is wrong with it, in words.
pub fn read(line: &str) -> Result<Option<Reported>, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line has {} bytes; at most {LINE_BYTES_MAX} are allowed", line.len()));
    }
    let record: PredictionRecord = serde_json::from_str(line)
        .map_err(|error| format!("is no prediction: {}", in_line(&error.to_string(), SHOWN_CHARS_MAX)))?;
    let PredictionRecord { ticket_id, severity, distribution, root_cause, causes, latency_ms, error } = record;
    let ticket_id = TicketId::try_new(&ticket_id).map_err(|error| error.to_string())?;
    if error.is_some() && severity.is_none() && distribution.is_none() {
        return Ok(None);
    }
    let distribution = distribution.map(|record| distribution_of(&record)).transpose()?;
    let severity = severity
        .map(|word| word.0)
        .or_else(|| distribution.as_ref().map(SeverityDistribution::predicted))
        .ok_or("says neither `severity` nor `distribution`")?;
    if latency_ms.is_some_and(|latency| !latency.is_finite() || latency < 0.0) {
        return Err("latency_ms is no time".into());
    }
    let root_cause = root_cause.or_else(|| causes?.into_iter().next().map(|cause| cause.cause));
    if root_cause.as_ref().is_some_and(|cause| cause.len() > CAUSE_BYTES_MAX) {
        return Err(format!(
            "root_cause has more than {CAUSE_BYTES_MAX} bytes: a code is meant, a text is root_cause_text"
        ));
    }
    let answer = Answer { severity, distribution, root_cause: root_cause.map(Arc::from), latency_ms };
    Ok(Some(Reported { ticket_id, answer }))
}

/// Scaled to sum to 1 where rounding keeps it from that.
fn distribution_of(record: &DistributionRecord) -> Result<SeverityDistribution, String> {
    let DistributionRecord { critical, high, medium, low } = *record;
    let numbers = [critical, high, medium, low];
    let sum: f64 = numbers.iter().sum();
    let scaled = if (sum - 1.0).abs() <= SUM_TOLERANCE { numbers.map(|number| number / sum) } else { numbers };
    SeverityDistribution::try_new(scaled).map_err(|error| format!("distribution: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(line: &str) -> Answer {
        read(line).expect("readable").expect("an answer").answer
    }

    #[test]
    fn a_distribution_alone_says_the_severity_and_rounding_is_undone() {
        let found =
            answer(r#"{"ticket_id":"T1","distribution":{"critical":0.1,"high":0.6667,"medium":0.1333,"low":0.1}}"#);
        assert_eq!(found.severity, Severity::High);
        assert!((found.confidence().expect("stated") - 0.6667).abs() < 1e-4);
    }

    #[test]
    fn what_model_predict_writes_is_read() {
        let found = answer(
            r#"{"ticket_id":"T1","severity":"low","probabilities":{"critical":0.0,"high":0.1,"medium":0.1,"low":0.8},"logits":{},"causes":[{"cause":"power","probability":0.9}],"truncated":false,"tokens":9}"#,
        );
        assert_eq!((found.severity, found.root_cause.as_deref()), (Severity::Low, Some("power")));
        assert_eq!(read(r#"{"ticket_id":"T1","line":3,"error":"no answer"}"#), Ok(None));
    }

    #[test]
    fn a_stated_severity_is_kept_and_its_own_probability_is_its_confidence() {
        let found = answer(
            r#"{"ticket_id":"T1","severity":"critical","distribution":{"critical":0.2,"high":0.1,"medium":0.1,"low":0.6},"latency_ms":12.5}"#,
        );
        assert_eq!((found.severity, found.confidence(), found.latency_ms), (Severity::Critical, Some(0.2), Some(12.5)));
    }

    #[test]
    fn what_is_no_prediction_is_refused() {
        for line in [
            "",
            "{}",
            r#"{"ticket_id":"T1"}"#,
            r#"{"ticket_id":"","severity":"low"}"#,
            r#"{"ticket_id":"T1","severity":"P1"}"#,
            r#"{"ticket_id":"T1","distribution":{"critical":0.5,"high":0.6,"medium":0.1,"low":0.1}}"#,
            r#"{"ticket_id":"T1","distribution":{"critical":0.5,"high":0.5}}"#,
            r#"{"ticket_id":"T1","severity":"low","latency_ms":-1}"#,
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
