//! What the audit trail says can be asked again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::time::UtcMillis;
use crate::rollout::control::Signature;
use crate::rollout::counting::AccountKey;
use crate::rollout::decision::ModelKey;
use crate::rollout::log::{Cut, EvidenceTopic};
use crate::rollout::plan::Refusal;
use crate::rollout::reading::{StepKind, StepQuestion};
use crate::rollout::state::{SliceState, Standing};
use crate::rollout::transition::Cause;
use crate::rollout::wrong::Permission;

fn cut(next: i64) -> Cut {
    let mut cut = Cut::start();
    cut.set_next(EvidenceTopic::Decisions, 0, next);
    cut.set_next(EvidenceTopic::Verdicts, 3, 7);
    cut
}

fn account(permission: Permission) -> AccountQuestion {
    let model = ModelKey {
        name: "v1".to_owned(),
        version: "1.0".to_owned(),
        digest: Digest([1; 32]),
        calibration_digest: Digest([2; 32]),
    };
    AccountQuestion {
        account: AccountKey {
            slice: Arc::from("rest"),
            permission,
            model: Arc::new(model),
            eligibility_digest: Digest([3; 32]),
            threshold: Probability::try_new(0.95).unwrap(),
        },
        attempt: 2,
        slice_weight: 0.5,
        threshold_weight: 0.1,
        after: cut(40),
        closed: None,
    }
}

fn gate(gate: Gate, outcome: GateOutcome, wrong: u64) -> GateReading {
    GateReading {
        gate,
        blocks: true,
        outcome,
        sentence: format!("310 counted, {wrong} wrong"),
        counted: Some(CountedWrong { counted: 310, wrong }),
        missing: None,
    }
}

fn report(wrong: u64) -> SliceReport {
    let step = StepReport {
        question: StepQuestion {
            account: account(Permission::Auto(AutoAction::Triage)),
            kind: StepKind::Stage,
            since: UtcMillis(1_764_000_000_000),
        },
        gates: vec![gate(Gate::ActionError, GateOutcome::Pass, wrong)],
        wrong_unanswered: 0,
        grid: Vec::new(),
    };
    let watch = WatchReport {
        question: account(Permission::Suggest),
        gates: vec![gate(Gate::SeverityAccuracy, GateOutcome::Waiting, 60)],
        critical: Vec::new(),
        to_recheck: Vec::new(),
        to_recheck_left_out: 0,
        silent_tickets: 2,
    };
    SliceReport { slice: Arc::from("rest"), next: Some(step), in_force: vec![watch] }
}

fn promoted() -> Transition {
    let to = Position::try_new(Stage::AutoTriage, [Share::try_new(0.05).unwrap(), Share::ZERO]).unwrap();
    let mut state = SliceState::opened(UtcMillis(1_764_000_000_000), 7);
    state.standing = Standing { position: to, ..Standing::shadow() };
    Transition {
        revision: 8,
        kind: TransitionKind::Promoted,
        cause: Cause::Earned,
        signed: Some(Signature::try_new("mira", "a quiet month").unwrap()),
        at: UtcMillis(1_764_000_000_000),
        cut: cut(90),
        control_next: 12,
        slices: vec![SliceChange { slice: Arc::from("rest"), from: Some(Position::SUGGEST), to: state }],
        acting: None,
        acknowledged: BTreeSet::new(),
        reports: vec![report(1)],
    }
}

fn record() -> TransitionRecord {
    let record = TransitionRecord::of(&promoted(), "noc-a", Instant(UtcMillis(1_764_000_001_000)));
    let written = serde_json::to_vec(&record).unwrap();
    match AuditRecord::read(&written) {
        Some(AuditRecord::Transition(read)) => assert_eq!(*read, record),
        other => panic!("{other:?}"),
    }
    record
}

#[test]
fn the_record_says_who_asked_why_and_what_the_gates_said() {
    let record = record();
    assert_eq!((record.who.as_deref(), record.reason.as_deref()), (Some("mira"), Some("a quiet month")));
    assert_eq!(record.because, "a person asked for it, and every gate passes");
    let change = &record.slices[0];
    assert_eq!((change.from.as_ref().unwrap().stage.0, change.to.stage.0), (Stage::Suggest, Stage::AutoTriage));
    assert!(record.reports[0].next.as_ref().unwrap().passes);
}

#[test]
fn the_questions_of_a_record_are_those_that_were_asked() {
    let report = report(1);
    let asked = SliceQuestion {
        slice: Arc::clone(&report.slice),
        next: report.next.map(|step| step.question),
        in_force: report.in_force.into_iter().map(|watch| watch.question).collect(),
    };
    assert_eq!(record().questions(), Ok(vec![asked]));
}

#[test]
fn a_report_that_reads_otherwise_now_is_told_gate_by_gate() {
    let again = |wrong| Evaluation { at: UtcMillis(0), cut: cut(90), slices: vec![report(wrong)], holes: Vec::new() };
    assert_eq!(record().differences(&again(1)), Vec::<String>::new());
    assert_eq!(
        record().differences(&again(3)),
        ["slice rest, action_error: it said pass (310 counted, 1 wrong), and now it says pass (310 counted, 3 wrong)"]
    );
    let gone = Evaluation { slices: Vec::new(), ..again(1) };
    assert_eq!(record().differences(&gone), ["slice rest is not read any more"]);
}

#[test]
fn a_refusal_is_told_from_a_transition() {
    let refused = RefusedRequest { offset: 4, why: Refusal::ActsAlready };
    let record = RefusalRecord::of(&refused, 8, Instant(UtcMillis(0)));
    let read = AuditRecord::read(&serde_json::to_vec(&record).unwrap()).unwrap();
    assert_eq!((read.rollout_revision(), &read), (8, &AuditRecord::Refusal(record)));
    assert_eq!(AuditRecord::read(b"{}"), None);
}
