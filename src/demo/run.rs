//! The demo from its first line to its summary: start, feed, watch, drain, stop.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;

use super::broker::Host;
use super::bundle::Unpacked;
use super::cast::Cast;
use super::feed::{About, DESK_START, Feed};
use super::ladder::{Ladder, ShiftLead};
use super::observer::{ObserveError, Observer, Published};
use super::screen::{Screen, View, wrapped};
use super::sender::{SendError, Sender};
use super::summary;
use super::tally::Tally;
use crate::clock::Clock;
use crate::config::{self, ConfigErrors, Settings, Sources};
use crate::daemon::service::{Service, StartError, Surroundings, load_models, ruling};
use crate::daemon::thread::ThreadEnd;
use crate::domain::prediction::ModelRole;
use crate::inference::classifier::ModelInfo;
use crate::policy::decided::Outcome;
use crate::policy::ruling::{DrawKey, Policy};
use crate::policy::slices::{SliceCondition, SliceField, SliceRule};
use crate::rollout::decision::ModelKey;
use crate::rollout::spec::{RolloutSpec, SliceSpec};

/// Share of simulated tickets that is drawn: half, because verdicts on drawn tickets are what the demo compares.
const EVIDENCE_SHARE: &str = "0.5";
/// One's own tickets are all drawn: without verdicts, predictions are all there is to see.
const EVIDENCE_ALL: &str = "1.0";
/// Confidence from which the demo's site lets a machine act. At the default of 0.95, a ticket in 13,000 reads like noise and
/// is critical, which is a hard stop within days; at this one, a ticket in 40,000.
const THRESHOLD: &str = "0.975";
/// What the demo's site lets a machine resolve: noise of these categories, which is what passed by itself, what was never
/// there, and what planned work has caused. Access and power stay with people: there the bundled model closes too much that
/// is none.
const RESOLVE_CATEGORIES: &str = "circuit,optical,routing,security,services,switching,voice";
const RESOLVE_CAUSES: &str = "transient,false_alarm,planned_work";
/// Automatic actions that may be wrong at the demo's site. The simulated engineers differ from the truth in 5 % of their
/// verdicts, and that counts against the model, too: against 2 % it would take a season to show.
const ACTION_ERROR: &str = "0.03";
/// Longest wait for the group; the mock makes the first member wait 3 s.
const JOIN_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest wait for the last outcomes: twice the deadline of a model, after which people get a ticket without one.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest wait for dead letters whose decision has been seen.
const TAIL_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest sleep of the loop: how late a record or a picture may be.
const STEP: Duration = Duration::from_millis(20);
/// Most records sent, and read, before the other side gets its turn.
const TURN: usize = 500;

/// When the demo ends by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// After so many records; `None`: no bound.
    pub tickets: Option<u64>,
    /// After so much time since the first record; `None`: no bound.
    pub time: Option<Duration>,
    /// After so many days of desk time; `None`: no bound.
    pub desk_days: Option<u32>,
}

/// Records a second, more than 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace(pub f64);

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// A bound was reached.
    Bound,
    /// The file was read.
    EndOfFile,
    /// Somebody asked.
    Interrupted,
}

/// A demo to run.
#[derive(Clone, Debug, PartialEq)]
pub struct Demo {
    /// Seed of the desk.
    pub seed: u64,
    /// How fast.
    pub pace: Pace,
    /// Tickets a day of the simulated desk (desk time).
    pub tickets_per_day: f64,
    /// Who promotes.
    pub lead: ShiftLead,
    /// How long.
    pub bounds: Bounds,
    /// Tickets of one's own instead of simulated ones.
    pub tickets_from: Option<PathBuf>,
    /// A model of one's own instead of the bundled one.
    pub model: Option<PathBuf>,
    /// Where the bundled models are unpacked for a moment.
    pub temporary: PathBuf,
}

/// Whether every record got its one outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Records without an outcome.
    pub missing: u64,
    /// Outcomes without a record, or of one that had its outcome.
    pub surplus: u64,
    /// Why it ended.
    pub stop: Stop,
}

