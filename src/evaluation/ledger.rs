//! The ledger of versions: for each model that was judged what it was trained on, with which settings, and how it did on
//! which test set. It says what changed from one version to the next, and what was tried without gain.

use std::collections::{BTreeMap, BTreeSet};

use crate::statistics::wilson::Share;

use super::diagnosis::Tried;

/// One judgement of one version. The file only grows; a version judged again has another entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name of the version.
    pub name: String,
    /// Which model, to the last bit, where it is known.
    pub model: Option<String>,
    /// What it was trained on; `None`: not given.
    pub data: Option<TrainingData>,
    /// Settings of its training, as its directory says them; empty where it says none.
    pub hyperparameters: BTreeMap<String, String>,
    /// What kind of model it is: architecture, base, template. Empty where it is not known.
    pub approach: BTreeMap<String, String>,
    /// The test set.
    pub test_set: String,
    /// Right answers on it.
    pub right: Share,
    /// Macro-F1 on it.
    pub macro_f1: Option<f64>,
    /// Against which version it was compared, and whether a gain was shown; `None`: against none.
    pub against: Option<Against>,
}

impl Entry {
    /// An entry that knows a score alone.
    pub fn bare(name: &str, test_set: &str, right: Share) -> Self {
        Self {
            name: name.to_owned(),
            model: None,
            data: None,
            hyperparameters: BTreeMap::new(),
            approach: BTreeMap::new(),
            test_set: test_set.to_owned(),
            right,
            macro_f1: None,
            against: None,
        }
    }

    /// What counts as one version: a model that is trained anew under its old name is another.
    pub fn version(&self) -> (&str, Option<&str>) {
        (&self.name, self.model.as_deref())
    }
}

/// A comparison with the version before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Against {
    /// The version before.
    pub name: String,
    /// Whether it was shown to be better.
    pub gain: Gain,
}

/// Whether a gain was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gain {
    /// It is better, and not by chance.
    Shown,
    /// It is not shown to be better.
    NotShown,
}

impl Gain {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Shown, Self::NotShown];

    /// The word in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::NotShown => "not_shown",
        }
    }
}

/// What a version was trained on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrainingData {
    /// Tickets.
    pub tickets: u64,
    /// Which tickets and labels.
    pub digest: String,
    /// By what they are counted.
    pub by: String,
    /// How many there are of each value.
    pub counts: BTreeMap<String, u64>,
}

/// A group of things that a team changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Training tickets.
    Data,
    /// Settings of the training.
    Hyperparameters,
    /// Architecture, base, template.
    Approach,
}

impl Group {
    /// All groups, in the order in which they are to be tried.
    pub const ALL: [Self; 3] = [Self::Data, Self::Hyperparameters, Self::Approach];

    /// The word for people.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Hyperparameters => "hyperparameters",
            Self::Approach => "approach",
        }
    }
}

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of which group.
    pub group: Group,
    /// What.
    pub what: String,
    /// As it was; `None`: it was not said.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
}

/// What differs between two versions.
pub fn changes(before: &Entry, after: &Entry) -> Vec<Change> {
    let mut found = Vec::new();
    let data = |entry: &Entry| {
        let Some(TrainingData { tickets, digest, by, counts }) = &entry.data else { return BTreeMap::new() };
        let counts = counts.iter().map(|(value, count)| (format!("{by} {value}"), count.to_string()));
        let whole = [("tickets".to_owned(), tickets.to_string()), ("digest".to_owned(), digest.clone())];
        counts.chain(whole).collect()
    };
    // What is not known of one of them cannot be said to have changed.
    if before.data.is_some() && after.data.is_some() {
        differing(Group::Data, &data(before), &data(after), &mut found);
    }
    for (group, old, new) in [
        (Group::Hyperparameters, &before.hyperparameters, &after.hyperparameters),
        (Group::Approach, &before.approach, &after.approach),
    ] {
        if !old.is_empty() && !new.is_empty() {
            differing(group, old, new, &mut found);
        }
    }
    found
}

fn differing(group: Group, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>, found: &mut Vec<Change>) {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    found.extend(keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).map(|key| Change {
        group,
        what: key.clone(),
        before: old.get(key).cloned(),
        after: new.get(key).cloned(),
    }));
}

