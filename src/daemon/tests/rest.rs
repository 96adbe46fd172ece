//! A ticket system that writes every suggestion, review note and command back as a new revision comes to rest.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::domain::stage::Stage;
use crate::policy::decided::Outcome;
use crate::wire::intake::IntakeSettings;
use crate::wire::intake::settings::Preset;
use crate::wire::output::OutputTopic;

use super::bench::Bench;
use super::checker::{check, decisions};
use super::desk::{Desk, Dialect};

/// Rounds of writing back after which all must be quiet: a suggestion, the item about it, and one to be sure.
const ROUNDS_MAX: usize = 6;
const TICKETS: usize = 60;

/// What was said in a run that came to rest.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    suggestions: usize,
    items: usize,
    commands: usize,
}

#[track_caller]
fn come_to_rest(stage: Stage, dialect: Dialect) -> Said {
    let mut bench = Bench::new(3, stage, 7);
    let preset = match dialect {
        Dialect::Native => Preset::Native,
        Dialect::ServiceNow => Preset::ServiceNow,
    };
    bench.setup.intake = Arc::new(IntakeSettings {
        own_user: Some("noctriage".into()),
        machine_users: ["monitoring".to_owned(), "system".to_owned()].into(),
        time_zone: Some(jiff::tz::TimeZone::UTC),
        ..IntakeSettings::for_preset(preset)
    });
    let mut desk = Desk::new(dialect);
    for number in 0..TICKETS {
        // What the source says and what the model says agree, differ by one step, or are worlds apart.
        let reported = ["low", "low", "low", "medium", "high", "critical"][number % 6];
        let title = ["low light", "low light", "medium loss", "critical fire", "poison"][number % 5];
        desk.open(
            &mut bench.broker.borrow_mut(),
            &format!("INC{number:07}"),
            &format!("{title} at site {number}"),
            reported,
        );
    }
    let mut life = bench.start();
    let mut rounds = 0;
    let mut quiet_from = [0; 3];
    loop {
        bench.finish(&mut life);
        quiet_from = std::array::from_fn(|partition| {
            if rounds == 0 { decisions(&bench.broker.borrow(), partition).len() } else { quiet_from[partition] }
        });
        if desk.write_back(&mut bench.broker.borrow_mut()) == 0 {
            break;
        }
        rounds += 1;
        assert!(rounds <= ROUNDS_MAX, "{stage} {dialect:?}: still talking after {rounds} rounds");
    }
    // The last revisions of all tickets once more, as a source that repeats itself sends them: nothing is said.
    let broker = bench.broker.borrow();
    check(&broker);
    check_echoes(&bench, quiet_from);
    for topic in [OutputTopic::Suggestions, OutputTopic::Commands] {
        let tickets: Vec<String> = broker.read(topic).iter().map(|record| key(record.key.as_ref())).collect();
        let distinct: BTreeSet<&String> = tickets.iter().collect();
        assert_eq!(distinct.len(), tickets.len(), "{stage} {dialect:?}: {} twice for one ticket", topic.as_str());
    }
    let count = |topic| broker.read(topic).len();
    Said {
        suggestions: count(OutputTopic::Suggestions),
        items: count(OutputTopic::Review),
        commands: count(OutputTopic::Commands),
    }
}

fn key(bytes: Option<&Vec<u8>>) -> String {
    String::from_utf8(bytes.unwrap().clone()).unwrap()
}

/// What noctriage itself has written is `unchanged` or, once resolved, `terminal`.
#[track_caller]
fn check_echoes(bench: &Bench, from: [usize; 3]) {
    let broker = bench.broker.borrow();
    for (partition, from) in from.into_iter().enumerate() {
        for decision in &decisions(&broker, partition)[from..] {
            let is_quiet = matches!(decision.outcome.0, Outcome::Unchanged | Outcome::Terminal | Outcome::NotDrawn);
            assert!(is_quiet, "an echo was {}: {decision:?}", decision.outcome.0.as_str());
        }
    }
}

#[test]
fn written_back_suggestions_and_items_come_to_rest_in_suggest() {
    for dialect in [Dialect::Native, Dialect::ServiceNow] {
        let said = come_to_rest(Stage::Suggest, dialect);
        assert!(said.suggestions > 20 && said.items > 10, "resting is easy for who never speaks: {said:?}");
        assert_eq!(said.commands, 0);
    }
}

#[test]
fn written_back_severities_and_queues_come_to_rest_in_auto_triage() {
    for dialect in [Dialect::Native, Dialect::ServiceNow] {
        let said = come_to_rest(Stage::AutoTriage, dialect);
        assert!(said.commands > 5, "resting is easy for who never speaks: {said:?}");
    }
}

#[test]
fn resolved_tickets_come_to_rest_in_auto_resolve() {
    for dialect in [Dialect::Native, Dialect::ServiceNow] {
        let said = come_to_rest(Stage::AutoResolve, dialect);
        assert!(said.commands > 5, "resting is easy for who never speaks: {said:?}");
    }
}

#[test]
fn nothing_but_samples_is_said_in_shadow() {
    let said = come_to_rest(Stage::Shadow, Dialect::Native);
    assert_eq!((said.suggestions, said.commands), (0, 0));
    assert!(said.items > 10, "{said:?}");
}
