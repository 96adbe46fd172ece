//! Looks at what a broker holds after a run, as a reader of the topics would, and says everything that is wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::ticket::TicketId;
use crate::policy::decided::{ActionKind, Outcome};
use crate::policy::identity;
use crate::wire::decision::DecisionRecord;
use crate::wire::output::{OutputRecord, OutputTopic};
use crate::wire::transaction::TransactionHeader;

use super::TOPIC;
use super::broker::Broker;

/// Panics with everything that is wrong.
#[track_caller]
pub(super) fn check(broker: &Broker) {
    let wrong = findings(broker);
    assert!(wrong.is_empty(), "{} findings:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

/// Everything that is wrong; empty when all holds.
pub(super) fn findings(broker: &Broker) -> Vec<String> {
    let mut wrong = Vec::new();
    for partition in 0..broker.inputs.len() {
        check_partition(broker, partition, &mut wrong);
    }
    check_transactions(broker, &mut wrong);
    check_effects(broker, &mut wrong);
    wrong
}

pub(super) fn decision(record: &OutputRecord) -> DecisionRecord {
    DecisionRecord::from_json(&record.payload).unwrap()
}

/// Every decision of a partition, in order.
pub(super) fn decisions(broker: &Broker, partition: usize) -> Vec<DecisionRecord> {
    broker.decided(partition).map(decision).collect()
}

/// Exactly one outcome per input record, in the order of the input, with its own id; the committed position follows the
/// last; and what an outcome refers to was there before it.
fn check_partition(broker: &Broker, partition: usize, wrong: &mut Vec<String>) {
    let input = &broker.inputs[partition];
    let decided = decisions(broker, partition);
    let offsets: Vec<i64> = decided.iter().map(|decision| decision.source.offset).collect();
    for offset in input.records.keys() {
        let outcomes = offsets.iter().filter(|decided| *decided == offset).count();
        if outcomes != 1 {
            wrong.push(format!("{partition}@{offset}: {outcomes} outcomes"));
        }
    }
    if let Some([first, second]) = offsets.array_windows().find(|[first, second]| first >= second) {
        wrong.push(format!("{partition}: {first} is decided before {second}"));
    }
    let after_the_last = offsets.last().map_or(0, |last| last + 1);
    if broker.committed(partition as i32) != after_the_last {
        let committed = broker.committed(partition as i32);
        wrong.push(format!("{partition}: committed {committed}, next after the last decision {after_the_last}"));
    }
    let mut seen: HashMap<String, Vec<&DecisionRecord>> = HashMap::new();
    for decision in &decided {
        let at = format!("{partition}@{}", decision.source.offset);
        match input.records.get(&decision.source.offset) {
            None => wrong.push(format!("{at}: decided, but there is no such record")),
            Some(record) => {
                let content = identity::content_digest(record.value.as_deref());
                let id = identity::decision_id(TOPIC, partition as i32, decision.source.offset, content);
                if decision.decision_id.0 != id {
                    wrong.push(format!("{at}: the decision has the id of another record"));
                }
            }
        }
        let Some(ticket_id) = decision.ticket_id.clone() else { continue };
        let before = seen.entry(ticket_id).or_default();
        let is_grounded = match decision.outcome.0 {
            Outcome::Duplicate => {
                before.iter().any(|earlier| Some(&earlier.decision_id) == decision.duplicate_of.as_ref())
            }
            Outcome::Unchanged => before.iter().any(|earlier| earlier.basis.is_some()),
            Outcome::Decided | Outcome::NotDrawn | Outcome::Terminal | Outcome::DeadLetter => true,
        };
        if !is_grounded {
            wrong.push(format!("{at}: {} of nothing that was committed before", decision.outcome.0.as_str()));
        }
        before.push(decision);
    }
}

/// All records of a transaction are there, or none; nothing stands without its decision.
fn check_transactions(broker: &Broker, wrong: &mut Vec<String>) {
    let mut transactions: BTreeMap<String, (TransactionHeader, Vec<&OutputRecord>)> = BTreeMap::new();
    for record in OutputTopic::ALL.into_iter().flat_map(|topic| broker.read(topic)) {
        let Some(header) = TransactionHeader::of_record(&record.headers) else {
            wrong.push(format!("a record of {} without a transaction", record.topic.as_str()));
            continue;
        };
        transactions.entry(header.to_string()).or_insert_with(|| (header, Vec::new())).1.push(record);
    }
    for (name, (header, records)) in transactions {
        if records.len() != header.count as usize {
            wrong.push(format!("transaction {name} announces {} records, {} are there", header.count, records.len()));
        }
        let (decided, others): (Vec<_>, Vec<_>) =
            records.into_iter().partition(|record| record.topic == OutputTopic::Decisions);
        let ids: BTreeSet<String> = decided.into_iter().map(id_of).collect();
        for other in others {
            if !ids.contains(&id_of(other)) {
                wrong.push(format!("transaction {name}: a record of {} without its decision", other.topic.as_str()));
            }
        }
    }
}

fn id_of(record: &OutputRecord) -> String {
    let value: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
    value["decision_id"].as_str().unwrap_or_default().to_owned()
}

/// At most one automatic action for one input of a ticket; every effect stands in its topic once; a
/// ticket that a person has had is never acted on.
fn check_effects(broker: &Broker, wrong: &mut Vec<String>) {
    let mut actions: BTreeMap<String, usize> = BTreeMap::new();
    let mut expected: BTreeMap<OutputTopic, usize> = BTreeMap::new();
    for partition in 0..broker.inputs.len() {
        let mut had_by_people: BTreeSet<TicketId> = BTreeSet::new();
        for decision in decisions(broker, partition) {
            let remembered = decision.remembered().unwrap();
            let mut expect = |topic, there: bool| *expected.entry(topic).or_default() += usize::from(there);
            expect(OutputTopic::Suggestions, remembered.suggested);
            expect(OutputTopic::Commands, matches!(remembered.action, ActionKind::Auto(_)));
            expect(OutputTopic::Review, remembered.review.is_some());
            expect(OutputTopic::DeadLetters, remembered.outcome == Outcome::DeadLetter);
            let Some(ticket_id) = remembered.ticket_id else { continue };
            if matches!(remembered.action, ActionKind::Auto(_)) {
                *actions.entry(format!("{ticket_id} {:?}", remembered.input_digest)).or_default() += 1;
            }
            if matches!(remembered.action, ActionKind::Auto(_)) && had_by_people.contains(&ticket_id) {
                wrong.push(format!("{ticket_id}: acted on after a person had it"));
            }
            if remembered.handed_to_person {
                had_by_people.insert(ticket_id);
            }
        }
    }
    for (input, times) in actions {
        if times > 1 {
            wrong.push(format!("{input}: acted on {times} times"));
        }
    }
    for (topic, expected) in expected {
        let there = broker.read(topic).len();
        if there != expected {
            wrong.push(format!("{}: {there} records, the decisions say {expected}", topic.as_str()));
        }
    }
}

/// What must be equal when the same input is decided again: everything but the volatile part.
pub(super) fn equal_part(record: &OutputRecord) -> serde_json::Value {
    let mut value: serde_json::Value = serde_json::from_slice(&record.payload).unwrap();
    if let Some(fields) = value.as_object_mut() {
        // `not_after` is operating time: it says how long a command may wait from now.
        for volatile in ["volatile", "not_after"] {
            fields.remove(volatile);
        }
    }
    value
}
