//! Closing a day: the tickets first decided on it are added to the sums of every open account, once and for good.
//!
//! A day is closed with what the log held when its last ticket left the window, whenever it is done and by whomever: nothing
//! appended later is read for it. So the base is a function of the log, and a fold that begins at a checkpoint comes to the
//! same sums as one that has read everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::time::UtcMillis;

use super::closed::{Closed, ClosedLine, LineId};
use super::counting::{CountingRules, Since, count};
use super::evidence::Evidence;
use super::feed::FeedGaps;
use super::log::Cut;
use super::reading::{AccountQuestion, SliceQuestion};
use super::spec::{RolloutSpec, SliceSpec};
use super::state::{OpenAccount, RolloutState};
use super::survey::Survey;
use super::wrong::Permission;

/// What is closed at once (append time): a day, from midnight to midnight UTC.
pub const DAY_MS: i64 = RolloutSpec::days_ms(1);

/// After the end of the window it is waited so long for records that were appended before it: clocks differ, and transactions
/// end late.
const SETTLED_MS: i64 = 3_600_000;

/// Evidence that must be known before the first open day: what decides whether a ticket is new on it, and which groups have
/// just counted.
pub const LOOK_BACK_MS: i64 = 3 * DAY_MS;

/// The first record that an evaluation on a base needs (append time).
pub const fn needed_since(closed: &Closed) -> UtcMillis {
    closed.through.plus_ms(-LOOK_BACK_MS)
}

/// The base once everything is closed that is due; `None`: nothing is, or the rollout has not begun. Contract: the evidence
/// holds what was appended since [`needed_since`].
pub fn close(
    evidence: &Evidence,
    state: &RolloutState,
    spec: &RolloutSpec,
    cut: &Cut,
    now: UtcMillis,
) -> Option<Closed> {
    state.basis.as_ref()?;
    let due = midnight(now.plus_ms(-window_ms(spec) - SETTLED_MS));
    let mut closed = match &state.closed {
        Some(closed) if due <= closed.through => return None,
        Some(closed) => Closed::clone(closed),
        // What has left the window before there was a base is gone.
        None => Closed { through: due, ..Closed::default() },
    };
    closed.slices = spec.slices.iter().filter_map(|slice| lines(&closed, state, spec, slice)).collect();
    while closed.through < due {
        close_day(evidence, state, spec, &mut closed);
    }
    closed.first = evidence.first_since(needed_since(&closed), cut);
    Some(closed)
}

/// The window of an account; a verdict may take longer.
fn window_ms(spec: &RolloutSpec) -> i64 {
    RolloutSpec::days_ms(spec.window_days).max(spec.verdict_deadline_ms)
}

const fn midnight(at: UtcMillis) -> UtcMillis {
    UtcMillis(at.0.div_euclid(DAY_MS) * DAY_MS)
}

/// A line for every reading of every open account of a slice: those that are known as they are, new ones empty.
fn lines(
    closed: &Closed,
    state: &RolloutState,
    spec: &RolloutSpec,
    slice: &SliceSpec,
) -> Option<(Arc<str>, Vec<ClosedLine>)> {
    let accounts = &state.slices.get(&slice.name)?.accounts;
    let known = closed.slices.get(&slice.name).map_or(&[][..], Vec::as_slice);
    let line = |id: LineId| {
        let found = known.iter().find(|line| line.id == id).cloned();
        found.unwrap_or_else(|| ClosedLine::begun(id, closed.through))
    };
    let lines = accounts.iter().flat_map(|account| ids(account, spec, slice)).map(line).collect();
    Some((Arc::clone(&slice.name), lines))
}

