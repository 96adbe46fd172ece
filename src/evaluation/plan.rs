//! The planner: for a wished error, which confidence is enough, how much of each slice is then taken without a look, and what
//! that means a month. Where the error cannot be bounded it says so.

use std::collections::BTreeMap;

use crate::domain::severity::Severity;
use crate::statistics::calibration::Claim;
use crate::statistics::tally::ErrorLimit;
use crate::statistics::threshold::{DELTA, Threshold, lowest_threshold};
use crate::statistics::wilson::Share;

use super::answer::Column;
use super::facet::Dimension;
use super::mix::value_of;
use super::test_set::TestSet;

/// What a month looks like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Month {
    /// Tickets of the desk.
    pub tickets: f64,
    /// Minutes that a ticket takes by hand; `None`: not configured.
    pub minutes_manual: Option<f64>,
}

/// A slice at one wished error.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanRow {
    /// The slice.
    pub slice: String,
    /// Its tickets, of all.
    pub share: Share,
    /// Its tickets called low, with a confidence.
    pub called_low: u64,
    /// The wished error.
    pub limit: f64,
    /// The lowest threshold whose error is bounded; `None`: not reachable with these tickets. Chosen on one ticket of each
    /// group of near-duplicates, which is one piece of evidence.
    pub threshold: Option<Threshold>,
    /// Tickets of the slice that it reaches, near-duplicates too; `None`: not reachable.
    pub reached: Option<u64>,
    /// What that means a month; `None`: not reachable, or the traffic is not configured.
    pub month: Option<PerMonth>,
}

/// What a threshold means a month.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerMonth {
    /// Tickets taken without a look.
    pub taken: f64,
    /// Wrong ones among them are at most so many, while live traffic is like these tickets.
    pub wrong_at_most: f64,
    /// Hours saved; `None`: minutes are not configured.
    pub hours: Option<f64>,
}

/// The plan by slice, most frequent first, with a row for each wished error, strictest first.
///
/// Wrong is what would breach automatic triage: a ticket called low that people call high or critical. One that they call
/// medium costs, and is no breach.
pub fn plan(
    column: &Column,
    set: &TestSet,
    by: Dimension,
    limits: &[ErrorLimit],
    month: Option<Month>,
) -> Vec<PlanRow> {
    let mut slices: BTreeMap<&str, OfSlice> = BTreeMap::new();
    for (position, answer) in column.answers.iter().enumerate() {
        let slice = slices.entry(value_of(set, position, by)).or_default();
        slice.tickets += 1;
        let low = answer.as_ref().filter(|answer| answer.severity == Severity::Low);
        if let Some(confidence) = low.and_then(super::answer::Answer::confidence) {
            slice.called_low.push(confidence);
            let ticket = &set.tickets()[position];
            if ticket.is_first_of_group {
                slice.claims.push(Claim { confidence, is_right: !is_breach(ticket.truth) });
            }
        }
    }
    let all = set.tickets().len() as u64;
    let mut rows: Vec<PlanRow> = slices
        .into_iter()
        .flat_map(|(slice, OfSlice { tickets, called_low, claims })| {
            limits.iter().map(move |limit| {
                let threshold = lowest_threshold(&claims, *limit, DELTA);
                let reached = threshold.map(|threshold| {
                    called_low.iter().filter(|confidence| **confidence >= threshold.confidence).count() as u64
                });
                PlanRow {
                    slice: slice.to_owned(),
                    share: Share { hits: tickets, of: all },
                    called_low: called_low.len() as u64,
                    limit: limit.get(),
                    month: reached.zip(month).map(|(reached, month)| per_month(reached, all, *limit, month)),
                    threshold,
                    reached,
                }
            })
        })
        .collect();
    rows.sort_by(|a, b| {
        b.share.hits.cmp(&a.share.hits).then_with(|| a.slice.cmp(&b.slice)).then(a.limit.total_cmp(&b.limit))
    });
    rows
}

/// What is gathered of a slice.
#[derive(Default)]
struct OfSlice {
    tickets: u64,
    /// Confidence of each ticket called low.
    called_low: Vec<f64>,
    /// Those that are the first of their group.
    claims: Vec<Claim>,
}

