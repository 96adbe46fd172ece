//! The tickets that models are judged on, reduced to what a report reads.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::labelled::{AsOf, LabelAgreement, LabelledTicket, Split};
use crate::domain::severity::{SetBy, Severity};
use crate::domain::ticket::TicketId;

use super::facet::{Dimension, FacetId, FacetTable};
use super::message::{PatternId, Patterns};

/// Most tickets of one report: ten times what any site labels.
pub const TICKETS_MAX: usize = 1_000_000;

/// One ticket of a set.
#[derive(Clone, Debug)]
pub struct TestTicket {
    /// Which ticket.
    pub id: TicketId,
    /// What people said.
    pub truth: Severity,
    /// The root cause they named.
    pub root_cause: Option<Arc<str>>,
    /// What the source said, unless noctriage said it.
    pub source: Option<Severity>,
    /// What it is.
    pub facets: Vec<FacetId>,
    /// Tickets of equal number are near-duplicates and are one piece of evidence.
    pub group: u32,
    /// Whether it is the first of its group: where a group counts once, it speaks for it, whatever anybody answered.
    pub is_first_of_group: bool,
    /// Who labelled it.
    pub labelled_by: Vec<Arc<str>>,
    /// How far people agreed.
    pub agreement: LabelAgreement,
    /// Whether its file says that it trains: what a model was trained on does not judge it.
    pub trains: bool,
}

/// Why a ticket does not belong in a set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotForTheSet {
    /// It is there already.
    #[error("ticket {0} is in the file twice: a ticket that counts twice makes every interval too narrow")]
    Twice(TicketId),
    /// It may hold what was known only later.
    #[error(
        "ticket {0} is not known to be as it was at its creation (`as_of`): what was written later may give the answer away. \
         Import it with its history, or say --accept-leakage and trust no number"
    )]
    MayLeak(TicketId),
    /// Models were trained on it.
    #[error(
        "ticket {0} is a training ticket (`split`): a score on it proves nothing. Take the test tickets, or say \
         --accept-leakage and trust no number"
    )]
    TrainedOn(TicketId),
    /// There are more than a report reads.
    #[error("there are more than {TICKETS_MAX} tickets")]
    TooMany,
}

/// Whether tickets are taken that were trained on, or of which nobody knows that they are as they were at their creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leakage {
    /// They are refused.
    Refused,
    /// The operator has said that they may be read.
    Accepted,
}

/// Tickets with labels, and the facets that they share.
#[derive(Clone, Debug, Default)]
pub struct TestSet {
    tickets: Vec<TestTicket>,
    numbers: HashMap<TicketId, usize>,
    facets: FacetTable,
    /// Positions by group.
    groups: Vec<Vec<usize>>,
    may_leak: u64,
    digest: Option<Digest>,
}

impl TestSet {
    /// The tickets, in the order of their file.
    pub fn tickets(&self) -> &[TestTicket] {
        &self.tickets
    }

    /// All facets.
    pub const fn facets(&self) -> &FacetTable {
        &self.facets
    }

    /// Position of a ticket.
    pub fn position(&self, id: &TicketId) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    /// Tickets of which nobody knows that they are as they were at their creation.
    pub const fn may_leak(&self) -> u64 {
        self.may_leak
    }

    /// Digest over ids and labels in order: two reports with one digest speak of the same tickets.
    pub fn digest(&self) -> Digest {
        self.digest.unwrap_or_else(|| Digest::of(b""))
    }

    /// Positions of the tickets by group, each with at least one.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.groups
    }
}

/// Names a set of labelled tickets: a digest over ids and labels in their order.
#[derive(Clone, Debug, Default)]
pub struct SetDigest {
    parts: Vec<u8>,
}

impl SetDigest {
    /// Takes one ticket in.
    pub fn add(&mut self, id: &TicketId, severity: Severity) {
        self.parts.extend([id.as_str().as_bytes(), b"\x1f", severity.as_str().as_bytes(), b"\x1e"].concat());
    }

    /// The digest.
    pub fn finish(&self) -> Digest {
        Digest::of(&self.parts)
    }
}

/// Fills a set, ticket by ticket.
#[derive(Debug, Default)]
pub struct TestSetBuilder {
    set: TestSet,
    patterns: Patterns,
    of_tickets: Vec<Option<PatternId>>,
    groups: HashMap<String, u32>,
    words: HashMap<String, Arc<str>>,
    name: SetDigest,
}

impl TestSetBuilder {
    /// Takes one ticket.
    ///
    /// # Errors
    /// A ticket twice, one that trains or may leak unless that is accepted, or too many.
    pub fn add(&mut self, labelled: &LabelledTicket, leakage: Leakage) -> Result<(), NotForTheSet> {
        let LabelledTicket { ticket, label, as_of, split, group, slice } = labelled;
        let id = ticket.ticket_id.clone();
        if self.set.numbers.contains_key(&id) {
            return Err(NotForTheSet::Twice(id));
        }
        let trains = *split == Some(Split::Train);
        if trains && leakage == Leakage::Refused {
            return Err(NotForTheSet::TrainedOn(id));
        }
        match (as_of, leakage) {
            (AsOf::Created, _) => {}
            (AsOf::Unknown, Leakage::Accepted) => self.set.may_leak += 1,
            (AsOf::Unknown, Leakage::Refused) => return Err(NotForTheSet::MayLeak(id)),
        }
        if self.set.tickets.len() >= TICKETS_MAX {
            return Err(NotForTheSet::TooMany);
        }
        let reported = &ticket.severity_reported;
        let source = if reported.set_by() == Some(SetBy::Noctriage) { None } else { reported.value() };
        self.name.add(&id, label.severity);
        self.of_tickets.push(ticket.title.as_deref().and_then(|title| self.patterns.add(title)));
        let (group, is_first_of_group) = self.group_of(group.as_deref());
        let test_ticket = TestTicket {
            id: id.clone(),
            truth: label.severity,
            root_cause: label.root_cause.as_deref().map(|word| self.word(word)),
            source,
            facets: self.set.facets.of_fields(ticket, slice.as_deref()),
            group,
            is_first_of_group,
            labelled_by: label.by.iter().map(|word| self.word(word)).collect(),
            agreement: label.agreement,
            trains,
        };
        let position = self.set.tickets.len();
        if is_first_of_group {
            self.set.groups.push(Vec::with_capacity(1));
        }
        // Groups are numbered as they come.
        self.set.groups[group as usize].push(position);
        self.set.numbers.insert(id, position);
        self.set.tickets.push(test_ticket);
        Ok(())
    }

