//! Each kind of mistake, put by hand into a run without mistakes, is found: a checker that cannot fail proves nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Ledger, Mistake, MistakeKind, Moment, Offsets, Output};
use crate::support::broker::Record;

/// A run of three tickets in one partition, of which the second comes twice, the third is no ticket, and the first asks
/// for review; in two transactions, after one that was aborted.
struct Run {
    inputs: Vec<Record>,
    outputs: Vec<(Output, Record)>,
    aborted: Vec<(Output, Record)>,
    /// What only `read_committed` shows.
    hidden: usize,
    offsets: Offsets,
}

fn record(offset: i64, value: &Value, transaction: &str) -> Record {
    let headers = BTreeMap::from([("transaction".to_owned(), transaction.as_bytes().to_vec())]);
    Record { partition: 0, offset, appended_ms: 0, key: None, value: Some(value.to_string().into_bytes()), headers }
}

fn decision(offset: i64, ticket: &str, outcome: &str) -> Value {
    json!({
        "decision_id": format!("d{offset}"), "decision_group": format!("g-{ticket}"), "ticket_id": ticket, "revision": 1,
        "source": {"partition": 0, "offset": offset}, "outcome": outcome
    })
}

impl Run {
    fn whole() -> Self {
        let input = |offset, text: &str| record(offset, &json!(text), "");
        let mut repeated = decision(2, "T2", "duplicate");
        repeated["duplicate_of"] = "d1".into();
        let no_ticket = json!({"decision_id": "d4", "source": {"partition": 0, "offset": 4}, "outcome": "dead_letter"});
        let letter = json!({"decision_id": "d4", "class": "not_json", "detail": "the value is no JSON"});
        let (first, second) = ("a;100;2;3", "a;100;3;3");
        Self {
            // Offset 3 is a control record of the desk's transaction.
            inputs: vec![input(0, "one"), input(1, "two"), input(2, "two"), input(4, "broken")],
            outputs: vec![
                (Output::Decisions, record(1, &decision(0, "T1", "decided"), first)),
                (Output::Decisions, record(2, &decision(1, "T2", "decided"), first)),
                (Output::Review, record(0, &json!({"decision_id": "d0"}), first)),
                (Output::Decisions, record(4, &repeated, second)),
                (Output::Decisions, record(5, &no_ticket, second)),
                (Output::DeadLetters, record(0, &letter, second)),
            ],
            aborted: vec![(Output::Decisions, record(0, &decision(0, "T1", "decided"), "a;100;1;3"))],
            hidden: 0,
            offsets: Offsets { before: BTreeMap::from([(0, 5)]), after: BTreeMap::from([(0, 5)]) },
        }
    }

    fn ledger(&self) -> Ledger {
        let mut ledger = Ledger::default();
        self.inputs.iter().for_each(|record| ledger.add_input(record));
        self.outputs.iter().for_each(|(output, record)| ledger.add_output(*output, record));
        let uncommitted = self.outputs.iter().skip(self.hidden).chain(&self.aborted);
        uncommitted.for_each(|(output, record)| ledger.add_uncommitted(*output, record));
        ledger
    }

    fn mistakes(&self, moment: Moment) -> Vec<Mistake> {
        self.ledger().mistakes(&self.offsets, moment)
    }

    fn change(&mut self, index: usize, change: impl FnOnce(&mut Value)) {
        let record = &mut self.outputs[index].1;
        let mut value = record.json();
        change(&mut value);
        record.value = Some(value.to_string().into_bytes());
    }
}

#[track_caller]
fn check_found(kind: MistakeKind, change: impl FnOnce(&mut Run)) {
    let mut run = Run::whole();
    change(&mut run);
    let mistakes = run.mistakes(Moment::Ended);
    assert!(mistakes.iter().any(|mistake| mistake.kind == kind), "{kind:?} is not among {mistakes:?}");
}

#[test]
fn a_run_without_mistakes_has_none() {
    let run = Run::whole();
    assert_eq!(run.mistakes(Moment::Ended), []);
    assert_eq!(run.mistakes(Moment::Running), []);
    let leftovers = run.ledger().leftovers();
    assert_eq!(leftovers.len(), 1);
    assert_eq!((leftovers[0].counter, leftovers[0].records, leftovers[0].is_last), (1, 1, false));
}

#[test]
fn a_lost_record_is_found() {
    check_found(MistakeKind::Lost, |run| drop(run.outputs.remove(1)));
}

#[test]
fn a_record_behind_the_last_decided_one_is_lost_at_the_end_and_not_before() {
    let mut run = Run::whole();
    run.inputs.push(record(5, &json!("three"), ""));
    assert_eq!(run.mistakes(Moment::Running), []);
    let mistakes = run.mistakes(Moment::Ended);
    assert_eq!(mistakes, [Mistake::new(MistakeKind::Lost, "0@5 has no outcome")]);
    run.offsets.before.insert(0, 6);
    assert!(run.mistakes(Moment::Running).iter().any(|mistake| mistake.kind == MistakeKind::Lost));
}

#[test]
fn a_record_with_two_outcomes_is_found() {
    check_found(MistakeKind::Doubled, |run| {
        let mut again = run.outputs[1].clone();
        again.1.offset = 6;
        run.outputs.push(again);
    });
}

#[test]
fn a_decision_id_of_two_records_is_found() {
    check_found(MistakeKind::Doubled, |run| run.change(1, |decision| decision["decision_id"] = "d0".into()));
}

