//! What truly happened: fault, cause, impact and severity of one ticket, before anybody writes it down.

use fastrand::Rng;

use super::Generator;
use super::world::{CATEGORIES, FAULTS, Fault, ROUTERS_AND_SWITCHES, Vendors, WIRELESS_WEIGHT_IN_TRAINING};
use crate::domain::severity::Severity;

/// Share of impacts that the ticket never states: only symptom, alarms and the source's severity remain.
pub const IMPLICIT_SHARE: f64 = 0.15;
/// Share of faults whose first report says something else than what is true.
const MISLEADING_SHARE: f64 = 0.18;
/// Share of misleading reports that a later note, still before triage, puts right.
const CORRECTED_SHARE: f64 = 0.8;
/// Share of tickets with a hint at their cause.
const CAUSE_HINT_SHARE: f64 = 0.75;
/// Share of faults with a sentence that moves their urgency.
const MODIFIER_SHARE: f64 = 0.35;
/// How often the source's severity is right where its first report does not mislead it; about 66 % over all tickets.
const SOURCE_RIGHT_SHARE: f64 = 0.73;

/// What a fault means for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Impact {
    /// Noise: nobody noticed, or nothing was wrong.
    Nothing,
    /// One person.
    SingleUser,
    /// Nobody yet, but the next fault will hurt.
    Redundancy,
    /// People can work, slowly.
    Slow,
    /// A site stands still.
    SiteDown,
    /// Many sites stand still.
    ManySites,
    /// Life, safety or the core of the business.
    Lifeline,
}

impl Impact {
    /// All impacts with their weights at the live desk and in training, in percent.
    const WEIGHTS: [(Self, u32, u32); 7] = [
        (Self::Nothing, 33, 27),
        (Self::SingleUser, 9, 10),
        (Self::Redundancy, 16, 17),
        (Self::Slow, 18, 18),
        (Self::SiteDown, 15, 16),
        (Self::ManySites, 5, 6),
        (Self::Lifeline, 4, 6),
    ];

    /// Urgency 0 (low) to 3 (critical) before anything moves it.
    const fn urgency(self) -> i32 {
        match self {
            Self::Nothing | Self::SingleUser => 0,
            Self::Redundancy | Self::Slow => 1,
            Self::SiteDown => 2,
            Self::ManySites | Self::Lifeline => 3,
        }
    }

    /// Bank of phrases; wireless tickets speak of clients and radios in half of the cases.
    pub(super) fn bank(self, category: &str, rng: &mut Rng) -> &'static str {
        let is_wireless = category == "wireless" && rng.bool();
        match (self, is_wireless) {
            (Self::Nothing, true) => "wireless_nothing",
            (Self::Redundancy, true) => "wireless_redundancy",
            (Self::Slow, true) => "wireless_slow",
            (Self::SiteDown, true) => "wireless_site_down",
            (Self::Nothing, false) => "nothing",
            (Self::SingleUser, _) => "single_user",
            (Self::Redundancy, false) => "redundancy",
            (Self::Slow, false) => "slow",
            (Self::SiteDown, false) => "site_down",
            (Self::ManySites, _) => "many_sites",
            (Self::Lifeline, _) => "lifeline",
        }
    }

    /// Bank of phrases of what a Cisco shop is not used to; `None`: there are no other words for it.
    pub(super) fn foreign_bank(self, category: &str) -> Option<&'static str> {
        match (self, category == "wireless") {
            (Self::Nothing, true) => Some("wireless_nothing"),
            (Self::Redundancy, true) => Some("wireless_redundancy"),
            (Self::Slow, true) => Some("wireless_slow"),
            (Self::SiteDown, true) => Some("wireless_site_down"),
            (Self::Nothing, false) => Some("third_party_nothing"),
            (Self::Redundancy, false) => Some("third_party_redundancy"),
            (Self::Slow, false) => Some("third_party_slow"),
            (Self::SiteDown, false) => Some("third_party_site_down"),
            (Self::SingleUser | Self::ManySites | Self::Lifeline, _) => None,
        }
    }
}

