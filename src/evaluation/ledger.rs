//! The ledger of versions: for each model that was judged what it was trained on, with which settings, and how it did on
//! which test set. It says what changed from one version to the next, and what was tried without gain.

use std::collections::{BTreeMap, BTreeSet};

use crate::statistics::wilson::Share;

use super::diagnosis::Tried;
use super::lineage::are_one_family;

/// Among what a model is: what it was trained from.
pub const PARENT: &str = "parent";

/// One judgement of one version. The file only grows; a version judged again has another entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Name of the version.
    pub name: String,
    /// Which model, to the last bit, where it is known.
    pub model: Option<String>,
    /// Name and version as its card says them, which is how the card of a model that is trained from it names it; `None`:
    /// there is no card.
    pub card: Option<String>,
    /// What it was trained on; `None`: not given.
    pub data: Option<TrainingData>,
    /// What its card says of the tickets that it was trained on; empty where it says nothing.
    pub composition: BTreeMap<String, String>,
    /// Settings of its training, as its directory says them; empty where it says none.
    pub hyperparameters: BTreeMap<String, String>,
    /// What kind of model it is: architecture, template, [`PARENT`]. Empty where it is not known.
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
            card: None,
            data: None,
            composition: BTreeMap::new(),
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

    /// What it was trained from, as its card names it; `None`: from nothing, or it is not said.
    pub fn parent(&self) -> Option<&str> {
        self.approach.get(PARENT).map(String::as_str)
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
///
/// The weights that a version was trained from are of none of them while they come from the same base: version 2 trained on
/// from version 1 is the next step of one approach, and what is new in it is its tickets or its settings. Another base is
/// another approach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Group {
    /// Training tickets: those that were given, and what the card says of them.
    Data,
    /// Settings of the training.
    Hyperparameters,
    /// Architecture and its size, base model, template of the text.
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
    /// Of which group; `None`: of none, another parent from the same base.
    pub group: Option<Group>,
    /// What.
    pub what: String,
    /// As it was; `None`: it was not said.
    pub before: Option<String>,
    /// As it is.
    pub after: Option<String>,
}

/// What differs between two versions of a ledger.
pub fn changes(entries: &[Entry], before: &Entry, after: &Entry) -> Vec<Change> {
    let mut found = Vec::new();
    let data = |entry: &Entry| {
        let Some(TrainingData { tickets, digest, by, counts }) = &entry.data else { return BTreeMap::new() };
        let counts = counts.iter().map(|(value, count)| (format!("{by} {value}"), count.to_string()));
        let whole = [("tickets".to_owned(), tickets.to_string()), ("digest".to_owned(), digest.clone())];
        counts.chain(whole).collect()
    };
    // What is not known of one of them cannot be said to have changed.
    if before.data.is_some() && after.data.is_some() {
        found.extend(differing(Group::Data, &data(before), &data(after)));
    }
    for (group, old, new) in [
        (Group::Data, &before.composition, &after.composition),
        (Group::Hyperparameters, &before.hyperparameters, &after.hyperparameters),
        (Group::Approach, &before.approach, &after.approach),
    ] {
        if !old.is_empty() && !new.is_empty() {
            found.extend(differing(group, old, new));
        }
    }
    if are_one_family(entries, before, after) {
        let is_parent = |change: &&mut Change| change.group == Some(Group::Approach) && change.what == PARENT;
        found.iter_mut().filter(is_parent).for_each(|change| change.group = None);
    }
    found
}

fn differing<'settings>(
    group: Group,
    old: &'settings BTreeMap<String, String>,
    new: &'settings BTreeMap<String, String>,
) -> impl Iterator<Item = Change> + 'settings {
    let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    keys.into_iter().filter(|key| old.get(*key) != new.get(*key)).map(move |key| Change {
        group: Some(group),
        what: key.clone(),
        before: old.get(key).cloned(),
        after: new.get(key).cloned(),
    })
}

