//! The Kafka thread: one OS thread that owns the log and the triage loop, waits for whatever comes first, and builds
//! both clients anew when they are dead, a bounded number of times.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use crate::admin::health::Health;
use crate::clock::Clock;
use crate::config::settings::{KafkaSettings, TriageSettings};
use crate::inference::engine::{Engine, JobAnswers};
use crate::kafka::fault::{AbortCause, Fault, FencedName};
use crate::kafka::namesake::{self, Namesake};
use crate::kafka::session::{KafkaLog, SessionOptions};
use crate::metrics::Metrics;
use crate::policy::recent_view::ViewLimits;
use crate::policy::ruling::Ruling;
use crate::wire::intake::IntakeSettings;

use super::in_force::{Change, FollowedMap, InForce};
use super::outputs::Origin;
use super::standing::Standing;
use super::triage::{Progress, Triage, TriageOptions};

/// Wake-ups that may wait: the Kafka thread empties the queue at every round, and `Arrived` says the same however often.
const WAKES_MAX: usize = 64;
/// Clients are built anew at most this often within [`REBUILD_WINDOW`]; then the process ends and systemd decides.
const REBUILDS_MAX: usize = 5;
/// See [`REBUILDS_MAX`].
const REBUILD_WINDOW: Duration = Duration::from_secs(600);
/// Wait before the clients are built anew where a right is missing.
const WHILE_NOT_ALLOWED: Duration = Duration::from_secs(15);
/// A fence this soon after another of the same name is doubted at the least: two processes that fence each other wait longer
/// each time.
const SOON_MIN: Duration = Duration::from_secs(60);
/// How often lags are looked at.
const LAG_INTERVAL: Duration = Duration::from_secs(1);

/// What wakes the Kafka thread.
#[derive(Debug)]
pub enum Wake {
    /// A queue of librdkafka has become non-empty.
    Arrived,
    /// The engine has answered.
    Answers(JobAnswers),
    /// A reload: in force from the next batch on.
    Ruling(Arc<Ruling>),
    /// What the leader says: in force from the next batch on.
    StageMap(Arc<FollowedMap>),
    /// Finish what is in flight, at most until the drain deadline, then end.
    Stop,
}

/// The queue of wake-ups.
pub fn wakes() -> (SyncSender<Wake>, Receiver<Wake>) {
    sync_channel(WAKES_MAX)
}

/// How the thread ended.
#[derive(Debug, thiserror::Error)]
pub enum ThreadEnd {
    /// The brokers, or our clients, failed more often than is bearable: systemd may try again.
    #[error("{0}")]
    Temporary(String),
    /// Another process uses the same transactional id and group instance id.
    #[error(
        "{0}. Another process is in the group with the same kafka.instance_id, and lives. hint: `kafka.instance_id` must be \
         unique in the group"
    )]
    Fenced(String),
    /// Only a person can say what is right.
    #[error("{0}")]
    Refused(String),
}

/// What the thread is made with.
pub struct ThreadOptions {
    /// Brokers, topics, group.
    pub kafka: KafkaSettings,
    /// Batches, buffers, view.
    pub triage: TriageSettings,
    /// Deadline of the model.
    pub model_deadline: Duration,
    /// How records become tickets.
    pub intake: Arc<IntakeSettings>,
    /// What is in force.
    pub in_force: InForce,
    /// Lease and halts.
    pub standing: Arc<Standing>,
    /// The engine.
    pub engine: Engine,
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Health.
    pub health: Arc<Health>,
    /// Clock.
    pub clock: Clock,
    /// Sender of wake-ups, for librdkafka's callbacks.
    pub waker: SyncSender<Wake>,
    /// Receiver of wake-ups.
    pub wakes: Receiver<Wake>,
    /// Whether the process is to end: remembered over the life of the clients.
    pub stopping: bool,
}

/// Runs until it is stopped or cannot go on. Call it on a thread of its own.
///
/// # Errors
/// Why it cannot go on.
pub fn run(mut options: ThreadOptions) -> Result<(), ThreadEnd> {
    let batch_ids = AtomicU64::new(1);
    let mut rebuilds = Rebuilds::default();
    loop {
        match session(&mut options, &batch_ids) {
            Ok(()) => return Ok(()),
            Err(fault) => {
                options.health.group_left();
                if options.stopping {
                    tracing::warn!(%fault, "stopping without the batches in flight: the next start reads them again");
                    return Ok(());
                }
                if let Fault::Abort { .. } = fault {
                    options.health.commit_failed(&fault.to_string());
                }
                let Rebuild { wait, is_doubtful } = rebuilds.after(&fault, options.kafka.session_timeout)?;
                if is_doubtful {
                    match ask_who_else(&mut options) {
                        None => return Ok(()),
                        Some(Namesake::Lives) => return Err(ThreadEnd::Fenced(fault.to_string())),
                        Some(Namesake::None | Namesake::Unknown) => rebuilds.has_asked(&fault, Instant::now()),
                    }
                }
                tracing::error!(%fault, wait_ms = wait.as_millis(), "building the kafka clients anew");
                options.metrics.rebuilt();
                if wait_for_stop(&mut options, wait) {
                    return Ok(());
                }
            }
        }
    }
}

