//! Which model acts in the demo: the better of the two on the scores that stand on the card.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::demo::bundle::Unpacked;
use crate::demo::comparison::{Looked, Shown, shown};
use crate::domain::prediction::ModelRole;
use crate::inference::files;
use crate::statistics::sign_test::Discordant;

/// Who plays which part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Directory of the acting model.
    pub acting: PathBuf,
    /// Directory of TF-IDF, always the baseline.
    pub baseline: PathBuf,
    /// Directory of a candidate, where the language model does not act.
    pub candidate: Option<PathBuf>,
    /// In which capacity the language model answers.
    pub model_role: ModelRole,
    /// What its card says of it, where that must be said.
    pub note: Option<String>,
}

impl Cast {
    /// The model that the user names acts whatever its card says; the bundled one only if it is not worse than TF-IDF.
    ///
    /// # Errors
    /// A card that cannot be read.
    pub fn choose(named: Option<&Path>, bundle: &Unpacked) -> io::Result<Self> {
        let (model, tfidf) = (named.map_or_else(|| bundle.model(), Path::to_path_buf), bundle.tfidf());
        let plain = Self {
            acting: model.clone(),
            baseline: tfidf.clone(),
            candidate: None,
            model_role: ModelRole::Acting,
            note: None,
        };
        if named.is_some() {
            return Ok(plain);
        }
        let scores = CardScores::read(&fs::read_to_string(model.join(files::CARD))?);
        let note = scores.note();
        if is_worse(scores.against_tfidf) {
            let candidate = Some(model);
            return Ok(Self { acting: tfidf, candidate, model_role: ModelRole::Candidate, note, ..plain });
        }
        Ok(Self { note, ..plain })
    }
}

/// The held-out comparison on a card: `[scores.comparison]`, `v1_against_source` and `v1_against_tfidf`. First: only the
/// other was right; second: only the model was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CardScores {
    /// Against the severity that the source writes; `None`: not on the card.
    pub against_source: Option<Discordant>,
    /// Against TF-IDF; `None`: not on the card.
    pub against_tfidf: Option<Discordant>,
}

impl CardScores {
    /// Reads them; the loader checks the card itself, and a card without scores is one.
    pub fn read(card: &str) -> Self {
        let table: Table = card.parse().unwrap_or_default();
        let comparison = table.get("scores").and_then(|scores| scores.get("comparison"));
        let count = |row: &Value, name: &str| row.get(name)?.as_integer().and_then(|count| u64::try_from(count).ok());
        let pair = |name: &str| {
            let row = comparison?.get(name)?;
            Some(Discordant { first: count(row, "losses")?, second: count(row, "wins")? })
        };
        Self { against_source: pair("v1_against_source"), against_tfidf: pair("v1_against_tfidf") }
    }

    fn note(self) -> Option<String> {
        let Self { against_source, against_tfidf } = self;
        match (is_worse(against_tfidf), is_worse(against_source)) {
            (true, true) => Some(
                "The card says that TF-IDF and the source's own severity beat the language model: TF-IDF acts, the \
                 model is a candidate."
                    .to_owned(),
            ),
            (true, false) => Some(
                "The card says that TF-IDF beats the language model: TF-IDF acts, the model is a candidate.".to_owned(),
            ),
            (false, true) => Some("The card says that the source's own severity beats the model.".to_owned()),
            (false, false) if against_tfidf.is_none() => {
                Some("The model's card has no scores beside TF-IDF's: it acts here unproved.".to_owned())
            }
            (false, false) => None,
        }
    }
}

/// Measurably worse on held-out tickets, whose number was fixed before they were drawn.
fn is_worse(pair: Option<Discordant>) -> bool {
    pair.is_some_and(|pair| shown(pair, Looked::Once) == Shown::Worse)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(against_source: (u64, u64), against_tfidf: (u64, u64)) -> String {
        let row = |(wins, losses)| format!("{{ wins = {wins}, losses = {losses}, one_sided_p = 0.5 }}");
        format!(
            "name = \"x\"\n[scores.comparison]\nv1_against_source = {}\nv1_against_tfidf = {}\n",
            row(against_source),
            row(against_tfidf)
        )
    }

    #[track_caller]
    fn check(card: &str, tfidf_acts: bool, note: Option<&str>) {
        let scores = CardScores::read(card);
        assert_eq!(is_worse(scores.against_tfidf), tfidf_acts);
        let found = scores.note();
        assert_eq!(found.is_some(), note.is_some(), "{found:?}");
        assert!(found.unwrap_or_default().contains(note.unwrap_or_default()));
    }

    #[test]
    fn a_model_that_is_better_or_no_worse_acts_without_a_word() {
        check(&card((300, 200), (250, 180)), false, None);
        check(&card((100, 100), (90, 100)), false, None);
    }

    #[test]
    fn a_model_that_tfidf_beats_measurably_does_not_act() {
        check(&card((300, 200), (100, 160)), true, Some("TF-IDF acts"));
        check(&card((100, 200), (100, 160)), true, Some("source's own severity beat the language model"));
    }

    #[test]
    fn a_source_that_beats_the_model_is_said_but_a_source_cannot_act() {
        check(&card((100, 200), (250, 180)), false, Some("source's own severity beats the model"));
    }

    #[test]
    fn a_card_without_scores_is_said_to_have_none() {
        check("name = \"x\"\n", false, Some("unproved"));
        check("scores = 3", false, Some("unproved"));
    }
}
