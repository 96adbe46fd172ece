//! What is written for a decided record: read here as a consumer of the topics reads it.

use std::sync::Arc;

use super::*;
use crate::domain::digest::Digest;
use crate::domain::prediction::{CauseProbability, ModelIdentity, Purpose, TicketFault};
use crate::domain::probability::{Probability, SeverityDistribution};
use crate::domain::severity::{SetBy, Severity, SourceSeverity};
use crate::domain::stage::{AutoAction, Share, Stage};
use crate::domain::ticket::Kind;
use crate::domain::time::UtcMillis;
use crate::policy::decide;
use crate::policy::decided::ReviewState;
use crate::policy::ruling::{DrawKey, Lease, Policy, StageMap};
use crate::policy::view::{History, ParentState, TicketMemory, ViewFacts, WindowState};
use crate::wire::decision::DecisionUnreadable;
use crate::wire::intake::DeadLetterClass;
use crate::wire::output::stamp_transaction;
use crate::wire::transaction::TransactionHeader;

const NOW: UtcMillis = UtcMillis(1_764_000_000_000);

struct Desk {
    ruling: Ruling,
    moment: Moment,
    view: ViewFacts,
    answers: Vec<Answer>,
}

impl Desk {
    fn at(stage: Stage) -> Self {
        let model = Arc::new(ModelIdentity {
            name: "demo".to_owned(),
            version: "1".to_owned(),
            digest: Digest::of(b"model"),
            calibration_digest: Digest::of(b"calibration"),
            purpose: Purpose::Production,
        });
        let policy = Arc::new(Policy::default_for_tests());
        let share = Share::try_new(Share::MAX).unwrap();
        let stage_map = Arc::new(StageMap::fixed(&policy.slices, stage, [share, Share::ZERO]));
        let answers = [ModelRole::Acting, ModelRole::Baseline]
            .map(|role| Answer { role, model: Arc::clone(&model), result: Ok(prediction()), latency_ms: 1.25 })
            .to_vec();
        Self {
            ruling: Ruling {
                policy,
                stage_map,
                acting: model,
                is_demo: false,
                config_digest: Digest::of(b"config"),
                draw_key: DrawKey([7; 16]),
            },
            moment: Moment { operating: NOW, desk: NOW, lease: Lease::Fixed, lease_ms_needed: 0, halted: false },
            view: ViewFacts {
                history: History::Unknown,
                parent: ParentState::NoParent,
                similar_recent: 0,
                actions_last_hour: [0, 0],
                arrivals_last_hour: 1000,
                window: WindowState::Whole,
            },
            answers,
        }
    }

    fn write(&self, ticket: &Ticket) -> Written {
        let event = Event::Ticket(ticket);
        let facts = facts(event, TicketDigests::of(ticket));
        self.write_event(&facts, None)
    }

    fn write_event(&self, facts: &RecordFacts<'_>, dead_letter: Option<&DeadLetterReason>) -> Written {
        let raw = RawRecord {
            key: Some(b"key".to_vec()),
            value: Some(b"{\"secret\":\"text\"}".to_vec()),
            ..RawRecord::default()
        };
        let position = SourcePosition { topic: "tickets".to_owned(), partition: 3, offset: 123_456 };
        let decided = decide(&self.ruling, &self.moment, &self.view, facts, &self.answers);
        let latency = Latency { wait_ms: 20.0, engine_ms: 3.5, model_ms: vec![1.25, 0.1], decide_ms: 0.01 };
        let outputs = output_records(&DecidedRecord {
            position: &position,
            raw: &raw,
            dead_letter,
            facts,
            answers: &self.answers,
            decided: &decided,
            ruling: &self.ruling,
            moment: &self.moment,
            latency: Some(&latency),
        });
        Written(outputs.unwrap().records)
    }

    /// The first of many tickets for which something holds: draws and cohorts are hashes of the id.
    fn write_first(&self, wanted: impl Fn(&Written) -> bool) -> Written {
        (0..500).map(|number| self.write(&ticket(&format!("INC{number}")))).find(wanted).unwrap()
    }
}

