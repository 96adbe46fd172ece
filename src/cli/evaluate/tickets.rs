//! Labelled tickets from a file, reduced to what this run needs of them.

use std::path::Path;

use crate::cli::Failure;
use crate::cli::json_lines::each_line;
use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;
use crate::evaluation::humans::{Reading, Readings};
use crate::evaluation::test_set::{Leakage, TestSet, TestSetBuilder};
use crate::inference::render::Template;
use crate::wire::{human_labels, labelled};

/// What is kept of each ticket beside what a report reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Keep {
    /// Nothing: predictions are in files.
    Nothing,
    /// The ticket as it is: a model will read it.
    Tickets,
}

/// A file of labelled tickets.
pub(in crate::cli) struct LabelledFile {
    pub(in crate::cli) set: TestSet,
    /// In the order of the set; empty where nothing was to be kept.
    pub(in crate::cli) tickets: Vec<Ticket>,
}

impl LabelledFile {
    /// Reads it.
    pub(in crate::cli) fn read(path: &Path, leakage: Leakage, keep: Keep) -> Result<Self, Failure> {
        let mut builder = TestSetBuilder::default();
        let mut tickets = Vec::new();
        each_line(path, labelled::LINE_BYTES_MAX, |line| {
            let read = labelled::read(line).map_err(|error| error.to_string())?;
            builder.add(&read.labelled, leakage).map_err(|error| error.to_string())?;
            if keep == Keep::Tickets {
                tickets.push(read.labelled.ticket);
            }
            Ok(())
        })?;
        Ok(Self { set: builder.build(), tickets })
    }

    /// Texts and labels, as TF-IDF is trained on.
    pub(in crate::cli) fn texts(&self, template: &Template) -> Vec<(String, Severity)> {
        let texts = self.tickets.iter().map(|ticket| template.render(ticket).text);
        texts.zip(self.set.tickets().iter().map(|ticket| ticket.truth)).collect()
    }
}

/// What people said on their own.
pub(in crate::cli) fn readings(path: &Path, set: &TestSet) -> Result<Readings, Failure> {
    let mut found: Vec<Reading> = Vec::new();
    each_line(path, human_labels::LINE_BYTES_MAX, |line| {
        found.push(human_labels::read(line)?);
        Ok(())
    })?;
    Readings::new(set, found).map_err(Failure::usage)
}
