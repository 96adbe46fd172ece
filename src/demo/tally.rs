//! What the demo has seen, counted. Pure: outcomes in, numbers out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::comparison::{Compared, Comparison};
use super::desk::hostile::Expected;
use super::feed::About;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::policy::decided::{ActionKind, Outcome, Rule};
use crate::wire::dead_letter::DeadLetterRecord;
use crate::wire::decision::{Basis, DecisionRecord};

/// Latencies that are kept: the last ten thousand, so that a long demo shows how it goes now.
const LATENCIES_MAX: usize = 10_000;
/// Outcomes that are shown one by one.
const LATEST_MAX: usize = 3;
/// Bad lines of the user's file that are named one by one.
const NAMED_MAX: usize = 100;

/// Everything counted.
#[derive(Clone, Debug)]
pub struct Tally {
    model_role: ModelRole,
    outcomes: [u64; Outcome::ALL.len()],
    severities: [u64; 4],
    dead_letters: BTreeMap<&'static str, u64>,
    latency_ms: Latencies,
    engine_ms: Latencies,
    /// The three answers beside the verdicts.
    pub comparison: Comparison,
    /// Drawn tickets for which one of the models had no answer.
    pub unanswered: u64,
    /// Hostile texts.
    pub hostile: Hostile,
    /// Broken records that became something else than they must.
    pub unexpected: u64,
    /// Outcomes of a record that had one already, or was never sent.
    pub surplus: u64,
    /// Records on the topic of suggestions.
    pub suggestions: u64,
    /// Records on the topic of commands.
    pub commands: u64,
    named: BTreeMap<(i32, i64), Named>,
    latest: VecDeque<Latest>,
    desk_time: Option<UtcMillis>,
}

/// Texts addressed to a machine. Those that are not drawn in shadow are read by nobody, guards included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hostile {
    /// Came in.
    pub seen: u64,
    /// Were drawn and so decided.
    pub drawn: u64,
    /// Were drawn, and the guard fired.
    pub guarded: u64,
}

/// A bad line of the user's file: both halves come from different topics, in any order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Named {
    line: Option<u64>,
    reason: Option<String>,
}

/// One full decision, for the eye.
#[derive(Clone, Debug, PartialEq)]
pub struct Latest {
    /// Ticket.
    pub ticket_id: String,
    /// What the model says, and how sure it is; `None`: it had no answer.
    pub said: Option<(Severity, f64)>,
    /// What the engineer says; `None`: nobody is asked.
    pub verdict: Option<Severity>,
}

impl Tally {
    /// Nothing yet. `model_role`: in which capacity the language model answers.
    pub fn new(model_role: ModelRole) -> Self {
        Self {
            model_role,
            outcomes: [0; Outcome::ALL.len()],
            severities: [0; 4],
            dead_letters: BTreeMap::new(),
            latency_ms: Latencies::default(),
            engine_ms: Latencies::default(),
            comparison: Comparison::default(),
            unanswered: 0,
            hostile: Hostile::default(),
            unexpected: 0,
            surplus: 0,
            suggestions: 0,
            commands: 0,
            named: BTreeMap::new(),
            latest: VecDeque::new(),
            desk_time: None,
        }
    }

    /// Counts an outcome of a record that was sent. `took`: from sending it to seeing its outcome.
    pub fn outcome(&mut self, decision: &DecisionRecord, about: About, took: Duration) {
        let outcome = decision.outcome.0;
        self.outcomes[index(outcome)] += 1;
        self.latency_ms.push(took.as_secs_f64() * 1000.0);
        if let Some(latency) = &decision.volatile.latency {
            self.engine_ms.push(latency.engine_ms);
        }
        match about {
            About::Simulated { known, .. } => self.desk_time = self.desk_time.max(Some(known.created_at)),
            About::Odd { expected, .. } => self.odd(decision, expected),
            About::Line(line) if outcome == Outcome::DeadLetter => {
                self.name((decision.source.partition, decision.source.offset), |named| named.line = Some(line));
            }
            About::Repeated | About::Line(_) => {}
        }
        if outcome == Outcome::Decided
            && let Some(basis) = &decision.basis
        {
            self.decided(decision, basis, about);
        }
    }

