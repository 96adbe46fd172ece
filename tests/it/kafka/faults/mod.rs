//! Faults on a real Kafka, and the checker after each: nothing is lost, and nothing happens twice.
//!
//! The seed is printed; `NOCTRIAGE_FAULT_SEED=N` repeats a run. Every wait has a deadline, says what it waited for, and
//! shows the end of the daemons' logs.

mod away;
mod controls;
mod log;
mod namesake;
mod run;
mod stranded;
