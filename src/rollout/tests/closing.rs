//! The closed base: what leaves the window stays in the count, whoever closes it and from wherever they began to read.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::closed::{Closed, Sums};
use super::super::closing::{close, cuts, needed_since, recorded, replay};
use super::super::counting::{CountingRules, Since, count};
use super::super::evaluate::evaluate;
use super::super::log::Cut;
use super::super::reading::{Gate, GateOutcome};
use super::super::spec::RolloutSpec;
use super::super::state::{Basis, OpenAccount, RolloutState, SliceState};
use super::super::survey::Survey;
use super::*;
use crate::domain::stage::AutoAction;
use crate::domain::verdict::EndedAlone;

const TRIAGE: Permission = Permission::Auto(AutoAction::Triage);

/// A short window, so that a month of a desk has much to close.
fn spec(window_days: u32, deadline_ms: i64) -> RolloutSpec {
    RolloutSpec { window_days, verdict_deadline_ms: deadline_ms, ..desk::spec(&["rest"]) }
}

/// A rollout that began before the first record: one model, an account of each permission.
fn begun(after: &Cut) -> RolloutState {
    let basis = Basis { model: model("v1"), eligibility_digest: Digest::default() };
    let open = |permission| OpenAccount {
        permission,
        basis: basis.clone(),
        attempt: 1,
        threshold: Probability::try_new(0.95).unwrap(),
        after: after.clone(),
        opened_at: hour(0),
    };
    let accounts = Permission::ALL.map(open).to_vec();
    let slice = SliceState { accounts, ..SliceState::opened(hour(0), 1) };
    let slices = BTreeMap::from([(Arc::from("rest"), slice)]);
    RolloutState { revision: 1, basis: Some(basis), slices, ..RolloutState::default() }
}

/// One record of a log.
#[derive(Clone, Debug)]
enum Record {
    Decision(Recorded<DecisionSeen>),
    Verdict(Recorded<VerdictEvent>),
}

impl Record {
    const fn appended(&self) -> Appended {
        match self {
            Self::Decision(decision) => decision.appended,
            Self::Verdict(verdict) => verdict.appended,
        }
    }

    fn fold(&self, evidence: &mut Evidence) {
        evidence.note(self.appended());
        match self.clone() {
            Self::Decision(decision) => evidence.add_decision(decision),
            Self::Verdict(verdict) => evidence.add_verdict(verdict),
        }
    }
}

/// What becomes of a simulated ticket.
#[derive(Clone, Debug)]
struct Life {
    opened: i64,
    fingerprint: u8,
    parent: bool,
    is_drawn: bool,
    /// Hours until a revision, and whether it is a full decision.
    revisions: Vec<(i64, bool)>,
    /// Hours until a verdict, and the severity.
    verdicts: Vec<(i64, bool)>,
    /// Hours until it ends alone, by a record of ours or by an event.
    ends: Option<(i64, bool)>,
    is_touched: bool,
}

const DAYS: i64 = 40;

fn life() -> impl Strategy<Value = Life> {
    let hours = 1..20 * 24_i64;
    (
        (0..DAYS * 24, 0..12_u8, proptest::bool::weighted(0.1), proptest::bool::weighted(0.9)),
        proptest::collection::vec((hours.clone(), any::<bool>()), 0..3),
        proptest::collection::vec(
            (prop_oneof![3 => 1..30_i64, 1 => hours.clone()], proptest::bool::weighted(0.8)),
            0..3,
        ),
        proptest::option::weighted(0.2, (hours, any::<bool>())),
        proptest::bool::weighted(0.1),
    )
        .prop_map(|((opened, fingerprint, parent, is_drawn), revisions, verdicts, ends, is_touched)| Life {
            opened,
            fingerprint,
            parent,
            is_drawn,
            revisions,
            verdicts,
            ends,
            is_touched,
        })
}

