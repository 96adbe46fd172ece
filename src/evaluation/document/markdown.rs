//! Blocks as Markdown, for pull requests and wikis.

use super::{Block, Document, Table};

/// The report as Markdown.
pub fn rendered(document: &Document) -> String {
    let blocks: Vec<String> = document.blocks.iter().filter_map(block).collect();
    blocks.join("\n\n") + "\n"
}

fn block(block: &Block) -> Option<String> {
    Some(match block {
        Block::Title(text) => format!("# {}", escaped(text)),
        Block::Section(text) => format!("## {}", escaped(text)),
        Block::Heading(text) => format!("**{}**", escaped(text)),
        Block::Text(text) => escaped(text),
        Block::Warning(text) => format!("> **{}**", escaped(text)),
        Block::List(items) => items.iter().map(|item| format!("- {}", escaped(item))).collect::<Vec<_>>().join("\n"),
        Block::Table(table) => table_of(table),
        // Its numbers stand in a table beside it.
        Block::Figure(_) => return None,
    })
}

fn table_of(table: &Table) -> String {
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines = vec![row(table.headings.iter().map(|&heading| escaped(heading)).collect())];
    let rule = |column| if column == 0 { "---".to_owned() } else { "---:".to_owned() };
    lines.push(row((0..table.headings.len()).map(rule).collect()));
    lines.extend(table.rows.iter().map(|cells| row(cells.iter().map(|cell| escaped(cell)).collect())));
    lines.join("\n")
}

/// Words of tickets must stay words: nothing of them is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_ticket_says_is_markup() {
        let table = Table { headings: vec!["message", "wrong"], rows: vec![vec!["<b>*|`".into(), "1/2".into()]] };
        assert_eq!(table_of(&table), "| message | wrong |\n| --- | ---: |\n| &lt;b&gt;\\*\\|\\` | 1/2 |");
    }
}
