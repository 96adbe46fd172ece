//! Permission slices: an ordered list of predicates, as in a firewall table.

use crate::domain::probability::Probability;

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
