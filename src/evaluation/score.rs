//! How good one answerer is alone: right answers as k of n, per severity and slice, agreement, critical recall, cost.

use crate::domain::severity::Severity;
use crate::rollout::accuracy::Score;
use crate::statistics::bootstrap::{measure_interval, quantile_of};
use crate::statistics::clopper_pearson;
use crate::statistics::confusion::{Confusion, Weighting};
use crate::statistics::random::SeededRandom;
use crate::statistics::wilson::{Interval, Share};

use super::answer::{Column, ColumnKind};
use super::cost::CostMatrix;
use super::test_set::TestSet;
use super::value::{Minutes, Value};

/// Classes of a confusion of answers: the four severities in the order of [`Severity::ALL`], and silence.
pub const CLASSES: usize = 5;
/// The class of no answer: never a truth.
pub const SILENCE: usize = 4;
/// Level of the one-sided bound of misses.
const MISS_ALPHA: f64 = 0.05;

/// One answerer on the tickets of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnScore {
    /// Right, too low, too high, silent.
    pub score: Score,
    /// Truth (rows) and answers, silence last.
    pub confusion: Confusion,
    /// Mean F1 of the severities that occur; `None`: nothing to measure.
    pub macro_f1: Option<f64>,
    /// Where it lies, by a bootstrap over groups; `None`: undefined.
    pub macro_f1_interval: Option<Interval>,
    /// Quadratic kappa of the answers that there are; `None`: undefined, as where all are one severity.
    pub kappa: Option<f64>,
    /// Mean cost a ticket; `None` without tickets.
    pub cost: Option<f64>,
    /// Right root causes, where people named one and the answerer gives any; `None`: no such ticket.
    pub root_cause: Option<Share>,
    /// Time of an answer; `None`: it does not say.
    pub latency: Option<Latency>,
    /// What the answers are worth; `None`: the minutes are not configured.
    pub value: Option<Value>,
}

/// Time of an answer, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Latency {
    /// As a file states it of each answer.
    Stated {
        /// Half of the answers are at most as slow.
        p50_ms: f64,
        /// 95 % of them are.
        p95_ms: f64,
    },
    /// Of a model that was run here: tickets are answered in batches, so that no single one has a time of its own.
    InBatches {
        /// Mean time a ticket.
        ticket_ms: f64,
    },
}

impl ColumnScore {
    /// Looks at one column. `random` is for the interval of macro-F1.
    pub fn of(
        column: &Column,
        set: &TestSet,
        costs: &CostMatrix,
        minutes: Option<Minutes>,
        random: &mut SeededRandom,
    ) -> Self {
        let mut score = Score::default();
        let mut confusion = Confusion::new(CLASSES);
        let mut cost = 0.0;
        for (ticket, answer) in set.tickets().iter().zip(&column.answers) {
            let answer = answer.as_ref().map(|answer| answer.severity);
            score.add(answer, ticket.truth);
            confusion.add(ticket.truth.index(), class(answer));
            cost += answer.map_or_else(|| costs.of_silence(ticket.truth), |answer| costs.of(ticket.truth, answer));
        }
        let units: Vec<Vec<(usize, usize)>> = set
            .groups()
            .iter()
            .map(|group| group.iter().map(|&position| pair(column, set, position)).collect())
            .collect();
        Self {
            macro_f1: macro_f1(&confusion),
            macro_f1_interval: measure_interval(&units, CLASSES, 0.95, macro_f1, random),
            kappa: answered(&confusion).kappa(Weighting::Quadratic),
            cost: (score.of > 0).then(|| cost / score.of as f64),
            root_cause: root_cause(column, set),
            latency: latency(column),
            value: minutes.and_then(|minutes| minutes.value(score.right, score.of)),
            score,
            confusion,
        }
    }

    /// Right answers of all tickets; no answer is none.
    pub const fn right(&self) -> Share {
        Share { hits: self.score.right, of: self.score.of }
    }

    /// Of the tickets of one severity, how many are called so.
    pub fn recall(&self, severity: Severity) -> Share {
        let row = severity.index();
        Share { hits: self.confusion.count(row, row), of: self.confusion.row_total(row) }
    }

    /// Critical tickets not called critical.
    pub fn critical_missed(&self) -> Share {
        self.recall(Severity::Critical).rest()
    }

    /// What the share of missed criticals stays below with 95 %, exactly; `None` without a critical ticket.
    pub fn critical_miss_bound(&self) -> Option<f64> {
        let missed = self.critical_missed();
        clopper_pearson::upper_limit(missed.hits, missed.of, MISS_ALPHA)
    }

    /// Critical tickets called low, the costliest mistake.
    pub fn critical_called_low(&self) -> u64 {
        self.confusion.count(Severity::Critical.index(), Severity::Low.index())
    }
}

/// The class of an answer.
pub const fn class(answer: Option<Severity>) -> usize {
    match answer {
        Some(severity) => severity.index(),
        None => SILENCE,
    }
}

/// The classes of truth and answer of one ticket.
pub fn pair(column: &Column, set: &TestSet, position: usize) -> (usize, usize) {
    let answer = column.answers[position].as_ref().map(|answer| answer.severity);
    (set.tickets()[position].truth.index(), class(answer))
}

