//! What the view keeps of one ticket, and how an outcome changes it.

use std::collections::VecDeque;

use crate::domain::digest::Digest;
use crate::domain::stage::AutoAction;
use crate::policy::decided::{ActionKind, Outcome, ReviewState};
use crate::policy::view::{INPUTS_REMEMBERED_MAX, TicketMemory};

use super::Remembered;

/// Exact revisions remembered per ticket; older ones are decided again (as `unchanged`), never acted on twice.
const EXACT_REVISIONS_MAX: usize = 8;

/// One ticket.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) memory: TicketMemory,
    /// Decision group and decision id of the last revisions.
    pub(super) exact: VecDeque<(Digest, Digest)>,
    pub(super) open_critical: bool,
    /// Whether anything is known but repetitions: an entry that was rebuilt from `unchanged` records alone does not say
    /// who has the ticket, nor whether it is critical.
    pub(super) is_founded: bool,
    pub(super) touched: u64,
}

impl Entry {
    pub(super) fn apply(&mut self, remembered: &Remembered, touched: u64) {
        self.touched = touched;
        let memory = &mut self.memory;
        memory.last_revision = memory.last_revision.max(remembered.revision);
        memory.person_has_it |= remembered.handed_to_person;
        memory.evidence_rate = memory.evidence_rate.or(remembered.evidence_rate);
        match remembered.review {
            Some((ReviewState::Open, reason)) => memory.review_open = Some(reason),
            Some((ReviewState::Withdrawn, _)) => memory.review_open = None,
            None => {}
        }
        let superseded = remembered.revision < memory.last_revision;
        self.is_founded |= match remembered.outcome {
            Outcome::Decided | Outcome::NotDrawn | Outcome::Terminal => true,
            Outcome::Unchanged | Outcome::Duplicate | Outcome::DeadLetter => false,
        };
        match remembered.outcome {
            Outcome::Decided => {
                if !superseded {
                    memory.ended = false;
                    memory.last_input_digest = remembered.input_digest;
                    memory.last_echo_digest = remembered.echo_digest;
                    memory.reopen_count = remembered.reopen_count;
                    self.open_critical = remembered.open_critical;
                }
                memory.answered = remembered.answered.or(memory.answered);
                if remembered.suggested {
                    remember_input(&mut memory.suggested_for, remembered.input_digest);
                }
                if let (ActionKind::Auto(action), Some(input)) = (remembered.action, remembered.input_digest) {
                    memory.acted.push((action, input));
                    memory.resolved_by_us = action == AutoAction::Resolve;
                }
            }
            Outcome::NotDrawn => {
                memory.ended = false;
                self.open_critical = remembered.open_critical;
                memory.last_input_digest = remembered.input_digest;
                memory.reopen_count = remembered.reopen_count;
            }
            Outcome::Terminal => {
                self.open_critical = false;
                memory.ended = true;
            }
            Outcome::Unchanged | Outcome::Duplicate | Outcome::DeadLetter => {}
        }
        if let Some(group) = remembered.decision_group
            && remembered.outcome != Outcome::Duplicate
            && !self.exact.iter().any(|(known, _)| *known == group)
        {
            if self.exact.len() == EXACT_REVISIONS_MAX {
                self.exact.pop_front();
            }
            self.exact.push_back((group, remembered.decision_id));
        }
    }

    pub(super) fn empty() -> Self {
        Self {
            memory: TicketMemory::default(),
            exact: VecDeque::new(),
            open_critical: false,
            is_founded: false,
            touched: 0,
        }
    }
}

/// Adds an input; of too many the oldest goes.
fn remember_input(inputs: &mut Vec<Digest>, input: Option<Digest>) {
    let Some(input) = input.filter(|input| !inputs.contains(input)) else { return };
    if inputs.len() == INPUTS_REMEMBERED_MAX {
        inputs.remove(0);
    }
    inputs.push(input);
}
