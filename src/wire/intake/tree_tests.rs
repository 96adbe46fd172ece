//! The tree against `serde_json`'s own, which read tickets before: whatever the bytes, both refuse the same with the same
//! sentence, or hold the same. The reader of tickets sees nothing else of them.

use proptest::prelude::*;
use serde_json::Value;

use super::json;
use super::reason::{DeadLetterClass, DeadLetterReason};
use super::settings::IntakeSettings;
use super::tree::{Json, Object};
use super::{Intake, RawRecord, read, read_inner};

const NESTING_MAX: usize = 8;

/// What [`json::parse`] did before it had a tree of its own.
fn reference(bytes: &[u8]) -> Result<Value, DeadLetterReason> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the value is not UTF-8 at byte {}: publish UTF-8 JSON", error.valid_up_to());
        DeadLetterReason::new(DeadLetterClass::NotUtf8, detail)
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // How deep a text nests is counted on the bytes, before any tree.
    if let Err(reason) = json::parse(bytes, NESTING_MAX)
        && reason.class == DeadLetterClass::TooDeep
    {
        return Err(reason);
    }
    serde_json::from_str(text).map_err(|error| {
        let what = if text.trim().is_empty() { "the value is empty" } else { "the value is not JSON" };
        let detail = format!("{what}: line {}, column {}", error.line(), error.column());
        DeadLetterReason::new(DeadLetterClass::NotJson, detail)
    })
}

/// Every name, value and pointer of a tree is found as in the other.
#[track_caller]
fn check_same(tree: &Json<'_>, value: &Value) {
    assert_eq!(tree, &Json::view(value));
    // What `-0` and `0` have in common is that they are equal; what they are written as is not.
    assert_eq!(tree.clone().into_value().to_string(), value.to_string());
    assert_eq!((tree.as_str(), tree.as_u64(), tree.is_null()), (value.as_str(), value.as_u64(), value.is_null()));
    if let Value::Object(map) = value {
        let object = tree.as_object().expect("both are objects");
        assert!(object.iter().map(|(name, _)| name).eq(map.keys()), "names stand in the same order");
        for (name, value) in map {
            check_same(object.get(name).expect("the name is there"), value);
        }
        assert_eq!(object.get("no such name"), None);
    }
    for (place, value) in value.as_array().into_iter().flatten().enumerate() {
        check_same(&tree.as_list().expect("both are lists")[place], value);
    }
}

#[track_caller]
fn check(bytes: &[u8]) {
    match (json::parse(bytes, NESTING_MAX), reference(bytes)) {
        (Ok(tree), Ok(value)) => check_same(&tree, &value),
        (tree, value) => assert_eq!(tree.map(Json::into_value), value),
    }
}

/// A JSON text of odd numbers, escapes and names that stand twice.
fn any_text() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        prop::sample::select(vec![
            "-0",
            "0.0",
            "-0.0",
            "1e999",
            "1E2",
            "1e-400",
            "01",
            "18446744073709551616",
            "NaN",
            "+1"
        ])
        .prop_map(str::to_owned),
        text(),
    ];
    leaf.prop_recursive(6, 96, 40, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name(), inner), 0..40).prop_map(|fields| {
                let fields: Vec<String> = fields.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
                format!("{{ {} }}", fields.join(" ,\n"))
            }),
        ]
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}".prop_map(|text| Value::from(text).to_string()),
        prop::sample::select(vec![
            r#""""#,
            r#""a\u0000b""#,
            r#""\ud83d\ude00""#,
            r#""\ud83d""#,
            r#""\u00zz""#,
            "\"a\tb\"",
            r#""\/\b\f\n\r\t""#,
            r#""low""#,
            r#""2026-11-24T10:00:00Z""#,
        ])
        .prop_map(str::to_owned),
    ]
}

/// Few names, so that many stand twice, once of them written with an escape.
fn name() -> impl Strategy<Value = String> {
    let names = vec![
        r#""a""#,
        r#""b""#,
        r#""\u0061""#,
        r#""""#,
        r#""a/b""#,
        r#""~""#,
        r#""0""#,
        r#""ticket_id""#,
        r#""title""#,
        r#""severity""#,
        r#""reported""#,
        r#""value""#,
        r#""alarms""#,
        r#""name""#,
        r#""notes""#,
        r#""text""#,
        r#""number""#,
        r#""short_description""#,
        r#""priority""#,
        r#""display_value""#,
        r#""data""#,
    ];
    prop_oneof![
        9 => prop::sample::select(names).prop_map(str::to_owned),
        1 => "[a-z]{1,6}".prop_map(|name| Value::from(name).to_string()),
    ]
}

