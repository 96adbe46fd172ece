//! Where the rollout stands: one value that the leader writes and every instance reads. It holds what was decided and what
//! must be remembered, nothing that can be counted again. What is asked of the gates for it stands in `questions`; how it
//! changes, in `transition`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::digest::Digest;
use crate::domain::probability::Probability;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;
use crate::policy::draws::DrawRate;
use crate::statistics::level::{CONFIGURED_WEIGHT, OTHER_WEIGHT};

use super::approval::Approval;
use super::closed::Closed;
use super::control::{Lock, Signature};
use super::decision::ModelKey;
use super::draw_rate::greatest;
use super::ladder::{Position, Rise, Step, place};
use super::local_time::LocalDay;
use super::log::Cut;
use super::wrong::Permission;

/// Accounts that one slice remembers: three permissions of four models and eligibilities. A map of
/// all slices must stay a record that a broker takes. The oldest is forgotten first, never one
/// in use.
pub const ACCOUNTS_MAX: usize = 12;

/// Tickets that one suspension asks about. More of them are not needed to step back.
pub const ASKED_MAX: usize = 16;

/// Tickets that one slice remembers as judged by a second reader.
pub const HEARD_MAX: usize = 64;

/// What every permission rests on: whose answers, and on which tickets they may be acted on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Basis {
    /// The acting model.
    pub model: Arc<ModelKey>,
    /// Digest of all that decides eligibility except the threshold.
    pub eligibility_digest: Digest,
}

/// The state of the whole rollout at one revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RolloutState {
    /// Rises by one with each transition; 0: there has been none.
    pub revision: u64,
    /// The one acting model; `None`: nothing has begun.
    pub basis: Option<Basis>,
    /// What acted before the last switch; `None`: there was none, or nothing goes back to it any more.
    pub previous: Option<PreviousModel>,
    /// The revision of the last step-back, suspension or switch: what was asked against an earlier one is void.
    pub void_before: u64,
    /// Holes that a person has acknowledged, word for word.
    pub acknowledged_holes: BTreeSet<String>,
    /// All slices that were ever opened, by name.
    pub slices: BTreeMap<Arc<str>, SliceState>,
    /// The last day of the desk on which promotions were read; `None`: on none.
    pub read_on: Option<LocalDay>,
    /// The next control record to read: what lies before it has had its answer.
    pub control_next: i64,
    /// What has left the window; `None`: nothing was closed yet.
    pub closed: Option<Arc<Closed>>,
}

/// What acted before a switch, and where its slices stood.
#[derive(Clone, Debug, PartialEq)]
pub struct PreviousModel {
    /// The model.
    pub model: Arc<ModelKey>,
    /// When it was switched away (desk time).
    pub switched_at: UtcMillis,
    /// What each slice held.
    pub slices: BTreeMap<Arc<str>, Standing>,
}

/// Where a slice stands, and what its permissions were earned with.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Stage and shares.
    pub position: Position,
    /// How each permission of the stage was earned, in the order of [`Permission::ALL`]; `None`: it is not held.
    pub held: [Option<Held>; 3],
}

/// A permission in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// The lowest threshold that was earned.
    pub threshold: Probability,
    /// What had been read when it was granted: it is watched on tickets decided since.
    pub after: Cut,
}

/// One slice.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceState {
    /// Where it stands.
    pub standing: Standing,
    /// Since when it has its stage and shares (desk time).
    pub since: UtcMillis,
    /// The revision that gave it its stage and shares.
    pub moved_in: u64,
    /// The accounts that were opened, oldest first.
    pub accounts: Vec<OpenAccount>,
    /// A hard stop that waits for its second reader; `None`: there is none.
    pub suspension: Option<Suspension>,
    /// Tickets that a second reader, or time, has judged; newest last.
    pub heard: Vec<TicketId>,
    /// When it stepped back by a breach (desk time), within the window; newest last.
    pub breaches: Vec<UtcMillis>,
    /// Nothing is earned before this instant (desk time); `None`: it has never stepped back.
    pub cool_down_until: Option<UtcMillis>,
    /// Whether only a promotion with `--override` goes up from here.
    pub is_locked: bool,
    /// Who lets it act; `None`: nobody, and nothing of it is automatic whatever its stage.
    pub approval: Option<Approval>,
    /// The step that a person has asked for; `None`: nobody has.
    pub request: Option<PromotionRequest>,
    /// How many of its tickets are drawn where the configuration says `auto`.
    pub draw: SliceDraw,
}

/// The rate of the evidence draw of a slice, as the leader chose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SliceDraw {
    /// The rate; what the stage allows of it is in force.
    pub rate: DrawRate,
    /// When it was last raised (desk time); before that, when the slice was opened.
    pub raised_at: UtcMillis,
}

impl SliceDraw {
    /// Where every slice begins.
    pub const fn least(at: UtcMillis) -> Self {
        Self { rate: DrawRate::LEAST, raised_at: at }
    }
}

