//! Everything that was read of a run, in the smallest form that shows every mistake, and the rules that find them.
//!
//! No broker here: records come in, mistakes go out, so that each kind of mistake can be put into a list by hand.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use noctriage::domain::digest::Digest;
use noctriage::wire::transaction::TransactionHeader;
use serde_json::Value;

use super::automation::Automation;
use super::mistake::{Mistake, MistakeKind};
use crate::support::broker::Record;

/// Partition and offset.
pub(crate) type Position = (i32, i64);

/// An output topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Output {
    Decisions,
    Suggestions,
    Commands,
    Review,
    DeadLetters,
}

impl Output {
    pub(crate) const ALL: [Self; 5] =
        [Self::Decisions, Self::Suggestions, Self::Commands, Self::Review, Self::DeadLetters];

    /// The name without the prefix of the run.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Decisions => "decisions",
            Self::Suggestions => "suggestions",
            Self::Commands => "commands",
            Self::Review => "review",
            Self::DeadLetters => "dead_letters",
        }
    }
}

/// When the log is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Instances are at work: records behind the last decided one are no loss.
    Running,
    /// Everything ought to be decided.
    Ended,
}

/// Committed next-to-read offsets of the group, asked for before the outputs were read and again afterwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offsets {
    pub(crate) before: BTreeMap<i32, i64>,
    pub(crate) after: BTreeMap<i32, i64>,
}

/// Who wrote a transaction: instance, and when its clients were made.
pub(crate) type Producer = (String, i64);

/// A producer, and the number of one of its transactions.
type Transaction = (Producer, u64);

/// Source and id of a decision.
type SeenDecision = (Position, String);

/// A transaction of which `read_uncommitted` shows records and `read_committed` none: it was aborted, or died.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Leftover {
    pub(crate) producer: Producer,
    pub(crate) counter: u64,
    /// Records of it that reached the log.
    pub(crate) records: usize,
    /// Whether the same clients of the same instance wrote nothing afterwards: they died with this transaction open.
    pub(crate) is_last: bool,
}

/// One committed decision.
#[derive(Clone, Debug)]
struct Outcome {
    partition: i32,
    source: Position,
    id: String,
    word: String,
    group: Option<String>,
    ticket_id: Option<String>,
    revision: Option<u64>,
    duplicate_of: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Announced {
    count: u32,
    found: u32,
}

/// What was read so far.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    inputs: BTreeMap<Position, Digest>,
    /// In the order of each partition of `decisions`.
    outcomes: Vec<Outcome>,
    /// Decision id and whether the letter gives a reason.
    letters: BTreeMap<String, bool>,
    /// Decision ids that suggestions, commands and review items name, and who names them.
    named: BTreeMap<String, String>,
    transactions: BTreeMap<Transaction, Announced>,
    committed: HashSet<(Output, Position)>,
    /// What `read_uncommitted` shows, with its transaction and, of a decision, source and id.
    uncommitted: BTreeMap<(Output, Position), (Transaction, Option<SeenDecision>)>,
    /// What automatic actions rest on.
    pub(super) automation: Automation,
    unreadable: Vec<Mistake>,
}

impl Ledger {
    /// A committed record of the input topic.
    pub(crate) fn add_input(&mut self, record: &Record) {
        let digest = Digest::of(record.value.as_deref().unwrap_or_default());
        self.inputs.insert((record.partition, record.offset), digest);
    }

