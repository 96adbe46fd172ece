//! A record of the input topic, from its bytes to all that is written for it, under every preset.
//!
//! An input is three bytes that choose preset, settings and envelope, a line with key and header values, and the value.
//! As text: `s?-INC1` and a line end, then the JSON of a ServiceNow record whose key is INC1.

use std::sync::{Arc, LazyLock};

use noctriage::config::{self, Sources};
use noctriage::domain::digest::Digest;
use noctriage::domain::prediction::{Answer, CauseProbability, ModelIdentity, ModelRole, Prediction, Purpose};
use noctriage::domain::probability::{Probability, SeverityDistribution};
use noctriage::domain::stage::{Share, Stage};
use noctriage::domain::ticket::{TICKET_ID_BYTES_MAX, Ticket};
use noctriage::domain::time::UtcMillis;
use noctriage::policy::identity::TicketDigests;
use noctriage::policy::ruling::{DrawKey, Lease, Moment, Ruling, StageMap};
use noctriage::policy::view::{History, ParentState, TicketMemory, ViewFacts, WindowState};
use noctriage::policy::{Event, RecordFacts, decide, identity};
use noctriage::wire::decision::DecisionRecord;
use noctriage::wire::intake::explain::explain_mapping;
use noctriage::wire::intake::settings::Preset;
use noctriage::wire::intake::{DeadLetterClass, DeadLetterReason, Intake, IntakeSettings, RawRecord, read};
use noctriage::wire::outputs::{DecidedRecord, Written, output_records};
use noctriage::wire::values::SourcePosition;

/// What a broker takes in one record by default, and a reserve for its key and headers.
const PAYLOAD_BYTES_MAX: usize = 1_000_000 - 16 * 1024;

/// Operating time at which everything is decided.
const NOW: UtcMillis = UtcMillis(1_764_000_000_000);

/// Reads, decides and writes one record twice.
pub fn check(input: &[u8]) {
    let Some((settings, record)) = record_of(input) else { return };
    let intake = read(&record, &settings);
    assert_eq!(read(&record, &settings), intake, "the same bytes are read in the same way");
    let explained = explain_mapping(&record, &settings);
    assert_eq!(explained.intake, intake, "what explains a mapping reads as triage does");
    match &intake {
        Intake::Ticket(ticket) => check_bounds(ticket, &settings),
        Intake::Gone(ticket_id) => assert!(ticket_id.as_str().len() <= TICKET_ID_BYTES_MAX),
        Intake::DeadLetter(reason) => check_reason(reason),
    }
    for stage in [Stage::Shadow, Stage::AutoResolve] {
        check_outcome(stage, &record, &intake);
    }
}

/// All that is written for an input in both stages: what `decision_reader` reads.
pub fn written(input: &[u8]) -> Vec<Vec<u8>> {
    let Some((settings, record)) = record_of(input) else { return Vec::new() };
    let intake = read(&record, &settings);
    let records = [Stage::Shadow, Stage::AutoResolve].map(|stage| write(stage, &record, &intake).records);
    records.into_iter().flatten().map(|output| output.payload).collect()
}

/// Settings and record of an input; `None` where it is too short to say.
fn record_of(input: &[u8]) -> Option<(IntakeSettings, RawRecord)> {
    let ([preset, variant, envelope], rest) = input.split_first_chunk::<3>()?;
    let cut = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (line, value) = (&rest[..cut], rest.get(cut + 1..).unwrap_or_default());
    Some((settings_of(*preset, *variant), enveloped(*envelope, line, value)))
}

fn settings_of(preset: u8, variant: u8) -> IntakeSettings {
    let preset = match preset {
        b'n' => Preset::Native,
        b's' => Preset::ServiceNow,
        b'a' => Preset::Alertmanager,
        b'm' => Preset::Mapping,
        other => Preset::ALL[usize::from(other) % Preset::ALL.len()],
    };
    let mut settings = IntakeSettings::for_preset(preset);
    let has = |bit: u8| variant & (1 << bit) != 0;
    if has(0) {
        settings.time_zone = Some(summer_time());
    }
    if has(1) {
        settings.own_user = Some("noctriage,Noc Triage".to_owned());
        settings.machine_users = ["monitoring".to_owned(), "zabbix".to_owned()].into();
    }
    if has(2) {
        settings.labels_allowed = ["team", "a/b", "~", ""].map(str::to_owned).into();
    }
    if has(3) {
        settings.alertmanager_id_label = Some("ticket".to_owned());
    }
    if has(4) {
        settings.limits.title_bytes_max = 64;
        settings.limits.description_bytes_max = 256;
        settings.limits.note_bytes_max = 64;
        settings.limits.nesting_max = 8;
    }
    if has(5) || preset == Preset::Mapping {
        for (field, pointer) in MAPPING {
            settings.mapping.set(field, pointer).expect("the mapping's fields are ours");
        }
    }
    settings
}

