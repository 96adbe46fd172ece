//! Each kind of unfounded action, put by hand into a run whose actions are all founded, is found; and each that lies just
//! within what is allowed is not.
#![allow(unused_imports, reason = "a bench compiles this file without its tests")]

use noctriage::config::{Sources, load};
use noctriage::domain::time::UtcMillis;
use noctriage::policy::ruling::DrawKey;
use noctriage::rollout::control::{Ask, ControlRequest, HaltScope, Signature};
use noctriage::rollout::evaluate::evaluate;
use noctriage::rollout::evidence::Evidence;
use noctriage::rollout::log::Cut;
use noctriage::rollout::spec::RolloutSpec;
use noctriage::rollout::transition::{Cause, Transition, TransitionKind};
use noctriage::wire::control;
use noctriage::wire::transition::{ReportRecord, TransitionRecord};
use noctriage::wire::values::Instant;
use serde_json::{Value, json};

use super::automation::{Automation, REACH_MS};
use super::mistake::{Mistake, MistakeKind};
use super::reports::{transitions, unsupported};
use crate::support::broker::Record;
use crate::support::daemon::DRAW_KEY;

const LEASE_MS: i64 = 20_000;

fn record(offset: i64, appended_ms: i64, key: &str, value: &[u8]) -> Record {
    let (key, value) = (Some(key.as_bytes().to_vec()), Some(value.to_vec()));
    Record { partition: 0, offset, appended_ms, key, value, headers: std::collections::BTreeMap::new() }
}

fn digest(word: &str) -> String {
    noctriage::domain::digest::Digest::of(word.as_bytes()).to_string()
}

fn map(revision: u64, stage: &str) -> Value {
    let action = json!({ "action": "auto_triage", "share": 0.8, "model_digest": digest("m"),
        "calibration_digest": digest("c"), "eligibility_digest": digest("e"), "threshold_min": 0.3 });
    let actions = if stage == "auto_triage" { json!([action]) } else { json!([]) };
    json!({ "schema": "noctriage.rollout/v1", "rollout_revision": revision, "leader": "one",
        "written_at": "2026-01-05T06:00:00Z", "permissions": [{ "slice": "rest", "stage": stage, "actions": actions }],
        "state": state() })
}

/// What the next leader would begin from: nothing of it matters here.
fn state() -> Value {
    let state = noctriage::rollout::state::RolloutState::default();
    serde_json::to_value(noctriage::wire::rollout_state::StateRecord::from(&state)).unwrap()
}

/// Maps 3 and 4 permit, and 4 changes nothing; the lease is renewed at 0 and at 10,000; a command at 12,000.
struct Run {
    maps: Vec<(i64, Value)>,
    renewals: Vec<i64>,
    requests: Vec<(i64, Ask)>,
    command: (i64, Value),
    decision: Value,
}

impl Run {
    fn whole() -> Self {
        let command = json!({ "decision_id": "d0", "action": "auto_triage", "slice": "rest", "rollout_revision": 4 });
        let decision = json!({ "ticket_id": "R00001", "basis": {
            "draws": { "evidence": { "rate": 0.01, "drawn": false } },
            "answers": [{ "role": "baseline", "digest": digest("b") }, { "role": "acting", "digest": digest("m") }] } });
        Self {
            maps: vec![(0, map(3, "auto_triage")), (5_000, map(4, "auto_triage"))],
            renewals: vec![0, 10_000],
            requests: Vec::new(),
            command: (12_000, command),
            decision,
        }
    }

    fn mistakes(&self) -> Vec<Mistake> {
        let mut automation = Automation::default();
        for (offset, (at, map)) in (0..).zip(&self.maps) {
            automation.add_rollout(&record(offset, *at, "map", map.to_string().as_bytes()));
        }
        for at in &self.renewals {
            let lease = json!({ "schema": "noctriage.rollout/v1", "leader": "one", "counter": 1, "rollout_revision": 3,
                "leading_since": "2026-01-05T06:00:00Z", "length_ms": LEASE_MS });
            automation.add_rollout(&record(*at + 100, *at, "lease", lease.to_string().as_bytes()));
        }
        for (offset, (at, ask)) in (0..).zip(&self.requests) {
            let signed = Signature::try_new("mira", "firmware wave").unwrap();
            let request = ControlRequest { signed, at: UtcMillis(*at), expires: None, ask: ask.clone() };
            automation.add_control(&record(offset, *at, "", &control::to_json(&request).unwrap()));
        }
        automation.add_decision("d0", &self.decision);
        assert!(automation.add_command("d0", "commands[0]@0".to_owned(), self.command.0, &self.command.1));
        let mut mistakes = Vec::new();
        automation.mistakes(&mut mistakes);
        mistakes
    }
}

