//! What to do next, by a rule that anybody can check: good on what it was trained on and bad on what is new is a matter of
//! data; bad across the board, on training tickets too, of hyperparameters; the approach is changed last, when both have
//! been tried. First facts are read from the numbers, then the first rule that fits the facts decides.

use crate::statistics::fisher::group_is_higher_p;
use crate::statistics::sample_size::LEVEL;
use crate::statistics::wilson::Share;

/// Fewer test tickets show nothing: half of a fair model's scores on 30 lie more than six points beside the truth.
pub const TEST_TICKETS_MIN: u64 = 30;
/// So many iterations of one kind without a shown gain exhaust it.
pub const ITERATIONS_MIN: u32 = 2;

/// Right answers of one model on four kinds of tickets; `None`: it was not asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scores {
    /// Tickets it was trained on.
    pub train: Option<Share>,
    /// Tickets that chose among its fits.
    pub validation: Option<Share>,
    /// Tickets of the test set.
    pub test: Share,
    /// Tickets of the live desk, judged by people who did not see its answers.
    pub live: Option<Share>,
}

/// Iterations that brought no shown gain, from the ledger of versions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// With other training data.
    pub data: u32,
    /// With other hyperparameters.
    pub hyperparameters: u32,
}

/// Where a score stands against the wished one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// There is no score.
    Unknown,
    /// At the wished share, or above.
    Good,
    /// Below, but chance may be why.
    Unclear,
    /// Below, and not by chance.
    Bad,
}

/// Whether a score falls from one kind of tickets to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fall {
    /// One of the two is missing.
    Unknown,
    /// No fall is shown.
    NotShown,
    /// It falls, and not by chance.
    Shown,
}

impl Level {
    /// All levels.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Good, Self::Unclear, Self::Bad];

    fn of(score: Option<Share>, wished: f64) -> Self {
        let Some((share, interval)) = score.and_then(|score| Some((score.proportion()?, score.interval()?))) else {
            return Self::Unknown;
        };
        if share >= wished {
            Self::Good
        } else if interval.high < wished {
            Self::Bad
        } else {
            Self::Unclear
        }
    }
}

impl Fall {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::NotShown, Self::Shown];

    fn between(from: Option<Share>, to: Option<Share>) -> Self {
        let both = from.zip(to).filter(|(from, to)| from.of > 0 && to.of > 0);
        match both {
            None => Self::Unknown,
            Some((from, to)) if group_is_higher_p(to.rest(), from.rest()) <= LEVEL => Self::Shown,
            Some(_) => Self::NotShown,
        }
    }
}

/// Whether something is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl Seen {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Yes, Self::No];

    const fn when(condition: bool) -> Self {
        if condition { Self::Yes } else { Self::No }
    }
}

/// What the rules read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Whether there are enough test tickets.
    pub enough: Seen,
    /// Score on training tickets.
    pub train: Level,
    /// Score on test tickets.
    pub test: Level,
    /// From training to validation tickets.
    pub train_to_validation: Fall,
    /// From training to test tickets.
    pub train_to_test: Fall,
    /// From test to live tickets.
    pub test_to_live: Fall,
    /// Whether slices fail more often than the rest.
    pub weak_slices: Seen,
    /// Whether data and hyperparameters have both been tried without gain.
    pub exhausted: Seen,
}