/// One life of the clients.
fn session(options: &mut ThreadOptions, batch_ids: &AtomicU64) -> Result<(), Fault> {
    let waker = options.waker.clone();
    let health = Arc::clone(&options.health);
    let told = Arc::clone(&options.health);
    let arrived = Arc::new(AtomicBool::new(false));
    let rings = Arc::clone(&arrived);
    let log = KafkaLog::open(SessionOptions {
        kafka: options.kafka.clone(),
        triage: options.triage,
        clock: options.clock.clone(),
        wake: Arc::new(move || {
            // One at a time: the queue must have room for a stop and a reload while nobody empties it.
            if !rings.swap(true, Ordering::AcqRel) {
                match waker.try_send(Wake::Arrived) {
                    // A full queue wakes the thread as well.
                    Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
                }
            }
        }),
        beat: Arc::new(move || health.kafka_thread_beats()),
        waiting: Arc::new(move |what| told.brokers_keep_us_waiting(what)),
    })?;
    let mut triage = Triage::new(
        log,
        &options.engine,
        &options.metrics,
        batch_ids,
        TriageOptions {
            settings: options.triage,
            model_deadline: options.model_deadline,
            intake: Arc::clone(&options.intake),
            ruling: options.in_force.ruling(),
            origin: Origin {
                topic: options.kafka.topics.tickets.clone(),
                instance: options.kafka.instance_id.clone(),
                // Of these clients, not of the process: a checker tells by it what each of them has written.
                start_ms: options.clock.operating_now().0,
                lease_ms_needed: i64::try_from(options.kafka.lease_needed().as_millis()).unwrap_or(i64::MAX),
            },
            view: ViewLimits {
                window_ms: i64::try_from(options.triage.view_window.as_millis()).unwrap_or(i64::MAX),
                records_max: options.triage.view_records_max,
                storm_window_ms: options.in_force.ruling.policy.storm.window_ms,
            },
            standing: Arc::clone(&options.standing),
        },
    );
    let mut drain_until: Option<Instant> = None;
    let mut lags_at = Instant::now();
    loop {
        options.health.kafka_thread_beats();
        let progress = triage.step()?;
        options.health.brokers_answer();
        report(&triage, &options.health);
        if lags_at.elapsed() >= LAG_INTERVAL {
            lags_at = Instant::now();
            options.metrics.lags(&triage.lags());
        }
        if let Some(until) = drain_until {
            if triage.is_drained() {
                return Ok(());
            }
            if Instant::now() >= until {
                tracing::warn!("the drain deadline has passed: batches in flight are left to the next start");
                return Ok(());
            }
        }
        let mut wake = match progress {
            Progress::Some => options.wakes.try_recv().ok(),
            Progress::Idle(longest) => options.wakes.recv_timeout(longest).ok(),
        };
        while let Some(woken) = wake {
            match woken {
                Wake::Arrived => arrived.store(false, Ordering::Release),
                Wake::Answers(answers) => triage.take_answers(answers),
                Wake::Ruling(ruling) => triage.set_ruling(options.in_force.take_over(Change::Ruling(ruling))),
                Wake::StageMap(map) => triage.set_ruling(options.in_force.take_over(Change::StageMap(map))),
                Wake::Stop => {
                    options.stopping = true;
                    options.health.draining();
                    triage.drain();
                    drain_until = Some(Instant::now() + options.triage.drain_deadline);
                }
            }
            wake = options.wakes.try_recv().ok();
        }
    }
}

fn report(triage: &Triage<'_, KafkaLog>, health: &Health) {
    match triage.owned() {
        Some(owned) => health.group_joined(owned),
        None => health.group_left(),
    }
    match triage.commit_problem() {
        Some(why) => health.commit_failed(why),
        None if triage.has_committed() => health.commit_succeeded(),
        // Nothing was tried yet: what the clients before these met still holds.
        None => {}
    }
}

