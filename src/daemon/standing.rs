//! What stands between a decision and an automatic action at one moment: lease and halts, beside who leads and where the
//! rollout stands. The follower writes it, triage looks at it right before each transaction, screens at any time; nobody
//! waits.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwapOption;

use crate::admin::socket::LocalAsk;
use crate::clock::Clock;
use crate::config::settings::{RolloutMode, RolloutSettings};
use crate::domain::time::UtcMillis;
use crate::failpoints;
use crate::policy::ruling::Lease;
use crate::rollout::control::Halts;
use crate::rollout::spec::RolloutSpec;
use crate::rollout::state::RolloutState;

use super::local_halt::LocalHalt;

/// No lease has been granted yet.
const NEVER: i64 = i64::MIN;

/// How old a look may be when its transaction begins. Deciding a full batch takes a small part of it; a process that was
/// stopped in between takes longer, and decides again.
const LOOK_AGE_MS_MAX: i64 = 1_000;

/// Shared state, behind an `Arc`.
#[derive(Debug)]
pub struct Standing {
    clock: Clock,
    mode: RolloutMode,
    halt_file: Option<PathBuf>,
    /// What the site has declared; `None`: stages are fixed, and nothing of it is asked.
    spec: Option<Arc<RolloutSpec>>,
    /// Boot time.
    lease_until_ms: AtomicI64,
    /// `None`: `control` has not been read to its end yet, so that everything counts as halted.
    halts: ArcSwapOption<Halts>,
    local: LocalHalt,
    leader: ArcSwapOption<Leader>,
    state: ArcSwapOption<RolloutState>,
}

/// Who renewed the lease last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    /// The instance.
    pub instance: String,
    /// Since when it leads (its operating time).
    pub since: UtcMillis,
    /// The revision of the rollout that the lease is for.
    pub revision: u64,
}

impl Standing {
    /// Nothing is known: no lease, and everything halted until the follower has heard otherwise.
    pub fn new(settings: &RolloutSettings, socket: Option<&Path>, clock: Clock) -> Self {
        Self {
            clock,
            mode: settings.mode,
            halt_file: settings.halt_file.clone(),
            spec: (settings.mode == RolloutMode::Earned).then(|| Arc::clone(&settings.spec)),
            lease_until_ms: AtomicI64::new(NEVER),
            halts: ArcSwapOption::empty(),
            local: LocalHalt::beside(socket),
            leader: ArcSwapOption::empty(),
            state: ArcSwapOption::empty(),
        }
    }

    /// A stage fixed by the configuration where nobody can halt anything: the demo, tests.
    pub fn fixed(clock: Clock) -> Self {
        Self {
            clock,
            mode: RolloutMode::Fixed,
            halt_file: None,
            spec: None,
            lease_until_ms: AtomicI64::new(NEVER),
            halts: ArcSwapOption::from_pointee(Halts::default()),
            local: LocalHalt::default(),
            leader: ArcSwapOption::empty(),
            state: ArcSwapOption::empty(),
        }
    }

    /// Until when the lease lasts, in boot time; `None`: there is none.
    pub fn set_lease(&self, until_ms: Option<i64>) {
        self.lease_until_ms.store(until_ms.unwrap_or(NEVER), Ordering::Release);
    }

    /// What is halted, as far as `control` has been read.
    pub fn set_halts(&self, halts: Halts) {
        self.halts.store(Some(Arc::new(halts)));
    }

    /// Who has renewed the lease.
    pub fn set_leader(&self, leader: Leader) {
        self.leader.store(Some(Arc::new(leader)));
    }

    /// Where the rollout stands, as the leader has written it; `None`: what it has written cannot be read here.
    pub fn set_state(&self, state: Option<RolloutState>) {
        self.state.store(state.map(Arc::new));
    }

    /// Nobody follows `control` and `rollout` any more: as it was at the start.
    pub fn forget(&self) {
        self.set_lease(None);
        self.halts.store(None);
        self.leader.store(None);
        self.state.store(None);
    }

    /// Where stages come from.
    pub const fn mode(&self) -> RolloutMode {
        self.mode
    }

    /// What the site has declared; `None`: stages are fixed.
    pub fn spec(&self) -> Option<&RolloutSpec> {
        self.spec.as_deref()
    }

    /// Who renewed the lease last; `None`: nobody has been heard of.
    pub fn leader(&self) -> Option<Arc<Leader>> {
        self.leader.load_full()
    }

    /// Where the rollout stands; `None`: no map has been read.
    pub fn state(&self) -> Option<Arc<RolloutState>> {
        self.state.load_full()
    }

    /// What is halted; `None`: nobody knows yet.
    pub fn halts(&self) -> Option<Arc<Halts>> {
        self.halts.load_full()
    }

    /// Whether the halt file is there. A file that cannot be looked for counts as there.
    pub fn is_halted_by_file(&self) -> bool {
        self.halt_file.as_ref().is_some_and(|file| file.try_exists().unwrap_or(true))
    }

    /// What was halted through the socket of this instance.
    pub const fn local(&self) -> &LocalHalt {
        &self.local
    }

    /// Does what was asked through the socket.
    ///
    /// # Errors
    /// Why it is not done.
    pub fn obey(&self, ask: LocalAsk) -> Result<String, String> {
        match ask {
            LocalAsk::Halt(signed) => {
                tracing::warn!(who = signed.who(), why = signed.why(), "automatic actions of this instance are halted");
                Ok(self.local.halt(signed, self.clock.operating_now()))
            }
            LocalAsk::Resume(signed) => {
                tracing::info!(who = signed.who(), why = signed.why(), "the halt of this instance is lifted");
                self.local.resume()
            }
        }
    }