impl Facts {
    /// Reads the facts from the numbers. `wished` is the share of right answers that a site wants.
    pub fn of(scores: &Scores, weak_slices: usize, wished: f64, tried: Tried) -> Self {
        let Scores { train, validation, test, live } = *scores;
        Self {
            enough: Seen::when(test.of >= TEST_TICKETS_MIN),
            train: Level::of(train, wished),
            test: Level::of(Some(test), wished),
            train_to_validation: Fall::between(train, validation),
            train_to_test: Fall::between(train, Some(test)),
            test_to_live: Fall::between(Some(test), live),
            weak_slices: Seen::when(weak_slices > 0),
            exhausted: Seen::when(tried.data >= ITERATIONS_MIN && tried.hyperparameters >= ITERATIONS_MIN),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Conclusion {
    /// Other training data: more of what fails.
    DataGap,
    /// Fewer epochs, more regularisation, more data.
    OverFit,
    /// Learning rate, epochs, batch size.
    Hyperparameters,
    /// Another model, or another way.
    Approach,
    /// Nothing is wrong as far as these numbers show.
    NothingWrong,
    /// The numbers do not decide.
    NotEnoughEvidence,
}

impl Conclusion {
    /// All conclusions.
    pub const ALL: [Self; 6] = [
        Self::DataGap,
        Self::OverFit,
        Self::Hyperparameters,
        Self::Approach,
        Self::NothingWrong,
        Self::NotEnoughEvidence,
    ];

    /// The words in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DataGap => "data gap",
            Self::OverFit => "over-fit",
            Self::Hyperparameters => "hyperparameters",
            Self::Approach => "approach",
            Self::NothingWrong => "nothing wrong",
            Self::NotEnoughEvidence => "not enough evidence",
        }
    }
}

/// A conclusion, and the rule that led to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// What to do next.
    pub conclusion: Conclusion,
    /// Why, as a sentence.
    pub rule: &'static str,
}

