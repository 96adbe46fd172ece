//! Notices that the error has risen above its limit: the mixture Shiryaev–Roberts detector.
//!
//! For each ratio r, with `q = min(r·e₁, 0.9)` against the limit e₁:
//!
//! ```text
//! M ← (M + 1) · (wrong: q/e₁, right: (1−q)/(1−e₁)),   M = 0 at the start;   alarm when the mean of the five M ≥ A
//! ```
//!
//! While the error stays at or below e₁, `mean M − verdicts` is a supermartingale, so that the mean number of verdicts to
//! a false alarm is at least A, without the verdicts being independent (Shin, Ramdas, Rinaldo, "E-detectors", 2022). A
//! bound over the whole history is no substitute: after 1,000 good verdicts it needs about 1,230 more to notice an error
//! of 5 %, this one 112.

use super::tally::{ErrorLimit, Judged};

/// How many times the limit the error may have become: a little, or much. Equal weights.
const RATIOS: [f64; 5] = [1.5, 2.0, 3.0, 5.0, 10.0];
/// No alternative says that nearly everything is wrong, or one right verdict would end its evidence.
const ERROR_MAX: f64 = 0.9;
/// Evidence beyond this stays there: it has raised its alarm long ago, and must not become infinite.
const EVIDENCE_MAX: f64 = 1e300;
/// A of one watched error rate: the mean number of verdicts to a false alarm is at least this.
pub const ALARM_AT: f64 = 1000.0;

/// A where several error rates are watched (slices × actions × detector gates): as many times higher, so that a false
/// alarm anywhere stays as rare.
pub fn alarm_at(watched: u32) -> f64 {
    ALARM_AT * f64::from(watched.max(1))
}

/// The evidence of one watched error rate; a fold over its verdicts in order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Detector {
    when_wrong: [f64; 5],
    when_right: [f64; 5],
    evidence: [f64; 5],
}

/// The limit is so high that nothing worse could be told from it.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("an error limit of {0} cannot be watched (below 0.9)")]
pub struct LimitTooHigh(pub f64);

impl Detector {
    /// Nothing seen yet.
    ///
    /// # Errors
    /// A limit of 0.9 or more.
    pub fn try_new(limit: ErrorLimit) -> Result<Self, LimitTooHigh> {
        let rate = limit.get();
        if rate >= ERROR_MAX {
            return Err(LimitTooHigh(rate));
        }
        let alternatives = RATIOS.map(|ratio| (ratio * rate).min(ERROR_MAX));
        Ok(Self {
            when_wrong: alternatives.map(|alternative| alternative / rate),
            when_right: alternatives.map(|alternative| (1.0 - alternative) / (1.0 - rate)),
            evidence: [0.0; 5],
        })
    }

    /// With one verdict more.
    #[must_use]
    pub fn with(self, judged: Judged) -> Self {
        let factors = match judged {
            Judged::Right => self.when_right,
            Judged::Wrong => self.when_wrong,
        };
        let mut evidence = self.evidence;
        for (value, factor) in evidence.iter_mut().zip(factors) {
            *value = ((*value + 1.0) * factor).min(EVIDENCE_MAX);
        }
        Self { evidence, ..self }
    }

    /// The mean evidence, compared with [`alarm_at`].
    pub fn evidence(&self) -> f64 {
        // Divided first: five times the largest value would be infinite.
        self.evidence.iter().map(|value| value / RATIOS.len() as f64).sum()
    }
}

#[cfg(test)]
mod tests {
    use Judged::{Right, Wrong};
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::random::SeededRandom;

    fn detector(rate: f64) -> Detector {
        Detector::try_new(ErrorLimit::try_new(rate).expect("between 0 and 1")).expect("below 0.9")
    }

    fn fold(rate: f64, verdicts: impl IntoIterator<Item = Judged>) -> Detector {
        verdicts.into_iter().fold(detector(rate), Detector::with)
    }

    /// At which verdict the alarm is raised; `None` within a million.
    fn alarm(rate: f64, at: f64, verdict: impl FnMut(u32) -> Judged) -> Option<u32> {
        let mut verdict = verdict;
        let mut state = detector(rate);
        (1..=1_000_000).find(|&count| {
            state = state.with(verdict(count));
            state.evidence() >= at
        })
    }

