//! Some instances whose slice stands at `auto_triage`, and what every test asks of them.
//!
//! Stages take weeks to earn, so the tests begin where somebody has earned one: they take the map that an instance wrote for
//! itself, put the slice at `auto_triage`, and write it back as the leader before would have left it.

use std::time::{Duration, Instant};

use noctriage::domain::ticket::TicketId;
use noctriage::policy::draws::{DrawPurpose, draw_hash, is_drawn};
use noctriage::policy::ruling::DrawKey;
use serde_json::{Value, json};

use crate::support::broker::{Broker, Record, Written, broker};
use crate::support::checker::{Checker, Isolation, Moment, Report};
use crate::support::daemon::{Card, DRAW_KEY, Daemon, Timers};

pub(super) const LEASE: Duration = Duration::from_secs(20);
/// A lease that outlasts a change of the leader on a machine that stands still for a while: its session, a rebalance and the
/// reading of what stands take eight seconds on one that does not. Production has 90 s.
pub(super) const LONG_LEASE: Duration = Duration::from_secs(60);
pub(super) const DEADLINE: Duration = Duration::from_secs(240);

/// The first index of tickets that act for sure.
const ACTING_FROM: usize = 50_000;

/// What the rollout of every desk is: everything acts that is predicted low, at once and without a limit.
pub(super) const EARNED: &str = "[policy]\nthreshold = 0.3\nthreshold_grid = [0.3]\ncritical_cut_off = 1.0\nhigh_cap = 1.0\n\
    [policy.caps]\nactions_per_hour = 100000\narrivals_share = 1.0\n[policy.storm]\ntickets = 100000\n\
    [policy.draws]\nevidence_shadow = 0.01\nevidence_later = 0.01\n\
    [verdicts]\ntruth = \"explicit\"\n[rollout]\nmode = \"earned\"\nlease_s = 20\nrenew_s = 2\n";

/// The same with another rate of evidence draws: a number or `"auto"`.
pub(super) fn earned_drawn(rate: &str) -> String {
    let rates = format!("evidence_shadow = {rate}\nevidence_later = {rate}");
    let earned = EARNED.replace("evidence_shadow = 0.01\nevidence_later = 0.01", &rates);
    assert_ne!(earned, EARNED);
    earned
}

/// One instance of a desk.
pub(super) struct Instance<'test> {
    pub(super) name: &'test str,
    /// Its configuration behind `[model]`.
    pub(super) more: String,
    pub(super) failpoints: &'test str,
}

impl<'test> Instance<'test> {
    pub(super) fn plain(name: &'test str) -> Self {
        Self { name, more: EARNED.to_owned(), failpoints: "" }
    }

    /// The same with [`LONG_LEASE`].
    pub(super) fn with_long_lease(name: &'test str) -> Self {
        let more = EARNED.replace("lease_s = 20", &format!("lease_s = {}", LONG_LEASE.as_secs()));
        assert_ne!(more, EARNED);
        Self { more, ..Self::plain(name) }
    }
}

/// The instances, and the log that they share.
pub(super) struct Desk {
    pub(super) broker: Broker,
    pub(super) instances: Vec<Daemon>,
    /// Tickets in the log.
    pub(super) written: usize,
    /// Of them, those with ids from 0 on.
    fed: usize,
    /// Where the next ticket is looked for that acts.
    acting: usize,
    /// Categories of the tickets, taken in turn.
    pub(super) categories: &'static [&'static str],
    checker: Option<Checker>,
}

impl Desk {
    /// Two instances that differ in nothing.
    pub(super) fn open(test: &str, failpoints: &'static str) -> Option<Self> {
        let instance = |name| Instance { failpoints, ..Instance::plain(name) };
        Self::open_with(test, &[instance("one"), instance("two")])
    }

