//! The rules of the module map, read from the sources: what is pure, and who may use whom.

use std::fs;
use std::path::{Path, PathBuf};

/// Pure modules: values in, values out.
const PURE: [&str; 5] = ["domain", "statistics", "policy", "rollout", "evaluation"];

/// What a pure module must not touch. Paths; whatever begins with one of them is forbidden too.
const IMPURE: [&str; 19] = [
    "tokio",
    "rdkafka",
    "candle_core",
    "candle_nn",
    "candle_transformers",
    "axum",
    "tracing",
    "prometheus",
    "libc",
    "fastrand",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

#[test]
fn pure_modules_touch_no_clock_file_network_thread_or_log() {
    let offences: Vec<String> =
        PURE.iter().flat_map(|module| sources_of(module)).flat_map(|source| source.impure()).collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn a_module_uses_only_modules_above_its_own_line() {
    let order = module_order();
    assert!(order.len() >= 13, "lib.rs lists {order:?}");
    assert_eq!(order[..5], PURE);
    let offences: Vec<String> =
        order.iter().flat_map(|module| sources_of(module)).flat_map(|source| source.upward(&order)).collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn every_way_of_writing_a_forbidden_path_is_found() {
    let check = |text: &str| Source::new("policy", PathBuf::from("src/policy/decided.rs"), text).impure().len();
    assert_eq!(check("use std::fs;"), 1);
    assert_eq!(check("use std::{collections::BTreeMap, time::{Duration, Instant}};"), 1);
    assert_eq!(check("fn now() { std::time::SystemTime::now(); }"), 1);
    assert_eq!(check("use tokio::sync::mpsc;\nuse ::axum::Router;"), 2);
    assert_eq!(check("use std::time::Duration; // not std::fs\n/// nor tokio::spawn\nstruct Tokio;"), 0);
    assert_eq!(check("fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }"), 0);
}

#[test]
fn every_way_of_using_a_module_below_is_found() {
    let order: Vec<String> = ["domain", "policy", "wire"].map(str::to_owned).to_vec();
    let check = |text: &str| Source::new("policy", PathBuf::from("src/policy/decided.rs"), text).upward(&order).len();
    assert_eq!(check("use crate::wire::intake::RawRecord;"), 1);
    assert_eq!(check("use crate::{domain::ticket::Ticket, wire::intake};"), 1);
    assert_eq!(check("use super::super::wire::intake;"), 1);
    assert_eq!(check("fn f(_: crate::wire::intake::RawRecord) {}"), 1);
    assert_eq!(check("use crate::domain::ticket::Ticket; use super::permit::Command;"), 0);
}

/// One file, with comments and tests taken out.
struct Source {
    module: String,
    path: PathBuf,
    /// Every path the code names, in full.
    paths: Vec<String>,
}

impl Source {
    fn new(module: &str, path: PathBuf, text: &str) -> Self {
        let paths = paths_of(&code_of(text)).into_iter().map(|named| absolute(&named, &path)).collect();
        Self { module: module.to_owned(), path, paths }
    }

    fn impure(&self) -> Vec<String> {
        let begins =
            |path: &str, with: &str| path == with || path.strip_prefix(with).is_some_and(|rest| rest.starts_with("::"));
        self.paths
            .iter()
            .filter(|path| IMPURE.iter().any(|with| begins(path, with)))
            .map(|path| format!("{}: `{path}`, but `{}` is pure", self.path.display(), self.module))
            .collect()
    }

    fn upward(&self, order: &[String]) -> Vec<String> {
        let line = |module: &str| order.iter().position(|name| name == module);
        let own = line(&self.module);
        self.paths
            .iter()
            .filter_map(|path| path.strip_prefix("crate::"))
            .filter_map(|path| path.split("::").next())
            .filter(|used| line(used).is_some_and(|used| Some(used) > own))
            .map(|used| {
                format!("{}: `{}` uses `{used}`, which stands below it in lib.rs", self.path.display(), self.module)
            })
            .collect()
    }
}

fn module_order() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned)).collect()
}

fn sources_of(module: &str) -> Vec<Source> {
    let source_folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![source_folder.join(format!("{module}.rs"))];
    files.retain(|file| file.exists());
    let mut folders = vec![source_folder.join(module)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests.rs" {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty(), "module {module} has no file");
    let relative = |file: &PathBuf| file.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_owned();
    files.iter().map(|file| Source::new(module, relative(file), &fs::read_to_string(file).unwrap())).collect()
}

/// The code of a file without comments, literals' content and everything behind the first `#[cfg(test)]` module.
fn code_of(text: &str) -> String {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let without_comments = text[..end].lines().map(|line| line.split("//").next().unwrap_or_default());
    without_comments.collect::<Vec<_>>().join("\n")
}

/// Every `a::b::c` in the code; a tree in braces gives one path per leaf.
fn paths_of(code: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut paths = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find("::") {
        let head_begin = rest[..start]
            .rfind(|c: char| !is_word(c))
            .map_or(0, |at| at + rest[at..].chars().next().map_or(1, char::len_utf8));
        let head = &rest[head_begin..start];
        let (mut found, consumed) = tree(&rest[start + 2..]);
        for tail in &mut found {
            let path = [head, tail.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::");
            paths.push(path);
        }
        rest = &rest[start + 2 + consumed..];
    }
    paths
}

/// What follows a `::`: the leaves, and how many bytes they took.
fn tree(text: &str) -> (Vec<String>, usize) {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    if let Some(inside) = text.strip_prefix('{') {
        let mut depth = 1;
        let close = inside.find(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth == 0
        });
        let Some(close) = close else { return (Vec::new(), text.len()) };
        let leaves = split_top(&inside[..close]).into_iter().flat_map(|branch| {
            let branch = branch.trim();
            let word = branch.find(|c: char| !is_word(c)).unwrap_or(branch.len());
            match branch[word..].strip_prefix("::") {
                Some(below) => tree(below).0.into_iter().map(|leaf| format!("{}::{leaf}", &branch[..word])).collect(),
                None => vec![branch[..word].to_owned()],
            }
        });
        return (leaves.collect(), close + 2);
    }
    let word = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    match text[word..].strip_prefix("::") {
        Some(below) if word > 0 => {
            let (leaves, consumed) = tree(below);
            (leaves.into_iter().map(|leaf| format!("{}::{leaf}", &text[..word])).collect(), word + 2 + consumed)
        }
        _ => (vec![text[..word].to_owned()], word),
    }
}

/// Splits at the commas that stand in no inner braces.
fn split_top(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        c == ',' && depth == 0
    })
    .filter(|branch| !branch.trim().is_empty())
    .collect()
}

/// `super::super::x` in src/a/b.rs is `crate::x`.
fn absolute(named: &str, file: &Path) -> String {
    let mut module: Vec<&str> = file.iter().filter_map(|part| part.to_str()).skip(1).collect();
    if let Some(last) = module.pop().and_then(|last| last.strip_suffix(".rs")).filter(|last| *last != "mod") {
        module.push(last);
    }
    let mut rest = named;
    if !rest.starts_with("super::") {
        return rest.to_owned();
    }
    while let Some(above) = rest.strip_prefix("super::") {
        module.pop();
        rest = above;
    }
    ["crate"].into_iter().chain(module).chain([rest]).collect::<Vec<_>>().join("::")
}
