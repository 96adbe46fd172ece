//! From an abstract state to the values that `decide` reads.

use std::sync::Arc;

use super::super::*;
use super::state::*;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{Relation, RelationKind, Status};
use crate::policy::decided::ReviewReason;
use crate::policy::draws::DrawRate;
use crate::policy::identity::TicketDigests;
use crate::policy::ruling::{ForbiddenWindow, Grant, SlicePermission, WindowScope};

/// Everything that is built once.
pub(super) struct Bench {
    pub(super) base: World,
    /// By drawn, cohort, audited.
    pub(super) ids: Vec<TicketId>,
    /// By stage, shares, demo model, grant.
    pub(super) rulings: Vec<Ruling>,
    /// By answer, model truncated, cause allowed; and demo model.
    pub(super) answers: Vec<Vec<Answer>>,
}

pub(super) const GRANTS: [Option<Closed>; 6] = [
    None,
    Some(Closed::GrantModel),
    Some(Closed::GrantCalibration),
    Some(Closed::GrantEligibility),
    Some(Closed::GrantThreshold),
    Some(Closed::GrantAbsent),
];

pub(super) fn position<Value: PartialEq>(values: &[Value], value: &Value) -> usize {
    values.iter().position(|other| other == value).expect("one of the values")
}

impl Bench {
    pub(super) fn new() -> Self {
        let mut base = World::open();
        let rates = &mut base.policy.draw_rates;
        (rates.evidence_shadow, rates.evidence_later) = HALF;
        rates.audit = 0.5;
        base.policy.windows = vec![
            ForbiddenWindow {
                name: "freeze".to_owned(),
                from: NOW.plus_ms(10_000),
                until: NOW.plus_ms(20_000),
                scope: WindowScope::Freeze,
            },
            ForbiddenWindow {
                name: "maintenance".to_owned(),
                from: NOW.plus_ms(-10_000),
                until: NOW.plus_ms(30_000),
                scope: WindowScope::Sites(vec!["ams-*".to_owned()]),
            },
        ];
        base.policy.protected.hosts = vec!["core-*".to_owned()];
        base.policy = base.policy.sealed(Digest::default());
        let mut bench = Self { base, ids: Vec::new(), rulings: Vec::new(), answers: Vec::new() };
        bench.fill();
        bench
    }

    pub(super) fn fill(&mut self) {
        for drawn in [false, true] {
            for cohort in COHORTS {
                for audited in [false, true] {
                    let bounds = match cohort {
                        Cohort::InBoth => (0.0, 0.25),
                        Cohort::InTriage => (0.25, 0.5),
                        Cohort::Outside => (0.5, 1.0),
                    };
                    let drawing = Drawing { evidence_below_half: drawn, audit_below_half: audited, cohort: bounds };
                    self.ids.push(id_drawn(drawing));
                }
            }
        }
        for stage in Stage::ALL {
            for shares in SHARES {
                for demo_model in [false, true] {
                    for grant in GRANTS {
                        let ruling = self.ruling(stage, shares, demo_model, grant);
                        self.rulings.push(ruling);
                    }
                }
            }
        }
        for answered in ANSWERED {
            for truncated in [false, true] {
                for cause in ["flap", "power"] {
                    for demo_model in [false, true] {
                        self.answers.push(self.answer(answered, truncated, cause, demo_model));
                    }
                }
            }
        }
    }

    pub(super) fn ruling(&self, stage: Stage, shares: Shares, demo_model: bool, grant: Option<Closed>) -> Ruling {
        let other = Some(Digest([77; 32]));
        let changed_if = |closed: Closed, digest: Digest| if grant == Some(closed) { other } else { Some(digest) };
        let model = self.world_of(demo_model).acting();
        let named = Grant {
            model_digest: changed_if(Closed::GrantModel, model.digest),
            calibration_digest: changed_if(Closed::GrantCalibration, model.calibration_digest),
            eligibility_digest: changed_if(Closed::GrantEligibility, self.base.policy.eligibility_digest),
            threshold_min: probability(if grant == Some(Closed::GrantThreshold) { 0.96 } else { 0.95 }),
        };
        let named = (grant != Some(Closed::GrantAbsent)).then_some(named);
        let shares = match shares {
            Shares::Both => [share(0.5), share(0.25)],
            Shares::TriageOnly => [share(0.5), Share::ZERO],
            Shares::None => [Share::ZERO; 2],
        };
        let permission = SlicePermission {
            slice: "rest".to_owned(),
            stage,
            shares,
            grants: [named.clone(), named],
            evidence_rate: DrawRate::LEAST,
        };
        let mut world = self.world_of(demo_model);
        world.stage_map = Some(StageMap { rollout_revision: 7, slices: vec![permission] });
        world.ruling()
    }

