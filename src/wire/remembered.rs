//! From a decision record to what the recent view remembers of it: the same path for what another instance wrote, for
//! what is read back at a start, and for what this instance is about to commit.

use crate::domain::severity::Severity;
use crate::domain::ticket::{InvalidTicketId, TicketId};
use crate::policy::decided::{ActionKind, Outcome, Rule};
use crate::policy::recent_view::Remembered;

use super::decision::{Basis, DecisionRecord};

impl DecisionRecord {
    /// What to remember of this decision.
    ///
    /// # Errors
    /// A ticket id that no ticket can have.
    pub fn remembered(&self) -> Result<Remembered, InvalidTicketId> {
        let ticket_id = self.ticket_id.as_deref().map(TicketId::try_new).transpose()?;
        let basis = self.basis.as_ref();
        let facts = basis.and_then(|basis| basis.facts.as_ref());
        let action = self.action.map_or(ActionKind::People, |action| action.0);
        // The same rule as `Decided::hands_to_person`, on what was written.
        let handed_to_person = match self.outcome.0 {
            Outcome::Decided => !matches!(action, ActionKind::Auto(_)),
            Outcome::NotDrawn => true,
            Outcome::Unchanged | Outcome::Duplicate | Outcome::Terminal | Outcome::DeadLetter => false,
        };
        let predicted =
            self.acting_answer().and_then(|answer| answer.prediction.as_ref()).map(|given| given.severity.0);
        Ok(Remembered {
            source_offset: self.source.offset,
            ticket_id,
            revision: self.revision,
            decision_group: self.decision_group.map(|group| group.0),
            input_digest: basis.and_then(|basis| basis.input_digest).map(|digest| digest.0),
            echo_digest: basis.and_then(|basis| basis.echo_digest).map(|digest| digest.0),
            decision_id: self.decision_id.0,
            outcome: self.outcome.0,
            action,
            answered: match action {
                ActionKind::Auto(_) => Some(Severity::Low),
                ActionKind::Suggest => predicted,
                ActionKind::People => None,
            },
            suggested: self.suggested,
            handed_to_person,
            review: self.review.as_ref().map(|review| (review.state.0, review.reason.0)),
            open_critical: basis.is_some_and(|basis| self.is_critical(basis)),
            slice: basis.map(|basis| basis.slice.clone()).unwrap_or_default(),
            fingerprint: facts.map(|facts| facts.fingerprint.0),
            desk_time: self.volatile.desk_time.0,
            reopen_count: facts.and_then(|facts| facts.reopen_count).unwrap_or_default(),
        })
    }

    /// Critical by a source, by prediction or by the cut-off. Whether it is open is the outcome's matter.
    fn is_critical(&self, basis: &Basis) -> bool {
        let by_source = basis.facts.as_ref().is_some_and(|facts| {
            let alarm = facts.alarm_critical;
            alarm
                || [facts.severity_reported, facts.severity_counterparty]
                    .into_iter()
                    .flatten()
                    .any(|fact| fact.value.is_some_and(|value| value.0 == Severity::Critical))
        });
        let by_prediction = self
            .acting_answer()
            .and_then(|answer| answer.prediction.as_ref())
            .is_some_and(|prediction| prediction.severity.0 == Severity::Critical);
        // `source_critical` counts alarms as well; shadow fires no rule for a ticket that is not drawn.
        let by_rule = [Rule::SourceCritical, Rule::GuardDanger, Rule::CriticalCutOff]
            .iter()
            .any(|critical| self.rules.iter().any(|rule| rule == critical.as_str()));
        by_source || by_prediction || by_rule
    }
}
