//! `noctriage run`: the daemon, under systemd or in a terminal.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::admin::http::Server;
use crate::admin::socket::AdminSocket;
use crate::clock::Clock;
use crate::config::settings::{LogSettings, Settings};
use crate::config::{self, Loaded, Reload, Sources};
use crate::daemon::service::{Service, StartError, Surfaces, Surroundings, load_models};
use crate::daemon::thread::ThreadEnd;
use crate::inference;
use crate::kafka::topics;

use super::settings_file::SettingsFile;
use super::{CommandResult, EXIT_CONFIGURATION, EXIT_FENCED, EXIT_OK, EXIT_TEMPORARY, Failure};

/// How often readiness and the watchdog are looked at.
const SUPERVISION_INTERVAL: Duration = Duration::from_millis(250);

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    file_of_settings: SettingsFile,
    /// Start although tickets were deleted from the input topic before they were triaged; their number is logged.
    #[arg(long)]
    accept_loss: bool,
}

type FilterHandle = reload::Handle<EnvFilter, Registry>;

/// Runs the daemon until SIGTERM or SIGINT.
pub fn run(arguments: Arguments) -> CommandResult {
    let Arguments { file_of_settings, accept_loss } = arguments;
    let sources = file_of_settings.sources();
    let mut loaded = config::load(&sources).map_err(Failure::configuration)?;
    loaded.settings.kafka.accept_loss |= accept_loss;
    inference::threads::limit(loaded.settings.inference.threads);
    let filter = start_log(&loaded.settings.log)?;
    let clock = Clock::Real;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    let surfaces = Service::prepare(&clock);
    let Surfaces { metrics, health, board } = surfaces.clone();
    let server = runtime
        .block_on(Server::bind(loaded.settings.admin.listen, metrics, health, board))
        .map_err(Failure::configuration)?;
    // Loading a large model takes longer than systemd waits by default.
    notify(&[NotifyState::Status("loading models"), NotifyState::ExtendTimeoutUsec(300_000_000)]);
    let models = load_models(&loaded.settings).map_err(Failure::configuration)?;
    // After the models: what only the configuration can mend is said before anybody waits for a broker.
    check_topics(&loaded.settings)?;
    let service =
        Service::start(&loaded.settings, models, Surroundings::Desk, &clock, surfaces).map_err(
            |error| match error {
                StartError::Model { .. } | StartError::Engine(_) => Failure::configuration(error),
                StartError::Thread(_) => Failure::new(EXIT_TEMPORARY, error),
            },
        )?;
    let socket = loaded.settings.admin.socket.as_deref().map(|path| AdminSocket::open(path, service.obey()));
    // Kept until the end: it goes with its value.
    let _socket = socket.transpose().map_err(Failure::configuration)?;
    for (role, model) in &service.models {
        tracing::info!(
            role = role.as_str(),
            model = model.identity.name,
            version = model.identity.version,
            digest = model.identity.digest.short(),
            architecture = model.architecture,
            device = model.device,
            "model ready"
        );
    }
    let end = runtime.block_on(supervise(service, server, &sources, &mut loaded, &filter, &clock))?;
    match end {
        Ok(()) => Ok(EXIT_OK),
        Err(ThreadEnd::Temporary(what)) => Err(Failure::new(EXIT_TEMPORARY, anyhow!(what))),
        Err(end @ ThreadEnd::Fenced(_)) => Err(Failure::new(EXIT_FENCED, end)),
        Err(ThreadEnd::Refused(what)) => Err(Failure::new(EXIT_CONFIGURATION, anyhow!(what))),
    }
}

fn start_log(settings: &LogSettings) -> Result<FilterHandle, Failure> {
    let (filter, handle) = reload::Layer::new(EnvFilter::new(&settings.filter));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    let result = if settings.json { registry.with(layer.json()).try_init() } else { registry.with(layer).try_init() };
    result.context("starting the log")?;
    Ok(handle)
}

fn check_topics(settings: &Settings) -> Result<(), Failure> {
    let report =
        topics::inspect(&settings.kafka, settings.rollout.mode).map_err(|error| Failure::new(EXIT_TEMPORARY, error))?;
    if report.is_fine() {
        return Ok(());
    }
    Err(Failure::configuration(anyhow!(report.sentences().join("\n  "))))
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}