#[track_caller]
fn check_found(kind: MistakeKind, change: impl FnOnce(&mut Run)) {
    let mut run = Run::whole();
    change(&mut run);
    let mistakes = run.mistakes();
    assert!(mistakes.iter().any(|mistake| mistake.kind == kind), "{kind:?} is not among {mistakes:?}");
}

#[track_caller]
fn check_clean(change: impl FnOnce(&mut Run)) {
    let mut run = Run::whole();
    change(&mut run);
    assert_eq!(run.mistakes(), []);
}

#[test]
fn an_action_with_everything_that_it_rests_on_is_none() {
    check_clean(|_| {});
    // Another revision that came a moment ago may not have been heard of yet.
    check_clean(|run| run.maps.push((12_000 - REACH_MS + 1, map(5, "suggest"))));
}

#[test]
fn an_action_outside_of_every_lease_is_found() {
    check_clean(|run| run.command.0 = 10_000 + LEASE_MS - 1);
    check_found(MistakeKind::OutsideLease, |run| run.command.0 = 10_000 + LEASE_MS);
    check_found(MistakeKind::OutsideLease, |run| run.renewals.clear());
    // A renewal that comes afterwards covers nothing before it.
    check_found(MistakeKind::OutsideLease, |run| run.renewals = vec![12_001]);
}

#[test]
fn an_action_that_its_map_does_not_permit_is_found() {
    check_found(MistakeKind::WithoutPermit, |run| run.maps[1].1 = map(4, "suggest"));
    check_found(MistakeKind::WithoutPermit, |run| run.command.1["action"] = "auto_resolve".into());
    check_found(MistakeKind::WithoutPermit, |run| run.command.1["slice"] = "wireless".into());
    check_found(MistakeKind::WithoutPermit, |run| run.command.1["rollout_revision"] = 9.into());
    // A map that comes afterwards permits nothing before it.
    check_found(MistakeKind::WithoutPermit, |run| run.maps[1].0 = 12_001);
    check_found(MistakeKind::WithoutPermit, |run| run.maps[1].1["permissions"][0]["actions"][0]["share"] = 0.0.into());
}

#[test]
fn an_action_of_another_model_than_its_map_permits_is_found() {
    let of_model = |run: &mut Run, word: &str| run.decision["basis"]["answers"][1]["digest"] = digest(word).into();
    check_clean(|run| of_model(run, "m"));
    check_found(MistakeKind::WithoutPermit, |run| of_model(run, "candidate"));
}

#[test]
fn an_action_under_a_map_that_was_replaced_long_ago_is_found() {
    check_found(MistakeKind::WithoutPermit, |run| run.command.1["rollout_revision"] = 3.into());
    check_found(MistakeKind::WithoutPermit, |run| run.maps.push((12_000 - REACH_MS, map(5, "suggest"))));
}

#[test]
fn a_stage_that_the_configuration_fixes_needs_neither_map_nor_lease_and_ends_where_there_is_a_map() {
    let fixed = |run: &mut Run| {
        run.command.1["rollout_revision"] = 0.into();
        run.renewals.clear();
    };
    check_clean(|run| {
        fixed(run);
        run.maps.clear();
    });
    check_found(MistakeKind::WithoutPermit, fixed);
    check_found(MistakeKind::OutsideLease, fixed);
}

#[test]
fn an_action_after_a_halt_is_found_until_somebody_resumes() {
    let halt = |at| (at, Ask::Halt(HaltScope::All));
    check_found(MistakeKind::AfterHalt, |run| run.requests = vec![halt(12_000 - REACH_MS)]);
    check_clean(|run| run.requests = vec![halt(12_000 - REACH_MS + 1)]);
    check_clean(|run| run.requests = vec![halt(1_000), (2_000, Ask::Resume(HaltScope::All))]);
    check_found(MistakeKind::AfterHalt, |run| {
        run.requests = vec![(1_000, Ask::Halt(HaltScope::Slice("rest".into()))), (2_000, Ask::Resume(HaltScope::All))];
    });
    check_clean(|run| run.requests = vec![(1_000, Ask::Halt(HaltScope::Slice("wireless".into())))]);
    // A resume that comes afterwards excuses nothing.
    check_found(MistakeKind::AfterHalt, |run| {
        run.requests = vec![halt(1_000), (12_001, Ask::Resume(HaltScope::All))];
    });
}

