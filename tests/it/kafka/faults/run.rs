//! One log, the instances that consume it, the checker, and who starts again what has died.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use crate::support::broker::{Broker, TransactionalWriter, Writer};
use crate::support::checker::{Checker, Moment, Report};
use crate::support::daemon::{Card, Daemon, Timers};
use crate::support::tickets::long_run;

/// Longest wait for anything: what a broker that comes back takes on two cores that do much else besides, the waits of an
/// instance that builds its clients anew among it (1, 2, 4, 8, 16 s).
pub(super) const LONGEST: Duration = Duration::from_mins(3);

/// Small batches: many transactions for few tickets.
const MORE: &str = "[triage]\nbatch_records_max = 16\n[policy.draws]\nevidence_shadow = 0.6\n\
                    [rollout]\nfixed_stage = \"suggest\"\n";

/// A run.
pub(super) struct Run {
    pub(super) name: &'static str,
    pub(super) broker: Broker,
    pub(super) daemons: Vec<Daemon>,
    pub(super) checker: Checker,
    writer: Writer,
    desk: TransactionalWriter,
    /// Records written and committed.
    pub(super) fed: usize,
    started: Instant,
    /// Faults that took place, by name.
    pub(super) faults: BTreeMap<String, usize>,
}

/// The seed of this run, printed.
pub(super) fn seed(name: &str, default: u64) -> u64 {
    #[expect(clippy::disallowed_methods, reason = "how a person repeats a run")]
    let given = std::env::var("NOCTRIAGE_FAULT_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or(default);
    println!("{name}: NOCTRIAGE_FAULT_SEED={seed}");
    seed
}

impl Run {
    /// Topics and configurations, and nothing started.
    pub(super) fn prepare(
        name: &'static str,
        broker: Broker,
        instances: &[&str],
        partitions: i32,
        (card, timers): (Card, Timers),
    ) -> Self {
        let daemons: Vec<Daemon> =
            instances.iter().map(|instance| Daemon::prepare_with(&broker, instance, card, timers, MORE)).collect();
        daemons[0].create_topics(partitions);
        let checker = Checker::open(&broker, &broker.prefix);
        let (writer, desk) = (broker.writer("tickets"), broker.transactional_writer("tickets"));
        let faults = BTreeMap::new();
        Self { name, broker, daemons, checker, writer, desk, fed: 0, started: Instant::now(), faults }
    }

    /// Writes so many more tickets.
    pub(super) fn feed(&mut self, count: usize) {
        let records: Vec<_> = (self.fed..self.fed + count).map(long_run).collect();
        self.writer.write(&records);
        self.fed += count;
    }

    /// Writes so many more in transactions of twenty, every third of them behind one that is aborted.
    pub(super) fn feed_in_transactions(&mut self, count: usize) {
        let records: Vec<_> = (self.fed..self.fed + count).map(long_run).collect();
        for (number, chunk) in records.chunks(20).enumerate() {
            if number % 3 == 0 {
                self.desk.write_in_vain(&chunk[..chunk.len().min(7)]);
            }
            self.desk.write(chunk);
        }
        self.fed += count;
    }

    /// Waits until `holds`, or fails with what was waited for and the ends of all logs.
    #[track_caller]
    pub(super) fn wait(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let until = Instant::now() + LONGEST;
        while !holds(self) {
            assert!(Instant::now() < until, "{}: {what}: not within {LONGEST:?}\n{}", self.name, self.logs());
            std::thread::sleep(Duration::from_millis(25));
        }
    }

    /// Waits until everything fed has an outcome.
    #[track_caller]
    pub(super) fn wait_all_decided(&mut self) {
        if let Err(what) = self.checker.wait_decided(self.fed, LONGEST) {
            panic!("{}: {what}\n{}", self.name, self.logs());
        }
    }

    /// How one instance ended, which it must within the deadline.
    #[track_caller]
    pub(super) fn wait_end(&mut self, index: usize, what: &str) -> ExitStatus {
        let mut ended = None;
        self.wait(what, |run| {
            ended = run.daemons[index].ended();
            ended.is_some()
        });
        ended.unwrap()
    }

    /// The checker, now, and one fault more in the list.
    #[track_caller]
    pub(super) fn check_after(&mut self, fault: &str) {
        *self.faults.entry(fault.to_owned()).or_default() += 1;
        let report = self.checker.look(Moment::Running);
        assert!(report.mistakes.is_empty(), "{}, after {fault}: {}\n{}", self.name, report.said(), self.logs());
    }

    /// Waits for the last outcome, stops all, and checks everything.
    #[track_caller]
    pub(super) fn finish(&mut self) -> Report {
        self.wait_all_decided();
        for index in 0..self.daemons.len() {
            if self.daemons[index].is_running() {
                self.daemons[index].signal("TERM");
                let status = self.wait_end(index, "stopping");
                assert!(status.success(), "{}: {status}\n{}", self.name, self.daemons[index].log_end());
            }
        }
        let report = self.checker.look(Moment::Ended);
        assert!(report.mistakes.is_empty(), "{}, at the end: {}\n{}", self.name, report.said(), self.logs());
        assert_eq!(report.inputs, self.fed);
        let unexplained = report.unexplained(&self.aborts());
        assert_eq!(unexplained, 0, "{}: {:#?}\n{}", self.name, report.leftovers, self.logs());
        println!(
            "{}: {} tickets, {} transactions, {:?}; left behind by faults: {} transactions of {} records; {:?}; {:.0} s",
            self.name,
            report.decided,
            report.transactions,
            report.outcomes,
            report.leftovers.len(),
            report.leftovers.iter().map(|leftover| leftover.records).sum::<usize>(),
            self.faults,
            self.started.elapsed().as_secs_f64()
        );
        report
    }

    /// How often each instance says that a transaction did not commit.
    fn aborts(&self) -> BTreeMap<String, usize> {
        let mut aborts = BTreeMap::new();
        for daemon in &self.daemons {
            *aborts.entry(daemon.instance.clone()).or_default() += daemon.said("transaction aborted");
        }
        aborts
    }

    pub(super) fn logs(&self) -> String {
        self.daemons.iter().map(Daemon::log_end).collect::<Vec<_>>().join("\n")
    }
}
