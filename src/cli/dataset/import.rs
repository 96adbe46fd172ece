//! `noctriage dataset import`: an export of a ticket system becomes a file of labelled tickets.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use jiff::tz::TimeZone;
use serde_json::json;

use super::files::{check_new, print_json, write_lines};
use super::rows::{Empty, Encoding, Format, Row, each_row};
use crate::cli::progress::Progress;
use crate::cli::settings_file::SettingsFile;
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::domain::labelled::AsOf;
use crate::domain::severity::Severity;
use crate::evaluation::test_set::TICKETS_MAX;
use crate::wire::import::audit::Audit;
use crate::wire::import::{ImportSettings, ImportSummary, LabelFields};
use crate::wire::intake::IntakeSettings;
use crate::wire::intake::settings::{Preset, SeverityMeaning};
use crate::wire::labelled::LabelledRecord;
use crate::wire::values::Instant;

/// Most rows that are refused by name; the others are counted.
const FAULTS_SHOWN: usize = 20;
/// Most of them in the report for programs.
const FAULTS_REPORTED: usize = 1_000;

/// Arguments of `dataset import`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The export: .csv, .json or .jsonl.
    file: PathBuf,
    /// Where it comes from. generic: name the fields with --field.
    #[arg(long, value_enum, default_value = "generic", conflicts_with = "config")]
    preset: PresetName,
    /// Read tickets as the daemon does with this configuration (preset, mapping, aliases, time zone) instead.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A field of a ticket and where it stands in a row, as title=/Summary; again for each field.
    #[arg(long = "field", value_name = "NAME=/POINTER", value_parser = pair)]
    fields: Vec<(String, String)>,
    /// Where the severity stands that people gave the ticket in the end [servicenow: /priority].
    #[arg(long, value_name = "/POINTER")]
    label_severity: Option<String>,
    /// Where the code of the root cause stands [servicenow: /close_code].
    #[arg(long, value_name = "/POINTER")]
    label_root_cause: Option<String>,
    /// Where the queue stands that it went to [servicenow: /assignment_group].
    #[arg(long, value_name = "/POINTER")]
    label_queue: Option<String>,
    /// Where yes, no or unknown stands: could it have been closed with nobody looking?
    #[arg(long, value_name = "/POINTER")]
    label_closable: Option<String>,
    /// Where its slice stands.
    #[arg(long, value_name = "/POINTER")]
    slice: Option<String>,
    /// Where a group of near-duplicates is named, which a split keeps together.
    #[arg(long, value_name = "/POINTER")]
    group: Option<String>,
    /// A severity word of the source, as Sev1=critical; again for each word.
    #[arg(long = "alias", value_name = "WORD=SEVERITY", value_parser = pair)]
    aliases: Vec<(String, String)>,
    /// Zone of times without one, as Europe/Berlin.
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    time_zone: Option<TimeZone>,
    /// ServiceNow's sys_audit of the same tickets: turns every field back to its value at the creation.
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Creation of tickets that have none, as 2026-01-31T00:00:00Z; without it they are refused.
    #[arg(long, value_name = "TIME", value_parser = instant)]
    undated: Option<Instant>,
    /// Your word that every row shows its ticket as it was at its creation.
    #[arg(long, value_name = "MOMENT", value_parser = ["created"])]
    as_of: Option<String>,
    /// What the file is; without it, its name says so.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Encoding of CSV.
    #[arg(long, value_enum, default_value = "utf-8")]
    encoding: Encoding,
    /// Where the labelled tickets go; must not exist.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// A preset on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum PresetName {
    /// Table API or list export of incidents.
    Servicenow,
    /// Native tickets, with the label beside their fields.
    Native,
    /// Anything else.
    #[value(alias = "mapping")]
    Generic,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE is expected")?;
    if name.trim().is_empty() || value.trim().is_empty() {
        return Err("NAME=VALUE is expected".to_owned());
    }
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| format!("`{name}` is no time zone, such as Europe/Berlin or UTC"))
}

