//! Live accuracy: how often source severity, baseline, acting model, candidates and engineers are right, on the same drawn
//! tickets. For people to read; what a stage is earned with is counted in [`super::counting`].
//!
//! Everybody is compared with the final verdict. A disputed ticket has none: it is counted beside, for nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::domain::verdict::ReviewerId;
use crate::statistics::sign_test::Discordant;
use crate::statistics::wilson::{Interval, interval_95};

use super::counting::is_early;
use super::decision::{ModelAnswer, ModelKey, TicketDecision};
use super::evidence::{Evidence, TicketEvidence};
use super::settle::{Final, Settlement};

/// Name of the row over all slices.
pub const ALL_SLICES: &str = "all";

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answerer {
    /// The severity that came with the ticket.
    Source,
    /// The TF-IDF baseline.
    Baseline(Arc<ModelKey>),
    /// A model that acted when the ticket was decided.
    Acting(Arc<ModelKey>),
    /// A candidate.
    Candidate(Arc<ModelKey>),
}

impl Answerer {
    /// The capacity, as a word for records, metrics and screens.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Baseline(_) => ModelRole::Baseline.as_str(),
            Self::Acting(_) => ModelRole::Acting.as_str(),
            Self::Candidate(_) => ModelRole::Candidate.as_str(),
        }
    }

    /// The model; `None` for the source.
    pub const fn model(&self) -> Option<&Arc<ModelKey>> {
        match self {
            Self::Source => None,
            Self::Baseline(model) | Self::Acting(model) | Self::Candidate(model) => Some(model),
        }
    }
}

/// k of n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Score {
    /// Equal to the final verdict.
    pub right: u64,
    /// All.
    pub of: u64,
    /// Without an answer: not right.
    pub unanswered: u64,
    /// Less urgent than the final verdict.
    pub too_low: u64,
    /// More urgent than it.
    pub too_high: u64,
}

impl Score {
    /// Wilson's 95 % interval of the share that is right; `None`: no ticket, no rate.
    pub fn interval(&self) -> Option<Interval> {
        interval_95(self.right, self.of)
    }

    /// Counts one answer more, or its absence.
    pub fn add(&mut self, answer: Option<Severity>, truth: Severity) {
        self.of += 1;
        match answer {
            None => self.unanswered += 1,
            Some(answer) if answer == truth => self.right += 1,
            Some(answer) if answer < truth => self.too_low += 1,
            Some(_) => self.too_high += 1,
        }
    }
}

/// One answerer on the tickets that it was asked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its score.
    pub score: Score,
    /// Tickets on which only the acting model (first) or only this one (second) is right.
    pub against_acting: Discordant,
}

/// One ticket that several people read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReadTwice {
    /// Share of ordered pairs of readers who agree, 0 to 1.
    pub among_readers: f64,
    /// Share of readers with whom the acting model agrees, 0 to 1; `None`: it gave no answer.
    pub with_acting: Option<f64>,
}

/// How people do on tickets that several of them read; unadjudicated disputes included, or only agreement would be seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Engineers {
    /// Single readings against the final verdict, where there is one.
    pub readings: Score,
    /// Every ticket that several people read, in the order of their ids.
    pub read_twice: Vec<ReadTwice>,
}

impl Engineers {
    /// Mean agreement among readers, and of the acting model with readers, on the same tickets; `None`: no ticket.
    pub fn agreement(&self) -> Option<(f64, f64)> {
        let both: Vec<(f64, f64)> =
            self.read_twice.iter().filter_map(|ticket| Some((ticket.among_readers, ticket.with_acting?))).collect();
        let count = both.len() as f64;
        let mean = |part: fn(&(f64, f64)) -> f64| both.iter().map(part).sum::<f64>() / count;
        (!both.is_empty()).then(|| (mean(|pair| pair.0), mean(|pair| pair.1)))
    }

