//! What automatic actions rest on, and which of them rest on nothing: lease, permit, halts, draw. By the broker's append times
//! alone, since the clocks of the instances are among what is tested.
//!
//! Whoever writes an action looks at all of that right before its transaction, and the broker appends it a little later. So
//! an action may follow a halt, or the map that takes its permission away, by [`REACH_MS`] at most. A lease needs no such
//! allowance: a permit asks for more of it than a transaction can last.

use std::collections::{HashMap, HashSet};

use noctriage::domain::stage::AutoAction;
use noctriage::domain::ticket::TicketId;
use noctriage::domain::time::UtcMillis;
use noctriage::policy::draws::{DrawPurpose, draw_hash, is_drawn};
use noctriage::policy::ruling::{DrawKey, StageMap};
use noctriage::rollout::control::{Ask, ControlRecord, Halts};
use noctriage::wire::control;
use noctriage::wire::rollout::{LEASE_KEY, LeaseRecord, MAP_KEY, MapRecord};
use serde_json::Value;

use super::mistake::{Mistake, MistakeKind};
use crate::support::broker::Record;
use crate::support::daemon::DRAW_KEY;

/// Longest time after which a halt, or another map, is in force everywhere: what is promised to operators.
pub(crate) const REACH_MS: i64 = 5_000;

/// One command.
#[derive(Clone, Debug)]
struct Acted {
    place: String,
    appended_ms: i64,
    decision: String,
    slice: String,
    action: AutoAction,
    rollout_revision: u64,
}

/// All that was read of it.
#[derive(Debug, Default)]
pub(crate) struct Automation {
    /// When, and how long it is.
    renewals: Vec<(i64, i64)>,
    /// In the order of the log.
    maps: Vec<(i64, StageMap)>,
    /// In the order of the log.
    requests: Vec<ControlRecord>,
    commands: Vec<Acted>,
    /// Decision and place of every suggestion.
    suggestions: Vec<(String, String)>,
    /// Decisions whose tickets are drawn.
    drawn: HashSet<String>,
    /// The digest of the model whose answer each decision acts on.
    acting: HashMap<String, String>,
    unreadable: Vec<Mistake>,
}

