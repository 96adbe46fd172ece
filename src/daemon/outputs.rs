//! Decides a batch: `decide` for each record in order, on the view as it will be when its transaction begins.

use std::time::Instant;

use crate::domain::prediction::Answer;
use crate::domain::time::UtcMillis;
use crate::policy::decided::{Decided, Review, ReviewReason, ReviewState};
use crate::policy::recent_view::{Addition, Query, Remembered, TentativeView, parent_of};
use crate::policy::ruling::{Moment, Ruling};
use crate::policy::slices::slice_of;
use crate::policy::{Event, RecordFacts, decide, identity};
use crate::wire::decision::Latency;
use crate::wire::intake::RawRecord;
use crate::wire::output::{OutputRecord, stamp_transaction};
use crate::wire::outputs::{DecidedRecord, Written, output_records};
use crate::wire::values::SourcePosition;

use super::batch::{Answers, Batch, Content, Item};
use super::standing::Look;

/// Second only to criticals: a ticket without an outcome is one that nobody has looked at.
const UNWRITABLE_PRIORITY: u8 = 2;

/// What is stamped on every record of this process.
#[derive(Clone, Debug)]
pub struct Origin {
    /// Name of the input topic.
    pub topic: String,
    /// Id of this instance.
    pub instance: String,
    /// When the Kafka clients of this process were made, in milliseconds of operating time.
    pub start_ms: i64,
    /// Transaction timeout plus the broker's abort interval: a permit needs more lease than that.
    pub lease_ms_needed: i64,
}

/// What is true right now, and is looked at once for a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<'look> {
    /// Operating time: when the batch is decided.
    pub(super) now: UtcMillis,
    /// The same moment for what is measured: where a thread waits for a processor, later ones are not.
    pub(super) instant: Instant,
    /// Lease and halts.
    pub(super) standing: &'look Look,
}

/// A batch decided, and nothing written yet.
#[derive(Debug)]
pub(super) struct DecidedBatch {
    /// All records of the transaction, stamped.
    pub(super) records: Vec<OutputRecord>,
    /// What the view gains if, and only if, the transaction commits.
    pub(super) entries: Vec<(i32, Remembered)>,
    /// The same as it is looked up, for the batch behind it.
    pub(super) addition: Addition,
    /// One per item of the batch.
    pub(super) outcomes: Vec<Decided>,
}

impl DecidedBatch {
    /// Whether anything in it is automatic.
    pub(super) fn has_commands(&self) -> bool {
        self.outcomes.iter().any(|decided| decided.command.is_some())
    }
}

/// Decides every record of a batch in order, beginning from `tentative`. The permit of an automatic action is taken in
/// here, so what holds one is written only where nothing has waited between this and `begin_transaction`.
pub(super) fn decide_batch(
    batch: &Batch,
    mut tentative: TentativeView<'_>,
    present: &Present<'_>,
    origin: &Origin,
    counter: u64,
) -> DecidedBatch {
    let mut records = Vec::with_capacity(batch.items.len() * 2);
    let mut outcomes = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        let moment = moment(&batch.ruling, item, present, origin);
        let decided = decide_item(batch, item, &tentative, &moment);
        let written = write(batch, item, &decided, &moment, present.instant, origin);
        let remembered = written.decision.remembered().expect("the ticket id was valid when it was read");
        tentative.remember(item.partition, remembered);
        records.extend(written.records);
        outcomes.push(decided);
    }
    stamp_transaction(&mut records, &origin.instance, origin.start_ms, counter);
    let (addition, entries) = tentative.into_parts();
    DecidedBatch { records, entries, addition, outcomes }
}

/// Desk time is operating time where tickets are real; in the demo it is what the simulated tickets say. It is never
/// taken from a real ticket: a ticket dated into the future would slip past every hourly cap.
fn moment(ruling: &Ruling, item: &Item, present: &Present<'_>, origin: &Origin) -> Moment {
    let ticket = item.content.ticket();
    let desk = match ticket {
        Some(ticket) if ruling.is_demo => ticket.updated_at.unwrap_or(ticket.created_at),
        Some(_) | None => present.now,
    };
    let is_halted = |ticket| present.standing.is_halted(&slice_of(&ruling.policy.slices, ticket).name);
    Moment {
        operating: present.now,
        desk,
        lease: present.standing.lease,
        lease_ms_needed: origin.lease_ms_needed,
        halted: ticket.is_some_and(is_halted),
    }
}

