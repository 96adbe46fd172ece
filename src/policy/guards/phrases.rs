//! Phrases and how they are found: whole words, in order, in one pass over the text.
//!
//! The built-in lists are written in a small notation: `a|b` is either word, `word*` any ending, `~` up to four words
//! in between. A phrase of one long word is also found inside words run together.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::skeleton::{Word, Words, bare};

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
    fn matches(&self, word: Word<'_>) -> bool {
        word.forms().any(|form| if self.is_prefix { form.starts_with(&self.letters) } else { form == self.letters })
    }
}

/// The first two letters of a word.
type Key = u64;

fn key_of(letters: &str) -> Key {
    let mut characters = letters.chars().map(u64::from);
    // No letter has the number 0.
    let mut next = || characters.next().unwrap_or(0);
    next() << 32 | next()
}

/// The key of a beginning of one letter.
fn key_of_first(word: &str) -> Key {
    word.chars().next().map_or(0, |letter| u64::from(letter) << 32)
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
    fn end_from(&self, words: &Words, masked: &Mask, start: usize) -> Option<usize> {
        end_of(&self.parts, words, masked, start)
    }
}

fn pattern(word: &str) -> Pattern {
    match word.strip_suffix('*') {
        Some(letters) => Pattern { letters: letters.replace('*', ""), is_prefix: true },
        None => Pattern { letters: word.replace('*', ""), is_prefix: false },
    }
}

fn end_of(parts: &[Part], words: &Words, masked: &Mask, at: usize) -> Option<usize> {
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

/// Words that are not read, one flag for each up to the last: a lookup that a text full of harmless phrases cannot make slow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mask(Vec<bool>);

impl Mask {
    fn covers(&self, word: usize) -> bool {
        self.0.get(word).copied().unwrap_or(false)
    }

    fn cover(&mut self, from: usize, to: usize) {
        if self.0.len() < to {
            self.0.resize(to, false);
        }
        self.0[from..to].fill(true);
    }
}

/// Lists of phrases, one bit each.
pub(super) type Lists = u8;

/// Not a list: the word is so long that a phrase run together may lie inside it.
const INSIDE: Lists = 1 << 7;

/// A word with which phrases of some lists may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) at: usize,
    lists: Lists,
}

#[cfg(test)]
impl Start {
    /// A word that is passed over for no list.
    pub(super) const fn of_every_list(at: usize) -> Self {
        Self { at, lists: Lists::MAX }
    }
}

/// Of which lists a phrase may begin with a word at all, by a hash of it. Nearly every word of a text begins none, and is
/// passed over by one look instead of one in each table of each list.
#[derive(Clone, Debug)]
pub(super) struct Beginnings {
    lists: Box<[Lists; Beginnings::PLACES]>,
    /// Whether any beginning has a single byte: none of our own lists has.
    has_shortest: bool,
}

impl Default for Beginnings {
    fn default() -> Self {
        Self { lists: Box::new([0; Self::PLACES]), has_shortest: false }
    }
}

impl Beginnings {
    /// Some hundred beginnings take one in thirty of them. Four times as many would leave the first cache.
    const PLACES: usize = 1 << 14;

    fn place(hash: u64) -> usize {
        (hash.wrapping_mul(MIXING) >> 50) as usize
    }

    /// A whole word: by its length, its first and its last letters.
    fn of_whole(word: &[u8]) -> usize {
        let ends = match (word.first_chunk(), word.last_chunk()) {
            (Some(first), Some(last)) => u64::from_le_bytes(*first) ^ u64::from_le_bytes(*last).rotate_left(29),
            _ => word.iter().fold(0, |letters, &byte| letters << 8 | u64::from(byte)),
        };
        Self::place(ends ^ (word.len() as u64) << 56)
    }

    /// A beginning, by as many letters as a [`WordStart`] has.
    fn of_long(word: &[u8]) -> usize {
        Self::place(u64::from(word_start(word)) | 1 << 62)
    }

    /// A shorter one, of two bytes.
    fn of_short(word: &[u8]) -> Option<usize> {
        word.first_chunk::<2>().map(|two| Self::place(u64::from(u16::from_le_bytes(*two)) | 1 << 63))
    }

    /// One of a single byte.
    fn of_shortest(word: &[u8]) -> Option<usize> {
        word.first().map(|one| Self::place(u64::from(*one) | 3 << 62))
    }