/// Signals, readiness, watchdog, until the Kafka thread has ended.
async fn supervise(
    service: Service,
    server: Server,
    sources: &Sources,
    loaded: &mut Loaded,
    filter: &FilterHandle,
    clock: &Clock,
) -> Result<Result<(), ThreadEnd>, Failure> {
    let (stop_http, http_stopped) = tokio::sync::oneshot::channel::<()>();
    let http = tokio::spawn(server.serve(async move {
        // A dropped sender stops it as well.
        http_stopped.await.unwrap_or_default();
    }));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut supervisor = Supervisor::new();
    let mut ticks = tokio::time::interval(SUPERVISION_INTERVAL);
    while !service.has_ended() {
        tokio::select! {
            _ = ticks.tick() => supervisor.look(&service),
            _ = terminate.recv() => stop(&service, "SIGTERM"),
            _ = interrupt.recv() => stop(&service, "SIGINT"),
            _ = hangup.recv() => supervisor.reload(&service, sources, loaded, filter, clock),
        }
    }
    notify(&[NotifyState::Stopping]);
    let end = service.join();
    drop(stop_http);
    match http.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "http"),
        Err(error) => tracing::warn!(%error, "http"),
    }
    Ok(end)
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    Ok(signal(kind).context("listening for signals")?)
}

fn stop(service: &Service, signal: &str) {
    tracing::info!(signal, "stopping: batches in flight are finished");
    notify(&[NotifyState::Stopping, NotifyState::Status("stopping: batches in flight are finished")]);
    service.stop();
}

/// What systemd is told.
struct Supervisor {
    watchdog: Option<Duration>,
    pinged: Instant,
    said_ready: bool,
    status: String,
}

impl Supervisor {
    fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
        Self { watchdog, pinged: Instant::now(), said_ready: false, status: String::new() }
    }

    fn look(&mut self, service: &Service) {
        let ready = service.health.ready();
        service.metrics.ready(ready.is_ok());
        if ready.is_ok() && !self.said_ready {
            self.said_ready = true;
            tracing::info!(partitions = service.health.partitions().unwrap_or_default(), "ready: taking tickets");
            notify(&[NotifyState::Ready]);
        }
        let status = match &ready {
            Ok(()) => format!("taking tickets from {} partitions", service.health.partitions().unwrap_or_default()),
            Err(reasons) => {
                let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                format!("not taking tickets: {}", reasons.join("; "))
            }
        };
        if status != self.status {
            notify(&[NotifyState::Status(&status)]);
            self.status = status;
        }
        // Fed by the Kafka thread's own beat: a thread that does not come round is not covered for.
        if let Some(interval) = self.watchdog
            && self.pinged.elapsed() >= interval.min(Duration::from_secs(5))
            && service.health.alive().is_ok()
        {
            notify(&[NotifyState::Watchdog]);
            service.metrics.watchdog_pinged();
            self.pinged = Instant::now();
        }
    }

    fn reload(
        &mut self,
        service: &Service,
        sources: &Sources,
        loaded: &mut Loaded,
        filter: &FilterHandle,
        clock: &Clock,
    ) {
        let monotonic = NotifyState::monotonic_usec_now();
        match monotonic {
            Ok(monotonic) => notify(&[NotifyState::Reloading, monotonic]),
            Err(error) => tracing::warn!(%error, "systemd could not be told of the reload"),
        }
        match config::load(sources) {
            Err(errors) => {
                tracing::error!(%errors, "reload refused, the old configuration stays in force");
                service.metrics.config_refused();
            }
            Ok(mut new) => {
                new.settings.kafka.accept_loss = loaded.settings.kafka.accept_loss;
                let reload = config::diff(loaded, &new);
                match &reload {
                    Reload::Refused(_) => {
                        tracing::error!(what = reload.sentence(), "reload refused");
                        service.metrics.config_refused();
                    }
                    Reload::Unchanged | Reload::Apply(_) => {
                        tracing::info!(what = reload.sentence(), "reloaded");
                        if let Err(error) = filter.reload(EnvFilter::new(&new.settings.log.filter)) {
                            tracing::warn!(%error, "the log filter could not be changed");
                        }
                        service.reload(&new.settings, clock);
                        *loaded = new;
                    }
                }
            }
        }
        if self.said_ready {
            notify(&[NotifyState::Ready]);
        }
    }
}
