//! Labelled tickets from a file, reduced to what this run needs of them.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use anyhow::anyhow;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use crate::cli::Failure;
use crate::cli::json_lines::{each_line, each_parsed};
use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;
use crate::evaluation::data::overlap::{Likeness, TextKey, same};
use crate::evaluation::data::text::ComparedText;
use crate::evaluation::humans::{Reading, Readings};
use crate::evaluation::test_set::{Leakage, TestSet, TestSetBuilder};
use crate::evaluation::words::Words;
use crate::inference::render::Template;
use crate::wire::labelled::LabelledLine;
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
    /// What training is looked up by, in the order of the set; empty where the words were not read.
    keys: Vec<TextKey>,
}

impl LabelledFile {
    /// Reads it.
    pub(in crate::cli) fn read(path: &Path, leakage: Leakage, keep: Keep) -> Result<Self, Failure> {
        Self::read_each(path, leakage, keep, |_| (), |()| ())
    }

    /// Reads it, and the words of its tickets.
    pub(super) fn read_with_words(path: &Path, leakage: Leakage, keep: Keep) -> Result<(Self, Words), Failure> {
        let (mut words, mut keys) = (Words::default(), Vec::new());
        let compared = |ticket: &Ticket| {
            let text = ComparedText::of(ticket);
            let key = TextKey::from(&text);
            (text, key)
        };
        let file = Self::read_each(path, leakage, keep, compared, |(text, key)| {
            words.add(&text);
            keys.push(key);
        })?;
        Ok((Self { keys, ..file }, words))
    }

    /// `look` at each ticket on all cores, and `also` take what it saw, in order.
    fn read_each<T: Send>(
        path: &Path,
        leakage: Leakage,
        keep: Keep,
        look: impl Fn(&Ticket) -> T + Sync,
        mut also: impl FnMut(T),
    ) -> Result<Self, Failure> {
        let mut builder = TestSetBuilder::default();
        let mut tickets = Vec::new();
        let parse = |line: &str| {
            let LabelledLine { labelled, record: _ } = labelled::read(line).map_err(|error| error.to_string())?;
            let seen = look(&labelled.ticket);
            Ok((labelled, seen))
        };
        each_parsed(path, labelled::LINE_BYTES_MAX, parse, |(labelled, seen)| {
            builder.add(&labelled, leakage).map_err(|error| error.to_string())?;
            also(seen);
            if keep == Keep::Tickets {
                tickets.push(labelled.ticket);
            }
            Ok(())
        })?;
        Ok(Self { set: builder.build(), tickets, keys: Vec::new() })
    }

    /// Positions of the tickets that models trained on `training` know: the same ones, and those with the words of one.
    /// Both files keep their tickets.
    ///
    /// # Errors
    /// The same ticket in both, unless that is accepted: a score on it proves nothing.
    pub(in crate::cli) fn known_from(&self, training: &Self, leakage: Leakage) -> Result<BTreeSet<usize>, Failure> {
        let found = same(&self.keys(), &training.keys());
        let of_id: Vec<usize> =
            found.iter().filter(|(_, likeness)| *likeness == Likeness::Id).map(|(at, _)| *at).collect();
        match (of_id.first(), leakage) {
            (None, _) | (Some(_), Leakage::Accepted) => Ok(found.into_iter().map(|(at, _)| at).collect()),
            (Some(first), Leakage::Refused) => Err(Failure::usage(anyhow!(
                "{} tickets that are to judge were trained on, {} among them: a score on them proves nothing. Split anew \
                 (`noctriage dataset split`), or say --accept-leakage",
                of_id.len(),
                self.tickets[*first].ticket_id.as_str()
            ))),
        }
    }

    fn keys(&self) -> Cow<'_, [TextKey]> {
        if self.keys.is_empty() {
            Cow::Owned(self.tickets.par_iter().map(|ticket| TextKey::from(&ComparedText::of(ticket))).collect())
        } else {
            Cow::Borrowed(&self.keys)
        }
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

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    /// A file of tickets by id and title, with a split if one is named.
    pub(in crate::cli::evaluate) fn file_of(tickets: &[(&str, &str)], split: Option<&str>) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        for (id, title) in tickets {
            let ticket = json!({ "ticket_id": id, "title": title, "created_at": "2026-01-05T08:00:00Z" });
            let line = json!({ "ticket": ticket, "label": { "severity": "low" }, "as_of": "created", "split": split });
            writeln!(file, "{line}").unwrap();
        }
        file
    }

    fn read(tickets: &[(&str, &str)]) -> LabelledFile {
        LabelledFile::read(file_of(tickets, None).path(), Leakage::Refused, Keep::Tickets).unwrap()
    }

    #[test]
    fn a_ticket_that_was_trained_on_is_refused_and_one_of_the_same_words_is_known() {
        let training = read(&[("L1", "Link down on port 3"), ("L2", "fan noise in rack B")]);
        let like = read(&[("T1", "power lost"), ("T2", "link DOWN on port 17"), ("T3", "fan noise in rack B")]);
        assert_eq!(like.known_from(&training, Leakage::Refused).unwrap(), [1, 2].into());
        let same = read(&[("T1", "power lost"), ("L2", "another title")]);
        let refused = format!("{:?}", same.known_from(&training, Leakage::Refused).unwrap_err());
        assert!(refused.contains("1 tickets") && refused.contains("L2"), "{refused}");
        assert_eq!(same.known_from(&training, Leakage::Accepted).unwrap(), [1].into());
    }

    #[test]
    fn a_file_of_training_tickets_judges_nothing_unless_somebody_accepts_it() {
        let file = file_of(&[("T1", "power lost")], Some("train"));
        let read = |leakage| LabelledFile::read(file.path(), leakage, Keep::Nothing);
        assert!(format!("{:?}", read(Leakage::Refused).map(|_| ()).unwrap_err()).contains("training ticket"));
        assert!(read(Leakage::Accepted).unwrap().set.tickets()[0].trains);
    }
}