    /// Adds the beginnings of a list.
    pub(super) fn add_all(&mut self, list: &PhraseSet) {
        for pattern in list.phrases.iter().flat_map(Phrase::first_patterns) {
            let letters = pattern.letters.as_bytes();
            let place = match pattern.is_prefix {
                false => Some(Self::of_whole(letters)),
                true if ByStart::is_short(pattern) => Self::of_short(letters).or_else(|| Self::of_shortest(letters)),
                true => Some(Self::of_long(letters)),
            };
            if let Some(place) = place {
                self.lists[place] |= list.bit;
                self.has_shortest |= pattern.is_prefix && letters.len() == 1;
            }
        }
    }

    /// The lists of which a phrase may begin with a word, or lie inside it; `None` for nearly every word.
    pub(super) fn start(&self, words: &Words, at: usize) -> Option<Start> {
        let of_form = |form: &[u8]| {
            let at = |place: Option<usize>| place.map_or(0, |place| self.lists[place]);
            let short = at(Self::of_short(form));
            let shortest = if self.has_shortest { at(Self::of_shortest(form)) } else { 0 };
            let inside = if form.len() >= RUN_TOGETHER_LETTERS_MIN { INSIDE } else { 0 };
            self.lists[Self::of_whole(form)] | self.lists[Self::of_long(form)] | short | shortest | inside
        };
        let lists = words.forms(at).into_iter().fold(0, |lists, form| lists | of_form(form));
        (lists != 0).then_some(Start { at, lists })
    }
}

/// Places of phrases by the beginning of their first word.
#[derive(Clone, Debug, Default)]
struct ByStart {
    /// By the first bytes: words that are whole, and beginnings that are at least as long as a [`WordStart`].
    long: HashMap<WordStart, Vec<usize>, BuildHasherDefault<Mix>>,
    /// By the first two letters, or the one that they have: shorter beginnings.
    short: HashMap<Key, Vec<usize>, BuildHasherDefault<Mix>>,
}

/// The first bytes of a word, zeros where it ends before: enough that hardly any other word of a text shares them.
type WordStart = u32;

fn word_start(word: &[u8]) -> WordStart {
    match word.first_chunk() {
        Some(start) => WordStart::from_le_bytes(*start),
        None => word.iter().rev().fold(0, |start, &byte| start << 8 | WordStart::from(byte)),
    }
}

impl ByStart {
    /// A beginning that is shorter than a [`WordStart`]: the words that it begins have many of those.
    fn is_short(pattern: &Pattern) -> bool {
        pattern.is_prefix && pattern.letters.len() < size_of::<WordStart>()
    }

    fn add(&mut self, pattern: &Pattern, index: usize) {
        let places = if Self::is_short(pattern) {
            self.short.entry(key_of(&pattern.letters)).or_default()
        } else {
            self.long.entry(word_start(pattern.letters.as_bytes())).or_default()
        };
        // A phrase whose alternatives begin alike is looked at once.
        if places.last() != Some(&index) {
            places.push(index);
        }
    }

    /// Phrases that may begin with a word, in the order of the list.
    fn get(&self, word: &str) -> Vec<usize> {
        let long = self.long.get(&word_start(word.as_bytes()));
        let (key, first) = (key_of(word), key_of_first(word));
        let short = self.short.get(&key);
        let shortest = if key == first { None } else { self.short.get(&first) };
        let mut places: Vec<usize> = [long, short, shortest].into_iter().flatten().flatten().copied().collect();
        places.sort_unstable();
        places
    }
}

/// An odd number without a pattern: the golden ratio in 64 bits.
const MIXING: u64 = 0x9e37_79b9_7f4a_7c15;

/// A hash of one number by one multiplication: the lists are ours and the site's, nobody can choose them to collide.
#[derive(Clone, Copy, Debug, Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        // The high half is folded down, since tables look at both ends.
        let product = (self.0 ^ number).wrapping_mul(MIXING);
        self.0 = product ^ (product >> 32);
    }
}

/// A list of phrases, indexed by the beginning of their first word.
#[derive(Clone, Debug)]
pub(super) struct PhraseSet {
    /// Its bit among [`Lists`].
    bit: Lists,
    phrases: Vec<Phrase>,
    by_start: ByStart,
    /// Phrases as they read when all spaces are left out, long enough to be no part of an ordinary word; by their first
    /// bytes, so that a long word is searched for thousands of spellings in one pass.
    run_together: HashMap<RunStart, Vec<(String, usize)>, BuildHasherDefault<Mix>>,
    /// Which starts stand in `run_together` at all.
    starts_together: RunStarts,
}

