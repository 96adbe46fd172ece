//! `noctriage policy plan`: which threshold, and what it would mean.

use std::path::PathBuf;

use anyhow::anyhow;
use serde_json::{Value, json};

use crate::cli::evaluate::answerer::{Answerer, Judging, Named};
use crate::cli::evaluate::by_word;
use crate::cli::evaluate::tickets::LabelledFile;
use crate::cli::progress::Progress;
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TOO_LITTLE_DATA, Failure};
use crate::config::settings::DeviceChoice;
use crate::evaluation::document::words::{percent, rate, thousands};
use crate::evaluation::document::{Document, terminal};
use crate::evaluation::facet::Dimension;
use crate::evaluation::plan::{Month, PlanRow, plan};
use crate::evaluation::test_set::Leakage;
use crate::statistics::tally::ErrorLimit;

/// Arguments of `policy plan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 something is reachable, 1 nothing is, 2 usage or an unreadable file, 3 no answer states \
                        probabilities."
)]
pub struct Arguments {
    /// Labelled tickets, drawn at random from the desk and judged blind; one of each group of near-identical ones.
    #[arg(long, value_name = "FILE")]
    on: PathBuf,
    /// The model: NAME=DIRECTORY, NAME=predictions:FILE, or NAME=tfidf:FILE.
    #[arg(long, value_name = "NAME=WHAT")]
    model: Named,
    /// Wished errors among tickets taken without a look. Choose one before you look: the guarantee is for one.
    #[arg(long = "error-limit", value_name = "RATE", value_delimiter = ',', default_values_t = [0.005, 0.01, 0.02, 0.05])]
    error_limits: Vec<f64>,
    /// By what tickets are sliced: slice, category, vendor, device_type, region, channel.
    #[arg(long, default_value = "category", value_parser = by_word)]
    by: Dimension,
    /// Tickets a month, for actions and errors a month.
    #[arg(long, value_name = "N")]
    tickets_per_month: Option<f64>,
    /// Minutes that triage by hand takes, for hours a month.
    #[arg(long, value_name = "MINUTES", requires = "tickets_per_month")]
    minutes_manual: Option<f64>,
    /// Take tickets that may hold what was written after triage, and those that were trained on.
    #[arg(long)]
    accept_leakage: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Where models run: auto, cpu or cuda:N.
    #[arg(long, default_value = "auto", value_parser = crate::cli::model::device)]
    device: DeviceChoice,
}

/// Runs `policy plan`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let limits: Vec<ErrorLimit> = arguments
        .error_limits
        .iter()
        .map(|&limit| ErrorLimit::try_new(limit).map_err(Failure::usage))
        .collect::<Result<_, _>>()?;
    let month = match arguments.tickets_per_month {
        Some(tickets) if tickets.is_finite() && tickets > 0.0 && arguments.minutes_manual.is_none_or(is_time) => {
            Some(Month { tickets, minutes_manual: arguments.minutes_manual })
        }
        Some(_) => {
            return Err(Failure::usage(anyhow!("--tickets-per-month and --minutes-manual must be finite and above 0")));
        }
        None => None,
    };
    let leakage = if arguments.accept_leakage { Leakage::Accepted } else { Leakage::Refused };
    let file = LabelledFile::read(&arguments.on, leakage, arguments.model.what.needs())?;
    let mut progress = Progress::new("predicting");
    let mut answerer = Answerer::open(&arguments.model, arguments.device, None, Judging { file: &file, leakage })?;
    let column = answerer.column(&arguments.model, &file, &mut progress)?;
    drop(progress);
    let known = answerer.known().count();
    if known > 0 {
        eprintln!("note: {known} tickets of --on have the words of a training ticket: each threshold may be too low");
    }
    if column.answers.iter().flatten().all(|answer| answer.distribution.is_none()) {
        eprintln!("noctriage: {} states no probabilities: no threshold can be chosen", column.name);
        return Ok(EXIT_TOO_LITTLE_DATA);
    }
    let rows = plan(&column, &file.set, arguments.by, &limits, month);
    if arguments.json {
        println!("{:#}", json!({ "model": column.name, "rows": rows.iter().map(as_json).collect::<Vec<_>>() }));
    } else {
        print!("{}", terminal::rendered(&document(&column.name, &rows)));
    }
    let is_reachable = rows.iter().any(|row| row.threshold.is_some());
    Ok(if is_reachable { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

fn is_time(minutes: f64) -> bool {
    minutes.is_finite() && minutes > 0.0
}

fn as_json(row: &PlanRow) -> Value {
    json!({
        "slice": row.slice,
        "tickets": row.share.hits,
        "called_low": row.called_low,
        "error_limit": row.limit,
        "threshold": row.threshold.map(|threshold| threshold.confidence),
        "evidence": row.threshold.map(|threshold| threshold.eligible),
        "reached": row.reached,
        "wrong": row.threshold.map(|threshold| threshold.wrong),
        "taken_per_month": row.month.map(|month| month.taken),
        "wrong_per_month_at_most": row.month.map(|month| month.wrong_at_most),
        "hours_per_month": row.month.and_then(|month| month.hours),
    })
}

fn document(model: &str, rows: &[PlanRow]) -> Document {
    let mut document = Document::default();
    document.text(format!(
        "Thresholds of {model}, for tickets called low. Wrong is what people call high or critical. Each line holds with 90 % \
         for the error that was chosen before looking, while live traffic is like these tickets; of near-duplicates the first \
         counts."
    ));
    let cells = rows.iter().map(|row| {
        let start = vec![format!("{}, error at most {}", row.slice, percent(row.limit)), row.share.hits.to_string()];
        let rest = match row.threshold {
            None => vec![
                "not reachable".to_owned(),
                format!("{} called low", row.called_low),
                "–".to_owned(),
                "–".to_owned(),
            ],
            Some(threshold) => {
                let reach = crate::statistics::wilson::Share { hits: row.reached.unwrap_or(0), of: row.share.hits };
                let month = row.month.map_or_else(
                    || "not configured".to_owned(),
                    |month| {
                        format!("{} taken, {:.1} wrong", thousands(month.taken.round() as u64), month.wrong_at_most)
                    },
                );
                let hours = row.month.and_then(|month| month.hours);
                vec![
                    format!("{:.3}", threshold.confidence),
                    rate(reach),
                    month,
                    hours.map_or_else(|| "not configured".to_owned(), |hours| format!("{hours:.0} h")),
                ]
            }
        };
        [start, rest].concat()
    });
    document.table(&["slice", "tickets", "threshold", "reach (95 %)", "a month, at most", "saved"], cells.collect());
    document
}
