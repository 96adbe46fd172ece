//! The rollout as `/api/v1/status` says it: what stands between a decision and an automatic action at this moment (lease,
//! halts), who leads, and what the next step of each slice waits for. Names of people stand here only where they signed a
//! request, and ids of tickets only where a person must read them.

use serde::{Deserialize, Serialize};

use crate::config::settings::RolloutMode;
use crate::metrics::{HaltedBy, RolloutShown};
use crate::wire::values::Instant;

/// Halts that are shown; one more is counted. A configuration has fewer slices.
pub const HALTS_MAX: usize = 64;

/// How the rollout stands, as this instance follows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolloutStatus {
    /// Where stages come from: `fixed` by the configuration, or `earned` and written by the leader.
    pub mode: String,
    /// Revision of the stage map in force; 0: that of the configuration, or none has been read yet.
    pub revision: u64,
    /// What is left of the lease, in seconds; 0: there is none, and nothing is automatic. Absent with stages that are fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease_left_s: Option<f64>,
    /// Who renewed the lease last; absent: nobody has been heard of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<LeaderStatus>,
    /// Whether this instance leads.
    pub is_leading: bool,
    /// Why this instance, which leads, does not renew the lease; absent: it does, or another leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_renewed: Option<String>,
    /// What is halted.
    pub halts: HaltsStatus,
    /// Slices of which something is automatic, and who approves it.
    #[serde(default)]
    pub approvals: Vec<ApprovalStatus>,
}

/// Who approves what is automatic in a slice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalStatus {
    /// Which.
    pub slice: String,
    /// The approval; absent: nobody gives one, and nothing of it is automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<GivenStatus>,
}

/// An approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenStatus {
    /// Who gave it.
    pub who: String,
    /// When it runs out (desk time), which is in working hours.
    pub until: Instant,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaderStatus {
    /// `kafka.instance_id` of the instance.
    pub instance: String,
    /// Since when (its operating time).
    pub since: Instant,
    /// The revision of the rollout that it last renewed the lease for.
    pub revision: u64,
}

/// What is halted here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HaltsStatus {
    /// Whether `control` has been read to its end; until then everything is halted.
    pub is_known: bool,
    /// Whether `rollout.halt_file` is there: everything is halted on this instance.
    pub by_file: bool,
    /// Through the socket of this instance: everything is halted on it, until a person resumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_socket: Option<HaltStatus>,
    /// By control record: everything first, then slices; until a person resumes.
    pub by_control: Vec<HaltStatus>,
    /// How many more there are.
    pub left_out: u64,
}

/// A halt that somebody asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HaltStatus {
    /// The slice; absent: everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Who halted it.
    pub who: String,
    /// Why.
    pub why: String,
    /// Since when (operating time).
    pub since: Instant,
}

impl RolloutStatus {
    /// Whether the configuration fixes all stages.
    pub fn is_fixed(&self) -> bool {
        self.mode == RolloutMode::Fixed.as_str()
    }

    /// The same as metrics show it.
    pub fn shown(&self) -> RolloutShown {
        let HaltsStatus { is_known, by_file, by_socket, by_control, left_out } = &self.halts;
        let of_all = by_control.iter().filter(|halt| halt.slice.is_none()).count() as u64;
        let of_slices = by_control.len() as u64 - of_all + left_out;
        let count = |by: &HaltedBy| match by {
            HaltedBy::All => of_all,
            HaltedBy::Slice => of_slices,
            HaltedBy::File => u64::from(*by_file),
            HaltedBy::Socket => u64::from(by_socket.is_some()),
            HaltedBy::Unknown => u64::from(!is_known),
        };
        let halts = HaltedBy::ALL.each_ref().map(count);
        let until_s = |given: &GivenStatus| given.until.0.0 as f64 / 1_000.0;
        let approval = |one: &ApprovalStatus| (one.slice.clone(), one.given.as_ref().map_or(0.0, until_s));
        let approvals = self.approvals.iter().map(approval);
        RolloutShown { lease_left_s: self.lease_left_s, halts, revision: self.revision, approvals: approvals.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UtcMillis;

    fn halt(slice: Option<&str>) -> HaltStatus {
        let (who, why) = ("mira".to_owned(), "fibre cut".to_owned());
        HaltStatus { slice: slice.map(str::to_owned), who, why, since: Instant(UtcMillis(0)) }
    }

    #[test]
    fn metrics_tell_what_halts_apart() {
        let halts = HaltsStatus {
            is_known: true,
            by_file: true,
            by_socket: Some(halt(None)),
            by_control: vec![halt(None), halt(Some("wireless")), halt(Some("rest"))],
            left_out: 3,
        };
        let status = RolloutStatus {
            mode: "earned".into(),
            revision: 4,
            lease_left_s: Some(1.5),
            leader: None,
            is_leading: false,
            not_renewed: None,
            halts,
            approvals: [Some(GivenStatus { who: "mira".into(), until: Instant(UtcMillis(7_500)) }), None]
                .map(|given| ApprovalStatus { slice: "rest".into(), given })
                .into(),
        };
        let approvals = [7.5, 0.0].map(|until_s| ("rest".to_owned(), until_s)).into();
        let shown = RolloutShown { lease_left_s: Some(1.5), halts: [1, 5, 1, 1, 0], revision: 4, approvals };
        assert_eq!(status.shown(), shown);
        let unknown = RolloutStatus { halts: HaltsStatus::default(), ..status };
        assert_eq!(unknown.shown().halts, [0, 0, 0, 0, 1]);
    }
}
