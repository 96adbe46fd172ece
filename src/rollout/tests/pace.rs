//! What is measured of a slice before its rate is chosen.

use super::desk::{DAY_MS, Desk, spec};
use super::{HOUR_MS, Log, answer, decision, hour, id, model, person, reaching, stated, ticket};
use crate::domain::digest::Digest;
use crate::domain::prediction::ModelRole;
use crate::domain::severity::Severity;
use crate::domain::stage::Stage;
use crate::domain::verdict::{ReviewerRole, Verdict, VerdictKind};
use crate::rollout::decision::TicketDecision;
use crate::rollout::draw_rate::SlicePace;
use crate::rollout::log::Cut;
use crate::rollout::pace::paces;
use crate::rollout::spec::{JudgedBy, RolloutSpec};
use crate::rollout::state::{Basis, RolloutState};

/// A state at a stage whose accounts count everything.
fn state_at(stage: Stage) -> RolloutState {
    let mut begun = Desk::at(stage).state;
    let basis = Basis { model: model("v1"), eligibility_digest: Digest::default() };
    for account in begun.slices.values_mut().flat_map(|slice| &mut slice.accounts) {
        (account.basis, account.after) = (basis.clone(), Cut::start());
    }
    RolloutState { basis: Some(basis), ..begun }
}

/// Ten tickets an hour for so many hours, every second one drawn; of the drawn ones every fourth is eligible for triage,
/// and so many of four are answered.
fn desk(hours: i64, answered_of_4: i64) -> Log {
    let mut log = Log::default();
    for number in 0..hours * 10 {
        let low = answer(ModelRole::Acting, "v1", Some(Severity::Low));
        let reached = if number % 8 == 0 { [vec![0.8, 0.95], vec![]] } else { [vec![0.8], vec![]] };
        let (name, at) = (format!("T{number}"), hour(number / 10));
        let is_drawn = number % 2 == 0;
        let answers = vec![reaching(low, reached)];
        log.decided(&name, TicketDecision { is_drawn, answers, ..decision(&name, at) });
        if is_drawn && (number / 8) % 4 < answered_of_4 {
            log.answered(&name, at, Severity::Low);
        }
    }
    log
}

#[track_caller]
fn measured(log: &Log, stage: Stage, spec: &RolloutSpec, hours: i64) -> SlicePace {
    let found = paces(&log.evidence, &state_at(stage), spec, hour(hours));
    assert_eq!(found.len(), 1);
    found[0].1
}

#[test]
fn traffic_is_that_of_all_tickets_and_reach_that_of_the_drawn_ones() {
    let found = measured(&desk(48, 4), Stage::Suggest, &spec(&["rest"]), 48);
    assert_eq!((found.seen_ms, found.tickets_per_day, found.reach), (2 * DAY_MS, 240.0, 0.25));
    // Nothing is past its deadline, so that every verdict is expected.
    assert_eq!((found.verdict_rate, found.waiting, found.rated_per_day_max), (1.0, 60, None));
    let shadow = measured(&desk(48, 4), Stage::Shadow, &spec(&["rest"]), 48);
    assert_eq!((shadow.reach, shadow.waiting), (1.0, 240));
}

#[test]
fn less_than_a_day_says_how_long_it_is() {
    assert_eq!(measured(&desk(23, 4), Stage::Shadow, &spec(&["rest"]), 23).seen_ms, 23 * HOUR_MS);
    assert_eq!(measured(&Log::default(), Stage::Shadow, &spec(&["rest"]), 23).seen_ms, 0);
}

#[test]
fn too_few_drawn_tickets_say_nothing_of_the_reach() {
    assert_eq!(paces(&desk(3, 4).evidence, &state_at(Stage::Suggest), &spec(&["rest"]), hour(30)), []);
    assert_eq!(paces(&desk(3, 4).evidence, &RolloutState::default(), &spec(&["rest"]), hour(30)), []);
}

#[test]
fn a_verdict_that_stays_away_counts_as_wrong_and_so_it_counts() {
    // Three days after the last ticket all of them are past their deadline.
    let found = measured(&desk(48, 2), Stage::Suggest, &spec(&["rest"]), 48 + 73);
    assert_eq!((found.verdict_rate, found.waiting), (1.0, 0));
}

#[test]
fn tickets_of_one_fingerprint_bring_fewer_verdicts_than_they_are() {
    let mut log = Log::default();
    for number in 0..100 {
        let name = format!("T{number}");
        let fingerprint = Digest::of(format!("{}", number % 2).as_bytes());
        log.decided(&name, TicketDecision { fingerprint, ..decision(&name, hour(number)) });
        log.answered(&name, hour(number), Severity::Low);
    }
    let found = measured(&log, Stage::Shadow, &spec(&["rest"]), 300);
    assert!(found.verdict_rate <= 0.1, "{found:?}");
    // Those that wait are none of the repeated ones.
    assert_eq!(measured(&log, Stage::Shadow, &spec(&["rest"]), 71).waiting, 10);
}

#[test]
fn whoever_has_rated_within_a_week_can_rate_twenty_a_day_of_all_slices_together() {
    let by_list = RolloutSpec { judged_by: JudgedBy::LabelList, ..spec(&["rest"]) };
    let most = |log: &Log| measured(log, Stage::Shadow, &by_list, 240).rated_per_day_max;
    // Nobody has rated yet: one will.
    assert_eq!(most(&desk(240, 0)), Some(20.0));
    let mut log = desk(240, 0);
    let mut rates = |name: &str, kind, at: i64| {
        let verdict = Verdict { kind, decided_at: hour(at), ..stated(name, name, Severity::Low) };
        log.said(Verdict {
            verdict_id: id(name),
            ticket_id: ticket("T0"),
            reviewer: person(name, ReviewerRole::Engineer),
            ..verdict
        });
    };
    rates("anna", VerdictKind::Triage, 239);
    rates("bela", VerdictKind::SecondReading, 240 - 7 * 24);
    rates("long ago", VerdictKind::Triage, 240 - 7 * 24 - 1);
    rates("reopener", VerdictKind::Reopen, 239);
    assert_eq!(most(&log), Some(40.0));
}
