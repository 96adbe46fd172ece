//! The state of the rollout as it stands in the record with the key `map`: what was decided, and what the next leader must
//! remember.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::ticket::TicketId;
use crate::policy::draws::DrawRate;
use crate::rollout::approval::Approval;
use crate::rollout::control::Lock;
use crate::rollout::ladder::{Position, Rise, Step, place};
use crate::rollout::local_time::LocalDay;
use crate::rollout::state::{
    AskedAgain, Held, OpenAccount, PreviousModel, PromotionRequest, RolloutState, SliceDraw, SliceState, Standing,
    Suspension,
};
use crate::rollout::wrong::Permission;

use super::accounts::{
    BasisRecord, CutRecord, Impossible, ModelRecord, PositionRecord, probability, signature, ticket,
};
use super::values::Instant;
use super::words::Word;

/// The state of the whole rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateRecord {
    /// Rises by one with each transition.
    pub revision: u64,
    /// The one acting model; absent: nothing has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<BasisRecord>,
    /// What acted before the last switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PreviousRecord>,
    /// The revision of the last step-back, suspension or switch.
    pub void_before: u64,
    /// Holes that a person has acknowledged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acknowledged_holes: Vec<String>,
    /// All slices that were ever opened.
    pub slices: Vec<SliceRecord>,
    /// The last day of the desk on which promotions were read, counted from 1970-01-01.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_on: Option<i64>,
    /// The next control record to read.
    pub control_next: i64,
}

/// What acted before a switch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PreviousRecord {
    /// The model.
    pub model: ModelRecord,
    /// When it was switched away (desk time).
    pub switched_at: Instant,
    /// What each slice held.
    pub slices: Vec<NamedStanding>,
}

/// The standing of a slice by its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NamedStanding {
    /// Which slice.
    pub slice: String,
    /// Where it stood.
    #[serde(flatten)]
    pub standing: StandingRecord,
}

/// Where a slice stands, and how it was earned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingRecord {
    /// Stage and shares.
    #[serde(flatten)]
    pub position: PositionRecord,
    /// Permissions that are held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldRecord>,
}

/// A permission in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HeldRecord {
    /// Which.
    pub permission: Word<Permission>,
    /// The lowest threshold that was earned.
    pub threshold: f64,
    /// What had been read when it was granted.
    pub after: CutRecord,
}

/// One slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceRecord {
    /// Its name.
    pub slice: String,
    /// Where it stands.
    pub standing: StandingRecord,
    /// Since when (desk time).
    pub since: Instant,
    /// The revision that gave it its stage and shares.
    pub moved_in: u64,
    /// The accounts that were opened, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountRecord>,
    /// A hard stop that waits for its second reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<SuspensionRecord>,
    /// Tickets that a second reader, or time, has judged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub heard: Vec<String>,
    /// When it stepped back by a breach (desk time).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<Instant>,
    /// Nothing is earned before this instant (desk time).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cool_down_until: Option<Instant>,
    /// Whether only a promotion that lifts the lock goes up from here.
    pub is_locked: bool,
    /// Who lets it act; absent: nobody, and nothing of it is automatic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRecord>,
    /// The step that a person has asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRecord>,
    /// How many of its tickets are drawn where the configuration says `auto`; absent: a tenth, since the slice stands where
    /// it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draw: Option<SliceDrawRecord>,
}

/// Who lets a slice act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalRecord {
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// Since when (desk time).
    pub at: Instant,
}

/// The rate of the evidence draw of a slice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SliceDrawRecord {
    /// The rate, 0.1 to 1; what the stage allows of it is in force.
    #[schemars(range(min = 0.1, max = 1.0))]
    pub evidence_rate: f64,
    /// When it was last raised (desk time).
    pub raised_at: Instant,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccountRecord {
    /// What may be earned with it.
    pub permission: Word<Permission>,
    /// Whose answers, on which tickets.
    pub basis: BasisRecord,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The threshold that was configured when this attempt opened.
    pub threshold: f64,
    /// Only tickets first decided behind this cut count.
    pub after: CutRecord,
    /// When this attempt opened (desk time).
    pub opened_at: Instant,
}

/// A hard stop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SuspensionRecord {
    /// On whose answers.
    pub basis: BasisRecord,
    /// What had been read.
    pub cut: CutRecord,
    /// The tickets that a second person reads.
    pub asked: Vec<AskedRecord>,
}

/// A ticket that a second person reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AskedRecord {
    /// Which.
    pub ticket_id: String,
    /// Since when (desk time).
    pub since: Instant,
}

/// A step that a person has asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestRecord {
    /// Offset of its control record.
    pub offset: i64,
    /// Who.
    pub who: String,
    /// Why.
    pub reason: String,
    /// When the leader read it (desk time).
    pub asked_at: Instant,
    /// After this instant (desk time) it is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Whether it lifts the lock.
    pub lift_lock: bool,
    /// The permission whose account earns the step.
    pub permission: Word<Permission>,
    /// What it changes.
    pub rise: Word<Rise>,
}

