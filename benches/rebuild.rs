//! Start to ready, and what rebuilding the recent view adds to it, on a real Kafka.
//!
//! The decisions behind the view are copies of some that the daemon itself has written in this run, under other ids. Beside
//! the rebuild stands its limit: a bare consumer that reads the same records and parses nothing.
#![allow(clippy::print_stdout, reason = "a bench prints what it has measured")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser as _;
use noctriage::clock::Clock;
use noctriage::config::settings::Settings;
use noctriage::config::{Sources, load};
use noctriage::domain::digest::Digest;
use noctriage::kafka::log::{Log as _, LogEvent};
use noctriage::kafka::session::{KafkaLog, SessionOptions};
use noctriage::policy::recent_view::{RecentView, ViewLimits};
use noctriage::policy::view::WindowState;
use noctriage::wire::decision::DecisionRecord;
use noctriage::wire::remembered::read_back;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer as _, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(60);
/// Tickets that the daemon decides, as the pattern of all others.
const PATTERNS: usize = 200;

/// Start to ready, and rebuilding the recent view.
#[derive(clap::Parser)]
struct Arguments {
    /// Bootstrap list of a real Kafka (`tests/kafka/kafka.sh start`).
    #[arg(long)]
    brokers: String,
    /// Decisions behind the view, over all partitions.
    #[arg(long, default_value_t = 300_000)]
    decisions: usize,
    /// Partitions.
    #[arg(long, default_value_t = 3)]
    partitions: i32,
    /// How often each figure is taken.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let site = Site::prepare(&arguments.brokers, arguments.partitions)?;
    let mut starts = Vec::new();
    let patterns = site.patterns(&mut starts)?;
    let bytes: usize = patterns.iter().map(|pattern| pattern.to_string().len()).sum();
    println!(
        "{} decisions in {} partitions, {} bytes of JSON each on average",
        arguments.decisions,
        arguments.partitions,
        bytes / patterns.len()
    );
    parsing(&patterns)?;
    for _ in 1..arguments.rounds {
        starts.push(site.start_to_ready()?);
    }
    print_starts(&format!("start to ready, {PATTERNS} decisions behind the view"), &starts);
    let written = site.fill(&patterns, arguments.decisions)?;
    for _ in 0..arguments.rounds {
        let (seconds, megabytes) = site.read_bare(written)?;
        println!(
            "bare consumer, no parsing: {seconds:.2} s, {:.0} records/s, {:.0} MB/s of JSON",
            written as f64 / seconds,
            megabytes / seconds
        );
    }
    for _ in 0..arguments.rounds {
        site.rebuild(written)?;
    }
    let starts = (0..arguments.rounds).map(|_| site.start_to_ready()).collect::<Result<Vec<_>>>()?;
    print_starts(&format!("start to ready, {written} decisions behind the view"), &starts);
    Ok(())
}

/// One start of the daemon.
struct Start {
    ready: Duration,
    memory_mib: f64,
    memory_most_mib: f64,
}

fn print_starts(what: &str, starts: &[Start]) {
    for Start { ready, memory_mib, memory_most_mib } in starts {
        println!("{what}: {:.2} s, resident {memory_mib:.0} MiB, at most {memory_most_mib:.0}", ready.as_secs_f64());
    }
}

/// Whole and partial parsing of the same bytes.
fn parsing(patterns: &[Value]) -> Result<()> {
    let texts: Vec<String> = patterns.iter().map(Value::to_string).collect();
    let rounds = 20_000 / texts.len();
    let started = Instant::now();
    for text in texts.iter().cycle().take(rounds * texts.len()) {
        std::hint::black_box(DecisionRecord::from_json(text.as_bytes())?.remembered()?);
    }
    let whole = started.elapsed() / u32::try_from(rounds * texts.len())?;
    let started = Instant::now();
    for text in texts.iter().cycle().take(rounds * texts.len()) {
        std::hint::black_box(read_back(text.as_bytes())?);
    }
    let partial = started.elapsed() / u32::try_from(rounds * texts.len())?;
    println!("parsing one decision: whole {whole:.1?}, the fields of the view {partial:.1?}");
    Ok(())
}

