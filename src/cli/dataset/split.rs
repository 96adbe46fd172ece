//! `noctriage dataset split`: one file of labelled tickets becomes three.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use serde_json::{Value, json};

use super::files::{Tickets, check_new, live, make_directory, near, print_json, write_document, write_lines};
use crate::cli::progress::Progress;
use crate::cli::{CommandResult, EXIT_OK, EXIT_TOO_LITTLE_DATA, Failure};
use crate::domain::labelled::Split;
use crate::evaluation::data::groups::{Grouped, groups};
use crate::evaluation::data::near::NEAR;
use crate::evaluation::data::split::{NoSplit, Order, Place, SplitWish, Splitting, TestMix, split};
use crate::evaluation::data::strata::{Fineness, Stratum, slice_of};
use crate::wire::labelled::record;
use crate::wire::values::Instant;

/// Schema of the report beside the three files.
const SPLIT_SCHEMA: &str = "noctriage.split/v1";
/// Share of the tickets that one group may have before it is said: sets with such a group differ from another by chance.
const LARGE_GROUP: usize = 10;

/// Arguments of `dataset split`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Files of labelled tickets.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Tickets of the test set: never trained on, one of each group.
    #[arg(long, value_name = "N", default_value_t = 50)]
    test: usize,
    /// Tickets of the validation set.
    #[arg(long, value_name = "N", default_value_t = 50)]
    validation: usize,
    /// group,time: near-duplicates on one side, and training older than the whole test; group: shuffled, for tickets
    /// without times.
    #[arg(long, value_name = "HOW", default_value = "group,time", value_parser = ["group,time", "group"])]
    by: String,
    /// live: the mix of the newest tickets (by time) or of all; or a file of tickets whose mix the test set is to have.
    #[arg(long, value_name = "live|FILE", default_value = "live")]
    test_mix: String,
    /// From which similarity of their texts on tickets are near-duplicates, 0.6 to 1.
    #[arg(long, value_name = "JACCARD", default_value_t = NEAR, value_parser = near)]
    near: f64,
    /// The same seed gives the same split.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where train.jsonl, validation.jsonl, test.jsonl and split.json go; none of them may exist.
    #[arg(long, value_name = "DIR")]
    into: PathBuf,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs `dataset split`.
pub(super) fn run(arguments: &Arguments) -> CommandResult {
    let outputs = Split::ALL.map(|split| arguments.into.join(format!("{}.jsonl", split.as_str())));
    let report_path = arguments.into.join("split.json");
    check_new(outputs.iter().chain([&report_path]).map(PathBuf::as_path))?;
    let tickets = Tickets::read(&arguments.files)?;
    let mix = test_mix(&arguments.test_mix)?;
    let texts = tickets.texts();
    let mut progress = Progress::new("looking for near-duplicates");
    let grouped: Vec<Grouped<'_>> = texts
        .iter()
        .zip(&tickets.labelled)
        .map(|(text, labelled)| Grouped { text, named: labelled.group.as_deref() })
        .collect();
    let groups = groups(&grouped, arguments.near, |done| progress.at(done as u64, texts.len() as u64));
    drop(progress);
    let order = if arguments.by == "group" { Order::Shuffled } else { Order::Newest };
    let wish = SplitWish { test: arguments.test, validation: arguments.validation, order, mix, seed: arguments.seed };
    if wish.test == 0 {
        return Err(Failure::usage(anyhow!("--test must be at least 1")));
    }
    let splitting = split(&tickets.labelled, &groups, &wish).map_err(|error| match error {
        NoSplit::TooFew { .. } | NoSplit::NothingTrains { .. } | NoSplit::Short(_) => {
            Failure::new(EXIT_TOO_LITTLE_DATA, error)
        }
        NoSplit::OneTime { .. } => Failure::usage(anyhow!("{error} (--by group)")),
    })?;
    make_directory(&arguments.into)?;
    write(&tickets, &groups, &splitting, &outputs)?;
    let report = report(arguments, &tickets, &groups, &splitting);
    write_document(&report_path, &report)?;
    if arguments.json {
        print_json(&report);
    } else {
        print(&report, &arguments.into);
    }
    Ok(EXIT_OK)
}

