//! Pseudonyms of people: the same person is the same name in all verdicts of a site, and nobody without the site's key
//! can tell which login it is.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// The secret that pseudonyms are made with: the key of the draws, under a purpose of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PseudonymKey(pub [u8; 16]);

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PseudonymKey(***)")
    }
}

impl PseudonymKey {
    /// The pseudonym of a login: `p-` and sixteen hexadecimal digits (64 bits: two of 10,000 people share one with a
    /// chance of 3 in a million million). Case and white space around the login make no difference.
    pub fn pseudonym_of(self, login: &str) -> String {
        let mut message = b"reviewer\x1f".to_vec();
        message.extend_from_slice(login.trim().to_lowercase().as_bytes());
        let code = hmac_sha256(&self.0, &message);
        code[..8].iter().fold("p-".to_owned(), |name, byte| name + &format!("{byte:02x}"))
    }
}

/// HMAC with SHA-256 (RFC 2104) for keys of at most 64 bytes, which ours are.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    assert!(key.len() <= 64, "longer keys would have to be hashed first");
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reproduces_the_second_vector_of_rfc_4231() {
        let code = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        let digits = crate::domain::digest::Digest(code).to_string();
        assert_eq!(digits, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_login_has_one_pseudonym_and_another_key_another_one() {
        let key = PseudonymKey([7; 16]);
        assert_eq!(key.pseudonym_of(" Jane.Doe "), key.pseudonym_of("jane.doe"));
        assert_ne!(key.pseudonym_of("jane.doe"), key.pseudonym_of("john.doe"));
        assert_ne!(key.pseudonym_of("jane.doe"), PseudonymKey([8; 16]).pseudonym_of("jane.doe"));
        assert!(!key.pseudonym_of("jane.doe").contains("jane"));
        assert_eq!(format!("{key:?}"), "PseudonymKey(***)");
    }
}
