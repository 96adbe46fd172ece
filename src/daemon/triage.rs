//! The triage loop: records in, batches through the engine, one transaction per batch, in offset order.
//!
//! It runs on the Kafka thread and owns all of its state. What holds at every moment:
//! - A partition has an *epoch*, raised on assignment, revocation and every seek. Whatever was queued or cut under an
//!   older epoch is dropped, never committed.
//! - A batch carries, per partition, `from`: the next-to-read offset after the batch before it. It may commit only when
//!   `from` equals the committed position, so results commit strictly in offset order.
//! - An abort sends every partition of all batches in flight back to its committed position.
//! - What a batch adds to the recent view is tentative until its transaction has committed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::settings::TriageSettings;
use crate::failpoints;
use crate::inference::engine::{Engine, JobAnswers, SubmitError};
use crate::kafka::fault::{AbortCause, Fault};
use crate::kafka::log::{Assignment, Fetching, Log, LogEvent, TransactionEnd};
use crate::metrics::{Lag, Metrics, TransactionResult};
use crate::policy::recent_view::{RecentView, TentativeView, ViewLimits};
use crate::policy::ruling::Ruling;
use crate::policy::view::WindowState;
use crate::wire::intake::{IntakeSettings, RawRecord};

use super::ahead::{self, DecidedAhead, Helpers, Next};
use super::batch::{Answers, Batch, Buffered, Span};
use super::buffer::Buffer;
use super::growth::Growth;
use super::halving::Halving;
use super::outputs::{self, DecidedBatch, Origin, Present};
use super::partitions::{Arrival, Partitions};
use super::standing::{Look, Standing};
use super::{counting, reading};

/// Batches that wait for the engine: one being classified, one behind it.
pub const BATCHES_UNANSWERED_MAX: usize = 2;
/// Batches between the log and their transactions: those, and beside a head that is being committed one that is answered,
/// so that it can be decided meanwhile.
pub const BATCHES_IN_FLIGHT_MAX: usize = BATCHES_UNANSWERED_MAX + 1;
/// Wait after a refusal that is not the batch's fault (authorisation): somebody has to grant something.
const PARK: Duration = Duration::from_secs(15);
/// Wait before a batch is tried again that the brokers could not take.
const WHILE_UNAVAILABLE: Duration = Duration::from_secs(1);
/// Wait before an aborted batch is tried again: a broker that refuses at once must not be asked thousands of times a
/// second; twice as much would be felt at every abort.
const AFTER_AN_ABORT: Duration = Duration::from_millis(100);
/// Decisions on one batch, as long as each takes longer than a look at lease and halts is good for.
const DECISIONS_MAX: usize = 2;
/// Events taken from the log before batches are looked at again.
const EVENTS_PER_STEP_MAX: usize = 2_000;

/// What the loop is made with.
pub struct TriageOptions {
    /// Batches and buffers.
    pub settings: TriageSettings,
    /// From hand-over to the engine until people get the ticket without a prediction.
    pub model_deadline: Duration,
    /// How records become tickets.
    pub intake: Arc<IntakeSettings>,
    /// What is in force.
    pub ruling: Arc<Ruling>,
    /// Name of the input topic, this instance, its start: stamped on records.
    pub origin: Origin,
    /// Length of the view.
    pub view: ViewLimits,
    /// Lease and halts.
    pub standing: Arc<Standing>,
}

/// What one step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Something happened: step again at once.
    Some,
    /// Nothing to do before the next wake-up, or this much time.
    Idle(Duration),
}

/// The triage loop over a log.
pub struct Triage<'daemon, L: Log> {
    log: L,
    engine: &'daemon Engine,
    metrics: &'daemon Metrics,
    options: TriageOptions,
    view: RecentView,
    partitions: Partitions,
    buffer: Buffer,
    in_flight: VecDeque<Batch>,
    /// The second of them, decided while the first was being committed.
    ahead: Option<DecidedAhead>,
    helpers: Helpers,
    growth: Growth,
    halving: Halving,
    parked_until: Option<Instant>,
    batch_ids: &'daemon std::sync::atomic::AtomicU64,
    joined: bool,
    draining: bool,
    last_commit_problem: Option<String>,
    has_committed: bool,
}

