//! The judge of every scenario is the checker of the tests.

use std::collections::BTreeMap;

use crate::support::broker::Broker;
use crate::support::checker::check;

/// What the checker has found.
pub(crate) struct Verdict {
    /// Tickets in the log.
    pub(crate) read: usize,
    /// How often each outcome.
    pub(crate) outcomes: BTreeMap<String, usize>,
    pub(crate) mistakes: Vec<String>,
}

/// Reads every topic of the run.
pub(crate) fn judge(broker: &Broker, _partitions: i32) -> Verdict {
    let checked = check(broker, &broker.prefix);
    Verdict { read: checked.tickets.len(), outcomes: checked.outcomes(), mistakes: checked.mistakes }
}
