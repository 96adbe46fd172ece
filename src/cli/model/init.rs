//! `noctriage model init`: the card of a directory, from what its files say; the rest from flags or a terminal.

use std::fmt::Write as _;
use std::io::{BufRead, IsTerminal, Write as _};
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::cli::whole_file::write_whole;
use crate::cli::{CommandResult, EXIT_OK, EXIT_USAGE, Failure};
use crate::domain::severity::Severity;
use crate::inference::card::{Card, SeverityRows, TOKENS_MAX, Truncation};
use crate::inference::checkpoint::Checkpoint;
use crate::inference::files::{CARD, CONFIG, ModelFiles, TEXT_FILE_BYTES_MAX, TOKENIZER, TOKENIZER_BYTES_MAX};
use crate::inference::registry;
use crate::inference::render::DEFAULT_TEMPLATE;
use crate::inference::settings::labels_of;

/// Arguments of `model init`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Model directory.
    directory: PathBuf,
    /// Name of the model.
    #[arg(long)]
    name: Option<String>,
    /// Version of it.
    #[arg(long)]
    version: Option<String>,
    /// What it was made from.
    #[arg(long)]
    parent: Option<String>,
    /// production or demo.
    #[arg(long)]
    purpose: Option<String>,
    /// Template of the text that it was trained on, for example "reported {severity_reported} ; {title}".
    #[arg(long)]
    text: Option<String>,
    /// Longest input in tokens, special tokens included, as in training.
    #[arg(long)]
    max_tokens: Option<usize>,
    /// head, tail or head_tail, as in training.
    #[arg(long)]
    truncation: Option<String>,
    /// What labels of config.json mean, where they are no severities: LABEL_0=critical,LABEL_1=high,…
    #[arg(long, value_name = "LABEL=SEVERITY,…", value_delimiter = ',')]
    severities: Vec<String>,
    /// Root causes in the order of the head's rows; for a model without root-cause head beside the severity head: its
    /// only head is one of root causes.
    #[arg(long, value_name = "CODE,…", value_delimiter = ',')]
    causes: Vec<String>,
    /// Write a card although there is one; what it says is kept where no flag says otherwise.
    #[arg(long)]
    force: bool,
}

/// Runs `model init`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let files = ModelFiles::open(&arguments.directory).map_err(Failure::usage)?;
    if files.has(CARD) && !arguments.force {
        return Err(Failure::usage(anyhow::anyhow!(
            "{}: there is a card already; --force writes it anew and keeps what no flag changes",
            files.path(CARD).display()
        )));
    }
    let facts = Facts::read(&files).map_err(Failure::usage)?;
    let mut answers = Answers { is_terminal: std::io::stdin().is_terminal(), missing: Vec::new() };
    let card = draft(arguments, &facts, &mut answers);
    if !answers.missing.is_empty() {
        eprintln!("noctriage: the files do not say everything; give these as flags, or run this in a terminal:");
        answers.missing.iter().for_each(|missing| eprintln!("  {missing}"));
        return Ok(EXIT_USAGE);
    }
    let text = card.text(&files).map_err(Failure::usage)?;
    Card::parse(&text).map_err(|mistakes| Failure::usage(anyhow::anyhow!("{}", mistakes.join("; "))))?;
    write_whole(&files.path(CARD), |file| Ok(file.write_all(text.as_bytes())?))?;
    println!("{} written; next: `noctriage model check {}`", files.path(CARD).display(), arguments.directory.display());
    Ok(EXIT_OK)
}

/// What the files say.
struct Facts {
    has_tokens: bool,
    labels: Vec<String>,
    /// Rows of a root-cause head beside the severity head.
    cause_rows: Option<usize>,
    /// Rows of the only head, where it is one of root causes for certain or may be one.
    only_rows: Option<usize>,
    tokens_max: Option<usize>,
    truncation: &'static str,
    /// The card that is there.
    older: toml::Table,
}

