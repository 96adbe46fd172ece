//! Examples of the plan: each rule once, at its boundary.

mod approval;
mod down;
mod draws;
mod switch;
mod up;

use crate::domain::stage::Stage;
use crate::rollout::control::{Ask, SwitchModel};
use crate::rollout::plan::{Candidate, SecondReading, SecondView};
use crate::rollout::state::Basis;
use crate::rollout::wrong::Permission;

use crate::rollout::tests::desk::{Desk, model};

fn stage(desk: &Desk) -> Stage {
    desk.position().stage()
}

fn attempts(desk: &Desk, version: &str) -> Vec<u32> {
    let basis = Basis { model: model(version), eligibility_digest: desk.facts.eligibility_digest };
    let slice = desk.slice("rest");
    Permission::ALL.map(|permission| slice.account(permission, &basis).map_or(0, |account| account.attempt)).to_vec()
}

fn back(to: Stage) -> Ask {
    Ask::StepBack { slice: "rest".into(), to }
}

fn switch_to(desk: &Desk, version: &str) -> Ask {
    let model = model(version);
    Ask::SwitchModel(SwitchModel {
        model_digest: model.digest,
        calibration_digest: model.calibration_digest,
        against: desk.state.revision,
    })
}

fn says(desk: &mut Desk, ticket: &str, view: SecondView) {
    desk.facts.second_readings.push(SecondReading { ticket: super::ticket(ticket), view });
}

/// Loads v2 as a candidate, opens its accounts, and says how far it has come.
fn with_candidate(desk: &mut Desk, earned: Stage) {
    desk.facts.candidates = vec![Candidate { model: model("v2"), reports: Vec::new() }];
    desk.settle();
    desk.facts.candidates = vec![desk.candidate("v2", earned)];
}
