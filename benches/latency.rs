//! From the append of a ticket to its committed outcome, at a steady rate, in the parts that each decision says of itself.
//!
//! A reader of committed records beside the daemon sees when an outcome is visible; the broker's times of ticket and
//! outcome are on each record. The parts that the daemon claims must add up to what lies between: that is checked for
//! every record, and a mistake fails the bench.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use noctriage::wire::decision::DecisionRecord;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};

mod support;

use support::broker::Broker;
use support::site::{Site, Wanted};
use support::{machine, tickets, weights};

const PARTITIONS: i32 = 4;
/// Tickets that are not counted: caches and pages are cold.
const WARM: usize = 20;
/// Times on records are whole milliseconds, the parts are fractions: four roundings.
const ROUNDING_MS: f64 = 4.0;

/// Latency from append to committed outcome, on a real Kafka.
#[derive(Debug, Parser)]
#[command(name = "latency")]
struct Options {
    /// Tickets per second.
    #[arg(long, value_delimiter = ',', default_values_t = [10.0, 100.0])]
    rate: Vec<f64>,
    /// Seconds at each rate.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Models: `bundled`, `minilm` (random weights of that size, written here), or a directory with a card.
    #[arg(long, value_delimiter = ',', default_values_t = ["bundled".to_owned(), "minilm".to_owned()])]
    model: Vec<String>,
    /// Further lines of the configuration.
    #[arg(long, default_value = "")]
    more: String,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One outcome as a reader saw it, all in milliseconds.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// From the broker's time of the ticket to its sight by a reader of committed records.
    total: f64,
    /// Until it was handed to the engine.
    wait: f64,
    /// Until the answers were there.
    model: f64,
    /// Until it was decided: where a transaction was under way, that one's rest.
    decide: f64,
    /// From the decision to the broker's time of the outcome.
    append: f64,
    /// From there to its sight.
    commit: f64,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let broker = Broker::find_or_start()?;
    let folder = tempfile::tempdir()?;
    println!("{}; the broker is on the same processors; arrivals are random (exponential gaps)\n", machine());
    println!("| model | tickets/s | | all | wait | model | decide | append | commit |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut run = 0;
    for model in &options.model {
        let directory = match model.as_str() {
            "bundled" => weights::bundled("v1"),
            "minilm" => {
                let directory = folder.path().join("random-minilm");
                weights::write(&directory)?;
                directory
            }
            named => PathBuf::from(named),
        };
        for rate in &options.rate {
            run += 1;
            let seen = measure(&broker, &directory, &options, *rate, run)?;
            row(model, *rate, &seen);
        }
    }
    Ok(())
}

fn row(model: &str, rate: f64, seen: &[Seen]) {
    let parts: [fn(&Seen) -> f64; 6] = [
        |seen| seen.total,
        |seen| seen.wait,
        |seen| seen.model,
        |seen| seen.decide,
        |seen| seen.append,
        |seen| seen.commit,
    ];
    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let cells = parts.map(|part| {
            let mut sorted: Vec<f64> = seen.iter().map(part).collect();
            sorted.sort_by(f64::total_cmp);
            let rank = (share * sorted.len() as f64).ceil() as usize;
            format!("{:.1} ms", sorted[rank.clamp(1, sorted.len()) - 1])
        });
        println!("| {model} | {rate} | {name} | {} |", cells.join(" | "));
    }
}

