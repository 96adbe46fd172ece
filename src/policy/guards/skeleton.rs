//! The bare shape of a text: folded, without accents, look-alike letters replaced, cut into words.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::super::names::folded;

/// One word in every form under which a list may hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word<'text> {
    /// Letters and digits, folded.
    pub(super) plain: Cow<'text, str>,
    /// With digits read as letters (`f1re`); only for words that mix both.
    pub(super) digits_as_letters: Option<String>,
}

impl<'text> Word<'text> {
    fn new(plain: Cow<'text, str>) -> Self {
        let has_digit = plain.bytes().any(|byte| byte.is_ascii_digit());
        let is_mixed = has_digit && plain.chars().any(char::is_alphabetic);
        let digits_as_letters = is_mixed.then(|| plain.chars().map(digit_as_letter).collect());
        Self { plain, digits_as_letters }
    }

    /// The forms of the word.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        [Some(&*self.plain), self.digits_as_letters.as_deref()].into_iter().flatten()
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

/// Adds the words of a [`bare`] text in order. A run of single letters (`f i r e`, `f.i.r.e`) is read as one word and
/// stands after them.
pub(super) fn add_words<'text>(bare: &'text str, words: &mut Vec<Word<'text>>) {
    let mut run = String::new();
    let mut run_length = 0;
    for word in bare.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()) {
        if word.chars().nth(1).is_none() {
            run.push_str(word);
            run_length += 1;
        } else {
            end_run(words, &mut run, &mut run_length);
        }
        words.push(Word::new(Cow::Borrowed(word)));
    }
    end_run(words, &mut run, &mut run_length);
}

/// Fewer single letters than this are initials or a plural, more are a word pulled apart.
const SPACED_LETTERS_MIN: usize = 3;

fn end_run(words: &mut Vec<Word<'_>>, run: &mut String, run_length: &mut usize) {
    if *run_length >= SPACED_LETTERS_MIN {
        words.push(Word::new(Cow::Owned(std::mem::take(run))));
    }
    run.clear();
    *run_length = 0;
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
