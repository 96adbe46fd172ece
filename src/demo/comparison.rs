//! Who says what the engineers say, on the same tickets. Pure.

use crate::domain::severity::Severity;
use crate::statistics::sign_test::Discordant;

/// Level of the one-sided tests: below this, a difference is called shown.
const LEVEL: f64 = 0.05;

/// Anytime-valid evidence that is as strong as [`LEVEL`]: 1/0.05. Doubling it asks for about one more win in a row.
const EVIDENCE_MIN: f64 = 20.0;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The severity that the source wrote into the ticket.
    Source,
    /// TF-IDF with logistic regression.
    Tfidf,
    /// The language model.
    Model,
}

impl Side {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Source, Self::Tfidf, Self::Model];

    /// Name in texts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "the source",
            Self::Tfidf => "TF-IDF",
            Self::Model => "the model",
        }
    }
}

/// What all three said of one drawn ticket, and what the engineer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The engineer's verdict.
    pub verdict: Severity,
    /// The source's word; `None`: it said nothing, which agrees with nobody.
    pub source: Option<Severity>,
    /// TF-IDF's answer.
    pub tfidf: Severity,
    /// The model's answer.
    pub model: Severity,
}

impl Compared {
    fn agrees(self, side: Side) -> bool {
        match side {
            Side::Source => self.source == Some(self.verdict),
            Side::Tfidf => self.tfidf == self.verdict,
            Side::Model => self.model == self.verdict,
        }
    }
}

/// Counts over all compared tickets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    verdicts: u64,
    source_silent: u64,
    agreed: [u64; 3],
    /// First: only the source agrees; second: only the model does.
    against_source: Discordant,
    /// First: only TF-IDF agrees; second: only the model does.
    against_tfidf: Discordant,
}

impl Comparison {
    /// Counts one ticket.
    pub fn add(&mut self, compared: Compared) {
        self.verdicts += 1;
        self.source_silent += u64::from(compared.source.is_none());
        for (agreed, side) in self.agreed.iter_mut().zip(Side::ALL) {
            *agreed += u64::from(compared.agrees(side));
        }
        let model = compared.agrees(Side::Model);
        for (pairs, other) in [(&mut self.against_source, Side::Source), (&mut self.against_tfidf, Side::Tfidf)] {
            let other = compared.agrees(other);
            pairs.first += u64::from(other && !model);
            pairs.second += u64::from(model && !other);
        }
    }

    /// Number of tickets with a verdict and all answers.
    pub const fn verdicts(&self) -> u64 {
        self.verdicts
    }

    /// How many of them the source said nothing about.
    pub const fn source_silent(&self) -> u64 {
        self.source_silent
    }

    /// How often this one said what the engineer said.
    pub const fn agreed(&self, side: Side) -> u64 {
        match side {
            Side::Source => self.agreed[0],
            Side::Tfidf => self.agreed[1],
            Side::Model => self.agreed[2],
        }
    }

    /// The model against the source, then against TF-IDF.
    pub const fn pairs(&self) -> [(Side, Discordant); 2] {
        [(Side::Source, self.against_source), (Side::Tfidf, self.against_tfidf)]
    }
}

/// Whether the number of tickets was fixed before anybody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Once, at an end that was fixed in advance: the one-sided sign test.
    Once,
    /// As long as somebody liked: evidence that holds whenever one stops.
    AtWill,
}

/// What the discordant tickets show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The model is better.
    Better,
    /// The model is worse.
    Worse,
    /// Too few to tell.
    TooFew,
}

/// What `pairs` (second: only the model agrees) shows.
pub fn shown(pairs: Discordant, looked: Looked) -> Shown {
    let swapped = Discordant { first: pairs.second, second: pairs.first };
    let is_shown = |counts: Discordant| match looked {
        Looked::Once => counts.second_is_better_p() < LEVEL,
        Looked::AtWill => counts.log10_evidence() >= EVIDENCE_MIN.log10(),
    };
    if is_shown(pairs) {
        Shown::Better
    } else if is_shown(swapped) {
        Shown::Worse
    } else {
        Shown::TooFew
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Severity::{Critical, High, Low, Medium};

    const fn discordant(first: u64, second: u64) -> Discordant {
        Discordant { first, second }
    }

    #[test]
    fn all_three_are_counted_on_the_same_tickets() {
        let mut comparison = Comparison::default();
        comparison.add(Compared { verdict: High, source: Some(High), tfidf: Medium, model: High });
        comparison.add(Compared { verdict: Low, source: None, tfidf: Low, model: Low });
        comparison.add(Compared { verdict: Critical, source: Some(Low), tfidf: Critical, model: High });
        assert_eq!(comparison.verdicts(), 3);
        assert_eq!(comparison.source_silent(), 1);
        assert_eq!(Side::ALL.map(|side| comparison.agreed(side)), [1, 2, 2]);
        assert_eq!(comparison.pairs(), [(Side::Source, discordant(0, 1)), (Side::Tfidf, discordant(1, 1))]);
    }

    #[test]
    fn a_source_that_says_nothing_agrees_with_nobody() {
        let mut comparison = Comparison::default();
        comparison.add(Compared { verdict: Low, source: None, tfidf: High, model: High });
        assert_eq!(Side::ALL.map(|side| comparison.agreed(side)), [0, 0, 0]);
    }

    #[test]
    fn four_wins_in_a_row_are_too_few_and_five_are_enough() {
        assert_eq!(shown(discordant(0, 0), Looked::Once), Shown::TooFew);
        assert_eq!(shown(discordant(0, 4), Looked::Once), Shown::TooFew);
        assert_eq!(shown(discordant(0, 5), Looked::Once), Shown::Better);
        assert_eq!(shown(discordant(5, 0), Looked::Once), Shown::Worse);
    }

    #[test]
    fn whoever_stops_at_will_needs_more_than_who_looks_once() {
        assert_eq!(shown(discordant(0, 5), Looked::AtWill), Shown::TooFew);
        assert_eq!(shown(discordant(5, 20), Looked::AtWill), Shown::Better);
        assert_eq!(shown(discordant(20, 5), Looked::AtWill), Shown::Worse);
    }
}
