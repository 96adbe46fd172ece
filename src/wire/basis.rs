//! The parts of a decision record that say what the decision was made from: answers, draws, eligibility, facts.

use crate::domain::digest::Digest;
use crate::domain::prediction::{Answer, CauseProbability, ModelRole, Prediction};
use crate::domain::severity::{Severity, SourceSeverity};
use crate::domain::stage::AutoAction;
use crate::domain::ticket::{RelationKind, Ticket};
use crate::policy::decided::{Draw, Draws, Eligibility, Rule};
use crate::policy::eligibility::CandidateReach;

use super::decision::{
    AnswerRecord, CauseRecord, Distribution, DrawRecord, DrawsRecord, EligibilityRecord, PerAction, PredictionRecord,
    ReachRecord, SeverityFact, TicketFacts,
};
use super::values::{HexDigest, Instant, rounded, rounded_probability};
use super::words::Word;

pub(super) fn per_action<T: Clone>(values: &[T; 2]) -> PerAction<T> {
    PerAction {
        auto_triage: values[AutoAction::Triage.index()].clone(),
        auto_resolve: values[AutoAction::Resolve.index()].clone(),
    }
}

pub(super) fn draws_record(draws: &Draws) -> DrawsRecord {
    let Draws { evidence, cohort, audit, second_reading } = draws;
    // The hash stays out: whoever has the key can make it again, and nobody else should.
    let one = |draw: &Draw| DrawRecord { rate: rounded(draw.rate), drawn: draw.drawn };
    DrawsRecord { evidence: one(evidence), cohort: one(cohort), audit: one(audit), second_reading: one(second_reading) }
}

/// An answer, and what was recorded for it where it is a candidate's.
pub(super) fn answer_record(answer: &Answer, candidates: &[CandidateReach]) -> AnswerRecord {
    let reach = candidates.iter().find(|reach| answer.role == ModelRole::Candidate && reach.model == answer.model);
    let model = &answer.model;
    AnswerRecord {
        role: Word(answer.role),
        model: model.name.clone(),
        version: model.version.clone(),
        digest: HexDigest(model.digest),
        calibration_digest: HexDigest(model.calibration_digest),
        purpose: Word(model.purpose),
        prediction: answer.result.as_ref().ok().map(prediction_record),
        missing: answer.result.as_ref().err().map(|fault| fault.as_str().to_owned()),
        eligible: reach.map(reach_record),
    }
}

fn reach_record(reach: &CandidateReach) -> ReachRecord {
    let CandidateReach { model: _, reached, queue } = reach;
    let of = |action: AutoAction| reached[action.index()].iter().copied().map(rounded_probability).collect();
    ReachRecord { auto_triage: of(AutoAction::Triage), auto_resolve: of(AutoAction::Resolve), queue: queue.clone() }
}

fn prediction_record(prediction: &Prediction) -> PredictionRecord {
    let of = |severity| rounded_probability(prediction.severity.of(severity));
    PredictionRecord {
        severity: Word(prediction.severity.predicted()),
        distribution: Distribution {
            critical: of(Severity::Critical),
            high: of(Severity::High),
            medium: of(Severity::Medium),
            low: of(Severity::Low),
        },
        causes: prediction.causes.iter().take(3).map(cause_record).collect(),
        truncated: prediction.truncated,
        tokens: prediction.tokens,
    }
}

pub(super) fn cause_record(cause: &CauseProbability) -> CauseRecord {
    CauseRecord { cause: cause.cause.to_string(), probability: rounded_probability(cause.probability) }
}

pub(super) fn eligibility_record(eligibility: &Eligibility) -> EligibilityRecord {
    EligibilityRecord {
        reached: eligibility.reached.iter().copied().map(rounded_probability).collect(),
        forbidden_by: rule_words(&eligibility.forbidden_by),
    }
}

/// Rules stand in records as plain texts, so that a reader of an older version can read a record with a new rule.
pub(super) fn rule_words(rules: &[Rule]) -> Vec<String> {
    rules.iter().map(|rule| rule.as_str().to_owned()).collect()
}

pub(super) fn ticket_facts(ticket: &Ticket, fingerprint: Digest) -> TicketFacts {
    let parent = ticket.relations.iter().find(|relation| relation.kind == RelationKind::Parent);
    TicketFacts {
        fingerprint: HexDigest(fingerprint),
        created_at: Instant(ticket.created_at),
        created_at_origin: Word(ticket.created_at_origin),
        updated_at: ticket.updated_at.map(Instant),
        revision_is_native: ticket.revision_is_native,
        status: ticket.status.map(Word),
        severity_reported: severity_fact(&ticket.severity_reported),
        severity_counterparty: severity_fact(&ticket.severity_counterparty),
        kind: ticket.kind.map(Word),
        category: ticket.category.clone(),
        vendor: ticket.device.vendor.clone(),
        device_type: ticket.device.device_type.clone(),
        site: ticket.site.clone(),
        region: ticket.region.clone(),
        customer_tier: ticket.customer_tier.clone(),
        channel: ticket.channel.map(Word),
        source_system: ticket.source.system.clone(),
        labels: ticket.labels.clone(),
        parent: parent.map(|relation| relation.ticket_id.as_str().to_owned()),
        reopen_count: ticket.reopen_count,
        alarm_critical: ticket.alarms.iter().any(|alarm| alarm.perceived_severity.value() == Some(Severity::Critical)),
        alarms_truncated: ticket.incompleteness.alarms_truncated,
        body_cut: ticket.incompleteness.body_cut,
        notes_dropped: ticket.incompleteness.notes_dropped,
        human_touched: ticket.human_touched,
        written_by_noctriage: ticket.written_by_noctriage,
    }
}

fn severity_fact(severity: &SourceSeverity) -> Option<SeverityFact> {
    match severity {
        SourceSeverity::Absent => None,
        SourceSeverity::Known { value, native: _, set_by } => {
            Some(SeverityFact { value: Some(Word(*value)), set_by: Word(*set_by) })
        }
        SourceSeverity::Unmapped { native: _, set_by } => Some(SeverityFact { value: None, set_by: Word(*set_by) }),
    }
}
