//! `noctriage dataset plan`: how many tickets a slice needs, or how often the ones there are must be repeated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::files::{Tickets, check_new, live, print_json, write_document};
use super::mix::{counted, counted_live};
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::evaluation::data::mix::{Dimension, Standing, mix};
use crate::evaluation::data::plan::{Need, NoPlan, Oversampling, Target, needs, oversampling, share_after};
use crate::evaluation::data::share::Share;
use crate::evaluation::data::strata::slice_of;

/// Schema of the file that `dataset export --weights` reads.
pub(super) const PLAN_SCHEMA: &str = "noctriage.training_plan/v1";

/// Arguments of `dataset plan`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// What is trained on.
    #[arg(long, value_name = "FILE", required_unless_present = "tickets", num_args = 1..)]
    train: Vec<PathBuf>,
    /// Tickets as they come in: every slice that training lacks gets its live share.
    #[arg(long, value_name = "FILE", requires = "train")]
    live: Vec<PathBuf>,
    /// How far beyond its live share a slice may go: 1.0 to 1.3.
    #[arg(long, default_value = "1.0", value_parser = thousandths, requires = "live")]
    factor: u64,
    /// Without files: how many training tickets there are.
    #[arg(long, value_name = "N", conflicts_with = "train")]
    tickets: Option<u64>,
    /// Without files: how many of them a slice has, as wireless=20.
    #[arg(long, value_name = "SLICE=N", value_parser = count, requires = "tickets")]
    have: Vec<(String, u64)>,
    /// The share that a slice is to have, as wireless=22.5%; again for each slice.
    #[arg(long, value_name = "SLICE=SHARE", value_parser = target)]
    target: Vec<(String, Share)>,
    /// What so many added tickets reach, as wireless=100.
    #[arg(long, value_name = "SLICE=N", value_parser = count)]
    added: Vec<(String, u64)>,
    /// How often one ticket may stand in the training set: beyond, a model learns tickets by heart.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    copies_max: u64,
    /// Which tickets get the odd copies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where the copies of each ticket go, for `dataset export --weights`; must not exist.
    #[arg(long, value_name = "FILE", requires = "train")]
    manifest: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

fn thousandths(text: &str) -> Result<u64, String> {
    let expected = || "a factor from 1.0 to 1.3 is expected".to_owned();
    let factor: f64 = text.parse().map_err(|_| expected())?;
    if (1.0..=1.3).contains(&factor) { Ok((factor * 1000.0).round() as u64) } else { Err(expected()) }
}

fn named(text: &str) -> Result<(String, &str), String> {
    let (slice, value) = text.split_once('=').ok_or("SLICE=VALUE is expected")?;
    if slice.trim().is_empty() { Err("the slice has no name".to_owned()) } else { Ok((slice.trim().to_owned(), value)) }
}

fn count(text: &str) -> Result<(String, u64), String> {
    let (slice, value) = named(text)?;
    Ok((slice, value.trim().parse().map_err(|_| "a whole number is expected behind the `=`".to_owned())?))
}

fn target(text: &str) -> Result<(String, Share), String> {
    let (slice, value) = named(text)?;
    Ok((slice, value.parse().map_err(|error: crate::evaluation::data::share::NoShare| error.to_string())?))
}

