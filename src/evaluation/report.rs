//! The report as a value: everything that is said of the models, before anybody decides how it looks.

use std::collections::BTreeSet;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;
use crate::statistics::random::SeededRandom;
use crate::statistics::tally::ErrorLimit;
use crate::statistics::wilson::Share;

use super::answer::{Column, ColumnKind};
use super::compare::Comparison;
use super::composition::{Composition, composition};
use super::cost::CostMatrix;
use super::diagnosis::{Diagnosis, Facts, Scores, Tried, diagnose};
use super::facet::{Dimension, FacetId};
use super::failures::{SliceFailures, Standing, slice_failures};
use super::humans::{AmongPeople, People, Readings, TooFewReadTwice, among_people};
use super::mix::{LiveScore, Mix, live_score};
use super::scan::weak_pairs;
use super::score::ColumnScore;
use super::surprises::Surprises;
use super::test_set::{TestSet, TestTicket};
use super::trust::Trust;
use super::value::Minutes;
use super::words::{FailingWords, Words, failing_words};

/// What a site wishes and what its mistakes cost.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a wrong answer costs.
    pub costs: CostMatrix,
    /// How long things take; `None`: not configured.
    pub minutes: Option<Minutes>,
    /// The share of right answers that is wished for.
    pub wished: f64,
    /// The error that is allowed among tickets taken without a look.
    pub error_limit: ErrorLimit,
    /// By which dimension composition and live mix are read.
    pub by: Dimension,
    /// What the ledger says was tried.
    pub tried: Tried,
    /// Seed of everything that is drawn.
    pub seed: u64,
}

/// What a report is made of.
pub struct Inputs<'inputs> {
    /// The test tickets.
    pub set: &'inputs TestSet,
    /// Everybody who answers, in the order of the report; the last named model is the one it is about.
    pub columns: &'inputs [Column],
    /// The words of the test tickets; `None`: not read, and nothing is said of words.
    pub words: Option<&'inputs Words>,
    /// What people said on their own; `None`: not given.
    pub readings: Option<&'inputs Readings>,
    /// The training tickets; `None`: not given.
    pub training: Option<&'inputs TestSet>,
    /// Positions of test tickets that stand in training too, or whose words do.
    pub in_training: &'inputs BTreeSet<usize>,
    /// How often what occurs live; `None`: not given.
    pub live: Option<&'inputs Mix>,
    /// The subject's scores on other tickets; that on the test set is counted here.
    pub elsewhere: Scores,
    /// Pairs (first, second) that somebody wants compared beside the usual ones.
    pub pairs: &'inputs [(String, String)],
    /// Wishes and costs.
    pub settings: &'inputs Settings,
}

/// One answerer.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnReport {
    /// Its name.
    pub name: String,
    /// What kind it is.
    pub kind: ColumnKind,
    /// Tickets it answered.
    pub answered: u64,
    /// Answers to tickets that are not in the set.
    pub elsewhere: u64,
    /// How good it is.
    pub score: ColumnScore,
    /// On live traffic; `None`: the live mix is not given.
    pub live: Option<LiveScore>,
    /// What its probabilities are worth; `None`: it states none.
    pub trust: Option<Trust>,
}

/// A facet by its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFacet {
    /// Which dimension.
    pub dimension: Dimension,
    /// Which value.
    pub value: String,
}

/// One slice of the subject's failures.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedSlice {
    /// Which.
    pub facet: NamedFacet,
    /// Its failures.
    pub failures: SliceFailures,
}

/// One pair of facets that fails more than either explains.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedPair {
    /// Which.
    pub facets: [NamedFacet; 2],
    /// Wrong answers of the tickets that have both.
    pub wrong: Share,
    /// Wrong answers of those that have one alone.
    pub one_alone: Share,
    /// Adjusted p value.
    pub adjusted_p: f64,
}

