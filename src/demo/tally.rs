//! What the demo has seen, counted. Pure: outcomes in, numbers out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::comparison::{Compared, Comparison};
use super::desk::hostile::Expected;
use super::feed::About;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::policy::decided::{Outcome, Rule};
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
    /// Records on the topic of things to look at.
    pub reviews: u64,
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
            reviews: 0,
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
            About::Simulated { created_at, .. } => self.desk_time = self.desk_time.max(Some(created_at)),
            About::Odd { expected, .. } => self.odd(decision, expected),
            About::Repeated => {}
            About::Line(line) if outcome == Outcome::DeadLetter => {
                self.name((decision.source.partition, decision.source.offset), |named| named.line = Some(line));
            }
            About::Line(_) => {}
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
            About::Simulated { verdict, .. } => Some(verdict),
            About::Odd { .. } | About::Repeated | About::Line(_) => None,
        };
        if let About::Simulated { source, verdict, .. } = about
            && basis.draws.evidence.drawn
        {
            match (answer(basis, ModelRole::Baseline), said) {
                (Some((tfidf, _)), Some((model, _))) => {
                    self.comparison.add(&Compared { verdict, source, tfidf, model });
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
        let is_as_expected = match expected {
            Expected::DeadLetter(_) => outcome == Outcome::DeadLetter,
            Expected::Terminal => outcome == Outcome::Terminal,
            Expected::DecidedNeverAutomatic => is_ticket,
            Expected::Guarded => {
                let is_guarded = decision.rules.iter().any(|rule| rule == Rule::GuardInjection.as_str());
                self.hostile.seen += 1;
                self.hostile.drawn += u64::from(is_decided);
                self.hostile.guarded += u64::from(is_decided && is_guarded);
                is_ticket
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
    pub fn latest(&self) -> impl Iterator<Item = &Latest> {
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
