//! Probes: tickets with the trainer's exact token ids and scores, recomputed before a model decides anything. They
//! catch what no digest can: another tokenizer version, another template, a broken forward pass on this machine.
//!
//! One JSON object per line: `ticket` (native), `ids` (all token ids, special ones included; absent for TF-IDF),
//! `severity` and `cause` (raw scores in the order of the head's rows; a head that the model has not is absent).

use serde::Deserialize;

use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::{ModelFiles, PROBES};
use super::render::Template;
use super::scorer::{Scorer, Scores};
use super::ticket_line;

/// Largest difference of a score that passes. f32 on two machines differs by about 1e-5; a wrong activation or position
/// differs by more than 1e-2.
pub const TOLERANCE: f32 = 1e-3;
/// Most probes: each costs a forward pass at every start.
const PROBES_MAX: usize = 200;
/// Largest file, in bytes.
const PROBES_BYTES_MAX: u64 = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    ticket: serde_json::Value,
    #[serde(default)]
    ids: Option<Vec<u32>>,
    #[serde(default)]
    severity: Vec<f32>,
    #[serde(default)]
    cause: Vec<f32>,
}

/// Recomputes all probes, each alone; gives their number.
///
/// # Errors
/// A line that is no probe, or probes that come out differently.
pub fn check(files: &ModelFiles, template: &Template, scorer: &mut dyn Scorer) -> Result<usize, LoadError> {
    let text = files.text(PROBES, PROBES_BYTES_MAX)?;
    let lines: Vec<(usize, &str)> = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()).collect();
    let mut mistakes = Vec::new();
    if lines.len() > PROBES_MAX {
        mistakes.push(format!("has {} probes; at most {PROBES_MAX} are recomputed at a start", lines.len()));
    } else {
        for (number, line) in &lines {
            if let Err(mistake) = check_line(line, template, scorer) {
                mistakes.push(format!("line {number}: {mistake}"));
            }
        }
    }
    if mistakes.is_empty() { Ok(lines.len()) } else { Err(LoadError::Probes { path: files.path(PROBES), mistakes }) }
}

fn check_line(line: &str, template: &Template, scorer: &mut dyn Scorer) -> Result<(), String> {
    let probe: Probe = serde_json::from_str(line).map_err(|error| format!("is no probe: {error}"))?;
    let ticket = ticket_line::read(&probe.ticket.to_string())?;
    let encoded = scorer.encode(&template.render(&ticket)).map_err(|fault| fault.to_string())?;
    check_ids(&probe, &encoded)?;
    let rows = scorer.score(&[&encoded])?;
    let Some(Scores { severity, cause }) = rows.first() else { return Err("the model gave no scores".into()) };
    check_scores("severity", &probe.severity, severity)?;
    check_scores("cause", &probe.cause, cause)
}

fn check_ids(probe: &Probe, encoded: &Encoded) -> Result<(), String> {
    let expected = probe.ids.as_deref().unwrap_or_default();
    if expected == encoded.ids {
        return Ok(());
    }
    let same = expected.iter().zip(&encoded.ids).take_while(|(expected, found)| expected == found).count();
    Err(format!(
        "token ids differ from position {same} on ({} expected, {} found): template, tokenizer or truncation are not the trainer's",
        expected.len(),
        encoded.ids.len()
    ))
}

fn check_scores(head: &str, expected: &[f32], found: &[f32]) -> Result<(), String> {
    if expected.len() != found.len() {
        return Err(format!("{head}: {} scores expected, {} found", expected.len(), found.len()));
    }
    let differences = expected.iter().zip(found).map(|(expected, found)| (expected - found).abs());
    // A NaN is not within anything.
    let is_off = |difference: &f32| difference.is_nan() || *difference > TOLERANCE;
    match differences.into_iter().find(is_off) {
        None => Ok(()),
        Some(difference) => Err(format!("{head}: a score differs by {difference}, more than {TOLERANCE}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_pass_within_the_tolerance_and_a_nan_never_does() {
        assert_eq!(check_scores("severity", &[1.0, 2.0], &[1.0005, 2.0]), Ok(()));
        assert!(check_scores("severity", &[1.0, 2.0], &[1.002, 2.0]).is_err());
        assert!(check_scores("severity", &[1.0, 2.0], &[f32::NAN, 2.0]).is_err());
        assert!(check_scores("severity", &[1.0, 2.0], &[2.0, f32::NAN]).is_err());
        assert!(check_scores("severity", &[1.0], &[]).is_err());
    }
}
