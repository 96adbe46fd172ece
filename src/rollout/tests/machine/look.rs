//! What the book says of a state: who may act, and what must not stand once nothing follows any more.

use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::prediction::{ModelIdentity, Purpose};
use crate::domain::probability::Probability;
use crate::domain::stage::{AutoAction, Share};
use crate::domain::time::UtcMillis;
use crate::policy::ruling::{Lease, Moment};
use crate::rollout::control::Halts;
use crate::rollout::decision::ModelKey;
use crate::rollout::plan::SecondView;
use crate::rollout::reading::Gate;
use crate::rollout::tests::desk::{Desk, HOUR_MS, model, probability};
use crate::rollout::wrong::Permission;

use super::book::{Book, are_at_work, is_old, is_present, place};
use super::event::{ELIGIBILITIES, THRESHOLDS, VERSIONS};

impl Book {
    /// The state is the book's, and the real permit says what the book says, for everything that could ask.
    pub(super) fn check_state(&mut self, desk: &Desk) {
        let state = &desk.state;
        assert_eq!((state.revision, state.control_next), (self.revision, self.control_next));
        assert_eq!(state.basis.as_ref().map(|basis| &basis.model), self.acting.as_ref(), "exactly one model acts");
        for (name, slice) in &state.slices {
            assert!(slice.standing.is_whole(), "{name} holds what its stage says");
        }
        let mut halts = Halts::default();
        desk.requests.iter().for_each(|record| halts.read(record));
        let map = state.stage_map(&desk.spec);
        for slice in &desk.spec.slices {
            let entry = map.slices.iter().find(|entry| entry.slice == *slice.name).unwrap();
            let page = self.pages.get(&slice.name).cloned().unwrap_or_default();
            assert_eq!(place(entry.stage), page.stage);
            let is_let = page.open.is_empty() && page.approved.is_some();
            let shares = if is_let { page.shares } else { [0.0; 2] };
            assert_eq!(entry.shares.map(Share::get), shares);
            for (number, action) in AutoAction::ALL.into_iter().enumerate() {
                for (acting, eligibility, threshold, lease) in askers() {
                    let halted = halts.is_halted(&slice.name);
                    let moment = moment(halted, lease);
                    self.policy.eligibility_digest = eligibility;
                    let real = map.permit(&slice.name, action, threshold, &acting, &self.policy, &moment);
                    let may = page.stage >= 2 + number
                        && is_let
                        && self.acting.as_ref().is_some_and(|model| model.digest == acting.digest)
                        && self.eligibility == eligibility
                        && page.earned[1 + number].is_some_and(|earned| threshold >= earned)
                        && !halted
                        && lease > 10_000;
                    assert_eq!(real.is_ok(), may, "{} {} {real:?}", slice.name, action.as_str());
                    self.permitted += u64::from(may);
                }
            }
        }
    }

    /// What must not stand once nothing follows any more.
    pub(super) fn check_rest(&self, desk: &Desk) {
        assert_eq!(self.eligibility, desk.facts.eligibility_digest);
        for (name, page) in &self.pages {
            assert!(!page.approved.is_some_and(|given| is_old(given, desk)) || !are_at_work(desk.now));
            for (ticket, asked_at) in &page.open {
                assert_ne!(desk.facts.second_view(ticket), Some(SecondView::Confirmed));
                // What has not been read yet may hold the answer: then nobody acts, for the lease ends.
                let is_open = desk.facts.second_view(ticket).is_some() || desk.now.since_ms(*asked_at) < 24 * HOUR_MS;
                assert!(is_open || !is_present(desk));
            }
            if desk.fails {
                continue;
            }
            let says = &desk.says[name];
            let is_automatic = page.stage >= 2;
            assert!(!is_automatic || !self.holes(&desk.evaluation()), "nobody acts on a hole");
            let observed = |gate: Gate| desk.spec.observed_only.contains(&gate);
            assert!(!is_automatic || says.silent < 5 || observed(Gate::VerdictFreshness));
            let is_known = |ticket| page.open.contains_key(ticket) || page.heard.contains(ticket);
            assert!(!is_automatic || says.critical.iter().all(is_known), "a critical ticket is asked about");
            if let Some((permission, gate)) = says.breached.filter(|(_, gate)| *gate != Gate::Drift && !observed(*gate))
            {
                let held = Permission::ALL.iter().position(|other| *other == permission).unwrap() < page.stage;
                assert!(!held, "{} is breached and in force", gate.as_str());
            }
        }
    }
}

/// Every instance that could ask for a permit: its model, eligibility, threshold, and lease left.
fn askers() -> impl Iterator<Item = (ModelIdentity, Digest, Probability, i64)> {
    let versions = VERSIONS.into_iter().map(model);
    let identity = |model: Arc<ModelKey>| ModelIdentity {
        name: model.name.clone(),
        version: model.version.clone(),
        digest: model.digest,
        calibration_digest: model.calibration_digest,
        purpose: Purpose::Production,
    };
    versions.map(identity).flat_map(|identity| {
        ELIGIBILITIES.into_iter().flat_map(move |eligibility| {
            let identity = identity.clone();
            THRESHOLDS.into_iter().flat_map(move |threshold| {
                let identity = identity.clone();
                [10_000, 10_001].into_iter().map(move |lease| {
                    (identity.clone(), Digest::of(eligibility.as_bytes()), probability(threshold), lease)
                })
            })
        })
    })
}

const fn moment(halted: bool, lease: i64) -> Moment {
    Moment { operating: UtcMillis(0), desk: UtcMillis(0), lease: Lease::LeftMs(lease), lease_ms_needed: 10_000, halted }
}
