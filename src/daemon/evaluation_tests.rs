use super::*;
use crate::config::{self, Sources};
use crate::daemon::service::{Surroundings, ruling};
use crate::domain::prediction::{ModelIdentity, ModelRole, Purpose};
use crate::domain::severity::Severity;
use crate::domain::ticket::TicketId;
use crate::domain::verdict::{Reviewer, ReviewerId, ReviewerRole, Verdict, VerdictId};
use crate::policy::decided::ActionKind;
use crate::policy::ruling::DrawKey;
use crate::rollout::decision::{DecisionEvent, DecisionSeen, ModelAnswer, Said, TicketDecision};
use crate::rollout::evidence::VerdictEvent;
use crate::rollout::log::{Appended, EvidenceTopic, Position, Recorded};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const NOW: UtcMillis = UtcMillis(40 * DAY_MS);

fn settings(truth: &str) -> Settings {
    config::load(&Sources::built_in(&[("verdicts.truth", truth)], DrawKey([7; 16]))).unwrap().settings
}

fn in_force(settings: &Settings) -> Ruling {
    let acting = Arc::new(ModelIdentity {
        name: "desk".into(),
        version: "1".into(),
        digest: crate::domain::digest::Digest::of(b"desk"),
        calibration_digest: crate::domain::digest::Digest::default(),
        purpose: Purpose::Production,
    });
    ruling(settings, &acting, "cpu", Surroundings::Desk)
}

fn appended(topic: EvidenceTopic, offset: i64) -> Appended {
    Appended { at: UtcMillis(offset), position: Position { topic, partition: 0, offset } }
}

/// A drawn ticket of its own kind that the acting model calls low.
fn decide(gathered: &mut Gathered, ruling: &Ruling, number: i64, at: UtcMillis) {
    let id = format!("T{number}");
    let model = Arc::new(ModelKey {
        name: ruling.acting.name.clone(),
        version: ruling.acting.version.clone(),
        digest: ruling.acting.digest,
        calibration_digest: ruling.acting.calibration_digest,
    });
    let decision = TicketDecision {
        decision_id: crate::domain::digest::Digest::of(id.as_bytes()),
        revision: None,
        created_at: at,
        desk_time: at,
        slice: Arc::from("rest"),
        stage: Stage::Shadow,
        action: ActionKind::People,
        is_drawn: true,
        is_audit: false,
        is_second_reading: false,
        answers: vec![ModelAnswer {
            role: ModelRole::Acting,
            model,
            said: Some(Said {
                severity: Severity::Low,
                confidence: 0.97,
                critical: 0.001,
                reached: [Vec::new(), Vec::new()],
                queue: None,
            }),
        }],
        eligibility_digest: ruling.policy.eligibility_digest,
        source_severity: Some(Severity::Medium),
        fingerprint: crate::domain::digest::Digest::of(id.as_bytes()),
        parent: None,
        is_human_touched: false,
    };
    let seen = DecisionSeen {
        ticket_id: TicketId::try_new(&id).unwrap(),
        event: DecisionEvent::Decided(Box::new(decision)),
        arrival: None,
    };
    gathered.evidence.add_decision(Recorded { appended: appended(EvidenceTopic::Decisions, number), value: seen });
}

fn say(gathered: &mut Gathered, number: i64, at: UtcMillis, severity: Severity) {
    let reviewer = Reviewer { id: ReviewerId::try_new("anna").unwrap(), role: ReviewerRole::Engineer, group: None };
    let id = VerdictId::try_new(&format!("v{number}")).unwrap();
    let bare = Verdict::bare(id, TicketId::try_new(&format!("T{number}")).unwrap(), reviewer, at);
    let verdict = VerdictEvent::Verdict(Box::new(Verdict { severity: Some(severity), ..bare }));
    gathered.evidence.add_verdict(Recorded { appended: appended(EvidenceTopic::Verdicts, number), value: verdict });
}

/// A ticket and its verdict a day, from day 20 on; every fourth is not low.
fn twenty_days(ruling: &Ruling) -> Gathered {
    let mut gathered = Gathered::default();
    for day in 0..20 {
        let at = UtcMillis((20 + day) * DAY_MS);
        decide(&mut gathered, ruling, day, at);
        let severity = if day % 4 == 0 { Severity::High } else { Severity::Low };
        say(&mut gathered, day, at.plus_ms(HOUR_MS), severity);
    }
    gathered
}

#[test]
fn everybody_is_counted_on_the_tickets_of_the_window_and_the_next_stage_on_those_past_their_deadline() {
    let settings = settings("explicit");
    let ruling = in_force(&settings);
    let evaluated = evaluate(&twenty_days(&ruling), &settings, &ruling, NOW);
    let slice = &evaluated.slices[0];
    assert_eq!((slice.slice.as_str(), slice.accuracy.judged), ("rest", 20));
    let right: Vec<(&str, u64)> = slice.accuracy.rows.iter().map(|row| (row.role.as_str(), row.score.right)).collect();
    assert_eq!(right, [("source", 0), ("acting", 15)]);
    assert_eq!(evaluated.all_slices.judged, 20);
    // The last two days are still inside the deadline of 72 hours.
    let next = slice.next.as_ref().unwrap();
    assert_eq!((next.stage.0, next.counted, next.wrong), (Stage::Suggest, 18, 5));
    assert_eq!(evaluated.verdicts.standings["counts"], 20);
    assert_eq!((evaluated.verdicts.silent_since, evaluated.problems), (None, Vec::new()));
}

#[test]
fn an_undecided_truth_and_a_silent_feed_are_problems_with_what_to_do() {
    let settings = settings("undecided");
    let ruling = in_force(&settings);
    let evaluated = evaluate(&twenty_days(&ruling), &settings, &ruling, NOW.plus_ms(20 * DAY_MS));
    assert_eq!(evaluated.verdicts.silent_since, Some(Instant(UtcMillis(39 * DAY_MS + HOUR_MS))));
    let whats: Vec<&str> = evaluated.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert!(whats[0].starts_with("verdicts.truth is undecided") && whats[1].starts_with("nobody has stated anything"));
    assert!(metrics_of(&evaluated).is_silent);
}

#[test]
fn metrics_say_what_the_board_says() {
    let settings = settings("explicit");
    let ruling = in_force(&settings);
    let evaluated = evaluate(&twenty_days(&ruling), &settings, &ruling, NOW);
    let shown = metrics_of(&evaluated);
    let names: Vec<&str> = shown.slices.iter().map(|slice| slice.slice).collect();
    assert_eq!(names, ["all", "rest"]);
    assert_eq!(shown.slices[1].scores, [Some((0, 20)), None, Some((15, 20)), None, None]);
    assert_eq!(shown.slices[1].drawn, [20, 0, 0, 0, 0, 0]);
}
