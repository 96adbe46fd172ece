//! SHA-256 digests and the identifiers made from them.

use std::fmt;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

/// A SHA-256 digest; printed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Digest of bytes, and of the same bytes without a part of them. What stands before the part is digested once.
    pub fn with_and_without(bytes: &[u8], part: Range<usize>) -> (Self, Self) {
        let mut with = Sha256::new_with_prefix(&bytes[..part.start]);
        let without = with.clone().chain_update(&bytes[part.end..]);
        with.update(&bytes[part.start..]);
        (Self(with.finalize().into()), Self(without.finalize().into()))
    }

    /// Digest of several parts, each preceded by its length in eight bytes, so that no two lists of parts collide.
    pub fn of_parts<'part>(parts: impl IntoIterator<Item = &'part [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Reads 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        let mut all = 0;
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            let (high, low) = (NIBBLES[usize::from(pair[0])], NIBBLES[usize::from(pair[1])]);
            all |= high | low;
            *byte = high << 4 | (low & 15);
        }
        (all != NO_NIBBLE).then_some(Self(bytes))
    }

    /// The 64 lower-case hexadecimal digits, without a formatter: a decision holds a dozen digests.
    pub fn hexadecimal(&self) -> [u8; 64] {
        let mut digits = [0; 64];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = PAIRS[usize::from(byte)];
        }
        digits
    }

    /// The first twelve digits: enough for a screen or a metric label.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    pairs
};

/// What stands for a byte that is no hexadecimal digit; no digit has its bits.
const NO_NIBBLE: u8 = 0xff;

/// The value of each hexadecimal digit of either case: a start reads millions of digests.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [NO_NIBBLE; 256];
    let mut value = 0;
    while value < 16 {
        let digits = [b"0123456789abcdef"[value], b"0123456789ABCDEF"[value]];
        nibbles[digits[0] as usize] = value as u8;
        nibbles[digits[1] as usize] = value as u8;
        value += 1;
    }
    nibbles
};

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(std::str::from_utf8(&self.hexadecimal()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_the_published_vector_of_fips_180() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&digest.to_string()), Some(digest));
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), Some(digest));
        assert_eq!(Digest::parse("ba78"), None);
        assert_eq!(Digest::parse(&"+f".repeat(32)), None);
    }

    #[test]
    fn a_part_is_left_out_of_one_digest_alone() {
        let (with, without) = Digest::with_and_without(b"abcdef", 2..5);
        assert_eq!((with, without), (Digest::of(b"abcdef"), Digest::of(b"abf")));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(Digest::of_parts([b"ab".as_slice(), b"c"]), Digest::of_parts([b"a".as_slice(), b"bc"]));
    }
}