/// The whole report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Test tickets.
    pub tickets: u64,
    /// Groups of near-duplicates: what counts as independent.
    pub groups: u64,
    /// Which tickets and labels.
    pub digest: Digest,
    /// Tickets that may hold what was known only later.
    pub may_leak: u64,
    /// Tickets that were trained on, or have the words of a training ticket.
    pub in_training: u64,
    /// Everybody.
    pub columns: Vec<ColumnReport>,
    /// Position of the model that the report is about; `None`: no model is named.
    pub subject: Option<usize>,
    /// Comparisons, those with the subject first.
    pub comparisons: Vec<Comparison>,
    /// People; `None`: no readings.
    pub people: Option<People>,
    /// The subject among people; `None`: no readings, or no subject.
    pub among_people: Option<Result<AmongPeople, TooFewReadTwice>>,
    /// The subject's failures by facet.
    pub slices: Vec<NamedSlice>,
    /// Weak pairs.
    pub pairs: Vec<NamedPair>,
    /// Words of the tickets on which the subject is wrong; `None`: they were not read, or there is no subject.
    pub words: Option<FailingWords>,
    /// Sure and wrong.
    pub surprises: Surprises,
    /// What training holds; empty where it is not given.
    pub composition: Vec<Composition>,
    /// The subject's scores.
    pub scores: Scores,
    /// What is read from them.
    pub facts: Facts,
    /// What to do next; `None`: no subject.
    pub diagnosis: Option<Diagnosis>,
    /// The share that is wished for.
    pub wished: f64,
}

impl Report {
    /// Looks at everything. `progress` hears of so many of so many steps.
    pub fn of(inputs: &Inputs<'_>, progress: &mut dyn FnMut(u64, u64)) -> Self {
        let Inputs { set, columns, readings, settings, .. } = *inputs;
        let pairs = pairs_of(columns, inputs.pairs);
        let steps = (columns.len() + pairs.len() + 2) as u64;
        let mut done = 0;
        let mut step = |progress: &mut dyn FnMut(u64, u64)| {
            done += 1;
            progress(done, steps);
        };
        let subject = subject_of(columns);
        let mut column_reports = Vec::with_capacity(columns.len());
        for column in columns {
            column_reports.push(column_report(column, inputs));
            step(progress);
        }
        let mut comparisons = Vec::with_capacity(pairs.len());
        for (first, second) in pairs {
            let mut random = SeededRandom::new(settings.seed);
            comparisons.push(Comparison::of(&columns[first], &columns[second], set, &mut random));
            step(progress);
        }
        let (slices, pairs) = subject.map_or_else(Default::default, |at| named_failures(&columns[at], set));
        step(progress);
        let scores = Scores {
            test: subject.map_or_else(Share::default, |at| column_reports[at].score.right()),
            ..inputs.elsewhere
        };
        let weak = slices.iter().filter(|slice| slice.failures.standing == Standing::Worse).count();
        let facts = Facts::of(&scores, weak, settings.wished, settings.tried);
        let mut random = SeededRandom::new(settings.seed);
        let report = Self {
            tickets: set.tickets().len() as u64,
            groups: set.groups().len() as u64,
            digest: set.digest(),
            may_leak: set.may_leak(),
            in_training: in_training(set, inputs.in_training),
            subject,
            comparisons,
            people: readings.map(|readings| People::of(readings, set, &mut random)),
            among_people: readings.zip(subject).map(|(readings, at)| among_people(&columns[at], readings, &mut random)),
            composition: composition(settings.by, set, inputs.training, inputs.live, &slices),
            slices,
            pairs,
            words: subject.zip(inputs.words).map(|(at, words)| failing_words(&columns[at], set, words)),
            surprises: subject.map_or_else(Surprises::default, |at| Surprises::of(&columns[at], set)),
            scores,
            facts,
            diagnosis: subject.map(|_| diagnose(&facts)),
            wished: settings.wished,
            columns: column_reports,
        };
        step(progress);
        report
    }

    /// The model that the report is about.
    pub fn subject(&self) -> Option<&ColumnReport> {
        self.subject.map(|at| &self.columns[at])
    }

    /// Whether there is anything to compare the subject with: another model, TF-IDF, or a source that speaks of at least
    /// half of the tickets. A majority is none: whatever answers at all beats it somewhere.
    pub fn has_baseline(&self) -> bool {
        self.columns.iter().enumerate().any(|(at, column)| match column.kind {
            ColumnKind::Model | ColumnKind::Reported => Some(at) != self.subject,
            ColumnKind::Linear => true,
            ColumnKind::Source => 2 * column.answered >= self.tickets && self.tickets > 0,
            ColumnKind::Majority => false,
        })
    }

    /// The comparison of two, if it was made.
    pub fn comparison(&self, first: &str, second: &str) -> Option<&Comparison> {
        self.comparisons.iter().find(|comparison| comparison.first == first && comparison.second == second)
    }

    /// Slices that fail more often than the rest.
    pub fn weak_slices(&self) -> impl Iterator<Item = &NamedSlice> {
        self.slices.iter().filter(|slice| slice.failures.standing == Standing::Worse)
    }
}

/// The last named model: what came last is what is judged.
pub fn subject_of(columns: &[Column]) -> Option<usize> {
    columns.iter().rposition(|column| column.kind.is_named())
}