    fn decided(&mut self, decision: &DecisionRecord, basis: &Basis, about: About) {
        let said = answer(basis, self.model_role);
        if let Some((severity, _)) = said {
            self.severities[severity.index()] += 1;
        }
        let verdict = match about {
            About::Simulated { known, .. } => Some(known.verdict.severity),
            About::Odd { .. } | About::Repeated | About::Line(_) => None,
        };
        if let About::Simulated { source, known } = about
            && basis.draws.evidence.drawn
        {
            match (answer(basis, ModelRole::Baseline), said) {
                (Some((tfidf, _)), Some((model, _))) => {
                    self.comparison.add(Compared { verdict: known.verdict.severity, source, tfidf, model });
                }
                (None, _) | (_, None) => self.unanswered += 1,
            }
        }
        let ticket_id = decision.ticket_id.clone().unwrap_or_default();
        self.latest.push_back(Latest { ticket_id, said, verdict });
        if self.latest.len() > LATEST_MAX {
            self.latest.pop_front();
        }
    }

    fn odd(&mut self, decision: &DecisionRecord, expected: Expected) {
        let outcome = decision.outcome.0;
        let is_decided = outcome == Outcome::Decided;
        // In shadow a ticket that is not drawn has no full decision, whatever its text says.
        let is_ticket = is_decided || outcome == Outcome::NotDrawn;
        let is_automatic = decision.action.is_some_and(|action| matches!(action.0, ActionKind::Auto(_)));
        let is_as_expected = match expected {
            Expected::DeadLetter(_) => outcome == Outcome::DeadLetter,
            Expected::Terminal => outcome == Outcome::Terminal,
            Expected::Decided => is_ticket,
            Expected::DecidedNeverAutomatic => is_ticket && !is_automatic,
            Expected::Guarded => {
                let is_guarded = decision.rules.iter().any(|rule| rule == Rule::GuardInjection.as_str());
                self.hostile.seen += 1;
                self.hostile.drawn += u64::from(is_decided);
                self.hostile.guarded += u64::from(is_decided && is_guarded);
                is_ticket && !is_automatic
            }
        };
        self.unexpected += u64::from(!is_as_expected);
    }

    /// Counts a dead letter, and keeps why: it may be a line of the user's file.
    pub fn dead_letter(&mut self, record: &DeadLetterRecord) {
        let class = record.class.0.as_str();
        *self.dead_letters.entry(class).or_default() += 1;
        let reason = format!("{class}: {}", record.detail);
        self.name((record.origin.partition, record.origin.offset), |named| named.reason = Some(reason));
    }

    fn name(&mut self, place: (i32, i64), change: impl FnOnce(&mut Named)) {
        if self.named.len() < NAMED_MAX || self.named.contains_key(&place) {
            change(self.named.entry(place).or_default());
        }
    }

    /// Lines of the user's file that are no tickets, in order, and why.
    pub fn bad_lines(&self) -> Vec<(u64, &str)> {
        let mut lines: Vec<_> =
            self.named.values().filter_map(|named| Some((named.line?, named.reason.as_deref()?))).collect();
        lines.sort_unstable();
        lines
    }

    /// How many records had this outcome.
    pub fn outcomes(&self, outcome: Outcome) -> u64 {
        self.outcomes[index(outcome)]
    }

    /// Outcomes of all kinds.
    pub fn total(&self) -> u64 {
        self.outcomes.iter().sum()
    }

    /// How often the language model said this.
    pub const fn severities(&self, severity: Severity) -> u64 {
        self.severities[severity.index()]
    }

