//! A simulated desk on librdkafka's built-in mock broker, with the real daemon in between.
//!
//! One loop on one thread feeds tickets ([`feed`], [`sender`]), reads what the daemon published ([`observer`]), counts
//! ([`tally`], [`comparison`]), climbs ([`ladder`]) and draws ([`screen`], [`summary`]). The daemon is [`crate::daemon::service`], unchanged,
//! on threads of its own. Nothing here is used by `run`.

pub mod broker;
pub mod bundle;
pub mod cast;
pub mod comparison;
pub mod desk;
pub mod feed;
pub mod ladder;
pub mod observer;
mod run;
pub mod screen;
pub mod sender;
pub mod summary;
pub mod tally;

pub use ladder::ShiftLead;
pub use run::{Accounts, Bounds, Demo, DemoError, Pace, Stop};
