//! `noctriage model calibrate`: fits one temperature and a bias per severity on tickets that neither trained nor judge the
//! model, and writes `calibration.toml` where that makes newer tickets more probable.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use toml::{Table, Value};

use super::ModelArguments;
use crate::cli::json_lines::each_line;
use crate::cli::progress::Progress;
use crate::cli::whole_file::write_whole;
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TOO_LITTLE_DATA, Failure};
use crate::domain::digest::Digest;
use crate::domain::labelled::{AsOf, LabelAgreement, LabelledTicket, Split};
use crate::domain::severity::Severity;
use crate::inference::batch::classify_all;
use crate::inference::files::CALIBRATION;
use crate::inference::model::{LoadOptions, Strictness, load};
use crate::statistics::calibration::{Claim, Forecast, gap, negative_log_likelihood};
use crate::statistics::temperature::{FittedCalibration, Scored, VERDICTS_MIN, fit};
use crate::wire::labelled;

/// Share of the tickets, the newest, on which a fit to the others must do better.
const NEWEST_SHARE: f64 = 0.3;
/// Tokens of one pass, padding included.
const BATCH_TOKENS_MAX: usize = 4096;
/// Tickets between two looks at the bar.
const TICKETS_PER_CHUNK: usize = 256;

/// Arguments of `model calibrate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 written (or would be, with --dry-run), 1 no better than before, 2 usage or an unreadable \
                        file, 3 too few tickets."
)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// Labelled tickets to fit on, drawn at random from the desk and judged blind: validation tickets, never training or
    /// test tickets.
    #[arg(long, value_name = "FILE")]
    on: PathBuf,
    /// Training and test files: a ticket of theirs in --on is refused. May be given several times.
    #[arg(long, value_name = "FILE")]
    not_in: Vec<PathBuf>,
    /// Take tickets that may hold what was written after triage.
    #[arg(long)]
    accept_leakage: bool,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
}

/// One ticket: what the model scores, what it says now, and the truth.
struct Case {
    logits: [f64; 4],
    now: [f64; 4],
    truth: usize,
}

/// Runs `model calibrate`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let tickets = tickets(arguments)?;
    if tickets.len() < VERDICTS_MIN {
        eprintln!("noctriage: {} tickets are too few: below {VERDICTS_MIN} no fit is better than none", tickets.len());
        return Ok(EXIT_TOO_LITTLE_DATA);
    }
    let ModelArguments { directory, root_cause_model, device } = &arguments.model;
    let options =
        LoadOptions { strictness: Strictness::Predict, device: *device, root_cause_model: root_cause_model.as_deref() };
    let cases = cases(directory, options, &tickets)?;
    let older = cases.len() - (cases.len() as f64 * NEWEST_SHARE).round() as usize;
    let trial = fitted(&cases[..older])?;
    let (before, after) = (likelihood(&cases[older..], None), likelihood(&cases[older..], Some(&trial)));
    println!(
        "On the newest {} of {} tickets: negative log-likelihood {before:.4} now, {after:.4} with a fit to the others.",
        cases.len() - older,
        cases.len()
    );
    if after.total_cmp(&before).is_ge() {
        println!("No better: nothing is written.");
        return Ok(EXIT_DOES_NOT_HOLD);
    }
    let calibration = fitted(&cases)?;
    say_gaps(&cases, &calibration);
    let path = directory.join(CALIBRATION);
    let text = text_of(&path, &calibration, &tickets)?;
    if arguments.dry_run {
        print!("{text}");
        return Ok(EXIT_OK);
    }
    write(&path, &text)?;
    println!("{} is written; its digest is {}.", path.display(), Digest::of(text.as_bytes()).short());
    println!("Evidence belongs to a model with its calibration: with this one, all its accounts start at nothing.");
    Ok(EXIT_OK)
}

