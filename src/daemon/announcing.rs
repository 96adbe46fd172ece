//! What the leader tells the outgoing webhook: transitions, hard stops, halts, verdicts that stay away, steps that are earned
//! and wait for a person, and approvals that run out. Each once by each leader, that an approval runs out a week before and
//! on the last day at work before; nothing waits for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::time::UtcMillis;
use crate::notify::{Notice, NoticeKind, Notifier};
use crate::rollout::approval;
use crate::rollout::control::{Ask, ControlRecord, HaltScope};
use crate::rollout::reading::{Evaluation, StepReport};
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::{RolloutState, SliceState};
use crate::rollout::transition::{Cause, SliceChange, Transition, TransitionKind};

/// Makes sentences of what a leader does, and remembers what it has said.
pub(super) struct Announcer {
    notifier: Arc<Notifier>,
    /// Slices whose next step was said to wait for a person, and the revision of the rollout at that time.
    waits: BTreeMap<Arc<str>, u64>,
    /// Slices whose approval was said to run out: when it was given, and whether on its last day.
    ending: BTreeMap<Arc<str>, (UtcMillis, bool)>,
}

impl Announcer {
    pub(super) const fn new(notifier: Arc<Notifier>) -> Self {
        Self { notifier, waits: BTreeMap::new(), ending: BTreeMap::new() }
    }

    /// A request was read.
    pub(super) fn requested(&self, record: &ControlRecord, rollout_revision: u64) {
        let (what, scope) = match &record.request.ask {
            Ask::Halt(scope) => ("halted by", scope),
            Ask::Resume(scope) => ("resumed by", scope),
            Ask::Promote(_)
            | Ask::Approve(_)
            | Ask::StepBack { .. }
            | Ask::SwitchModel(_)
            | Ask::AcknowledgeHoles { .. } => return,
        };
        let slice = match scope {
            HaltScope::All => None,
            HaltScope::Slice(slice) => Some(slice.to_string()),
        };
        let signed = &record.request.signed;
        let sentence = format!(
            "automatic actions of {} are {what} {}: {}",
            slice.as_deref().unwrap_or("all slices"),
            signed.who(),
            signed.why()
        );
        self.say(NoticeKind::Halt, record.appended_at, slice, rollout_revision, sentence);
    }

    /// A step was committed.
    pub(super) fn stepped(
        &mut self,
        transition: Option<&Transition>,
        evaluation: Option<&Evaluation>,
        state: &RolloutState,
        spec: &RolloutSpec,
        now: UtcMillis,
    ) {
        if let Some(transition) = transition {
            self.changed(transition, now);
        }
        self.ending(state, spec, now);
        for report in evaluation.iter().flat_map(|evaluation| &evaluation.slices) {
            let is_asked =
                |slice: &SliceState| slice.request.as_ref().is_some_and(|request| approval::stands(request, spec, now));
            // Somebody has asked, or must do something else first.
            let has_to_wait =
                |slice: &SliceState| is_asked(slice) || slice.suspension.is_some() || approval::is_missing(slice);
            if state.slices.get(&report.slice).is_some_and(has_to_wait)
                || !report.next.as_ref().is_some_and(StepReport::passes)
            {
                continue;
            }
            let since = state.slices.get(&report.slice).map_or(0, |slice| slice.moved_in);
            if self.waits.insert(Arc::clone(&report.slice), since) != Some(since) {
                let sentence = format!(
                    "every gate of the next step of {0} passes; a person promotes: noctriage rollout promote {0}",
                    report.slice
                );
                let slice = Some(report.slice.to_string());
                self.say(NoticeKind::PromotionWaits, now, slice, state.revision, sentence);
            }
        }
    }

    /// Approvals that run out soon, said when people are at work.
    fn ending(&mut self, state: &RolloutState, spec: &RolloutSpec, now: UtcMillis) {
        if !spec.working_hours.contain(&spec.calendar, now) {
            return;
        }
        for (slice, approval) in approval::ending(state.slices.iter(), spec, now) {
            let is_last_day = approval.is_last_day(spec, now);
            if self.ending.insert(Arc::clone(slice), (approval.at, is_last_day)) == Some((approval.at, is_last_day)) {
                continue;
            }
            let sentence = format!(
                "what {} approved in {slice} runs out in {} h, and then nothing of it is automatic; look at it, then: \
                 noctriage rollout approve {slice}",
                approval.signed.who(),
                now.hours_until(approval.ends_at(spec)).max(0)
            );
            self.say(NoticeKind::Approval, now, Some(slice.to_string()), state.revision, sentence);
        }
    }

