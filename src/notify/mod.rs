//! `[notify]`: the outgoing webhook. Transitions, hard stops, promotions that wait for a person and silence of the verdicts
//! are posted to one URL, by one thread, from a bounded queue. It never holds anything up: what finds the queue full, or
//! is refused for good, is counted and logged, and nothing in the rollout depends on it. At least once: an answer that is
//! lost on its way makes the same notice come twice, with the same `id`.
//!
//! Deliberately absent: proxies, redirects, several receivers, ticket text.

mod notice;
mod post;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use crate::config::webhook::Address;
use crate::metrics::{Metrics, NotificationResult};

pub use notice::{Notice, NoticeKind};
use post::{Outcome, Poster};

/// Notices that may wait. More than this within the minutes that one receiver is away are not read by anybody; the audit
/// trail has them all.
const WAITING_MAX: usize = 64;
/// Waits before the second, third and fourth attempt. A receiver that is away for longer than half a minute misses it.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(25)];
/// How often the thread looks whether it is to end.
const LOOK: Duration = Duration::from_millis(200);

/// Takes notices and posts them from a thread of its own. Dropping it ends the thread, at most one attempt later.
#[derive(Debug)]
pub struct Notifier {
    queue: Option<SyncSender<Notice>>,
    stopping: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
    metrics: Arc<Metrics>,
}

impl Notifier {
    /// Starts the thread `notify`; without an address nothing is posted, and nothing is counted.
    ///
    /// # Errors
    /// No thread.
    pub fn start(address: Option<Address>, metrics: Arc<Metrics>) -> std::io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let Some(address) = address else {
            return Ok(Self { queue: None, stopping, thread: None, metrics });
        };
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let worker =
            Worker { poster: Poster::new(address), metrics: Arc::clone(&metrics), stopping: Arc::clone(&stopping) };
        let thread = std::thread::Builder::new().name("notify".into()).spawn(move || worker.run(&waiting))?;
        Ok(Self { queue: Some(queue), stopping, thread: Some(thread), metrics })
    }

    /// A notifier whose notices nobody posts, and what would have been posted.
    #[cfg(test)]
    pub(crate) fn listening() -> (Self, Receiver<Notice>) {
        let (queue, waiting) = sync_channel(WAITING_MAX);
        let stopping = Arc::new(AtomicBool::new(false));
        (Self { queue: Some(queue), stopping, thread: None, metrics: Arc::new(Metrics::new()) }, waiting)
    }

    /// Queues a notice; never waits.
    pub fn say(&self, notice: Notice) {
        let Some(queue) = &self.queue else { return };
        match queue.try_send(notice) {
            Ok(()) => {}
            Err(TrySendError::Full(notice) | TrySendError::Disconnected(notice)) => {
                tracing::warn!(
                    kind = notice.kind.as_str(),
                    "a notice was dropped: the receiver is away, the queue is full"
                );
                self.metrics.notified(NotificationResult::Dropped);
            }
        }
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the notify thread panicked; the log says where");
        }
    }
}

struct Worker {
    poster: Poster,
    metrics: Arc<Metrics>,
    stopping: Arc<AtomicBool>,
}

impl Worker {
    fn run(&self, waiting: &Receiver<Notice>) {
        loop {
            match waiting.recv_timeout(LOOK) {
                Ok(notice) => {
                    let result = self.post(&notice);
                    self.metrics.notified(result);
                    if result == NotificationResult::Failed && self.is_stopping() {
                        return self.drop_the_rest(waiting);
                    }
                }
                Err(RecvTimeoutError::Timeout) if !self.is_stopping() => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// The receiver is away and the process ends: nothing waits for each of them in turn.
    fn drop_the_rest(&self, waiting: &Receiver<Notice>) {
        for notice in waiting.try_iter() {
            tracing::warn!(kind = notice.kind.as_str(), "a notice was dropped: the receiver is away, the process ends");
            self.metrics.notified(NotificationResult::Dropped);
        }
    }

    /// Tries until it is taken, refused for good, or the attempts are used up.
    fn post(&self, notice: &Notice) -> NotificationResult {
        let mut waits = WAITS.into_iter();
        loop {
            let why = match self.poster.post(notice) {
                Outcome::Taken => return NotificationResult::Sent,
                Outcome::Refused(why) => {
                    tracing::error!(receiver = self.poster.receiver(), why, "the receiver of notices refuses them");
                    return NotificationResult::Failed;
                }
                Outcome::Away(why) => why,
            };
            let Some(wait) = waits.next().filter(|_| !self.is_stopping()) else {
                tracing::error!(receiver = self.poster.receiver(), why, "a notice could not be delivered");
                return NotificationResult::Failed;
            };
            tracing::warn!(receiver = self.poster.receiver(), why, retry_s = wait.as_secs(), "notify");
            self.sleep(wait);
        }
    }

    fn sleep(&self, wait: Duration) {
        let mut left = wait;
        while !left.is_zero() && !self.is_stopping() {
            let step = left.min(LOOK);
            std::thread::sleep(step);
            left -= step;
        }
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
