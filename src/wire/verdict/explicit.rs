//! The reader of `noctriage.verdict/v1`. A statement that contradicts itself is refused by name: guessing what a person
//! meant would be our opinion, not theirs.

use std::cell::Cell;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::domain::verdict::{
    Rating, RatingScale, Reviewer, ReviewerId, ReviewerRole, StatedCause, Verdict, VerdictId, VerdictKind,
    VerdictOrigin,
};
use crate::wire::intake::draft::Origins;
use crate::wire::intake::fields::{Fields, Place, Reading, type_of};
use crate::wire::intake::tree::{Json, Object};
use crate::wire::intake::{DeadLetterClass, DeadLetterReason, IntakeSettings};
use crate::wire::words::ClosedWord;

use super::VERDICT_SCHEMA;

/// Bytes of a comment; a longer one is cut: it is read by people alone.
const COMMENT_BYTES_MAX: usize = 4096;
/// Bytes of a root cause in words; a longer one is cut.
const CAUSE_BYTES_MAX: usize = 1024;

/// Every field that the reader knows. The schema lists the same.
pub(super) const FIELDS: [&str; 26] = [
    "/schema",
    "/verdict_id",
    "/ticket_id",
    "/ticket_revision",
    "/decided_at",
    "/reviewer/id",
    "/reviewer/role",
    "/reviewer/group",
    "/kind",
    "/severity",
    "/root_cause/code",
    "/root_cause/text",
    "/rating/scale",
    "/rating/value",
    "/rating/of",
    "/saw_model",
    "/closable",
    "/queue",
    "/agreement",
    "/handling_seconds",
    "/certainty",
    "/auto_action_correct",
    "/ended",
    "/derived",
    "/supersedes",
    "/comment",
];

type Read<T> = Result<T, DeadLetterReason>;

/// Whether an object claims to be a verdict, rather than an event of the ticket system.
pub(super) fn is_verdict(payload: &Object<'_>) -> bool {
    let names_schema = payload.get("schema").and_then(Json::as_str).is_some_and(|name| name.starts_with("noctriage."));
    names_schema || payload.contains_key("verdict_id")
}

/// Reads a verdict.
///
/// # Errors
/// The first field that makes it none.
pub(super) fn read(payload: &Object<'_>, settings: &IntakeSettings) -> Read<Verdict> {
    let origins = Origins::default();
    let reading = Reading { settings, origins: &origins, was_cut: Cell::new(false) };
    let fields = Fields { reading: &reading, map: payload, place: Place::Root };
    check_schema(&fields)?;
    let kind: VerdictKind = needed_word(&fields, "kind")?;
    let verdict = Verdict {
        verdict_id: named(&fields, "verdict_id", VerdictId::try_new)?
            .ok_or_else(|| fields.missing("verdict_id", "every verdict needs an id of its own, kept for ever"))?,
        ticket_id: named(&fields, "ticket_id", TicketId::try_new)?
            .ok_or_else(|| fields.missing("ticket_id", "which ticket was judged?"))?,
        ticket_revision: fields.count("ticket_revision")?,
        decided_at: fields.time("decided_at")?.ok_or_else(|| fields.missing("decided_at", "when was it stated?"))?,
        reviewer: reviewer(&fields)?,
        kind,
        origin: match flag(&fields, "derived")? {
            Some(true) => VerdictOrigin::Derived,
            Some(false) | None => VerdictOrigin::Explicit,
        },
        severity: word::<Severity>(&fields, "severity")?,
        root_cause: root_cause(&fields)?,
        rating: rating(&fields)?,
        saw_model: flag(&fields, "saw_model")?,
        closable: word(&fields, "closable")?,
        queue: shared(fields.short("queue")?),
        agreement: word(&fields, "agreement")?,
        handling_seconds: fields.count("handling_seconds")?,
        certainty: word(&fields, "certainty")?,
        auto_action_correct: flag(&fields, "auto_action_correct")?,
        ended: word(&fields, "ended")?,
        supersedes: named(&fields, "supersedes", VerdictId::try_new)?,
        comment: shared(fields.block("comment", COMMENT_BYTES_MAX)?),
    };
    check_sense(&fields, &verdict)?;
    Ok(verdict)
}

fn check_schema(fields: &Fields<'_>) -> Read<()> {
    match fields.raw_text("schema")? {
        None | Some(VERDICT_SCHEMA) => Ok(()),
        Some(_) => {
            let detail = format!(
                "/schema names another record or version: this reader reads {VERDICT_SCHEMA}; read it with a newer \
                 noctriage"
            );
            Err(DeadLetterReason::new(DeadLetterClass::UnknownSchema, detail))
        }
    }
}

