//! A trouble ticket as every source is read into it (`noctriage.ticket/v1`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::severity::SourceSeverity;
use super::time::UtcMillis;

/// Longest ticket id, in bytes.
pub const TICKET_ID_BYTES_MAX: usize = 128;

/// The stable id of a ticket in its source: 1 to 128 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketId(Arc<str>);

/// Why a text is no ticket id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTicketId {
    /// The id is empty.
    #[error("the ticket id is empty")]
    Empty,
    /// The id is longer than 128 bytes.
    #[error("the ticket id has {0} bytes; at most 128 are allowed")]
    TooLong(usize),
    /// The id holds a control character.
    #[error("the ticket id holds a control character")]
    ControlCharacter,
}

impl TicketId {
    /// Accepts 1 to 128 bytes without control characters.
    ///
    /// # Errors
    /// Anything else.
    pub fn try_new(id: &str) -> Result<Self, InvalidTicketId> {
        if id.is_empty() {
            return Err(InvalidTicketId::Empty);
        }
        if id.len() > TICKET_ID_BYTES_MAX {
            return Err(InvalidTicketId::TooLong(id.len()));
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidTicketId::ControlCharacter);
        }
        Ok(Self(Arc::from(id)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where an instant came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TimeOrigin {
    /// The ticket says it.
    #[default]
    Ticket,
    /// The ticket is silent; the record's Kafka timestamp stands in.
    KafkaTimestamp,
}

/// Where a ticket stands in its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Nobody has touched it.
    New,
    /// Somebody works on it.
    InProgress,
    /// Waiting for something.
    OnHold,
    /// Solved, can be reopened.
    Resolved,
    /// Ended.
    Closed,
    /// Withdrawn.
    Cancelled,
}

impl Status {
    /// Whether the ticket needs no triage any more.
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::New | Self::InProgress | Self::OnHold => false,
            Self::Resolved | Self::Closed | Self::Cancelled => true,
        }
    }
}

/// What kind of work a ticket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Something is broken.
    Incident,
    /// Somebody wants something.
    Request,
    /// A planned change.
    Change,
    /// Planned work.
    Maintenance,
    /// None of these.
    Other,
}

impl Kind {
    /// The word used in records and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Request => "request",
            Self::Change => "change",
            Self::Maintenance => "maintenance",
            Self::Other => "other",
        }
    }
}

/// ITIL impact or urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Level {
    /// Small.
    Low,
    /// In between.
    Medium,
    /// Large.
    High,
}

/// The way a ticket came in: how far its text is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Spoken to a person.
    Phone,
    /// Sent by anybody.
    Email,
    /// Typed into a form.
    Portal,
    /// Opened by a monitoring system.
    Monitoring,
    /// Sent by another carrier.
    Peer,
    /// None of these.
    Other,
}

impl Channel {
    /// The word in records and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Portal => "portal",
            Self::Monitoring => "monitoring",
            Self::Peer => "peer",
            Self::Other => "other",
        }
    }
}

/// The affected device, as far as the source names it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Device {
    /// Host name.
    pub name: Option<String>,
    /// Vendor.
    pub vendor: Option<String>,
    /// Kind of device, for example `switch`.
    pub device_type: Option<String>,
    /// Model.
    pub model: Option<String>,
    /// Operating system version.
    pub os_version: Option<String>,
}

/// One alarm behind a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Alarm {
    /// The system that raised it.
    pub source: Option<String>,
    /// Name, for example a trap's.
    pub name: Option<String>,
    /// SNMP object identifier.
    pub oid: Option<String>,
    /// Probable cause, code or text.
    pub probable_cause: Option<String>,
    /// Severity as perceived by its source.
    pub perceived_severity: SourceSeverity,
    /// First seen.
    pub first_at: Option<UtcMillis>,
    /// Last seen.
    pub last_at: Option<UtcMillis>,
    /// How often.
    pub count: Option<u64>,
}

/// Who wrote a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthorKind {
    /// A person.
    Human,
    /// A machine.
    System,
    /// noctriage itself: left out of what the model sees.
    Noctriage,
}

/// A work note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When it was written.
    pub at: Option<UtcMillis>,
    /// By whom.
    pub author_kind: AuthorKind,
    /// What it says.
    pub text: String,
}

/// How a ticket hangs together with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// The same thing reported twice.
    DuplicateOf,
    /// Child of a larger incident.
    Parent,
    /// Consequence of another.
    CausedBy,
}

