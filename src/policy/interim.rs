//! Stand-ins for `text` and `identity`, which are being written beside this.

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;

use super::decided::ActionKind;

pub(super) fn idempotency_key(ticket_id: &TicketId, action: ActionKind, input: Digest, reopen_count: u32) -> Digest {
    Digest::of_parts([
        b"noctriage.idempotency_key/1".as_slice(),
        ticket_id.as_str().as_bytes(),
        action.as_str().as_bytes(),
        &input.0,
        &reopen_count.to_be_bytes(),
    ])
}

/// Normalised without the difference of upper and lower case.
///
/// Case is folded by upper-casing and then lower-casing each character, which the standard library can do without a
/// table of its own: `ß` becomes `ss` and both sigmas become one. Letters whose folding differs (the dotless `ı`
/// becomes `i`) differ towards more matches, which is the side on which a guard may err.
pub(super) fn folded(text: &str) -> String {
    let lower = text
        .chars()
        .filter(|&character| !is_invisible(character))
        .nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    collapsed(lower.nfkc())
}

fn collapsed(characters: impl Iterator<Item = char>) -> String {
    let mut text = String::new();
    let mut is_space_due = false;
    for character in characters {
        if character.is_whitespace() || character.is_control() {
            is_space_due = !text.is_empty();
        } else {
            if is_space_due {
                text.push(' ');
                is_space_due = false;
            }
            text.push(character);
        }
    }
    text
}

/// Characters that show nothing: soft hyphen, joiners, zero-width spaces, direction marks and overrides, variation
/// selectors, fillers, the byte order mark and the invisible tag letters.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{00ad}'
            | '\u{034f}'
            | '\u{061c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