proptest! {
    #[test]
    fn a_text_is_refused_or_read_as_serde_json_does(text in any_text()) {
        check(text.as_bytes());
    }

    #[test]
    fn a_text_that_was_damaged_is_refused_or_read_as_serde_json_does(
        text in any_text(),
        at in any::<prop::sample::Index>(),
        damage in prop::sample::select(vec![&b""[..], b"\"", b"\\", b"{", b"]", b",", b":", b"\xff", b"\xc3", b"\0", b"e", b" "]),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        if is_cut {
            bytes.truncate(at);
        }
        let until = bytes.len().min(at + 1);
        bytes.splice(at.min(until)..until, damage.iter().copied());
        check(&bytes);
    }

    #[test]
    fn any_bytes_are_refused_or_read_as_serde_json_does(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        check(&bytes);
    }

    #[test]
    fn a_pointer_points_where_serde_json_says(
        text in any_text(),
        pointer in "(/(a|b|0|1|2|00|\\+1|-|a~1b|~0|~01|ticket_id|severity|value|)){0,4}|a|~|/~2",
    ) {
        if let Ok(value) = reference(text.as_bytes()) {
            let tree = json::parse(text.as_bytes(), NESTING_MAX).expect("both read it");
            prop_assert_eq!(tree.pointer(&pointer).cloned().map(Json::into_value), value.pointer(&pointer).cloned());
        }
    }

    /// The whole reader on a record, against the same reader on a view of what `serde_json` read of it.
    #[test]
    fn a_record_is_read_as_the_same_record_in_values_is(
        fields in prop::collection::vec((name(), any_text()), 0..12),
        is_ticket in prop::bool::weighted(0.8),
    ) {
        let sound = if is_ticket { vec![r#""ticket_id":"a","title":"b","created_at":"2026-11-24T10:00:00Z""#.to_owned()] } else { Vec::new() };
        let fields = fields.into_iter().map(|(name, value)| format!("{name}:{value}"));
        let text = format!("{{{}}}", fields.chain(sound).collect::<Vec<_>>().join(","));
        let mut settings = IntakeSettings::default();
        settings.limits.nesting_max = NESTING_MAX;
        let record = RawRecord { value: Some(text.clone().into_bytes()), ..RawRecord::default() };
        let expected = match reference(text.as_bytes()) {
            Ok(Value::Object(fields)) => read_inner(&fields, &settings),
            Ok(other) => panic!("{other} is no object"),
            Err(reason) => Err(reason),
        };
        let expected = expected.map_or_else(Intake::DeadLetter, |ticket| Intake::Ticket(Box::new(ticket)));
        prop_assert_eq!(read(&record, &settings), expected);
    }
}

#[test]
fn a_name_that_stands_twice_keeps_its_first_place_and_its_last_value() {
    let text = r#"{"a":1,"b":2,"\u0061":{"x":3},"c":4}"#;
    check(text.as_bytes());
    let tree = json::parse(text.as_bytes(), NESTING_MAX).unwrap();
    assert_eq!(tree.into_value().to_string(), r#"{"a":{"x":3},"b":2,"c":4}"#);
}

#[test]
fn a_name_that_stands_twice_among_thousands_is_found() {
    let names = (0..20_000).map(|number| number % 15_000);
    let fields: Vec<String> = names.enumerate().map(|(at, name)| format!("\"n{name}\":{at}")).collect();
    let text = format!("{{{}}}", fields.join(","));
    let tree = json::parse(text.as_bytes(), NESTING_MAX).unwrap();
    assert_eq!(tree.into_value(), serde_json::from_str::<Value>(&text).unwrap());
}

#[test]
fn texts_without_escapes_are_not_copied() {
    let text = br#"{"plain":"as it stands","escaped":"a\nb"}"#;
    let tree = json::parse(text, NESTING_MAX).unwrap();
    let is_borrowed = |name: &str| matches!(tree.get(name), Some(Json::Text(std::borrow::Cow::Borrowed(_))));
    assert_eq!((is_borrowed("plain"), is_borrowed("escaped")), (true, false));
}

#[test]
fn a_field_that_is_set_again_keeps_its_place() {
    let mut object = Object::EMPTY;
    object.insert("a", Value::from(1));
    object.insert("b", Value::from(2));
    object.insert("a", Value::from(3));
    assert_eq!(Json::Object(object).into_value().to_string(), r#"{"a":3,"b":2}"#);
}
