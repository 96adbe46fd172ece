//! `noctriage rollout history`: the audit trail; with `--verify`, every report asked again from the log at its cut.

use anyhow::Context as _;

use crate::config::Settings;
use crate::kafka::evidence_reader::gather_up_to;
use crate::kafka::scan::ScanFrom;
use crate::rollout::log::Cut;
use crate::wire::transition::{AuditRecord, TransitionRecord};
use crate::wire::verified::Verified;

use super::super::progress::Progress;
use super::super::settings_file::SettingsFile;
use super::super::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TEMPORARY, EXIT_TOO_LITTLE_DATA, Failure};
use super::change::told;
use super::state::trail;

/// Arguments of `rollout history`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Ask the reports again on the decisions and verdicts that are still there, and say which read otherwise.
    #[arg(long)]
    verify: bool,
    /// One record per line, as it stands in Kafka.
    #[arg(long)]
    json: bool,
}

/// Runs `rollout history`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let loaded = arguments.file_of_settings.load()?;
    let settings = &loaded.settings;
    let (records, unreadable) = trail(&settings.kafka, ScanFrom::Start)?;
    if unreadable > 0 {
        eprintln!("{unreadable} records of {} are not readable by this version", settings.kafka.topics.transitions);
    }
    if records.is_empty() {
        eprintln!("noctriage: no transition in {} yet", settings.kafka.topics.transitions);
        return Ok(EXIT_DOES_NOT_HOLD);
    }
    let gaps = gaps(&records);
    for (_, record) in &records {
        match record {
            AuditRecord::Transition(record) if arguments.json => {
                println!("{}", serde_json::to_string(record).context("writing a transition")?);
            }
            AuditRecord::Refusal(record) if arguments.json => {
                println!("{}", serde_json::to_string(record).context("writing a refusal")?);
            }
            AuditRecord::Transition(record) => println!("{}", told(record)),
            AuditRecord::Refusal(record) => {
                println!("{} refused request {}: {}", record.written_at, record.offset, record.why);
            }
        }
    }
    for gap in &gaps {
        eprintln!("noctriage: {gap}");
    }
    let verified = if arguments.verify { verify(settings, &records)? } else { EXIT_OK };
    Ok(if gaps.is_empty() { verified } else { EXIT_DOES_NOT_HOLD })
}

/// Revisions rise by one: what is missing in between is missing in the trail.
fn gaps(records: &[(i64, AuditRecord)]) -> Vec<String> {
    let revisions = records.iter().filter_map(|(offset, record)| match record {
        AuditRecord::Transition(record) => Some((*offset, record.rollout_revision)),
        AuditRecord::Refusal(_) => None,
    });
    let revisions: Vec<(i64, u64)> = revisions.collect();
    let gap = |pair: &[(i64, u64)]| match (pair[0], pair[1]) {
        ((_, before), (_, after)) if after == before + 1 => None,
        ((_, before), (offset, after)) => {
            Some(format!("revision {after} at offset {offset} follows revision {before}: the trail is not whole"))
        }
    };
    revisions.windows(2).filter_map(gap).collect()
}

fn verify(settings: &Settings, records: &[(i64, AuditRecord)]) -> CommandResult {
    let with_reports = records.iter().filter_map(|(_, record)| match record {
        AuditRecord::Transition(record) if !record.reports.is_empty() => Some(record.as_ref()),
        AuditRecord::Transition(_) | AuditRecord::Refusal(_) => None,
    });
    let with_reports: Vec<&TransitionRecord> = with_reports.collect();
    let (mut differences, mut gone) = (0_usize, 0_usize);
    let mut progress = Progress::new("reading evidence");
    for (place, record) in with_reports.iter().enumerate() {
        progress.at(place as u64, with_reports.len() as u64);
        match verify_one(settings, record)? {
            Verified::Holds => {}
            Verified::EvidenceGone => gone += 1,
            Verified::Differs(found) => {
                differences += found.len();
                for one in &found {
                    println!("revision {}: {one}", record.rollout_revision);
                }
            }
        }
    }
    drop(progress);
    println!(
        "{} reports asked again: {differences} readings differ, {gone} rest on evidence that is not in the log any more",
        with_reports.len()
    );
    Ok(match (differences, gone) {
        (0, 0) => EXIT_OK,
        (0, _) => EXIT_TOO_LITTLE_DATA,
        (_, _) => EXIT_DOES_NOT_HOLD,
    })
}

/// Reads the evidence up to the record's cut, and asks its reports again.
fn verify_one(settings: &Settings, record: &TransitionRecord) -> Result<Verified, Failure> {
    let spec = &settings.rollout.spec;
    let cut = Cut::from(record.cut.clone());
    let since = record.evidence_since(spec).map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    let gathered = gather_up_to(settings, since, cut, |_, _| {});
    let gathered = gathered.map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    record.verified(&gathered.evidence, spec).map_err(|error| Failure::new(EXIT_TEMPORARY, error))
}
