//! From a value of a file, or a text of the environment, to a value of the type and range that a key asks for.

use config::ValueKind;

use super::key::Kind;
use super::values::Item;

/// Longest text of any value, in bytes.
const TEXT_BYTES_MAX: usize = 4096;

/// Longest list of any value. Lists are compared with each ticket; ten thousand entries still cost microseconds.
const LIST_LENGTH_MAX: usize = 10_000;

/// Longest name that Kafka takes for a topic.
const KAFKA_NAME_BYTES_MAX: usize = 249;

/// The sentence for a value that does not fit.
pub(super) fn problem(kind: Kind, found: &str) -> String {
    format!("{found} is not {}", kind.range())
}

/// Checks a value of a file.
///
/// # Errors
/// The value as it was found, in short.
pub(super) fn check(kind: Kind, value: &config::Value) -> Result<Item, String> {
    let found = || show(value);
    match kind {
        Kind::Text | Kind::Word(_) | Kind::Path | Kind::SecretFile | Kind::KafkaName => {
            text_of(value).ok_or_else(found).and_then(|text| text_item(kind, text))
        }
        Kind::Integer(..) => integer_of(value).ok_or_else(found).and_then(|number| integer_item(kind, number)),
        Kind::Number(..) | Kind::Probability => {
            number_of(value).ok_or_else(found).and_then(|number| number_item(kind, number))
        }
        Kind::NumberOr(_, _, word) if text_of(value) == Some(word) => Ok(Item::Text(word.to_owned())),
        Kind::NumberOr(least, greatest, _) => {
            number_of(value).ok_or_else(found).and_then(|number| number_item(Kind::Number(least, greatest), number))
        }
        Kind::Flag => {
            if let ValueKind::Boolean(flag) = value.kind {
                Ok(Item::Flag(flag))
            } else {
                Err(found())
            }
        }
        Kind::Texts | Kind::Words(_) | Kind::Paths => {
            let text = |part: &config::Value| text_of(part).map(str::to_owned);
            let parts: Option<Vec<String>> = parts_of(value).ok_or_else(found)?.iter().map(text).collect();
            texts_item(kind, parts.ok_or_else(found)?)
        }
        Kind::Probabilities => {
            let numbers: Option<Vec<f64>> = parts_of(value).ok_or_else(found)?.iter().map(number_of).collect();
            numbers_item(numbers.ok_or_else(found)?)
        }
    }
}

/// Reads a text of the environment or the command line; lists are separated by commas.
///
/// # Errors
/// The text as it was found, in short.
pub(super) fn parse(kind: Kind, text: &str) -> Result<Item, String> {
    let found = || quote(text);
    let parts = || text.split(',').map(str::trim).filter(|part| !part.is_empty());
    match kind {
        Kind::Text | Kind::Word(_) | Kind::Path | Kind::SecretFile | Kind::KafkaName => text_item(kind, text),
        Kind::Integer(..) => text.trim().parse().map_err(|_| found()).and_then(|number| integer_item(kind, number)),
        Kind::NumberOr(_, _, word) if text.trim() == word => Ok(Item::Text(word.to_owned())),
        Kind::NumberOr(least, greatest, _) => {
            let number = text.trim().parse().map_err(|_| found());
            number.and_then(|number| number_item(Kind::Number(least, greatest), number))
        }
        Kind::Number(..) | Kind::Probability => {
            text.trim().parse().map_err(|_| found()).and_then(|number| number_item(kind, number))
        }
        Kind::Flag => text.trim().parse().map(Item::Flag).map_err(|_| found()),
        Kind::Texts | Kind::Words(_) | Kind::Paths => texts_item(kind, parts().map(str::to_owned).collect()),
        Kind::Probabilities => {
            let numbers: Result<Vec<f64>, _> = parts().map(str::parse).collect();
            numbers_item(numbers.map_err(|_| found())?)
        }
    }
}

