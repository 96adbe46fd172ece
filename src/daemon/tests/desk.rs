//! A simulated ticket system that writes everything noctriage says back into its tickets, each time as a new revision
//! under noctriage's own user, and publishes that revision.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::stage::AutoAction;
use crate::wire::command::CommandRecord;
use crate::wire::output::OutputTopic;
use crate::wire::review::ReviewRecord;
use crate::wire::suggestion::SuggestionRecord;

use super::NOW;
use super::broker::Broker;
use super::tickets;

/// In whose words tickets are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Native,
    ServiceNow,
}

struct Ticket {
    revision: i64,
    title: String,
    severity: String,
    queue: Option<String>,
    is_resolved: bool,
    notes: Vec<String>,
    is_ours: bool,
}

/// What is written into one ticket.
type Change = Box<dyn FnOnce(&mut Ticket)>;

/// The ticket system.
pub(super) struct Desk {
    dialect: Dialect,
    tickets: BTreeMap<String, Ticket>,
    /// Records of each topic that are written back already.
    read: BTreeMap<OutputTopic, usize>,
    pub(super) written: usize,
}

impl Desk {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, tickets: BTreeMap::new(), read: BTreeMap::new(), written: 0 }
    }

    /// Somebody opens a ticket.
    pub(super) fn open(&mut self, broker: &mut Broker, id: &str, title: &str, severity: &str) {
        let ticket = Ticket {
            revision: 0,
            title: title.to_owned(),
            severity: severity.to_owned(),
            queue: None,
            is_resolved: false,
            notes: Vec::new(),
            is_ours: false,
        };
        self.tickets.insert(id.to_owned(), ticket);
        self.publish(broker, id);
    }

    /// Writes back everything that was said since the last time; how much that was.
    pub(super) fn write_back(&mut self, broker: &mut Broker) -> usize {
        let mut changes: Vec<(String, Change)> = Vec::new();
        for payload in self.new_records(broker, OutputTopic::Suggestions) {
            let said: SuggestionRecord = serde_json::from_slice(&payload).unwrap();
            changes.push((
                said.ticket_id,
                Box::new(move |ticket| {
                    ticket.notes.push(format!("noctriage suggests {}", said.severity.0));
                    ticket.severity = said.severity.0.to_string();
                    ticket.queue = said.queue;
                }),
            ));
        }
        for payload in self.new_records(broker, OutputTopic::Review) {
            let said: ReviewRecord = serde_json::from_slice(&payload).unwrap();
            let Some(id) = said.ticket_id else { continue };
            changes.push((
                id,
                Box::new(move |ticket| {
                    ticket.notes.push(format!("noctriage asks people to look: {}", said.reason.0.as_str()));
                }),
            ));
        }
        for payload in self.new_records(broker, OutputTopic::Commands) {
            let said: CommandRecord = serde_json::from_slice(&payload).unwrap();
            changes.push((
                said.ticket_id,
                Box::new(move |ticket| {
                    ticket.severity = said.severity.0.to_string();
                    ticket.queue = said.queue;
                    ticket.is_resolved |= said.action.0 == AutoAction::Resolve;
                }),
            ));
        }
        let written = changes.len();
        for (id, change) in changes {
            let ticket = self.tickets.get_mut(&id).unwrap();
            change(ticket);
            ticket.revision += 1;
            ticket.is_ours = true;
            self.publish(broker, &id);
        }
        self.written += written;
        written
    }

    fn new_records(&mut self, broker: &Broker, topic: OutputTopic) -> Vec<Vec<u8>> {
        let all = broker.read(topic);
        let from = self.read.insert(topic, all.len()).unwrap_or(0);
        all[from..].iter().map(|record| record.payload.clone()).collect()
    }

    fn publish(&self, broker: &mut Broker, id: &str) {
        let ticket = &self.tickets[id];
        let record = match self.dialect {
            Dialect::Native => native(id, ticket),
            Dialect::ServiceNow => servicenow(id, ticket),
        };
        let number: usize = id.bytes().map(usize::from).sum();
        let partition = (number % broker.inputs.len()) as i32;
        broker.produce(partition, id, Some(&record.to_string()));
    }
}

fn native(id: &str, ticket: &Ticket) -> Value {
    let mut record = tickets::native(id, ticket.revision, &ticket.title);
    record["updated_by"] = json!(if ticket.is_ours { "noctriage" } else { "monitoring" });
    record["status"] = json!(if ticket.is_resolved { "resolved" } else { "new" });
    // The source does not say who set the value: the reader goes by who wrote the revision.
    record["severity"] = json!({ "reported": { "value": ticket.severity } });
    let note = |text: &String| json!({ "at": tickets::time(NOW), "author": "noctriage", "text": text });
    record["notes"] = ticket.notes.iter().map(note).collect();
    record["labels"] = json!({ "queue": ticket.queue });
    record
}

fn servicenow(id: &str, ticket: &Ticket) -> Value {
    let at = |revision: i64| format!("2025-11-24 16:{:02}:{:02}", revision / 60, revision % 60);
    let priority = ["critical", "high", "medium", "low"].iter().position(|word| *word == ticket.severity).unwrap() + 1;
    let journal: Vec<String> =
        ticket.notes.iter().map(|text| format!("{} - noctriage (Work notes)\n{text}\n", at(1))).collect();
    json!({ "result": {
        "number": id,
        "sys_class_name": "incident",
        "short_description": ticket.title,
        "subcategory": "wireless",
        "priority": priority.to_string(),
        "state": if ticket.is_resolved { "6" } else { "1" },
        "sys_mod_count": ticket.revision.to_string(),
        "sys_created_on": at(0),
        "sys_updated_on": at(ticket.revision),
        "sys_created_by": "monitoring",
        "sys_updated_by": if ticket.is_ours { "noctriage" } else { "monitoring" },
        "assignment_group": ticket.queue,
        "work_notes": journal.concat(),
    } })
}
