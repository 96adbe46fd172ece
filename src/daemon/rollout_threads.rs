//! The threads beside triage that follow and, where stages are earned, lead the rollout. They end with the service.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;

use crate::clock::Clock;
use crate::config::Settings;
use crate::config::settings::RolloutMode;
use crate::domain::prediction::ModelRole;
use crate::inference::classifier::ModelInfo;
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::policy::ruling::Ruling;
use crate::rollout::decision::ModelKey;

use super::controller::{self, ControllerOptions, Declared};
use super::follower::{self, FollowerOptions};
use super::inquiry::Inquirer;
use super::leading::Leading;
use super::standing::Standing;
use super::thread::Wake;

/// The threads, and what is shared with them.
#[derive(Debug)]
pub(super) struct RolloutThreads {
    /// Ends the controller: another instance may lead at once.
    stop_leading: Arc<AtomicBool>,
    /// Ends the follower, as the last: halts are heard as long as anything is in flight.
    stop: Arc<AtomicBool>,
    leading: Arc<Leading>,
    declared: Arc<ArcSwap<Declared>>,
    threads: Vec<JoinHandle<()>>,
}

/// What they are made with.
pub(super) struct RolloutOptions<'service> {
    pub(super) settings: &'service Settings,
    pub(super) ruling: &'service Ruling,
    /// Acting first.
    pub(super) models: &'service [(ModelRole, ModelInfo)],
    pub(super) standing: Arc<Standing>,
    pub(super) waker: &'service SyncSender<Wake>,
    pub(super) clock: &'service Clock,
    pub(super) metrics: &'service Arc<Metrics>,
    pub(super) inquirer: Inquirer,
}

impl RolloutThreads {
    /// Starts them. The demo has neither: its broker has no such topics.
    pub(super) fn start(options: RolloutOptions<'_>) -> std::io::Result<Self> {
        let RolloutOptions { settings, ruling, models, standing, waker, clock, metrics, inquirer } = options;
        let mut threads = Self {
            stop_leading: Arc::default(),
            stop: Arc::default(),
            leading: Arc::default(),
            declared: Arc::new(ArcSwap::from_pointee(declared(settings, ruling))),
            threads: Vec::new(),
        };
        if settings.kafka.is_mock {
            return Ok(threads);
        }
        let follower = FollowerOptions {
            kafka: settings.kafka.clone(),
            mode: settings.rollout.mode,
            clock: clock.clone(),
            standing,
            waker: waker.clone(),
            stop: Arc::clone(&threads.stop),
        };
        threads.spawn("follower", move || follower::run(&follower))?;
        if settings.rollout.mode == RolloutMode::Earned {
            let controller = ControllerOptions {
                kafka: settings.kafka.clone(),
                lease: settings.rollout.lease,
                renew: settings.rollout.renew,
                clock: clock.clone(),
                declared: Arc::clone(&threads.declared),
                configured: key_of(models, ModelRole::Acting)
                    .into_iter()
                    .next()
                    .expect("the engine runs an acting model"),
                candidates: key_of(models, ModelRole::Candidate),
                inquirer,
                notifier: Arc::new(Notifier::start(settings.notify.address.clone(), Arc::clone(metrics))?),
                leading: Arc::clone(&threads.leading),
                stop: Arc::clone(&threads.stop_leading),
            };
            threads.spawn("controller", move || controller::run(&controller))?;
        }
        Ok(threads)
    }

    fn spawn(&mut self, name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        self.threads.push(std::thread::Builder::new().name(name.to_owned()).spawn(body)?);
        Ok(())
    }

    /// Whether this instance shows what only the leader shows. Without a controller every instance does: they all say the
    /// same.
    pub(super) fn leads(&self, mode: RolloutMode) -> Arc<dyn Fn() -> bool + Send + Sync> {
        let leading = Arc::clone(&self.leading);
        match mode {
            RolloutMode::Fixed => Arc::new(|| true),
            RolloutMode::Earned => Arc::new(move || leading.is_leading()),
        }
    }

    /// Whether this instance leads, for those who only look.
    pub(super) fn leading(&self) -> Arc<Leading> {
        Arc::clone(&self.leading)
    }

    /// What the configuration in force declares; a reload replaces it.
    pub(super) fn declared(&self) -> Arc<ArcSwap<Declared>> {
        Arc::clone(&self.declared)
    }

    /// Takes over what a reload may change.
    pub(super) fn reload(&self, settings: &Settings, ruling: &Ruling) {
        self.declared.store(Arc::new(declared(settings, ruling)));
    }

    /// Leads no more. The follower goes on until this is dropped, which waits for both.
    pub(super) fn stop_leading(&self) {
        self.stop_leading.store(true, Ordering::Release);
    }
}

impl Drop for RolloutThreads {
    fn drop(&mut self) {
        self.stop_leading();
        self.stop.store(true, Ordering::Release);
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(name, "a thread of the rollout panicked; the log says where");
            }
        }
    }
}

fn declared(settings: &Settings, ruling: &Ruling) -> Declared {
    Declared { spec: Arc::clone(&settings.rollout.spec), eligibility_digest: ruling.policy.eligibility_digest }
}

fn key_of(models: &[(ModelRole, ModelInfo)], role: ModelRole) -> Vec<Arc<ModelKey>> {
    let of_role = models.iter().filter(|(found, _)| *found == role);
    of_role.map(|(_, info)| Arc::new(ModelKey::from(&*info.identity))).collect()
}
