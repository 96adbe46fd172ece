//! Typed access to the fields of a native ticket. Absent and `null` are the same; a wrong type is an error that names
//! the field, where it stands in the source, and what was expected.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::domain::time::UtcMillis;
use crate::policy::text::end_unfolded;
use crate::wire::words::ClosedWord;

use super::draft::{Origins, escaped};
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::{IntakeSettings, compared, lookup};
use super::times::{self, TimeProblem};
use super::tree::{Json, Object};

/// Bytes of a short field: names, categories, sites, identifiers of things. Longer ones are cut and flagged.
pub(in crate::wire) const SHORT_BYTES_MAX: usize = 256;

/// How much longer than its bound a text may be once it is normalised. Letters of every script stay below; what is longer
/// is made to cost time.
const UNFOLDED_TIMES_MAX: usize = 3;

/// What all fields of one record share.
pub(in crate::wire) struct Reading<'record> {
    pub(in crate::wire) settings: &'record IntakeSettings,
    pub(in crate::wire) origins: &'record Origins,
    /// Raised when any text was cut to its bound.
    pub(in crate::wire) was_cut: Cell<bool>,
}

/// Where an object stands in a ticket or a verdict. Its pointer is written only where an error names it.
#[derive(Clone, Copy, Debug)]
pub(in crate::wire) enum Place<'outer> {
    /// It is the whole.
    Root,
    /// It is a field of another object.
    Field { of: &'outer Self, name: &'outer str },
    /// It stands in a list that is a field of another object.
    Item { of: &'outer Self, list: &'outer str, index: usize },
}

impl Place<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Field { of, name } => format!("{}/{}", of.pointer(), escaped(name)),
            Self::Item { of, list, index } => format!("{}/{}/{index}", of.pointer(), escaped(list)),
        }
    }
}

/// One object of the ticket and its place.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Fields<'record> {
    pub(in crate::wire) reading: &'record Reading<'record>,
    pub(in crate::wire) map: &'record Object<'record>,
    pub(in crate::wire) place: Place<'record>,
}

type Read<T> = Result<T, DeadLetterReason>;

impl<'record> Fields<'record> {
    fn value(&self, name: &str) -> Option<&'record Json<'record>> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// How an error names a field: by its place in the source.
    fn in_source(&self, name: &str) -> String {
        self.reading.origins.of(&Place::Field { of: &self.place, name }.pointer())
    }

    /// A field that is not what it should be.
    pub(in crate::wire) fn invalid(&self, name: &str, problem: &str) -> DeadLetterReason {
        let place = self.in_source(name);
        DeadLetterReason::new(DeadLetterClass::InvalidField, format!("{place}: {problem}"))
    }

    /// A field that must be there and is not.
    pub(in crate::wire) fn missing(&self, name: &str, advice: &str) -> DeadLetterReason {
        let place = self.in_source(name);
        DeadLetterReason::new(DeadLetterClass::MissingField, format!("{place} is missing: {advice}"))
    }

