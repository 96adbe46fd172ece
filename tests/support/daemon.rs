//! The real binary, as an operator starts it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use noctriage::config::{MainFile, Settings, Sources, load};

use super::broker::{Broker, Record};
use super::port::free_port;

/// One configuration in a folder of its own, and the daemon that was started with it.
pub(crate) struct Daemon {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) port: u16,
    /// Its `kafka.instance_id`.
    pub(crate) instance: String,
    child: Option<Child>,
    /// What `FAILPOINTS` says at the next start, once.
    failpoints: Option<String>,
}

/// How long the brokers wait for an instance that is silent. The names are those of the keys.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_field_names, reason = "the names are those of the configuration's keys")]
pub(crate) struct Timers {
    pub(crate) session_timeout_ms: u32,
    pub(crate) transaction_timeout_ms: u32,
    pub(crate) request_timeout_ms: u32,
}

impl Timers {
    /// Patient enough for a machine that does other things as well.
    pub(crate) const USUAL: Self =
        Self { session_timeout_ms: 6_000, transaction_timeout_ms: 10_000, request_timeout_ms: 10_000 };
    /// As short as they go, so that a run with thirty deaths is short.
    pub(crate) const SHORT: Self =
        Self { session_timeout_ms: 2_000, transaction_timeout_ms: 3_000, request_timeout_ms: 10_000 };
}

/// The bundled model where it is, so that tests run what users run.
pub(crate) fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo").join(name)
}

/// A copy of a bundled model whose card says `production`: a demo model never leaves shadow, and later stages have to be
/// tested on something. Nothing else of it is changed but the version, where one is given.
pub(crate) fn production_copy(name: &str, version: Option<&str>, into: &Path) -> PathBuf {
    let copy = into.join(name);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(model(name)).unwrap() {
        let from = entry.unwrap().path();
        fs::copy(&from, copy.join(from.file_name().unwrap())).unwrap();
    }
    let card = copy.join("model.toml");
    let text = fs::read_to_string(&card).unwrap();
    assert!(text.contains("purpose = \"demo\""), "{text}");
    let mut text = text.replace("purpose = \"demo\"", "purpose = \"production\"");
    if let Some(version) = version {
        assert!(text.contains("\nversion = \"1\"\n"), "{text}");
        text = text.replacen("\nversion = \"1\"\n", &format!("\nversion = \"{version}\"\n"), 1);
    }
    fs::write(&card, text).unwrap();
    copy
}

/// All topics, by their keys.
pub(crate) const TOPICS: [&str; 11] = [
    "tickets",
    "verdicts",
    "decisions",
    "suggestions",
    "commands",
    "review",
    "dead_letters",
    "control",
    "rollout",
    "transitions",
    "command_results",
];

/// What the acting model's card says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    /// As it is bundled: never leaves shadow here.
    Demo,
    /// A copy that says `production`.
    Production,
    /// A copy of the linear model that says `production`, version `acting`: there in a tenth of the time.
    Linear,
    /// The classifier of test builds that costs nothing, and never leaves shadow either.
    ZeroCost,
}

/// The key of every draw, by which the checker draws once more.
pub(crate) const DRAW_KEY: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

/// Commands that ask something of running instances wait for them, however long the machine stands still.
const PATIENT: &str = "patient_commands=return(120)";

/// Longest time from a start until it takes tickets: on a machine that builds something else meanwhile, too.
const READY_WITHIN: Duration = Duration::from_secs(240);

impl Daemon {
    /// Writes a configuration for this broker; `more` is appended, and may open further tables.
    pub(crate) fn prepare(broker: &Broker, instance: &str, card: Card, more: &str) -> Self {
        Self::prepare_with(broker, instance, card, Timers::USUAL, more)
    }

    /// The same with other timers.
    pub(crate) fn prepare_with(broker: &Broker, instance: &str, card: Card, timers: Timers, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (acting, baseline) = match card {
            Card::Demo => (model("v1"), model("tfidf")),
            Card::Linear => (production_copy("tfidf", Some("acting"), directory.path()), model("tfidf")),
            Card::Production => (production_copy("v1", None, directory.path()), model("tfidf")),
            Card::ZeroCost => (PathBuf::from("zero-cost"), PathBuf::from("zero-cost")),
        };
        let Timers { session_timeout_ms, transaction_timeout_ms, request_timeout_ms } = timers;
        let port = free_port();
        let key = directory.path().join("draw.key");
        let digits = u128::from_be_bytes(DRAW_KEY);
        fs::write(&key, format!("{digits:032x}\n")).unwrap();
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let topics: String = TOPICS.map(|name| format!("{name} = \"{}\"\n", broker.topic(name))).concat();
        let text = format!(
            "draw_key_file = \"draw.key\"\n\
             [kafka]\nbrokers = \"{}\"\ngroup = \"{}\"\ninstance_id = \"{instance}\"\n\
             session_timeout_ms = {session_timeout_ms}\ntransaction_timeout_ms = {transaction_timeout_ms}\n\
             request_timeout_ms = {request_timeout_ms}\n\
             [kafka.topics]\n{topics}\
             [kafka.create]\nreplication = 1\npartitions = 2\n\
             [admin]\nlisten = \"127.0.0.1:{port}\"\nsocket = \"admin.sock\"\n\
             [model]\ndirectory = \"{}\"\nbaseline = \"{}\"\n{more}",
            broker.brokers,
            broker.prefix,
            acting.display(),
            baseline.display(),
        );
        fs::write(directory.path().join("noctriage.toml"), text).unwrap();
        Self { directory, port, instance: instance.to_owned(), child: None, failpoints: None }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.directory.path().join("noctriage.toml")
    }

