//! Phrases and how they are found: whole words, in order, in one pass over the text.
//!
//! The built-in lists are written in a small notation: `a|b` is either word, `word*` any ending, `~` up to four words
//! in between. A phrase of one long word is also found inside words run together.

use std::collections::HashMap;
use std::sync::Arc;

use super::skeleton::{Word, bare};

/// Words that `~` may skip. Twice as many would join two sentences; half as many would miss "ignore all of the previous".
const GAP_WORDS_MAX: usize = 4;

/// One phrase of a list.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    text: Arc<str>,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    /// One of these words.
    Word(Vec<Pattern>),
    /// Up to [`GAP_WORDS_MAX`] words.
    Gap,
}

#[derive(Clone, Debug)]
struct Pattern {
    letters: String,
    is_prefix: bool,
}

impl Pattern {
    fn matches(&self, word: &Word<'_>) -> bool {
        word.forms().any(|form| if self.is_prefix { form.starts_with(&self.letters) } else { form == self.letters })
    }

    fn key(&self) -> Key {
        key_of(&self.letters)
    }
}

/// The first two letters of a word: the index of a phrase set.
type Key = (Option<char>, Option<char>);

fn key_of(letters: &str) -> Key {
    let mut characters = letters.chars();
    (characters.next(), characters.next())
}

impl Phrase {
    /// A phrase of the built-in lists.
    pub(super) fn built_in(text: &str) -> Self {
        let parts = text
            .split(' ')
            .map(|part| match part {
                "~" => Part::Gap,
                words => Part::Word(words.split('|').map(pattern).collect()),
            })
            .collect();
        Self { text: Arc::from(text), parts }
    }

