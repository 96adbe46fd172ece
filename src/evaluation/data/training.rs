//! What may be trained on: never a ticket of a test set, nor a twin of one; never a disputed one; nothing that holds later
//! knowledge, unless somebody takes that on.

use crate::domain::labelled::{AsOf, LabelAgreement, LabelledTicket, Split};

use super::overlap::{Likeness, TrainingTexts};
use super::text::ComparedText;

/// What to do with tickets of which nobody says that they are as they were at their creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaky {
    /// They are left out.
    LeftOut,
    /// They are taken: the person who asked knows.
    Taken,
}

/// What becomes of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Choice {
    /// It trains.
    Train,
    /// It chooses among fits.
    Validation,
    /// It says itself that it is a test ticket.
    IsTest,
    /// It is a ticket of the test set, or one like it.
    LikeTest(Likeness),
    /// Readers disagree, and nobody has decided.
    Disputed,
    /// It may hold later knowledge.
    AsOfUnknown,
}

impl Choice {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Train,
        Self::Validation,
        Self::IsTest,
        Self::LikeTest(Likeness::Id),
        Self::LikeTest(Likeness::Text),
        Self::LikeTest(Likeness::Words),
        Self::LikeTest(Likeness::Near),
        Self::Disputed,
        Self::AsOfUnknown,
    ];

    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::IsTest => "is_test",
            Self::LikeTest(Likeness::Id) => "test_same_id",
            Self::LikeTest(Likeness::Text) => "test_same_text",
            Self::LikeTest(Likeness::Words) => "test_same_words",
            Self::LikeTest(Likeness::Near) => "test_near",
            Self::Disputed => "disputed",
            Self::AsOfUnknown => "as_of_unknown",
        }
    }
}

/// Chooses among tickets, whose texts are given beside them.
pub fn choose(
    tickets: &[LabelledTicket],
    texts: &[ComparedText],
    judging: &TrainingTexts<'_>,
    near: f64,
    leaky: Leaky,
) -> Vec<Choice> {
    assert_eq!(tickets.len(), texts.len(), "every ticket has a text");
    tickets.iter().zip(texts).map(|(ticket, text)| choice(ticket, text, judging, near, leaky)).collect()
}

fn choice(
    labelled: &LabelledTicket,
    text: &ComparedText,
    judging: &TrainingTexts<'_>,
    near: f64,
    leaky: Leaky,
) -> Choice {
    if labelled.split == Some(Split::Test) {
        return Choice::IsTest;
    }
    if let Some(&(_, likeness, _)) = judging.like(text, near).first() {
        return Choice::LikeTest(likeness);
    }
    match (labelled.label.agreement, labelled.as_of, leaky) {
        (LabelAgreement::Disputed, _, _) => Choice::Disputed,
        (LabelAgreement::Undisputed | LabelAgreement::Adjudicated, AsOf::Unknown, Leaky::LeftOut) => {
            Choice::AsOfUnknown
        }
        (LabelAgreement::Undisputed | LabelAgreement::Adjudicated, AsOf::Unknown, Leaky::Taken)
        | (LabelAgreement::Undisputed | LabelAgreement::Adjudicated, AsOf::Created, _) => match labelled.split {
            Some(Split::Validation) => Choice::Validation,
            Some(Split::Train) | None => Choice::Train,
            Some(Split::Test) => Choice::IsTest,
        },
    }
}