impl<'daemon, L: Log> Triage<'daemon, L> {
    /// An empty loop over a freshly opened log.
    pub fn new(
        log: L,
        engine: &'daemon Engine,
        metrics: &'daemon Metrics,
        batch_ids: &'daemon std::sync::atomic::AtomicU64,
        options: TriageOptions,
    ) -> Self {
        let view = RecentView::new(options.view);
        let growth = Growth::new(options.settings.batch_records_max, options.model_deadline);
        let buffer = Buffer::new(&options.settings);
        Self {
            log,
            engine,
            metrics,
            options,
            view,
            partitions: Partitions::default(),
            buffer,
            in_flight: VecDeque::new(),
            ahead: None,
            helpers: Helpers::start(),
            growth,
            halving: Halving::default(),
            parked_until: None,
            batch_ids,
            joined: false,
            draining: false,
            last_commit_problem: None,
            has_committed: false,
        }
    }

    /// Number of partitions owned; `None` before the first assignment.
    pub fn owned(&self) -> Option<usize> {
        self.joined.then_some(self.partitions.len())
    }

    /// Whether anything was committed since the clients were made.
    pub const fn has_committed(&self) -> bool {
        self.has_committed
    }

    /// Why the last transaction did not commit; `None` when it did.
    pub fn commit_problem(&self) -> Option<&str> {
        self.last_commit_problem.as_deref()
    }

    /// The log, for tests.
    pub fn log(&self) -> &L {
        &self.log
    }

    /// What is in force from the next batch on.
    pub fn set_ruling(&mut self, ruling: Arc<Ruling>) {
        self.view.set_storm_window(ruling.policy.storm.window_ms);
        self.options.ruling = ruling;
    }

    /// Takes no new records; what is in flight is still finished.
    pub fn drain(&mut self) {
        self.draining = true;
        self.buffer.drop_where(|_| true);
    }

