//! From a decision record back to what can be decided again.

use std::sync::Arc;

use crate::domain::prediction::{CauseProbability, Prediction};
use crate::domain::probability::{Probability, SeverityDistribution};
use crate::domain::severity::{Severity, SourceSeverity};
use crate::domain::ticket::{Ticket, TicketId};
use crate::policy::decided::{Outcome, Rule};
use crate::policy::replay::{CARRIED, Told};

use super::decision::{Basis, DecisionRecord, PredictionRecord, SeverityFact, TicketFacts};

/// Largest error of a sum of four probabilities that were rounded to six digits.
const ROUNDING: f64 = 4e-6;

impl DecisionRecord {
    /// What can be decided again of it; `None` where the acting model was not asked or gave no answer, and for every
    /// outcome that rests on nothing.
    pub fn retold(&self) -> Option<Told> {
        let basis = self.basis.as_ref().filter(|_| self.outcome.0 == Outcome::Decided)?;
        let facts = basis.facts.as_ref()?;
        let ticket_id = TicketId::try_new(self.ticket_id.as_deref()?).ok()?;
        let prediction = prediction(self.acting_answer()?.prediction.as_ref()?)?;
        let ticket = ticket(ticket_id, facts);
        Some(Told { ticket, prediction, carried: carried(basis), desk: self.volatile.desk_time.0 })
    }
}

/// Rules that stand in the record and cannot be read again.
fn carried(basis: &Basis) -> Vec<Rule> {
    let Some(eligibility) = &basis.eligibility else { return Vec::new() };
    let recorded = eligibility.auto_triage.forbidden_by.iter().chain(&eligibility.auto_resolve.forbidden_by);
    let recorded: Vec<&String> = recorded.collect();
    CARRIED.into_iter().filter(|rule| recorded.iter().any(|word| word.as_str() == rule.as_str())).collect()
}

fn prediction(record: &PredictionRecord) -> Option<Prediction> {
    let rounded = Severity::ALL.map(|severity| record.distribution.of(severity));
    let sum: f64 = rounded.iter().sum();
    // Rounding moves the sum; what is further off was not written by us.
    if (sum - 1.0).abs() > ROUNDING {
        return None;
    }
    let mut exact = rounded;
    let predicted = record.severity.0.index();
    exact[predicted] += 1.0 - sum;
    let severity = SeverityDistribution::try_new(exact).ok()?;
    let cause = |cause: &super::decision::CauseRecord| {
        let probability = Probability::try_new(cause.probability).ok()?;
        Some(CauseProbability { cause: Arc::from(cause.cause.as_str()), probability })
    };
    Some(Prediction {
        severity,
        logits: exact.map(|probability| probability.max(f64::MIN_POSITIVE).ln()),
        causes: record.causes.iter().filter_map(cause).collect(),
        truncated: record.truncated,
        tokens: record.tokens,
    })
}

fn ticket(ticket_id: TicketId, facts: &TicketFacts) -> Ticket {
    let mut ticket = Ticket::minimal(ticket_id, "", facts.created_at.0);
    ticket.title = None;
    ticket.created_at_origin = facts.created_at_origin.0;
    ticket.updated_at = facts.updated_at.map(|at| at.0);
    ticket.revision_is_native = facts.revision_is_native;
    ticket.status = facts.status.map(|word| word.0);
    ticket.severity_reported = source_severity(facts.severity_reported);
    ticket.severity_counterparty = source_severity(facts.severity_counterparty);
    ticket.kind = facts.kind.map(|word| word.0);
    ticket.category.clone_from(&facts.category);
    ticket.device.vendor.clone_from(&facts.vendor);
    ticket.device.device_type.clone_from(&facts.device_type);
    ticket.site.clone_from(&facts.site);
    ticket.region.clone_from(&facts.region);
    ticket.customer_tier.clone_from(&facts.customer_tier);
    ticket.channel = facts.channel.map(|word| word.0);
    ticket.source.system.clone_from(&facts.source_system);
    ticket.labels.clone_from(&facts.labels);
    ticket.reopen_count = facts.reopen_count;
    ticket.incompleteness.alarms_truncated = facts.alarms_truncated;
    ticket.incompleteness.body_cut = facts.body_cut;
    ticket.incompleteness.notes_dropped = facts.notes_dropped;
    ticket.human_touched = facts.human_touched;
    ticket.written_by_noctriage = facts.written_by_noctriage;
    ticket
}

/// The source's own word is not kept, and nothing that decides reads it.
fn source_severity(fact: Option<SeverityFact>) -> SourceSeverity {
    match fact {
        None => SourceSeverity::Absent,
        Some(SeverityFact { value: Some(value), set_by }) => {
            SourceSeverity::Known { value: value.0, native: String::new(), set_by: set_by.0 }
        }
        Some(SeverityFact { value: None, set_by }) => {
            SourceSeverity::Unmapped { native: String::new(), set_by: set_by.0 }
        }
    }
}

#[cfg(test)]
#[path = "retold_tests.rs"]
mod tests;
