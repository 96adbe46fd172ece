//! The checker: reads everything that was written, `read_committed` and `read_uncommitted`, and says what is lost, doubled,
//! torn or out of order. The judge of every fault run.
//!
//! What it proves, of a run whose input is read `read_committed` too:
//! - every input record has exactly one committed outcome, in its partition and in its order, and so every ticket's records
//!   in theirs; nothing else has one;
//! - at the end the group's committed offset is the last decided plus one, exactly; in between, every record below it has
//!   its outcome, and no outcome lies at or beyond it;
//! - of every transaction all records that its header announces are committed, or none;
//! - one (ticket, revision, content) is one decision group, a `duplicate` names a committed decision of its group that came
//!   before it, `unchanged` follows an outcome of its ticket, and no group is decided in full twice: what is known of a
//!   ticket is not lost and holds nothing that was aborted;
//! - dead letters, suggestions, commands and review items belong to a committed decision, and a letter says why;
//! - every automatic action lies inside a lease and is permitted to its model by a map that is in force; none follows a halt by more than a
//!   halt needs to be heard of; none of them, and no suggestion, is about a drawn ticket: all by the broker's append times;
//! - each transition's report reads as it did when it is asked again from the log at its cut ([`reports::unsupported_reports`],
//!   which needs the configuration);
//! - `read_uncommitted` shows all that and, beyond it, records of transactions of which nothing is committed. Such
//!   [`Leftover`]s are what a fault leaves in the log: a run without faults has none, and each carries the decision id under
//!   which its record was decided at last. [`Report::unexplained`] counts those that no fault explains.
//!
//! Reading goes on where the last look ended, so a look after every fault costs what was written since; the rules run over
//! everything, which is some tens of milliseconds for 20,000 tickets.

pub(crate) mod automation;
#[cfg(test)]
mod automation_tests;
mod ledger;
mod mistake;
mod reader;
pub(crate) mod reports;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(crate) use ledger::{Ledger, Leftover, Moment, Offsets, Output};
pub(crate) use mistake::{Mistake, MistakeKind};
pub(crate) use reader::{Isolation, Reader};

use super::broker::{Broker, GroupReader, Record};

/// How long a mistake that may pass is given to do so: the coordinator writes the markers of a transaction within
/// milliseconds, and a broker that starts again within seconds.
const PASSING: Duration = Duration::from_secs(20);

/// The result of one look.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) inputs: usize,
    pub(crate) decided: usize,
    pub(crate) transactions: usize,
    /// How many outcomes of each kind.
    pub(crate) outcomes: BTreeMap<String, usize>,
    pub(crate) leftovers: Vec<Leftover>,
    pub(crate) mistakes: Vec<Mistake>,
}

impl Report {
    /// Fails with the first mistakes.
    #[track_caller]
    pub(crate) fn assert_clean(&self, context: &str) {
        assert!(self.mistakes.is_empty(), "{context}: {}", self.said());
    }

    /// How many mistakes of each kind, and the first of each.
    pub(crate) fn said(&self) -> String {
        let mut kinds: BTreeMap<MistakeKind, (usize, &str)> = BTreeMap::new();
        for mistake in &self.mistakes {
            kinds.entry(mistake.kind).or_insert((0, &mistake.what)).0 += 1;
        }
        let lines: Vec<String> =
            kinds.iter().map(|(kind, (count, first))| format!("{count} × {kind:?}, first: {first}")).collect();
        format!("{} mistakes\n  {}", self.mistakes.len(), lines.join("\n  "))
    }

    pub(crate) fn has(&self, kind: MistakeKind) -> bool {
        self.mistakes.iter().any(|mistake| mistake.kind == kind)
    }

    /// Leftovers that neither a death nor an abort explains: clients that die leave at most their last transaction, and
    /// every other one must stand in the log of its instance as aborted, which is what `aborts` counts by instance.
    pub(crate) fn unexplained(&self, aborts: &BTreeMap<String, usize>) -> usize {
        let mut by_instance: BTreeMap<&str, usize> = BTreeMap::new();
        for leftover in self.leftovers.iter().filter(|leftover| !leftover.is_last) {
            *by_instance.entry(&leftover.producer.0).or_default() += 1;
        }
        let known = |instance: &str| aborts.get(instance).copied().unwrap_or_default();
        by_instance.into_iter().map(|(instance, count)| count.saturating_sub(known(instance))).sum()
    }
}

