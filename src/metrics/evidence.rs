//! Metrics of evidence. What it amounts to is shown by the instance that leads, alone: the others would say the same once
//! more. How far it is read, each says of itself.

use prometheus::{Gauge, GaugeVec, IntCounter, IntGauge, IntGaugeVec, Registry};

use crate::rollout::log::EvidenceTopic;
use crate::rollout::standing::VerdictStanding;

use super::{catalogue, counter, float_gauge, float_gauge_vec, gauge, gauge_vec};

/// Slices with live accuracy of their own, the sum over all of them included: seventeen series each. With more, the budget
/// of 2,000 series would go to them; the rest is in `noctriage status`.
pub const EVIDENCE_SLICES_MAX: usize = 16;

/// Label of our own writes that came back, beside the standings of verdicts.
const OURS: &str = "ours";

/// Who answers, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AnswererLabel {
    /// The severity that came with the ticket.
    Source,
    /// The TF-IDF baseline.
    Baseline,
    /// The model in use.
    Acting,
    /// The candidate that answered most.
    Candidate,
    /// People on tickets that several of them read.
    Engineers,
}

impl AnswererLabel {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Source, Self::Baseline, Self::Acting, Self::Candidate, Self::Engineers];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Baseline => "baseline",
            Self::Acting => "acting",
            Self::Candidate => "candidate",
            Self::Engineers => "engineers",
        }
    }
}

/// What became of a drawn ticket, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DrawnState {
    /// It has a final severity.
    Judged,
    /// Nobody has answered yet.
    Waiting,
    /// Nobody answered in time.
    Missing,
    /// People disagree.
    Disputed,
    /// A person was there before the decision.
    LateDecision,
    /// It ended without a person.
    NoVerdictDue,
}

impl DrawnState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Judged, Self::Waiting, Self::Missing, Self::Disputed, Self::LateDecision, Self::NoVerdictDue];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Judged => "judged",
            Self::Waiting => "waiting",
            Self::Missing => "missing",
            Self::Disputed => "disputed",
            Self::LateDecision => "late_decision",
            Self::NoVerdictDue => "no_verdict_due",
        }
    }
}

/// Live accuracy of one slice as metrics show it.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceShown<'slice> {
    /// Its name.
    pub slice: &'slice str,
    /// Drawn tickets, in the order of [`DrawnState::ALL`].
    pub drawn: [u64; 6],
    /// Right, and of how many, in the order of [`AnswererLabel::ALL`]; `None`: nobody answers in that capacity.
    pub scores: [Option<(u64, u64)>; 5],
}

/// What the evidence amounts to.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidenceShown<'slice> {
    /// Slices; those beyond [`EVIDENCE_SLICES_MAX`] are left out.
    pub slices: Vec<SliceShown<'slice>>,
    /// Verdicts, in the order of [`VerdictStanding::ALL`].
    pub standings: [u64; VerdictStanding::ALL.len()],
    /// Our own writes that came back.
    pub ours: u64,
    /// When anybody last stated anything, in seconds since 1970; `None`: never.
    pub last_stated_s: Option<f64>,
    /// Whether the feed of verdicts has been silent for unusually long.
    pub is_silent: bool,
}

/// The metrics.
#[derive(Debug)]
pub(super) struct EvidenceMetrics {
    right: IntGaugeVec,
    of: IntGaugeVec,
    tickets: IntGaugeVec,
    verdicts: IntGaugeVec,
    last_stated: Gauge,
    silent: IntGauge,
    leading: IntGauge,
    behind: GaugeVec,
    unreadable: IntGauge,
    faults: IntCounter,
}