/// One bit for each hash of a start: hardly any place in a long word needs more than this look.
#[derive(Clone, Debug)]
struct RunStarts(Box<[u64; RunStarts::WORDS]>);

impl Default for RunStarts {
    fn default() -> Self {
        Self(Box::new([0; Self::WORDS]))
    }
}

impl RunStarts {
    /// 32,768 bits: a list has some hundred starts.
    const WORDS: usize = 512;

    fn place(start: RunStart) -> (usize, u64) {
        let bit = start.wrapping_mul(MIXING) >> 49;
        ((bit / 64) as usize, 1 << (bit % 64))
    }

    fn add(&mut self, start: RunStart) {
        let (word, bit) = Self::place(start);
        self.0[word] |= bit;
    }

    fn has(&self, start: RunStart) -> bool {
        let (word, bit) = Self::place(start);
        self.0[word] & bit != 0
    }
}

/// Letters that a phrase run together needs. Shorter ones are parts of ordinary words (`fire` of `firewall`).
const RUN_TOGETHER_LETTERS_MIN: usize = 12;

/// First bytes of a phrase run together.
type RunStart = u64;

/// Bytes of [`RunStart`]: fewer would make more spellings share one, more would not fit the shortest spelling.
const START_BYTES: usize = size_of::<RunStart>();

const _: () = assert!(START_BYTES <= RUN_TOGETHER_LETTERS_MIN, "every spelling has a start");

impl PhraseSet {
    /// `number` tells the lists of one search apart.
    pub(super) fn new(number: u8, phrases: Vec<Phrase>) -> Self {
        let mut by_start = ByStart::default();
        let mut run_together: HashMap<RunStart, Vec<(String, usize)>, BuildHasherDefault<Mix>> = HashMap::default();
        let mut starts_together = RunStarts::default();
        for (index, phrase) in phrases.iter().enumerate() {
            for pattern in phrase.first_patterns() {
                by_start.add(pattern, index);
            }
            for letters in run_together_forms(&phrase.parts) {
                if let Some(start) = letters.as_bytes().first_chunk() {
                    let start = RunStart::from_le_bytes(*start);
                    starts_together.add(start);
                    run_together.entry(start).or_default().push((letters, index));
                }
            }
        }
        Self { bit: 1 << number, phrases, by_start, run_together, starts_together }
    }

    /// The first phrase found, in the order of the text. `starts` are the words that [`Beginnings`] let pass.
    pub(super) fn first_match(&self, words: &Words, starts: &[Start], masked: &Mask) -> Option<Arc<str>> {
        starts.iter().filter(|start| start.lists & (self.bit | INSIDE) != 0).find_map(|start| {
            self.at(words, masked, start.at)
                .next()
                .map(|(index, _)| index)
                .or_else(|| self.inside(words.get(start.at)?))
                .map(|index| self.phrases[index].text.clone())
        })
    }

    /// The words that any phrase covers.
    pub(super) fn mask(&self, words: &Words, starts: &[Start]) -> Mask {
        let mut mask = Mask::default();
        for start in starts.iter().filter(|start| start.lists & self.bit != 0) {
            for (_, end) in self.at(words, &Mask::default(), start.at) {
                mask.cover(start.at, end);
            }
        }
        mask
    }

    fn at<'set>(
        &'set self,
        words: &'set Words,
        masked: &'set Mask,
        start: usize,
    ) -> impl Iterator<Item = (usize, usize)> + 'set {
        let forms = words.get(start).into_iter().flat_map(Word::forms);
        forms
            .flat_map(|form| self.by_start.get(form))
            .filter_map(move |index| self.phrases[index].end_from(words, masked, start).map(|end| (index, end)))
    }

    fn inside(&self, word: Word<'_>) -> Option<usize> {
        if word.plain.len() < RUN_TOGETHER_LETTERS_MIN {
            return None;
        }
        word.forms().find_map(|form| {
            let bytes = form.as_bytes();
            bytes.windows(START_BYTES).enumerate().find_map(|(at, window)| {
                let start = RunStart::from_le_bytes(*window.first_chunk()?);
                if !self.starts_together.has(start) {
                    return None;
                }
                let spellings = self.run_together.get(&start)?;
                let rest = &bytes[at..];
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
