//! `noctriage init`: a configuration of at most eight keys, and the secret key of the draws.

use std::fs::OpenOptions;
use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::config::values::Item;
use crate::config::{self, ConfigErrors, Mistake, Sources, keys};
use crate::policy::ruling::DrawKey;

use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};

/// Arguments of `init`. What is not given is asked for on a terminal, and left at its default elsewhere.
#[derive(Debug, Default, clap::Args)]
pub struct Arguments {
    /// Which ticket system writes the input topic: native, servicenow, alertmanager, mapping
    #[arg(long)]
    preset: Option<String>,
    /// Directory to write noctriage.toml and draw.key into
    #[arg(long, default_value = ".")]
    dir: PathBuf,
    /// Kafka brokers: host:port, separated by commas
    #[arg(long)]
    brokers: Option<String>,
    /// Input topic
    #[arg(long)]
    topic: Option<String>,
    /// IANA time zone of the ticket system, for example Europe/Zurich
    #[arg(long)]
    timezone: Option<String>,
    /// Directory of the model
    #[arg(long)]
    model: Option<String>,
    /// What counts as a person's verdict: ticket_system, explicit
    #[arg(long)]
    truth: Option<String>,
    /// User that noctriage writes as in the ticket system
    #[arg(long)]
    own_user: Option<String>,
    /// Webhook that transitions, hard stops and halts are posted to
    #[arg(long)]
    notify_url: Option<String>,
    /// Ask nothing, even on a terminal
    #[arg(long)]
    no_questions: bool,
}

/// The keys that a newcomer sets. Eight at most: a test counts what is written.
const KEYS_ASKED: [&str; 8] = [
    "kafka.brokers",
    "kafka.topics.tickets",
    "source.preset",
    "source.timezone",
    "source.own_user",
    "model.directory",
    "verdicts.truth",
    "notify.url",
];

const FILE_HEADER: &str = "\
# noctriage. Every other key has a default: `noctriage config reference` lists them, with units, ranges and clocks.
# Larger changes go into conf.d/*.toml beside this file. Check before a start: `noctriage check --offline`.
";

/// Runs `init`.
pub fn run(arguments: Arguments) -> CommandResult {
    let config_file = arguments.dir.join("noctriage.toml");
    if config_file.exists() {
        return Err(Failure::new(
            EXIT_DOES_NOT_HOLD,
            anyhow::anyhow!(
                "{} exists; nothing is written. Change it by hand, or name another --dir",
                config_file.display()
            ),
        ));
    }
    let asks = std::io::stdin().is_terminal() && !arguments.no_questions;
    let mut answers = Vec::new();
    for (key, given) in KEYS_ASKED.into_iter().zip(given(&arguments)) {
        let answer = match given {
            Some(answer) => answer,
            None if asks => ask(key, &default_of(key, &arguments.dir))?,
            None => default_of(key, &arguments.dir),
        };
        crate::config::check_text(key, &answer)
            .map_err(|problem| Failure::usage(anyhow::anyhow!("{key}: {problem}")))?;
        answers.push((key, answer));
    }
    if let Some(contradiction) = contradiction(&answers) {
        return Err(Failure::usage(anyhow::anyhow!("{contradiction}")));
    }
    std::fs::create_dir_all(&arguments.dir).with_context(|| format!("{} cannot be made", arguments.dir.display()))?;
    let key_file = arguments.dir.join("draw.key");
    let is_key_new = write_draw_key(&key_file)?;
    write_new(&config_file, &render(&answers), 0o644)?;
    for line in next_steps(&config_file, &key_file, is_key_new, &answers) {
        println!("{line}");
    }
    Ok(EXIT_OK)
}

/// Answers that do not hold together, although each is a word that its key takes. What only a later step can give, the model
/// and a mapping, is not missed yet.
fn contradiction(answers: &[(&str, String)]) -> Option<String> {
    let given: Vec<(&str, &str)> = answers.iter().map(|(key, answer)| (*key, answer.as_str())).collect();
    let ConfigErrors(mistakes) = config::load(&Sources::built_in(&given, DrawKey([0; 16]))).err()?;
    let is_asked = |mistake: &&Mistake| KEYS_ASKED.contains(&mistake.key.as_str()) && mistake.key != "model.directory";
    mistakes.iter().find(is_asked).map(|mistake| format!("{}: {}", mistake.key, mistake.problem))
}

