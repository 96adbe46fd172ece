//! The loop on its bench: a broker in memory, engines, and instances that a test steps by hand.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crate::clock::Clock;
use crate::config::settings::TriageSettings;
use crate::daemon::outputs::Origin;
use crate::daemon::standing::Standing;
use crate::daemon::triage::{Progress, Triage, TriageOptions};
use crate::domain::digest::Digest;
use crate::domain::stage::{Share, Stage};
use crate::inference::engine::JobAnswers;
use crate::kafka::fault::Fault;
use crate::metrics::Metrics;
use crate::policy::recent_view::ViewLimits;
use crate::policy::ruling::{DrawKey, Policy, Ruling, StageMap};
use crate::policy::view::WindowState;
use crate::wire::intake::IntakeSettings;

use super::broker::{Broker, Shared};
use super::memory_log::{GroupEvent, MemoryLog};
use super::model::{TestEngine, identity};
use super::{DEADLINE, TOPIC};

/// All instances count into the same metrics: no test reads them.
static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

pub(super) fn settings(batch_records_max: usize) -> TriageSettings {
    TriageSettings {
        batch_records_max,
        batch_wait: Duration::from_millis(20),
        buffer_records_max: 4_000,
        buffer_bytes_max: 64 << 20,
        drain_deadline: Duration::from_secs(20),
        view_window: Duration::from_hours(24),
        view_records_max: 200_000,
        view_rebuild_deadline: Duration::from_mins(1),
    }
}

/// A ruling in which nothing but the ticket decides: caps and storms far away.
pub(super) fn ruling(stage: Stage) -> Arc<Ruling> {
    let mut policy = Policy::default_for_tests();
    policy.caps.actions_per_hour_max = 1_000_000;
    policy.caps.arrivals_share_max = 1_000_000.0;
    policy.storm.tickets_max = 1_000_000;
    policy.draw_rates.evidence_shadow = crate::policy::ruling::EvidenceRate::Fixed(0.5);
    let shares = [Share::try_new(0.8).unwrap(), Share::try_new(0.5).unwrap()];
    let stage_map = StageMap::fixed(&policy.slices, stage, shares);
    Arc::new(Ruling {
        policy: Arc::new(policy),
        stage_map: Arc::new(stage_map),
        acting: identity(),
        is_demo: false,
        config_digest: Digest::default(),
        draw_key: DrawKey([9; 16]),
    })
}

/// One process: an engine that outlives the clients, as in the daemon.
pub(super) struct Process {
    pub(super) engine: TestEngine,
    batch_ids: AtomicU64,
}

impl Process {
    pub(super) fn new() -> Self {
        Self { engine: TestEngine::start(), batch_ids: AtomicU64::new(1) }
    }
}

/// What every instance on a bench is started with.
#[derive(Clone)]
pub(super) struct Setup {
    pub(super) settings: TriageSettings,
    pub(super) ruling: Arc<Ruling>,
    pub(super) intake: Arc<IntakeSettings>,
    pub(super) rng: Option<fastrand::Rng>,
    pub(super) standing: Arc<Standing>,
}

impl Setup {
    pub(super) fn new(stage: Stage, batch_records_max: usize) -> Self {
        let intake = IntakeSettings {
            own_user: Some("noctriage".into()),
            machine_users: ["monitoring".to_owned()].into(),
            ..IntakeSettings::default()
        };
        Self {
            settings: settings(batch_records_max),
            ruling: ruling(stage),
            intake: Arc::new(intake),
            rng: None,
            standing: Arc::new(Standing::fixed(Clock::Real)),
        }
    }
}

/// One life of the clients of a process.
pub(super) struct Life<'process> {
    pub(super) triage: Triage<'process, MemoryLog>,
    process: &'process Process,
    /// Answers that have not been handed to the loop.
    pub(super) answers: VecDeque<JobAnswers>,
    jobs_seen: u64,
}