    /// A committed record of an output topic. Records of one partition come in the order of their offsets.
    pub(crate) fn add_output(&mut self, output: Output, record: &Record) {
        let at = (record.partition, record.offset);
        self.committed.insert((output, at));
        match transaction_of(record) {
            Some((transaction, count)) => {
                let announced = self.transactions.entry(transaction).or_default();
                announced.count = count;
                announced.found += 1;
            }
            None => self.unreadable(output, at, "carries no transaction header"),
        }
        let value = record.value.as_deref().and_then(|value| serde_json::from_slice::<Value>(value).ok());
        let Some(value) = value else { return self.unreadable(output, at, "is no JSON") };
        let Some(id) = text(&value, "decision_id") else { return self.unreadable(output, at, "names no decision") };
        self.add_to_automation(output, record, &id, &value);
        match output {
            Output::Decisions => match outcome_of(&value, record.partition, id) {
                Some(outcome) => self.outcomes.push(outcome),
                None => self.unreadable(output, at, "lacks source or outcome"),
            },
            Output::DeadLetters => {
                let has_reason = text(&value, "class").is_some_and(|class| !class.is_empty())
                    && text(&value, "detail").is_some_and(|detail| detail.len() > 10);
                self.letters.insert(id, has_reason);
            }
            Output::Suggestions | Output::Commands | Output::Review => {
                self.named.insert(id, format!("{}[{}]@{}", output.name(), at.0, at.1));
            }
        }
    }

    fn add_to_automation(&mut self, output: Output, record: &Record, id: &str, value: &Value) {
        let at = (record.partition, record.offset);
        let place = || format!("{}[{}]@{}", output.name(), at.0, at.1);
        match output {
            Output::Decisions => self.automation.add_decision(id, value),
            Output::Suggestions => self.automation.add_suggestion(id, place()),
            Output::Commands => {
                if !self.automation.add_command(id, place(), record.appended_ms, value) {
                    self.unreadable(output, at, "lacks action, slice or revision");
                }
            }
            Output::Review | Output::DeadLetters => {}
        }
    }

    /// A record of an output topic as `read_uncommitted` shows it.
    pub(crate) fn add_uncommitted(&mut self, output: Output, record: &Record) {
        let at = (record.partition, record.offset);
        let Some((transaction, _)) = transaction_of(record) else {
            return self.unreadable(output, at, "carries no transaction header (read_uncommitted)");
        };
        let value = record.value.as_deref().and_then(|value| serde_json::from_slice::<Value>(value).ok());
        let decision = value
            .filter(|_| output == Output::Decisions)
            .and_then(|value| Some((source_of(&value)?, text(&value, "decision_id")?)));
        self.uncommitted.insert((output, at), (transaction, decision));
    }

    /// Number of committed outcomes read.
    pub(crate) fn decided(&self) -> usize {
        self.outcomes.len()
    }

    /// Number of committed input records read.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// Number of committed transactions seen.
    pub(crate) fn transactions(&self) -> usize {
        self.transactions.len()
    }

    /// How many outcomes there are of each kind.
    pub(crate) fn words(&self) -> BTreeMap<String, usize> {
        let mut words = BTreeMap::new();
        for outcome in &self.outcomes {
            *words.entry(outcome.word.clone()).or_default() += 1;
        }
        words
    }

    /// Transactions that left records behind which nobody sees who reads committed records.
    pub(crate) fn leftovers(&self) -> Vec<Leftover> {
        let mut records: BTreeMap<&Transaction, usize> = BTreeMap::new();
        let mut last: BTreeMap<&Producer, u64> = BTreeMap::new();
        for (place, (transaction, _)) in &self.uncommitted {
            let greatest = last.entry(&transaction.0).or_default();
            *greatest = transaction.1.max(*greatest);
            if !self.committed.contains(place) {
                *records.entry(transaction).or_default() += 1;
            }
        }
        let leftover = |((producer, counter), records): (&Transaction, usize)| Leftover {
            producer: producer.clone(),
            counter: *counter,
            records,
            is_last: last.get(producer) == Some(counter),
        };
        records.into_iter().map(leftover).collect()
    }

