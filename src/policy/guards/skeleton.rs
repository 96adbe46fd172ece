//! The bare shape of a text: folded, without accents, look-alike letters replaced, cut into words.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::super::names::folded;
use super::super::text::push_folded_ascii;

/// One word in every form under which a list may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'words> {
    /// Letters and digits, folded.
    pub(super) plain: &'words str,
    /// With digits read as letters (`f1re`); only for words that mix both.
    pub(super) digits_as_letters: Option<&'words str>,
}

impl<'words> Word<'words> {
    /// The forms of the word.
    pub(super) fn forms(self) -> impl Iterator<Item = &'words str> {
        [Some(self.plain), self.digits_as_letters].into_iter().flatten()
    }
}

const fn digit_as_letter(character: char) -> char {
    match character {
        '0' => 'o',
        '1' => 'i',
        '3' => 'e',
        '4' => 'a',
        '5' => 's',
        '7' => 't',
        other => other,
    }
}

/// The words of several texts in order. A run of single letters (`f i r e`, `f.i.r.e`) is read as one word and stands after
/// them. All letters lie in one piece of memory, since there is a word for every few letters and a search for every ticket.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    /// The bare texts; behind each, the forms of its words that do not stand in it.
    letters: String,
    places: Vec<Place>,
}

/// Where a piece of `letters` begins and ends, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    from: usize,
    to: usize,
}

/// Where the forms of a word lie.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Of a run that has not been joined yet: from its first letter to its last.
    plain: Span,
    /// Empty where the word has no such form.
    digits_as_letters: Span,
    kind: Kind,
}

/// What a word is made of, one bit each.
type Kind = u8;
const LETTER: Kind = 1;
const DIGIT: Kind = 2;
/// Numerals that are no digit of ASCII: none is read as a letter.
const OTHER: Kind = 4;
/// Single letters that are still to be joined.
const RUN: Kind = 8;
const OF_WORD: Kind = LETTER | DIGIT | OTHER;
/// With which a tag begins; no part of a word.
const OPENING: Kind = 16;

/// The kinds of the bytes of ASCII.
const ASCII_KINDS: [Kind; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        kinds[byte as usize] = if byte.is_ascii_alphabetic() {
            LETTER
        } else if byte.is_ascii_digit() {
            DIGIT
        } else if matches!(byte, b'[' | b'<' | b'#') {
            OPENING
        } else {
            0
        };
        byte += 1;
    }
    kinds
};

/// A text whose words were added: where its bare shape lies, and what else was seen on the way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    bare: Span,
    /// Whether a role tag may begin in it; surely not where it is false.
    pub(super) may_hold_tag: bool,
}

/// Letters and words for which there is room from the start: those of a ticket of one screen.
const LETTERS_USUAL: usize = 2048;
const WORDS_USUAL: usize = 256;

impl Words {
    /// No words yet.
    pub(super) fn new() -> Self {
        Self { letters: String::with_capacity(LETTERS_USUAL), places: Vec::with_capacity(WORDS_USUAL) }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// The word at a place; `None` behind the last.
    pub(super) fn get(&self, at: usize) -> Option<Word<'_>> {
        let &Place { plain, digits_as_letters, kind: _ } = self.places.get(at)?;
        let has_other_form = digits_as_letters.from < digits_as_letters.to;
        Some(Word { plain: self.text(plain), digits_as_letters: has_other_form.then(|| self.text(digits_as_letters)) })
    }

    /// The forms of the word at a place, as bytes; none behind the last.
    pub(super) fn forms(&self, at: usize) -> impl IntoIterator<Item = &[u8]> {
        let bytes = |span: Span| (span.from < span.to).then(|| &self.letters.as_bytes()[span.from..span.to]);
        let place = self.places.get(at);
        let spans = place.map(|&Place { plain, digits_as_letters, kind: _ }| [plain, digits_as_letters]);
        spans.into_iter().flatten().filter_map(bytes)
    }

    /// The bare shape of a text.
    pub(super) fn bare(&self, added: &Added) -> &str {
        self.text(added.bare)
    }

    fn text(&self, span: Span) -> &str {
        &self.letters[span.from..span.to]
    }