    pub(super) fn open_with(test: &str, instances: &[Instance<'_>]) -> Option<Self> {
        let mut desk = Self::on(broker(test)?, instances);
        desk.start_all(instances);
        Some(desk)
    }

    /// On a broker that is there, with the stage granted and nobody started. The first instance has written the map.
    pub(super) fn on(broker: Broker, instances: &[Instance<'_>]) -> Self {
        let daemon = |Instance { name, more, .. }: &Instance<'_>| {
            Daemon::prepare_with(&broker, name, Card::Linear, Timers::SHORT, more)
        };
        let mut desk = Self {
            instances: instances.iter().map(daemon).collect(),
            broker,
            written: 0,
            fed: 0,
            acting: 0,
            categories: &["systems"],
            checker: None,
        };
        let made =
            desk.instances[0].command(&["topics", "create", "--tickets-partitions", "4", "--verdicts-partitions", "1"]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        desk.instances[0].arm(instances[0].failpoints);
        desk.instances[0].start();
        desk.broker.wait("a map is written", DEADLINE, |broker| newest_map(broker).is_some_and(|map| is_open(&map)));
        assert!(desk.instances[0].stop().success());
        desk.grant();
        desk
    }

    pub(super) fn start_all(&mut self, instances: &[Instance<'_>]) {
        for (daemon, instance) in self.instances.iter_mut().zip(instances) {
            daemon.arm(instance.failpoints);
            daemon.start();
        }
        self.instances.iter_mut().for_each(Daemon::wait_ready);
    }

    /// Writes the map back with every slice at `auto_triage`, as somebody has approved it now.
    pub(super) fn grant(&self) {
        self.grant_with(0.8, Duration::ZERO);
    }

    /// The same at a share.
    pub(super) fn grant_share(&self, share: f64) {
        self.grant_with(share, Duration::ZERO);
    }

    /// The same, approved so long ago.
    pub(super) fn grant_approved(&self, ago: Duration) {
        self.grant_with(0.8, ago);
    }

    fn grant_with(&self, share: f64, approved_ago: Duration) {
        let mut map = newest_map(&self.broker).unwrap();
        let revision = map["rollout_revision"].as_u64().unwrap() + 1;
        let state = &mut map["state"];
        let basis = state["basis"].clone();
        state["revision"] = json!(revision);
        let held = |permission: &str| json!({ "permission": permission, "threshold": 0.3, "after": [] });
        let approved_at = format!("{:.3}", jiff::Timestamp::now() - approved_ago);
        let approval = json!({ "who": "mira", "reason": "earned long ago", "at": approved_at });
        let permitted = |slice: &mut Value| {
            slice["standing"] = json!({ "stage": "auto_triage", "auto_triage": share, "auto_resolve": 0.0,
                "held": [held("suggest"), held("auto_triage")] });
            slice["approval"] = approval.clone();
            json!({ "slice": slice["slice"], "stage": "auto_triage", "actions": [{
                "action": "auto_triage", "share": share, "model_digest": basis["model"]["digest"],
                "calibration_digest": basis["model"]["calibration_digest"],
                "eligibility_digest": basis["eligibility_digest"], "threshold_min": 0.3 }] })
        };
        let permissions: Vec<Value> = state["slices"].as_array_mut().unwrap().iter_mut().map(permitted).collect();
        map["rollout_revision"] = json!(revision);
        map["permissions"] = json!(permissions);
        self.broker.write("rollout", &[("map".to_owned(), Some(map.to_string().into_bytes()), Vec::new())]);
    }

    /// Stops every instance, grants the stage to the model that acts, as if it had earned it, and starts them again.
    pub(super) fn grant_again(&mut self) {
        self.instances.iter_mut().for_each(|instance| assert!(instance.stop().success()));
        self.grant();
        self.instances.iter_mut().for_each(Daemon::start);
        self.instances.iter_mut().for_each(Daemon::wait_ready);
    }

    /// Waits until every instance that runs knows the newest map: nothing is decided by an older one from here on.
    #[track_caller]
    pub(super) fn wait_map_followed(&self) {
        let revision = newest_map(&self.broker).unwrap()["rollout_revision"].as_f64().unwrap();
        let follows = |instance: &Daemon| {
            !instance.is_running()
                || instance.metric("noctriage_rollout_revision").is_some_and(|followed| followed >= revision)
        };
        self.broker.wait("every instance follows the map", DEADLINE, |_| self.instances.iter().all(follows));
        // Triage takes it over with its next batch: one may be under way.
        std::thread::sleep(Duration::from_secs(1));
    }

    /// Waits until every instance has read all decisions that there are now: whoever leads plans with them.
    #[track_caller]
    pub(super) fn wait_evidence_read(&self) {
        let begun = Instant::now();
        let is_read = |instance: &Daemon| {
            let behind = instance.metric("noctriage_evidence_behind_seconds{topic=\"decisions\"}");
            behind.is_some_and(|behind| behind < begun.elapsed().as_secs_f64())
        };
        self.broker.wait("decisions are read as evidence", DEADLINE, |_| self.instances.iter().all(is_read));
    }

    /// Writes tickets that are predicted low.
    pub(super) fn feed(&mut self, count: usize) {
        let tickets: Vec<Written> = (self.fed..self.fed + count).map(|index| self.ticket(index)).collect();
        self.fed += count;
        self.written += count;
        self.broker.write("tickets", &tickets);
    }

    /// Writes tickets of which every one acts where anything does: none is drawn, all are in the share.
    pub(super) fn feed_acting(&mut self, count: usize) {
        let draw = |index: usize, purpose| draw_hash(DrawKey(DRAW_KEY), purpose, 0, &ticket_id(index));
        let acts = |index: &usize| {
            is_drawn(draw(*index, DrawPurpose::Cohort), 0.8) && !is_drawn(draw(*index, DrawPurpose::Evidence), 0.01)
        };
        // Ids of their own, far behind those of the others.
        let from = self.acting.max(ACTING_FROM);
        let indexes: Vec<usize> = (from..).filter(acts).take(count).collect();
        self.acting = indexes.last().map_or(from, |last| last + 1);
        self.written += count;
        let tickets: Vec<Written> = indexes.into_iter().map(|index| self.ticket(index)).collect();
        self.broker.write("tickets", &tickets);
    }

    fn ticket(&self, index: usize) -> Written {
        ticket(index, self.categories[index % self.categories.len()])
    }

    /// Waits until all tickets written so far are decided.
    #[track_caller]
    pub(super) fn wait_decided(&self) {
        let written = self.written;
        self.broker.wait("all tickets are decided", DEADLINE, |broker| broker.count("decisions") >= written);
    }

    /// Writes tickets that are predicted low, and waits until all written so far are decided.
    #[track_caller]
    pub(super) fn decide(&mut self, count: usize) {
        self.feed(count);
        self.wait_decided();
    }

    /// Decides tickets until there are more commands than before; how many there are then.
    #[track_caller]
    pub(super) fn wait_automatic(&mut self) -> usize {
        let until = Instant::now() + DEADLINE;
        let before = self.broker.count("commands");
        loop {
            self.decide(10);
            let commands = self.broker.count("commands");
            if commands > before {
                return commands;
            }
            assert!(Instant::now() < until, "nothing is automatic: {}\n{}", self.logs(), self.decided());
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    /// Decides so many tickets, of which none may act.
    #[track_caller]
    pub(super) fn assert_nothing_automatic(&mut self, count: usize) {
        let commands = self.broker.count("commands");
        self.decide(count);
        assert_eq!(self.broker.count("commands"), commands, "{}\n{}", self.decided(), self.logs());
    }

    pub(super) fn decided(&self) -> String {
        let last = self.broker.read("decisions", Isolation::Committed).pop();
        last.map(|record| record.json().to_string()).unwrap_or_default()
    }

    pub(super) fn logs(&self) -> String {
        self.instances.iter().map(Daemon::log_end).collect::<Vec<_>>().join("\n")
    }

    /// Which instance renewed last, and when.
    pub(super) fn last_renewal(&self) -> Option<(usize, i64)> {
        let renewal = renewals(&self.broker).pop()?;
        let leader = renewal.json()["leader"].as_str().unwrap().to_owned();
        let place = self.instances.iter().position(|instance| instance.instance == leader).unwrap();
        Some((place, renewal.appended_ms))
    }

    /// Waits until somebody renews who is wanted, and says who.
    #[track_caller]
    pub(super) fn wait_renewal_of(&self, wanted: impl Fn(usize) -> bool, within: Duration) -> usize {
        let until = Instant::now() + within;
        loop {
            if let Some((place, _)) = self.last_renewal().filter(|(place, _)| wanted(*place)) {
                return place;
            }
            assert!(Instant::now() < until, "no such renewal within {within:?}: {}", self.logs());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    #[track_caller]
    pub(super) fn leader(&self) -> usize {
        self.broker.wait("somebody leads", DEADLINE, |_| self.last_renewal().is_some());
        self.last_renewal().unwrap().0
    }

    /// Runs a command of an instance that must succeed, and says what it said.
    #[track_caller]
    pub(super) fn say(&self, instance: usize, arguments: &[&str]) -> String {
        let output = self.instances[instance].command(arguments);
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}\n{}", self.logs());
        said
    }

    /// Everything that was read and judged by the checker of the fault runs.
    #[track_caller]
    pub(super) fn look(&mut self, moment: Moment) -> Report {
        let broker = &self.broker;
        self.checker.get_or_insert_with(|| Checker::open(broker, &broker.prefix)).look(moment)
    }

    /// The checker finds nothing, and every report of a transition reads as it did, asked again from the log at its cut.
    #[track_caller]
    pub(super) fn assert_clean(&mut self) {
        self.look(Moment::Running).assert_clean("the rollout");
        let trail = self.broker.read("transitions", Isolation::Committed);
        let mistakes = crate::support::checker::reports::unsupported_reports(&self.instances[0].settings(), &trail);
        assert_eq!(mistakes, [], "{}", self.logs());
    }
}

pub(super) fn ticket_id(index: usize) -> TicketId {
    TicketId::try_new(&format!("R{index:05}")).unwrap()
}

pub(super) fn ticket(index: usize, category: &str) -> Written {
    let key = ticket_id(index).as_str().to_owned();
    let value = json!({
        "schema": "noctriage.ticket/v1", "ticket_id": key, "revision": 0,
        "title": format!("Scheduled backup job finished with warnings {index}"),
        "description": "Informational only. No customer is affected.", "created_at": "2026-11-24T10:00:00Z",
        "kind": "incident", "category": category
    });
    (key, Some(value.to_string().into_bytes()), Vec::new())
}

pub(super) fn of_key(broker: &Broker, key: &str) -> Vec<Record> {
    let records = broker.read("rollout", Isolation::Committed);
    records.into_iter().filter(|record| record.key.as_deref() == Some(key.as_bytes())).collect()
}

pub(super) fn newest_map(broker: &Broker) -> Option<Value> {
    of_key(broker, "map").pop().map(|record| record.json())
}

pub(super) fn is_open(map: &Value) -> bool {
    map["state"]["slices"].as_array().is_some_and(|slices| {
        let has_accounts = |slice: &Value| slice["accounts"].as_array().is_some_and(|accounts| accounts.len() >= 2);
        !slices.is_empty() && slices.iter().all(has_accounts)
    })
}

/// The stage of the one slice.
pub(super) fn stage(broker: &Broker) -> String {
    newest_map(broker).map_or_else(String::new, |map| map["permissions"][0]["stage"].as_str().unwrap().to_owned())
}

pub(super) fn renewals(broker: &Broker) -> Vec<Record> {
    of_key(broker, "lease")
}

/// When commands were appended, by the broker's clock.
pub(super) fn commands_at(broker: &Broker) -> Vec<i64> {
    broker.read("commands", Isolation::Committed).iter().map(|command| command.appended_ms).collect()
}

/// Commands that were appended when no renewal was younger than a lease: by the broker's clock alone.
pub(super) fn outside_every_lease(broker: &Broker) -> Vec<i64> {
    let renewed: Vec<i64> = renewals(broker).iter().map(|renewal| renewal.appended_ms).collect();
    let lease_ms = i64::try_from(LEASE.as_millis()).unwrap();
    let is_covered = |at: i64| renewed.iter().any(|renewed| (*renewed..renewed + lease_ms).contains(&at));
    commands_at(broker).into_iter().filter(|at| !is_covered(*at)).collect()
}
