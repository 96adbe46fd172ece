//! The closed base: what accounts keep of tickets that have left the live window. Sums, nothing of any ticket.
//!
//! Without it an account would be what happened to stand in the window: at a slow desk it could never fill, and whoever waits
//! long enough would see every bad month leave it and a lucky one stay. What is promised of a level holds for all tickets
//! since an account was opened, so that all of them stay in its count. How a day is closed stands in [`super::closing`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;
use crate::statistics::sign_test::Discordant;

use super::counting::{AccountKey, CountedTicket};
use super::log::Cut;
use super::reading::AccountQuestion;
use super::state::{Basis, OpenAccount};
use super::wrong::{Permission, Wrong};

/// Fingerprints that one line remembers. A kind of ticket that has not counted for so many others may count anew; twice as
/// many would make the record of a slice with four models greater than a broker takes.
pub const FINGERPRINTS_MAX: usize = 512;

/// The closed bases of all slices. One instant for all: they are closed by the same leader in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Closed {
    /// Tickets first decided before this instant (append time, midnight UTC) are in the sums.
    pub through: UtcMillis,
    /// The first record of each partition that is still needed: a log that begins behind it has a hole.
    pub first: Cut,
    /// What was closed, by slice.
    pub slices: BTreeMap<Arc<str>, Vec<ClosedLine>>,
}

/// What one reading of one account keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct ClosedLine {
    /// Which.
    pub id: LineId,
    /// It holds tickets first decided since this instant (append time); those of before left the window uncounted.
    pub began: UtcMillis,
    /// What they add up to.
    pub sums: Sums,
    /// How many tickets of a fingerprint have counted; the fingerprint that counted last stands last.
    pub fingerprints: Vec<(u64, u8)>,
}

/// One reading of one account of a slice.
#[derive(Clone, Debug, PartialEq)]
pub struct LineId {
    /// The permission of the account.
    pub permission: Permission,
    /// Whose answers, on which tickets.
    pub basis: Basis,
    /// The attempt: another one begins with nothing.
    pub attempt: u32,
    /// At which threshold; `None`: every answered ticket.
    pub threshold: Option<Probability>,
}

impl LineId {
    /// The line of an account at a threshold.
    pub fn of(account: &OpenAccount, threshold: Option<Probability>) -> Self {
        let OpenAccount { permission, basis, attempt, threshold: _, after: _, opened_at: _ } = account;
        Self { permission: *permission, basis: basis.clone(), attempt: *attempt, threshold }
    }

    /// What the line counts in a slice.
    pub fn key(&self, slice: &Arc<str>) -> AccountKey {
        let Basis { model, eligibility_digest } = &self.basis;
        AccountKey {
            slice: Arc::clone(slice),
            permission: self.threshold.map_or(Permission::Suggest, |_| self.permission),
            model: Arc::clone(model),
            eligibility_digest: *eligibility_digest,
            threshold: self.threshold.unwrap_or(Probability::ONE),
        }
    }

    /// Whether a question that counts `read` is about this line.
    fn is_of(&self, question: &AccountQuestion, read: &AccountKey) -> bool {
        let threshold = match read.permission {
            Permission::Suggest => None,
            Permission::Auto(_) => Some(read.threshold),
        };
        self.threshold == threshold && self.is_of_account(question)
    }

    /// Whether a question is about the account of this line.
    pub fn is_of_account(&self, question: &AccountQuestion) -> bool {
        self.permission == question.account.permission
            && self.attempt == question.attempt
            && self.basis.eligibility_digest == question.account.eligibility_digest
            && self.basis.model == question.account.model
    }
}

impl Closed {
    /// When the first line began; `None`: there is none.
    pub fn began(&self) -> Option<UtcMillis> {
        self.slices.values().flatten().map(|line| line.began).min()
    }

    /// Sums that are others there, one sentence each.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let differs = |slice: &Arc<str>, line: &ClosedLine| {
            let others = other.slices.get(slice).and_then(|lines| lines.iter().find(|other| other.id == line.id));
            let sums = others.map_or(Sums::NONE, |line| line.sums);
            (sums != line.sums).then(|| {
                format!(
                    "slice {slice}, closed for {}: {} counted and {} wrong are recorded, {} and {} are found",
                    line.id.permission.as_str(),
                    line.sums.counted,
                    line.sums.wrong,
                    sums.counted,
                    sums.wrong
                )
            })
        };
        self.slices
            .iter()
            .flat_map(|(slice, lines)| lines.iter().filter_map(move |line| differs(slice, line)))
            .collect()
    }

    /// The line of a question that counts `read`; `None`: nothing of it is closed yet.
    pub fn line(&self, question: &AccountQuestion, read: &AccountKey) -> Option<&ClosedLine> {
        self.slices.get(&read.slice)?.iter().find(|line| line.id.is_of(question, read))
    }
}

