//! The phrase book: what tickets say, from the text files in `phrases/`.
//!
//! Each bank holds phrases that all generators share and phrases of one generator alone. A phrase is a small
//! grammar: `[this|that]` is a choice, `{name}` a slot. Layouts, names and places are not here: `places`, `compose`.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::Generator;
use super::slots::Slots;

/// Share of a phrase draw that goes to the bank all generators share; the rest goes to the generator's own phrases.
/// The desk shares 82 % of its phrases with the training generators: with far less no small model trained on
/// generated text helps, with all of them the demonstration would be rigged. Asserted by a test, stated on the card.
pub const SHARED_SHARE: f64 = 0.82;

const FILES: [&str; 6] = [
    include_str!("phrases/impact.txt"),
    include_str!("phrases/modifier.txt"),
    include_str!("phrases/filler.txt"),
    include_str!("phrases/cause.txt"),
    include_str!("phrases/symptom.txt"),
    include_str!("phrases/third_party.txt"),
];

/// Phrases about one thing.
#[derive(Clone, Debug, Default)]
struct Bank {
    shared: Vec<&'static str>,
    own: [Vec<&'static str>; 3],
}

/// How many phrases of a ticket came from where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Jargon {
    /// Phrases that the training generators use too.
    pub shared: u32,
    /// Phrases of this generator alone.
    pub own: u32,
}

/// All phrases by bank.
#[derive(Clone, Debug)]
pub struct PhraseBook {
    banks: BTreeMap<&'static str, Bank>,
}

impl PhraseBook {
    /// Reads the phrase files, which are part of the program.
    ///
    /// # Panics
    /// On a malformed phrase file; a test draws from every bank.
    pub fn load() -> Self {
        let mut banks: BTreeMap<&'static str, Bank> = BTreeMap::new();
        for file in FILES {
            let mut bank = None;
            for line in file.lines().map(str::trim) {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let (mark, phrase) = line.split_once(' ').expect("a phrase line is a mark, a space and a text");
                if mark == "==" {
                    bank = Some(banks.entry(phrase).or_default());
                    continue;
                }
                let bank = bank.as_mut().expect("phrases follow the name of their bank");
                match mark {
                    "*" => bank.shared.push(phrase),
                    "a" => bank.own[Generator::A.index()].push(phrase),
                    "c" => bank.own[Generator::C.index()].push(phrase),
                    "d" => bank.own[Generator::Desk.index()].push(phrase),
                    other => unreachable!("phrase mark `{other}` is none of * a c d"),
                }
            }
        }
        Self { banks }
    }

    /// Names of all banks.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.banks.keys().copied()
    }

    /// One phrase of a bank, its choices made and its slots filled.
    ///
    /// # Panics
    /// When there is no such bank: names are written in this module tree, and a test draws from all of them.
    pub fn say(&self, bank: &str, generator: Generator, slots: &Slots, jargon: &mut Jargon, rng: &mut Rng) -> String {
        let phrases = self.banks.get(bank).expect("every bank that a scenario names is in the phrase files");
        let own = &phrases.own[generator.index()];
        let is_own = !own.is_empty() && (phrases.shared.is_empty() || rng.f64() >= SHARED_SHARE);
        let pool = if is_own { own } else { &phrases.shared };
        jargon.shared += u32::from(!is_own);
        jargon.own += u32::from(is_own);
        expand(pool[rng.usize(..pool.len())], slots, rng)
    }
}

/// Makes the choices of a phrase and fills its slots.
fn expand(phrase: &str, slots: &Slots, rng: &mut Rng) -> String {
    let mut text = String::with_capacity(phrase.len());
    let mut rest = phrase;
    while let Some(start) = rest.find(['[', '{']) {
        text.push_str(&rest[..start]);
        let is_choice = rest.as_bytes()[start] == b'[';
        let end =
            rest[start..].find(if is_choice { ']' } else { '}' }).expect("brackets of a phrase are closed") + start;
        let inside = &rest[start + 1..end];
        if is_choice {
            let choices: Vec<&str> = inside.split('|').collect();
            text.push_str(&expand(choices[rng.usize(..choices.len())], slots, rng));
        } else {
            text.push_str(&slots.fill(inside, rng));
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bank_has_shared_phrases_and_some_of_each_generator_and_all_of_them_expand() {
        let book = PhraseBook::load();
        let slots = Slots::example();
        let mut rng = Rng::with_seed(1);
        assert!(book.names().count() >= 50);
        for (name, bank) in &book.banks {
            assert!(bank.shared.len() >= 3, "{name}");
            assert!(bank.own.iter().all(|own| !own.is_empty()), "{name}");
            for phrase in bank.shared.iter().chain(bank.own.iter().flatten()) {
                let text = expand(phrase, &slots, &mut rng);
                assert!(!text.contains(['[', ']', '{', '}', '|']) && !text.is_empty(), "{name}: {text}");
            }
        }
    }

    #[test]
    fn choices_are_made_and_slots_filled() {
        let mut rng = Rng::with_seed(1);
        let text = expand("[a {site}|b {site}] down", &Slots::example(), &mut rng);
        assert!(text == "a Testhaven down" || text == "b Testhaven down", "{text}");
    }
}
