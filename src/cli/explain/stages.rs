//! Why a slice had the stage that a decision names, and what its next step waits for: from the audit trail, and from the
//! gates as a running daemon reads them now.

use crate::admin::status::Status;
use crate::rollout::reading::GateOutcome;
use crate::wire::transition::{AuditRecord, GateRecord, ReportRecord, TransitionRecord};

use super::super::rollout::told;

/// How a slice came to what it was allowed at a revision, and what the report of that time said of its next step.
pub(super) fn story(slice: &str, revision: u64, trail: &[(i64, AuditRecord)]) -> Vec<String> {
    if revision == 0 {
        return vec!["stages were fixed by the configuration, or no rollout had begun".to_owned()];
    }
    let transitions = || {
        trail.iter().filter_map(|(_, record)| match record {
            AuditRecord::Transition(record) => Some(record.as_ref()),
            AuditRecord::Refusal(_) => None,
        })
    };
    let of_slice = |record: &&TransitionRecord| record.slices.iter().any(|change| change.slice == slice);
    let before = || transitions().filter(|record| record.rollout_revision <= revision);
    let mut lines = match before().rfind(of_slice) {
        Some(record) => vec![format!("it had that stage by {}", told(record))],
        None => vec![format!("the audit trail has no transition of slice {slice} up to revision {revision}")],
    };
    let report = |record: &TransitionRecord| {
        let report = record.reports.iter().find(|report| report.slice == slice)?;
        blocking(report).map(|gates| {
            format!("the next step waited, in the report of revision {}, for {gates}", record.rollout_revision)
        })
    };
    lines.extend(before().rev().find_map(report));
    let after = transitions().filter(|record| record.rollout_revision > revision).find(of_slice);
    lines.extend(after.map(|record| format!("afterwards {}", told(record))));
    lines
}

/// Gates of a report that did not pass; `None`: all did, or there is no step.
fn blocking(report: &ReportRecord) -> Option<String> {
    let stands_in_the_way = |gate: &&GateRecord| gate.blocks && gate.outcome.0 != GateOutcome::Pass;
    let gates = report.next.iter().flat_map(|next| &next.gates).filter(stands_in_the_way);
    let gates: Vec<String> = gates.map(|gate| format!("{} ({})", gate.gate.0.as_str(), gate.sentence)).collect();
    (!gates.is_empty()).then(|| gates.join("; "))
}

/// What the next step of a slice waits for now, as a daemon says.
pub(super) fn present(slice: &str, status: &Status) -> Vec<String> {
    let Some(gates) = &status.gates else { return Vec::new() };
    let revision = status.rollout.as_ref().map_or(0, |rollout| rollout.revision);
    if let Some(why) = &gates.unread {
        return vec![format!("at revision {revision} the gates are not shown: {why}")];
    }
    let Some(step) = status.slices.iter().find(|known| known.slice == slice).and_then(|known| known.step.as_ref())
    else {
        return vec![format!("slice {slice} is no longer configured")];
    };
    let next = step.next.iter();
    let gates = next.flat_map(|next| next.waits_for.iter().map(move |gate| (next, gate)));
    let mut lines: Vec<String> = gates
        .map(|(next, gate)| {
            format!("at revision {revision}, {} waits for {}: {}", next.permission, gate.gate, gate.sentence)
        })
        .collect();
    lines.push(format!("to do: {}", step.to_do));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stage::Stage;
    use crate::domain::time::UtcMillis;
    use crate::rollout::control::Lock;
    use crate::rollout::reading::GateOutcome;
    use crate::rollout::tests::desk::Desk;
    use crate::wire::values::Instant;

    /// The trail of a desk that has climbed to suggest, and whose next step then waited.
    fn trail() -> (Vec<(i64, AuditRecord)>, u64) {
        let mut desk = Desk::new(&["rest"]);
        let mut transitions = desk.settle();
        desk.promote("rest", Lock::Respect);
        transitions.extend(desk.settle());
        desk.pass_hours(24 * 8);
        transitions.extend(desk.settle());
        let suggest = desk.state.revision;
        desk.ask(crate::rollout::control::Ask::StepBack { slice: "rest".into(), to: Stage::Shadow });
        transitions.extend(desk.settle());
        let mut records: Vec<TransitionRecord> = transitions
            .iter()
            .map(|transition| TransitionRecord::of(transition, "noc-1", Instant(UtcMillis(0))))
            .collect();
        let promoted = records.iter_mut().find(|record| !record.reports.is_empty()).unwrap();
        promoted.reports[0].next.as_mut().unwrap().gates[0].outcome.0 = GateOutcome::Waiting;
        let offsets = 0..;
        (offsets.zip(records.into_iter().map(|record| AuditRecord::Transition(Box::new(record)))).collect(), suggest)
    }

    #[test]
    fn a_stage_is_explained_by_what_led_to_it_what_was_missing_and_what_came_afterwards() {
        let (trail, revision) = trail();
        let story = story("rest", revision, &trail);
        assert_eq!(story.len(), 3, "{story:#?}");
        assert!(story[0].starts_with("it had that stage by ") && story[0].contains("shadow → suggest"), "{}", story[0]);
        assert!(story[1].contains(" for severity_accuracy (96 counted, 1 wrong)"), "{}", story[1]);
        assert!(story[2].starts_with("afterwards ") && story[2].contains("suggest → shadow"), "{}", story[2]);
    }

    #[test]
    fn before_the_first_transition_and_of_an_unknown_slice_it_says_that_nothing_is_known() {
        let (trail, revision) = trail();
        assert!(story("rest", 0, &trail)[0].contains("no rollout had begun"));
        assert_eq!(story("gone", revision, &trail).len(), 1);
        assert!(story("rest", revision, &[])[0].contains("has no transition"));
    }
}
