//! The evidence thread: folds decisions and verdicts, and puts on the board what they amount to. Every instance runs one,
//! so that whoever leads next knows everything already.
//!
//! It never disturbs triage: its own clients, its own thread, no lock. Brokers that do not answer are named on the board,
//! counted, and asked again; a dead client is replaced after a wait that grows. Whatever it is doing, a stop is not waited
//! for: it holds nothing that Kafka does not hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::admin::board::Board;
use crate::admin::status::{LatePartition, Problem, ReadingStatus};
use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::time::UtcMillis;
use crate::kafka::evidence_reader::Gathered;
use crate::kafka::evidence_tail::{EvidenceTail, LogStart, PartitionReach, TailError, topics_of};
use crate::metrics::Metrics;
use crate::policy::ruling::Ruling;
use crate::rollout::evidence::Evidence;
use crate::rollout::log::{Cut, EvidenceTopic};
use crate::wire::values::Instant as Stamp;

use super::controller::Declared;
use super::evaluation::UNREADABLE_MS;
use super::evidence_shown::Shown;
use super::inquiry::Inquiry;
use super::standing::Standing;

/// Records folded before anything else is looked at: a few milliseconds.
const ROUND_RECORDS_MAX: usize = 500;
/// Longest wait for records: how late a stop, a look or an evaluation may be.
const WAIT: Duration = Duration::from_millis(250);
/// While triage works off a backlog, nothing is folded for so long after each round, which leaves at most two thousand records a
/// second. Evidence may come late by as long as the backlog lasts, and with it promotions and step-backs; tickets should not.
const REST: Duration = Duration::from_millis(250);
/// A partition that is read up to this long ago is read to now: half of what a leader may be behind.
const LATE_MS: i64 = 30_000;
/// Partitions that are named as late; a log that stands still as a whole is named by its first ones.
const LATE_PARTITIONS_MAX: usize = 16;
/// First and longest wait before a dead client is replaced.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long the end of the thread is waited for; it may stand in a call to brokers that do not answer.
const JOIN_MAX: Duration = Duration::from_secs(2);

/// What the thread is made with.
#[derive(Clone)]
pub struct EvidenceOptions {
    /// Brokers, topics, verdict rule.
    pub settings: Arc<Settings>,
    /// What is in force; a reload replaces it.
    pub ruling: Arc<ArcSwap<Ruling>>,
    /// Clock.
    pub clock: Clock,
    /// Where it is written.
    pub board: Arc<Board>,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Whether this instance leads, and so shows in its metrics what evidence amounts to.
    pub is_leading: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Where the rollout stands.
    pub standing: Arc<Standing>,
    /// What gates are read by; a reload replaces it.
    pub declared: Arc<ArcSwap<Declared>>,
}

/// The running thread.
#[derive(Debug)]
pub struct EvidenceThread {
    stop: Arc<AtomicBool>,
    wake: SyncSender<()>,
    thread: JoinHandle<()>,
}

impl EvidenceThread {
    /// Starts it; asks no broker before it runs.
    ///
    /// # Errors
    /// No thread.
    pub fn start(options: EvidenceOptions, inquiries: Receiver<Inquiry>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (wake, woken) = sync_channel(1);
        let pause = Waiting { wakes: woken, stop: Arc::clone(&stop) };
        let waker = wake.clone();
        let body = move || run(&options, &waker, &pause, &inquiries);
        let thread = std::thread::Builder::new().name("evidence".into()).spawn(body)?;
        Ok(Self { stop, wake, thread })
    }

    /// Asks it to end.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        ring(&self.wake);
    }

    /// Waits for its end, not for long: what it holds is in Kafka.
    pub fn join(self) {
        self.stop();
        let until = Instant::now() + JOIN_MAX;
        while !self.thread.is_finished() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        if !self.thread.is_finished() {
            tracing::debug!("the evidence thread stands in a call to brokers and is left to it");
        } else if self.thread.join().is_err() {
            tracing::error!("the evidence thread panicked; triage was not touched");
        }
    }
}

/// Rings once; while nobody has heard it, once more says nothing.
fn ring(wake: &SyncSender<()>) {
    match wake.try_send(()) {
        Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
    }
}

/// How the thread waits.
struct Waiting {
    wakes: Receiver<()>,
    stop: Arc<AtomicBool>,
}

impl Waiting {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Waits for records or a stop, at most this long.
    fn wait(&self, longest: Duration) {
        match self.wakes.recv_timeout(longest) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            // Nobody is left who could wake it.
            Err(RecvTimeoutError::Disconnected) => self.stop.store(true, Ordering::Release),
        }
    }
}