/// Reads one run, look after look.
pub(crate) struct Checker {
    ledger: Ledger,
    input: Reader,
    rollout: Reader,
    committed: Reader,
    uncommitted: Reader,
    group: GroupReader,
}

impl Checker {
    /// Of the run whose topics have this broker's prefix, consumed by this group. All topics must exist.
    pub(crate) fn open(broker: &Broker, group: &str) -> Self {
        let outputs = Output::ALL.map(Output::name);
        Self {
            ledger: Ledger::default(),
            input: Reader::open(broker, Isolation::Committed, &["tickets"]),
            rollout: Reader::open(broker, Isolation::Committed, &["rollout", "control", "transitions"]),
            committed: Reader::open(broker, Isolation::Committed, &outputs),
            uncommitted: Reader::open(broker, Isolation::Uncommitted, &outputs),
            group: broker.group_reader(group),
        }
    }

    /// Number of committed outcomes as of now.
    pub(crate) fn decided(&mut self) -> usize {
        self.read_outputs();
        self.ledger.decided()
    }

    /// Waits until so many outcomes are committed.
    ///
    /// # Errors
    /// How many there are at the deadline.
    pub(crate) fn wait_decided(&mut self, count: usize, deadline: Duration) -> Result<(), String> {
        let until = Instant::now() + deadline;
        loop {
            let decided = self.decided();
            if decided >= count {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(format!("{decided} of {count} outcomes within {deadline:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Reads what is new and finds every mistake. One that may pass is looked at again until it has passed, or for
    /// 20 seconds.
    pub(crate) fn look(&mut self, moment: Moment) -> Report {
        let until = Instant::now() + PASSING;
        loop {
            let before = self.group.committed();
            self.read_outputs();
            // After the outputs: whatever has an outcome was there before it, and so was what permits an action.
            for (_, record) in self.input.read_new() {
                self.ledger.add_input(&record);
            }
            for (topic, record) in self.rollout.read_new() {
                match topic.as_str() {
                    "control" => self.ledger.automation.add_control(&record),
                    "rollout" => {
                        self.ledger.automation.add_rollout(&record);
                        self.ledger.add_leader_record(&record);
                    }
                    _ => self.ledger.add_leader_record(&record),
                }
            }
            for (topic, record) in self.uncommitted.read_new() {
                self.ledger.add_uncommitted(output(&topic), &record);
            }
            let offsets = Offsets { before, after: self.group.committed() };
            let mistakes = self.ledger.mistakes(&offsets, moment);
            if mistakes.is_empty() || !mistakes.iter().all(Mistake::may_pass) || Instant::now() >= until {
                return self.report(mistakes);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn read_outputs(&mut self) {
        for (topic, record) in self.committed.read_new() {
            self.ledger.add_output(output(&topic), &record);
        }
    }

    fn report(&self, mistakes: Vec<Mistake>) -> Report {
        let ledger = &self.ledger;
        Report {
            inputs: ledger.inputs(),
            decided: ledger.decided(),
            transactions: ledger.transactions(),
            outcomes: ledger.words(),
            leftovers: ledger.leftovers(),
            mistakes,
        }
    }
}

fn output(name: &str) -> Output {
    Output::ALL.into_iter().find(|output| output.name() == name).unwrap()
}

/// Everything that a short run has written, committed, and all the mistakes in it.
pub(crate) struct Checked {
    pub(crate) tickets: Vec<Record>,
    pub(crate) decisions: Vec<Record>,
    pub(crate) dead_letters: Vec<Record>,
    report: Report,
}

impl Checked {
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        self.report.assert_clean("at the end");
    }

    pub(crate) fn outcomes(&self) -> BTreeMap<String, usize> {
        self.report.outcomes.clone()
    }
}

/// Checks a run that has ended.
pub(crate) fn check(broker: &Broker, group: &str) -> Checked {
    let report = Checker::open(broker, group).look(Moment::Ended);
    let [tickets, decisions, dead_letters] =
        ["tickets", "decisions", "dead_letters"].map(|name| broker.read(name, Isolation::Committed));
    Checked { tickets, decisions, dead_letters, report }
}
