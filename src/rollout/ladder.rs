//! The ladder that a slice climbs: shadow, suggest, then shares of automatic triage, then shares of automatic resolving.
//! One step at a time up, any number down. What earns a step stands in the gates; who asks for it, in the plan.

use crate::domain::stage::{AutoAction, NotAShare, Share, Stage};

use super::reading::StepKind;
use super::wrong::Permission;

/// Actions a day at the first share. Fewer would take weeks to show anything; more would let the first day hurt.
pub const FIRST_ACTIONS_A_DAY: f64 = 5.0;

/// The least first share: at a very busy desk the step from five actions a day to a quarter of all would be a leap in the
/// dark.
pub const FIRST_SHARE_MIN: f64 = 0.01;

/// The shares after the first. All of the tickets is never reached.
pub const LATER_SHARES: [f64; 2] = [0.25, Share::MAX];

/// Shares closer than this are the same share.
const SAME_SHARE: f64 = 1e-9;

/// Where a slice stands: its stage, and a share for each action that the stage allows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    stage: Stage,
    shares: [Share; 2],
}

/// Stage and shares do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "{stage} cannot have the shares {triage} (auto_triage) and {resolve} (auto_resolve): an action that the stage allows \
     has a share above 0, another has 0, and what is resolved lies inside what is triaged"
)]
pub struct NotAPosition {
    /// The stage.
    pub stage: Stage,
    /// Share of `auto_triage`.
    pub triage: f64,
    /// Share of `auto_resolve`.
    pub resolve: f64,
}

/// A step up, before it is known to which share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The permission whose account earns it.
    pub permission: Permission,
    /// What it changes.
    pub rise: Rise,
}

/// What a step changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rise {
    /// The stage.
    Stage,
    /// The share within the stage.
    Share,
    /// The threshold that is earned, at the same stage and shares.
    Threshold,
}

impl Rise {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Stage, Self::Share, Self::Threshold];

    /// The word used in records and screens.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Share => "share",
            Self::Threshold => "threshold",
        }
    }

    /// How the gates read it: a new threshold is held as long as a share before it counts.
    pub const fn kind(self) -> StepKind {
        match self {
            Self::Stage => StepKind::Stage,
            Self::Share | Self::Threshold => StepKind::Share,
        }
    }
}

/// A first share is counted in actions a day, and how many tickets are eligible has not been measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("how many tickets a day are eligible for {} has not been measured, and the first share is made from it", .0.as_str())]
pub struct NoTraffic(pub AutoAction);

/// The place of a permission in [`Permission::ALL`].
pub const fn place(permission: Permission) -> usize {
    match permission {
        Permission::Suggest => 0,
        Permission::Auto(action) => 1 + action.index(),
    }
}

/// The stage that a permission makes.
pub const fn stage_of(permission: Permission) -> Stage {
    match permission {
        Permission::Suggest => Stage::Suggest,
        Permission::Auto(action) => action.stage_needed(),
    }
}

/// The strongest stage without a permission.
pub const fn stage_below(permission: Permission) -> Stage {
    match permission {
        Permission::Suggest => Stage::Shadow,
        Permission::Auto(AutoAction::Triage) => Stage::Suggest,
        Permission::Auto(AutoAction::Resolve) => Stage::AutoTriage,
    }
}

/// The share that gives at least [`FIRST_ACTIONS_A_DAY`] of so many eligible tickets a day, as far as there is one.
pub fn first_share(eligible_per_day: f64) -> Result<Share, NotAShare> {
    if eligible_per_day.is_nan() || eligible_per_day <= 0.0 {
        return Err(NotAShare(eligible_per_day));
    }
    Share::try_new((FIRST_ACTIONS_A_DAY / eligible_per_day).clamp(FIRST_SHARE_MIN, Share::MAX))
}

/// The share after this one; `None`: it is the last.
fn share_after(share: Share) -> Option<Share> {
    let next = LATER_SHARES.into_iter().find(|later| share.get() + SAME_SHARE < *later)?;
    Share::try_new(next).ok()
}

fn least(left: Share, right: Share) -> Share {
    if left < right { left } else { right }
}

fn greatest(left: Share, right: Share) -> Share {
    if left > right { left } else { right }
}

impl Position {
    /// Where every slice begins.
    pub const SHADOW: Self = Self { stage: Stage::Shadow, shares: [Share::ZERO; 2] };
    /// Answers are shown.
    pub const SUGGEST: Self = Self { stage: Stage::Suggest, shares: [Share::ZERO; 2] };

    /// Puts stage and shares together.
    ///
    /// # Errors
    /// They do not fit.
    pub fn try_new(stage: Stage, shares: [Share; 2]) -> Result<Self, NotAPosition> {
        let [triage, resolve] = shares.map(Share::get);
        let fits = match stage {
            Stage::Shadow | Stage::Suggest => triage == 0.0 && resolve == 0.0,
            Stage::AutoTriage => triage > 0.0 && resolve == 0.0,
            Stage::AutoResolve => resolve > 0.0 && triage >= resolve,
        };
        if fits { Ok(Self { stage, shares }) } else { Err(NotAPosition { stage, triage, resolve }) }
    }

