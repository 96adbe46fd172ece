//! Everything that a scenario runs on: brokers, topics, instances, tickets that keep coming, a reader that keeps reading;
//! and the end of it, at which the checker judges.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, ClusterShape};
use crate::feed::{Delivered, Feed};
use crate::fleet::{Fleet, code_of, config_in};
use crate::support::broker::Broker;
use crate::support::checker::{Checker, Moment};
use crate::support::daemon::TOPICS;
use crate::support::port::free_port;
use crate::table::Row;
use crate::watch::Watch;

/// Longest time without a new decision at the end, when no fault is left.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longest wait until topics can be made.
const TOPICS_WITHIN: Duration = Duration::from_secs(30);

/// What is asked for on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) seed: u64,
    pub(crate) tickets: usize,
    pub(crate) rounds: usize,
    pub(crate) port: u16,
    pub(crate) soak: Duration,
}

/// What a scenario runs on.
pub(crate) struct SiteShape {
    pub(crate) name: &'static str,
    pub(crate) cluster: ClusterShape,
    pub(crate) instances: usize,
    pub(crate) partitions: i32,
    /// Consumer session of the instances, milliseconds of operating time.
    pub(crate) session_timeout_ms: u32,
    /// Transaction timeout of the instances, milliseconds of operating time.
    pub(crate) transaction_timeout_ms: u32,
    /// Which model: the one that costs nothing, or a directory.
    pub(crate) model: Model,
    /// Keys of `[triage]`.
    pub(crate) triage: &'static str,
}

impl SiteShape {
    /// Two instances with the timeouts of the product, and the classifier that costs nothing.
    pub(crate) fn usual(name: &'static str, cluster: ClusterShape) -> Self {
        Self {
            name,
            cluster,
            instances: 2,
            partitions: 6,
            session_timeout_ms: 15_000,
            transaction_timeout_ms: 30_000,
            model: Model::ZeroCost,
            triage: "",
        }
    }
}

/// The model of the instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// The test build's classifier that costs nothing.
    ZeroCost,
    /// The bundled model.
    Bundled,
}

/// A running site.
pub(crate) struct Site {
    name: &'static str,
    asked: Asked,
    // In the order of their ends: instances before brokers, brokers before their folder.
    pub(crate) fleet: Fleet,
    watch: Watch,
    feed: Option<Feed>,
    pub(crate) cluster: Cluster,
    topic_of_tickets: String,
    checker: Checker,
    delivered: Arc<Delivered>,
    started: Instant,
    faults: usize,
    mistakes: Vec<String>,
    notes: Vec<String>,
    folder: tempfile::TempDir,
}

impl Site {
    /// Starts brokers, makes topics, starts all instances and waits until they are ready. Everything lies in `folder`.
    pub(crate) fn open(asked: Asked, shape: &SiteShape, folder: tempfile::TempDir) -> Self {
        Self::open_behind(asked, shape, folder, |_| {})
    }

    /// The same, with something between brokers and instances: `between` is told the port to which it forwards.
    pub(crate) fn open_behind(
        asked: Asked,
        shape: &SiteShape,
        folder: tempfile::TempDir,
        between: impl FnOnce(u16),
    ) -> Self {
        let started = Instant::now();
        let cluster = Cluster::start(&folder.path().join("kafka"), &shape.cluster);
        if shape.cluster.behind.is_some() {
            between(cluster.behind());
        }
        let broker = Broker { brokers: cluster.brokers.clone(), prefix: shape.name.to_owned() };
        let bootstrap = shape.cluster.behind.map_or(cluster.brokers.clone(), |port| format!("127.0.0.1:{port}"));
        let configurations: Vec<_> = (1..=shape.instances)
            .map(|number| {
                let name = format!("noc-{number}");
                let place = folder.path().join(&name);
                let port = free_port();
                write_config(&place, &name, port, shape, &broker, &bootstrap);
                (name, place, port)
            })
            .collect();
        create_topics(&config_in(&configurations[0].1), shape.partitions);
        // The topic of verdicts is made by others, and there are none in these runs.
        let made: Vec<String> =
            TOPICS.iter().filter(|name| **name != "verdicts").map(|name| broker.topic(name)).collect();
        cluster.wait_topics(&made);
        let delivered = Arc::new(Delivered::default());
        let watch =
            Watch::start(&cluster.brokers, &broker.topic("decisions"), shape.partitions, Arc::clone(&delivered));
        let fleet = Fleet::new(&configurations);
        let checker = Checker::open(&broker, &broker.prefix);
        let site = Self {
            name: shape.name,
            asked,
            fleet,
            watch,
            feed: None,
            cluster,
            topic_of_tickets: broker.topic("tickets"),
            checker,
            delivered,
            started,
            faults: 0,
            mistakes: Vec::new(),
            notes: Vec::new(),
            folder,
        };
        for index in 0..site.fleet.len() {
            site.fleet.start(index);
        }
        for index in 0..site.fleet.len() {
            site.fleet.wait_ready(index);
        }
        site.say("ready");
        site
    }

