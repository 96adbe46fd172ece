//! A mutator that changes JSON as JSON, so that most inputs get past the parser. Half of the time the bytes are changed as
//! libFuzzer does, with its dictionary: that finds what no JSON value can say, duplicate keys and broken escapes.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Map, Value, json};

/// Changes the JSON that begins at `start` of an input, in place; gives the new length.
pub fn mutate(data: &mut [u8], size: usize, max_size: usize, seed: u32, start: usize) -> usize {
    let mut dice = Dice(u64::from(seed) | 1 << 40);
    let start = start.min(size);
    let parsed = if dice.below(2) == 0 { serde_json::from_slice::<Value>(&data[start..size]).ok() } else { None };
    let Some(mut value) = parsed else { return fuzzer_mutate(data, size, max_size) };
    for _ in 0..=dice.below(3) {
        let nodes = count(&value);
        // Repeating what was repeated would cost the mutator more memory than the target.
        if nodes > 1000 || value.to_string().len() > max_size {
            break;
        }
        let mut target = dice.below(nodes);
        change(&mut value, &mut target, &mut dice);
    }
    let text = value.to_string();
    if start + text.len() > max_size {
        return fuzzer_mutate(data, size, max_size);
    }
    data[start..start + text.len()].copy_from_slice(text.as_bytes());
    start + text.len()
}

/// A generator of numbers, one seed a mutation: a finding must not depend on anything else.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

/// Walks to the node with this number and changes it.
fn change(value: &mut Value, target: &mut usize, dice: &mut Dice) -> bool {
    if *target == 0 {
        change_here(value, dice);
        return true;
    }
    *target -= 1;
    match value {
        Value::Array(items) => items.iter_mut().any(|item| change(item, target, dice)),
        Value::Object(fields) => fields.values_mut().any(|field| change(field, target, dice)),
        _ => false,
    }
}

fn change_here(value: &mut Value, dice: &mut Dice) {
    match (dice.below(8), &mut *value) {
        (0 | 1, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(dice.below(fields.len())).cloned().unwrap_or_default();
            let field = fields.remove(&name).unwrap_or_default();
            // Under another name, in another order, or gone.
            match dice.below(3) {
                0 => fields.insert(odd_text(dice), field),
                1 => fields.insert(name, field),
                _ => None,
            };
        }
        (2, Value::Object(fields)) => {
            fields.insert(odd_text(dice), odd(dice));
        }
        (0..=2, Value::Array(items)) => match (dice.below(3), items.first().cloned()) {
            (0, Some(first)) => items.extend(std::iter::repeat_n(first, 1 + dice.below(70))),
            (1, _) => items.truncate(dice.below(3)),
            _ => items.push(odd(dice)),
        },
        (0..=2, Value::String(text)) => *text = text.repeat(1 + dice.below(64)),
        (3, inner) => *value = json!([inner.take()]),
        (4, inner) => *value = json!({ odd_text(dice): inner.take() }),
        (5, Value::Number(number)) => *value = Value::String(number.to_string()),
        (5, Value::String(text)) => *value = text.parse::<i64>().map_or(Value::Null, Value::from),
        _ => *value = odd(dice),
    }
}

/// Values at the edge of what a reader expects.
fn odd(dice: &mut Dice) -> Value {
    match dice.below(14) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-0.0),
        3 => json!(u64::MAX),
        4 => json!(i64::MIN),
        5 => json!(1e308),
        6 => json!([]),
        7 => json!({}),
        8 => json!("9999-12-31T23:59:59.999999999-23:59"),
        9 => json!("0000-01-01T00:00:00Z"),
        10 => json!(dice.below(300)),
        11 => Value::Object(Map::from_iter([(odd_text(dice), json!("x"))])),
        _ => Value::String(odd_text(dice)),
    }
}

fn odd_text(dice: &mut Dice) -> String {
    const TEXTS: [&str; 22] = [
        "",
        " ",
        "\u{0}",
        "\u{feff}",
        "\u{202e}abc\u{202c}",
        "e\u{301}\u{301}",
        "\u{1f468}\u{200d}\u{1f469}",
        "a/b~c",
        "~1",
        "critical",
        "P1",
        "3 - Low",
        "cleared",
        "human",
        "noctriage",
        "resolved",
        "value",
        "display_value",
        "text",
        "labels",
        "2026-01-01 00:00:00",
        "4",
    ];
    TEXTS[dice.below(TEXTS.len())].to_owned()
}
