//! Metrics of what stands between a decision and an automatic action. Written when somebody asks: a lease that was written
//! down a minute ago would look alive.

use prometheus::{GaugeVec, IntGauge, IntGaugeVec, Registry};

use crate::policy::ruling::EvidenceRate;

use super::{catalogue, float_gauge_vec, gauge, gauge_vec};

/// What halts automatic actions, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HaltedBy {
    /// A control record, in every slice.
    All,
    /// Control records, slice by slice.
    Slice,
    /// The halt file of the instance.
    File,
    /// The socket of the instance.
    Socket,
    /// Nobody: the instance has not read `control` to its end yet.
    Unknown,
}

impl HaltedBy {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::All, Self::Slice, Self::File, Self::Socket, Self::Unknown];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Slice => "slice",
            Self::File => "file",
            Self::Socket => "socket",
            Self::Unknown => "unknown",
        }
    }
}

/// Who chose the rate of the evidence draw, as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RateChosenBy {
    /// It is a number there.
    Configuration,
    /// The configuration says `auto`, and the leader has written a stage map.
    Leader,
    /// The configuration says `auto`, and there is no leader: the least is drawn.
    Nobody,
}

impl RateChosenBy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Configuration, Self::Leader, Self::Nobody];

    /// The word used in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Leader => "leader",
            Self::Nobody => "nobody",
        }
    }

    /// Of a rate under the stage map of a revision; 0 is the configuration's.
    pub const fn of(rate: EvidenceRate, rollout_revision: u64) -> Self {
        match (rate, rollout_revision) {
            (EvidenceRate::Fixed(_), _) => Self::Configuration,
            (EvidenceRate::Auto, 0) => Self::Nobody,
            (EvidenceRate::Auto, _) => Self::Leader,
        }
    }
}

/// What stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct RolloutShown {
    /// What is left of the lease, in seconds; `None`: stages are fixed, and there is none.
    pub lease_left_s: Option<f64>,
    /// Halts in force, in the order of [`HaltedBy::ALL`].
    pub halts: [u64; 5],
    /// Revision of the stage map in force; 0: the configuration's.
    pub revision: u64,
    /// Until when people approve what is automatic, by slice, in seconds since 1970; 0: nobody does.
    pub approvals: Vec<(String, f64)>,
}

/// The metrics.
#[derive(Debug)]
pub(super) struct RolloutMetrics {
    /// Without a label; absent where there is no lease.
    lease_left: GaugeVec,
    halts: IntGaugeVec,
    revision: IntGauge,
    approvals: GaugeVec,
}

impl RolloutMetrics {
    pub(super) fn new(registry: &Registry) -> Self {
        let metrics = Self {
            lease_left: float_gauge_vec(registry, &catalogue::LEASE_LEFT),
            halts: gauge_vec(registry, &catalogue::HALTS),
            revision: gauge(registry, &catalogue::REVISION),
            approvals: float_gauge_vec(registry, &catalogue::APPROVAL_ENDS),
        };
        for by in HaltedBy::ALL {
            metrics.halts.with_label_values(&[by.as_str()]);
        }
        metrics
    }

    pub(super) fn stands(&self, shown: &RolloutShown) {
        let RolloutShown { lease_left_s, halts, revision, approvals } = shown;
        self.lease_left.reset();
        if let Some(left_s) = lease_left_s {
            self.lease_left.with_label_values(&[] as &[&str]).set(*left_s);
        }
        for (by, count) in HaltedBy::ALL.iter().zip(halts) {
            self.halts.with_label_values(&[by.as_str()]).set(i64::try_from(*count).unwrap_or(i64::MAX));
        }
        self.revision.set(i64::try_from(*revision).unwrap_or(i64::MAX));
        self.approvals.reset();
        for (slice, until_s) in approvals {
            self.approvals.with_label_values(&[slice]).set(*until_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_stage_has_no_lease_to_show() {
        let registry = Registry::new();
        let metrics = RolloutMetrics::new(&registry);
        let left = || {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == catalogue::LEASE_LEFT.name);
            family.map(|family| family.get_metric()[0].get_gauge().get_value())
        };
        let approvals = vec![("rest".to_owned(), 9.5)];
        let earned = RolloutShown { lease_left_s: Some(71.5), halts: [1, 2, 0, 0, 0], revision: 7, approvals };
        metrics.stands(&earned);
        assert_eq!((left(), metrics.revision.get()), (Some(71.5), 7));
        assert_eq!(metrics.halts.with_label_values(&[HaltedBy::Slice.as_str()]).get(), 2);
        assert_eq!(metrics.approvals.with_label_values(&["rest"]).get(), 9.5);
        metrics.stands(&RolloutShown { lease_left_s: None, approvals: Vec::new(), ..earned });
        assert_eq!(left(), None);
        let families = registry.gather();
        assert!(families.iter().all(|family| family.name() != catalogue::APPROVAL_ENDS.name), "nothing is automatic");
    }
}