/// What the options say, in the order of [`KEYS_ASKED`].
fn given(arguments: &Arguments) -> [Option<String>; 8] {
    let Arguments { preset, dir: _, brokers, topic, timezone, model, truth, own_user, notify_url, no_questions: _ } =
        arguments;
    [brokers, topic, preset, timezone, own_user, model, truth, notify_url].map(Clone::clone)
}

/// The default of a key; the bundled model where it lies beside the configuration.
fn default_of(key: &str, directory: &Path) -> String {
    const BUNDLED: &str = "models/demo/v1";
    if key == "model.directory" && directory.join(BUNDLED).is_dir() {
        return BUNDLED.to_owned();
    }
    let default = keys::find(key).and_then(|key| key.default).unwrap_or_default();
    default.trim_matches('"').to_owned()
}

fn ask(key: &str, default: &str) -> Result<String, Failure> {
    let meaning = keys::find(key).map_or("", |key| key.meaning);
    eprint!("{meaning}\n{key} [{default}]: ");
    let mut line = String::new();
    let mut stdin = std::io::stdin().lock().take(4096);
    stdin.read_line(&mut line).context("the answer cannot be read")?;
    let answer = line.trim();
    Ok(if answer.is_empty() { default.to_owned() } else { answer.to_owned() })
}

/// The file: each key with what it means.
fn render(answers: &[(&str, String)]) -> String {
    let mut text = FILE_HEADER.to_owned();
    let mut section = "";
    for (key, answer) in answers {
        let (key_section, name) = key.rsplit_once('.').unwrap_or(("", key));
        if key_section != section {
            section = key_section;
            text.extend(["\n[", section, "]\n"]);
        }
        let meaning = keys::find(key).map_or("", |key| key.meaning);
        text.extend(["# ", meaning, "\n", name, " = ", &Item::Text(answer.clone()).to_toml(), "\n"]);
    }
    text
}

/// Makes the key of the draws, unless there is one: all instances need the same.
fn write_draw_key(path: &Path) -> Result<bool, Failure> {
    if path.exists() {
        return Ok(false);
    }
    let mut bytes = [0; 16];
    let mut random = std::fs::File::open("/dev/urandom").context("/dev/urandom cannot be opened")?;
    random.read_exact(&mut bytes).context("/dev/urandom cannot be read")?;
    write_new(path, &format!("{:032x}\n", u128::from_be_bytes(bytes)), 0o600)?;
    Ok(true)
}

/// Writes a file that must not exist yet, with its mode from the first instant.
fn write_new(path: &Path, text: &str, mode: u32) -> Result<(), Failure> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let mut file = opened.with_context(|| format!("{} cannot be made", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("{} cannot be written", path.display()))?;
    file.sync_all().with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(())
}