    fn changed(&self, transition: &Transition, now: UtcMillis) {
        let kind = match (transition.kind, &transition.cause) {
            // Books of the leader: nobody may do more or less.
            (TransitionKind::Opened | TransitionKind::Requested, _) => return,
            (TransitionKind::Suspended, _) => NoticeKind::HardStop,
            (TransitionKind::ApprovalEnded, _) => NoticeKind::Approval,
            (_, Cause::Silence { .. }) => NoticeKind::VerdictsSilent,
            (
                TransitionKind::Promoted
                | TransitionKind::ShareRaised
                | TransitionKind::ThresholdLowered
                | TransitionKind::SteppedBack
                | TransitionKind::Returned
                | TransitionKind::Switched
                | TransitionKind::SwappedBack
                | TransitionKind::Reconfigured
                | TransitionKind::Acknowledged
                | TransitionKind::DrawsChanged
                | TransitionKind::Approved,
                _,
            ) => NoticeKind::Transition,
        };
        for change in &transition.slices {
            let sentence = sentence(transition, change);
            self.say(kind, now, Some(change.slice.to_string()), transition.revision, sentence);
        }
    }

    fn say(&self, kind: NoticeKind, at: UtcMillis, slice: Option<String>, rollout_revision: u64, sentence: String) {
        self.notifier.say(Notice { kind, at, slice, rollout_revision, sentence });
    }
}

