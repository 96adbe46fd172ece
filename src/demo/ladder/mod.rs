//! The ladder in the demo: the real fold, the real gates and the real plan, in the desk time of simulated tickets. What a
//! controller does through Kafka, with a lease and an election, is done here by calling it: the mock broker cannot carry
//! it. Simulated people judge, audit and read again; the shift lead who promotes is simulated, or you.
//!
//! Pure: decisions and desk time in, stage maps and a story out.

mod people;
mod story;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::StageMap;
use crate::rollout::approval;
use crate::rollout::closing::close;
use crate::rollout::control::{Approve, Ask, ControlRecord, ControlRequest, Lock, Promote, Signature};
use crate::rollout::decision::{DecisionEvent, DecisionSeen, ModelKey};
use crate::rollout::evaluate::evaluate;
use crate::rollout::evidence::Evidence;
use crate::rollout::log::{Appended, Cut, EvidenceTopic, Position, Recorded};
use crate::rollout::plan::{Facts, plan};
use crate::rollout::reach::eligible_per_day;
use crate::rollout::reading::{Evaluation, SliceReport, StepReport};
use crate::rollout::second_reading::second_readings;
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::{RolloutState, SliceState};
use crate::wire::decision::DecisionRecord;
use crate::wire::seen::SeenDecision;

pub use people::Known;
use people::People;
pub use story::{Line, Standing};

/// How often the leader looks, in desk time. The real one looks every few seconds of operating time; at the demo's pace a
/// few hours are as short.
const EVERY_MS: i64 = 4 * 3_600_000;
/// Transitions that may follow from one look: each removes its own reason, so that a handful is all there can be.
const TRANSITIONS_MAX: usize = 16;

/// Who promotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShiftLead {
    /// A simulated one, who promotes whatever is earned.
    Simulated,
    /// Whoever sits in front of the terminal.
    You,
}

/// The rollout of the demo.
pub struct Ladder {
    spec: RolloutSpec,
    configured: Arc<ModelKey>,
    eligibility_digest: Digest,
    lead: ShiftLead,
    evidence: Evidence,
    people: People,
    state: RolloutState,
    cut: Cut,
    requests: Vec<ControlRecord>,
    looked_at: Option<UtcMillis>,
    latest: Option<Evaluation>,
    story: Vec<Line>,
    /// Automatic actions on tickets that are high or critical in truth: what the demo alone can know.
    wrong_actions: u64,
    actions: u64,
    rechecks: u64,
}

impl Ladder {
    /// Before the first ticket: nothing is known, and every slice is in shadow.
    pub fn new(spec: RolloutSpec, configured: Arc<ModelKey>, eligibility_digest: Digest, lead: ShiftLead) -> Self {
        Self {
            spec,
            configured,
            eligibility_digest,
            lead,
            evidence: Evidence::default(),
            people: People::default(),
            state: RolloutState::default(),
            cut: Cut::start(),
            requests: Vec::new(),
            looked_at: None,
            latest: None,
            story: Vec::new(),
            wrong_actions: 0,
            actions: 0,
            rechecks: 0,
        }
    }

    /// The committed outcome of a simulated ticket, and what only the simulation knows of it. Broken and hostile records of the
    /// demo are none: nobody judges them, and their desk time is from anywhere.
    pub fn decided(&mut self, record: &DecisionRecord, known: Known) {
        // Read as evidence reads it: as it lies in the log.
        let Ok(written) = serde_json::to_vec(record) else { return };
        let Some(seen) = SeenDecision::from_json(&written).ok().and_then(|record| record.seen().ok()?) else { return };
        let position = Position {
            topic: EvidenceTopic::Decisions,
            partition: record.source.partition,
            offset: record.source.offset,
        };
        // The mock broker stamps no append time; desk time orders as well.
        self.seen(seen, Appended { at: record.volatile.desk_time.0, position }, known);
    }

    /// The same, read.
    fn seen(&mut self, seen: DecisionSeen, appended: Appended, known: Known) {
        self.hand_over(&seen, known);
        self.cut.pass(appended.position);
        self.evidence.add_decision(Recorded { appended, value: seen });
    }