fn next_steps(config_file: &Path, key_file: &Path, is_key_new: bool, answers: &[(&str, String)]) -> Vec<String> {
    let (config, key) = (config_file.display(), key_file.display());
    let is_set = |wanted: &str| answers.iter().any(|(key, answer)| *key == wanted && !answer.is_empty());
    let mut lines = vec![format!("written: {config}")];
    lines.push(if is_key_new {
        format!("written: {key} (mode 0600; keep it secret, copy it to every instance, never make another)")
    } else {
        format!("kept: {key} (all instances need the same)")
    });
    lines.push("next:".to_owned());
    if !is_set("model.directory") {
        lines.push(format!("  set model.directory in {config}"));
    }
    lines.push(format!("  noctriage check --offline --config {config}"));
    lines.push(format!("  noctriage check --file tickets.jsonl --config {config}   (what your own tickets become)"));
    lines.push(format!("  noctriage topics create --dry-run --config {config}"));
    lines.push(format!("  noctriage run --config {config}   (starts in shadow: nobody is shown anything)"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{MainFile, Origin};
    use std::os::unix::fs::PermissionsExt as _;

    fn arguments(directory: &Path) -> Arguments {
        Arguments {
            dir: directory.to_owned(),
            model: Some("models/acting".to_owned()),
            no_questions: true,
            ..Arguments::default()
        }
    }

    #[test]
    fn a_newcomer_sets_at_most_eight_keys_and_they_hold() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config_file = directory.path().join("noctriage.toml");
        for preset in ["native", "servicenow", "alertmanager"] {
            let site = directory.path().join(preset);
            let code = run(Arguments { preset: Some(preset.to_owned()), ..arguments(&site) }).expect("is written");
            assert_eq!(code, EXIT_OK);
            let sources = Sources { file: MainFile::At(site.join("noctriage.toml")), ..Sources::default() };
            let loaded = config::load(&sources).expect("what init writes holds");
            let set = loaded.values.below("").filter(|(_, entry)| entry.origin != Origin::Default).count();
            assert_eq!(set, KEYS_ASKED.len());
            assert!(set <= 8);
            assert_eq!(loaded.settings.intake.preset.as_str(), preset);
        }
        assert!(!config_file.exists());
    }

    #[test]
    fn the_key_is_secret_random_and_never_made_anew() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let sites = ["one", "two"].map(|name| directory.path().join(name));
        let keys = sites.clone().map(|site| {
            run(arguments(&site)).expect("is written");
            let mode = std::fs::metadata(site.join("draw.key")).expect("is there").permissions().mode() & 0o777;
            assert_eq!(mode, 0o600);
            std::fs::read_to_string(site.join("draw.key")).expect("can be read")
        });
        assert_ne!(keys[0], keys[1]);
        std::fs::remove_file(sites[0].join("noctriage.toml")).expect("was there");
        run(arguments(&sites[0])).expect("is written");
        assert_eq!(std::fs::read_to_string(sites[0].join("draw.key")).expect("can be read"), keys[0]);
    }

    #[test]
    fn a_file_that_exists_is_never_overwritten() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let config_file = directory.path().join("noctriage.toml");
        std::fs::write(&config_file, "mine").expect("can be written");
        assert!(run(arguments(directory.path())).is_err());
        assert_eq!(std::fs::read_to_string(&config_file).expect("can be read"), "mine");
        assert!(!directory.path().join("draw.key").exists());
    }

    #[test]
    fn a_word_that_is_no_preset_is_refused_before_anything_is_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let wrong = Arguments { preset: Some("remedy".to_owned()), ..arguments(directory.path()) };
        let failure = run(wrong).expect_err("no such preset");
        assert!(format!("{failure:?}").contains("`remedy` is not one of native, servicenow, alertmanager, mapping"));
        assert!(std::fs::read_dir(directory.path()).expect("can be listed").next().is_none());
    }

    #[test]
    fn answers_that_do_not_hold_together_are_refused_before_anything_is_written() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let given = |word: &str| Some(word.to_owned());
        let wrong = Arguments { preset: given("native"), truth: given("ticket_system"), ..arguments(directory.path()) };
        let failure = run(wrong).expect_err("the native preset has no verdicts in its tickets");
        assert!(format!("{failure:?}").contains("verdicts.truth: is ticket_system"), "{failure:?}");
        assert!(std::fs::read_dir(directory.path()).expect("can be listed").next().is_none());
    }

    #[test]
    fn the_packaged_file_is_what_init_writes_for_a_packaged_model() {
        let packaged = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/noctriage.toml"));
        let answer = |key: &'static str| match key {
            "model.directory" => (key, "/var/lib/noctriage/models/acting".to_owned()),
            _ => (key, default_of(key, Path::new("no/such/directory"))),
        };
        let expected = render(&KEYS_ASKED.map(answer));
        if std::env::var_os("NOCTRIAGE_UPDATE_REFERENCE").is_some() {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/noctriage.toml");
            std::fs::write(path, &expected).expect("can be written");
            return;
        }
        assert_eq!(packaged.expect("is there"), expected, "run the tests once with NOCTRIAGE_UPDATE_REFERENCE=1");
    }
}
