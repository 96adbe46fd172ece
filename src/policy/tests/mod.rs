//! A small world around `decide`: one ticket, one model, one slice, everything open, so that a test closes one thing.

mod automatic;
mod checks;
mod drawing;
mod exhaustive;
mod rest;
mod rules;

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::{Answer, CauseProbability, ModelIdentity, ModelRole, Prediction, Purpose, TicketFault};
use crate::domain::probability::{Probability, SeverityDistribution};
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::domain::stage::{Share, Stage};
use crate::domain::ticket::{Kind, Ticket, TicketId};
use crate::domain::time::UtcMillis;
use crate::policy::identity::TicketDigests;

use super::decided::Decided;
use super::draws::{DrawPurpose, draw_hash};
use super::ruling::{DrawKey, EvidenceRate, Lease, Moment, Policy, Ruling, StageMap};
use super::view::{History, ParentState, TicketMemory, ViewFacts, WindowState};
use super::{Event, RecordFacts, decide};

pub(super) const KEY: DrawKey = DrawKey([9; 16]);
pub(super) const NOW: UtcMillis = UtcMillis(1_700_000_000_000);
/// Input digest of the record, of an earlier text, and of a later one.
pub(super) const INPUT: Digest = Digest([1; 32]);
pub(super) const OTHER_INPUT: Digest = Digest([2; 32]);

/// Half of the tickets are drawn, in shadow and later.
pub(super) const HALF: (EvidenceRate, EvidenceRate) = (EvidenceRate::Fixed(0.5), EvidenceRate::Fixed(0.5));

pub(super) fn probability(value: f64) -> Probability {
    Probability::try_new(value).expect("a probability")
}

pub(super) fn share(value: f64) -> Share {
    Share::try_new(value).expect("a share")
}

pub(super) fn said(value: Severity, set_by: SetBy) -> SourceSeverity {
    SourceSeverity::Known { value, native: value.as_str().to_owned(), set_by }
}

pub(super) fn unmapped() -> SourceSeverity {
    SourceSeverity::Unmapped { native: "puce".to_owned(), set_by: SetBy::System }
}

/// Probabilities in the order critical, high, medium, low, and the cause that the lists of the test policy allow.
pub(super) fn predicts(probabilities: [f64; 4]) -> Prediction {
    Prediction {
        severity: SeverityDistribution::try_new(probabilities).expect("a distribution"),
        logits: [0.0; 4],
        causes: vec![CauseProbability { cause: Arc::from("flap"), probability: probability(0.9) }],
        truncated: false,
        tokens: 20,
    }
}

/// Low with a confidence of 0.98: above the threshold of 0.95.
pub(super) fn surely_low() -> Prediction {
    predicts([0.005, 0.005, 0.01, 0.98])
}

pub(super) fn remembered() -> TicketMemory {
    TicketMemory { last_revision: Some(0), last_input_digest: Some(OTHER_INPUT), ..TicketMemory::default() }
}

/// Where a ticket's own hashes fall: in or out of each draw, `u` of the cohort hash between the bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawing {
    pub(super) evidence_below_half: bool,
    pub(super) audit_below_half: bool,
    pub(super) cohort: (f64, f64),
}

/// The first id `T-n` whose hashes under the test key fall there.
pub(super) fn id_drawn(wanted: Drawing) -> TicketId {
    let unit = |purpose, id: &TicketId| draw_hash(KEY, purpose, 1, id) as f64 / 18_446_744_073_709_551_616.0;
    (0..100_000)
        .map(|number| TicketId::try_new(&format!("T-{number}")).expect("a valid id"))
        .find(|id| {
            let cohort = unit(DrawPurpose::Cohort, id);
            (unit(DrawPurpose::Evidence, id) < 0.5) == wanted.evidence_below_half
                && (unit(DrawPurpose::Audit, id) < 0.5) == wanted.audit_below_half
                && wanted.cohort.0 <= cohort
                && cohort < wanted.cohort.1
        })
        .expect("one of many ids falls there")
}

/// Everything that `decide` reads.
#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) policy: Policy,
    pub(super) stage: Stage,
    pub(super) shares: [Share; 2],
    pub(super) stage_map: Option<StageMap>,
    pub(super) purpose: Purpose,
    pub(super) is_demo: bool,
    pub(super) moment: Moment,
    pub(super) view: ViewFacts,
    pub(super) ticket: Ticket,
    pub(super) appended_at: UtcMillis,
    pub(super) answer: Result<Prediction, TicketFault>,
}

