//! Blocks as a terminal shows them: aligned tables, paragraphs of at most a hundred columns. No colours: a report is
//! read in files and pipes too.

use super::{Block, Document, Table};

/// Longest line of a paragraph.
const COLUMNS: usize = 100;

/// The report as text.
pub fn rendered(document: &Document) -> String {
    let mut text = String::new();
    for block in &document.blocks {
        match block {
            Block::Title(title) => push(&mut text, &format!("{title}\n{}", "=".repeat(title.chars().count()))),
            Block::Section(title) => push(&mut text, &format!("\n{title}\n{}", "-".repeat(title.chars().count()))),
            Block::Heading(title) => push(&mut text, title),
            Block::Text(paragraph) => push(&mut text, &wrapped(paragraph, "", "")),
            Block::Warning(paragraph) => push(&mut text, &wrapped(paragraph, "!! ", "   ")),
            Block::List(items) => {
                let lines: Vec<String> = items.iter().map(|item| wrapped(item, "  - ", "    ")).collect();
                push(&mut text, &lines.join("\n"));
            }
            Block::Table(table) => push(&mut text, &aligned(table)),
            // Its numbers stand in a table beside it.
            Block::Figure(_) => {}
        }
    }
    text
}

fn push(text: &mut String, block: &str) {
    text.push_str(block);
    text.push_str("\n\n");
}

fn wrapped(paragraph: &str, first: &str, rest: &str) -> String {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut is_begun = false;
    for word in paragraph.split(' ') {
        if is_begun && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            is_begun = false;
        }
        if is_begun {
            line.push(' ');
        }
        line.push_str(word);
        is_begun = true;
    }
    lines.push(line);
    lines.join("\n")
}

/// The first column to the left, the others to the right.
fn aligned(table: &Table) -> String {
    let width = |column: usize| {
        let cells = table.rows.iter().map(|row| row[column].chars().count());
        cells.chain([table.headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.headings.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if column == 0 { ("", padding.as_str()) } else { (padding.as_str(), "") };
            line.extend([if column == 0 { "" } else { "  " }, before, cell, after]);
        }
        line.trim_end().to_owned()
    };
    let mut lines = vec![line(&mut table.headings.iter().copied())];
    lines.extend(table.rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_aligned_by_characters_and_not_by_bytes() {
        let table = Table {
            headings: vec!["slice", "wrong"],
            rows: vec![vec!["wireless".into(), "8/11 (43–90)".into()], vec!["ü".into(), "0/3".into()]],
        };
        assert_eq!(aligned(&table), "slice            wrong\nwireless  8/11 (43–90)\nü                  0/3");
    }

    #[test]
    fn paragraphs_are_broken_between_words_and_indented() {
        let text = wrapped(&"word ".repeat(30), "  - ", "    ");
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS) && text.lines().count() == 2);
        assert!(text.starts_with("  - word") && text.contains("\n    word"));
    }
}
