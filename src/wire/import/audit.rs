//! The audit of a ticket system: which field had which value before whose change. Turns a ticket's row back to the moment at
//! which it was created. ServiceNow's `sys_audit`: `documentkey`, `fieldname`, `oldvalue`, `newvalue`, `sys_created_on`.

use std::collections::{BTreeMap, HashMap};

use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::domain::time::UtcMillis;
use crate::evaluation::data::leakage::CREATION_MS;
use crate::wire::intake::times;

use super::text_at;

/// One change of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    at: UtcMillis,
    old: String,
    new: String,
}

/// All changes, by ticket.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    changes: HashMap<String, BTreeMap<String, Vec<Change>>>,
}

/// What an audit makes of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub enum Audited {
    /// The row as it was at the creation.
    TurnedBack(Map<String, Value>),
    /// The audit knows nothing of this ticket, or not when it was created. One that has ended has changes: it is missing.
    Unknown,
}

impl Audit {
    /// Takes one row of the audit in.
    ///
    /// # Errors
    /// What is missing or unreadable in it.
    pub fn add(&mut self, row: &Value, zone: Option<&TimeZone>) -> Result<(), String> {
        let needed = |name: &str| {
            text_at(row, &format!("/{name}")).ok_or_else(|| format!("has no `{name}`: is it an export of sys_audit?"))
        };
        let (ticket, field, at) = (needed("documentkey")?, needed("fieldname")?, needed("sys_created_on")?);
        let at = times::parse(&at, zone).map_err(|problem| match problem {
            times::TimeProblem::NoZone => {
                "its time has no zone: name the zone of the export with --time-zone".to_owned()
            }
            times::TimeProblem::Unreadable => "`sys_created_on` is no time".to_owned(),
        })?;
        // Empty is a value, and turns a field back to nothing; a column that is not there says nothing at all.
        let value = |name: &str| match row.get(name) {
            Some(_) => Ok(text_at(row, &format!("/{name}")).unwrap_or_default()),
            None => {
                Err(format!("has no `{name}`: export documentkey, fieldname, oldvalue, newvalue and sys_created_on"))
            }
        };
        let change = Change { at, old: value("oldvalue")?, new: value("newvalue")? };
        self.changes.entry(ticket).or_default().entry(field).or_default().push(change);
        Ok(())
    }

    /// How many tickets it knows.
    pub fn tickets(&self) -> usize {
        self.changes.len()
    }

    /// The row of a ticket at its creation. A change within a minute of it belongs to it: sources write what was entered
    /// with a ticket in a second step.
    pub fn at_creation(&self, row: &Map<String, Value>, zone: Option<&TimeZone>) -> Audited {
        let whole = Value::Object(row.clone());
        let created = text_at(&whole, "/sys_created_on").or_else(|| text_at(&whole, "/opened_at"));
        let created = created.and_then(|text| times::parse(&text, zone).ok());
        let mut keys = ["/sys_id", "/number"].into_iter().filter_map(|name| text_at(&whole, name));
        let changes = keys.find_map(|key| self.changes.get(&key));
        let (Some(created), Some(changes)) = (created, changes) else { return Audited::Unknown };
        let mut row = row.clone();
        for (field, changes) in changes {
            if let Some(first) = first_value(changes, created) {
                row.insert(field.clone(), Value::String(first));
            }
        }
        Audited::TurnedBack(row)
    }
}

/// The value a field had at the end of the creation; `None`: nothing was changed later, so it still has it.
fn first_value(changes: &[Change], created: UtcMillis) -> Option<String> {
    let is_creation = |change: &&Change| change.at.since_ms(created) <= CREATION_MS;
    let later = changes.iter().filter(|change| !is_creation(change)).min_by_key(|change| change.at)?;
    let last_of_creation = changes.iter().filter(is_creation).max_by_key(|change| change.at);
    Some(last_of_creation.map_or(&later.old, |change| &change.new).clone())
}
