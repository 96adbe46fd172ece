//! What is done while the Kafka thread waits for the brokers to end a transaction: the batch behind it is decided, and the
//! records behind that are read.
//!
//! A decision made ahead rests on the batch before it as if that had committed, so it is used only if it has: an abort drops
//! it with all that was in flight. It is used only where nothing in it is automatic, too. A permit is taken right before
//! `begin_transaction` and by no other thread; a batch that holds one is decided once more then.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::domain::time::UtcMillis;
use crate::policy::recent_view::{RecentView, TentativeView};
use crate::policy::ruling::Ruling;
use crate::wire::intake::IntakeSettings;

use super::batch::{Batch, Buffered};
use super::outputs::{DecidedBatch, Origin, Present, decide_batch};
use super::reading;
use super::standing::{Look, Standing};

/// Fewer waiting records than this are read when their batch is cut: starting a thread for them costs more.
const READ_AHEAD_MIN: usize = 8;

/// A batch that was decided while the transaction of the one before it was waited for.
#[derive(Debug)]
pub(super) struct DecidedAhead {
    batch: u64,
    look: Look,
    decided: DecidedBatch,
}

impl DecidedAhead {
    /// The decision, if it is of this batch and as fresh as one made now would have to be.
    pub(super) fn of(self, batch: &Batch, standing: &Standing) -> Option<DecidedBatch> {
        (self.batch == batch.id && !standing.is_outdated(&self.look)).then_some(self.decided)
    }
}

/// All that a decision ahead looks at.
pub(super) struct Next<'triage> {
    /// The batch behind the head.
    pub(super) batch: &'triage Batch,
    /// The head, decided.
    pub(super) head: &'triage DecidedBatch,
    pub(super) view: &'triage RecentView,
    pub(super) standing: &'triage Standing,
    pub(super) origin: &'triage Origin,
    pub(super) now: UtcMillis,
    pub(super) instant: Instant,
}

/// The batch behind the head, where it can be decided already: answered, and cut under what is still in force.
pub(super) fn next_of<'triage>(in_flight: &'triage VecDeque<Batch>, ruling: &Ruling) -> Option<&'triage Batch> {
    let revision_of = |ruling: &Ruling| ruling.stage_map.rollout_revision;
    let is_in_force = |batch: &&Batch| batch.cut_on.is_none() && revision_of(&batch.ruling) == revision_of(ruling);
    in_flight.get(1).filter(|batch| batch.is_ready()).filter(is_in_force)
}

impl Next<'_> {
    /// Decides it; `None` where something in it is automatic.
    fn decide(&self) -> Option<DecidedAhead> {
        let look = self.standing.look();
        let tentative = TentativeView::behind(self.view, Some(&self.head.addition));
        let present = Present { now: self.now, instant: self.instant, standing: &look };
        let decided = decide_batch(self.batch, tentative, &present, self.origin, self.batch.id);
        (!decided.has_commands()).then_some(DecidedAhead { batch: self.batch.id, look, decided })
    }
}

/// The threads that work ahead. They live as long as the loop: memory that a thread has allocated is dear to give back at its
/// end, and tickets are made of many small pieces.
#[derive(Debug)]
pub(super) struct Helpers(Option<ThreadPool>);

impl Helpers {
    /// Starts two, or one where that leaves no processor to whoever ends the transaction: brokers on the same machine and
    /// librdkafka would wait for work that is not due yet. Where the operating system gives none, the work is done when its
    /// turn has come.
    pub(super) fn start() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let count = if processors > 2 { 2 } else { 1 };
        let pool = ThreadPoolBuilder::new().num_threads(count).thread_name(|helper| format!("ahead-{helper}")).build();
        Self(pool.inspect_err(|error| tracing::warn!(%error, "no threads to work ahead")).ok())
    }

    /// Does `wait` on this thread, and meanwhile decides the next batch and reads what waits behind it, on others. What is still
    /// unread after the wait is shared with this thread, which would otherwise stand idle until they are done.
    pub(super) fn work_during<'buffer, T>(
        &self,
        next: Option<Next<'_>>,
        waiting: impl ExactSizeIterator<Item = &'buffer mut Buffered> + Send,
        intake: &IntakeSettings,
        wait: impl FnOnce() -> T,
    ) -> (T, Option<DecidedAhead>) {
        let is_much = waiting.len() >= READ_AHEAD_MIN;
        let Some(pool) = self.0.as_ref().filter(|_| is_much || next.is_some()) else { return (wait(), None) };
        let mut decided = None;
        let waiting = Mutex::new(waiting);
        let waited = pool.in_place_scope(|scope| {
            if let Some(next) = next {
                let decided = &mut decided;
                scope.spawn(move |_| *decided = next.decide());
            }
            if is_much {
                scope.spawn(|_| reading::read_ahead(&waiting, intake));
            }
            let waited = wait();
            if is_much {
                reading::read_ahead(&waiting, intake);
            }
            waited
        });
        (waited, decided)
    }
}
