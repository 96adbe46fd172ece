//! The thread that follows `control` and `rollout`: every instance has it, whoever leads. It writes what triage looks at
//! (halts, lease) and tells it of the stage map. It decides nothing and writes nothing but its acknowledgement.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::config::settings::{KafkaSettings, RolloutMode};
use crate::kafka::control_tail::{Followed, TailFault, TopicTail};
use crate::rollout::control::{ControlRecord, HaltScope, Halts};
use crate::rollout::lease::LeaseView;
use crate::rollout::state::RolloutState;
use crate::wire::checkpoint::Checkpoints;
use crate::wire::control;
use crate::wire::intake::RawRecord;
use crate::wire::rollout::{LEASE_KEY, LeaseRecord, MAP_KEY, MapRecord, RolloutFault};

use super::in_force::FollowedMap;
use super::standing::{Leader, Standing};
use super::thread::Wake;

/// Longest wait for something in `control`: a halt is in force so long after the broker has it, at most.
const POLL: Duration = Duration::from_millis(25);
/// How often the end of `rollout` is looked at. So much shorter is the lease, at most, than the leader means it to be.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Wait before the clients are made anew.
const BEFORE_NEXT_LIFE: Duration = Duration::from_secs(1);
/// The same where there is no topic to follow.
const WHILE_MISSING: Duration = Duration::from_secs(10);

/// What the follower is made with.
pub struct FollowerOptions {
    /// Brokers and topics.
    pub kafka: KafkaSettings,
    /// Whether there is a rollout to follow.
    pub mode: RolloutMode,
    /// Clock.
    pub clock: Clock,
    /// What triage looks at.
    pub standing: Arc<Standing>,
    /// Sender of wake-ups of the Kafka thread.
    pub waker: SyncSender<Wake>,
    /// Set when the process is to end.
    pub stop: Arc<AtomicBool>,
}

/// Follows until it is stopped; brokers that are away are waited for without a limit. What stood before goes on to stand
/// meanwhile: halts stay, and the lease runs out.
pub fn run(options: &FollowerOptions) {
    let _ends = Ends(&options.standing);
    let mut lease = LeaseView::default();
    let mut said = None;
    while !options.stop.load(Ordering::Acquire) {
        let wait = match Following::open(options).and_then(|mut following| following.run(&mut lease)) {
            Ok(()) => return,
            Err(TailFault::Missing(topic)) if options.mode == RolloutMode::Fixed => {
                // Nobody can have halted anything in a topic that was never there; what was heard of before stays.
                if options.standing.halts().is_none() {
                    options.standing.set_halts(Halts::default());
                }
                say(&mut said, format!("topic {topic} does not exist: automatic actions can be halted by file alone"));
                WHILE_MISSING
            }
            Err(fault @ (TailFault::Missing(_) | TailFault::Failed(_))) => {
                say(&mut said, format!("{fault}; halts stay as they are, the lease runs out"));
                BEFORE_NEXT_LIFE
            }
        };
        let until = Instant::now() + wait;
        while Instant::now() < until && !options.stop.load(Ordering::Acquire) {
            std::thread::sleep(POLL);
        }
    }
}

/// However the thread ends, by a defect too, nothing is automatic without it: halts would not be heard.
struct Ends<'thread>(&'thread Standing);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.forget();
    }
}

/// Says what is in the way, once.
fn say(said: &mut Option<String>, what: String) {
    if said.as_ref() != Some(&what) {
        tracing::warn!(what, "following control and rollout");
        *said = Some(what);
    }
}

