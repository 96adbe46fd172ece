//! What people's verdicts amount to: the fold of decisions and verdicts into evidence, the final verdict of a ticket, what
//! counts as wrong, and how good everybody is on the same tickets. Pure: values in, values out.
//!
//! **Evidence is a function of a set, not of arrival.** Whatever order records are folded in, and however often one is
//! folded, the result is the same; what orders them is where and when they were appended.

pub mod accuracy;
pub mod approval;
pub mod calculator;
pub mod closed;
pub mod closing;
pub mod consequence;
pub mod control;
pub mod counting;
pub mod decision;
pub mod draw_rate;
pub mod evaluate;
pub mod evidence;
pub mod feed;
pub mod gates;
mod groups;
pub mod label_list;
pub mod ladder;
pub mod lease;
pub mod local_time;
pub mod log;
pub mod outlook;
pub mod pace;
pub mod plan;
pub mod questions;
pub mod ratings;
pub mod reach;
pub mod reading;
pub mod report;
pub mod second_reading;
pub mod settle;
pub mod snapshot;
pub mod spec;
pub mod standing;
pub mod state;
pub mod survey;
#[cfg(test)]
pub(crate) mod tests;
pub mod to_go;
pub mod traffic;
pub mod transition;
pub mod watch;
pub mod wrong;
