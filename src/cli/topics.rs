//! `noctriage topics`: what topics there are, and making those that are missing.

use anyhow::{Context as _, anyhow};

use crate::kafka::topics::{self, CreateMode, SitePartitions};

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, Failure};

/// Commands of `topics`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make what is missing. What is there and differs is reported, never changed; the input topic is never made.
    Create(CreateArguments),
}

/// Arguments of `topics create`.
#[derive(Debug, clap::Args)]
pub struct CreateArguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Only say what would be made.
    #[arg(long)]
    dry_run: bool,
    /// Also make the input topic, with so many partitions. It belongs to the ticket system: for trying things out.
    #[arg(long, value_name = "N")]
    tickets_partitions: Option<u32>,
    /// Also make the topic of verdicts, with so many partitions, where nobody else does.
    #[arg(long, value_name = "N")]
    verdicts_partitions: Option<u32>,
}

/// Runs a command of `topics`.
pub fn run(command: Command) -> CommandResult {
    let Command::Create(CreateArguments { file_of_settings, dry_run, tickets_partitions, verdicts_partitions }) =
        command;
    let site = SitePartitions { tickets: tickets_partitions, verdicts: verdicts_partitions };
    let loaded = file_of_settings.load()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let mode = if dry_run { CreateMode::DryRun } else { CreateMode::Apply };
    let report = runtime
        .block_on(topics::create(&loaded.settings.kafka, mode, site))
        .map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    let verb = if dry_run { "would create" } else { "created" };
    for topic in &report.created {
        let settings: Vec<String> = topic.configuration.iter().map(|(key, value)| format!("{key}={value}")).collect();
        println!("{verb} {} ({} partitions, {})", topic.name, topic.partitions, settings.join(", "));
    }
    for topic in &report.unchanged {
        println!("unchanged {topic}");
    }
    if report.differs.is_empty() {
        return Ok(EXIT_OK);
    }
    let sentences = report.differs.join("\n  ");
    Err(Failure::new(
        EXIT_DOES_NOT_HOLD,
        anyhow!("these differ and were not changed; change them in Kafka, or the configuration:\n  {sentences}"),
    ))
}
