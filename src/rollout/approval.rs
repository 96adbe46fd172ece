//! That a named person lets a slice act. A promotion says so, and so does `noctriage rollout approve`; it holds for
//! `rollout.approval_days` of desk time. Then somebody must say it again, or nothing in the slice is automatic. It ends in
//! working hours alone: nobody on call at night meets the tickets of a promotion that ran out.

use std::sync::Arc;

use crate::domain::time::UtcMillis;

use super::control::Signature;
use super::spec::RolloutSpec;
use super::state::{PromotionRequest, SliceState};
use super::wrong::Permission;

/// People are told so long before it ends (desk time), or for the last quarter of a shorter approval.
const TOLD_BEFORE_DAYS: u32 = 7;

/// Who lets a slice act, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who, and why.
    pub signed: Signature,
    /// Since when (desk time).
    pub at: UtcMillis,
}

impl Approval {
    /// Whether it ends now: it is old, and people are at work.
    pub fn ends(&self, spec: &RolloutSpec, now: UtcMillis) -> bool {
        is_old(self.at, spec, now) && spec.working_hours.contain(&spec.calendar, now)
    }

    /// When it will have ended, unless somebody approves before.
    pub fn ends_at(&self, spec: &RolloutSpec) -> UtcMillis {
        spec.working_hours.first_from(&spec.calendar, old_at(self.at, spec))
    }

    /// Whether it will end soon, or is only waiting for people to be at work.
    pub fn ends_soon(&self, spec: &RolloutSpec, now: UtcMillis) -> bool {
        let told_before_ms = RolloutSpec::days_ms(TOLD_BEFORE_DAYS).min(RolloutSpec::days_ms(spec.approval_days) / 4);
        old_at(self.at, spec).since_ms(now) <= told_before_ms
    }

    /// Whether no day at work lies between this one and the day on which it ends.
    pub fn is_last_day(&self, spec: &RolloutSpec, now: UtcMillis) -> bool {
        let next_day = |from| spec.working_hours.next_day(&spec.calendar, from);
        self.ends_at(spec) < next_day(next_day(now))
    }
}

/// From when on what somebody said at an instant lets nothing act any more, but that people must be at work.
const fn old_at(said_at: UtcMillis, spec: &RolloutSpec) -> UtcMillis {
    said_at.plus_ms(RolloutSpec::days_ms(spec.approval_days))
}

/// Whether what somebody said at an instant is too old to let anything act.
pub fn is_old(said_at: UtcMillis, spec: &RolloutSpec, now: UtcMillis) -> bool {
    old_at(said_at, spec) <= now
}

/// Whether a step that somebody has asked for may still be taken: the request has not expired, and where the step lets the slice
/// act, the word of who asked is not too old for that.
pub fn stands(request: &PromotionRequest, spec: &RolloutSpec, now: UtcMillis) -> bool {
    let lets_act = request.step.permission != Permission::Suggest;
    request.expires.is_none_or(|expires| now < expires) && !(lets_act && is_old(request.asked_at, spec, now))
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