    /// Adds what people said of one ticket, where several did.
    pub(super) fn add(&mut self, decision: &TicketDecision, settlement: &Settlement, truth: Option<Severity>) {
        let readings = &settlement.readings;
        let people: BTreeSet<&ReviewerId> = readings.iter().map(|(person, _)| person).collect();
        // Whoever gave two severities cannot be compared with anybody.
        if people.len() < 2 || people.len() != readings.len() {
            return;
        }
        if let Some(truth) = truth {
            for (_, severity) in readings {
                self.readings.add(Some(*severity), truth);
            }
        }
        let count = readings.len() as f64;
        let equal = |severity: Severity| readings.iter().filter(|(_, other)| *other == severity).count() as f64;
        let pairs: f64 = readings.iter().map(|(_, severity)| equal(*severity) - 1.0).sum();
        self.read_twice.push(ReadTwice {
            among_readers: pairs / (count * (count - 1.0)),
            with_acting: decision.acting().and_then(ModelAnswer::severity).map(|severity| equal(severity) / count),
        });
    }
}

/// Live accuracy of one slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SliceAccuracy {
    /// Drawn tickets that were asked about.
    pub drawn: u64,
    /// Of them with a final severity: all scores rest on these.
    pub judged: u64,
    /// Nobody has answered yet, and the deadline has not passed.
    pub waiting: u64,
    /// Nobody answered by the deadline.
    pub missing: u64,
    /// People disagree, and nobody has adjudicated.
    pub disputed: u64,
    /// A person was there before the decision.
    pub late_decision: u64,
    /// Ended without a person.
    pub no_verdict_due: u64,
    /// By answerer.
    pub rows: BTreeMap<Answerer, Row>,
    /// People.
    pub engineers: Engineers,
}

/// Which tickets are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccuracyWindow {
    /// Decided at this instant or later (desk time).
    pub from: UtcMillis,
    /// This instant (desk time).
    pub now: UtcMillis,
    /// How long a verdict may take, in milliseconds of desk time.
    pub deadline_ms: i64,
}

/// Live accuracy by slice, and over [`ALL_SLICES`], which is a report and never earns anything.
pub fn live_accuracy(evidence: &Evidence, window: AccuracyWindow) -> BTreeMap<Arc<str>, SliceAccuracy> {
    let all: Arc<str> = Arc::from(ALL_SLICES);
    let mut slices: BTreeMap<Arc<str>, SliceAccuracy> = BTreeMap::new();
    for (_, ticket) in evidence.tickets() {
        let Some(decision) = ticket.drawn().find(|decision| !decision.answers.is_empty()) else { continue };
        if decision.desk_time < window.from {
            continue;
        }
        let settlement = ticket.settlement();
        for slice in [&decision.slice, &all] {
            slices.entry(Arc::clone(slice)).or_default().add(ticket, decision, &settlement, window);
        }
    }
    slices
}

impl SliceAccuracy {
    fn add(
        &mut self,
        ticket: &TicketEvidence,
        decision: &TicketDecision,
        settlement: &Settlement,
        window: AccuracyWindow,
    ) {
        self.drawn += 1;
        if decision.is_human_touched || is_early(settlement, decision.desk_time) {
            self.late_decision += 1;
            return;
        }
        let truth = match &settlement.verdict {
            Final::Settled(judgement) => judgement.severity,
            Final::Disputed(_) | Final::NoVerdict => None,
        };
        self.engineers.add(decision, settlement, truth);
        let Some(truth) = truth else {
            let count = match settlement.verdict {
                Final::Disputed(_) => &mut self.disputed,
                Final::NoVerdict if ticket.has_ended_alone(settlement) => &mut self.no_verdict_due,
                Final::NoVerdict | Final::Settled(_) => {
                    let is_due = window.now.since_ms(decision.desk_time) >= window.deadline_ms;
                    if is_due { &mut self.missing } else { &mut self.waiting }
                }
            };
            *count += 1;
            return;
        };
        self.judged += 1;
        let acting = decision.acting().map(|answer| answer.severity() == Some(truth));
        let source = (Answerer::Source, decision.source_severity);
        let models = decision.answers.iter().map(|answer| {
            let model = Arc::clone(&answer.model);
            let answerer = match answer.role {
                ModelRole::Acting => Answerer::Acting(model),
                ModelRole::Baseline => Answerer::Baseline(model),
                ModelRole::Candidate => Answerer::Candidate(model),
            };
            (answerer, answer.severity())
        });
        for (answerer, severity) in std::iter::once(source).chain(models) {
            let row = self.rows.entry(answerer).or_default();
            row.score.add(severity, truth);
            match (acting, severity == Some(truth)) {
                (Some(true), false) => row.against_acting.first += 1,
                (Some(false), true) => row.against_acting.second += 1,
                (Some(true), true) | (Some(false), false) | (None, _) => {}
            }
        }
    }
}