/// The tickets to fit on, oldest first.
fn tickets(arguments: &Arguments) -> Result<Vec<LabelledTicket>, Failure> {
    let mut forbidden = BTreeSet::new();
    for path in &arguments.not_in {
        each_line(path, labelled::LINE_BYTES_MAX, |line| {
            let read = labelled::read(line).map_err(|error| error.to_string())?;
            forbidden.insert(read.labelled.ticket.ticket_id);
            Ok(())
        })?;
    }
    let (mut tickets, mut seen) = (Vec::new(), BTreeSet::new());
    each_line(&arguments.on, labelled::LINE_BYTES_MAX, |line| {
        let ticket = labelled::read(line).map_err(|error| error.to_string())?.labelled;
        let id = &ticket.ticket.ticket_id;
        match ticket.split {
            Some(Split::Train) => return Err(format!("{id} is a training ticket: the model is too sure of it")),
            Some(Split::Test) => {
                return Err(format!("{id} is a test ticket: what is fitted on it cannot be judged by it"));
            }
            Some(Split::Validation) | None => {}
        }
        if ticket.as_of == AsOf::Unknown && !arguments.accept_leakage {
            return Err(format!(
                "{id} is not known to be as it was at its creation (`as_of`): what was written later makes the model right \
                 more often than it will be. Import it with its history, or say --accept-leakage"
            ));
        }
        if !seen.insert(id.clone()) {
            return Err(format!("{id} is in the file twice: the fit would count it twice"));
        }
        if forbidden.contains(id) {
            return Err(format!("{id} stands in a file of --not-in"));
        }
        if ticket.label.agreement != LabelAgreement::Disputed {
            tickets.push(ticket);
        }
        Ok(())
    })?;
    tickets.sort_by(|a, b| (a.ticket.created_at, &a.ticket.ticket_id).cmp(&(b.ticket.created_at, &b.ticket.ticket_id)));
    Ok(tickets)
}

fn cases(directory: &Path, options: LoadOptions<'_>, tickets: &[LabelledTicket]) -> Result<Vec<Case>, Failure> {
    let mut model = load(directory, options).map_err(Failure::usage)?;
    let mut progress = Progress::new("predicting");
    let mut cases = Vec::with_capacity(tickets.len());
    for chunk in tickets.chunks(TICKETS_PER_CHUNK) {
        progress.at(cases.len() as u64, tickets.len() as u64);
        let inputs = chunk.iter().map(|labelled| &labelled.ticket);
        let results = classify_all(model.as_mut(), inputs, BATCH_TOKENS_MAX, || true, |_| ()).unwrap_or_default();
        for (labelled, result) in chunk.iter().zip(results) {
            let prediction = result.map_err(|fault| {
                Failure::usage(anyhow!("{}: ticket {}: {fault}", directory.display(), labelled.ticket.ticket_id))
            })?;
            cases.push(Case {
                logits: prediction.logits,
                now: prediction.severity.probabilities(),
                truth: labelled.label.severity.index(),
            });
        }
    }
    Ok(cases)
}

fn fitted(cases: &[Case]) -> Result<FittedCalibration, Failure> {
    let scored: Vec<Scored> = cases.iter().map(|case| Scored { scores: &case.logits, truth: case.truth }).collect();
    fit(&scored).map_err(Failure::usage)
}

fn probabilities(case: &Case, calibration: Option<&FittedCalibration>) -> Vec<f64> {
    calibration.map_or_else(|| case.now.to_vec(), |calibration| calibration.probabilities(&case.logits))
}

fn likelihood(cases: &[Case], calibration: Option<&FittedCalibration>) -> f64 {
    let all: Vec<Vec<f64>> = cases.iter().map(|case| probabilities(case, calibration)).collect();
    let forecasts: Vec<Forecast> =
        all.iter().zip(cases).map(|(probabilities, case)| Forecast { probabilities, truth: case.truth }).collect();
    negative_log_likelihood(&forecasts).unwrap_or(f64::INFINITY)
}

fn say_gaps(cases: &[Case], calibration: &FittedCalibration) {
    for (name, calibration) in [("before", None), ("after", Some(calibration))] {
        let claims: Vec<Claim> = cases
            .iter()
            .map(|case| {
                let all = probabilities(case, calibration);
                let (answer, confidence) =
                    all.iter().copied().enumerate().fold((0, 0.0), |best, (class, probability)| {
                        if probability > best.1 { (class, probability) } else { best }
                    });
                Claim { confidence, is_right: answer == case.truth }
            })
            .collect();
        if let Some(found) = gap(&claims) {
            println!(
                "{name}: claims too much by {:+.1} points ({:+.1} to {:+.1}), {}/{} right",
                found.gap * 100.0,
                found.interval.low * 100.0,
                found.interval.high * 100.0,
                found.right,
                found.answers
            );
        }
    }
}

