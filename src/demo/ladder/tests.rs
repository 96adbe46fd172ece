//! The ladder with a model that is as good as it is told to be: no broker, no weights.

use super::*;
use crate::demo::desk::{Desk, DeskSettings, DeskTicket, Wave};
use crate::demo::feed::DESK_START;
use crate::domain::prediction::ModelRole;
use crate::domain::probability::Probability;
use crate::domain::severity::Severity;
use crate::domain::stage::Stage;
use crate::domain::ticket::TicketId;
use crate::policy::decided::ActionKind;
use crate::rollout::decision::{Arrival, ModelAnswer, Said, TicketDecision};
use crate::rollout::local_time::DeskCalendar;
use crate::rollout::spec::{JudgedBy, Limits, SliceSpec};

const DAY_MS: i64 = 24 * 3_600_000;

fn spec() -> RolloutSpec {
    let threshold = Probability::try_new(0.95).unwrap();
    RolloutSpec {
        slices: ["wireless", "rest"].map(|name| SliceSpec { name: Arc::from(name), threshold }).to_vec(),
        threshold_grid: vec![threshold],
        limits: Limits::default(),
        verdict_deadline_ms: 3 * DAY_MS,
        window_days: 28,
        soak_days: 7,
        soak_step_days: 2,
        approval_days: 30,
        working_hours: crate::rollout::local_time::WorkingHours::USUAL,
        cool_down_days: 3,
        observed_only: Vec::new(),
        calendar: DeskCalendar::utc(),
        draw_rates: crate::rollout::tests::desk::AUTO,
        judged_by: JudgedBy::TheirWork,
    }
}

fn key(name: &str) -> Arc<ModelKey> {
    let digest = Digest::of(name.as_bytes());
    Arc::new(ModelKey { name: name.to_owned(), version: "1".to_owned(), digest, calibration_digest: digest })
}

/// A desk, a model and the rollout over it.
struct Site {
    ladder: Ladder,
    map: StageMap,
    acting: Arc<ModelKey>,
    baseline: Arc<ModelKey>,
    rng: fastrand::Rng,
    offset: i64,
    /// Automatic actions of tickets that were drawn: there must be none.
    acted_on_drawn: u64,
}

impl Site {
    fn new(lead: ShiftLead) -> Self {
        let acting = key("model");
        let ladder = Ladder::new(spec(), Arc::clone(&acting), Digest::default(), lead);
        let map = ladder.stage_map();
        Self {
            ladder,
            map,
            acting,
            baseline: key("tfidf"),
            rng: fastrand::Rng::with_seed(7),
            offset: 0,
            acted_on_drawn: 0,
        }
    }

    fn runs(&mut self, tickets_per_day: f64, days: i64, wave: Option<Wave>) {
        let mut desk = Desk::new(DeskSettings { seed: 3, start: DESK_START, tickets_per_day });
        if let Some(wave) = wave {
            desk = desk.with_wave(wave);
        }
        for ticket in desk {
            if ticket.created_at.since_ms(DESK_START) > days * DAY_MS {
                return;
            }
            self.meets(&ticket);
            if let Some(map) = self.ladder.advance(ticket.created_at) {
                self.map = map;
            }
        }
    }

    /// A model that knows noise from work, but for the firmware of the wave, and that guesses at wireless tickets.
    fn says(&mut self, ticket: &DeskTicket) -> Said {
        let is_guessed = ticket.category == "wireless" && self.rng.f64() < 0.5;
        let is_noise = (ticket.truth.closable || ticket.is_of_wave) && !is_guessed;
        let severity = match (is_noise, is_guessed) {
            (true, _) => Severity::Low,
            (false, true) => Severity::Medium,
            (false, false) => ticket.truth.severity,
        };
        let reached = if is_noise && self.rng.f64() < 0.8 { vec![0.95] } else { Vec::new() };
        let confidence = if reached.is_empty() { 0.9 } else { 0.99 };
        Said { severity, confidence, critical: 0.001, reached: [reached.clone(), reached], queue: None }
    }

