//! The values in force, flat, each with its origin. Every value here has the type and range of its key.

use std::collections::BTreeMap;

use super::key::Kind;
use super::keys;
use super::mistake::Origin;

/// A value of the type that its key asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A text, word, path or name.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// A switch.
    Flag(bool),
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of numbers.
    Numbers(Vec<f64>),
}

impl Item {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The whole number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        if let Self::Number(number) = self { Some(*number) } else { None }
    }

    /// The switch, if it is one.
    pub fn flag(&self) -> Option<bool> {
        if let Self::Flag(flag) = self { Some(*flag) } else { None }
    }

    /// The list of texts, if it is one.
    pub fn texts(&self) -> Option<&[String]> {
        if let Self::Texts(texts) = self { Some(texts) } else { None }
    }

    /// The list of numbers, if it is one.
    pub fn numbers(&self) -> Option<&[f64]> {
        if let Self::Numbers(numbers) = self { Some(numbers) } else { None }
    }

    /// The value as it would stand in a TOML file.
    pub fn to_toml(&self) -> String {
        let quoted = |text: &String| toml::Value::String(text.clone()).to_string();
        let list = |parts: Vec<String>| format!("[{}]", parts.join(", "));
        match self {
            Self::Text(text) => quoted(text),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => format!("{number:?}"),
            Self::Flag(flag) => flag.to_string(),
            Self::Texts(texts) => list(texts.iter().map(quoted).collect()),
            Self::Numbers(numbers) => list(numbers.iter().map(|number| format!("{number:?}")).collect()),
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Flag(flag) => (*flag).into(),
            Self::Texts(texts) => texts.clone().into(),
            Self::Numbers(numbers) => numbers.clone().into(),
        }
    }
}

/// A value and where it was set.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The value.
    pub item: Item,
    /// Where it was set.
    pub origin: Origin,
}

/// All values in force, by dotted path (`slices[0].name`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Values {
    /// The entries.
    pub entries: BTreeMap<String, Entry>,
}

impl Values {
    /// Puts a value in force.
    pub fn set(&mut self, path: &str, item: Item, origin: Origin) {
        self.entries.insert(path.to_owned(), Entry { item, origin });
    }

    /// Takes a whole list out of force: a later layer replaces lists, it does not extend them.
    pub fn clear_rows(&mut self, list: &str) {
        let prefix = format!("{list}[");
        self.entries.retain(|path, _| !path.starts_with(&prefix));
    }

    /// The entry at a path.
    pub fn get(&self, path: &str) -> Option<&Entry> {
        self.entries.get(path)
    }

    /// Where a path was set; `Default` where nothing is.
    pub fn origin(&self, path: &str) -> Origin {
        self.get(path).map_or(Origin::Default, |entry| entry.origin.clone())
    }

    /// Origin of the first entry below a prefix: for mistakes about a whole row.
    pub fn origin_below(&self, prefix: &str) -> Origin {
        self.below(prefix).next().map_or(Origin::Default, |(_, entry)| entry.origin.clone())
    }

    /// All entries whose path starts with a prefix.
    pub fn below(&self, prefix: &str) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries
            .iter()
            .filter(move |(path, _)| path.starts_with(prefix))
            .map(|(path, entry)| (path.as_str(), entry))
    }

    /// One line per value, in order, secrets' paths included, secrets not: the input of digests.
    pub fn canonical(&self, is_wanted: impl Fn(&str) -> bool) -> String {
        let wanted = self.entries.iter().filter(|(path, _)| is_wanted(path));
        let lines: Vec<String> = wanted.map(|(path, entry)| format!("{path} = {}\n", entry.item.to_toml())).collect();
        lines.concat()
    }

    /// Whether the value at a path is the name of a file that holds a secret.
    pub fn is_secret(path: &str) -> bool {
        keys::find(path).is_some_and(|key| key.kind == Kind::SecretFile)
    }
}