/// An account: since which cut it counts, and at which level.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenAccount {
    /// What may be earned with it.
    pub permission: Permission,
    /// Whose answers, on which tickets.
    pub basis: Basis,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The threshold that was configured when this attempt opened: every other one is read at a smaller weight.
    pub threshold: Probability,
    /// Only tickets first decided behind this cut count.
    pub after: Cut,
    /// When this attempt opened (desk time).
    pub opened_at: UtcMillis,
}

impl OpenAccount {
    /// The weight w of a threshold.
    pub fn weight_of(&self, threshold: Probability) -> f64 {
        match self.permission {
            Permission::Suggest => 1.0,
            Permission::Auto(_) if threshold == self.threshold => CONFIGURED_WEIGHT,
            Permission::Auto(_) => OTHER_WEIGHT,
        }
    }
}

/// A hard stop: people called tickets critical that were acted on, or would have been.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspension {
    /// On whose answers.
    pub basis: Basis,
    /// What had been read.
    pub cut: Cut,
    /// The tickets that a second person reads, blind.
    pub asked: Vec<AskedAgain>,
}

/// A ticket that a second person reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedAgain {
    /// Which.
    pub ticket: TicketId,
    /// Since when (desk time).
    pub since: UtcMillis,
}

/// A step that a named person has asked for. It fires once, when the gates pass, and is void after any step-back or switch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromotionRequest {
    /// Offset of its control record.
    pub offset: i64,
    /// Who, and why.
    pub signed: Signature,
    /// When the leader read it (desk time): no evaluation of that day promotes.
    pub asked_at: UtcMillis,
    /// After this instant (desk time) it is void; `None`: it does not expire.
    pub expires: Option<UtcMillis>,
    /// What it does to the lock.
    pub lock: Lock,
    /// The step.
    pub step: Step,
}

impl Standing {
    /// Where every slice begins.
    pub const fn shadow() -> Self {
        Self { position: Position::SHADOW, held: [None, None, None] }
    }

    /// A permission, if it is held.
    pub const fn held(&self, permission: Permission) -> Option<&Held> {
        self.held[place(permission)].as_ref()
    }

    /// The same at a position within this one.
    pub fn at(&self, position: Position) -> Self {
        let mut held = self.held.clone();
        for permission in Permission::ALL {
            if !position.holds(permission) {
                held[place(permission)] = None;
            }
        }
        Self { position, held }
    }

    /// Whether exactly the permissions of the stage are held, each with how it was earned.
    pub fn is_whole(&self) -> bool {
        Permission::ALL.into_iter().all(|permission| self.position.holds(permission) == self.held(permission).is_some())
    }
}

impl SliceState {
    /// A slice that begins, in shadow.
    pub const fn opened(at: UtcMillis, revision: u64) -> Self {
        Self {
            standing: Standing::shadow(),
            since: at,
            moved_in: revision,
            accounts: Vec::new(),
            suspension: None,
            heard: Vec::new(),
            breaches: Vec::new(),
            cool_down_until: None,
            is_locked: false,
            approval: None,
            request: None,
            draw: SliceDraw::least(at),
        }
    }

    /// The slice where it is moved to, at an instant and by a revision. Where nothing is automatic, nobody's word is needed.
    pub fn moved(&self, standing: Standing, since: UtcMillis, moved_in: u64) -> Self {
        let approval = self.approval.clone().filter(|_| standing.position.is_automatic());
        Self { standing, since, moved_in, approval, ..self.clone() }
    }

    /// The rate in force where the configuration says `auto`.
    pub fn evidence_rate(&self) -> DrawRate {
        self.draw.rate.at_most(greatest(self.standing.position.stage()))
    }

    /// The account of a permission; `None`: it has not been opened.
    pub fn account(&self, permission: Permission, basis: &Basis) -> Option<&OpenAccount> {
        self.accounts.iter().find(|account| account.permission == permission && account.basis == *basis)
    }

    /// The next step at the configured threshold: one up, or, where the threshold was lowered below what was earned, the
    /// same place with the new threshold, earned anew. `None`: there is nothing above.
    pub fn next_step(&self, configured: Probability) -> Option<Step> {
        let is_lowered = |permission: &Permission| match permission {
            Permission::Suggest => false,
            Permission::Auto(_) => self.standing.held(*permission).is_some_and(|held| configured < held.threshold),
        };
        match Permission::ALL.into_iter().find(is_lowered) {
            Some(permission) => Some(Step { permission, rise: Rise::Threshold }),
            None => self.standing.position.next_step(),
        }
    }

    /// Whether a second reader, or time, has judged a ticket, or is asked to.
    pub fn knows(&self, ticket: &TicketId) -> bool {
        let is_asked = |suspension: &Suspension| suspension.asked.iter().any(|asked| asked.ticket == *ticket);
        self.heard.contains(ticket) || self.suspension.as_ref().is_some_and(is_asked)
    }
}