impl EvidenceMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            right: gauge_vec(registry, &catalogue::LIVE_RIGHT),
            of: gauge_vec(registry, &catalogue::LIVE_OF),
            tickets: gauge_vec(registry, &catalogue::EVIDENCE_TICKETS),
            verdicts: gauge_vec(registry, &catalogue::VERDICTS),
            last_stated: float_gauge(registry, &catalogue::VERDICT_LAST),
            silent: gauge(registry, &catalogue::VERDICTS_SILENT),
            leading: gauge(registry, &catalogue::LEADING),
            behind: float_gauge_vec(registry, &catalogue::EVIDENCE_BEHIND),
            unreadable: gauge(registry, &catalogue::EVIDENCE_UNREADABLE),
            faults: counter(registry, &catalogue::EVIDENCE_FAULTS),
        };
        metrics.not_leading();
        metrics
    }

    pub(super) fn leads(&self, shown: &EvidenceShown<'_>) {
        self.forget();
        self.leading.set(1);
        for slice in shown.slices.iter().take(EVIDENCE_SLICES_MAX) {
            for (state, count) in DrawnState::ALL.iter().zip(slice.drawn) {
                self.tickets.with_label_values(&[slice.slice, state.as_str()]).set(as_gauge(count));
            }
            for (answerer, score) in AnswererLabel::ALL.iter().zip(slice.scores) {
                let Some((right, of)) = score else { continue };
                let labels = [slice.slice, answerer.as_str()];
                self.right.with_label_values(&labels).set(as_gauge(right));
                self.of.with_label_values(&labels).set(as_gauge(of));
            }
        }
        for (standing, count) in VerdictStanding::ALL.iter().zip(shown.standings) {
            self.verdicts.with_label_values(&[standing.as_str()]).set(as_gauge(count));
        }
        self.verdicts.with_label_values(&[OURS]).set(as_gauge(shown.ours));
        self.last_stated.set(shown.last_stated_s.unwrap_or_default());
        self.silent.set(i64::from(shown.is_silent));
    }

    pub(super) fn not_leading(&self) {
        self.forget();
        self.leading.set(0);
        self.last_stated.set(0.0);
        self.silent.set(0);
    }

    /// Slices and answerers that are gone lose their gauges.
    fn forget(&self) {
        for gauges in [&self.right, &self.of, &self.tickets, &self.verdicts] {
            gauges.reset();
        }
    }

    /// How far each topic is behind, the worst partition of it, in milliseconds; `None`: not read to an end yet.
    pub(super) fn reading(&self, behind_ms: &[(EvidenceTopic, Option<i64>)], unreadable_24h: u64) {
        self.behind.reset();
        for (topic, behind) in behind_ms {
            if let Some(behind) = behind {
                self.behind.with_label_values(&[topic.as_str()]).set(*behind as f64 / 1000.0);
            }
        }
        self.unreadable.set(as_gauge(unreadable_24h));
    }

    pub(super) fn fault(&self) {
        self.faults.inc();
    }
}

fn as_gauge(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A leader that has read everything.
    pub(in super::super) fn shown(slice: &str) -> EvidenceShown<'_> {
        let scores = [Some((30, 50)), Some((34, 50)), Some((40, 50)), None, Some((9, 10))];
        EvidenceShown {
            slices: vec![SliceShown { slice, drawn: [50, 61, 5, 2, 1, 1], scores }],
            standings: [1; VerdictStanding::ALL.len()],
            ours: 7,
            last_stated_s: Some(1_000.5),
            is_silent: true,
        }
    }

    #[test]
    fn who_does_not_lead_shows_nothing_of_what_evidence_amounts_to() {
        let registry = Registry::new();
        let metrics = EvidenceMetrics::new(&registry);
        metrics.leads(&shown("rest"));
        assert_eq!(metrics.right.with_label_values(&["rest", "acting"]).get(), 40);
        assert_eq!((metrics.leading.get(), metrics.silent.get()), (1, 1));
        metrics.not_leading();
        let left: Vec<String> = registry.gather().iter().map(|family| family.name().to_owned()).collect();
        assert!(!left.iter().any(|name| name.contains("live_accuracy") || name.contains("tickets")), "{left:?}");
        assert_eq!((metrics.leading.get(), metrics.silent.get()), (0, 0));
    }

    #[test]
    fn a_hundred_slices_have_series_for_sixteen() {
        let registry = Registry::new();
        let metrics = EvidenceMetrics::new(&registry);
        let names: Vec<String> = (0..100).map(|number| format!("s{number}")).collect();
        let slices = names.iter().flat_map(|name| shown(name).slices).collect();
        metrics.leads(&EvidenceShown { slices, ..shown("rest") });
        let families = registry.gather();
        let tickets = families.iter().find(|family| family.name() == catalogue::EVIDENCE_TICKETS.name);
        assert_eq!(tickets.map(|family| family.get_metric().len()), Some(EVIDENCE_SLICES_MAX * 6));
    }
}