/// A configuration in a folder of its own, and its topics.
struct Site {
    directory: tempfile::TempDir,
    brokers: String,
    partitions: i32,
    port: u16,
    settings: Settings,
}

impl Site {
    fn prepare(brokers: &str, partitions: i32) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let key = directory.path().join("draw.key");
        fs::write(&key, "000102030405060708090a0b0c0d0e0f\n")?;
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let prefix = format!("rebuild-{}", std::process::id());
        let topics: String = ["tickets", "decisions", "suggestions", "commands", "review", "dead_letters"]
            .map(|name| format!("{name} = \"{prefix}.{name}\"\n"))
            .concat();
        let config = directory.path().join("noctriage.toml");
        let text = format!(
            "draw_key_file = \"draw.key\"\n\
             [kafka]\nbrokers = \"{brokers}\"\ngroup = \"{prefix}\"\ninstance_id = \"one\"\nsession_timeout_ms = 6000\n\
             [kafka.topics]\n{topics}\
             [kafka.create]\nreplication = 1\npartitions = 1\n\
             [admin]\nlisten = \"127.0.0.1:{port}\"\n\
             [model]\ndirectory = \"{}\"\nbaseline = \"{}\"\n\
             [rollout]\nfixed_stage = \"shadow\"\n\
             [policy.draws]\nevidence_shadow = 1.0\n",
            models.join("v1").display(),
            models.join("tfidf").display()
        );
        fs::write(&config, text)?;
        let settings = load(&Sources::of_process(Some(&config)))?.settings;
        let site = Self { directory, brokers: brokers.to_owned(), partitions, port, settings };
        let made = site
            .command(&["topics", "create", "--tickets-partitions", &partitions.to_string()])
            .stdout(Stdio::null())
            .status()?;
        ensure!(made.success(), "`topics create` ended with {made}");
        Ok(site)
    }

    fn config(&self) -> PathBuf {
        self.directory.path().join("noctriage.toml")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_noctriage"));
        command.args(arguments).arg("--config").arg(self.config()).stdin(Stdio::null());
        command
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.brokers)
            .set("group.id", &self.settings.kafka.group)
            .set("enable.partition.eof", "true")
            .set("enable.auto.commit", "false");
        config
    }

    fn producer(&self) -> Result<ThreadedProducer<DefaultProducerContext>> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers).set("compression.type", "zstd").set("linger.ms", "20");
        Ok(config.create()?)
    }

    fn start(&self) -> Result<Running> {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory.path().join("log"))?;
        Ok(Running { child: self.command(&["run"]).stdout(Stdio::null()).stderr(log).spawn()?, port: self.port })
    }

    fn start_to_ready(&self) -> Result<Start> {
        let started = Instant::now();
        let mut running = self.start()?;
        running.wait("/readyz", |answer| answer.starts_with("HTTP/1.1 200"))?;
        let ready = started.elapsed();
        let start = Start { ready, memory_mib: running.memory("VmRSS")?, memory_most_mib: running.memory("VmHWM")? };
        running.stop()?;
        Ok(start)
    }

    /// Decisions of the daemon, to be copied.
    fn patterns(&self, starts: &mut Vec<Start>) -> Result<Vec<Value>> {
        let producer = self.producer()?;
        for number in 0..PATTERNS {
            let ticket = json!({
                "schema": "noctriage.ticket/v1", "ticket_id": format!("P{number:06}"), "revision": 1,
                "title": format!("BGP neighbor down on core router {number}"), "category": "routing", "kind": "incident",
                "description": "Seen by monitoring at the site, nobody has called yet.",
                "created_at": "2026-11-24T10:00:00Z",
                "severity": {"reported": {"value": "medium", "native": "3", "set_by": "system"}}
            });
            send(&producer, &self.settings.kafka.topics.tickets, self.partition(number), &ticket.to_string())?;
        }
        producer.flush(TIMEOUT)?;
        let mut running = self.start()?;
        let read = || {
            self.read(|_, payload, patterns: &mut Vec<Value>| {
                patterns.push(serde_json::from_slice(payload)?);
                Ok(())
            })
        };
        let until = Instant::now() + TIMEOUT;
        let mut patterns = read()?;
        while patterns.len() < PATTERNS {
            ensure!(Instant::now() < until, "only {} of {PATTERNS} decisions", patterns.len());
            std::thread::sleep(Duration::from_millis(500));
            patterns = read()?;
        }
        running.stop()?;
        starts.push(self.start_to_ready()?);
        Ok(patterns)
    }

    fn partition(&self, number: usize) -> i32 {
        i32::try_from(number % usize::try_from(self.partitions).unwrap_or(1)).unwrap_or_default()
    }

    /// Fills the log up to this many decisions, and moves the group behind them.
    fn fill(&self, patterns: &[Value], decisions: usize) -> Result<usize> {
        let topics = &self.settings.kafka.topics;
        let producer = self.producer()?;
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for pattern in patterns {
            let partition = i32::try_from(pattern["source"]["partition"].as_i64().unwrap_or_default())?;
            *next.entry(partition).or_default() += 1;
        }
        let now = jiff::Timestamp::now().as_millisecond();
        for number in patterns.len()..decisions {
            let partition = self.partition(number);
            let offset = next.entry(partition).or_default();
            let mut decision = patterns[number % patterns.len()].clone();
            let unique = |what: &str| json!(Digest::of(format!("{what} {number}").as_bytes()).to_string());
            decision["source"] = json!({"topic": topics.tickets, "partition": partition, "offset": *offset});
            decision["ticket_id"] = json!(format!("B{number:08}"));
            decision["decision_id"] = unique("decision");
            decision["decision_group"] = unique("group");
            decision["basis"]["input_digest"] = unique("input");
            // As many kinds of events as a desk has in a day, over twenty hours.
            decision["basis"]["facts"]["fingerprint"] =
                json!(Digest::of(format!("kind {}", number % 5_000).as_bytes()).to_string());
            let age_ms = 72_000_000 - 72_000_000 * i64::try_from(number)? / i64::try_from(decisions)?;
            decision["volatile"]["desk_time"] = json!(jiff::Timestamp::from_millisecond(now - age_ms)?.to_string());
            send(&producer, &topics.decisions, partition, &decision.to_string())?;
            send(&producer, &topics.tickets, partition, "{}")?;
            *offset += 1;
        }
        producer.flush(TIMEOUT)?;
        let consumer: BaseConsumer = self.client().create()?;
        // The group is empty for as long as the static member of the last start has not been forgotten: wait for that.
        let until = Instant::now() + TIMEOUT;
        loop {
            let mut list = TopicPartitionList::new();
            for partition in 0..self.partitions {
                let (_, high) = consumer.fetch_watermarks(&topics.tickets, partition, TIMEOUT)?;
                list.add_partition_offset(&topics.tickets, partition, Offset::Offset(high))?;
            }
            match consumer.commit(&list, CommitMode::Sync) {
                Ok(()) => return Ok(decisions.max(patterns.len())),
                Err(error) => ensure!(Instant::now() < until, "moving the group: {error}"),
            }
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Reads all of decisions, each payload handed on.
    fn read<T: Default>(&self, mut take: impl FnMut(i32, &[u8], &mut T) -> Result<()>) -> Result<T> {
        let topic = &self.settings.kafka.topics.decisions;
        let consumer: BaseConsumer = self.client().create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(topic, partition, Offset::Beginning)?;
        }
        consumer.assign(&list)?;
        let mut taken = T::default();
        let mut open = self.partitions;
        while open > 0 {
            match consumer.poll(TIMEOUT) {
                None => bail!("{topic}: nothing for {TIMEOUT:?}"),
                Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
                Some(Err(error)) => return Err(error.into()),
                Some(Ok(message)) => take(message.partition(), message.payload().unwrap_or_default(), &mut taken)?,
            }
        }
        Ok(taken)
    }

    /// Seconds and megabytes of reading without parsing.
    fn read_bare(&self, expected: usize) -> Result<(f64, f64)> {
        let started = Instant::now();
        let (records, bytes) = self.read(|_, payload, (records, bytes): &mut (usize, usize)| {
            *records += 1;
            *bytes += payload.len();
            Ok(())
        })?;
        ensure!(records == expected, "{records} records of {expected}");
        Ok((started.elapsed().as_secs_f64(), bytes as f64 / 1e6))
    }

    /// The daemon's own log in this process: from opening it to the assignment, with the view applied as it is read.
    fn rebuild(&self, expected: usize) -> Result<()> {
        let settings = &self.settings;
        let before = memory("self", "VmRSS")?;
        let started = Instant::now();
        let mut log = KafkaLog::open(SessionOptions {
            kafka: settings.kafka.clone(),
            triage: settings.triage,
            clock: Clock::Real,
            wake: Arc::new(|| {}),
            beat: Arc::new(|| {}),
            waiting: Arc::new(|_| {}),
        })?;
        let opened = started.elapsed();
        let mut view = RecentView::new(ViewLimits {
            window_ms: i64::try_from(settings.triage.view_window.as_millis())?,
            records_max: settings.triage.view_records_max,
            storm_window_ms: settings.policy.storm.window_ms,
        });
        let (mut outcomes, mut first, mut last) = (0_usize, None, started);
        let assignments = loop {
            ensure!(started.elapsed() < TIMEOUT * 2, "no assignment within {:?}", TIMEOUT * 2);
            match log.next_event()? {
                None => std::thread::sleep(Duration::from_micros(200)),
                Some(LogEvent::Outcome { partition, remembered }) => {
                    first.get_or_insert_with(Instant::now);
                    view.apply(partition, &remembered);
                    outcomes += 1;
                    last = Instant::now();
                }
                Some(LogEvent::Assigned(assignments)) => break assignments,
                Some(_) => {}
            }
        };
        let assigned = started.elapsed();
        ensure!(assignments.iter().all(|assignment| assignment.window == WindowState::Whole), "{assignments:?}");
        ensure!(outcomes == expected && view.tickets() == expected, "{outcomes} outcomes of {expected}");
        let reading = last.duration_since(first.context("nothing was read")?).as_secs_f64();
        println!(
            "rebuild: opened after {:.2} s, read and applied in {reading:.2} s, {:.0} records/s, assigned after {:.2} s; view \
             {:.0} MiB",
            opened.as_secs_f64(),
            outcomes as f64 / reading,
            assigned.as_secs_f64(),
            memory("self", "VmRSS")? - before
        );
        Ok(())
    }
}

