//! Training beside live traffic: how the shares of a dimension's values differ, with intervals, and whether the whole mix
//! does.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::severity::Severity;
use crate::domain::ticket::Ticket;
use crate::statistics::drift::{Drift, drift};
use crate::statistics::rate_ratio::{RateRatio, rate_ratio};

use super::strata::{NO_SLICE, slice_of};

/// Training share over live share below which a value counts as under-represented; its inverse is over-represented.
pub const UNDER: f64 = 0.5;
/// Tickets of a value, in both sets together, below which nothing is said about it.
const TICKETS_MIN: u64 = 5;

/// By what tickets are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The slice that the file names, else the category.
    Slice,
    /// The label's severity.
    Severity,
    /// Vendor of the device.
    Vendor,
    /// Type of the device.
    DeviceType,
    /// Site.
    Site,
}

impl Dimension {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Slice, Self::Severity, Self::Vendor, Self::DeviceType, Self::Site];

    /// The word on the command line and in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slice => "slice",
            Self::Severity => "severity",
            Self::Vendor => "vendor",
            Self::DeviceType => "device_type",
            Self::Site => "site",
        }
    }

    /// Where a ticket stands; `None`: it has no label, and the dimension is the label's.
    pub fn value_of(self, counted: Counted<'_>) -> Option<String> {
        let Counted { ticket, slice, severity } = counted;
        let named = |value: &Option<String>| {
            value.as_ref().map_or_else(|| NO_SLICE.to_owned(), |value| value.trim().to_lowercase())
        };
        match self {
            Self::Slice => Some(slice_of(slice, ticket)),
            Self::Severity => severity.map(|severity| severity.as_str().to_owned()),
            Self::Vendor => Some(named(&ticket.device.vendor)),
            Self::DeviceType => Some(named(&ticket.device.device_type)),
            Self::Site => Some(named(&ticket.site)),
        }
    }
}

/// What is counted of a ticket.
#[derive(Clone, Copy, Debug)]
pub struct Counted<'ticket> {
    /// The ticket.
    pub ticket: &'ticket Ticket,
    /// The slice its file names; `None`: none.
    pub slice: Option<&'ticket str>,
    /// The label's severity; `None`: live tickets need no label.
    pub severity: Option<Severity>,
}

/// How the share of a value in training stands to its live share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// Less than half of it, and shown to be less.
    Under,
    /// Neither.
    Alike,
    /// More than twice as much, and shown to be more.
    Over,
    /// Too few tickets to tell.
    Unknown,
}

impl Standing {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Under, Self::Alike, Self::Over, Self::Unknown];

    /// The word for people and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Under => "under-represented",
            Self::Alike => "alike",
            Self::Over => "over-represented",
            Self::Unknown => "unknown",
        }
    }

    /// What so many tickets of a value in training and live, and the ratio of their shares, show.
    pub fn of(training: u64, live: u64, ratio: Option<RateRatio>) -> Self {
        match ratio {
            Some(_) if training + live < TICKETS_MIN => Self::Unknown,
            Some(RateRatio { ratio, interval }) if ratio < UNDER && interval.high < 1.0 => Self::Under,
            Some(RateRatio { ratio, interval }) if ratio > 1.0 / UNDER && interval.low > 1.0 => Self::Over,
            Some(_) => Self::Alike,
            None => Self::Unknown,
        }
    }
}

/// One value of a dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct MixRow {
    /// The value.
    pub value: String,
    /// Training tickets with it.
    pub training: u64,
    /// Live tickets with it.
    pub live: u64,
    /// Training share over live share; `None`: one set is empty.
    pub ratio: Option<RateRatio>,
    /// What that means.
    pub standing: Standing,
}

/// The mix of a dimension in both sets.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// The dimension.
    pub dimension: Dimension,
    /// Training tickets that have a value.
    pub training: u64,
    /// Live tickets that have one.
    pub live: u64,
    /// Its values, the largest live share first.
    pub rows: Vec<MixRow>,
    /// How far the two mixes are apart; `None`: fewer than two values, or an empty set.
    pub drift: Option<Drift>,
}

/// Counts both sets.
pub fn mix<'ticket>(
    dimension: Dimension,
    training: impl Iterator<Item = Counted<'ticket>>,
    live: impl Iterator<Item = Counted<'ticket>>,
) -> Mix {
    let (training, live) = (counts(dimension, training), counts(dimension, live));
    let (training_total, live_total) = (training.values().sum(), live.values().sum());
    let values: BTreeSet<&String> = training.keys().chain(live.keys()).collect();
    let of = |counts: &BTreeMap<String, u64>, value: &String| counts.get(value).copied().unwrap_or(0);
    let mut rows: Vec<MixRow> = values
        .into_iter()
        .map(|value| {
            let (training, live) = (of(&training, value), of(&live, value));
            let ratio = rate_ratio(training, training_total, live, live_total);
            MixRow { value: value.clone(), training, live, ratio, standing: Standing::of(training, live, ratio) }
        })
        .collect();
    rows.sort_by_key(|row| std::cmp::Reverse((row.live, row.training)));
    let column = |of: fn(&MixRow) -> u64| rows.iter().map(of).collect::<Vec<u64>>();
    let drift = drift(&column(|row| row.live), &column(|row| row.training));
    Mix { dimension, training: training_total, live: live_total, rows, drift }
}

fn counts<'ticket>(dimension: Dimension, tickets: impl Iterator<Item = Counted<'ticket>>) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for value in tickets.filter_map(|ticket| dimension.value_of(ticket)) {
        *counts.entry(value).or_default() += 1;
    }
    counts
}
