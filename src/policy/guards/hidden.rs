//! Text that people do not see or that only a machine reads: role tags, invisible tag letters, long base64.

use super::super::names::folded;
use super::skeleton::{Added, Words};

/// What kind of hidden text a field holds, in a closed word; `None` when it holds none. `added` are its words: for one line
/// of ASCII, their bare shape is the folded line.
pub(super) fn hidden_text(text: &str, words: &Words, added: &Added) -> Option<&'static str> {
    let is_ascii = text.is_ascii();
    if !is_ascii && text.chars().any(|character| ('\u{e0020}'..='\u{e007f}').contains(&character)) {
        return Some("invisible tag letters");
    }
    if has_base64(text) {
        return Some("long base64");
    }
    if is_ascii && !text.contains('\n') {
        return role_tag(words.bare(added), added.may_hold_tag);
    }
    // A line of which nothing begins as a tag or a speaker does need not be folded.
    let is_plain = |line: &str| is_ascii && !added.may_hold_tag && !may_name_speaker(line);
    text.lines().filter(|line| !is_plain(line)).find_map(|line| role_tag(&folded(line), added.may_hold_tag))
}

/// Marks with which chat templates separate speakers. None of them occurs in a ticket that was written for people.
const ROLE_TAGS: [&str; 14] = [
    "[inst]",
    "[/inst]",
    "<<sys>>",
    "<</sys>>",
    "<system>",
    "</system>",
    "<assistant>",
    "</assistant>",
    "<instructions>",
    "</instructions>",
    "### instruction",
    "### system",
    "begin_of_text",
    "begin system prompt",
];

/// Beginnings of a line that give it to a speaker. "System: Cisco 9300" is ordinary: it needs an instruction as well.
const SPEAKERS: [&str; 8] = [
    "system:",
    "system message:",
    "system update:",
    "system note:",
    "[system]",
    "developer:",
    "assistant:",
    "note to ai:",
];

/// Words that make a line after a speaker an instruction.
const INSTRUCTING: [&str; 12] = [
    "you",
    "your",
    "ignore",
    "disregard",
    "classify",
    "classified",
    "override",
    "treat",
    "respond",
    "instructions",
    "mark",
    "sure",
];

fn role_tag(line: &str, may_hold_tag: bool) -> Option<&'static str> {
    if may_hold_tag && (ROLE_TAGS.iter().any(|tag| line.contains(tag)) || has_special_token(line)) {
        return Some("role tag");
    }
    let start = line.trim_start_matches(|character: char| !character.is_alphanumeric() && character != '[');
    let rest = SPEAKERS.iter().find_map(|speaker| start.strip_prefix(speaker))?;
    let is_instruction =
        rest.split(|character: char| !character.is_alphanumeric()).any(|word| INSTRUCTING.contains(&word));
    is_instruction.then_some("role tag")
}

/// Whether a line of ASCII may give itself to a speaker: by its first letter.
fn may_name_speaker(line: &str) -> bool {
    let first = line.bytes().find(|byte| byte.is_ascii_alphanumeric() || *byte == b'[');
    first.is_some_and(|first| SPEAKERS.iter().any(|speaker| speaker.as_bytes()[0] == first.to_ascii_lowercase()))
}

/// `<|word|>`, as tokenizers write their special tokens.
fn has_special_token(line: &str) -> bool {
    line.match_indices("<|").any(|(at, _)| {
        let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
        // Cut at the first other character, so that a line of openings is read once and not once for each.
        let after = line[at + 2..].trim_start_matches(is_of_word);
        after.len() < line.len() - at - 2 && after.starts_with("|>")
    })
}

/// Characters of an unbroken run from which it may be a text in disguise: 45 bytes. Half as many would catch serial
/// numbers and interface names, twice as many would miss a sentence.
const BASE64_LENGTH_MIN: usize = 60;

fn has_base64(text: &str) -> bool {
    long_runs(text.as_bytes()).any(is_base64)
}

/// Unbroken runs of characters of base64 that are long enough. Bytes, not characters: no byte of a longer character is one
/// of base64. A run covers every place that is as far from the one before as it must be long, so hardly any other byte of a
/// text is looked at.
fn long_runs(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    let mut begin = 0;
    std::iter::from_fn(move || {
        while let Some(next) = bytes.get(begin..begin + BASE64_LENGTH_MIN) {
            if let Some(other) = next.iter().rposition(|byte| !is_of_base64(byte)) {
                begin += other + 1;
                continue;
            }
            let rest = &bytes[begin..];
            let length = rest.iter().position(|byte| !is_of_base64(byte)).unwrap_or(rest.len());
            begin += length;
            return Some(&rest[..length]);
        }
        None
    })
}

/// Long, of all kinds of characters, and without the separators that make a path or a name.
fn is_base64(run: &[u8]) -> bool {
    let count = |is_counted: fn(&u8) -> bool| run.iter().filter(|byte| is_counted(byte)).count();
    let separators = || count(|byte| matches!(byte, b'/' | b'-' | b'_' | b'+'));
    run.len() >= BASE64_LENGTH_MIN
        && count(u8::is_ascii_uppercase) * 8 >= run.len()
        && count(u8::is_ascii_lowercase) * 8 >= run.len()
        && count(u8::is_ascii_digit) * 40 >= run.len()
        && separators() * 12 <= run.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_runs_found_by_leaps_are_those_of_a_look_at_every_byte(
            lengths in proptest::collection::vec((0_usize..150, 0_usize..3), 0..6),
        ) {
            let text: String = lengths.iter().map(|(run, others)| "aB3".repeat(run.div_ceil(3))[..*run].to_owned() + &" ".repeat(*others)).collect();
            let every: Vec<&[u8]> = text.as_bytes().split(|byte| *byte == b' ').filter(|run| run.len() >= BASE64_LENGTH_MIN).collect();
            proptest::prop_assert_eq!(long_runs(text.as_bytes()).collect::<Vec<_>>(), every);
        }
    }

    fn may_hold_tag(text: &str) -> bool {
        Words::new().add(text).may_hold_tag
    }

    #[test]
    fn every_role_tag_passes_the_first_look() {
        assert!(ROLE_TAGS.iter().all(|tag| may_hold_tag(&format!("well{tag}then"))));
        assert!(may_hold_tag("<|im_start|>") && !may_hold_tag("port 3 of sw-1 went down before noon"));
    }

    #[test]
    fn every_speaker_passes_the_first_look() {
        assert!(SPEAKERS.iter().all(|speaker| may_name_speaker(&format!(" - {}", speaker.to_uppercase()))));
        assert!(!may_name_speaker("port 3 of sw-1 went down") && !may_name_speaker(" -- "));
    }

    proptest::proptest! {
        #[test]
        fn a_text_of_ascii_is_looked_at_as_line_by_line_without_a_short_way(text in "[ -~\n]{0,60}|[\n a]{0,3}(system|Developer|note to AI): (you|mark|x)[\n<|a>]{0,8}") {
            let mut words = Words::new();
            let added = words.add(&text);
            let plainly = if has_base64(&text) { Some("long base64") } else { text.lines().find_map(|line| role_tag(&folded(line), true)) };
            proptest::prop_assert_eq!(hidden_text(&text, &words, &added), plainly);
        }
    }
}
