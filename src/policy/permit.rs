//! The permit: no automatic action can be built without one, and only the stage map makes one.

use crate::domain::digest::Digest;
use crate::domain::prediction::ModelIdentity;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::AutoAction;
use crate::domain::time::UtcMillis;

use super::decided::Rule;
use super::ruling::{Grant, Lease, Moment, Policy, SlicePermission, StageMap};

/// Proof that the stage map permits one action for one slice at this moment. Cannot be built elsewhere, nor copied.
#[derive(Debug, PartialEq)]
pub struct AutoPermit {
    slice: String,
    action: AutoAction,
    rollout_revision: u64,
    threshold: Probability,
}

impl AutoPermit {
    /// The slice it is for.
    pub fn slice(&self) -> &str {
        &self.slice
    }

    /// The action it allows.
    pub const fn action(&self) -> AutoAction {
        self.action
    }

    /// Revision of the rollout that granted it.
    pub const fn rollout_revision(&self) -> u64 {
        self.rollout_revision
    }

    /// The threshold it was granted at.
    pub const fn threshold(&self) -> Probability {
        self.threshold
    }
}

/// An automatic action on a ticket. Its only constructor takes a permit.
#[derive(Debug, PartialEq)]
pub struct Command {
    permit: AutoPermit,
    /// Severity to write.
    pub severity: Severity,
    /// Queue to write, where the table has one.
    pub queue: Option<String>,
    /// Root cause behind it.
    pub root_cause: Option<String>,
    /// Hash of ticket id, action, input digest and reopen count.
    pub idempotency_key: Digest,
    /// Void after this instant of operating time.
    pub not_after: UtcMillis,
}

impl Command {
    /// Builds a command from the permit that allows it.
    pub const fn new(
        permit: AutoPermit,
        severity: Severity,
        queue: Option<String>,
        root_cause: Option<String>,
        idempotency_key: Digest,
        not_after: UtcMillis,
    ) -> Self {
        Self { permit, severity, queue, root_cause, idempotency_key, not_after }
    }

    /// The permit it was built with.
    pub const fn permit(&self) -> &AutoPermit {
        &self.permit
    }
}

impl Grant {
    /// Whether it is for this model, under this policy, at this threshold.
    fn names(&self, threshold: Probability, acting: &ModelIdentity, policy: &Policy) -> bool {
        let Self { model_digest, calibration_digest, eligibility_digest, threshold_min } = self;
        let names = |named: &Option<Digest>, ours: Digest| named.is_none_or(|digest| digest == ours);
        names(model_digest, acting.digest)
            && names(calibration_digest, acting.calibration_digest)
            && names(eligibility_digest, policy.eligibility_digest)
            && *threshold_min <= threshold
    }
}

impl StageMap {
    /// The only maker of permits. Call it right before `begin_transaction`.
    ///
    /// # Errors
    /// The first rule that refuses: stage, grant, lease or halt.
    pub fn permit(
        &self,
        slice: &str,
        action: AutoAction,
        threshold: Probability,
        acting: &ModelIdentity,
        policy: &Policy,
        moment: &Moment,
    ) -> Result<AutoPermit, Rule> {
        let entry = self.slices.iter().find(|entry| entry.slice == slice).ok_or(Rule::StageTooLow)?;
        if entry.stage < action.stage_needed() {
            return Err(Rule::StageTooLow);
        }
        let grant = entry.grants[action.index()].as_ref().ok_or(Rule::StageTooLow)?;
        if !grant.names(threshold, acting, policy) {
            return Err(Rule::GrantMismatch);
        }
        if moment.halted {
            return Err(Rule::Halted);
        }
        match moment.lease {
            Lease::Fixed => {}
            Lease::LeftMs(left_ms) if left_ms > moment.lease_ms_needed => {}
            Lease::LeftMs(_) => return Err(Rule::LeaseTooShort),
        }
        Ok(AutoPermit { slice: slice.to_owned(), action, rollout_revision: self.rollout_revision, threshold })
    }

    /// Slices in which something is permitted, and not to this model under this policy.
    pub fn unusable_slices<'map>(
        &'map self,
        acting: &'map ModelIdentity,
        policy: &'map Policy,
    ) -> impl Iterator<Item = &'map str> {
        let threshold = |slice: &str| policy.slices.iter().find(|rule| rule.name == slice).map(|rule| rule.threshold);
        let is_unusable = move |entry: &&SlicePermission| {
            let ours = threshold(&entry.slice);
            let names = |grant: &Grant| ours.is_some_and(|threshold| grant.names(threshold, acting, policy));
            entry.grants.iter().flatten().any(|grant| !names(grant))
        };
        self.slices.iter().filter(is_unusable).map(|entry| entry.slice.as_str())
    }
}
