//! Whether the process lives and whether it can take tickets. The daemon writes, `/healthz`, `/readyz` and the systemd
//! watchdog read. One writer per field, so there are no locks and nothing to wait for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};

use arc_swap::ArcSwapOption;

use crate::clock::Clock;

/// No sign of life yet.
const NEVER: i64 = i64::MIN;
/// The group has not been joined.
const NOT_JOINED: usize = usize::MAX;

/// Shared state of the process, behind an `Arc`.
#[derive(Debug)]
pub struct Health {
    clock: Clock,
    stalled_after_ms: i64,
    made_at_ms: i64,
    beat_at_ms: AtomicI64,
    thread_ended: ArcSwapOption<String>,
    models_warm: AtomicBool,
    partitions: AtomicUsize,
    commit_problem: ArcSwapOption<String>,
    waited_for: ArcSwapOption<String>,
    draining: AtomicBool,
}

/// One reason why the process does not live, or cannot take tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The Kafka thread has ended, and why.
    KafkaThreadEnded(String),
    /// The Kafka thread has given no sign of life for this many milliseconds.
    KafkaThreadStalled(i64),
    /// The Kafka thread has not started to poll.
    KafkaThreadNotStarted,
    /// Models are still being loaded or warmed up.
    ModelsNotWarm,
    /// The consumer group has not been joined: the brokers cannot be reached, or refuse.
    GroupNotJoined,
    /// The last transaction could not be committed, and why.
    CommitFailing(String),
    /// The Kafka thread lives and waits for brokers that do not answer, and for what.
    BrokersAway(String),
    /// The process is stopping.
    Draining,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KafkaThreadEnded(why) => write!(formatter, "the kafka thread has ended: {why}"),
            Self::KafkaThreadStalled(ms) => {
                write!(formatter, "the kafka thread has given no sign of life for {:.1} s", *ms as f64 / 1000.0)
            }
            Self::KafkaThreadNotStarted => formatter.write_str("the kafka thread has not started to poll"),
            Self::ModelsNotWarm => formatter.write_str("the models are not loaded and warm yet"),
            Self::GroupNotJoined => formatter
                .write_str("the consumer group is not joined: are the brokers reachable, is the group allowed?"),
            Self::CommitFailing(why) => write!(formatter, "transactions cannot be committed: {why}"),
            Self::BrokersAway(what) => write!(formatter, "the brokers keep us waiting: {what}"),
            Self::Draining => formatter.write_str("stopping: batches in flight are finished, no new tickets are taken"),
        }
    }
}

impl Health {
    /// Nothing is loaded, nothing is joined. `stalled_after_ms` (boot time) is the longest silence of the Kafka thread
    /// that still counts as life; it must be longer than the longest call that thread may block in.
    pub fn new(clock: Clock, stalled_after_ms: i64) -> Self {
        Self {
            stalled_after_ms,
            made_at_ms: clock.boot_ms(),
            clock,
            beat_at_ms: AtomicI64::new(NEVER),
            thread_ended: ArcSwapOption::empty(),
            models_warm: AtomicBool::new(false),
            partitions: AtomicUsize::new(NOT_JOINED),
            commit_problem: ArcSwapOption::empty(),
            waited_for: ArcSwapOption::empty(),
            draining: AtomicBool::new(false),
        }
    }

    /// The Kafka thread has come round once more.
    pub fn kafka_thread_beats(&self) {
        self.beat_at_ms.store(self.clock.boot_ms(), Ordering::Release);
    }

    /// The Kafka thread has ended for good. `why` is shown to operators: no ticket text.
    pub fn kafka_thread_ended(&self, why: &str) {
        self.thread_ended.store(Some(Arc::new(why.to_owned())));
    }

    /// All models are loaded and warm.
    pub fn models_are_warm(&self) {
        self.models_warm.store(true, Ordering::Release);
    }

    /// The group has been joined and gave this many partitions; 0 is a spare instance, which is ready too.
    pub fn group_joined(&self, partitions: usize) {
        self.partitions.store(partitions, Ordering::Release);
    }

    /// The membership is gone: clients are being built anew.
    pub fn group_left(&self) {
        self.partitions.store(NOT_JOINED, Ordering::Release);
    }

    /// A transaction was committed.
    pub fn commit_succeeded(&self) {
        // Stores only on a change: this is called for every transaction.
        if self.commit_problem.load().is_some() {
            self.commit_problem.store(None);
        }
    }

    /// A transaction could not be committed, or its topics are not allowed. `why` is shown to operators: no ticket text.
    pub fn commit_failed(&self, why: &str) {
        self.commit_problem.store(Some(Arc::new(why.to_owned())));
    }

    /// The Kafka thread is inside a call that brokers do not answer. `what` is shown to operators: no ticket text.
    pub fn brokers_keep_us_waiting(&self, what: &str) {
        self.waited_for.store(Some(Arc::new(what.to_owned())));
    }

    /// The Kafka thread has come out of its calls.
    pub fn brokers_answer(&self) {
        // Stores only on a change: this is called in every round.
        if self.waited_for.load().is_some() {
            self.waited_for.store(None);
        }
    }