/// The groups in which something changed.
pub fn groups(changes: &[Change]) -> BTreeSet<Group> {
    changes.iter().filter_map(|change| change.group).collect()
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
        let changed: Vec<Group> = groups(&changes(entries, before, entry)).into_iter().collect();
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
            card: None,
            data: Some(TrainingData {
                tickets: 480 + wireless,
                digest: format!("d{wireless}"),
                by: "category".into(),
                counts: [("wireless".to_owned(), wireless)].into(),
            }),
            composition: BTreeMap::new(),
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
        let found = changes(&[], &v1, &v2);
        assert_eq!(groups(&found), [Group::Data, Group::Hyperparameters].into());
        let wireless = found.iter().find(|change| change.what == "category wireless").expect("it changed");
        assert_eq!((wireless.before.as_deref(), wireless.after.as_deref()), (Some("20"), Some("120")));
        assert_eq!(changes(&[], &v1, &v1), []);
    }

    #[test]
    fn what_is_not_known_of_one_version_is_not_said_to_have_changed() {
        let bare = Entry {
            data: None,
            hyperparameters: BTreeMap::new(),
            approach: BTreeMap::new(),
            ..entry("v0", 0, "", None)
        };
        assert_eq!(changes(&[], &bare, &entry("v1", 20, "2e-5", None)), []);
    }

    #[test]
    fn each_thing_that_may_change_is_of_one_group_and_another_parent_of_the_same_base_is_of_none() {
        use Group::{Approach, Data, Hyperparameters};
        let version = |name: &str, of: &dyn Fn(&mut Entry)| {
            let mut version = entry(name, 20, "2e-5", None);
            version.card = Some(format!("triage {}", &name[1..]));
            version.composition = [("held_out".to_owned(), "4000".to_owned())].into();
            version.approach.insert(PARENT.to_owned(), "mini-bert".to_owned());
            of(&mut version);
            version
        };
        let from =
            |parent: &'static str| move |entry: &mut Entry| drop(entry.approach.insert(PARENT.into(), parent.into()));
        let v1 = version("v1", &|_| ());
        let ledger = [v1.clone(), version("v2", &from("triage 1")), version("v3", &from("v2"))];
        let check = |what: &str, changed: &dyn Fn(&mut Entry), groups: &[Option<Group>]| {
            let found = changes(&ledger, &v1, &version("v4", changed));
            assert_eq!(found.iter().map(|change| change.group).collect::<Vec<_>>(), groups, "{what}");
        };
        check("nothing", &|_| (), &[]);
        check(
            "a note on its tickets",
            &|entry| drop(entry.composition.insert("held_out".into(), "5".into())),
            &[Some(Data)],
        );
        check(
            "a setting",
            &|entry| drop(entry.hyperparameters.insert("learning_rate".into(), "1e-5".into())),
            &[Some(Hyperparameters)],
        );
        check(
            "another architecture",
            &|entry| drop(entry.approach.insert("architecture".into(), "roberta".into())),
            &[Some(Approach)],
        );
        check(
            "another template",
            &|entry| drop(entry.approach.insert("text".into(), "{title}".into())),
            &[Some(Approach)],
        );
        check("trained on from the version before", &from("v1"), &[None]);
        check("the same, by the words of its card", &from("triage 1"), &[None]);
        check("from a descendant of it", &from("triage 3"), &[None]);
        check("another base", &from("large-bert"), &[Some(Approach)]);
        check("from nothing", &|entry| drop(entry.approach.remove(PARENT)), &[Some(Approach)]);
        let both = |entry: &mut Entry| {
            from("v3")(entry);
            entry.hyperparameters.insert("learning_rate".into(), "1e-5".into());
        };
        check("a parent of the same base and a setting", &both, &[Some(Hyperparameters), None]);
    }

    #[test]
    fn a_version_trained_on_from_the_one_before_with_more_tickets_is_a_try_of_data() {
        let next = Entry {
            approach: [("architecture", "bert"), (PARENT, "v1")].map(|(key, value)| (key.into(), value.into())).into(),
            ..entry("v2", 120, "2e-5", Some(("v1", Gain::NotShown)))
        };
        assert_eq!(tried(&[entry("v1", 20, "2e-5", None), next]), Tried { data: 1, hyperparameters: 0 });
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