/// The log of some lives: two partitions of decisions and one of verdicts, each in the order of time.
fn log_of(lives: &[Life]) -> Vec<Record> {
    let mut unplaced: Vec<(UtcMillis, i32, EvidenceTopic, DecisionOrVerdict)> = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let name = format!("T{number}");
        // Never two records at one instant.
        let at = |after: i64| hour(life.opened + after).plus_ms(number as i64);
        let mut add_decision = |after: i64, event: DecisionEvent| {
            let arrival = (after == 0).then(|| Arrival { at: at(0), slice: Arc::from("rest") });
            let seen = DecisionSeen { ticket_id: ticket(&name), event, arrival };
            unplaced.push((
                at(after),
                (number % 2) as i32,
                EvidenceTopic::Decisions,
                DecisionOrVerdict::Decision(seen),
            ));
        };
        let decided = |after: i64| {
            DecisionEvent::Decided(Box::new(TicketDecision {
                created_at: at(0),
                is_drawn: life.is_drawn,
                is_human_touched: life.is_touched,
                fingerprint: Digest::of(&[life.fingerprint]),
                parent: life.parent.then(|| ticket("P")),
                ..decision(&name, at(after))
            }))
        };
        add_decision(0, decided(0));
        for (after, is_full) in &life.revisions {
            add_decision(*after, if *is_full { decided(*after) } else { DecisionEvent::Seen });
        }
        if let Some((after, true)) = life.ends {
            add_decision(after, DecisionEvent::Ended(EndedBy::Nobody));
        }
        let mut add_verdict = |after: i64, verdict: Verdict| {
            let verdict = Verdict { ticket_id: ticket(&name), decided_at: at(after), ..verdict };
            unplaced.push((at(after), 0, EvidenceTopic::Verdicts, DecisionOrVerdict::Verdict(verdict)));
        };
        for (place, (after, is_right)) in life.verdicts.iter().enumerate() {
            let severity = if *is_right { Severity::Low } else { Severity::High };
            add_verdict(*after, stated(&format!("{name}-{place}"), "anna", severity));
        }
        if let Some((after, false)) = life.ends {
            let ended = Verdict {
                ended: Some(EndedAlone::Cleared),
                kind: VerdictKind::Outcome,
                ..stated(&format!("{name}-end"), "anna", Severity::Low)
            };
            add_verdict(after, Verdict { severity: None, ..ended });
        }
    }
    unplaced.sort_by_key(|(at, ..)| *at);
    let mut next: BTreeMap<(EvidenceTopic, i32), i64> = BTreeMap::new();
    let mut place = |at, partition, topic| {
        let offset = next.entry((topic, partition)).or_default();
        *offset += 1;
        Appended { at, position: Position { topic, partition, offset: *offset - 1 } }
    };
    unplaced
        .into_iter()
        .map(|(at, partition, topic, what)| {
            let appended = place(at, partition, topic);
            match what {
                DecisionOrVerdict::Decision(value) => Record::Decision(Recorded { appended, value }),
                DecisionOrVerdict::Verdict(verdict) => {
                    Record::Verdict(Recorded { appended, value: VerdictEvent::Verdict(Box::new(verdict)) })
                }
            }
        })
        .collect()
}

enum DecisionOrVerdict {
    Decision(DecisionSeen),
    Verdict(Verdict),
}

/// An instance: what it has read, and the base of the leader.
struct Instance {
    evidence: Evidence,
    cut: Cut,
    state: RolloutState,
    read: usize,
}

impl Instance {
    fn new(state: RolloutState) -> Self {
        Self { evidence: Evidence::default(), cut: Cut::start(), state, read: 0 }
    }

    /// Reads on to an instant.
    fn read_to(&mut self, log: &[Record], now: UtcMillis) {
        while let Some(record) = log.get(self.read).filter(|record| record.appended().at <= now) {
            record.fold(&mut self.evidence);
            self.cut.pass(record.appended().position);
            self.read += 1;
        }
    }

    fn since(&self, spec: &RolloutSpec, now: UtcMillis) -> UtcMillis {
        let window = spec.evidence_since(now);
        self.state.closed.as_ref().map_or(window, |closed| needed_since(closed).min(window))
    }

    /// Ends, and begins anew at the checkpoint, reading one partition after the other.
    fn restart(&self, log: &[Record], spec: &RolloutSpec, now: UtcMillis) -> Self {
        let since = self.since(spec, now);
        let mut again = Self::new(self.state.clone());
        let mut records: Vec<&Record> = log[..self.read].iter().collect();
        records.sort_by_key(|record| (record.appended().position, record.appended().at));
        for record in records {
            again.cut.pass(record.appended().position);
            if record.appended().at >= since {
                record.fold(&mut again.evidence);
            }
        }
        again.read = self.read;
        again
    }

    fn close(&mut self, spec: &RolloutSpec, now: UtcMillis) {
        if let Some(closed) = close(&self.evidence, &self.state, spec, &self.cut, now) {
            self.state.closed = Some(Arc::new(closed));
        }
    }

