//! Where people stand on the same tickets: how well they agree with each other, whether a model is inside their range, and
//! what its accuracy is once the noise of single verdicts is taken out.

use std::collections::BTreeMap;

use crate::domain::labelled::LabelAgreement;
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::statistics::bootstrap::percentile_interval;
use crate::statistics::confusion::{Confusion, Weighting};
use crate::statistics::krippendorff::{Scale, alpha_of_counted};
use crate::statistics::random::SeededRandom;
use crate::statistics::wilson::{Interval, Share};

use super::answer::Column;
use super::compare::IDS_MAX;
use super::test_set::TestSet;

/// Fewer tickets that several people read say nothing about how people agree.
pub const READ_TWICE_MIN: usize = 50;
/// Beyond so many tickets an agreement is known to a percent, and no interval is drawn.
const INTERVAL_MAX: usize = 5_000;
/// Where a single verdict is right so rarely, nothing can be told from verdicts any more.
const DISCERNMENT_MIN: f64 = 0.1;
const SEVERITIES: usize = Severity::ALL.len();

/// What one person said of one ticket, on their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which ticket.
    pub ticket_id: TicketId,
    /// Who, by pseudonym.
    pub reviewer: String,
    /// What they said.
    pub severity: Severity,
}

/// A person gave two readings of one ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reviewer} reads ticket {ticket} twice: keep the reading that was given first, without the other in sight")]
pub struct ReadAgain {
    /// Who.
    pub reviewer: String,
    /// Which ticket.
    pub ticket: TicketId,
}

/// Readings by ticket of the set.
#[derive(Clone, Debug, Default)]
pub struct Readings {
    by_position: BTreeMap<usize, BTreeMap<String, Severity>>,
    /// Readings of tickets that are not in the set.
    pub elsewhere: u64,
}

impl Readings {
    /// Sorts readings to their tickets.
    ///
    /// # Errors
    /// One person twice on one ticket.
    pub fn new(set: &TestSet, readings: impl IntoIterator<Item = Reading>) -> Result<Self, ReadAgain> {
        let mut found = Self::default();
        for Reading { ticket_id, reviewer, severity } in readings {
            let Some(position) = set.position(&ticket_id) else {
                found.elsewhere += 1;
                continue;
            };
            let of_ticket = found.by_position.entry(position).or_default();
            if of_ticket.contains_key(&reviewer) {
                return Err(ReadAgain { reviewer, ticket: ticket_id });
            }
            of_ticket.insert(reviewer, severity);
        }
        Ok(found)
    }

    fn read_twice(&self) -> impl Iterator<Item = (usize, Vec<Severity>)> + '_ {
        let several = self.by_position.iter().filter(|(_, readings)| readings.len() >= 2);
        several.map(|(&position, readings)| (position, readings.values().copied().collect()))
    }
}

/// An agreement and where it lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// The measure.
    pub value: f64,
    /// Where it lies with 95 %; `None`: not drawn, or undefined too often.
    pub interval: Option<Interval>,
}

/// How people agree with each other and with the labels.
#[derive(Clone, Debug, PartialEq)]
pub struct People {
    /// Single readings that equal the label, where the reader did not make the label or an adjudicator confirmed it.
    pub against_label: Share,
    /// Readings of tickets that are not in the set: they say nothing here.
    pub elsewhere: u64,
    /// Tickets that several people read.
    pub read_twice: u64,
    /// Of them, those on which all agree.
    pub agreed: Share,
    /// Cohen's kappa of the first two readers; `None`: undefined.
    pub kappa: Option<Measured>,
    /// The same with squared distances.
    pub quadratic_kappa: Option<Measured>,
    /// Krippendorff's ordinal alpha over all readers.
    pub alpha: Option<Measured>,
    /// Tickets on which people disagree: the edge cases. At most [`IDS_MAX`].
    pub disagreed: Vec<TicketId>,
}