impl Facts {
    fn read(files: &ModelFiles) -> anyhow::Result<Self> {
        let config = files.json(CONFIG, TEXT_FILE_BYTES_MAX)?;
        let architecture = registry::find(files, &config)?;
        let checkpoint = Checkpoint::open(files)?;
        let cause_name = if architecture.has_tokens { "cause_classifier.weight" } else { "cause.weight" };
        let older = if files.has(CARD) {
            let text = files.text(CARD, TEXT_FILE_BYTES_MAX)?;
            text.parse().with_context(|| format!("{}: is no TOML; repair or remove it", files.path(CARD).display()))?
        } else {
            toml::Table::new()
        };
        let (tokens_max, truncation) =
            if architecture.has_tokens { token_limits(files, &config)? } else { (None, Truncation::Head.as_str()) };
        let labels = labels_of(&config).unwrap_or_default();
        let cause_rows = checkpoint.shape(cause_name).and_then(|shape| shape.first().copied());
        let has_severity = architecture.has_tokens || checkpoint.has("severity.weight");
        let (cause_rows, only_rows) = match cause_rows {
            Some(rows) if !has_severity => (None, Some(rows)),
            Some(rows) => (Some(rows), None),
            None => (None, Some(labels.len())),
        };
        Ok(Self { has_tokens: architecture.has_tokens, labels, cause_rows, only_rows, tokens_max, truncation, older })
    }

    fn older(&self, key: &str) -> Option<String> {
        self.older.get(key).and_then(|value| {
            value.as_str().map(str::to_owned).or_else(|| value.as_integer().map(|number| number.to_string()))
        })
    }
}

/// Longest input and truncation as the trainer's tokenizer has them; else as many as the positions allow.
fn token_limits(files: &ModelFiles, config: &Value) -> anyhow::Result<(Option<usize>, &'static str)> {
    let tokenizer = files.json(TOKENIZER, TOKENIZER_BYTES_MAX)?;
    let truncation = tokenizer.get("truncation");
    let field = |name: &str| truncation.and_then(|truncation| truncation.get(name));
    let is_left = field("direction").and_then(Value::as_str) == Some("Left");
    let number = |value: Option<&Value>| value.and_then(Value::as_u64).map(|number| number as usize);
    let positions = number(config.get("max_position_embeddings"));
    let offset = match config.get("model_type").and_then(Value::as_str) {
        Some("bert") => 0,
        Some(_) | None => number(config.get("pad_token_id")).unwrap_or(0) + 1,
    };
    let room = positions.map(|positions| positions.saturating_sub(offset).min(TOKENS_MAX));
    let tokens_max = number(field("max_length")).into_iter().chain(room).min();
    Ok((tokens_max, if is_left { Truncation::Tail } else { Truncation::Head }.as_str()))
}

/// Asks on a terminal; elsewhere remembers what nobody said.
struct Answers {
    is_terminal: bool,
    missing: Vec<String>,
}

impl Answers {
    /// The first of: flag, older card, a person's answer (an empty line takes the proposal).
    fn get(&mut self, flag: &str, given: Option<String>, question: &str, proposal: Option<&str>) -> String {
        if let Some(given) = given {
            return given;
        }
        if self.is_terminal {
            let shown = proposal.map(|proposal| format!(" [{proposal}]")).unwrap_or_default();
            eprint!("{question}{shown}: ");
            let mut line = String::new();
            let has_line = std::io::stdin().lock().read_line(&mut line).is_ok_and(|bytes| bytes > 0);
            let answer = line.trim();
            if has_line && !answer.is_empty() {
                return answer.to_owned();
            }
            if let Some(proposal) = proposal {
                return proposal.to_owned();
            }
        }
        self.missing.push(format!("{flag}: {question}"));
        String::new()
    }
}