    /// The text as it stands; the empty one is absent.
    pub(in crate::wire) fn raw_text(&self, name: &str) -> Read<Option<&'record str>> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::Text(text)) if text.trim().is_empty() => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.invalid(name, &format!("a text is expected, not {}", type_of(other)))),
        }
    }

    /// A text in one line, at most [`SHORT_BYTES_MAX`] bytes.
    pub(in crate::wire) fn short(&self, name: &str) -> Read<Option<String>> {
        self.line(name, SHORT_BYTES_MAX)
    }

    /// A text in one line.
    pub(in crate::wire) fn line(&self, name: &str, bytes_max: usize) -> Read<Option<String>> {
        let text = self.raw_text(name)?.map(|text| one_line(self.cut(text, bytes_max)));
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// A text in lines.
    pub(in crate::wire) fn block(&self, name: &str, bytes_max: usize) -> Read<Option<String>> {
        let text = self.raw_text(name)?.map(|text| many_lines(self.cut(text, bytes_max)));
        Ok(text.filter(|text| !text.is_empty()))
    }

    fn cut<'text>(&self, text: &'text str, bytes_max: usize) -> &'text str {
        let text = text.trim();
        let kept = &text[..text.floor_char_boundary(bytes_max)];
        // Only other letters than those of ASCII unfold.
        let end = if kept.is_ascii() { kept.len() } else { end_unfolded(kept, bytes_max * UNFOLDED_TIMES_MAX) };
        if end < text.len() {
            self.reading.was_cut.set(true);
        }
        &kept[..end]
    }

    /// A number of 0 or more without fraction.
    pub(in crate::wire) fn count(&self, name: &str) -> Read<Option<u64>> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::Number(number)) if number.is_u64() => Ok(number.as_u64()),
            Some(_) => Err(self.invalid(name, "a whole number of 0 or more is expected")),
        }
    }

    /// A number of 0 or more that fits into 32 bits.
    pub(in crate::wire) fn small_count(&self, name: &str) -> Read<Option<u32>> {
        let Some(count) = self.count(name)? else { return Ok(None) };
        u32::try_from(count).map(Some).map_err(|_| self.invalid(name, "the number is too large"))
    }

    /// Yes or no; absent is no.
    pub(in crate::wire) fn flag(&self, name: &str) -> Read<bool> {
        match self.value(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(name, "true or false is expected")),
        }
    }

    /// A time.
    pub(in crate::wire) fn time(&self, name: &str) -> Read<Option<UtcMillis>> {
        let Some(text) = self.raw_text(name)? else { return Ok(None) };
        times::parse(text, self.reading.settings.time_zone.as_ref()).map(Some).map_err(|problem| match problem {
            TimeProblem::Unreadable => self.invalid(name, "a time as in RFC 3339 is expected"),
            TimeProblem::NoZone => self.invalid(name, "the time has no zone: set source.timezone"),
        })
    }

    /// A word of a closed list that a wrong guess would harm.
    pub(in crate::wire) fn word<T: ClosedWord>(&self, name: &str, aliases: &BTreeMap<String, T>) -> Read<Option<T>> {
        let Some(text) = self.raw_text(name)? else { return Ok(None) };
        let known = lookup(aliases, text).or_else(|| T::from_word(&compared(text)));
        let expected = || {
            let words: Vec<&str> = T::all().iter().map(|value| value.word()).collect();
            format!("the word is none of {}: add it to source.aliases.{}", words.join(", "), T::NAME)
        };
        known.map(Some).ok_or_else(|| self.invalid(name, &expected()))
    }

    /// A word of a list that has a place for everything else.
    pub(in crate::wire) fn word_or<T: ClosedWord>(
        &self,
        name: &str,
        aliases: &BTreeMap<String, T>,
        other: T,
    ) -> Read<Option<T>> {
        let text = self.raw_text(name)?;
        Ok(text.map(|text| lookup(aliases, text).or_else(|| T::from_word(&compared(text))).unwrap_or(other)))
    }

    /// An object inside this one.
    pub(in crate::wire) fn object(&self, name: &str) -> Read<Option<&'record Object<'record>>> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.invalid(name, &format!("an object is expected, not {}", type_of(other)))),
        }
    }

    /// A list inside this object; absent is empty.
    pub(in crate::wire) fn list(&self, name: &str) -> Read<&'record [Json<'record>]> {
        match self.value(name) {
            None => Ok(&[]),
            Some(Json::List(items)) => Ok(items),
            Some(other) => Err(self.invalid(name, &format!("a list is expected, not {}", type_of(other)))),
        }
    }
}

/// What a JSON value is, for an error message.
pub(in crate::wire) const fn type_of(value: &Json<'_>) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::Text(_) => "a text",
        Json::List(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// A byte of ASCII that stands for itself: most texts hold nothing else, and need no look at each character.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Whether all bytes are of a kind: without a way out in the middle, so that many are looked at at once.
fn all(text: &str, is_so: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(1, |so_far, byte| so_far & u8::from(is_so(byte))) == 1
}

/// Control characters, line ends included, become spaces.
pub(in crate::wire) fn one_line(text: &str) -> String {
    if all(text, is_plain) {
        return text.trim().to_owned();
    }
    let line: String = text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    line.trim().to_owned()
}

/// Line ends become `\n`; other control characters, NUL first of all, become spaces.
fn many_lines(text: &str) -> String {
    if all(text, |byte| is_plain(byte) || matches!(byte, b'\n' | b'\t')) {
        return text.trim().to_owned();
    }
    let mut lines = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\r' if characters.peek() == Some(&'\n') => {}
            '\r' | '\n' => lines.push('\n'),
            '\t' => lines.push('\t'),
            _ if character.is_control() => lines.push(' '),
            _ => lines.push(character),
        }
    }
    lines.trim().to_owned()
}