/// One life of the clients.
struct Following<'thread> {
    options: &'thread FollowerOptions,
    control: TopicTail,
    rollout: Option<TopicTail>,
    /// As far as `control` is read.
    halts: Halts,
    /// Next offset of `control`.
    next_offset: i64,
    /// Whether the end of `control` was met.
    is_known: bool,
    acknowledged: Option<i64>,
    /// The newest map that was read, until the end is met: older ones are history, and must not be in force for a moment.
    map: Option<Vec<u8>>,
    checkpoints: Checkpoints,
    is_map_known: bool,
    /// Whether the newest map cannot be read here: what is in force is older than what the leader permits.
    is_map_unreadable: bool,
    looked_at: Option<Instant>,
}

impl<'thread> Following<'thread> {
    fn open(options: &'thread FollowerOptions) -> Result<Self, TailFault> {
        let topics = &options.kafka.topics;
        let rollout = match options.mode {
            RolloutMode::Fixed => None,
            RolloutMode::Earned => Some(TopicTail::follow(&options.kafka, &topics.rollout)?),
        };
        Ok(Self {
            options,
            control: TopicTail::follow(&options.kafka, &topics.control)?,
            rollout,
            halts: Halts::default(),
            next_offset: 0,
            is_known: false,
            acknowledged: None,
            map: None,
            checkpoints: Checkpoints::default(),
            is_map_known: false,
            is_map_unreadable: false,
            looked_at: None,
        })
    }

    fn run(&mut self, lease: &mut LeaseView) -> Result<(), TailFault> {
        while !self.options.stop.load(Ordering::Acquire) {
            self.follow_control()?;
            self.look(lease);
            self.follow_rollout(lease)?;
        }
        Ok(())
    }

    fn follow_control(&mut self) -> Result<(), TailFault> {
        let mut wait = POLL;
        while let Some(followed) = self.control.next(wait)? {
            wait = Duration::ZERO;
            match followed {
                Followed::Record { offset, record } => self.take_request(offset, &record),
                Followed::End => self.is_known = true,
            }
            if self.is_known {
                self.publish_halts();
            }
        }
        Ok(())
    }

    fn take_request(&mut self, offset: i64, record: &RawRecord) {
        self.next_offset = offset + 1;
        match control::read(record.value.as_deref()) {
            Ok(request) => {
                let appended_at = record.timestamp.unwrap_or_default();
                self.halts.read(&ControlRecord { offset, appended_at, request });
            }
            Err(fault) => {
                tracing::error!(topic = self.control.topic(), offset, %fault, "a record that asks for nothing; passed over");
            }
        }
    }

    /// What is halted is in force before anybody is told that it is.
    fn publish_halts(&mut self) {
        let standing = &self.options.standing;
        let before = standing.halts();
        if before.as_deref() != Some(&self.halts) {
            let shown = |halts: &Halts| halts.in_force().map(|(scope, _)| shown(scope)).collect::<Vec<_>>().join(", ");
            let (was, is) = (before.as_deref().map(shown), shown(&self.halts));
            if was.as_ref() != Some(&is) {
                match is.as_str() {
                    "" => tracing::info!("no automatic action is halted"),
                    halted => tracing::warn!(halted, "automatic actions are halted until a person resumes"),
                }
            }
            standing.set_halts(self.halts.clone());
        }
        if self.acknowledged != Some(self.next_offset) {
            // A halt is in force whether or not anybody can be told; it is told again with the next record or end.
            match self.control.acknowledge(self.next_offset) {
                Ok(()) => self.acknowledged = Some(self.next_offset),
                Err(fault) => tracing::warn!(%fault, "control cannot be acknowledged"),
            }
        }
    }

    /// The clock is read before the broker is asked: see [`LeaseView`].
    fn look(&mut self, lease: &mut LeaseView) {
        let Some(rollout) = &self.rollout else { return };
        if self.looked_at.is_some_and(|looked_at| looked_at.elapsed() < BETWEEN_LOOKS) {
            return;
        }
        let begun_ms = self.options.clock.boot_ms();
        // No lease for who would not hear of a halt.
        let ends = self.control.ends().and_then(|_| rollout.ends());
        self.looked_at = Some(Instant::now());
        // The lease is not extended, and runs out; halts are heard between two questions.
        let Ok((_, end)) =
            ends.inspect_err(|fault| tracing::warn!(%fault, "the ends of control and rollout cannot be asked for"))
        else {
            return;
        };
        lease.look(begun_ms, end);
        self.publish_lease(lease);
    }

