//! What training holds beside what the test set and the live desk hold: too little of something is the first thing to look
//! for when it fails.

use std::collections::BTreeSet;

use crate::statistics::rate_ratio::rate_ratio;
use crate::statistics::wilson::Share;

use super::data::mix::Standing as MixStanding;
use super::facet::Dimension;
use super::failures::Standing;
use super::mix::Mix;
use super::report::{NamedFacet, NamedSlice};
use super::test_set::TestSet;

/// How often a value occurs in training, test and live tickets.
#[derive(Clone, Debug, PartialEq)]
pub struct Composition {
    /// Which.
    pub facet: NamedFacet,
    /// In the training tickets.
    pub training: Share,
    /// In the test tickets.
    pub test: Share,
    /// In live traffic; `None`: not given, or by another dimension.
    pub live: Option<Share>,
}

impl Composition {
    /// The training share against the live one, or where that is not given against that of the test set; `None`: the value
    /// does not occur there.
    pub fn ratio(&self) -> Option<f64> {
        let real = self.real().proportion().filter(|share| *share > 0.0)?;
        Some(self.training.proportion()? / real)
    }

    /// Whether training holds less than half of what reality does, and is shown to: by the rule of `dataset mix`.
    pub fn is_under_represented(&self) -> bool {
        let (training, real) = (self.training, self.real());
        let ratio = rate_ratio(training.hits, training.of, real.hits, real.of);
        MixStanding::of(training.hits, real.hits, ratio) == MixStanding::Under
    }

    /// What stands for reality.
    fn real(&self) -> Share {
        self.live.unwrap_or(self.test)
    }
}

/// The values of the chosen dimension, and every weak slice of another that training could hold more of.
pub(super) fn composition(
    by: Dimension,
    set: &TestSet,
    training: Option<&TestSet>,
    live: Option<&Mix>,
    slices: &[NamedSlice],
) -> Vec<Composition> {
    let Some(training) = training else { return Vec::new() };
    let mixes = Dimension::ALL.map(|dimension| {
        let live = live.filter(|live| live.dimension == dimension);
        (dimension, Mix::of(training, dimension), Mix::of(set, dimension), live)
    });
    let of = |facet: NamedFacet| {
        let (_, training, test, live) = mixes.iter().find(|(dimension, ..)| *dimension == facet.dimension)?;
        Some(Composition {
            training: training.share(&facet.value),
            test: test.share(&facet.value),
            live: live.map(|live| live.share(&facet.value)),
            facet,
        })
    };
    let (_, _, test, live) = mixes.iter().find(|(dimension, ..)| *dimension == by).expect("all dimensions are there");
    let values = test.counts.keys().chain(live.iter().flat_map(|live| live.counts.keys()));
    let values: BTreeSet<&String> = values.collect();
    let chosen = values.into_iter().map(|value| NamedFacet { dimension: by, value: value.clone() });
    let weak = slices.iter().filter(|slice| {
        let NamedFacet { dimension, .. } = slice.facet;
        slice.failures.standing == Standing::Worse && dimension != by && !dimension.is_ticket_text()
    });
    let mut found: Vec<Composition> = chosen.chain(weak.map(|slice| slice.facet.clone())).filter_map(of).collect();
    found.sort_by(|a, b| {
        let ratio = |composition: &Composition| composition.ratio().unwrap_or(f64::INFINITY);
        ratio(a).total_cmp(&ratio(b)).then_with(|| a.facet.value.cmp(&b.facet.value))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::severity::Severity;
    use crate::evaluation::tests::{category, set_from};

    fn tickets(routing: usize, wireless: usize) -> TestSet {
        set_from(&[category("routing", Severity::Low, routing), category("wireless", Severity::Low, wireless)].concat())
    }

    #[test]
    fn what_training_holds_too_little_of_is_said_against_the_test_set_where_live_is_unknown() {
        let found = composition(Dimension::Category, &tickets(30, 10), Some(&tickets(96, 4)), None, &[]);
        let wireless = &found[0];
        assert_eq!((wireless.facet.value.as_str(), wireless.training.hits), ("wireless", 4));
        assert!((wireless.ratio().expect("it occurs") - 0.16).abs() < 1e-12 && wireless.is_under_represented());
        assert!(!found[1].is_under_represented());
    }

    #[test]
    fn what_chance_alone_may_do_is_not_too_few() {
        // 0 of 20 beside 1 of 40, and 2 of 40 beside 4 of 30: less than half, and no more than chance.
        let found = composition(Dimension::Category, &tickets(39, 1), Some(&tickets(20, 0)), None, &[]);
        assert!(found.iter().all(|composition| !composition.is_under_represented()), "{found:?}");
        let found = composition(Dimension::Category, &tickets(26, 4), Some(&tickets(38, 2)), None, &[]);
        assert!(found[0].ratio().expect("it occurs") < 0.5 && !found[0].is_under_represented(), "{found:?}");
    }

    #[test]
    fn where_the_live_mix_is_given_it_decides() {
        let live = Mix::of(&tickets(95, 5), Dimension::Category);
        let found = composition(Dimension::Category, &tickets(30, 10), Some(&tickets(96, 4)), Some(&live), &[]);
        assert!(found.iter().all(|composition| !composition.is_under_represented()), "{found:?}");
        assert_eq!(composition(Dimension::Category, &tickets(3, 1), None, Some(&live), &[]), []);
    }
}