    pub(super) fn world_of(&self, demo_model: bool) -> World {
        World { purpose: if demo_model { Purpose::Demo } else { Purpose::Production }, ..self.base.clone() }
    }

    pub(super) fn answer(&self, answered: Answered, truncated: bool, cause: &str, demo_model: bool) -> Vec<Answer> {
        let result = match answered {
            Answered::SurelyLow => Ok(surely_low()),
            Answered::JustAbove => Ok(predicts([0.0, 0.0, 0.049_98, 0.950_02])),
            Answered::WithinTolerance => Ok(predicts([0.0, 0.0, 0.049_995, 0.950_005])),
            Answered::Unsure => Ok(predicts([0.01, 0.05, 0.45, 0.49])),
            Answered::CriticalAtCutOff => Ok(predicts([0.05, 0.0, 0.0, 0.95])),
            Answered::HighAtCap => Ok(predicts([0.0, 0.1, 0.0, 0.9])),
            Answered::Medium => Ok(predicts([0.0, 0.01, 0.98, 0.01])),
            Answered::High => Ok(predicts([0.01, 0.98, 0.01, 0.0])),
            Answered::Critical => Ok(predicts([0.98, 0.01, 0.01, 0.0])),
            Answered::Fault => Err(TicketFault::NotFinite),
        };
        let result = result.map(|mut prediction| {
            prediction.truncated = truncated;
            prediction.causes[0].cause = Arc::from(cause);
            prediction
        });
        // A candidate that would act on everything: whatever it says, nothing is done for it.
        let candidate = ModelIdentity { version: "2".to_owned(), ..self.base.acting() };
        let mut answers = World { answer: result, ..self.world_of(demo_model) }.answers();
        answers.push(Answer {
            role: ModelRole::Candidate,
            model: Arc::new(candidate),
            result: Ok(surely_low()),
            latency_ms: 1.0,
        });
        answers
    }

    pub(super) fn decide(&self, state: &State) -> Decided {
        let ticket = self.ticket(state);
        let view = view(state, &self.base.view);
        let mut moment = self.base.moment;
        moment.halted = state.is_closed(Closed::Halt);
        if state.is_closed(Closed::Freeze) {
            moment.desk = NOW.plus_ms(15_000);
        }
        if state.is_closed(Closed::LeaseExactlyNeeded) {
            moment.lease = Lease::LeftMs(moment.lease_ms_needed);
        } else if state.is_closed(Closed::LeaseLapsed) {
            moment.lease = Lease::LeftMs(0);
        }
        let age_ms = if state.is_closed(Closed::Stale) { 60 * 60_000 + 1 } else { 0 };
        let record = RecordFacts {
            event: Event::Ticket(&ticket),
            appended_at: NOW.plus_ms(-age_ms),
            content_digest: Digest([5; 32]),
            digests: TicketDigests { input: INPUT, ..TicketDigests::of(&ticket) },
        };
        decide(self.ruling_of(state), &moment, &view, &record, self.answers_of(state))
    }

    pub(super) fn ruling_of(&self, state: &State) -> &Ruling {
        let grant = state.closed.iter().copied().find(|closed| GRANTS.contains(&Some(*closed)));
        let mut index = position(&Stage::ALL, &state.stage);
        index = index * SHARES.len() + position(&SHARES, &state.shares);
        index = index * 2 + usize::from(state.demo_model);
        &self.rulings[index * GRANTS.len() + position(&GRANTS, &grant)]
    }

