//! `noctriage dataset plan`: how many tickets a slice needs, or how often the ones there are must be repeated.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::anyhow;
use serde_json::{Value, json};

use super::files::{Tickets, check_new, live, print_json, write_document};
use super::mix::{counted, counted_live};
use crate::cli::{CommandResult, EXIT_DOES_NOT_HOLD, EXIT_OK, Failure};
use crate::evaluation::data::mix::{Dimension, Standing, mix};
use crate::evaluation::data::plan::{Need, NoPlan, Spread, Target, needs, oversampling, share_after};
use crate::evaluation::data::share::Share;
use crate::evaluation::data::strata::slice_of;
use crate::evaluation::test_set::TICKETS_MAX;

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
    #[arg(long, value_name = "N", conflicts_with = "train", value_parser = clap::value_parser!(u64).range(..=TICKETS_MAX as u64))]
    tickets: Option<u64>,
    /// Without files: how many of them a slice has, as wireless=20.
    #[arg(long, value_name = "SLICE=N", value_parser = count, requires = "tickets")]
    have: Vec<(String, u64)>,
    /// The share that a slice is to have, as wireless=22.5%; again for each slice.
    #[arg(long, value_name = "SLICE=SHARE", value_parser = target)]
    target: Vec<(String, Share)>,
    /// What so many added tickets reach, as wireless=100; again for each slice that gets some.
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
    let count = value.trim().parse().ok().filter(|count| *count <= TICKETS_MAX as u64);
    Ok((slice, count.ok_or_else(|| format!("a whole number up to {TICKETS_MAX} is expected behind the `=`"))?))
}

fn target(text: &str) -> Result<(String, Share), String> {
    let (slice, value) = named(text)?;
    Ok((slice, value.parse().map_err(|error: crate::evaluation::data::share::NoShare| error.to_string())?))
}

/// Runs `dataset plan`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    check_new(arguments.manifest.as_deref())?;
    let training = if arguments.train.is_empty() { None } else { Some(Tickets::read(&arguments.train)?) };
    let planned = planned(arguments, training.as_ref())?;
    if let (Some(path), Some(training)) = (&arguments.manifest, &training) {
        write_document(path, &manifest(&planned.rows, training, arguments))?;
    }
    if arguments.json {
        print_json(&planned.to_json());
    } else {
        planned.print(arguments);
    }
    Ok(if planned.is_within_limit() { EXIT_OK } else { EXIT_DOES_NOT_HOLD })
}

fn planned(arguments: &Arguments, training: Option<&Tickets>) -> Result<Planned, Failure> {
    let total = match training {
        Some(training) => training.labelled.len() as u64,
        None => arguments.tickets.unwrap_or(0),
    };
    let targets = targets(arguments, training)?;
    if targets.is_empty() && arguments.live.is_empty() {
        return Err(Failure::usage(anyhow!("nothing is wished: --target SLICE=SHARE, or --live FILE")));
    }
    let needs = needs(total, &targets).map_err(|error: NoPlan| Failure::usage(error))?;
    let rows = needs.into_iter().map(|need| Row::new(need, arguments)).collect();
    Ok(Planned { total, rows, copies_max: arguments.copies_max })
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
    spread: Spread,
    /// Tickets of it that are added.
    added: Option<u64>,
    /// Tickets of others that are added.
    added_elsewhere: u64,
}

impl Row {
    fn new(need: Need, arguments: &Arguments) -> Self {
        let (own, others): (Vec<_>, Vec<_>) = arguments.added.iter().partition(|(name, _)| *name == need.target.slice);
        Self {
            spread: Spread::of(need.target.have, need.add, arguments.copies_max),
            added: own.first().map(|(_, count)| *count),
            added_elsewhere: others.iter().map(|(_, count)| count).sum(),
            need,
        }
    }

    /// The share once what is said to be added is added, here and elsewhere.
    fn share_with(&self, added: u64, total: u64) -> f64 {
        share_after(self.need.target.have, total + self.added_elsewhere, added)
    }
}

/// How often each ticket stands in the training set, where more than once.
fn manifest(rows: &[Row], training: &Tickets, arguments: &Arguments) -> Value {
    let mut copies: BTreeMap<&str, u64> = BTreeMap::new();
    for Row { need: Need { target, add }, .. } in rows {
        let of_slice = training
            .labelled
            .iter()
            .filter(|labelled| slice_of(labelled.slice.as_deref(), &labelled.ticket) == target.slice);
        let ids: Vec<&str> = of_slice.map(|labelled| labelled.ticket.ticket_id.as_str()).collect();
        let of_each = oversampling(&ids, *add, arguments.copies_max, arguments.seed).copies;
        copies.extend(ids.into_iter().zip(of_each).filter(|(_, copies)| *copies > 1));
    }
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
        self.rows.iter().all(|row| row.spread.missing == 0)
    }

    fn to_json(&self) -> Value {
        let row = |row: &Row| {
            let Row { need: Need { target: Target { slice, have, share }, add }, spread, added, added_elsewhere: _ } =
                row;
            let (least, most) = spread.least_and_most();
            json!({
                "slice": slice, "have": have, "target": share.get(), "add": add,
                "share_now": share_after(*have, self.total, 0),
                "copies_least": least, "copies_most": most, "beyond_copies_max": spread.missing,
                "added": added, "share_with_added": added.map(|given| row.share_with(given, self.total)),
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
        let Row { need: Need { target: Target { slice, have, share }, add }, spread, added, added_elsewhere: _ } = row;
        println!("{slice}: {have} tickets, {:.1} %; wished: {share}", 100.0 * share_after(*have, self.total, 0));
        if *add == 0 {
            println!("  has its share already");
            return;
        }
        println!("  add {add} tickets, and everything else stays as it is");
        let (least, most) = spread.least_and_most();
        let times = if least == most { format!("{most} times") } else { format!("{least} or {most} times") };
        match (spread.missing, *have) {
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
            let percent = 100.0 * row.share_with(*added, self.total);
            println!("  {added} added reach {percent:.1} %: {rest}");
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn parsed(text: &str) -> Result<Arguments, String> {
        let line = Line::try_parse_from(std::iter::once("plan").chain(text.split(' ')));
        line.map(|line| line.arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_added_to_one_slice_takes_from_the_share_of_the_others() {
        let numbers = "--tickets 500 --have wireless=20 --have third=40 --target wireless=22.5% --target third=15% \
                       --added wireless=139 --added third=66";
        let found = planned(&parsed(numbers).unwrap(), None).unwrap().to_json();
        for (slice, reached) in [(0, 159.0 / 705.0), (1, 106.0 / 705.0)] {
            let row = &found["slices"][slice];
            assert_eq!((row["share_with_added"].as_f64(), row["still_missing"].as_u64()), (Some(reached), Some(0)));
        }
    }

    #[test]
    fn numbers_beyond_what_is_read_are_refused() {
        for text in ["--tickets 1000001", "--tickets 9 --have a=18446744073709551615", "--tickets 9 --added a=1000001"]
        {
            assert!(parsed(text).is_err_and(|error| error.contains("1000000")), "{text}");
        }
        assert!(parsed("--tickets 1000000 --have a=1000000").is_ok());
    }
}
