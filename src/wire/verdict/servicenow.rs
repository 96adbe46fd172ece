//! The verdict rule for ServiceNow: which state of an incident is a person's statement, and what it says.
//!
//! Every later update of a resolved incident comes with the same state. So a statement is named by its resolution (the
//! number of reopenings before it), not by its record: all these records are one statement, and the earliest revision of
//! them, the moment itself, is the one that is read. A resolution after a reopening corrects the one before.

use std::cell::Cell;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::domain::digest::Digest;
use crate::domain::severity::Severity;
use crate::domain::ticket::{Status, TicketId};
use crate::domain::time::UtcMillis;
use crate::domain::verdict::{
    Closable, EndedAlone, Reviewer, ReviewerId, ReviewerRole, StatedCause, Verdict, VerdictId, VerdictKind,
    VerdictOrigin,
};
use crate::wire::intake::draft::Draft;
use crate::wire::intake::fields::{Fields, Place, Reading, one_line};
use crate::wire::intake::native::{is_machine, is_own_user};
use crate::wire::intake::servicenow::{Form, draft, is_deletion, row, text, time};
use crate::wire::intake::settings::SeverityMeaning;
use crate::wire::intake::tree::{Json, Object};
use crate::wire::intake::{DeadLetterClass, DeadLetterReason, RawRecord, mapped, times};

use super::VerdictIntake;
use super::settings::{VerdictRule, VerdictSettings};

/// Bytes of a close code or a group's name.
const NAME_BYTES_MAX: usize = 256;

type Read<T> = Result<T, DeadLetterReason>;

/// Who did it.
enum Actor {
    Noctriage,
    /// A rule or monitoring.
    Machine(ReviewerId),
    Person(ReviewerId),
    /// The record does not say.
    Unsaid,
}

/// Reads what an event says about a person's judgement.
pub(super) fn read(
    payload: &Json<'_>,
    record: &RawRecord,
    rule: VerdictRule,
    settings: &VerdictSettings,
) -> Read<VerdictIntake> {
    if is_deletion(record) {
        return Ok(VerdictIntake::NoStatement);
    }
    let mut draft = draft(payload, record, &settings.intake)?;
    mapped::apply(&settings.intake.mapping, payload, &mut draft);
    let empty = Object::EMPTY;
    let event = Event::of(row(payload).unwrap_or(&empty), &draft, settings)?;
    match event.status {
        Some(Status::Cancelled) => event.cancelled(),
        Some(Status::Closed) => event.ended(rule),
        Some(Status::Resolved) => match rule {
            VerdictRule::Resolved => event.ended(rule),
            VerdictRule::Closed => Ok(VerdictIntake::NoStatement),
        },
        Some(Status::New | Status::InProgress | Status::OnHold) | None => event.reopened(),
    }
}

/// One record of an incident, as far as verdicts go.
struct Event<'event> {
    row: &'event Object<'event>,
    settings: &'event VerdictSettings,
    ticket_id: TicketId,
    revision: Option<u64>,
    status: Option<Status>,
    severity: Option<Severity>,
    updated_at: Option<UtcMillis>,
    reopen_count: Option<u32>,
}

impl<'event> Event<'event> {
    fn of(row: &'event Object<'event>, draft: &Draft<'_>, settings: &'event VerdictSettings) -> Read<Self> {
        let reading = Reading { settings: &settings.intake, origins: &draft.origins, was_cut: Cell::new(false) };
        let fields = Fields { reading: &reading, map: &draft.ticket, place: Place::Root };
        let id = fields.raw_text("ticket_id")?;
        let id = id.ok_or_else(|| fields.missing("ticket_id", "every ticket needs the stable id of its source"))?;
        Ok(Self {
            row,
            settings,
            ticket_id: TicketId::try_new(id).map_err(|error| fields.invalid("ticket_id", &error.to_string()))?,
            revision: fields.count("revision")?,
            status: fields.word("status", &settings.intake.words.status)?,
            severity: severity(&fields, settings)?,
            updated_at: fields.time("updated_at")?,
            reopen_count: fields.small_count("reopen_count")?,
        })
    }