    /// Progress for whoever waits.
    pub(crate) fn say(&self, what: &str) {
        eprintln!(
            "  {:7.1} s  {}: {what} ({} decisions of {} tickets)",
            self.started.elapsed().as_secs_f64(),
            self.name,
            self.decisions(),
            self.delivered()
        );
    }

    /// Tickets begin to come: at `rate` a second, `tickets` of them at most.
    pub(crate) fn feed(&mut self, rate: f64, tickets: usize) {
        let topic = self.topic_of_tickets.clone();
        self.feed = Some(Feed::start(&self.cluster.brokers, topic, rate, tickets, Arc::clone(&self.delivered)));
    }

    pub(crate) fn decisions(&self) -> usize {
        self.watch.seen.decisions()
    }

    pub(crate) fn delivered(&self) -> usize {
        self.delivered.tickets.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// One more fault is done now; what it is, for whoever waits.
    pub(crate) fn fault(&mut self, what: &str) {
        self.faults += 1;
        self.say(what);
    }

    /// The checker reads what has been written since its last look, while instances run, and looks at everything. Only
    /// where few transactions are under way: it waits for each of them to be seen whole.
    pub(crate) fn look(&mut self) {
        let report = self.checker.look(Moment::Running);
        // The look at the end says those that stay again, all of them.
        if let Some(first) = report.mistakes.iter().find(|mistake| !mistake.may_pass()) {
            self.say(&format!("the checker has found {} mistakes, first: {first}", report.mistakes.len()));
        }
    }

    /// The checker only reads, so that there is less left for the end.
    pub(crate) fn read(&mut self) {
        self.checker.decided();
    }

    /// Something that must not be.
    pub(crate) fn mistake(&mut self, what: String) {
        self.say(&what);
        self.mistakes.push(what);
    }

    /// Something that the table should say.
    pub(crate) fn note(&mut self, what: String) {
        self.say(&what);
        self.notes.push(what);
    }

    /// Waits until so many decisions are committed.
    pub(crate) fn wait_decisions(&self, wanted: usize, deadline: Duration) {
        self.wait(&format!("{wanted} decisions"), deadline, |site| site.decisions() >= wanted);
    }

    /// Waits until few enough tickets wait for a decision that all of them have come within the last second or so.
    pub(crate) fn wait_caught_up(&self, waiting_max: usize, deadline: Duration) {
        self.wait("nothing waits", deadline, |site| site.decisions() + waiting_max >= site.delivered());
    }

    /// Waits until `holds`, or fails with what was waited for and what every instance said last.
    pub(crate) fn wait(&self, what: &str, deadline: Duration, mut holds: impl FnMut(&Self) -> bool) {
        let until = Instant::now() + deadline;
        while !holds(self) {
            if Instant::now() >= until {
                let mut logs: Vec<String> = (0..self.fleet.len()).map(|index| self.fleet.log_end(index)).collect();
                logs.extend((1..=self.cluster.nodes).map(|node| self.cluster.output(node)));
                panic!(
                    "{what}: not within {deadline:?}; {} decisions of {} tickets\n{}",
                    self.decisions(),
                    self.delivered(),
                    logs.join("\n----\n")
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Tickets stop coming, all of them are decided, the instances stop, and the checker reads everything.
    pub(crate) fn close(mut self, faults: &str) -> Row {
        let feed = self.feed.take().expect("a scenario feeds tickets");
        let tickets = feed.stop();
        self.close_after(tickets, faults)
    }

    /// The same when all tickets have been written.
    pub(crate) fn close_when_fed(mut self, faults: &str) -> Row {
        let feed = self.feed.take().expect("a scenario feeds tickets");
        let tickets = feed.end();
        self.close_after(tickets, faults)
    }

    fn close_after(mut self, tickets: usize, faults: &str) -> Row {
        let mut last = (self.decisions(), Instant::now());
        while self.decisions() < tickets && last.1.elapsed() < PATIENCE {
            if self.decisions() > last.0 {
                last = (self.decisions(), Instant::now());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        if self.decisions() < tickets {
            self.mistake(format!("only {} of {tickets} tickets have an outcome", self.decisions()));
        }
        let gap_max = self.watch.seen.gap_max();
        for index in 0..self.fleet.len() {
            match self.fleet.stop(index) {
                Some(status) if code_of(status) == 0 => {}
                ended => self.mistake(format!("instance {} did not stop cleanly: {ended:?}", index + 1)),
            }
        }
        self.say("all stopped; the checker reads everything");
        let report = self.checker.look(Moment::Ended);
        if report.inputs != tickets {
            self.mistakes.push(format!("{tickets} tickets were written, {} are in the log", report.inputs));
        }
        self.mistakes.extend(report.mistakes.iter().map(ToString::to_string));
        let records = self.fleet.records();
        for record in &records {
            if !record.unasked.is_empty() {
                self.notes.push(format!("{} ended by itself with {:?}", record.name, record.unasked));
            }
            if !record.unhealthy_max.is_zero() {
                self.notes.push(format!(
                    "/healthz of {} said no for {:.0} s",
                    record.name,
                    record.unhealthy_max.as_secs_f64()
                ));
            }
        }
        if !self.mistakes.is_empty() {
            let kept = self.keep_logs();
            self.notes.push(format!("logs kept in {kept}"));
        }
        Row {
            scenario: self.name,
            seed: self.asked.seed,
            rounds: self.asked.rounds,
            tickets,
            faults: format!("{}: {faults}", self.faults),
            outcomes: report.outcomes,
            transactions: report.transactions,
            aborted: report.leftovers.len(),
            mistakes: std::mem::take(&mut self.mistakes),
            gap_max,
            resident_mib_max: records.iter().map(crate::fleet::Record::resident_mib_max).fold(0.0, f64::max),
            notes: std::mem::take(&mut self.notes),
            took: self.started.elapsed(),
        }
    }

    /// Copies what the instances said to a folder that stays.
    fn keep_logs(&self) -> String {
        let place = std::env::temp_dir().join(format!("noctriage-faults-{}-{}", self.name, std::process::id()));
        fs::create_dir_all(&place).unwrap();
        for number in 1..=self.fleet.len() {
            let name = format!("noc-{number}");
            fs::copy(self.folder.path().join(&name).join("log"), place.join(format!("{name}.log"))).unwrap();
        }
        place.display().to_string()
    }
}

/// A node that had no processor for the length of its session, as on a busy machine, is taken for one that is not there.
fn create_topics(config: &Path, partitions: i32) {
    let until = Instant::now() + TOPICS_WITHIN;
    loop {
        let created = Command::new(env!("CARGO_BIN_EXE_noctriage"))
            .args(["topics", "create", "--tickets-partitions", &partitions.to_string(), "--config"])
            .arg(config)
            .output()
            .unwrap();
        if created.status.success() {
            return;
        }
        let said = String::from_utf8_lossy(&created.stderr);
        assert!(said.contains("InvalidReplicationFactor") && Instant::now() < until, "{said}");
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn write_config(place: &Path, name: &str, port: u16, shape: &SiteShape, broker: &Broker, bootstrap: &str) {
    fs::create_dir(place).unwrap();
    let key = place.join("draw.key");
    fs::write(&key, "000102030405060708090a0b0c0d0e0f\n").unwrap();
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
    let directory = match shape.model {
        Model::ZeroCost => "zero-cost".to_owned(),
        Model::Bundled => models.join("v1").display().to_string(),
    };
    let replication = if shape.cluster.nodes >= 3 { 3 } else { 1 };
    let mut text = format!(
        "draw_key_file = \"draw.key\"\n\
         [kafka]\nbrokers = \"{bootstrap}\"\ngroup = \"{}\"\ninstance_id = \"{name}\"\n\
         session_timeout_ms = {}\ntransaction_timeout_ms = {}\n\
         [kafka.create]\nreplication = {replication}\npartitions = 3\n\
         [admin]\nlisten = \"127.0.0.1:{port}\"\n\
         [model]\ndirectory = \"{directory}\"\nbaseline = \"{}\"\n\
         [policy]\ncritical_cut_off = 0.05\n[policy.draws]\nevidence_shadow = 0.5\n\
         [triage]\n{}\n[kafka.topics]\n",
        broker.prefix,
        shape.session_timeout_ms,
        shape.transaction_timeout_ms,
        models.join("tfidf").display(),
        shape.triage,
    );
    for topic in TOPICS {
        writeln!(text, "{topic} = \"{}\"", broker.topic(topic)).unwrap();
    }
    fs::write(config_in(place), text).unwrap();
}