fn facts(item: &Item) -> RecordFacts<'_> {
    RecordFacts {
        event: item.content.event(),
        appended_at: item.appended_at,
        content_digest: item.content_digest,
        digests: item.digests,
    }
}

fn answers_of<'batch>(batch: &'batch Batch, item: &Item) -> &'batch [Answer] {
    match (&batch.answers, item.job_row) {
        (Answers::Here(rows), Some(row)) => rows.get(row).map_or(&[], Vec::as_slice),
        (Answers::Here(_) | Answers::Missing | Answers::Waiting | Answers::Unsent(_), _) => &[],
    }
}

fn decide_item(batch: &Batch, item: &Item, view: &TentativeView<'_>, moment: &Moment) -> Decided {
    if item.unwritable.is_some() {
        return unwritable(batch, item, view, moment);
    }
    let ticket = item.content.ticket();
    let slices = &batch.ruling.policy.slices;
    let slice = ticket.map_or("", |ticket| slice_of(slices, ticket).name.as_str());
    let revision = ticket.and_then(|ticket| ticket.revision);
    let view = view.facts(&Query {
        partition: item.partition,
        ticket_id: item.content.ticket_id(),
        decision_group: item
            .content
            .ticket_id()
            .map(|ticket_id| identity::decision_group(ticket_id, revision, item.content_digest)),
        parent: ticket.and_then(parent_of),
        fingerprint: ticket.map(|_| item.digests.fingerprint),
        slice,
        desk_time: moment.desk,
    });
    decide(&batch.ruling, moment, &view, &facts(item), answers_of(batch, item))
}

/// The outcome of a record whose real outcome the broker refuses: a dead letter, and somebody looks.
fn unwritable(batch: &Batch, item: &Item, view: &TentativeView<'_>, moment: &Moment) -> Decided {
    let nothing = Query {
        partition: item.partition,
        ticket_id: None,
        decision_group: None,
        parent: None,
        fingerprint: None,
        slice: "",
        desk_time: moment.desk,
    };
    let facts = RecordFacts { event: Event::NotATicket, ..facts(item) };
    let decided = decide(&batch.ruling, moment, &view.facts(&nothing), &facts, &[]);
    let review = Review {
        state: ReviewState::Open,
        reason: ReviewReason::Unwritable,
        priority: UNWRITABLE_PRIORITY,
        related: None,
    };
    Decided { review: Some(review), ..decided }
}

fn write(
    batch: &Batch,
    item: &Item,
    decided: &Decided,
    moment: &Moment,
    decided_at: Instant,
    origin: &Origin,
) -> Written {
    let answers = answers_of(batch, item);
    let answered = batch.answered.unwrap_or(batch.handed_over);
    let latency = (!answers.is_empty()).then(|| Latency {
        wait_ms: batch.handed_over_at.since_ms(item.appended_at).max(0) as f64,
        engine_ms: answered.saturating_duration_since(batch.handed_over).as_secs_f64() * 1000.0,
        model_ms: answers.iter().map(|answer| answer.latency_ms).collect(),
        decide_ms: decided_at.saturating_duration_since(answered).as_secs_f64() * 1000.0,
    });
    let no_record = RawRecord::default();
    let reason = match (&item.unwritable, &item.content) {
        (Some(reason), _) | (None, Content::DeadLetter(reason)) => Some(reason),
        (None, Content::Ticket(_) | Content::Gone(_)) => None,
    };
    output_records(&DecidedRecord {
        position: &SourcePosition { topic: origin.topic.clone(), partition: item.partition, offset: item.offset },
        raw: item.raw.as_ref().unwrap_or(&no_record),
        dead_letter: reason,
        facts: &facts(item),
        answers,
        decided,
        ruling: &batch.ruling,
        moment,
        latency: latency.as_ref(),
    })
    .expect("records are texts, numbers and lists of them")
}