fn text_item(kind: Kind, text: &str) -> Result<Item, String> {
    let fits = text.len() <= TEXT_BYTES_MAX
        && !text.chars().any(char::is_control)
        && match kind {
            Kind::Word(words) => words.contains(&text),
            Kind::KafkaName => is_kafka_name(text),
            Kind::Text
            | Kind::Path
            | Kind::SecretFile
            | Kind::Integer(..)
            | Kind::Number(..)
            | Kind::NumberOr(..)
            | Kind::Probability
            | Kind::Flag
            | Kind::Texts
            | Kind::Words(_)
            | Kind::Probabilities
            | Kind::Paths => true,
        };
    if fits { Ok(Item::Text(text.to_owned())) } else { Err(quote(text)) }
}

/// Whether a text may name a topic, a group or an instance.
pub(super) fn is_kafka_name(text: &str) -> bool {
    let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=KAFKA_NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_legal) && text != "." && text != ".."
}

fn integer_item(kind: Kind, number: i64) -> Result<Item, String> {
    if let Kind::Integer(least, greatest) = kind
        && !(least..=greatest).contains(&number)
    {
        return Err(number.to_string());
    }
    Ok(Item::Integer(number))
}

fn number_item(kind: Kind, number: f64) -> Result<Item, String> {
    let (least, greatest) = if let Kind::Number(least, greatest) = kind { (least, greatest) } else { (0.0, 1.0) };
    if (least..=greatest).contains(&number) { Ok(Item::Number(number)) } else { Err(number.to_string()) }
}

fn numbers_item(numbers: Vec<f64>) -> Result<Item, String> {
    match numbers.iter().find(|number| !(0.0..=1.0).contains(*number)) {
        Some(wrong) => Err(format!("the entry {wrong}")),
        None if numbers.len() > LIST_LENGTH_MAX => Err(format!("a list of {} entries", numbers.len())),
        None => Ok(Item::Numbers(numbers)),
    }
}

fn texts_item(kind: Kind, texts: Vec<String>) -> Result<Item, String> {
    if texts.len() > LIST_LENGTH_MAX {
        return Err(format!("a list of {} entries (at most {LIST_LENGTH_MAX})", texts.len()));
    }
    let is_wrong = |text: &&String| {
        if let Kind::Words(words) = kind {
            return !words.contains(&text.as_str());
        }
        text.is_empty() || text.len() > TEXT_BYTES_MAX || text.chars().any(char::is_control)
    };
    match texts.iter().find(is_wrong) {
        Some(wrong) => Err(format!("the entry {}", quote(wrong))),
        None => Ok(Item::Texts(texts)),
    }
}

fn text_of(value: &config::Value) -> Option<&str> {
    if let ValueKind::String(text) = &value.kind { Some(text) } else { None }
}

fn integer_of(value: &config::Value) -> Option<i64> {
    if let ValueKind::I64(number) = value.kind { Some(number) } else { None }
}

fn number_of(value: &config::Value) -> Option<f64> {
    if let ValueKind::Float(number) = value.kind {
        return Some(number);
    }
    integer_of(value).map(|number| number as f64)
}

fn parts_of(value: &config::Value) -> Option<&Vec<config::Value>> {
    if let ValueKind::Array(parts) = &value.kind { Some(parts) } else { None }
}

fn quote(text: &str) -> String {
    let bounded: String = text.chars().take(64).collect();
    format!("`{}`", bounded.escape_debug())
}

fn show(value: &config::Value) -> String {
    match &value.kind {
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "a list".to_owned(),
        ValueKind::Nil => "nothing".to_owned(),
        ValueKind::String(text) => quote(text),
        ValueKind::Boolean(flag) => flag.to_string(),
        ValueKind::I64(number) => number.to_string(),
        ValueKind::I128(number) => number.to_string(),
        ValueKind::U64(number) => number.to_string(),
        ValueKind::U128(number) => number.to_string(),
        ValueKind::Float(number) => number.to_string(),
    }
}
