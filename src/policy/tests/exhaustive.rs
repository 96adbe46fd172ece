//! Every state of a finite abstraction of what `decide` reads, through the real `decide`.
//!
//! Three sweeps, because the whole product (some 10^14 states) is out of reach:
//!
//! 1. *Ticket*: stage, shares, draws, model purpose × everything that severities can say × every kind of past, in full,
//!    with nothing else in the way.
//! 2. *Moment*: all conditions that hold only now or lie with lists, text and grants, in full, on a ticket that would
//!    otherwise be resolved (which tries triage as well).
//! 3. *Pairs*: every choice of at most two closed conditions of the second sweep × all stages and draws × a choice of
//!    severities and pasts of the first.
//!
//! What is left out has three or more closed conditions of the moment **and** a ticket that is itself not eligible. A
//! wrong action there would have to ignore all of them at once while respecting each two of them on the same ticket (third
//! sweep) and all of them on a good one (second): refusals are a conjunction, so that no condition opens another.
//!
//! What must be true is restated here from the words of the design, from the abstract state alone and without calling
//! anything that `decide` calls.

use std::sync::Arc;

use super::*;
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{Relation, RelationKind, Status};
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState, Rule};
use crate::policy::ruling::{ForbiddenWindow, Grant, SlicePermission, WindowScope};

// The abstraction. Each factor is a list; the first value of each is the one that stands in nobody's way.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shares {
    Both,
    TriageOnly,
    None,
}
const SHARES: [Shares; 3] = [Shares::Both, Shares::TriageOnly, Shares::None];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cohort {
    InBoth,
    InTriage,
    Outside,
}
const COHORTS: [Cohort; 3] = [Cohort::InBoth, Cohort::InTriage, Cohort::Outside];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answered {
    SurelyLow,
    JustAbove,
    WithinTolerance,
    Unsure,
    CriticalAtCutOff,
    HighAtCap,
    Medium,
    High,
    Critical,
    Fault,
}
const ANSWERED: [Answered; 10] = [
    Answered::SurelyLow,
    Answered::JustAbove,
    Answered::WithinTolerance,
    Answered::Unsure,
    Answered::CriticalAtCutOff,
    Answered::HighAtCap,
    Answered::Medium,
    Answered::High,
    Answered::Critical,
    Answered::Fault,
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Low,
    Absent,
    Medium,
    High,
    Critical,
    Unmapped,
    LowByPerson,
    CriticalByUs,
}
const REPORTED: [Said; 8] = [
    Said::Low,
    Said::Absent,
    Said::Medium,
    Said::High,
    Said::Critical,
    Said::Unmapped,
    Said::LowByPerson,
    Said::CriticalByUs,
];
const COUNTERPARTY: [Said; 5] = [Said::Absent, Said::Low, Said::High, Said::Critical, Said::Unmapped];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Past {
    New,
    NewWithoutNumber,
    KnownAndFree,
    ActedOnOtherInput,
    SuggestedForOther,
    SuggestedForThis,
    EchoWithNewInput,
    UnknownLater,
    UnknownLaterWithoutNumber,
    UnknownEcho,
    KnownWithoutOrder,
    Superseded,
    SupersededAndSuggested,
    PersonHasIt,
    Touched,
    ActedOnThisInput,
    OpenCritical,
    OpenUnsure,
    OpenSample,
    OpenAudit,
    Reopened,
    SameInput,
    Echo,
    Repeated,
    ResolvedByUsSame,
    ResolvedByUsChanged,
    ResolvedByUsAsked,
    ResolvedByUsReopened,
    Ended,
    EndedWithOpenItem,
}
const PASTS: [Past; 30] = [
    Past::New,
    Past::NewWithoutNumber,
    Past::KnownAndFree,
    Past::ActedOnOtherInput,
    Past::SuggestedForOther,
    Past::SuggestedForThis,
    Past::EchoWithNewInput,
    Past::UnknownLater,
    Past::UnknownLaterWithoutNumber,
    Past::UnknownEcho,
    Past::KnownWithoutOrder,
    Past::Superseded,
    Past::SupersededAndSuggested,
    Past::PersonHasIt,
    Past::Touched,
    Past::ActedOnThisInput,
    Past::OpenCritical,
    Past::OpenUnsure,
    Past::OpenSample,
    Past::OpenAudit,
    Past::Reopened,
    Past::SameInput,
    Past::Echo,
    Past::Repeated,
    Past::ResolvedByUsSame,
    Past::ResolvedByUsChanged,
    Past::ResolvedByUsAsked,
    Past::ResolvedByUsReopened,
    Past::Ended,
    Past::EndedWithOpenItem,
];

