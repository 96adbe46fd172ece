//! That a named person lets a slice act. A promotion says so, and so does `noctriage rollout approve`; it holds for
//! `rollout.approval_days` of desk time. Then somebody must say it again, or nothing in the slice is automatic. It ends in
//! working hours alone: nobody on call at night meets the tickets of a promotion that ran out.

use std::sync::Arc;

use crate::domain::time::UtcMillis;

use super::control::Signature;
use super::spec::RolloutSpec;
use super::state::SliceState;

/// People are told so long before it ends (desk time).
pub const TOLD_BEFORE_MS: i64 = 7 * 24 * 3_600_000;

/// Who lets a slice act, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who, and why.
    pub signed: Signature,
    /// Since when (desk time).
    pub at: UtcMillis,
}

impl Approval {
    /// From when on it ends, at the first hour at which people are at work.
    pub const fn until(&self, spec: &RolloutSpec) -> UtcMillis {
        self.at.plus_ms(RolloutSpec::days_ms(spec.approval_days))
    }

    /// Whether it ends now.
    pub fn ends(&self, spec: &RolloutSpec, now: UtcMillis) -> bool {
        self.until(spec) <= now && spec.working_hours.contain(&spec.calendar, now)
    }

    /// Whether it will end soon, or is only waiting for people to be at work.
    pub fn ends_soon(&self, spec: &RolloutSpec, now: UtcMillis) -> bool {
        self.until(spec).since_ms(now) <= TOLD_BEFORE_MS
    }
}

/// Whether a slice acts by its stage, and by no person's word.
pub fn is_missing(state: &SliceState) -> bool {
    state.standing.position.is_automatic() && state.approval.is_none()
}

/// Slices whose approval will end soon, each with it: what people are told of.
pub fn ending<'state>(
    slices: impl Iterator<Item = (&'state Arc<str>, &'state SliceState)>,
    spec: &RolloutSpec,
    now: UtcMillis,
) -> impl Iterator<Item = (&'state Arc<str>, &'state Approval)> {
    slices.filter_map(move |(name, state)| {
        let approval = state.approval.as_ref()?;
        approval.ends_soon(spec, now).then_some((name, approval))
    })
}