    fn meets(&mut self, ticket: &DeskTicket) {
        let slice: Arc<str> = Arc::from(if ticket.category == "wireless" { "wireless" } else { "rest" });
        let said = self.says(ticket);
        let permitted = self.map.slices.iter().find(|entry| entry.slice == *slice).expect("every slice has an entry");
        let is_drawn = self.rng.f64() < 0.5;
        let cohort = self.rng.f64();
        let acts = |action: AutoAction| {
            let index = action.index();
            permitted.grants[index].is_some()
                && cohort < permitted.shares[index].get()
                && !said.reached[index].is_empty()
        };
        let action = [AutoAction::Resolve, AutoAction::Triage].into_iter().find(|action| !is_drawn && acts(*action));
        self.acted_on_drawn += u64::from(is_drawn && action.is_some());
        let baseline = Said { severity: Severity::Medium, reached: Default::default(), ..said.clone() };
        let answer =
            |role, model: &Arc<ModelKey>, said| ModelAnswer { role, model: Arc::clone(model), said: Some(said) };
        let ticket_id = TicketId::try_new(&ticket.ticket_id).unwrap();
        let decision = TicketDecision {
            decision_id: Digest::of(ticket.ticket_id.as_bytes()),
            revision: Some(0),
            created_at: ticket.created_at,
            desk_time: ticket.created_at,
            slice: Arc::clone(&slice),
            stage: permitted.stage,
            action: action.map_or(ActionKind::People, ActionKind::Auto),
            is_drawn,
            is_audit: action.is_some() && self.rng.bool(),
            is_second_reading: false,
            answers: vec![
                answer(ModelRole::Acting, &self.acting, said),
                answer(ModelRole::Baseline, &self.baseline, baseline),
            ],
            eligibility_digest: Digest::default(),
            source_severity: ticket.source_severity,
            fingerprint: Digest::of(ticket.ticket_id.as_bytes()),
            parent: None,
            is_human_touched: false,
        };
        let event =
            if is_drawn || action.is_some() { DecisionEvent::Decided(Box::new(decision)) } else { DecisionEvent::Seen };
        let arrival = Some(Arrival { at: ticket.created_at, slice });
        let position = Position { topic: EvidenceTopic::Decisions, partition: 0, offset: self.offset };
        self.offset += 1;
        let known = Known { truth: ticket.truth, verdict: ticket.verdict, created_at: ticket.created_at };
        let appended = Appended { at: ticket.created_at, position };
        self.ladder.seen(DecisionSeen { ticket_id, event, arrival }, appended, known);
    }

    fn stage(&self, slice: &str) -> Stage {
        self.map.slices.iter().find(|entry| entry.slice == slice).map_or(Stage::Shadow, |entry| entry.stage)
    }

    fn told(&self) -> String {
        let lines: Vec<String> =
            self.ladder.story().iter().map(|line| format!("{}: {}", line.slice, line.what)).collect();
        lines.join("\n")
    }
}

#[test]
fn a_good_model_climbs_in_weeks_and_a_firmware_wave_takes_it_down() {
    let wave = Wave { from: DESK_START.plus_ms(24 * DAY_MS), until: DESK_START.plus_ms(28 * DAY_MS), share: 0.2 };
    let mut site = Site::new(ShiftLead::Simulated);
    site.runs(1_000.0, 29, Some(wave));
    let told = site.told();
    for expected in ["rest: suggest", "rest: auto_triage", "rest: STEPS BACK"] {
        assert!(told.contains(expected), "`{expected}` is not in\n{told}");
    }
    assert!(!told.contains("wireless: auto"), "{told}");
    let is_early_fall =
        |line: &&Line| line.at < wave.from && (line.what.starts_with("STEPS") || line.what.starts_with("hard"));
    assert_eq!(site.ladder.story().iter().find(is_early_fall), None, "nothing falls before the wave\n{told}");
    assert!(site.stage("rest") < Stage::AutoTriage, "{told}");
    assert_eq!(site.acted_on_drawn, 0);
}

#[test]
fn nothing_rises_unless_somebody_promotes() {
    let mut site = Site::new(ShiftLead::You);
    let mut asked = None;
    let desk = Desk::new(DeskSettings { seed: 3, start: DESK_START, tickets_per_day: 300.0 });
    for ticket in desk.take_while(|ticket| ticket.created_at.since_ms(DESK_START) < 20 * DAY_MS) {
        site.meets(&ticket);
        if let Some(map) = site.ladder.advance(ticket.created_at) {
            site.map = map;
        }
        if asked.is_none() && ticket.created_at.since_ms(DESK_START) > 16 * DAY_MS {
            assert_eq!((site.told(), site.stage("rest")), (String::new(), Stage::Shadow));
            assert!(site.ladder.earned().iter().any(|slice| &**slice == "rest"), "it is earned, and waits");
            asked = Some(site.ladder.promote(ticket.created_at));
        }
    }
    assert!(asked.unwrap().iter().any(|slice| &**slice == "rest"));
    assert_eq!(site.stage("rest"), Stage::Suggest, "{}", site.told());
}