/// One closed condition of the moment, the lists, the text or the grant; each belongs to one factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Closed {
    LeaseExactlyNeeded,
    LeaseLapsed,
    Halt,
    TriageCap,
    ResolveCap,
    BothCaps,
    ArrivalsCap,
    Storm,
    Partial,
    Stale,
    ParentCritical,
    ParentUnknown,
    Freeze,
    Maintenance,
    Protected,
    Danger,
    Machine,
    AlarmsTruncated,
    BodyCut,
    ModelTruncated,
    Kind,
    Category,
    Cause,
    GrantModel,
    GrantCalibration,
    GrantEligibility,
    GrantThreshold,
    GrantAbsent,
}

/// The factors: at most one value of each is closed at a time.
const FACTORS: [&[Closed]; 15] = [
    &[Closed::LeaseExactlyNeeded, Closed::LeaseLapsed],
    &[Closed::Halt],
    &[Closed::TriageCap, Closed::ResolveCap, Closed::BothCaps, Closed::ArrivalsCap],
    &[Closed::Storm],
    &[Closed::Partial],
    &[Closed::Stale],
    &[Closed::ParentCritical, Closed::ParentUnknown],
    &[Closed::Freeze],
    &[Closed::Maintenance],
    &[Closed::Protected],
    &[Closed::Danger, Closed::Machine],
    &[Closed::AlarmsTruncated, Closed::BodyCut, Closed::ModelTruncated],
    &[Closed::Kind],
    &[Closed::Category, Closed::Cause],
    &[
        Closed::GrantModel,
        Closed::GrantCalibration,
        Closed::GrantEligibility,
        Closed::GrantThreshold,
        Closed::GrantAbsent,
    ],
];

#[derive(Clone, Debug)]
struct State {
    stage: Stage,
    shares: Shares,
    drawn: bool,
    cohort: Cohort,
    audited: bool,
    demo_model: bool,
    answered: Answered,
    reported: Said,
    counterparty: Said,
    past: Past,
    closed: Vec<Closed>,
}

impl State {
    fn open(stage: Stage) -> Self {
        Self {
            stage,
            shares: Shares::Both,
            drawn: false,
            cohort: Cohort::InBoth,
            audited: false,
            demo_model: false,
            answered: Answered::SurelyLow,
            reported: Said::Low,
            counterparty: Said::Absent,
            past: Past::New,
            closed: Vec::new(),
        }
    }

    fn is_closed(&self, closed: Closed) -> bool {
        self.closed.contains(&closed)
    }
}

// What must be true, restated.

impl State {
    fn is_shadow(&self) -> bool {
        self.stage == Stage::Shadow || self.demo_model
    }

    fn is_critical_by_anything(&self) -> bool {
        self.reported == Said::Critical
            || self.counterparty == Said::Critical
            || matches!(self.answered, Answered::Critical | Answered::CriticalAtCutOff)
            || self.is_closed(Closed::Danger)
    }

