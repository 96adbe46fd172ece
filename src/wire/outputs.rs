//! From a decided record to everything that is written for it.

use crate::domain::prediction::{Answer, ModelRole, Prediction};
use crate::domain::ticket::{Ticket, TicketId};
use crate::policy::decided::{ActionKind, Decided, Outcome, Review, ReviewReason, Suggestion};
use crate::policy::identity::TicketDigests;
use crate::policy::permit::Command;
use crate::policy::queues::queue_of;
use crate::policy::ruling::{Moment, Ruling};
use crate::policy::{Event, RecordFacts, identity};

use super::basis::{
    answer_record, cause_record, draws_record, eligibility_record, per_action, rule_words, ticket_facts,
};
use super::command::{COMMAND_SCHEMA, CommandRecord};
use super::compact;
use super::dead_letter::DeadLetterRecord;
use super::decision::{Basis, CauseRecord, DECISION_SCHEMA, DecisionRecord, Digests, Latency, ReviewNote, Volatile};
use super::intake::{DeadLetterReason, RawRecord};
use super::output::{OutputRecord, OutputTopic};
use super::review::{REVIEW_SCHEMA, ReviewRecord, ShownPrediction};
use super::suggestion::{SUGGESTION_SCHEMA, SuggestionRecord};
use super::values::{HexDigest, Instant, SourcePosition, rounded, rounded_probability};
use super::words::Word;

/// Everything that is known of one decided record.
#[derive(Clone, Copy, Debug)]
pub struct DecidedRecord<'record> {
    /// Where the input record lies.
    pub position: &'record SourcePosition,
    /// The input record, for the dead letter.
    pub raw: &'record RawRecord,
    /// Why it is no ticket; a dead letter is written whenever this is given.
    pub dead_letter: Option<&'record DeadLetterReason>,
    /// What it was decided as.
    pub facts: &'record RecordFacts<'record>,
    /// What the models say, acting first.
    pub answers: &'record [Answer],
    /// What `decide` returned.
    pub decided: &'record Decided,
    /// What was in force.
    pub ruling: &'record Ruling,
    /// When.
    pub moment: &'record Moment,
    /// Parts of the latency, where a model was asked.
    pub latency: Option<&'record Latency>,
}

/// What one input record becomes.
#[derive(Clone, Debug)]
pub struct Written {
    /// The decision, as it stands in the first of the records.
    pub decision: DecisionRecord,
    /// All records, the decision first.
    pub records: Vec<OutputRecord>,
}

/// All output records of one input record, the decision first. Stamp them with
/// [`super::output::stamp_transaction`] when the transaction is complete.
///
/// # Errors
/// None in practice: every record is made of texts, numbers and lists of them. The error is passed on rather than
/// hidden, and counts as an unwritable record.
pub fn output_records(record: &DecidedRecord<'_>) -> Result<Written, serde_json::Error> {
    let key = record.key();
    let decision = decision_record(record);
    let mut outputs = Vec::with_capacity(3);
    let mut write = |topic, partition, payload: Vec<u8>| {
        outputs.push(OutputRecord { topic, partition, key: key.clone(), payload, headers: Vec::new() });
    };
    let decision_bytes = if decision.basis.is_some() { FULL_DECISION_BYTES } else { SMALL_RECORD_BYTES };
    write(OutputTopic::Decisions, Some(record.position.partition), compact::to_vec(&decision, decision_bytes)?);
    if let Some(suggestion) = &record.decided.suggestion
        && let Some(suggestion) = suggestion_record(record, suggestion, decision.decision_id)
    {
        write(OutputTopic::Suggestions, None, compact::to_vec(&suggestion, SMALL_RECORD_BYTES)?);
    }
    if let Some(command) = &record.decided.command
        && let Some(command) = command_record(record, command, decision.decision_id)
    {
        write(OutputTopic::Commands, None, compact::to_vec(&command, SMALL_RECORD_BYTES)?);
    }
    if let Some(review) = &record.decided.review {
        write(
            OutputTopic::Review,
            None,
            compact::to_vec(&review_record(record, review, decision.decision_id), SMALL_RECORD_BYTES)?,
        );
    }
    if let Some(reason) = record.dead_letter {
        let letter = DeadLetterRecord::new(record.position.clone(), record.raw, reason, decision.decision_id);
        write(OutputTopic::DeadLetters, None, compact::to_vec(&letter, SMALL_RECORD_BYTES)?);
    }
    Ok(Written { decision, records: outputs })
}

/// Bytes that a full decision is given to begin with: most have 2 to 4 KB. Half as many are moved once more, as they were
/// five times from the 128 of `serde_json`; twice as many are held for nothing until the transaction ends.
const FULL_DECISION_BYTES: usize = 4096;

