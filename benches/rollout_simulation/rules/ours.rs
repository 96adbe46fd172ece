//! Our rule: the e-process over counted tickets in ticket order, the detector over verdicts as they come.

use std::collections::HashMap;

use noctriage::statistics::detector::{Detector, alarm_at};
use noctriage::statistics::e_process::ln_evidence;
use noctriage::statistics::level::{ALPHA, CONFIGURED_WEIGHT, Level, OTHER_WEIGHT};
use noctriage::statistics::tally::{ErrorLimit, Judged, Tally};

use super::Rule;
use crate::scenario::{DAY, LIMIT, Tick};
use crate::world::{Ticket, Verdict};

/// After so long without a verdict a ticket counts as wrong: three days.
const DEADLINE: Tick = 3 * DAY;
/// Of a group one ticket counts in this time, a day.
const GROUP_TIME: Tick = DAY;
/// And so many in all.
const GROUP_MAX: u32 = 5;
/// After promotion, so many counted tickets past their deadline and no verdict at all since: step back.
const SILENT_TICKETS: usize = 5;

/// Error rates that are watched at a desk of one slice: two actions, three gates with a detector each.
const WATCHED: u32 = 6;

/// A ticket that was drawn.
struct Drawn {
    id: Tick,
    counts: bool,
    judged: Option<Judged>,
}

/// One account and one detector.
pub struct Ours {
    limit: ErrorLimit,
    ln_required: f64,
    tickets: Vec<Drawn>,
    /// Place of each ticket in `tickets`.
    places: HashMap<Tick, usize>,
    groups: HashMap<u64, (Tick, u32)>,
    /// Tickets before this place are past their deadline, and in the tally where they count.
    settled: usize,
    counted: u64,
    wrong: u64,
    detector: Detector,
    is_watching: bool,
    alarmed: bool,
    last_verdict_at_place: usize,
}

impl Ours {
    /// For the threshold at this place of the grid.
    pub fn new(threshold: usize) -> Self {
        let limit = ErrorLimit::try_new(LIMIT).expect("between 0 and 1");
        let weight = if threshold == 0 { CONFIGURED_WEIGHT } else { OTHER_WEIGHT };
        Self {
            limit,
            ln_required: Level::try_new(1.0, weight, ALPHA, 1).expect("good weights").ln_required(),
            tickets: Vec::new(),
            places: HashMap::new(),
            groups: HashMap::new(),
            settled: 0,
            counted: 0,
            wrong: 0,
            detector: Detector::try_new(limit).expect("the limit is low"),
            is_watching: false,
            alarmed: false,
            last_verdict_at_place: 0,
        }
    }

    /// Takes what is past its deadline into the account: without a verdict, as wrong.
    fn settle(&mut self, now: Tick) {
        while let Some(ticket) = self.tickets.get(self.settled).filter(|ticket| ticket.id + DEADLINE <= now) {
            if ticket.counts {
                self.counted += 1;
                self.wrong += u64::from(ticket.judged != Some(Judged::Right));
            }
            self.settled += 1;
        }
    }
}

impl Rule for Ours {
    fn drawn(&mut self, ticket: Ticket) {
        let (last, count) = self.groups.get(&ticket.group).copied().unwrap_or((0, 0));
        let counts = count == 0 || (count < GROUP_MAX && ticket.id >= last + GROUP_TIME);
        if counts {
            self.groups.insert(ticket.group, (ticket.id, count + 1));
        }
        self.places.insert(ticket.id, self.tickets.len());
        self.tickets.push(Drawn { id: ticket.id, counts, judged: None });
    }

    fn verdict(&mut self, verdict: Verdict) {
        let Some(&place) = self.places.get(&verdict.ticket) else { return };
        self.last_verdict_at_place = self.settled;
        let ticket = &mut self.tickets[place];
        ticket.judged = Some(verdict.judged);
        // A late verdict corrects what was counted as wrong.
        if place < self.settled && ticket.counts && verdict.judged == Judged::Right {
            self.wrong -= 1;
        }
        if self.is_watching {
            self.detector = self.detector.with(verdict.judged);
            self.alarmed |= self.detector.evidence() >= alarm_at(WATCHED);
        }
    }

    fn promotes(&mut self, now: Tick) -> bool {
        // Read at the first evaluation of a day.
        if !now.is_multiple_of(DAY) {
            return false;
        }
        self.settle(now);
        let tally = Tally::try_new(self.counted, self.wrong).expect("wrong ones are counted");
        ln_evidence(tally, self.limit) >= self.ln_required
    }

    fn promoted(&mut self) {
        self.is_watching = true;
        self.last_verdict_at_place = self.settled;
    }

    fn steps_back(&mut self, now: Tick) -> bool {
        self.settle(now);
        let unanswered = self.tickets[self.last_verdict_at_place..self.settled]
            .iter()
            .filter(|ticket| ticket.counts && ticket.judged.is_none())
            .count();
        self.alarmed || unanswered >= SILENT_TICKETS
    }
}
