//! The stage machine, driven by whatever can happen in whatever order, against a book that is kept beside it.
//!
//! After every plan the book (`book`, which knows nothing of how the plan decides) says whether the transition was allowed,
//! and which automatic actions may be permitted; the real `StageMap::permit` must say the same for every slice, action,
//! model, eligibility, threshold, halt and lease.
//!
//! That the test can fail was tried by hand, one change of the code at a time. It fails when
//! - an evaluation of the day on which a step was asked for promotes (`plan/up`),
//! - a suspended slice keeps its grants (`questions`), or one whose approval has ended,
//! - an approval ends at night, or a step back leaves it (`plan/down`, `state`),
//! - a breach opens no new attempt (`plan/down`).
//!
//! It does **not** fail, and only the examples in `tests/plan` speak of it, when
//! - a report that answers another question is read: late evaluations come here only after the day has been read,
//! - a swap back restores all that the model before had held: switches that are followed by a breach are too rare here.

mod book;
mod event;
mod look;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::rollout::plan::Plan;
use crate::rollout::reading::{Evaluation, GateOutcome};
use crate::rollout::state::RolloutState;
use crate::rollout::transition::{Noted, Transition, TransitionKind};

use super::desk::{Desk, Says};
use book::Book;
use event::{Event, events};

/// Sequences of up to 70 events; about half as many still see every kind of transition.
const CASES: u32 = 256;

/// The same sequences in every run: which kinds of transition they reach must not be a matter of luck.
fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// The machine, the book beside it, and all that was ever written.
struct World {
    desk: Desk,
    book: Book,
    written: Vec<(Option<Transition>, Noted)>,
    /// States that evaluations may still be under way for.
    older: Vec<RolloutState>,
}

impl World {
    fn new() -> Self {
        let mut desk = Desk::new(&["wireless", "rest"]);
        // So short that approvals run out between the steps.
        desk.spec.approval_days = 3;
        let book = Book::new(&desk);
        Self { desk, book, written: Vec::new(), older: Vec::new() }
    }

    /// One plan on an evaluation, checked and applied.
    fn plan_on(&mut self, evaluation: &Evaluation) -> Plan {
        let plan = self.desk.plan_on(evaluation);
        self.book.read(&self.desk, evaluation, &plan);
        let after = plan.after(&self.desk.state);
        self.older.push(std::mem::replace(&mut self.desk.state, after));
        self.written.push((plan.transition.clone(), plan.noted));
        self.book.check_state(&self.desk);
        plan
    }

    /// Plans on fresh evaluations until nothing follows, as the leader does.
    fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 40, "it does not come to rest");
            if self.plan_on(&self.desk.evaluation()).transition.is_none() {
                break;
            }
        }
        self.book.check_rest(&self.desk);
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Restart => {
                let replayed = self.written.iter().fold(RolloutState::default(), |state, (transition, noted)| {
                    let state = transition.as_ref().map_or_else(|| state.clone(), |made| state.apply(made));
                    state.note(*noted)
                });
                assert_eq!(replayed, self.desk.state, "what was written makes the state again");
                self.desk.state = replayed;
            }
            Event::Late { age, hours } => {
                // An evaluation of an older state, and all its gates pass; or one that was made hours ago.
                let place = self.older.len().saturating_sub(1 + usize::from(*age));
                let Some(state) = self.older.get(place) else { return };
                let mut desk = Desk { state: state.clone(), ..self.desk.clone() };
                desk.says.values_mut().for_each(|says| *says = Says::well());
                let mut evaluation = desk.evaluation();
                evaluation.at = evaluation.at.plus_ms(-i64::from(*hours) * super::desk::HOUR_MS);
                self.plan_on(&evaluation);
                return;
            }
            Event::Climb { slice } => {
                for slice in [slice % 2, (slice + 1) % 2].into_iter().take(1 + slice / 2) {
                    event::promote(&mut self.desk, slice);
                }
                self.settle();
                self.desk.pass_hours(24);
            }
            Event::Pass { hours } => self.desk.pass_hours(i64::from(*hours)),
            Event::Say { slice, said } => event::say(&mut self.desk, *slice, *said),
            Event::Evidence(condition) => event::set(&mut self.desk, *condition),
            Event::SecondReading { ticket, confirms } => event::read_again(&mut self.desk, *ticket, *confirms),
            Event::Ask(asked) => event::ask(&mut self.desk, *asked),
            Event::Configure(change) => event::configure(&mut self.desk, *change),
        }
        self.settle();
    }
}

#[test]
fn no_sequence_of_events_acts_without_a_permit_or_promotes_without_a_passing_report() {
    let seen: RefCell<BTreeMap<TransitionKind, u64>> = RefCell::default();
    let permitted: RefCell<u64> = RefCell::default();
    let result = runner(CASES).run(&events(), |events| {
        let mut world = World::new();
        world.settle();
        for event in &events {
            world.happen(event);
        }
        let made = world.written.iter().filter_map(|(transition, _)| transition.as_ref());
        for transition in made {
            *seen.borrow_mut().entry(transition.kind).or_default() += 1;
        }
        *permitted.borrow_mut() += world.book.permitted;
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
    // A machine that never moved would pass all of the above.
    for kind in TransitionKind::ALL {
        assert!(seen.borrow().contains_key(&kind), "{} never happened: {:?}", kind.as_str(), seen.borrow());
    }
    assert!(*permitted.borrow() > 1_000, "hardly anything was ever permitted: {permitted:?}");
}

#[test]
fn evaluations_that_never_say_pass_never_promote() {
    let result = runner(CASES / 4).run(&events(), |events| {
        let mut world = World::new();
        world.settle();
        for event in &events {
            // Only the gates are taken away: people ask, time passes, and everything else happens.
            if !event.lets_a_gate_pass() {
                for says in world.desk.says.values_mut() {
                    says.next = GateOutcome::Waiting;
                }
                world.happen(event);
            }
        }
        let raises =
            |(transition, _): &(Option<Transition>, Noted)| transition.as_ref().is_some_and(|t| t.kind.raises());
        assert!(!world.written.iter().any(raises));
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}