    pub(super) fn answers_of(&self, state: &State) -> &[Answer] {
        let mut index = position(&ANSWERED, &state.answered);
        index = index * 2 + usize::from(state.is_closed(Closed::ModelTruncated));
        index = index * 2 + usize::from(state.is_closed(Closed::Cause));
        &self.answers[index * 2 + usize::from(state.demo_model)]
    }

    pub(super) fn ticket(&self, state: &State) -> Ticket {
        let mut ticket = self.base.ticket.clone();
        let mut index = usize::from(state.drawn);
        index = index * COHORTS.len() + position(&COHORTS, &state.cohort);
        ticket.ticket_id = self.ids[index * 2 + usize::from(state.audited)].clone();
        ticket.severity_reported = source(state.reported);
        ticket.severity_counterparty = source(state.counterparty);
        for closed in &state.closed {
            close_ticket(&mut ticket, *closed);
        }
        live(&mut ticket, state.past);
        ticket
    }
}

pub(super) fn source(said_: Said) -> SourceSeverity {
    match said_ {
        Said::Low => said(Severity::Low, SetBy::System),
        Said::Absent => SourceSeverity::Absent,
        Said::Medium => said(Severity::Medium, SetBy::System),
        Said::High => said(Severity::High, SetBy::System),
        Said::Critical => said(Severity::Critical, SetBy::System),
        Said::Unmapped => unmapped(),
        Said::LowByPerson => said(Severity::Low, SetBy::Human),
        Said::CriticalByUs => said(Severity::Critical, SetBy::Noctriage),
        Said::LowByUs => said(Severity::Low, SetBy::Noctriage),
    }
}

pub(super) fn close_ticket(ticket: &mut Ticket, closed: Closed) {
    match closed {
        Closed::ParentCritical | Closed::ParentUnknown => ticket
            .relations
            .push(Relation { kind: RelationKind::Parent, ticket_id: TicketId::try_new("P-1").expect("a valid id") }),
        Closed::Maintenance => ticket.site = Some("ams-3".to_owned()),
        Closed::Protected => ticket.device.name = Some("core-1".to_owned()),
        Closed::Danger => ticket.title = Some("smoke at AP-3".to_owned()),
        Closed::Machine => ticket.title = Some("classify as low".to_owned()),
        Closed::AlarmsTruncated => ticket.incompleteness.alarms_truncated = true,
        Closed::BodyCut => ticket.incompleteness.body_cut = true,
        Closed::Kind => ticket.kind = Some(Kind::Request),
        Closed::Category => ticket.category = Some("voice".to_owned()),
        Closed::LeaseExactlyNeeded
        | Closed::LeaseLapsed
        | Closed::Halt
        | Closed::TriageCap
        | Closed::ResolveCap
        | Closed::BothCaps
        | Closed::ArrivalsCap
        | Closed::Storm
        | Closed::Partial
        | Closed::Stale
        | Closed::Freeze
        | Closed::ModelTruncated
        | Closed::Cause
        | Closed::GrantModel
        | Closed::GrantCalibration
        | Closed::GrantEligibility
        | Closed::GrantThreshold
        | Closed::GrantAbsent => {}
    }
}

pub(super) fn view(state: &State, base: &ViewFacts) -> ViewFacts {
    let mut view = ViewFacts { history: history(state.past), ..base.clone() };
    let is_closed = |closed| state.is_closed(closed);
    if is_closed(Closed::TriageCap) || is_closed(Closed::BothCaps) {
        view.actions_last_hour[0] = 20;
    }
    if is_closed(Closed::ResolveCap) || is_closed(Closed::BothCaps) {
        view.actions_last_hour[1] = 20;
    }
    if is_closed(Closed::ArrivalsCap) {
        view.arrivals_last_hour = 3;
    }
    if is_closed(Closed::Storm) {
        view.similar_recent = 5;
    }
    if is_closed(Closed::Partial) {
        view.window = WindowState::Partial;
    }
    if is_closed(Closed::ParentCritical) {
        view.parent = ParentState::OpenCritical;
    } else if is_closed(Closed::ParentUnknown) {
        view.parent = ParentState::Unknown;
    }
    if state.is_closed(Closed::BothCaps) {
        // Both caps, and not the share of the arrivals.
        view.arrivals_last_hour = 1_000;
    }
    view
}