impl People {
    /// Looks at all readings.
    pub fn of(readings: &Readings, set: &TestSet, random: &mut SeededRandom) -> Self {
        let mut against_label = Share::default();
        for (&position, of_ticket) in &readings.by_position {
            let ticket = &set.tickets()[position];
            for (reviewer, &severity) in of_ticket {
                let made_it = ticket.labelled_by.iter().any(|by| by.as_ref() == reviewer);
                if ticket.agreement == LabelAgreement::Adjudicated || !made_it {
                    against_label.add(severity == ticket.truth);
                }
            }
        }
        let units: Vec<(usize, Vec<Severity>)> = readings.read_twice().collect();
        let mut agreed = Share::default();
        let mut disagreed = Vec::new();
        for (position, severities) in &units {
            let is_one = severities.iter().all(|severity| *severity == severities[0]);
            agreed.add(is_one);
            if !is_one && disagreed.len() < IDS_MAX {
                disagreed.push(set.tickets()[*position].id.clone());
            }
        }
        let classes: Vec<Vec<usize>> =
            units.iter().map(|(_, severities)| severities.iter().map(|severity| severity.index()).collect()).collect();
        let kappa = |weighting| move |alike: &[(&[usize], u64)]| first_two(alike).kappa(weighting);
        let alpha = |alike: &[(&[usize], u64)]| alpha_of_counted(alike.iter().copied(), SEVERITIES, Scale::Ordinal);
        Self {
            against_label,
            elsewhere: readings.elsewhere,
            read_twice: units.len() as u64,
            agreed,
            kappa: measured(&classes, random, kappa(Weighting::Equal)),
            quadratic_kappa: measured(&classes, random, kappa(Weighting::Quadratic)),
            alpha: measured(&classes, random, alpha),
            disagreed,
        }
    }
}

fn first_two(alike: &[(&[usize], u64)]) -> Confusion {
    let mut confusion = Confusion::new(SEVERITIES);
    for (unit, times) in alike {
        confusion.add_many(unit[0], unit[1], *times);
    }
    confusion
}

/// An agreement does not ask which ticket it was: tickets that are read alike are counted once for all draws, and a draw is how
/// many of each kind it holds.
fn measured(
    units: &[Vec<usize>],
    random: &mut SeededRandom,
    measure: impl Fn(&[(&[usize], u64)]) -> Option<f64>,
) -> Option<Measured> {
    let mut kinds: BTreeMap<&[usize], usize> = BTreeMap::new();
    let mut alike: Vec<(&[usize], u64)> = Vec::new();
    let mut kind_of = Vec::with_capacity(units.len());
    for unit in units {
        let kind = *kinds.entry(unit).or_insert_with(|| {
            alike.push((unit, 0));
            alike.len() - 1
        });
        alike[kind].1 += 1;
        kind_of.push(kind);
    }
    let value = measure(&alike)?;
    let again = |drawn: &[usize]| {
        for (_, times) in &mut alike {
            *times = 0;
        }
        for &unit in drawn {
            alike[kind_of[unit]].1 += 1;
        }
        measure(&alike)
    };
    let draws = units.len() <= INTERVAL_MAX;
    let interval = if draws { percentile_interval(units.len(), 0.95, random, again) } else { None };
    Some(Measured { value, interval })
}

/// Where a model stands among people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HumanRange {
    /// It agrees with people less than they agree with each other.
    Below,
    /// As well as they do, as far as can be told.
    Within,
    /// More: it is near the majority. That is not more than human.
    Above,
}

/// A model among people, on the tickets that several of them read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmongPeople {
    /// Mean share of readers with whom the model agrees.
    pub with_readers: f64,
    /// Mean share of pairs of readers who agree.
    pub among_readers: f64,
    /// Mean of the difference a ticket.
    pub difference: f64,
    /// Where it lies.
    pub interval: Option<Interval>,
    /// What that says; `None`: no interval.
    pub range: Option<HumanRange>,
    /// The share of right answers once the readers' own errors are taken out; `None`: readers agree too little to tell.
    pub corrected: Option<Measured>,
}

/// Why a model is not compared with people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooFewReadTwice {
    /// Tickets that several people read.
    pub read_twice: u64,
}

