//! Killed on the way, three times, and nothing is lost or doubled: each source in a run of its own.

use crate::support::broker::{TIMEOUT, broker};
use crate::support::checker::check;
use crate::support::daemon::{Card, Daemon};
use crate::support::tickets::{Preset, record};

const RECORDS: usize = 668;
const PARTITIONS: i32 = 3;

/// `Card::Demo` is the bundled model as it is, which predicts the evidence draw in shadow; the copy that says
/// `production` goes on to suggestions.
fn check_survives_three_kills(preset: Preset, card: Card) {
    let Some(broker) = broker(&format!("killed-{}", preset.name())) else { return };
    let more = format!(
        "[source]\npreset = \"{}\"\ntimezone = \"UTC\"\n[triage]\nbatch_records_max = 8\n\
         [policy.draws]\nevidence_shadow = 0.6\n[rollout]\nfixed_stage = \"suggest\"\n",
        preset.name()
    );
    let mut daemon = Daemon::prepare(&broker, "one", card, &more);
    daemon.create_topics(PARTITIONS);
    daemon.start();
    daemon.wait_ready();
    let quarter = RECORDS / 4;
    for round in 0..4 {
        let records: Vec<_> = (round * quarter..(round + 1) * quarter).map(|index| record(preset, index)).collect();
        broker.write("tickets", &records);
        if round == 3 {
            break;
        }
        let on_the_way = round * quarter + 10;
        broker.wait("tickets are decided", TIMEOUT, |broker| broker.count("decisions") >= on_the_way);
        daemon.kill();
        daemon.start();
    }
    broker.wait("every record has an outcome", TIMEOUT, |broker| broker.count("decisions") >= RECORDS);
    let status = daemon.stop();
    assert!(status.success(), "{status}\n{}", daemon.log());
    let checked = check(&broker, &broker.prefix);
    checked.assert_clean();
    assert_eq!(checked.tickets.len(), RECORDS);
    let outcomes = checked.outcomes();
    println!("{}: {outcomes:?}", preset.name());
    assert_eq!(outcomes["dead_letter"], (0..RECORDS).filter(|index| index % 20 == 7).count());
    assert_eq!(outcomes["dead_letter"], checked.dead_letters.len());
}

#[test]
fn native_tickets_survive_three_kills_with_one_outcome_each() {
    check_survives_three_kills(Preset::Native, Card::Demo);
}

#[test]
fn servicenow_tickets_survive_three_kills_with_one_outcome_each() {
    check_survives_three_kills(Preset::ServiceNow, Card::Production);
}

#[test]
fn alertmanager_groups_survive_three_kills_with_one_outcome_each() {
    check_survives_three_kills(Preset::Alertmanager, Card::Production);
}