    /// Who looks at the ticket, and when.
    fn hand_over(&mut self, seen: &DecisionSeen, known: Known) {
        let DecisionEvent::Decided(decision) = &seen.event else { return };
        let Some(action) = decision.acted() else {
            self.people.will_judge(&seen.ticket_id, known);
            return;
        };
        self.actions += 1;
        self.wrong_actions += u64::from(people::is_grave(known.truth.severity));
        if decision.is_audit {
            self.people.will_audit(&seen.ticket_id, action, known);
        } else {
            self.people.will_remember(&seen.ticket_id, known);
        }
    }

    /// Desk time has come to `now`: verdicts arrive, and the leader looks if it is time. The stage map, if it has changed.
    pub fn advance(&mut self, now: UtcMillis) -> Option<StageMap> {
        if self.looked_at.is_some_and(|looked_at| now.since_ms(looked_at) < EVERY_MS) {
            return None;
        }
        self.looked_at = Some(now);
        while let Some(verdict) = self.people.next(now) {
            self.cut.pass(verdict.appended.position);
            self.evidence.add_verdict(verdict);
        }
        let before = self.state.revision;
        for _ in 0..TRANSITIONS_MAX {
            if !self.look(now) {
                break;
            }
        }
        (self.state.revision != before).then(|| self.stage_map())
    }

    /// What may be done now.
    pub fn stage_map(&self) -> StageMap {
        self.state.stage_map(&self.spec)
    }

    /// One evaluation and one plan; whether there was a transition.
    fn look(&mut self, now: UtcMillis) -> bool {
        let questions = self.state.questions(&self.spec);
        let evaluation = evaluate(&self.evidence, &questions, &self.spec, self.cut.clone(), now);
        if self.lead == ShiftLead::Simulated {
            self.ask(&evaluation.slices, now);
            self.approve_again(now);
        }
        let basis = self.state.basis.as_ref();
        let facts = Facts {
            configured: Arc::clone(&self.configured),
            candidates: Vec::new(),
            eligibility_digest: self.eligibility_digest,
            second_readings: second_readings(&self.evidence, &self.state),
            eligible_per_day: basis
                .map_or_else(Vec::new, |basis| eligible_per_day(&self.evidence, &self.spec, basis, now)),
            // The demo draws at the rates that it says.
            paces: Vec::new(),
            cut: self.cut.clone(),
            evidence_behind_ms: 0,
            closed: close(&self.evidence, &self.state, &self.spec, &self.cut, now).map(Arc::new),
        };
        let plan = plan(&self.state, Ok(&evaluation), &self.requests, &facts, &self.spec, now);
        let rechecks: u64 = plan.rechecks.iter().map(|recheck| recheck.tickets.len() as u64 + recheck.left_out).sum();
        self.rechecks += rechecks;
        for ticket in &plan.read_again {
            self.people.will_read_again(ticket, now);
        }
        if let Some(transition) = &plan.transition {
            self.story.extend(Line::of(transition, rechecks));
        }
        self.state = plan.after(&self.state);
        self.requests.retain(|record| record.offset >= self.state.control_next);
        self.latest = Some(evaluation);
        plan.transition.is_some()
    }

    /// Slices whose next step is earned and that nobody has asked for.
    pub fn earned(&self) -> Vec<Arc<str>> {
        self.latest.as_ref().map_or_else(Vec::new, |latest| self.earned_in(&latest.slices))
    }

    fn earned_in(&self, reports: &[SliceReport]) -> Vec<Arc<str>> {
        let is_open = |slice: &str| {
            let is_asked = |state: &SliceState| {
                let asked = state.request.as_ref().zip(self.looked_at);
                asked.is_some_and(|(request, now)| approval::stands(request, &self.spec, now))
            };
            self.state.slices.get(slice).is_some_and(|state| !is_asked(state) && state.suspension.is_none())
        };
        let passes = |report: &&SliceReport| report.next.as_ref().is_some_and(StepReport::passes);
        reports
            .iter()
            .filter(passes)
            .filter(|report| is_open(&report.slice))
            .map(|report| Arc::clone(&report.slice))
            .collect()
    }

