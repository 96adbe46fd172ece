//! What is in force in one instance: what its configuration says, and what the leader says, who is followed. They differ where
//! two hosts have different policies or models; then this instance does less, never more, and says so.

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::admin::board::Board;
use crate::domain::digest::Digest;
use crate::domain::prediction::ModelIdentity;
use crate::metrics::Metrics;
use crate::policy::ruling::{Ruling, StageMap};

/// What the leader says.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowedMap {
    /// Stages, shares, grants.
    pub stage_map: Arc<StageMap>,
    /// The model that acts, by the digests of its directory and its calibration; `None`: nothing has begun.
    pub acting: Option<(Digest, Digest)>,
}

/// What is in force, from the configuration and from the leader.
pub struct InForce {
    /// What the configuration says.
    pub ruling: Arc<Ruling>,
    /// What the leader says, once it was followed: it takes the place of the configuration's.
    pub followed: Option<Arc<FollowedMap>>,
    /// All models that are loaded.
    pub models: Vec<Arc<ModelIdentity>>,
    /// All of it, for those who only look.
    pub shown: Arc<ArcSwap<Ruling>>,
    /// What screens show.
    pub board: Arc<Board>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
}

impl InForce {
    /// The configuration's ruling, with the leader's stage map and acting model where there are such. A model that is not
    /// loaded here cannot act: the configured one goes on to be shown, and nothing of it is automatic.
    pub(super) fn ruling(&self) -> Arc<Ruling> {
        let Some(followed) = &self.followed else { return Arc::clone(&self.ruling) };
        let key = |model: &ModelIdentity| (model.digest, model.calibration_digest);
        let acting = self.models.iter().find(|model| Some(key(model)) == followed.acting);
        Arc::new(Ruling {
            stage_map: Arc::clone(&followed.stage_map),
            acting: Arc::clone(acting.unwrap_or(&self.ruling.acting)),
            ..Ruling::clone(&self.ruling)
        })
    }

    /// Takes over a reload or a stage map, and says what is in force now.
    pub(super) fn take_over(&mut self, change: Change) -> Arc<Ruling> {
        match change {
            Change::Ruling(ruling) => self.ruling = ruling,
            Change::StageMap(map) => self.followed = Some(map),
        }
        let ruling = self.ruling();
        let (was, is) = (unusable_slices(&self.shown.load()), unusable_slices(&ruling));
        if was != is && !is.is_empty() {
            tracing::warn!(
                slices = is.join(", "),
                "the leader permits automatic actions of another model, calibration or eligibility, or at a higher threshold: \
                 nothing is automatic here in these slices. hint: `noctriage config show` on each host; give every instance \
                 the same policy and models"
            );
        }
        self.metrics.stage_map(&ruling.stage_map, &ruling.policy.draw_rates);
        self.board.stage_map(Arc::clone(&ruling.stage_map));
        self.board.draw_rates(ruling.policy.draw_rates);
        self.shown.store(Arc::clone(&ruling));
        ruling
    }
}

/// What changes what is in force.
pub enum Change {
    /// A reload.
    Ruling(Arc<Ruling>),
    /// What the leader says.
    StageMap(Arc<FollowedMap>),
}

fn unusable_slices(ruling: &Ruling) -> Vec<String> {
    ruling.stage_map.unusable_slices(&ruling.acting, &ruling.policy).map(str::to_owned).collect()
}