/// The same for every other record: most have 300 to 500.
const SMALL_RECORD_BYTES: usize = 512;

impl DecidedRecord<'_> {
    fn ticket(&self) -> Option<&Ticket> {
        match self.facts.event {
            Event::Ticket(ticket) => Some(ticket),
            Event::Gone(_) | Event::NotATicket => None,
        }
    }

    fn ticket_id(&self) -> Option<&TicketId> {
        match self.facts.event {
            Event::Ticket(ticket) => Some(&ticket.ticket_id),
            Event::Gone(ticket_id) => Some(ticket_id),
            Event::NotATicket => None,
        }
    }

    fn ticket_id_text(&self) -> Option<String> {
        self.ticket_id().map(|id| id.as_str().to_owned())
    }

    fn revision(&self) -> Option<u64> {
        self.ticket().and_then(|ticket| ticket.revision)
    }

    /// The ticket id; for what is no ticket the key of the input record, bounded.
    fn key(&self) -> Option<Vec<u8>> {
        let of_input = || self.raw.key.as_ref().map(|key| key.iter().copied().take(KEY_BYTES_MAX).collect());
        self.ticket_id().map(|id| id.as_str().as_bytes().to_vec()).or_else(of_input)
    }

    fn decision_id(&self) -> HexDigest {
        let SourcePosition { topic, partition, offset } = self.position;
        HexDigest(identity::decision_id(topic, *partition, *offset, self.facts.content_digest))
    }

    /// An unchanged ticket, a duplicate and a dead letter rest on nothing: they stay small.
    const fn rests_on_something(&self) -> bool {
        match self.decided.outcome {
            Outcome::Unchanged | Outcome::Duplicate | Outcome::DeadLetter => false,
            Outcome::Decided | Outcome::NotDrawn | Outcome::Terminal => true,
        }
    }

    fn acting(&self) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.role == ModelRole::Acting)
    }

    fn acting_prediction(&self) -> Option<&Prediction> {
        self.acting()?.result.as_ref().ok()
    }

    /// Identifies the effect of this decision, where it has one.
    fn idempotency_key(&self) -> Option<HexDigest> {
        if let Some(command) = &self.decided.command {
            return Some(HexDigest(command.idempotency_key));
        }
        self.decided.suggestion.as_ref()?;
        let ticket = self.ticket()?;
        let reopened = ticket.reopen_count.unwrap_or(0);
        let input = self.facts.digests.input;
        Some(HexDigest(identity::idempotency_key(&ticket.ticket_id, ActionKind::Suggest, input, reopened)))
    }
}

/// Bytes of the input record's key that become the key of a dead letter. Longer keys are cut: the key only groups.
const KEY_BYTES_MAX: usize = 512;

/// The decision on one input record.
pub fn decision_record(record: &DecidedRecord<'_>) -> DecisionRecord {
    let decided = record.decided;
    let group = |id| HexDigest(identity::decision_group(id, record.revision(), record.facts.content_digest));
    let review = decided.review.as_ref();
    DecisionRecord {
        schema: DECISION_SCHEMA.to_owned(),
        decision_id: record.decision_id(),
        decision_group: record.ticket_id().map(group),
        ticket_id: record.ticket_id_text(),
        revision: record.revision(),
        source: record.position.clone(),
        appended_at: Instant(record.facts.appended_at),
        outcome: Word(decided.outcome),
        action: (decided.outcome == Outcome::Decided).then_some(Word(decided.action)),
        rules: rule_words(&decided.rules),
        duplicate_of: decided.duplicate_of.map(HexDigest),
        superseded: decided.superseded,
        review: review.map(|review| ReviewNote {
            state: Word(review.state),
            reason: Word(review.reason),
            priority: review.priority,
        }),
        suggested: decided.suggestion.is_some(),
        idempotency_key: record.idempotency_key(),
        basis: basis(record),
        volatile: volatile(record),
    }
}

fn volatile(record: &DecidedRecord<'_>) -> Volatile {
    let is_asked = record.rests_on_something() && !record.answers.is_empty();
    let Moment { operating, desk, lease: _, lease_ms_needed: _, halted: _ } = record.moment;
    Volatile {
        desk_time: Instant(*desk),
        decided_at: (operating != desk).then_some(Instant(*operating)),
        latency: record.latency.filter(|_| is_asked).map(|latency| {
            let Latency { wait_ms, engine_ms, model_ms, decide_ms } = latency;
            Latency {
                wait_ms: rounded(*wait_ms),
                engine_ms: rounded(*engine_ms),
                model_ms: model_ms.iter().copied().map(rounded).collect(),
                decide_ms: rounded(*decide_ms),
            }
        }),
    }
}