    /// The person in front of the terminal promotes what is earned; what it was.
    pub fn promote(&mut self, now: UtcMillis) -> Vec<Arc<str>> {
        let earned = self.earned();
        let reports = self.latest.as_ref().map_or_else(Vec::new, |latest| latest.slices.clone());
        self.ask(&reports, now);
        earned
    }

    /// Slices whose approval runs out soon, or that nobody approves any more.
    pub fn ending(&self, now: UtcMillis) -> Vec<Arc<str>> {
        let missing = self.state.slices.iter().filter(|(_, state)| approval::is_missing(state)).map(|(name, _)| name);
        let ending = approval::ending(self.state.slices.iter(), &self.spec, now).map(|(name, _)| name);
        missing.chain(ending).map(Arc::clone).collect()
    }

    /// The person in front of the terminal lets go on what is automatic; where.
    pub fn approve(&mut self, now: UtcMillis) -> Vec<Arc<str>> {
        let ending = self.ending(now);
        self.approve_again(now);
        ending
    }

    /// Approves what runs out soon.
    fn approve_again(&mut self, now: UtcMillis) {
        for slice in self.ending(now) {
            let is_asked =
                |record: &ControlRecord| matches!(&record.request.ask, Ask::Approve(approve) if approve.slice == slice);
            if !self.requests.iter().any(is_asked) {
                let against = self.state.revision;
                self.request("it goes on as it should", Ask::Approve(Approve { slice, against }), now);
            }
        }
    }

    /// Writes a request of the shift lead.
    fn request(&mut self, why: &str, ask: Ask, now: UtcMillis) {
        let next = self.requests.iter().map(|record| record.offset + 1).max().unwrap_or_default();
        let offset = next.max(self.state.control_next);
        let signed = Signature::try_new("shift-lead", why).expect("a name and a reason");
        let request = ControlRequest { signed, at: now, expires: None, ask };
        self.requests.push(ControlRecord { offset, appended_at: now, request });
    }

    /// Asks for every step that is earned; the plan reads promotions after the next midnight.
    fn ask(&mut self, reports: &[SliceReport], now: UtcMillis) {
        for slice in self.earned_in(reports) {
            let is_asked = |record: &ControlRecord| match &record.request.ask {
                Ask::Promote(promote) => promote.slice == slice,
                Ask::Halt(_)
                | Ask::Resume(_)
                | Ask::Approve(_)
                | Ask::StepBack { .. }
                | Ask::SwitchModel(_)
                | Ask::AcknowledgeHoles { .. } => false,
            };
            if self.requests.iter().any(is_asked) {
                continue;
            }
            let state = self.state.slices.get(&slice);
            let lock = if state.is_some_and(|state| state.is_locked) { Lock::Lift } else { Lock::Respect };
            let ask = Ask::Promote(Promote { slice, against: self.state.revision, lock });
            self.request("every gate passes", ask, now);
        }
    }

    /// Everything that has happened, oldest first.
    pub fn story(&self) -> &[Line] {
        &self.story
    }

    /// Where each slice stands, and what keeps it there.
    pub fn standings(&self) -> Vec<Standing> {
        let reports = self.latest.iter().flat_map(|latest| &latest.slices);
        let report = |name: &str| reports.clone().find(|report| &*report.slice == name);
        self.spec
            .slices
            .iter()
            .map(|slice| Standing::of(slice, self.state.slices.get(&slice.name), report(&slice.name)))
            .collect()
    }

    /// Automatic actions, those of them on tickets that are high or critical in truth, and those that went back to people.
    pub const fn actions(&self) -> (u64, u64, u64) {
        (self.actions, self.wrong_actions, self.rechecks)
    }

    /// Whether an action is permitted anywhere.
    pub fn is_automatic(&self) -> bool {
        let map = self.stage_map();
        AutoAction::ALL.iter().any(|action| map.slices.iter().any(|slice| slice.grants[action.index()].is_some()))
    }
}
