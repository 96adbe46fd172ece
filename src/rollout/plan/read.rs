//! Everything that a plan reads, and the questions that its parts ask of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::stage::AutoAction;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::rollout::closed::Closed;
use crate::rollout::reading::{Evaluation, Gate, GateOutcome, SliceReport, StepReport, WatchReport};
use crate::rollout::spec::{RolloutSpec, SliceSpec};
use crate::rollout::state::{RolloutState, SliceState};
use crate::rollout::transition::{Cause, SliceChange, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::facts::{EvaluationError, Facts};
use super::words::WhyNot;
use super::{EVIDENCE_BEHIND_MS_MAX, cut_of};

/// Everything that a plan reads.
pub(super) struct Reading<'plan> {
    pub(super) state: &'plan RolloutState,
    pub(super) evaluation: Result<&'plan Evaluation, &'plan EvaluationError>,
    pub(super) facts: &'plan Facts,
    pub(super) spec: &'plan RolloutSpec,
    pub(super) now: UtcMillis,
}

impl<'plan> Reading<'plan> {
    /// Slices that the specification names and the state knows, in the order of the specification.
    pub(super) fn slices(&self) -> impl Iterator<Item = (&'plan SliceSpec, &'plan SliceState)> {
        let state = self.state;
        self.spec.slices.iter().filter_map(move |slice| Some((slice, state.slices.get(&slice.name)?)))
    }

    /// What was read of a slice.
    pub(super) fn report(&self, slice: &str) -> Option<&'plan SliceReport> {
        self.evaluation.ok()?.slices.iter().find(|report| &*report.slice == slice)
    }

    /// The watch over a permission in force, if it answers what the state asks.
    pub(super) fn watch(&self, slice: &str, permission: Permission) -> Option<&'plan WatchReport> {
        let asked = self.state.question(self.spec.slice(slice)?, self.spec).in_force;
        let question = asked.into_iter().find(|question| question.account.permission == permission)?;
        self.report(slice)?.in_force.iter().find(|watch| watch.question == question)
    }

    /// The watches over all permissions in force, weakest first.
    pub(super) fn watches(&self, slice: &str) -> impl Iterator<Item = (Permission, &'plan WatchReport)> {
        Permission::ALL.into_iter().filter_map(move |permission| Some((permission, self.watch(slice, permission)?)))
    }

    /// The report of the next step, if it answers what the state asks.
    pub(super) fn next_report(&self, slice: &str) -> Option<&'plan StepReport> {
        let question = self.state.question(self.spec.slice(slice)?, self.spec).next?;
        self.report(slice)?.next.as_ref().filter(|report| report.question == question)
    }

    /// Whether a gate in force is breached, and takes away what it watches.
    pub(super) fn is_breached(&self, watch: &WatchReport, gate: Gate) -> bool {
        let is_breach = watch.gate(gate).is_some_and(|reading| reading.outcome == GateOutcome::Breach);
        is_breach && !self.spec.observed_only.contains(&gate)
    }

    /// Holes that nobody has acknowledged.
    pub(super) fn holes(&self) -> Vec<String> {
        let holes = self.evaluation.map_or(&[][..], |evaluation| &evaluation.holes);
        holes.iter().filter(|hole| !self.state.acknowledged_holes.contains(*hole)).cloned().collect()
    }

    /// Tickets that people call critical and that no second person was asked about.
    pub(super) fn unheard(&self, slice: &str, state: &SliceState) -> BTreeSet<&'plan TicketId> {
        let watches = AutoAction::ALL.into_iter().filter_map(|action| self.watch(slice, Permission::Auto(action)));
        watches.flat_map(|watch| &watch.critical).filter(|ticket| !state.knows(ticket)).collect()
    }

    /// Whether the evaluation succeeded on evidence that is read to its end: what was not read yet must not look as if it
    /// were not there.
    pub(super) fn is_present(&self) -> bool {
        self.evaluation.is_ok() && self.facts.evidence_behind_ms <= EVIDENCE_BEHIND_MS_MAX
    }

    /// What is closed: only from evidence that is read to its end, and never back.
    pub(super) fn closed(&self) -> Option<Arc<Closed>> {
        let through = self.state.closed.as_ref().map(|closed| closed.through);
        let closed = self.facts.closed.as_ref().filter(|_| self.is_present());
        closed.filter(|closed| through.is_none_or(|through| through < closed.through)).cloned()
    }

    /// Whether the lease is renewed.
    pub(super) fn renewal(&self) -> Result<(), WhyNot> {
        if let Err(error) = self.evaluation {
            return Err(WhyNot::Evaluation(error.clone()));
        }
        if self.facts.evidence_behind_ms > EVIDENCE_BEHIND_MS_MAX {
            return Err(WhyNot::Behind { behind_ms: self.facts.evidence_behind_ms });
        }
        for (slice, _) in self.slices() {
            let asked = self.state.question(slice, self.spec).in_force;
            let is_answered = |permission| self.watch(&slice.name, permission).is_some();
            if !asked.iter().all(|question| is_answered(question.account.permission)) {
                return Err(WhyNot::Unevaluated { slice: Arc::clone(&slice.name) });
            }
        }
        Ok(())
    }

    /// A transition that changes nothing yet.
    pub(super) fn draft(&self, kind: TransitionKind, cause: Cause) -> Transition {
        Transition {
            revision: self.state.revision + 1,
            kind,
            cause,
            signed: None,
            at: self.now,
            cut: cut_of(self),
            control_next: self.state.control_next,
            slices: Vec::new(),
            acting: None,
            acknowledged: BTreeSet::new(),
            reports: Vec::new(),
        }
    }

    /// A slice's change.
    pub(super) fn change(&self, slice: &Arc<str>, to: SliceState) -> SliceChange {
        let from = self.state.slices.get(slice).map(|before| before.standing.position);
        SliceChange { slice: Arc::clone(slice), from, to }
    }
}
