//! Asking the reports of a transition again: `rollout history --verify`, and the judge of every fault run.

use crate::domain::time::UtcMillis;
use crate::rollout::closed::Closed;
use crate::rollout::closing;
use crate::rollout::evaluate::evaluate;
use crate::rollout::evidence::Evidence;
use crate::rollout::log::Cut;
use crate::rollout::spec::RolloutSpec;

use super::accounts::Impossible;
use super::transition::TransitionRecord;

/// What asking the reports of a transition again says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Every gate reads as it did.
    Holds,
    /// They rest on evidence that is not in the log any more.
    EvidenceGone,
    /// The gates that read otherwise, one sentence each.
    Differs(Vec<String>),
}

impl TransitionRecord {
    /// The first record that asking again needs (append time): the window, and what had been closed.
    ///
    /// # Errors
    /// A question that says something impossible.
    pub fn evidence_since(&self, spec: &RolloutSpec) -> Result<UtcMillis, Impossible> {
        let recorded = closing::recorded(&self.questions()?);
        let window = spec.evidence_since(self.at.0);
        Ok(recorded.map_or(window, |recorded| since(&recorded, spec, self.at.0)))
    }

    /// Asks the reports again on evidence that was read up to the record's cut.
    ///
    /// # Errors
    /// A question that says something impossible.
    pub fn verified(&self, evidence: &Evidence, spec: &RolloutSpec) -> Result<Verified, Impossible> {
        let cut = Cut::from(self.cut.clone());
        let mut differences = Vec::new();
        let mut questions = self.questions()?;
        // What is closed is closed again from the log, where that reaches back so far.
        if let Some(recorded) = closing::recorded(&questions) {
            if evidence.begins_after(since(&recorded, spec, self.at.0)) {
                return Ok(Verified::EvidenceGone);
            }
            let replayed = closing::replay(evidence, &recorded, &closing::cuts(&questions), spec);
            differences.extend(recorded.differences(&replayed));
            questions = closing::with_closed(questions, &replayed);
        }
        let again = evaluate(evidence, &questions, spec, cut, self.at.0);
        if !again.holes.is_empty() {
            return Ok(Verified::EvidenceGone);
        }
        differences.extend(self.differences(&again));
        Ok(if differences.is_empty() { Verified::Holds } else { Verified::Differs(differences) })
    }
}

/// The first record that a base was made of, or that the window holds.
fn since(recorded: &Closed, spec: &RolloutSpec, at: UtcMillis) -> UtcMillis {
    let window = spec.evidence_since(at);
    recorded.began().map_or(window, |began| began.plus_ms(-closing::LOOK_BACK_MS).min(window))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::digest::Digest;
    use crate::rollout::reading::SliceQuestion;
    use crate::rollout::state::{Basis, OpenAccount, RolloutState, SliceState};
    use crate::rollout::tests::desk::{model, spec};
    use crate::rollout::transition::{Cause, Transition, TransitionKind};
    use crate::rollout::wrong::Permission;
    use crate::wire::values::Instant;

    const AT: UtcMillis = UtcMillis(1_764_000_000_000);

    /// A step that the gates of an empty desk are told for.
    fn record() -> TransitionRecord {
        let spec = spec(&["rest"]);
        let basis = Basis { model: model("v1"), eligibility_digest: Digest([3; 32]) };
        let account = OpenAccount {
            permission: Permission::Suggest,
            basis: basis.clone(),
            attempt: 1,
            threshold: spec.slices[0].threshold,
            after: Cut::start(),
            opened_at: AT,
        };
        let slice = SliceState { accounts: vec![account], ..SliceState::opened(AT, 7) };
        let state = RolloutState { revision: 7, basis: Some(basis), ..RolloutState::default() };
        let slices = [(Arc::from("rest"), slice)].into();
        let state = RolloutState { slices, ..state };
        let questions: Vec<SliceQuestion> = state.questions(&spec);
        assert!(questions[0].next.is_some(), "there is a step to ask about");
        let asked = evaluate(&Evidence::default(), &questions, &spec, Cut::start(), AT);
        let transition = Transition {
            revision: 8,
            kind: TransitionKind::Requested,
            cause: Cause::Asked,
            signed: None,
            at: AT,
            cut: Cut::start(),
            control_next: 0,
            slices: Vec::new(),
            acting: None,
            acknowledged: std::collections::BTreeSet::new(),
            reports: asked.slices,
        };
        TransitionRecord::of(&transition, "noc-a", Instant(AT))
    }

    #[test]
    fn a_report_that_was_read_off_the_evidence_holds() {
        assert_eq!(record().verified(&Evidence::default(), &spec(&["rest"])), Ok(Verified::Holds));
    }

    #[test]
    fn a_report_that_counts_what_is_not_there_does_not_hold() {
        let mut record = record();
        let step = record.reports[0].next.as_mut().unwrap();
        step.gates[0].counted = Some(310);
        step.gates[0].wrong = Some(1);
        let Ok(Verified::Differs(found)) = record.verified(&Evidence::default(), &spec(&["rest"])) else {
            panic!("a report of 310 tickets holds on none");
        };
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
