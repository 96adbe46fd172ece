//! The whole of `noctriage evaluate` on many predictions, in every form of the report: time and peak memory beside their
//! limits.
//!
//! The command runs as a process of its own for each form, on files that are written here: tickets with labels, three models'
//! predictions, training tickets (TF-IDF is trained on them and answers all the test tickets), live tickets, readings of
//! engineers.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use noctriage::domain::severity::Severity;
use noctriage::statistics::random::SeededRandom;
use serde_json::{Value, json};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Limits for 100,000 tickets on two cores.
const SECONDS_MAX: f64 = 10.0;
const PEAK_MIB_MAX: f64 = 500.0;

/// The forms of a report, and what asks for them.
const FORMS: [(&str, &[&str]); 3] =
    [("json and page", &["--json", "--html", "report.html"]), ("markdown", &["--markdown"]), ("terminal", &[])];

/// Time and memory of an evaluation.
#[derive(Parser)]
#[command(name = "evaluation")]
struct Options {
    /// Test tickets.
    #[arg(long, default_value_t = 100_000)]
    tickets: usize,
    /// Another build of the program.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_noctriage"))]
    program: PathBuf,
    /// What cargo says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let mut random = SeededRandom::new(7);
    let truths = write_tickets(&at("test.jsonl"), "T", options.tickets, &mut random)?;
    write_tickets(&at("train.jsonl"), "L", 2_000, &mut random)?;
    write_tickets(&at("live.jsonl"), "D", 2_000, &mut random)?;
    for (name, accuracy) in [("base", 0.6), ("v1", 0.76), ("v2", 0.8)] {
        write_predictions(&at(&format!("{name}.jsonl")), &truths, accuracy, &mut random)?;
    }
    write_readings(&at("humans.jsonl"), &truths, &mut random)?;
    println!(
        "| form | tickets | models | seconds (limit {SECONDS_MAX}) | CPU seconds | peak MiB (limit {PEAK_MIB_MAX}) |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: |");
    let mut is_within = true;
    for (form, arguments) in FORMS {
        let mut command = Command::new(&options.program);
        command.current_dir(folder.path()).args(["evaluate", "--test", "test.jsonl", "--train", "train.jsonl"]);
        command.args(["--live-mix", "live.jsonl", "--humans", "humans.jsonl"]).args(arguments);
        for name in ["base", "v1", "v2"] {
            command.args(["--model", &format!("{name}=predictions:{name}.jsonl")]);
        }
        let said = at(&format!("{form}.said"));
        let Measured { seconds, cpu_seconds, peak_mib } = measured(command.stdout(Stdio::from(File::create(&said)?)))?;
        check(form, &fs::read_to_string(&said)?, options.tickets)?;
        println!("| {form} | {} | 3 | {seconds:.2} | {cpu_seconds:.2} | {peak_mib:.0} |", options.tickets);
        is_within &= seconds <= SECONDS_MAX && peak_mib <= PEAK_MIB_MAX;
    }
    ensure!(fs::metadata(at("report.html"))?.len() > 10_000, "the page is empty");
    ensure!(is_within, "over the limit");
    Ok(())
}

/// What was printed is a report of these tickets.
fn check(form: &str, said: &str, tickets: usize) -> Result<()> {
    if form == "json and page" {
        let report: Value = serde_json::from_str(said)?;
        ensure!(report["tickets"].as_u64() == Some(tickets as u64), "the report is of other tickets");
        ensure!(report["answerers"].as_array().is_some_and(|all| all.len() >= 6), "answerers are missing");
    }
    ensure!(said.contains("tfidf") && said.len() > 2_000, "{form}: no whole report");
    Ok(())
}

/// What a run took.
#[derive(Default)]
struct Measured {
    seconds: f64,
    /// Of all threads: where others use the machine too, it says more than the clock.
    cpu_seconds: f64,
    peak_mib: f64,
}

