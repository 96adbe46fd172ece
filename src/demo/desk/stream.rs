//! The desk as a stream: tickets in the order of their creation, with storms, children and a weekly rhythm.

use std::collections::{BTreeMap, HashSet};

use fastrand::Rng;

use super::compose::Frame;
use super::scenario::{Mix, Scenario};
use super::{CALIBRATION, DeskTicket, Estate, Generator, TRAINING, Writer, normalised_text, rhythm, wave_scenario};
use crate::domain::digest::Digest;
use crate::domain::time::UtcMillis;

/// Share of ordinary arrivals that begin a storm: rare enough for quiet hours, often enough for one in a demonstration.
const STORM_SHARE: f64 = 0.002;
/// Share of ordinary arrivals that name an earlier ticket as their parent.
const CHILD_SHARE: f64 = 0.02;

/// What a desk is made from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeskSettings {
    /// Seed: the same settings give the same tickets, byte for byte.
    pub seed: u64,
    /// Creation time of the first ticket (desk time).
    pub start: UtcMillis,
    /// Mean number of tickets a day (desk time), storms left out; above 0.
    pub tickets_per_day: f64,
}

/// A firmware bug whose tickets read like noise and are high or critical: what a model trained before it misreads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wave {
    /// Begin (desk time).
    pub from: UtcMillis,
    /// End (desk time).
    pub until: UtcMillis,
    /// Share of arrivals in between that are of the wave, 0 to 1.
    pub share: f64,
}

/// An endless stream of tickets.
#[derive(Clone, Debug)]
pub struct Desk {
    writer: Writer,
    tickets_per_day: f64,
    rng: Rng,
    now: UtcMillis,
    count: u64,
    /// Storm tickets still to come, by creation time and a counter.
    pending: BTreeMap<(i64, u32), (Scenario, String)>,
    last_ids: Vec<String>,
    labelled: HashSet<Digest>,
    wave: Option<Wave>,
}

impl Desk {
    /// A desk at its start.
    pub fn new(settings: DeskSettings) -> Self {
        let DeskSettings { seed, start, tickets_per_day } = settings;
        debug_assert!(tickets_per_day > 0.0, "a desk has tickets");
        let writer = Writer::new(Generator::Desk);
        let labelled = [TRAINING, CALIBRATION]
            .into_iter()
            .flat_map(|set| writer.labelled(set))
            .map(|ticket| Digest::of(normalised_text(&ticket.value).as_bytes()))
            .collect();
        Self {
            writer,
            tickets_per_day,
            rng: Rng::with_seed(seed ^ 0x5EED_0F7E_DE5C),
            now: start,
            count: 0,
            pending: BTreeMap::new(),
            last_ids: Vec::new(),
            labelled,
            wave: None,
        }
    }

    /// The same desk with a wave of a firmware bug.
    pub fn with_wave(mut self, wave: Wave) -> Self {
        self.wave = Some(wave);
        self
    }

    /// The same desk with another estate.
    pub fn with_estate(mut self, estate: Estate) -> Self {
        self.writer = self.writer.with_estate(estate);
        self
    }

    /// The next ticket; creation times never go back.
    pub fn next_ticket(&mut self) -> DeskTicket {
        let arrival = rhythm::next_arrival(self.now, self.tickets_per_day, &mut self.rng);
        let storm = self.pending.first_key_value().map(|(key, _)| *key).filter(|(at, _)| *at <= arrival.0);
        if let Some(key) = storm
            && let Some((scenario, parent)) = self.pending.remove(&key)
        {
            self.now = UtcMillis(key.0);
            let frame = self.frame(Some(parent));
            return self.writer.write(&scenario, frame, &mut self.rng);
        }
        self.now = arrival;
        let is_of_wave =
            self.wave.is_some_and(|wave| self.now >= wave.from && self.now < wave.until && self.rng.f64() < wave.share);
        let ticket = self.unseen_ticket(is_of_wave);
        if self.rng.f64() < STORM_SHARE {
            self.begin_storm(&ticket);
        }
        self.last_ids.push(ticket.ticket_id.clone());
        if self.last_ids.len() > 20 {
            self.last_ids.remove(0);
        }
        ticket
    }

    /// Draws until the text is none of the labelled tickets'.
    fn unseen_ticket(&mut self, is_of_wave: bool) -> DeskTicket {
        let parent = (!self.last_ids.is_empty() && self.rng.f64() < CHILD_SHARE)
            .then(|| self.last_ids[self.rng.usize(..self.last_ids.len())].clone());
        let frame = self.frame(parent);
        loop {
            let scenario = if is_of_wave {
                wave_scenario(&mut self.rng)
            } else {
                Scenario::draw(Generator::Desk, Mix::Natural, &mut self.rng)
            };
            let mut ticket = self.writer.write(&scenario, frame.clone(), &mut self.rng);
            ticket.is_of_wave = is_of_wave;
            if !self.labelled.contains(&Digest::of(normalised_text(&ticket.value).as_bytes())) {
                return ticket;
            }
        }
    }

    fn frame(&mut self, parent: Option<String>) -> Frame {
        self.count += 1;
        Frame { ticket_id: format!("SIM-{:07}", self.count), created_at: self.now, parent }
    }

    /// A storm: the same fault reported by many devices within minutes, all children of the first ticket.
    fn begin_storm(&mut self, first: &DeskTicket) {
        let mut scenario = Scenario::draw(Generator::Desk, Mix::Natural, &mut self.rng);
        while scenario.fault.category != first.category {
            scenario = Scenario::draw(Generator::Desk, Mix::Natural, &mut self.rng);
        }
        for number in 0..self.rng.u32(12..30) {
            let at = self.now.plus_ms(self.rng.i64(5_000..300_000)).0;
            self.pending.insert((at, number), (scenario, first.ticket_id.clone()));
        }
    }
}

impl Iterator for Desk {
    type Item = DeskTicket;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.next_ticket())
    }
}
