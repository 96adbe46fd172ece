//! The checker: reads everything that was written and says what is lost, doubled or torn.

use std::collections::{BTreeMap, BTreeSet};

use noctriage::wire::transaction::TransactionHeader;

use super::broker::{Broker, Record};

/// Everything that a run has written, committed, and all the mistakes in it.
pub(crate) struct Checked {
    pub(crate) tickets: Vec<Record>,
    pub(crate) decisions: Vec<Record>,
    pub(crate) dead_letters: Vec<Record>,
    pub(crate) mistakes: Vec<String>,
}

impl Checked {
    #[track_caller]
    pub(crate) fn assert_clean(&self) {
        let shown: Vec<&String> = self.mistakes.iter().take(20).collect();
        assert!(self.mistakes.is_empty(), "{} mistakes: {shown:#?}", self.mistakes.len());
    }

    pub(crate) fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut outcomes = BTreeMap::new();
        for decision in &self.decisions {
            *outcomes.entry(decision.json()["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        outcomes
    }
}

/// Reads all topics of a run and checks: exactly one committed outcome per input record, in the partition and the order
/// of the input; committed offset = last decided + 1; every output of a transaction there or none; a dead letter for
/// every outcome that says so, with a reason; a duplicate names a committed decision.
pub(crate) fn check(broker: &Broker, group: &str) -> Checked {
    let tickets = broker.read("tickets", "read_committed");
    let decisions = broker.read("decisions", "read_committed");
    let dead_letters = broker.read("dead_letters", "read_committed");
    let others = ["suggestions", "commands", "review"].map(|name| broker.read(name, "read_committed"));
    let mut mistakes = Vec::new();
    one_outcome_each(&tickets, &decisions, &mut mistakes);
    in_order(&decisions, &mut mistakes);
    let partitions =
        i32::try_from(tickets.iter().map(|ticket| ticket.partition).collect::<BTreeSet<_>>().len()).unwrap();
    committed_offsets(broker, group, partitions, &decisions, &mut mistakes);
    whole_transactions(decisions.iter().chain(&dead_letters).chain(others.iter().flatten()), &mut mistakes);
    explained_letters(&decisions, &dead_letters, &mut mistakes);
    named_duplicates(&decisions, &mut mistakes);
    Checked { tickets, decisions, dead_letters, mistakes }
}

fn source_of(decision: &Record) -> (i32, i64) {
    let json = decision.json();
    let partition = json["source"]["partition"].as_i64().unwrap();
    (i32::try_from(partition).unwrap(), json["source"]["offset"].as_i64().unwrap())
}

fn one_outcome_each(tickets: &[Record], decisions: &[Record], mistakes: &mut Vec<String>) {
    let mut outcomes: BTreeMap<(i32, i64), usize> = BTreeMap::new();
    for decision in decisions {
        let source = source_of(decision);
        if source.0 != decision.partition {
            mistakes.push(format!("the outcome of {source:?} lies in partition {}", decision.partition));
        }
        *outcomes.entry(source).or_default() += 1;
    }
    for ticket in tickets {
        match outcomes.remove(&(ticket.partition, ticket.offset)) {
            Some(1) => {}
            Some(count) => mistakes.push(format!("{}@{} has {count} outcomes", ticket.partition, ticket.offset)),
            None => mistakes.push(format!("{}@{} has no outcome: lost", ticket.partition, ticket.offset)),
        }
    }
    mistakes.extend(outcomes.keys().map(|source| format!("an outcome of {source:?}, which is no record")));
}

fn in_order(decisions: &[Record], mistakes: &mut Vec<String>) {
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for decision in decisions {
        let (partition, offset) = source_of(decision);
        if last.insert(partition, offset).is_some_and(|before| before >= offset) {
            mistakes.push(format!("{partition}@{offset} was decided after a later record"));
        }
    }
}

fn committed_offsets(broker: &Broker, group: &str, partitions: i32, decisions: &[Record], mistakes: &mut Vec<String>) {
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for decision in decisions {
        let (partition, offset) = source_of(decision);
        let greatest = last.entry(partition).or_insert(offset);
        *greatest = (*greatest).max(offset);
    }
    let committed = broker.committed(group, "tickets", partitions);
    for (partition, last) in last {
        if committed.get(&partition) != Some(&(last + 1)) {
            let committed = committed.get(&partition);
            mistakes.push(format!("partition {partition}: committed {committed:?}, last decided {last}"));
        }
    }
}

fn whole_transactions<'a>(records: impl Iterator<Item = &'a Record>, mistakes: &mut Vec<String>) {
    let mut found: BTreeMap<String, (u32, u32)> = BTreeMap::new();
    for record in records {
        let headers: Vec<(String, Vec<u8>)> = record.headers.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
        let Some(header) = TransactionHeader::of_record(&headers) else {
            mistakes.push(format!("{}@{} carries no transaction header", record.partition, record.offset));
            continue;
        };
        let entry = found.entry(format!("{}/{}/{}", header.instance, header.start_ms, header.counter)).or_default();
        entry.0 += 1;
        entry.1 = header.count;
    }
    for (transaction, (records, announced)) in found {
        if records != announced {
            mistakes.push(format!("transaction {transaction} is torn: {records} of {announced} records"));
        }
    }
}

fn explained_letters(decisions: &[Record], letters: &[Record], mistakes: &mut Vec<String>) {
    let mut letters: BTreeMap<String, serde_json::Value> = letters
        .iter()
        .map(|letter| (letter.json()["decision_id"].as_str().unwrap().to_owned(), letter.json()))
        .collect();
    for decision in decisions.iter().map(Record::json).filter(|decision| decision["outcome"] == "dead_letter") {
        match letters.remove(decision["decision_id"].as_str().unwrap()) {
            Some(letter)
                if !letter["class"].as_str().unwrap().is_empty() && letter["detail"].as_str().unwrap().len() > 10 => {}
            Some(letter) => mistakes.push(format!("a dead letter without a reason: {letter}")),
            None => mistakes.push(format!("outcome dead_letter without a letter: {decision}")),
        }
    }
    mistakes.extend(letters.keys().map(|id| format!("a dead letter of {id}, which was decided otherwise")));
}

fn named_duplicates(decisions: &[Record], mistakes: &mut Vec<String>) {
    let json: Vec<serde_json::Value> = decisions.iter().map(Record::json).collect();
    let ids: BTreeSet<&str> = json.iter().map(|decision| decision["decision_id"].as_str().unwrap()).collect();
    if ids.len() != json.len() {
        mistakes.push(format!("{} decisions, {} decision ids", json.len(), ids.len()));
    }
    for decision in json.iter().filter(|decision| decision["outcome"] == "duplicate") {
        if !decision["duplicate_of"].as_str().is_some_and(|named| ids.contains(named)) {
            mistakes.push(format!("a duplicate of nothing: {decision}"));
        }
    }
}