/// A link to another ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// How.
    pub kind: RelationKind,
    /// To which.
    pub ticket_id: TicketId,
}

/// The link back to the source.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Source {
    /// System, for example `servicenow`.
    pub system: Option<String>,
    /// Which instance of it.
    pub instance: Option<String>,
    /// The source's own key, for example `sys_id`.
    pub native_id: Option<String>,
    /// Where a person opens it.
    pub url: Option<String>,
}

/// What the reader had to leave out or could not know; each of these forbids automatic action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Incompleteness {
    /// The source truncated its list of alarms (Alertmanager's `truncatedAlerts`), or there were more than 64.
    pub alarms_truncated: bool,
    /// Title, description or a note was cut to its bound.
    pub body_cut: bool,
    /// Notes beyond the bound were left out.
    pub notes_dropped: bool,
}

/// A trouble ticket. Absent fields are `None`: the source does not say.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// Stable id in the source.
    pub ticket_id: TicketId,
    /// Order of updates; where the source has none, derived from `updated_at` in milliseconds; `None` when neither exists.
    pub revision: Option<u64>,
    /// Whether `revision` is the source's own number rather than derived.
    pub revision_is_native: bool,
    /// Short text.
    pub title: Option<String>,
    /// Long text.
    pub description: Option<String>,
    /// When the ticket was opened (desk time).
    pub created_at: UtcMillis,
    /// Where `created_at` came from.
    pub created_at_origin: TimeOrigin,
    /// When it last changed (desk time).
    pub updated_at: Option<UtcMillis>,
    /// Where it stands.
    pub status: Option<Status>,
    /// What kind of work it is.
    pub kind: Option<Kind>,
    /// What the source says about its severity.
    pub severity_reported: SourceSeverity,
    /// What the other carrier says.
    pub severity_counterparty: SourceSeverity,
    /// ITIL impact.
    pub impact: Option<Level>,
    /// ITIL urgency.
    pub urgency: Option<Level>,
    /// Category: wireless, routing, switching, …
    pub category: Option<String>,
    /// Affected device.
    pub device: Device,
    /// Interface.
    pub interface: Option<String>,
    /// Circuit.
    pub circuit_id: Option<String>,
    /// Site.
    pub site: Option<String>,
    /// Region.
    pub region: Option<String>,
    /// Tier of the customer.
    pub customer_tier: Option<String>,
    /// Affected service.
    pub service: Option<String>,
    /// Alarms, at most 64.
    pub alarms: Vec<Alarm>,
    /// Notes, at most 32, oldest first.
    pub notes: Vec<Note>,
    /// Links to other tickets.
    pub relations: Vec<Relation>,
    /// How often it was reopened.
    pub reopen_count: Option<u32>,
    /// How often it changed hands.
    pub reassignment_count: Option<u32>,
    /// How it came in.
    pub channel: Option<Channel>,
    /// Link back.
    pub source: Source,
    /// Site-specific keys, at most 32.
    pub labels: BTreeMap<String, String>,
    /// Whether the last writer of this revision was noctriage (write-back echo), where the source tells.
    pub written_by_noctriage: bool,
    /// Whether a person has visibly worked on it: assigned, edited the severity, or wrote a note.
    pub human_touched: bool,
    /// What was left out.
    pub incompleteness: Incompleteness,
}

impl Ticket {
    /// A ticket with an id, a title and a creation time, and nothing else: the start of every test.
    pub fn minimal(ticket_id: TicketId, title: &str, created_at: UtcMillis) -> Self {
        Self {
            ticket_id,
            revision: None,
            revision_is_native: false,
            title: Some(title.to_owned()),
            description: None,
            created_at,
            created_at_origin: TimeOrigin::Ticket,
            updated_at: None,
            status: None,
            kind: None,
            severity_reported: SourceSeverity::Absent,
            severity_counterparty: SourceSeverity::Absent,
            impact: None,
            urgency: None,
            category: None,
            device: Device::default(),
            interface: None,
            circuit_id: None,
            site: None,
            region: None,
            customer_tier: None,
            service: None,
            alarms: Vec::new(),
            notes: Vec::new(),
            relations: Vec::new(),
            reopen_count: None,
            reassignment_count: None,
            channel: None,
            source: Source::default(),
            labels: BTreeMap::new(),
            written_by_noctriage: false,
            human_touched: false,
            incompleteness: Incompleteness::default(),
        }
    }
}
