//! From text to token ids: the tokenizer of a Hugging Face directory, our own truncation, and no special token that a
//! ticket's text could smuggle in.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::Tokenizer;

use crate::domain::prediction::TicketFault;

use super::card::Truncation;
use super::classifier::Encoded;
use super::fault::LoadError;
use super::files::{ModelFiles, TOKENIZER, TOKENIZER_BYTES_MAX};
use super::render::Rendered;

/// A tokenizer that encodes tickets.
#[derive(Debug)]
pub struct Tokens {
    inner: Tokenizer,
    prefix: Vec<u32>,
    suffix: Vec<u32>,
    special: BTreeSet<u32>,
    unknown: Option<u32>,
    longest: usize,
    truncation: Truncation,
    vocabulary_size: usize,
}

/// Bounds of the model that reads the ids.
#[derive(Clone, Copy, Debug)]
pub struct TokenLimits {
    /// Longest input, special tokens included.
    pub tokens_max: usize,
    /// Which part of a longer text is kept.
    pub truncation: Truncation,
    /// Number of rows of the embedding table.
    pub vocabulary_size: usize,
    /// The id that positions are not counted for.
    pub padding: u32,
}

impl Tokens {
    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// A file that is missing, too large or no tokenizer; special tokens that leave no room for text.
    pub fn load(files: &ModelFiles, limits: TokenLimits) -> Result<Self, LoadError> {
        let bytes = files.bytes(TOKENIZER, TOKENIZER_BYTES_MAX)?;
        Self::parse(&bytes, limits)
            .map_err(|mistake| LoadError::Invalid { path: files.path(TOKENIZER), mistakes: vec![mistake] })
    }

    fn parse(bytes: &[u8], limits: TokenLimits) -> Result<Self, String> {
        let TokenLimits { tokens_max, truncation, vocabulary_size, padding } = limits;
        let mut tokenizer = guarded(|| Tokenizer::from_bytes(bytes))?;
        // What a trainer left switched on here would cut or pad a second time.
        tokenizer.with_truncation(None).map_err(|error| error.to_string())?;
        tokenizer.with_padding(None);
        let (prefix, suffix) = surroundings(&tokenizer)?;
        if prefix.len() + suffix.len() >= tokens_max {
            return Err(format!(
                "adds {} special tokens to every text; of {tokens_max} tokens none is left for the ticket",
                prefix.len() + suffix.len()
            ));
        }
        // From here on a special token that stands in a ticket's text is text.
        tokenizer.set_encode_special_tokens(true);
        let unknown = unknown_id(bytes, &tokenizer);
        let mut special: BTreeSet<u32> = tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .chain([padding])
            .collect();
        if let Some(unknown) = unknown {
            special.remove(&unknown);
        }
        Ok(Self {
            inner: tokenizer,
            prefix,
            suffix,
            special,
            unknown,
            longest: tokens_max,
            truncation,
            vocabulary_size,
        })
    }

    /// Longest input in tokens, special tokens included.
    pub fn tokens_max(&self) -> usize {
        self.longest
    }

    /// Encodes a text: special tokens around it, none in it, cut to the model's length.
    ///
    /// # Errors
    /// The tokenizer fails or panics on this text, or yields an id that the model has no row for.
    pub fn encode(&self, rendered: &Rendered) -> Result<Encoded, TicketFault> {
        let encoding = guarded(|| self.inner.encode_fast(rendered.text.as_str(), false));
        let encoding = encoding.map_err(TicketFault::Encoding)?;
        // A vocabulary that holds its special tokens as ordinary pieces (Unigram, WordPiece without splitting at
        // punctuation) can still produce them from text: they become the unknown token, or nothing.
        let is_text = |id: &u32| !self.special.contains(id);
        let neutral = |id: u32| if is_text(&id) { Some(id) } else { self.unknown };
        let text: Vec<u32> = encoding.get_ids().iter().filter_map(|id| neutral(*id)).collect();
        let room = self.longest - self.prefix.len() - self.suffix.len();
        let truncated = text.len() > room || rendered.is_cut;
        let ids = [self.prefix.as_slice(), &kept(text, room, self.truncation), &self.suffix].concat();
        match ids.iter().find(|id| **id as usize >= self.vocabulary_size) {
            Some(id) => Err(TicketFault::Encoding(format!(
                "token {id} is beyond the model's vocabulary of {}: tokenizer.json and weights do not belong together",
                self.vocabulary_size
            ))),
            None => Ok(Encoded { ids, truncated, ..Encoded::default() }),
        }
    }
}

fn kept(mut text: Vec<u32>, room: usize, truncation: Truncation) -> Vec<u32> {
    let surplus = text.len().saturating_sub(room);
    let first_dropped = match truncation {
        Truncation::Head => room.min(text.len()),
        Truncation::Tail => 0,
        Truncation::HeadTail => room.div_ceil(2).min(text.len()),
    };
    text.drain(first_dropped..first_dropped + surplus);
    text
}

/// The special tokens before and after a text, found by encoding one letter with and without them.
fn surroundings(tokenizer: &Tokenizer) -> Result<(Vec<u32>, Vec<u32>), String> {
    let ids =
        |special: bool| guarded(|| tokenizer.encode_fast("a", special)).map(|encoding| encoding.get_ids().to_vec());
    let (bare, framed) = (ids(false)?, ids(true)?);
    if bare.is_empty() {
        return Err("turns the letter `a` into no token at all".into());
    }
    let at = framed.windows(bare.len()).position(|window| window == bare);
    let at =
        at.ok_or("its post-processor changes the text's own tokens; only templates around a text are supported")?;
    Ok((framed[..at].to_vec(), framed[at + bare.len()..].to_vec()))
}

/// The id of the unknown token, by whichever of the three spellings the model in `tokenizer.json` uses.
fn unknown_id(bytes: &[u8], tokenizer: &Tokenizer) -> Option<u32> {
    let parsed: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let model = parsed.get("model")?;
    if let Some(id) = model.get("unk_id").and_then(serde_json::Value::as_u64) {
        return u32::try_from(id).ok();
    }
    tokenizer.token_to_id(model.get("unk_token")?.as_str()?)
}

/// The tokenizers crate has some hundred places that can panic on a strange file or text.
fn guarded<Value>(call: impl FnOnce() -> tokenizers::Result<Value>) -> Result<Value, String> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string().chars().take(300).collect()),
        Err(panic) => Err(format!("the tokenizer panicked: {}", super::bisect::panic_text(panic.as_ref()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_part_is_the_head_the_tail_or_both_ends() {
        let cut = |truncation| kept((0..10).collect(), 5, truncation);
        assert_eq!(cut(Truncation::Head), [0, 1, 2, 3, 4]);
        assert_eq!(cut(Truncation::Tail), [5, 6, 7, 8, 9]);
        assert_eq!(cut(Truncation::HeadTail), [0, 1, 2, 8, 9]);
        for truncation in Truncation::ALL {
            assert_eq!(kept(vec![1, 2], 5, truncation), [1, 2]);
            assert_eq!(kept(Vec::new(), 5, truncation), Vec::<u32>::new());
        }
    }
}