    /// Every mistake that shows in what was read.
    pub(crate) fn mistakes(&self, offsets: &Offsets, moment: Moment) -> Vec<Mistake> {
        let mut mistakes = self.unreadable.clone();
        self.one_outcome_each(offsets, moment, &mut mistakes);
        self.in_order(&mut mistakes);
        self.committed_offsets(offsets, moment, &mut mistakes);
        self.whole_transactions(&mut mistakes);
        self.groups(&mut mistakes);
        self.references(&mut mistakes);
        self.decisions_behind(&mut mistakes);
        self.uncommitted_view(moment, &mut mistakes);
        self.automation.mistakes(&mut mistakes);
        mistakes
    }

    fn unreadable(&mut self, output: Output, at: Position, what: &str) {
        let what = format!("{}[{}]@{} {what}", output.name(), at.0, at.1);
        self.unreadable.push(Mistake::new(MistakeKind::Unreadable, what));
    }

    fn last_decided(&self) -> BTreeMap<i32, i64> {
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        for Outcome { source: (partition, offset), .. } in &self.outcomes {
            let greatest = last.entry(*partition).or_insert(*offset);
            *greatest = (*greatest).max(*offset);
        }
        last
    }

    /// While instances run, a record must have its outcome once a later one of its partition has one, or the group's
    /// committed offset lies beyond it.
    fn one_outcome_each(&self, offsets: &Offsets, moment: Moment, mistakes: &mut Vec<Mistake>) {
        let mut outcomes: BTreeMap<Position, usize> = BTreeMap::new();
        let mut ids: HashSet<&str> = HashSet::with_capacity(self.outcomes.len());
        for outcome in &self.outcomes {
            *outcomes.entry(outcome.source).or_default() += 1;
            if !ids.insert(&outcome.id) {
                let what = format!("decision id {} is used again for {}", outcome.id, at(outcome.source));
                mistakes.push(Mistake::new(MistakeKind::Doubled, what));
            }
            if outcome.source.0 != outcome.partition {
                let what = format!("the outcome of {} lies in partition {}", at(outcome.source), outcome.partition);
                mistakes.push(Mistake::new(MistakeKind::Misplaced, what));
            }
        }
        let last = self.last_decided();
        for position @ (partition, offset) in self.inputs.keys() {
            match outcomes.remove(position) {
                Some(1) => {}
                Some(count) => {
                    let what = format!("{} has {count} outcomes", at(*position));
                    mistakes.push(Mistake::new(MistakeKind::Doubled, what));
                }
                None => {
                    let is_passed = last.get(partition).is_some_and(|last| offset < last)
                        || offsets.before.get(partition).is_some_and(|next| offset < next);
                    if is_passed || moment == Moment::Ended {
                        mistakes.push(Mistake::new(MistakeKind::Lost, format!("{} has no outcome", at(*position))));
                    }
                }
            }
        }
        mistakes.extend(outcomes.keys().map(|position| {
            Mistake::new(MistakeKind::OfNothing, format!("an outcome of {}, which is no record", at(*position)))
        }));
    }

    /// Per partition, and so per ticket, whose records lie in one partition: which is looked at as well.
    fn in_order(&self, mistakes: &mut Vec<Mistake>) {
        let mut last: BTreeMap<i32, i64> = BTreeMap::new();
        let mut places: HashMap<&str, i32> = HashMap::new();
        for outcome in &self.outcomes {
            let (partition, offset) = outcome.source;
            if let Some(before) = last.insert(partition, offset).filter(|before| *before >= offset) {
                let what = format!("{} was decided after {}", at(outcome.source), at((partition, before)));
                mistakes.push(Mistake::new(MistakeKind::OutOfOrder, what));
            }
            if let Some(ticket_id) = &outcome.ticket_id {
                let place = *places.entry(ticket_id).or_insert(partition);
                if place != partition {
                    let what = format!("ticket {ticket_id} in partitions {place} and {partition}");
                    mistakes.push(Mistake::new(MistakeKind::Misplaced, what));
                }
            }
        }
    }