    fn follow_rollout(&mut self, lease: &mut LeaseView) -> Result<(), TailFault> {
        loop {
            let Some(rollout) = &self.rollout else { return Ok(()) };
            match rollout.next(Duration::ZERO)? {
                None => return Ok(()),
                Some(Followed::End) => {
                    self.is_map_known = true;
                    self.publish_map();
                }
                Some(Followed::Record { offset, record }) => self.take_rollout(lease, offset, record),
            }
        }
    }

    fn take_rollout(&mut self, lease: &mut LeaseView, offset: i64, record: RawRecord) {
        let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        match (key, record.value) {
            (Some(LEASE_KEY), Some(value)) => match LeaseRecord::read(&value) {
                Ok(renewal) => {
                    lease.renewal(offset, renewal.length_ms);
                    self.publish_lease(lease);
                    self.options.standing.set_leader(Leader {
                        instance: renewal.leader,
                        since: renewal.leading_since.0,
                        revision: renewal.rollout_revision,
                    });
                }
                Err(fault) => tracing::error!(offset, %fault, "a renewal of the lease is passed over"),
            },
            (Some(MAP_KEY), Some(value)) => {
                self.map = Some(value);
                if self.is_map_known {
                    self.publish_map();
                }
            }
            // Of other keys checkpoints alone are kept: they come before the map of their transaction.
            (Some(key), value) => self.checkpoints.take(key, value),
            (None, Some(_) | None) => {}
        }
    }

    /// No lease holds beside a map that cannot be read: the leader may have taken away what the one before permits.
    fn publish_lease(&self, lease: &LeaseView) {
        self.options.standing.set_lease(lease.until_ms().filter(|_| !self.is_map_unreadable));
    }

    /// A map that cannot be read leaves the stages of the one before, without a lease: nothing is automatic until one can be
    /// read. The map comes before the lease in every transaction of a leader.
    fn publish_map(&mut self) {
        let Some(value) = self.map.take() else { return };
        let followed = MapRecord::read(&value).and_then(|record| {
            let acting = record.state.basis.as_ref().map(|basis| &basis.model);
            let acting = acting.map(|model| (model.digest.0, model.calibration_digest.0));
            let stage_map = Arc::new(record.stage_map()?);
            let state = RolloutState::try_from(record.state).map_err(|fault| RolloutFault(fault.to_string()));
            let state =
                state.and_then(|state| Ok(RolloutState { closed: self.checkpoints.closed()?.map(Arc::new), ..state }));
            Ok((FollowedMap { stage_map, acting }, state))
        });
        match followed {
            Ok((followed, state)) => {
                self.is_map_unreadable = false;
                // Screens alone read it: what is permitted stands in the map, and whoever leads reads the state for itself.
                let state =
                    state.inspect_err(|fault| tracing::warn!(%fault, "where the rollout stands cannot be shown"));
                self.options.standing.set_state(state.ok());
                let revision = followed.stage_map.rollout_revision;
                tracing::info!(revision, "the stage map of this revision is in force here");
                if self.options.waker.send(Wake::StageMap(Arc::new(followed))).is_err() {
                    tracing::debug!("the kafka thread has already ended");
                }
            }
            Err(fault) => {
                tracing::error!(%fault, "the stage map cannot be read: nothing is automatic here until one can");
                self.is_map_unreadable = true;
                self.options.standing.set_lease(None);
            }
        }
    }
}

fn shown(scope: &HaltScope) -> String {
    match scope {
        HaltScope::All => "everything".to_owned(),
        HaltScope::Slice(slice) => format!("slice {slice}"),
    }
}