/// The first rule that fits.
pub const fn diagnose(facts: &Facts) -> Diagnosis {
    use Conclusion::{Approach, DataGap, Hyperparameters, NotEnoughEvidence, NothingWrong, OverFit};
    let Facts { enough, train, test, train_to_validation, train_to_test, test_to_live, weak_slices, exhausted } =
        *facts;
    let (conclusion, rule) = match (enough, train, weak_slices, train_to_test, test_to_live, test) {
        (Seen::No, ..) => (NotEnoughEvidence, "fewer than 30 test tickets show nothing"),
        (Seen::Yes, Level::Bad, ..) => match exhausted {
            Seen::Yes => (
                Approach,
                "bad even on the tickets it was trained on, and two iterations of data and two of hyperparameters brought \
                 no shown gain",
            ),
            Seen::No => (Hyperparameters, "bad even on the tickets it was trained on"),
        },
        (Seen::Yes, _, Seen::Yes, ..) => (DataGap, "good elsewhere, and worse in these slices than chance explains"),
        (Seen::Yes, _, Seen::No, Fall::Shown, ..) => match train_to_validation {
            Fall::Shown => (OverFit, "good on training tickets, and worse on validation and test tickets alike"),
            Fall::NotShown => (
                DataGap,
                "as good on validation as on training tickets, and worse on test tickets: they are unlike both",
            ),
            Fall::Unknown => (
                NotEnoughEvidence,
                "worse on test than on training tickets: over-fit or other tickets, which a score on validation tickets \
                 would tell",
            ),
        },
        (Seen::Yes, _, Seen::No, _, Fall::Shown, _) => {
            (DataGap, "good on test tickets, and worse on live ones: the test set is unlike the desk")
        }
        (Seen::Yes, _, Seen::No, _, _, Level::Good) => (NothingWrong, "the wished share, and no slice stands out"),
        (Seen::Yes, Level::Unknown, Seen::No, _, _, Level::Bad) => (
            NotEnoughEvidence,
            "below the wished share throughout: data or hyperparameters, which a score on training tickets would tell",
        ),
        (Seen::Yes, Level::Good | Level::Unclear, Seen::No, _, _, Level::Bad) => {
            (NotEnoughEvidence, "below the wished share, and no fall from training tickets is shown")
        }
        (Seen::Yes, _, Seen::No, _, _, Level::Unclear | Level::Unknown) => {
            (NotEnoughEvidence, "below the wished share, but by no more than chance explains")
        }
    };
    Diagnosis { conclusion, rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn share(hits: u64, of: u64) -> Share {
        Share { hits, of }
    }

    #[track_caller]
    fn check(scores: Scores, weak_slices: usize, tried: Tried, expected: Conclusion) {
        let found = diagnose(&Facts::of(&scores, weak_slices, 0.8, tried));
        assert_eq!(found.conclusion, expected, "{}", found.rule);
    }

    #[test]
    fn the_truth_table() {
        let none = Tried::default();
        let test = |hits, of| Scores { test: share(hits, of), ..Scores::default() };
        let train = |scores: Scores, hits, of| Scores { train: Some(share(hits, of)), ..scores };
        let validation = |scores: Scores, hits, of| Scores { validation: Some(share(hits, of)), ..scores };
        let live = |scores: Scores, hits, of| Scores { live: Some(share(hits, of)), ..scores };

        check(test(20, 29), 1, none, Conclusion::NotEnoughEvidence);
        check(test(38, 50), 1, none, Conclusion::DataGap);
        check(train(test(38, 50), 480, 500), 1, none, Conclusion::DataGap);
        check(train(test(20, 50), 250, 500), 1, none, Conclusion::Hyperparameters);
        check(train(test(20, 50), 250, 500), 0, Tried { data: 2, hyperparameters: 1 }, Conclusion::Hyperparameters);
        check(train(test(20, 50), 250, 500), 0, Tried { data: 2, hyperparameters: 2 }, Conclusion::Approach);
        let fallen = train(test(30, 50), 490, 500);
        check(fallen, 0, none, Conclusion::NotEnoughEvidence);
        check(validation(fallen, 62, 100), 0, none, Conclusion::OverFit);
        check(validation(fallen, 96, 100), 0, none, Conclusion::DataGap);
        check(train(test(45, 50), 460, 500), 0, none, Conclusion::NothingWrong);
        check(live(train(test(45, 50), 460, 500), 120, 200), 0, none, Conclusion::DataGap);
        check(live(train(test(45, 50), 460, 500), 178, 200), 0, none, Conclusion::NothingWrong);
        check(test(20, 50), 0, none, Conclusion::NotEnoughEvidence);
        check(test(39, 50), 0, none, Conclusion::NotEnoughEvidence);
        check(train(test(60, 100), 65, 100), 0, none, Conclusion::Hyperparameters);
        check(train(test(60, 100), 74, 100), 0, none, Conclusion::NotEnoughEvidence);
    }

    fn all_facts() -> impl Iterator<Item = Facts> {
        let levels = Level::ALL.into_iter().flat_map(|train| Level::ALL.map(move |test| (train, test)));
        let falls =
            Fall::ALL.into_iter().flat_map(|a| Fall::ALL.into_iter().flat_map(move |b| Fall::ALL.map(|c| (a, b, c))));
        let falls: Vec<_> = falls.collect();
        let seen =
            Seen::ALL.into_iter().flat_map(|a| Seen::ALL.into_iter().flat_map(move |b| Seen::ALL.map(|c| (a, b, c))));
        let seen: Vec<_> = seen.collect();
        levels.flat_map(move |(train, test)| {
            let seen = seen.clone();
            falls.clone().into_iter().flat_map(move |(train_to_validation, train_to_test, test_to_live)| {
                seen.clone().into_iter().map(move |(enough, weak_slices, exhausted)| Facts {
                    enough,
                    train,
                    test,
                    train_to_validation,
                    train_to_test,
                    test_to_live,
                    weak_slices,
                    exhausted,
                })
            })
        })
    }

    #[test]
    fn over_all_facts_the_approach_is_blamed_last_and_nothing_is_praised_that_fails_somewhere() {
        let mut reached = std::collections::HashSet::new();
        for facts in all_facts() {
            let Diagnosis { conclusion, .. } = diagnose(&facts);
            reached.insert(conclusion);
            match conclusion {
                Conclusion::Approach => assert!(facts.exhausted == Seen::Yes && facts.train == Level::Bad),
                Conclusion::NothingWrong => assert!(
                    facts.weak_slices == Seen::No && facts.test == Level::Good && facts.test_to_live != Fall::Shown
                ),
                Conclusion::OverFit => assert_eq!(facts.train_to_validation, Fall::Shown),
                Conclusion::Hyperparameters => assert_eq!(facts.train, Level::Bad),
                Conclusion::DataGap => assert_eq!(facts.enough, Seen::Yes),
                Conclusion::NotEnoughEvidence => {}
            }
        }
        assert_eq!(reached.len(), Conclusion::ALL.len());
    }
}