/// Everybody with the subject; each named model with the one before it; then what was asked for.
fn pairs_of(columns: &[Column], asked: &[(String, String)]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    if let Some(subject) = subject_of(columns) {
        pairs.extend((0..columns.len()).filter(|&at| at != subject).map(|at| (at, subject)));
    }
    let named: Vec<usize> = (0..columns.len()).filter(|&at| columns[at].kind.is_named()).collect();
    let position = |name: &String| columns.iter().position(|column| column.name == *name);
    let asked = asked.iter().filter_map(|(first, second)| Some((position(first)?, position(second)?)));
    for pair in named.windows(2).map(|two| (two[0], two[1])).chain(asked) {
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs
}

fn column_report(column: &Column, inputs: &Inputs<'_>) -> ColumnReport {
    let Inputs { set, settings, live, .. } = *inputs;
    let mut random = SeededRandom::new(settings.seed);
    ColumnReport {
        name: column.name.clone(),
        kind: column.kind,
        answered: column.answered(),
        elsewhere: column.elsewhere,
        score: ColumnScore::of(column, set, &settings.costs, settings.minutes, &mut random),
        live: live.map(|live| live_score(column, set, live, &mut random)),
        trust: Trust::of(column, set, settings.error_limit, &mut random),
    }
}

fn in_training(set: &TestSet, positions: &BTreeSet<usize>) -> u64 {
    let is_known = |(position, ticket): &(usize, &TestTicket)| ticket.trains || positions.contains(position);
    set.tickets().iter().enumerate().filter(is_known).count() as u64
}

fn named(set: &TestSet, facet: FacetId) -> NamedFacet {
    NamedFacet { dimension: set.facets().dimension(facet), value: set.facets().value(facet).to_owned() }
}

fn named_failures(column: &Column, set: &TestSet) -> (Vec<NamedSlice>, Vec<NamedPair>) {
    let slices = slice_failures(column, set)
        .into_iter()
        .map(|failures| NamedSlice { facet: named(set, failures.facet), failures })
        .collect();
    let pairs = weak_pairs(column, set)
        .into_iter()
        .map(|pair| NamedPair {
            facets: pair.facets.map(|facet| named(set, facet)),
            wrong: pair.wrong,
            one_alone: pair.one_alone,
            adjusted_p: pair.adjusted_p,
        })
        .collect();
    (slices, pairs)
}

/// Ids of tickets as they may be shown.
pub fn shown_ids(ids: &[TicketId]) -> String {
    ids.iter().map(TicketId::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, column_right, set_from, settings};

    fn report(columns: &[Column], set: &TestSet) -> Report {
        let inputs = Inputs {
            set,
            columns,
            words: None,
            readings: None,
            training: None,
            in_training: &BTreeSet::new(),
            live: None,
            elsewhere: Scores::default(),
            pairs: &[("v2".to_owned(), "v0".to_owned())],
            settings: &settings(),
        };
        Report::of(&inputs, &mut |_, _| ())
    }

    fn set() -> TestSet {
        set_from(&[category("routing", Severity::Medium, 30), category("wireless", Severity::High, 10)].concat())
    }

    #[test]
    fn the_last_named_model_is_compared_with_everybody_and_each_with_the_one_before() {
        let set = set();
        let columns: Vec<Column> = ["v0", "v1", "v2"].map(|name| column_right(name, &set, |at| at < 30)).to_vec();
        let found = report(&columns, &set);
        let pairs: Vec<(&str, &str)> =
            found.comparisons.iter().map(|one| (one.first.as_str(), one.second.as_str())).collect();
        assert_eq!(pairs, [("v0", "v2"), ("v1", "v2"), ("v0", "v1"), ("v2", "v0")]);
        assert_eq!(found.subject().map(|subject| subject.name.as_str()), Some("v2"));
    }

    #[test]
    fn alone_or_beside_a_majority_a_model_has_no_baseline() {
        let set = set();
        let model = column_right("v1", &set, |_| true);
        let majority = Column::majority(&set, [Severity::Low]);
        assert!(!report(&[Column::source(&set), majority, model.clone()], &set).has_baseline());
        assert!(report(&[column_right("base", &set, |_| false), model], &set).has_baseline());
    }

    #[test]
    fn a_report_without_a_model_says_nothing_of_one() {
        let set = set();
        let found = report(&[Column::source(&set)], &set);
        assert_eq!((found.subject, found.diagnosis, found.slices.len()), (None, None, 0));
    }
}