/// The card that will be written.
struct Draft {
    head: Vec<(&'static str, String)>,
    max_tokens: Option<String>,
    labels: Vec<String>,
    map: Vec<(String, String)>,
    causes: Vec<String>,
    free: toml::Table,
}

fn draft(arguments: &Arguments, facts: &Facts, answers: &mut Answers) -> Draft {
    let Arguments {
        directory,
        name,
        version,
        parent,
        purpose,
        text,
        max_tokens,
        truncation,
        severities,
        causes,
        force: _,
    } = arguments;
    let folder = directory.file_name().map(|name| name.to_string_lossy().into_owned());
    let given = |flag: &Option<String>, key: &str| flag.clone().or_else(|| facts.older(key));
    let mut head = vec![
        ("name", answers.get("--name", given(name, "name"), "name of the model", folder.as_deref())),
        ("version", answers.get("--version", given(version, "version"), "version of it", Some("1"))),
        ("purpose", answers.get("--purpose", given(purpose, "purpose"), "production or demo", None)),
        (
            "text",
            answers.get(
                "--text",
                given(text, "text"),
                "template of the text it was trained on",
                Some(DEFAULT_TEMPLATE),
            ),
        ),
    ];
    if let Some(parent) = given(parent, "parent") {
        head.push(("parent", parent));
    }
    let mut tokens = None;
    if facts.has_tokens {
        let found = facts.tokens_max.map(|number| number.to_string());
        let number = max_tokens.map(|number| number.to_string()).or_else(|| facts.older("max_tokens")).or(found);
        tokens = Some(answers.get("--max-tokens", number, "longest input in tokens, as in training", None));
        let word = given(truncation, "truncation").or_else(|| Some(facts.truncation.to_owned()));
        head.push(("truncation", answers.get("--truncation", word, "head, tail or head_tail", None)));
    }
    let has_older_causes = facts.older.contains_key("cause") && !facts.older.contains_key("severity");
    let is_of_causes = !causes.is_empty() || has_older_causes;
    let (labels, map, causes) = if let Some(rows) = facts.only_rows.filter(|_| is_of_causes) {
        (Vec::new(), Vec::new(), cause_labels(rows, causes, facts, answers))
    } else {
        let map = severity_map(severities, facts, answers);
        let causes = facts.cause_rows.map(|rows| cause_labels(rows, causes, facts, answers));
        (facts.labels.clone(), map, causes.unwrap_or_default())
    };
    let ours =
        ["name", "version", "purpose", "text", "parent", "max_tokens", "truncation", "severity", "cause", "files"];
    let free = facts.older.clone().into_iter().filter(|(key, _)| !ours.contains(&key.as_str())).collect();
    Draft { head, max_tokens: tokens, labels, map, causes, free }
}

/// What each label means; empty where the labels are the severities themselves.
fn severity_map(severities: &[String], facts: &Facts, answers: &mut Answers) -> Vec<(String, String)> {
    if severities.is_empty() && SeverityRows::try_new(&facts.labels, None).is_ok() {
        return Vec::new();
    }
    if facts.labels.is_empty() {
        answers.missing.push("config.json: id2label: is missing; add it, one label per row of the head".into());
    }
    let older = facts.older.get("severity").and_then(|severity| severity.get("map"));
    let flag = |label: &str| {
        severities
            .iter()
            .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == label))
            .map(|(_, word)| word.to_owned())
    };
    let card = |label: &str| older.and_then(|map| map.get(label)).and_then(|word| word.as_str()).map(str::to_owned);
    let words = Severity::ALL.map(Severity::as_str).join(", ");
    let ask = |label: &String| {
        let question = format!("which of {words} is label `{label}`");
        let word = answers.get("--severities", flag(label).or_else(|| card(label)), &question, None);
        (label.clone(), word)
    };
    facts.labels.iter().map(ask).collect()
}

fn cause_labels(rows: usize, causes: &[String], facts: &Facts, answers: &mut Answers) -> Vec<String> {
    let older = facts.older.get("cause").and_then(|cause| cause.get("labels")).and_then(|labels| labels.as_array());
    let older = older.map(|labels| labels.iter().filter_map(|label| label.as_str()).collect::<Vec<_>>().join(","));
    let given = if causes.is_empty() { older } else { Some(causes.join(",")) };
    let question = format!("the {rows} root causes of the head, in the order of its rows, separated by commas");
    let line = answers.get("--causes", given, &question, None);
    let labels: Vec<String> =
        line.split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()).collect();
    if !labels.is_empty() && labels.len() != rows {
        answers.missing.push(format!("--causes: {} are given, the head has {rows} rows", labels.len()));
    }
    labels
}

impl Draft {
    fn text(&self, files: &ModelFiles) -> anyhow::Result<String> {
        let Self { head, max_tokens, labels, map, causes, free } = self;
        let quoted = |text: &str| toml::Value::from(text).to_string();
        let list = |labels: &[String]| labels.iter().map(|label| quoted(label)).collect::<Vec<_>>().join(", ");
        let mut card = String::new();
        for (key, value) in head {
            writeln!(card, "{key} = {}", quoted(value))?;
        }
        if let Some(number) = max_tokens {
            writeln!(card, "max_tokens = {number}")?;
        }
        if !labels.is_empty() {
            writeln!(card, "\n[severity]\nlabels = [{}]", list(labels))?;
        }
        if !map.is_empty() {
            let pairs: Vec<String> =
                map.iter().map(|(label, word)| format!("{} = {}", quoted(label), quoted(word))).collect();
            writeln!(card, "map = {{ {} }}", pairs.join(", "))?;
        }
        if !causes.is_empty() {
            writeln!(card, "\n[cause]\nlabels = [{}]", list(causes))?;
        }
        if !free.is_empty() {
            write!(card, "\n{}", toml::to_string(free)?)?;
        }
        writeln!(card, "\n[files]")?;
        for name in files.parts().into_iter().filter(|name| name != CARD) {
            writeln!(card, "{} = \"{}\"", quoted(&name), files.digest_of(&name)?)?;
        }
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::settings::DeviceChoice;
    use crate::inference::model::{LoadOptions, LoadedModel};

    fn copy_of(name: &str, without: &[&str]) -> tempfile::TempDir {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name);
        let directory = tempfile::tempdir().expect("a temporary directory");
        for entry in std::fs::read_dir(fixture).expect("the fixture is there") {
            let entry = entry.expect("readable");
            if !without.iter().any(|name| entry.file_name() == **name) {
                std::fs::copy(entry.path(), directory.path().join(entry.file_name())).expect("copied");
            }
        }
        directory
    }