/// Compares a model with people.
///
/// # Errors
/// Fewer than [`READ_TWICE_MIN`] tickets that several people read.
pub fn among_people(
    column: &Column,
    readings: &Readings,
    random: &mut SeededRandom,
) -> Result<AmongPeople, TooFewReadTwice> {
    let tickets: Vec<ReadTicket> = readings.read_twice().map(|(at, said)| ReadTicket::of(column, at, &said)).collect();
    if tickets.len() < READ_TWICE_MIN {
        return Err(TooFewReadTwice { read_twice: tickets.len() as u64 });
    }
    let all: Vec<usize> = (0..tickets.len()).collect();
    let mean = |drawn: &[usize], part: fn(&ReadTicket) -> f64| {
        drawn.iter().map(|&at| part(&tickets[at])).sum::<f64>() / drawn.len() as f64
    };
    let difference = |drawn: &[usize]| Some(mean(drawn, |ticket| ticket.with_model - ticket.among));
    let correct = |drawn: &[usize]| corrected(mean(drawn, |t| t.with_model), mean(drawn, |t| t.among));
    let interval = percentile_interval(tickets.len(), 0.95, random, difference);
    Ok(AmongPeople {
        with_readers: mean(&all, |ticket| ticket.with_model),
        among_readers: mean(&all, |ticket| ticket.among),
        difference: mean(&all, |ticket| ticket.with_model - ticket.among),
        interval,
        range: interval.map(|interval| match (interval.low > 0.0, interval.high < 0.0) {
            (true, _) => HumanRange::Above,
            (false, true) => HumanRange::Below,
            (false, false) => HumanRange::Within,
        }),
        corrected: correct(&all)
            .map(|value| Measured { value, interval: percentile_interval(tickets.len(), 0.95, random, correct) }),
    })
}

struct ReadTicket {
    with_model: f64,
    among: f64,
}

impl ReadTicket {
    fn of(column: &Column, position: usize, said: &[Severity]) -> Self {
        let count = said.len() as f64;
        let equal = |severity: Severity| said.iter().filter(|other| **other == severity).count() as f64;
        let pairs: f64 = said.iter().map(|&severity| equal(severity) - 1.0).sum();
        let answer = column.answers[position].as_ref().map(|answer| answer.severity);
        Self { with_model: answer.map_or(0.0, |answer| equal(answer) / count), among: pairs / (count * (count - 1.0)) }
    }
}

