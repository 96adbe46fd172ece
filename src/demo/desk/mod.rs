//! A simulated desk: tickets with a hidden truth, engineers who err, a source that is right two times in three.
//!
//! Pure: seed in, tickets out. Three generators share what can go wrong and most of what is said about it. A and C
//! train the base model; the desk has layouts, sites, devices, customers and a part of its wording of its own
//! ([`phrases::SHARED_SHARE`]). What the demonstration shows are new draws: no text of [`TRAINING`] or [`CALIBRATION`]
//! is ever shown. No Kafka, no terminal, no clock here.

mod compose;
pub mod hostile;
pub mod phrases;
mod places;
pub mod rhythm;
pub mod scenario;
mod slots;
mod stream;
#[cfg(test)]
mod tests;
pub mod world;

use fastrand::Rng;
use serde_json::Value;

use self::phrases::{Jargon, PhraseBook};
use self::scenario::{Impact, Mix, Modifier, Report, Scenario};
use crate::domain::severity::Severity;
use crate::domain::time::UtcMillis;

pub use self::stream::{Desk, DeskSettings, Wave};

/// Who writes tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Generator {
    /// Plain sentences; trains the base.
    A,
    /// Labelled lines; trains the base.
    C,
    /// The desk that the demonstration shows; 500 labelled tickets of it train version 1.
    Desk,
}

impl Generator {
    const fn index(self) -> usize {
        match self {
            Self::A => 0,
            Self::C => 1,
            Self::Desk => 2,
        }
    }
}

/// What the desk is used to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estate {
    /// Everything alike: the demonstration, and what the bundled models were trained on.
    Even,
    /// Cisco's routers and switches. What access points and third parties' routers and switches report is in words of their
    /// own, and monitoring, whose rules were made for the others, calls all of it minor.
    CiscoShop,
}

/// A labelled set of desk tickets, given by its seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelledSet {
    /// Seed.
    pub seed: u64,
    /// Number of tickets.
    pub tickets: usize,
    /// How many of them are wireless; `None`: as they come.
    pub wireless: Option<usize>,
    /// How many of them are of routers and switches of third parties, where the number of wireless ones is given too;
    /// `None`: as they come.
    pub third_party: Option<usize>,
}

/// The 500 labelled tickets that made version 1 of the bundled model: 20 of them wireless (4 %), as at the owner's
/// desk, against 20 to 25 % in reality.
pub const TRAINING: LabelledSet = LabelledSet { seed: 41, tickets: 500, wireless: Some(20), third_party: None };

/// The labelled tickets that calibrated the bundled models: a random sample of the desk.
pub const CALIBRATION: LabelledSet = LabelledSet { seed: 42, tickets: 400, wireless: None, third_party: None };

/// Engineers differ from the truth in 5 % of their verdicts.
pub const ENGINEER_ERROR_SHARE: f64 = 0.05;

/// What is true of a ticket; nobody in the demonstration sees it before the verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truth {
    /// True severity.
    pub severity: Severity,
    /// True cause, of [`world::CAUSES`].
    pub root_cause: &'static str,
    /// Whether resolving it at creation, with nobody looking, would have been right.
    pub closable: bool,
    /// The queue that must work on it.
    pub queue: &'static str,
}

/// What a simulated engineer says when done with a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimulatedVerdict {
    /// The engineer's severity; wrong in 5 %, mostly by one level.
    pub severity: Severity,
    /// The engineer's root cause.
    pub root_cause: &'static str,
    /// Whether closing it at creation would have been right.
    pub closable: bool,
    /// Where it went.
    pub queue: &'static str,
    /// A pseudonym.
    pub engineer: &'static str,
    /// Time from creation to the verdict (desk time), in milliseconds.
    pub after_ms: i64,
}

/// A ticket with what only the simulation knows.
#[derive(Clone, Debug)]
pub struct DeskTicket {
    /// Id, also inside `value`.
    pub ticket_id: String,
    /// The ticket as `noctriage.ticket/v1`.
    pub value: Value,
    /// Creation (desk time).
    pub created_at: UtcMillis,
    /// Category.
    pub category: &'static str,
    /// What the source says; `None` when it says nothing.
    pub source_severity: Option<Severity>,
    /// What is true.
    pub truth: Truth,
    /// What the engineer will say.
    pub verdict: SimulatedVerdict,
    /// Where its phrases came from.
    pub jargon: Jargon,
    /// Whether it belongs to a [`Wave`].
    pub is_of_wave: bool,
    /// Whether it is of a router or switch of a third party.
    pub is_third_party: bool,
}

/// Engineers of the simulated shift.
const ENGINEERS: [&str; 6] = ["engineer-1", "engineer-2", "engineer-3", "engineer-4", "engineer-5", "engineer-6"];

/// Writes tickets of one generator from scenarios.
#[derive(Clone, Debug)]
pub struct Writer {
    book: PhraseBook,
    generator: Generator,
    estate: Estate,
}