/// A circumstance that moves the urgency of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modifier {
    /// People can work around it.
    Workaround,
    /// Nobody is there.
    Empty,
    /// It spreads.
    Growing,
    /// It hits somebody who must not be hit.
    Important,
    /// It is over.
    Recovered,
}

impl Modifier {
    const ALL: [Self; 5] = [Self::Workaround, Self::Empty, Self::Growing, Self::Important, Self::Recovered];

    const fn steps(self) -> i32 {
        match self {
            Self::Workaround | Self::Empty => -1,
            Self::Growing | Self::Important => 1,
            Self::Recovered => -2,
        }
    }

    /// Bank of phrases.
    pub(super) const fn bank(self) -> &'static str {
        match self {
            Self::Workaround => "workaround",
            Self::Empty => "empty",
            Self::Growing => "growing",
            Self::Important => "important",
            Self::Recovered => "recovered",
        }
    }
}

/// What the ticket lets the reader know about its impact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// The impact is stated as it is.
    Plain,
    /// Nobody says what it means.
    Implicit,
    /// The first report claims another impact; a note before triage puts it right.
    Corrected(Impact),
    /// The first report claims another impact, and nobody has put it right yet.
    Misleading(Impact),
}

/// What truly happened.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Which fault.
    pub fault: &'static Fault,
    /// Its true cause.
    pub cause: &'static str,
    /// What it means for people.
    pub impact: Impact,
    /// What moves its urgency.
    pub modifier: Option<Modifier>,
    /// The true severity.
    pub severity: Severity,
    /// What the ticket says about the impact.
    pub report: Report,
    /// Whether something points to the cause.
    pub has_cause_hint: bool,
    /// What the source system says.
    pub source_severity: Option<Severity>,
    /// Whose devices may be meant.
    pub vendors: Vendors,
}

/// Which category a ticket must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    /// As the generator has it.
    Natural,
    /// Wireless.
    Wireless,
    /// Anything but wireless.
    Wired,
    /// A router or switch of another vendor than Cisco.
    ThirdParty,
    /// Anything but wireless, and no router or switch of another vendor than Cisco.
    WiredWithoutThirdParty,
}

impl Mix {
    const fn vendors(self) -> Vendors {
        match self {
            Self::Natural | Self::Wireless | Self::Wired => Vendors::Any,
            Self::ThirdParty => Vendors::ThirdParty,
            Self::WiredWithoutThirdParty => Vendors::NoThirdParty,
        }
    }
}

/// Draws one of weighted items.
pub(super) fn weighted<T: Copy>(items: impl Iterator<Item = (T, u32)> + Clone, rng: &mut Rng) -> T {
    let total: u32 = items.clone().map(|(_, weight)| weight).sum();
    let mut left = rng.u32(..total);
    for (item, weight) in items {
        if left < weight {
            return item;
        }
        left -= weight;
    }
    unreachable!("a number below the sum of the weights falls into one of them")
}

fn severity_of(urgency: i32) -> Severity {
    match urgency {
        ..=0 => Severity::Low,
        1 => Severity::Medium,
        2 => Severity::High,
        3.. => Severity::Critical,
    }
}

impl Scenario {
    /// Draws what happened.
    pub(super) fn draw(generator: Generator, mix: Mix, rng: &mut Rng) -> Self {
        let is_live = generator == Generator::Desk;
        let category = draw_category(is_live, mix, rng);
        let faults = FAULTS.iter().filter(|fault| fault.category == category).map(|fault| (fault, fault.weight));
        let fault = weighted(faults, rng);
        let impact = draw_impact(is_live, category, rng);
        let modifier = (impact != Impact::Nothing && rng.f64() < MODIFIER_SHARE)
            .then(|| Modifier::ALL[rng.usize(..Modifier::ALL.len())])
            .filter(|modifier| impact != Impact::SingleUser || *modifier != Modifier::Growing);
        let severity = severity_of(impact.urgency() + modifier.map_or(0, Modifier::steps));
        let report = draw_report(impact, rng);
        Self {
            fault,
            cause: draw_cause(fault, impact, rng),
            impact,
            modifier,
            severity,
            report,
            has_cause_hint: rng.f64() < CAUSE_HINT_SHARE,
            source_severity: draw_source_severity(severity, report, rng),
            vendors: mix.vendors(),
        }
    }

