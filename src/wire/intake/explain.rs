//! What a mapping makes of real records, for people who set one up: which fields of the source were used, which were
//! left, and which of ours nobody filled.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::severity::SourceSeverity;

use super::draft::{Draft, escaped};
use super::settings::{IntakeSettings, Preset};
use super::tree::Json;
use super::{DeadLetterClass, DeadLetterReason, Intake, RawRecord, examine, native};

/// Most names that a summary counts of each kind; a source with more has data in its names.
const NAMES_MAX: usize = 512;

/// Fields of a ticket that make a visible difference when they are missing.
const WANTED: [&str; 15] = [
    "/ticket_id",
    "/revision",
    "/title",
    "/description",
    "/created_at",
    "/updated_at",
    "/status",
    "/kind",
    "/severity/reported",
    "/category",
    "/device/name",
    "/site",
    "/channel",
    "/updated_by",
    "/assigned_to",
];

/// What became of one record, field by field. List positions are written as `*`.
#[derive(Clone, Debug, PartialEq)]
pub struct MappingExplanation {
    /// What the record turned out to be.
    pub intake: Intake,
    /// Fields of the source that were used, and the field of ours they went to.
    pub mapped: BTreeSet<(String, String)>,
    /// Fields of the source that were left out.
    pub unmapped: BTreeSet<String>,
    /// Fields of ours that make a difference and that nothing filled.
    pub missing: BTreeSet<&'static str>,
}

/// Reads one record and says where each field went.
pub fn explain_mapping(record: &RawRecord, settings: &IntakeSettings) -> MappingExplanation {
    let (mut mapped, mut unmapped, mut missing) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let intake = examine(record, settings, |payload, draft| {
        let mut leaves = BTreeSet::new();
        collect_leaves(payload, "", &mut leaves);
        mapped = used_fields(draft, &leaves, settings);
        let is_used = |leaf: &String| mapped.iter().any(|(source, _)| covers(source, leaf));
        unmapped = leaves.into_iter().filter(|leaf| !is_used(leaf)).collect();
        let ticket = Json::Object(draft.ticket.clone().into_owned());
        missing = WANTED.into_iter().filter(|field| ticket.pointer(field).is_none_or(is_empty)).collect();
    });
    let intake = intake.unwrap_or_else(Intake::DeadLetter);
    MappingExplanation { intake, mapped, unmapped, missing }
}

fn is_empty(value: &Json<'_>) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.trim().is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::List(_) | Json::Object(_) => false,
    }
}

fn used_fields(draft: &Draft<'_>, leaves: &BTreeSet<String>, settings: &IntakeSettings) -> BTreeSet<(String, String)> {
    let mut used = draft.origins.used.clone();
    match settings.preset {
        Preset::Native => {
            let known = leaves.iter().filter(|leaf| is_native(leaf, settings));
            used.extend(known.map(|leaf| (leaf.clone(), leaf.clone())));
        }
        Preset::ServiceNow | Preset::Alertmanager | Preset::Mapping => {}
    }
    used
}

fn is_native(leaf: &str, settings: &IntakeSettings) -> bool {
    if let Some(label) = leaf.strip_prefix("/labels/") {
        return settings.labels_allowed.iter().any(|name| escaped(name) == label);
    }
    let is_shorthand = ["/severity/reported", "/severity/counterparty"].contains(&leaf);
    is_shorthand || native::FIELDS.contains(&leaf)
}

/// Whether a used pointer is the leaf or something above it; `*` covers any position.
fn covers(source: &str, leaf: &str) -> bool {
    // ServiceNow's wrapper is not part of the names of its fields.
    let leaf = leaf.strip_prefix("/result").filter(|rest| rest.starts_with('/')).unwrap_or(leaf);
    leaf.strip_prefix(source).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Pointers of everything that holds a value. The parser has bounded how deep it goes.
fn collect_leaves(value: &Json<'_>, pointer: &str, leaves: &mut BTreeSet<String>) {
    match value {
        Json::Null => {}
        Json::Object(fields) => {
            for (name, field) in fields.iter() {
                collect_leaves(field, &format!("{pointer}/{}", escaped(name)), leaves);
            }
        }
        Json::List(items) => items.iter().for_each(|item| collect_leaves(item, &format!("{pointer}/*"), leaves)),
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => {
            leaves.insert(pointer.to_owned());
        }
    }
}

/// Many explanations, counted. Counts are of records.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MappingSummary {
    /// Records read.
    pub records: u64,
    /// Of them, tickets.
    pub tickets: u64,
    /// Of them, deletions and tombstones.
    pub gone: u64,
    /// Dead letters by class, with the first sentence of each class.
    pub dead_letters: BTreeMap<DeadLetterClass, (u64, DeadLetterReason)>,
    /// Fields used: (source, ours).
    pub mapped: BTreeMap<(String, String), u64>,
    /// Fields left out.
    pub unmapped: BTreeMap<String, u64>,
    /// Fields of ours that stayed empty.
    pub missing: BTreeMap<&'static str, u64>,
    /// Severity words that no alias maps: each of these forbids automatic action.
    pub unmapped_severities: BTreeMap<String, u64>,
}

impl MappingSummary {
    /// Counts one more record.
    pub fn add(&mut self, explanation: MappingExplanation) {
        let MappingExplanation { intake, mapped, unmapped, missing } = explanation;
        self.records += 1;
        match intake {
            Intake::Ticket(ticket) => {
                self.tickets += 1;
                for severity in [&ticket.severity_reported, &ticket.severity_counterparty] {
                    if let SourceSeverity::Unmapped { native, .. } = severity {
                        count(&mut self.unmapped_severities, native.clone());
                    }
                }
            }
            Intake::Gone(_) => self.gone += 1,
            Intake::DeadLetter(reason) => self.dead_letters.entry(reason.class).or_insert((0, reason)).0 += 1,
        }
        for pair in mapped {
            count(&mut self.mapped, pair);
        }
        for field in unmapped {
            count(&mut self.unmapped, field);
        }
        for field in missing {
            count(&mut self.missing, field);
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, name: K) {
    if counts.len() < NAMES_MAX || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    }
}
