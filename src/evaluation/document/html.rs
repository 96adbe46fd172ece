//! Blocks as one HTML page: styles and pictures inside, nothing fetched from anywhere, no script.

use super::svg::drawn;
use super::{Block, Document, Table};

/// Readable in light and dark, on a phone and on paper.
const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1d2430;--paper:#fff;--quiet:#5d6775;--rule:#d5dae1;--one:#2563a8;--two:#c2571a;--three:#2b7d4f;--four:#7a4fa3;--shade:#2563a8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14181f;--quiet:#9aa4b2;--rule:#333b47;--one:#6ea8e6;--two:#e8935a;--three:#6cc394;--four:#b893dd;--shade:#6ea8e6}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:62rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{margin-top:2.4rem;border-bottom:1px solid var(--rule);padding-bottom:.2rem}h3{margin-bottom:.3rem}
.scroll{overflow-x:auto;margin:1.2rem 0}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--quiet);font-weight:600}
.warning{border-left:4px solid var(--two);padding:.4rem .8rem}figure{margin:1.2rem 0;overflow-x:auto}figcaption{color:var(--quiet);font-size:.88rem}
svg{height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .quiet{fill:var(--quiet)}
";

/// The report as one page.
pub fn rendered(document: &Document) -> String {
    let title = document.blocks.iter().find_map(|block| match block {
        Block::Title(title) => Some(title.as_str()),
        Block::Section(_)
        | Block::Heading(_)
        | Block::Text(_)
        | Block::Warning(_)
        | Block::List(_)
        | Block::Table(_)
        | Block::Figure(_) => None,
    });
    let body: Vec<String> = document.blocks.iter().map(block).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" \
         content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>{}</title><style>{STYLE}</style></head>\n\
         <body>\n{}\n</body></html>\n",
        escaped(title.unwrap_or("Evaluation")),
        body.join("\n")
    )
}

fn block(block: &Block) -> String {
    match block {
        Block::Title(text) => format!("<h1>{}</h1>", escaped(text)),
        Block::Section(text) => format!("<h2>{}</h2>", escaped(text)),
        Block::Heading(text) => format!("<h3>{}</h3>", escaped(text)),
        Block::Text(text) => format!("<p>{}</p>", escaped(text)),
        Block::Warning(text) => format!("<p class=\"warning\"><strong>{}</strong></p>", escaped(text)),
        Block::List(items) => {
            let items: Vec<String> = items.iter().map(|item| format!("<li>{}</li>", escaped(item))).collect();
            format!("<ul>{}</ul>", items.concat())
        }
        Block::Table(table) => table_of(table),
        Block::Figure(figure) => format!(
            "<figure>{}<figcaption>{}</figcaption></figure>",
            drawn(&figure.kind, &figure.caption),
            escaped(&figure.caption)
        ),
    }
}

fn table_of(table: &Table) -> String {
    let cells = |tag: &str, texts: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = texts.map(|text| format!("<{tag}>{}</{tag}>", escaped(text))).collect();
        format!("<tr>{}</tr>", cells.concat())
    };
    let head = cells("th", &mut table.headings.iter().copied());
    let rows: String = table.rows.iter().map(|row| cells("td", &mut row.iter().map(String::as_str))).collect();
    format!("<div class=\"scroll\"><table><thead>{head}</thead><tbody>{rows}</tbody></table></div>")
}

/// Words of tickets must stay words: nothing of them is markup.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::document::figure::{Figure, FigureKind};
    use crate::statistics::wilson::Share;

    #[test]
    fn a_page_fetches_nothing_and_shows_words_of_tickets_as_words() {
        let mut document = Document::default();
        document.title("Evaluation".into());
        document.text("<script>alert(1)</script>".into());
        document.figure(Figure {
            caption: "slices".into(),
            kind: FigureKind::Shares(vec![("<img src=x>".into(), Share { hits: 3, of: 9 })]),
        });
        let page = rendered(&document);
        for forbidden in ["<script", "<img", "http://", "https://", "url(", "@import"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("&lt;script&gt;") && page.contains("<svg"));
    }
}