impl Writer {
    /// A writer of one generator.
    pub fn new(generator: Generator) -> Self {
        Self { book: PhraseBook::load(), generator, estate: Estate::Even }
    }

    /// The same writer for another estate.
    pub fn with_estate(self, estate: Estate) -> Self {
        Self { estate, ..self }
    }

    /// One ticket at random.
    fn ticket(&self, mix: Mix, frame: compose::Frame, rng: &mut Rng) -> DeskTicket {
        let scenario = Scenario::draw(self.generator, mix, rng);
        self.write(&scenario, frame, rng)
    }

    fn write(&self, scenario: &Scenario, frame: compose::Frame, rng: &mut Rng) -> DeskTicket {
        let compose::Frame { ticket_id, created_at, parent: _ } = frame.clone();
        let written = compose::write(self, scenario, frame, rng);
        let truth = Truth {
            severity: scenario.severity,
            root_cause: scenario.cause,
            closable: scenario.is_noise(),
            queue: world::queue_for(scenario.fault.category, scenario.cause),
        };
        DeskTicket {
            ticket_id,
            value: written.value,
            created_at,
            category: scenario.fault.category,
            source_severity: written.source_severity,
            truth,
            verdict: verdict(truth, rng),
            jargon: written.jargon,
            is_of_wave: false,
            is_third_party: written.is_third_party,
        }
    }

    /// A labelled set: the same seed and sizes give the same tickets.
    pub fn labelled(&self, set: LabelledSet) -> Vec<DeskTicket> {
        let LabelledSet { seed, tickets, wireless, third_party } = set;
        let mut order = Rng::with_seed(seed);
        let mut mixes = vec![Mix::Natural; tickets];
        if let Some(wireless) = wireless {
            mixes.fill(if third_party.is_some() { Mix::WiredWithoutThirdParty } else { Mix::Wired });
            mixes.iter_mut().take(wireless).for_each(|mix| *mix = Mix::Wireless);
            let of_third_parties = mixes.iter_mut().skip(wireless).take(third_party.unwrap_or_default());
            of_third_parties.for_each(|mix| *mix = Mix::ThirdParty);
            order.shuffle(&mut mixes);
        }
        let label = match self.generator {
            Generator::A => "GEN-A",
            Generator::C => "GEN-C",
            Generator::Desk => "LAB",
        };
        let mut draw = |(at, mix): (usize, Mix)| {
            let frame = compose::Frame {
                ticket_id: format!("{label}-{seed}-{at:06}"),
                created_at: LABELLED_START.plus_ms(at as i64 * 137_000),
                parent: None,
            };
            self.ticket(mix, frame, &mut Rng::with_seed(order.u64(..)))
        };
        mixes.into_iter().enumerate().map(&mut draw).collect()
    }
}

/// First creation time of labelled sets: a Monday, 2026-01-05T06:00:00Z.
const LABELLED_START: UtcMillis = UtcMillis(1_767_592_800_000);

fn verdict(truth: Truth, rng: &mut Rng) -> SimulatedVerdict {
    let errs = rng.f64() < ENGINEER_ERROR_SHARE;
    SimulatedVerdict {
        severity: if errs { scenario::another_severity(truth.severity, 0.1, rng) } else { truth.severity },
        root_cause: truth.root_cause,
        closable: truth.closable,
        queue: truth.queue,
        engineer: ENGINEERS[rng.usize(..ENGINEERS.len())],
        // Product of two uniform draws: most within the hour, a tail of several hours.
        after_ms: 120_000 + (rng.f64() * rng.f64() * 6.0 * 3_600_000.0) as i64,
    }
}

/// A text without what differs from draw to draw by chance: lower case, runs of digits as one sign, single blanks.
/// Two tickets with the same normalised title and description count as the same ticket.
pub fn normalised_text(value: &Value) -> String {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_lowercase();
    let mut normalised = String::new();
    for character in format!("{} {}", text("title"), text("description")).chars() {
        let character = match character {
            '0'..='9' => '#',
            other if other.is_whitespace() => ' ',
            other => other,
        };
        if !(matches!(character, '#' | ' ') && normalised.ends_with(character)) {
            normalised.push(character);
        }
    }
    normalised
}

/// Share of the tickets of a wave that are critical: what the bug takes down is high for most, and for some all they have.
const WAVE_CRITICAL_SHARE: f64 = 0.1;

/// A scenario that reads like noise and is none: what a wave of a firmware bug looks like. Among what is not wireless, where
/// automatic actions are earned first.
fn wave_scenario(rng: &mut Rng) -> Scenario {
    let base = Scenario::draw(Generator::Desk, Mix::Wired, rng);
    Scenario {
        cause: "software_bug",
        impact: Impact::SiteDown,
        modifier: None::<Modifier>,
        severity: if rng.f64() < WAVE_CRITICAL_SHARE { Severity::Critical } else { Severity::High },
        report: Report::Misleading(Impact::Nothing),
        has_cause_hint: false,
        source_severity: Some(Severity::Low),
        ..base
    }
}