    /// All accounts of the slice, closed and live.
    fn counts(&self, spec: &RolloutSpec, now: UtcMillis) -> Vec<(Sums, u64)> {
        let rules = CountingRules::at(&self.evidence, spec.verdict_deadline_ms, now);
        let survey = Survey::of(&self.evidence);
        let basis = self.state.basis.clone().unwrap();
        let mut counts = Vec::new();
        for permission in Permission::ALL {
            let questions = self.state.candidate_questions(&basis.model, permission, spec);
            let step = questions[0].next.clone().unwrap();
            let closed = step.account.closed.as_ref();
            let since = Since {
                after: &step.account.after,
                through: closed.map(|closed| closed.through),
                line: closed.and_then(|closed| closed.line(&step.account, &step.account.account)),
            };
            let count = count(&survey, &step.account.account, &rules, since, now);
            counts.push((count.sums(), count.waiting));
        }
        counts
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn restarted_at_any_checkpoint_the_base_and_the_counts_are_those_of_a_fold_from_the_beginning(
        lives in proptest::collection::vec(life(), 20..60),
        looks in proptest::collection::btree_set(0..(DAYS + 20) * 24, 4..12),
        restarts in 0..12_usize,
    ) {
        let (log, spec) = (log_of(&lives), spec(7, 24 * HOUR_MS));
        let state = begun(&Cut::start());
        // The base begins when the rollout does.
        let (mut whole, mut restarting) = (Instance::new(state.clone()), Instance::new(state));
        for instance in [&mut whole, &mut restarting] {
            instance.close(&spec, hour(0));
        }
        for (place, look) in looks.iter().chain([&((DAYS + 30) * 24)]).enumerate() {
            let now = hour(*look);
            for instance in [&mut whole, &mut restarting] {
                instance.read_to(&log, now);
            }
            if place <= restarts {
                restarting = restarting.restart(&log, &spec, now);
            }
            // It closes at every look; the other one only at the end, from all that it has read.
            restarting.close(&spec, now);
        }
        let now = hour((DAYS + 30) * 24);
        whole.close(&spec, now);
        prop_assert_eq!(&whole.state.closed, &restarting.state.closed);
        let since = whole.since(&spec, now);
        whole.evidence.forget_before(since);
        let restarted = restarting.restart(&log, &spec, now);
        prop_assert_eq!(whole.counts(&spec, now), restarted.counts(&spec, now));
    }

    #[test]
    fn a_recorded_base_is_found_again_in_the_log(lives in proptest::collection::vec(life(), 20..60)) {
        let (log, spec) = (log_of(&lives), spec(7, 24 * HOUR_MS));
        let mut instance = Instance::new(begun(&Cut::start()));
        instance.close(&spec, hour(0));
        let now = hour((DAYS + 20) * 24);
        instance.read_to(&log, now);
        instance.close(&spec, now);
        let basis = instance.state.basis.clone().unwrap();
        let questions = instance.state.candidate_questions(&basis.model, TRIAGE, &spec);
        let closed = recorded(&questions).unwrap();
        let replayed = replay(&instance.evidence, &closed, &cuts(&questions), &spec);
        prop_assert_eq!(closed.differences(&replayed), Vec::<String>::new());
    }
}

/// `per_day` tickets of their own fingerprints each day, answered within two hours; read, and closed every day.
fn desk_of(days: i64, per_day: i64, is_wrong: impl Fn(i64) -> bool) -> (Instance, RolloutSpec, UtcMillis) {
    let spec = spec(28, DEADLINE_MS);
    let mut instance = Instance::new(begun(&Cut::start()));
    instance.close(&spec, hour(0));
    for day in 0..days {
        for number in 0..per_day {
            let (name, at) = (format!("T{day}-{number}"), hour(day * 24 + number * 24 / per_day));
            let appended = |topic, at| {
                let offset = day * per_day + number;
                Appended { at, position: Position { topic, partition: 0, offset } }
            };
            let event = DecisionEvent::Decided(Box::new(decision(&name, at)));
            let seen = DecisionSeen { ticket_id: ticket(&name), event, arrival: None };
            Record::Decision(Recorded { appended: appended(EvidenceTopic::Decisions, at), value: seen })
                .fold(&mut instance.evidence);
            let severity = if is_wrong(day * per_day + number) { Severity::High } else { Severity::Low };
            let verdict = Verdict {
                ticket_id: ticket(&name),
                decided_at: at.plus_ms(2 * HOUR_MS),
                closable: Some(Closable::Yes),
                ..stated(&name, "anna", severity)
            };
            let said = VerdictEvent::Verdict(Box::new(verdict));
            Record::Verdict(Recorded {
                appended: appended(EvidenceTopic::Verdicts, at.plus_ms(2 * HOUR_MS)),
                value: said,
            })
            .fold(&mut instance.evidence);
        }
        let now = hour(day * 24 + 24);
        for topic in [EvidenceTopic::Decisions, EvidenceTopic::Verdicts] {
            instance.cut.pass(Position { topic, partition: 0, offset: (day + 1) * per_day - 1 });
        }
        let since = instance.since(&spec, now);
        instance.close(&spec, now);
        instance.evidence.forget_before(since);
    }
    (instance, spec, hour(days * 24))
}

fn action_error(instance: &Instance, spec: &RolloutSpec, now: UtcMillis) -> (u64, GateOutcome) {
    let basis = instance.state.basis.clone().unwrap();
    let questions = instance.state.candidate_questions(&basis.model, TRIAGE, spec);
    let evaluation = evaluate(&instance.evidence, &questions, spec, Cut::start(), now);
    let reading = evaluation.slices[0].next.as_ref().unwrap().gate(Gate::ActionError).cloned().unwrap();
    (reading.counted.unwrap().counted, reading.outcome)
}

#[test]
fn a_slow_desk_earns_what_its_window_could_never_hold() {
    // Three eligible drawn tickets a day: 84 in the window, and 266 are needed.
    let (instance, spec, now) = desk_of(100, 3, |_| false);
    assert_eq!(action_error(&instance, &spec, now), (3 * 97 + 1, GateOutcome::Pass));
    let windowed = Instance { state: RolloutState { closed: None, ..instance.state.clone() }, ..instance };
    let (counted, outcome) = action_error(&windowed, &spec, now);
    assert!(counted < 110 && outcome == GateOutcome::Waiting, "{counted}");
}

#[test]
fn what_was_wrong_long_ago_stays_in_the_count() {
    // Every tenth of the first month is wrong, nothing since: the window alone would have forgotten it.
    let (instance, spec, now) = desk_of(120, 10, |number| number < 300 && number % 10 == 0);
    let basis = instance.state.basis.clone().unwrap();
    let questions = instance.state.candidate_questions(&basis.model, TRIAGE, &spec);
    let evaluation = evaluate(&instance.evidence, &questions, &spec, Cut::start(), now);
    let reading = evaluation.slices[0].next.as_ref().unwrap().gate(Gate::ActionError).cloned().unwrap();
    let counted = reading.counted.unwrap();
    assert_eq!((counted.counted, counted.wrong, reading.outcome), (1_171, 30, GateOutcome::Waiting));
}

#[test]
fn nothing_is_closed_before_it_is_due_and_each_day_once() {
    let spec = spec(28, DEADLINE_MS);
    let mut state = begun(&Cut::start());
    let evidence = Evidence::default();
    let through =
        |state: &RolloutState, now| close(&evidence, state, &spec, &Cut::start(), now).map(|closed| closed.through);
    let first = through(&state, hour(29 * 24)).unwrap();
    assert_eq!(first, hour(0), "within the hour after midnight the day before is not closed yet");
    state.closed = Some(Arc::new(Closed { through: first, ..Closed::default() }));
    assert_eq!(through(&state, hour(29 * 24)), None);
    assert_eq!(through(&state, hour(29 * 24 + 1)), Some(hour(24)));
    assert_eq!(through(&RolloutState::default(), hour(29 * 24)), None, "a rollout that has not begun");
}

#[test]
fn a_log_without_what_is_still_open_has_a_hole_and_what_is_closed_may_be_gone() {
    let (mut instance, spec, now) = desk_of(60, 3, |_| false);
    let first = instance.state.closed.as_ref().unwrap().first.clone();
    let (_, _, needed) = first.partitions().next().unwrap();
    assert!(needed > 60, "{needed}");
    let mut cut = Cut::start();
    cut.set_next(EvidenceTopic::Decisions, 0, 0);
    let slice = instance.state.slices.get_mut("rest").unwrap();
    slice.accounts.iter_mut().for_each(|account| account.after = cut.clone());
    let mut holes = |begins_at| {
        instance.evidence.begin_log(EvidenceTopic::Decisions, 0, begins_at);
        evaluate(&instance.evidence, &instance.state.questions(&spec), &spec, Cut::start(), now).holes.len()
    };
    assert_eq!((holes(needed), holes(needed + 1)), (0, 1));
}
