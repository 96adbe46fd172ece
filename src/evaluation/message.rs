//! Patterns of messages: titles that differ only in what varies (ports, addresses, counters) are one pattern.
//!
//! After He, Zhu, Zheng, Lyu, "Drain: an online log parsing approach with fixed depth tree" (ICWS 2017): a title goes to the
//! patterns with as many words and the same first word, joins the most alike one if at least half of the words are
//! equal, and words that differ become `*`. What holds a digit varies from the start. Nothing is understood.

use std::collections::HashMap;

use crate::policy::text::folded;

/// Words of a title that are looked at: a pattern of more is a story.
const WORDS_MAX: usize = 16;
/// Patterns kept per first word and length; a title beyond has none.
const PATTERNS_MAX: usize = 64;
/// What stands for what varies.
const ANY: &str = "*";

/// The number of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PatternId(usize);

/// All patterns seen so far.
#[derive(Clone, Debug, Default)]
pub struct Patterns {
    patterns: Vec<Vec<String>>,
    by_start: HashMap<(usize, String), Vec<usize>>,
}

impl Patterns {
    /// Gives a title its pattern, which may widen the pattern. `None`: no words, or too many patterns that begin alike.
    pub fn add(&mut self, title: &str) -> Option<PatternId> {
        let words = words_of(title);
        let start = words.first()?.clone();
        let alike = self.by_start.entry((words.len(), start)).or_default();
        let best = alike
            .iter()
            .map(|&pattern| (equal_words(&self.patterns[pattern], &words), pattern))
            .max_by_key(|&(equal, pattern)| (equal, std::cmp::Reverse(pattern)));
        if let Some((equal, pattern)) = best
            && 2 * equal >= words.len()
        {
            for (kept, word) in self.patterns[pattern].iter_mut().zip(&words) {
                if kept != word {
                    ANY.clone_into(kept);
                }
            }
            return Some(PatternId(pattern));
        }
        if alike.len() >= PATTERNS_MAX {
            return None;
        }
        let pattern = self.patterns.len();
        alike.push(pattern);
        self.patterns.push(words);
        Some(PatternId(pattern))
    }

    /// A pattern as people read it.
    pub fn text(&self, pattern: PatternId) -> String {
        self.patterns[pattern.0].join(" ")
    }
}

fn equal_words(pattern: &[String], words: &[String]) -> usize {
    pattern.iter().zip(words).filter(|(kept, word)| kept == word).count()
}

fn words_of(title: &str) -> Vec<String> {
    let varies = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
    folded(title)
        .split_whitespace()
        .take(WORDS_MAX)
        .map(|word| if varies(word) { ANY.to_owned() } else { word.to_owned() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns_of(titles: &[&str]) -> Vec<String> {
        let mut patterns = Patterns::default();
        let found: Vec<Option<PatternId>> = titles.iter().map(|title| patterns.add(title)).collect();
        found.iter().map(|found| found.map_or(String::new(), |found| patterns.text(found))).collect()
    }

    #[test]
    fn titles_that_differ_in_what_varies_are_one_pattern() {
        let found = patterns_of(&[
            "Interface Gi0/1 down on core-1",
            "Interface Te1/7 down on edge-22",
            "BGP peer 10.0.0.1 lost",
            "interface gi0/9 down on lab",
        ]);
        assert_eq!(
            found,
            ["interface * down on *", "interface * down on *", "bgp peer * lost", "interface * down on *"]
        );
    }

    #[test]
    fn titles_with_little_in_common_are_patterns_of_their_own() {
        let found = patterns_of(&["fan tray failed again", "fan noise in lab"]);
        assert_eq!(found, ["fan tray failed again", "fan noise in lab"]);
    }

    #[test]
    fn an_empty_title_has_none_and_the_number_of_patterns_is_bounded() {
        assert_eq!(patterns_of(&["  "]), [""]);
        let mut patterns = Patterns::default();
        let letters = |number: usize| -> String {
            [number / 26, number % 26].iter().map(|&letter| (b'a' + letter as u8) as char).collect()
        };
        let given = (0..200).filter(|&number| patterns.add(&format!("x {0}q {0}r {0}s", letters(number))).is_some());
        assert_eq!(given.count(), PATTERNS_MAX);
    }
}