    /// Dead letters by class.
    pub fn dead_letters(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.dead_letters.iter().map(|(class, count)| (*class, *count))
    }

    /// From sending a record to seeing its outcome, in milliseconds.
    pub const fn latency_ms(&self) -> &Latencies {
        &self.latency_ms
    }

    /// From the hand-over to the engine to its answers, in milliseconds.
    pub const fn engine_ms(&self) -> &Latencies {
        &self.engine_ms
    }

    /// The last full decisions, oldest first.
    pub fn latest(&self) -> impl DoubleEndedIterator<Item = &Latest> {
        self.latest.iter()
    }

    /// Creation of the newest simulated ticket that has an outcome.
    pub const fn desk_time(&self) -> Option<UtcMillis> {
        self.desk_time
    }
}

fn index(outcome: Outcome) -> usize {
    Outcome::ALL.iter().position(|other| *other == outcome).expect("all outcomes are listed")
}

/// What the model with this role says, and how sure it is.
fn answer(basis: &Basis, role: ModelRole) -> Option<(Severity, f64)> {
    let prediction = basis.answers.iter().find(|answer| answer.role.0 == role)?.prediction.as_ref()?;
    let distribution = prediction.distribution;
    let confidence = match prediction.severity.0 {
        Severity::Critical => distribution.critical,
        Severity::High => distribution.high,
        Severity::Medium => distribution.medium,
        Severity::Low => distribution.low,
    };
    Some((prediction.severity.0, confidence))
}

/// The last durations of one kind.
#[derive(Clone, Debug, Default)]
pub struct Latencies(VecDeque<f64>);

impl Latencies {
    /// Adds one, in milliseconds.
    pub fn push(&mut self, milliseconds: f64) {
        if self.0.len() == LATENCIES_MAX {
            self.0.pop_front();
        }
        self.0.push_back(milliseconds);
    }