    /// Adds the words of a text.
    pub(super) fn add(&mut self, text: &str) -> Added {
        self.add_as(text, text.is_ascii())
    }

    fn add_as(&mut self, text: &str, is_ascii: bool) -> Added {
        let (from, first) = (self.letters.len(), self.places.len());
        let may_hold_tag = if is_ascii {
            push_folded_ascii(text, &mut self.letters);
            self.split_ascii(from)
        } else {
            self.letters.push_str(&bare(text));
            self.split_characters(from);
            true
        };
        let bare = Span { from, to: self.letters.len() };
        for at in first..self.places.len() {
            self.complete(at);
        }
        Added { bare, may_hold_tag }
    }

    /// Places of the words from one byte on, all of ASCII. Whether any byte or word may begin a role tag.
    fn split_ascii(&mut self, from: usize) -> bool {
        let bytes = self.letters.as_bytes();
        let mut run = Run::default();
        let mut may_hold_tag = false;
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            let begin = at;
            let mut kind = ASCII_KINDS[usize::from(byte)];
            at += 1;
            if kind & OF_WORD == 0 {
                may_hold_tag |= kind == OPENING;
                continue;
            }
            while let Some(&byte) = bytes.get(at)
                && ASCII_KINDS[usize::from(byte)] & OF_WORD != 0
            {
                kind |= ASCII_KINDS[usize::from(byte)];
                at += 1;
            }
            may_hold_tag |= bytes[begin..at].ends_with(b"begin");
            run.add(&mut self.places, Span { from: begin, to: at }, kind, at - begin == 1);
        }
        run.end(&mut self.places);
        may_hold_tag
    }

    /// The same for all letters that there are.
    fn split_characters(&mut self, from: usize) {
        let text = &self.letters[from..];
        let mut run = Run::default();
        let is_of_word = |character: char| character.is_alphanumeric();
        for word in text.split(|character| !is_of_word(character)).filter(|word| !word.is_empty()) {
            let begin = from + (word.as_ptr() as usize - text.as_ptr() as usize);
            let span = Span { from: begin, to: begin + word.len() };
            run.add(&mut self.places, span, kind_of(word), word.chars().nth(1).is_none());
        }
        run.end(&mut self.places);
    }

    /// Writes the forms of a word that do not stand in its text.
    fn complete(&mut self, at: usize) {
        let Place { mut plain, kind, .. } = self.places[at];
        if kind & RUN != 0 {
            let joined: String = self.text(plain).chars().filter(|&character| character.is_alphanumeric()).collect();
            plain = self.append(&joined);
        }
        let mut digits_as_letters = Span::default();
        if kind & LETTER != 0 && kind & DIGIT != 0 {
            let other: String = self.text(plain).chars().map(digit_as_letter).collect();
            digits_as_letters = self.append(&other);
        }
        self.places[at] = Place { plain, digits_as_letters, kind };
    }

    fn append(&mut self, form: &str) -> Span {
        let from = self.letters.len();
        self.letters.push_str(form);
        Span { from, to: self.letters.len() }
    }
}

fn kind_of(word: &str) -> Kind {
    word.chars().fold(0, |kind, character| {
        kind | if character.is_ascii_digit() {
            DIGIT
        } else if character.is_alphabetic() {
            LETTER
        } else {
            OTHER
        }
    })
}

/// Single letters and digits that follow each other.
#[derive(Debug, Default)]
struct Run {
    length: usize,
    span: Span,
    kind: Kind,
}

/// Fewer single letters than this are initials or a plural, more are a word pulled apart.
const SPACED_LETTERS_MIN: usize = 3;

impl Run {
    /// Adds a word, and before it the run that it ends.
    fn add(&mut self, places: &mut Vec<Place>, plain: Span, kind: Kind, is_single: bool) {
        if is_single {
            let from = if self.length == 0 { plain.from } else { self.span.from };
            *self = Self { length: self.length + 1, span: Span { from, to: plain.to }, kind: self.kind | kind };
        } else {
            self.end(places);
        }
        places.push(Place { plain, digits_as_letters: Span::default(), kind });
    }

    fn end(&mut self, places: &mut Vec<Place>) {
        if self.length >= SPACED_LETTERS_MIN {
            places.push(Place { plain: self.span, digits_as_letters: Span::default(), kind: self.kind | RUN });
        }
        *self = Self::default();
    }
}

