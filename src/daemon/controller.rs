//! The controller's thread: a member of the group in which one instance leads. Who leads plans and writes; who does not
//! waits to be assigned. Whatever ends a term, the membership ends with it: another instance is elected at once, and this
//! one joins again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::settings::KafkaSettings;
use crate::domain::digest::Digest;
use crate::kafka::fault::Fault;
use crate::kafka::leadership::{Leadership, LeadershipEvent};
use crate::notify::Notifier;
use crate::rollout::decision::ModelKey;
use crate::rollout::plan::WhyNot;
use crate::rollout::spec::RolloutSpec;

use super::announcing::Announcer;
use super::inquiry::{Candidates, Inquirer, Question};
use super::leading::Leading;
use super::term::{Term, TermEnd};

/// Longest wait for something to happen in the group.
const POLL: Duration = Duration::from_millis(200);
/// Wait before the group is joined again: whoever was elected instead must have time to begin.
const BEFORE_NEXT_MEMBERSHIP: Duration = Duration::from_secs(3);
/// Between two steps of a leader that has more to do at once, and between a request and its answer.
const BETWEEN_STEPS: Duration = Duration::from_millis(500);

/// What the configuration in force says here; a reload replaces it.
#[derive(Clone, Debug)]
pub struct Declared {
    /// What gates and plan read.
    pub spec: Arc<RolloutSpec>,
    /// Digest of all that decides eligibility.
    pub eligibility_digest: Digest,
}

/// What the thread is made with.
pub struct ControllerOptions {
    /// Brokers, topics, group.
    pub kafka: KafkaSettings,
    /// How long a lease is.
    pub lease: Duration,
    /// How often it is renewed.
    pub renew: Duration,
    /// Clock. Desk time is operating time: the controller runs at real desks.
    pub clock: Clock,
    /// What is declared.
    pub declared: Arc<ArcSwap<Declared>>,
    /// The model that the configuration names as acting.
    pub configured: Arc<ModelKey>,
    /// The others that are loaded.
    pub candidates: Vec<Arc<ModelKey>>,
    /// The evidence.
    pub inquirer: Inquirer,
    /// Where people are told.
    pub notifier: Arc<Notifier>,
    /// Whether this instance leads: what screens and metrics of the leader go by.
    pub leading: Arc<Leading>,
    /// Set when the process is to end.
    pub stop: Arc<AtomicBool>,
}

/// Joins, leads where it is elected, and joins again, until it is stopped.
pub fn run(options: &ControllerOptions) {
    let _ends = Ends(&options.leading);
    while !is_stopped(options) {
        let end = membership(options);
        options.leading.ends();
        match end {
            Ok(()) => return,
            Err(end) => tracing::warn!(%end, "this instance leads no more, and joins again"),
        }
        let until = Instant::now() + BEFORE_NEXT_MEMBERSHIP;
        while Instant::now() < until && !is_stopped(options) {
            std::thread::sleep(POLL);
        }
    }
}

/// However the thread ends, by a defect too, this instance leads no more.
struct Ends<'thread>(&'thread Leading);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.ends();
    }
}

fn is_stopped(options: &ControllerOptions) -> bool {
    options.stop.load(Ordering::Acquire)
}

/// One membership of the group, with at most one term after another.
fn membership(options: &ControllerOptions) -> Result<(), TermEnd> {
    let mut leadership = Leadership::join(&options.kafka).map_err(TermEnd::Refused)?;
    let mut reign: Option<Reign> = None;
    while !is_stopped(options) {
        let wait = reign.as_ref().map_or(POLL, |reign| reign.due.saturating_duration_since(Instant::now()).min(POLL));
        let has_room = reign.as_ref().is_none_or(|reign| reign.term.has_room());
        if has_room && let Some(event) = next(&mut leadership, wait)? {
            match event {
                LeadershipEvent::Elected => {
                    let now = options.clock.operating_now();
                    let term = Term::begin(&mut leadership, &options.kafka, options.lease, now)?;
                    options.leading.begins();
                    let announcer = Announcer::new(Arc::clone(&options.notifier));
                    reign = Some(Reign { term, due: Instant::now(), said: None, announcer });
                }
                LeadershipEvent::Deposed => {
                    tracing::info!("another instance leads");
                    leadership.step_down();
                    options.leading.ends();
                    reign = None;
                }
                LeadershipEvent::Request { offset, record } => {
                    if let Some(reign) = &mut reign {
                        if let Some(taken) = reign.term.take(offset, &record) {
                            reign.announcer.requested(&taken, reign.term.state().revision);
                        }
                        reign.hurry();
                    }
                }
            }
            continue;
        }
        if let Some(reign) = reign.as_mut().filter(|reign| reign.due <= Instant::now()) {
            reign.step(&leadership, options)?;
        }
    }
    Ok(())
}

fn next(leadership: &mut Leadership, wait: Duration) -> Result<Option<LeadershipEvent>, TermEnd> {
    leadership.next(wait).map_err(|fault: Fault| TermEnd::Refused(fault))
}

/// A term and when it steps next.
struct Reign {
    term: Term,
    due: Instant,
    /// What was last said of why the lease is not renewed.
    said: Option<String>,
    announcer: Announcer,
}

impl Reign {
    /// Somebody waits: not until the next renewal.
    fn hurry(&mut self) {
        if self.term.has_requests() {
            self.due = self.due.min(Instant::now() + BETWEEN_STEPS);
        }
    }

    fn step(&mut self, leadership: &Leadership, options: &ControllerOptions) -> Result<(), TermEnd> {
        self.term.look()?;
        let declared = options.declared.load_full();
        let now = options.clock.operating_now();
        let question = Question {
            state: self.term.state().clone(),
            spec: Arc::clone(&declared.spec),
            configured: Arc::clone(&options.configured),
            candidates: Candidates { models: options.candidates.clone(), are_read: self.term.is_switch_asked() },
            eligibility_digest: declared.eligibility_digest,
            now,
        };
        let answered = options.inquirer.ask(question, || is_stopped(options));
        let done = self.term.step(leadership, &answered, &declared.spec, now)?;
        let evaluation = answered.evaluation.as_ref().ok();
        self.announcer.stepped(done.transition.as_ref(), evaluation, self.term.state(), &declared.spec, now);
        self.say(done.renewal.as_ref().err(), &options.leading);
        let wait = if done.has_more { BETWEEN_STEPS } else { options.renew };
        self.due = Instant::now() + wait;
        Ok(())
    }

    /// Says once why the lease is not renewed, and once that it is again.
    fn say(&mut self, why_not: Option<&WhyNot>, leading: &Leading) {
        let why_not = why_not.map(ToString::to_string);
        leading.says(why_not.clone());
        if why_not != self.said {
            if let Some(why_not) = &why_not {
                tracing::warn!(why_not, "the lease is not renewed");
            } else {
                tracing::info!("the lease is renewed");
            }
            self.said = why_not;
        }
    }
}