fn test_mix(word: &str) -> Result<TestMix, Failure> {
    if word == "live" {
        return Ok(TestMix::Own);
    }
    let tickets = live(&[PathBuf::from(word)])?;
    // A file in which one ticket has no label knows the mix of slices alone.
    let is_labelled = tickets.iter().all(|ticket| ticket.labelled.is_some());
    let fineness = if is_labelled { Fineness::SliceAndSeverity } else { Fineness::Slice };
    let mut counts: BTreeMap<Stratum, u64> = BTreeMap::new();
    for ticket in &tickets {
        let stratum = match (&ticket.labelled, fineness) {
            (Some(labelled), Fineness::SliceAndSeverity) => fineness.stratum_of(labelled),
            (labelled, Fineness::Slice | Fineness::SliceAndSeverity) => {
                let named = labelled.as_ref().and_then(|labelled| labelled.slice.as_deref());
                Stratum { slice: slice_of(named, &ticket.ticket), severity: None }
            }
        };
        *counts.entry(stratum).or_default() += 1;
    }
    Ok(TestMix::Like { counts, fineness })
}

fn write(tickets: &Tickets, groups: &[usize], splitting: &Splitting, outputs: &[PathBuf; 3]) -> Result<(), Failure> {
    let mut sizes: HashMap<usize, usize> = HashMap::new();
    for &group in groups {
        *sizes.entry(group).or_default() += 1;
    }
    for (set, path) in Split::ALL.into_iter().zip(outputs) {
        let members = (0..groups.len()).filter(|&at| splitting.places[at] == Place::In(set));
        let records = members.map(|at| {
            let mut labelled = tickets.labelled[at].clone();
            labelled.split = Some(set);
            if sizes[&groups[at]] > 1 {
                let first = &tickets.labelled[groups[at]];
                let name = || first.ticket.ticket_id.as_str().to_owned();
                labelled.group = Some(first.group.clone().unwrap_or_else(name));
            }
            record(tickets.native[at].clone(), &labelled)
        });
        write_lines(path, records)?;
    }
    Ok(())
}

fn report(arguments: &Arguments, tickets: &Tickets, groups: &[usize], splitting: &Splitting) -> Value {
    let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
    for &group in groups {
        *sizes.entry(group).or_default() += 1;
    }
    let largest = sizes.iter().max_by_key(|(_, size)| **size);
    let places: BTreeMap<&str, usize> = Place::ALL
        .into_iter()
        .map(|place| (place.as_str(), splitting.places.iter().filter(|found| **found == place).count()))
        .collect();
    let mut strata: BTreeMap<String, BTreeMap<&str, u64>> = BTreeMap::new();
    for (labelled, place) in tickets.labelled.iter().zip(&splitting.places) {
        let stratum = Fineness::SliceAndSeverity.stratum_of(labelled).to_string();
        *strata.entry(stratum).or_default().entry(place.as_str()).or_default() += 1;
    }
    json!({
        "schema": SPLIT_SCHEMA,
        "by": arguments.by, "test_mix": arguments.test_mix, "near": arguments.near, "seed": arguments.seed,
        "tickets": tickets.labelled.len(), "groups": sizes.len(),
        "largest_group": largest.map(|(first, size)| {
            json!({ "first_ticket": tickets.labelled[*first].ticket.ticket_id.as_str(), "tickets": size })
        }),
        "places": places, "cut": splitting.cut.map(|cut| Instant(cut).to_string()), "strata": strata,
    })
}

fn print(report: &Value, into: &Path) {
    println!("{} tickets in {} groups of near-duplicates", report["tickets"], report["groups"]);
    let largest = report["largest_group"]["tickets"].as_u64().unwrap_or(0);
    if largest * LARGE_GROUP as u64 > report["tickets"].as_u64().unwrap_or(0) {
        println!(
            "note: one group ({} and others) has {largest} of them, and goes to one side as a whole",
            report["largest_group"]["first_ticket"].as_str().unwrap_or_default()
        );
    }
    let place = |place: Place| report["places"][place.as_str()].as_u64().unwrap_or(0);
    for set in Split::ALL {
        println!(
            "  {:<10} {:>6}  {}",
            set.as_str(),
            place(Place::In(set)),
            into.join(format!("{}.jsonl", set.as_str())).display()
        );
    }
    let twins = place(Place::TwinOfTest);
    if twins > 0 {
        println!("  left out   {twins:>6}  twins of test tickets");
    }
    let newer = place(Place::NewerThanTest);
    if newer > 0 {
        println!("  left out   {newer:>6}  newer than the oldest test ticket: a model must not know its test's future");
    }
    if let Some(cut) = report["cut"].as_str() {
        println!("everything that trains is older than {cut}");
    }
}