/// Mean F1 of the severities that occur in truth or answers. Silence is no severity: it lowers the recall of what was
/// asked about, and has no F1 of its own.
pub fn macro_f1(confusion: &Confusion) -> Option<f64> {
    let present: Vec<f64> = (0..SILENCE).filter_map(|class| confusion.f1(class)).collect();
    (!present.is_empty()).then(|| present.iter().sum::<f64>() / present.len() as f64)
}

fn answered(confusion: &Confusion) -> Confusion {
    let mut answered = Confusion::new(SILENCE);
    for row in 0..SILENCE {
        for column in 0..SILENCE {
            answered.add_many(row, column, confusion.count(row, column));
        }
    }
    answered
}

fn root_cause(column: &Column, set: &TestSet) -> Option<Share> {
    let gives_any = column.answers.iter().flatten().any(|answer| answer.root_cause.is_some());
    let mut found = Share::default();
    for (ticket, answer) in set.tickets().iter().zip(&column.answers) {
        let Some(truth) = &ticket.root_cause else { continue };
        found.add(answer.as_ref().and_then(|answer| answer.root_cause.as_ref()) == Some(truth));
    }
    (gives_any && found.of > 0).then_some(found)
}

fn latency(column: &Column) -> Option<Latency> {
    let mut times: Vec<f64> = column.answers.iter().flatten().filter_map(|answer| answer.latency_ms).collect();
    times.sort_by(f64::total_cmp);
    if times.is_empty() {
        return None;
    }
    Some(match column.kind {
        ColumnKind::Model => Latency::InBatches { ticket_ms: times.iter().sum::<f64>() / times.len() as f64 },
        ColumnKind::Source | ColumnKind::Majority | ColumnKind::Linear | ColumnKind::Reported => {
            Latency::Stated { p50_ms: quantile_of(&times, 0.5), p95_ms: quantile_of(&times, 0.95) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::answer::Answer;
    use crate::evaluation::tests::{column, set_of};

    use Severity::{Critical, High, Low, Medium};

    fn score(truths: &[Severity], answers: &[Option<Severity>]) -> ColumnScore {
        let ids: Vec<String> = (0..truths.len()).map(|number| format!("T{number}")).collect();
        let tickets: Vec<(&str, Severity)> = ids.iter().map(String::as_str).zip(truths.iter().copied()).collect();
        let (set, column) = (set_of(&tickets), column("v1", answers));
        ColumnScore::of(&column, &set, &CostMatrix::default(), None, &mut SeededRandom::new(1))
    }

    #[test]
    fn silence_is_wrong_costs_as_much_as_the_worst_answer_and_has_no_f1() {
        let found = score(&[Critical, Low, Low], &[None, Some(Low), Some(Low)]);
        assert_eq!((found.score.right, found.score.unanswered), (2, 1));
        assert_eq!(found.cost, Some(20.0 / 3.0));
        assert_eq!(found.macro_f1, Some(0.5));
        assert_eq!(found.kappa, None, "only low tickets were answered");
    }

    #[test]
    fn a_perfect_answerer_on_few_criticals_may_still_miss_many() {
        let found = score(&[Critical; 12], &[Some(Critical); 12]);
        assert_eq!(found.critical_missed(), Share { hits: 0, of: 12 });
        let bound = found.critical_miss_bound().expect("critical tickets");
        assert!((bound - (1.0 - 0.05_f64.powf(1.0 / 12.0))).abs() < 1e-9, "{bound}");
    }

    #[test]
    fn without_a_critical_ticket_nothing_is_said_about_missing_them() {
        assert_eq!(score(&[High, Medium], &[Some(High), Some(High)]).critical_miss_bound(), None);
    }

    #[test]
    fn a_model_that_ran_in_batches_has_one_time_and_stated_times_have_percentiles() {
        let timed = |kind| {
            let answers = [1.0, 1.0, 1.0, 5.0]
                .map(|latency| Some(Answer { latency_ms: Some(latency), ..Answer::bare(Low) }))
                .to_vec();
            latency(&Column { name: "v1".into(), kind, answers, elsewhere: 0 })
        };
        assert_eq!(timed(ColumnKind::Model), Some(Latency::InBatches { ticket_ms: 2.0 }));
        assert!(matches!(timed(ColumnKind::Reported), Some(Latency::Stated { p50_ms: 1.0, p95_ms }) if p95_ms > 4.0));
        assert_eq!(latency(&column("v1", &[Some(Low)])), None);
    }

    #[test]
    fn the_interval_of_macro_f1_holds_it() {
        let truths = [Critical, High, Medium, Low].repeat(20);
        let answers: Vec<Option<Severity>> =
            truths.iter().enumerate().map(|(at, truth)| Some(if at % 5 == 0 { High } else { *truth })).collect();
        let found = score(&truths, &answers);
        let (value, interval) = (found.macro_f1.expect("defined"), found.macro_f1_interval.expect("defined"));
        assert!(interval.low < value && value < interval.high && interval.high <= 1.0, "{interval:?} {value}");
    }
}
