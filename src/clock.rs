//! The only place that reads a clock. Everything else is given a [`Clock`], or the instants themselves.
//!
//! Two readings, because they answer two questions. *Operating time* is the wall clock: it is compared with times that
//! other machines wrote (append times, `not_after`), so it must follow them when NTP steps it. *Boot time* only ever
//! goes forward, and goes on while the machine sleeps: deadlines, leases and sessions are counted on it, so that a
//! stepped wall clock neither shortens nor lengthens a permission. Desk time is no clock: it is read from tickets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::domain::time::UtcMillis;
use crate::failpoints;

/// Reads the time. Cheap to clone; all clones of a manual clock move together.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clocks.
    Real,
    /// Moves only when told to: for tests.
    Manual(Arc<ManualTime>),
}

/// The two readings of a manual clock.
#[derive(Debug)]
pub struct ManualTime {
    operating_ms: AtomicI64,
    boot_ms: AtomicI64,
}

impl Clock {
    /// A manual clock that starts at this instant of operating time, with a boot time of 0.
    pub fn manual(operating: UtcMillis) -> Self {
        Self::Manual(Arc::new(ManualTime { operating_ms: AtomicI64::new(operating.0), boot_ms: AtomicI64::new(0) }))
    }

    /// Operating time: the wall clock. May step.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is told to use")]
    pub fn operating_now(&self) -> UtcMillis {
        match self {
            Self::Real => {
                let now = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
                    Ok(since) => UtcMillis(since.as_millis() as i64),
                    Err(before) => UtcMillis(-(before.duration().as_millis() as i64)),
                };
                now.plus_ms(failpoints::amount("operating_clock_ahead"))
            }
            Self::Manual(time) => UtcMillis(time.operating_ms.load(Ordering::Acquire)),
        }
    }

    /// Milliseconds since the machine started, sleep included. Never goes back; means nothing on another machine.
    pub fn boot_ms(&self) -> i64 {
        match self {
            Self::Real => boot_time_ms(),
            Self::Manual(time) => time.boot_ms.load(Ordering::Acquire),
        }
    }

    /// Moves a manual clock forward on both readings; a real one cannot be moved and is left alone.
    pub fn advance_ms(&self, milliseconds: u32) {
        match self {
            Self::Real => {}
            Self::Manual(time) => {
                time.operating_ms.fetch_add(i64::from(milliseconds), Ordering::AcqRel);
                time.boot_ms.fetch_add(i64::from(milliseconds), Ordering::AcqRel);
            }
        }
    }

    /// Steps the wall clock of a manual clock, as NTP does; boot time stays. A real one is left alone.
    pub fn step_operating_ms(&self, milliseconds: i64) {
        match self {
            Self::Real => {}
            Self::Manual(time) => {
                time.operating_ms.fetch_add(milliseconds, Ordering::AcqRel);
            }
        }
    }
}

/// CLOCK_BOOTTIME, which `std` does not offer: its `Instant` stands still while a virtual machine is suspended, and a
/// lease that outlives a suspension would be a permission that nobody renewed.
#[expect(unsafe_code, reason = "the one clock that std cannot read")]
fn boot_time_ms() -> i64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec for the whole call, and the call writes nothing else.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &raw mut time) };
    assert_eq!(status, 0, "Linux has had CLOCK_BOOTTIME since 2.6.39");
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_real_clock_is_past_2025_and_boot_time_never_goes_back() {
        let clock = Clock::Real;
        assert!(clock.operating_now() > UtcMillis(1_735_689_600_000));
        let first = clock.boot_ms();
        assert!(first > 0 && clock.boot_ms() >= first);
    }

    #[test]
    fn clones_of_a_manual_clock_move_together() {
        let clock = Clock::manual(UtcMillis(1_000));
        clock.clone().advance_ms(250);
        assert_eq!((clock.operating_now(), clock.boot_ms()), (UtcMillis(1_250), 250));
    }

    #[test]
    fn a_stepped_wall_clock_leaves_boot_time_alone() {
        let clock = Clock::manual(UtcMillis(1_000));
        clock.step_operating_ms(-600);
        assert_eq!((clock.operating_now(), clock.boot_ms()), (UtcMillis(400), 0));
    }
}