    fn expected_outcome(&self) -> Outcome {
        match self.past {
            Past::Ended | Past::EndedWithOpenItem => Outcome::Terminal,
            Past::ResolvedByUsChanged | Past::ResolvedByUsAsked | Past::ResolvedByUsReopened => Outcome::Terminal,
            Past::Repeated => Outcome::Duplicate,
            Past::SameInput | Past::Echo | Past::ResolvedByUsSame => Outcome::Unchanged,
            _ if self.is_shadow() && !self.drawn => Outcome::NotDrawn,
            _ => Outcome::Decided,
        }
    }

    fn past_allows_action(&self) -> bool {
        matches!(
            self.past,
            Past::New
                | Past::NewWithoutNumber
                | Past::KnownAndFree
                | Past::ActedOnOtherInput
                | Past::SuggestedForOther
                | Past::SuggestedForThis
                | Past::EchoWithNewInput
        )
    }

    /// Every condition of the design for one action, from the abstract state alone.
    fn may(&self, action: AutoAction) -> bool {
        let is_resolve = action == AutoAction::Resolve;
        let is_stage_high_enough = if is_resolve {
            self.stage == Stage::AutoResolve
        } else {
            matches!(self.stage, Stage::AutoTriage | Stage::AutoResolve)
        };
        let is_in_share = match (self.shares, self.cohort) {
            (Shares::None, _) | (_, Cohort::Outside) => false,
            (Shares::TriageOnly, _) | (Shares::Both, Cohort::InTriage) => !is_resolve,
            (Shares::Both, Cohort::InBoth) => true,
        };
        let is_model_sure = matches!(self.answered, Answered::SurelyLow | Answered::JustAbove);
        let is_source_quiet = matches!(self.reported, Said::Low | Said::Absent | Said::Medium | Said::CriticalByUs)
            && matches!(self.counterparty, Said::Absent | Said::Low);
        let is_in_the_way = |closed: &Closed| match closed {
            Closed::ResolveCap | Closed::Category | Closed::Cause => is_resolve,
            Closed::TriageCap => !is_resolve,
            _ => true,
        };
        is_stage_high_enough
            && !self.is_shadow()
            && !self.drawn
            && is_in_share
            && is_model_sure
            && is_source_quiet
            && self.past_allows_action()
            && !self.closed.iter().any(is_in_the_way)
    }

    fn expected_action(&self) -> Option<AutoAction> {
        [AutoAction::Resolve, AutoAction::Triage].into_iter().find(|&action| self.may(action))
    }

    fn expects_suggestion(&self) -> bool {
        self.expected_outcome() == Outcome::Decided
            && !self.is_shadow()
            && !self.drawn
            && self.answered != Answered::Fault
            && self.expected_action().is_none()
            && !matches!(self.past, Past::SuggestedForThis | Past::SupersededAndSuggested)
    }
}

// The check of one state.

#[derive(Default, Debug)]
struct Tally {
    states: u64,
    triaged: u64,
    resolved: u64,
    suggested: u64,
    samples: u64,
    criticals: u64,
    outcomes: [u64; 6],
}

