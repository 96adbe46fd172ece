//! The book beside the machine: what the design says may follow, restated without any of the plan's own code. It reads what
//! went into a plan and the transition that came out, and keeps who may do what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::stage::{Share, Stage};
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::ruling::Policy;
use crate::rollout::control::{Ask, ControlRecord, Lock};
use crate::rollout::decision::ModelKey;
use crate::rollout::log::Cut;
use crate::rollout::plan::{Plan, SecondView};
use crate::rollout::reading::{Evaluation, GateOutcome};
use crate::rollout::state::SliceState;
use crate::rollout::tests::desk::{DAY_MS, Desk, HOUR_MS, model};
use crate::rollout::transition::{Cause, SliceChange, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::event::VERSIONS;

/// What the book knows of one slice.
#[derive(Clone, Debug, Default)]
pub(super) struct Page {
    /// 0 shadow, 1 suggest, 2 auto_triage, 3 auto_resolve: as many permissions are held.
    pub(super) stage: usize,
    pub(super) shares: [f64; 2],
    /// The lowest threshold earned, by permission.
    pub(super) earned: [Option<Probability>; 3],
    since: UtcMillis,
    moved_in: u64,
    calm_from: UtcMillis,
    breaches: Vec<UtcMillis>,
    is_locked: bool,
    /// Tickets of a hard stop and when they were asked about, on whose answers.
    pub(super) open: BTreeMap<TicketId, UtcMillis>,
    open_on: Option<(Arc<ModelKey>, Digest)>,
    pub(super) heard: BTreeSet<TicketId>,
    asked: Option<Asked>,
    /// When somebody last let it act; `None`: nobody does.
    pub(super) approved: Option<UtcMillis>,
    /// Breaches of each account so far, and what had been read at the last one.
    failed: BTreeMap<(Permission, Digest, Digest), (u32, i64)>,
}

#[derive(Clone, Debug)]
struct Asked {
    at: UtcMillis,
    day: i64,
    expires: Option<UtcMillis>,
    lifts: bool,
}

/// What acted before a switch, since when not, and what it had earned.
struct Before {
    model: Arc<ModelKey>,
    until: UtcMillis,
    pages: BTreeMap<Arc<str>, Page>,
}

/// The book.
pub(super) struct Book {
    pub(super) revision: u64,
    pub(super) acting: Option<Arc<ModelKey>>,
    pub(super) eligibility: Digest,
    before: Option<Before>,
    void_before: u64,
    acknowledged: BTreeSet<String>,
    pub(super) pages: BTreeMap<Arc<str>, Page>,
    read_day: Option<i64>,
    pub(super) control_next: i64,
    pub(super) policy: Policy,
    /// How often something was permitted.
    pub(super) permitted: u64,
}

fn day(at: UtcMillis) -> i64 {
    at.0.div_euclid(DAY_MS)
}

fn next_of(cut: &Cut) -> i64 {
    cut.partitions().map(|(_, _, next)| next).max().unwrap_or_default()
}

/// The greatest share that one step may lead to.
fn next_share(share: f64, first: f64) -> f64 {
    if share == 0.0 { first } else { [0.25, 0.8].into_iter().find(|next| share < next - 1e-9).unwrap_or(0.8) }
}

/// Whether the evidence could be read, to its end.
pub(super) fn is_present(desk: &Desk) -> bool {
    !desk.fails && desk.facts.evidence_behind_ms <= 60_000
}

pub(super) fn place(stage: Stage) -> usize {
    Stage::ALL.iter().position(|other| *other == stage).unwrap()
}

impl Book {
    pub(super) fn new(desk: &Desk) -> Self {
        Self {
            revision: 0,
            acting: None,
            eligibility: desk.facts.eligibility_digest,
            before: None,
            void_before: 0,
            acknowledged: BTreeSet::new(),
            pages: BTreeMap::new(),
            read_day: None,
            control_next: 0,
            policy: Policy::default_for_tests(),
            permitted: 0,
        }
    }

    /// Reads what a plan was given and what it made of it.
    pub(super) fn read(&mut self, desk: &Desk, evaluation: &Evaluation, plan: &Plan) {
        let control_next = plan.noted.control_next;
        let last = desk.requests.iter().find(|record| record.offset + 1 == control_next);
        let last = last.filter(|_| control_next > self.control_next);
        assert!(control_next >= self.control_next, "no record is answered twice");
        self.control_next = control_next;
        assert!(is_present(desk) || plan.renewal.is_err(), "nobody acts on evidence that is not of the present");
        let is_reading = is_present(desk) && evaluation.at <= desk.now;
        if let Some(transition) = &plan.transition {
            assert_eq!(transition.revision, self.revision + 1, "the revision rises by one");
            self.revision += 1;
            if transition.kind.raises() {
                assert!(is_reading, "nothing is promoted on an evaluation that failed or is old");
                self.check_rise(desk, evaluation, transition);
            } else {
                self.check_no_rise(desk, transition);
            }
            self.follow(desk, last, transition);
        } else if is_reading && self.acting.is_some() {
            self.read_day = self.read_day.max(Some(day(evaluation.at)));
        }
    }

    pub(super) fn holes(&self, evaluation: &Evaluation) -> bool {
        evaluation.holes.iter().any(|hole| !self.acknowledged.contains(hole))
    }

    /// A step up: asked for on an earlier day, read first thing on this one, and every gate of its own account passes.
    fn check_rise(&self, desk: &Desk, evaluation: &Evaluation, transition: &Transition) {
        let [change] = transition.slices.as_slice() else { panic!("one slice rises at a time") };
        let page = &self.pages[&change.slice];
        let today = day(evaluation.at);
        assert!(self.read_day.is_some_and(|read| read < today), "promotions are read once a day");
        let asked = page.asked.as_ref().expect("somebody has asked for it");
        assert!(asked.day < today && asked.expires.is_none_or(|expires| desk.now < expires));
        assert!(!self.holes(evaluation) && page.open.is_empty());
        assert!(page.stage < 2 || page.approved.is_some(), "what nobody approves climbs no further");
        let acts = change.to.standing.position.is_automatic();
        assert!(!acts || !is_old(asked.at, desk), "a word of last season lets nothing act");
        assert!(page.calm_from <= evaluation.at, "nothing is earned in the cool-down");
        assert!(!page.is_locked || asked.lifts, "the lock is lifted by an override alone");
        let (stage, shares) = (place(change.to.standing.position.stage()), change.to.standing.position.shares());
        let [triage, resolve] = shares.map(Share::get);
        assert!(stage <= page.stage + 1);
        assert!(resolve <= next_share(page.shares[1], 0.1) && triage <= next_share(page.shares[0], 0.05).max(resolve));
        assert!(stage == page.stage || shares.map(|share| share.get() > 0.0) == [stage >= 2, stage >= 3]);

        let report = evaluation.slices.iter().find(|report| report.slice == change.slice).unwrap();
        let step = report.next.as_ref().expect("the step was read");
        assert!(step.gates.iter().all(|gate| gate.outcome == GateOutcome::Pass) && !step.gates.is_empty());
        assert_eq!(transition.reports[0].next.as_ref(), Some(step), "the report stands beside it");
        assert_eq!(step.question.since, page.since);
        let question = &step.question.account;
        let account = &question.account;
        let configured = desk.spec.slice(&change.slice).unwrap().threshold;
        assert_eq!((&account.slice, account.threshold), (&change.slice, configured));
        assert_eq!(Some(&account.model), self.acting.as_ref());
        assert_eq!(account.eligibility_digest, self.eligibility);
        let permission = Permission::ALL[page.earning(transition.kind, configured)];
        assert_eq!(account.permission, permission, "each permission is earned on its own account");
        let (failed, read) =
            page.failed.get(&key(permission, &account.model, self.eligibility)).copied().unwrap_or_default();
        assert_eq!(question.attempt, 1 + failed, "each breach has opened a new attempt");
        assert!(next_of(&question.after) >= read, "what led to the breach counts no more");
    }

    /// Everything else gives no slice more than it had.
    fn check_no_rise(&self, desk: &Desk, transition: &Transition) {
        for change in &transition.slices {
            let position = change.to.standing.position;
            let page = self.pages.get(&change.slice).cloned().unwrap_or_default();
            assert!(place(position.stage()) <= page.stage, "{:?} raises {}", transition.kind, change.slice);
            assert!(position.shares()[0].get() <= page.shares[0] && position.shares()[1].get() <= page.shares[1]);
        }
        let is_asked = transition.signed.is_some();
        let by_person = matches!(
            transition.kind,
            TransitionKind::Requested
                | TransitionKind::Switched
                | TransitionKind::Acknowledged
                | TransitionKind::Approved
        );
        assert!(!by_person || is_asked);
        assert_eq!(transition.at, desk.now);
    }

    /// Writes down what a transition means.
    fn follow(&mut self, desk: &Desk, last: Option<&ControlRecord>, transition: &Transition) {
        let ask = last.map(|record| &record.request.ask);
        match transition.kind {
            TransitionKind::Opened => {
                self.acting.get_or_insert_with(|| model("v1"));
            }
            TransitionKind::Requested => self.requested(desk, last.expect("a record"), transition),
            TransitionKind::Switched => {
                self.switched(desk, ask, transition);
                let said_at = last.map_or(desk.now, |record| record.appended_at.min(desk.now));
                self.pages.values_mut().for_each(|page| page.approved = page.approved.map(|_| said_at));
            }
            TransitionKind::SwappedBack => self.swapped_back(desk, transition),
            TransitionKind::Reconfigured => {
                assert_ne!(self.eligibility, desk.facts.eligibility_digest);
                self.eligibility = desk.facts.eligibility_digest;
                for page in self.before.iter_mut().flat_map(|before| before.pages.values_mut()) {
                    page.lower(1, [0.0; 2]);
                }
            }
            TransitionKind::Acknowledged => {
                let Some(Ask::AcknowledgeHoles { holes }) = ask else { panic!("nobody acknowledged") };
                self.acknowledged.extend(holes.iter().cloned());
            }
            TransitionKind::Suspended => {
                let Cause::Critical { tickets } = &transition.cause else { panic!("a suspension is for tickets") };
                let on = self.acting.clone().map(|acting| (acting, self.eligibility));
                let page = self.pages.get_mut(&transition.slices[0].slice).unwrap();
                page.open.extend(tickets.iter().map(|ticket| (ticket.clone(), desk.now)));
                page.open_on = page.open_on.take().or(on);
            }
            TransitionKind::Returned => {
                let page = self.pages.get_mut(&transition.slices[0].slice).unwrap();
                assert!(page.open.keys().all(|ticket| desk.facts.second_view(ticket) == Some(SecondView::Refuted)));
                page.close();
            }
            TransitionKind::SteppedBack => self.stepped_back(desk, ask, transition),
            TransitionKind::DrawsChanged => self.drawn(desk, transition),
            TransitionKind::Approved => self.approved(desk, last.expect("a record"), transition),
            TransitionKind::ApprovalEnded => self.ended(desk, transition),
            TransitionKind::Promoted | TransitionKind::ShareRaised | TransitionKind::ThresholdLowered => {}
        }
        for change in &transition.slices {
            self.write(desk, transition, change);
        }
        if transition.kind.voids_requests() {
            self.void_before = self.revision;
            self.pages.values_mut().for_each(|page| page.asked = None);
        }
    }

    fn requested(&mut self, desk: &Desk, record: &ControlRecord, transition: &Transition) {
        let Ask::Promote(promote) = &record.request.ask else { panic!("nobody asked for a step") };
        assert_eq!(promote.slice, transition.slices[0].slice);
        let page = self.pages.get_mut(&promote.slice).unwrap();
        assert!(promote.against < self.revision && promote.against >= page.moved_in.max(self.void_before));
        assert!(record.request.expires.is_none_or(|expires| desk.now < expires));
        let lifts = promote.lock == Lock::Lift;
        assert!(lifts || !page.is_locked);
        page.asked = Some(Asked { at: desk.now, day: day(desk.now), expires: record.request.expires, lifts });
    }

    /// A person has looked at where it stands, and lets it act for another while.
    fn approved(&mut self, desk: &Desk, record: &ControlRecord, transition: &Transition) {
        let Ask::Approve(approve) = &record.request.ask else { panic!("nobody approved") };
        let [change] = transition.slices.as_slice() else { panic!("one slice is approved at a time") };
        let page = self.pages.get_mut(&approve.slice).unwrap();
        assert!(approve.slice == change.slice && page.stage >= 2);
        assert!(approve.against < self.revision && approve.against >= page.moved_in.max(self.void_before));
        assert!(!is_old(record.appended_at, desk));
        page.approved = Some(record.appended_at.min(desk.now));
        let before = desk.slice(&change.slice);
        let after = SliceState { approval: before.approval.clone(), ..change.to.clone() };
        assert_eq!(&after, before, "nothing but the approval changes");
    }

    /// Too old, and people are at work.
    fn ended(&mut self, desk: &Desk, transition: &Transition) {
        let [change] = transition.slices.as_slice() else { panic!("one approval ends at a time") };
        let page = self.pages.get_mut(&change.slice).unwrap();
        let given = page.approved.take().expect("somebody had approved it");
        assert!(is_old(given, desk) && are_at_work(desk.now));
    }

    /// Another rate: once a day, within what the stage allows, and nothing else changes.
    fn drawn(&mut self, desk: &Desk, transition: &Transition) {
        let today = day(desk.now);
        assert!(is_present(desk) && self.read_day.is_some_and(|read| read < today), "rates are read once a day");
        self.read_day = Some(today);
        for change in &transition.slices {
            let (before, after) = (desk.slice(&change.slice), &change.to);
            let most = if before.standing.position.stage() == Stage::Shadow { 1.0 } else { 0.5 };
            assert!((0.1..=most).contains(&after.draw.rate.get()) && after.draw.rate != before.draw.rate);
            assert_eq!(&SliceState { draw: before.draw, ..after.clone() }, before, "nothing but the draw changes");
        }
    }

    /// What a candidate has earned was said when the switch was asked for: a passing report per permission.
    fn switched(&mut self, desk: &Desk, ask: Option<&Ask>, transition: &Transition) {
        let Some(Ask::SwitchModel(switch)) = ask else { panic!("nobody asked for a switch") };
        let to = VERSIONS.into_iter().map(model).find(|model| model.digest == switch.model_digest).unwrap();
        let before = self.acting.replace(Arc::clone(&to)).unwrap();
        assert!(before != to && desk.facts.is_loaded(&to));
        for change in &transition.slices {
            let passing = |permission: &Permission| {
                let of_slice = transition.reports.iter().filter(|report| report.slice == change.slice);
                let mut steps = of_slice.filter_map(|report| report.next.as_ref());
                steps.any(|step| {
                    let account = &step.question.account.account;
                    let is_its = account.permission == *permission && account.model == to;
                    is_its && step.gates.iter().all(|gate| gate.outcome == GateOutcome::Pass)
                })
            };
            let passed = Permission::ALL.into_iter().take_while(passing).count();
            assert!(place(change.to.standing.position.stage()) <= passed, "more than the candidate has earned");
            let [triage, resolve] = change.to.standing.position.shares();
            assert!(resolve.get() <= 0.1 && triage.get() <= 0.1, "automatic at first shares alone");
        }
        self.before = Some(Before { model: before, until: desk.now, pages: self.pages.clone() });
        for (name, page) in &mut self.pages {
            page.earned = page.earned.map(|earned| earned.map(|_| desk.spec.slice(name).unwrap().threshold));
        }
    }

    fn swapped_back(&mut self, desk: &Desk, transition: &Transition) {
        let Before { model, until, pages } = self.before.take().expect("there was a model before");
        assert!(desk.now.since_ms(until) < 3 * DAY_MS && desk.facts.is_loaded(&model) && transition.cause.is_breach());
        self.breach(desk, transition);
        for (name, page) in &mut self.pages {
            page.earned = pages.get(name).map(|page| page.earned).unwrap_or_default();
        }
        self.acting = Some(model);
    }

    fn stepped_back(&mut self, desk: &Desk, ask: Option<&Ask>, transition: &Transition) {
        match &transition.cause {
            Cause::Asked => assert!(matches!(ask, Some(Ask::StepBack { .. }))),
            Cause::Hole { .. } => assert!(desk.holes.iter().any(|hole| !self.acknowledged.contains(hole))),
            Cause::Silence { tickets } => assert!(*tickets >= 5),
            Cause::Alarm { .. } | Cause::Confirmed { .. } | Cause::Unanswered { .. } => self.breach(desk, transition),
            Cause::New
            | Cause::Earned
            | Cause::Critical { .. }
            | Cause::Refuted { .. }
            | Cause::EligibilityChanged
            | Cause::ApprovalOld { .. }
            | Cause::Pace { .. } => {
                panic!("{} is no reason to step back", transition.cause)
            }
        }
        for change in &transition.slices {
            self.pages.get_mut(&change.slice).unwrap().calm_from = desk.now.plus_ms(3 * DAY_MS);
        }
    }

    /// A breach: the accounts of what it takes begin anew, at half the level; the second within four weeks locks.
    fn breach(&mut self, desk: &Desk, transition: &Transition) {
        let slice = transition.reports.first().map_or(&transition.slices[0].slice, |report| &report.slice);
        let page = self.pages.get_mut(slice).unwrap();
        let (first, on) = if let Cause::Alarm { permission, .. } = transition.cause {
            (permission, None)
        } else {
            (Permission::ALL[1], page.open_on.clone())
        };
        if let Cause::Confirmed { ticket } | Cause::Unanswered { ticket } = &transition.cause {
            let view = desk.facts.second_view(ticket);
            let is_late = desk.now.since_ms(page.open[ticket]) >= 24 * HOUR_MS;
            assert!(view == Some(SecondView::Confirmed) || (view.is_none() && is_late && is_present(desk)));
            page.close();
        }
        let (model, eligibility) = on.unwrap_or_else(|| (self.acting.clone().unwrap(), self.eligibility));
        for permission in Permission::ALL.into_iter().filter(|permission| *permission >= first) {
            let failed = page.failed.entry(key(permission, &model, eligibility)).or_default();
            *failed = (failed.0 + 1, next_of(&desk.facts.cut));
        }
        page.calm_from = desk.now.plus_ms(3 * DAY_MS);
        page.breaches.retain(|breach| desk.now.since_ms(*breach) < 28 * DAY_MS);
        page.breaches.push(desk.now);
        page.is_locked |= page.breaches.len() >= 2;
    }

    /// Where a slice stands from now on.
    fn write(&mut self, desk: &Desk, transition: &Transition, change: &SliceChange) {
        let configured = desk.spec.slice(&change.slice).unwrap().threshold;
        let is_new = !self.pages.contains_key(&change.slice);
        let page = self.pages.entry(Arc::clone(&change.slice)).or_default();
        let position = change.to.standing.position;
        let stays = [
            TransitionKind::Requested,
            TransitionKind::Suspended,
            TransitionKind::Returned,
            TransitionKind::DrawsChanged,
            TransitionKind::Approved,
            TransitionKind::ApprovalEnded,
        ];
        let moves = is_new || !stays.contains(&transition.kind) && transition.kind != TransitionKind::Opened;
        if moves {
            (page.since, page.moved_in) = (desk.now, self.revision);
        }
        if transition.kind.raises() {
            page.approved = page.approved.max(page.asked.as_ref().map(|asked| asked.at));
            (page.asked, page.is_locked) = (None, false);
            if transition.kind != TransitionKind::ShareRaised {
                page.earned[page.earning(transition.kind, configured)] = Some(configured);
            }
        }
        page.stage = page.stage.max(place(position.stage()));
        page.lower(place(position.stage()), position.shares().map(Share::get));
    }
}

impl Page {
    fn lower(&mut self, stage: usize, shares: [f64; 2]) {
        self.stage = self.stage.min(stage);
        self.shares = shares;
        self.approved = self.approved.filter(|_| self.stage >= 2);
        for permission in self.stage..3 {
            self.earned[permission] = None;
        }
    }

    /// The place of the permission whose account a step up is read on.
    fn earning(&self, kind: TransitionKind, configured: Probability) -> usize {
        if kind == TransitionKind::Promoted {
            self.stage
        } else if kind == TransitionKind::ShareRaised {
            self.stage - 1
        } else {
            let is_lowered = |place: &usize| self.earned[*place].is_some_and(|earned| configured < earned);
            (1..3).find(is_lowered).expect("the threshold was lowered")
        }
    }

    fn close(&mut self) {
        self.heard.extend(std::mem::take(&mut self.open).into_keys());
        self.open_on = None;
    }
}

/// Whether what somebody said at an instant holds no longer.
pub(super) fn is_old(given: UtcMillis, desk: &Desk) -> bool {
    desk.now.since_ms(given) >= i64::from(desk.spec.approval_days) * DAY_MS
}

/// Monday to Friday, 8 to 17 o'clock: 1970-01-01 was a Thursday.
pub(super) fn are_at_work(now: UtcMillis) -> bool {
    let (day, hour) = (day(now), now.0.rem_euclid(DAY_MS) / HOUR_MS);
    (day + 3) % 7 < 5 && (8..17).contains(&hour)
}

fn key(permission: Permission, model: &ModelKey, eligibility: Digest) -> (Permission, Digest, Digest) {
    (permission, model.digest, eligibility)
}