/// The share of right answers p behind an observed agreement A with single readings, where a reader errs with probability
/// h, independently, evenly over the three other severities:
///
/// `H = (1−h)² + h²/3` gives h from the agreement of readers; `A = p(1−h) + (1−p)·h/3` then gives p (the usual correction
/// for misclassification of Rogan, Gladen, American Journal of Epidemiology 107, 1978). Held to 0 to 1.
///
/// `None` where readers agree no more than chance would: then nothing can be told.
pub fn corrected(with_readers: f64, among_readers: f64) -> Option<f64> {
    // (4/3)h² − 2h + 1 − H = 0; of the two roots the smaller one: readers are right more often than not by chance.
    let inside = 4.0 - 16.0 / 3.0 * (1.0 - among_readers);
    if inside < 0.0 {
        return None;
    }
    let error = (2.0 - inside.sqrt()) * 3.0 / 8.0;
    let discernment = 1.0 - 4.0 / 3.0 * error;
    (discernment > DISCERNMENT_MIN).then(|| ((with_readers - error / 3.0) / discernment).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::tests::{beside, category, column_right, labelled, set_from};

    fn reading(ticket: &TicketId, reviewer: &str, severity: Severity) -> Reading {
        Reading { ticket_id: ticket.clone(), reviewer: reviewer.to_owned(), severity }
    }

    /// Two readers on each ticket; the second differs on every `every`-th.
    fn two_readers(set: &TestSet, every: usize) -> Readings {
        let readings = set.tickets().iter().enumerate().flat_map(|(at, ticket)| {
            let second = if at % every == 0 { beside(ticket.truth) } else { ticket.truth };
            [reading(&ticket.id, "a", ticket.truth), reading(&ticket.id, "b", second)]
        });
        Readings::new(set, readings).expect("one reading each")
    }

    #[test]
    fn the_owners_numbers_come_back_once_the_noise_is_taken_out() {
        // Labels right in 80 %: readers agree in 0.8² + 0.2²/3, an 85 % model with them in 69 %.
        let (among, with): (f64, f64) = (0.64 + 0.04 / 3.0, 0.85 * 0.8 + 0.15 * 0.2 / 3.0);
        assert!((with - 0.69).abs() < 1e-12);
        assert!((corrected(with, among).expect("defined") - 0.85).abs() < 1e-9);
        assert_eq!(corrected(0.4, 0.2), None, "readers agree less than chance would");
        assert!((corrected(0.9, 1.0).expect("defined") - 0.9).abs() < 1e-12);
    }

    #[test]
    fn a_model_that_is_right_as_often_as_readers_agree_is_within_their_range() {
        let set = set_from(&category("routing", Severity::Medium, 100));
        let readings = two_readers(&set, 5);
        let found = among_people(&column_right("v1", &set, |at| at % 10 != 1), &readings, &mut SeededRandom::new(1));
        let found = found.expect("enough tickets");
        assert!((found.among_readers - 0.8).abs() < 1e-12);
        assert_eq!(found.range, Some(HumanRange::Within), "{found:?}");
        let worse = among_people(&column_right("v0", &set, |at| at % 2 == 0), &readings, &mut SeededRandom::new(1));
        assert_eq!(worse.expect("enough tickets").range, Some(HumanRange::Below));
    }

    #[test]
    fn fewer_than_fifty_tickets_read_twice_say_nothing() {
        let set = set_from(&category("routing", Severity::Medium, 49));
        let found = among_people(&column_right("v1", &set, |_| true), &two_readers(&set, 5), &mut SeededRandom::new(1));
        assert_eq!(found, Err(TooFewReadTwice { read_twice: 49 }));
    }

    #[test]
    fn readings_of_other_tickets_say_nothing_and_are_counted() {
        let set = set_from(&category("routing", Severity::Medium, 2));
        let other = TicketId::try_new("other").expect("an id");
        let readings = [reading(&set.tickets()[0].id, "a", Severity::Medium), reading(&other, "a", Severity::Low)];
        let readings = Readings::new(&set, readings).expect("one reading each");
        let found = People::of(&readings, &set, &mut SeededRandom::new(1));
        assert_eq!((found.against_label, found.elsewhere), (Share { hits: 1, of: 1 }, 1));
    }

    #[test]
    fn tickets_on_which_people_disagree_are_the_edge_cases() {
        let tickets = [category("routing", Severity::Medium, 10), category("power", Severity::High, 10)].concat();
        let set = set_from(&tickets);
        let found = People::of(&two_readers(&set, 7), &set, &mut SeededRandom::new(1));
        let ids: Vec<&str> = found.disagreed.iter().map(TicketId::as_str).collect();
        assert_eq!(ids, ["routing-medium-0", "routing-medium-7", "power-high-4"]);
        assert_eq!((found.read_twice, found.agreed), (20, Share { hits: 17, of: 20 }));
        assert!(found.kappa.expect("defined").value < 0.8 && found.alpha.is_some());
    }

    #[test]
    fn whoever_made_a_label_is_not_judged_by_it_unless_it_was_adjudicated() {
        let mut own = labelled("T1", Severity::Low);
        own.label.by = vec!["a".into()];
        let mut adjudicated = labelled("T2", Severity::Low);
        adjudicated.label.by = vec!["a".into()];
        adjudicated.label.agreement = LabelAgreement::Adjudicated;
        let set = set_from(&[own, adjudicated]);
        let readings = set.tickets().iter().map(|ticket| reading(&ticket.id, "a", Severity::High));
        let readings = Readings::new(&set, readings).expect("one reading each");
        let found = People::of(&readings, &set, &mut SeededRandom::new(1));
        assert_eq!(found.against_label, Share { hits: 0, of: 1 });
    }

    #[test]
    fn nobody_reads_a_ticket_twice() {
        let set = set_from(&[labelled("T1", Severity::Low)]);
        let one = reading(&set.tickets()[0].id, "a", Severity::Low);
        assert!(Readings::new(&set, [one.clone(), one]).is_err());
    }
}