/// Folded text without accents and with look-alike letters replaced.
pub(super) fn bare(text: &str) -> String {
    if text.is_ascii() {
        return folded(text);
    }
    let mut bare = String::with_capacity(text.len());
    for character in folded(text).nfd().filter(|&character| !is_combining_mark(character)) {
        match letters_of(character) {
            Some(letters) => bare.push_str(letters),
            None => bare.push(character),
        }
    }
    bare
}

/// Latin letters behind a letter that looks like them or that no decomposition reaches. Written by hand: the letters
/// with which an English sentence can be spelled so that a person reads it and a list does not.
const fn letters_of(character: char) -> Option<&'static str> {
    Some(match character {
        'а' | 'α' | 'ɑ' | 'ᴀ' => "a",
        'в' | 'ь' | 'ʙ' | 'β' => "b",
        'с' | 'ϲ' | 'ᴄ' => "c",
        'ԁ' | 'ɗ' | 'ᴅ' | 'đ' => "d",
        'е' | 'ε' | 'ҽ' | 'ᴇ' | 'є' => "e",
        'ꜰ' | 'ƒ' => "f",
        'ɡ' | 'ɢ' | 'ց' => "g",
        'һ' | 'հ' | 'ʜ' | 'н' => "h",
        'і' | 'ι' | 'ı' | 'ɪ' | 'ӏ' => "i",
        'ј' | 'ᴊ' => "j",
        'к' | 'κ' | 'ᴋ' => "k",
        'ł' | 'ʟ' | 'ⅼ' => "l",
        'м' | 'ᴍ' => "m",
        'п' | 'ɴ' | 'ո' | 'η' => "n",
        'о' | 'ο' | 'օ' | 'ᴏ' | 'ø' | 'σ' => "o",
        'р' | 'ρ' | 'ᴘ' => "p",
        'ԛ' => "q",
        'ʀ' | 'г' => "r",
        'ѕ' | 'ꜱ' => "s",
        'т' | 'τ' | 'ᴛ' => "t",
        'ս' | 'υ' | 'ᴜ' => "u",
        'ν' | 'ѵ' | 'ᴠ' => "v",
        'ԝ' | 'ѡ' | 'ᴡ' | 'ω' => "w",
        'х' | 'χ' => "x",
        'у' | 'γ' | 'ү' | 'ʏ' => "y",
        'ᴢ' => "z",
        'æ' => "ae",
        'œ' => "oe",
        'ß' => "ss",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words_of(text: &str, is_ascii: bool) -> Vec<(String, Option<String>)> {
        let mut words = Words::new();
        words.add_as(text, is_ascii);
        (0..words.len())
            .filter_map(|at| words.get(at))
            .map(|Word { plain, digits_as_letters }| (plain.to_owned(), digits_as_letters.map(str::to_owned)))
            .collect()
    }

    #[test]
    fn a_word_has_its_plain_form_and_one_with_letters_for_digits() {
        let plain = |word: &str| (word.to_owned(), None);
        assert_eq!(
            words_of("F1re in  rack-12!", true),
            [("f1re".to_owned(), Some("fire".to_owned())), plain("in"), plain("rack"), plain("12")]
        );
    }

    #[test]
    fn single_letters_are_words_and_three_of_them_one_more() {
        let plain =
            |text: &str, is_ascii| words_of(text, is_ascii).into_iter().map(|(plain, _)| plain).collect::<Vec<_>>();
        assert_eq!(plain("a f.i r e on b c", true), ["a", "f", "i", "r", "e", "afire", "on", "b", "c"]);
        assert_eq!(plain("é t é là", false), ["e", "t", "e", "ete", "la"]);
        assert_eq!(words_of("f 1 r e", true).last().unwrap().1.as_deref(), Some("fire"));
    }

    proptest::proptest! {
        #[test]
        fn words_of_ascii_are_the_same_by_bytes_and_by_characters(text in "[\\x00-\\x7f]{0,60}|[a-c1 .]{0,20}") {
            proptest::prop_assert_eq!(words_of(&text, true), words_of(&text, false));
        }
    }
}