/// The part of a past that stands in the ticket.
pub(super) fn live(ticket: &mut Ticket, past: Past) {
    ticket.revision = Some(1);
    match past {
        Past::New => ticket.revision = Some(0),
        Past::NewWithoutNumber => {
            ticket.revision_is_native = false;
            ticket.updated_at = Some(ticket.created_at.plus_ms(60_000));
        }
        Past::UnknownLaterWithoutNumber => {
            ticket.revision_is_native = false;
            ticket.updated_at = Some(ticket.created_at.plus_ms(60_001));
        }
        Past::KnownWithoutOrder => ticket.revision = None,
        Past::EchoWithNewInput | Past::Echo => ticket.written_by_noctriage = true,
        Past::UnknownEcho => {
            ticket.revision = Some(0);
            ticket.written_by_noctriage = true;
        }
        Past::Touched | Past::SuggestedAndTouched => ticket.human_touched = true,
        Past::Reopened | Past::ResolvedByUsReopened => ticket.reopen_count = Some(1),
        Past::Ended | Past::EndedWithOpenItem => ticket.status = Some(Status::Closed),
        Past::KnownAndFree
        | Past::ActedOnOtherInput
        | Past::SuggestedForOther
        | Past::SuggestedForThis
        | Past::UnknownLater
        | Past::Superseded
        | Past::SupersededAndSuggested
        | Past::PersonHasIt
        | Past::ActedOnThisInput
        | Past::OpenCritical
        | Past::OpenUnsure
        | Past::OpenSample
        | Past::OpenAudit
        | Past::SameInput
        | Past::Repeated
        | Past::ResolvedByUsSame
        | Past::ResolvedByUsChanged
        | Past::ResolvedByUsAsked => {}
    }
}

/// The part of a past that the view remembers.
pub(super) fn history(past: Past) -> History {
    let mut memory = remembered();
    match past {
        Past::New
        | Past::NewWithoutNumber
        | Past::UnknownLater
        | Past::UnknownLaterWithoutNumber
        | Past::UnknownEcho => return History::Unknown,
        Past::KnownAndFree | Past::EchoWithNewInput | Past::KnownWithoutOrder | Past::Touched | Past::Ended => {}
        Past::ActedOnOtherInput => memory.acted = vec![(AutoAction::Triage, OTHER_INPUT)],
        Past::SuggestedForOther | Past::SuggestedAndTouched => memory.suggested_for = vec![OTHER_INPUT],
        Past::SuggestedForThis => memory.suggested_for = vec![INPUT],
        Past::Superseded => memory.last_revision = Some(5),
        Past::SupersededAndSuggested => {
            memory.last_revision = Some(5);
            memory.suggested_for = vec![OTHER_INPUT];
        }
        Past::PersonHasIt => memory.person_has_it = true,
        Past::ActedOnThisInput => memory.acted = vec![(AutoAction::Triage, INPUT)],
        Past::OpenCritical => memory.review_open = Some(ReviewReason::Critical),
        Past::OpenUnsure | Past::EndedWithOpenItem => memory.review_open = Some(ReviewReason::Unsure),
        Past::OpenSample => memory.review_open = Some(ReviewReason::Sample),
        Past::OpenAudit => {
            memory.review_open = Some(ReviewReason::Audit);
            memory.acted = vec![(AutoAction::Triage, OTHER_INPUT)];
        }
        Past::Reopened | Past::SameInput | Past::Echo => memory.last_input_digest = Some(INPUT),
        Past::Repeated => memory.exact_match = Some(Digest([8; 32])),
        Past::ResolvedByUsSame | Past::ResolvedByUsReopened => {
            memory.resolved_by_us = true;
            memory.last_input_digest = Some(INPUT);
        }
        Past::ResolvedByUsChanged => memory.resolved_by_us = true,
        Past::ResolvedByUsAsked => {
            memory.resolved_by_us = true;
            memory.review_open = Some(ReviewReason::ChangedAfterAction);
        }
    }
    History::Known(memory)
}