impl World {
    /// A low wireless ticket, just created, outside the evidence draw and the audit, inside both cohorts, with
    /// everything earned: resolved automatically.
    pub(super) fn open() -> Self {
        let id = id_drawn(Drawing { evidence_below_half: false, audit_below_half: false, cohort: (0.0, 0.1) });
        let mut ticket = Ticket::minimal(id, "AP-3 flapped once", NOW);
        ticket.revision = Some(0);
        ticket.revision_is_native = true;
        ticket.kind = Some(Kind::Incident);
        ticket.category = Some("wireless".to_owned());
        ticket.severity_reported = said(Severity::Low, SetBy::System);
        Self {
            policy: Policy::default_for_tests(),
            stage: Stage::AutoResolve,
            shares: [share(0.5), share(0.25)],
            stage_map: None,
            purpose: Purpose::Production,
            is_demo: false,
            moment: Moment {
                operating: NOW,
                desk: NOW,
                lease: Lease::LeftMs(60_000),
                lease_ms_needed: 40_000,
                halted: false,
            },
            view: ViewFacts {
                history: History::Unknown,
                parent: ParentState::NoParent,
                similar_recent: 0,
                actions_last_hour: [0, 0],
                arrivals_last_hour: 100,
                window: WindowState::Whole,
            },
            ticket,
            appended_at: NOW,
            answer: Ok(surely_low()),
        }
    }

    /// The same, where only triage is earned.
    pub(super) fn triage() -> Self {
        Self { stage: Stage::AutoTriage, ..Self::open() }
    }

    /// The same, where only suggestions are earned.
    pub(super) fn suggest() -> Self {
        Self { stage: Stage::Suggest, ..Self::open() }
    }

    /// A ticket in the evidence draw, at any stage.
    pub(super) fn drawn(stage: Stage) -> Self {
        let mut world = Self { stage, ..Self::open() };
        world.ticket.ticket_id =
            id_drawn(Drawing { evidence_below_half: true, audit_below_half: false, cohort: (0.0, 0.1) });
        (world.policy.draw_rates.evidence_shadow, world.policy.draw_rates.evidence_later) = HALF;
        world
    }

    /// With a memory of the ticket, whose revision is now 1.
    pub(super) fn known(mut self, change: impl FnOnce(&mut TicketMemory)) -> Self {
        let mut memory = remembered();
        change(&mut memory);
        self.ticket.revision = Some(1);
        self.view.history = History::Known(memory);
        self
    }

    pub(super) fn acting(&self) -> ModelIdentity {
        ModelIdentity {
            name: "test".to_owned(),
            version: "1".to_owned(),
            digest: Digest([3; 32]),
            calibration_digest: Digest([4; 32]),
            purpose: self.purpose,
        }
    }

    pub(super) fn ruling(&self) -> Ruling {
        let map =
            self.stage_map.clone().unwrap_or_else(|| StageMap::fixed(&self.policy.slices, self.stage, self.shares));
        Ruling {
            policy: Arc::new(self.policy.clone()),
            stage_map: Arc::new(map),
            acting: Arc::new(self.acting()),
            is_demo: self.is_demo,
            config_digest: Digest::default(),
            draw_key: KEY,
        }
    }

    pub(super) fn answers(&self) -> Vec<Answer> {
        vec![Answer {
            role: ModelRole::Acting,
            model: Arc::new(self.acting()),
            result: self.answer.clone(),
            latency_ms: 1.0,
        }]
    }

    pub(super) fn record<'record>(&self, event: Event<'record>) -> RecordFacts<'record> {
        RecordFacts {
            event,
            appended_at: self.appended_at,
            content_digest: Digest([5; 32]),
            digests: TicketDigests { input: INPUT, ..TicketDigests::of(&self.ticket) },
        }
    }

    pub(super) fn decide(&self) -> Decided {
        self.decide_event(Event::Ticket(&self.ticket))
    }

    pub(super) fn decide_event(&self, event: Event<'_>) -> Decided {
        decide(&self.ruling(), &self.moment, &self.view, &self.record(event), &self.answers())
    }
}
