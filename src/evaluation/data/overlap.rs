//! Does a test set overlap what a model was trained on? By id, by text, by normalised text, by nearness: every pair, with
//! the strongest of these that holds.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::domain::digest::Digest;

use super::near::{NearIndex, Sketch};
use super::text::ComparedText;

/// How two tickets are the same, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Likeness {
    /// The same ticket.
    Id,
    /// The same text but for white space.
    Text,
    /// The same words, where case, punctuation, numbers and identifiers do not count.
    Words,
    /// A Jaccard index of their word triples at or above the limit.
    Near,
}

impl Likeness {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Id, Self::Text, Self::Words, Self::Near];

    /// The word for reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "same_id",
            Self::Text => "same_text",
            Self::Words => "same_words",
            Self::Near => "near",
        }
    }
}

/// A test ticket and a training ticket that are the same in some way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Position of the test ticket.
    pub test: usize,
    /// Position of the training ticket.
    pub train: usize,
    /// How they are the same.
    pub likeness: Likeness,
    /// Jaccard index of their word triples.
    pub similarity: f64,
}

/// Most pairs that are kept of one test ticket, the strongest; a template that stands in the training set a thousand times is
/// no thousand findings.
pub const PAIRS_OF_ONE_MAX: usize = 20;

/// What a test set has in common with a training set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlap {
    /// Pairs, by test ticket, the strongest first.
    pub pairs: Vec<Pair>,
    /// Pairs that were found and not kept.
    pub more: usize,
}

impl Overlap {
    /// Test tickets that have a pair.
    pub fn test_tickets(&self) -> BTreeSet<usize> {
        self.pairs.iter().map(|pair| pair.test).collect()
    }

    /// Test tickets whose strongest pair is of this kind.
    pub fn of_kind(&self, likeness: Likeness) -> usize {
        let mut strongest: HashMap<usize, Likeness> = HashMap::new();
        for pair in &self.pairs {
            let kind = strongest.entry(pair.test).or_insert(pair.likeness);
            *kind = (*kind).min(pair.likeness);
        }
        strongest.into_values().filter(|kind| *kind == likeness).count()
    }
}

/// What training tickets have in common, looked up by a test ticket.
pub struct TrainingTexts<'text> {
    texts: &'text [ComparedText],
    ids: HashMap<&'text str, Vec<usize>>,
    words: HashMap<&'text [String], Vec<usize>>,
    sketches: Vec<Sketch>,
    index: NearIndex,
}

impl<'text> TrainingTexts<'text> {
    /// Reads the training tickets.
    pub fn new(texts: &'text [ComparedText]) -> Self {
        let (mut ids, mut words): (HashMap<_, Vec<usize>>, HashMap<_, Vec<usize>>) = Default::default();
        let mut index = NearIndex::default();
        let mut sketches = Vec::with_capacity(texts.len());
        for (at, text) in texts.iter().enumerate() {
            ids.entry(text.ticket_id.as_str()).or_default().push(at);
            words.entry(text.words.as_slice()).or_default().push(at);
            let sketch = Sketch::of(text);
            index.insert(at as u32, &sketch);
            sketches.push(sketch);
        }
        Self { texts, ids, words, sketches, index }
    }

    /// Every training ticket that is like this one, the strongest first.
    pub fn like(&self, text: &ComparedText, near: f64) -> Vec<(usize, Likeness, f64)> {
        let sketch = Sketch::of(text);
        let mut candidates: BTreeSet<usize> =
            self.index.candidates(&sketch).into_iter().map(|number| number as usize).collect();
        candidates.extend(self.ids.get(text.ticket_id.as_str()).into_iter().flatten());
        candidates.extend(self.words.get(text.words.as_slice()).into_iter().flatten());
        let judged = candidates.into_iter().filter_map(|at| {
            let similarity = sketch.similarity(&self.sketches[at]);
            likeness(text, &self.texts[at], similarity, near).map(|likeness| (at, likeness, similarity))
        });
        let mut like: Vec<(usize, Likeness, f64)> = judged.collect();
        like.sort_by(|one, other| one.1.cmp(&other.1).then(other.2.total_cmp(&one.2)).then(one.0.cmp(&other.0)));
        like
    }
}

fn likeness(one: &ComparedText, other: &ComparedText, similarity: f64, near: f64) -> Option<Likeness> {
    if one.ticket_id == other.ticket_id {
        Some(Likeness::Id)
    } else if one.exact == other.exact {
        Some(Likeness::Text)
    } else if one.words == other.words {
        Some(Likeness::Words)
    } else if similarity >= near {
        Some(Likeness::Near)
    } else {
        None
    }
}

/// What of a ticket is looked up: small enough to be kept of every ticket of a large set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextKey {
    ticket_id: String,
    exact: Digest,
    words: Digest,
}

impl From<&ComparedText> for TextKey {
    fn from(text: &ComparedText) -> Self {
        // No word holds a space.
        let words = Digest::of(text.words.join(" ").as_bytes());
        Self { ticket_id: text.ticket_id.clone(), exact: text.exact, words }
    }
}

/// Test tickets that are in training too, or have the words of a training ticket: all that can be told by looking up, in time
/// that grows with the tickets and not with their pairs. What is nearly the same, [`overlap`] finds.
pub fn same(test: &[TextKey], train: &[TextKey]) -> Vec<(usize, Likeness)> {
    let ids: HashSet<&str> = train.iter().map(|key| key.ticket_id.as_str()).collect();
    let exact: HashSet<Digest> = train.iter().map(|key| key.exact).collect();
    let words: HashSet<Digest> = train.iter().map(|key| key.words).collect();
    let likeness = |key: &TextKey| {
        let of_id = ids.contains(key.ticket_id.as_str()).then_some(Likeness::Id);
        let of_text = || exact.contains(&key.exact).then_some(Likeness::Text);
        let of_words = || words.contains(&key.words).then_some(Likeness::Words);
        of_id.or_else(of_text).or_else(of_words)
    };
    test.iter().enumerate().filter_map(|(at, key)| Some((at, likeness(key)?))).collect()
}

/// Every test ticket beside the training tickets. `progress` hears how many test tickets are done.
pub fn overlap(test: &[ComparedText], train: &[ComparedText], near: f64, mut progress: impl FnMut(usize)) -> Overlap {
    let training = TrainingTexts::new(train);
    let mut overlap = Overlap::default();
    for (at, text) in test.iter().enumerate() {
        let like = training.like(text, near);
        overlap.more += like.len().saturating_sub(PAIRS_OF_ONE_MAX);
        overlap.pairs.extend(like.into_iter().take(PAIRS_OF_ONE_MAX).map(|(train, likeness, similarity)| Pair {
            test: at,
            train,
            likeness,
            similarity,
        }));
        progress(at + 1);
    }
    overlap
}
