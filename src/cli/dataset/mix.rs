//! `noctriage dataset mix`: what a training set holds, beside what comes in.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::files::{LiveTicket, Tickets, live, print_json};
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, EXIT_TOO_LITTLE_DATA};
use crate::evaluation::data::mix::{Counted, Dimension, Mix, MixRow, Standing, mix};

/// Live tickets below which nothing is said: a share of 10 % then lies anywhere from 3 to 26 %.
const LIVE_TICKETS_MIN: u64 = 30;
/// Values that are shown of a dimension; the JSON report has all.
const ROWS_SHOWN: usize = 20;

/// Arguments of `dataset mix`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What is trained on.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    train: Vec<PathBuf>,
    /// Tickets as they come in: labelled or native, one a line.
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    live: Vec<PathBuf>,
    /// By what they are told apart; several with commas.
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',', default_value = "slice,severity", value_parser = dimension)]
    by: Vec<Dimension>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn dimension(word: &str) -> Result<Dimension, String> {
    let found = Dimension::ALL.into_iter().find(|dimension| dimension.as_str() == word);
    found.ok_or_else(|| format!("is none of {}", Dimension::ALL.map(Dimension::as_str).join(", ")))
}

/// What is counted of a training ticket.
pub(super) fn counted(tickets: &Tickets) -> impl Iterator<Item = Counted<'_>> {
    tickets.labelled.iter().map(|labelled| Counted {
        ticket: &labelled.ticket,
        slice: labelled.slice.as_deref(),
        severity: Some(labelled.label.severity),
    })
}

/// What is counted of a live ticket.
pub(super) fn counted_live(tickets: &[LiveTicket]) -> impl Iterator<Item = Counted<'_>> {
    tickets.iter().map(|live| Counted {
        ticket: &live.ticket,
        slice: live.labelled.as_ref().and_then(|labelled| labelled.slice.as_deref()),
        severity: live.labelled.as_ref().map(|labelled| labelled.label.severity),
    })
}

/// Runs `dataset mix`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let (training, live) = (Tickets::read(&arguments.train)?, live(&arguments.live)?);
    let mixes: Vec<Mix> =
        arguments.by.iter().map(|&dimension| mix(dimension, counted(&training), counted_live(&live))).collect();
    if arguments.json {
        print_json(&json!({ "mixes": mixes.iter().map(as_json).collect::<Vec<_>>() }));
    } else {
        mixes.iter().for_each(print);
    }
    Ok(exit_code(&mixes))
}

/// 1: a mix differs; 3: of none are there live tickets enough. A native ticket has no severity that people gave, so that it
/// says nothing of that mix.
fn exit_code(mixes: &[Mix]) -> u8 {
    let differs = |mix: &Mix| {
        mix.rows.iter().any(|row| row.standing == Standing::Under) || mix.drift.is_some_and(|drift| drift.is_shown())
    };
    let mut told = mixes.iter().filter(|mix| mix.live >= LIVE_TICKETS_MIN).peekable();
    if told.peek().is_none() {
        EXIT_TOO_LITTLE_DATA
    } else if told.any(differs) {
        EXIT_DOES_NOT_HOLD
    } else {
        EXIT_OK
    }
}

fn as_json(mix: &Mix) -> Value {
    let Mix { dimension, training, live, rows, drift } = mix;
    let row = |row: &MixRow| {
        let MixRow { value, training, live, ratio, standing } = row;
        json!({
            "value": value, "training": training, "live": live, "standing": standing.as_str(),
            "ratio": ratio.map(|ratio| finite(ratio.ratio)),
            "ratio_low": ratio.map(|ratio| ratio.interval.low), "ratio_high": ratio.map(|ratio| ratio.interval.high),
        })
    };
    json!({
        "dimension": dimension.as_str(), "training": training, "live": live,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "psi": drift.map(|drift| json!({
            "index": drift.index, "beyond_chance": drift.excess, "p": drift.p, "is_shown": drift.is_shown(),
        })),
    })
}

/// JSON has no word for infinity: a value that live tickets do not have has no ratio.
fn finite(ratio: f64) -> Value {
    if ratio.is_finite() { json!(ratio) } else { Value::Null }
}

fn print(mix: &Mix) {
    let Mix { dimension, training, live, rows, drift } = mix;
    println!("by {}: {training} training tickets, {live} live ones", dimension.as_str());
    println!("  {:<24} {:>16} {:>16}  training share ÷ live share", "", "training", "live");
    for row in rows.iter().take(ROWS_SHOWN) {
        let MixRow { value, training: in_training, live: in_live, ratio, standing } = row;
        let share = |count: u64, total: u64| {
            if total == 0 {
                "–".to_owned()
            } else {
                format!("{count} ({:.1} %)", 100.0 * count as f64 / total as f64)
            }
        };
        let ratio = ratio.map_or_else(
            || "–".to_owned(),
            |found| {
                // Live tickets without such a one have no ratio, but it has a lower end.
                let ratio = if found.ratio.is_finite() { format!("{:.2}", found.ratio) } else { "–".to_owned() };
                format!("{ratio} ({:.2} to {:.2})", found.interval.low, found.interval.high)
            },
        );
        let remark = match standing {
            Standing::Alike => String::new(),
            Standing::Under | Standing::Over | Standing::Unknown => format!("  {}", standing.as_str()),
        };
        println!(
            "  {value:<24} {:>16} {:>16}  {ratio}{remark}",
            share(*in_training, *training),
            share(*in_live, *live)
        );
    }
    if rows.len() > ROWS_SHOWN {
        println!("  and {} more", rows.len() - ROWS_SHOWN);
    }
    if *live < LIVE_TICKETS_MIN {
        println!("  {live} live tickets that have one are too few to tell; {LIVE_TICKETS_MIN} would do");
        return;
    }
    match drift {
        None => println!("  the two mixes cannot be compared: one has no ticket, or there is one value alone"),
        Some(drift) => println!(
            "  PSI {:.3}, {:.3} beyond chance, {}: {}",
            drift.index,
            drift.excess.max(0.0),
            if drift.p < 1e-6 { "p < 0.000001".to_owned() } else { format!("p = {:.6}", drift.p) },
            if drift.is_shown() { "the mixes differ" } else { "no difference is shown" }
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::domain::ticket::{Ticket, TicketId};
    use crate::domain::time::UtcMillis;

    /// By severity and by slice: so many training tickets, all low, and live ones with this severity.
    fn code(by: &[Dimension], live: usize, severity: Option<Severity>) -> u8 {
        let ticket = Ticket::minimal(TicketId::try_new("T").unwrap(), "x", UtcMillis(0));
        let counted = |severity| Counted { ticket: &ticket, slice: None, severity };
        let of = |dimension: &Dimension| {
            let training = (0..100).map(|_| counted(Some(Severity::Low)));
            mix(*dimension, training, (0..live).map(|_| counted(severity)))
        };
        exit_code(&by.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn live_tickets_without_a_severity_tell_nothing_of_its_mix_and_few_tell_nothing_at_all() {
        assert_eq!(code(&[Dimension::Severity], 100, None), EXIT_TOO_LITTLE_DATA);
        assert_eq!(code(&[Dimension::Slice, Dimension::Severity], 100, None), EXIT_OK);
        assert_eq!(code(&[Dimension::Slice], 29, None), EXIT_TOO_LITTLE_DATA);
        assert_eq!(code(&[Dimension::Severity], 30, Some(Severity::Low)), EXIT_OK);
        assert_eq!(code(&[Dimension::Severity], 100, Some(Severity::High)), EXIT_DOES_NOT_HOLD);
    }
}