/// A daemon that runs; killed when it is dropped.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn wait(&mut self, path: &str, holds: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + TIMEOUT * 2;
        loop {
            if let Some(answer) = self.get(path)
                && holds(&answer)
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended with {status}");
            }
            ensure!(Instant::now() < until, "{path}: not as it should be within {:?}", TIMEOUT * 2);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn memory(&self, what: &str) -> Result<f64> {
        memory(&self.child.id().to_string(), what)
    }

    fn stop(&mut self) -> Result<()> {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        ensure!(sent.success(), "the daemon could not be stopped");
        let status = self.child.wait()?;
        ensure!(status.success(), "the daemon ended with {status}");
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            println!("the daemon could not be ended: {error}");
        }
    }
}

/// One line of `/proc/PROCESS/status`, in MiB.
fn memory(process: &str, what: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with(what)).context("no such line")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no figure")?.parse()?;
    Ok(kib / 1024.0)
}

fn send(producer: &ThreadedProducer<DefaultProducerContext>, topic: &str, partition: i32, payload: &str) -> Result<()> {
    let mut record = BaseRecord::<str, str>::to(topic).partition(partition).key("ticket").payload(payload);
    while let Err((error, back)) = producer.send(record) {
        let KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) = error else { bail!("{topic}: {error}") };
        std::thread::sleep(Duration::from_millis(1));
        record = back;
    }
    Ok(())
}