/// A zone of the site, with summer time.
fn summer_time() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone")
}

/// Pointers as for Jira and Zabbix, and one into the middle of a text.
const MAPPING: [(&str, &str); 14] = [
    ("ticket_id", "/key"),
    ("title", "/fields/summary"),
    ("description", "/fields/description"),
    ("created_at", "/fields/created"),
    ("updated_at", "/clock"),
    ("severity.reported", "/fields/priority/name"),
    ("status", "/fields/status/name"),
    ("revision", "/revision"),
    ("alarms", "/alarms"),
    ("notes", "/notes"),
    ("parent", "/fields/parent/key"),
    ("caused_by", "/fields/summary/0"),
    ("labels.team", "/fields/labels/0"),
    ("assigned_to", "/fields/assignee/displayName"),
];

/// The value in the envelope that a letter names; the line is the key, or what the headers say.
fn enveloped(envelope: u8, line: &[u8], value: &[u8]) -> RawRecord {
    let plain = RawRecord {
        key: Some(line.to_vec()),
        value: Some(value.to_vec()),
        headers: Vec::new(),
        timestamp: Some(UtcMillis(NOW.0 - 1000)),
    };
    let with = |headers: &[(&str, &[u8])]| RawRecord {
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
        ..plain.clone()
    };
    match envelope {
        // A structured CloudEvent, and one whose content type is whatever the line says.
        b'c' => with(&[("content-type", b"application/cloudevents+json; charset=utf-8")]),
        b'C' => with(&[("Content-Type", line), ("content-type", b"application/json")]),
        // A CloudEvent in binary mode.
        b'b' => with(&[("ce_specversion", line), ("ce_id", b"1"), ("ce_source", b"x"), ("ce_type", b"t")]),
        // A schema registry's framing, in a header and in the value.
        b'f' => with(&[("__value_schema_id", line)]),
        b'F' => RawRecord { value: Some([line, value].concat()), ..plain },
        // ServiceNow's Stream Producer.
        b'd' => with(&[("action", b"delete")]),
        b'p' => with(&[("table_name", line), ("collection_timestamp_ms", line)]),
        // A tombstone, with and without a key.
        b't' => RawRecord { value: None, ..plain },
        b'T' => RawRecord { value: None, key: None, ..plain },
        // Timestamps of a broken clock, and none.
        b'0' => RawRecord { timestamp: None, ..plain },
        b'1' => RawRecord { timestamp: Some(UtcMillis(i64::MAX)), ..plain },
        b'2' => RawRecord { timestamp: Some(UtcMillis(i64::MIN)), ..plain },
        // Many headers, long and odd ones.
        b'h' => with(&[("", line); 20]),
        _ => plain,
    }
}

/// Whatever the source wrote, a ticket is bounded and no field of it breaks a line where it should not.
fn check_bounds(ticket: &Ticket, settings: &IntakeSettings) {
    let limits = &settings.limits;
    let longest = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    assert!(longest(&ticket.title) <= limits.title_bytes_max);
    assert!(longest(&ticket.description) <= limits.description_bytes_max);
    assert!(ticket.title.is_some() || ticket.description.is_some());
    assert!(ticket.notes.iter().all(|note| !note.text.is_empty() && note.text.len() <= limits.note_bytes_max));
    let counts = [ticket.notes.len(), ticket.alarms.len(), ticket.relations.len(), ticket.labels.len()];
    assert!(counts.iter().zip([32, 64, 32, 32]).all(|(count, most)| *count <= most), "{counts:?}");
    let device = &ticket.device;
    let source = &ticket.source;
    let short = [
        &ticket.category,
        &ticket.interface,
        &ticket.circuit_id,
        &ticket.site,
        &ticket.region,
        &ticket.customer_tier,
        &ticket.service,
        &device.name,
        &device.vendor,
        &device.device_type,
        &device.model,
        &device.os_version,
        &source.system,
        &source.instance,
        &source.native_id,
    ];
    let of_alarms =
        ticket.alarms.iter().flat_map(|alarm| [&alarm.name, &alarm.source, &alarm.probable_cause, &alarm.oid]);
    for text in short.into_iter().chain(of_alarms).flatten().chain(ticket.labels.values()) {
        assert!(!text.is_empty() && text.len() <= 256 && super::is_printable(text), "{text:?}");
    }
    assert!(ticket.title.iter().chain(&source.url).all(|text| super::is_printable(text)));
}

