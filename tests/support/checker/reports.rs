//! The reports of transitions, asked again from the log at their cuts, by the code of `rollout history --verify`.

use noctriage::config::Settings;
use noctriage::kafka::evidence_reader::gather_up_to;
use noctriage::rollout::evidence::Evidence;
use noctriage::rollout::log::Cut;
use noctriage::rollout::spec::RolloutSpec;
use noctriage::wire::transition::{AuditRecord, TransitionRecord};
use noctriage::wire::verified::Verified;

use super::mistake::{Mistake, MistakeKind};
use crate::support::broker::Record;

/// Every report of this trail that does not read as it did.
pub(crate) fn unsupported_reports(settings: &Settings, trail: &[Record]) -> Vec<Mistake> {
    let spec = &settings.rollout.spec;
    let mut mistakes = Vec::new();
    for record in transitions(trail, &mut mistakes) {
        let (since, cut) = (spec.evidence_since(record.at.0), Cut::from(record.cut.clone()));
        let gathered = gather_up_to(settings, since, cut, |_, _| {}).unwrap();
        mistakes.extend(unsupported(&record, &gathered.evidence, spec));
    }
    mistakes
}

/// The transitions of a trail, whose revisions must rise one by one.
pub(super) fn transitions(trail: &[Record], mistakes: &mut Vec<Mistake>) -> Vec<TransitionRecord> {
    let mut transitions: Vec<TransitionRecord> = Vec::new();
    for record in trail {
        let place = format!("transitions@{}", record.offset);
        match record.value.as_deref().and_then(AuditRecord::read) {
            Some(AuditRecord::Transition(transition)) => transitions.push(*transition),
            Some(AuditRecord::Refusal(_)) => {}
            None => mistakes.push(Mistake::new(MistakeKind::Unreadable, format!("{place} is no record of the trail"))),
        }
    }
    for pair in transitions.windows(2) {
        let (before, after) = (pair[0].rollout_revision, pair[1].rollout_revision);
        if after <= before {
            let what = format!("revision {after} follows revision {before}");
            mistakes.push(Mistake::new(MistakeKind::ReportDiffers, what));
        }
    }
    transitions
}

/// Whether one transition rests on what the evidence says.
pub(super) fn unsupported(record: &TransitionRecord, evidence: &Evidence, spec: &RolloutSpec) -> Option<Mistake> {
    let what = match record.verified(evidence, spec) {
        Ok(Verified::Holds) => return None,
        Ok(Verified::EvidenceGone) => "its evidence is not in the log any more".to_owned(),
        Ok(Verified::Differs(found)) => found.join("; "),
        Err(error) => error.to_string(),
    };
    let what = format!("revision {} ({}): {what}", record.rollout_revision, record.kind.0.as_str());
    Some(Mistake::new(MistakeKind::ReportDiffers, what))
}