fn run(options: &EvidenceOptions, wake: &SyncSender<()>, waiting: &Waiting, inquiries: &Receiver<Inquiry>) {
    let mut backoff = BACKOFF.0;
    while !waiting.is_stopped() {
        let started = Instant::now();
        let Err(error) = life(options, wake, waiting, inquiries) else { return };
        if started.elapsed() > BACKOFF.1 {
            backoff = BACKOFF.0;
        }
        tracing::warn!(%error, wait_ms = backoff.as_millis(), "building the clients of evidence anew");
        options.metrics.evidence_fault();
        options.board.problem(problem_of(&error));
        let until = Instant::now() + backoff;
        while !waiting.is_stopped() && Instant::now() < until {
            waiting.wait(until.saturating_duration_since(Instant::now()));
        }
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

/// One life of the clients: from the start of the window on, until a stop or a dead client.
fn life(
    options: &EvidenceOptions,
    wake: &SyncSender<()>,
    waiting: &Waiting,
    inquiries: &Receiver<Inquiry>,
) -> Result<(), TailError> {
    let mut fold = EvidenceFold::open(options, wake, window_start(&options.settings, options.clock.operating_now()))?;
    let mut shown = Shown::default();
    while !waiting.is_stopped() {
        match fold.look() {
            Ok(()) => {}
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => shown.look_failed(options, &error),
        }
        let read = fold.read()?;
        shown.round(options, &mut fold, read);
        // At most one waits.
        if let Ok(inquiry) = inquiries.try_recv() {
            let window = window_start(&fold.settings, inquiry.now());
            let needed = inquiry.open_since().map_or(window, |open| open.min(window));
            // The window alone may lie a midnight back: the question was asked before it.
            if inquiry.open_since().is_some_and(|open| open < fold.since) {
                // Days that nobody has closed for long: whoever led last did not come to it.
                tracing::warn!(since = %Stamp(needed), "evidence is read anew, from where it was last closed");
                fold = EvidenceFold::open(options, wake, needed)?;
                continue;
            }
            // As a leader that begins now would find it, and as `rollout history --verify` reads it.
            fold.forget_before(needed);
            fold.answer(inquiry);
        }
        if read == 0 {
            waiting.wait(WAIT);
        } else if options.metrics.has_backlog() {
            std::thread::sleep(REST);
        }
    }
    Ok(())
}

pub(super) fn problem_of(error: &TailError) -> Problem {
    Problem {
        what: format!("evidence cannot be read: {error}"),
        hint: "are the brokers up, and may this instance read the topic? triage goes on; nothing is lost".to_owned(),
    }
}

/// The fold and where it comes from. Whatever decides on evidence runs in the same thread and reads it here: the set, its
/// cut, and whether it is whole.
pub struct EvidenceFold {
    tail: EvidenceTail,
    gathered: Gathered,
    settings: Arc<Settings>,
    clock: Clock,
    /// It holds what was appended since then (operating time).
    since: UtcMillis,
}

impl EvidenceFold {
    /// Opens the tail at an instant of operating time.
    ///
    /// # Errors
    /// A client that cannot be made.
    pub fn open(options: &EvidenceOptions, wake: &SyncSender<()>, since: UtcMillis) -> Result<Self, TailError> {
        let settings = Arc::clone(&options.settings);
        let waker = wake.clone();
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || ring(&waker));
        let tail = EvidenceTail::open(&settings.kafka, topics_of(&settings), since, &wake)?;
        Ok(Self { tail, gathered: Gathered::default(), settings, clock: options.clock.clone(), since })
    }

    /// Folds what has arrived, a bounded number of records; how many there were.
    ///
    /// # Errors
    /// A dead client.
    pub fn read(&mut self) -> Result<usize, TailError> {
        for read in 0..ROUND_RECORDS_MAX {
            let Some((topic, scanned)) = self.tail.next_record()? else { return Ok(read) };
            self.gathered.add(topic, &scanned, &self.settings);
        }
        Ok(ROUND_RECORDS_MAX)
    }

    /// Looks for new partitions and at the beginnings and ends of all, when it is time.
    ///
    /// # Errors
    /// Brokers that do not answer.
    pub fn look(&mut self) -> Result<(), TailError> {
        let looked = self.tail.look(self.clock.boot_ms(), window_start(&self.settings, self.clock.operating_now()));
        for LogStart { topic, partition, offset } in self.tail.take_begun() {
            self.gathered.evidence.begin_log(topic, partition, offset);
        }
        // An account that is opened now needs what comes, of partitions too in which nothing lies yet.
        self.gathered.cut.name_all_of(self.tail.first());
        looked
    }

    /// Everything that is known.
    pub const fn evidence(&self) -> &Evidence {
        &self.gathered.evidence
    }

    /// Behind every record that was read.
    pub const fn cut(&self) -> &Cut {
        &self.gathered.cut
    }

    /// Where reading began.
    pub const fn first(&self) -> &Cut {
        self.tail.first()
    }

    /// Everything that is known, and what was only counted of it.
    pub(super) const fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// For how long something may have lain unread, in milliseconds of operating time; `None`: not all of it has been read to
    /// an end yet.
    pub(super) fn behind_ms(&self) -> Option<i64> {
        self.tail.behind_ms(self.clock.boot_ms())
    }

    /// Answers the leader on what is known now.
    fn answer(&self, inquiry: Inquiry) {
        inquiry.answer(self.evidence(), self.cut(), self.behind_ms());
    }

    pub(super) fn forget(&mut self) {
        self.forget_before(window_start(&self.settings, self.clock.operating_now()));
    }

    /// The window moves by whole days: most of the time there is nothing to forget.
    fn forget_before(&mut self, since: UtcMillis) {
        if self.since < since {
            self.gathered.forget_before(since);
            self.since = since;
        }
    }

    pub(super) fn status(&self) -> ReadingStatus {
        let now_ms = self.clock.boot_ms();
        let behind_ms = self.tail.behind_ms(now_ms);
        let reaches = self.tail.reaches(now_ms);
        let name = |topic: &EvidenceTopic| topic.as_str().to_owned();
        let gathered = &self.gathered;
        let since = self.clock.operating_now().plus_ms(-UNREADABLE_MS);
        ReadingStatus {
            is_read: behind_ms.is_some(),
            behind_ms,
            offsets_left: reaches.iter().map(|reach| reach.offsets_left).sum(),
            records: gathered.records.iter().map(|(topic, count)| (name(topic), *count)).collect(),
            tickets: gathered.evidence.len() as u64,
            partitions: reaches.len() as u64,
            late_partitions: late_partitions(&reaches),
            unreadable_24h: gathered.unreadable_since(since),
            unreadable: gathered.unreadable.values().sum::<u64>() + gathered.unreadable_decisions,
        }
    }

    /// The worst partition of each topic; `None`: not all of it has been read to an end.
    pub(super) fn behind_by_topic(&self) -> Vec<(EvidenceTopic, Option<i64>)> {
        let reaches = self.tail.reaches(self.clock.boot_ms());
        let of_topic = |topic: EvidenceTopic| {
            let mut partitions = reaches.iter().filter(|reach| reach.topic == topic).peekable();
            partitions.peek()?;
            Some((topic, partitions.try_fold(0, |worst: i64, reach| Some(worst.max(reach.behind_ms?)))))
        };
        EvidenceTopic::ALL.into_iter().filter_map(of_topic).collect()
    }

    pub(super) fn missing_topic(&self) -> Option<Problem> {
        let names = &self.settings.kafka.topics;
        let topic = self.tail.missing_topics().next()?;
        let hint = if topic == names.verdicts {
            "`noctriage topics create --verdicts-partitions 3`, or set kafka.topics.verdicts"
        } else {
            "`noctriage topics create`"
        };
        Some(Problem {
            what: format!("topic {topic} does not exist: nothing of it is evidence"),
            hint: hint.to_owned(),
        })
    }
}

/// Partitions that are not read to now, the worst first.
fn late_partitions(reaches: &[PartitionReach]) -> Vec<LatePartition> {
    let is_late = |reach: &&PartitionReach| reach.behind_ms.is_none_or(|behind| behind > LATE_MS);
    let mut late: Vec<&PartitionReach> = reaches.iter().filter(is_late).collect();
    late.sort_by_key(|reach| std::cmp::Reverse((reach.behind_ms.unwrap_or(i64::MAX), reach.offsets_left)));
    let row = |reach: &PartitionReach| LatePartition {
        topic: reach.topic.as_str().to_owned(),
        partition: reach.partition,
        offsets_left: reach.offsets_left,
        behind_ms: reach.behind_ms,
    };
    late.into_iter().take(LATE_PARTITIONS_MAX).map(row).collect()
}

/// The first append time that evidence may rest on: a verdict may come as late as the deadline of the oldest ticket.
fn window_start(settings: &Settings, now: UtcMillis) -> UtcMillis {
    settings.rollout.spec.evidence_since(now)
}