#[test]
fn an_outcome_of_no_committed_record_is_found() {
    check_found(MistakeKind::OfNothing, |run| run.change(3, |decision| decision["source"]["offset"] = 3.into()));
}

#[test]
fn an_outcome_in_another_partition_is_found() {
    check_found(MistakeKind::Misplaced, |run| run.outputs[0].1.partition = 1);
}

#[test]
fn a_ticket_in_two_partitions_is_found() {
    check_found(MistakeKind::Misplaced, |run| {
        let mut input = run.inputs[0].clone();
        input.partition = 1;
        run.inputs.push(input);
        let mut value = decision(0, "T1", "unchanged");
        value["source"]["partition"] = 1.into();
        run.outputs.push((Output::Decisions, Record { partition: 1, ..record(0, &value, "a;100;4;1") }));
    });
}

#[test]
fn outcomes_out_of_order_are_found() {
    check_found(MistakeKind::OutOfOrder, |run| run.outputs.swap(0, 1));
}

#[test]
fn a_torn_transaction_is_found() {
    check_found(MistakeKind::Torn, |run| drop(run.outputs.remove(2)));
}

#[test]
fn a_review_item_of_a_leader_is_whole_with_the_map_and_the_transition_that_it_belongs_to() {
    let mut run = Run::whole();
    let header = "a/controller;100;1;3";
    run.outputs.push((Output::Review, record(9, &json!({"decision_id": "d0"}), header)));
    assert!(run.mistakes(Moment::Ended).iter().any(|mistake| mistake.kind == MistakeKind::Torn));
    let mut ledger = run.ledger();
    (0..2).for_each(|offset| ledger.add_leader_record(&record(offset, &json!({}), header)));
    assert_eq!(ledger.mistakes(&run.offsets, Moment::Ended), []);
}

#[test]
fn a_record_without_a_header_or_a_decision_is_found() {
    check_found(MistakeKind::Unreadable, |run| run.outputs[0].1.headers.clear());
    check_found(MistakeKind::Unreadable, |run| run.outputs[0].1.value = Some(b"no json".to_vec()));
    check_found(MistakeKind::Unreadable, |run| run.change(2, |review| *review = json!({})));
}

#[test]
fn a_committed_offset_that_is_not_the_last_decided_plus_one_is_found() {
    for wrong in [Some(4), Some(6), None] {
        check_found(MistakeKind::CommittedOffset, |run| {
            run.offsets.after.remove(&0);
            run.offsets.after.extend(wrong.map(|offset| (0, offset)));
        });
    }
    let mut run = Run::whole();
    run.offsets.after.insert(0, 7);
    assert_eq!(run.mistakes(Moment::Running), [], "others may have gone on since the outputs were read");
    run.offsets.after.insert(0, 4);
    assert_eq!(run.mistakes(Moment::Running)[0].kind, MistakeKind::CommittedOffset);
}

#[test]
fn one_content_in_two_groups_and_two_in_one_are_found() {
    check_found(MistakeKind::Group, |run| run.change(3, |decision| decision["decision_group"] = "other".into()));
    check_found(MistakeKind::Group, |run| run.inputs[2].value = Some(b"another content".to_vec()));
}

#[test]
fn a_duplicate_must_name_an_earlier_committed_decision_of_its_group() {
    for named in ["nobody", "d2", "d0", "d4"] {
        check_found(MistakeKind::DuplicateOfNothing, |run| {
            run.change(3, |decision| decision["duplicate_of"] = named.into());
        });
    }
    check_found(MistakeKind::DuplicateOfNothing, |run| {
        run.change(3, |decision| drop(decision.as_object_mut().unwrap().shift_remove("duplicate_of")));
    });
}

#[test]
fn unchanged_must_follow_an_outcome_of_its_ticket() {
    check_found(MistakeKind::UnchangedOfNothing, |run| {
        run.change(0, |decision| decision["outcome"] = "unchanged".into());
    });
}

#[test]
fn a_repetition_that_is_decided_again_is_found() {
    check_found(MistakeKind::DecidedTwice, |run| run.change(3, |decision| decision["outcome"] = "decided".into()));
}

#[test]
fn dead_letters_and_their_outcomes_belong_together() {
    check_found(MistakeKind::DeadLetter, |run| drop(run.outputs.remove(5)));
    check_found(MistakeKind::DeadLetter, |run| run.change(5, |letter| letter["decision_id"] = "d1".into()));
    check_found(MistakeKind::DeadLetter, |run| run.change(5, |letter| letter["detail"] = "".into()));
}

#[test]
fn a_review_item_of_a_decision_that_is_not_committed_is_found() {
    check_found(MistakeKind::WithoutDecision, |run| run.change(2, |review| review["decision_id"] = "d7".into()));
}

#[test]
fn the_uncommitted_view_holds_all_that_is_committed_and_nothing_of_a_committed_transaction_beyond() {
    check_found(MistakeKind::UncommittedView, |run| run.hidden = 1);
    check_found(MistakeKind::UncommittedView, |run| {
        run.aborted.push((Output::Review, record(9, &json!({"decision_id": "d0"}), "a;100;2;3")));
    });
    check_found(MistakeKind::UncommittedView, |run| {
        let mut other = decision(0, "T1", "decided");
        other["decision_id"] = "d9".into();
        run.aborted.push((Output::Decisions, record(9, &other, "a;100;1;3")));
    });
}