    /// The same as the program reads it.
    pub(crate) fn settings(&self) -> Settings {
        load(&Sources { file: MainFile::At(self.config()), ..Sources::default() }).unwrap().settings
    }

    /// Its admin socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("admin.sock")
    }

    /// Runs another command of the binary with this configuration, to its end.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_noctriage"))
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .env("FAILPOINTS", PATIENT)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Makes all topics, the input too.
    pub(crate) fn create_topics(&self, partitions: i32) {
        let output = self.command(&["topics", "create", "--tickets-partitions", &partitions.to_string()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts `run`; its log goes to `log` in the folder.
    pub(crate) fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The transactional producers' instance that wrote a record is this one.
    pub(crate) fn wrote(&self, record: &Record) -> bool {
        let header = record.headers.get("transaction").map(|value| String::from_utf8_lossy(value).into_owned());
        header.is_some_and(|header| header.split(';').next() == Some(self.instance.as_str()))
    }

    /// What `FAILPOINTS` says at the next start, and only then (see `src/failpoints.rs`).
    pub(crate) fn arm(&mut self, failpoints: &str) {
        self.failpoints = Some(failpoints.to_owned());
    }

    /// The file for which `hold` waits.
    pub(crate) fn release(&self) -> PathBuf {
        self.directory.path().join("released")
    }

    /// The same with more options.
    pub(crate) fn start_with(&mut self, options: &[&str]) {
        assert!(self.child.is_none(), "{} runs already", self.instance);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.directory.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_noctriage"))
            .args(["run", "--config"])
            .arg(self.config())
            .args(options)
            .env("FAILPOINTS", self.failpoints.take().unwrap_or_default())
            .env("FAILPOINTS_RELEASE", self.release())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// Waits until `/readyz` says yes.
    #[track_caller]
    pub(crate) fn wait_ready(&mut self) {
        let until = Instant::now() + READY_WITHIN;
        while !self.get("/readyz").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the daemon ended while starting: {ended:?}\n{}", self.log());
            assert!(
                Instant::now() < until,
                "not ready within {READY_WITHIN:?}: {:?}\n{}",
                self.get("/readyz"),
                self.log()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// One HTTP request to the loopback address; `None` when nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(15))).ok()?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// The value of one sample of `/metrics`.
    pub(crate) fn metric(&self, sample: &str) -> Option<f64> {
        self.get("/metrics")?
            .lines()
            .find_map(|line| line.strip_prefix(sample).and_then(|rest| rest.strip_prefix(' ')))
            .and_then(|value| value.parse().ok())
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    /// Resident memory in MiB.
    pub(crate) fn memory_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// SIGKILL, as the machine would.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and how it ended.
    #[track_caller]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait_end(Duration::from_secs(120))
    }

    /// How it ended, if it has; afterwards it can be started again.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().unwrap()?;
        self.child = None;
        Some(status)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Number of input partitions it owns; `None` while it does not answer.
    pub(crate) fn partitions(&self) -> Option<usize> {
        self.metric("noctriage_kafka_assigned_partitions").map(|count| count as usize)
    }

    /// How often its log holds this text.
    pub(crate) fn said(&self, text: &str) -> usize {
        self.log().matches(text).count()
    }

    /// The last lines of its log.
    pub(crate) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        format!("{}:\n{}", self.instance, lines[lines.len().saturating_sub(20)..].join("\n"))
    }

    /// Waits until the process has ended.
    #[track_caller]
    pub(crate) fn wait_end(&mut self, deadline: Duration) -> ExitStatus {
        let until = Instant::now() + deadline;
        loop {
            if let Some(status) = self.child.as_mut().unwrap().try_wait().unwrap() {
                self.child = None;
                return status;
            }
            assert!(Instant::now() < until, "still running after {deadline:?}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
