//! A source's record on its way to a native ticket: native JSON, and where each field of it came from.
//!
//! Every preset writes a draft, and one reader reads all of them. So there is one set of bounds and one set of errors,
//! and an error still names the field of the source.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tree::{Json, Object};

/// Where the fields of a native ticket come from.
#[derive(Clone, Debug, Default)]
pub(in crate::wire) struct Origins {
    /// Pointer in front of all others: `/data` inside a structured CloudEvent.
    pub(in crate::wire) prefix: &'static str,
    /// Native pointer → pointer in the source, for every field that was looked for.
    looked_for: BTreeMap<&'static str, String>,
    /// Native pointers of labels, whose names only the configuration knows.
    labels: BTreeMap<String, String>,
    /// Pointers of the source that gave a value, and the native pointer they went to.
    pub(in crate::wire) used: BTreeSet<(String, String)>,
}

impl Origins {
    /// How an error names a native field: by its place in the source.
    pub(in crate::wire) fn of(&self, native: &str) -> String {
        let exact = self.looked_for.get(native).or_else(|| self.labels.get(native));
        let above = || {
            let containers = self
                .looked_for
                .iter()
                .filter(|(field, _)| native.strip_prefix(**field).is_some_and(|rest| rest.starts_with('/')));
            containers.max_by_key(|(field, _)| field.len()).map(|(_, source)| format!("{source} (as {native})"))
        };
        let name = exact.cloned().or_else(above).unwrap_or_else(|| native.to_owned());
        format!("{}{name}", self.prefix)
    }
}

/// A native ticket in the making.
#[derive(Clone, Debug, Default)]
pub(in crate::wire) struct Draft<'payload> {
    /// Native JSON: the source's own where that is native already.
    pub(in crate::wire) ticket: Cow<'payload, Object<'payload>>,
    /// Where it came from.
    pub(in crate::wire) origins: Origins,
    /// Whether the record was edited after its creation, where a preset knows better than revision and times say:
    /// `ServiceNow` opens a ticket when its form is opened and creates it when the form is sent.
    pub(in crate::wire) is_edited: Option<bool>,
    /// Whether a person has written a note after the creation, whatever the notes' times say.
    pub(in crate::wire) has_human_note: bool,
}

impl Draft<'_> {
    /// Sets a native field (`/title`, `/device/name`) from a place of the source; nothing there sets nothing.
    pub(in crate::wire) fn put(&mut self, native: &'static str, source: &str, value: Option<Value>) {
        self.origins.looked_for.insert(native, source.to_owned());
        self.insert(native, source, value);
    }

    /// Sets a label.
    pub(in crate::wire) fn put_label(&mut self, name: &str, source: &str, value: Option<Value>) {
        let native = format!("/labels/{}", escaped(name));
        self.origins.labels.insert(native.clone(), source.to_owned());
        if let Some(value) = value.filter(|value| !value.is_null()) {
            self.origins.used.insert((source.to_owned(), native));
            if let Json::Object(labels) = self.ticket.to_mut().entry("labels", Json::Object(Object::EMPTY)) {
                labels.insert(name.to_owned(), value);
            }
        }
    }

    fn insert(&mut self, native: &str, source: &str, value: Option<Value>) {
        let Some(value) = value.filter(|value| !value.is_null()) else { return };
        self.origins.used.insert((source.to_owned(), native.to_owned()));
        let path = native.trim_start_matches('/');
        let (map, name) = match path.split_once('/') {
            None => (self.ticket.to_mut(), path),
            Some((outer, inner)) => match self.ticket.to_mut().entry(outer.to_owned(), Json::Object(Object::EMPTY)) {
                Json::Object(map) => (map, inner),
                Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) | Json::List(_) => return,
            },
        };
        map.insert(name.to_owned(), value);
    }

    /// Adds a relation to another ticket.
    pub(in crate::wire) fn put_relation(&mut self, kind: &str, source: &str, ticket_id: Option<String>) {
        self.origins.looked_for.entry("/relations").or_insert_with(|| source.to_owned());
        let Some(ticket_id) = ticket_id else { return };
        self.origins.used.insert((source.to_owned(), "/relations".to_owned()));
        if let Json::List(relations) = self.ticket.to_mut().entry("relations", Json::List(Vec::new())) {
            relations.push(serde_json::json!({ "type": kind, "ticket_id": ticket_id }).into());
        }
    }
}

/// A name as a token of a JSON Pointer (RFC 6901 §3).
pub(in crate::wire) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
