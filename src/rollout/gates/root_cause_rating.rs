//! How helpful people find the root causes. Shown, never asked for: a wrong cause misleads nobody who can see the ticket.

use super::super::ratings::Ratings;
use super::super::reading::GateOutcome;
use super::{Found, StepContext, number_of};
use crate::domain::verdict::RatingScale;

/// Rated decisions below which the mean is not worth a number.
const DECISIONS_MIN: usize = 20;

pub(super) fn find(context: &StepContext<'_, '_>) -> Found {
    let account = &context.question.account;
    let of_slice = || {
        let behind = context.survey.of_slice(&account.account.slice);
        let behind = behind.filter(|settled| !settled.ticket.is_before(&account.after));
        behind.map(|settled| (settled.ticket, &settled.settlement))
    };
    let by_scale = RatingScale::ALL.map(|scale| (scale, Ratings::of(of_slice(), scale)));
    let Some((scale, ratings)) = by_scale.into_iter().max_by_key(|(_, ratings)| ratings.decisions.len()) else {
        return Found::unreadable(&"there is no scale");
    };
    let rated = ratings.decisions.len();
    if rated == 0 {
        return Found::plain(GateOutcome::Waiting, "no root cause has been rated".to_owned());
    }
    let mean = ratings.decisions.values().map(|decision| decision.mean_share).sum::<f64>() / rated as f64;
    let outcome = if rated < DECISIONS_MIN { GateOutcome::Waiting } else { GateOutcome::Pass };
    let (least, greatest) = scale.range().into_inner();
    let value = f64::from(least) + mean * f64::from(greatest - least);
    let of = number_of(rated as u64, "root cause");
    Found::plain(outcome, format!("{of} rated, on average {value:.1} ({least} to {greatest})"))
}