impl Automation {
    /// A committed record of `rollout`.
    pub(crate) fn add_rollout(&mut self, record: &Record) {
        let Some(value) = &record.value else { return };
        let read = match record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()) {
            Some(LEASE_KEY) => {
                LeaseRecord::read(value).map(|lease| self.renewals.push((record.appended_ms, lease.length_ms)))
            }
            Some(MAP_KEY) => MapRecord::read(value)
                .and_then(|map| map.stage_map())
                .map(|map| self.maps.push((record.appended_ms, map))),
            Some(_) | None => Ok(()),
        };
        if let Err(fault) = read {
            let what = format!("rollout@{}: {fault}", record.offset);
            self.unreadable.push(Mistake::new(MistakeKind::Unreadable, what));
        }
    }

    /// A committed record of `control`. What asks for nothing is passed over, as instances do.
    pub(crate) fn add_control(&mut self, record: &Record) {
        if let Ok(request) = control::read(record.value.as_deref()) {
            let appended_at = UtcMillis(record.appended_ms);
            self.requests.push(ControlRecord { offset: record.offset, appended_at, request });
        }
    }

    /// A committed decision: whose answer it acts on, and whether its ticket is drawn, by its own word and by the key of the
    /// installation.
    pub(crate) fn add_decision(&mut self, decision: &str, value: &Value) {
        let answers = value.pointer("/basis/answers").and_then(Value::as_array);
        let acting = answers.into_iter().flatten().find(|answer| answer["role"] == "acting");
        if let Some(digest) = acting.and_then(|answer| answer["digest"].as_str()) {
            self.acting.insert(decision.to_owned(), digest.to_owned());
        }
        let Some(draw) = value.pointer("/basis/draws/evidence") else { return };
        let by_key = || {
            let ticket = TicketId::try_new(value.get("ticket_id")?.as_str()?).ok()?;
            let hash = draw_hash(DrawKey(DRAW_KEY), DrawPurpose::Evidence, 0, &ticket);
            Some(is_drawn(hash, draw.get("rate")?.as_f64()?))
        };
        if draw["drawn"] == true || by_key() == Some(true) {
            self.drawn.insert(decision.to_owned());
        }
    }

    /// A committed suggestion.
    pub(crate) fn add_suggestion(&mut self, decision: &str, place: String) {
        self.suggestions.push((decision.to_owned(), place));
    }

    /// A committed command; `false`: it lacks what a writeback needs.
    pub(crate) fn add_command(&mut self, decision: &str, place: String, appended_ms: i64, value: &Value) -> bool {
        let read = || {
            let word = value.get("action")?.as_str()?;
            Some(Acted {
                place: place.clone(),
                appended_ms,
                decision: decision.to_owned(),
                slice: value.get("slice")?.as_str()?.to_owned(),
                action: AutoAction::ALL.into_iter().find(|action| action.as_str() == word)?,
                rollout_revision: value.get("rollout_revision")?.as_u64()?,
            })
        };
        let acted = read();
        let is_read = acted.is_some();
        self.commands.extend(acted);
        is_read
    }

    /// Every action that rests on nothing.
    pub(crate) fn mistakes(&self, mistakes: &mut Vec<Mistake>) {
        mistakes.extend(self.unreadable.iter().cloned());
        for acted in &self.commands {
            let mut say = |kind, what: String| mistakes.push(Mistake::new(kind, format!("{}: {what}", acted.place)));
            // A stage that the configuration fixes has neither lease nor map, and its commands say revision 0.
            if acted.rollout_revision != 0 || !self.maps.is_empty() {
                if !self.is_leased(acted.appended_ms) {
                    say(MistakeKind::OutsideLease, format!("appended at {} outside of every lease", acted.appended_ms));
                }
                if let Err(what) = self.permitted(acted) {
                    say(MistakeKind::WithoutPermit, what);
                }
            }
            if self.halts_reaching(acted.appended_ms).is_halted(&acted.slice) {
                say(MistakeKind::AfterHalt, format!("appended at {} in a slice that is halted", acted.appended_ms));
            }
        }
        let commands = self.commands.iter().map(|acted| (&acted.decision, &acted.place));
        let shown = self.suggestions.iter().map(|(decision, place)| (decision, place));
        for (decision, place) in commands.chain(shown).filter(|(decision, _)| self.drawn.contains(*decision)) {
            let what = format!("{place} names decision {decision}, whose ticket is drawn");
            mistakes.push(Mistake::new(MistakeKind::SampleShown, what));
        }
    }

    fn is_leased(&self, at_ms: i64) -> bool {
        self.renewals.iter().any(|(renewed_ms, length_ms)| (*renewed_ms..renewed_ms + length_ms).contains(&at_ms))
    }

    /// The map that a command names permits it, and was in force not longer ago than a map needs to be heard of.
    fn permitted(&self, acted: &Acted) -> Result<(), String> {
        let Acted { slice, action, rollout_revision, appended_ms, decision, .. } = acted;
        let is_named = |(at, map): &(i64, StageMap)| at <= appended_ms && map.rollout_revision == *rollout_revision;
        let Some(place) = self.maps.iter().rposition(is_named) else {
            return Err(format!("names revision {rollout_revision}, of which no map was there"));
        };
        let (_, map) = &self.maps[place];
        let entry = map.slices.iter().find(|entry| entry.slice == *slice);
        let is_granted = entry.is_some_and(|entry| {
            entry.stage >= action.stage_needed()
                && entry.grants[action.index()].is_some()
                && entry.shares[action.index()].get() > 0.0
        });
        if !is_granted {
            return Err(format!("revision {rollout_revision} does not permit {} in {slice}", action.as_str()));
        }
        let permitted = entry.and_then(|entry| entry.grants[action.index()].as_ref()?.model_digest);
        if let (Some(permitted), Some(digest)) = (permitted, self.acting.get(decision))
            && permitted.to_string() != *digest
        {
            return Err(format!("revision {rollout_revision} permits model {permitted}, and {digest} acts"));
        }
        let replaced_ms = self.maps[place..].iter().find(|(_, map)| map.rollout_revision != *rollout_revision);
        match replaced_ms {
            Some((at, map)) if at + REACH_MS <= *appended_ms => Err(format!(
                "names revision {rollout_revision} {} ms after revision {} has taken its place",
                appended_ms - at,
                map.rollout_revision
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Halts that were there long enough to be in force everywhere, and that nobody had lifted.
    fn halts_reaching(&self, at_ms: i64) -> Halts {
        let mut halts = Halts::default();
        for request in self.requests.iter().filter(|request| request.appended_at.0 <= at_ms) {
            let is_halt = matches!(request.request.ask, Ask::Halt(_));
            if !is_halt || request.appended_at.0 + REACH_MS <= at_ms {
                halts.read(request);
            }
        }
        halts
    }
}