fn facts(event: Event<'_>, digests: TicketDigests) -> RecordFacts<'_> {
    RecordFacts { event, appended_at: NOW, content_digest: Digest::of(b"content"), digests }
}

fn prediction() -> Prediction {
    Prediction {
        severity: SeverityDistribution::try_new([0.001, 0.004, 0.010_000_4, 0.984_999_6]).unwrap(),
        logits: [0.0, 1.0, 2.0, 6.0],
        causes: vec![CauseProbability { cause: "flap".into(), probability: Probability::try_new(0.9).unwrap() }],
        truncated: false,
        tokens: 40,
    }
}

fn ticket(id: &str) -> Ticket {
    let mut ticket = Ticket::minimal(TicketId::try_new(id).unwrap(), "Access point restarted", NOW);
    ticket.kind = Some(Kind::Incident);
    ticket.category = Some("wireless".to_owned());
    ticket.device.name = Some("ap-b-12".to_owned());
    ticket.severity_reported =
        SourceSeverity::Known { value: Severity::Low, native: "P4".to_owned(), set_by: SetBy::System };
    ticket
}

/// Everything that was written for one record.
struct Written(Vec<OutputRecord>);

impl Written {
    fn topics(&self) -> Vec<OutputTopic> {
        self.0.iter().map(|output| output.topic).collect()
    }

    fn payload(&self, topic: OutputTopic) -> &[u8] {
        &self.0.iter().find(|output| output.topic == topic).unwrap().payload
    }

    fn of<T: serde::de::DeserializeOwned>(&self, topic: OutputTopic) -> T {
        serde_json::from_slice(self.payload(topic)).unwrap()
    }

    fn decision(&self) -> DecisionRecord {
        DecisionRecord::from_json(self.payload(OutputTopic::Decisions)).unwrap()
    }
}

fn is_drawn(written: &Written) -> bool {
    written.decision().basis.is_some_and(|basis| basis.draws.evidence.drawn)
}

#[test]
fn a_decision_is_read_back_as_it_was_written_and_goes_to_the_partition_of_its_input() {
    let desk = Desk::at(Stage::Suggest);
    let written = desk.write(&ticket("INC1"));
    let decision = written.decision();
    assert_eq!(serde_json::to_vec(&decision).unwrap(), written.payload(OutputTopic::Decisions));
    assert_eq!((written.0[0].partition, written.0[0].key.as_deref()), (Some(3), Some(b"INC1".as_slice())));
    assert_eq!(decision.acting_answer().unwrap().prediction.as_ref().unwrap().distribution.medium, 0.01);
}

#[test]
fn no_record_holds_ticket_text_or_names() {
    for stage in Stage::ALL {
        let written = Desk::at(stage).write_first(|_| true);
        for output in &written.0 {
            let text = String::from_utf8(output.payload.clone()).unwrap();
            for secret in ["Access point", "restarted", "ap-b-12", "P4", "secret"] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[test]
fn a_blind_ticket_is_shown_to_people_without_a_word_of_any_model() {
    let written = Desk::at(Stage::AutoTriage).write_first(is_drawn);
    assert_eq!(written.topics(), [OutputTopic::Decisions, OutputTopic::Review]);
    let review: ReviewRecord = written.of(OutputTopic::Review);
    assert_eq!((review.reason.0, review.state.0, review.priority), (ReviewReason::Sample, ReviewState::Open, 3));
    assert_eq!((review.prediction, review.related), (None, None));
    assert!(written.decision().acting_answer().unwrap().prediction.is_some(), "the evidence itself is kept");
}

#[test]
fn a_suggestion_names_its_decision_and_its_key() {
    let written = Desk::at(Stage::Suggest).write_first(|written| !is_drawn(written));
    let suggestion: SuggestionRecord = written.of(OutputTopic::Suggestions);
    let decision = written.decision();
    assert!(decision.suggested);
    assert_eq!(suggestion.decision_id, decision.decision_id);
    assert_eq!(Some(suggestion.idempotency_key), decision.idempotency_key);
    assert_eq!((suggestion.severity.0, suggestion.confidence), (Severity::Low, 0.985));
}

#[test]
fn a_command_names_what_permits_it() {
    let written = Desk::at(Stage::AutoTriage).write_first(|written| written.topics().contains(&OutputTopic::Commands));
    let command: CommandRecord = written.of(OutputTopic::Commands);
    let decision = written.decision();
    assert_eq!((command.action.0, command.severity.0), (AutoAction::Triage, Severity::Low));
    assert_eq!((command.slice.as_str(), command.queue.as_deref()), ("rest", Some("wlan")));
    assert_eq!(decision.action, Some(Word(ActionKind::Auto(AutoAction::Triage))));
    assert_eq!(Some(command.idempotency_key), decision.idempotency_key);
    assert!(command.not_after.0 > NOW);
}

#[test]
fn an_unchanged_ticket_and_a_duplicate_stay_small() {
    let mut desk = Desk::at(Stage::Suggest);
    let ticket = ticket("INC0010023");
    let memory = |exact_match| TicketMemory {
        last_revision: Some(3),
        last_input_digest: Some(identity::input_digest(&ticket)),
        exact_match,
        ..TicketMemory::default()
    };
    desk.view.history = History::Known(memory(None));
    let written = desk.write(&ticket);
    assert_eq!((written.decision().outcome.0, written.topics()), (Outcome::Unchanged, vec![OutputTopic::Decisions]));
    assert!(written.payload(OutputTopic::Decisions).len() <= 420, "{}", written.payload(OutputTopic::Decisions).len());

    desk.view.history = History::Known(memory(Some(Digest::of(b"before"))));
    assert_eq!(desk.write(&ticket).decision().duplicate_of, Some(HexDigest(Digest::of(b"before"))));
}

#[test]
fn a_full_decision_with_two_models_stays_below_three_kilobytes() {
    let written = Desk::at(Stage::AutoTriage).write(&ticket("INC0010023"));
    assert!(written.payload(OutputTopic::Decisions).len() < 3 * 1024);
}

#[test]
fn a_replay_differs_in_the_volatile_part_alone() {
    let mut desk = Desk::at(Stage::AutoTriage);
    let first = desk.write(&ticket("INC1")).decision();
    desk.moment.operating = NOW.plus_ms(40_000);
    desk.moment.desk = NOW.plus_ms(41_000);
    let mut again = desk.write(&ticket("INC1")).decision();
    assert_ne!(again.volatile, first.volatile);
    again.volatile = first.volatile.clone();
    assert_eq!(again, first);
}

#[test]
fn a_missing_answer_is_named_by_its_fault() {
    let mut desk = Desk::at(Stage::Suggest);
    desk.answers[0].result = Err(TicketFault::Failed("never shown".to_owned()));
    let written = desk.write_first(|written| !is_drawn(written));
    let answer = written.decision().acting_answer().unwrap().clone();
    assert_eq!((answer.prediction, answer.missing.as_deref()), (None, Some("failed")));
}

#[test]
fn a_record_that_is_no_ticket_is_kept_with_its_reason() {
    let reason = DeadLetterReason::new(DeadLetterClass::NotJson, "line 1, column 2");
    let written =
        Desk::at(Stage::Shadow).write_event(&facts(Event::NotATicket, TicketDigests::default()), Some(&reason));
    assert_eq!(written.topics(), [OutputTopic::Decisions, OutputTopic::DeadLetters]);
    assert_eq!(written.decision().outcome.0, Outcome::DeadLetter);
    let letter: DeadLetterRecord = written.of(OutputTopic::DeadLetters);
    assert_eq!(letter.decision_id, written.decision().decision_id);
    assert_eq!(letter.raw.unwrap().bytes().unwrap(), b"{\"secret\":\"text\"}");
    assert_eq!((letter.class.0, letter.origin.offset, letter.raw_truncated), (reason.class, 123_456, false));
    assert_eq!(written.0[1].key.as_deref(), Some(b"key".as_slice()));
}

#[test]
fn a_header_whose_name_alone_was_cut_counts_as_cut() {
    let position = SourcePosition { topic: "tickets".to_owned(), partition: 0, offset: 1 };
    let reason = DeadLetterReason::new(DeadLetterClass::NotJson, "x");
    let is_cut = |name_bytes: usize| {
        let raw = RawRecord { headers: vec![("n".repeat(name_bytes), Vec::new())], ..RawRecord::default() };
        DeadLetterRecord::new(position.clone(), &raw, &reason, HexDigest(Digest::default())).raw_truncated
    };
    assert_eq!([512, 513].map(is_cut), [false, true]);
}

#[test]
fn a_dead_letter_is_bounded_whatever_the_record_holds() {
    let raw = RawRecord {
        key: Some(vec![0xff; 100_000]),
        value: Some(vec![0; 10 * 1024 * 1024]),
        headers: (0..100).map(|number| (format!("{number}").repeat(1000), vec![0xff; 10_000])).collect(),
        timestamp: Some(UtcMillis(i64::MIN)),
    };
    let position = SourcePosition { topic: "tickets".to_owned(), partition: 0, offset: 1 };
    let reason = DeadLetterReason::new(DeadLetterClass::TooLarge, "x".repeat(10_000));
    let letter = DeadLetterRecord::new(position, &raw, &reason, HexDigest(Digest::default()));
    assert!(letter.raw_truncated);
    assert_eq!(letter.raw_bytes, 10 * 1024 * 1024);
    assert!(serde_json::to_vec(&letter).unwrap().len() < 512 * 1024);
}

#[test]
fn every_record_of_a_transaction_says_how_many_there_are() {
    let mut outputs = Desk::at(Stage::Suggest).write_first(|written| !is_drawn(written)).0;
    stamp_transaction(&mut outputs, "noc-1", 1_764_000_000_000, 9);
    for output in &outputs {
        let header = TransactionHeader::of_record(&output.headers).unwrap();
        assert_eq!((header.instance.as_str(), header.counter, header.count as usize), ("noc-1", 9, outputs.len()));
    }
}

#[test]
fn a_reader_ignores_fields_it_does_not_know_and_refuses_another_schema() {
    let written = Desk::at(Stage::Suggest).write(&ticket("INC1"));
    let mut value: serde_json::Value = serde_json::from_slice(written.payload(OutputTopic::Decisions)).unwrap();
    value["added_later"] = serde_json::json!({ "x": 1 });
    value["basis"]["facts"]["added_later"] = serde_json::json!(7);
    value["rules"] = serde_json::json!(["a_rule_of_tomorrow"]);
    let read = DecisionRecord::from_json(value.to_string().as_bytes()).unwrap();
    assert_eq!(read.rules, ["a_rule_of_tomorrow"]);
    value["schema"] = serde_json::json!("noctriage.decision/v2");
    let refused = DecisionRecord::from_json(value.to_string().as_bytes());
    assert!(matches!(refused, Err(DecisionUnreadable::UnknownSchema(schema)) if schema == "noctriage.decision/v2"));
    assert!(matches!(DecisionRecord::from_json(b"{}"), Err(DecisionUnreadable::Json(_))));
}

proptest::proptest! {
    #[test]
    fn reading_what_was_written_gives_the_same_decision(
        stage in proptest::sample::select(Stage::ALL.to_vec()),
        number in 0..10_000_u32,
        revision in proptest::option::of(0..u64::MAX),
        weights in proptest::array::uniform4(0.001..1.0_f64),
        category in proptest::option::of("\\PC{1,20}"),
        label in "\\PC{0,20}",
        created in -1_000_000_000_000..4_000_000_000_000_i64,
        flags in proptest::array::uniform4(proptest::bool::ANY),
        reopen_count in proptest::option::of(0..9_u32),
    ) {
        let mut desk = Desk::at(stage);
        let sum: f64 = weights.iter().sum();
        let distribution = SeverityDistribution::try_new(weights.map(|weight| weight / sum)).unwrap();
        desk.answers[0].result = Ok(Prediction { severity: distribution, ..prediction() });
        desk.moment.desk = UtcMillis(created);
        let mut ticket = ticket(&format!("INC{number}"));
        ticket.revision = revision;
        ticket.category = category;
        ticket.labels = [("team".to_owned(), label)].into();
        ticket.created_at = UtcMillis(created);
        ticket.reopen_count = reopen_count;
        [ticket.human_touched, ticket.written_by_noctriage, ticket.revision_is_native, ticket.incompleteness.body_cut] =
            flags;
        let written = desk.write(&ticket);
        let decision = written.decision();
        proptest::prop_assert_eq!(serde_json::to_vec(&decision).unwrap(), written.payload(OutputTopic::Decisions));
        proptest::prop_assert_eq!(DecisionRecord::from_json(&serde_json::to_vec(&decision).unwrap()).unwrap(), decision);
    }
}

#[test]
fn a_candidate_is_recorded_with_what_it_would_have_been_allowed_on_a_drawn_ticket_alone() {
    let eligible = |rate: f64| {
        let mut desk = Desk::at(Stage::Suggest);
        let mut policy = Policy::default_for_tests();
        policy.draw_rates.evidence_later = crate::policy::ruling::EvidenceRate::Fixed(rate);
        desk.ruling.policy = Arc::new(policy);
        let candidate = ModelIdentity { version: "2".to_owned(), ..(*desk.ruling.acting).clone() };
        let answer = Answer { role: ModelRole::Candidate, model: Arc::new(candidate), ..desk.answers[0].clone() };
        desk.answers.push(answer);
        let mut ticket = Ticket::minimal(TicketId::try_new("INC1").unwrap(), "AP-3 flapped once", NOW);
        ticket.kind = Some(Kind::Incident);
        let decision = desk.write(&ticket).decision();
        let answers = decision.basis.unwrap().answers;
        assert!(
            answers
                .iter()
                .filter(|answer| answer.role.0 != ModelRole::Candidate)
                .all(|answer| answer.eligible.is_none())
        );
        answers[2].eligible.clone()
    };
    assert!(eligible(1.0).is_some_and(|reach| !reach.auto_triage.is_empty() && reach.auto_resolve.is_empty()));
    assert_eq!(eligible(0.0), None, "it counts for nothing, so nothing is written");
}