    /// The process is stopping.
    pub fn draining(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Partitions owned; `None` before the group is joined.
    pub fn partitions(&self) -> Option<usize> {
        match self.partitions.load(Ordering::Acquire) {
            NOT_JOINED => None,
            partitions => Some(partitions),
        }
    }

    /// Whether the process lives: the Kafka thread comes round. Before its first round it has the same time to start.
    pub fn alive(&self) -> Result<(), Reason> {
        if let Some(why) = self.thread_ended.load_full() {
            return Err(Reason::KafkaThreadEnded(why.as_ref().clone()));
        }
        let now = self.clock.boot_ms();
        match self.beat_at_ms.load(Ordering::Acquire) {
            // Models take long to load, and the thread polls only when they are warm.
            NEVER if self.models_warm.load(Ordering::Acquire) && now - self.made_at_ms > self.stalled_after_ms => {
                Err(Reason::KafkaThreadNotStarted)
            }
            NEVER => Ok(()),
            beat if now - beat > self.stalled_after_ms => Err(Reason::KafkaThreadStalled(now - beat)),
            _ => Ok(()),
        }
    }

    /// Whether the process can take tickets; all reasons why not, most fundamental first.
    pub fn ready(&self) -> Result<(), Vec<Reason>> {
        let mut reasons: Vec<Reason> = self.alive().err().into_iter().collect();
        if self.draining.load(Ordering::Acquire) {
            reasons.push(Reason::Draining);
        }
        if !self.models_warm.load(Ordering::Acquire) {
            reasons.push(Reason::ModelsNotWarm);
        }
        if self.beat_at_ms.load(Ordering::Acquire) == NEVER && !reasons.contains(&Reason::KafkaThreadNotStarted) {
            reasons.push(Reason::KafkaThreadNotStarted);
        }
        if self.partitions().is_none() {
            reasons.push(Reason::GroupNotJoined);
        }
        if let Some(what) = self.waited_for.load_full() {
            reasons.push(Reason::BrokersAway(what.as_ref().clone()));
        }
        if let Some(why) = self.commit_problem.load_full() {
            reasons.push(Reason::CommitFailing(why.as_ref().clone()));
        }
        if reasons.is_empty() { Ok(()) } else { Err(reasons) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::UtcMillis;

    const STALLED_AFTER_MS: i64 = 10_000;

    fn started() -> (Clock, Health) {
        let clock = Clock::manual(UtcMillis(0));
        let health = Health::new(clock.clone(), STALLED_AFTER_MS);
        health.models_are_warm();
        health.kafka_thread_beats();
        health.group_joined(3);
        (clock, health)
    }

    #[test]
    fn a_new_process_lives_and_says_everything_it_still_waits_for() {
        let health = Health::new(Clock::manual(UtcMillis(0)), STALLED_AFTER_MS);
        assert_eq!(health.alive(), Ok(()));
        assert_eq!(
            health.ready(),
            Err(vec![Reason::ModelsNotWarm, Reason::KafkaThreadNotStarted, Reason::GroupNotJoined])
        );
    }

    #[test]
    fn a_spare_instance_without_partitions_is_ready() {
        let (_, health) = started();
        health.group_joined(0);
        assert_eq!(health.ready(), Ok(()));
        health.group_left();
        assert_eq!(health.ready(), Err(vec![Reason::GroupNotJoined]));
    }

    #[test]
    fn silence_up_to_the_limit_is_life_and_one_millisecond_more_is_not() {
        let (clock, health) = started();
        clock.advance_ms(10_000);
        assert_eq!(health.alive(), Ok(()));
        clock.advance_ms(1);
        assert_eq!(health.alive(), Err(Reason::KafkaThreadStalled(10_001)));
        health.kafka_thread_beats();
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn a_stepped_wall_clock_does_not_stall_the_thread() {
        let (clock, health) = started();
        clock.step_operating_ms(86_400_000);
        assert_eq!(health.alive(), Ok(()));
    }

    #[test]
    fn loading_models_for_an_hour_is_life() {
        let clock = Clock::manual(UtcMillis(0));
        let health = Health::new(clock.clone(), STALLED_AFTER_MS);
        clock.advance_ms(3_600_000);
        assert_eq!(health.alive(), Ok(()));
    }

    #[test]
    fn a_failed_commit_takes_readiness_away_until_one_succeeds() {
        let (_, health) = started();
        health.commit_failed("topic authorization failed for noctriage.decisions");
        assert_eq!(
            health.ready(),
            Err(vec![Reason::CommitFailing("topic authorization failed for noctriage.decisions".into())])
        );
        assert_eq!(health.alive(), Ok(()));
        health.commit_succeeded();
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn brokers_that_do_not_answer_take_readiness_away_and_not_life() {
        let (clock, health) = started();
        health.brokers_keep_us_waiting("commit_transaction");
        for _ in 0..100 {
            clock.advance_ms(5_000);
            health.kafka_thread_beats();
        }
        assert_eq!(health.alive(), Ok(()));
        assert_eq!(health.ready(), Err(vec![Reason::BrokersAway("commit_transaction".into())]));
        health.brokers_answer();
        assert_eq!(health.ready(), Ok(()));
    }

    #[test]
    fn an_ended_thread_is_death_and_a_drain_is_only_not_ready() {
        let (_, health) = started();
        health.draining();
        assert_eq!((health.alive(), health.ready()), (Ok(()), Err(vec![Reason::Draining])));
        health.kafka_thread_ended("fenced");
        assert_eq!(health.alive(), Err(Reason::KafkaThreadEnded("fenced".into())));
    }
}
