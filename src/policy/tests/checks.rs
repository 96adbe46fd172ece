//! What the examples of rules check.

use super::*;
use crate::domain::stage::AutoAction;
use crate::policy::decided::{ActionKind, Outcome, ReviewReason, ReviewState, Rule};

pub(super) const TRIAGE: ActionKind = ActionKind::Auto(AutoAction::Triage);
pub(super) const RESOLVE: ActionKind = ActionKind::Auto(AutoAction::Resolve);

pub(super) fn world(change: impl FnOnce(&mut World)) -> World {
    let mut world = World::open();
    change(&mut world);
    world
}

/// Refused by exactly this rule, for both actions: the ticket gets a suggestion instead.
#[track_caller]
pub(super) fn check_refused(rule: Rule, world: &World) {
    let decided = world.decide();
    assert_eq!((decided.outcome, decided.action), (Outcome::Decided, ActionKind::Suggest), "{:?}", decided.rules);
    assert!(decided.command.is_none());
    assert!(decided.rules.contains(&rule), "{rule:?} is not among {:?}", decided.rules);
}

#[track_caller]
pub(super) fn check_action(action: ActionKind, world: &World) {
    let decided = world.decide();
    assert_eq!(decided.action, action, "{:?}", decided.rules);
}

#[track_caller]
pub(super) fn check_review(expected: Option<(ReviewState, ReviewReason)>, world: &World) {
    let decided = world.decide();
    assert_eq!(decided.review.as_ref().map(|review| (review.state, review.reason)), expected, "{:?}", decided.rules);
}

#[expect(clippy::unnecessary_wraps, reason = "it reads as the expectation that it stands for")]
pub(super) const fn opened(reason: ReviewReason) -> Option<(ReviewState, ReviewReason)> {
    Some((ReviewState::Open, reason))
}