/// What a transition means for one slice.
fn sentence(transition: &Transition, change: &SliceChange) -> String {
    let (slice, cause) = (&change.slice, &transition.cause);
    match (transition.kind, &change.to.approval) {
        (TransitionKind::ApprovalEnded, _) => format!(
            "nothing in {slice} is automatic any more: {cause}; look at it, then: noctriage rollout approve {slice}"
        ),
        (TransitionKind::Approved, Some(approval)) => {
            let signed = &approval.signed;
            format!("{} approves what is automatic in {slice}: {}", signed.who(), signed.why())
        }
        (kind, _) => format!("{slice}: {} to {}: {cause}", kind.as_str(), change.to.standing.position.stage()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stage::Stage;
    use crate::rollout::control::Lock;
    use crate::rollout::control::{ControlRequest, Signature};
    use crate::rollout::log::Cut;
    use crate::rollout::tests::desk::{DAY_MS, Desk, HOUR_MS, ticket};

    /// What was said of some requests and transitions, by kind.
    fn told(say: impl FnOnce(&mut Announcer)) -> Vec<Notice> {
        let (notifier, told) = Notifier::listening();
        let mut announcer = Announcer::new(Arc::new(notifier));
        say(&mut announcer);
        drop(announcer);
        told.try_iter().collect()
    }

    fn record(ask: Ask) -> ControlRecord {
        let signed = Signature::try_new("mira", "fibre cut").unwrap();
        let request = ControlRequest { signed, at: UtcMillis(1), expires: None, ask };
        ControlRecord { offset: 4, appended_at: UtcMillis(1), request }
    }

    fn transition(kind: TransitionKind, cause: Cause) -> Transition {
        let slice: Arc<str> = "rest".into();
        let to = crate::rollout::state::SliceState::opened(UtcMillis(0), 1);
        Transition {
            revision: 2,
            kind,
            cause,
            signed: None,
            at: UtcMillis(5),
            cut: Cut::start(),
            control_next: 0,
            slices: vec![crate::rollout::transition::SliceChange { slice, from: None, to }],
            acting: None,
            acknowledged: std::collections::BTreeSet::new(),
            reports: Vec::new(),
        }
    }

    #[test]
    fn a_halt_is_told_with_who_and_why() {
        let notices = told(|announcer| announcer.requested(&record(Ask::Halt(HaltScope::All)), 7));
        let sentence = "automatic actions of all slices are halted by mira: fibre cut";
        assert_eq!(notices.len(), 1);
        assert_eq!((notices[0].kind, notices[0].sentence.as_str()), (NoticeKind::Halt, sentence));
        let step_back = Ask::StepBack { slice: "rest".into(), to: crate::domain::stage::Stage::Suggest };
        assert_eq!(told(|announcer| announcer.requested(&record(step_back), 7)), []);
    }

    #[test]
    fn transitions_hard_stops_and_silence_have_names_of_their_own_and_books_are_not_told() {
        let kinds = |kind, cause| -> Vec<NoticeKind> {
            let transition = transition(kind, cause);
            let state = RolloutState::default();
            let spec = crate::rollout::tests::desk::spec(&["rest"]);
            told(|announcer| announcer.stepped(Some(&transition), None, &state, &spec, UtcMillis(5)))
                .iter()
                .map(|notice| notice.kind)
                .collect()
        };
        assert_eq!(kinds(TransitionKind::Opened, Cause::New), []);
        assert_eq!(kinds(TransitionKind::Promoted, Cause::Earned), [NoticeKind::Transition]);
        let critical = Cause::Critical { tickets: Vec::new() };
        assert_eq!(kinds(TransitionKind::Suspended, critical), [NoticeKind::HardStop]);
        assert_eq!(kinds(TransitionKind::SteppedBack, Cause::Silence { tickets: 6 }), [NoticeKind::VerdictsSilent]);
    }

    /// Whether a desk, all of whose gates pass, is said to wait for a person.
    fn waits(desk: &Desk, now: UtcMillis) -> bool {
        let evaluation = desk.evaluation();
        let notices = told(|announcer| announcer.stepped(None, Some(&evaluation), &desk.state, &desk.spec, now));
        notices.iter().any(|notice| notice.kind == NoticeKind::PromotionWaits)
    }

    #[test]
    fn a_step_waits_for_a_person_until_somebody_has_asked_and_again_once_that_is_too_old() {
        let mut desk = Desk::begun();
        assert!(waits(&desk, desk.now));
        desk.promote("rest", Lock::Respect);
        desk.settle();
        assert!(!waits(&desk, desk.now));
        let request = desk.state.slices.values_mut().find_map(|slice| slice.request.as_mut()).unwrap();
        request.expires = Some(desk.now.plus_ms(1));
        assert!(!waits(&desk, desk.now));
        assert!(waits(&desk, desk.now.plus_ms(1)));
    }

    /// What is said of approvals at some days and hours after an instant.
    fn told_of_approvals(desk: &Desk, since: UtcMillis, days_and_hours: &[(i64, i64)]) -> Vec<String> {
        let notices = told(|announcer| {
            for (days, hours) in days_and_hours {
                let now = since.plus_ms(days * DAY_MS + hours * HOUR_MS);
                announcer.stepped(None, None, &desk.state, &desk.spec, now);
            }
        });
        notices.into_iter().map(|notice| notice.sentence).collect()
    }

    #[test]
    fn an_approval_that_runs_out_is_told_a_week_and_a_day_at_work_before_and_never_at_night() {
        let mut desk = Desk::at(Stage::AutoTriage);
        let given = desk.slice("rest").approval.as_ref().unwrap().at;
        let sentence = |hours| {
            format!(
                "what mira approved in rest runs out in {hours} h, and then nothing of it is automatic; look at it, then: \
                 noctriage rollout approve rest"
            )
        };
        // It was given at noon of a Saturday, so that it runs out at noon of a Monday.
        assert_eq!(desk.spec.calendar.day(given).weekday(), 5);
        assert_eq!(told_of_approvals(&desk, given, &[(22, 0), (22, 20)]), [""; 0], "more than a week before");
        let told = told_of_approvals(&desk, given, &[(23, 0), (23, 12), (24, 0), (26, 0), (27, 0), (27, 4), (30, 0)]);
        assert_eq!(told, [sentence(7 * 24), sentence(3 * 24)], "on the Monday, and on the last Friday");
        assert_eq!(told_of_approvals(&desk, given, &[(23, 12), (28, 0)]), [""; 0], "nobody is there");

        // Given on a Friday, it is old on a Sunday and ends on the Monday at eight.
        desk.pass_hours(5 * 24);
        desk.approve("rest");
        desk.settle();
        let told = told_of_approvals(&desk, desk.now, &[(25, 0), (27, 0), (28, 0), (28, 4), (30, 0)]);
        assert_eq!(told, [sentence(6 * 24 - 4), sentence(3 * 24 - 4)]);
    }

    #[test]
    fn the_end_of_an_approval_says_that_nothing_is_automatic_and_what_to_do() {
        let ended = transition(TransitionKind::ApprovalEnded, Cause::ApprovalOld { who: "mira".into(), days: 30 });
        let spec = crate::rollout::tests::desk::spec(&["rest"]);
        let state = RolloutState::default();
        let notices = told(|announcer| announcer.stepped(Some(&ended), None, &state, &spec, UtcMillis(5)));
        let sentence = "nothing in rest is automatic any more: mira approved what is automatic more than 30 days ago, and \
                        nobody has since; look at it, then: noctriage rollout approve rest";
        assert_eq!(notices.iter().map(|notice| notice.sentence.as_str()).collect::<Vec<_>>(), [sentence]);
        assert_eq!(notices[0].kind, NoticeKind::Approval);

        let mut desk = Desk::at(Stage::AutoTriage);
        desk.approve("rest");
        let approved = desk.step().transition.unwrap();
        let notices = told(|announcer| announcer.stepped(Some(&approved), None, &desk.state, &desk.spec, desk.now));
        assert_eq!(notices[0].sentence, "mira approves what is automatic in rest: the numbers are good");
    }

    #[test]
    fn nobody_is_asked_to_promote_while_tickets_of_a_hard_stop_must_be_read() {
        let mut desk = Desk::at(Stage::AutoTriage);
        assert!(waits(&desk, desk.now));
        desk.says().critical = vec![ticket("T1")];
        desk.settle();
        assert!(!waits(&desk, desk.now));
    }
}