    /// The stage.
    pub const fn stage(self) -> Stage {
        self.stage
    }

    /// The shares, in the order of [`AutoAction::ALL`].
    pub const fn shares(self) -> [Share; 2] {
        self.shares
    }

    /// Whether the stage has a permission.
    pub fn holds(self, permission: Permission) -> bool {
        self.stage >= stage_of(permission)
    }

    /// Whether anything is automatic.
    pub fn is_automatic(self) -> bool {
        self.stage >= Stage::AutoTriage
    }

    /// Whether this permits nothing that the other does not.
    pub fn is_within(self, other: Self) -> bool {
        let fits = |action: AutoAction| self.shares[action.index()] <= other.shares[action.index()];
        self.stage <= other.stage && AutoAction::ALL.into_iter().all(fits)
    }

    /// The next step up; `None`: there is none.
    pub fn next_step(self) -> Option<Step> {
        let stage = |permission| Some(Step { permission, rise: Rise::Stage });
        let share = |action: AutoAction| Step { permission: Permission::Auto(action), rise: Rise::Share };
        let later = |action: AutoAction| share_after(self.shares[action.index()]).map(|_| share(action));
        match self.stage {
            Stage::Shadow => stage(Permission::Suggest),
            Stage::Suggest => stage(Permission::Auto(AutoAction::Triage)),
            Stage::AutoTriage => later(AutoAction::Triage).or_else(|| stage(Permission::Auto(AutoAction::Resolve))),
            Stage::AutoResolve => later(AutoAction::Resolve),
        }
    }

    /// One step up; without one it stays. Eligible tickets a day are in the order of [`AutoAction::ALL`].
    ///
    /// # Errors
    /// A first share is due, and its traffic has not been measured.
    pub fn climbed(self, eligible_per_day: [Option<f64>; 2]) -> Result<Self, NoTraffic> {
        let [triage, resolve] = self.shares;
        let first = |action: AutoAction| {
            let measured = eligible_per_day[action.index()].ok_or(NoTraffic(action))?;
            first_share(measured).map_err(|_| NoTraffic(action))
        };
        match self.stage {
            Stage::Shadow => Ok(Self::SUGGEST),
            Stage::Suggest => Ok(Self { stage: Stage::AutoTriage, shares: [first(AutoAction::Triage)?, Share::ZERO] }),
            Stage::AutoTriage => {
                if let Some(triage) = share_after(triage) {
                    return Ok(Self { stage: self.stage, shares: [triage, resolve] });
                }
                let resolve = first(AutoAction::Resolve)?;
                Ok(Self { stage: Stage::AutoResolve, shares: [greatest(triage, resolve), resolve] })
            }
            Stage::AutoResolve => {
                let resolve = share_after(resolve).unwrap_or(resolve);
                Ok(Self { stage: self.stage, shares: [greatest(triage, resolve), resolve] })
            }
        }
    }

    /// The same, but no higher than a stage.
    pub fn lowered_to(self, stage: Stage) -> Self {
        let stage = self.stage.min(stage);
        let kept = |action: AutoAction| {
            if stage >= action.stage_needed() { self.shares[action.index()] } else { Share::ZERO }
        };
        Self { stage, shares: AutoAction::ALL.map(kept) }
    }

    /// What both permit.
    pub fn common(self, other: Self) -> Self {
        let shares = [0, 1].map(|index| least(self.shares[index], other.shares[index]));
        Self { stage: self.stage.min(other.stage), shares }
    }

