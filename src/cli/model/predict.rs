//! `noctriage model predict`: tickets in, predictions out, line by line and in order.

use std::io::{BufRead, ErrorKind, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Map, Value, json};

use super::ModelArguments;
use crate::cli::bounded_lines::{BoundedLines, Line, too_long};
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::domain::prediction::{Prediction, TicketFault};
use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;
use crate::inference::batch::classify_all;
use crate::inference::classifier::Classifier;
use crate::inference::files::CARD;
use crate::inference::model::{LoadOptions, Strictness, load};
use crate::inference::ticket_line;

/// Lines that are read before a pass: enough to pack well, few enough that a pipe does not wait long.
const LINES_PER_CHUNK: usize = 64;
/// Longest line in bytes; a native ticket has at most 256 KiB.
const LINE_BYTES_MAX: usize = 1 << 20;
/// Tokens of one pass, padding included.
const BATCH_TOKENS_MAX: usize = 4096;

/// Arguments of `model predict`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
}

/// Runs `model predict`.
pub fn run(arguments: &Arguments) -> CommandResult {
    let ModelArguments { directory, root_cause_model, device } = &arguments.model;
    let options =
        LoadOptions { strictness: Strictness::Predict, device: *device, root_cause_model: root_cause_model.as_deref() };
    let mut model = load(directory, options).map_err(Failure::usage)?;
    if !directory.join(CARD).exists() {
        eprintln!(
            "noctriage: warning: {} has no `model.toml`: labels are taken from config.json, the text from the default \
             template, and nothing says that it was trained on such text; `noctriage run` would refuse it",
            directory.display()
        );
    }
    let progress = progress_bar();
    let mut input = std::io::stdin().lock();
    let outcome = predict_lines(model.as_mut(), &mut input, &mut std::io::stdout().lock(), &mut |lines| {
        progress.inc(lines);
    });
    progress.finish_and_clear();
    match outcome {
        Ok(0) => Ok(EXIT_OK),
        Ok(errors) => {
            eprintln!("noctriage: {errors} of the lines have no prediction; see their `error`");
            Ok(EXIT_DOES_NOT_HOLD)
        }
        // Whoever reads our output has enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(EXIT_OK),
        Err(error) => Err(Failure::usage(anyhow::Error::from(error).context("standard input or output"))),
    }
}

fn progress_bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} tickets, {per_sec}, {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// One line out per line in, in order; gives the number of lines without prediction.
fn predict_lines(
    model: &mut dyn Classifier,
    input: &mut dyn BufRead,
    output: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> std::io::Result<u64> {
    let mut errors = 0;
    let mut line_number = 0;
    let mut lines = BoundedLines::new(input, LINE_BYTES_MAX);
    loop {
        let mut chunk = Vec::new();
        while chunk.len() < LINES_PER_CHUNK
            && let Some((_, line)) = lines.next_line()?
        {
            chunk.push(read(&line));
        }
        if chunk.is_empty() {
            return Ok(errors);
        }
        let tickets = chunk.iter().filter_map(|line| line.as_ref().ok());
        let results = classify_all(model, tickets, BATCH_TOKENS_MAX, || true, |_| ()).unwrap_or_default();
        let mut results = results.into_iter();
        for line in &chunk {
            line_number += 1;
            let record = match line {
                Ok(ticket) => record(ticket, line_number, results.next()),
                Err(error) => json!({"line": line_number, "error": error}),
            };
            errors += u64::from(record.get("error").is_some());
            writeln!(output, "{record}")?;
        }
        output.flush()?;
        progress(chunk.len() as u64);
    }
}

/// The ticket of a line, or why there is none.
fn read(line: &Line<'_>) -> Result<Ticket, String> {
    match line {
        Line::TooLong => Err(too_long(LINE_BYTES_MAX)),
        Line::Whole(bytes) => ticket_line::read(std::str::from_utf8(bytes).map_err(|_| "the line is no UTF-8 text")?),
    }
}

fn record(ticket: &Ticket, line: u64, result: Option<Result<Prediction, TicketFault>>) -> Value {
    let ticket_id = ticket.ticket_id.as_str();
    match result {
        Some(Ok(prediction)) => prediction_record(ticket_id, &prediction),
        Some(Err(fault)) => json!({"ticket_id": ticket_id, "line": line, "error": fault.to_string()}),
        None => json!({"ticket_id": ticket_id, "line": line, "error": "the model gave no answer"}),
    }
}

fn prediction_record(ticket_id: &str, prediction: &Prediction) -> Value {
    let Prediction { severity, logits, causes, truncated, tokens } = prediction;
    let by_severity = |numbers: [f64; 4]| -> Map<String, Value> {
        Severity::ALL.iter().zip(numbers).map(|(severity, number)| (severity.to_string(), json!(number))).collect()
    };
    let causes: Vec<Value> = causes
        .iter()
        .map(|cause| json!({"cause": cause.cause.as_ref(), "probability": cause.probability.get()}))
        .collect();
    json!({
        "ticket_id": ticket_id,
        "severity": severity.predicted().as_str(),
        "probabilities": by_severity(severity.probabilities()),
        "logits": by_severity(*logits),
        "causes": causes,
        "truncated": truncated,
        "tokens": tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::zero::ZeroCost;

    fn predictions(input: &[u8]) -> (Vec<Value>, u64) {
        let mut output = Vec::new();
        let mut model = ZeroCost::new();
        let errors = predict_lines(&mut model, &mut &*input, &mut output, &mut |_| ()).expect("memory does not fail");
        let lines = String::from_utf8(output).expect("JSON is text");
        (lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect(), errors)
    }

    fn ticket(number: usize) -> String {
        format!(r#"{{"ticket_id":"T{number}","created_at":"2026-01-05T08:00:00Z","title":"link down"}}"#)
    }

    #[test]
    fn one_line_comes_out_per_line_in_and_in_order() {
        let lines: Vec<String> = (0..LINES_PER_CHUNK * 2 + 3).map(ticket).collect();
        let (records, errors) = predictions(lines.join("\n").as_bytes());
        let ids: Vec<String> =
            records.iter().filter_map(|record| record["ticket_id"].as_str().map(str::to_owned)).collect();
        let expected: Vec<String> = (0..lines.len()).map(|number| format!("T{number}")).collect();
        assert_eq!((ids, errors), (expected, 0));
        assert!(records.iter().all(|record| record["probabilities"]["low"].is_number()));
    }

    #[test]
    fn a_bad_line_is_an_error_with_its_number_and_the_others_are_answered() {
        let mut input = format!("{}\nno json\n\n", ticket(1)).into_bytes();
        input.extend(b"\xff\xfe\n");
        input.extend(vec![b'x'; 2 * LINE_BYTES_MAX + 10]);
        input.extend(format!("\n{}\n", ticket(2)).into_bytes());
        let (records, errors) = predictions(&input);
        let lines: Vec<Option<u64>> = records.iter().map(|record| record["line"].as_u64()).collect();
        assert_eq!(lines, [None, Some(2), Some(3), Some(4), Some(5), None]);
        assert_eq!(errors, 4);
        assert_eq!(records[5]["ticket_id"], "T2");
    }

    #[test]
    fn nothing_in_is_nothing_out() {
        assert_eq!(predictions(b""), (Vec::new(), 0));
    }
}