    /// Median and 99th percentile by nearest rank; `None` without data.
    pub fn p50_p99(&self) -> Option<(f64, f64)> {
        let mut sorted: Vec<f64> = self.0.iter().copied().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let rank = |share: f64| sorted.get(((share * sorted.len() as f64).ceil() as usize).checked_sub(1)?).copied();
        Some((rank(0.50)?, rank(0.99)?))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::demo::comparison::Side;
    use crate::demo::desk::{SimulatedVerdict, Truth};
    use crate::demo::ladder::Known;
    use crate::policy::decided::Outcome::{DeadLetter, Decided, Duplicate, NotDrawn, Terminal, Unchanged};
    use crate::wire::intake::DeadLetterClass;
    use Severity::{Critical, High, Low, Medium};

    const SIMULATED: About = About::Simulated {
        source: Some(Medium),
        known: Known {
            truth: Truth { severity: High, root_cause: "power", closable: false, queue: "access" },
            verdict: SimulatedVerdict {
                severity: High,
                root_cause: "power",
                closable: false,
                queue: "access",
                engineer: "engineer-1",
                after_ms: 0,
            },
            created_at: UtcMillis(5),
        },
    };
    const TOOK: Duration = Duration::from_millis(40);

    fn answer_of(role: &str, severity: Severity) -> Value {
        let zero = "0".repeat(64);
        let mut distribution = json!({ "critical": 0.1, "high": 0.1, "medium": 0.1, "low": 0.1 });
        distribution[severity.as_str()] = json!(0.7);
        json!({
            "role": role, "model": "m", "version": "1", "digest": zero, "calibration_digest": zero, "purpose": "demo",
            "prediction": { "severity": severity.as_str(), "distribution": distribution, "tokens": 9 },
        })
    }

    fn basis(drawn: bool, answers: &[Value]) -> Value {
        let zero = "0".repeat(64);
        let draw = json!({ "rate": 0.5, "drawn": drawn });
        json!({
            "content_digest": zero, "slice": "rest", "stage": "shadow", "rollout_revision": 0,
            "shares": { "auto_triage": 0.0, "auto_resolve": 0.0 },
            "draws": { "evidence": draw, "cohort": draw, "audit": draw, "second_reading": draw },
            "answers": answers, "digests": { "config": zero, "policy": zero, "eligibility": zero },
        })
    }

    fn record(outcome: Outcome, offset: i64, rules: &[&str], basis: Option<Value>) -> DecisionRecord {
        let mut record = json!({
            "schema": "noctriage.decision/v1", "decision_id": "0".repeat(64), "ticket_id": format!("T-{offset}"),
            "source": { "topic": "tickets", "partition": 0, "offset": offset },
            "appended_at": "2026-01-05T06:00:00Z", "outcome": outcome.as_str(), "rules": rules,
            "volatile": {
                "desk_time": "2026-01-05T06:00:00Z",
                "latency": { "wait_ms": 1.0, "engine_ms": 3.0, "decide_ms": 0.1 },
            },
        });
        if let Some(basis) = basis {
            record["basis"] = basis;
        }
        serde_json::from_value(record).unwrap()
    }

    fn plain(outcome: Outcome, offset: i64) -> DecisionRecord {
        record(outcome, offset, &[], None)
    }

    fn dead_letter(class: DeadLetterClass, offset: i64) -> DeadLetterRecord {
        serde_json::from_value(json!({
            "schema": "noctriage.dead-letter/v1", "class": class.as_str(), "detail": "what is wrong",
            "origin": { "topic": "tickets", "partition": 0, "offset": offset }, "decision_id": "0".repeat(64),
            "raw_bytes": 1, "raw_truncated": false,
        }))
        .unwrap()
    }

    /// A tally at its start.
    pub(in crate::demo) fn after_nothing() -> Tally {
        Tally::new(ModelRole::Acting)
    }

    /// A tally with every kind of thing in it, and long numbers.
    pub(in crate::demo) fn after_many() -> Tally {
        let mut tally = after_nothing();
        let answers = [answer_of("acting", Critical), answer_of("baseline", Low)];
        for offset in 0..5 {
            tally.outcome(&record(Decided, offset, &[], Some(basis(true, &answers))), SIMULATED, TOOK);
        }
        for class in DeadLetterClass::ALL {
            tally.dead_letter(&dead_letter(class, 0));
        }
        for count in &mut tally.outcomes {
            *count += 12_345;
        }
        for count in &mut tally.severities {
            *count += 12_345;
        }
        for count in tally.dead_letters.values_mut() {
            *count += 123;
        }
        tally.hostile = Hostile { seen: 12_345, drawn: 12_345, guarded: 12_345 };
        tally.latency_ms.push(123_456.0);
        tally
    }

    #[test]
    fn every_outcome_is_counted_once_under_its_own_name() {
        let mut tally = after_nothing();
        for (offset, outcome) in Outcome::ALL.into_iter().enumerate() {
            tally.outcome(&plain(outcome, offset as i64), SIMULATED, TOOK);
        }
        assert_eq!(tally.total(), 6);
        assert_eq!(
            [Decided, Unchanged, Duplicate, NotDrawn, Terminal, DeadLetter].map(|each| tally.outcomes(each)),
            [1; 6]
        );
        assert_eq!(tally.latency_ms().p50_p99(), Some((40.0, 40.0)));
        assert_eq!(tally.engine_ms().p50_p99(), Some((3.0, 3.0)));
    }

    #[test]
    fn a_drawn_ticket_with_both_answers_is_compared() {
        let mut tally = after_nothing();
        let answers = [answer_of("acting", High), answer_of("baseline", Low)];
        tally.outcome(&record(Decided, 0, &[], Some(basis(true, &answers))), SIMULATED, TOOK);
        let found = Side::ALL.map(|side| tally.comparison.agreed(side));
        assert_eq!((tally.comparison.verdicts(), found), (1, [0, 0, 1]));
        assert_eq!(tally.severities(High), 1);
        let latest: Vec<_> = tally.latest().cloned().collect();
        assert_eq!(latest, [Latest { ticket_id: "T-0".to_owned(), said: Some((High, 0.7)), verdict: Some(High) }]);
    }

    #[test]
    fn a_ticket_that_is_not_drawn_or_lacks_an_answer_is_compared_by_nobody() {
        let mut tally = after_nothing();
        let both = [answer_of("acting", High), answer_of("baseline", Low)];
        tally.outcome(&record(Decided, 0, &[], Some(basis(false, &both))), SIMULATED, TOOK);
        tally.outcome(&record(Decided, 1, &[], Some(basis(true, &both[..1]))), SIMULATED, TOOK);
        tally.outcome(&plain(NotDrawn, 2), SIMULATED, TOOK);
        assert_eq!((tally.comparison.verdicts(), tally.unanswered), (0, 1));
    }

    #[test]
    fn repeated_records_and_ones_own_tickets_have_no_verdict() {
        let mut tally = after_nothing();
        let both = [answer_of("acting", High), answer_of("baseline", Low)];
        for about in [About::Repeated, About::Line(1)] {
            tally.outcome(&record(Decided, 0, &[], Some(basis(true, &both))), about, TOOK);
        }
        assert_eq!((tally.comparison.verdicts(), tally.severities(High)), (0, 2));
    }

    #[test]
    fn where_tfidf_acts_the_language_model_answers_as_a_candidate() {
        let mut tally = Tally::new(ModelRole::Candidate);
        let answers = [answer_of("acting", Low), answer_of("baseline", Low), answer_of("candidate", High)];
        tally.outcome(&record(Decided, 0, &[], Some(basis(true, &answers))), SIMULATED, TOOK);
        assert_eq!(tally.comparison.agreed(Side::Model), 1);
    }

    #[test]
    fn a_guard_is_counted_where_it_could_fire_and_where_it_did() {
        let mut tally = after_nothing();
        let about = About::Odd { label: "sentence", expected: Expected::Guarded };
        let drawn = |rules: &[&str]| record(Decided, 0, rules, Some(basis(true, &[])));
        tally.outcome(&drawn(&["guard_injection"]), about, TOOK);
        tally.outcome(&drawn(&[]), about, TOOK);
        tally.outcome(&plain(NotDrawn, 2), about, TOOK);
        assert_eq!(tally.hostile, Hostile { seen: 3, drawn: 2, guarded: 1 });
        assert_eq!(tally.unexpected, 0);
    }

    #[test]
    fn a_broken_record_that_is_not_refused_is_unexpected() {
        let mut tally = after_nothing();
        let about = About::Odd { label: "not json", expected: Expected::DeadLetter("not_json") };
        tally.outcome(&plain(DeadLetter, 0), about, TOOK);
        assert_eq!(tally.unexpected, 0);
        tally.outcome(&plain(Decided, 1), about, TOOK);
        assert_eq!(tally.unexpected, 1);
    }

    #[test]
    fn a_bad_line_is_named_whichever_half_comes_first() {
        let mut tally = after_nothing();
        tally.dead_letter(&dead_letter(DeadLetterClass::NotJson, 0));
        tally.outcome(&plain(DeadLetter, 0), About::Line(7), TOOK);
        tally.outcome(&plain(DeadLetter, 1), About::Line(3), TOOK);
        tally.dead_letter(&dead_letter(DeadLetterClass::TooDeep, 1));
        tally.outcome(&plain(Decided, 2), About::Line(4), TOOK);
        assert_eq!(tally.bad_lines(), [(3, "too_deep: what is wrong"), (7, "not_json: what is wrong")]);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.p50_p99(), None);
        (1..=100).rev().for_each(|number| latencies.push(f64::from(number)));
        assert_eq!(latencies.p50_p99(), Some((50.0, 99.0)));
    }
}