fn measure(broker: &Broker, model: &std::path::Path, options: &Options, rate: f64, run: u32) -> Result<Vec<Seen>> {
    let name = format!("latency-{}-{run}", std::process::id());
    let input = format!("{name}.tickets");
    broker.create(&input, PARTITIONS)?;
    let site = Site::prepare(&Wanted {
        broker,
        name: name.clone(),
        tickets: input.clone(),
        partitions: PARTITIONS,
        acting: model.display().to_string(),
        baseline: weights::bundled("tfidf").display().to_string(),
        more: format!("[policy.draws]\nevidence_shadow = 1.0\n{}\n", options.more),
    })?;
    let running = site.start()?;
    let count = (rate * options.seconds as f64) as usize + WARM;
    let outcomes = read_outcomes(broker, &site.settings.kafka.topics.decisions, count)?;
    write_paced(broker, &input, count, rate)?;
    let seen: Result<Vec<Seen>> = (0..count)
        .map(|_| outcomes.recv_timeout(Duration::from_secs(60)).context("an outcome is missing after a minute"))
        .collect();
    running.stop()?;
    site.remove(broker)?;
    broker.delete(&[&input])?;
    Ok(seen?.split_off(WARM))
}

/// Sends tickets at random moments, so many a second on average. The first few come before, slowly.
fn write_paced(broker: &Broker, topic: &str, count: usize, rate: f64) -> Result<()> {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &broker.list)
        .set("enable.idempotence", "true")
        .set("partitioner", "murmur2_random")
        .set("linger.ms", "0")
        .create()?;
    let mut rng = fastrand::Rng::with_seed(5);
    let mut due = Instant::now();
    for index in 0..count {
        let rate = if index < WARM { 5.0 } else { rate };
        due += Duration::from_secs_f64(-(1.0 - rng.f64()).ln() / rate);
        while Instant::now() < due {
            producer.poll(due.saturating_duration_since(Instant::now()).min(Duration::from_millis(20)));
        }
        let (key, value) = tickets::ticket(index as u64);
        producer
            .send(BaseRecord::<str, [u8]>::to(topic).key(key.as_str()).payload(&value[..]))
            .map_err(|(error, _)| error)?;
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(30))?;
    Ok(())
}

/// A reader on a thread of its own, which sees each outcome when it is committed.
fn read_outcomes(broker: &Broker, topic: &str, count: usize) -> Result<Receiver<Seen>> {
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &broker.list)
        .set("group.id", format!("{topic}-reader"))
        .set("isolation.level", "read_committed")
        .set("enable.auto.commit", "false")
        .set("fetch.wait.max.ms", "5")
        .create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        list.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    reader.assign(&list)?;
    let (sender, receiver) = sync_channel(count);
    std::thread::spawn(move || {
        let mut found = BTreeSet::new();
        while found.len() < count {
            let Some(message) = reader.poll(Duration::from_millis(100)) else { continue };
            let seen = message.map_err(anyhow::Error::from).and_then(|message| {
                let appended_ms = message.timestamp().to_millis().context("the outcome has no time")?;
                let record = DecisionRecord::from_json(message.payload().unwrap_or_default())?;
                parts(&record, appended_ms).map(|seen| (record.source, seen))
            });
            match seen {
                Ok((source, seen)) => {
                    found.insert((source.partition, source.offset));
                    if sender.send(seen).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    eprintln!("latency: {error:#}");
                    return;
                }
            }
        }
    });
    Ok(receiver)
}

/// The parts of one outcome, and whether they are what lies between the two times of the broker.
fn parts(record: &DecisionRecord, appended_ms: i64) -> Result<Seen> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the broker's times are compared with the wall clock of this machine"
    )]
    let now_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_micros() as f64 / 1000.0;
    let latency = record.volatile.latency.as_ref().context("a decision without its latency: no model was asked")?;
    let ticket_ms = record.appended_at.0.0 as f64;
    let decided_ms = record.decided_at().0.0 as f64;
    let claimed = latency.wait_ms + latency.engine_ms + latency.decide_ms;
    let between = decided_ms - ticket_ms;
    if (claimed - between).abs() > ROUNDING_MS {
        bail!("{:?}: the parts add up to {claimed:.1} ms, and {between:.1} ms have passed", record.source);
    }
    Ok(Seen {
        total: now_ms - ticket_ms,
        wait: latency.wait_ms,
        model: latency.engine_ms,
        decide: latency.decide_ms,
        append: appended_ms as f64 - decided_ms,
        commit: now_ms - appended_ms as f64,
    })
}
