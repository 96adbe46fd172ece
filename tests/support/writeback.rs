//! A consumer of commands that does, at the moment of acting, what the writer of a ticket system must do: it asks what is
//! halted, what the map in force permits, and whether the command is still good. It writes to no ticket system; it remembers
//! what it would have done, and when.

use std::collections::{BTreeMap, HashSet, VecDeque};

use noctriage::clock::Clock;
use noctriage::domain::digest::Digest;
use noctriage::domain::time::UtcMillis;
use noctriage::policy::ruling::StageMap;
use noctriage::rollout::control::{ControlRecord, Halts};
use noctriage::wire::command::CommandRecord;
use noctriage::wire::control;
use noctriage::wire::rollout::{MAP_KEY, MapRecord};

use super::broker::Broker;
use super::checker::{Isolation, Reader};

/// Why a command is not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// Somebody has halted its slice.
    Halted,
    /// The map in force does not permit its action in its slice.
    NotPermitted,
    /// It was good until an instant that has passed.
    Expired,
    /// Its key was carried out before.
    Done,
}

/// What stands at one moment.
#[derive(Default)]
pub(crate) struct Stands {
    pub(crate) halts: Halts,
    pub(crate) map: Option<StageMap>,
}

impl Stands {
    /// What a writeback asks of a command. The revision may be older than that of the map in force: books of the leader raise
    /// it. It may not be newer: nobody has said yet what such a command rests on.
    pub(crate) fn judge(&self, command: &CommandRecord, now: UtcMillis) -> Result<(), Refused> {
        if self.halts.is_halted(&command.slice) {
            return Err(Refused::Halted);
        }
        let place = command.action.0.index();
        let is_permitted = self.map.as_ref().is_some_and(|map| {
            let entry = map.slices.iter().find(|entry| entry.slice == command.slice);
            let permits = entry.is_some_and(|entry| {
                entry.stage >= command.action.0.stage_needed()
                    && entry.grants[place].is_some()
                    && entry.shares[place].get() > 0.0
            });
            permits && command.rollout_revision <= map.rollout_revision
        });
        if !is_permitted {
            return Err(Refused::NotPermitted);
        }
        if command.not_after.0 < now { Err(Refused::Expired) } else { Ok(()) }
    }
}

/// The consumer.
pub(crate) struct Writeback {
    commands: Reader,
    rollout: Reader,
    control: Reader,
    stands: Stands,
    waiting: VecDeque<CommandRecord>,
    done: HashSet<Digest>,
    /// When each command was carried out that was.
    pub(crate) executed_ms: Vec<i64>,
    pub(crate) refused: BTreeMap<Refused, usize>,
}

impl Writeback {
    pub(crate) fn open(broker: &Broker) -> Self {
        let reader = |name| Reader::open(broker, Isolation::Committed, &[name]);
        Self {
            commands: reader("commands"),
            rollout: reader("rollout"),
            control: reader("control"),
            stands: Stands::default(),
            waiting: VecDeque::new(),
            done: HashSet::new(),
            executed_ms: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    /// Takes what was published; how many commands wait then.
    pub(crate) fn take(&mut self) -> usize {
        for (_, record) in self.commands.read_new() {
            self.waiting.push_back(serde_json::from_slice(record.value.as_deref().unwrap()).unwrap());
        }
        self.waiting.len()
    }

    /// Carries out the next command, or refuses it, on what stands right now; `false`: none waits.
    pub(crate) fn step(&mut self) -> bool {
        let Some(command) = self.waiting.pop_front() else { return false };
        self.look();
        let now = Clock::Real.operating_now();
        let judged = self
            .stands
            .judge(&command, now)
            .and_then(|()| if self.done.insert(command.idempotency_key.0) { Ok(()) } else { Err(Refused::Done) });
        match judged {
            Ok(()) => self.executed_ms.push(now.0),
            Err(why) => *self.refused.entry(why).or_default() += 1,
        }
        true
    }

    /// Takes everything that was published, and carries it out or refuses it.
    pub(crate) fn work_off(&mut self) {
        while self.take() > 0 {
            while self.step() {}
        }
    }

    /// Reads both topics to their ends of now.
    fn look(&mut self) {
        for (_, record) in self.rollout.read_new() {
            if record.key.as_deref() == Some(MAP_KEY.as_bytes())
                && let Some(value) = &record.value
            {
                self.stands.map = Some(MapRecord::read(value).unwrap().stage_map().unwrap());
            }
        }
        for (_, record) in self.control.read_new() {
            if let Ok(request) = control::read(record.value.as_deref()) {
                let appended_at = UtcMillis(record.appended_ms);
                self.stands.halts.read(&ControlRecord { offset: record.offset, appended_at, request });
            }
        }
    }

    /// What the commands that wait would be answered if the clock stood so far ahead.
    pub(crate) fn would_be(&mut self, ahead_ms: i64) -> Vec<Result<(), Refused>> {
        self.look();
        let now = Clock::Real.operating_now().plus_ms(ahead_ms);
        self.waiting.iter().map(|command| self.stands.judge(command, now)).collect()
    }
}
