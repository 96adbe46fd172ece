//! Tickets per second from a backlog to committed outcomes, beside a bare loop that reads and writes as much.
//!
//! The daemon runs as a process with the classifier that costs nothing, on a real Kafka; the loop is a process too. Both
//! run in turns in the same run, several rounds, and medians are printed. The broker is on the same processors.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Parser;

mod support;

use support::broker::{Broker, Progress};
use support::samples;
use support::site::{Running, Site, Wanted};
use support::usage::{Usage, threads};
use support::{bare_loop, machine, median, stages, tickets};

/// Partitions of the input.
const PARTITIONS: i32 = 4;
/// Tickets whose outcomes the loop writes again and again.
const SAMPLES: usize = 2_000;
/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    Daemon,
    Loop,
}

/// Tickets per second of the daemon beside a bare consume–produce loop, on a real Kafka.
#[derive(Debug, Parser)]
#[command(name = "pipeline")]
struct Options {
    /// Tickets in the backlog of one round.
    #[arg(long, default_value_t = 300_000)]
    tickets: u64,
    /// Longest measurement of one round, in seconds after the first commits.
    #[arg(long, default_value_t = 6.0)]
    seconds: f64,
    /// Rounds of each at each batch size; one more of each goes ahead and is not counted.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Batch sizes: the daemon's `triage.batch_records_max`; `grow` is the configuration as shipped.
    #[arg(long, value_delimiter = ',', default_values_t = ["64".to_owned(), "500".to_owned(), "2000".to_owned(), "grow".to_owned()])]
    batch: Vec<String>,
    /// Share of tickets that are decided in full (`policy.draws.evidence_shadow`); the others are `not_drawn`.
    #[arg(long, default_value_t = 1.0)]
    drawn: f64,
    /// Further lines of the configuration, for the daemon and, as far as it reads them, the loop.
    #[arg(long, default_value = "")]
    more: String,
    /// Only the daemon.
    #[arg(long)]
    no_loop: bool,
    /// Instead: one million tickets through one daemon, and what that does to its memory.
    #[arg(long)]
    million: bool,
    /// Instead: where the processor time of one ticket goes, without a broker.
    #[arg(long)]
    stages: bool,
    /// Process id of a broker that was started elsewhere, to count its CPU as well.
    #[arg(long)]
    broker_pid: Option<u32>,
    /// Says what each thread of the daemon has used.
    #[arg(long)]
    threads: bool,
    #[command(subcommand)]
    role: Option<Role>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Role {
    /// The bare loop, as the bench starts it.
    #[command(hide = true)]
    Loop { config: std::path::PathBuf, samples: std::path::PathBuf, batch: usize },
}

/// One round of one subject.
#[derive(Clone, Copy, Debug)]
struct Round {
    per_second: f64,
    cpu_us: f64,
    broker_cpu_us: f64,
    peak_mib: f64,
}

struct Bench {
    options: Options,
    broker: Broker,
    input: String,
    run: u32,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(Role::Loop { config, samples, batch }) = &options.role {
        return bare_loop::run(config, samples, *batch);
    }
    if options.stages {
        println!("{}", machine());
        return stages::run(options.drawn);
    }
    let broker = Broker::find_or_start()?;
    let input = format!("bench-{}.tickets", std::process::id());
    broker.create(&input, PARTITIONS)?;
    let backlog = if options.million { 1_000_000 } else { options.tickets };
    tickets::write(&broker, &input, 0..backlog)?;
    println!("{}; the broker is on the same processors", machine());
    let mut bench = Bench { options, broker, input, run: 0 };
    let done = if bench.options.million { bench.memory() } else { bench.table() };
    bench.broker.delete(&[&bench.input])?;
    done
}

impl Bench {
    fn site(&mut self, batch: &str, more: &str) -> Result<Site> {
        self.run += 1;
        let limit = batch.parse::<usize>().map_or(String::new(), |records| format!("batch_records_max = {records}\n"));
        let Options { drawn, more: also, .. } = &self.options;
        Site::prepare(&Wanted {
            broker: &self.broker,
            name: format!("bench-{}-{}", std::process::id(), self.run),
            tickets: self.input.clone(),
            partitions: PARTITIONS,
            acting: "zero-cost".into(),
            baseline: "zero-cost".into(),
            more: format!("[policy.draws]\nevidence_shadow = {drawn}\n[triage]\n{limit}{more}\n{also}\n"),
        })
    }

    fn table(&mut self) -> Result<()> {
        // The round ahead shows what the loop has to write.
        let site = self.site("500", "")?;
        let mut running = site.start()?;
        let progress = Progress::of(&site.settings.kafka, PARTITIONS)?;
        self.measure(&mut running, &progress)?;
        running.stop()?;
        let kafka = &site.settings.kafka;
        let outcomes = samples::collect(&kafka.brokers, &kafka.topics, SAMPLES)?;
        let folder = tempfile::tempdir()?;
        let samples = folder.path().join("samples");
        samples::save(&outcomes, &samples)?;
        site.remove(&self.broker)?;
        let (records, bytes) = samples::sizes(&outcomes);
        println!("each ticket becomes {records:.2} records of {bytes:.0} bytes together\n");
        println!(
            "| batch | daemon/s | loop/s | ratio | CPU daemon | its broker | CPU loop | its broker | peak daemon |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        for batch in self.options.batch.clone() {
            let (mut daemon, mut bare) = (Vec::new(), Vec::new());
            // A broker compiles itself as it goes, and takes several times as long for a transaction in its first minute:
            // whoever came first would be slower.
            for round in 0..=self.options.rounds {
                let of_daemon = self.round(Subject::Daemon, &batch, &samples)?;
                let of_loop =
                    if self.options.no_loop { None } else { Some(self.round(Subject::Loop, &batch, &samples)?) };
                if round > 0 {
                    daemon.push(of_daemon);
                    bare.extend(of_loop);
                }
            }
            let of = |rounds: &[Round], part: fn(&Round) -> f64| median(&rounds.iter().map(part).collect::<Vec<_>>());
            let (fast, bare_fast) = (of(&daemon, |round| round.per_second), of(&bare, |round| round.per_second));
            println!(
                "| {batch} | {fast:.0} | {} | {} | {:.1} us | {:.1} us | {} | {} | {:.0} MiB |",
                measured(bare_fast, 0, ""),
                measured(fast / bare_fast, 2, ""),
                of(&daemon, |round| round.cpu_us),
                of(&daemon, |round| round.broker_cpu_us),
                measured(of(&bare, |round| round.cpu_us), 1, " us"),
                measured(of(&bare, |round| round.broker_cpu_us), 1, " us"),
                of(&daemon, |round| round.peak_mib),
            );
        }
        Ok(())
    }

