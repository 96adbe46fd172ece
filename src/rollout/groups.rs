//! Tickets that resemble each other: of a group one counts in 24 hours, of a fingerprint five in all.

use std::collections::BTreeMap;

use crate::domain::digest::Digest;
use crate::domain::ticket::TicketId;
use crate::domain::time::UtcMillis;

use super::closed::{ClosedLine, short};
use super::counting::{LeftOut, PER_FINGERPRINT_MAX};
use super::decision::TicketDecision;

/// Of a group one ticket counts in this time (desk time, 24 h). Half of it would count a storm that lasts a day twice.
const GROUP_MS: i64 = 24 * 3_600_000;

/// What tickets have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    Incident(TicketId),
    Fingerprint(Digest),
}

/// Which groups have counted, and when.
pub(super) struct Groups {
    last_counted: BTreeMap<Group, UtcMillis>,
    of_fingerprint: BTreeMap<Digest, u32>,
    /// How many tickets of a fingerprint have counted and are closed.
    closed: BTreeMap<u64, u8>,
    per_fingerprint_max: u32,
}

impl Groups {
    /// Of one fingerprint so many tickets count in all.
    pub(super) const fn at_most(per_fingerprint_max: u32) -> Self {
        Self {
            last_counted: BTreeMap::new(),
            of_fingerprint: BTreeMap::new(),
            closed: BTreeMap::new(),
            per_fingerprint_max,
        }
    }

    /// With what is closed already.
    pub(super) fn behind(line: Option<&ClosedLine>) -> Self {
        let closed = line.into_iter().flat_map(|line| line.fingerprints.iter().copied()).collect();
        Self { closed, ..Self::at_most(PER_FINGERPRINT_MAX) }
    }

    /// The groups of a ticket, as stamped on its first decision. A parent belongs to the group of its children.
    fn of(ticket_id: &TicketId, first: &TicketDecision) -> [Group; 2] {
        let group = first.parent.clone().map_or(Group::Fingerprint(first.fingerprint), Group::Incident);
        [group, Group::Incident(ticket_id.clone())]
    }

    fn is_near_one_of(&self, groups: &[Group], at: UtcMillis) -> bool {
        let is_near = |last: &UtcMillis| at.since_ms(*last).abs() < GROUP_MS;
        groups.iter().any(|group| self.last_counted.get(group).is_some_and(is_near))
    }

    /// A ticket of the day before: its group may have counted there.
    pub(super) fn precede(&mut self, ticket_id: &TicketId, first: &TicketDecision) {
        let groups = Self::of(ticket_id, first);
        if !self.is_near_one_of(&groups, first.desk_time) {
            self.last_counted.extend(groups.map(|group| (group, first.desk_time)));
        }
    }

    /// Takes a ticket for its group by its first decision, or says why it does not count.
    pub(super) fn take(&mut self, ticket_id: &TicketId, first: &TicketDecision) -> Option<LeftOut> {
        let groups = Self::of(ticket_id, first);
        if self.is_near_one_of(&groups, first.desk_time) {
            return Some(LeftOut::SameGroup);
        }
        let closed = self.closed.get(&short(first.fingerprint)).copied().map_or(0, u32::from);
        let of_fingerprint = self.of_fingerprint.entry(first.fingerprint).or_default();
        if closed + *of_fingerprint >= self.per_fingerprint_max {
            return Some(LeftOut::FingerprintLimit);
        }
        *of_fingerprint += 1;
        self.last_counted.extend(groups.map(|group| (group, first.desk_time)));
        None
    }
}