    /// What is left of the lease.
    pub fn lease(&self) -> Lease {
        match self.mode {
            RolloutMode::Fixed => Lease::Fixed,
            RolloutMode::Earned if failpoints::fires("lease_ignored") => Lease::Fixed,
            RolloutMode::Earned => match self.lease_until_ms.load(Ordering::Acquire) {
                NEVER => Lease::LeftMs(0),
                until_ms => Lease::LeftMs(until_ms.saturating_sub(self.clock.boot_ms())),
            },
        }
    }

    /// All of it at this moment.
    pub fn look(&self) -> Look {
        Look {
            begun_ms: self.clock.boot_ms(),
            lease: self.lease(),
            halts: self.halts.load_full(),
            here: self.local.is_in_force() || self.is_halted_by_file(),
        }
    }

    /// Whether a look is too old to begin a transaction on.
    pub fn is_outdated(&self, look: &Look) -> bool {
        self.clock.boot_ms().saturating_sub(look.begun_ms) > LOOK_AGE_MS_MAX
    }
}

/// What stood at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    begun_ms: i64,
    /// What was left of the lease.
    pub lease: Lease,
    halts: Option<Arc<Halts>>,
    /// On this instance, whatever Kafka says.
    here: bool,
}

impl Look {
    /// The same, with nothing automatic.
    pub fn without_automation(self) -> Self {
        Self { lease: Lease::LeftMs(0), ..self }
    }

    /// Whether automatic actions in a slice were halted.
    pub fn is_halted(&self, slice: &str) -> bool {
        self.here || self.halts.as_ref().is_none_or(|halts| halts.is_halted(slice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stage::{Share, Stage};
    use crate::domain::time::UtcMillis;

    fn settings(mode: RolloutMode, halt_file: Option<PathBuf>) -> RolloutSettings {
        let loaded =
            crate::config::load(&crate::config::Sources::built_in(&[], crate::policy::ruling::DrawKey([7; 16])));
        let rollout = loaded.unwrap().settings.rollout;
        RolloutSettings { mode, halt_file, fixed_stage: Stage::AutoTriage, shares: [Share::ZERO; 2], ..rollout }
    }

    #[test]
    fn until_control_is_read_everything_is_halted() {
        let standing = Standing::new(&settings(RolloutMode::Fixed, None), None, Clock::manual(UtcMillis(0)));
        assert!(standing.look().is_halted("rest"));
        standing.set_halts(Halts::default());
        assert!(!standing.look().is_halted("rest"));
    }

    #[test]
    fn the_lease_falls_with_the_boot_clock_and_not_with_the_wall() {
        let clock = Clock::manual(UtcMillis(0));
        let standing = Standing::new(&settings(RolloutMode::Earned, None), None, clock.clone());
        assert_eq!(standing.lease(), Lease::LeftMs(0));
        standing.set_lease(Some(90_000));
        clock.step_operating_ms(600_000);
        assert_eq!(standing.lease(), Lease::LeftMs(90_000));
        clock.advance_ms(30_000);
        assert_eq!(standing.lease(), Lease::LeftMs(60_000));
        standing.set_lease(None);
        assert_eq!(standing.lease(), Lease::LeftMs(0));
    }

    #[test]
    fn a_file_halts_whatever_kafka_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("halt");
        let settings = settings(RolloutMode::Fixed, Some(file.clone()));
        let standing = Standing::new(&settings, None, Clock::manual(UtcMillis(0)));
        standing.set_halts(Halts::default());
        assert!(!standing.look().is_halted("rest"));
        std::fs::write(&file, "").unwrap();
        assert!(standing.look().is_halted("rest"));
        std::fs::remove_file(&file).unwrap();
        assert!(!standing.look().is_halted("rest"));
    }

    #[test]
    fn the_socket_halts_whatever_kafka_says_and_outlives_whoever_follows_it() {
        let standing = Standing::new(&settings(RolloutMode::Earned, None), None, Clock::manual(UtcMillis(0)));
        let signed = || crate::rollout::control::Signature::try_new("mira", "fibre cut").unwrap();
        standing.set_halts(Halts::default());
        standing.obey(LocalAsk::Halt(signed())).unwrap();
        assert!(standing.look().is_halted("rest"));
        standing.forget();
        standing.set_halts(Halts::default());
        assert!(standing.look().is_halted("rest"));
        standing.obey(LocalAsk::Resume(signed())).unwrap();
        assert!(!standing.look().is_halted("rest"));
    }

    #[test]
    fn without_a_follower_nothing_is_automatic() {
        let standing = Standing::new(&settings(RolloutMode::Earned, None), None, Clock::manual(UtcMillis(0)));
        standing.set_halts(Halts::default());
        standing.set_lease(Some(90_000));
        standing.forget();
        assert_eq!((standing.lease(), standing.look().is_halted("rest")), (Lease::LeftMs(0), true));
    }

    #[test]
    fn a_look_is_good_for_a_second() {
        let clock = Clock::manual(UtcMillis(0));
        let standing = Standing::fixed(clock.clone());
        let look = standing.look();
        clock.advance_ms(1_000);
        assert!(!standing.is_outdated(&look));
        clock.advance_ms(1);
        assert!(standing.is_outdated(&look));
    }
}