fn check(state: &State, decided: &Decided, tally: &mut Tally) {
    let expected_outcome = state.expected_outcome();
    assert_eq!(decided.outcome, expected_outcome, "{state:?}");
    let acted = decided.command.as_ref().map(|command| command.permit().action());

    // Exactly one outcome, at most one thing shown or done, and the action word says which.
    let expected_kind = match (acted, &decided.suggestion) {
        (Some(action), None) => ActionKind::Auto(action),
        (None, Some(_)) => ActionKind::Suggest,
        (None, None) => ActionKind::People,
        (Some(_), Some(_)) => panic!("a command and a suggestion: {state:?}"),
    };
    assert_eq!(decided.action, expected_kind, "{state:?}");
    if decided.outcome != Outcome::Decided {
        assert!(acted.is_none() && decided.suggestion.is_none() && decided.eligibility.is_none(), "{state:?}");
    }
    assert_eq!(decided.duplicate_of.is_some(), decided.outcome == Outcome::Duplicate, "{state:?}");

    // An action exactly when every condition holds, with a permit for this slice and action.
    assert_eq!(acted, state.expected_action().filter(|_| expected_outcome == Outcome::Decided), "{state:?}");
    if let Some(command) = &decided.command {
        assert_eq!(command.severity, Severity::Low);
        assert_eq!((command.permit().slice(), command.permit().rollout_revision()), ("rest", 7));
        assert!(!state.is_critical_by_anything(), "{state:?}");
    }
    assert_eq!(decided.suggestion.is_some(), state.expects_suggestion(), "{state:?}");
    if state.is_shadow() || state.drawn {
        assert!(acted.is_none() && decided.suggestion.is_none(), "{state:?}");
    }
    check_review(state, decided);

    tally.states += 1;
    tally.triaged += u64::from(acted == Some(AutoAction::Triage));
    tally.resolved += u64::from(acted == Some(AutoAction::Resolve));
    tally.suggested += u64::from(decided.suggestion.is_some());
    let reason = decided.review.as_ref().map(|review| review.reason);
    tally.samples += u64::from(reason == Some(ReviewReason::Sample));
    tally.criticals += u64::from(reason == Some(ReviewReason::Critical));
    let outcome = Outcome::ALL.iter().position(|&outcome| outcome == decided.outcome).expect("one of all outcomes");
    tally.outcomes[outcome] += 1;
}

fn check_review(state: &State, decided: &Decided) {
    let opened = decided.review.as_ref().filter(|review| review.state == ReviewState::Open);
    if decided.outcome != Outcome::Decided {
        let asks = matches!(state.past, Past::ResolvedByUsChanged | Past::ResolvedByUsReopened);
        let expected = asks.then_some(ReviewReason::ChangedAfterAction);
        assert_eq!(opened.map(|review| review.reason), expected, "{state:?}");
        return;
    }
    let is_other_item_open = matches!(state.past, Past::OpenCritical | Past::OpenUnsure | Past::OpenAudit);
    if state.drawn {
        // Blind: the one reason, the one priority, nothing beside it, whatever else holds.
        assert_eq!(decided.review.is_none(), is_other_item_open, "{state:?}");
        if let Some(review) = opened {
            assert_eq!((review.reason, review.priority, &review.related), (ReviewReason::Sample, 3, &None));
        }
        return;
    }
    assert!(opened.is_none_or(|review| review.reason != ReviewReason::Sample), "{state:?}");
    if decided.command.is_some() {
        assert_eq!(opened.map(|review| review.reason), state.audited.then_some(ReviewReason::Audit), "{state:?}");
        return;
    }
    if state.is_critical_by_anything() {
        // Critical by anything goes to a person first, or an item of the same urgency is open already.
        assert!(opened.is_some_and(|review| review.priority == 1) || state.past == Past::OpenCritical, "{state:?}");
    } else if state.is_closed(Closed::Machine) || state.answered == Answered::Fault {
        assert!(opened.is_some_and(|review| review.priority == 2) || state.past == Past::OpenCritical, "{state:?}");
    }
    if state.past == Past::OpenCritical {
        let is_lowered = decided.review.as_ref().is_some_and(|review| review.priority > 1);
        assert!(!is_lowered && decided.review.as_ref().is_none_or(|review| review.state == ReviewState::Open));
    }
}

/// A guard may forbid and may raise; beside the same state without it, nothing falls.
fn check_guard_never_lowers(without: &Decided, with: &Decided, state: &State) {
    assert_eq!(without.outcome, with.outcome, "{state:?}");
    assert!(with.command.is_none() || without.command.is_some(), "{state:?}");
    let urgency = |decided: &Decided| match &decided.review {
        Some(review) if review.state == ReviewState::Open => review.priority,
        Some(_) => 6,
        None => 5,
    };
    if without.command.is_none() {
        assert!(urgency(with) <= urgency(without), "{state:?}");
    } else if !state.drawn {
        assert!(urgency(with) <= 2, "{state:?}");
    }
    assert!(without.rules.iter().all(|rule| with.rules.contains(rule) || *rule == Rule::StageTooLow), "{state:?}");
}