/// What must go together, and what must not.
fn check_sense(fields: &Fields<'_>, verdict: &Verdict) -> Read<()> {
    let says_something = verdict.severity.is_some()
        || verdict.closable.is_some()
        || verdict.queue.is_some()
        || verdict.root_cause.is_some();
    let kind = verdict.kind;
    let missing = |name: &str, advice: &str| Err(fields.missing(name, &format!("kind {} {advice}", kind.as_str())));
    match kind {
        VerdictKind::Triage | VerdictKind::SecondReading if !says_something => {
            return missing("severity", "says a severity, or at least closable, queue or root_cause");
        }
        VerdictKind::Adjudication if verdict.severity.is_none() && verdict.closable.is_none() => {
            return missing("severity", "settles a severity or closable");
        }
        VerdictKind::Adjudication if verdict.reviewer.role != ReviewerRole::Adjudicator => {
            return Err(fields.invalid("kind", "an adjudication needs a reviewer whose role is adjudicator"));
        }
        VerdictKind::ReviewOfAuto if verdict.auto_action_correct.is_none() && verdict.severity.is_none() => {
            return missing("auto_action_correct", "says whether the action was right, or the severity");
        }
        VerdictKind::Outcome if verdict.ended.is_none() && verdict.closable.is_none() => {
            return missing("ended", "says how the ticket ended without a person, or closable");
        }
        VerdictKind::RootCauseRating if verdict.rating.is_none() => {
            return missing("rating", "holds a rating");
        }
        VerdictKind::Triage
        | VerdictKind::SecondReading
        | VerdictKind::Adjudication
        | VerdictKind::ReviewOfAuto
        | VerdictKind::Reopen
        | VerdictKind::Outcome
        | VerdictKind::RootCauseRating => {}
    }
    if verdict.rating.is_some() && kind != VerdictKind::RootCauseRating {
        return Err(fields.invalid("rating", "only kind root_cause_rating holds a rating"));
    }
    if verdict.ended.is_some() && kind != VerdictKind::Outcome {
        return Err(fields.invalid("ended", "only kind outcome says how a ticket ended without a person"));
    }
    if verdict.supersedes.as_ref() == Some(&verdict.verdict_id) {
        return Err(fields.invalid("supersedes", "a verdict cannot correct itself"));
    }
    Ok(())
}

fn reviewer(fields: &Fields<'_>) -> Read<Reviewer> {
    let map = fields.object("reviewer")?.ok_or_else(|| fields.missing("reviewer", "who stated it: {id, role}?"))?;
    let inside = Fields { map, place: Place::Field { of: &Place::Root, name: "reviewer" }, ..*fields };
    let id = named(&inside, "id", ReviewerId::try_new)?;
    Ok(Reviewer {
        id: id.ok_or_else(|| inside.missing("id", "a pseudonym, the same in all verdicts of the person"))?,
        role: needed_word(&inside, "role")?,
        group: shared(inside.short("group")?),
    })
}

fn root_cause(fields: &Fields<'_>) -> Read<Option<StatedCause>> {
    let Some(map) = fields.object("root_cause")? else { return Ok(None) };
    let inside = Fields { map, place: Place::Field { of: &Place::Root, name: "root_cause" }, ..*fields };
    let cause =
        StatedCause { code: shared(inside.short("code")?), text: shared(inside.block("text", CAUSE_BYTES_MAX)?) };
    Ok(Some(cause).filter(|cause| cause.code.is_some() || cause.text.is_some()))
}

fn rating(fields: &Fields<'_>) -> Read<Option<Rating>> {
    let Some(map) = fields.object("rating")? else { return Ok(None) };
    let inside = Fields { map, place: Place::Field { of: &Place::Root, name: "rating" }, ..*fields };
    let scale: RatingScale = needed_word(&inside, "scale")?;
    let value = inside.count("value")?.ok_or_else(|| inside.missing("value", "a value of the scale"))?;
    let of = inside.raw_text("of")?.ok_or_else(|| inside.missing("of", "the id of the decision that was rated"))?;
    let of = Digest::parse(of).ok_or_else(|| inside.invalid("of", "a decision id has 64 hexadecimal digits"))?;
    Rating::try_new(scale, value, of).map(Some).map_err(|error| inside.invalid("value", &error.to_string()))
}

fn named<T, E: ToString>(fields: &Fields<'_>, name: &str, new: impl Fn(&str) -> Result<T, E>) -> Read<Option<T>> {
    let Some(text) = fields.raw_text(name)? else { return Ok(None) };
    new(text).map(Some).map_err(|error| fields.invalid(name, &error.to_string()))
}

/// A word of a closed list of ours; no other word is taken for one.
fn word<T: ClosedWord>(fields: &Fields<'_>, name: &str) -> Read<Option<T>> {
    let Some(text) = fields.raw_text(name)? else { return Ok(None) };
    T::from_word(text).map(Some).ok_or_else(|| {
        let words: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
        fields.invalid(name, &format!("the word is none of {}", words.join(", ")))
    })
}

fn needed_word<T: ClosedWord>(fields: &Fields<'_>, name: &str) -> Read<T> {
    word(fields, name)?.ok_or_else(|| {
        let words: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
        fields.missing(name, &format!("one of {}", words.join(", ")))
    })
}

/// `true`, `false`, or nothing said.
fn flag(fields: &Fields<'_>, name: &str) -> Read<Option<bool>> {
    match fields.map.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(fields.invalid(name, &format!("true or false is expected, not {}", type_of(other)))),
    }
}

fn shared(text: Option<String>) -> Option<Arc<str>> {
    text.map(Arc::from)
}