/// Why the demo cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The user's file.
    #[error("{}: the tickets cannot be read", path.display())]
    Tickets {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The broker.
    #[error("the mock broker does not start on a free port of 127.0.0.1")]
    Broker(#[source] KafkaError),
    /// The demo's own settings.
    #[error("the settings of the demo")]
    Settings(#[source] ConfigErrors),
    /// The bundle.
    #[error("{}: the bundled models cannot be unpacked. hint: set TMPDIR to a directory with 16 MiB free", directory.display())]
    Bundle {
        /// Where to.
        directory: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The daemon does not start.
    #[error("the daemon does not start")]
    Start(#[source] StartError),
    /// The daemon does not get ready.
    #[error("the daemon takes no tickets: {0}. hint: run again with --log FILE")]
    NotReady(String),
    /// The daemon ended.
    #[error("the daemon ended. hint: run again with --log FILE")]
    Daemon(#[source] ThreadEnd),
    /// Records cannot be sent.
    #[error("tickets cannot be sent")]
    Send(#[source] SendError),
    /// Outcomes cannot be read.
    #[error("outcomes cannot be read")]
    Observe(#[source] ObserveError),
    /// Nobody reads the screen.
    #[error("the screen")]
    Screen(#[source] io::Error),
}

impl Demo {
    /// Runs until a bound, the end of the file or an interruption, and says what was seen.
    ///
    /// # Errors
    /// Why it could not be shown, or not to the end.
    pub fn run(&self, interrupted: &AtomicBool, screen: &mut Screen) -> Result<Accounts, DemoError> {
        let feed = self.feed()?;
        screen.say(&summary::opening(feed.has_verdicts(), self.lead)).map_err(DemoError::Screen)?;
        let host = Host::start().map_err(DemoError::Broker)?;
        let mut settings = self.settings(&feed)?;
        settings.kafka.brokers = host.create_topics(&settings.kafka.topics).map_err(DemoError::Broker)?;
        screen.wait_for("loading the models").map_err(DemoError::Screen)?;
        let (service, cast) = self.start(&mut settings)?;
        let accounts = Show::open(&settings, &service, &cast, feed, screen, self.lead)
            .and_then(|mut show| show.run(self, interrupted))
            .inspect_err(|_| screen.finish());
        service.stop();
        let end = service.join();
        // The broker goes last: the daemon leaves its group first.
        drop(host);
        let accounts = accounts?;
        end.map_err(DemoError::Daemon)?;
        Ok(accounts)
    }

    fn feed(&self) -> Result<Feed, DemoError> {
        match &self.tickets_from {
            None => Ok(Feed::desk(self.seed, self.tickets_per_day)),
            Some(path) => Feed::file(path).map_err(|source| unreadable(path, source)),
        }
    }

    /// The defaults, on the mock broker, in shadow; wireless tickets are a slice of their own, and the site has said what a
    /// machine may do there, and how sure it must be.
    fn settings(&self, feed: &Feed) -> Result<Settings, DemoError> {
        let evidence = if feed.has_verdicts() { EVIDENCE_SHARE } else { EVIDENCE_ALL };
        let keys = [
            ("policy.draws.evidence_shadow", evidence),
            ("policy.draws.evidence_later", EVIDENCE_SHARE),
            ("policy.threshold", THRESHOLD),
            ("policy.allow.resolve_categories", RESOLVE_CATEGORIES),
            ("policy.allow.resolve_causes", RESOLVE_CAUSES),
            ("rollout.limits.action_error", ACTION_ERROR),
            ("rollout.fixed_stage", "shadow"),
            ("model.device", "cpu"),
        ];
        // No secret: the draws of simulated tickets may be foreseen, and a seed must give the same ones.
        let mut draw_key = [0; 16];
        draw_key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let loaded = config::load(&Sources::built_in(&keys, DrawKey(draw_key))).map_err(DemoError::Settings)?;
        let mut settings = loaded.settings;
        settings.kafka.is_mock = true;
        if feed.has_verdicts() {
            settings.policy = Arc::new(with_wireless(&settings.policy));
        }
        Ok(settings)
    }

    fn start(&self, settings: &mut Settings) -> Result<(Service, Cast), DemoError> {
        let failed = |source| DemoError::Bundle { directory: self.temporary.clone(), source };
        let bundle = Unpacked::below(&self.temporary).map_err(failed)?;
        let cast = Cast::choose(self.model.as_deref(), &bundle).map_err(failed)?;
        settings.inference.model.clone_from(&cast.acting);
        settings.inference.baseline.clone_from(&cast.baseline);
        settings.inference.candidates = cast.candidate.clone().into_iter().collect();
        let clock = Clock::Real;
        let models = load_models(settings).map_err(DemoError::Start)?;
        drop(bundle);
        let shared = Service::prepare(&clock);
        let service = Service::start(settings, models, Surroundings::Demo, &clock, shared).map_err(DemoError::Start)?;
        Ok((service, cast))
    }
}

fn unreadable(path: &Path, source: io::Error) -> DemoError {
    DemoError::Tickets { path: path.to_owned(), source }
}

/// The policy with a slice of its own for wireless tickets: what the bundled model has seen least of.
fn with_wireless(policy: &Policy) -> Policy {
    let wireless = SliceRule {
        name: "wireless".to_owned(),
        conditions: vec![SliceCondition { field: SliceField::Category, values: vec!["wireless".to_owned()] }],
        threshold: crate::policy::slices::rest_of(&policy.slices).threshold,
    };
    let slices = std::iter::once(wireless).chain(policy.slices.iter().cloned()).collect();
    Policy { slices, ..policy.clone() }
}

/// What the demo's site has declared about the rollout: what the configuration gives, for the demo's slices.
fn spec(settings: &Settings) -> RolloutSpec {
    let slice = |rule: &SliceRule| SliceSpec { name: Arc::from(rule.name.as_str()), threshold: rule.threshold };
    RolloutSpec {
        slices: settings.policy.slices.iter().map(slice).collect(),
        ..RolloutSpec::clone(&settings.rollout.spec)
    }
}

/// The rollout of the demo, where there is an acting model and there are engineers to judge it.
fn ladder(settings: &Settings, service: &Service, lead: ShiftLead) -> Option<Ladder> {
    let (_, acting) = service.models.iter().find(|(role, _)| *role == ModelRole::Acting)?;
    let ruling = ruling(settings, &acting.identity, &acting.device, Surroundings::Demo);
    let model = Arc::new(ModelKey::from(&*acting.identity));
    Some(Ladder::new(spec(settings), model, ruling.policy.eligibility_digest, lead))
}

/// Slices that were not among those of before.
fn newly<'slices>(slices: &'slices [Arc<str>], before: &[Arc<str>]) -> impl Iterator<Item = &'slices Arc<str>> {
    slices.iter().filter(|slice| !before.contains(slice))
}

/// Lines that somebody types: each promotes what is earned.
fn typed_lines() -> Receiver<()> {
    let (tell, told) = sync_channel(8);
    // It ends with the process: nothing can wake a thread that waits for a terminal.
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.is_err() || tell.send(()).is_err() {
                return;
            }
        }
    });
    told
}

/// A demo whose daemon runs.
struct Show<'demo> {
    settings: &'demo Settings,
    ladder: Option<Ladder>,
    told: usize,
    typed: Option<Receiver<()>>,
    invited: Vec<Arc<str>>,
    /// Slices whose approval they were told runs out.
    reminded: Vec<Arc<str>>,
    feed: Feed,
    sender: Sender,
    observer: Observer,
    tally: Tally,
    service: &'demo Service,
    screen: &'demo mut Screen,
    model: String,
    note: Option<String>,
    started: Instant,
}

impl<'demo> Show<'demo> {
    fn open(
        settings: &'demo Settings,
        service: &'demo Service,
        cast: &Cast,
        feed: Feed,
        screen: &'demo mut Screen,
        lead: ShiftLead,
    ) -> Result<Self, DemoError> {
        let ladder = if feed.has_verdicts() { ladder(settings, service, lead) } else { None };
        let model = service.models.iter().find(|(role, _)| *role == cast.model_role);
        Ok(Self {
            settings,
            ladder,
            told: 0,
            typed: (lead == ShiftLead::You).then(typed_lines),
            invited: Vec::new(),
            reminded: Vec::new(),
            feed,
            sender: Sender::open(&settings.kafka).map_err(DemoError::Send)?,
            observer: Observer::open(&settings.kafka).map_err(DemoError::Observe)?,
            tally: Tally::new(cast.model_role),
            service,
            screen,
            model: model.map_or_else(|| "the model".to_owned(), |(_, info)| name(info)),
            note: cast.note.clone(),
            started: Instant::now(),
        })
    }

    fn run(&mut self, demo: &Demo, interrupted: &AtomicBool) -> Result<Accounts, DemoError> {
        if let Some(note) = &self.note {
            self.screen.say(&wrapped(note)).map_err(DemoError::Screen)?;
        }
        let stop = if self.join(interrupted)? { self.show(demo, interrupted)? } else { Stop::Interrupted };
        let elapsed = self.started.elapsed();
        self.drain()?;
        self.screen.finish();
        let view = View { elapsed, ..self.view() };
        let lines = summary::summary(&view, stop);
        self.screen.say(&[String::new()]).map_err(DemoError::Screen)?;
        self.screen.say(&lines).map_err(DemoError::Screen)?;
        Ok(Accounts { missing: self.sender.in_flight() as u64, surplus: self.tally.surplus, stop })
    }

    /// Waits until the daemon takes tickets; `false` when somebody interrupts.
    fn join(&mut self, interrupted: &AtomicBool) -> Result<bool, DemoError> {
        let joining = "joining the consumer group (the mock broker takes 3 s)";
        self.screen.wait_for(joining).map_err(DemoError::Screen)?;
        let until = Instant::now() + JOIN_TIMEOUT;
        loop {
            if interrupted.load(Ordering::Acquire) {
                return Ok(false);
            }
            match self.service.health.ready() {
                Ok(()) => break,
                Err(reasons) if self.service.has_ended() || Instant::now() >= until => {
                    let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
                    return Err(DemoError::NotReady(reasons.join("; ")));
                }
                Err(_) => std::thread::sleep(STEP),
            }
        }
        self.started = Instant::now();
        Ok(true)
    }

    fn show(&mut self, demo: &Demo, interrupted: &AtomicBool) -> Result<Stop, DemoError> {
        loop {
            if interrupted.load(Ordering::Acquire) {
                return Ok(Stop::Interrupted);
            }
            let Bounds { tickets, time, desk_days } = demo.bounds;
            let is_over = time.is_some_and(|time| self.started.elapsed() >= time);
            let is_last_day = desk_days
                .zip(self.tally.desk_time())
                .is_some_and(|(days, now)| now.since_ms(DESK_START) >= RolloutSpec::days_ms(days));
            if is_over || is_last_day || tickets.is_some_and(|tickets| self.sender.sent() >= tickets) {
                return Ok(Stop::Bound);
            }
            let due = (self.started.elapsed().as_secs_f64() * demo.pace.0) as u64 + 1;
            if !self.feed_until(due.min(tickets.unwrap_or(u64::MAX)))? {
                return Ok(Stop::EndOfFile);
            }
            self.watch()?;
        }
    }

    /// Sends what is due, as far as there is room; `false` at the end of the file.
    fn feed_until(&mut self, due: u64) -> Result<bool, DemoError> {
        for _ in 0..TURN {
            if self.sender.sent() >= due || !self.sender.has_room() {
                break;
            }
            let record = match self.feed.next_record() {
                Ok(Some(record)) => record,
                Ok(None) => return Ok(false),
                Err(source) => return Err(unreadable(self.feed.path().unwrap_or(Path::new("")), source)),
            };
            self.sender.send(&record).map_err(DemoError::Send)?;
        }
        self.sender.look().map_err(DemoError::Send)?;
        Ok(true)
    }

    /// Reads what has been published, and shows it.
    fn watch(&mut self) -> Result<(), DemoError> {
        let until = Instant::now() + STEP;
        for _ in 0..TURN {
            let left = until.saturating_duration_since(Instant::now());
            match self.observer.next(left).map_err(DemoError::Observe)? {
                Some(published) => self.count(&published),
                None if left.is_zero() => break,
                None => {}
            }
        }
        if self.service.has_ended() {
            let reason = self.service.health.alive().err().map_or_else(String::new, |reason| reason.to_string());
            return Err(DemoError::NotReady(reason));
        }
        self.climb()?;
        let view = view(self.ladder.as_ref(), &self.tally, &self.sender, self.started, &self.model, &self.feed);
        self.screen.draw(&view).map_err(DemoError::Screen)
    }

    /// Moves the rollout on to the desk time of the latest ticket, and tells what has happened.
    fn climb(&mut self) -> Result<(), DemoError> {
        let Some((ladder, now)) = self.ladder.as_mut().zip(self.tally.desk_time()) else { return Ok(()) };
        if let Some(map) = ladder.advance(now) {
            self.service.take_stage_map(self.settings, map);
        }
        let mut lines: Vec<String> = ladder.story()[self.told..].iter().flat_map(summary::story_lines).collect();
        self.told = ladder.story().len();
        if let Some(typed) = &self.typed {
            if typed.try_iter().count() > 0 {
                let (approved, asked) = (ladder.approve(now), ladder.promote(now));
                lines.extend(summary::entered(&approved, &asked));
            }
            let (earned, ending) = (ladder.earned(), ladder.ending(now));
            lines.extend(newly(&earned, &self.invited).map(summary::invitation));
            lines.extend(newly(&ending, &self.reminded).map(summary::reminder));
            (self.invited, self.reminded) = (earned, ending);
        }
        if lines.is_empty() { Ok(()) } else { self.screen.say(&lines).map_err(DemoError::Screen) }
    }

    fn count(&mut self, published: &Published) {
        match published {
            Published::Outcome(decision) => {
                let settled = self.sender.settle(decision.source.partition, decision.source.offset);
                match settled {
                    Some(sent) => {
                        self.tally.outcome(decision, sent.about, sent.at.elapsed());
                        if let Some((ladder, known)) = self.ladder.as_mut().zip(known(sent.about)) {
                            ladder.decided(decision, known);
                        }
                    }
                    None => self.tally.surplus += 1,
                }
            }
            Published::DeadLetter(record) => self.tally.dead_letter(record),
            Published::Suggestion => self.tally.suggestions += 1,
            Published::Command => self.tally.commands += 1,
            // The samples for the engineers: as many as drawn tickets.
            Published::Review => {}
        }
    }

    /// Waits for the outcomes of all that was sent, then for the dead letters among them.
    fn drain(&mut self) -> Result<(), DemoError> {
        self.sender.flush().map_err(DemoError::Send)?;
        let until = Instant::now() + DRAIN_TIMEOUT;
        while self.sender.in_flight() > 0 && Instant::now() < until {
            self.watch()?;
        }
        let until = Instant::now() + TAIL_TIMEOUT;
        let behind = |tally: &Tally| {
            tally.dead_letters().map(|(_, count)| count).sum::<u64>() < tally.outcomes(Outcome::DeadLetter)
        };
        while behind(&self.tally) && Instant::now() < until {
            self.watch()?;
        }
        Ok(())
    }

    fn view(&self) -> View<'_> {
        view(self.ladder.as_ref(), &self.tally, &self.sender, self.started, &self.model, &self.feed)
    }
}

/// What only the simulation knows of a ticket's first record.
fn known(about: About) -> Option<super::ladder::Known> {
    match about {
        About::Simulated { known, source: _ } => Some(known),
        About::Odd { .. } | About::Repeated | About::Line(_) => None,
    }
}

fn view<'show>(
    ladder: Option<&'show Ladder>,
    tally: &'show Tally,
    sender: &Sender,
    started: Instant,
    model: &'show str,
    feed: &Feed,
) -> View<'show> {
    View {
        ladder,
        tally,
        sent: sender.sent(),
        in_flight: sender.in_flight(),
        elapsed: started.elapsed(),
        model,
        has_verdicts: feed.has_verdicts(),
    }
}

fn name(info: &ModelInfo) -> String {
    format!("{} {}", info.identity.name, info.identity.version)
}