fn instant(text: &str) -> Result<Instant, String> {
    serde_json::from_value(json!(text)).map_err(|error| error.to_string())
}

/// Runs `dataset import`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    check_new([arguments.out.as_path()])?;
    let settings = settings(arguments)?;
    settings.check().map_err(|mistakes| Failure::usage(anyhow!("{}", mistakes.join("\n"))))?;
    let audit = arguments.audit.as_deref().map(|path| read_audit(path, arguments, &settings)).transpose()?;
    let mut found = Found::default();
    let format = arguments.format.map_or_else(|| Format::of_name(&arguments.file), Ok)?;
    let mut progress = Progress::new("importing");
    let take = |row: Row| found.take(row, &settings, audit.as_ref());
    let encoding = arguments.encoding;
    each_row(&arguments.file, format, encoding, Empty::Absent, take, |done, total| progress.at(done, total))?;
    drop(progress);
    if found.summary.rows == 0 {
        return Err(Failure::usage(anyhow!("{} holds no row", arguments.file.display())));
    }
    if !found.records.is_empty() {
        write_lines(&arguments.out, &found.records)?;
    }
    found.print(arguments, audit.as_ref());
    Ok(if found.refused == 0 { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

fn settings(arguments: &Arguments) -> Result<ImportSettings, Failure> {
    let mut intake = match &arguments.config {
        Some(path) => SettingsFile { config: Some(path.clone()) }.load()?.settings.intake.as_ref().clone(),
        None => IntakeSettings::for_preset(match arguments.preset {
            PresetName::Servicenow => Preset::ServiceNow,
            PresetName::Native => Preset::Native,
            PresetName::Generic => Preset::Mapping,
        }),
    };
    let mut mistakes = Vec::new();
    for (field, pointer) in &arguments.fields {
        if let Err(mistake) = intake.mapping.set(field, pointer) {
            mistakes.push(format!("--field {field}: {mistake}"));
        }
    }
    for (word, severity) in &arguments.aliases {
        match severity.parse::<Severity>() {
            Ok(severity) => intake.severities.set(word, SeverityMeaning::Is(severity)),
            Err(mistake) => mistakes.push(format!("--alias {word}: {mistake}")),
        }
    }
    if !mistakes.is_empty() {
        return Err(Failure::usage(anyhow!("{}", mistakes.join("\n"))));
    }
    if let Some(zone) = &arguments.time_zone {
        intake.time_zone = Some(zone.clone());
    }
    let preset = LabelFields::for_preset(intake.preset);
    let label = LabelFields {
        severity: arguments.label_severity.clone().unwrap_or(preset.severity),
        root_cause: arguments.label_root_cause.clone().or(preset.root_cause),
        queue: arguments.label_queue.clone().or(preset.queue),
        closable: arguments.label_closable.clone(),
        slice: arguments.slice.clone(),
        group: arguments.group.clone(),
    };
    let as_of = if arguments.as_of.is_some() { AsOf::Created } else { AsOf::Unknown };
    Ok(ImportSettings { intake, label, undated: arguments.undated, as_of })
}

fn read_audit(path: &Path, arguments: &Arguments, settings: &ImportSettings) -> Result<Audit, Failure> {
    let mut audit = Audit::default();
    let mut progress = Progress::new("reading the audit");
    let take = |row: Row| {
        let added = row.fields.and_then(|fields| audit.add(&fields, settings.intake.time_zone.as_ref()));
        added.map_err(|fault| Failure::usage(anyhow!("{}: line {}: {fault}", path.display(), row.number)))
    };
    let format = Format::of_name(path)?;
    each_row(path, format, arguments.encoding, Empty::Text, take, |done, total| progress.at(done, total))?;
    Ok(audit)
}

/// What became of the rows.
#[derive(Default)]
struct Found {
    summary: ImportSummary,
    records: Vec<LabelledRecord>,
    refused: u64,
    faults: Vec<(u64, String)>,
}

impl Found {
    fn take(&mut self, row: Row, settings: &ImportSettings, audit: Option<&Audit>) -> Result<(), Failure> {
        if self.summary.tickets >= TICKETS_MAX as u64 {
            let line = row.number;
            return Err(Failure::usage(anyhow!(
                "more than {TICKETS_MAX} tickets, at line {line}: take a part of the file, because nothing else reads more"
            )));
        }
        let fault = match row.fields {
            Ok(fields) => {
                let result = settings.import(&fields, audit);
                self.summary.add(&result);
                match result {
                    Ok(imported) => {
                        self.records.push(imported.record);
                        return Ok(());
                    }
                    Err(fault) => fault.to_string(),
                }
            }
            Err(fault) => {
                self.summary.rows += 1;
                fault
            }
        };
        self.refused += 1;
        if self.faults.len() < FAULTS_REPORTED {
            self.faults.push((row.number, fault));
        }
        Ok(())
    }

    fn print(&self, arguments: &Arguments, audit: Option<&Audit>) {
        let Self { summary, records: _, refused, faults } = self;
        let ImportSummary { rows, tickets, as_created, severities, unmapped_words, left_out } = summary;
        if arguments.json {
            let faults: Vec<_> = faults.iter().map(|(line, fault)| json!({ "line": line, "fault": fault })).collect();
            print_json(&json!({
                "rows": rows, "tickets": tickets, "refused": refused, "as_created": as_created,
                "severities": severities, "unmapped_words": unmapped_words, "left_out": left_out,
                "audited_tickets": audit.map(Audit::tickets), "faults": faults, "out": arguments.out,
            }));
            return;
        }
        println!("{rows} rows: {tickets} labelled tickets, {refused} refused");
        if *tickets > 0 {
            let counts: Vec<String> = severities.iter().map(|(word, count)| format!("{word} {count}")).collect();
            println!("labels: {}", counts.join(", "));
            println!("written: {}", arguments.out.display());
        }
        if !left_out.is_empty() {
            println!("left out, because it is known only after triage:");
            for (name, count) in left_out {
                println!("  {name} ({count} rows)");
            }
        }
        for (word, count) in unmapped_words {
            println!("severity word without a meaning: `{word}` ({count} rows); add --alias '{word}=SEVERITY'");
        }
        for (line, fault) in faults.iter().take(FAULTS_SHOWN) {
            eprintln!("{}: line {line}: {fault}", arguments.file.display());
        }
        if faults.len() > FAULTS_SHOWN {
            eprintln!("and {} more", *refused as usize - FAULTS_SHOWN);
        }
        if as_created < tickets {
            println!(
                "note: of {} tickets nobody knows whether they are as they were at their creation; `evaluate` refuses them \
                 without --accept-leakage (--audit turns them back, --as-of created is your word for it)",
                tickets - as_created
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_stops_where_nothing_else_would_read_on() {
        let intake = IntakeSettings::for_preset(Preset::Native);
        let label = LabelFields { severity: "/label".to_owned(), ..LabelFields::default() };
        let settings = ImportSettings { intake, label, undated: None, as_of: AsOf::Created };
        let row = || {
            let fields = json!({
                "ticket_id": "T1", "title": "x", "created_at": "2026-01-05T08:00:00Z", "label": "low",
            });
            Row { number: 7, fields: Ok(fields) }
        };
        let mut found = Found::default();
        found.summary.tickets = TICKETS_MAX as u64 - 1;
        found.take(row(), &settings, None).unwrap();
        assert_eq!((found.records.len(), found.summary.tickets), (1, TICKETS_MAX as u64), "{:?}", found.faults);
        let refused = format!("{:?}", found.take(row(), &settings, None).unwrap_err());
        assert!(refused.contains("line 7"), "{refused}");
    }
}