// From an abstract state to what `decide` reads.

/// Everything that is built once.
struct Bench {
    base: World,
    /// By drawn, cohort, audited.
    ids: Vec<TicketId>,
    /// By stage, shares, demo model, grant.
    rulings: Vec<Ruling>,
    /// By answer, model truncated, cause allowed; and demo model.
    answers: Vec<Vec<Answer>>,
}

const GRANTS: [Option<Closed>; 6] = [
    None,
    Some(Closed::GrantModel),
    Some(Closed::GrantCalibration),
    Some(Closed::GrantEligibility),
    Some(Closed::GrantThreshold),
    Some(Closed::GrantAbsent),
];

fn position<Value: PartialEq>(values: &[Value], value: &Value) -> usize {
    values.iter().position(|other| other == value).expect("one of the values")
}

impl Bench {
    fn new() -> Self {
        let mut base = World::open();
        let rates = &mut base.policy.draw_rates;
        (rates.evidence_shadow, rates.evidence_later, rates.audit) = (0.5, 0.5, 0.5);
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

    fn fill(&mut self) {
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

    fn ruling(&self, stage: Stage, shares: Shares, demo_model: bool, grant: Option<Closed>) -> Ruling {
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
        let permission = SlicePermission { slice: "rest".to_owned(), stage, shares, grants: [named.clone(), named] };
        let mut world = self.world_of(demo_model);
        world.stage_map = Some(StageMap { rollout_revision: 7, slices: vec![permission] });
        world.ruling()
    }

    fn world_of(&self, demo_model: bool) -> World {
        World { purpose: if demo_model { Purpose::Demo } else { Purpose::Production }, ..self.base.clone() }
    }

    fn answer(&self, answered: Answered, truncated: bool, cause: &str, demo_model: bool) -> Vec<Answer> {
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
        World { answer: result, ..self.world_of(demo_model) }.answers()
    }

    fn decide(&self, state: &State) -> Decided {
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
            input_digest: INPUT,
        };
        decide(self.ruling_of(state), &moment, &view, &record, self.answers_of(state))
    }

    fn ruling_of(&self, state: &State) -> &Ruling {
        let grant = state.closed.iter().copied().find(|closed| GRANTS.contains(&Some(*closed)));
        let mut index = position(&Stage::ALL, &state.stage);
        index = index * SHARES.len() + position(&SHARES, &state.shares);
        index = index * 2 + usize::from(state.demo_model);
        &self.rulings[index * GRANTS.len() + position(&GRANTS, &grant)]
    }

    fn answers_of(&self, state: &State) -> &[Answer] {
        let mut index = position(&ANSWERED, &state.answered);
        index = index * 2 + usize::from(state.is_closed(Closed::ModelTruncated));
        index = index * 2 + usize::from(state.is_closed(Closed::Cause));
        &self.answers[index * 2 + usize::from(state.demo_model)]
    }

    fn ticket(&self, state: &State) -> Ticket {
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

fn source(said_: Said) -> SourceSeverity {
    match said_ {
        Said::Low => said(Severity::Low, SetBy::System),
        Said::Absent => SourceSeverity::Absent,
        Said::Medium => said(Severity::Medium, SetBy::System),
        Said::High => said(Severity::High, SetBy::System),
        Said::Critical => said(Severity::Critical, SetBy::System),
        Said::Unmapped => unmapped(),
        Said::LowByPerson => said(Severity::Low, SetBy::Human),
        Said::CriticalByUs => said(Severity::Critical, SetBy::Noctriage),
    }
}

fn close_ticket(ticket: &mut Ticket, closed: Closed) {
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

fn view(state: &State, base: &ViewFacts) -> ViewFacts {
    let mut view = ViewFacts { history: history(state.past), ..base.clone() };
    for closed in &state.closed {
        match closed {
            Closed::TriageCap => view.actions_last_hour = [20, 0],
            Closed::ResolveCap => view.actions_last_hour = [0, 20],
            Closed::BothCaps => view.actions_last_hour = [20, 20],
            Closed::ArrivalsCap => view.arrivals_last_hour = 3,
            Closed::Storm => view.similar_recent = 5,
            Closed::Partial => view.window = WindowState::Partial,
            Closed::ParentCritical => view.parent = ParentState::OpenCritical,
            Closed::ParentUnknown => view.parent = ParentState::Unknown,
            _ => {}
        }
    }
    if state.is_closed(Closed::BothCaps) {
        // Both caps, and not the share of the arrivals.
        view.arrivals_last_hour = 1_000;
    }
    view
}

/// The part of a past that stands in the ticket.
fn live(ticket: &mut Ticket, past: Past) {
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
        Past::Touched => ticket.human_touched = true,
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
fn history(past: Past) -> History {
    let mut memory = remembered();
    match past {
        Past::New | Past::NewWithoutNumber => return History::Unknown,
        Past::UnknownLater | Past::UnknownLaterWithoutNumber | Past::UnknownEcho => return History::Unknown,
        Past::KnownAndFree | Past::EchoWithNewInput | Past::KnownWithoutOrder | Past::Touched | Past::Ended => {}
        Past::ActedOnOtherInput => memory.acted = Some((AutoAction::Triage, OTHER_INPUT)),
        Past::SuggestedForOther => memory.suggested_for = Some(OTHER_INPUT),
        Past::SuggestedForThis => memory.suggested_for = Some(INPUT),
        Past::Superseded => memory.last_revision = Some(5),
        Past::SupersededAndSuggested => {
            memory.last_revision = Some(5);
            memory.suggested_for = Some(OTHER_INPUT);
        }
        Past::PersonHasIt => memory.person_has_it = true,
        Past::ActedOnThisInput => memory.acted = Some((AutoAction::Triage, INPUT)),
        Past::OpenCritical => memory.review_open = Some(ReviewReason::Critical),
        Past::OpenUnsure | Past::EndedWithOpenItem => memory.review_open = Some(ReviewReason::Unsure),
        Past::OpenSample => memory.review_open = Some(ReviewReason::Sample),
        Past::OpenAudit => {
            memory.review_open = Some(ReviewReason::Audit);
            memory.acted = Some((AutoAction::Triage, OTHER_INPUT));
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
            memory.changed_review_for = Some(INPUT);
        }
    }
    History::Known(memory)
}

// The sweeps.

/// Every way to close conditions: for each factor nothing or one value, at most `closed_max` in all.
fn closings(closed_max: usize) -> Vec<Vec<Closed>> {
    let mut all = vec![Vec::new()];
    for factor in FACTORS {
        let longer: Vec<Vec<Closed>> = all
            .iter()
            .filter(|chosen| chosen.len() < closed_max)
            .flat_map(|chosen| factor.iter().map(move |&closed| [chosen.as_slice(), &[closed]].concat()))
            .collect();
        all.extend(longer);
    }
    all
}

/// Stages, shares, draws and model purpose, in full.
fn placings() -> Vec<State> {
    let mut placings = Vec::new();
    for stage in Stage::ALL {
        for shares in SHARES {
            for cohort in COHORTS {
                for bits in 0..8 {
                    placings.push(State {
                        shares,
                        cohort,
                        drawn: bits & 1 != 0,
                        audited: bits & 2 != 0,
                        demo_model: bits & 4 != 0,
                        ..State::open(stage)
                    });
                }
            }
        }
    }
    placings
}

#[test]
fn no_state_acts_shows_or_asks_otherwise_than_the_design_says() {
    let bench = Bench::new();
    let mut tally = Tally::default();

    for mut state in placings() {
        for answered in ANSWERED {
            for reported in REPORTED {
                for counterparty in COUNTERPARTY {
                    for past in PASTS {
                        (state.answered, state.reported) = (answered, reported);
                        (state.counterparty, state.past) = (counterparty, past);
                        check(&state, &bench.decide(&state), &mut tally);
                    }
                }
            }
        }
    }
    let of_tickets = tally.states;

    for closed in closings(FACTORS.len()) {
        let state = State { closed, ..State::open(Stage::AutoResolve) };
        check(&state, &bench.decide(&state), &mut tally);
    }
    let of_moments = tally.states - of_tickets;

    let pairs = closings(2);
    for placing in placings().into_iter().filter(|placing| placing.shares != Shares::None) {
        for (answered, reported, past) in [
            (Answered::SurelyLow, Said::Low, Past::New),
            (Answered::SurelyLow, Said::Critical, Past::KnownAndFree),
            (Answered::Critical, Said::Low, Past::New),
            (Answered::Fault, Said::Low, Past::New),
            (Answered::Unsure, Said::Absent, Past::OpenUnsure),
            (Answered::SurelyLow, Said::Low, Past::OpenCritical),
            (Answered::SurelyLow, Said::Low, Past::PersonHasIt),
            (Answered::SurelyLow, Said::Low, Past::Superseded),
            (Answered::SurelyLow, Said::Low, Past::SameInput),
            (Answered::SurelyLow, Said::Low, Past::ResolvedByUsChanged),
        ] {
            for closed in &pairs {
                let state = State { answered, reported, past, closed: closed.clone(), ..placing.clone() };
                let with = bench.decide(&state);
                check(&state, &with, &mut tally);
                if state.is_closed(Closed::Danger) || state.is_closed(Closed::Machine) {
                    let mut unguarded = state.clone();
                    unguarded.closed.retain(|closed| !matches!(closed, Closed::Danger | Closed::Machine));
                    check_guard_never_lowers(&bench.decide(&unguarded), &with, &state);
                }
            }
        }
    }
    let of_pairs = tally.states - of_tickets - of_moments;

    println!(
        "decide: {} states ({of_tickets} of tickets, {of_moments} of moments, {of_pairs} of pairs); {} triaged, \
         {} resolved, {} suggested, {} samples, {} critical items; outcomes {:?} in the order of Outcome::ALL",
        tally.states, tally.triaged, tally.resolved, tally.suggested, tally.samples, tally.criticals, tally.outcomes
    );
    // Without these the assertions above could hold because nothing ever happens.
    assert!(tally.triaged > 100 && tally.resolved > 100, "{tally:?}");
    assert!(tally.suggested > 100_000 && tally.samples > 100_000 && tally.criticals > 100_000, "{tally:?}");
    let reached = tally.outcomes.iter().filter(|&&count| count > 0).count();
    assert_eq!(reached, Outcome::ALL.len() - 1, "every outcome of a ticket is reached: {tally:?}");
}

#[test]
fn records_without_a_ticket_do_nothing_in_any_stage_and_past() {
    let bench = Bench::new();
    for placing in placings() {
        for past in PASTS {
            let state = State { past, ..placing.clone() };
            let ticket = bench.ticket(&state);
            for (event, outcome) in
                [(Event::NotATicket, Outcome::DeadLetter), (Event::Gone(&ticket.ticket_id), Outcome::Terminal)]
            {
                let record = bench.base.record(event);
                let view = view(&state, &bench.base.view);
                let decided =
                    decide(bench.ruling_of(&state), &bench.base.moment, &view, &record, bench.answers_of(&state));
                assert_eq!((decided.outcome, decided.action), (outcome, ActionKind::People));
                assert!(decided.suggestion.is_none() && decided.command.is_none());
                assert!(decided.review.is_none_or(|review| review.state == ReviewState::Withdrawn));
            }
        }
    }
}