impl From<&RolloutState> for StateRecord {
    fn from(state: &RolloutState) -> Self {
        let RolloutState {
            revision,
            basis,
            previous,
            void_before,
            acknowledged_holes,
            slices,
            read_on,
            control_next,
            // Under keys of its own: whoever follows the map does not need it.
            closed: _,
        } = state;
        Self {
            revision: *revision,
            basis: basis.as_ref().map(BasisRecord::from),
            previous: previous.as_ref().map(PreviousRecord::from),
            void_before: *void_before,
            acknowledged_holes: acknowledged_holes.iter().cloned().collect(),
            slices: slices.iter().map(|(name, slice)| slice_record(name, slice)).collect(),
            read_on: read_on.map(|LocalDay(day)| day),
            control_next: *control_next,
        }
    }
}

impl TryFrom<StateRecord> for RolloutState {
    type Error = Impossible;

    fn try_from(record: StateRecord) -> Result<Self, Impossible> {
        let slices: Result<BTreeMap<Arc<str>, SliceState>, Impossible> =
            record.slices.into_iter().map(|slice| Ok((Arc::from(slice.slice.as_str()), slice.try_into()?))).collect();
        Ok(Self {
            revision: record.revision,
            basis: record.basis.map(Into::into),
            previous: record.previous.map(TryInto::try_into).transpose()?,
            void_before: record.void_before,
            acknowledged_holes: record.acknowledged_holes.into_iter().collect(),
            slices: slices?,
            read_on: record.read_on.map(LocalDay),
            control_next: record.control_next,
            closed: None,
        })
    }
}

impl From<&PreviousModel> for PreviousRecord {
    fn from(previous: &PreviousModel) -> Self {
        let PreviousModel { model, switched_at, slices } = previous;
        let named = |(name, standing): (&Arc<str>, &Standing)| NamedStanding {
            slice: name.as_ref().to_owned(),
            standing: standing.into(),
        };
        Self {
            model: ModelRecord::from(&**model),
            switched_at: Instant(*switched_at),
            slices: slices.iter().map(named).collect(),
        }
    }
}

impl TryFrom<PreviousRecord> for PreviousModel {
    type Error = Impossible;

    fn try_from(record: PreviousRecord) -> Result<Self, Impossible> {
        let named = |named: &NamedStanding| Ok((Arc::from(named.slice.as_str()), Standing::try_from(&named.standing)?));
        let slices: Result<BTreeMap<Arc<str>, Standing>, Impossible> = record.slices.iter().map(named).collect();
        Ok(Self { model: Arc::new(record.model.into()), switched_at: record.switched_at.0, slices: slices? })
    }
}

impl From<&Standing> for StandingRecord {
    fn from(standing: &Standing) -> Self {
        let held = |permission: Permission| {
            let Held { threshold, after } = standing.held(permission)?;
            Some(HeldRecord { permission: Word(permission), threshold: threshold.get(), after: after.into() })
        };
        Self { position: standing.position.into(), held: Permission::ALL.into_iter().filter_map(held).collect() }
    }
}

impl TryFrom<&StandingRecord> for Standing {
    type Error = Impossible;

    fn try_from(record: &StandingRecord) -> Result<Self, Impossible> {
        let mut standing = Self { position: Position::try_from(&record.position)?, held: [None, None, None] };
        for held in &record.held {
            let threshold = probability(held.threshold)?;
            standing.held[place(held.permission.0)] = Some(Held { threshold, after: held.after.clone().into() });
        }
        if standing.is_whole() {
            Ok(standing)
        } else {
            Err(Impossible("a stage without exactly its permissions".to_owned()))
        }
    }
}

fn slice_record(name: &str, state: &SliceState) -> SliceRecord {
    let SliceState {
        standing,
        since,
        moved_in,
        accounts,
        suspension,
        heard,
        breaches,
        cool_down_until,
        is_locked,
        approval,
        request,
        draw: SliceDraw { rate, raised_at },
    } = state;
    SliceRecord {
        slice: name.to_owned(),
        standing: standing.into(),
        since: Instant(*since),
        moved_in: *moved_in,
        accounts: accounts.iter().map(AccountRecord::from).collect(),
        suspension: suspension.as_ref().map(SuspensionRecord::from),
        heard: heard.iter().map(|ticket| ticket.as_str().to_owned()).collect(),
        breaches: breaches.iter().copied().map(Instant).collect(),
        cool_down_until: cool_down_until.map(Instant),
        is_locked: *is_locked,
        approval: approval.as_ref().map(ApprovalRecord::from),
        request: request.as_ref().map(RequestRecord::from),
        draw: Some(SliceDrawRecord { evidence_rate: rate.get(), raised_at: Instant(*raised_at) }),
    }
}

impl TryFrom<SliceRecord> for SliceState {
    type Error = Impossible;