impl ClosedLine {
    /// A line that holds nothing yet.
    pub const fn begun(id: LineId, at: UtcMillis) -> Self {
        Self { id, began: at, sums: Sums::NONE, fingerprints: Vec::new() }
    }

    /// Remembers fingerprints in the order in which they were met; `true`: a ticket has counted.
    pub(super) fn remember(&mut self, met: &[(Digest, bool)]) {
        for (fingerprint, has_counted) in met {
            let short = short(*fingerprint);
            let place = self.fingerprints.iter().position(|(known, _)| *known == short);
            let before = place.map_or(0, |place| self.fingerprints.remove(place).1);
            self.fingerprints.push((short, before.saturating_add(u8::from(*has_counted))));
        }
        let surplus = self.fingerprints.len().saturating_sub(FINGERPRINTS_MAX);
        self.fingerprints.drain(..surplus);
    }
}

/// A fingerprint as it is remembered: eight bytes of a digest never collide among so few.
pub(super) fn short(fingerprint: Digest) -> u64 {
    fingerprint.0.iter().take(8).fold(0, |short, byte| short << 8 | u64::from(*byte))
}

/// What counted tickets add up to. Whole numbers, so that no order of adding changes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Tickets that count.
    pub counted: u64,
    /// Of them wrong.
    pub wrong: u64,
    /// Of them wrong only because nobody answered.
    pub unanswered: u64,
    /// Called critical, or never judged.
    pub missed: u64,
    /// Opened again.
    pub reopened: u64,
    /// Critical tickets that the model expected, in millionths.
    pub expected_critical_millionths: u64,
    /// First: only the source is right; second: only the model.
    pub source: Discordant,
    /// First: only the model is right; second: only TF-IDF.
    pub baseline: Discordant,
    /// Tickets with an answer of TF-IDF beside the model's.
    pub beside_baseline: u64,
}

impl Sums {
    /// Nothing.
    pub const NONE: Self = Self {
        counted: 0,
        wrong: 0,
        unanswered: 0,
        missed: 0,
        reopened: 0,
        expected_critical_millionths: 0,
        source: Discordant { first: 0, second: 0 },
        baseline: Discordant { first: 0, second: 0 },
        beside_baseline: 0,
    };

    /// With one ticket more.
    #[must_use]
    pub fn with(mut self, ticket: &CountedTicket<'_>) -> Self {
        self.counted += 1;
        self.wrong += u64::from(ticket.wrong.is_some());
        self.unanswered += u64::from(ticket.wrong == Some(Wrong::NoVerdict));
        // Of whatever nobody judged it is not known; a ticket that ended with nobody's hand in it was none.
        self.missed += u64::from(match ticket.people {
            Some(severity) => severity == Severity::Critical,
            None => ticket.wrong.is_some(),
        });
        self.reopened += u64::from(ticket.is_reopened);
        // A probability that is no number adds nothing here, and is refused where it is claimed.
        self.expected_critical_millionths += (ticket.said.critical.clamp(0.0, 1.0) * 1e6).round() as u64;
        self.compare(ticket);
        self
    }

    fn compare(&mut self, ticket: &CountedTicket<'_>) {
        let Some(truth) = ticket.people else { return };
        let is_right = |severity: Option<Severity>| severity == Some(truth);
        let model = ticket.said.severity == truth;
        let source = is_right(ticket.decision.source_severity);
        self.source.first += u64::from(source && !model);
        self.source.second += u64::from(model && !source);
        let baseline = ticket.decision.answers.iter().find(|answer| answer.role == ModelRole::Baseline);
        let Some(baseline) = baseline else { return };
        self.beside_baseline += 1;
        let baseline = is_right(baseline.severity());
        self.baseline.first += u64::from(model && !baseline);
        self.baseline.second += u64::from(baseline && !model);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> ClosedLine {
        let model = super::super::tests::desk::model("v1");
        let basis = Basis { model, eligibility_digest: Digest::default() };
        let id = LineId { permission: Permission::Suggest, basis, attempt: 1, threshold: None };
        ClosedLine::begun(id, UtcMillis(0))
    }

    #[test]
    fn the_fingerprint_that_was_met_longest_ago_is_forgotten_first() {
        let mut line = line();
        let name = |number: usize| Digest::of(number.to_string().as_bytes());
        line.remember(&[(name(0), true), (name(1), true)]);
        for number in 2..FINGERPRINTS_MAX {
            line.remember(&[(name(number), true)]);
        }
        // Met again without counting: it stays, with what it has counted.
        line.remember(&[(name(0), false), (name(FINGERPRINTS_MAX), true)]);
        assert_eq!(line.fingerprints.len(), FINGERPRINTS_MAX);
        let counted = |number| line.fingerprints.iter().find(|(known, _)| *known == short(name(number)));
        assert_eq!((counted(0).map(|found| found.1), counted(1)), (Some(1), None));
    }
}
