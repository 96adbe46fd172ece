//! Near-duplicates: MinHash finds who may be alike, the Jaccard index of their word triples says whether they are.
//!
//! MinHash and banding after Broder (1997) and Leskovec, Rajaraman, Ullman, *Mining of Massive Datasets*, §3.3–3.4: of two
//! texts with Jaccard index J, a row of the sketch agrees with probability J, and some band of [`ROWS`] rows out of
//! [`BANDS`] with `1 − (1 − J^ROWS)^BANDS`. That only decides who is compared, never who is called alike.

use std::collections::HashMap;
use std::hash::Hasher as _;

use siphasher::sip::SipHasher24;

use crate::statistics::random::SeededRandom;

use super::text::ComparedText;

/// Words of a shingle. Two would call texts alike that share phrases, four would let one changed word hide a twin.
const SHINGLE_WORDS: usize = 3;
/// Rows of a band.
pub const ROWS: usize = 4;
/// Bands of a sketch. 32 bands of 4 rows overlook a pair of Jaccard 0.7 once in 6,000, and one of 0.8 once in 20 million.
pub const BANDS: usize = 32;
/// Seed of the hash functions: sketches of two runs are the same.
const SEED: u64 = 0x6e6f_6374_7269_6167;

/// From which Jaccard index on two texts are called alike, unless somebody says otherwise: of twenty words one may differ.
pub const NEAR: f64 = 0.7;

/// What is kept of a text: its shingles, and the keys of its bands.
#[derive(Clone, Debug)]
pub struct Sketch {
    shingles: Vec<u64>,
    bands: [u64; BANDS],
}

impl Sketch {
    /// The sketch of a text.
    pub fn of(text: &ComparedText) -> Self {
        let shingles = shingles(&text.words);
        let bands = band_keys(&shingles);
        Self { shingles, bands }
    }

    /// The Jaccard index of the shingles of two texts, exactly: 1 where they have the same, 0 where they share none.
    pub fn similarity(&self, other: &Self) -> f64 {
        let (mut own, mut others) = (self.shingles.iter().peekable(), other.shingles.iter().peekable());
        let mut common = 0_usize;
        while let (Some(one), Some(another)) = (own.peek(), others.peek()) {
            let order = one.cmp(another);
            common += usize::from(order.is_eq());
            if order.is_le() {
                own.next();
            }
            if order.is_ge() {
                others.next();
            }
        }
        let all = self.shingles.len() + other.shingles.len() - common;
        if all == 0 { 1.0 } else { common as f64 / all as f64 }
    }
}

/// Hashes of every three words in a row, sorted; a text of fewer words is one shingle.
fn shingles(words: &[String]) -> Vec<u64> {
    let hash = |words: &[String]| {
        let mut hasher = SipHasher24::new_with_keys(SEED, 0);
        for word in words {
            hasher.write(word.as_bytes());
            hasher.write_u8(b' ');
        }
        hasher.finish()
    };
    let mut shingles: Vec<u64> = if words.len() < SHINGLE_WORDS {
        if words.is_empty() { Vec::new() } else { vec![hash(words)] }
    } else {
        words.windows(SHINGLE_WORDS).map(hash).collect()
    };
    shingles.sort_unstable();
    shingles.dedup();
    shingles
}

fn band_keys(shingles: &[u64]) -> [u64; BANDS] {
    let mut salts = SeededRandom::new(SEED);
    let mut row = || {
        let salt = salts.next_u64();
        shingles.iter().map(|&shingle| SeededRandom::new(shingle ^ salt).next_u64()).min().unwrap_or(u64::MAX)
    };
    std::array::from_fn(|band| {
        let mut hasher = SipHasher24::new_with_keys(SEED, band as u64);
        for _ in 0..ROWS {
            hasher.write_u64(row());
        }
        hasher.finish()
    })
}

/// Finds who may be alike among the sketches that were put into it.
#[derive(Clone, Debug, Default)]
pub struct NearIndex {
    buckets: HashMap<u64, Vec<u32>>,
}

impl NearIndex {
    /// Puts a sketch in under a number of the caller's.
    pub fn insert(&mut self, number: u32, sketch: &Sketch) {
        for &key in &sketch.bands {
            self.buckets.entry(key).or_default().push(number);
        }
    }

    /// Numbers of all sketches that share a band with this one, in order.
    pub fn candidates(&self, sketch: &Sketch) -> Vec<u32> {
        let shared = sketch.bands.iter().filter_map(|key| self.buckets.get(key)).flatten();
        let mut numbers: Vec<u32> = shared.copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::super::text::words_of;
    use super::*;
    use crate::domain::digest::Digest;

    fn sketch(text: &str) -> Sketch {
        Sketch::of(&ComparedText { ticket_id: "T".into(), exact: Digest::default(), words: words_of(text) })
    }

    const LONG: &str = "customer reports that the wireless network in the canteen of the second floor loses its connection \
        every few minutes since the access points were replaced last week and a restart does not help";

    #[test]
    fn one_word_of_thirty_changed_is_alike_and_is_found() {
        let (one, other) = (sketch(LONG), sketch(&LONG.replace("canteen", "kitchen")));
        // 33 words have 31 shingles, three of which hold the changed one: 28 of 34 are common.
        assert!((one.similarity(&other) - 28.0 / 34.0).abs() < 1e-12);
        let mut index = NearIndex::default();
        index.insert(7, &one);
        assert_eq!(index.candidates(&other), [7]);
    }

    #[test]
    fn other_words_are_nobodys_twin() {
        let mut index = NearIndex::default();
        index.insert(0, &sketch(LONG));
        let other = sketch("power supply of the core router failed and the spare one runs hot");
        assert_eq!((index.candidates(&other), sketch(LONG).similarity(&other)), (Vec::new(), 0.0));
    }

    #[test]
    fn short_texts_are_alike_only_when_they_are_equal() {
        assert_eq!(sketch("link down").similarity(&sketch("Link  down!")), 1.0);
        assert_eq!(sketch("link down").similarity(&sketch("link up")), 0.0);
        assert_eq!(sketch("!!").similarity(&sketch("??")), 1.0);
    }

    #[test]
    fn bands_agree_as_often_as_the_formula_says() {
        // Texts of 40 words of which the first k are common: pairs of a known Jaccard index.
        let mut random = SeededRandom::new(3);
        let mut word =
            || format!("w{}", "abcdefghij".chars().cycle().skip(random.below(10)).take(6).collect::<String>());
        let mut found = 0;
        let (mut expected, pairs) = (0.0, 200);
        for _ in 0..pairs {
            let common: Vec<String> = (0..24).map(|_| word()).collect();
            let mut text = |tail: usize| {
                let mut words = common.clone();
                words.extend((0..tail).map(|at| format!("{}{}", word(), "x".repeat(at + 1))));
                Sketch::of(&ComparedText { ticket_id: "T".into(), exact: Digest::default(), words })
            };
            let (one, other) = (text(12), text(12));
            let jaccard = one.similarity(&other);
            expected += 1.0 - (1.0 - jaccard.powi(ROWS as i32)).powi(BANDS as i32);
            let mut index = NearIndex::default();
            index.insert(0, &one);
            found += index.candidates(&other).len();
        }
        let deviation = 3.0 * f64::from(pairs).sqrt() / 2.0;
        assert!((found as f64 - expected).abs() < deviation && expected < 180.0, "{found} found, {expected} expected");
    }
}