    fn round(&mut self, subject: Subject, batch: &str, samples: &std::path::Path) -> Result<Round> {
        let site = self.site(batch, "")?;
        let progress = Progress::of(&site.settings.kafka, PARTITIONS)?;
        let mut running = match subject {
            Subject::Daemon => site.start()?,
            Subject::Loop => {
                let log = site.path().join("log");
                // The largest batch is the loop's best.
                let records = batch.parse::<usize>().unwrap_or(2_000);
                let child = Command::new(std::env::current_exe()?)
                    .arg("loop")
                    .arg(site.path().join("noctriage.toml"))
                    .arg(samples)
                    .arg(records.to_string())
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(std::fs::File::create(&log)?)
                    .spawn()?;
                Running { child, log }
            }
        };
        let round = self.measure(&mut running, &progress)?;
        match subject {
            Subject::Daemon => running.stop()?,
            Subject::Loop => drop(running),
        }
        site.remove(&self.broker)?;
        Ok(round)
    }

    fn broker_cpu_s(&self) -> f64 {
        let pids = self.broker.own_pids().into_iter().chain(self.options.broker_pid);
        pids.filter_map(|pid| Usage::of(pid).ok()).map(|usage| usage.cpu_s).sum()
    }

    /// From a fifth of what will be seen to its end: what starts up or is empty is not measured.
    fn measure(&self, running: &mut Running, progress: &Progress) -> Result<Round> {
        let backlog = self.options.tickets;
        let warm = backlog / 10;
        let begin = loop {
            running.check()?;
            let records = progress.records()?;
            if records >= warm.min(10_000) {
                break records;
            }
            std::thread::sleep(LOOK);
        };
        let started = Instant::now();
        let (cpu, broker_cpu) = (Usage::of(running.pid())?.cpu_s, self.broker_cpu_s());
        let threads_before = threads(running.pid())?;
        let (mut last, mut at, mut used, mut broker_used) = (begin, started, cpu, broker_cpu);
        while last < backlog && started.elapsed().as_secs_f64() < self.options.seconds {
            std::thread::sleep(LOOK);
            running.check()?;
            let records = progress.records()?;
            // The last look may come long after the last ticket.
            if records > last {
                (last, at) = (records, Instant::now());
                (used, broker_used) = (Usage::of(running.pid())?.cpu_s, self.broker_cpu_s());
            }
        }
        let done = (last - begin) as f64;
        if self.options.threads {
            for (name, seconds) in threads(running.pid())? {
                let before = threads_before.get(&name).copied().unwrap_or_default();
                println!("    {name:16} {:6.1} us", (seconds - before) * 1e6 / done);
            }
        }
        Ok(Round {
            per_second: done / at.duration_since(started).as_secs_f64(),
            cpu_us: (used - cpu) * 1e6 / done,
            broker_cpu_us: (broker_used - broker_cpu) * 1e6 / done,
            peak_mib: Usage::of(running.pid())?.peak_mib,
        })
    }

    /// Memory over one million tickets, at a length of the view that is full after the first tenth.
    fn memory(&mut self) -> Result<()> {
        let site = self.site("grow", "view_records_max = 20000\n")?;
        let progress = Progress::of(&site.settings.kafka, PARTITIONS)?;
        let mut running = site.start()?;
        let mut samples: Vec<(f64, f64)> = Vec::new();
        println!("| tickets | resident | peak |\n| --- | --- | --- |");
        let mut next = 100_000;
        loop {
            running.check()?;
            let records = progress.records()?;
            let usage = Usage::of(running.pid())?;
            if records > 0 {
                samples.push((records as f64, usage.resident_mib));
            }
            if records >= next {
                println!("| {records} | {:.0} MiB | {:.0} MiB |", usage.resident_mib, usage.peak_mib);
                next += 100_000;
            }
            if records >= 1_000_000 {
                break;
            }
            std::thread::sleep(LOOK * 4);
        }
        let later: Vec<(f64, f64)> = samples.into_iter().filter(|(records, _)| *records >= 300_000.0).collect();
        let slope = slope(&later).context("too few looks")?;
        println!("slope from 300,000 tickets on: {:.2} MiB per million tickets", slope * 1e6);
        running.stop()?;
        site.remove(&self.broker)
    }
}

/// Least squares: MiB per ticket.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let over: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let under: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (points.len() > 2 && under > 0.0).then_some(over / under)
}

/// A figure of the loop, which `--no-loop` leaves out.
fn measured(figure: f64, digits: usize, unit: &str) -> String {
    if figure.is_nan() { "–".to_owned() } else { format!("{figure:.digits$}{unit}") }
}