    fn try_from(record: SliceRecord) -> Result<Self, Impossible> {
        let accounts: Result<Vec<OpenAccount>, Impossible> =
            record.accounts.into_iter().map(TryInto::try_into).collect();
        let heard: Result<Vec<TicketId>, Impossible> = record.heard.iter().map(|name| ticket(name)).collect();
        let draw = record.draw.map_or(Ok(SliceDraw::least(record.since.0)), TryInto::try_into);
        Ok(Self {
            standing: Standing::try_from(&record.standing)?,
            since: record.since.0,
            moved_in: record.moved_in,
            accounts: accounts?,
            suspension: record.suspension.map(TryInto::try_into).transpose()?,
            heard: heard?,
            breaches: record.breaches.into_iter().map(|instant| instant.0).collect(),
            cool_down_until: record.cool_down_until.map(|instant| instant.0),
            is_locked: record.is_locked,
            approval: record.approval.map(TryInto::try_into).transpose()?,
            request: record.request.map(TryInto::try_into).transpose()?,
            draw: draw?,
        })
    }
}

impl From<&Approval> for ApprovalRecord {
    fn from(Approval { signed, at }: &Approval) -> Self {
        Self { who: signed.who().to_owned(), reason: signed.why().to_owned(), at: Instant(*at) }
    }
}

impl TryFrom<ApprovalRecord> for Approval {
    type Error = Impossible;

    fn try_from(record: ApprovalRecord) -> Result<Self, Impossible> {
        Ok(Self { signed: signature(&record.who, &record.reason)?, at: record.at.0 })
    }
}

impl TryFrom<SliceDrawRecord> for SliceDraw {
    type Error = Impossible;

    fn try_from(record: SliceDrawRecord) -> Result<Self, Impossible> {
        let rate = DrawRate::try_new(record.evidence_rate).map_err(|error| Impossible(error.to_string()))?;
        Ok(Self { rate, raised_at: record.raised_at.0 })
    }
}

impl From<&OpenAccount> for AccountRecord {
    fn from(account: &OpenAccount) -> Self {
        let OpenAccount { permission, basis, attempt, threshold, after, opened_at } = account;
        Self {
            permission: Word(*permission),
            basis: basis.into(),
            attempt: *attempt,
            threshold: threshold.get(),
            after: after.into(),
            opened_at: Instant(*opened_at),
        }
    }
}

impl TryFrom<AccountRecord> for OpenAccount {
    type Error = Impossible;

    fn try_from(record: AccountRecord) -> Result<Self, Impossible> {
        Ok(Self {
            permission: record.permission.0,
            basis: record.basis.into(),
            attempt: record.attempt,
            threshold: probability(record.threshold)?,
            after: record.after.into(),
            opened_at: record.opened_at.0,
        })
    }
}

impl From<&Suspension> for SuspensionRecord {
    fn from(suspension: &Suspension) -> Self {
        let Suspension { basis, cut, asked } = suspension;
        let asked = asked.iter().map(|AskedAgain { ticket, since }| AskedRecord {
            ticket_id: ticket.as_str().to_owned(),
            since: Instant(*since),
        });
        Self { basis: basis.into(), cut: cut.into(), asked: asked.collect() }
    }
}

impl TryFrom<SuspensionRecord> for Suspension {
    type Error = Impossible;

    fn try_from(record: SuspensionRecord) -> Result<Self, Impossible> {
        let asked = |asked: &AskedRecord| Ok(AskedAgain { ticket: ticket(&asked.ticket_id)?, since: asked.since.0 });
        let asked: Result<Vec<AskedAgain>, Impossible> = record.asked.iter().map(asked).collect();
        Ok(Self { basis: record.basis.into(), cut: record.cut.into(), asked: asked? })
    }
}

impl From<&PromotionRequest> for RequestRecord {
    fn from(request: &PromotionRequest) -> Self {
        let PromotionRequest { offset, signed, asked_at, expires, lock, step: Step { permission, rise } } = request;
        Self {
            offset: *offset,
            who: signed.who().to_owned(),
            reason: signed.why().to_owned(),
            asked_at: Instant(*asked_at),
            expires_at: expires.map(Instant),
            lift_lock: *lock == Lock::Lift,
            permission: Word(*permission),
            rise: Word(*rise),
        }
    }
}

impl TryFrom<RequestRecord> for PromotionRequest {
    type Error = Impossible;

    fn try_from(record: RequestRecord) -> Result<Self, Impossible> {
        Ok(Self {
            offset: record.offset,
            signed: signature(&record.who, &record.reason)?,
            asked_at: record.asked_at.0,
            expires: record.expires_at.map(|instant| instant.0),
            lock: if record.lift_lock { Lock::Lift } else { Lock::Respect },
            step: Step { permission: record.permission.0, rise: record.rise.0 },
        })
    }
}

#[cfg(test)]
#[path = "rollout_state_tests.rs"]
mod tests;
