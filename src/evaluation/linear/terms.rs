//! Terms of a text and their weights, as scikit-learn's `TfidfVectorizer` gives them with `token_pattern="[a-z0-9]+"`,
//! `ngram_range=(1, 2)`, `sublinear_tf=True`.

use std::collections::{BTreeMap, HashMap};

/// Most terms: the most frequent are kept. Ten thousand tickets have some hundred thousand pairs, most of them once.
const TERMS_MAX: usize = 200_000;

/// A term's column and its weight.
pub(super) type Features = Vec<(u32, f64)>;

/// The terms of a training set, each with its column and its idf.
pub(super) struct Vocabulary {
    columns: HashMap<String, u32>,
    idf: Vec<f64>,
}

impl Vocabulary {
    /// All terms of the texts; `None`: there is none.
    pub(super) fn of<'text>(texts: impl Iterator<Item = &'text str>) -> Option<Self> {
        let mut tickets_with: HashMap<String, u32> = HashMap::new();
        let mut tickets = 0_u32;
        for text in texts {
            tickets += 1;
            for term in counts_of(text).into_keys() {
                *tickets_with.entry(term).or_default() += 1;
            }
        }
        let mut terms: Vec<(String, u32)> = tickets_with.into_iter().collect();
        // Frequent first, then by the alphabet: the same columns at every run.
        terms.sort_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        terms.truncate(TERMS_MAX);
        // Smoothed, as if one more ticket held every term.
        let idf = |count: u32| ((1.0 + f64::from(tickets)) / (1.0 + f64::from(count))).ln() + 1.0;
        let idf: Vec<f64> = terms.iter().map(|(_, count)| idf(*count)).collect();
        let columns = terms.into_iter().zip(0..).map(|((term, _), column)| (term, column)).collect();
        (!idf.is_empty()).then_some(Self { columns, idf })
    }

    /// How many terms there are.
    pub(super) fn len(&self) -> usize {
        self.idf.len()
    }

    /// The terms in the order of their columns, and the idf of each.
    pub(super) fn parts(&self) -> (Vec<&str>, &[f64]) {
        let mut terms = vec![""; self.idf.len()];
        for (term, column) in &self.columns {
            terms[*column as usize] = term;
        }
        (terms, &self.idf)
    }

    /// The weights of a text's known terms, of length 1, by column.
    pub(super) fn features(&self, text: &str) -> Features {
        let mut counts: BTreeMap<u32, u32> = BTreeMap::new();
        each_term(text, |term| {
            if let Some(column) = self.columns.get(term) {
                *counts.entry(*column).or_default() += 1;
            }
        });
        let weigh = |(column, count): (u32, u32)| (column, (1.0 + f64::from(count).ln()) * self.idf[column as usize]);
        let mut features: Features = counts.into_iter().map(weigh).collect();
        let length = features.iter().map(|(_, weight)| weight * weight).sum::<f64>().sqrt();
        for (_, weight) in &mut features {
            *weight /= length;
        }
        features
    }
}

fn counts_of(text: &str) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    each_term(text, |term| *counts.entry(term.to_owned()).or_default() += 1);
    counts
}

/// Each word, then each pair of neighbours, as often as it stands there. Most terms of a new text are unknown: none is
/// copied before somebody knows it.
fn each_term(text: &str, mut take: impl FnMut(&str)) {
    let lower = text.to_lowercase();
    let is_gap = |character: char| !character.is_ascii_lowercase() && !character.is_ascii_digit();
    let words: Vec<&str> = lower.split(is_gap).filter(|word| !word.is_empty()).collect();
    for word in &words {
        take(word);
    }
    let mut pair = String::new();
    for neighbours in words.windows(2) {
        pair.clear();
        pair.extend([neighbours[0], " ", neighbours[1]]);
        take(&pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_words_and_pairs_of_neighbours() {
        let mut terms: Vec<String> = counts_of("Link-Down on Gi0/1, link").into_keys().collect();
        terms.sort();
        assert_eq!(terms, ["1", "1 link", "down", "down on", "gi0", "gi0 1", "link", "link down", "on", "on gi0"]);
    }

    #[test]
    fn weights_are_those_of_scikit_learn() {
        // TfidfVectorizer(token_pattern="[a-z0-9]+", sublinear_tf=True, ngram_range=(1, 2)) on these two texts, by hand:
        // "a": in both, idf 1, twice in the first: 1 + ln 2; "b", "a a", "a b": in one, idf ln(3/2) + 1.
        let vocabulary = Vocabulary::of(["a a b", "a c"].into_iter()).expect("terms");
        let rare = 1.5_f64.ln() + 1.0;
        let raw = [1.0 + 2.0_f64.ln(), rare, rare, rare];
        let length = raw.iter().map(|weight| weight * weight).sum::<f64>().sqrt();
        let mut found: Vec<f64> = vocabulary.features("a a b").into_iter().map(|(_, weight)| weight).collect();
        found.sort_by(f64::total_cmp);
        let mut expected = raw.map(|weight| weight / length);
        expected.sort_by(f64::total_cmp);
        assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-12), "{found:?}");
        assert_eq!(vocabulary.features("z"), []);
    }
}