    /// A person resolved or closed it: the statement. A machine did: no verdict is due.
    fn ended(&self, rule: VerdictRule) -> Read<VerdictIntake> {
        let (who, when) = match rule {
            VerdictRule::Resolved => (["resolved_by", "closed_by"], ["resolved_at", "closed_at"]),
            VerdictRule::Closed => (["closed_by", "resolved_by"], ["closed_at", "resolved_at"]),
        };
        let Some(decided_at) = self.first_time(&when)?.or(self.updated_at) else { return Err(Self::no_time(when[0])) };
        let name = match self.reopen_count {
            Some(count) => format!("{}-{count}", rule.as_str()),
            None => format!("{}@{}", rule.as_str(), decided_at.0),
        };
        match self.first_actor(&[who[0], who[1], "sys_updated_by"]) {
            Actor::Noctriage => Ok(VerdictIntake::Ours(self.ticket_id.clone())),
            Actor::Machine(id) => {
                let alone = self.verdict(&name, id, VerdictKind::Outcome, VerdictOrigin::Derived, decided_at);
                Ok(VerdictIntake::verdict(Verdict { ended: Some(EndedAlone::Cleared), ..alone }))
            }
            Actor::Person(id) => self.statement(&name, id, VerdictOrigin::TicketSystem, decided_at, rule),
            Actor::Unsaid => self.statement(&name, nobody(), VerdictOrigin::Derived, decided_at, rule),
        }
    }

    fn statement(
        &self,
        name: &str,
        id: ReviewerId,
        origin: VerdictOrigin,
        decided_at: UtcMillis,
        rule: VerdictRule,
    ) -> Read<VerdictIntake> {
        let code = self.short("close_code");
        let worked_seconds = self.worked_seconds()?;
        let before = self.reopen_count.and_then(|count| count.checked_sub(1));
        let stated = self.verdict(name, id, VerdictKind::Triage, origin, decided_at);
        Ok(VerdictIntake::verdict(Verdict {
            severity: self.severity,
            closable: self.closable(code.as_deref(), worked_seconds),
            root_cause: code.map(|code| StatedCause { code: Some(Arc::from(code)), text: None }),
            queue: self.short("assignment_group").map(Arc::from),
            handling_seconds: worked_seconds,
            supersedes: before.map(|count| self.verdict_id(&format!("{}-{count}", rule.as_str()))),
            ..stated
        }))
    }

    /// Whoever withdrew it judged nothing: no verdict is due.
    fn cancelled(&self) -> Read<VerdictIntake> {
        let Some(decided_at) = self.first_time(&["closed_at", "resolved_at"])?.or(self.updated_at) else {
            return Err(Self::no_time("closed_at"));
        };
        let id = match self.first_actor(&["closed_by", "sys_updated_by"]) {
            Actor::Noctriage => return Ok(VerdictIntake::Ours(self.ticket_id.clone())),
            Actor::Machine(id) | Actor::Person(id) => id,
            Actor::Unsaid => nobody(),
        };
        let alone = self.verdict("cancelled", id, VerdictKind::Outcome, VerdictOrigin::Derived, decided_at);
        Ok(VerdictIntake::verdict(Verdict { ended: Some(EndedAlone::Cancelled), ..alone }))
    }

    /// An open ticket says something only where it was open before: that the last resolution did not hold.
    fn reopened(&self) -> Read<VerdictIntake> {
        let Some(count) = self.reopen_count.filter(|count| *count > 0) else { return Ok(VerdictIntake::NoStatement) };
        let Some(decided_at) = self.first_time(&["reopened_time"])?.or(self.updated_at) else {
            return Err(Self::no_time("reopened_time"));
        };
        let (id, origin) = match self.first_actor(&["reopened_by"]) {
            Actor::Noctriage => return Ok(VerdictIntake::Ours(self.ticket_id.clone())),
            Actor::Person(id) => (id, VerdictOrigin::TicketSystem),
            Actor::Machine(id) => (id, VerdictOrigin::Derived),
            Actor::Unsaid => (nobody(), VerdictOrigin::Derived),
        };
        let name = format!("reopened-{count}");
        Ok(VerdictIntake::verdict(self.verdict(&name, id, VerdictKind::Reopen, origin, decided_at)))
    }

    fn verdict(
        &self,
        name: &str,
        id: ReviewerId,
        kind: VerdictKind,
        origin: VerdictOrigin,
        decided_at: UtcMillis,
    ) -> Verdict {
        let reviewer = Reviewer { id, role: ReviewerRole::Engineer, group: None };
        let base = Verdict::bare(self.verdict_id(name), self.ticket_id.clone(), reviewer, decided_at);
        Verdict { ticket_revision: self.revision, kind, origin, ..base }
    }