/// What a decision rests on.
fn basis(record: &DecidedRecord<'_>) -> Option<Basis> {
    if !record.rests_on_something() {
        return None;
    }
    let Decided { slice, stage, shares, draws, eligibility, candidates, .. } = record.decided;
    let policy = &record.ruling.policy;
    let TicketDigests { input, echo, fingerprint } = record.facts.digests;
    let ticket = record.ticket();
    Some(Basis {
        content_digest: HexDigest(record.facts.content_digest),
        input_digest: ticket.map(|_| HexDigest(input)),
        echo_digest: ticket.filter(|_| echo != input).map(|_| HexDigest(echo)),
        slice: slice.clone(),
        stage: Word(*stage),
        shares: per_action(&shares.map(|share| rounded(share.get()))),
        rollout_revision: record.ruling.stage_map.rollout_revision,
        draws: draws_record(draws),
        answers: record.answers.iter().map(|answer| answer_record(answer, candidates)).collect(),
        eligibility: eligibility.as_ref().map(|both| per_action(&both.each_ref().map(eligibility_record))),
        queue: ticket
            .zip(record.acting_prediction())
            .and_then(|(ticket, prediction)| queue_of(policy, ticket, prediction)),
        digests: Digests {
            config: HexDigest(record.ruling.config_digest),
            policy: HexDigest(policy.policy_digest),
            eligibility: HexDigest(policy.eligibility_digest),
        },
        facts: ticket.map(|ticket| ticket_facts(ticket, fingerprint)),
    })
}

/// A suggestion, where the ticket and an acting answer are there, which `decide` makes sure of.
fn suggestion_record(
    record: &DecidedRecord<'_>,
    suggestion: &Suggestion,
    decision_id: HexDigest,
) -> Option<SuggestionRecord> {
    let Suggestion { severity, confidence, root_cause, queue } = suggestion;
    let model = &record.acting()?.model;
    let ticket = record.ticket()?;
    let input = record.facts.digests.input;
    let reopened = ticket.reopen_count.unwrap_or(0);
    Some(SuggestionRecord {
        schema: SUGGESTION_SCHEMA.to_owned(),
        ticket_id: ticket.ticket_id.as_str().to_owned(),
        revision: ticket.revision,
        decision_id,
        idempotency_key: HexDigest(identity::idempotency_key(&ticket.ticket_id, ActionKind::Suggest, input, reopened)),
        write_as: Word(record.ruling.policy.suggest_as),
        severity: Word(*severity),
        confidence: rounded_probability(*confidence),
        root_cause: root_cause.as_ref().map(|(cause, probability)| CauseRecord {
            cause: cause.clone(),
            probability: rounded_probability(*probability),
        }),
        queue: queue.clone(),
        model: model.name.clone(),
        model_version: model.version.clone(),
    })
}

/// A command; only a ticket can have one.
fn command_record(record: &DecidedRecord<'_>, command: &Command, decision_id: HexDigest) -> Option<CommandRecord> {
    let ticket = record.ticket()?;
    let permit = command.permit();
    Some(CommandRecord {
        schema: COMMAND_SCHEMA.to_owned(),
        ticket_id: ticket.ticket_id.as_str().to_owned(),
        action: Word(permit.action()),
        severity: Word(command.severity),
        queue: command.queue.clone(),
        root_cause: command.root_cause.clone(),
        idempotency_key: HexDigest(command.idempotency_key),
        expected_revision: ticket.revision,
        not_after: Instant(command.not_after),
        decision_id,
        policy_digest: HexDigest(record.ruling.policy.policy_digest),
        rollout_revision: permit.rollout_revision(),
        slice: permit.slice().to_owned(),
    })
}

/// A review item. A blind one says nothing that any model said, and no reason but its own.
fn review_record(record: &DecidedRecord<'_>, review: &Review, decision_id: HexDigest) -> ReviewRecord {
    let Review { state, reason, priority, related } = review;
    let is_blind = *reason == ReviewReason::Sample || record.decided.draws.evidence.drawn;
    let shown = |prediction: &Prediction| ShownPrediction {
        severity: Word(prediction.severity.predicted()),
        confidence: rounded_probability(prediction.severity.confidence()),
        root_cause: prediction.causes.first().map(cause_record),
    };
    ReviewRecord {
        schema: REVIEW_SCHEMA.to_owned(),
        ticket_id: record.ticket_id_text(),
        revision: record.revision(),
        state: Word(*state),
        reason: Word(*reason),
        priority: *priority,
        related: if is_blind { None } else { related.as_ref().map(|id| id.as_str().to_owned()) },
        decision_id,
        prediction: if is_blind { None } else { record.acting_prediction().map(shown) },
    }
}

#[cfg(test)]
#[path = "outputs_tests.rs"]
mod tests;
