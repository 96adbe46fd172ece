//! Start and stop order.
//!
//! Up: models (loaded and warm) → Kafka thread (transactions, then group) → ready. Down: the Kafka thread drains and
//! leaves the group, then the engine ends. Whoever starts a service owns its signals and its HTTP.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::admin::board::Board;
use crate::admin::health::Health;
use crate::admin::socket::Obey;
use crate::clock::Clock;
use crate::config::Settings;
use crate::config::settings::RolloutMode;
use crate::domain::digest::Digest;
use crate::domain::prediction::{ModelIdentity, ModelRole};
use crate::domain::stage::{Share, Stage};
use crate::failpoints;
use crate::inference::classifier::{Classifier, ModelInfo};
use crate::inference::engine::{Engine, EngineError, EngineModels};
use crate::inference::fault::LoadError;
use crate::inference::model::{LoadOptions, Strictness, load};
use crate::kafka::patience::SILENCE_MAX;
use crate::metrics::Metrics;
use crate::policy::ruling::{Policy, Ruling, StageMap};

use super::evidence::{EvidenceOptions, EvidenceThread};
use super::in_force::InForce;
use super::inquiry;
use super::rollout_shown::stands;
use super::rollout_threads::{RolloutOptions, RolloutThreads};
use super::standing::Standing;
use super::thread::{self, ThreadEnd, ThreadOptions, Wake, wakes};

/// Silence of the Kafka thread that no longer counts as life: three times what brokers can keep it silent, since a batch
/// is decided, and clients are taken down, without a beat. systemd waits `WatchdogSec` longer.
const STALLED_AFTER: Duration = SILENCE_MAX.saturating_mul(3);

/// Every forward pass computes in this type, whatever the weights are stored in.
const COMPUTED_IN: &str = "f32";

