//! Permission slices: an ordered list of predicates, as in a firewall table.

use std::sync::LazyLock;

use crate::domain::probability::Probability;
use crate::domain::ticket::{Channel, Ticket};

use super::names::FoldedName;

/// One row of the slice table.
#[derive(Clone, Debug, PartialEq)]
pub struct SliceRule {
    /// Name in records, metrics and dashboards; the last row is called `rest`.
    pub name: String,
    /// All of these must hold; an empty list matches every ticket.
    pub conditions: Vec<SliceCondition>,
    /// Confidence needed for automatic action.
    pub threshold: Probability,
}

/// One field that must have one of several values (compared case-folded).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SliceCondition {
    /// Which field.
    pub field: SliceField,
    /// Allowed values; a trailing `*` matches any rest.
    pub values: Vec<String>,
}

/// Fields that slices may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SliceField {
    /// Category.
    Category,
    /// Kind.
    Kind,
    /// Vendor of the device.
    Vendor,
    /// Type of the device.
    DeviceType,
    /// Site.
    Site,
    /// Region.
    Region,
    /// Customer tier.
    CustomerTier,
    /// Channel.
    Channel,
    /// Source system.
    SourceSystem,
    /// A label, by name.
    Label(String),
}

impl SliceField {
    /// What the ticket says, where it says anything.
    fn of<'ticket>(&self, ticket: &'ticket Ticket) -> Option<&'ticket str> {
        match self {
            Self::Category => ticket.category.as_deref(),
            Self::Kind => ticket.kind.map(crate::domain::ticket::Kind::as_str),
            Self::Vendor => ticket.device.vendor.as_deref(),
            Self::DeviceType => ticket.device.device_type.as_deref(),
            Self::Site => ticket.site.as_deref(),
            Self::Region => ticket.region.as_deref(),
            Self::CustomerTier => ticket.customer_tier.as_deref(),
            Self::Channel => ticket.channel.map(Channel::as_str),
            Self::SourceSystem => ticket.source.system.as_deref(),
            Self::Label(name) => ticket.labels.get(name).map(String::as_str),
        }
    }
}

impl SliceRule {
    fn matches(&self, ticket: &Ticket) -> bool {
        self.conditions.iter().all(|condition| {
            condition.field.of(ticket).is_some_and(|value| FoldedName::of(value).is_on(&condition.values))
        })
    }
}

/// A table without rows: everything is `rest`, at a threshold that no confidence reaches.
static REST: LazyLock<SliceRule> =
    LazyLock::new(|| SliceRule { name: "rest".to_owned(), conditions: Vec::new(), threshold: Probability::ONE });

/// The last slice, to which everything belongs that no earlier row matches.
pub fn rest_of(slices: &[SliceRule]) -> &SliceRule {
    slices.last().unwrap_or(&REST)
}

/// The first slice that matches. The last one matches everything, whatever its conditions say; the configuration refuses
/// a last row with conditions and a table without rows.
pub fn slice_of<'slices>(slices: &'slices [SliceRule], ticket: &Ticket) -> &'slices SliceRule {
    slices.iter().find(|slice| slice.matches(ticket)).unwrap_or_else(|| rest_of(slices))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ticket::TicketId;
    use crate::domain::time::UtcMillis;

    fn rule(name: &str, conditions: &[(SliceField, &[&str])]) -> SliceRule {
        let conditions = conditions
            .iter()
            .map(|(field, values)| SliceCondition {
                field: field.clone(),
                values: values.iter().map(|&value| value.to_owned()).collect(),
            })
            .collect();
        SliceRule { name: name.to_owned(), conditions, threshold: Probability::ONE }
    }

    fn ticket() -> Ticket {
        let id = TicketId::try_new("T-1").expect("a valid id");
        Ticket::minimal(id, "link down", UtcMillis(0))
    }

    #[test]
    fn the_first_row_that_matches_wins_and_the_rest_takes_what_is_left() {
        let slices = [
            rule("wireless", &[(SliceField::Category, &["wireless", "wlan*"])]),
            rule("gold", &[(SliceField::CustomerTier, &["gold"])]),
            rule("rest", &[]),
        ];
        let mut ticket = ticket();
        assert_eq!(slice_of(&slices, &ticket).name, "rest");
        ticket.customer_tier = Some("Gold".to_owned());
        assert_eq!(slice_of(&slices, &ticket).name, "gold");
        ticket.category = Some("WLAN-indoor".to_owned());
        assert_eq!(slice_of(&slices, &ticket).name, "wireless");
    }

    #[test]
    fn all_conditions_of_a_row_must_hold() {
        let slices = [
            rule("both", &[(SliceField::Site, &["ams*"]), (SliceField::Label("team".to_owned()), &["access"])]),
            rule("rest", &[]),
        ];
        let mut ticket = ticket();
        ticket.site = Some("ams-1".to_owned());
        assert_eq!(slice_of(&slices, &ticket).name, "rest");
        ticket.labels.insert("team".to_owned(), "Access".to_owned());
        assert_eq!(slice_of(&slices, &ticket).name, "both");
    }

    #[test]
    fn every_ticket_has_a_slice_even_in_a_table_without_rows() {
        assert_eq!(slice_of(&[], &ticket()).name, "rest");
        let only = [rule("only", &[(SliceField::Site, &["nowhere"])])];
        assert_eq!(slice_of(&only, &ticket()).name, "only");
    }
}
