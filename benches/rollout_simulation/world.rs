//! Tickets with their truth, and the verdicts that people give on them, each at its own tick.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use noctriage::statistics::random::SeededRandom;
use noctriage::statistics::tally::Judged;

use crate::scenario::{Error, LIMIT, Likeness, Scenario, Tick};

/// Recurring templates of a site.
const TEMPLATES: usize = 40;

/// A ticket, in the order of creation.
#[derive(Clone, Copy)]
pub struct Ticket {
    /// Its position: the tick at which it came.
    pub id: Tick,
    /// Near-identical tickets share it.
    pub group: u64,
    /// What it would be if everybody knew.
    pub truth: Judged,
}

/// A verdict that has come.
#[derive(Clone, Copy)]
pub struct Verdict {
    /// The ticket it is about.
    pub ticket: Tick,
    /// What it says.
    pub judged: Judged,
}

/// One run of one scenario.
pub struct World<'a> {
    scenario: &'a Scenario,
    random: SeededRandom,
    group: Group,
    groups: u64,
    templates: [Judged; TEMPLATES],
    /// By the tick at which the verdict comes.
    due: BinaryHeap<Reverse<(Tick, Tick, bool)>>,
    promoted_at: Option<Tick>,
}

struct Group {
    id: u64,
    truth: Judged,
    left: u64,
}

impl<'a> World<'a> {
    /// The run that belongs to a seed.
    pub fn new(scenario: &'a Scenario, seed: u64) -> Self {
        let mut random = SeededRandom::new(seed);
        let templates = std::array::from_fn(|_| draw(&mut random, scenario.error_at_start()));
        Self {
            scenario,
            random,
            group: Group { id: 0, truth: Judged::Right, left: 0 },
            groups: TEMPLATES as u64,
            templates,
            due: BinaryHeap::new(),
            promoted_at: None,
        }
    }

    /// Whether a promotion is wrong: before it, over whole cycles and with the templates of this run, the true error is
    /// not below the limit.
    pub fn must_not_promote(&self) -> bool {
        let wrong = self.templates.iter().filter(|&&truth| truth == Judged::Wrong).count() as f64 / TEMPLATES as f64;
        let recurring = self.scenario.likeness.recurring;
        recurring * wrong + (1.0 - recurring) * self.scenario.error_at_start() >= LIMIT
    }

    /// From now on the model acts.
    pub fn promote(&mut self, now: Tick) {
        self.promoted_at = Some(now);
    }

    /// The ticket of this tick.
    pub fn ticket(&mut self, now: Tick) -> Ticket {
        if self.group.left == 0 {
            self.group = self.next_group(now);
        }
        self.group.left -= 1;
        Ticket { id: now, group: self.group.id, truth: self.group.truth }
    }

    /// People will look at this ticket, unless they do not.
    pub fn ask(&mut self, ticket: Ticket, now: Tick) {
        let people = self.scenario.people;
        let silent_from = self.promoted_at.zip(people.silent_after_promotion).map(|(at, after)| at + after);
        // Drawn in any case, so that scenarios with one seed see the same tickets.
        let (delay, mistake, missing) = (self.random.unit(), self.random.unit(), self.random.unit());
        let (mean, mistaken) = match ticket.truth {
            Judged::Right => (people.delay_right, people.right_called_wrong),
            Judged::Wrong => (people.delay_wrong, people.wrong_called_right),
        };
        let arrives = now + (-(1.0 - delay).ln() * mean) as Tick;
        if missing < people.missing || silent_from.is_some_and(|from| arrives >= from) {
            return;
        }
        let is_wrong = (ticket.truth == Judged::Wrong) != (mistake < mistaken);
        self.due.push(Reverse((arrives, ticket.id, is_wrong)));
    }

    /// The next verdict that has come by now.
    pub fn verdict(&mut self, now: Tick) -> Option<Verdict> {
        let &Reverse((arrives, ticket, is_wrong)) = self.due.peek()?;
        if arrives > now {
            return None;
        }
        self.due.pop();
        Some(Verdict { ticket, judged: if is_wrong { Judged::Wrong } else { Judged::Right } })
    }

    fn error(&self, now: Tick) -> f64 {
        match self.scenario.error {
            Error::Constant(error) => error,
            Error::After { good, bad } => {
                if self.promoted_at.is_some() {
                    bad
                } else {
                    good
                }
            }
            Error::Cycle { good, bad, length } => {
                if now % length < length / 2 {
                    good
                } else {
                    bad
                }
            }
        }
    }

    fn next_group(&mut self, now: Tick) -> Group {
        let Likeness { group_mean, recurring } = self.scenario.likeness;
        let error = self.error(now);
        let is_recurring = self.random.happens(recurring);
        let template = self.random.below(TEMPLATES);
        let drawn = draw(&mut self.random, error);
        // Geometric, mean as asked.
        let mut left = 1;
        while self.random.happens(1.0 - 1.0 / group_mean) {
            left += 1;
        }
        if is_recurring {
            return Group { id: template as u64, truth: self.templates[template], left };
        }
        self.groups += 1;
        Group { id: self.groups, truth: drawn, left }
    }
}

fn draw(random: &mut SeededRandom, error: f64) -> Judged {
    if random.happens(error) { Judged::Wrong } else { Judged::Right }
}
