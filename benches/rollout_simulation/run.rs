//! Lets a rule live through a scenario: first people do everything, then the model acts until the rule takes it back.

use noctriage::statistics::random::SeededRandom;
use noctriage::statistics::tally::Judged;

use crate::rules::{Named, Rule};
use crate::scenario::{Scenario, Tick};
use crate::world::World;

/// Evidence tickets after which a run ends without a promotion.
pub const SHADOW_MAX: Tick = 5_000;
/// Eligible tickets after the promotion after which a run ends without a step-back.
pub const ACTING_MAX: Tick = 5_000;
/// Share of eligible tickets that stay with people, after the promotion.
pub const EVIDENCE_SHARE: f64 = 0.1;
/// Share of tickets acted on that people look at afterwards: the first share step.
pub const AUDIT_SHARE: f64 = 0.5;

/// What one run ended with.
#[derive(Clone, Copy, Default)]
pub struct Outcome {
    /// Verdicts that had come at the promotion.
    pub verdicts_to_promote: Option<u64>,
    /// Whether the promotion, if there was one, was wrong.
    pub is_wrong: bool,
    /// What the step-back cost.
    pub step_back: Option<StepBack>,
}

/// From the promotion to the step-back.
#[derive(Clone, Copy)]
pub struct StepBack {
    /// Audit and evidence verdicts that had come.
    pub audits: u64,
    /// Wrong actions taken.
    pub wrong_actions: u64,
}

/// One run; the same for the same seed.
pub fn run(scenario: &Scenario, named: &Named, seed: u64) -> Outcome {
    let mut world = World::new(scenario, seed);
    // Its own sequence: which tickets are drawn does not depend on what is in them.
    let mut draws = SeededRandom::new(seed ^ 0x5eed_0000_0000_0000);
    let mut rules: Vec<Box<dyn Rule>> =
        (0..scenario.thresholds).map(|threshold| (named.make)(threshold, draws.next_u64())).collect();
    let Some((promoted, rule, verdicts)) = until_promotion(&mut world, &mut rules, &mut draws) else {
        return Outcome::default();
    };
    let is_wrong = world.must_not_promote();
    let mut rule = rules.swap_remove(rule);
    world.promote(promoted);
    rule.promoted();
    let step_back = until_step_back(&mut world, rule.as_mut(), &mut draws, promoted);
    Outcome { verdicts_to_promote: Some(verdicts), is_wrong, step_back }
}

/// The tick, which of the rules promotes, and the verdicts so far.
fn until_promotion(
    world: &mut World,
    rules: &mut [Box<dyn Rule>],
    draws: &mut SeededRandom,
) -> Option<(Tick, usize, u64)> {
    // A ticket is eligible at the thresholds up to its own place of the grid; there are as many rules as places.
    let mut places = vec![0_u8; SHADOW_MAX as usize + 1];
    let mut verdicts = 0;
    for now in 1..=SHADOW_MAX {
        let ticket = world.ticket(now);
        places[now as usize] = draws.below(rules.len()) as u8;
        world.ask(ticket, now);
        for rule in rules.iter_mut().take(places[now as usize] as usize + 1) {
            rule.drawn(ticket);
        }
        while let Some(verdict) = world.verdict(now) {
            verdicts += 1;
            for rule in rules.iter_mut().take(places[verdict.ticket as usize] as usize + 1) {
                rule.verdict(verdict);
            }
        }
        if let Some(index) = rules.iter_mut().position(|rule| rule.promotes(now)) {
            return Some((now, index, verdicts));
        }
    }
    None
}

fn until_step_back(
    world: &mut World,
    rule: &mut dyn Rule,
    draws: &mut SeededRandom,
    promoted: Tick,
) -> Option<StepBack> {
    let (mut audits, mut wrong_actions) = (0, 0);
    for now in promoted + 1..=promoted + ACTING_MAX {
        let ticket = world.ticket(now);
        let is_evidence = draws.happens(EVIDENCE_SHARE);
        let is_audit = draws.happens(AUDIT_SHARE);
        if is_evidence || is_audit {
            rule.drawn(ticket);
            world.ask(ticket, now);
        }
        wrong_actions += u64::from(!is_evidence && ticket.truth == Judged::Wrong);
        while let Some(verdict) = world.verdict(now) {
            audits += 1;
            rule.verdict(verdict);
        }
        if rule.steps_back(now) {
            return Some(StepBack { audits, wrong_actions });
        }
    }
    None
}