/// The file as it will be: the severity head anew, the root-cause head as it was, and what it was fitted on.
fn text_of(path: &Path, calibration: &FittedCalibration, tickets: &[LabelledTicket]) -> Result<String, Failure> {
    let mut table = Table::new();
    let FittedCalibration { temperature, biases } = calibration;
    let bias: Table = Severity::ALL
        .iter()
        .zip(biases)
        .map(|(severity, bias)| (severity.as_str().to_owned(), Value::Float(*bias)))
        .collect();
    let mut severity = Table::new();
    severity.insert("temperature".to_owned(), Value::Float(*temperature));
    severity.insert("bias".to_owned(), Value::Table(bias));
    table.insert("severity".to_owned(), Value::Table(severity));
    if path.exists() {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("{}", path.display())).map_err(Failure::usage)?;
        let old: Table = text.parse().with_context(|| format!("{}", path.display())).map_err(Failure::usage)?;
        if let Some(cause) = old.get("cause") {
            table.insert("cause".to_owned(), cause.clone());
        }
    }
    let ids: Vec<&[u8]> = tickets.iter().map(|labelled| labelled.ticket.ticket_id.as_str().as_bytes()).collect();
    let mut fitted_on = Table::new();
    fitted_on.insert("tickets".to_owned(), Value::Integer(tickets.len() as i64));
    fitted_on.insert("digest".to_owned(), Value::String(Digest::of_parts(ids).short()));
    table.insert("fitted_on".to_owned(), Value::Table(fitted_on));
    toml::to_string(&table).map_err(Failure::usage)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    write_whole(path, |file| Ok(file.write_all(text.as_bytes())?)).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::inference::calibration::Calibration;

    fn read(lines: &[(&str, &str)], accept_leakage: bool) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let on = folder.path().join("on.jsonl");
        let line = |(id, as_of): &(&str, &str)| {
            let ticket = json!({ "ticket_id": id, "title": "link down", "created_at": "2026-01-05T08:00:00Z" });
            json!({ "ticket": ticket, "label": { "severity": "low" }, "as_of": as_of }).to_string()
        };
        std::fs::write(&on, lines.iter().map(line).collect::<Vec<_>>().join("\n")).unwrap();
        let model = ModelArguments {
            directory: folder.path().to_owned(),
            root_cause_model: None,
            device: crate::config::settings::DeviceChoice::Cpu,
        };
        let found = tickets(&Arguments { model, on, not_in: Vec::new(), accept_leakage, dry_run: true });
        found.map(|tickets| tickets.len()).map_err(|failure| format!("{failure:?}"))
    }

    #[test]
    fn a_ticket_that_may_leak_is_refused_unless_somebody_accepts_it() {
        let lines = [("T1", "created"), ("T2", "unknown")];
        assert!(read(&lines, false).is_err_and(|error| error.contains("T2") && error.contains("--accept-leakage")));
        assert_eq!(read(&lines, true), Ok(2));
    }

    #[test]
    fn a_ticket_that_is_there_twice_is_refused() {
        let lines = [("T1", "created"), ("T2", "created"), ("T1", "created")];
        assert!(read(&lines, true).is_err_and(|error| error.contains("line 3: T1 is in the file twice")));
        assert_eq!(read(&lines[..2], false), Ok(2));
    }

    #[test]
    fn the_file_is_read_by_the_daemon_and_keeps_the_root_cause_head() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CALIBRATION);
        write(&path, "[severity]\ntemperature = 9.0\n[cause]\ntemperature = 1.25\n").unwrap();
        let fitted = FittedCalibration { temperature: 2.0, biases: vec![0.25, -0.5, 0.125, 0.125] };
        let text = text_of(&path, &fitted, &[]).unwrap();
        let read = Calibration::parse(&text).unwrap();
        assert_eq!(read.severity([2.0, 0.0, -4.0, 1.0]), [1.25, -0.5, -1.875, 0.625]);
        assert_eq!(read.cause(2.5), 2.0);
    }

    #[test]
    fn a_fit_to_overconfident_scores_makes_the_truth_more_probable() {
        // Right in two of three, and sure each time.
        let case = |at: usize| {
            let mut logits = [0.0; 4];
            logits[at % 4] = 6.0;
            let now = crate::domain::probability::SeverityDistribution::from_logits(logits).unwrap().probabilities();
            Case { logits, now, truth: if at.is_multiple_of(3) { (at + 1) % 4 } else { at % 4 } }
        };
        let cases: Vec<Case> = (0..90).map(case).collect();
        let found = fitted(&cases).unwrap();
        assert!(found.temperature > 1.5, "{found:?}");
        assert!(likelihood(&cases, Some(&found)) < likelihood(&cases, None));
    }
}