/// Whether tickets are real.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// Real tickets.
    Desk,
    /// The demo: simulated tickets, desk time from them, a demo model may leave shadow.
    Demo,
}

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A model directory cannot be used.
    #[error("the {role} model ({key}) cannot be used")]
    Model {
        /// Which one.
        role: &'static str,
        /// The key that names its directory.
        key: &'static str,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// The engine does not come up.
    #[error("the engine does not start")]
    Engine(#[source] EngineError),
    /// No thread.
    #[error("the kafka thread, or that of evidence, could not be started")]
    Thread(#[source] std::io::Error),
}

/// What a service shows to the outside: it writes, HTTP reads.
#[derive(Clone, Debug)]
pub struct Surfaces {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Health.
    pub health: Arc<Health>,
    /// Where each slice stands.
    pub board: Arc<Board>,
}

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// Metrics.
    pub metrics: Arc<Metrics>,
    /// Health.
    pub health: Arc<Health>,
    /// The models, acting first.
    pub models: Vec<(ModelRole, ModelInfo)>,
    surroundings: Surroundings,
    acting: ModelInfo,
    /// `None` in the demo, which shows its own comparison.
    evidence: Option<EvidenceThread>,
    waker: SyncSender<Wake>,
    thread: Option<JoinHandle<Result<(), ThreadEnd>>>,
    rollout: RolloutThreads,
    standing: Arc<Standing>,
}

/// Nothing can be halted in the demo: its broker has no such topic.
fn standing_of(settings: &Settings, clock: &Clock) -> Standing {
    if settings.kafka.is_mock {
        Standing::fixed(clock.clone())
    } else {
        Standing::new(&settings.rollout, settings.admin.socket.as_deref(), clock.clone())
    }
}

/// Loads all models that the settings name.
///
/// # Errors
/// Which model cannot be used, and why.
pub fn load_models(settings: &Settings) -> Result<EngineModels, StartError> {
    let inference = &settings.inference;
    let one = |role: &'static str, key: &'static str, directory: &Path, root_cause_model: Option<&Path>| {
        let options = LoadOptions { strictness: Strictness::Run, device: inference.device, root_cause_model };
        load(directory, options).map_err(|source| StartError::Model { role, key, source })
    };
    let acting = one("acting", "model.directory", &inference.model, inference.root_cause_model.as_deref())?;
    let baseline = one("baseline", "model.baseline", &inference.baseline, None)?;
    let candidates: Result<Vec<Box<dyn Classifier>>, StartError> =
        inference.candidates.iter().map(|directory| one("candidate", "model.candidates", directory, None)).collect();
    Ok(EngineModels { acting, baseline: Some(baseline), candidates: candidates? })
}

/// What is in force under these settings, with the acting model on this device (`cpu`, `cuda:N`).
pub fn ruling(settings: &Settings, acting: &Arc<ModelIdentity>, device: &str, surroundings: Surroundings) -> Ruling {
    // Numbers in the last digits differ between a CPU and a GPU: what was earned on one does not hold on the other.
    let device_class = device.split(':').next().unwrap_or_default();
    let outside = [settings.eligibility_base.0.as_slice(), COMPUTED_IN.as_bytes(), device_class.as_bytes()];
    let policy = Policy::clone(&settings.policy).sealed(Digest::of_parts(outside));
    let slices = &settings.policy.slices;
    let stage_map = match settings.rollout.mode {
        RolloutMode::Fixed => StageMap::fixed(slices, settings.rollout.fixed_stage, settings.rollout.shares),
        // Until the leader says otherwise.
        RolloutMode::Earned => StageMap::fixed(slices, Stage::Shadow, [Share::ZERO; 2]),
    };
    Ruling {
        policy: Arc::new(policy),
        stage_map: Arc::new(stage_map),
        acting: Arc::clone(acting),
        is_demo: surroundings == Surroundings::Demo,
        config_digest: settings.config_digest,
        draw_key: settings.draw_key,
    }
}

impl Service {
    /// What a service that is about to start will show.
    pub fn prepare(clock: &Clock) -> Surfaces {
        let stalled_after_ms = i64::try_from(STALLED_AFTER.as_millis()).unwrap_or(i64::MAX);
        let health = Arc::new(Health::new(clock.clone(), stalled_after_ms));
        Surfaces { metrics: Arc::new(Metrics::new()), health, board: Arc::default() }
    }

    /// Warms the models up, then starts the Kafka thread. Blocks while models warm up.
    ///
    /// # Errors
    /// A model that fails on its own limit, or no thread.
    pub fn start(
        settings: &Settings,
        models: EngineModels,
        surroundings: Surroundings,
        clock: &Clock,
        Surfaces { metrics, health, board }: Surfaces,
    ) -> Result<Self, StartError> {
        let (waker, received) = wakes();
        let answers = waker.clone();
        let engine_clock = clock.clone();
        let engine = Engine::start(
            models,
            settings.inference.batch_tokens_max,
            Box::new(move || u64::try_from(engine_clock.boot_ms()).unwrap_or_default()),
            Box::new(move |job| {
                // The Kafka thread is gone when this fails, and nobody wants the answers.
                if answers.send(Wake::Answers(job)).is_err() {
                    tracing::debug!("answers without a reader");
                }
            }),
        )
        .map_err(StartError::Engine)?;
        let models = engine.models().to_vec();
        let (_, acting) = models.first().expect("the engine runs at least the acting model");
        let acting = acting.clone();
        let in_force = Arc::new(ruling(settings, &acting.identity, &acting.device, surroundings));
        health.models_are_warm();
        let identities: Vec<(ModelRole, &ModelIdentity)> =
            models.iter().map(|(role, info)| (*role, info.identity.as_ref())).collect();
        metrics.models(&identities);
        metrics.stage_map(&in_force.stage_map, &in_force.policy.draw_rates);
        board.instance(&settings.kafka.instance_id);
        board.stage_map(Arc::clone(&in_force.stage_map));
        board.draw_rates(in_force.policy.draw_rates);
        metrics.config_accepted(&settings.config_digest, clock.operating_now());
        let standing = Arc::new(standing_of(settings, clock));
        let (inquirer, inquiries) = inquiry::line();
        let rollout = RolloutThreads::start(RolloutOptions {
            settings,
            ruling: &in_force,
            models: &models,
            standing: Arc::clone(&standing),
            waker: &waker,
            clock,
            metrics: &metrics,
            inquirer,
        })
        .map_err(StartError::Thread)?;
        let (followed, leading) = (Arc::clone(&standing), rollout.leading());
        board.standing(move |revision| stands(&followed, &leading, revision));
        let leads = rollout.leads(settings.rollout.mode);
        let shared = Arc::new(ArcSwap::new(Arc::clone(&in_force)));
        let evidence = match surroundings {
            Surroundings::Desk if failpoints::fires("evidence_not_read") => None,
            Surroundings::Desk => Some(EvidenceOptions {
                settings: Arc::new(settings.clone()),
                ruling: Arc::clone(&shared),
                clock: clock.clone(),
                board: Arc::clone(&board),
                metrics: Arc::clone(&metrics),
                is_leading: leads,
                standing: Arc::clone(&standing),
                declared: rollout.declared(),
            }),
            Surroundings::Demo => None,
        };
        let options = ThreadOptions {
            kafka: settings.kafka.clone(),
            triage: settings.triage,
            model_deadline: settings.inference.deadline,
            intake: Arc::clone(&settings.intake),
            in_force: InForce {
                ruling: in_force,
                followed: None,
                models: models.iter().map(|(_, info)| Arc::clone(&info.identity)).collect(),
                shown: shared,
                board: Arc::clone(&board),
                metrics: Arc::clone(&metrics),
            },
            standing: Arc::clone(&standing),
            engine,
            metrics: Arc::clone(&metrics),
            health: Arc::clone(&health),
            clock: clock.clone(),
            waker: waker.clone(),
            wakes: received,
            stopping: false,
        };
        let ended = Arc::clone(&health);
        let body = move || {
            let end = thread::run(options);
            ended.kafka_thread_ended(&end.as_ref().map_or_else(ToString::to_string, |()| "stopped".to_owned()));
            end
        };
        let thread = std::thread::Builder::new().name("kafka".into()).spawn(body).map_err(StartError::Thread)?;
        let evidence = evidence
            .map(|options| EvidenceThread::start(options, inquiries))
            .transpose()
            .map_err(StartError::Thread)?;
        let thread = Some(thread);
        Ok(Self { metrics, health, models, surroundings, acting, evidence, waker, thread, rollout, standing })
    }

    /// Takes over policy and stage of settings that a reload may change. In force from the next batch on.
    pub fn reload(&self, settings: &Settings, clock: &Clock) {
        let ruling = Arc::new(ruling(settings, &self.acting.identity, &self.acting.device, self.surroundings));
        self.metrics.config_accepted(&settings.config_digest, clock.operating_now());
        self.rollout.reload(settings, &ruling);
        self.wake(Wake::Ruling(ruling));
    }

    /// Takes over a stage map, with the policy of these settings. In force from the next batch on.
    pub fn take_stage_map(&self, settings: &Settings, stage_map: StageMap) {
        let ruling = ruling(settings, &self.acting.identity, &self.acting.device, self.surroundings);
        self.metrics.stage_map(&stage_map, &ruling.policy.draw_rates);
        self.wake(Wake::Ruling(Arc::new(Ruling { stage_map: Arc::new(stage_map), ..ruling })));
    }

    /// Does what is asked through the socket of this instance.
    pub fn obey(&self) -> Arc<Obey> {
        let standing = Arc::clone(&self.standing);
        Arc::new(move |ask| standing.obey(ask))
    }

    /// Asks the Kafka thread to finish what is in flight and to end.
    pub fn stop(&self) {
        self.health.draining();
        self.rollout.stop_leading();
        self.wake(Wake::Stop);
        if let Some(evidence) = &self.evidence {
            evidence.stop();
        }
    }

    fn wake(&self, wake: Wake) {
        if self.waker.send(wake).is_err() {
            tracing::debug!("the kafka thread has already ended");
        }
    }

    /// Whether the Kafka thread has ended.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for the Kafka thread and says how it ended.
    ///
    /// # Errors
    /// Why it could not go on.
    pub fn join(mut self) -> Result<(), ThreadEnd> {
        let end = match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(end)) => end,
            Some(Err(_)) => Err(ThreadEnd::Temporary("the kafka thread panicked; the log says where".into())),
        };
        if let Some(evidence) = self.evidence.take() {
            evidence.join();
        }
        end
    }
}