    /// A phrase of the configuration: words and trailing `*` only; `None` when no word is left.
    pub(super) fn of_site(text: &str) -> Option<Self> {
        let bare = bare(text);
        let is_of_word = |character: char| character.is_alphanumeric() || character == '*';
        let parts: Vec<Part> = bare
            .split(|character| !is_of_word(character))
            .filter(|word| word.chars().any(char::is_alphanumeric))
            .map(|word| Part::Word(vec![pattern(word)]))
            .collect();
        (!parts.is_empty()).then(|| Self { text: Arc::from(text), parts })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn first_patterns(&self) -> &[Pattern] {
        match self.parts.first() {
            Some(Part::Word(patterns)) => patterns,
            Some(Part::Gap) | None => &[],
        }
    }

    /// Where the phrase ends if it starts at `start`, reading no word that is masked.
    fn end_from(&self, words: &[Word<'_>], masked: &Mask, start: usize) -> Option<usize> {
        end_of(&self.parts, words, masked, start)
    }
}

fn pattern(word: &str) -> Pattern {
    match word.strip_suffix('*') {
        Some(letters) => Pattern { letters: letters.replace('*', ""), is_prefix: true },
        None => Pattern { letters: word.replace('*', ""), is_prefix: false },
    }
}

fn end_of(parts: &[Part], words: &[Word<'_>], masked: &Mask, at: usize) -> Option<usize> {
    let Some((first, rest)) = parts.split_first() else { return Some(at) };
    match first {
        Part::Word(patterns) => {
            let word = words.get(at)?;
            let is_read = !masked.covers(at);
            (is_read && patterns.iter().any(|pattern| pattern.matches(word)))
                .then(|| end_of(rest, words, masked, at + 1))
                .flatten()
        }
        Part::Gap => (0..=GAP_WORDS_MAX).find_map(|skipped| end_of(rest, words, masked, at + skipped)),
    }
}

/// Words that are not read, one flag for each: a lookup that a text full of harmless phrases cannot make slow.
#[derive(Clone, Debug, Default)]
pub(super) struct Mask(Vec<bool>);

impl Mask {
    fn covers(&self, word: usize) -> bool {
        self.0.get(word).copied().unwrap_or(false)
    }
}

/// Places of phrases by the first two letters of a first word: a table for letters and digits of ASCII, which nearly all
/// words begin with, and a map for the rest.
#[derive(Clone, Debug)]
struct ByKey {
    plain: Vec<Vec<usize>>,
    others: HashMap<Key, Vec<usize>>,
}

/// Letters, digits, and the end of a word of one letter.
const PLACES: usize = 37;

impl ByKey {
    fn new() -> Self {
        Self { plain: vec![Vec::new(); PLACES * PLACES], others: HashMap::new() }
    }

    fn place(letter: Option<char>) -> Option<usize> {
        match letter {
            None => Some(0),
            Some(letter @ 'a'..='z') => Some(letter as usize - 'a' as usize + 1),
            Some(digit @ '0'..='9') => Some(digit as usize - '0' as usize + 27),
            Some(_) => None,
        }
    }

    fn slot((first, second): Key) -> Option<usize> {
        Some(Self::place(first)? * PLACES + Self::place(second)?)
    }

    fn add(&mut self, key: Key, index: usize) {
        match Self::slot(key) {
            Some(slot) => self.plain[slot].push(index),
            None => self.others.entry(key).or_default().push(index),
        }
    }

    fn get(&self, key: Key) -> &[usize] {
        match Self::slot(key) {
            Some(slot) => &self.plain[slot],
            None => self.others.get(&key).map_or(&[], Vec::as_slice),
        }
    }
}

/// A list of phrases, indexed by the first letters of their first word.
#[derive(Clone, Debug)]
pub(super) struct PhraseSet {
    phrases: Vec<Phrase>,
    by_key: ByKey,
    /// Phrases as they read when all spaces are left out, long enough to be no part of an ordinary word; by their first
    /// bytes, so that a long word is searched for thousands of spellings in one pass.
    run_together: HashMap<Start, Vec<(String, usize)>>,
}

/// Letters that a phrase run together needs. Shorter ones are parts of ordinary words (`fire` of `firewall`).
const RUN_TOGETHER_LETTERS_MIN: usize = 12;

/// First bytes of a phrase run together.
type Start = [u8; START_BYTES];

/// Bytes of [`Start`]: fewer would make more spellings share one, more would not fit the shortest spelling.
const START_BYTES: usize = 8;

const _: () = assert!(START_BYTES <= RUN_TOGETHER_LETTERS_MIN, "every spelling has a start");

impl PhraseSet {
    pub(super) fn new(phrases: Vec<Phrase>) -> Self {
        let mut by_key = ByKey::new();
        let mut run_together: HashMap<Start, Vec<(String, usize)>> = HashMap::new();
        for (index, phrase) in phrases.iter().enumerate() {
            for pattern in phrase.first_patterns() {
                by_key.add(pattern.key(), index);
            }
            for letters in run_together_forms(&phrase.parts) {
                if let Some(start) = letters.as_bytes().first_chunk() {
                    run_together.entry(*start).or_default().push((letters, index));
                }
            }
        }
        Self { phrases, by_key, run_together }
    }

    /// The first phrase found, in the order of the text.
    pub(super) fn first_match(&self, words: &[Word<'_>], masked: &Mask) -> Option<Arc<str>> {
        (0..words.len()).find_map(|start| {
            self.at(words, masked, start)
                .next()
                .map(|(index, _)| index)
                .or_else(|| self.inside(&words[start]))
                .map(|index| self.phrases[index].text.clone())
        })
    }

    /// The words that any phrase covers.
    pub(super) fn mask(&self, words: &[Word<'_>]) -> Mask {
        let mut mask = Mask(vec![false; words.len()]);
        for start in 0..words.len() {
            for (_, end) in self.at(words, &Mask::default(), start) {
                mask.0[start..end].fill(true);
            }
        }
        mask
    }

    fn at<'set>(
        &'set self,
        words: &'set [Word<'set>],
        masked: &'set Mask,
        start: usize,
    ) -> impl Iterator<Item = (usize, usize)> + 'set {
        words[start]
            .forms()
            .flat_map(|form| self.by_key.get(key_of(form)))
            .filter_map(move |&index| self.phrases[index].end_from(words, masked, start).map(|end| (index, end)))
    }

    fn inside(&self, word: &Word<'_>) -> Option<usize> {
        if word.plain.len() < RUN_TOGETHER_LETTERS_MIN {
            return None;
        }
        word.forms().find_map(|form| {
            (0..form.len()).find_map(|at| {
                let rest = &form.as_bytes()[at..];
                let spellings = self.run_together.get(rest.first_chunk::<START_BYTES>()?)?;
                spellings.iter().find_map(|(letters, index)| rest.starts_with(letters.as_bytes()).then_some(*index))
            })
        })
    }
}

/// Every spelling of a phrase without spaces; a gap counts as nothing. Short spellings are left out.
fn run_together_forms(parts: &[Part]) -> Vec<String> {
    let mut forms = vec![String::new()];
    for part in parts {
        match part {
            Part::Word(patterns) => {
                forms = forms
                    .iter()
                    .flat_map(|form| patterns.iter().map(move |pattern| format!("{form}{}", pattern.letters)))
                    .collect();
            }
            Part::Gap => {}
        }
    }
    forms.retain(|form| form.len() >= RUN_TOGETHER_LETTERS_MIN);
    forms
}