/// Runs `dataset plan`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    check_new(arguments.manifest.as_deref())?;
    let training = if arguments.train.is_empty() { None } else { Some(Tickets::read(&arguments.train)?) };
    let total = match &training {
        Some(training) => training.labelled.len() as u64,
        None => arguments.tickets.unwrap_or(0),
    };
    let targets = targets(arguments, training.as_ref())?;
    if targets.is_empty() && arguments.live.is_empty() {
        return Err(Failure::usage(anyhow!("nothing is wished: --target SLICE=SHARE, or --live FILE")));
    }
    let needs = needs(total, &targets).map_err(|error: NoPlan| Failure::usage(error))?;
    let rows: Vec<Row> = needs.into_iter().map(|need| Row::new(need, arguments, training.as_ref())).collect();
    if let (Some(path), Some(training)) = (&arguments.manifest, &training) {
        write_document(path, &manifest(&rows, training))?;
    }
    let planned = Planned { total, rows, copies_max: arguments.copies_max };
    if arguments.json {
        print_json(&planned.to_json());
    } else {
        planned.print(arguments);
    }
    Ok(if planned.is_within_limit() { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

/// Wishes of the command line, and, with live tickets, every other slice that training lacks.
fn targets(arguments: &Arguments, training: Option<&Tickets>) -> Result<Vec<Target>, Failure> {
    let have = |slice: &str| match training {
        Some(training) => training
            .labelled
            .iter()
            .filter(|labelled| slice_of(labelled.slice.as_deref(), &labelled.ticket) == slice)
            .count() as u64,
        None => arguments.have.iter().find(|(name, _)| name == slice).map_or(0, |(_, count)| *count),
    };
    let mut targets: Vec<Target> = arguments
        .target
        .iter()
        .map(|(slice, share)| Target { slice: slice.clone(), have: have(slice), share: *share })
        .collect();
    if let Some(training) = training.filter(|_| !arguments.live.is_empty()) {
        let live = live(&arguments.live)?;
        let mix = mix(Dimension::Slice, counted(training), counted_live(&live));
        for row in mix.rows.iter().filter(|row| row.standing == Standing::Under) {
            let share = Share::of(row.live, mix.live).and_then(|share| share.times(arguments.factor));
            if let Some(share) = share.filter(|_| targets.iter().all(|target| target.slice != row.value)) {
                targets.push(Target { slice: row.value.clone(), have: row.training, share });
            }
        }
    }
    Ok(targets)
}

/// A slice with what it needs and what repeating its tickets gives.
struct Row {
    need: Need,
    ids: Vec<String>,
    oversampling: Oversampling,
    added: Option<u64>,
}

impl Row {
    fn new(need: Need, arguments: &Arguments, training: Option<&Tickets>) -> Self {
        let slice = &need.target.slice;
        let of_slice = training.into_iter().flat_map(|training| &training.labelled);
        let of_slice = of_slice.filter(|labelled| slice_of(labelled.slice.as_deref(), &labelled.ticket) == *slice);
        let ids: Vec<String> = match training {
            Some(_) => of_slice.map(|labelled| labelled.ticket.ticket_id.as_str().to_owned()).collect(),
            // Numbers alone: what is asked is how many, not which.
            None => (0..need.target.have).map(|number| number.to_string()).collect(),
        };
        let borrowed: Vec<&str> = ids.iter().map(String::as_str).collect();
        let oversampling = oversampling(&borrowed, need.add, arguments.copies_max, arguments.seed);
        let added = arguments.added.iter().find(|(name, _)| name == slice).map(|(_, count)| *count);
        Self { need, ids, oversampling, added }
    }

    fn copies(&self) -> (u64, u64) {
        let copies = &self.oversampling.copies;
        (copies.iter().copied().min().unwrap_or(0), copies.iter().copied().max().unwrap_or(0))
    }
}

/// How often each ticket stands in the training set, where more than once.
fn manifest(rows: &[Row], training: &Tickets) -> Value {
    let copies: BTreeMap<&str, u64> = rows
        .iter()
        .flat_map(|row| row.ids.iter().map(String::as_str).zip(row.oversampling.copies.iter().copied()))
        .filter(|(_, copies)| *copies > 1)
        .collect();
    json!({ "schema": PLAN_SCHEMA, "training": training.digest().to_string(), "copies": copies })
}

/// The plan.
struct Planned {
    total: u64,
    rows: Vec<Row>,
    copies_max: u64,
}

impl Planned {
    /// Whether repeating tickets alone reaches every share.
    fn is_within_limit(&self) -> bool {
        self.rows.iter().all(|row| row.oversampling.missing == 0)
    }

    fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let Row { need: Need { target: Target { slice, have, share }, add }, ids: _, oversampling, added } = row;
            let (least, most) = row.copies();
            json!({
                "slice": slice, "have": have, "target": share.get(), "add": add,
                "share_now": share_after(*have, self.total, 0),
                "copies_least": least, "copies_most": most, "beyond_copies_max": oversampling.missing,
                "added": added, "share_with_added": added.map(|given| share_after(*have, self.total, given)),
                "still_missing": added.map(|given| add.saturating_sub(given)),
            })
        };
        json!({
            "tickets": self.total, "copies_max": self.copies_max, "within_copies_max": self.is_within_limit(),
            "slices": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    fn print(&self, arguments: &Arguments) {
        println!("{} training tickets", self.total);
        if self.rows.is_empty() {
            println!("no slice is under-represented: nothing to add");
        }
        for row in &self.rows {
            self.print_row(row);
        }
        if let Some(path) = &arguments.manifest {
            println!("written: {}; `dataset export --weights` reads it", path.display());
        }
    }

    fn print_row(&self, row: &Row) {
        let Row { need: Need { target: Target { slice, have, share }, add }, ids: _, oversampling, added } = row;
        let percent = |added: u64| 100.0 * share_after(*have, self.total, added);
        println!("{slice}: {have} tickets, {:.1} %; wished: {share}", percent(0));
        if *add == 0 {
            println!("  has its share already");
            return;
        }
        println!("  add {add} tickets, and everything else stays as it is");
        let (least, most) = row.copies();
        let times = if least == most { format!("{most} times") } else { format!("{least} or {most} times") };
        match (oversampling.missing, *have) {
            (_, 0) => println!("  or: there is none to repeat"),
            (0, _) => println!("  or: let each of its tickets stand there {times}"),
            (missing, _) => println!(
                "  or: let each of its tickets stand there {times} (the limit is {}), and add {missing} new ones: more often, \
                 and a model learns them by heart",
                self.copies_max
            ),
        }
        if let Some(added) = added {
            let missing = add.saturating_sub(*added);
            let rest = if missing == 0 { "enough".to_owned() } else { format!("{missing} short") };
            println!("  {added} added reach {:.1} %: {rest}", percent(*added));
        }
    }
}
