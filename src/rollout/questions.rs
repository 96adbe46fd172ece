//! What a state asks of the gates, and what it permits: the questions of an evaluation, and the stage map.

use std::sync::Arc;

use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Share};
use crate::policy::draws::DrawRate;
use crate::policy::ruling::{Grant, SlicePermission, StageMap};

use super::approval;
use super::closed::Closed;
use super::counting::AccountKey;
use super::decision::ModelKey;
use super::ladder::Position;
use super::log::Cut;
use super::reading::{AccountQuestion, SliceQuestion, StepKind, StepQuestion};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::{Basis, Held, RolloutState, SliceState};
use super::wrong::Permission;

impl RolloutState {
    /// What an evaluation is asked, for all slices in the order of the specification.
    pub fn questions(&self, spec: &RolloutSpec) -> Vec<SliceQuestion> {
        spec.slices.iter().map(|slice| self.question(slice, spec)).collect()
    }

    /// What is asked about one slice.
    pub fn question(&self, slice: &SliceSpec, spec: &RolloutSpec) -> SliceQuestion {
        let known = self.basis.as_ref().zip(self.slices.get(&slice.name));
        let Some((basis, state)) = known else {
            return SliceQuestion { slice: Arc::clone(&slice.name), next: None, in_force: Vec::new() };
        };
        let asked = Asked { slice, spec, basis, state, closed: self.closed.as_ref() };
        SliceQuestion { slice: Arc::clone(&slice.name), next: asked.next(), in_force: asked.in_force() }
    }

    /// What is asked about a candidate, to know how far it would be after a switch: one permission for all slices.
    pub fn candidate_questions(
        &self,
        model: &Arc<ModelKey>,
        permission: Permission,
        spec: &RolloutSpec,
    ) -> Vec<SliceQuestion> {
        let Some(acting) = &self.basis else { return Vec::new() };
        let basis = Basis { model: Arc::clone(model), eligibility_digest: acting.eligibility_digest };
        let question = |slice: &SliceSpec| {
            let next = self.slices.get(&slice.name).and_then(|state| {
                let asked = Asked { slice, spec, basis: &basis, state, closed: self.closed.as_ref() };
                let opened_at = state.account(permission, &basis)?.opened_at;
                let account = asked.account(permission, slice.threshold, None)?;
                Some(StepQuestion { account, kind: StepKind::Stage, since: opened_at })
            });
            SliceQuestion { slice: Arc::clone(&slice.name), next, in_force: Vec::new() }
        };
        spec.slices.iter().map(question).collect()
    }

    /// What may be done now. A slice that the state does not know is in shadow; one that is suspended, or that nobody
    /// approves any more, acts on nothing.
    pub fn stage_map(&self, spec: &RolloutSpec) -> StageMap {
        let entry = |slice: &SliceSpec| match self.basis.as_ref().zip(self.slices.get(&slice.name)) {
            Some((basis, state)) => permission(&slice.name, basis, state),
            None => SlicePermission {
                slice: slice.name.to_string(),
                stage: Position::SHADOW.stage(),
                shares: Position::SHADOW.shares(),
                grants: [None, None],
                evidence_rate: DrawRate::LEAST,
            },
        };
        StageMap { rollout_revision: self.revision, slices: spec.slices.iter().map(entry).collect() }
    }
}

fn permission(name: &str, basis: &Basis, state: &SliceState) -> SlicePermission {
    let is_stopped = state.suspension.is_some() || approval::is_missing(state);
    let position = state.standing.position;
    let grant = |held: &Held| Grant {
        model_digest: Some(basis.model.digest),
        calibration_digest: Some(basis.model.calibration_digest),
        eligibility_digest: Some(basis.eligibility_digest),
        threshold_min: held.threshold,
    };
    // Without a grant, not only without a share: commands that are under way are stopped where they are carried out.
    let granted = |action| state.standing.held(Permission::Auto(action)).filter(|_| !is_stopped).map(grant);
    SlicePermission {
        slice: name.to_owned(),
        stage: position.stage(),
        shares: if is_stopped { [Share::ZERO; 2] } else { position.shares() },
        grants: AutoAction::ALL.map(granted),
        evidence_rate: state.evidence_rate(),
    }
}

/// One slice on one basis.
struct Asked<'state> {
    slice: &'state SliceSpec,
    spec: &'state RolloutSpec,
    basis: &'state Basis,
    state: &'state SliceState,
    closed: Option<&'state Arc<Closed>>,
}

impl Asked<'_> {
    fn next(&self) -> Option<StepQuestion> {
        let step = self.state.next_step(self.slice.threshold)?;
        let account = self.account(step.permission, self.slice.threshold, None)?;
        Some(StepQuestion { account, kind: step.rise.kind(), since: self.state.since })
    }

    fn in_force(&self) -> Vec<AccountQuestion> {
        let watched = |permission| {
            let held = self.state.standing.held(permission)?;
            // What is acted on: nothing below the earned threshold, nothing below the configured one.
            let threshold = if self.slice.threshold < held.threshold { held.threshold } else { self.slice.threshold };
            self.account(permission, threshold, Some(&held.after))
        };
        Permission::ALL.into_iter().filter_map(watched).collect()
    }

    fn account(&self, permission: Permission, threshold: Probability, after: Option<&Cut>) -> Option<AccountQuestion> {
        let account = self.state.account(permission, self.basis)?;
        Some(AccountQuestion {
            account: AccountKey {
                slice: Arc::clone(&self.slice.name),
                permission,
                model: Arc::clone(&self.basis.model),
                eligibility_digest: self.basis.eligibility_digest,
                threshold,
            },
            attempt: account.attempt,
            slice_weight: self.spec.slice_weight(&self.slice.name)?,
            threshold_weight: account.weight_of(threshold),
            after: after.unwrap_or(&account.after).clone(),
            closed: self.closed.cloned(),
        })
    }
}