    #[test]
    fn reproduces_the_trace_of_numpy() {
        let verdicts = || {
            let right = |count| std::iter::repeat_n(Right, count);
            right(20).chain([Wrong]).chain(right(9)).chain([Wrong]).chain(right(9))
        };
        for (after, expected) in [
            (1, 0.932_653_061_2),
            (20, 12.213_466_019_7),
            (21, 42.094_696_714_6),
            (31, 105.901_481_470_4),
            (40, 63.184_613_785_0),
        ] {
            let found = fold(0.02, verdicts().take(after)).evidence();
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} is not {expected}");
        }
    }

    #[test]
    fn alarms_at_the_verdict_that_numpy_says() {
        let every = |k: u32| alarm(0.02, ALARM_AT, |count| if (count - 1).is_multiple_of(k) { Wrong } else { Right });
        assert!((fold(0.02, [Wrong; 4]).evidence() - 2_410.437_5).abs() < 1e-6);
        assert_eq!([1, 2, 4, 6, 10].map(every), [4, 7, 17, 25, 61].map(Some));
    }

    #[test]
    fn after_a_thousand_good_verdicts_a_rise_to_five_percent_is_noticed_within_about_a_hundred() {
        let mut delays: Vec<u32> = (0..400)
            .map(|seed| {
                let mut random = SeededRandom::new(seed);
                let mut draw = |error| if random.happens(error) { Wrong } else { Right };
                let good = fold(0.02, (0..1_000).map(|_| draw(0.01)).collect::<Vec<_>>());
                let mut state = good;
                (1..100_000)
                    .find(|_| {
                        state = state.with(draw(0.05));
                        state.evidence() >= ALARM_AT
                    })
                    .expect("it is noticed")
            })
            .collect();
        delays.sort_unstable();
        // numpy, 400 runs: median 112, 90 % within 236; both to about a tenth.
        assert!((95..=130).contains(&delays[200]) && (200..=275).contains(&delays[360]), "{:?}", &delays[195..205]);
    }

    #[test]
    fn at_the_limit_the_mean_run_to_a_false_alarm_is_at_least_a() {
        let runs = 300_u32;
        let total: u32 = (0..u64::from(runs))
            .map(|seed| {
                let mut random = SeededRandom::new(1_000 + seed);
                alarm(0.02, ALARM_AT, |_| if random.happens(0.02) { Wrong } else { Right }).expect("within a million")
            })
            .sum();
        // numpy: about 1,450.
        let mean = f64::from(total) / f64::from(runs);
        assert!((1_200.0..1_800.0).contains(&mean), "{mean}");
    }

    #[test]
    fn a_new_detector_forgets_what_was_before() {
        let alarmed = fold(0.02, [Wrong; 10]);
        assert!(alarmed.evidence() > ALARM_AT);
        assert_eq!(detector(0.02).evidence(), 0.0);
        assert_eq!(fold(0.02, [Right]), detector(0.02).with(Right));
    }

    #[test]
    fn evidence_stays_finite_however_much_is_wrong() {
        assert!(fold(0.001, [Wrong; 10_000]).evidence().is_finite());
    }

    #[test]
    fn a_limit_near_one_cannot_be_watched() {
        let limit = ErrorLimit::try_new(0.9).expect("between 0 and 1");
        assert_eq!(Detector::try_new(limit), Err(LimitTooHigh(0.9)));
        assert_eq!((alarm_at(1), alarm_at(6)), (1_000.0, 6_000.0));
    }

    proptest! {
        /// At the limit, evidence grows by exactly one a verdict in the mean; below it, by less.
        #[test]
        fn evidence_minus_verdicts_is_a_supermartingale(
            rate in 0.001..0.5, better in 0.0..=1.0, wrong in prop::collection::vec(prop::bool::weighted(0.1), 0..200)
        ) {
            let state = fold(rate, wrong.into_iter().map(|wrong| if wrong { Wrong } else { Right }));
            let mean = |error: f64| {
                error * state.with(Wrong).evidence() + (1.0 - error) * state.with(Right).evidence()
            };
            let grown = state.evidence() + 1.0;
            prop_assert!((mean(rate) / grown - 1.0).abs() < 1e-9);
            prop_assert!(mean(rate * better) <= grown * (1.0 + 1e-9));
        }

        #[test]
        fn a_wrong_verdict_in_the_place_of_a_right_one_never_lowers_the_evidence(
            rate in 0.001..0.8, wrong in prop::collection::vec(any::<bool>(), 1..100), at in any::<prop::sample::Index>()
        ) {
            let judged = |wrong: &[bool]| fold(rate, wrong.iter().map(|&wrong| if wrong { Wrong } else { Right }));
            let mut worse = wrong.clone();
            worse[at.index(wrong.len())] = true;
            prop_assert!(judged(&worse).evidence() >= judged(&wrong).evidence() * (1.0 - 1e-12));
        }
    }
}
