//! Normalised text: what guards, digests and the model's renderer compare. Pure; nothing here knows what a ticket is.
//!
//! Two forms. [`normalised`] keeps upper and lower case and is what digests are made of; [`folded`] also drops the
//! difference of case and is what guards search. Both undo the tricks by which a text looks the same to a person and
//! different to a program: compatibility forms, invisible characters, direction overrides, odd spaces.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// NFKC, invisible and direction characters removed, every run of white space and control characters one space, ends
/// trimmed. Idempotent.
pub fn normalised(text: &str) -> String {
    in_normal_form(text).into_owned()
}

/// [`normalised`] without a copy of a text that is normal already, with a short way for ASCII: all there is to do then is
/// white space.
pub(super) fn in_normal_form(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(normalised_by_the_tables(text));
    }
    if is_ascii_in_normal_form(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    push_words_of_ascii(text, &mut normal);
    Cow::Owned(normal)
}

/// Whether all white space of a text of ASCII is single spaces between words. Without a way out in the middle, so that many
/// bytes are looked at at once: nearly every text is.
fn is_ascii_in_normal_form(ascii: &[u8]) -> bool {
    let (Some(first), Some(last)) = (ascii.first(), ascii.last()) else { return true };
    let is_space = |byte: u8| u8::from(byte == b' ');
    let controls = ascii.iter().fold(0, |found, &byte| found | u8::from(byte < b' ') | u8::from(byte == 0x7f));
    let pairs = ascii.iter().zip(&ascii[1..]).fold(0, |found, (&one, &next)| found | (is_space(one) & is_space(next)));
    controls | pairs | is_space(*first) | is_space(*last) == 0
}

/// Appends the words between white space and control characters, single spaces between them.
fn push_words_of_ascii(text: &str, words: &mut String) {
    let from = words.len();
    let is_space = |character: char| character <= ' ' || character == '\u{7f}';
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        if words.len() > from {
            words.push(' ');
        }
        words.push_str(word);
    }
}

fn normalised_by_the_tables(text: &str) -> String {
    // The invisible characters go first, so that letters which they kept apart can compose; NFKC makes no new ones.
    collapsed(text.chars().filter(|&character| !is_invisible(character)).nfkc())
}

/// [`normalised`] without the difference of upper and lower case.
///
/// Case is folded by upper-casing and then lower-casing each character, which the standard library can do without a
/// table of its own: `ß` becomes `ss` and both sigmas become one. Letters whose folding differs (the dotless `ı`
/// becomes `i`) differ towards more matches, which is the side on which a guard may err.
pub fn folded(text: &str) -> String {
    // Nothing in ASCII is invisible, composed or wide.
    if text.is_ascii() { folded_ascii(text) } else { folded_by_the_tables(text) }
}

fn folded_ascii(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    push_folded_ascii(text, &mut folded);
    folded
}

/// Appends [`folded`] of a text of ASCII: most of what a network says of itself, on the path of every ticket.
pub(super) fn push_folded_ascii(text: &str, folded: &mut String) {
    let from = folded.len();
    if is_ascii_in_normal_form(text.as_bytes()) {
        folded.push_str(text);
    } else {
        push_words_of_ascii(text, folded);
    }
    folded[from..].make_ascii_lowercase();
}

fn folded_by_the_tables(text: &str) -> String {
    let lower = text
        .chars()
        .filter(|&character| !is_invisible(character))
        .nfkc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase);
    collapsed(lower.nfkc())
}

/// Where a text must end so that it unfolds to at most `bytes_max` bytes: NFKC turns one Arabic ligature of three bytes into
/// eighteen letters, so a bound of the text alone is none of what is searched, digested and rendered.
pub fn end_unfolded(text: &str, bytes_max: usize) -> usize {
    let mut unfolded = 0;
    let is_over = |(_, character): &(usize, char)| {
        unicode_normalization::char::decompose_compatible(*character, |part| unfolded += part.len_utf8());
        unfolded > bytes_max
    };
    text.char_indices().find(is_over).map_or(text.len(), |(at, _)| at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_and_direction_characters_do_not_hide_a_word() {
        assert_eq!(folded("F\u{200b}I\u{2060}R\u{00ad}E"), "fire");
        assert_eq!(folded("\u{202e}fire\u{202c}"), "fire");
        assert_eq!(folded("fi\u{e0041}re"), "fire");
    }

    #[test]
    fn compatibility_forms_become_plain_letters() {
        assert_eq!(normalised("Ｆｉｒｅ ﬁre"), "Fire fire");
        assert_eq!(folded("ＦＩＲＥ"), "fire");
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        assert_eq!(folded("STRASSE Straße"), "strasse strasse");
        assert_eq!(folded("ΟΔΟΣ οδος οδοσ"), "οδοσ οδοσ οδοσ");
    }

    #[test]
    fn white_space_and_control_characters_collapse_to_one_space() {
        assert_eq!(normalised("  a\u{0}\r\n\t b\u{a0}\u{3000}c  "), "a b c");
        assert_eq!(normalised(" \n "), "");
    }

    #[test]
    fn a_text_ends_before_it_unfolds_to_more_than_its_bound() {
        assert_eq!(end_unfolded("abc", 3), 3);
        assert_eq!(end_unfolded("abcd", 3), 3);
        assert_eq!(end_unfolded("ﬁﬁ", 3), "ﬁ".len());
        assert_eq!(end_unfolded("\u{fdfa}", 32), 0);
        assert_eq!(end_unfolded("\u{fdfa}", 33), 3);
    }

    proptest::proptest! {
        #[test]
        fn the_short_way_for_ascii_folds_like_the_tables(text in "[\\x00-\\x7f]{0,40}") {
            proptest::prop_assert_eq!(folded(&text), folded_by_the_tables(&text));
        }

        #[test]
        fn the_short_way_for_ascii_normalises_like_the_tables(text in "[\\x00-\\x7f]{0,40}") {
            proptest::prop_assert_eq!(normalised(&text), normalised_by_the_tables(&text));
        }

        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,80}") {
            let once = normalised(&text);
            proptest::prop_assert_eq!(normalised(&once), once);
        }
    }
}