/// Waits between two lives; `true` when the process is to stop.
fn wait_for_stop(options: &mut ThreadOptions, wait: Duration) -> bool {
    let until = Instant::now() + wait;
    loop {
        options.health.kafka_thread_beats();
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        match options.wakes.recv_timeout(left.min(Duration::from_millis(500))) {
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return true,
            Ok(Wake::Ruling(ruling)) => drop(options.in_force.take_over(Change::Ruling(ruling))),
            Ok(Wake::StageMap(map)) => drop(options.in_force.take_over(Change::StageMap(map))),
            Ok(Wake::Arrived | Wake::Answers(_)) | Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Asks the group whether another process is in it under our name; `None`: the process is to stop.
fn ask_who_else(options: &mut ThreadOptions) -> Option<Namesake> {
    tracing::warn!("fenced again: asking whether another process is in the group with our kafka.instance_id");
    options.health.brokers_keep_us_waiting("who else is in the group with our kafka.instance_id");
    let kafka = options.kafka.clone();
    let namesake = namesake::ask(&kafka, |wait| wait_for_stop(options, wait))?;
    tracing::warn!(?namesake, "asked whether another process has our kafka.instance_id");
    Some(namesake)
}

/// How the clients are built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rebuild {
    wait: Duration,
    /// Whether another process may have our name: ask before.
    is_doubtful: bool,
}

/// How often the clients were built anew, and whether they may be once more.
#[derive(Debug, Default)]
struct Rebuilds {
    times: VecDeque<Instant>,
    fenced_at: HashMap<FencedName, Instant>,
}

impl Rebuilds {
    /// Being fenced once may be our own doing: a transaction of ours that timed out; or a coordinator that died, or hung for
    /// longer than a session, after it had given our `kafka.instance_id` a new member id, and before it told us. Being
    /// fenced again of the same name soon afterwards may be a second process, or two outages in a row: the group knows.
    /// Per name: one outage may do both.
    fn after(&mut self, fault: &Fault, session_timeout: Duration) -> Result<Rebuild, ThreadEnd> {
        let now = Instant::now();
        let mut is_doubtful = false;
        match fault {
            Fault::Refused(what) => return Err(ThreadEnd::Refused(what.clone())),
            Fault::Fenced { name, .. } => {
                let before = self.fenced_at.insert(*name, now);
                let soon = (session_timeout * 2).max(SOON_MIN);
                is_doubtful = before.is_some_and(|before| now.duration_since(before) <= soon);
            }
            // Somebody has to grant something: waited for without a limit, and said at every try and by `/readyz`.
            Fault::Abort { cause: AbortCause::Authorisation, .. } => {
                return Ok(Rebuild { wait: WHILE_NOT_ALLOWED, is_doubtful });
            }
            Fault::Retry(_) | Fault::Abort { .. } | Fault::Fatal(_) => {}
        }
        while self.times.front().is_some_and(|time| now.duration_since(*time) > REBUILD_WINDOW) {
            self.times.pop_front();
        }
        if self.times.len() >= REBUILDS_MAX {
            return Err(ThreadEnd::Temporary(format!(
                "{fault}: the kafka clients were built anew {REBUILDS_MAX} times in {} minutes",
                REBUILD_WINDOW.as_secs() / 60
            )));
        }
        self.times.push_back(now);
        Ok(Rebuild { wait: Duration::from_millis(500 * (1 << self.times.len().min(5))), is_doubtful })
    }

    /// The group was asked after this fence, which takes a while: what comes soon comes soon after that.
    fn has_asked(&mut self, fault: &Fault, now: Instant) {
        if let Fault::Fenced { name, .. } = fault {
            self.fenced_at.insert(*name, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Duration = Duration::from_secs(15);

    #[test]
    fn one_fence_is_taken_for_our_own_doing_and_after_a_second_soon_afterwards_the_group_is_asked() {
        for name in [FencedName::TransactionalId, FencedName::InstanceId] {
            let mut rebuilds = Rebuilds::default();
            let fence = Fault::Fenced { what: "commit_transaction".into(), name };
            assert!(!rebuilds.after(&fence, SESSION).unwrap().is_doubtful);
            assert!(rebuilds.after(&fence, SESSION).unwrap().is_doubtful);
        }
    }

    #[test]
    fn one_outage_that_takes_both_names_is_our_own_doing() {
        let mut rebuilds = Rebuilds::default();
        for name in [FencedName::TransactionalId, FencedName::InstanceId] {
            let fence = Fault::Fenced { what: "poll".into(), name };
            assert!(!rebuilds.after(&fence, SESSION).unwrap().is_doubtful);
        }
    }

    #[test]
    fn clients_are_built_anew_five_times_and_not_six() {
        let mut rebuilds = Rebuilds::default();
        let fault = Fault::Fatal("broker away".into());
        for _ in 0..REBUILDS_MAX {
            assert!(rebuilds.after(&fault, SESSION).is_ok());
        }
        assert!(matches!(rebuilds.after(&fault, SESSION), Err(ThreadEnd::Temporary(_))));
    }

    #[test]
    fn a_missing_right_is_waited_for_without_a_limit() {
        let mut rebuilds = Rebuilds::default();
        let fault = Fault::Abort { what: "denied".into(), cause: AbortCause::Authorisation };
        for _ in 0..REBUILDS_MAX * 3 {
            assert_eq!(rebuilds.after(&fault, SESSION).unwrap().wait, WHILE_NOT_ALLOWED);
        }
    }

    #[test]
    fn what_only_a_person_can_decide_is_not_tried_again() {
        let mut rebuilds = Rebuilds::default();
        assert!(matches!(rebuilds.after(&Fault::Refused("torn".into()), SESSION), Err(ThreadEnd::Refused(_))));
    }
}
