//! What a reload changes. All or nothing: one key that needs a restart refuses the whole reload.

use std::collections::BTreeSet;
use std::fmt;

use super::key::ReloadClass;
use super::keys;
use super::values::Values;
use super::{Loaded, Origin};

/// One changed value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Dotted key.
    pub key: String,
    /// Value before, as TOML; empty where it was not set.
    pub from: String,
    /// Value after, as TOML; empty where it is not set.
    pub to: String,
    /// Where the new value was set.
    pub origin: Origin,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| if text.is_empty() { "not set".to_owned() } else { text.to_owned() };
        write!(formatter, "{}: {} → {} ({})", self.key, shown(&self.from), shown(&self.to), self.origin)
    }
}

/// What to do with a configuration that was read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// Nothing has changed.
    Unchanged,
    /// Take over policy, rollout and log filter of the new settings; nothing else has changed.
    Apply(Vec<Change>),
    /// Keep what runs: these keys need a restart.
    Refused(Vec<Change>),
}

impl Reload {
    /// One sentence for the log and the operator.
    pub fn sentence(&self) -> String {
        let list = |changes: &[Change]| changes.iter().map(Change::to_string).collect::<Vec<_>>().join("; ");
        match self {
            Self::Unchanged => "nothing has changed".to_owned(),
            Self::Apply(changes) => format!("taken over: {}", list(changes)),
            Self::Refused(changes) => {
                format!("refused as a whole, what ran before still runs; these need a restart: {}", list(changes))
            }
        }
    }
}

/// Compares the configuration that runs with one that was read again.
pub fn diff(old: &Loaded, new: &Loaded) -> Reload {
    let changes = changes_of(&old.values, &new.values);
    let needs_restart = |change: &&Change| keys::find(&change.key).is_none_or(|key| key.reload == ReloadClass::Restart);
    let mut refused: Vec<Change> = changes.iter().filter(needs_restart).cloned().collect();
    refused.extend(changed_files(old, new));
    if !refused.is_empty() {
        Reload::Refused(refused)
    } else if changes.is_empty() {
        Reload::Unchanged
    } else {
        Reload::Apply(changes)
    }
}

fn changes_of(old: &Values, new: &Values) -> Vec<Change> {
    let paths: BTreeSet<&String> = old.entries.keys().chain(new.entries.keys()).collect();
    let shown = |values: &Values, path: &str| values.get(path).map(|entry| entry.item.to_toml()).unwrap_or_default();
    let change = |path: &String| {
        let (from, to) = (shown(old, path), shown(new, path));
        (from != to).then(|| Change { key: path.clone(), from, to, origin: new.origin(path) })
    };
    paths.into_iter().filter_map(change).collect()
}

/// Files that keys name and whose content decides something, changed under the same name.
fn changed_files(old: &Loaded, new: &Loaded) -> Vec<Change> {
    let content = |key: &str| Change {
        key: key.to_owned(),
        from: "its content before".to_owned(),
        to: "its content now".to_owned(),
        origin: new.values.origin(key),
    };
    let (before, after) = (&old.settings, &new.settings);
    let mut changes = Vec::new();
    if before.draw_key != after.draw_key {
        changes.push(content("draw_key_file"));
    }
    if before.taxonomy.digest != after.taxonomy.digest {
        changes.push(content("taxonomy_file"));
    }
    if before.kafka.security.properties.len() == after.kafka.security.properties.len() {
        let pairs = before.kafka.security.properties.iter().zip(&after.kafka.security.properties);
        // A rotated password is taken up by the next start; saying so beats connecting with the old one in silence.
        if pairs.into_iter().any(|(one, other)| one != other) {
            changes.push(content("kafka.security"));
        }
    }
    changes
}