    /// Whether nothing is in flight any more.
    pub fn is_drained(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// One round: events, batches, at most one transaction.
    ///
    /// # Errors
    /// A fault that needs new clients, or a person.
    pub fn step(&mut self) -> Result<Progress, Fault> {
        let events = self.take_events()?;
        let cut = self.cut_batches();
        self.hand_over();
        self.expire();
        let committed = self.commit_head()?;
        if self.draining {
            fail::fail_point!("during_drain");
        }
        self.balance_fetching()?;
        self.metrics.under_way(self.buffer.len(), self.in_flight.len());
        Ok(if events || cut || committed { Progress::Some } else { Progress::Idle(self.idle_time()) })
    }

    /// The engine has answered a job. Answers of a batch that is gone are dropped.
    pub fn take_answers(&mut self, job: JobAnswers) {
        if let Some(batch) = self.in_flight.iter_mut().find(|batch| batch.id == job.id)
            && let Answers::Waiting = batch.answers
        {
            let now = self.log.instant();
            self.metrics.batch_classified(job.answers.len(), now.saturating_duration_since(batch.handed_over));
            batch.answers = Answers::Here(job.answers);
            batch.answered = Some(now);
            fail::fail_point!("after_classify");
        }
    }

    fn take_events(&mut self) -> Result<bool, Fault> {
        for taken in 0..EVENTS_PER_STEP_MAX {
            if !self.buffer.listens() {
                return Ok(taken > 0);
            }
            match self.log.next_event()? {
                None => return Ok(taken > 0),
                Some(LogEvent::Record { partition, offset, record }) => self.take_record(partition, offset, record)?,
                Some(LogEvent::Assigned(assignments)) => self.assigned(&assignments),
                Some(LogEvent::Revoked(partitions)) => self.revoked(&partitions)?,
                Some(LogEvent::Outcome { partition, remembered }) => self.view.apply(partition, &remembered),
                Some(LogEvent::WindowCompleted(partition)) => self.view.set_window(partition, WindowState::Whole),
                Some(LogEvent::Others(window)) => self.view.set_others(window),
            }
        }
        Ok(true)
    }

    fn take_record(&mut self, partition: i32, offset: i64, record: RawRecord) -> Result<(), Fault> {
        let passed_over = match self.partitions.arrival(partition, offset) {
            Arrival::NotOwned => {
                tracing::debug!(partition, offset, "a record of a partition that is no longer ours");
                return Ok(());
            }
            Arrival::Old => return Ok(()),
            Arrival::Next(_) if self.draining => return Ok(()),
            Arrival::Next(passed_over) => passed_over,
        };
        if let Some(expected) = passed_over {
            let lost = self.log.lost_before(partition, expected)?;
            if lost > 0 {
                tracing::error!(partition, lost, "tickets were deleted before they were triaged");
                self.metrics.records_lost(lost);
            }
        }
        self.partitions.taken(partition, offset, record.timestamp);
        self.metrics.records_consumed(1);
        self.buffer.push(Buffered { partition, offset, record, received: self.log.instant(), read: None });
        fail::fail_point!("after_poll");
        Ok(())
    }

    fn assigned(&mut self, assignments: &[Assignment]) {
        self.joined = true;
        // Whatever was read of them before lies before or beyond the position that is valid now.
        let is_assigned = |buffered: &Buffered| assignments.iter().any(|one| one.partition == buffered.partition);
        self.buffer.drop_where(is_assigned);
        for assignment in assignments {
            let Assignment { partition, committed, window, rebuild, lost_records } = *assignment;
            match window {
                WindowState::Whole => self.metrics.view_rebuilt(rebuild),
                WindowState::Partial => self.metrics.view_left_partial(rebuild),
            }
            if lost_records > 0 {
                self.metrics.records_lost(lost_records);
            }
            self.view.set_window(partition, window);
            self.partitions.assign(partition, committed);
        }
        self.buffer.set_fetching(Fetching::On);
        self.metrics.rebalanced(self.partitions.len());
        self.metrics.view_size(self.view.tickets());
    }

    fn revoked(&mut self, revoked: &[i32]) -> Result<(), Fault> {
        for partition in revoked {
            self.partitions.remove(*partition);
            self.halving.forget(*partition);
        }
        self.joined &= self.partitions.len() > 0;
        self.buffer.drop_where(|buffered| revoked.contains(&buffered.partition));
        self.metrics.rebalanced(self.partitions.len());
        // A batch that covers a revoked partition is void, and with it the rest of what it covers is read again.
        let void = self.in_flight.iter().any(|batch| batch.spans.keys().any(|partition| revoked.contains(partition)));
        if void { self.go_back() } else { Ok(()) }
    }

    /// Sends every partition of all batches in flight back to its committed position.
    fn go_back(&mut self) -> Result<(), Fault> {
        let touched: BTreeSet<i32> = self.in_flight.iter().flat_map(|batch| batch.spans.keys().copied()).collect();
        self.in_flight.clear();
        self.ahead = None;
        // The engine need not work for batches that are gone.
        self.engine.give_up_before(self.batch_ids.load(std::sync::atomic::Ordering::Relaxed));
        let is_control = failpoints::fires("epoch_not_raised");
        let partitions = &mut self.partitions;
        let mut back = |partition| if is_control { partitions.uncut(partition) } else { partitions.rewind(partition) };
        let positions: Vec<(i32, i64)> =
            touched.iter().filter_map(|partition| Some((*partition, back(*partition)?))).collect();
        self.buffer.drop_where(|buffered| !is_control && touched.contains(&buffered.partition));
        fail::fail_point!("before_seek");
        self.log.seek(&positions)
    }

    fn balance_fetching(&mut self) -> Result<(), Fault> {
        if let Some(wanted) = self.buffer.change_of_fetching(self.log.instant()) {
            self.log.set_fetching(wanted)?;
            self.buffer.set_fetching(wanted);
        }
        Ok(())
    }

    fn cut_batches(&mut self) -> bool {
        let mut any = false;
        while self.has_place_in_flight() && self.batch_is_due() {
            self.cut_batch();
            any = true;
        }
        any
    }

    fn has_place_in_flight(&self) -> bool {
        let unanswered = self.in_flight.iter().filter(|batch| !batch.is_ready()).count();
        self.in_flight.len() < BATCHES_IN_FLIGHT_MAX && unanswered < BATCHES_UNANSWERED_MAX
    }

    /// A batch is due when it is full, when its oldest record has waited long enough, or when nothing else is under
    /// way: so batches grow with the backlog, and a lone ticket does not wait for company.
    fn batch_is_due(&self) -> bool {
        let Some(oldest) = self.buffer.oldest() else { return false };
        let now = self.log.instant();
        if self.is_parked(now) {
            return false;
        }
        self.buffer.len() >= self.records_max()
            || self.in_flight.is_empty()
            || now.saturating_duration_since(oldest.received) >= self.options.settings.batch_wait
    }

    fn is_parked(&self, now: Instant) -> bool {
        self.parked_until.is_some_and(|until| now < until)
    }

    fn records_max(&self) -> usize {
        self.halving.records_max().unwrap_or(usize::MAX).min(self.growth.records())
    }

    fn cut_batch(&mut self) {
        let records = self.buffer.take(self.records_max());
        let ruling = Arc::clone(&self.options.ruling);
        let mut spans: BTreeMap<i32, Span> = BTreeMap::new();
        let mut items = Vec::with_capacity(records.len());
        for buffered in records {
            self.partitions.cut(&mut spans, buffered.partition, buffered.offset);
            let unwritable = self.halving.unwritable_reason(buffered.partition, buffered.offset);
            items.push(reading::item(buffered, &self.options.intake, unwritable, self.log.now()));
        }
        let id = self.batch_ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let job = reading::job(id, &ruling, &mut items, &self.in_flight, &self.view);
        let answers = if job.tickets.is_empty() { Answers::Here(Vec::new()) } else { Answers::Unsent(job) };
        let cut_on = failpoints::fires("permit_taken_at_cut").then(|| self.options.standing.look());
        self.in_flight.push_back(Batch {
            cut_on,
            id,
            spans,
            items,
            ruling,
            answers,
            handed_over: self.log.instant(),
            handed_over_at: self.log.now(),
            answered: None,
        });
    }

    /// Hands batches to the engine, in order. A full queue is tried again at the next step.
    fn hand_over(&mut self) {
        for batch in &mut self.in_flight {
            let Answers::Unsent(_) = batch.answers else { continue };
            let Answers::Unsent(job) = std::mem::replace(&mut batch.answers, Answers::Waiting) else {
                unreachable!("looked at one line above");
            };
            match self.engine.submit(job) {
                Ok(()) => {}
                Err(SubmitError::Full(job)) => {
                    batch.answers = Answers::Unsent(job);
                    return;
                }
                Err(SubmitError::Stopped(_)) => batch.answers = Answers::Missing,
            }
        }
    }

    /// A broken model never holds a ticket.
    fn expire(&mut self) {
        let now = self.log.instant();
        for batch in &mut self.in_flight {
            if !batch.is_ready() && now.saturating_duration_since(batch.handed_over) >= self.options.model_deadline {
                tracing::warn!(
                    tickets = batch.items.iter().filter(|item| item.job_row.is_some()).count(),
                    deadline_ms = self.options.model_deadline.as_millis(),
                    "no answer from the model by the deadline: people get these tickets without a prediction"
                );
                batch.answers = Answers::Missing;
                batch.answered = Some(now);
                self.engine.give_up_before(batch.id + 1);
            }
        }
    }

    fn commit_head(&mut self) -> Result<bool, Fault> {
        if !self.in_flight.front().is_some_and(Batch::is_ready) || self.is_parked(self.log.instant()) {
            return Ok(false);
        }
        self.parked_until = None;
        let in_order = self.in_flight.front().is_some_and(|batch| self.partitions.are_in_order(&batch.spans));
        if !in_order {
            tracing::error!("a batch does not continue where the last one committed: reading again from there");
            self.go_back()?;
            return Ok(true);
        }
        let ahead = self.ahead.take();
        let batch = self.in_flight.front().expect("looked at above");
        let decided = self.decide(batch, ahead);
        let offsets: Vec<(i32, i64)> = batch.spans.iter().map(|(partition, span)| (*partition, span.next)).collect();
        let started = self.log.instant();
        let end = self.transact(&decided, &offsets);
        let took = self.log.instant().saturating_duration_since(started);
        for _ in 0..self.log.commits_asked_again() {
            self.metrics.transaction(TransactionResult::Retried, took, self.log.now());
        }
        match end {
            TransactionEnd::Committed => {
                let batch = self.in_flight.pop_front().expect("looked at above");
                self.committed(batch, decided, took);
                Ok(true)
            }
            TransactionEnd::Aborted(fault) => {
                self.metrics.transaction(TransactionResult::Aborted, took, self.log.now());
                if self.in_flight.len() > 1 {
                    fail::fail_point!("aborted_with_two_in_flight");
                }
                if failpoints::fires("view_kept_over_abort") {
                    decided.entries.iter().for_each(|(partition, entry)| self.view.apply(*partition, entry));
                }
                self.aborted(&fault)?;
                Ok(true)
            }
            TransactionEnd::Lost(fault) => {
                self.metrics.transaction(TransactionResult::Fatal, took, self.log.now());
                Err(fault)
            }
        }
    }

    /// Decides on lease and halts of this moment. Where they are old before the transaction begins, because the process was
    /// stopped in between, it is decided once more, and then without anything automatic. So it is where the leader has
    /// spoken since the batch was cut: what it was cut under permits nothing any more.
    ///
    /// A decision that was made ahead holds nothing automatic, and stands.
    fn decide(&self, batch: &Batch, ahead: Option<DecidedAhead>) -> DecidedBatch {
        let standing = &self.options.standing;
        if let Some(look) = &batch.cut_on {
            return self.decide_on(batch, look);
        }
        if let Some(decided) = ahead.and_then(|ahead| ahead.of(batch, standing)) {
            return decided;
        }
        let revision_of = |ruling: &Ruling| ruling.stage_map.rollout_revision;
        if revision_of(&batch.ruling) == revision_of(&self.options.ruling) {
            for _ in 0..DECISIONS_MAX {
                let look = standing.look();
                let decided = self.decide_on(batch, &look);
                if !standing.is_outdated(&look) || !decided.has_commands() {
                    return decided;
                }
                tracing::warn!("lease and halts were looked at too long ago: deciding again");
            }
        }
        self.decide_on(batch, &standing.look().without_automation())
    }

    fn decide_on(&self, batch: &Batch, look: &Look) -> DecidedBatch {
        let present = Present { now: self.log.now(), instant: Instant::now(), standing: look };
        // No batch has the number of another, so it stands for the transaction as well.
        outputs::decide_batch(batch, TentativeView::new(&self.view), &present, &self.options.origin, batch.id)
    }

    /// The transaction of the head. Nobody polls between begin and commit; meanwhile others work ahead.
    fn transact(&mut self, decided: &DecidedBatch, offsets: &[(i32, i64)]) -> TransactionEnd {
        let waiting = self.records_max().min(self.buffer.len());
        let (now, instant) = (self.log.now(), Instant::now());
        let Self { log, buffer, options, view, in_flight, helpers, .. } = self;
        let TriageOptions { intake, ruling, origin, standing, .. } = options;
        let next = ahead::next_of(in_flight, ruling);
        let next = next.map(|batch| Next { batch, head: decided, view, standing, origin, now, instant });
        let waiting = buffer.oldest_mut(waiting);
        let (end, ahead) = helpers.work_during(next, waiting, intake, || log.transact(&decided.records, offsets));
        self.ahead = ahead;
        end
    }

    fn committed(&mut self, batch: Batch, decided: DecidedBatch, took: Duration) {
        let now = self.log.now();
        let behind = self
            .in_flight
            .iter()
            .flat_map(|batch| batch.items.iter().map(|item| (item.partition, Some(item.appended_at))));
        let waiting = self.buffer.iter().map(|buffered| (buffered.partition, buffered.record.timestamp));
        self.partitions.committed(&batch.spans, behind.chain(waiting));
        for (partition, remembered) in &decided.entries {
            self.view.commit(*partition, remembered);
        }
        let answered_after =
            batch.answered.map_or(Duration::ZERO, |at| at.saturating_duration_since(batch.handed_over));
        self.growth.committed(batch.items.len(), answered_after);
        let partitions = &self.partitions;
        self.halving
            .committed(&batch, self.options.settings.batch_records_max, |partition| partitions.committed_of(partition));
        self.last_commit_problem = None;
        self.has_committed = true;
        self.metrics.transaction(TransactionResult::Committed, took, now);
        self.metrics.view_size(self.view.tickets());
        counting::count(self.metrics, &batch, &decided, now, self.log.instant());
    }

    fn aborted(&mut self, fault: &Fault) -> Result<(), Fault> {
        self.last_commit_problem = Some(fault.to_string());
        let cause = match fault {
            Fault::Abort { cause, .. } => *cause,
            Fault::Retry(_) | Fault::Fatal(_) | Fault::Fenced { .. } | Fault::Refused(_) => AbortCause::Batch,
        };
        match cause {
            AbortCause::Rebalance => tracing::warn!(%fault, "transaction aborted, its records are read again"),
            AbortCause::Unavailable => {
                tracing::warn!(%fault, "transaction aborted, the brokers cannot take it now; its records are read again");
                self.parked_until = Some(self.log.instant() + WHILE_UNAVAILABLE);
            }
            AbortCause::Authorisation => {
                tracing::error!(
                    %fault,
                    retry_s = PARK.as_secs(),
                    "transaction aborted: this user may not write one of the output topics or the group's offsets; no \
                     ticket is lost, none is triaged until that is granted"
                );
                self.parked_until = Some(self.log.instant() + PARK);
            }
            AbortCause::Batch => {
                tracing::warn!(%fault, "transaction aborted, its records are read again");
                if let Some(batch) = self.in_flight.front() {
                    self.halving.aborted(batch);
                }
                self.parked_until = Some(self.log.instant() + AFTER_AN_ABORT);
            }
        }
        self.go_back()
    }

    /// How long there is nothing to do unless something happens: engine and log wake the thread.
    fn idle_time(&self) -> Duration {
        const LONGEST: Duration = Duration::from_millis(50);
        let now = self.log.instant();
        // While parked, or while no place in flight is free, no batch is cut however long its records have waited.
        if self.is_parked(now) || !self.has_place_in_flight() {
            return LONGEST;
        }
        let batch_wait = self.options.settings.batch_wait;
        let waited = self.buffer.oldest().map(|oldest| now.saturating_duration_since(oldest.received));
        waited.map_or(LONGEST, |waited| batch_wait.saturating_sub(waited)).clamp(Duration::from_millis(1), LONGEST)
    }

    /// How far every owned partition is behind.
    pub fn lags(&self) -> Vec<Lag> {
        self.partitions.lags(self.log.now(), |partition| self.log.end_offset(partition))
    }
}

/// What tests look at beside the log.
#[cfg(test)]
impl<L: Log> Triage<'_, L> {
    pub(super) fn log_mut(&mut self) -> &mut L {
        &mut self.log
    }

    pub(super) fn batches_in_flight(&self) -> usize {
        self.in_flight.len()
    }

    pub(super) fn records_buffered(&self) -> usize {
        self.buffer.len()
    }

    pub(super) const fn has_decided_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    pub(super) fn is_ready(&self) -> bool {
        self.in_flight.front().is_some_and(Batch::is_ready)
    }

    pub(super) fn epoch(&self, partition: i32) -> Option<u64> {
        self.partitions.epoch(partition)
    }
}
