//! Words of a stranger inside a message of ours: names of a file, what a parser quotes of it. A message goes to terminals
//! and logs, so nothing in it may move a cursor, and nobody reads a message of a megabyte.

/// Most lines: what a parser says takes five.
const LINES_MAX: usize = 16;

/// Longest line, in characters. A parser quotes the line that it stumbled over, however long that is.
const LINE_CHARS_MAX: usize = 400;

/// In one line of at most `chars_max` characters: control characters become spaces, and `…` stands for what was cut.
pub fn in_line(text: &str, chars_max: usize) -> String {
    let printable = text.chars().map(|character| if character.is_control() { ' ' } else { character });
    let mut line: String = printable.take(chars_max + 1).collect();
    if let Some((cut, _)) = line.char_indices().nth(chars_max) {
        line.truncate(cut);
        line.push('…');
    }
    line
}

/// In its own lines, each of them bounded, and not too many.
pub fn in_lines(text: &str) -> String {
    let lines = text.trim().lines().take(LINES_MAX).map(|line| in_line(line.trim_end(), LINE_CHARS_MAX));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_moves_a_cursor() {
        assert_eq!(in_line("a\u{1b}[2J\r\nb\u{85}", 20), "a [2J  b ");
        assert_eq!(in_lines("a\u{7f}b\r\n  ^\n"), "a b\n  ^");
    }

    #[test]
    fn a_message_is_cut_and_says_so_and_is_whole_exactly_at_its_bound() {
        assert_eq!(in_line("äöü", 3), "äöü");
        assert_eq!(in_line("äöüß", 3), "äöü…");
        assert_eq!(in_lines(&"x\n".repeat(1000)).lines().count(), LINES_MAX);
        assert_eq!(in_lines(&"x".repeat(100_000)).chars().count(), LINE_CHARS_MAX + 1);
    }
}