    /// `INC0010023/resolved-0`; a digest where the ticket's id leaves no room.
    fn verdict_id(&self, name: &str) -> VerdictId {
        let plain = format!("{}/{name}", self.ticket_id.as_str());
        let digest = || Digest::of(plain.as_bytes()).to_string();
        VerdictId::try_new(&plain).or_else(|_| VerdictId::try_new(&digest())).expect("a digest has 64 printable bytes")
    }

    /// Whether closing it unseen would have been right, as far as codes and booked work tell. A person who reopens a
    /// ticket has to do something; a rule that does has not.
    fn closable(&self, code: Option<&str>, worked_seconds: Option<u64>) -> Option<Closable> {
        let is_worked = worked_seconds.is_some_and(|seconds| seconds > 0);
        let is_reopened = self.reopen_count.is_some_and(|count| count > 0) && !self.is_reopened_by_rule();
        if is_worked || is_reopened {
            return Some(Closable::No);
        }
        code.map(|code| if self.settings.no_work_codes.has(code) { Closable::Yes } else { Closable::No })
    }

    fn is_reopened_by_rule(&self) -> bool {
        self.short("reopened_by").is_some_and(|user| is_machine(&user, &self.settings.intake))
    }

    /// Booked time. ServiceNow writes a duration as seconds, or as a time after 1970-01-01 00:00:00.
    fn worked_seconds(&self) -> Read<Option<u64>> {
        let Some(booked) = text(self.row, "time_worked", Form::Stored) else { return Ok(None) };
        let as_time = || times::parse(&booked, Some(&TimeZone::UTC)).ok().and_then(|at| u64::try_from(at.0).ok());
        let seconds = booked.trim().parse::<u64>().ok().or_else(|| as_time().map(|milliseconds| milliseconds / 1000));
        seconds.map(Some).ok_or_else(|| {
            let detail = "/time_worked: seconds, or a duration as 1970-01-01 00:12:00, is expected";
            DeadLetterReason::new(DeadLetterClass::InvalidField, detail)
        })
    }

    fn first_time(&self, names: &[&str]) -> Read<Option<UtcMillis>> {
        for name in names {
            if let Some(written) = time(self.row, name) {
                let zone = self.settings.intake.time_zone.as_ref();
                return times::parse(&written, zone).map(Some).map_err(|problem| {
                    let sentence = match problem {
                        times::TimeProblem::Unreadable => "a time is expected",
                        times::TimeProblem::NoZone => "the time has no zone: set source.timezone",
                    };
                    DeadLetterReason::new(DeadLetterClass::InvalidField, format!("/{name}: {sentence}"))
                });
            }
        }
        Ok(None)
    }

    fn no_time(name: &str) -> DeadLetterReason {
        let detail = format!("/{name} is missing, and /sys_updated_on: when was it stated?");
        DeadLetterReason::new(DeadLetterClass::MissingField, detail)
    }

    fn first_actor(&self, names: &[&str]) -> Actor {
        let Some(user) = names.iter().find_map(|name| self.short(name)) else { return Actor::Unsaid };
        let intake = &self.settings.intake;
        if is_own_user(&user, intake) {
            return Actor::Noctriage;
        }
        let id = ReviewerId::try_new(&self.settings.pseudonym_key.pseudonym_of(&user))
            .expect("a pseudonym has eighteen printable bytes");
        if is_machine(&user, intake) { Actor::Machine(id) } else { Actor::Person(id) }
    }

    fn short(&self, name: &str) -> Option<String> {
        let found = one_line(&text(self.row, name, Form::Display)?);
        Some(found[..found.floor_char_boundary(NAME_BYTES_MAX)].to_owned()).filter(|found| !found.is_empty())
    }
}

fn nobody() -> ReviewerId {
    ReviewerId::try_new("unsaid").expect("six letters are a name")
}

/// The person's severity. A word that nothing maps is no severity that we may guess.
fn severity(fields: &Fields<'_>, settings: &VerdictSettings) -> Read<Option<Severity>> {
    let reported = fields.map.get("severity").and_then(|both| both.get("reported"));
    let Some(word) = reported.and_then(|one| one.get("value").or(Some(one))).and_then(Json::as_str) else {
        return Ok(None);
    };
    match settings.intake.severities.meaning(word) {
        Some(SeverityMeaning::Is(severity)) => Ok(Some(severity)),
        Some(SeverityMeaning::Unknown | SeverityMeaning::Cleared) => Ok(None),
        None => Err(fields.invalid("severity", "the word has no meaning: add it to source.aliases.severity")),
    }
}
