//! Who answered what: a column of a report is one answerer with an answer, or none, for each ticket of the set.

use std::sync::Arc;

use crate::domain::probability::SeverityDistribution;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;

use super::test_set::TestSet;

/// One answer, as a file states it or a model gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reported {
    /// To which ticket.
    pub ticket_id: TicketId,
    /// What it says.
    pub answer: Answer,
}

/// What an answerer says of a ticket.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The severity.
    pub severity: Severity,
    /// How probable it holds each severity; `None`: it states none.
    pub distribution: Option<SeverityDistribution>,
    /// The most probable root cause; `None`: it states none.
    pub root_cause: Option<Arc<str>>,
    /// How long it took, in milliseconds; `None`: it does not say.
    pub latency_ms: Option<f64>,
}

impl Answer {
    /// An answer of a severity alone.
    pub const fn bare(severity: Severity) -> Self {
        Self { severity, distribution: None, root_cause: None, latency_ms: None }
    }

    /// The probability of the answer itself; `None` where it states no distribution.
    pub fn confidence(&self) -> Option<f64> {
        self.distribution.map(|distribution| distribution.of(self.severity).get())
    }
}

/// What kind of answerer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnKind {
    /// The severity that came with the ticket.
    Source,
    /// Always the most frequent severity.
    Majority,
    /// TF-IDF with logistic regression, trained on the training tickets just now.
    Linear,
    /// A model that was run here.
    Model,
    /// Predictions from a file: as reported.
    Reported,
}

impl ColumnKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Source, Self::Majority, Self::Linear, Self::Model, Self::Reported];

    /// The word in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Majority => "majority",
            Self::Linear => "tfidf",
            Self::Model => "model",
            Self::Reported => "as_reported",
        }
    }

    /// Whether it is a model somebody named, which is what a report is about; the others are there to compare with.
    pub const fn is_named(self) -> bool {
        match self {
            Self::Model | Self::Reported => true,
            Self::Source | Self::Majority | Self::Linear => false,
        }
    }
}

/// One answerer.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name in the report.
    pub name: String,
    /// What kind it is.
    pub kind: ColumnKind,
    /// An answer per ticket, in the order of the set; `None`: it gave none, which is never right.
    pub answers: Vec<Option<Answer>>,
    /// Answers to tickets that are not in the set.
    pub elsewhere: u64,
}

/// A file answers one ticket twice.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ticket {0} is answered twice: keep the answer that the model really gave")]
pub struct AnsweredTwice(pub TicketId);

impl Column {
    /// What the source says.
    pub fn source(set: &TestSet) -> Self {
        let answers = set.tickets().iter().map(|ticket| ticket.source.map(Answer::bare)).collect();
        Self { name: ColumnKind::Source.as_str().to_owned(), kind: ColumnKind::Source, answers, elsewhere: 0 }
    }

    /// Always the severity that is most frequent among `labels` (of the training tickets, else of the set itself, which
    /// flatters it); of equals the more urgent one.
    pub fn majority(set: &TestSet, labels: impl IntoIterator<Item = Severity>) -> Self {
        let mut counts = [0_u64; 4];
        for label in labels {
            counts[label.index()] += 1;
        }
        let most = Severity::ALL.into_iter().rev().max_by_key(|severity| counts[severity.index()]);
        let answer = most.map(Answer::bare);
        Self {
            name: ColumnKind::Majority.as_str().to_owned(),
            kind: ColumnKind::Majority,
            answers: vec![answer; set.tickets().len()],
            elsewhere: 0,
        }
    }

    /// Tickets with an answer.
    pub fn answered(&self) -> u64 {
        self.answers.iter().flatten().count() as u64
    }

    /// Whether it is right on a ticket of the set; without an answer it is not.
    pub fn is_right(&self, set: &TestSet, position: usize) -> bool {
        self.answers[position].as_ref().is_some_and(|answer| answer.severity == set.tickets()[position].truth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::{column, set_of};

    #[test]
    fn the_majority_is_the_most_frequent_label_and_of_equals_the_more_urgent() {
        let set = set_of(&[("T1", Severity::Low)]);
        let said = |labels: &[Severity]| {
            let column = Column::majority(&set, labels.iter().copied());
            column.answers[0].as_ref().map(|answer| answer.severity)
        };
        assert_eq!(said(&[Severity::Low, Severity::Low, Severity::High]), Some(Severity::Low));
        assert_eq!(said(&[Severity::Low, Severity::High]), Some(Severity::High));
    }

    #[test]
    fn no_answer_is_never_right() {
        let set = set_of(&[("T1", Severity::Low)]);
        assert!(!column("v1", &[None]).is_right(&set, 0));
    }
}