    /// At the end the committed offset is the last decided plus one, exactly, also where control records of a
    /// transactional desk follow: nothing else is ever committed. While instances run, every outcome read lies below the
    /// offset asked for afterwards (`one_outcome_each` holds the other side).
    fn committed_offsets(&self, offsets: &Offsets, moment: Moment, mistakes: &mut Vec<Mistake>) {
        for (partition, last) in self.last_decided() {
            let committed = offsets.after.get(&partition).copied();
            let is_right = match moment {
                Moment::Ended => committed == Some(last + 1),
                Moment::Running => committed.is_some_and(|committed| committed > last),
            };
            if !is_right {
                let what = format!("partition {partition}: committed {committed:?}, last decided {last}");
                mistakes.push(Mistake::new(MistakeKind::CommittedOffset, what));
            }
        }
    }

    fn whole_transactions(&self, mistakes: &mut Vec<Mistake>) {
        for (((instance, start_ms), counter), Announced { count, found }) in &self.transactions {
            if count != found {
                let what = format!("transaction {instance};{start_ms};{counter}: {found} of {count} records");
                mistakes.push(Mistake::new(MistakeKind::Torn, what));
            }
        }
    }

    fn groups(&self, mistakes: &mut Vec<Mistake>) {
        let mut of_content: HashMap<(&str, Option<u64>, Digest), &str> = HashMap::new();
        let mut of_group: HashMap<&str, (&str, Option<u64>, Digest)> = HashMap::new();
        let mut decided: HashMap<&str, Position> = HashMap::new();
        for outcome in &self.outcomes {
            let (Some(ticket_id), Some(group)) = (&outcome.ticket_id, &outcome.group) else { continue };
            // What is no record is said elsewhere.
            let Some(digest) = self.inputs.get(&outcome.source) else { continue };
            let content = (ticket_id.as_str(), outcome.revision, *digest);
            let first_group = *of_content.entry(content).or_insert(group);
            let first_content = *of_group.entry(group).or_insert(content);
            if first_group != group || first_content != content {
                let what = format!("{} ({ticket_id}): group {group}, not {first_group}", at(outcome.source));
                mistakes.push(Mistake::new(MistakeKind::Group, what));
            }
            if outcome.word == "decided"
                && let Some(before) = decided.insert(group, outcome.source)
            {
                let what = format!("{} ({ticket_id}) repeats {} and is decided", at(outcome.source), at(before));
                mistakes.push(Mistake::new(MistakeKind::DecidedTwice, what));
            }
        }
    }

    /// Outcomes come in the order of their partition, and a ticket lies in one: what is named must have come before.
    fn references(&self, mistakes: &mut Vec<Mistake>) {
        let mut groups: HashMap<&str, Option<&str>> = HashMap::with_capacity(self.outcomes.len());
        let mut known: HashSet<&str> = HashSet::new();
        for outcome in &self.outcomes {
            if outcome.word == "duplicate" {
                let named = outcome.duplicate_of.as_deref().and_then(|named| groups.get(named));
                if outcome.group.is_none() || named.is_none_or(|group| *group != outcome.group.as_deref()) {
                    let what = format!(
                        "{} repeats {:?}, which is no earlier committed decision of its group",
                        at(outcome.source),
                        outcome.duplicate_of
                    );
                    mistakes.push(Mistake::new(MistakeKind::DuplicateOfNothing, what));
                }
            }
            if outcome.word == "unchanged" && !outcome.ticket_id.as_deref().is_some_and(|id| known.contains(id)) {
                let what = format!("{} is unchanged since nothing that was committed", at(outcome.source));
                mistakes.push(Mistake::new(MistakeKind::UnchangedOfNothing, what));
            }
            groups.entry(&outcome.id).or_insert(outcome.group.as_deref());
            known.extend(outcome.ticket_id.as_deref());
        }
    }

