//! The report in the order in which a team reads it: baseline, failures, data, hyperparameters, approach.

use crate::evaluation::report::Report;

use super::words::{thousands, tickets};
use super::{Document, Redaction};
use super::{failures, next, standing};

/// The report as blocks.
pub fn composed(report: &Report, redaction: Redaction) -> Document {
    let mut document = Document::default();
    let subject = report.subject().map(|subject| format!(" of {}", subject.name)).unwrap_or_default();
    document.title(format!("Evaluation{subject} on {}", tickets(report.tickets)));
    if report.groups < report.tickets {
        document.text(format!(
            "{} tickets in {} groups of near-duplicates, each one piece of evidence. Comparisons, intervals of gains and of \
             macro-F1, calibration, reach, and the tests of slices and pairs count a group once. Shares of tickets (right, per \
             severity, missed, of live traffic) and what engineers say count every ticket: their intervals and bounds are too \
             narrow where groups are large. Test set {}.",
            thousands(report.tickets),
            thousands(report.groups),
            report.digest.short()
        ));
    } else {
        document.text(format!("Test set {}.", report.digest.short()));
    }
    if report.may_leak > 0 {
        document.warning(format!(
            "{} may hold what was written after triage: every number below may be too good.",
            tickets(report.may_leak)
        ));
    }
    if report.in_training > 0 {
        document.warning(format!(
            "{} were trained on, or have the words of a training ticket: right answers to them say nothing of new tickets.",
            tickets(report.in_training)
        ));
    }
    if !report.has_baseline() {
        document.warning(
            "No baseline: neither another model, nor TF-IDF (--train), nor a source that speaks of half of the tickets. A \
             number alone proves nothing: evaluate the model that you started from on the same tickets."
                .to_owned(),
        );
    }
    standing::say(&mut document, report, redaction);
    if report.subject().is_some() {
        failures::say(&mut document, report, redaction);
        next::say(&mut document, report, redaction);
    }
    document
}