impl<'process> Life<'process> {
    pub(super) fn start(broker: &Shared, process: &'process Process, member: usize, setup: &Setup) -> Self {
        let log = MemoryLog::open(broker, member, setup.rng.clone());
        let triage = Triage::new(
            log,
            &process.engine.engine,
            &METRICS,
            &process.batch_ids,
            TriageOptions {
                settings: setup.settings,
                model_deadline: DEADLINE,
                intake: Arc::clone(&setup.intake),
                ruling: Arc::clone(&setup.ruling),
                origin: Origin {
                    topic: TOPIC.into(),
                    instance: format!("member-{member}"),
                    start_ms: broker.borrow().now().0 + broker.borrow().transactions as i64,
                    lease_ms_needed: 40_000,
                },
                view: ViewLimits { window_ms: 86_400_000, records_max: 200_000, storm_window_ms: 1_800_000 },
                standing: Arc::clone(&setup.standing),
            },
        );
        Self { triage, process, answers: VecDeque::new(), jobs_seen: 0 }
    }

    /// One round, after which the engine has answered everything it was handed. The answers are not in yet.
    pub(super) fn step(&mut self) -> Result<Progress, Fault> {
        let progress = self.triage.step();
        let jobs = self.process.batch_ids.load(std::sync::atomic::Ordering::SeqCst);
        if jobs != self.jobs_seen {
            self.jobs_seen = jobs;
            self.answers.extend(self.process.engine.settle());
        }
        progress
    }

    /// Hands in answers until the oldest batch has its own, and no more.
    pub(super) fn answer_oldest(&mut self) {
        while !self.triage.is_ready()
            && let Some(answers) = self.answers.pop_front()
        {
            self.triage.take_answers(answers);
        }
    }

    /// Hands in all answers there are.
    pub(super) fn answer(&mut self) {
        for answers in self.answers.drain(..) {
            self.triage.take_answers(answers);
        }
    }
}

/// Gives partitions to members, as a finished rebalance does.
pub(super) fn rebalance(broker: &Shared, lives: &mut [Option<Life<'_>>], owners: &[Option<usize>]) {
    {
        let mut broker = broker.borrow_mut();
        broker.owners = owners.to_vec();
        broker.generation += 1;
    }
    for (member, life) in lives.iter_mut().enumerate() {
        let Some(life) = life else { continue };
        let log = life.triage.log_mut();
        let had = log.owned();
        if !had.is_empty() {
            log.tell(GroupEvent::Revoked(had));
        }
        let gets = (0..owners.len() as i32).filter(|partition| owners[*partition as usize] == Some(member)).collect();
        log.tell(GroupEvent::Assigned(gets, WindowState::Whole));
    }
}

/// One broker and one process with one life that owns everything: enough for most tests.
pub(super) struct Bench {
    pub(super) broker: Shared,
    pub(super) process: Process,
    pub(super) setup: Setup,
}

impl Bench {
    pub(super) fn new(partitions: usize, stage: Stage, batch_records_max: usize) -> Self {
        Self { broker: Broker::new(partitions), process: Process::new(), setup: Setup::new(stage, batch_records_max) }
    }

    /// Starts the clients and joins the group.
    pub(super) fn start(&self) -> Life<'_> {
        let mut lives = [Some(Life::start(&self.broker, &self.process, 0, &self.setup))];
        let owners = vec![Some(0); self.broker.borrow().inputs.len()];
        rebalance(&self.broker, &mut lives, &owners);
        let [life] = lives;
        life.expect("started above")
    }

    /// Steps until every record is passed, building the clients anew after a fault as the Kafka thread does.
    #[track_caller]
    pub(super) fn run(&self) {
        let mut life = self.start();
        self.finish(&mut life);
    }

    /// The same, going on with a life.
    #[track_caller]
    pub(super) fn finish<'bench>(&'bench self, life: &mut Life<'bench>) {
        for _ in 0..ROUNDS_MAX {
            life.answer();
            match life.step() {
                Ok(Progress::Some) => {}
                Ok(Progress::Idle(_)) if self.broker.borrow().is_done() => return,
                Ok(Progress::Idle(time)) => self.broker.borrow().advance(time),
                Err(_) => *life = self.start(),
            }
        }
        panic!("not done after {ROUNDS_MAX} rounds");
    }
}

/// Rounds after which a run that has not ended hangs.
const ROUNDS_MAX: usize = 20_000;