/// Every answered ticket, and the whole grid.
fn ids(account: &OpenAccount, spec: &RolloutSpec, slice: &SliceSpec) -> Vec<LineId> {
    let mut ids = vec![LineId::of(account, None)];
    match account.permission {
        Permission::Suggest => {}
        Permission::Auto(_) => {
            for threshold in spec.threshold_grid.iter().chain([&account.threshold, &slice.threshold]) {
                let id = LineId::of(account, Some(*threshold));
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
    }
    ids
}

/// Adds the first open day.
fn close_day(evidence: &Evidence, state: &RolloutState, spec: &RolloutSpec, closed: &mut Closed) {
    let day = closed.through;
    let afters = |slice: &Arc<str>, id: &LineId| {
        let account = state.slices.get(slice)?.account(id.permission, &id.basis)?;
        Some(&account.after)
    };
    let of_day = OfDay::of(evidence, day, spec);
    let survey = Survey::of(&of_day.evidence);
    for (slice, lines) in &mut closed.slices {
        for line in lines {
            if let Some(after) = afters(slice, &line.id) {
                of_day.add(&survey, slice, after, line);
            }
        }
    }
    closed.through = day.plus_ms(DAY_MS);
}

/// What the log held of one day when its last ticket left the window.
struct OfDay {
    day: UtcMillis,
    until: UtcMillis,
    evidence: Evidence,
    rules: CountingRules,
}

impl OfDay {
    fn of(evidence: &Evidence, day: UtcMillis, spec: &RolloutSpec) -> Self {
        let until = day.plus_ms(DAY_MS + window_ms(spec));
        let before = day.plus_ms(-DAY_MS);
        let stated = evidence.stated_between(before, until);
        let rules = CountingRules { deadline_ms: spec.verdict_deadline_ms, gaps: FeedGaps::find(stated, until) };
        Self { day, until, evidence: evidence.of_tickets_between(before, day.plus_ms(DAY_MS), until), rules }
    }

    fn add(&self, survey: &Survey<'_>, slice: &Arc<str>, after: &Cut, line: &mut ClosedLine) {
        let since = Since { after, through: Some(self.day), line: Some(line) };
        let count = count(survey, &line.id.key(slice), &self.rules, since, self.until);
        let (sums, met) = (count.sums(), count.fingerprints);
        line.sums = sums;
        line.remember(&met);
    }
}

/// The bases that questions rest on, as one; `None`: nothing was closed.
pub fn recorded(questions: &[SliceQuestion]) -> Option<Closed> {
    let mut all: Option<Closed> = None;
    for (account, closed) in next_accounts(questions).filter_map(|account| Some((account, account.closed.as_ref()?))) {
        let all = all.get_or_insert_with(|| Closed { slices: BTreeMap::new(), ..Closed::clone(closed) });
        for (slice, lines) in &closed.slices {
            let of_slice = all.slices.entry(Arc::clone(slice)).or_default();
            for line in lines.iter().filter(|line| line.id.is_of_account(account)) {
                if !of_slice.iter().any(|known| known.id == line.id) {
                    of_slice.push(line.clone());
                }
            }
        }
    }
    all
}

/// The cut of the account of every line that questions rest on.
pub fn cuts(questions: &[SliceQuestion]) -> BTreeMap<Arc<str>, Vec<(LineId, Cut)>> {
    let mut cuts: BTreeMap<Arc<str>, Vec<(LineId, Cut)>> = BTreeMap::new();
    for account in next_accounts(questions) {
        let slice = &account.account.slice;
        let lines = account.closed.iter().filter_map(|closed| closed.slices.get(slice)).flatten();
        let of_account = lines.filter(|line| line.id.is_of_account(account));
        let with_cut = of_account.map(|line| (line.id.clone(), account.after.clone()));
        cuts.entry(Arc::clone(slice)).or_default().extend(with_cut);
    }
    cuts
}

/// The same questions on another base.
pub fn with_closed(mut questions: Vec<SliceQuestion>, closed: &Closed) -> Vec<SliceQuestion> {
    let closed = Arc::new(closed.clone());
    for step in questions.iter_mut().filter_map(|question| question.next.as_mut()) {
        if step.account.closed.is_some() {
            step.account.closed = Some(Arc::clone(&closed));
        }
    }
    questions
}

/// Accounts of next steps: what is in force is watched in the window.
fn next_accounts(questions: &[SliceQuestion]) -> impl Iterator<Item = &AccountQuestion> {
    questions.iter().filter_map(|question| Some(&question.next.as_ref()?.account))
}

/// Lines as they would be had all their days been closed from the log, each since it began: what a recorded base is
/// verified with. `after` names the cut of each account. Contract: the evidence holds what was appended since
/// [`LOOK_BACK_MS`] before the first of them began.
pub fn replay(
    evidence: &Evidence,
    recorded: &Closed,
    after: &BTreeMap<Arc<str>, Vec<(LineId, Cut)>>,
    spec: &RolloutSpec,
) -> Closed {
    let empty = |(slice, lines): (&Arc<str>, &Vec<ClosedLine>)| {
        let lines = lines.iter().map(|line| ClosedLine::begun(line.id.clone(), line.began)).collect();
        (Arc::clone(slice), lines)
    };
    let mut closed = Closed { slices: recorded.slices.iter().map(empty).collect(), ..recorded.clone() };
    let began = recorded.slices.values().flatten().map(|line| line.began).min();
    let mut day = began.unwrap_or(recorded.through);
    while day < recorded.through {
        let of_day = OfDay::of(evidence, day, spec);
        let survey = Survey::of(&of_day.evidence);
        for (slice, lines) in &mut closed.slices {
            let cuts = after.get(slice).map_or(&[][..], Vec::as_slice);
            for line in lines.iter_mut().filter(|line| line.began <= day) {
                if let Some((_, after)) = cuts.iter().find(|(id, _)| *id == line.id) {
                    of_day.add(&survey, slice, after, line);
                }
            }
        }
        day = day.plus_ms(DAY_MS);
    }
    closed
}
