//! `noctriage config`: what is in force and where it comes from; the schemas of records.

use serde_json::json;

use crate::config::key::Kind;
use crate::config::values::{Entry, Item};
use crate::config::{self, Origin, Values, keys};
use crate::wire::schema;

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_CONFIGURATION, EXIT_OK, Failure};

/// Commands of `config`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the values in force; of secrets, only the names of their files.
    Show(ShowArguments),
    /// Print the JSON Schema of a record.
    Schema {
        /// Which record
        #[arg(value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(schema::NAMES))]
        name: String,
    },
    /// Print every key with its default, unit, range and clock, as a TOML file.
    Reference,
}

/// Arguments of `config show`.
#[derive(Debug, clap::Args)]
pub struct ShowArguments {
    #[command(flatten)]
    file: SettingsFile,
    /// Say where each value was set
    #[arg(long)]
    origins: bool,
    /// Leave out values that are defaults
    #[arg(long)]
    changed: bool,
    /// JSON instead of lines
    #[arg(long)]
    json: bool,
}

/// Runs a command of `config`.
pub fn run(command: Command) -> CommandResult {
    match command {
        Command::Show(arguments) => show(&arguments),
        Command::Schema { name } => match schema::by_name(&name) {
            Some(schema) => {
                print!("{schema}");
                Ok(EXIT_OK)
            }
            None => Err(Failure::usage(anyhow::anyhow!("no schema `{name}`; names: {}", schema::NAMES.join(", ")))),
        },
        Command::Reference => {
            print!("{}", config::reference_toml());
            Ok(EXIT_OK)
        }
    }
}

/// Shows what is in force even where it does not hold, so that a mistake can be looked at; the exit code says which.
fn show(arguments: &ShowArguments) -> CommandResult {
    let sources = arguments.file.sources();
    let (values, _) = config::values(&sources);
    if arguments.json {
        println!("{:#}", as_json(&values, arguments));
    } else {
        for line in lines(&values, arguments) {
            println!("{line}");
        }
    }
    match config::load(&sources) {
        Ok(_) => Ok(EXIT_OK),
        Err(errors) => Err(Failure::new(EXIT_CONFIGURATION, errors)),
    }
}

fn shown<'values>(
    values: &'values Values,
    arguments: &ShowArguments,
) -> impl Iterator<Item = (&'values str, &'values Entry)> {
    let only_changed = arguments.changed;
    values.below("").filter(move |(_, entry)| !only_changed || entry.origin != Origin::Default)
}

fn lines(values: &Values, arguments: &ShowArguments) -> Vec<String> {
    let line = |(path, entry): (&str, &Entry)| {
        let value = displayed(path, &entry.item);
        if arguments.origins { format!("{path} = {value} # {}", entry.origin) } else { format!("{path} = {value}") }
    };
    shown(values, arguments).map(line).collect()
}

fn as_json(values: &Values, arguments: &ShowArguments) -> serde_json::Value {
    let row = |(path, entry): (&str, &Entry)| {
        let value = json!({ "value": entry.item.to_json(), "origin": entry.origin.to_string() });
        (path.to_owned(), if arguments.origins { value } else { entry.item.to_json() })
    };
    serde_json::Value::Object(shown(values, arguments).map(row).collect())
}

/// A value as it is shown. Secrets are not among the values: their keys hold names of files, and the type says so.
fn displayed(path: &str, item: &Item) -> String {
    let is_secret = keys::find(path).is_some_and(|key| key.kind == Kind::SecretFile);
    let is_set = item.text().is_some_and(|name| !name.is_empty());
    if is_secret && is_set { format!("{} (a secret, not shown)", item.to_toml()) } else { item.to_toml() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;
    use crate::policy::ruling::DrawKey;

    fn arguments(origins: bool, changed: bool) -> ShowArguments {
        ShowArguments { file: SettingsFile::default(), origins, changed, json: false }
    }

    #[test]
    fn changed_values_are_shown_with_their_origin() {
        let sources = Sources::built_in(&[("policy.threshold", "0.9")], DrawKey([7; 16]));
        let (values, _) = config::values(&sources);
        assert_eq!(lines(&values, &arguments(true, true)), ["policy.threshold = 0.9 # command line"]);
        let all = lines(&values, &arguments(true, false));
        assert!(all.contains(&"policy.caps.actions_per_hour = 20 # default".to_owned()));
        assert!(all.contains(&"draw_key_file = \"draw.key\" (a secret, not shown) # default".to_owned()));
    }

    #[test]
    fn json_holds_every_plain_key() {
        let (values, _) = config::values(&Sources::built_in(&[], DrawKey([7; 16])));
        let shown = as_json(&values, &arguments(false, false));
        let plain = keys::KEYS.iter().filter(|key| key.is_plain());
        assert!(plain.into_iter().all(|key| shown.get(key.name).is_some()));
    }

    #[test]
    fn every_schema_name_has_a_schema() {
        assert!(schema::NAMES.iter().all(|name| schema::by_name(name).is_some()));
    }
}