/// Runs the command to its end, looking at what it uses meanwhile.
fn measured(command: &mut Command) -> Result<Measured> {
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut found = Measured::default();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // Both rise only; of a process that has just ended nothing is left to read.
        found.cpu_seconds = found.cpu_seconds.max(cpu_seconds_of(child.id()).unwrap_or_default());
        found.peak_mib = found.peak_mib.max(peak_of(child.id()).unwrap_or_default());
        std::thread::sleep(Duration::from_millis(5));
    };
    ensure!(status.success(), "the command ended with {status}");
    Ok(Measured { seconds: begun.elapsed().as_secs_f64(), ..found })
}

/// User and system time of all its threads so far, as the kernel counts it: in hundredths of a second on every Linux.
fn cpu_seconds_of(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((user + system) / 100.0)
}

/// Most resident memory so far, as the kernel counts it.
fn peak_of(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

fn write_tickets(
    path: &Path,
    prefix: &str,
    count: usize,
    random: &mut SeededRandom,
) -> Result<Vec<(String, Severity)>> {
    let mut file = BufWriter::new(File::create(path).context("a file of tickets")?);
    let mut truths = Vec::with_capacity(count);
    for number in 0..count {
        let id = format!("{prefix}{number}");
        let severity = Severity::ALL[[0, 1, 1, 2, 2, 2, 3, 3, 3, 3][random.below(10)]];
        let category = ["routing", "switching", "wireless", "power", "voice", "security"][random.below(6)];
        let vendor = ["cisco", "juniper", "arista", "acme"][random.below(4)];
        let reported = Severity::ALL[random.below(4)];
        let region = ["north", "south"][random.below(2)];
        let channel = ["monitoring", "email", "phone"][random.below(3)];
        let line = json!({
            "ticket": {
                "ticket_id": id,
                "title": format!("{category} fault on node-{} port {}", random.below(400), random.below(48)),
                "description": format!("{vendor} device in rack {} reports errors since {} minutes; customers \
                    on the segment see loss, the last change was {} days ago", random.below(90), random.below(60), random.below(30)),
                "created_at": "2026-01-05T08:00:00Z",
                "category": category,
                "device": { "name": format!("node-{}", random.below(400)), "vendor": vendor, "type": "switch" },
                "site": format!("site-{}", random.below(40)),
                "region": region,
                "channel": channel,
                "severity": { "reported": { "value": reported.as_str(), "set_by": "system" } },
            },
            "label": { "severity": severity.as_str(), "by": ["a"] },
            "as_of": "created",
        });
        writeln!(file, "{line}")?;
        truths.push((id, severity));
    }
    file.flush()?;
    Ok(truths)
}

fn write_predictions(
    path: &Path,
    truths: &[(String, Severity)],
    accuracy: f64,
    random: &mut SeededRandom,
) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for (id, truth) in truths {
        let severity = if random.happens(accuracy) { *truth } else { Severity::ALL[random.below(4)] };
        let confidence = 0.4 + 0.6 * random.unit();
        let probability = |one: Severity| if one == severity { confidence } else { (1.0 - confidence) / 3.0 };
        let [critical, high, medium, low] = Severity::ALL.map(probability);
        let distribution = json!({ "critical": critical, "high": high, "medium": medium, "low": low });
        writeln!(file, "{}", json!({ "ticket_id": id, "distribution": distribution, "latency_ms": 3.5 }))?;
    }
    file.flush()?;
    Ok(())
}

/// Two engineers on every fiftieth ticket.
fn write_readings(path: &Path, truths: &[(String, Severity)], random: &mut SeededRandom) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for (id, truth) in truths.iter().step_by(50) {
        for reviewer in ["b", "c"] {
            let severity = if random.happens(0.85) { *truth } else { Severity::ALL[random.below(4)] };
            writeln!(file, "{}", json!({ "ticket_id": id, "reviewer": reviewer, "severity": severity.as_str() }))?;
        }
    }
    file.flush()?;
    Ok(())
}