    fn draft_of(directory: &Path, change: impl FnOnce(&mut Arguments)) -> (Draft, Vec<String>, ModelFiles) {
        let mut arguments = Arguments {
            directory: directory.to_owned(),
            name: None,
            version: None,
            parent: None,
            purpose: None,
            text: None,
            max_tokens: None,
            truncation: None,
            severities: Vec::new(),
            causes: Vec::new(),
            force: true,
        };
        change(&mut arguments);
        let files = ModelFiles::open(directory).expect("a model directory");
        let facts = Facts::read(&files).expect("facts");
        let mut answers = Answers { is_terminal: false, missing: Vec::new() };
        (draft(&arguments, &facts, &mut answers), answers.missing, files)
    }

    #[test]
    fn what_is_missing_is_listed_where_nobody_can_be_asked() {
        let directory = copy_of("bert", &[CARD]);
        let (_, missing, _) = draft_of(directory.path(), |_| ());
        let flags: Vec<&str> = missing.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(flags, ["--name", "--version", "--purpose", "--text", "--causes"]);
    }

    #[test]
    fn a_card_from_flags_and_files_makes_a_directory_that_runs() {
        let directory = copy_of("bert", &[CARD]);
        let (draft, missing, files) = draft_of(directory.path(), |arguments| {
            arguments.name = Some("noc \"quoted\"".into());
            arguments.version = Some("2".into());
            arguments.purpose = Some("production".into());
            arguments.text = Some("{severity_reported} ; {title} ; {description}".into());
            arguments.max_tokens = Some(24);
            arguments.causes = ["a", "b", "c", "d", "unknown"].map(str::to_owned).to_vec();
        });
        assert_eq!(missing, Vec::<String>::new());
        let text = draft.text(&files).expect("a text");
        write_whole(&files.path(CARD), |file| Ok(file.write_all(text.as_bytes())?)).expect("written");
        let options = LoadOptions { device: DeviceChoice::Cpu, ..LoadOptions::default() };
        let model = LoadedModel::load(directory.path(), options).expect("it runs");
        assert_eq!(model.probes_checked, 4);
    }

    #[test]
    fn an_older_card_keeps_what_no_flag_changes() {
        let directory = copy_of("tfidf", &[]);
        let (draft, missing, files) = draft_of(directory.path(), |arguments| arguments.version = Some("9".into()));
        assert_eq!(missing, Vec::<String>::new());
        let text = draft.text(&files).expect("a text");
        let card = Card::parse(&text).expect("a card");
        assert_eq!((card.name.as_str(), card.version.as_str(), card.causes.len()), ("tfidf", "9", 5));
        assert!(text.contains("training/golden.py"));
    }

    #[test]
    fn labels_that_are_no_severities_are_mapped_by_flags_or_missing() {
        let directory = copy_of("xlm-roberta", &[CARD]);
        let config = directory.path().join(CONFIG);
        let text = std::fs::read_to_string(&config).expect("there").replace("\"critical\"", "\"P1\"");
        std::fs::write(&config, text).expect("written");
        let (_, missing, _) = draft_of(directory.path(), |arguments| arguments.severities = vec!["P1=critical".into()]);
        let severities: Vec<&String> = missing.iter().filter(|line| line.starts_with("--severities")).collect();
        assert_eq!(severities.len(), 3, "{missing:?}");
        let all = ["P1=critical", "high=high", "medium=medium", "low=low"];
        let (_, missing, _) =
            draft_of(directory.path(), |arguments| arguments.severities = all.map(str::to_owned).to_vec());
        assert!(!missing.iter().any(|line| line.starts_with("--severities")));
    }
}