/// Whether a ticket that was called low, and that people call this, breaches automatic triage.
pub(super) fn is_breach(truth: Severity) -> bool {
    truth >= Severity::High
}

fn per_month(reached: u64, all: u64, limit: ErrorLimit, month: Month) -> PerMonth {
    let taken = month.tickets * reached as f64 / all as f64;
    PerMonth {
        taken,
        wrong_at_most: taken * limit.get(),
        hours: month.minutes_manual.map(|minutes| taken * minutes / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::answer::ColumnKind;
    use crate::evaluation::tests::{category, confident, set_from};

    /// 400 routing tickets called low, of which `wrong` are critical; 40 wireless ones, all low.
    fn rows(wrong: usize, limits: &[f64]) -> Vec<PlanRow> {
        let tickets = [
            category("routing", Severity::Critical, wrong),
            category("routing", Severity::Medium, 400 - wrong),
            category("wireless", Severity::Low, 40),
        ]
        .concat();
        let set = set_from(&tickets);
        let answers = (0..440).map(|at| Some(confident(Severity::Low, 0.5 + f64::from(at) / 1_000.0))).collect();
        let column = Column { name: "v1".into(), kind: ColumnKind::Reported, answers, elsewhere: 0 };
        let limits: Vec<ErrorLimit> =
            limits.iter().map(|&limit| ErrorLimit::try_new(limit).expect("a limit")).collect();
        let month = Month { tickets: 4_400.0, minutes_manual: Some(6.0) };
        plan(&column, &set, Dimension::Category, &limits, Some(month))
    }

    #[test]
    fn a_threshold_says_what_a_month_is_like() {
        let found = rows(0, &[0.02]);
        let routing = &found[0];
        assert_eq!((routing.slice.as_str(), routing.threshold.expect("reachable").eligible), ("routing", 400));
        let month = routing.month.expect("configured");
        assert!((month.taken - 4_000.0).abs() < 1e-9 && (month.wrong_at_most - 80.0).abs() < 1e-9);
        assert!((month.hours.expect("configured") - 400.0).abs() < 1e-9);
    }

    #[test]
    fn where_the_error_cannot_be_bounded_nothing_is_reachable() {
        let found = rows(200, &[0.02, 0.05]);
        let reachable: Vec<(&str, f64)> =
            found.iter().filter(|row| row.threshold.is_some()).map(|row| (row.slice.as_str(), row.limit)).collect();
        // Half of routing is wrong; the surer half is right, and 40 wireless tickets are too few for two percent.
        assert_eq!(reachable, [("routing", 0.02), ("routing", 0.05)]);
        assert!(found.iter().all(|row| row.threshold.is_some() == row.month.is_some()));
    }

    #[test]
    fn near_duplicates_are_reached_but_are_one_piece_of_evidence() {
        // 400 tickets called low and none of them a breach; 390 are twins of one.
        let mut tickets = category("routing", Severity::Low, 400);
        tickets[..390].iter_mut().for_each(|ticket| ticket.group = Some("storm".into()));
        let set = set_from(&tickets);
        let answers = vec![Some(confident(Severity::Low, 0.9)); 400];
        let column = Column { name: "v1".into(), kind: ColumnKind::Reported, answers, elsewhere: 0 };
        let at = |limit: f64| {
            let limit = ErrorLimit::try_new(limit).expect("a limit");
            plan(&column, &set, Dimension::Category, &[limit], None).remove(0)
        };
        assert_eq!((at(0.02).threshold, at(0.02).called_low), (None, 400));
        let loose = at(0.2);
        assert_eq!((loose.threshold.expect("eleven are enough").eligible, loose.reached), (11, Some(400)));
    }

    #[test]
    fn medium_called_low_is_no_breach_and_critical_is() {
        assert_eq!(rows(0, &[0.02])[0].threshold.expect("reachable").wrong, 0);
        let all_critical = rows(400, &[0.2]);
        assert_eq!(all_critical[0].threshold, None);
    }
}
