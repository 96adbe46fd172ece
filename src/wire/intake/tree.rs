//! JSON as a tree whose texts lie where the record holds them: a text is copied only where it holds escapes. A tree of
//! `serde_json` copies each text and each name, and hashes the names; that took a third of the time of reading a ticket.
//!
//! What a tree accepts, where it says that a text is no JSON, and what it holds are the same: the same parser drives it, and
//! `tree_tests` holds both against each other.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// One JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::wire) enum Json<'text> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'text, str>),
    List(Vec<Json<'text>>),
    Object(Object<'text>),
}

/// The fields of an object in order, each name once: where one stands twice, at its first place with its last value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::wire) struct Object<'text> {
    fields: Vec<(Cow<'text, str>, Json<'text>)>,
}

/// Fields for which an object has room from its first on: those inside a ticket have fewer, a ticket some twenty.
const FIELDS_USUAL: usize = 8;

/// Most fields of an object in which a name that stands twice is sought by comparing each with each. A ticket has some
/// twenty; with thousands of fields it would take seconds.
const COMPARED_MAX: usize = 32;

impl<'text> Object<'text> {
    /// An object without fields.
    pub(in crate::wire) const EMPTY: Self = Self { fields: Vec::new() };

    /// A view of an object of `serde_json`.
    pub(in crate::wire) fn view(map: &'text Map<String, Value>) -> Self {
        let fields = map.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), Json::view(value)));
        Self { fields: fields.collect() }
    }

    pub(in crate::wire) fn into_map(self) -> Map<String, Value> {
        self.fields.into_iter().map(|(name, value)| (name.into_owned(), value.into_value())).collect()
    }

    /// The value of a name. Objects of tickets are small: looking at each name is quicker than hashing it.
    pub(in crate::wire) fn get(&self, name: &str) -> Option<&Json<'text>> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    pub(in crate::wire) fn contains_key(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Names and values in order.
    pub(in crate::wire) fn iter(&self) -> impl Iterator<Item = (&str, &Json<'text>)> {
        self.fields.iter().map(|(name, value)| (name.as_ref(), value))
    }

    /// Takes a field out; the last one moves into the gap.
    pub(in crate::wire) fn swap_remove(&mut self, name: &str) -> Option<Json<'text>> {
        let index = self.fields.iter().position(|(other, _)| other == name)?;
        Some(self.fields.swap_remove(index).1)
    }

    /// Sets a field, at its place where it has one.
    pub(in crate::wire) fn insert(&mut self, name: impl Into<Cow<'text, str>>, value: impl Into<Json<'text>>) {
        *self.entry(name, Json::Null) = value.into();
    }

    /// The value of a name, set first where it is not there.
    pub(in crate::wire) fn entry(&mut self, name: impl Into<Cow<'text, str>>, absent: Json<'text>) -> &mut Json<'text> {
        let name = name.into();
        let index = self.fields.iter().position(|(other, _)| *other == name).unwrap_or_else(|| {
            self.fields.push((name, absent));
            self.fields.len() - 1
        });
        &mut self.fields[index].1
    }

    /// An object of fields as they stand in a text, where a name may stand twice.
    fn of(fields: Vec<(Cow<'text, str>, Json<'text>)>) -> Self {
        let is_small = fields.len() <= COMPARED_MAX;
        let stands_before =
            |(at, (name, _)): (usize, &(Cow<'_, str>, Json<'_>))| fields[..at].iter().any(|(other, _)| other == name);
        if is_small && !fields.iter().enumerate().any(stands_before) {
            return Self { fields };
        }
        let mut places: HashMap<Cow<'text, str>, usize> = HashMap::with_capacity(fields.len());
        let mut kept: Vec<(Cow<'text, str>, Json<'text>)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            if let Some(&place) = places.get(&name) {
                kept[place].1 = value;
            } else {
                places.insert(name.clone(), kept.len());
                kept.push((name, value));
            }
        }
        Self { fields: kept }
    }
}

impl<'text> Json<'text> {
    /// A view of a value of `serde_json`.
    pub(in crate::wire) fn view(value: &'text Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(*flag),
            Value::Number(number) => Self::Number(number.clone()),
            Value::String(text) => Self::Text(Cow::Borrowed(text)),
            Value::Array(items) => Self::List(items.iter().map(Self::view).collect()),
            Value::Object(fields) => Self::Object(Object::view(fields)),
        }
    }

    pub(in crate::wire) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::Bool(flag),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::String(text.into_owned()),
            Self::List(items) => items.into_iter().map(Self::into_value).collect(),
            Self::Object(object) => Value::Object(object.into_map()),
        }
    }

    pub(in crate::wire) const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(in crate::wire) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(in crate::wire) fn as_u64(&self) -> Option<u64> {
        if let Self::Number(number) = self { number.as_u64() } else { None }
    }

    pub(in crate::wire) const fn as_object(&self) -> Option<&Object<'text>> {
        if let Self::Object(object) = self { Some(object) } else { None }
    }

    pub(in crate::wire) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(items) = self { Some(items) } else { None }
    }

    /// A field, where this is an object.
    pub(in crate::wire) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }

    /// What a JSON Pointer points at (RFC 6901).
    pub(in crate::wire) fn pointer(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        let tokens = pointer.strip_prefix('/')?.split('/');
        tokens.map(|token| token.replace("~1", "/").replace("~0", "~")).try_fold(self, |at, token| match at {
            Self::Object(object) => object.get(&token),
            Self::List(items) => items.get(place(&token)?),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => None,
        })
    }
}

/// A place in a list as a pointer writes it: digits without a leading zero or sign.
fn place(token: &str) -> Option<usize> {
    if token.starts_with('+') || (token.starts_with('0') && token.len() != 1) { None } else { token.parse().ok() }
}

impl From<Value> for Json<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(flag) => Self::Bool(flag),
            Value::Number(number) => Self::Number(number),
            Value::String(text) => Self::Text(Cow::Owned(text)),
            Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            Value::Object(fields) => {
                let fields = fields.into_iter().map(|(name, value)| (Cow::Owned(name), Self::from(value)));
                Self::Object(Object { fields: fields.collect() })
            }
        }
    }
}

/// A name as it stands in a text.
#[derive(serde::Deserialize)]
struct Name<'text>(#[serde(borrow)] Cow<'text, str>);

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// Takes from a parser what `serde_json` takes for a value of its own.
struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut fields = Vec::new();
        while let Some((Name(name), value)) = entries.next_entry()? {
            // Not before: a record of a hundred thousand empty objects must not take megabytes for what they do not hold.
            if fields.capacity() == 0 {
                fields.reserve_exact(FIELDS_USUAL);
            }
            fields.push((name, value));
        }
        Ok(Json::Object(Object::of(fields)))
    }
}
