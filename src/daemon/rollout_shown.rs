//! What the board says of lease, halts and leader: made from what triage looks at, at the moment at which somebody asks.

use std::sync::Arc;

use crate::admin::board::Stands;
use crate::admin::rollout::{
    ApprovalStatus, GivenStatus, HALTS_MAX, HaltStatus, HaltsStatus, LeaderStatus, RolloutStatus,
};
use crate::policy::ruling::Lease;
use crate::rollout::approval::Approval;
use crate::rollout::control::{Halt, HaltScope};
use crate::wire::values::Instant;

use super::leading::Leading;
use super::standing::Standing;

/// How the rollout stands at this moment, where the stage map of a revision is in force.
pub(super) fn stands(standing: &Standing, leading: &Leading, revision: u64) -> Stands {
    Stands { rollout: rollout_status(standing, leading, revision), state: standing.state() }
}

fn rollout_status(standing: &Standing, leading: &Leading, revision: u64) -> RolloutStatus {
    let leader = standing.leader().map(|leader| LeaderStatus {
        instance: leader.instance.clone(),
        since: Instant(leader.since),
        revision: leader.revision,
    });
    RolloutStatus {
        mode: standing.mode().as_str().to_owned(),
        revision,
        lease_left_s: match standing.lease() {
            Lease::Fixed => None,
            Lease::LeftMs(left_ms) => Some(left_ms.max(0) as f64 / 1_000.0),
        },
        leader,
        is_leading: leading.is_leading(),
        not_renewed: leading.not_renewed().map(Arc::unwrap_or_clone),
        halts: halts(standing),
        approvals: approvals(standing),
    }
}

/// Of the slices of which something is automatic.
fn approvals(standing: &Standing) -> Vec<ApprovalStatus> {
    let Some((spec, state)) = standing.spec().zip(standing.state()) else { return Vec::new() };
    let given = |approval: &Approval| GivenStatus {
        who: approval.signed.who().to_owned(),
        until: Instant(approval.ends_at(spec)),
    };
    let automatic = state.slices.iter().filter(|(_, slice)| slice.standing.position.is_automatic());
    automatic
        .map(|(name, slice)| ApprovalStatus { slice: name.to_string(), given: slice.approval.as_ref().map(given) })
        .collect()
}

fn halts(standing: &Standing) -> HaltsStatus {
    let known = standing.halts();
    let in_force: Vec<HaltStatus> = known.iter().flat_map(|halts| halts.in_force()).map(shown).collect();
    HaltsStatus {
        is_known: known.is_some(),
        by_file: standing.is_halted_by_file(),
        by_socket: standing.local().in_force().map(|halted| HaltStatus {
            slice: None,
            who: halted.signed.who().to_owned(),
            why: halted.signed.why().to_owned(),
            since: Instant(halted.at),
        }),
        left_out: in_force.len().saturating_sub(HALTS_MAX) as u64,
        by_control: in_force.into_iter().take(HALTS_MAX).collect(),
    }
}