/// The groups in which something changed.
pub fn groups(changes: &[Change]) -> BTreeSet<Group> {
    changes.iter().map(|change| change.group).collect()
}

/// The last entry of a version.
pub fn latest<'entries>(entries: &'entries [Entry], name: &str) -> Option<&'entries Entry> {
    entries.iter().rev().find(|entry| entry.name == name)
}

/// Iterations since the last shown gain that changed data alone, or hyperparameters alone, without one. Each version counts
/// once, by its last judgement: judging again is no new try.
pub fn tried(entries: &[Entry]) -> Tried {
    let mut tried = Tried::default();
    for (at, entry) in entries.iter().enumerate() {
        let is_last = entries[at + 1..].iter().all(|later| later.version() != entry.version());
        let Some(against) = entry.against.as_ref().filter(|_| is_last) else { continue };
        if against.gain == Gain::Shown {
            tried = Tried::default();
            continue;
        }
        let Some(before) = latest(entries, &against.name) else { continue };
        let changed: Vec<Group> = groups(&changes(before, entry)).into_iter().collect();
        match changed.as_slice() {
            [Group::Data] => tried.data += 1,
            [Group::Hyperparameters] => tried.hyperparameters += 1,
            _ => {}
        }
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, wireless: u64, rate: &str, against: Option<(&str, Gain)>) -> Entry {
        Entry {
            name: name.to_owned(),
            model: None,
            data: Some(TrainingData {
                tickets: 480 + wireless,
                digest: format!("d{wireless}"),
                by: "category".into(),
                counts: [("wireless".to_owned(), wireless)].into(),
            }),
            hyperparameters: [("learning_rate".to_owned(), rate.to_owned())].into(),
            approach: [("architecture".to_owned(), "bert".to_owned())].into(),
            test_set: "t".into(),
            right: Share { hits: 38, of: 50 },
            macro_f1: Some(0.7),
            against: against.map(|(name, gain)| Against { name: name.to_owned(), gain }),
        }
    }

    #[test]
    fn what_changed_is_said_by_group() {
        let (v1, v2) = (entry("v1", 20, "2e-5", None), entry("v2", 120, "1e-5", None));
        let found = changes(&v1, &v2);
        assert_eq!(groups(&found), [Group::Data, Group::Hyperparameters].into());
        let wireless = found.iter().find(|change| change.what == "category wireless").expect("it changed");
        assert_eq!((wireless.before.as_deref(), wireless.after.as_deref()), (Some("20"), Some("120")));
        assert_eq!(changes(&v1, &v1), []);
    }

    #[test]
    fn what_is_not_known_of_one_version_is_not_said_to_have_changed() {
        let bare = Entry {
            data: None,
            hyperparameters: BTreeMap::new(),
            approach: BTreeMap::new(),
            ..entry("v0", 0, "", None)
        };
        assert_eq!(changes(&bare, &entry("v1", 20, "2e-5", None)), []);
    }

    #[test]
    fn iterations_of_one_group_without_gain_are_counted_from_the_last_gain_on() {
        let no = |name| Some((name, Gain::NotShown));
        let entries = [
            entry("v1", 20, "2e-5", None),
            entry("v2", 120, "2e-5", no("v1")),
            entry("v3", 120, "1e-5", no("v2")),
            entry("v4", 150, "3e-5", no("v3")),
        ];
        assert_eq!(tried(&entries), Tried { data: 1, hyperparameters: 1 }, "v4 changed two groups at once");
        let gained = [entries.to_vec(), vec![entry("v5", 400, "3e-5", Some(("v4", Gain::Shown)))]].concat();
        assert_eq!(tried(&gained), Tried::default());
        let again = [entries[..2].to_vec(), vec![entries[1].clone()]].concat();
        assert_eq!(tried(&again), Tried { data: 1, hyperparameters: 0 }, "judged again is not tried again");
        let trained_anew = Entry { model: Some("another".to_owned()), ..entries[1].clone() };
        let anew = [entries[..2].to_vec(), vec![trained_anew]].concat();
        assert_eq!(tried(&anew), Tried { data: 2, hyperparameters: 0 }, "another model of that name is another try");
    }
}
