//! `config/reference.toml`, generated from the table of keys.

use std::fmt::Write as _;

use super::key::{Clock, Key, ReloadClass};
use super::keys::KEYS;

const HEADER: &str = "\
# Every key of noctriage, with its default. Generated from the table in src/config/keys.rs: do not edit.
# Write into noctriage.toml only what you change.
#
# Layers: defaults < noctriage.toml < conf.d/*.toml in order of name < environment NOCTRIAGE__SECTION__KEY.
# Durations name their unit; their clock is `operating` (real time of the machine) or `desk` (what the tickets say).
# `live`: SIGHUP takes it over. All others need a restart; a reload that changes one is refused as a whole.
# Relative paths start at the directory of noctriage.toml.
";

/// Comments are wrapped at this column.
const COLUMNS: usize = 118;

/// The text of `config/reference.toml`.
pub fn reference_toml() -> String {
    let mut text = HEADER.to_owned();
    let mut section = "";
    for key in KEYS {
        let (key_section, name) = split(key.name);
        if key_section != section {
            section = key_section;
            heading(&mut text, section);
        }
        text.push('\n');
        for line in [key.meaning, &facts(key)].into_iter().flat_map(wrap) {
            push_line(&mut text, &format!("# {line}"));
        }
        push_line(&mut text, &assignment(key, name));
    }
    text
}

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}

/// Section and last name: `slices[].labels.*` gives `slices[]` and `labels.*`, since labels are written inline.
fn split(name: &str) -> (&str, &str) {
    if let Some((rows, _)) = name.split_once("[].") {
        let section = &name[..rows.len() + 2];
        return (section, &name[section.len() + 1..]);
    }
    name.rsplit_once('.').unwrap_or(("", name))
}

fn heading(text: &mut String, section: &str) {
    text.push('\n');
    match section.strip_suffix("[]") {
        Some(rows) => push_line(text, &format!("# [[{rows}]]")),
        None => push_line(text, &format!("[{section}]")),
    }
}

/// Range, unit, clock and whether a reload takes it over, on a line of their own.
fn facts(key: &Key) -> String {
    let mut facts = vec![key.kind.range()];
    if !key.unit.is_empty() {
        facts.push(format!("unit: {}", key.unit));
    }
    if key.clock != Clock::None {
        facts.push(format!("clock: {}", key.clock));
    }
    if key.reload == ReloadClass::Live {
        facts.push("live".to_owned());
    }
    facts.join("; ")
}

fn assignment(key: &Key, name: &str) -> String {
    match key.default {
        Some(default) => format!("{name} = {default}"),
        None => format!("# {} =", name.replace(".*", ".NAME").replace('*', "NAME")),
    }
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + 1 + word.len() <= COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