fn shown((scope, halt): (&HaltScope, &Halt)) -> HaltStatus {
    let slice = match scope {
        HaltScope::All => None,
        HaltScope::Slice(slice) => Some(slice.to_string()),
    };
    HaltStatus { slice, who: halt.signed.who().to_owned(), why: halt.signed.why().to_owned(), since: Instant(halt.at) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::config::settings::{RolloutMode, RolloutSettings};
    use crate::daemon::standing::Leader;
    use crate::domain::time::UtcMillis;
    use crate::policy::ruling::DrawKey;
    use crate::rollout::control::{Ask, ControlRecord, ControlRequest, Halts, Signature};

    fn standing(mode: RolloutMode, clock: &Clock) -> Standing {
        let loaded = crate::config::load(&crate::config::Sources::built_in(&[], DrawKey([7; 16])));
        let rollout = loaded.unwrap().settings.rollout;
        Standing::new(&RolloutSettings { mode, halt_file: None, ..rollout }, None, clock.clone())
    }

    fn halted(slices: u32) -> Halts {
        let mut halts = Halts::default();
        let scopes = std::iter::once(HaltScope::All)
            .chain((1..slices).map(|number| HaltScope::Slice(format!("s{number}").into())));
        for (offset, scope) in (0..).zip(scopes) {
            let signed = Signature::try_new("mira", "fibre cut").unwrap();
            let request = ControlRequest { signed, at: UtcMillis(0), expires: None, ask: Ask::Halt(scope) };
            halts.read(&ControlRecord { offset, appended_at: UtcMillis(7), request });
        }
        halts
    }

    #[test]
    fn before_anything_is_heard_there_is_no_lease_and_halts_are_not_known() {
        let shown =
            rollout_status(&standing(RolloutMode::Earned, &Clock::manual(UtcMillis(0))), &Leading::default(), 0);
        assert_eq!((shown.mode.as_str(), shown.is_fixed()), ("earned", false));
        assert_eq!((shown.lease_left_s, shown.leader, shown.halts.is_known), (Some(0.0), None, false));
    }

    #[test]
    fn the_lease_is_what_is_left_when_somebody_asks() {
        let clock = Clock::manual(UtcMillis(0));
        let standing = standing(RolloutMode::Earned, &clock);
        standing.set_lease(Some(90_000));
        standing.set_leader(Leader { instance: "noc-2".into(), since: UtcMillis(5), revision: 3 });
        clock.advance_ms(30_000);
        let leading = Leading::default();
        let shown = rollout_status(&standing, &leading, 0);
        let leader = LeaderStatus { instance: "noc-2".into(), since: Instant(UtcMillis(5)), revision: 3 };
        assert_eq!((shown.lease_left_s, shown.leader, shown.is_leading), (Some(60.0), Some(leader), false));
        clock.advance_ms(90_000);
        assert_eq!(rollout_status(&standing, &leading, 0).lease_left_s, Some(0.0));
    }

    #[test]
    fn a_leader_says_why_it_does_not_renew_and_another_instance_does_not() {
        let standing = standing(RolloutMode::Earned, &Clock::manual(UtcMillis(0)));
        let leading = Leading::default();
        leading.begins();
        leading.says(Some("the evidence read so far is 90 s old".into()));
        let shown = rollout_status(&standing, &leading, 0);
        assert_eq!(shown.not_renewed.as_deref(), Some("the evidence read so far is 90 s old"));
        leading.ends();
        let shown = rollout_status(&standing, &leading, 0);
        assert_eq!((shown.is_leading, shown.not_renewed), (false, None));
    }

    #[test]
    fn approvals_of_slices_that_act_are_shown_until_they_run_out_and_then_as_nobodys() {
        use crate::domain::stage::Stage;
        use crate::rollout::tests::desk::{DAY_MS, Desk};
        let standing = standing(RolloutMode::Earned, &Clock::manual(UtcMillis(0)));
        let shown = |desk: &Desk| {
            standing.set_state(Some(desk.state.clone()));
            rollout_status(&standing, &Leading::default(), 0).approvals
        };
        let rest = |given| [ApprovalStatus { slice: "rest".into(), given }];
        assert_eq!(shown(&Desk::at(Stage::Suggest)), []);
        let mut desk = Desk::at(Stage::AutoTriage);
        // It was asked for the day before.
        let given = GivenStatus { who: "mira".to_owned(), until: Instant(desk.now.plus_ms(29 * DAY_MS)) };
        assert_eq!(shown(&desk), rest(Some(given)));
        desk.pass_hours(30 * 24);
        desk.settle();
        assert_eq!(shown(&desk), rest(None));
    }

    #[test]
    fn halts_are_shown_with_who_and_why_and_are_bounded() {
        let standing = standing(RolloutMode::Fixed, &Clock::manual(UtcMillis(0)));
        standing.set_halts(halted(100));
        let shown = rollout_status(&standing, &Leading::default(), 0);
        assert_eq!((shown.lease_left_s, shown.is_fixed(), shown.halts.is_known), (None, true, true));
        assert_eq!((shown.halts.by_control.len(), shown.halts.left_out), (64, 36));
        let all = HaltStatus { slice: None, who: "mira".into(), why: "fibre cut".into(), since: Instant(UtcMillis(7)) };
        assert_eq!(shown.halts.by_control[0], all);
    }
}
