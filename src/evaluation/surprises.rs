//! Surprises: answers that were sure and wrong. They are where labels are wrong, or where a model has learned the wrong
//! thing.

use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;

use super::answer::Column;
use super::test_set::TestSet;

/// From this confidence on a wrong answer is a surprise: such an answer would be acted on at the lowest default threshold.
pub const CONFIDENCE_MIN: f64 = 0.8;
/// So many steps off it is one, however unsure.
pub const STEPS_MIN: usize = 2;
/// Most that are named.
pub const SURPRISES_MAX: usize = 10;

/// One answer that was sure and wrong, or far off.
#[derive(Clone, Debug, PartialEq)]
pub struct Surprise {
    /// Which ticket.
    pub id: TicketId,
    /// What people said.
    pub truth: Severity,
    /// What the answer was.
    pub answer: Severity,
    /// How sure; `None`: it does not say.
    pub confidence: Option<f64>,
}

/// Surprises of one column.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surprises {
    /// Sure and wrong.
    pub sure: u64,
    /// Two or three steps off.
    pub far: u64,
    /// The worst, at most [`SURPRISES_MAX`]: farthest off first, then surest.
    pub worst: Vec<Surprise>,
}

impl Surprises {
    /// Looks at the wrong answers of a column.
    pub fn of(column: &Column, set: &TestSet) -> Self {
        let mut found = Self::default();
        for (ticket, answer) in set.tickets().iter().zip(&column.answers) {
            let Some(answer) = answer else { continue };
            let steps = ticket.truth.steps_to(answer.severity);
            let confidence = answer.confidence();
            let is_sure = steps > 0 && confidence.is_some_and(|confidence| confidence >= CONFIDENCE_MIN);
            found.sure += u64::from(is_sure);
            found.far += u64::from(steps >= STEPS_MIN);
            if is_sure || steps >= STEPS_MIN {
                let (id, truth) = (ticket.id.clone(), ticket.truth);
                found.worst.push(Surprise { id, truth, answer: answer.severity, confidence });
            }
        }
        found.worst.sort_by(|a, b| {
            let steps = |surprise: &Surprise| surprise.truth.steps_to(surprise.answer);
            let confidence = |surprise: &Surprise| surprise.confidence.unwrap_or(0.0);
            steps(b).cmp(&steps(a)).then(confidence(b).total_cmp(&confidence(a))).then(a.id.cmp(&b.id))
        });
        found.worst.truncate(SURPRISES_MAX);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::answer::{Answer, ColumnKind};
    use crate::evaluation::tests::{confident, set_of};

    use Severity::{Critical, High, Low};

    #[test]
    fn sure_and_wrong_or_far_off_is_a_surprise_and_the_farthest_comes_first() {
        let set = set_of(&[("A", Low), ("B", Low), ("C", Critical), ("D", High), ("E", Low)]);
        let answers = vec![
            Some(confident(Low, 0.99)),
            Some(confident(High, 0.85)),
            Some(Answer::bare(Low)),
            Some(confident(Critical, 0.8)),
            None,
        ];
        let column = Column { name: "v1".into(), kind: ColumnKind::Reported, answers, elsewhere: 0 };
        let found = Surprises::of(&column, &set);
        let ids: Vec<&str> = found.worst.iter().map(|surprise| surprise.id.as_str()).collect();
        assert_eq!((found.sure, found.far, ids), (2, 2, vec!["C", "B", "D"]));
    }
}
