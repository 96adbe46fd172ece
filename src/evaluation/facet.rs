//! Facets: what a ticket is by its fields and its text, so that failures can be looked at by vendor, category or message.
//!
//! A facet is a dimension with a value. They overlap, hold no permission, and are numbered once, so that a hundred
//! thousand tickets hold small numbers in place of words.

use std::collections::HashMap;

use crate::domain::message::in_line;
use crate::domain::ticket::{Channel, Ticket};

/// Longest value that is shown; a template of a message may be a whole sentence.
const VALUE_CHARS_MAX: usize = 80;
/// Most facets; tickets beyond have the facets that are known by then. More values than this are identifiers, not groups.
const FACETS_MAX: usize = 50_000;

/// A way of looking at tickets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dimension {
    /// The slice named in the file.
    Slice,
    /// Category.
    Category,
    /// Vendor of the device.
    Vendor,
    /// Type of the device.
    DeviceType,
    /// Region.
    Region,
    /// How it came in.
    Channel,
    /// The pattern of its title: words that stay, with what varies taken out.
    Message,
}

impl Dimension {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] =
        [Self::Slice, Self::Category, Self::Vendor, Self::DeviceType, Self::Region, Self::Channel, Self::Message];

    /// The word in reports and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slice => "slice",
            Self::Category => "category",
            Self::Vendor => "vendor",
            Self::DeviceType => "device_type",
            Self::Region => "region",
            Self::Channel => "channel",
            Self::Message => "message",
        }
    }

    /// The dimension of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dimension| dimension.as_str() == word)
    }

    /// Whether its values are words of tickets: left out of what is shared with others.
    pub const fn is_ticket_text(self) -> bool {
        match self {
            Self::Message => true,
            Self::Slice | Self::Category | Self::Vendor | Self::DeviceType | Self::Region | Self::Channel => false,
        }
    }
}

/// The number of a facet in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FacetId(u32);

impl FacetId {
    /// Position in its table, from 0.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// All facets that were seen, each with its number.
#[derive(Clone, Debug, Default)]
pub struct FacetTable {
    facets: Vec<(Dimension, String)>,
    numbers: HashMap<(Dimension, String), FacetId>,
}

impl FacetTable {
    /// The number of a facet, given out at its first sight; `None`: there are too many already.
    pub fn number(&mut self, dimension: Dimension, value: &str) -> Option<FacetId> {
        let value = in_line(value.trim(), VALUE_CHARS_MAX);
        let key = (dimension, if dimension.is_ticket_text() { value } else { value.to_lowercase() });
        if let Some(&known) = self.numbers.get(&key) {
            return Some(known);
        }
        if self.facets.len() >= FACETS_MAX {
            return None;
        }
        let number = FacetId(self.facets.len() as u32);
        self.facets.push(key.clone());
        self.numbers.insert(key, number);
        Some(number)
    }

    /// Dimension of a facet.
    pub fn dimension(&self, facet: FacetId) -> Dimension {
        self.facets[facet.0 as usize].0
    }

    /// Value of a facet.
    pub fn value(&self, facet: FacetId) -> &str {
        &self.facets[facet.0 as usize].1
    }

    /// All facets, in the order of their numbers.
    pub fn all(&self) -> impl Iterator<Item = FacetId> + use<> {
        (0..self.facets.len() as u32).map(FacetId)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.facets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.facets.is_empty()
    }

    /// The facets of a ticket but for its message, in the order of [`Dimension::ALL`].
    pub fn of_fields(&mut self, ticket: &Ticket, slice: Option<&str>) -> Vec<FacetId> {
        Dimension::ALL
            .into_iter()
            .filter_map(|dimension| self.number(dimension, field(dimension, ticket, slice)?))
            .collect()
    }
}

fn field<'ticket>(dimension: Dimension, ticket: &'ticket Ticket, slice: Option<&'ticket str>) -> Option<&'ticket str> {
    match dimension {
        Dimension::Slice => slice,
        Dimension::Category => ticket.category.as_deref(),
        Dimension::Vendor => ticket.device.vendor.as_deref(),
        Dimension::DeviceType => ticket.device.device_type.as_deref(),
        Dimension::Region => ticket.region.as_deref(),
        Dimension::Channel => ticket.channel.map(Channel::as_str),
        Dimension::Message => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ticket::TicketId;
    use crate::domain::time::UtcMillis;

    #[test]
    fn values_are_compared_without_case_and_numbered_once() {
        let mut table = FacetTable::default();
        let cisco = table.number(Dimension::Vendor, "Cisco");
        assert_eq!(table.number(Dimension::Vendor, " cisco "), cisco);
        assert_ne!(table.number(Dimension::Category, "cisco"), cisco);
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn a_ticket_has_a_facet_for_each_field_that_says_something() {
        let id = TicketId::try_new("T1").expect("an id");
        let mut ticket = Ticket::minimal(id, "ap down", UtcMillis(0));
        ticket.category = Some("wireless".into());
        ticket.device.vendor = Some("Aruba".into());
        let mut table = FacetTable::default();
        let facets = table.of_fields(&ticket, Some("edge"));
        let shown: Vec<(&str, &str)> =
            facets.iter().map(|&facet| (table.dimension(facet).as_str(), table.value(facet))).collect();
        assert_eq!(shown, [("slice", "edge"), ("category", "wireless"), ("vendor", "aruba")]);
    }

    #[test]
    fn every_dimension_has_a_word_of_its_own() {
        for dimension in Dimension::ALL {
            assert_eq!(Dimension::from_word(dimension.as_str()), Some(dimension));
        }
    }
}
