//! How many tickets are drawn where the configuration leaves it to the leader: it chooses once a day, every instance follows,
//! and a ticket keeps the rate at which it was first met.

use std::collections::BTreeSet;

use noctriage::domain::ticket::TicketId;
use noctriage::policy::draws::{DrawPurpose, draw_hash, is_drawn};
use noctriage::policy::ruling::DrawKey;
use noctriage::rollout::draw_rate::LADDER;
use serde_json::{Value, json};

use super::desk::{DEADLINE, Desk, Instance, earned_drawn, newest_map, ticket, ticket_id};
use crate::support::broker::{Written, broker};
use crate::support::checker::Isolation;
use crate::support::daemon::{DRAW_KEY, Daemon};

/// Clocks that are 25 hours slow: on its first day a slice is drawn at the least rate.
const YESTERDAY: &str = "operating_clock_ahead=return(-90000000)";
/// So many that twenty of them are drawn at a tenth, from where on their share of eligible tickets is known.
const MET_YESTERDAY: usize = 300;
/// People who rate: each of them twenty tickets a day, so that they are not what bounds the rate.
const RATERS: usize = 8;
const MET_TODAY: usize = 200;
/// Tickets of yesterday that change today.
const MET_AGAIN: usize = 150;
const LEAST: f64 = 0.1;

/// By the key of the installation.
fn is_in_draw(ticket: &str, rate: f64) -> bool {
    let ticket = TicketId::try_new(ticket).unwrap();
    is_drawn(draw_hash(DrawKey(DRAW_KEY), DrawPurpose::Evidence, 0, &ticket), rate)
}

/// The ticket of an index after somebody has added to it.
fn changed(index: usize) -> Written {
    let (key, value, headers) = ticket(index, "systems");
    let mut row: Value = serde_json::from_slice(&value.unwrap()).unwrap();
    row["revision"] = json!(1);
    row["description"] = json!("Informational only. No customer is affected. It has finished since.");
    (key, Some(row.to_string().into_bytes()), headers)
}

/// Each of some people reads one ticket.
fn read_by_people(desk: &Desk) {
    let verdict = |index: usize| {
        let ticket = ticket_id(index).as_str().to_owned();
        let value = json!({ "verdict_id": format!("v-{index}"), "ticket_id": ticket, "kind": "triage",
            "decided_at": jiff::Timestamp::now().to_string(), "severity": "low",
            "reviewer": { "id": format!("p-{index}"), "role": "engineer" } });
        (ticket, Some(value.to_string().into_bytes()), Vec::new())
    };
    let drawn = (0..MET_YESTERDAY).filter(|index| is_in_draw(ticket_id(*index).as_str(), LEAST));
    desk.broker.write("verdicts", &drawn.take(RATERS).map(verdict).collect::<Vec<Written>>());
}

/// A desk that has been open for a day, and whose leader has read promotions on it; nobody runs.
fn opened_yesterday() -> Option<Desk> {
    let rates = earned_drawn("\"auto\"");
    // A ticket of yesterday is still known today.
    let more = format!("{rates}[rollout.limits]\naction_error = 0.004\n[triage]\nview_window_hours = 48\n");
    let instances = ["one", "two"].map(|name| Instance { name, more: more.clone(), failpoints: YESTERDAY });
    let mut desk = Desk::on(broker("draws-auto")?, &instances);
    // Below the last share there is a step that drawn tickets bring nearer.
    desk.grant_share(0.25);
    desk.start_all(&instances);
    desk.decide(MET_YESTERDAY);
    desk.broker.wait("the day is read", DEADLINE, |broker| {
        newest_map(broker).is_some_and(|map| map["state"]["read_on"].is_i64())
    });
    desk.instances.iter_mut().for_each(|instance| assert!(instance.stop().success()));
    read_by_people(&desk);
    Some(desk)
}

/// The rate of the only slice that the map says, and its revision.
fn rate(map: &Value) -> (f64, u64) {
    (map["permissions"][0]["evidence_rate"].as_f64().unwrap(), map["rollout_revision"].as_u64().unwrap())
}

#[test]
fn a_rate_that_the_leader_chooses_holds_everywhere_and_a_ticket_keeps_the_one_it_was_first_met_at() {
    let Some(mut desk) = opened_yesterday() else { return };
    assert!((rate(&newest_map(&desk.broker).unwrap()).0 - LEAST).abs() < f64::EPSILON);
    desk.instances.iter_mut().for_each(Daemon::start);
    desk.instances.iter_mut().for_each(Daemon::wait_ready);
    desk.broker.wait("another rate is chosen", DEADLINE, |broker| rate(&newest_map(broker).unwrap()).0 > LEAST);
    let (chosen, revision) = rate(&newest_map(&desk.broker).unwrap());
    assert!(LADDER.iter().any(|rate| (rate - chosen).abs() < f64::EPSILON), "{chosen}");
    let trail = desk.broker.read("transitions", Isolation::Committed);
    let last = trail.last().unwrap().json();
    println!("{chosen}: {}", last["because"]);
    assert_eq!((&last["kind"], &last["rollout_revision"]), (&json!("draws_changed"), &json!(revision)), "{last}");
    let shown = "noctriage_evidence_draw_rate_ratio{chosen_by=\"leader\",slice=\"rest\"}";
    desk.broker.wait("both follow", DEADLINE, |_| {
        let follows = |instance: &Daemon| {
            instance.metric(shown) == Some(chosen)
                && instance.metric("noctriage_rollout_revision") == Some(revision as f64)
        };
        desk.instances.iter().all(follows)
    });

    desk.feed(MET_TODAY);
    desk.broker.write("tickets", &(0..MET_AGAIN).map(changed).collect::<Vec<Written>>());
    desk.written += MET_AGAIN;
    desk.wait_decided();
    let decisions = desk.broker.read("decisions", Isolation::Committed);
    let of_today: BTreeSet<String> =
        (MET_YESTERDAY..MET_YESTERDAY + MET_TODAY).map(|index| ticket_id(index).as_str().to_owned()).collect();
    // Drawn at the rate of today and not at that of yesterday.
    let (mut between_today, mut between_again) = (0, 0);
    for record in &decisions {
        let decision = record.json();
        let (ticket, draw) = (decision["ticket_id"].as_str().unwrap(), &decision["basis"]["draws"]["evidence"]);
        let is_of_today = of_today.contains(ticket);
        let rate = if is_of_today { chosen } else { LEAST };
        assert_eq!(draw, &json!({ "rate": rate, "drawn": is_in_draw(ticket, rate) }), "{decision}");
        let is_between = is_in_draw(ticket, chosen) && !is_in_draw(ticket, LEAST);
        between_today += usize::from(is_between && is_of_today);
        between_again += usize::from(is_between && decision["revision"] == 1);
    }
    println!("between both rates: {between_today} of today, {between_again} met again");
    assert!(between_today > 10 && between_again > 10, "{between_today} and {between_again}");
    for instance in &desk.instances {
        let is_its = |record: &&crate::support::broker::Record| {
            instance.wrote(record) && of_today.contains(record.json()["ticket_id"].as_str().unwrap())
        };
        assert!(decisions.iter().filter(is_its).count() > 10, "both decide at it: {}", desk.logs());
    }
    let commands = desk.broker.read("commands", Isolation::Committed);
    let acted: Vec<Value> = commands.iter().map(|command| command.json()["ticket_id"].clone()).collect();
    let acted_today = acted.iter().filter(|ticket| of_today.contains(ticket.as_str().unwrap())).count();
    assert!(acted_today > 0, "what is not drawn is still acted on: {}", desk.logs());
    desk.assert_clean();
}