/// Why a record is no ticket: one short line, and never the class of what the broker refuses.
fn check_reason(reason: &DeadLetterReason) {
    assert!(!reason.detail.is_empty() && reason.detail.chars().count() <= 300 && super::is_printable(&reason.detail));
    assert_ne!(reason.class, DeadLetterClass::Unwritable);
}

/// What was in force: little more than the defaults of the configuration, in the first and in the last stage.
static RULINGS: LazyLock<[Ruling; 2]> = LazyLock::new(|| {
    let draw_key = DrawKey([7; 16]);
    let open = [("policy.allow.resolve_categories", "wireless,power"), ("policy.draws.evidence_shadow", "0.5")];
    let loaded = config::load(&Sources::built_in(&open, draw_key)).expect("the defaults hold");
    let policy = loaded.settings.policy;
    let share = Share::try_new(Share::MAX).expect("the greatest share is one");
    [Stage::Shadow, Stage::AutoResolve].map(|stage| Ruling {
        stage_map: Arc::new(StageMap::fixed(&policy.slices, stage, [share, share])),
        policy: Arc::clone(&policy),
        acting: Arc::new(model()),
        is_demo: false,
        config_digest: Digest::of(b"config"),
        draw_key,
    })
});

fn model() -> ModelIdentity {
    ModelIdentity {
        name: "fuzz".to_owned(),
        version: "1".to_owned(),
        digest: Digest::of(b"model"),
        calibration_digest: Digest::of(b"calibration"),
        purpose: Purpose::Production,
    }
}

/// A sure answer, so that automatic actions are decided too.
fn answer() -> Answer {
    let half = Probability::try_new(0.5).expect("a probability");
    let prediction = Prediction {
        severity: SeverityDistribution::try_new([0.001, 0.004, 0.005, 0.99]).expect("a distribution"),
        logits: [0.0, 1.0, 2.0, 6.0],
        causes: vec![CauseProbability { cause: "power".into(), probability: half }],
        truncated: false,
        tokens: 12,
    };
    Answer { role: ModelRole::Acting, model: Arc::new(model()), result: Ok(prediction), latency_ms: 1.25 }
}

/// One decision, bounded records, and a decision that its own reader reads as it was written.
fn check_outcome(stage: Stage, record: &RawRecord, intake: &Intake) {
    let written = write(stage, record, intake);
    let again = write(stage, record, intake);
    assert_eq!(written.records, again.records, "the same record is decided in the same way");
    for output in &written.records {
        assert!(output.payload.len() <= PAYLOAD_BYTES_MAX, "{:?} has {} bytes", output.topic, output.payload.len());
        assert!(output.key.as_ref().is_none_or(|key| key.len() <= 512));
    }
    let payload = &written.records[0].payload;
    let read = DecisionRecord::from_json(payload).expect("our own decision is readable");
    let remembered = written.decision.remembered().expect("our own decision is remembered");
    assert_eq!(read.remembered().as_ref(), Ok(&remembered), "a decision is remembered as it was made");
    assert_eq!(&serde_json::to_vec(&read).expect("what was read is written"), payload);
}

fn write(stage: Stage, record: &RawRecord, intake: &Intake) -> Written {
    let ruling = &RULINGS[usize::from(stage != Stage::Shadow)];
    let moment = Moment { operating: NOW, desk: NOW, lease: Lease::Fixed, lease_ms_needed: 0, halted: false };
    let (event, dead_letter) = match intake {
        Intake::Ticket(ticket) => (Event::Ticket(ticket), None),
        Intake::Gone(ticket_id) => (Event::Gone(ticket_id), None),
        Intake::DeadLetter(reason) => (Event::NotATicket, Some(reason)),
    };
    let digests = match intake {
        Intake::Ticket(ticket) => TicketDigests::of(ticket),
        Intake::Gone(_) | Intake::DeadLetter(_) => TicketDigests::default(),
    };
    let facts = RecordFacts {
        event,
        appended_at: record.timestamp.unwrap_or(NOW),
        content_digest: identity::content_digest(record.value.as_deref()),
        digests,
    };
    let view = ViewFacts {
        history: History::Known(TicketMemory::default()),
        parent: ParentState::NoParent,
        similar_recent: 0,
        actions_last_hour: [0, 0],
        arrivals_last_hour: 1000,
        window: WindowState::Whole,
    };
    let answers = [answer()];
    let decided = decide(ruling, &moment, &view, &facts, &answers);
    output_records(&DecidedRecord {
        position: &SourcePosition { topic: "tickets".to_owned(), partition: 3, offset: 123_456 },
        raw: record,
        dead_letter,
        facts: &facts,
        answers: &answers,
        decided: &decided,
        ruling,
        moment: &moment,
        latency: None,
    })
    .expect("records are texts, numbers and lists of them")
}