    fn decisions_behind(&self, mistakes: &mut Vec<Mistake>) {
        let words: HashMap<&str, &str> =
            self.outcomes.iter().map(|outcome| (outcome.id.as_str(), outcome.word.as_str())).collect();
        for outcome in self.outcomes.iter().filter(|outcome| outcome.word == "dead_letter") {
            if self.letters.get(&outcome.id) != Some(&true) {
                let what = format!("the outcome of {} has no letter that says why", at(outcome.source));
                mistakes.push(Mistake::new(MistakeKind::DeadLetter, what));
            }
        }
        for id in self.letters.keys().filter(|id| words.get(id.as_str()) != Some(&"dead_letter")) {
            let what = format!("a letter of {id}, which has no such outcome");
            mistakes.push(Mistake::new(MistakeKind::DeadLetter, what));
        }
        for (id, place) in self.named.iter().filter(|(id, _)| !words.contains_key(id.as_str())) {
            let what = format!("{place} names decision {id}, which is not committed");
            mistakes.push(Mistake::new(MistakeKind::WithoutDecision, what));
        }
    }

    /// Every committed record is there for `read_uncommitted` as well; what is there beyond that belongs to transactions
    /// of which nothing is committed; and a decision among it carries the id under which its record was decided at last:
    /// a replay is the same decision.
    fn uncommitted_view(&self, moment: Moment, mistakes: &mut Vec<Mistake>) {
        for (output, at) in self.committed.iter().filter(|place| !self.uncommitted.contains_key(place)) {
            let what = format!("{}[{}]@{} is there for read_committed alone", output.name(), at.0, at.1);
            mistakes.push(Mistake::new(MistakeKind::UncommittedView, what));
        }
        if moment == Moment::Running {
            // A transaction that is open just now looks like an aborted one.
            return;
        }
        let ids: HashMap<Position, &str> =
            self.outcomes.iter().map(|outcome| (outcome.source, outcome.id.as_str())).collect();
        let mut said: BTreeSet<&Transaction> = BTreeSet::new();
        for ((output, place), (transaction, decision)) in
            self.uncommitted.iter().filter(|(place, _)| !self.committed.contains(place))
        {
            let here = format!("{}[{}]@{}", output.name(), place.0, place.1);
            if self.transactions.contains_key(transaction) && said.insert(transaction) {
                let what = format!("{here} was aborted, other records of {transaction:?} are committed");
                mistakes.push(Mistake::new(MistakeKind::UncommittedView, what));
            }
            if let Some((source, id)) = decision
                && ids.get(source).is_some_and(|committed| *committed != id)
            {
                let what = format!("{here}: {} was aborted as decision {id} and committed as another", at(*source));
                mistakes.push(Mistake::new(MistakeKind::UncommittedView, what));
            }
        }
    }
}

fn at((partition, offset): Position) -> String {
    format!("{partition}@{offset}")
}

fn text(value: &Value, field: &str) -> Option<String> {
    Some(value.get(field)?.as_str()?.to_owned())
}

fn source_of(value: &Value) -> Option<Position> {
    let source = value.get("source")?;
    Some((i32::try_from(source.get("partition")?.as_i64()?).ok()?, source.get("offset")?.as_i64()?))
}

fn outcome_of(value: &Value, partition: i32, id: String) -> Option<Outcome> {
    Some(Outcome {
        partition,
        source: source_of(value)?,
        id,
        word: text(value, "outcome")?,
        group: text(value, "decision_group"),
        ticket_id: text(value, "ticket_id"),
        revision: value.get("revision").and_then(Value::as_u64),
        duplicate_of: text(value, "duplicate_of"),
    })
}

fn transaction_of(record: &Record) -> Option<(Transaction, u32)> {
    let headers: Vec<(String, Vec<u8>)> =
        record.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    let TransactionHeader { instance, start_ms, counter, count } = TransactionHeader::of_record(&headers)?;
    Some((((instance, start_ms), counter), count))
}