#[test]
fn an_action_on_a_drawn_ticket_is_found_whatever_its_decision_says() {
    check_found(MistakeKind::SampleShown, |run| run.decision["basis"]["draws"]["evidence"]["drawn"] = true.into());
    // By the key of the installation everybody is drawn at a rate of one.
    check_found(MistakeKind::SampleShown, |run| run.decision["basis"]["draws"]["evidence"]["rate"] = 1.0.into());
}

#[test]
fn a_suggestion_about_a_drawn_ticket_is_found() {
    let mut automation = Automation::default();
    automation.add_suggestion("d0", "suggestions[0]@0".to_owned());
    let mut mistakes = Vec::new();
    automation.mistakes(&mut mistakes);
    assert_eq!(mistakes, []);
    automation.add_decision("d0", &json!({ "basis": { "draws": { "evidence": { "rate": 0.1, "drawn": true } } } }));
    automation.mistakes(&mut mistakes);
    assert_eq!(mistakes[0].kind, MistakeKind::SampleShown);
}

fn spec() -> RolloutSpec {
    let keys = [("kafka.brokers", "127.0.0.1:9"), ("model.directory", "none"), ("model.baseline", "none")];
    let settings = load(&Sources::built_in(&keys, DrawKey(DRAW_KEY))).unwrap().settings;
    RolloutSpec::clone(&settings.rollout.spec)
}

/// A transition, and what an evidence without a ticket says of its question.
fn transition(revision: u64, reports: Vec<ReportRecord>) -> Record {
    let transition = Transition {
        revision,
        kind: TransitionKind::Requested,
        cause: Cause::Asked,
        signed: None,
        at: UtcMillis(1_764_000_000_000),
        cut: Cut::start(),
        control_next: 0,
        slices: Vec::new(),
        acting: None,
        acknowledged: std::collections::BTreeSet::new(),
        reports: Vec::new(),
    };
    let written = TransitionRecord::of(&transition, "one", Instant(UtcMillis(0)));
    let written = TransitionRecord { reports, ..written };
    record(0, 0, "", &serde_json::to_vec(&written).unwrap())
}

fn report(spec: &RolloutSpec) -> ReportRecord {
    use noctriage::domain::digest::Digest;
    use noctriage::rollout::decision::ModelKey;
    use noctriage::rollout::state::{Basis, OpenAccount, RolloutState, SliceState};
    use noctriage::rollout::wrong::Permission;
    let model = ModelKey {
        name: "v1".to_owned(),
        version: "1".to_owned(),
        digest: Digest([1; 32]),
        calibration_digest: Digest([2; 32]),
    };
    let at = UtcMillis(1_764_000_000_000);
    let basis = Basis { model: model.into(), eligibility_digest: Digest([3; 32]) };
    let account = OpenAccount {
        permission: Permission::Suggest,
        basis: basis.clone(),
        attempt: 1,
        threshold: spec.slices[0].threshold,
        after: Cut::start(),
        opened_at: at,
    };
    let slice = SliceState { accounts: vec![account], ..SliceState::opened(at, 0) };
    let state = RolloutState { basis: Some(basis), slices: [("rest".into(), slice)].into(), ..RolloutState::default() };
    let asked = evaluate(&Evidence::default(), &state.questions(spec), spec, Cut::start(), at);
    ReportRecord::from(&asked.slices[0])
}

#[test]
fn a_transition_whose_report_says_what_the_evidence_does_not_is_found() {
    let spec = spec();
    let found = |report: ReportRecord| {
        let mut mistakes = Vec::new();
        let records = transitions(&[transition(8, vec![report])], &mut mistakes);
        assert_eq!(mistakes, []);
        unsupported(&records[0], &Evidence::default(), &spec).map(|mistake| mistake.kind)
    };
    assert_eq!(found(report(&spec)), None);
    let mut invented = report(&spec);
    let step = invented.next.as_mut().unwrap();
    step.gates[0].counted = Some(310);
    step.gates[0].wrong = Some(2);
    assert_eq!(found(invented), Some(MistakeKind::ReportDiffers));
}

#[test]
fn a_trail_whose_revisions_do_not_rise_is_found() {
    let mut mistakes = Vec::new();
    transitions(&[transition(8, Vec::new()), transition(8, Vec::new())], &mut mistakes);
    assert_eq!(mistakes.len(), 1, "{mistakes:?}");
    transitions(&[record(0, 0, "", b"no record")], &mut mistakes);
    assert_eq!(mistakes[1].kind, MistakeKind::Unreadable);
}
