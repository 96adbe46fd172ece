//! How `build/` reads values: by key, typed, with every key it asks for remembered, so that a test can show that
//! the table of keys and the program know the same ones.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::probability::Probability;

use super::keys;
use super::layers::{MainFile, Sources};
use super::mistake::{Mistake, Origin};
use super::values::{Item, Values};

/// Why a value has the type that is asked for.
const CHECKED: &str = "a value is in force only after it was checked against its key";

/// Values in force, and the mistakes found while reading them.
pub(super) struct Reader<'load> {
    /// The values.
    pub(super) values: &'load Values,
    /// Where they came from.
    pub(super) sources: &'load Sources,
    directory: PathBuf,
    mistakes: RefCell<Vec<Mistake>>,
    read: RefCell<BTreeSet<&'static str>>,
}

impl<'load> Reader<'load> {
    pub(super) fn new(values: &'load Values, sources: &'load Sources) -> Self {
        Self { values, sources, directory: sources.directory(), mistakes: RefCell::default(), read: RefCell::default() }
    }

    /// Records a mistake of one key.
    pub(super) fn mistake(&self, path: &str, problem: impl Into<String>) {
        self.mistake_near(path, path, problem.into());
    }

    /// Records a mistake whose origin, where the key itself is not set, is that of its neighbours, else the file: what
    /// is not set anywhere is missing from there.
    fn mistake_near(&self, path: &str, neighbours: &str, problem: String) {
        let mut origin = self.values.origin(path);
        if origin == Origin::Default {
            origin = self.values.origin_below(neighbours);
        }
        if let (Origin::Default, MainFile::At(file)) = (&origin, &self.sources.file) {
            origin = Origin::File(file.clone());
        }
        self.mistakes.borrow_mut().push(Mistake { origin, key: path.to_owned(), problem });
    }

    /// Records a mistake inside another file that a key names.
    pub(super) fn mistake_in(&self, file: &Path, key: String, problem: String) {
        self.mistakes.borrow_mut().push(Mistake { origin: Origin::File(file.to_owned()), key, problem });
    }

    /// All mistakes and all keys that were asked for.
    pub(super) fn finish(self) -> (Vec<Mistake>, BTreeSet<&'static str>) {
        (self.mistakes.into_inner(), self.read.into_inner())
    }

    fn item(&self, path: &str) -> Option<&'load Item> {
        let key = keys::find(path).expect("the program asks only for keys of the table");
        self.read.borrow_mut().insert(key.name);
        self.values.get(path).map(|entry| &entry.item)
    }

    fn plain(&self, path: &str) -> &'load Item {
        self.item(path).expect("every plain key has a default")
    }

    pub(super) fn text(&self, path: &str) -> &'load str {
        self.plain(path).text().expect(CHECKED)
    }

    /// A text that is set; `None` where it is empty.
    pub(super) fn set_text(&self, path: &str) -> Option<&'load str> {
        Some(self.text(path)).filter(|text| !text.is_empty())
    }

    pub(super) fn integer(&self, path: &str) -> i64 {
        self.plain(path).integer().expect(CHECKED)
    }

    /// A whole number as the program wants it; the table's range fits the type.
    pub(super) fn whole<N: TryFrom<i64>>(&self, path: &str) -> N {
        N::try_from(self.integer(path)).ok().expect("the range in the table fits the type")
    }

    pub(super) fn number(&self, path: &str) -> f64 {
        self.plain(path).number().expect(CHECKED)
    }

    /// A number, or `None` where the one word stands that the key takes in its place.
    pub(super) fn number_or_word(&self, path: &str) -> Option<f64> {
        let item = self.plain(path);
        assert!(item.number().is_some() || item.text().is_some(), "{CHECKED}");
        item.number()
    }

    pub(super) fn probability(&self, path: &str) -> Probability {
        Probability::try_new(self.number(path)).expect("the table's range is 0 to 1")
    }

    pub(super) fn probabilities(&self, path: &str) -> Vec<Probability> {
        let numbers = self.plain(path).numbers().expect(CHECKED);
        numbers.iter().filter_map(|number| Probability::try_new(*number).ok()).collect()
    }

    pub(super) fn flag(&self, path: &str) -> bool {
        self.plain(path).flag().expect(CHECKED)
    }

    pub(super) fn texts(&self, path: &str) -> Vec<String> {
        self.plain(path).texts().expect(CHECKED).to_vec()
    }

    pub(super) fn milliseconds(&self, path: &str) -> Duration {
        Duration::from_millis(self.whole(path))
    }

    pub(super) fn seconds(&self, path: &str) -> Duration {
        Duration::from_secs(self.whole(path))
    }

    /// A path, from the configuration's directory where it is relative; `None` where it is empty.
    pub(super) fn path(&self, path: &str) -> Option<PathBuf> {
        self.set_text(path).map(|name| self.directory.join(name))
    }

    pub(super) fn paths(&self, path: &str) -> Vec<PathBuf> {
        self.texts(path).iter().map(|name| self.directory.join(name)).collect()
    }

    /// The directory of the configuration file.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Rows of a list of tables, in order, as their paths (`slices[0]`).
    pub(super) fn rows(&self, list: &str) -> Vec<Row<'_, 'load>> {
        let prefix = format!("{list}[");
        let index = |path: &str| path.strip_prefix(&prefix)?.split(']').next()?.parse().ok();
        let indices: BTreeSet<usize> = self.values.below(&prefix).filter_map(|(path, _)| index(path)).collect();
        indices.into_iter().map(|index| Row { reader: self, path: format!("{list}[{index}]") }).collect()
    }

    /// Values with free names below a section (`source.mapping`), by that name.
    pub(super) fn named(&self, section: &str) -> BTreeMap<&'load str, &'load Item> {
        let prefix = format!("{section}.");
        if let Some(key) = keys::find(&format!("{prefix}name")) {
            self.read.borrow_mut().insert(key.name);
        }
        let entries = self.values.entries.iter();
        entries.filter_map(|(path, entry)| Some((path.strip_prefix(&prefix)?, &entry.item))).collect()
    }
}

/// One row of a list of tables. Every value may be left out.
pub(super) struct Row<'reader, 'load> {
    reader: &'reader Reader<'load>,
    path: String,
}

impl<'load> Row<'_, 'load> {
    /// Path of one of its keys.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    pub(super) fn text(&self, name: &str) -> Option<&'load str> {
        self.reader.item(&self.path(name))?.text().filter(|text| !text.is_empty())
    }

    pub(super) fn probability(&self, name: &str) -> Option<Probability> {
        Probability::try_new(self.reader.item(&self.path(name))?.number()?).ok()
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        Some(self.reader.item(&self.path(name))?.texts()?.to_vec())
    }

    /// Values with free names of the row.
    pub(super) fn named(&self, name: &str) -> BTreeMap<&'load str, &'load Item> {
        self.reader.named(&self.path(name))
    }

    /// Records a mistake of one of its keys.
    pub(super) fn mistake(&self, name: &str, problem: impl Into<String>) {
        self.reader.mistake_near(&self.path(name), &format!("{}.", self.path), problem.into());
    }
}
