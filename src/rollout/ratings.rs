//! Ratings of root causes: several people per decision, one scale, averaged per decision first.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::domain::verdict::{RatingScale, ReviewerId, Verdict, VerdictKind};

use super::evidence::{Evidence, TicketEvidence};
use super::settle::{Settlement, Standing};

/// Ratings of one decision on one scale.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RatedDecision {
    /// The value of each person, in the order of their pseudonyms. Somebody who gave two values and corrected neither is
    /// left out.
    pub values: Vec<u8>,
    /// Mean of the values moved to 0 (least) to 1 (greatest).
    pub mean_share: f64,
}

/// All ratings on one scale, and how many were on another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ratings {
    /// By decision.
    pub decisions: BTreeMap<Digest, RatedDecision>,
    /// Ratings on another scale or version: never averaged together.
    pub on_other_scales: usize,
    /// People who gave two values to one decision and corrected neither.
    pub contradictory: usize,
}

/// Collects the ratings on one scale.
pub fn ratings(evidence: &Evidence, scale: RatingScale) -> Ratings {
    Ratings::of(evidence.tickets().map(|(_, ticket)| (ticket, ticket.settlement())), scale)
}

impl Ratings {
    /// Ratings of some tickets on one scale.
    pub fn of<'evidence>(
        tickets: impl IntoIterator<Item = (&'evidence TicketEvidence, impl Borrow<Settlement>)>,
        scale: RatingScale,
    ) -> Self {
        let mut by_person: BTreeMap<(Digest, ReviewerId), Vec<(u8, f64)>> = BTreeMap::new();
        let mut ratings = Self::default();
        for (ticket, settlement) in tickets {
            for (recorded, standing) in ticket.verdicts().iter().zip(&settlement.borrow().standings) {
                let Verdict { kind, rating, reviewer, .. } = &recorded.value;
                let is_rating = *kind == VerdictKind::RootCauseRating && *standing == Standing::Stands;
                let Some(rating) = rating.filter(|_| is_rating) else { continue };
                if rating.scale() == scale {
                    let given = by_person.entry((rating.of(), reviewer.id.clone())).or_default();
                    given.push((rating.value(), rating.as_share()));
                } else {
                    ratings.on_other_scales += 1;
                }
            }
        }
        ratings.average(by_person)
    }

    fn average(mut self, by_person: BTreeMap<(Digest, ReviewerId), Vec<(u8, f64)>>) -> Self {
        let mut shares: BTreeMap<Digest, Vec<f64>> = BTreeMap::new();
        for ((decision, _), given) in by_person {
            let (value, share) = given[0];
            if given.iter().any(|(other, _)| *other != value) {
                self.contradictory += 1;
                continue;
            }
            self.decisions.entry(decision).or_default().values.push(value);
            shares.entry(decision).or_default().push(share);
        }
        for (decision, shares) in shares {
            if let Some(rated) = self.decisions.get_mut(&decision) {
                rated.mean_share = shares.iter().sum::<f64>() / shares.len() as f64;
            }
        }
        self
    }
}