    /// The same stage, with shares no greater than the first ones; where the traffic is not known, no action at all.
    pub fn at_first_shares(self, eligible_per_day: [Option<f64>; 2]) -> Self {
        let first =
            |action: AutoAction| eligible_per_day[action.index()].and_then(|measured| first_share(measured).ok());
        let [triage, resolve] = self.shares;
        match (self.stage, first(AutoAction::Triage), first(AutoAction::Resolve)) {
            (Stage::Shadow | Stage::Suggest, _, _) => self,
            (Stage::AutoTriage | Stage::AutoResolve, None, _) => self.lowered_to(Stage::Suggest),
            (Stage::AutoTriage, Some(first), _) | (Stage::AutoResolve, Some(first), None) => {
                Self { stage: Stage::AutoTriage, shares: [least(triage, first), Share::ZERO] }
            }
            (Stage::AutoResolve, Some(first), Some(first_resolve)) => {
                let resolve = least(resolve, first_resolve);
                Self { stage: self.stage, shares: [greatest(least(triage, first), resolve), resolve] }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(triage: f64, resolve: f64) -> [Share; 2] {
        [triage, resolve].map(|share| Share::try_new(share).unwrap())
    }

    fn at(stage: Stage, triage: f64, resolve: f64) -> Position {
        Position::try_new(stage, shares(triage, resolve)).unwrap()
    }

    #[test]
    fn the_ladder_has_eight_rungs_and_never_reaches_all_tickets() {
        let mut rungs = vec![Position::SHADOW];
        let mut steps = Vec::new();
        while let Some(step) = rungs[rungs.len() - 1].next_step() {
            steps.push((step.permission.as_str(), step.rise.as_str()));
            let next = rungs[rungs.len() - 1].climbed([Some(100.0), Some(50.0)]).unwrap();
            rungs.push(next);
        }
        let expected = [
            Position::SHADOW,
            Position::SUGGEST,
            at(Stage::AutoTriage, 0.05, 0.0),
            at(Stage::AutoTriage, 0.25, 0.0),
            at(Stage::AutoTriage, 0.8, 0.0),
            at(Stage::AutoResolve, 0.8, 0.1),
            at(Stage::AutoResolve, 0.8, 0.25),
            at(Stage::AutoResolve, 0.8, 0.8),
        ];
        assert_eq!(rungs, expected);
        let (triage, resolve) = ("auto_triage", "auto_resolve");
        let expected = [
            ("suggest", "stage"),
            (triage, "stage"),
            (triage, "share"),
            (triage, "share"),
            (resolve, "stage"),
            (resolve, "share"),
            (resolve, "share"),
        ];
        assert_eq!(steps, expected);
    }

    #[test]
    fn the_first_share_makes_five_actions_a_day_and_more_at_a_very_busy_desk() {
        let first = |eligible_per_day| first_share(eligible_per_day).map(Share::get);
        assert_eq!(first(100.0), Ok(0.05));
        assert_eq!(first(500.0), Ok(0.01));
        assert_eq!(first(20_000.0), Ok(0.01));
        assert_eq!(first(6.25), Ok(0.8));
        assert_eq!(first(3.0), Ok(0.8));
        assert!(first(0.0).is_err() && first(f64::NAN).is_err() && first(-1.0).is_err());
    }

    #[test]
    fn a_first_share_above_a_quarter_goes_on_to_the_last() {
        let small = Position::SUGGEST.climbed([Some(10.0), None]).unwrap();
        assert_eq!(small, at(Stage::AutoTriage, 0.5, 0.0));
        assert_eq!(small.climbed([None, None]), Ok(at(Stage::AutoTriage, 0.8, 0.0)));
    }

    #[test]
    fn without_measured_traffic_there_is_no_first_share() {
        assert_eq!(Position::SUGGEST.climbed([None, Some(5.0)]), Err(NoTraffic(AutoAction::Triage)));
        let top = at(Stage::AutoTriage, 0.8, 0.0);
        assert_eq!(top.climbed([Some(5.0), Some(0.0)]), Err(NoTraffic(AutoAction::Resolve)));
    }

    #[test]
    fn stage_and_shares_must_fit() {
        assert!(Position::try_new(Stage::Suggest, shares(0.1, 0.0)).is_err());
        assert!(Position::try_new(Stage::AutoTriage, shares(0.0, 0.0)).is_err());
        assert!(Position::try_new(Stage::AutoTriage, shares(0.1, 0.1)).is_err());
        assert!(Position::try_new(Stage::AutoResolve, shares(0.1, 0.2)).is_err());
        assert!(Position::try_new(Stage::AutoResolve, shares(0.1, 0.1)).is_ok());
    }

    fn position() -> impl Strategy<Value = Position> {
        (0..4_usize, 0.001..=0.8_f64, 0.01..=1.0_f64).prop_map(|(stage, triage, part)| match Stage::ALL[stage] {
            Stage::Shadow => Position::SHADOW,
            Stage::Suggest => Position::SUGGEST,
            Stage::AutoTriage => at(Stage::AutoTriage, triage, 0.0),
            Stage::AutoResolve => at(Stage::AutoResolve, triage, triage * part),
        })
    }

    fn traffic() -> impl Strategy<Value = [Option<f64>; 2]> {
        proptest::array::uniform2(proptest::option::of(0.1..10_000.0_f64))
    }

    proptest! {
        #[test]
        fn every_move_on_the_ladder_ends_on_the_ladder(
            (from, other, measured, stage) in (position(), position(), traffic(), 0..4_usize)
        ) {
            let lowered = from.lowered_to(Stage::ALL[stage]);
            let (common, first) = (from.common(other), from.at_first_shares(measured));
            for moved in [lowered, common, first] {
                prop_assert!(moved.is_within(from));
                prop_assert_eq!(Position::try_new(moved.stage, moved.shares), Ok(moved));
            }
            prop_assert!(common.is_within(other));
            if let Ok(climbed) = from.climbed(measured) {
                prop_assert!(from.is_within(climbed));
                prop_assert_eq!(Position::try_new(climbed.stage, climbed.shares), Ok(climbed));
                prop_assert_eq!(climbed == from, from.next_step().is_none());
            }
        }
    }
}
