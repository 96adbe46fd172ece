//! What a report says, as blocks of text, tables and figures; and how blocks look in a terminal, in Markdown and as one
//! HTML page. Written once, shown in three ways.

pub mod compose;
mod failures;
pub mod figure;
pub mod html;
pub mod markdown;
mod next;
mod standing;
mod svg;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod words;

use figure::Figure;

/// A report in blocks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    /// In the order they are read.
    pub blocks: Vec<Block>,
}

/// One block.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Heading of the whole.
    Title(String),
    /// Heading of a part.
    Section(String),
    /// Heading inside a part.
    Heading(String),
    /// A paragraph.
    Text(String),
    /// A paragraph that nobody should overlook.
    Warning(String),
    /// Items.
    List(Vec<String>),
    /// A table.
    Table(Table),
    /// A picture, where pictures can be shown.
    Figure(Figure),
}

/// A table: the first column is words, the others are numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Headings of the columns.
    pub headings: Vec<&'static str>,
    /// Rows, each with as many cells as there are headings.
    pub rows: Vec<Vec<String>>,
}

/// Whether a report may name tickets and quote their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// It may.
    None,
    /// It goes to others: no ids of tickets, none of their words.
    Tickets,
}

impl Document {
    /// Adds what was demanded of the report, and whether it holds; nothing where nothing was.
    pub fn demanded(&mut self, outcomes: Vec<String>) {
        if !outcomes.is_empty() {
            self.section("Demanded");
            self.list(outcomes);
        }
    }

    /// The heading of the whole.
    pub fn title(&mut self, text: String) {
        self.blocks.push(Block::Title(text));
    }

    /// The heading of a part.
    pub fn section(&mut self, text: &str) {
        self.blocks.push(Block::Section(text.to_owned()));
    }

    /// A heading inside a part.
    pub fn heading(&mut self, text: String) {
        self.blocks.push(Block::Heading(text));
    }

    /// A paragraph.
    pub fn text(&mut self, text: String) {
        self.blocks.push(Block::Text(text));
    }

    /// A paragraph that nobody should overlook.
    pub fn warning(&mut self, text: String) {
        self.blocks.push(Block::Warning(text));
    }

    /// A list; nothing where it is empty.
    pub fn list(&mut self, items: Vec<String>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// A table; nothing where it has no rows.
    pub fn table(&mut self, headings: &[&'static str], rows: Vec<Vec<String>>) {
        if !rows.is_empty() {
            self.blocks.push(Block::Table(Table { headings: headings.to_vec(), rows }));
        }
    }

    /// A picture.
    pub fn figure(&mut self, figure: Figure) {
        self.blocks.push(Block::Figure(figure));
    }
}
