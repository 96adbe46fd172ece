//! How many tickets are drawn from the next day on, where the configuration leaves it to the leader. Read with promotions,
//! once a day, so that people are asked for one number of tickets on one day.

use crate::policy::draws::DrawRate;
use crate::policy::ruling::EvidenceRate;
use crate::rollout::draw_rate::{Chosen, Need, Told, Why, revised as revised_rate};
use crate::rollout::reading::{Gate, GateOutcome, GateReading, Missing, StepReport};
use crate::rollout::spec::SliceSpec;
use crate::rollout::state::{SliceDraw, SliceState};
use crate::rollout::transition::{Cause, DrawChange, Transition, TransitionKind};
use crate::rollout::wrong::Permission;

use super::read::Reading;

const DAY_MS: f64 = 86_400_000.0;

/// The rates that change, all in one transition; `None`: none does. Evidence with a hole says nothing of what is missing.
pub(super) fn revised(reading: &Reading<'_>) -> Option<Transition> {
    if !reading.holes().is_empty() {
        return None;
    }
    let changes: Vec<DrawChange> =
        reading.slices().filter_map(|(slice, state)| of_slice(reading, slice, state)).collect();
    let mut transition = reading.draft(TransitionKind::DrawsChanged, Cause::Pace { changes: changes.clone() });
    for DrawChange { slice, from, to, missing: _ } in changes {
        let state = &reading.state.slices[&slice];
        let raised_at = if to.rate > from { reading.now } else { state.draw.raised_at };
        let to = SliceState { draw: SliceDraw { rate: to.rate, raised_at }, ..state.clone() };
        transition.slices.push(reading.change(&slice, to));
    }
    (!transition.slices.is_empty()).then_some(transition)
}

fn of_slice(reading: &Reading<'_>, slice: &SliceSpec, known: &SliceState) -> Option<DrawChange> {
    let stage = known.standing.position.stage();
    match reading.spec.draw_rates.evidence(stage) {
        EvidenceRate::Fixed(_) => return None,
        EvidenceRate::Auto => {}
    }
    let from = known.evidence_rate();
    let change = |missing, to| DrawChange { slice: slice.name.clone(), from, missing, to };
    if known.next_step(slice.threshold).is_none() {
        let nothing = Chosen { rate: DrawRate::LEAST, why: Why::NothingMissing };
        return (from > DrawRate::LEAST).then(|| change(0, nothing));
    }
    let need = need(reading.next_report(&slice.name)?)?;
    let begun = known.since.max(known.draw.raised_at);
    let begun_days = reading.now.since_ms(begun) as f64 / DAY_MS;
    let to = revised_rate(stage, from, reading.facts.pace(&slice.name)?, need, begun_days)?;
    Some(change(need.verdicts, to))
}

/// What the gates of a step still ask for; `None`: one of them is breached, which no number of tickets mends.
fn need(report: &StepReport) -> Option<Need> {
    let permission = report.question.account.account.permission;
    let mut need = Need { verdicts: 0, told: Told::ByAll };
    for gate in report.gates.iter().filter(|gate| gate.blocks) {
        match (gate.outcome, verdicts(gate, permission)) {
            (GateOutcome::Pass, _) => {}
            (GateOutcome::Breach, _) => return None,
            (GateOutcome::Waiting, Some(verdicts)) => need.verdicts = need.verdicts.max(verdicts),
            // Time alone opens it.
            (GateOutcome::Waiting, None) if matches!(gate.missing, Some(Missing::Until(_))) => {}
            (GateOutcome::Waiting, None) => need.told = Told::BySome,
        }
    }
    Some(need)
}

/// Verdicts of the step's own account that a gate waits for, if nothing more is wrong: each further error asks for more, and
/// the rate follows the next day.
fn verdicts(gate: &GateReading, permission: Permission) -> Option<u64> {
    let Some(Missing::Verdicts(to_go, _)) = gate.missing else { return None };
    // On the way to an action, severities are counted on every answered ticket, which come faster.
    let is_own = permission == Permission::Suggest || gate.gate != Gate::SeverityAccuracy;
    to_go.if_all_right.filter(|_| is_own)
}