    /// Whether nothing was wrong and nothing is to be done.
    pub fn is_noise(&self) -> bool {
        self.impact == Impact::Nothing
    }
}

fn draw_category(is_live: bool, mix: Mix, rng: &mut Rng) -> &'static str {
    let weights = CATEGORIES.iter().filter_map(|(category, weight)| {
        let is_wireless = *category == "wireless";
        match mix {
            Mix::Natural if is_wireless && !is_live => Some((*category, WIRELESS_WEIGHT_IN_TRAINING)),
            Mix::Natural => Some((*category, *weight)),
            Mix::Wireless => is_wireless.then_some((*category, 1)),
            Mix::Wired | Mix::WiredWithoutThirdParty => (!is_wireless).then_some((*category, *weight)),
            Mix::ThirdParty => ROUTERS_AND_SWITCHES.contains(category).then_some((*category, *weight)),
        }
    });
    weighted(weights, rng)
}

fn draw_impact(is_live: bool, category: &str, rng: &mut Rng) -> Impact {
    if category == "access" {
        let weights = [(Impact::SingleUser, 80), (Impact::Nothing, 15), (Impact::Slow, 5)];
        return weighted(weights.into_iter(), rng);
    }
    weighted(
        Impact::WEIGHTS.iter().map(|(impact, live, training)| (*impact, if is_live { *live } else { *training })),
        rng,
    )
}

fn draw_cause(fault: &Fault, impact: Impact, rng: &mut Rng) -> &'static str {
    if impact == Impact::Nothing {
        let causes = [("transient", 40), ("false_alarm", 32), ("planned_work", 28)];
        return weighted(causes.into_iter(), rng);
    }
    weighted(fault.causes.iter().copied(), rng)
}

fn draw_report(impact: Impact, rng: &mut Rng) -> Report {
    // Noise says plainly that it is noise more often than a fault says what it means: the tool knows that it cleared.
    let (implicit, misleading) =
        if impact == Impact::Nothing { (0.1, 0.08) } else { (IMPLICIT_SHARE, MISLEADING_SHARE) };
    let draw = rng.f64();
    if draw < implicit {
        return Report::Implicit;
    }
    if draw >= implicit + misleading {
        return Report::Plain;
    }
    let others = Impact::WEIGHTS.iter().filter(|(other, ..)| other.urgency() != impact.urgency());
    let apparent = weighted(others.map(|(other, live, _)| (*other, *live)), rng);
    if rng.f64() < CORRECTED_SHARE { Report::Corrected(apparent) } else { Report::Misleading(apparent) }
}

fn draw_source_severity(truth: Severity, report: Report, rng: &mut Rng) -> Option<Severity> {
    if rng.f64() < 0.02 {
        return None;
    }
    if let Report::Corrected(apparent) | Report::Misleading(apparent) = report
        && rng.bool()
    {
        return Some(severity_of(apparent.urgency()));
    }
    if rng.f64() < SOURCE_RIGHT_SHARE {
        return Some(truth);
    }
    Some(another_severity(truth, 0.25, rng))
}

/// A wrong severity: one level off, or two with the given share.
pub(super) fn another_severity(truth: Severity, far_share: f64, rng: &mut Rng) -> Severity {
    let urgency = 3 - truth.index() as i32;
    let distance = if rng.f64() < far_share { 2 } else { 1 };
    let moved = if rng.bool() { urgency + distance } else { urgency - distance };
    if (0..=3).contains(&moved) { severity_of(moved) } else { severity_of(2 * urgency - moved) }
}