    /// The set. Patterns of messages are known only now: a later title may have widened an earlier one's.
    pub fn build(mut self) -> TestSet {
        for (ticket, pattern) in self.set.tickets.iter_mut().zip(self.of_tickets) {
            let text = pattern.map(|pattern| self.patterns.text(pattern));
            ticket.facets.extend(text.and_then(|text| self.set.facets.number(Dimension::Message, &text)));
        }
        self.set.digest = Some(self.name.finish());
        self.set
    }

    /// The number of a group, and whether it is new.
    fn group_of(&mut self, name: Option<&str>) -> (u32, bool) {
        let next = self.set.groups.len() as u32;
        // A ticket without a group is one of its own.
        let Some(name) = name else { return (next, true) };
        if let Some(&known) = self.groups.get(name) {
            return (known, false);
        }
        self.groups.insert(name.to_owned(), next);
        (next, true)
    }

    fn word(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.words.get(word) {
            return Arc::clone(known);
        }
        let new: Arc<str> = Arc::from(word);
        self.words.insert(word.to_owned(), Arc::clone(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::labelled;

    #[test]
    fn a_ticket_that_is_there_twice_is_refused() {
        let mut builder = TestSetBuilder::default();
        let ticket = labelled("T1", Severity::Low);
        builder.add(&ticket, Leakage::Refused).expect("a new ticket");
        assert!(matches!(builder.add(&ticket, Leakage::Refused), Err(NotForTheSet::Twice(_))));
    }

    #[test]
    fn a_ticket_that_may_leak_is_refused_unless_somebody_accepts_it() {
        let ticket = LabelledTicket { as_of: AsOf::Unknown, ..labelled("T1", Severity::Low) };
        let mut builder = TestSetBuilder::default();
        assert!(matches!(builder.add(&ticket, Leakage::Refused), Err(NotForTheSet::MayLeak(_))));
        builder.add(&ticket, Leakage::Accepted).expect("accepted");
        assert_eq!(builder.build().may_leak(), 1);
    }

    #[test]
    fn a_training_ticket_is_refused_unless_somebody_accepts_it_and_no_other_split_is() {
        let of_split = |split| LabelledTicket { split, ..labelled("T1", Severity::Low) };
        let mut builder = TestSetBuilder::default();
        let refused = builder.add(&of_split(Some(Split::Train)), Leakage::Refused);
        assert!(matches!(refused, Err(NotForTheSet::TrainedOn(_))));
        builder.add(&of_split(Some(Split::Train)), Leakage::Accepted).expect("accepted");
        assert!(builder.build().tickets()[0].trains);
        for split in [None, Some(Split::Validation), Some(Split::Test)] {
            let mut builder = TestSetBuilder::default();
            builder.add(&of_split(split), Leakage::Refused).expect("no training ticket");
            assert!(!builder.build().tickets()[0].trains);
        }
    }

    #[test]
    fn near_duplicates_are_one_group_and_others_each_their_own() {
        let mut builder = TestSetBuilder::default();
        for (id, group) in [("T1", Some("g")), ("T2", None), ("T3", Some("g")), ("T4", None)] {
            let ticket = LabelledTicket { group: group.map(str::to_owned), ..labelled(id, Severity::Low) };
            builder.add(&ticket, Leakage::Refused).expect("a new ticket");
        }
        assert_eq!(builder.build().groups(), [vec![0, 2], vec![1], vec![3]]);
    }

    #[test]
    fn the_digest_is_of_tickets_and_labels_in_order() {
        let digest = |tickets: &[(&str, Severity)]| {
            let mut builder = TestSetBuilder::default();
            for (id, severity) in tickets {
                builder.add(&labelled(id, *severity), Leakage::Refused).expect("a new ticket");
            }
            builder.build().digest()
        };
        let first = digest(&[("T1", Severity::Low), ("T2", Severity::High)]);
        assert_eq!(first, digest(&[("T1", Severity::Low), ("T2", Severity::High)]));
        assert_ne!(first, digest(&[("T1", Severity::High), ("T2", Severity::High)]));
    }

    #[test]
    fn a_severity_that_noctriage_wrote_is_no_sources() {
        let mut ticket = labelled("T1", Severity::Low);
        ticket.ticket.severity_reported = crate::domain::severity::SourceSeverity::Known {
            value: Severity::Low,
            native: "low".into(),
            set_by: SetBy::Noctriage,
        };
        let mut builder = TestSetBuilder::default();
        builder.add(&ticket, Leakage::Refused).expect("a new ticket");
        assert_eq!(builder.build().tickets()[0].source, None);
    }
}
